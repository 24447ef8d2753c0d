//! `/api/gate`: routes opened in an emergency by one person, and the second person afterwards.
//!
//! What a bypass opens, and what it never does, is in `ward-gate/src/emergency.rs`; its bounds are
//! in `bypass.rs` there. WHY no role is checked here: the program checks them in one place.
//! Best test: `ward-gate/src/bypass/desk/tests.rs`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, State};
use axum::http::{Method, Response, Uri};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Digest as _;
use ward_catalogue::{Catalogue, Route};
use ward_gate::bypass::desk::{EndError, OpenError, Opening, ReviewError};
use ward_gate::bypass::{BreakGlass, Bypass, Emergency, NotEnded, NotOpened, NotReviewed, Review};
use ward_model::{BypassId, Caller, PersonId, Problem, ProblemKind, SessionId, Text, UnixMillis};

use super::query::text_of;
use super::{Answer, finish, input, unavailable};
use crate::app::App;
use crate::clock;

/// What opens a route.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenBody {
    route: Named,
    minutes: i64,
    note: String,
}

/// A route by number or name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Number(i32),
    Name(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoteBody {
    note: String,
}

/// `POST /api/gate/bypass`.
pub async fn open(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response<Body> {
    finish(opened(&app, caller, digest(&method, &uri, &body), &body).await)
}

async fn opened(app: &App, caller: Caller, digest: [u8; 32], body: &[u8]) -> Answer {
    let wanted: OpenBody = serde_json::from_slice(body).map_err(|_| {
        input("send {\"route\": number or name, \"minutes\": 10, \"note\": \"why\"}")
    })?;
    let note = note_of(wanted.note)?;
    let catalogue = app.catalogue.load_full();
    let route = find(&catalogue, &wanted.route)
        .ok_or_else(|| ProblemKind::NotFound.problem("no route has this number or name", None))?;
    let bypass = BypassId((i64::from_le_bytes(clock::random()) & i64::MAX).max(1));
    let opening = Opening { bypass, minutes: wanted.minutes, note };
    let now = clock::now();
    match app.emergencies.open(&caller, route, opening, digest, now).await {
        Ok(bypass) => Ok(shown(&catalogue, &bypass, now)),
        Err(error) => Err(not_opened(error)),
    }
}

/// `GET /api/gate/bypasses`: what is open, what nobody else has looked at, and the last day.
pub async fn list(State(app): State<Arc<App>>) -> Response<Body> {
    let (bypasses, now) = (app.emergencies.bypasses(), clock::now());
    let catalogue = app.catalogue.load();
    let (open, unreviewed) = bypasses.counts(now);
    let mut all: Vec<Value> =
        bypasses.all().iter().map(|one| shown(&catalogue, one, now)).collect();
    all.reverse();
    let (_, sessions) = bypasses.unreviewed();
    let sessions: Vec<Value> = sessions.iter().map(session_shown).collect();
    let answer =
        json!({"items": all, "sessions": sessions, "open": open, "unreviewed": unreviewed});
    finish(Ok(answer))
}

/// `DELETE /api/gate/bypass/{id}`.
pub async fn end(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    method: Method,
    uri: Uri,
    Path(id): Path<String>,
) -> Response<Body> {
    let work = async {
        let (bypass, now) = (BypassId(number(&id)?), clock::now());
        let digest = digest(&method, &uri, b"");
        match app.emergencies.end(&caller, bypass, digest, now).await {
            Ok(bypass) => Ok(shown(&app.catalogue.load(), &bypass, now)),
            Err(error) => Err(not_ended(error)),
        }
    };
    finish(work.await)
}

/// `POST /api/gate/bypass/{id}/review`.
pub async fn review(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    method: Method,
    uri: Uri,
    Path(id): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let emergency = number(&id).map(|id| Emergency::Bypass(BypassId(id)));
    finish(reviewed(&app, caller, emergency, digest(&method, &uri, &body), &body).await)
}

/// `POST /api/gate/break-glass/{session}/review`.
pub async fn review_session(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    method: Method,
    uri: Uri,
    Path(id): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let emergency = number(&id).map(|id| Emergency::Session(SessionId(id)));
    finish(reviewed(&app, caller, emergency, digest(&method, &uri, &body), &body).await)
}

async fn reviewed(
    app: &App,
    caller: Caller,
    emergency: Result<Emergency, Problem>,
    digest: [u8; 32],
    body: &[u8],
) -> Answer {
    let emergency = emergency?;
    let told: NoteBody =
        serde_json::from_slice(body).map_err(|_| input("send {\"note\": \"what you found\"}"))?;
    let (note, now) = (note_of(told.note)?, clock::now());
    match app.emergencies.review(&caller, emergency, note, digest, now).await {
        Ok(()) => Ok(json!({"reviewed": true, "person": caller.person.uuid()})),
        Err(error) => Err(not_reviewed(error)),
    }
}

fn find<'c>(catalogue: &'c Catalogue, named: &Named) -> Option<&'c Route> {
    catalogue.routes().iter().find(|route| match named {
        Named::Number(number) => route.number.0 == *number,
        Named::Name(name) => route.name == *name,
    })
}

fn shown(catalogue: &Catalogue, bypass: &Bypass, now: UnixMillis) -> Value {
    let name = catalogue.route(bypass.route).map(|route| route.name.as_str());
    json!({
        "id": bypass.bypass, "route": bypass.route, "route_name": name,
        "state": if now < bypass.until { "open" } else { "over" },
        "opened_at": text_of(bypass.opened_at), "until": text_of(bypass.until),
        "person": bypass.person.uuid(), "note": bypass.note.as_str(),
        "ended_early": bypass.ended_by.is_some(),
        "ended_by": bypass.ended_by.filter(|it| *it != PersonId::default()).map(PersonId::uuid),
        "reviewed_by": bypass.review.as_ref().map(|it| it.person.uuid()),
        "review": bypass.review.as_ref().map(review_shown),
    })
}

fn session_shown(session: &BreakGlass) -> Value {
    json!({
        "session": session.session, "person": session.person.uuid(),
        "opened_at": text_of(session.opened_at),
        "review": session.review.as_ref().map(review_shown),
    })
}

fn review_shown(review: &Review) -> Value {
    json!({
        "person": review.person.uuid(), "at": text_of(review.at), "note": review.note.as_str(),
    })
}

fn note_of(text: String) -> Result<Text, Problem> {
    let note = Text::new(text).ok().filter(|note| !note.as_str().trim().is_empty());
    note.ok_or_else(|| input("note is 1 to 512 bytes of text without personal data"))
}

fn number(id: &str) -> Result<i64, Problem> {
    let number = id.parse().ok().filter(|it: &i64| *it > 0 && it.to_string() == id);
    number.ok_or_else(|| input("an id is a positive whole number"))
}

/// SHA-256 of the exact request.
fn digest(method: &Method, uri: &Uri, body: &[u8]) -> [u8; 32] {
    let line = format!("{method} {}\n", uri.path());
    sha2::Sha256::new().chain_update(line.as_bytes()).chain_update(body).finalize().into()
}

fn not_opened(error: OpenError) -> Problem {
    let detail = error.to_string();
    match error {
        OpenError::NoPerson => ProblemKind::SecondPerson.problem(detail, None),
        OpenError::Not(NotOpened::Minutes) => input(detail),
        OpenError::Observed | OpenError::Uninspectable | OpenError::Not(_) => {
            ProblemKind::Conflict.problem(detail, None)
        }
        OpenError::Unavailable(_) => unavailable("the journal"),
    }
}

fn not_ended(error: EndError) -> Problem {
    let detail = error.to_string();
    match error {
        EndError::Not(NotEnded::NotFound) => ProblemKind::NotFound.problem(detail, None),
        EndError::Not(NotEnded::Over) => ProblemKind::Conflict.problem(detail, None),
        EndError::Unavailable(_) => unavailable("the journal"),
    }
}

fn not_reviewed(error: ReviewError) -> Problem {
    let detail = error.to_string();
    match error {
        ReviewError::Not(NotReviewed::NotFound) => ProblemKind::NotFound.problem(detail, None),
        ReviewError::Not(NotReviewed::SecondPerson) => {
            ProblemKind::SecondPerson.problem(detail, None)
        }
        ReviewError::Not(NotReviewed::StillOpen | NotReviewed::Reviewed) => {
            ProblemKind::Conflict.problem(detail, None)
        }
        ReviewError::Unavailable(_) => unavailable("the journal"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_named_by_number_or_name() {
        let named = |text: &str| match serde_json::from_str::<OpenBody>(text) {
            Ok(body) => match body.route {
                Named::Number(number) => number.to_string(),
                Named::Name(name) => name,
            },
            Err(_) => "refused".to_owned(),
        };
        assert_eq!(named(r#"{"route":3,"minutes":10,"note":"x"}"#), "3");
        assert_eq!(named(r#"{"route":"own-page","minutes":10,"note":"x"}"#), "own-page");
        for wrong in [
            r#"{"route":3,"minutes":10}"#,
            r#"{"route":3,"minutes":1.5,"note":"x"}"#,
            r#"{"route":3,"minutes":10,"note":"x","until":99}"#,
            r#"{"route":null,"minutes":10,"note":"x"}"#,
        ] {
            assert_eq!(named(wrong), "refused", "{wrong}");
        }
        assert!(note_of(" ".into()).is_err() && note_of("x".repeat(513)).is_err());
        for wrong in ["0", "-1", "+1", "01", "x", ""] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_digest_is_of_the_whole_request() {
        let of = |method: &Method, path: &str, body: &[u8]| {
            digest(method, &path.parse().unwrap_or_default(), body)
        };
        let one = of(&Method::POST, "/api/gate/bypass", b"{}");
        assert_eq!(one, of(&Method::POST, "/api/gate/bypass", b"{}"));
        assert_ne!(one, of(&Method::DELETE, "/api/gate/bypass", b"{}"));
        assert_ne!(one, of(&Method::POST, "/api/gate/bypass/1", b"{}"));
        assert_ne!(one, of(&Method::POST, "/api/gate/bypass", b"{ }"));
    }
}
