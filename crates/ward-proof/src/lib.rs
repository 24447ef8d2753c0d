//! Proofs of possession: what somebody else signed to show that a key or certificate is his.
//!
//! What it is: pure decisions over a proof, what is expected of it and the time (DPoP proofs,
//! client assertions, certificates a TLS proxy passed on), and a bounded memory of those used.
//! What it must never do: hold a private key, read a clock or a random source, forget a proof that
//! could still be used; when it cannot remember it refuses.
//! Where it sits: floor 1; the gate and the token endpoint ask it, each with its own memory.
//! Source: RFC 9449, RFC 7523, RFC 8705. Best tests: `dpop/tests.rs`, `assertion/tests.rs`.

pub mod assertion;
pub mod certificate;
mod desk;
pub mod dpop;
#[doc(hidden)]
pub mod fuzz;
mod jwk;
mod jws;
pub mod limits;
mod nonce;
mod seen;
mod uri;

pub use desk::{Desk, Refused, Request};
pub use jwk::{JwkError, KnownKey, PublicKey};
pub use nonce::Nonces;
pub use seen::{Seen, Taken};

#[cfg(test)]
mod testing;
