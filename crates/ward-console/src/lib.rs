//! The pages a person looks at: *Now*, *Accesses*, *Incidents*, *People*, and the operating pages.
//!
//! What it is: server-made pages, one style sheet and one small script, all inside the binary;
//! nothing is fetched from elsewhere and the browser is told so (`guard.rs`).
//! What it must never do: change anything in Ward, or know where its facts come from.
//! Where it sits: floor 3, beside the program, which implements [`Facts`] and nests [`router`].
//! Specifications: HTML Living Standard (server-sent events §9.2), CSP Level 3, Fetch Metadata.
//! Best tests: `sessions/tests.rs`, `http/tests.rs`, and `e2e/console.mjs` in a real browser.
//!
//! Files: `facts.rs` (what is shown), `sessions.rs` (who may look), `guard.rs` (the door),
//! `http.rs` (routes), `live.rs` (the stream behind *Now*), `pages.rs` and `pages/` (words and
//! shapes of the templates), `help.rs` (docs/operate as pages), `assets.rs` (embedded files).

mod assets;
pub mod facts;
mod guard;
mod help;
mod http;
pub mod limits;
mod live;
mod pages;
mod say;
pub mod sessions;
#[cfg(test)]
mod testing;

pub use facts::{Facts, FactsError};
pub use http::router;
pub use sessions::{CheckToken, Clock, IsLive, OpenedBy, Operators, Random, Sessions};
