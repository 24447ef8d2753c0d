//! Records of operators: what they did, proposed and consented to.

use super::*;

rows! {
    /// An operator did something to Ward.
    90 OperatorActed Priority {
        /// By which credential.
        api_key: ApiKeyId,
        /// What: a verb and a noun.
        act: Text,
        /// On what number, 0 when none.
        target: i64,
        /// SHA-256 of the exact request, so that it can be held against a copy.
        digest: [u8; 32],
    }
    /// Configuration came into force.
    91 ConfigLoaded Priority {
        /// SHA-256 of ward.toml.
        config: [u8; 32],
        /// SHA-256 of the compiled catalogue.
        catalogue: [u8; 32],
        /// SHA-256 of the policies.
        policies: [u8; 32],
    }
    /// An issuer began to learn or to enforce.
    92 IssuerModeSet Priority {
        /// `iss`.
        issuer: Text,
        /// The mode.
        mode: IssuerMode,
    }
    /// An act that weakens was proposed; it waits for the consent of others.
    93 ApprovalProposed Priority {
        /// The proposal.
        approval: ApprovalId,
        /// What would be done: a verb and a noun.
        act: Text,
        /// On what: as the act names it, empty when the digest alone tells.
        target: Text,
        /// SHA-256 of the exact act.
        digest: [u8; 32],
        /// What becomes weaker, in words.
        effect: Text,
        /// Who proposes; none when Ward found the change by itself or a machine asked.
        proposer: PersonId,
        /// By which API key, 0 when none.
        api_key: ApiKeyId,
        /// In which session, 0 when none.
        session: SessionId,
        /// How many persons other than the proposer must consent.
        consents: i32,
        /// One of them at least holds one of these roles; no role: anyone who may consent.
        from_roles: Roles,
        /// Past this moment nobody can consent to it or use it.
        expires_at: UnixMillis,
        /// From this moment on a lone operator may use it without consent; 0 for never.
        alone_from: UnixMillis,
    }
    /// An operator consented to a proposal, having just proven who he is.
    94 ApprovalConsented Priority {
        /// The proposal.
        approval: ApprovalId,
        /// What he consented to: the proposal's digest.
        digest: [u8; 32],
        /// Who.
        person: PersonId,
        /// In which session.
        session: SessionId,
        /// How he proved who he is, for this consent.
        proof: SignInMethod,
    }
    /// A proposal ended; `applied` stands in one group with what it allowed.
    95 ApprovalEnded Priority {
        /// The proposal.
        approval: ApprovalId,
        /// How.
        how: ApprovalEnd,
        /// By whom; none when Ward ended it.
        person: PersonId,
        /// By which API key, 0 when none.
        api_key: ApiKeyId,
        /// In which session, 0 when none.
        session: SessionId,
    }
    /// An operator did something to Ward; replaces kind 90, which is still read.
    96 OperatorDid Priority {
        /// Who; none when a machine's API key did it.
        person: PersonId,
        /// By which API key, 0 when none.
        api_key: ApiKeyId,
        /// In which session, 0 when none.
        session: SessionId,
        /// What: a verb and a noun.
        act: Text,
        /// On what number, 0 when none.
        target: i64,
        /// SHA-256 of the exact request, so that it can be held against a copy.
        digest: [u8; 32],
    }
    /// What an operator may do from now on; no role ends his being one.
    97 OperatorSet Priority {
        /// Who.
        person: PersonId,
        /// His principal, as views key it.
        person_key: PrincipalKey,
        /// What he may do.
        roles: Roles,
    }
    /// A one-time link was made with which a person registers a passkey and becomes an operator.
    98 EnrolmentOffered Priority {
        /// The enrolment.
        enrolment: EnrolmentId,
        /// For whom; none for the very first operator, who says who he is.
        person: PersonId,
        /// What he may do, once enrolled.
        roles: Roles,
        /// SHA-256 of the link's secret.
        hash: [u8; 32],
        /// When the link ends.
        expires_at: UnixMillis,
    }
    /// A passkey was registered (WebAuthn Level 2 §7.1).
    99 PasskeyRegistered Priority {
        /// The passkey.
        passkey: PasskeyId,
        /// Whose.
        person: PersonId,
        /// By which one-time link, which is used up by this; 0 when he was signed in.
        enrolment: EnrolmentId,
        /// The credential id.
        credential: Octets,
        /// The credential's public key: a COSE_Key (RFC 9052 §7).
        public_key: Octets,
        /// The authenticator's model, zeros when it does not say.
        aaguid: [u8; 16],
        /// What its owner calls it.
        name: Text,
    }
    /// A passkey opens nothing from now on.
    100 PasskeyRevoked Priority {
        /// Which.
        passkey: PasskeyId,
        /// Whose.
        person: PersonId,
    }
    /// An operator signed in.
    101 SessionOpened Priority {
        /// The session.
        session: SessionId,
        /// Who.
        person: PersonId,
        /// How he proved who he is.
        how: SignInMethod,
        /// By which passkey, 0 when by another proof.
        passkey: PasskeyId,
        /// SHA-256 of issuer and subject of the identity provider's session, zeros when none: for
        /// back-channel logout.
        provider_session: [u8; 32],
        /// Its absolute end.
        expires_at: UnixMillis,
        /// From where: an IPv6 or v4-mapped address.
        source: [u8; 16],
    }
    /// A session ended before its time.
    102 SessionEnded Priority {
        /// Which.
        session: SessionId,
        /// Whose.
        person: PersonId,
        /// Why.
        how: SessionEnd,
    }
    /// Sign-ins that were refused, counted by kind and source in one minute.
    103 SignInsRefused Refusal {
        /// For whom; none when the presented proof names nobody Ward knows.
        person: PersonId,
        /// By which proof.
        how: SignInMethod,
        /// The source's /48 (IPv6) or v4-mapped /24.
        prefix: [u8; 16],
        /// How many.
        count: i64,
    }
    /// An operator read personal data, or the record of who read it, in Ward itself.
    104 OperatorRead Priority {
        /// Who; none when a machine's API key did it.
        person: PersonId,
        /// By which API key, 0 when none.
        api_key: ApiKeyId,
        /// In which session, 0 when none.
        session: SessionId,
        /// What: a noun, such as `scope`.
        what: Text,
        /// A stated purpose's keyed hash, 0 when none.
        purpose: i64,
        /// How many data subjects the answer names.
        data_subjects: i64,
    }
    /// A route was opened in an emergency, by one person, for minutes.
    105 BypassOpened Priority {
        /// The bypass.
        bypass: BypassId,
        /// The route.
        route: RouteNumber,
        /// Until when.
        until: UnixMillis,
        /// Who.
        person: PersonId,
        /// By which API key, 0 when none.
        api_key: ApiKeyId,
        /// In which session, 0 when none.
        session: SessionId,
        /// Why; no personal data.
        note: Text,
    }
    /// A bypass was ended before its time.
    106 BypassEnded Priority {
        /// The bypass.
        bypass: BypassId,
        /// By whom.
        person: PersonId,
    }
    /// A second person looked at an emergency afterwards: a bypass, or a break-glass session.
    107 EmergencyReviewed Priority {
        /// The bypass, 0 when it was a session.
        bypass: BypassId,
        /// The session, 0 when it was a bypass.
        session: SessionId,
        /// Who looked.
        person: PersonId,
        /// What he found; no personal data.
        note: Text,
    }
    /// How often a passkey has signed, as it says itself: a copy betrays itself by counting behind.
    186 PasskeyCounted Priority {
        /// The passkey.
        passkey: PasskeyId,
        /// Its signature counter (WebAuthn Level 2 §6.1.1).
        count: i64,
    }
}
