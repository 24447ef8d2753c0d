//! Custody of signing keys: made, sealed, used, rotated, and never shown.
//!
//! What it is: private keys sealed on disk under a key-encryption key, the people who could read
//! them, typed signing of access tokens and transaction tokens, the published key set.
//! What it must never do: give out private bytes in any form, sign bytes it did not lay out, release
//! a token before its issuance is recorded.
//! Where it sits: floor 2. What a key may do is decided by records, as the ledger's view tells; this
//! room only holds what signs. It says honestly what its storage protects from:
//! [`CUSTODY_GRADE`]. Best tests: `tests/custody.rs` (nothing leaks), `tests/ui` (what must not
//! compile).

mod durable;
mod jwks;
pub mod limits;
mod origins;
mod pair;
mod seal;
mod sign;
mod store;
mod transaction;

pub use jwks::jwks;
pub use origins::{Claim, Origins};
pub use seal::{Kek, KekError};
pub use sign::{SignError, Token, TokenSigner, Withdrawn, Withheld};
pub use store::{
    ActiveKey, DeclaredHolder, Grandfathering, Import, KeyChange, KeyError, KeyStore, NewKey,
    NoKey, OpenError,
};
pub use transaction::{RequestContext, TransactionBody, mint_transaction};

/// What the storage of keys protects from, in words for `ward check` and the console.
pub const CUSTODY_GRADE: &str = "key file: private keys are sealed under a key that lies in a file \
on this host. It protects copies of the state directory and backups. It does not protect from root \
on this host, who can read the key file and is therefore a holder of every key: when such a person \
leaves, every key is rotated.";

#[cfg(test)]
mod tests;
