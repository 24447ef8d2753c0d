//! `/api/operators/record`: the operators' record, and a part of it as a file.
//!
//! Both name operators by their SCIM ids and no data subject. Taking a file out is an act, recorded
//! before the file leaves. Errors are RFC 9457 problems. Best test: `api/tests.rs`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Query, State};
use axum::routing::get;
use http::{HeaderValue, Response, StatusCode, Uri, header};
use serde_json::{Value, json};
use sha2::Digest as _;
use ward_journal::{Journal, ReadError};
use ward_model::{
    ApiKeyId, Caller, LeafIndex, PersonId, Problem, ProblemKind, Reason, SessionId, UnixMillis,
};

use super::file::{self, Part};
use super::search::{self, Page};
use super::{Entry, EntryKind, SharedHistory, Wanted};
use crate::limits::{FILE_LEAVES_MAX, PAGE_DEFAULT, PAGE_MAX};

/// What these routes stand on. Cheap to clone.
#[derive(Clone)]
pub struct Room {
    /// The journal.
    pub journal: Journal,
    /// The view over it.
    pub history: SharedHistory,
    /// The verifier key of its checkpoints.
    pub vkey: Arc<str>,
    /// The time.
    pub clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
}

/// The routes of the record, paths from the root.
///
/// WHY no credential check here: the program checks every control-plane credential in one place
/// and puts a [`Caller`] into the request's extensions.
pub fn router(room: Room) -> Router {
    Router::new()
        .route("/api/operators/record", get(record))
        .route("/api/operators/record/export", get(export))
        .with_state(room)
}

async fn record(State(room): State<Room>, uri: Uri) -> Response<Body> {
    let work = async {
        let wanted = wanted(&uri)?;
        let page = blocking(move || search::page(&room.journal, &room.history, &wanted)).await?;
        Ok(shown(&page))
    };
    match work.await {
        Ok(value) => answer(StatusCode::OK, "application/json", value.to_string().into_bytes()),
        Err(problem) => refused(&problem),
    }
}

async fn export(
    State(room): State<Room>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Response<Body> {
    match exported(room, &caller, &uri).await {
        Ok(file) => answer(StatusCode::OK, "application/x-ndjson", file.into_bytes()),
        Err(problem) => refused(&problem),
    }
}

async fn exported(room: Room, caller: &Caller, uri: &Uri) -> Result<String, Problem> {
    let (mut part, mut at) = (Part::default(), LeafIndex(0));
    for (name, value) in pairs(uri)? {
        match name.as_str() {
            "from" => part.from = Some(moment(&value)?),
            "to" => part.to = Some(moment(&value)?),
            "at" => at = leaf(&value)?,
            _ => return Err(wrong("known parameters: from, to, at")),
        }
    }
    let asked = sha2::Sha256::digest(uri.query().unwrap_or_default()).into();
    let act = caller.did("export operators' record", at.0, asked);
    let recorded = room.journal.append(act, (room.clock)()).await;
    let _recorded = recorded.map_err(|_| unavailable())?;
    blocking(move || {
        let time = (part.from, part.to);
        let listed = search::listed(&room.journal, &room.history, at, time, FILE_LEAVES_MAX)?;
        part.next = listed.next;
        let proven = match listed.leaves.as_slice() {
            // A file without leaves still says of which tree: the act above made one leaf at least.
            [] => room.journal.proven(&[LeafIndex(0)]).map(|mut it| {
                it.leaves.clear();
                it
            })?,
            leaves => room.journal.proven(leaves)?,
        };
        Ok(file::write(&part, &proven, &room.vkey))
    })
    .await
}

fn wanted(uri: &Uri) -> Result<Wanted, Problem> {
    let mut wanted = Wanted { limit: PAGE_DEFAULT, ..Wanted::default() };
    for (name, value) in pairs(uri)? {
        match name.as_str() {
            "person" => wanted.person = Some(person(&value)?),
            "kind" => {
                let told = || wrong(&format!("kind is one of {}", kinds()));
                wanted.kind = Some(EntryKind::from_name(&value).ok_or_else(told)?);
            }
            "words" => wanted.words = Wanted::words(&value),
            "from" => wanted.from = Some(moment(&value)?),
            "to" => wanted.to = Some(moment(&value)?),
            "before" => wanted.before = Some(leaf(&value)?),
            "limit" => {
                let number = value.parse().ok().filter(|it| (1..=PAGE_MAX).contains(it));
                wanted.limit =
                    number.ok_or_else(|| wrong("limit is a whole number from 1 to 200"))?;
            }
            _ => {
                let told = "known parameters: person, kind, words, from, to, before, limit";
                return Err(wrong(told));
            }
        }
    }
    Ok(wanted)
}

fn kinds() -> String {
    EntryKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
}

fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| wrong("the query string cannot be read"))?;
    let twice = pairs
        .iter()
        .enumerate()
        .any(|(at, (name, _))| pairs.iter().take(at).any(|(earlier, _)| earlier == name));
    if twice { Err(wrong("a parameter stands twice")) } else { Ok(pairs) }
}

/// A person's id: a hyphenated lower-case UUID.
fn person(text: &str) -> Result<PersonId, Problem> {
    let person = PersonId::parse(&text.replace('-', "")).ok().filter(|it| it.uuid() == text);
    person.ok_or_else(|| wrong("a person's id is a hyphenated lower-case UUID"))
}

/// A moment: RFC 3339, or milliseconds since the epoch.
fn moment(text: &str) -> Result<UnixMillis, Problem> {
    if let Ok(ms) = text.parse() {
        return Ok(UnixMillis::new(ms));
    }
    let time: Result<jiff::Timestamp, _> = text.parse();
    let time = time.map_err(|_| wrong("a moment is RFC 3339, or milliseconds since 1970"))?;
    Ok(UnixMillis::new(time.as_millisecond()))
}

fn leaf(text: &str) -> Result<LeafIndex, Problem> {
    let number = text.parse().ok().filter(|it| *it >= 0).map(LeafIndex);
    number.ok_or_else(|| wrong("a leaf is a whole number from 0 on"))
}

/// A page as the API shows it.
fn shown(page: &Page) -> Value {
    let items: Vec<Value> = page.entries.iter().map(written).collect();
    json!({ "items": items, "next": page.next, "searched_to": page.searched_to.map(time) })
}

/// An entry as the API and `ward operators verify` show it.
#[must_use]
pub fn written(it: &Entry) -> Value {
    json!({
        "index": it.index, "at": time(it.time), "kind": it.kind,
        "person": it.person.map(PersonId::uuid),
        "api_key": Some(it.api_key).filter(|it| *it != ApiKeyId::NONE),
        "session": Some(it.session).filter(|it| *it != SessionId::NONE),
        "text": it.text,
    })
}

fn time(at: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(at.ms()).map(|it| it.to_string()).unwrap_or_default()
}

/// Reads the journal off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(ReadError::Corrupt { .. })) => {
            Err(ProblemKind::Corrupt.problem("the journal is damaged", None))
        }
        Ok(Err(_)) => Err(unavailable()),
        Err(_) => Err(ProblemKind::Corrupt.problem("the work ended badly", None)),
    }
}

fn wrong(detail: &str) -> Problem {
    ProblemKind::Input.problem(detail, None)
}

fn unavailable() -> Problem {
    ProblemKind::Unavailable(Reason::JournalUnavailable)
        .problem("the journal does not answer", None)
}

fn refused(problem: &Problem) -> Response<Body> {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer(status, Problem::MEDIA_TYPE, problem.to_json())
}

fn answer(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
