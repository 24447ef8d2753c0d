//! Incidents: what was seen, which key, who could read it, whose data to look for.
//!
//! What it is: a view of alerts and what they concern, the pure decision that opens or joins an
//! incident, its timeline, and the routes `/api/incidents` and `/api/alerts`.
//! What it must never do: keep anything that records do not tell, or close an incident by itself: a
//! person's word does, or, for emergencies, the second person's word on the last of them.
//! Where it sits: floor 2; it acts on `AlertRaised`, whoever appended it.
//! Read first: `decide.rs` (pure), then `incidents.rs` (the view), then `desk.rs` (the driver).
//! Still to come: the clocks of the law, notices, evidence packages, drills.

pub mod api;
pub mod decide;
pub mod desk;
pub mod emergencies;
pub mod incidents;
pub mod limits;
pub mod report;

pub use api::router;
pub use desk::{Desk, DeskError, Outside, Unavailable};
pub use incidents::{Incidents, SharedIncidents};
pub use report::Report;
