//! Records of tokens: entered, pinned, taken back; and of the sequences they take.

use super::*;

rows! {
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
    /// The tail of an origin was lost: sequences from `from` on may have been issued.
    110 OriginLost Issuance {
        /// The origin.
        origin: Origin,
        /// The first sequence nothing is known of.
        from: Sequence,
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
}
