//! Records of foreign issuers: their keys, and what they reported.

use super::*;

rows! {
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
}
