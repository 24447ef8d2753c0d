//! Every record the journal keeps, with its kind number and its columns in order.
//!
//! FORMAT: kinds and column orders are final. A record that needs another column gets a new kind.
//! A payload is `kind u16 LE | columns`; [`Record::decode`] accepts exactly what [`Row::put`]
//! writes. No raw path, query text or field value of a data subject stands in any column.
//! Best test: `record/tests.rs`.

mod access;
mod declare;

pub use access::{Access, Touch};

use crate::column::{Column as _, DecodeError, Octets, Text};
use crate::entry::{Entry, Lane, Rows};
use crate::id::*;
use crate::network::Networks;
use crate::principal::{PrincipalKey, PrincipalKind};
use crate::reason::{Reason, Verdict};
use crate::role::Roles;
use crate::time::UnixMillis;
use crate::word::*;
use declare::records;

/// One row: a kind and its columns.
pub trait Row {
    /// The kind number of this row.
    const KIND: u16;
    /// Appends the columns.
    fn put(&self, out: &mut Vec<u8>);
}

records! {
    /// The journal was created: its first leaf.
    1 JournalOpened Priority {
        /// The log's name (C2SP origin line).
        name: Text,
    }
    /// A node began to serve.
    2 NodeStarted Priority {
        /// The program's version.
        version: Text,
        /// SHA-256 of the configuration in force.
        config_digest: [u8; 32],
    }
    /// An origin of sequences began; recorded before its first token.
    10 OriginOpened Issuance {
        /// The origin.
        origin: Origin,
    }
    /// An origin ended: nothing at or past `end` was or will be issued.
    11 OriginFenced Issuance {
        /// The origin.
        origin: Origin,
        /// First sequence never used.
        end: Sequence,
    }
    /// A token was entered in the issuance ledger; it may leave once this is recorded.
    12 TokenIssued Issuance {
        /// Who handed out the sequence.
        origin: Origin,
        /// Its place there.
        sequence: Sequence,
        /// Every sequence below is recorded or abandoned.
        low_water: Sequence,
        /// Keyed hash of the canonical token.
        fingerprint: i64,
        /// The key that signed.
        key: KeyNumber,
        /// Whom it names.
        principal: PrincipalNumber,
        /// Whom it names, as views key it.
        principal_key: PrincipalKey,
        /// The client it was issued to.
        client_key: PrincipalKey,
        /// `iat`.
        issued_at: UnixMillis,
        /// `exp`.
        expires_at: UnixMillis,
        /// How many revocations the issuer had seen when it signed.
        revocations_seen: i64,
        /// Whether a login stands behind it.
        login_proven: bool,
    }
    /// An API key was issued.
    13 ApiKeyIssued Issuance {
        /// The API key.
        api_key: ApiKeyId,
        /// What it is for.
        kind: ApiKeyKind,
        /// Keyed hash of the whole API key.
        hash: [u8; 32],
        /// Whom it acts for.
        owner_kind: PrincipalKind,
        /// Whom it acts for.
        owner: PrincipalNumber,
        /// Whom it acts for, as views key it.
        owner_key: PrincipalKey,
        /// When it ends.
        expires_at: UnixMillis,
    }
    /// An OAuth client was registered (RFC 6749 §2).
    14 ClientRegistered Issuance {
        /// `client_id`.
        client_id: Text,
        /// The client as views key it.
        client_key: PrincipalKey,
        /// Keyed hash of the secret.
        secret_hash: [u8; 32],
        /// The person answerable.
        owner: PersonId,
        /// The person answerable, as views key it.
        owner_key: PrincipalKey,
        /// The audience it may ask for.
        audience: Text,
        /// Space-separated scopes it may ask for.
        scope: Text,
        /// Longest life of its tokens, milliseconds.
        life_ms_max: i64,
        /// When the registration ends.
        expires_at: UnixMillis,
    }
    /// One token was revoked.
    20 TokenRevoked Priority {
        /// Its origin.
        origin: Origin,
        /// Its sequence.
        sequence: Sequence,
        /// Why.
        cause: Cause,
    }
    /// Every token of a principal issued so far was revoked.
    21 PrincipalRevoked Priority {
        /// Whose.
        principal: PrincipalNumber,
        /// Whose, as views key it.
        principal_key: PrincipalKey,
        /// Why.
        cause: Cause,
    }
    /// An API key was revoked.
    22 ApiKeyRevoked Priority {
        /// Which.
        api_key: ApiKeyId,
        /// Why.
        cause: Cause,
    }
    /// A client and every token issued to it so far was revoked.
    23 ClientRevoked Priority {
        /// The client as views key it.
        client_key: PrincipalKey,
        /// Why.
        cause: Cause,
    }
    /// A principal may not act any more, by any credential.
    24 PrincipalSuspended Priority {
        /// Who.
        principal: PrincipalNumber,
        /// Who, as views key it.
        principal_key: PrincipalKey,
        /// Why.
        cause: Cause,
    }
    /// A suspended principal may act again; what was revoked stays revoked.
    25 PrincipalRestored Priority {
        /// Who.
        principal: PrincipalNumber,
        /// Who, as views key it.
        principal_key: PrincipalKey,
        /// Why.
        cause: Cause,
    }
    /// Every token under a key issued so far was revoked.
    26 KeyTokensRevoked Priority {
        /// The key.
        key: KeyNumber,
        /// Why.
        cause: Cause,
    }
    /// A signing key changed state.
    27 KeyStateChanged Priority {
        /// The key.
        key: KeyNumber,
        /// Its new state.
        state: KeyState,
        /// Since when (for `compromised`: the earliest moment it may have been in other hands).
        since: UnixMillis,
        /// Why.
        cause: Cause,
    }
    /// Unknown tokens of an imported key from before cut-over may pass once, inside a window.
    28 GrandfatheringOpened Priority {
        /// The key.
        key: KeyNumber,
        /// `iat` must lie before this.
        cut_over: UnixMillis,
        /// `exp` must lie at most this far after cut-over, milliseconds.
        life_ms_max: i64,
        /// Nothing new is let in from here on.
        closes_at: UnixMillis,
    }
    /// That window closed.
    29 GrandfatheringClosed Priority {
        /// The key.
        key: KeyNumber,
        /// Why.
        cause: Cause,
    }
    /// An old token was let in by grandfathering and is known from now on.
    30 TokenPinned Issuance {
        /// The key.
        key: KeyNumber,
        /// Keyed hash of the canonical token.
        fingerprint: i64,
        /// Whom it names.
        principal: PrincipalNumber,
        /// Whom it names, as views key it.
        principal_key: PrincipalKey,
        /// `exp`.
        expires_at: UnixMillis,
    }
    /// A pinned token was revoked.
    31 PinRevoked Priority {
        /// Keyed hash of the canonical token.
        fingerprint: i64,
        /// Why.
        cause: Cause,
    }
    /// A signing key came into custody.
    40 KeyAdded Issuance {
        /// Its number.
        key: KeyNumber,
        /// `kid`.
        kid: Text,
        /// How it signs.
        algorithm: Algorithm,
        /// What it may sign.
        purpose: KeyPurpose,
        /// Where it came from.
        source: KeySource,
        /// `iss` of its tokens.
        issuer: Text,
        /// Public key: uncompressed P-256 point (65 bytes) or Ed25519 key (32 bytes).
        public_key: Octets,
        /// Its state.
        state: KeyState,
    }
    /// Someone can or could read a signing key.
    41 KeyHolderDeclared Priority {
        /// The key.
        key: KeyNumber,
        /// Who.
        person: PersonId,
        /// Who, as views key it.
        person_key: PrincipalKey,
        /// Since when.
        since: UnixMillis,
        /// How it is known.
        evidence: CustodyEvidence,
    }
    /// A person's row was written: the digest lets the projection be compared with it.
    50 PersonPut Priority {
        /// Who.
        person: PersonId,
        /// As a principal.
        principal: PrincipalNumber,
        /// As views key it.
        principal_key: PrincipalKey,
        /// The state.
        state: PersonState,
        /// Keyed hash of the canonical row.
        row_digest: [u8; 32],
    }
    /// A leaver's cascade began.
    51 CascadeStarted Priority {
        /// This run.
        cascade: CascadeId,
        /// Who leaves.
        person: PersonId,
        /// Why.
        cause: Cause,
        /// When the signal arrived.
        signalled_at: UnixMillis,
    }
    /// A step of a cascade was carried out or is open.
    52 CascadeStep Priority {
        /// The run.
        cascade: CascadeId,
        /// What.
        step: CascadeStepKind,
        /// On what: an API key id, a key number, or 0.
        target: i64,
        /// How it stands.
        outcome: StepOutcome,
    }
    /// A cascade ended.
    53 CascadeFinished Priority {
        /// The run.
        cascade: CascadeId,
        /// Steps still open.
        open: i32,
    }
    /// One decided read, and one data subject in it (0: none). See [`Access`].
    60 AccessRow Access {
        /// The request.
        access: AccessId,
        /// This row's place, from 0.
        row: i32,
        /// How many rows the access has.
        rows: i32,
        /// Who read.
        principal_kind: PrincipalKind,
        /// Who read.
        principal: PrincipalNumber,
        /// Who read, as views key it; all zero when unknown.
        principal_key: PrincipalKey,
        /// By which API key.
        api_key: ApiKeyId,
        /// By a token of which origin.
        origin: Origin,
        /// By which token.
        sequence: Sequence,
        /// Signed by which key.
        key: KeyNumber,
        /// On which route.
        route: RouteNumber,
        /// The task.
        task: Task,
        /// From where: an IPv6 or v4-mapped address.
        source: [u8; 16],
        /// For whom the caller acts.
        tenant: TenantNumber,
        /// A stated purpose's keyed hash, 0 when none.
        purpose: i64,
        /// Permit, or refuse with its reason; on an observed route what would have been said.
        verdict: Verdict,
        /// Whether the answer left.
        released: bool,
        /// Whether the route decided or only watched.
        mode: RouteMode,
        /// Where the count comes from.
        provenance: Provenance,
        /// Whose record.
        data_subject: DataSubjectNumber,
        /// Which fields of it: a bit per slot of the route.
        fields: i64,
        /// Status the upstream gave, 0 when not asked.
        status: i32,
    }
    /// An unsafe or streaming request is about to go upstream.
    61 AccessIntended Access {
        /// The request.
        access: AccessId,
        /// Who.
        principal: PrincipalNumber,
        /// Who, as views key it.
        principal_key: PrincipalKey,
        /// By which API key.
        api_key: ApiKeyId,
        /// By a token of which origin.
        origin: Origin,
        /// By which token.
        sequence: Sequence,
        /// Signed by which key.
        key: KeyNumber,
        /// On which route.
        route: RouteNumber,
        /// The task.
        task: Task,
        /// From where: an IPv6 or v4-mapped address.
        source: [u8; 16],
    }
    /// What became of an intent that has no access row.
    62 IntentClosed Access {
        /// The request.
        access: AccessId,
        /// What became of it.
        outcome: Outcome,
    }
    /// Noise, counted: refusals of one kind from one prefix in one minute.
    63 RefusalsCounted Refusal {
        /// The source's /48 (IPv6) or v4-mapped /24.
        prefix: [u8; 16],
        /// Why they were refused.
        reason: Reason,
        /// The minute, floor of journal time.
        minute: UnixMillis,
        /// How many.
        count: i64,
    }
    /// Who exists in a namespace was fed.
    70 ExistenceFed Access {
        /// The namespace.
        namespace: NamespaceNumber,
        /// How many data subjects exist now.
        existing: i64,
        /// How many were deleted.
        tombstones: i64,
        /// Numeric ids above this are unconfirmed, not phantoms; -1 when ids are not numbers.
        watermark: i64,
    }
    /// A detector raised an alert.
    80 AlertRaised Priority {
        /// The alert.
        alert: AlertId,
        /// What was seen.
        kind: AlertKind,
        /// By whom.
        principal: PrincipalNumber,
        /// About whom.
        data_subject: DataSubjectNumber,
        /// Under which key.
        key: KeyNumber,
        /// By which API key.
        api_key: ApiKeyId,
        /// In which request.
        access: AccessId,
        /// On which route.
        route: RouteNumber,
        /// Data subjects whose records had left by then in this matter.
        leaked: i64,
    }
    /// An incident was opened.
    81 IncidentOpened Priority {
        /// The incident.
        incident: IncidentId,
        /// What it is about.
        kind: AlertKind,
        /// The key concerned.
        key: KeyNumber,
        /// The principal concerned.
        principal: PrincipalNumber,
    }
    /// Something was put on an incident's timeline.
    82 IncidentNoted Priority {
        /// The incident.
        incident: IncidentId,
        /// What.
        kind: IncidentEntryKind,
        /// The alert.
        alert: AlertId,
        /// The request.
        access: AccessId,
        /// The person (a holder).
        person: PersonId,
        /// A note by Ward or an operator; no personal data.
        note: Text,
    }
    /// An incident was closed.
    83 IncidentClosed Priority {
        /// The incident.
        incident: IncidentId,
        /// Why.
        note: Text,
    }
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
    /// What an API key of the kind `operator` may do; stands in one group with its issuance.
    108 ApiKeyScoped Issuance {
        /// The API key.
        api_key: ApiKeyId,
        /// What it may do.
        roles: Roles,
    }
    /// The tail of an origin was lost: sequences from `from` on may have been issued.
    110 OriginLost Issuance {
        /// The origin.
        origin: Origin,
        /// The first sequence nothing is known of.
        from: Sequence,
    }
    /// This journal was restored from a backup.
    111 Restored Priority {
        /// SHA-256 of the backup's manifest.
        backup: [u8; 32],
        /// How many leaves the backup held.
        backup_size: i64,
        /// How many leaves stand after replaying a younger copy of the journal, if there was one.
        size: i64,
    }
    /// What a client may have beyond its registration; stands in one group with it.
    125 ClientTermed Issuance {
        /// The client as views key it.
        client_key: PrincipalKey,
        /// More audiences it may ask for, one a line.
        audiences: Text,
        /// Audiences it may exchange others' tokens for, one a line; empty: it may not.
        exchanges: Text,
        /// Whether its tokens are always bound to a key or certificate.
        bound: bool,
    }
    /// A client's secret was rotated.
    126 ClientSecretSet Issuance {
        /// The client as views key it.
        client_key: PrincipalKey,
        /// Keyed hash of the new secret.
        secret_hash: [u8; 32],
        /// Until when the secret before is taken, too.
        before_until: UnixMillis,
    }
    /// A key a client signs its assertions with; stands in one group with its registration.
    127 ClientKeyAdded Issuance {
        /// The client as views key it.
        client_key: PrincipalKey,
        /// `kid`.
        kid: Text,
        /// The one way it signs.
        algorithm: IssuerAlgorithm,
        /// Public key: uncompressed P-256 point, Ed25519 key, or RSAPublicKey (RFC 8017 A.1.1).
        public_key: Octets,
    }
    /// A client's assertion was used: it is refused from now on.
    128 AssertionUsed Issuance {
        /// The client as views key it.
        client_key: PrincipalKey,
        /// Keyed hash of its `jti`.
        assertion: [u8; 16],
        /// When it expires.
        expires_at: UnixMillis,
    }
    /// A token nobody issued, with a good signature, was presented by somebody who verifies tokens.
    135 ForgeryPresented Access {
        /// The key that verifies it.
        key: KeyNumber,
        /// Whom it names; unknown when it names nobody.
        principal_kind: PrincipalKind,
        /// Whom it names.
        principal: PrincipalNumber,
        /// Whom it names, as views key it.
        principal_key: PrincipalKey,
        /// Where it was presented.
        asked_at: AskedAt,
        /// The client that presented it, as views key it; all zero when none.
        client_key: PrincipalKey,
        /// The API key that presented it, 0 when none.
        api_key: ApiKeyId,
        /// Whether it was answered as live, because its issuer is learning.
        believed: bool,
    }
    /// A client asked to take a token back (RFC 7009); stands in one group with its revocation.
    136 RevocationAsked Priority {
        /// The client, as views key it.
        client_key: PrincipalKey,
        /// Whether the token was issued to another client.
        of_another: bool,
    }
    /// A token whose bytes a client laid out was signed and entered by its digest; its signature
    /// may leave once this is recorded.
    140 TokenEntered Issuance {
        /// The key that signed.
        key: KeyNumber,
        /// Keyed hash of the canonical token, 128 bits.
        digest: [u8; 16],
        /// Whom it names.
        principal: PrincipalNumber,
        /// Whom it names, as views key it.
        principal_key: PrincipalKey,
        /// The client it was issued to, as views key it.
        client_key: PrincipalKey,
        /// `iat`.
        issued_at: UnixMillis,
        /// `exp`.
        expires_at: UnixMillis,
        /// How many revocations the issuer had seen when it signed.
        revocations_seen: i64,
        /// Whether a login stands behind it.
        login_proven: bool,
    }
    /// A token known by its digest was revoked.
    141 EnteredRevoked Priority {
        /// Keyed hash of the canonical token.
        digest: [u8; 16],
        /// `exp`.
        expires_at: UnixMillis,
        /// Why.
        cause: Cause,
    }
    /// A foreign issuer was declared, or its declaration changed.
    150 IssuerDeclared Priority {
        /// The issuer.
        issuer: IssuerNumber,
        /// Its name in the configuration.
        name: Text,
        /// `iss` of its tokens.
        url: Text,
        /// Audiences that are taken, one a line.
        audiences: Text,
        /// Longest life of its tokens, milliseconds.
        life_ms_max: i64,
        /// When it says what it issued.
        reports: ReportMode,
        /// The claims that name principal, kind, tenant and client, one a line; a line may be empty.
        claims: Text,
        /// The kinds of principals its tokens may name, one a line; the first is the default.
        kinds: Text,
    }
    /// A foreign issuer is declared no more: its tokens open nothing.
    151 IssuerWithdrawn Priority {
        /// The issuer.
        issuer: IssuerNumber,
    }
    /// A foreign issuer publishes a key, for the first time or again.
    152 IssuerKeySeen Issuance {
        /// The issuer.
        issuer: IssuerNumber,
        /// The key's number.
        key: KeyNumber,
        /// `kid`.
        kid: Text,
        /// The one way it signs.
        algorithm: IssuerAlgorithm,
        /// Public key: uncompressed P-256 point, Ed25519 key, or RSAPublicKey (RFC 8017 A.1.1).
        public_key: Octets,
    }
    /// A foreign issuer publishes a key no more.
    153 IssuerKeyGone Issuance {
        /// The issuer.
        issuer: IssuerNumber,
        /// The key's number.
        key: KeyNumber,
    }
    /// Something is wrong with a foreign issuer.
    154 IssuerTroubled Priority {
        /// The issuer.
        issuer: IssuerNumber,
        /// What.
        kind: IssuerTroubleKind,
        /// Under which key, 0 when under none.
        key: KeyNumber,
        /// Whom the token names, 0 when it is about no token.
        principal: PrincipalNumber,
        /// The token, or SHA-256 of what was offered, cut to 16 bytes; zeros when neither.
        about: [u8; 16],
    }
    /// A foreign issuer said that it issued a token.
    155 IssuanceReported Issuance {
        /// The issuer.
        issuer: IssuerNumber,
        /// The place in its sequence of reports.
        sequence: i64,
        /// Keyed hash of the whole report, so that a repeat can be told from another report.
        content: i64,
        /// Keyed hash of the token's digest, or of its `jti` with whom it names and its times.
        token: [u8; 16],
        /// Whom it names.
        principal: PrincipalNumber,
        /// Whom it names, as views key it.
        principal_key: PrincipalKey,
        /// The client it was issued to.
        client_key: PrincipalKey,
        /// `iat`.
        issued_at: UnixMillis,
        /// `exp`.
        expires_at: UnixMillis,
        /// Keyed hash of the login behind it, 0 when none is named.
        login: i64,
    }
    /// A foreign issuer said that it used a place in its sequence for no token.
    156 IssuanceVoided Issuance {
        /// The issuer.
        issuer: IssuerNumber,
        /// The place.
        sequence: i64,
        /// Keyed hash of the whole report.
        content: i64,
    }
    /// A foreign issuer said that it has reported everything issued before a moment.
    157 IssuerComplete Issuance {
        /// The issuer.
        issuer: IssuerNumber,
        /// The moment.
        before: UnixMillis,
    }
    /// A token with a good signature was presented that its issuer had not reported.
    158 UnreportedSeen Access {
        /// The issuer.
        issuer: IssuerNumber,
        /// The key that signed.
        key: KeyNumber,
        /// Keyed hashes it could be reported by: of its digest, of its digest with the other of two
        /// equal signatures, of its `jti`; zeros where there is none.
        token: [u8; 16],
        /// The second of them.
        twin: [u8; 16],
        /// The third of them.
        named: [u8; 16],
        /// Whom it names.
        principal: PrincipalNumber,
        /// Whom it names, as views key it.
        principal_key: PrincipalKey,
        /// `iat`.
        issued_at: UnixMillis,
        /// `exp`.
        expires_at: UnixMillis,
    }
    /// Someone can or could read a secret of a foreign issuer.
    159 IssuerHolderDeclared Priority {
        /// The issuer.
        issuer: IssuerNumber,
        /// Which secret.
        secret: IssuerSecret,
        /// Who.
        person: PersonId,
        /// Who, as views key it.
        person_key: PrincipalKey,
        /// Since when.
        since: UnixMillis,
        /// How it is known.
        evidence: CustodyEvidence,
    }
    /// Unreported tokens of a foreign issuer from before cut-over may pass once, inside a window.
    160 IssuerGrandfatheringOpened Priority {
        /// The issuer.
        issuer: IssuerNumber,
        /// `iat` must lie before this.
        cut_over: UnixMillis,
        /// `exp` must lie at most this far after cut-over, milliseconds.
        life_ms_max: i64,
        /// Nothing new is let in from here on.
        closes_at: UnixMillis,
    }
    /// That window closed.
    161 IssuerGrandfatheringClosed Priority {
        /// The issuer.
        issuer: IssuerNumber,
        /// Why.
        cause: Cause,
    }
    /// Custody was opened at a start.
    165 CustodyOpened Priority {
        /// Where its key-encryption key came from.
        kind: CustodyKind,
        /// Whether it was wrapped anew since the start before.
        rewrapped: bool,
    }
    /// A share opened a sealed Ward: whoever gave it is a holder from now on.
    166 CustodyUnsealed Priority {
        /// The share's number, from 1.
        share: i32,
        /// Whose share it is; all zero when SCIM does not know him.
        person: PersonId,
    }
    /// Nobody can say who read an imported key: everyone who works here from then on is treated as
    /// a holder.
    167 KeyHoldersUnknown Priority {
        /// The key.
        key: KeyNumber,
        /// From when on.
        since: UnixMillis,
    }
    /// What people call an API key; stands in one group with its issuance.
    180 ApiKeyNamed Issuance {
        /// The API key.
        api_key: ApiKeyId,
        /// Its name; no personal data.
        name: Text,
        /// What it is used for; no personal data.
        description: Text,
    }
    /// What an API key may read; stands in one group with its issuance.
    181 ApiKeyReads Issuance {
        /// The API key.
        api_key: ApiKeyId,
        /// Space-separated scopes: names of routes.
        scope: Text,
    }
    /// Where an API key may be used from; stands in one group with its issuance.
    182 ApiKeyConfined Issuance {
        /// The API key.
        api_key: ApiKeyId,
        /// The networks.
        networks: Networks,
    }
    /// An API key was replaced; stands in one group with its successor's issuance.
    183 ApiKeyReplaced Issuance {
        /// The API key that ends.
        api_key: ApiKeyId,
        /// Its successor.
        successor: ApiKeyId,
        /// When it ends, unless it ends before.
        ends_at: UnixMillis,
    }
    /// An API key was used at the control plane; at most one such record an hour and API key.
    184 ApiKeyUsed Access {
        /// The API key.
        api_key: ApiKeyId,
        /// When it was used last.
        last: UnixMillis,
        /// How often since the record before.
        count: i64,
    }
    /// Texts found where they do not belong were reported.
    185 LeaksReported Refusal {
        /// The reporter's /48 (IPv6) or v4-mapped /24.
        prefix: [u8; 16],
        /// How many texts.
        texts: i64,
        /// How many of them were live credentials, which are revoked in the same group.
        live: i64,
    }
    /// How often a passkey has signed, as it says itself: a copy betrays itself by counting behind.
    186 PasskeyCounted Priority {
        /// The passkey.
        passkey: PasskeyId,
        /// Its signature counter (WebAuthn Level 2 §6.1.1).
        count: i64,
    }
    /// A client had tokens issued under a key; at most one such record an hour, client and key.
    187 ClientUsed Access {
        /// The client, as views key it.
        client_key: PrincipalKey,
        /// The key that signed.
        key: KeyNumber,
        /// When it had one issued last.
        last: UnixMillis,
        /// How many since the record before.
        count: i64,
    }
    /// The person answerable for an API key of a service; stands in one group with its issuance.
    188 ApiKeyAnswered Issuance {
        /// The API key.
        api_key: ApiKeyId,
        /// Who.
        person: PersonId,
        /// Who, as views key it.
        person_key: PrincipalKey,
    }
    /// Every token under a key that was issued on one side of a moment, and before this, was revoked.
    120 KeyTokensCut Priority {
        /// The key.
        key: KeyNumber,
        /// Which side.
        side: Side,
        /// The moment, a whole second; compared with `iat`.
        moment: UnixMillis,
        /// Why.
        cause: Cause,
    }
}

#[cfg(test)]
mod tests;
