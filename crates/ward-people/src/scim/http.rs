//! The SCIM door: `/scim/v2/..` (RFC 7644).
//!
//! What it must never do: answer a leave before the leaver is cut, or need the store to cut him.
//! The order in a PATCH or PUT: the message is understood whole, then he leaves, then attributes
//! are saved; a leave stands even when an attribute is refused as taken.
//! Best test: `http/tests.rs`.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::routing::{any, get};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use serde_json::Value;
use ward_model::PersonId;
use ward_model::word::PersonState;

use crate::life::People;
use crate::limits::{BODY_BYTES_MAX, PAGE_DEFAULT, PAGE_MAX};
use crate::outside::{Find, Outside, Unavailable};
use crate::person::{PersonRow, id_from_random, id_text, parse_id};
use crate::scim::error::{MEDIA_TYPE, ScimError};
use crate::scim::wire::{Draft, USER_SCHEMA, select, user};
use crate::scim::{about, filter, patch};

type Answer = Result<Response<Body>, ScimError>;

/// The routes of SCIM.
pub fn router<E: Outside>(people: People<E>) -> Router {
    let one = get(read::<E>).put(replace::<E>).patch(change::<E>).delete(remove::<E>);
    Router::new()
        .route("/scim/v2/Users", get(list::<E>).post(create::<E>))
        .route("/scim/v2/Users/{id}", one)
        .route("/scim/v2/ServiceProviderConfig", get(config::<E>))
        .route("/scim/v2/ResourceTypes", get(types::<E>))
        .route("/scim/v2/ResourceTypes/{name}", get(one_type::<E>))
        .route("/scim/v2/Schemas", get(schemas::<E>))
        .route("/scim/v2/Schemas/{id}", get(one_schema::<E>))
        .route("/scim/v2", any(nothing))
        .route("/scim/v2/", any(nothing))
        .route("/scim/v2/{*rest}", any(nothing))
        .with_state(people)
}

async fn list<E: Outside>(State(people): State<People<E>>, uri: Uri) -> Response<Body> {
    finish(list_users(&people, &uri).await)
}

async fn create<E: Outside>(State(people): State<People<E>>, request: Request) -> Response<Body> {
    finish(create_user(&people, request).await)
}

async fn read<E: Outside>(
    State(people): State<People<E>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    finish(read_user(&people, &id, &uri, &headers).await)
}

async fn replace<E: Outside>(
    State(people): State<People<E>>,
    Path(id): Path<String>,
    request: Request,
) -> Response<Body> {
    finish(write_user(&people, &id, request, Draft::replace).await)
}

async fn change<E: Outside>(
    State(people): State<People<E>>,
    Path(id): Path<String>,
    request: Request,
) -> Response<Body> {
    let apply = |row, body: &Value| patch::apply(Draft { row, active: None }, body);
    finish(write_user(&people, &id, request, apply).await)
}

async fn remove<E: Outside>(
    State(people): State<People<E>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    finish(remove_user(&people, &id, &headers).await)
}

async fn config<E: Outside>(State(people): State<People<E>>) -> Response<Body> {
    json(StatusCode::OK, &about::service_provider_config(people.base()))
}

async fn types<E: Outside>(State(people): State<People<E>>) -> Response<Body> {
    json(StatusCode::OK, &about::list(1, 1, &[about::resource_type(people.base())]))
}

async fn one_type<E: Outside>(
    State(people): State<People<E>>,
    Path(name): Path<String>,
) -> Response<Body> {
    match name.as_str() {
        "User" => json(StatusCode::OK, &about::resource_type(people.base())),
        _ => ScimError::not_found().into_response(),
    }
}

async fn schemas<E: Outside>(State(people): State<People<E>>) -> Response<Body> {
    json(StatusCode::OK, &about::list(1, 1, &[about::schema(people.base())]))
}

async fn one_schema<E: Outside>(
    State(people): State<People<E>>,
    Path(id): Path<String>,
) -> Response<Body> {
    if id.eq_ignore_ascii_case(USER_SCHEMA) {
        return json(StatusCode::OK, &about::schema(people.base()));
    }
    ScimError::not_found().into_response()
}

async fn nothing() -> Response<Body> {
    ScimError::not_found().into_response()
}

async fn list_users<E: Outside>(people: &People<E>, uri: &Uri) -> Answer {
    let query = Asked::of(uri)?;
    let (rows, total, start) = match &query.filter {
        Some(text) => {
            let found = match filter::parse(text)? {
                Some(find) => people.outside().find(find).await?,
                None => None,
            };
            let rows: Vec<_> = found.into_iter().filter(|row| !row.deleted).collect();
            let (total, from) = (rows.len(), query.start.saturating_sub(1));
            (rows.into_iter().skip(from).take(query.count).collect(), total, query.start)
        }
        None => {
            let from = query.start.saturating_sub(1);
            let page = people.outside().list(from, query.count).await?;
            (page.rows, page.total, query.start)
        }
    };
    let resources: Vec<Value> = rows.iter().map(|row| shown(people, row, &query)).collect();
    Ok(json(StatusCode::OK, &about::list(total, start, &resources)))
}

async fn create_user<E: Outside>(people: &People<E>, request: Request) -> Answer {
    let query = Asked::of(request.uri())?;
    let body = body(request).await?;
    let now = people.outside().now();
    let row = PersonRow::named(id_from_random(people.outside().random()), String::new(), now);
    let draft = Draft::replace(row, &body)?;
    let active = draft.active.unwrap_or(true);
    let row = PersonRow { state: state_of(active), ..draft.row };
    people.join(row.clone(), active).await?;
    let mut response = json(StatusCode::CREATED, &shown(people, &row, &query));
    let location = format!("{}/Users/{}", people.base(), id_text(row.id));
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    tag(&mut response, &version(people, &row));
    Ok(response)
}

async fn read_user<E: Outside>(
    people: &People<E>,
    id: &str,
    uri: &Uri,
    headers: &HeaderMap,
) -> Answer {
    let query = Asked::of(uri)?;
    let row = known_row(people, parse_id(id).ok_or_else(ScimError::not_found)?).await?;
    let version = version(people, &row);
    let mut response = if matches(headers, &header::IF_NONE_MATCH, &version) == Some(true) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        json(StatusCode::OK, &shown(people, &row, &query))
    };
    tag(&mut response, &version);
    Ok(response)
}

async fn write_user<E: Outside>(
    people: &People<E>,
    id: &str,
    request: Request,
    apply: impl Fn(PersonRow, &Value) -> Result<Draft, ScimError>,
) -> Answer {
    let person = parse_id(id).ok_or_else(ScimError::not_found)?;
    let signalled_at = people.outside().now();
    let query = Asked::of(request.uri())?;
    let headers = request.headers().clone();
    let body = body(request).await?;
    let before = match known_row(people, person).await {
        Err(error) if error.status == StatusCode::SERVICE_UNAVAILABLE => {
            let row = PersonRow::named(person, "-".into(), signalled_at);
            let asked = apply(row.clone(), &body)?;
            return leave_blind(people, asked, &row, error).await;
        }
        known => known?,
    };
    if matches(&headers, &header::IF_MATCH, &version(people, &before)) == Some(false) {
        return Err(ScimError::precondition());
    }
    let draft = apply(before.clone(), &body)?;
    match draft.active {
        Some(false) => people.leave(person, signalled_at, Vec::new()).await?,
        Some(true) => people.come_back(person).await?,
        None => {}
    }
    let mut row = draft.row;
    if row.canonical() != before.canonical() {
        row.modified = signalled_at;
        people.change(row).await?;
    }
    let row = match known_row(people, person).await {
        Ok(row) => row,
        // WHY no error: what was asked for is done and durable (RFC 7644 §3.5.2 allows 204).
        Err(_) => return Ok(empty()),
    };
    let mut response = json(StatusCode::OK, &shown(people, &row, &query));
    tag(&mut response, &version(people, &row));
    Ok(response)
}

/// The store does not answer, and someone may be leaving: the records alone suffice to cut him.
async fn leave_blind<E: Outside>(
    people: &People<E>,
    asked: Draft,
    blank: &PersonRow,
    error: ScimError,
) -> Answer {
    if asked.active != Some(false) {
        return Err(error);
    }
    people.leave(blank.id, blank.modified, Vec::new()).await?;
    // WHY an error after all when attributes were sent too: those were not saved.
    if asked.row == *blank { Ok(empty()) } else { Err(error) }
}

async fn remove_user<E: Outside>(people: &People<E>, id: &str, headers: &HeaderMap) -> Answer {
    let person = parse_id(id).ok_or_else(ScimError::not_found)?;
    let signalled_at = people.outside().now();
    let row = match known_row(people, person).await {
        Err(error) if error.status == StatusCode::SERVICE_UNAVAILABLE => {
            people.leave(person, signalled_at, Vec::new()).await?;
            return Err(error);
        }
        known => known?,
    };
    if matches(headers, &header::IF_MATCH, &version(people, &row)) == Some(false) {
        return Err(ScimError::precondition());
    }
    people.leave(person, signalled_at, Vec::new()).await?;
    people.change(PersonRow { deleted: true, modified: signalled_at, ..row }).await?;
    Ok(empty())
}

/// The row of someone the records know and SCIM has not deleted.
///
/// WHY a missing row is an outage: the records know him, so someone took it out of the database,
/// and that must not keep a leaver in. Nor must a row marked as deleted while he is still here.
async fn known_row<E: Outside>(
    people: &People<E>,
    person: PersonId,
) -> Result<PersonRow, ScimError> {
    if people.read(|it| it.person(person).is_none()) {
        return Err(ScimError::not_found());
    }
    let row = people.outside().find(Find::Id(person)).await?;
    let row = row.ok_or(Unavailable { what: "store" })?;
    let gone = row.deleted && people.read(|it| it.is_out(person));
    if gone { Err(ScimError::not_found()) } else { Ok(row) }
}

const fn state_of(active: bool) -> PersonState {
    if active { PersonState::Active } else { PersonState::Left }
}

/// The state the records give; a row nobody recorded is nobody active.
fn state<E: Outside>(people: &People<E>, person: PersonId) -> PersonState {
    people.read(|it| {
        let held = it.person(person).filter(|_| !it.is_out(person));
        held.map_or(PersonState::Left, |held| held.state)
    })
}

fn shown<E: Outside>(people: &People<E>, row: &PersonRow, query: &Asked) -> Value {
    let mut out = user(row, state(people, row.id), people.base(), &version(people, row));
    select(&mut out, query.attributes.as_deref(), query.excluded.as_deref());
    out
}

/// A weak tag over attributes and state (RFC 7644 §3.14).
fn version<E: Outside>(people: &People<E>, row: &PersonRow) -> String {
    let mut bytes = row.canonical();
    bytes.push(state(people, row.id).byte());
    let digest = people.outside().digest(&bytes);
    let short = digest.first_chunk::<8>().copied().unwrap_or_default();
    format!("W/\"{}\"", data_encoding::HEXLOWER.encode(&short))
}

/// Whether a precondition header names this version; `None` without the header.
fn matches(headers: &HeaderMap, name: &header::HeaderName, version: &str) -> Option<bool> {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let mut tags = values.filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(','));
    Some(tags.any(|tag| tag.trim() == "*" || bare(tag) == bare(version)))
}

/// What a query string asks for.
struct Asked {
    filter: Option<String>,
    start: usize,
    count: usize,
    attributes: Option<String>,
    excluded: Option<String>,
}

impl Asked {
    fn of(uri: &Uri) -> Result<Self, ScimError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| ScimError::syntax("the query string cannot be read"))?;
        let mut asked =
            Self { filter: None, start: 1, count: PAGE_DEFAULT, attributes: None, excluded: None };
        for (name, value) in pairs {
            match name.to_ascii_lowercase().as_str() {
                "filter" => asked.filter = Some(value),
                "startindex" => asked.start = whole("startIndex", &value)?.max(1),
                "count" => asked.count = whole("count", &value)?.min(PAGE_MAX),
                "attributes" => asked.attributes = Some(value),
                "excludedattributes" => asked.excluded = Some(value),
                _ => {}
            }
        }
        Ok(asked)
    }
}

/// A whole number; a negative one counts as zero (RFC 7644 §3.4.2.4).
fn whole(name: &str, text: &str) -> Result<usize, ScimError> {
    let number: i64 =
        text.parse().map_err(|_| ScimError::value(format!("{name} is a whole number")))?;
    Ok(usize::try_from(number).unwrap_or(0))
}

async fn body(request: Request) -> Result<Value, ScimError> {
    if let Some(kind) = request.headers().get(header::CONTENT_TYPE) {
        let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let known = [MEDIA_TYPE, "application/json"];
        if !known.iter().any(|it| kind.eq_ignore_ascii_case(it)) {
            return Err(ScimError::media_type());
        }
    }
    let bytes = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX)
        .await
        .map_err(|_| ScimError::too_large())?;
    serde_json::from_slice(&bytes).map_err(|_| ScimError::syntax("the body is not JSON"))
}

fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

fn empty() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn tag(response: &mut Response<Body>, version: &str) {
    if let Ok(version) = HeaderValue::try_from(version) {
        response.headers_mut().insert(header::ETAG, version);
    }
}

fn finish(answer: Answer) -> Response<Body> {
    answer.unwrap_or_else(ScimError::into_response)
}

#[cfg(test)]
mod tests;
