//! Records of signing keys and their custody.

use super::*;

rows! {
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
}
