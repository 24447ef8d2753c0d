//! `GET /oauth/status/{list}`: a list as everyone may read it, signed and small.
//!
//! Made anew when something changed, at most every [`STATUS_MADE_MS`]; a copy may be kept so long
//! that what is taken back shows within `ttl` of the act. Best test: `status_list/tests.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{Response, StatusCode};
use metrics::counter;
use serde_json::json;
use tokio::sync::Semaphore;
use ward_keys::{Statement, state};
use ward_ledger::StatusList;
use ward_model::UnixMillis;
use ward_model::word::KeyPurpose;

use super::bits;
use crate::desk::Desk;
use crate::limits::{STATUS_EXP_SECONDS, STATUS_KEPT_MAX, STATUS_MADE_MS, STATUS_TTL_SECONDS};
use crate::oauth::{OauthError, answer};

/// A list as it was made.
#[derive(Clone)]
struct Made {
    jwt: Bytes,
    at: UnixMillis,
    version: (u64, u64),
}

/// Lists that were made, and who makes one now.
pub(crate) struct Served {
    kept: Mutex<HashMap<StatusList, Made>>,
    making: Arc<Semaphore>,
}

impl Served {
    pub(crate) fn new() -> Self {
        Self { kept: Mutex::default(), making: Arc::new(Semaphore::new(1)) }
    }

    /// A copy that may still be served.
    fn find(&self, list: StatusList, version: (u64, u64), now: UnixMillis) -> Option<Made> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let made = kept.get(&list)?;
        let age = now.since(made.at);
        let fresh = age < STATUS_MADE_MS
            || (made.version == version && age < STATUS_TTL_SECONDS * 1000 / 2);
        (age >= 0 && fresh).then(|| made.clone())
    }

    fn keep(&self, list: StatusList, made: Made) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= STATUS_KEPT_MAX && !kept.contains_key(&list) {
            kept.clear();
        }
        kept.insert(list, made);
    }
}

/// `GET /oauth/status/{list}` (§8).
pub(crate) async fn door(State(desk): State<Desk>, Path(name): Path<String>) -> Response<Body> {
    let list = desk.0.issuance.0.ledger.secret().status_list(&name);
    let version = list.and_then(|list| desk.0.statuses.book()?.version(list));
    let (Some(list), Some(version)) = (list, version) else {
        return answer(StatusCode::NOT_FOUND, &json!({ "error": "not_found" }));
    };
    let now = desk.0.issuance.now();
    let made = match desk.0.served.find(list, version, now) {
        Some(made) => Some(made),
        None => make(&desk, list).await,
    };
    let Some(made) = made else {
        return OauthError::TemporarilyUnavailable.response();
    };
    // INVARIANT: a change is in the list within STATUS_MADE_MS, and a copy is thrown away early
    // enough that list and copy together are never older than `ttl`.
    let age = now.since(made.at).max(0) / 1000;
    let left = (STATUS_TTL_SECONDS - age - STATUS_MADE_MS / 1000).max(0);
    let mut response = answer(StatusCode::OK, &json!(null));
    *response.body_mut() = Body::from(made.jwt);
    let headers = response.headers_mut();
    headers.remove("pragma");
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/statuslist+jwt"));
    if let Ok(cached) = HeaderValue::try_from(format!("public, max-age={left}")) {
        headers.insert(CACHE_CONTROL, cached);
    }
    // §8.1: a verifier may be a page in a browser; the list holds nothing that is anyone's.
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// Makes a list, one at a time; `None` when no key signs it.
async fn make(desk: &Desk, list: StatusList) -> Option<Made> {
    let _turn = Arc::clone(&desk.0.served.making).acquire_owned().await.ok()?;
    let desk = desk.clone();
    let work = tokio::task::spawn_blocking(move || {
        let issuance = &desk.0.issuance;
        let now = issuance.now();
        let (version, valid) = desk.0.statuses.valid(list)?;
        // Somebody may have made it while this one waited its turn.
        if let Some(made) = desk.0.served.find(list, version, now) {
            return Some(made);
        }
        let secret = issuance.0.ledger.secret();
        let bits = bits(valid.into_iter().map(|within| secret.status_index(list, within)));
        let compressed = miniz_oxide::deflate::compress_to_vec_zlib(&bits, 6);
        let uri = format!("{}{}", desk.0.status_base, secret.status_name(list));
        let statement = Statement::StatusList {
            uri: &uri,
            expires_at: now.plus_ms(STATUS_EXP_SECONDS * 1000),
            ttl_seconds: STATUS_TTL_SECONDS,
            compressed: &compressed,
        };
        let key = issuance.key(KeyPurpose::Answer).ok()?;
        let jwt = Bytes::from(state(&key, &statement, now).ok()?);
        counter!("ward_status_lists_made_total").increment(1);
        let made = Made { jwt, at: now, version };
        desk.0.served.keep(list, made.clone());
        Some(made)
    });
    work.await.ok().flatten()
}
