//! The stream behind *Now*: `GET /console/events`, server-sent events.
//!
//! What it is: every half second the live part of the page is made anew and sent when it differs;
//! the script puts changed regions in place. One template makes both page and stream.
//! What it must never do: outlive its session, count as activity, or run unbounded.
//! Specification: HTML Living Standard §9.2. Best test: `http/tests.rs`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

use ward_model::SessionId;
use ward_operators::signin::Visitor;

use crate::http::{App, ask};
use crate::limits::{LIVE_BEAT_MS, LIVE_TICK_MS, STREAMS_MAX};
use crate::pages;

/// Bounds the streams of all pages together.
#[derive(Clone)]
pub struct Streams(Arc<Semaphore>);

impl Streams {
    /// None open.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

/// One open stream.
struct Watcher {
    app: App,
    session: SessionId,
    ended: watch::Receiver<u64>,
    tick: Interval,
    sent: String,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

/// Answers `GET /console/events`.
pub async fn events(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Response {
    let Some(session) = visitor.session.map(|it| it.id) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let Ok(place) = app.streams.0.clone().try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let mut tick = interval(Duration::from_millis(LIVE_TICK_MS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = app.deeds.endings();
    let sent = String::new();
    let watcher = Watcher { app, session, ended, tick, sent, is_over: false, _place: place };
    let beat = KeepAlive::new().interval(Duration::from_millis(LIVE_BEAT_MS));
    let stream: Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>> =
        Box::pin(unfold(watcher, Watcher::next));
    Sse::new(stream).keep_alive(beat).into_response()
}

impl Watcher {
    /// The next event, as soon as there is something new to see.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.is_over {
            return None;
        }
        loop {
            tokio::select! {
                _ = self.ended.changed() => {}
                _ = self.tick.tick() => {}
            }
            if !self.app.deeds.is_open(self.session) {
                self.is_over = true;
                return Some((Ok(Event::default().event("end").data("signed out")), self));
            }
            let (name, text) = match ask(&self.app, |facts| facts.now()).await {
                Ok(now) => ("now", pages::live(&now, self.app.deeds.waiting())),
                Err(why) => ("trouble", why.to_string()),
            };
            if text != self.sent {
                let event = Event::default().event(name).data(&text);
                self.sent = text;
                return Some((Ok(event), self));
            }
        }
    }
}
