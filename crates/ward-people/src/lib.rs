//! People who work here: they join, they leave, and what they held is taken back.
//!
//! What it is: SCIM 2.0 Users (RFC 7643, RFC 7644) for the identity provider, `/api/people` for
//! operators, and the cascade that cuts a leaver everywhere and rotates what he could read.
//! What it must never do: let a database stand between a leaver's signal and his suspension, or
//! open anything because of what a database row says.
//! Where it sits: floor 2. It commands other rooms by records alone: the ledger refuses on
//! `PrincipalSuspended`, the keys room makes a new key on `KeyStateChanged`.
//! Read first: `cascade.rs` (pure), then `life.rs` (the driver), then `scim/http.rs` (the door).
//! Still to come: Shared Signals in, connectors, the signed certificate, groups.

pub mod api;
pub mod cascade;
pub mod holdings;
pub mod life;
pub mod limits;
pub mod outside;
pub mod person;
pub mod scim;
#[cfg(test)]
mod testing;

pub use holdings::{Holdings, SharedHoldings};
pub use life::{LifeError, People};
pub use outside::{Find, Outside, Page, ReturnHeld, SaveError, Unavailable};
pub use person::{Email, PersonRow};

/// Every route of this room, paths from the root: `/scim/v2/..` and `/api/people..`.
///
/// WHY no credential check here: the program checks every control-plane credential in one place
/// and puts a [`ward_model::Caller`] into the request's extensions.
pub fn router<E: Outside>(people: People<E>) -> axum::Router {
    scim::http::router(people.clone()).merge(api::router(people))
}
