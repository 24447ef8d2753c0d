//! SCIM 2.0 Users: the identity provider says who joins and who leaves.
//!
//! Words of the specification win over ours in here; `wire.rs` translates once.

mod about;
mod error;
mod filter;
pub mod http;
mod patch;
mod wire;

pub use error::ScimError;
