//! Issuance: who asks gets a token, an API key or a client, once its record is durable.
//!
//! What it is: OAuth 2.0 client credentials, typed signing for a login service, API keys, clients
//! and the revocation of all of them; one service ([`Issuance`]) behind the HTTP doors.
//! What it must never do: answer before the journal has, sign claims the policy does not allow,
//! show a secret twice, keep one anywhere but as a keyed hash.
//! Where it sits: floor 2, over `ward-keys`. Who may call the API is decided before these routers;
//! only OAuth clients are authenticated here.
//! Best test: `tests.rs` (every answer over a real journal).

mod credential;
mod http;
mod issuance;
pub mod limits;
mod oauth;
mod revoke;
mod wire;

pub use credential::{ApiKeyAsk, ClientAsk, NewApiKey, NewClient};
pub use http::router;
pub use issuance::{
    Clock, Entropy, Issuance, IssueError, NumberError, Numbers, Parts, SigningPolicy, TokenAsk,
};
pub use revoke::Target;

#[cfg(test)]
mod tests;
