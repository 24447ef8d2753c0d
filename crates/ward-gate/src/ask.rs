//! What a request asks for: its declared route, whose record, from where, for which task.
//!
//! Pure: read off the request's head and the catalogue. Nothing raw of it goes into a record.

use std::net::IpAddr;
use std::sync::Arc;

use http::Method;
use http::uri::Authority;
use ward_catalogue::{Body, Catalogue, Mode, Route};
use ward_model::word::{RouteMode, Task};
use ward_model::{AccessId, RouteNumber, UnixMillis};

use crate::holder::Presenter;

/// One request, matched to its route.
pub struct Ask {
    /// Outside it is `Ward-Request-Id`.
    pub access: AccessId,
    /// When it came.
    pub now: UnixMillis,
    /// From where.
    pub source: IpAddr,
    /// The stated purpose.
    pub purpose: Option<String>,
    /// Method as sent upstream.
    pub method: Method,
    /// Raw path and query as sent upstream; never recorded.
    pub path: String,
    pub(crate) target: Target,
    pub(crate) presenter: Presenter,
}

/// Where a request goes.
pub(crate) struct Target {
    pub(crate) catalogue: Arc<Catalogue>,
    /// The declared route with its path parameters; `NONE` for an undeclared one.
    pub(crate) route: RouteNumber,
    pub(crate) params: Vec<String>,
    /// The host's name: the trust domain of its transaction tokens.
    pub(crate) host: String,
    /// `None`: no host answers to this request's `Host`.
    pub(crate) upstream: Option<Authority>,
    /// The most that is held of an answer, bytes.
    pub(crate) held_bytes_max: usize,
}

impl Ask {
    pub(crate) fn route(&self) -> Option<&Route> {
        self.target.catalogue.route(self.target.route)
    }

    pub(crate) fn mode(&self) -> RouteMode {
        match self.route().map(|route| route.mode) {
            Some(Mode::Enforce) => RouteMode::Enforce,
            Some(Mode::Observe) | None => RouteMode::Observe,
        }
    }

    /// Whether the request may change something upstream (RFC 9110 §9.2.1).
    pub(crate) fn is_unsafe(&self) -> bool {
        !self.method.is_safe()
    }

    /// The task (safety standard art. 8), from the method and the route.
    pub(crate) fn task(&self) -> Task {
        match self.method {
            Method::POST => Task::Add,
            Method::PUT | Method::PATCH => Task::Change,
            Method::DELETE => Task::Delete,
            _ if self.route().is_some_and(|route| route.body == Body::Uninspectable) => {
                Task::Download
            }
            _ => Task::View,
        }
    }
}
