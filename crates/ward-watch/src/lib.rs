//! Detectors over the journal: misuse is seen within a handful of records.
//!
//! What it is: exact set tests over access rows (never issued? does not exist? has left? not the
//! owner?), fed by records and answering with `AlertRaised` records.
//! What it must never do: decide about a read, go silent in a flood, or forget a loss.
//! Where it sits: floor 2, a view of the journal beside the ledger; `ward-respond` opens incidents
//! from what it raises, the keys room rotates what it finds compromised.
//! Read first: `watch.rs` (pure), then `run.rs` (the driver).
//! Still to come: Sigma rules, id-space coverage, canaries, statistics, alerts out.

pub mod limits;
pub mod run;
pub mod watch;

pub use run::{Outside, Unavailable, run};
pub use watch::{Losses, SharedWatch, Watch};
