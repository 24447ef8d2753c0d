//! What a request asks for: its declared route, whose record, from where, for which task.
//!
//! Pure: read off the request's head and the catalogue. Nothing raw of it goes into a record.

use std::net::IpAddr;
use std::sync::Arc;

use http::Method;
use http::uri::Authority;
use ward_catalogue::{Catalogue, Route};
use ward_model::word::{RouteMode, Task};
use ward_model::{AccessId, RouteNumber, UnixMillis};

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
}

/// Where a request goes.
pub(crate) enum Target {
    /// To a declared route; parameters in order of the template.
    Route { catalogue: Arc<Catalogue>, route: Arc<Route>, params: Vec<(String, String)> },
    /// To an undeclared route of a host that observes those.
    Undeclared { upstream: Authority },
}

impl Ask {
    pub(crate) fn route(&self) -> Option<&Route> {
        match &self.target {
            Target::Route { route, .. } => Some(route),
            Target::Undeclared { .. } => None,
        }
    }

    pub(crate) fn upstream(&self) -> &Authority {
        match &self.target {
            Target::Route { route, .. } => route.upstream(),
            Target::Undeclared { upstream } => upstream,
        }
    }

    pub(crate) fn mode(&self) -> RouteMode {
        self.route().map_or(RouteMode::Observe, Route::mode)
    }

    pub(crate) fn route_number(&self) -> RouteNumber {
        self.route().map_or(RouteNumber::NONE, Route::number)
    }

    /// Whether the request may change something upstream (RFC 9110 §9.2.1).
    pub(crate) fn is_unsafe(&self) -> bool {
        !(self.method.is_safe())
    }

    /// The task (safety standard art. 8), from the method.
    pub(crate) fn task(&self) -> Task {
        match self.method {
            Method::POST => Task::Add,
            Method::PUT | Method::PATCH => Task::Change,
            Method::DELETE => Task::Delete,
            _ if self.route().is_some_and(Route::is_download) => Task::Download,
            _ => Task::View,
        }
    }

    /// A path parameter by name.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        match &self.target {
            Target::Route { params, .. } => {
                params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
            }
            Target::Undeclared { .. } => None,
        }
    }
}
