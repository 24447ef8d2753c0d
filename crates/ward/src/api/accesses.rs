//! `/api/accesses`: what was decided about a request, by its id.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, Response, Uri};
use serde_json::{Value, json};
use ward_model::word::Provenance;
use ward_model::{AccessId, Caller, ProblemKind, Reason};

use super::query::{Query, text_of};
use super::{Answer, blocking, finish, input, unavailable};
use crate::app::App;
use crate::facts::search;
use crate::reads::{Asked, Named, let_out};
use crate::view::recent::{Seen, Wanted};

/// `GET /api/accesses/{id}`.
pub async fn one(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    let work = async {
        let asked = Asked::new(&app, caller, &headers, &uri)?;
        answer(app, &asked, id).await
    };
    finish(work.await)
}

async fn answer(app: Arc<App>, asked: &Asked, id: String) -> Answer {
    let id = AccessId::parse(&id).map_err(|_| input("an access id is 32 hex digits"))?;
    let shared = Arc::clone(&app);
    let found = blocking(move || find(&shared, id)).await?;
    match found.map_err(|_| unavailable("the journal"))? {
        Some(seen) => {
            let shared = Arc::clone(&app);
            let data_subjects = data_subjects(&seen);
            let value = blocking(move || whole(&shared, &seen)).await??;
            if data_subjects == 0 {
                return Ok(value);
            }
            let about = format!("of access {id}");
            let named = Named { what: "access", about: &about, data_subjects };
            let_out(&app, asked, named, value).await
        }
        None => match app.gate.counted_reason(id) {
            Some(reason) => Ok(json!({
                "id": id, "verdict": "refuse", "reason": reason, "released": false,
                "recorded": "counted", "data_subjects": [],
            })),
            None => Err(ProblemKind::NotFound.problem("no access has this id", None)),
        },
    }
}

/// An access from memory, or from the journal by the time in its id.
pub fn find(app: &App, id: AccessId) -> Result<Option<Seen>, ward_journal::ReadError> {
    if let Some(seen) = app.recent.one(id) {
        return Ok(Some(seen));
    }
    search::by_id(&app.journal, id)
}

/// Distinct data subjects of an access.
fn data_subjects(seen: &Seen) -> usize {
    let distinct: std::collections::BTreeSet<_> =
        seen.touches.iter().map(|touch| touch.data_subject).collect();
    distinct.len()
}

/// One access in full, its data subjects named.
fn whole(app: &App, seen: &Seen) -> Answer {
    let mut value = line(app, seen);
    let mut named = Vec::new();
    for touch in &seen.touches {
        let name =
            app.register.name(touch.data_subject).map_err(|_| unavailable("the register"))?;
        let (namespace, id) = name.unzip();
        let namespace = namespace.and_then(|number| namespace_name(app, number));
        named.push(json!({
            "number": touch.data_subject, "namespace": namespace, "id": id, "fields": touch.fields,
        }));
    }
    if let Some(value) = value.as_object_mut() {
        value.insert("data_subjects".to_owned(), Value::Array(named));
    }
    Ok(value)
}

/// The name of a namespace of the register.
pub fn namespace_name(app: &App, number: ward_model::NamespaceNumber) -> Option<String> {
    app.catalogue.load().namespace_name(number).map(str::to_owned)
}

fn line(app: &App, seen: &Seen) -> Value {
    let row = &seen.row;
    let catalogue = app.catalogue.load();
    let route = catalogue.route(row.route).map(|route| route.name.clone());
    let kid = app.ledger.key(row.key).map(|key| key.kid.to_string());
    json!({
        "id": row.access,
        "at": text_of(seen.at.time),
        "leaf": seen.at.index,
        "verdict": row.verdict.as_str(),
        "reason": row.verdict.reason(),
        "released": row.released,
        "mode": row.mode,
        "recorded": "row",
        "principal": {"kind": row.principal_kind, "number": row.principal},
        "api_key": row.api_key,
        "key": kid,
        "route": {"number": row.route, "name": route},
        "task": row.task,
        "source": std::net::Ipv6Addr::from(row.source).to_canonical().to_string(),
        "tenant": row.tenant,
        "status": row.status,
        "provenance": row.provenance,
        "data_subject_count": seen.touches.len(),
        "exact": row.provenance == Provenance::Measured,
    })
}

/// `GET /api/accesses`: the latest, newest first; `before` pages on.
pub async fn list(State(app): State<Arc<App>>, uri: Uri) -> Response<Body> {
    finish(listing(&app, &uri))
}

fn listing(app: &App, uri: &Uri) -> Answer {
    let known = ["verdict", "reason", "principal", "route", "before", "limit"];
    let query = Query::parse(uri.query(), &known)?;
    let number = |key: &str, max: i64| -> Result<Option<i64>, ward_model::Problem> {
        match query.get(key) {
            None => Ok(None),
            Some(_) => query.number(key, 0, max).map(Some),
        }
    };
    let limit = usize::try_from(query.number("limit", 50, 500)?).unwrap_or(50);
    let verdict = query.get("verdict");
    if verdict.is_some_and(|word| !matches!(word, "permit" | "refuse")) {
        return Err(input("verdict is permit or refuse"));
    }
    let reason = query.get("reason");
    if reason.is_some_and(|word| Reason::from_name(word).is_none()) {
        return Err(input("no such reason; docs/operate/refusals has them all"));
    }
    let wanted = Wanted {
        verdict: verdict.map(str::to_owned),
        reason: reason.map(str::to_owned),
        principal: number("principal", i64::MAX)?,
        route: number("route", i64::from(i32::MAX))?.and_then(|route| i32::try_from(route).ok()),
        before: number("before", i64::MAX)?,
        limit,
    };
    let seen = app.recent.list(&wanted);
    let next = seen.last().filter(|_| seen.len() == limit).map(|last| last.at.index);
    let rows: Vec<Value> = seen.iter().map(|one| line(app, one)).collect();
    Ok(json!({"accesses": rows, "next": next}))
}
