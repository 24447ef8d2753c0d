//! The steps of `flow.rs` by name, for `tests/ui` alone: what must not compile.
//!
//! It weakens nothing: no proof and no [`Ask`] can be made outside this room, so nobody else can
//! call these. Each takes what the step before it gives, and uses it up.

use http::{Request, Response};
use hyper::body::Incoming;
use ward_journal::Recorded;

pub use crate::ask::Ask;
pub use crate::decide::{Intended, Permit};
pub use crate::identify::Issued;
pub use crate::present::{Presented, present};
pub use crate::refuse::Refusal;
pub use crate::release::Measured;
pub use crate::upstream::Answer;
use crate::{Body, Gate, release};

/// Step one.
///
/// # Errors
/// A refusal, as in every step.
pub async fn check(gate: &Gate, presented: Presented, ask: &Ask) -> Result<Issued, Refusal> {
    gate.check(presented, ask).await
}

/// Step two.
///
/// # Errors
/// A refusal.
pub async fn decide(gate: &Gate, issued: Issued, ask: &Ask) -> Result<Permit, Refusal> {
    gate.decide(issued, ask).await
}

/// Step three.
///
/// # Errors
/// A refusal.
pub async fn intend(gate: &Gate, permit: Permit, ask: &Ask) -> Result<Intended, Refusal> {
    gate.intend(permit, ask).await
}

/// Step four.
///
/// # Errors
/// A refusal.
pub async fn send(
    gate: &Gate,
    intended: Intended,
    ask: &Ask,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    gate.send(intended, ask, request).await
}

/// Step five.
///
/// # Errors
/// A refusal.
pub async fn measure(gate: &Gate, answer: Answer, ask: &Ask) -> Result<Measured, Refusal> {
    gate.measure(answer, ask).await
}

/// Step six.
///
/// # Errors
/// A refusal.
pub async fn append(gate: &Gate, measured: Measured) -> Result<Recorded<Measured>, Refusal> {
    gate.append(measured).await
}

/// The only way out.
#[must_use]
pub fn respond(recorded: Recorded<Measured>) -> Response<Body> {
    release::respond(recorded)
}
