//! The closed list of reasons: the same word in journal, metrics, alerts and documents.

use crate::words;

words! {
    /// Why a request was refused. Exhaustive on purpose: a new reason breaks every `match`.
    /// Each has a page in `docs/operate/`.
    Reason {
        /// A good signature over a token that Ward did not issue.
        NeverIssued = 1 "never_issued",
        /// Signed by a key that signs no more, and not known as issued under it.
        RetiredKey = 2 "retired_key",
        /// The credential was taken back.
        Revoked = 3 "revoked",
        /// The credential's time has passed.
        Expired = 4 "expired",
        /// The credential's time has not come.
        NotYetValid = 5 "not_yet_valid",
        /// The signature does not verify.
        BadSignature = 6 "bad_signature",
        /// The token names a key Ward does not know.
        UnknownKey = 7 "unknown_key",
        /// No credential, or one that is not in canonical form.
        Malformed = 8 "malformed",
        /// The token is meant for someone else.
        WrongAudience = 9 "wrong_audience",
        /// The presenter is not the holder the credential is bound to.
        HolderMismatch = 10 "holder_mismatch",
        /// This view has not yet seen that far into its origin.
        LedgerBehind = 11 "ledger_behind",
        /// This node's view is older than its bound.
        ViewStale = 12 "view_stale",
        /// The principal may not act any more.
        PrincipalSuspended = 13 "principal_suspended",
        /// A policy forbids it.
        Policy = 14 "policy",
        /// The answer holds another tenant's records.
        WrongTenant = 15 "wrong_tenant",
        /// An exposure budget is spent.
        BudgetSpent = 16 "budget_spent",
        /// The route asks for a purpose and none was given.
        NoPurpose = 17 "no_purpose",
        /// No declared route.
        UnknownRoute = 18 "unknown_route",
        /// The answer holds fields nobody declared.
        UndeclaredField = 19 "undeclared_field",
        /// The answer or the token names a data subject who does not exist.
        UnknownDataSubject = 20 "unknown_data_subject",
        /// The journal cannot take the record.
        JournalUnavailable = 21 "journal_unavailable",
        /// The upstream's answer cannot be inspected.
        UpstreamUninspectable = 22 "upstream_uninspectable",
        /// Too much at once.
        Overloaded = 23 "overloaded",
        /// The route asks for a login behind the credential and there is none.
        LoginUnproven = 24 "login_unproven",
    }
}

impl Reason {
    /// Whether this reason is about the presented credential: outside, all of these look alike.
    #[must_use]
    pub const fn is_about_credential(self) -> bool {
        matches!(
            self,
            Self::NeverIssued
                | Self::RetiredKey
                | Self::Revoked
                | Self::Expired
                | Self::NotYetValid
                | Self::BadSignature
                | Self::UnknownKey
                | Self::Malformed
                | Self::WrongAudience
                | Self::HolderMismatch
                | Self::PrincipalSuspended
        )
    }
}

/// The outcome of a check: a value, never an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Let through.
    Permit,
    /// Not let through.
    Refuse(Reason),
}

impl Verdict {
    /// The word of DESIGN's vocabulary: `permit` or `refuse`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Refuse(_) => "refuse",
        }
    }

    /// The reason of a refusal.
    #[must_use]
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Permit => None,
            Self::Refuse(reason) => Some(reason),
        }
    }
}

impl crate::column::Column for Verdict {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.reason().map_or(0, Reason::byte));
    }
    fn take(input: &mut &[u8]) -> Result<Self, crate::column::DecodeError> {
        match u8::take(input)? {
            0 => Ok(Self::Permit),
            byte => Reason::from_byte(byte)
                .map(Self::Refuse)
                .ok_or(crate::column::DecodeError::UnknownWord { list: "Reason", byte }),
        }
    }
}
