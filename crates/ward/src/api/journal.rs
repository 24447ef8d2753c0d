//! The journal's public side (checkpoint, hash tiles) and its proofs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Response, StatusCode, Uri, header};
use serde_json::json;
use ward_model::{LeafIndex, ProblemKind};
use ward_tlog::{Tile, tile::Resource};

use super::query::Query;
use super::{Answer, blocking, finish, unavailable};
use crate::app::App;

/// `GET /journal/checkpoint`: the newest signed checkpoint (c2sp.org/tlog-checkpoint), signed now.
pub async fn checkpoint(State(app): State<Arc<App>>) -> Response<Body> {
    let kept = blocking(move || app.journal.checkpoint_now()).await;
    match kept {
        Ok(Ok(Some(kept))) => bytes("text/plain; charset=utf-8", kept.note.encode().into_bytes()),
        Ok(Ok(None)) => finish(Err(ProblemKind::NotFound.problem("nothing is recorded yet", None))),
        _ => finish(Err(unavailable("the journal"))),
    }
}

/// `GET /journal/key`: the verifier key of checkpoints.
pub async fn key(State(app): State<Arc<App>>) -> Response<Body> {
    bytes("text/plain; charset=utf-8", format!("{}\n", app.checkpoint_vkey).into_bytes())
}

/// `GET /journal/tile/{level}/{index}[.p/{width}]`: hash tiles, open to anybody.
pub async fn tile(State(app): State<Arc<App>>, Path(path): Path<String>) -> Response<Body> {
    let not_there = || finish(Err(ProblemKind::NotFound.problem("no such tile", None)));
    // Entry bundles hold records: they are not for everybody.
    let Ok(Resource::Hashes(tile)) = Tile::parse(&format!("tile/{path}")) else {
        return not_there();
    };
    match blocking(move || app.journal.tile(tile)).await {
        Ok(Ok(tile)) => bytes("application/octet-stream", tile),
        Ok(Err(_)) => not_there(),
        Err(problem) => finish(Err(problem)),
    }
}

/// `GET /api/journal/proof?index=`: the inclusion proof of a leaf, with the leaf.
pub async fn proof(State(app): State<Arc<App>>, uri: Uri) -> Response<Body> {
    finish(proved(app, &uri).await)
}

async fn proved(app: Arc<App>, uri: &Uri) -> Answer {
    let query = Query::parse(uri.query(), &["index"])?;
    let index = query.number("index", 0, i64::MAX)?;
    let proved = blocking(move || app.journal.proof_file(LeafIndex(index))).await?;
    let (proof, leaf) =
        proved.map_err(|_| ProblemKind::NotFound.problem("there is no such leaf", None))?;
    Ok(json!({
        "proof": proof.encode(),
        "leaf": data_encoding::BASE64.encode(&leaf),
    }))
}

/// `GET /api/journal/health`.
pub async fn health(State(app): State<Arc<App>>) -> Response<Body> {
    finish(
        blocking(move || {
            let health = app.journal.health();
            json!({
                "records": health.records, "bytes": health.bytes, "poisoned": health.poisoned,
                "dead": health.dead, "spare_ready": health.spare_ready, "lost": health.lost,
                "checkpoint": health.checkpoint, "queue_depth": health.queue_depth,
                "ledger_faults": app.ledger.faults(),
            })
        })
        .await,
    )
}

/// `GET /readyz`: whether reads can be recorded.
pub async fn ready(State(app): State<Arc<App>>) -> Response<Body> {
    let dead = blocking(move || app.journal.health().dead).await.unwrap_or(true);
    let mut response =
        bytes("text/plain", if dead { b"not ready\n".to_vec() } else { b"ready\n".to_vec() });
    if dead {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

fn bytes(kind: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
