//! OpenID Connect: the relying party. Who signed in, proven by the company's identity provider.
//!
//! [`Provider::begin`] makes a redirect and a [`Pending`]; the browser comes back; then
//! [`Provider::finish`] consumes the `Pending` and gives [`Proven`], which nothing else makes.
//! Decisions (`jws`, `id_token`, `logout`, `discovery`, `keys`) are pure: no clock, randomness,
//! socket or file; `provider` drives them over a [`Fetch`] that the caller brings. It must never
//! believe anything about a person that the provider did not sign.
//! OpenID Connect Core 1.0 §3.1, Discovery 1.0, Back-Channel Logout 1.0, RFC 7636, RFC 9207,
//! RFC 9700. Best tests: `oidc/tests.rs` (attacks), `interop/oidc.py` (real providers).
//!
//! WHY no library for the protocol: `openidconnect` checks signatures with `rsa`, `p256` and
//! `ed25519-dalek`, whatever its features; here there is one crypto provider, aws-lc-rs.

mod address;
mod assertion;
mod cache;
mod callback;
mod discovery;
mod error;
mod fetch;
mod id_token;
mod jws;
mod keys;
pub mod limits;
mod logout;
mod name;
mod pending;
mod provider;
mod return_path;
mod roles;
mod settings;

#[cfg(test)]
mod tests;

pub use address::AddressFault;
pub use assertion::{AssertionKey, AssertionKeyError};
pub use callback::Callback;
pub use discovery::MetadataFault;
pub use error::{LogoutError, LogoutFault, Remedy, SignInError, TokenFault, Unanswered};
pub use fetch::{Fetch, FetchError, FetchRequest};
pub use id_token::Proven;
pub use jws::Algorithm;
pub use logout::LogoutOf;
pub use name::{Issuer, SessionId, Subject};
pub use pending::{Pending, Purpose};
pub use provider::Provider;
pub use return_path::safe_return_path;
pub use roles::roles_of;
pub use settings::{ClientAuthentication, Settings, SettingsError};
