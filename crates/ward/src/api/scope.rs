//! `/api/scope` and `/api/who-read`: exactly whose data, and everyone who read one person.
//!
//! Each answer is computed twice: from bitmaps kept at ingest, and by a plain scan of the journal.
//! An answer on which the two do not agree says so.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, Response, Uri};
use serde_json::{Value, json};
use ward_archive::{Agreement, By, Query as Ask, Scan, ScanReaders, compare, compare_readers};
use ward_journal::ReadError;
use ward_model::{
    ApiKeyId, Caller, DataSubjectNumber, LeafIndex, NamespaceNumber, Position, PrincipalKind,
    PrincipalNumber, Problem, Record, UnixMillis,
};
use ward_register::namespace_of;

use super::accesses::namespace_name;
use super::query::{Query, text_of};
use super::{Answer, blocking, finish, input, unavailable};
use crate::app::App;
use crate::reads::{Asked, Named, let_out};

/// Most data subjects named in one answer.
const NAMED_MAX: i64 = 100_000;
/// Records read at once.
const BATCH: usize = 16_384;
/// The end of time, when none is given.
const EVER: UnixMillis = UnixMillis::new(i64::MAX);

/// `GET /api/scope`.
pub async fn scope(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    let work = async {
        let asked = Asked::new(&app, caller, &headers, &uri)?;
        scope_answer(app, &asked, &uri).await
    };
    finish(work.await)
}

async fn scope_answer(app: Arc<App>, asked: &Asked, uri: &Uri) -> Answer {
    let known = ["principal", "key", "api_key", "route", "from", "to", "limit"];
    let query = Query::parse(uri.query(), &known)?;
    let by = by(&app, &query)?;
    let ask = Ask {
        by,
        from: query.moment("from")?.unwrap_or_default(),
        to: query.moment("to")?.unwrap_or(EVER),
        fields: None,
    };
    let limit = usize::try_from(query.number("limit", 1000, NAMED_MAX)?).unwrap_or(1000);
    let about = match ask.by {
        By::Principal(number) => format!("of principal number {number}"),
        By::Key(number) => format!("of signing key number {number}"),
        By::ApiKey(number) => format!("of API key {number}"),
        By::Route(number) => format!("of route {number}"),
    };
    let shared = Arc::clone(&app);
    let answer = blocking(move || computed(&shared, &ask, limit)).await??;
    let data_subjects = answer.get("data_subjects").and_then(Value::as_array).map_or(0, Vec::len);
    let_out(&app, asked, Named { what: "scope", about: &about, data_subjects }, answer).await
}

fn by(app: &App, query: &Query) -> Result<By, Problem> {
    let given =
        ["principal", "key", "api_key", "route"].into_iter().filter(|key| query.get(key).is_some());
    if given.count() != 1 {
        return Err(input(
            "ask by exactly one of principal=kind:id, key=kid, api_key=id, route=number",
        ));
    }
    if let Some(text) = query.get("principal") {
        return Ok(By::Principal(principal(app, text)?));
    }
    if let Some(kid) = query.get("key") {
        let key = app.ledger.keys().into_iter().find(|key| *key.kid == *kid);
        let key = key.ok_or_else(|| input("no key has this kid"))?;
        return Ok(By::Key(key.number));
    }
    if query.get("api_key").is_some() {
        return Ok(By::ApiKey(ApiKeyId(query.number("api_key", 0, i64::MAX)?)));
    }
    let number = query.number("route", 0, i64::from(i32::MAX))?;
    Ok(By::Route(ward_model::RouteNumber(i32::try_from(number).unwrap_or(0))))
}

/// A principal from `kind:id`.
pub fn principal(app: &App, text: &str) -> Result<PrincipalNumber, Problem> {
    let (kind, id) = text.split_once(':').ok_or_else(|| input("write a principal as kind:id"))?;
    let kind = PrincipalKind::from_name(kind).ok_or_else(|| input("no such kind of principal"))?;
    let number = app.register.number(namespace_of(kind), id);
    // Nobody of that name was ever seen: number -1 has read nothing.
    Ok(PrincipalNumber(number.map_or(-1, |number| number.0)))
}

fn computed(app: &App, ask: &Ask, limit: usize) -> Answer {
    let leaves =
        |range: Range<i64>, visit: &mut dyn FnMut(Position, &Record)| read(app, range, visit);
    let view = app.scope.scope(ask, &leaves).map_err(|_| unavailable("the journal"))?;
    let mut scan = Scan::new(ask.clone(), view.size);
    read(app, 0..view.size.0, &mut |at, record| scan.see(at, record))
        .map_err(|_| unavailable("the journal"))?;
    let agree = matches!(compare(&view, &scan.finish()), Agreement::Agree { .. });
    let mut named = Vec::new();
    for number in view.exact.data_subjects.iter().take(limit) {
        named.push(name(app, DataSubjectNumber(i64::try_from(number).unwrap_or(0)))?);
    }
    let undecided: Vec<Value> = view
        .undecided
        .iter()
        .map(|one| json!({"access": one.access, "at": text_of(one.time), "route": one.route}))
        .collect();
    Ok(json!({
        "exact_count": view.exact.data_subjects.len(),
        "accesses": view.exact.accesses,
        "rows": view.exact.rows,
        "first": view.exact.first.map(text_of),
        "last": view.exact.last.map(text_of),
        "data_subjects": named,
        "declared_count": view.declared.data_subjects.len(),
        "reported_count": view.reported.data_subjects.len(),
        "outcome_unknown": undecided,
        "journal_size": view.size,
        "ways_agree": agree,
    }))
}

/// A data subject by its outside name; erased people have none.
fn name(app: &App, number: DataSubjectNumber) -> Answer {
    let name = app.register.name(number).map_err(|_| unavailable("the register"))?;
    Ok(match name {
        Some((namespace, id)) => {
            json!({"namespace": namespace_name(app, namespace), "id": id, "number": number})
        }
        None => json!({"namespace": null, "id": null, "number": number}),
    })
}

/// Reads a range of leaves in batches.
pub fn read(
    app: &App,
    range: Range<i64>,
    visit: &mut dyn FnMut(Position, &Record),
) -> Result<(), ReadError> {
    let mut at = range.start;
    while at < range.end {
        let want = usize::try_from(range.end - at).unwrap_or(BATCH).min(BATCH);
        let batch = app.journal.read(LeafIndex(at), want)?;
        let Some((last, _)) = batch.last() else { break };
        at = last.index.0 + 1;
        for (position, record) in &batch {
            visit(*position, record);
        }
    }
    Ok(())
}

/// `GET /api/who-read`.
pub async fn who_read(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    uri: Uri,
) -> Response<Body> {
    let work = async {
        let asked = Asked::new(&app, caller, &headers, &uri)?;
        who_read_answer(app, &asked, &uri).await
    };
    finish(work.await)
}

async fn who_read_answer(app: Arc<App>, asked: &Asked, uri: &Uri) -> Answer {
    let query = Query::parse(uri.query(), &["data_subject", "from", "to"])?;
    let text = query.get("data_subject").ok_or_else(|| input("give data_subject=namespace:id"))?;
    let (namespace, id) =
        text.split_once(':').ok_or_else(|| input("write a data subject as namespace:id"))?;
    let catalogue = app.catalogue.load_full();
    let found = catalogue.namespaces().iter().find(|one| one.name == namespace);
    let namespace: NamespaceNumber =
        found.map(|one| one.number).ok_or_else(|| input("no such namespace"))?;
    let (from, to) =
        (query.moment("from")?.unwrap_or_default(), query.moment("to")?.unwrap_or(EVER));
    let number = app.register.number(namespace, id).unwrap_or(DataSubjectNumber(-1));
    let shared = Arc::clone(&app);
    let (answer, data_subjects) = blocking(move || readers(&shared, number, from, to)).await??;
    let about = "of one data subject";
    let_out(&app, asked, Named { what: "who-read", about, data_subjects }, answer).await
}

/// The answer, and how many data subjects it names: the one asked about, and readers who are
/// customers, sellers or riders themselves.
fn readers(
    app: &App,
    number: DataSubjectNumber,
    from: UnixMillis,
    to: UnixMillis,
) -> Result<(Value, usize), Problem> {
    let leaves =
        |range: Range<i64>, visit: &mut dyn FnMut(Position, &Record)| read(app, range, visit);
    let view =
        app.scope.who_read(number, from, to, &leaves).map_err(|_| unavailable("the journal"))?;
    let mut scan = ScanReaders::new(number, from, to, view.size);
    read(app, 0..view.size.0, &mut |at, record| scan.see(at, record))
        .map_err(|_| unavailable("the journal"))?;
    let agree = matches!(compare_readers(&view, &scan.finish()), Agreement::Agree { .. });
    let catalogue = app.catalogue.load();
    let mut rows = Vec::new();
    let mut named = BTreeSet::from([number]);
    for one in &view.readers {
        if !matches!(one.principal_kind, PrincipalKind::Person | PrincipalKind::Service) {
            named.insert(DataSubjectNumber::from(one.principal));
        }
        let who = name(app, DataSubjectNumber::from(one.principal))?;
        let route = catalogue.route(one.route).map(|route| route.name.clone());
        let id = who.get("id").and_then(Value::as_str).unwrap_or("unknown");
        rows.push(json!({
            "principal": format!("{}:{id}", one.principal_kind),
            "principal_number": one.principal,
            "api_key": one.api_key,
            "key": one.key,
            "route": route,
            "route_number": one.route,
            "fields": one.fields,
            "count": one.rows,
            "provenance": one.provenance,
            "first": text_of(one.first),
            "last": text_of(one.last),
        }));
    }
    let answer = json!({"readers": rows, "journal_size": view.size, "ways_agree": agree});
    Ok((answer, named.len()))
}
