//! An observed route: every byte passes as it came, and is measured as it passes.
//!
//! Nothing here refuses, changes, holds or reorders. What fails inside is counted as missed, and
//! the answer goes on. Only an enforcing issuer's `never_issued`, `revoked` and
//! `principal_suspended` are refused before this point (`Gate::answer`).

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
use crate::identify::Who;
use crate::limits::OBSERVE_BYTES_MAX;
use crate::refuse::Refusal;
use crate::{Body, Gate, headers, refuse, release};

/// What is known about an observed read before its answer comes.
pub(crate) struct Watch {
    pub(crate) gate: Arc<Gate>,
    pub(crate) ask: Ask,
    pub(crate) who: Option<Box<Who>>,
    /// What an enforced route would have said.
    pub(crate) verdict: Verdict,
}

/// Passes an upstream's answer on, measuring it.
pub(crate) fn pass(watch: Watch, answer: Response<Incoming>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    headers::strip_hop_by_hop(&mut head.headers);
    let scanner = watch.scanner(&head);
    let access = watch.ask.access;
    let status = i32::from(head.status.as_u16());
    let (scratch, broken, watch) = (Vec::new(), None, Some(watch));
    let passing = Passing { inner: body, scanner, scratch, status, broken, watch };
    let mut response = Response::from_parts(head, Body::passing(passing));
    refuse::with_id(&mut response, access);
    response
}

/// The answer when an observed upstream does not answer.
pub(crate) fn bad_gateway(watch: Watch) -> Response<Body> {
    let mut response = Response::new(Body::whole(Bytes::new()));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    refuse::with_id(&mut response, watch.ask.access);
    watch.record(None, 502);
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

    /// Records the read off the path of the answer. What cannot be recorded is counted as missed.
    fn record(self, found: Option<Scanned>, status: i32) {
        let Self { gate, ask, who, verdict } = self;
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
        });
    }
}

/// A body that passes unchanged.
pub struct Passing {
    inner: Incoming,
    scanner: Option<Scanner<Arc<Plan>>>,
    scratch: Vec<u8>,
    status: i32,
    /// The answer broke off; what came before goes out first.
    broken: Option<hyper::Error>,
    watch: Option<Watch>,
}

impl Passing {
    /// Looks at a chunk; a scanner that cannot go on is put away and the read counted as missed.
    fn look(&mut self, chunk: &Bytes) {
        let Some(scanner) = &mut self.scanner else { return };
        if scanner.push(chunk, &mut self.scratch).is_err() {
            self.scanner = None;
            if let Some(watch) = &self.watch {
                watch.gate.parts.counters.missed(1);
            }
        }
        self.scratch.clear();
    }

    fn end(&mut self) {
        let Some(watch) = self.watch.take() else { return };
        let found = self.scanner.take().and_then(|scanner| {
            scanner
                .finish(&mut self.scratch)
                .inspect_err(|_| watch.gate.parts.counters.missed(1))
                .ok()
        });
        watch.record(found, self.status);
    }
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
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
