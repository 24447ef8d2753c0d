//! A sealed Ward: custody needs shares, and until enough are given nothing else is served.
//!
//! `GET /readyz` says 503 and how many are missing; `POST /api/unseal` takes one share. Possession
//! of a share is the proof: its digest stands in the lock beside its holder's name, so a wrong one
//! is told at once and whoever gave a right one is known. Nothing that is posted is logged.
//! Best test: `interop/custody.py`.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Request, Response, StatusCode, Uri};
use axum::routing::any;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use ward_keys::custody::{Lock, Share, fits};
use zeroize::Zeroizing;

use crate::exit::Exit;

/// Longest body taken, bytes.
const BODY_BYTES_MAX: usize = 1024;

struct Sealed {
    lock: Lock,
    need: usize,
    shares: Mutex<Vec<Share>>,
    opened: watch::Sender<bool>,
}

/// Serves on `listener` until enough shares were given, or `stopped` resolves (`None`).
///
/// # Errors
/// The listener fails.
pub async fn wait(
    listener: TcpListener,
    lock: Lock,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Result<Option<Vec<Share>>, Exit> {
    let Lock::Shares { need, .. } = lock else { return Ok(Some(Vec::new())) };
    let (opened, mut enough) = watch::channel(false);
    let (shares, need) = (Mutex::default(), usize::from(need));
    let sealed = Arc::new(Sealed { lock, need, shares, opened });
    // Every path: which one it is decides `answer`, for there is no house behind it yet.
    let service = any(answer).with_state(Arc::clone(&sealed)).into_make_service();
    let (gone, was_stopped) = watch::channel(false);
    let until = async move {
        tokio::select! {
            _ = enough.wait_for(|enough| *enough) => {}
            () = stopped => { gone.send_replace(true); }
        }
    };
    let served = axum::serve(listener, service).with_graceful_shutdown(until).await;
    served.map_err(|error| Exit::new(74, format!("the sealed control plane ended: {error}")))?;
    if *was_stopped.borrow() {
        return Ok(None);
    }
    let shares = sealed.shares.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Some(shares.clone()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    share: Zeroizing<String>,
}

async fn answer(State(sealed): State<Arc<Sealed>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let (status, value) = match (&head.method, path(&head.uri)) {
        (&Method::GET, "/healthz") => (StatusCode::OK, sealed.standing()),
        (&Method::POST, "/api/unseal") => match axum::body::to_bytes(body, BODY_BYTES_MAX).await {
            Ok(body) => sealed.take(&body),
            Err(_) => (StatusCode::PAYLOAD_TOO_LARGE, json!({"error": "a share is short"})),
        },
        _ => (StatusCode::SERVICE_UNAVAILABLE, sealed.standing()),
    };
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let json = axum::http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(axum::http::header::CONTENT_TYPE, json);
    response
}

fn path(uri: &Uri) -> &str {
    uri.path()
}

impl Sealed {
    fn standing(&self) -> Value {
        let given = self.shares.lock().unwrap_or_else(PoisonError::into_inner).len();
        json!({"sealed": given < self.need, "given": given, "need": self.need})
    }

    fn take(&self, body: &Bytes) -> (StatusCode, Value) {
        let wrong = |why: &str| (StatusCode::BAD_REQUEST, json!({"error": why}));
        // WHY no detail of the parser: it could quote the share.
        let Ok(posted) = serde_json::from_slice::<Posted>(body) else {
            return wrong("the body is {\"share\": \"ward_share_...\"}");
        };
        let share = match Share::parse(&posted.share) {
            Ok(share) => share,
            Err(error) => return wrong(&error.to_string()),
        };
        if !fits(&self.lock, &share) {
            return wrong("this share is of another custody, or of the lock before");
        }
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if shares.iter().all(|known| known.number() != share.number()) {
            shares.push(share);
        }
        let enough = shares.len() >= self.need;
        drop(shares);
        if enough {
            self.opened.send_replace(true);
        }
        (StatusCode::OK, self.standing())
    }
}
