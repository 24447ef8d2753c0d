//! Operators: whoever acts on Ward itself, and the second person that a weakening act needs.
//!
//! What it is: who is an operator and may do what (`operators.rs`); approvals, one primitive for
//! every act that weakens: proposed with its exact digest, consented to by somebody else who has
//! just proven who he is, recorded before it takes effect, used once; the diff that says whether
//! declarations became weaker; the operators' record (`history.rs`); Ward's own reads, with purpose
//! and budget (`reads.rs`); and the routes `/api/approvals` and `/api/operators`.
//! What it must never do: count one person twice, call a change harmless that it cannot show to be
//! as strict, or let an approval be used for another act.
//! Where it sits: floor 2; the program asks it before a weakening act and carries the act out.
//! Sign-in: `signin.rs` drives proofs (judged by `ward-signin`), `sessions.rs` keeps who is signed
//! in, `throttle.rs` and `tally.rs` slow and count failures, `ceremonies.rs` keeps what waits.
//! Read first: `act.rs` and `approval/decide.rs` (pure), then `approval.rs` and `operators.rs` (the
//! view), `desk.rs` (the driver).

pub mod act;
pub mod api;
pub mod approval;
pub mod ceremonies;
pub mod desk;
pub mod diff;
pub mod enrol;
pub mod history;
pub mod limits;
pub mod operators;
pub mod reads;
pub mod sessions;
pub mod signin;
mod tally;
#[cfg(test)]
mod testing;
pub mod throttle;

pub use act::{Act, ActKind, Rule, Rules};
pub use api::router;
pub use approval::decide::{Consenting, Rejected};
pub use approval::{Approvals, Proposal, SharedApprovals, Standing};
pub use desk::{Approved, Desk, DeskError, Held, Outside, Unavailable};
pub use history::SharedHistory;
pub use operators::Operators;
pub use reads::desk::{Naming, ReadDesk, ReadError};
pub use reads::{ReadRules, Reader, SharedReads};
pub use sessions::{Browser, Session, SessionRules, Sessions};
pub use signin::{Persons, Refused, SignIn, Visitor};
