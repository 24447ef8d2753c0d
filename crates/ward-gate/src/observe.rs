//! An observed route: every byte passes as it came, and is measured as it passes.
//!
//! Nothing here refuses, changes, holds or reorders. What fails inside is counted as missed, and
//! the answer goes on. Only an enforcing issuer's `never_issued`, `revoked` and
//! `principal_suspended` are refused before this point (`Gate::answer`). The answers of an enforced
//! route that is open in an emergency pass here too (`emergency.rs`); they are cut off at its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use ward_model::record::Access;
use ward_model::word::{Provenance, RouteMode};
use ward_model::{PrincipalKind, Reason, Verdict};
use ward_scan::{Framing, Limits, Measured as Scanned, Mode, Plan, Scanner};

use crate::ask::Ask;
use crate::body::Broken;
use crate::bypass::Bypassed;
use crate::emergency::Turn;
use crate::identify::Who;
use crate::limits::OBSERVE_BYTES_MAX;
use crate::measure::same_tenant;
use crate::refuse::Refusal;
use crate::{Body, Gate, headers, refuse, release};

/// What is known about an observed read before its answer comes.
pub(crate) struct Watch {
    pub(crate) gate: Arc<Gate>,
    pub(crate) ask: Ask,
    pub(crate) who: Option<Box<Who>>,
    /// What an enforced route would have said.
    pub(crate) verdict: Verdict,
    /// The emergency that opened the route, when it is an enforced one, and the read's place.
    pub(crate) bypassed: Option<(Bypassed, Option<Turn>)>,
}

/// Passes an upstream's answer on, measuring it.
pub(crate) fn pass(watch: Watch, answer: Response<Incoming>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    headers::strip_hop_by_hop(&mut head.headers);
    let scanner = watch.scanner(&head);
    let access = watch.ask.access;
    let status = i32::from(head.status.as_u16());
    let passing = Passing {
        inner: body,
        scanner,
        scratch: Vec::new(),
        passed: false,
        lost: false,
        status,
        broken: None,
        watch: Some(watch),
    };
    let mut response = Response::from_parts(head, Body::passing(passing));
    refuse::with_id(&mut response, access);
    response
}

/// The answer when an observed upstream does not answer.
pub(crate) fn bad_gateway(watch: Watch) -> Response<Body> {
    let mut response = Response::new(Body::whole(Bytes::new()));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    refuse::with_id(&mut response, watch.ask.access);
    watch.record(None, false, 502);
    response
}

impl Watch {
    fn scanner(&self, head: &http::response::Parts) -> Option<Scanner<Arc<Plan>>> {
        let route = self.ask.route()?;
        let kind = self.who.as_ref().map_or(PrincipalKind::Unknown, |who| who.name.kind);
        let framing = match (headers::is_json(&head.headers), headers::is_json_lines(&head.headers))
        {
            _ if !headers::is_plain(&head.headers) => return None,
            (true, _) => Framing::Single,
            (_, true) => Framing::Lines,
            _ => return None,
        };
        let limits = Limits { total_bytes: OBSERVE_BYTES_MAX, ..Limits::DEFAULT };
        Some(Scanner::new(Arc::clone(route.plan(kind)?), Mode::Observe, framing, limits))
    }

    /// Whether the emergency that opened the route is over: nothing more leaves.
    fn is_over(&self) -> bool {
        self.bypassed.as_ref().is_some_and(|(bypassed, _)| !bypassed.holds(self.gate.now()))
    }

    /// What an enforced route would have said of an answer that a bypass let pass.
    fn said(&self, found: Option<&Scanned>, unseen: bool) -> Verdict {
        let (Some(_), Verdict::Permit) = (&self.bypassed, self.verdict) else {
            return self.verdict;
        };
        let tenants = self.ask.route().zip(self.who.as_deref()).zip(found);
        match tenants {
            _ if unseen => Verdict::Refuse(Reason::UpstreamUninspectable),
            Some(((route, who), found)) if !same_tenant(route, who, found) => {
                Verdict::Refuse(Reason::WrongTenant)
            }
            _ => Verdict::Permit,
        }
    }

    /// Records the read off the path of the answer. What cannot be recorded is counted as missed.
    /// `unseen`: bytes passed that nothing could look into.
    fn record(self, found: Option<Scanned>, unseen: bool, status: i32) {
        let verdict = self.said(found.as_ref(), unseen);
        let Self { gate, ask, who, bypassed, .. } = self;
        tokio::spawn(async move {
            let mut touches = Vec::new();
            let mut provenance = Provenance::None;
            if let (Some(found), Some(who)) = (&found, &who) {
                match gate.touches(&ask, who, found).await {
                    Some(all) => touches = all,
                    None => gate.parts.counters.missed(1),
                }
                if !touches.is_empty() {
                    provenance = Provenance::Measured;
                }
            }
            let released = status < 500 || status != 502;
            let shared = release::row(
                &ask,
                who.as_deref(),
                verdict,
                released,
                RouteMode::Observe,
                provenance,
                status,
            );
            let access = Access { shared, touches };
            if gate.parts.journal.append(access, gate.now()).await.is_err() {
                gate.parts.counters.missed(1);
            }
            // The place is free again now that the books have this read.
            drop(bypassed);
        });
    }
}

/// A body that passes unchanged.
pub struct Passing {
    inner: Incoming,
    scanner: Option<Scanner<Arc<Plan>>>,
    scratch: Vec<u8>,
    /// Whether any byte of it has passed.
    passed: bool,
    /// Whether the scanner gave up.
    lost: bool,
    status: i32,
    /// The answer broke off; what came before goes out first.
    broken: Option<Broken>,
    watch: Option<Watch>,
}

impl Passing {
    /// Looks at a chunk; a scanner that cannot go on is put away and the read counted as missed.
    fn look(&mut self, chunk: &Bytes) {
        self.passed |= !chunk.is_empty();
        let Some(scanner) = &mut self.scanner else { return };
        if scanner.push(chunk, &mut self.scratch).is_err() {
            (self.scanner, self.lost) = (None, true);
        }
        self.scratch.clear();
    }

    fn end(&mut self) {
        let Some(watch) = self.watch.take() else { return };
        let seen = self.scanner.take();
        let must_see = self.lost || seen.is_some() || watch.bypassed.is_some();
        let (found, whole) = match seen {
            Some(scanner) if scanner.between_documents() || watch.bypassed.is_none() => {
                let found = scanner.finish(&mut self.scratch).ok();
                let whole = found.is_some();
                (found, whole)
            }
            // WHY what was seen so far: whoever hangs up before the last byte has read the rest.
            Some(mut scanner) => (scanner.take().ok(), false),
            None => (None, false),
        };
        let unseen = self.passed && !whole;
        if unseen && must_see {
            watch.gate.parts.counters.missed(1);
        }
        watch.record(found, unseen, self.status);
    }
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let mut polled = Pin::new(&mut self.inner).poll_frame(cx).map_err(Broken::Upstream);
        if matches!(polled, Poll::Ready(Some(Ok(_))))
            && self.watch.as_ref().is_some_and(Watch::is_over)
        {
            polled = Poll::Ready(Some(Err(Broken::BypassOver)));
        }
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(chunk) = frame.data_ref() {
                    self.look(chunk);
                }
            }
            Poll::Ready(Some(Err(_)) | None) => self.end(),
            Poll::Pending => {}
        }
        match polled {
            // WHY not at once: the server drops what it has not written yet, head included, when a
            // body fails. It writes while it waits, so it waits once.
            Poll::Ready(Some(Err(error))) => {
                self.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        // WHY not the inner answer: the end must be seen here for the read to be recorded; `Drop`
        // catches the rest.
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Passing {
    // A client that went away in the middle has still received something.
    fn drop(&mut self) {
        self.end();
    }
}

/// Which refusals of an enforcing issuer hold on observed routes too.
pub(crate) const fn is_refused_everywhere(refusal: &Refusal) -> bool {
    let taken_back = matches!(
        refusal.reason,
        Reason::NeverIssued | Reason::Revoked | Reason::PrincipalSuspended
    );
    taken_back || refusal.unissued
}
