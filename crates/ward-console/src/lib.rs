//! The pages a person looks at, and what he does there: *Now*, *Accesses*, *Incidents*, *People*,
//! *Approvals*, *Operators*, sign-in, and the operating pages.
//!
//! What it is: server-made pages, one style sheet and one small script, all inside the binary;
//! nothing is fetched from elsewhere and the browser is told so (`guard.rs`).
//! What it must never do: decide who may do what, or know where its facts come from.
//! Where it sits: floor 3, beside the program, which implements [`Facts`], gives the operators'
//! room as [`Deeds`], and nests [`router`].
//! Specifications: HTML Living Standard (server-sent events §9.2), CSP Level 3, Fetch Metadata.
//! Best tests: `http/tests.rs`, `http/tests/`, and `e2e/console.mjs`, `e2e/operators.mjs` in a real
//! browser.
//!
//! Files: `facts.rs` (what is shown), `deeds.rs` (what is done), `guard.rs` (the door),
//! `http.rs` and `http/` (routes), `live.rs` (the stream behind *Now*), `pages.rs` and `pages/`
//! (words and shapes of the templates), `help.rs` (docs/operate as pages), `assets.rs` (embedded
//! files).
mod assets;
pub mod calls;
pub mod deeds;
pub mod facts;
mod guard;
mod help;
mod http;
pub mod limits;
mod live;
mod pages;
mod say;
#[cfg(test)]
mod testing;

pub use deeds::Deeds;
pub use facts::{Facts, FactsError};
pub use http::{router, router_with};
