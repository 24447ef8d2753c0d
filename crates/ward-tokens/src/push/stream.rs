//! `GET /oauth/revocations`: one follower's stream.
//!
//! Pulled, never pushed ahead: the next batch is made when the connection has taken the last, so a
//! follower that reads slowly costs no memory. Best test: `push/tests.rs`.

use core::convert::Infallible;
use core::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use axum::http::{Response, StatusCode};
use futures_util::stream::unfold;
use metrics::{counter, gauge};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;

use super::words;
use crate::asker::{Asker, Duty, asker};
use crate::desk::Desk;
use crate::limits::{BEAT_SECONDS, PUSH_BATCH};
use crate::oauth::{OauthError, answer};
use crate::wire::{form, get};

/// How messages are framed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// One JSON object a line.
    Lines,
    /// Server-sent events.
    Events,
}

/// One follower.
struct Follower {
    desk: Desk,
    asker: Asker,
    frame: Frame,
    next: i64,
    greeted: bool,
    over: bool,
    last: watch::Receiver<i64>,
    open: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

/// `GET /oauth/revocations?from=LEAF`.
pub(crate) async fn door(
    State(desk): State<Desk>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    let asker = match asker(&desk.0.issuance, &desk.0.may_read, &headers, &[]).await {
        Ok(asker) => asker,
        Err(refused) => return refused.response(),
    };
    if !asker.has(Duty::Follow, None) {
        return answer(StatusCode::FORBIDDEN, &json!({ "error": "insufficient_scope" }));
    }
    let Some(from) = start(&desk, &headers, query.as_deref()) else {
        return OauthError::InvalidRequest.response();
    };
    let Ok(place) = desk.0.feed.0.places.clone().try_acquire_owned() else {
        let mut response = OauthError::TemporarilyUnavailable.response();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        return response;
    };
    let events = headers.get_all(ACCEPT).iter().any(|it| {
        it.to_str().is_ok_and(|it| it.to_ascii_lowercase().contains("text/event-stream"))
    });
    let frame = if events { Frame::Events } else { Frame::Lines };
    let (last, open) = (desk.0.feed.0.last.subscribe(), desk.0.feed.0.open.subscribe());
    gauge!("ward_followers").increment(1);
    let follower = Follower {
        desk,
        asker,
        frame,
        next: from,
        greeted: false,
        over: false,
        last,
        open,
        _place: place,
    };
    let body = Body::from_stream(unfold(follower, Follower::next));
    let mut response = Response::new(body);
    let media = match frame {
        Frame::Lines => HeaderValue::from_static("application/x-ndjson"),
        Frame::Events => HeaderValue::from_static("text/event-stream"),
    };
    response.headers_mut().insert(CONTENT_TYPE, media);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The leaf to begin with: `from`, or the one after `Last-Event-ID`, or the head. `None`: neither
/// is a number.
fn start(desk: &Desk, headers: &HeaderMap, query: Option<&str>) -> Option<i64> {
    let leaf = |text: &str| text.parse::<i64>().ok().filter(|leaf| *leaf >= 0);
    if let Some(last) = headers.get("last-event-id") {
        return leaf(last.to_str().ok()?)?.checked_add(1);
    }
    let parameters = form(query.unwrap_or_default().as_bytes())?;
    match get(&parameters, "from") {
        Some(from) => leaf(from),
        None => Some(desk.0.feed.book().next),
    }
}

impl Follower {
    /// The next chunk; waits at most one beat.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if self.over {
            return None;
        }
        if !self.greeted {
            self.greeted = true;
            let hello = self.hello();
            let chunk = self.framed(&[hello]);
            return Some((Ok(chunk), self));
        }
        let beat = Duration::from_secs(BEAT_SECONDS);
        loop {
            // INVARIANT: marked as seen before the book is read, so that nothing between is missed.
            self.last.borrow_and_update();
            if let Some(why) = self.ended() {
                self.over = true;
                let chunk = self.framed(&[words::end(self.next, why)]);
                return Some((Ok(chunk), self));
            }
            let messages = self.batch().await;
            if !messages.is_empty() {
                counter!("ward_revocations_pushed_total")
                    .increment(u64::try_from(messages.len()).unwrap_or(0));
                let chunk = self.framed(&messages);
                return Some((Ok(chunk), self));
            }
            let woken = async {
                tokio::select! {
                    _ = self.last.changed() => {}
                    _ = self.open.changed() => {}
                }
            };
            if timeout(beat, woken).await.is_err() {
                self.next = self.next.max(self.desk.0.feed.book().next);
                let now = self.desk.0.issuance.now();
                let chunk = self.framed(&[words::heartbeat(self.next, now)]);
                return Some((Ok(chunk), self));
            }
        }
    }

    fn hello(&self) -> Value {
        let book = self.desk.0.feed.book();
        let complete = book.is_complete(self.next, self.desk.0.issuance.now());
        words::hello(self.next, book.next, complete, book.restores)
    }

    /// Why the stream ends now.
    fn ended(&self) -> Option<&'static str> {
        if !*self.open.borrow() {
            return Some("stopping");
        }
        let live = self.asker.is_live(&self.desk.0.issuance, &self.desk.0.may_read);
        (!live).then_some("credential")
    }

    async fn batch(&mut self) -> Vec<Value> {
        let kept = self.desk.0.feed.book().from(self.next, PUSH_BATCH);
        let Some(last) = kept.last() else { return Vec::new() };
        let next = last.index.saturating_add(1);
        let desk = self.desk.clone();
        let work = tokio::task::spawn_blocking(move || {
            let ledger = &desk.0.issuance.0.ledger;
            kept.iter().map(|kept| words::message(kept, ledger, &desk.0.names)).collect()
        });
        // A batch that could not be made is made again: the place has not moved.
        let Ok(messages) = work.await else { return Vec::new() };
        self.next = next;
        messages
    }

    fn framed(&self, messages: &[Value]) -> Bytes {
        let mut out = String::new();
        for message in messages {
            if self.frame == Frame::Lines {
                out.push_str(&message.to_string());
                out.push('\n');
                continue;
            }
            if let Some(seq) = message.get("seq") {
                out.push_str(&format!("id: {seq}\n"));
            }
            let kind = message.get("type").and_then(Value::as_str).unwrap_or("message");
            out.push_str(&format!("event: {kind}\ndata: {message}\n\n"));
        }
        out.into()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        gauge!("ward_followers").decrement(1);
    }
}
