//! A read on an enforced route that one person opened in an emergency.
//!
//! What it opens: the decision about reads. Policies and purpose are asked for the record alone;
//! the answer passes as it comes, unmasked, with whatever fields and tenants it has, and is
//! measured as it passes.
//! What it must never open: the decision about credentials (a request that carries none, or one
//! that is refused for any reason, is refused here too); a route to a kind of principal it is not
//! declared for, to someone else's page, or past a credential's scope; a budget that is spent; a
//! route declared uninspectable; an answer of which no record is durable: the intent is recorded
//! before anything goes upstream, whatever the method. The upstream sees a transaction token as
//! ever, never the caller's credential. What still flows when the bypass ends is cut off.
//! Best test: `tests/gate/bypass.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Request, Response};
use hyper::body::Incoming;
use ward_model::{PrincipalNumber, Verdict};

use crate::ask::Ask;
use crate::bypass::Bypassed;
use crate::decide::Past;
use crate::limits::BYPASS_AT_ONCE_MAX;
use crate::observe::{self, Watch};
use crate::present::present;
use crate::refuse::Refusal;
use crate::upstream::Answer;
use crate::{Body, Gate, flow, headers};

/// Answers one request on a route that is open in an emergency.
pub(crate) async fn read(
    gate: &Arc<Gate>,
    ask: Ask,
    bypassed: Bypassed,
    request: Request<Incoming>,
) -> Response<Body> {
    let Passes { answer, verdict, turn } = match life(gate, &ask, &bypassed, request).await {
        Ok(passes) => passes,
        Err(refusal) => return flow::refused(gate, &ask, refusal).await,
    };
    gate.parts.counters.bypassed(ask.target.route);
    let (permit, answer) = answer.pass_on(&bypassed);
    let (mut head, body) = answer.into_parts();
    head.headers = headers::let_pass(&head.headers);
    // The upstream's reason phrase is in there: free text, like a header that nobody listed.
    head.extensions.clear();
    let who = Some(permit.into_who());
    let bypassed = Some((bypassed, turn));
    let watch = Watch { gate: Arc::clone(gate), ask, who, verdict, bypassed };
    observe::pass(watch, Response::from_parts(head, body))
}

/// An answer that passes, and what would have been said of the request.
struct Passes {
    answer: Answer,
    verdict: Verdict,
    turn: Option<Turn>,
}

/// The life of a read without its end: nothing is held, so nothing is released.
async fn life(
    gate: &Gate,
    ask: &Ask,
    bypassed: &Bypassed,
    request: Request<Incoming>,
) -> Result<Passes, Refusal> {
    let presented = present(request.headers())?;
    let issued = gate.check(presented, ask).await?;
    let Past { permit, verdict, turn } = gate.decide_past(bypassed, issued, ask)?;
    let intended = gate.record_intent(permit, ask).await?;
    let answer = gate.send(intended, ask, request).await?;
    Ok(Passes { answer, verdict, turn })
}

/// Reads under way on bypassed routes, by principal: each is counted only once it has passed, so a
/// budget can be overrun by no more than these.
#[derive(Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<HashMap<PrincipalNumber, usize>>>);

/// The place of one read; given back when it is dropped, after its record.
pub(crate) struct Turn {
    turns: Turns,
    principal: PrincipalNumber,
}

impl Turns {
    /// A place, if the principal has one left.
    pub(crate) fn take(&self, principal: PrincipalNumber) -> Option<Turn> {
        let mut turns = self.lock();
        let taken = turns.entry(principal).or_default();
        if *taken >= BYPASS_AT_ONCE_MAX {
            return None;
        }
        *taken += 1;
        Some(Turn { turns: self.clone(), principal })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PrincipalNumber, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = self.turns.lock();
        if let Some(taken) = turns.get_mut(&self.principal) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                turns.remove(&self.principal);
            }
        }
    }
}
