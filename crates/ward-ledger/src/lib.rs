//! In-memory views rebuilt from records: issuance slots, revocation, the check.
