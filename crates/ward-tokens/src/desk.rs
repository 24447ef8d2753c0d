//! Where tokens are asked about and taken back: the doors for those who verify them.
//!
//! What it is: introspection, revocation, the stream of revocations, status lists; one router.
//! What it must never do: tell somebody about a token that is not his affair, or take anything
//! back before it is recorded. Where it sits: beside `http.rs`, over the same [`Issuance`].

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::routing::{get, post};
use ward_model::{PrincipalName, PrincipalNumber};

use crate::asker::MayRead;
use crate::introspection;
use crate::issuance::Issuance;
use crate::limits::BODY_BYTES_MAX;
use crate::notice::Notices;
use crate::oauth::OauthError;
use crate::push::{self, Feed};
use crate::revocation;
use crate::status_list::{self, Served, Statuses};
use crate::wire::form;

/// The principal with a number; `None` when it is unknown or erased. May block.
pub type Names = Arc<dyn Fn(PrincipalNumber) -> Option<PrincipalName> + Send + Sync>;

/// What the desk is made of.
pub struct DeskParts {
    /// Issuance.
    pub issuance: Issuance,
    /// Whether an operator's API key may be told what became of a credential.
    pub may_read: MayRead,
    /// Outside ids of principals.
    pub names: Names,
    /// The last revocations; its view is the journal's.
    pub feed: Feed,
    /// What status lists are made from; its view is the journal's.
    pub statuses: Statuses,
    /// Where lists are served: their names stand behind it.
    pub status_base: String,
}

/// Everything behind the doors. Cheap to clone.
#[derive(Clone)]
pub struct Desk(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) issuance: Issuance,
    pub(crate) may_read: MayRead,
    pub(crate) names: Names,
    pub(crate) feed: Feed,
    pub(crate) statuses: Statuses,
    pub(crate) status_base: String,
    pub(crate) served: Served,
    pub(crate) notices: Notices,
}

impl Desk {
    /// The desk over these parts.
    #[must_use]
    pub fn new(parts: DeskParts) -> Self {
        let DeskParts { issuance, may_read, names, feed, statuses, status_base } = parts;
        let (notices, served) = (Notices::new(), Served::new());
        Self(Arc::new(Inner {
            issuance,
            may_read,
            names,
            feed,
            statuses,
            status_base,
            notices,
            served,
        }))
    }
}

/// Every route of the desk.
pub fn desk_router(desk: Desk) -> Router {
    Router::new()
        .route("/oauth/introspect", post(introspection::door))
        .route("/oauth/revoke", post(revocation::door))
        .route("/oauth/revocations", get(push::door))
        .route("/oauth/status/{list}", get(status_list::door))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(desk)
}

/// The parameters of a form request.
pub(crate) fn named_form(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Vec<(String, String)>, OauthError> {
    let is_form = headers.get(CONTENT_TYPE).is_some_and(|it| {
        let media = it.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        media.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    });
    form(body).filter(|_| is_form).ok_or(OauthError::InvalidRequest)
}
