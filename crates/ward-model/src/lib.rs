//! The vocabulary of Ward: the words every room shares, and nothing that acts.
//!
//! What it is: ids, times, secrets, reasons, the records the journal keeps and their canonical
//! encoding, and the one mapping of refusals and failures to RFC 9457 problems.
//! What it must never do: read a clock, a file, a socket or a random source.
//! Where it sits: floor 0; every other Ward room looks down on it.
//! Best test: `record/tests.rs` (every record survives its encoding, no two bytes mean the same).

pub mod caller;
pub mod column;
pub mod entry;
pub mod holder;
pub mod id;
pub mod json;
pub mod limits;
pub mod network;
pub mod principal;
pub mod problem;
pub mod reason;
pub mod record;
pub mod role;
pub mod secret;
mod short;
pub mod time;
pub mod word;

pub use caller::Caller;
pub use column::{Column, DecodeError, Octets, Text};
pub use entry::{Entry, Lane, Position, Rows, View};
pub use holder::{Confirmation, Thumbprint};
pub use id::*;
pub use network::{Network, NetworkError, Networks};
pub use principal::{PrincipalKey, PrincipalKind, PrincipalName};
pub use problem::{Problem, ProblemKind};
pub use reason::{Reason, Verdict};
pub use record::Record;
pub use role::Roles;
pub use secret::Secret;
pub use short::ShortText;
pub use time::UnixMillis;
