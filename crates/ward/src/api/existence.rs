//! `/api/existence`: who exists, fed in bulk and as a stream of created and deleted.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use ward_model::record::ExistenceFed;
use ward_model::{NamespaceNumber, Problem};
use ward_register::{Fed, FeedEvent, RegisterError};

use super::{Answer, blocking, finish, input, unavailable};
use crate::app::App;
use crate::clock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    ids: Vec<Value>,
    /// Whether this was the last batch; told so that a half import is seen as one.
    #[serde(default)]
    complete: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Events {
    #[serde(default)]
    created: Vec<Value>,
    #[serde(default)]
    deleted: Vec<Value>,
    watermark: Option<i64>,
}

/// `POST /api/existence/{namespace}/import`.
pub async fn import(
    State(app): State<Arc<App>>,
    Path(namespace): Path<String>,
    body: Bytes,
) -> Response<Body> {
    finish(imported(app, &namespace, &body).await)
}

/// `POST /api/existence/{namespace}/events`.
pub async fn events(
    State(app): State<Arc<App>>,
    Path(namespace): Path<String>,
    body: Bytes,
) -> Response<Body> {
    finish(fed(app, &namespace, &body).await)
}

async fn imported(app: Arc<App>, namespace: &str, body: &[u8]) -> Answer {
    let import: Import = serde_json::from_slice(body).map_err(|error| input(error.to_string()))?;
    let number = namespace_number(&app, namespace)?;
    let ids = texts(import.ids)?;
    let register = app.register.clone();
    let fed = blocking(move || register.import(number, ids, |_| {})).await?;
    let fed = fed.map_err(problem)?;
    recorded(&app, number, fed).await?;
    Ok(json!({
        "existing": fed.existing, "tombstones": fed.tombstones, "watermark": fed.watermark,
        "complete": import.complete,
    }))
}

async fn fed(app: Arc<App>, namespace: &str, body: &[u8]) -> Answer {
    let events: Events = serde_json::from_slice(body).map_err(|error| input(error.to_string()))?;
    let number = namespace_number(&app, namespace)?;
    let (created, deleted) = (texts(events.created)?, texts(events.deleted)?);
    let register = app.register.clone();
    let fed = blocking(move || {
        let created = created.iter().map(|id| FeedEvent::Created(id));
        let deleted = deleted.iter().map(|id| FeedEvent::Deleted(id));
        let all: Vec<FeedEvent<'_>> = created.chain(deleted).collect();
        register.feed(number, &all, events.watermark)
    });
    let fed = fed.await?.map_err(problem)?;
    recorded(&app, number, fed).await?;
    Ok(json!({
        "existing": fed.existing, "tombstones": fed.tombstones, "watermark": fed.watermark,
    }))
}

async fn recorded(app: &App, namespace: NamespaceNumber, fed: Fed) -> Result<(), Problem> {
    let record = ExistenceFed {
        namespace,
        existing: fed.existing,
        tombstones: fed.tombstones,
        watermark: fed.watermark,
    };
    match app.journal.append(record, clock::now()).await {
        Ok(_recorded) => Ok(()),
        Err(_) => Err(unavailable("the journal")),
    }
}

fn namespace_number(app: &App, name: &str) -> Result<NamespaceNumber, Problem> {
    let catalogue = app.catalogue.load();
    let found = catalogue.namespaces().iter().find(|one| one.name == name);
    found.map(|one| one.number).ok_or_else(|| input("the catalogue has no such namespace"))
}

/// Ids are texts or integers.
fn texts(ids: Vec<Value>) -> Result<Vec<String>, Problem> {
    let text = |id: Value| match id {
        Value::String(text) => Ok(text),
        Value::Number(number) if number.is_i64() => Ok(number.to_string()),
        _ => Err(input("an id is a text or an integer")),
    };
    ids.into_iter().map(text).collect()
}

fn problem(error: RegisterError) -> Problem {
    match error {
        RegisterError::Input => input("an id is empty, too long or holds a control character"),
        _ => unavailable("the register"),
    }
}
