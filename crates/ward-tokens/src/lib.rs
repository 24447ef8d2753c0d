//! Issuance: who asks gets a token, an API key or a client, once its record is durable.
//!
//! What it is: OAuth 2.0 client credentials, typed signing for a login service, API keys, clients
//! and the revocation of all of them; one service ([`Issuance`]) behind the HTTP doors.
//! What it must never do: answer before the journal has, sign claims the policy does not allow,
//! show a secret twice, keep one anywhere but as a keyed hash.
//! Where it sits: floor 2, over `ward-keys`. Who may call the API is decided before these routers;
//! only OAuth clients are authenticated here.
//! Best test: `tests.rs` (every answer over a real journal).

mod api_key;
mod asker;
mod assertions;
mod batch;
mod clients;
mod credential;
mod desk;
pub mod foreign;
mod http;
pub mod inspect;
mod introspection;
mod issuance;
pub mod leak;
pub mod limits;
mod notice;
mod oauth;
pub mod policy;
mod push;
mod rate;
mod revocation;
mod revoke;
mod signing;
mod spoken;
mod status_list;
pub mod transit;
mod wire;

pub use api_key::{KeyTerms, Rotated, Rotation};
pub use asker::{Duty, MayRead, grantable};
pub use assertions::Assertions;
pub use batch::typed_router;
pub use clients::ClientMore;
pub use credential::{ApiKeyAsk, ClientAsk, NewApiKey, NewClient};
pub use desk::{Desk, DeskParts, Names, desk_router};
pub use http::{readable, router};
pub use issuance::{
    Clock, Entropy, Issuance, IssueError, NumberError, Numbers, Parts, SigningPolicy, TokenAsk,
};
pub use push::Feed;
pub use revoke::Target;
pub use signing::Signing;
pub use status_list::Statuses;
pub use transit::transit_router;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
