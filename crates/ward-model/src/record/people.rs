//! Records of persons and their leaving.

use super::*;

rows! {
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
}
