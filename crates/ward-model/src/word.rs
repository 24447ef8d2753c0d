//! Closed lists of words that stand as one byte in a record and as a name everywhere else.
//!
//! The byte and the name of a word are format: appended to, never renumbered.

/// Declares an enum whose variants have a byte in records and a name in the API, metrics and docs.
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $byte:literal $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl $name {
            /// Every word of the list, in the order of its bytes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The byte that stands for this word in a record.
            #[must_use]
            pub const fn byte(self) -> u8 { match self { $(Self::$variant => $byte,)+ } }

            /// The word as the API, the metrics and the documents spell it.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text,)+ } }

            /// The word for a byte; `None` for a byte this version does not know.
            #[must_use]
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($byte => Some(Self::$variant),)+ _ => None }
            }

            /// The word for its name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::column::Column for $name {
            fn put(&self, out: &mut Vec<u8>) { out.push(self.byte()); }
            fn take(input: &mut &[u8]) -> Result<Self, $crate::column::DecodeError> {
                let byte = <u8 as $crate::column::Column>::take(input)?;
                Self::from_byte(byte).ok_or($crate::column::DecodeError::UnknownWord {
                    list: stringify!($name), byte,
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }
    };
}

words! {
    /// How a signing key signs (RFC 7518 §3.4, RFC 8037 §3.1).
    Algorithm {
        /// ECDSA on P-256 with SHA-256.
        Es256 = 1 "ES256",
        /// Ed25519.
        EdDsa = 2 "EdDSA",
    }
}

words! {
    /// What a signing key may sign; a key never changes its purpose.
    KeyPurpose {
        /// Access tokens that go to principals.
        Token = 1 "token",
        /// Transaction tokens from the gate to upstreams.
        Transaction = 2 "transaction",
        /// Journal checkpoints.
        Checkpoint = 3 "checkpoint",
        /// Answers to those who verify tokens: introspection (RFC 9701) and status lists.
        Answer = 35 "answer",
    }
}

words! {
    /// Where a signing key came from.
    KeySource {
        /// Made inside; nobody has seen it.
        Generated = 1 "generated",
        /// Brought in; its declared holders may have read it.
        Imported = 2 "imported",
        /// Made inside a PKCS#11 token that does not give it out; Ward holds a handle.
        Inside = 3 "inside",
    }
}

words! {
    /// What a signing key may still do.
    KeyState {
        /// Published, not signing yet.
        Next = 1 "next",
        /// Signs.
        Active = 2 "active",
        /// Signs no more; its issued tokens live on.
        Retired = 3 "retired",
        /// In other hands since a moment; its issued tokens live on, all else is a forgery.
        Compromised = 4 "compromised",
    }
}

words! {
    /// How it is known that someone could read a secret.
    CustodyEvidence {
        /// Someone said so when the secret was brought in.
        Declared = 1 "declared",
        /// The storage lets him: root on the host of a key file.
        Storage = 2 "storage",
        /// Ward handed it out.
        Handed = 3 "handed",
        /// He gave a share with which a sealed Ward was opened.
        Unsealer = 4 "unsealer",
        /// Nobody could say who read it: everyone who worked here then is treated as a holder.
        Unknown = 5 "unknown",
    }
}

words! {
    /// Where the key-encryption key comes from.
    CustodyKind {
        /// A file on this host.
        File = 1 "file",
        /// A passphrase, given at start.
        Passphrase = 2 "passphrase",
        /// Shares of several persons, given at start.
        Shares = 3 "shares",
        /// A PKCS#11 token.
        Pkcs11 = 4 "pkcs11",
    }
}

words! {
    /// Why something was taken back.
    Cause {
        /// The person left.
        Left = 1 "left",
        /// An operator asked.
        Operator = 2 "operator",
        /// The key or credential is in other hands.
        Compromise = 3 "compromise",
        /// A rotation replaced it.
        Rotation = 4 "rotation",
        /// Its holder asked (RFC 7009).
        Holder = 5 "holder",
        /// It was signed but its record came too late to release it.
        Withheld = 6 "withheld",
        /// The person returned.
        Returned = 7 "returned",
        /// Its declared window has passed.
        WindowClosed = 8 "window_closed",
    }
}

words! {
    /// What an API key is for.
    ApiKeyKind {
        /// A person's own key.
        Person = 1 "person",
        /// A service's key.
        Service = 2 "service",
        /// The identity provider's key for SCIM.
        Scim = 3 "scim",
        /// An operator's key for Ward's own API.
        Operator = 4 "operator",
        /// A foreign issuer's key for reporting what it issued, and for nothing else.
        Reporter = 5 "reporter",
    }
}

words! {
    /// The state of a person who works here.
    PersonState {
        /// Works here.
        Active = 1 "active",
        /// Will leave on a known day.
        Leaving = 2 "leaving",
        /// Works here no more.
        Left = 3 "left",
    }
}

words! {
    /// How an access learned whose data it carried.
    Provenance {
        /// Ward saw the answer.
        Measured = 1 "measured",
        /// The route's declared maximum.
        Declared = 2 "declared",
        /// A registered application's receipt.
        Reported = 3 "reported",
        /// Nobody's data was reached.
        None = 4 "none",
    }
}

words! {
    /// The task an access performs (safety standard art. 8: view, change, add, delete, download).
    Task {
        /// Looks at a record.
        View = 1 "view",
        /// Changes a record.
        Change = 2 "change",
        /// Adds a record.
        Add = 3 "add",
        /// Deletes a record.
        Delete = 4 "delete",
        /// Takes many records at once.
        Download = 5 "download",
    }
}

words! {
    /// What a recorded intent came to.
    Outcome {
        /// The answer left and is recorded.
        Released = 1 "released",
        /// The upstream did not answer as it should.
        UpstreamFailed = 2 "upstream_failed",
        /// Ward stopped between intent and answer.
        Unknown = 3 "outcome_unknown",
    }
}

words! {
    /// Whether an issuer's tokens are only watched or decided upon.
    IssuerMode {
        /// Measure, never refuse.
        Learning = 1 "learning",
        /// An unknown token is refused on first use.
        Enforcing = 2 "enforcing",
    }
}

words! {
    /// Whether a route's answers are only watched or decided upon.
    RouteMode {
        /// Measure, never change.
        Observe = 1 "observe",
        /// Decide, mask, count, refuse.
        Enforce = 2 "enforce",
    }
}

words! {
    /// What a detector saw.
    AlertKind {
        /// A good signature over a token nobody issued.
        NeverIssued = 1 "never_issued",
        /// A principal or data subject that does not exist.
        PhantomDataSubject = 2 "phantom_data_subject",
        /// A leaver's credential was used.
        LeaverCredential = 3 "leaver_credential",
        /// An exposure budget was spent.
        BudgetSpent = 4 "budget_spent",
        /// A row in the database that no record tells of.
        StoreTampered = 5 "store_tampered",
        /// An answer held another tenant's records.
        WrongTenant = 6 "wrong_tenant",
        /// Answers hold fields nobody declared.
        UndeclaredField = 7 "undeclared_field",
        /// The wall clock jumped.
        ClockJumped = 8 "clock_jumped",
        /// A change that weakens was found without an approval: files edited while Ward was down.
        UnapprovedChange = 9 "unapproved_change",
        /// Someone used an emergency: a route opened by one person, or break-glass sign-in.
        EmergencyUsed = 10 "emergency_used",
        /// A credential of an operator was presented that is stolen, copied or revoked.
        OperatorCredential = 11 "operator_credential",
        /// A foreign issuer's keys or reports are not as they must be.
        IssuerTrouble = 20 "issuer_trouble",
        /// A foreign issuer's token was reported after it had been presented.
        LateReport = 21 "late_report",
        /// A live credential was found where it does not belong, and was revoked.
        CredentialLeaked = 30 "credential_leaked",
    }
}

words! {
    /// How an operator proves who he is.
    SignInMethod {
        /// A passkey (WebAuthn).
        Passkey = 1 "passkey",
        /// The company's identity provider (OpenID Connect).
        Oidc = 2 "oidc",
        /// A passkey, past an identity provider that is configured: an emergency.
        BreakGlass = 3 "break_glass",
        /// A one-time enrolment link.
        Enrolment = 4 "enrolment",
    }
}

words! {
    /// Why a session of an operator ended before its time.
    SessionEnd {
        /// He signed out.
        SignedOut = 1 "signed_out",
        /// He or another operator ended it.
        Revoked = 2 "revoked",
        /// The identity provider ended it (OpenID Connect Back-Channel Logout).
        BackChannel = 3 "back_channel",
        /// He is no operator any more.
        Left = 4 "left",
        /// Its cookie came from two places that cannot be one browser.
        Stolen = 5 "stolen",
        /// It was idle too long.
        Idle = 6 "idle",
    }
}

words! {
    /// What an operator, or an operator's API key, may do to Ward.
    Role {
        /// Signing keys and issuers.
        Keys = 1 "keys",
        /// Catalogue, policies, budgets, configuration, the gate's emergency opening.
        Policy = 2 "policy",
        /// The journal and the store: proofs, holds, verification, backups.
        Journal = 3 "journal",
        /// People: leaving, provisioning, API keys and clients.
        People = 4 "people",
        /// Incidents, scope, accesses, revocation.
        Incident = 5 "incident",
        /// Looks at everything, changes nothing.
        Audit = 6 "audit",
        /// Other operators: enrolment, roles, sessions.
        Operators = 7 "operators",
        /// A login service: has tokens issued. Never a person's.
        Login = 8 "login",
        /// A service that says who exists. Never a person's.
        Feed = 9 "feed",
    }
}

words! {
    /// How a proposal ended.
    ApprovalEnd {
        /// Approved and carried out.
        Applied = 1 "applied",
        /// Taken back by its proposer.
        Withdrawn = 2 "withdrawn",
        /// Refused by another operator.
        Refused = 3 "refused",
        /// Nobody approved it in time, or nobody used it.
        Expired = 4 "expired",
        /// Its proposer is no operator any more.
        Lapsed = 5 "lapsed",
    }
}

words! {
    /// What stands on an incident's timeline.
    IncidentEntryKind {
        /// A detector's output.
        Alert = 1 "alert",
        /// A refused or leaked access.
        Access = 2 "access",
        /// A holder of the key.
        Holder = 3 "holder",
        /// Something Ward took back.
        Revocation = 4 "revocation",
        /// An operator's note.
        Note = 5 "note",
    }
}

words! {
    /// A step of the cascade.
    CascadeStepKind {
        /// The person's principal is suspended: tokens, sessions and API keys are refused.
        Suspend = 1 "suspend",
        /// One API key is revoked for good.
        ApiKey = 2 "api_key",
        /// A client owned by the person is revoked.
        Client = 3 "client",
        /// A signing key the person could read is rotated.
        SigningKey = 4 "signing_key",
        /// Grandfathering of such a key is closed.
        Grandfathering = 5 "grandfathering",
    }
}

words! {
    /// How a step of the cascade stands.
    StepOutcome {
        /// Carried out.
        Done = 1 "done",
        /// Still to be done, by name.
        Open = 2 "open",
    }
}

words! {
    /// Where somebody asked about a token, or asked to take it back.
    AskedAt {
        /// The introspection endpoint (RFC 7662).
        Introspection = 1 "introspection",
        /// The revocation endpoint (RFC 7009).
        Revocation = 2 "revocation",
        /// The transit door's `verify`.
        Transit = 3 "transit",
    }
}

words! {
    /// How a foreign issuer signs (RFC 7518 §3, RFC 8037 §3.1).
    IssuerAlgorithm {
        /// ECDSA on P-256 with SHA-256.
        Es256 = 1 "ES256",
        /// Ed25519.
        EdDsa = 2 "EdDSA",
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 = 3 "RS256",
        /// RSASSA-PSS with SHA-256.
        Ps256 = 4 "PS256",
    }
}

words! {
    /// When a foreign issuer says what it issued.
    ReportMode {
        /// Before the token leaves: what is not reported may be refused.
        Synchronous = 1 "synchronous",
        /// Later, in batches: what was not reported is only found.
        Batch = 2 "batch",
    }
}

words! {
    /// What is wrong with a foreign issuer, or with what it says.
    IssuerTroubleKind {
        /// Its keys cannot be fetched; the last good ones stand.
        KeysUnavailable = 1 "keys_unavailable",
        /// What it publishes as its keys was refused whole; the last good ones stand.
        KeysRefused = 2 "keys_refused",
        /// It publishes another key under a `kid` that is known.
        KeySwapped = 3 "key_swapped",
        /// A token was reported after it had been presented.
        LateReport = 4 "late_report",
        /// A presented token with a good signature was never reported.
        NeverReported = 5 "never_reported",
        /// A place in the sequence of reports stays empty.
        Gap = 6 "gap",
        /// One place in the sequence of reports was used twice, for two things.
        Conflict = 7 "conflict",
        /// It has said nothing for too long.
        Silent = 8 "silent",
    }
}

words! {
    /// What a declared holder of a foreign issuer can read.
    IssuerSecret {
        /// The key it signs with.
        SigningKey = 1 "signing_key",
        /// The credential it reports with.
        Reporter = 2 "reporter",
    }
}

words! {
    /// Which side of a moment.
    Side {
        /// Earlier than it.
        Before = 1 "before",
        /// At it or later.
        After = 2 "after",
    }
}
