//! The life of a read. Read this file first.
//!
//! Each step consumes the proof made by the step before it. Proofs are not `Clone` and cannot be
//! made elsewhere; the upstream is private to this room; the journal is the only maker of
//! `Recorded<_>`. A read that was not checked, not decided, not measured or not recorded does not
//! compile (`tests/ui`). A refusal is a value, and is recorded too.

use http::{Request, Response};
use hyper::body::Incoming;
use ward_journal::Recorded;

use crate::ask::Ask;
use crate::present::present;
use crate::refuse::{self, Refusal};
use crate::release::{self, Measured};
use crate::{Body, Gate};

/// Answers one request on an enforced route.
pub(crate) async fn read(gate: &Gate, ask: &Ask, request: Request<Incoming>) -> Response<Body> {
    match life(gate, ask, request).await {
        Ok(released) => release::respond(released),
        Err(refusal) => refused(gate, ask, refusal).await,
    }
}

async fn life(
    gate: &Gate,
    ask: &Ask,
    request: Request<Incoming>,
) -> Result<Recorded<Measured>, Refusal> {
    let presented = present(request.headers())?;
    let issued = gate.check(presented, ask).await?;
    let permit = gate.decide(issued, ask).await?;
    let intended = gate.intend(permit, ask).await?;
    let answer = gate.send(intended, ask, request).await?;
    let measured = gate.measure(answer, ask).await?;
    gate.append(measured).await
}

/// Records a refusal, or counts it as noise, and answers it.
pub(crate) async fn refused(gate: &Gate, ask: &Ask, refusal: Refusal) -> Response<Body> {
    let mut response = told(gate, ask, refusal).await;
    ask.presenter.challenge(&mut response);
    response
}

async fn told(gate: &Gate, ask: &Ask, refusal: Refusal) -> Response<Body> {
    let reason = refusal.reason;
    gate.parts.counters.refused(reason);
    if !refusal.is_recorded() {
        let counted = gate.noise.count(ask.access, ask.source, reason, ask.now);
        return refuse::respond_counted(counted, ask.access, reason);
    }
    match gate.parts.journal.append(refusal.to_record(ask), gate.now()).await {
        Ok(recorded) => refuse::respond(recorded),
        // The record did not fit; nothing leaves, and the refusal is counted instead.
        Err(error) => {
            tracing::warn!(access = %ask.access, %error, "refusal not recorded one by one");
            let _counted = gate.noise.count(ask.access, ask.source, reason, ask.now);
            refuse::respond_unrecorded(ask.access, reason)
        }
    }
}

#[cfg(test)]
mod tests;
