//! Custody of signing keys: made, sealed, used, rotated, and never shown.
//!
//! What it is: private keys sealed on disk or made inside a token, what opens them, the people who
//! could read them, typed signing of access tokens and transaction tokens, the published key set.
//! What it must never do: give out private bytes in any form, sign bytes it did not lay out, release
//! a token before its issuance is recorded.
//! Where it sits: floor 2. What a key may do is decided by records, as the ledger's view tells; this
//! room only holds what signs. It says honestly what its storage protects from:
//! [`custody::grade`]. Best tests: `tests/custody.rs` (nothing leaks), `tests/ui` (what must not
//! compile).

pub mod custody;
mod durable;
pub mod import;
mod jwks;
pub mod limits;
mod origins;
mod pair;
mod rotate;
pub mod rotation;
mod seal;
mod sign;
mod sign_input;
mod statement;
mod statuses;
mod store;
mod transaction;

pub use jwks::{jwks, jwks_at};
pub use origins::{Claim, Origins};
pub use seal::{Kek, KekError, guarded};
pub use sign::{SignError, Token, TokenSigner, Withdrawn, Withheld};
pub use sign_input::{EnteredSignature, WithheldSignatures};
pub use statement::{Statement, state};
pub use statuses::StatusLists;
pub use store::{
    ActiveKey, DeclaredHolder, Grandfathering, Import, Keeping, KeyChange, KeyError, KeyStore,
    NewKey, NoKey, OpenError,
};
pub use transaction::{RequestContext, TransactionBody, mint_transaction};

/// Reads any bytes as a key file, a lock on custody and a share: the body of a fuzz target.
pub fn fuzz(bytes: &[u8]) {
    import::fuzz(bytes);
    custody::fuzz_lock(bytes);
}

#[cfg(test)]
mod tests;
