//! *Credentials*: the inventory, and API keys from their issue to their end.

use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::{Map, Value, json};
use ward_model::ApprovalId;
use ward_operators::signin::Visitor;

use super::{App, ask, nothing};
use crate::calls::{Call, Called};
use crate::pages::{self, CredentialQuery, Shown};

const NEW: &str = "/console/credentials/new";

/// Routes behind a session.
pub fn closed() -> Router<App> {
    Router::new()
        .route("/console/credentials", get(list))
        .route("/console/credentials/new", get(form).post(issue))
        .route("/console/credentials/{id}", get(one))
        .route("/console/credentials/{id}/rotate", post(rotate))
        .route("/console/credentials/{id}/revoke", post(revoke))
}

async fn list(State(app): State<App>, Query(query): Query<CredentialQuery>) -> Response {
    let filter = query.parse();
    let asked = filter.clone();
    match ask(&app, move |facts| facts.credentials(&asked)).await {
        Ok(page) => pages::credentials(&filter, &page),
        Err(why) => pages::of_error(&why),
    }
}

async fn one(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let shown = app.deeds.operators(&visitor).await;
    match ask(&app, move |facts| facts.credential(&id)).await {
        Ok(Some(found)) => pages::credential(&found, &shown),
        Ok(None) => nothing().await,
        Err(why) => pages::of_error(&why),
    }
}

async fn form(State(app): State<App>, Extension(visitor): Extension<Visitor>) -> Response {
    let shown = app.deeds.operators(&visitor).await;
    match ask(&app, |facts| facts.routes()).await {
        Ok(_) => pages::new_api_key(&shown),
        Err(why) => pages::of_error(&why),
    }
}

type Pairs = Vec<(String, String)>;

async fn issue(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Form(pairs): Form<Pairs>,
) -> Response {
    let body = Value::Object(issue_body(&pairs)).to_string().into_bytes();
    let call = Call { method: "POST", path: "/api/api-keys".to_owned(), body };
    let called = done(&app, &visitor, call).await;
    answered(&called, NEW, &pairs)
}

/// The form as the API takes it: the same form is the same bytes, so that what was consented to is
/// what is done.
fn issue_body(pairs: &Pairs) -> Map<String, Value> {
    let text = |key: &str| {
        let found = pairs.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let apart = |c: char| c == ',' || c.is_whitespace();
    let list = |key: &str| {
        let text = text(key);
        text.split(apart).filter(|it| !it.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let roles: Vec<&str> =
        pairs.iter().filter(|(name, _)| name == "role").map(|(_, role)| role.as_str()).collect();
    let mut body = Map::new();
    body.insert("kind".into(), json!(text("kind")));
    body.insert("owner".into(), json!({ "kind": text("owner_kind"), "id": text("owner") }));
    body.insert("name".into(), json!(text("name")));
    body.insert("description".into(), json!(text("description")));
    body.insert("scopes".into(), json!(list("scopes")));
    body.insert("networks".into(), json!(list("networks")));
    if !roles.is_empty() && text("kind") == "operator" {
        body.insert("roles".into(), json!(roles));
    }
    let answerable = text("answerable");
    if !answerable.is_empty() {
        body.insert("answerable".into(), json!(answerable));
    }
    body.insert("days".into(), text("days").parse::<i64>().map_or(Value::Null, |it| json!(it)));
    body
}

async fn rotate(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Form(pairs): Form<Pairs>,
) -> Response {
    let Some(number) = api_key(&id) else { return nothing().await };
    let hours = pairs.iter().find(|(name, _)| name == "overlap_hours");
    let hours = hours.and_then(|(_, value)| value.trim().parse::<i64>().ok());
    let body = json!({ "overlap_hours": hours }).to_string().into_bytes();
    let path = format!("/api/api-keys/{number}/rotate");
    let called = done(&app, &visitor, Call { method: "POST", path, body }).await;
    answered(&called, &format!("/console/credentials/{id}/rotate"), &pairs)
}

async fn revoke(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let Some(number) = api_key(&id) else { return nothing().await };
    let path = format!("/api/api-keys/{number}");
    let called = done(&app, &visitor, Call { method: "DELETE", path, body: Vec::new() }).await;
    match called.status {
        200 => Redirect::to(&format!("/console/credentials/{id}")).into_response(),
        _ => refused(&called),
    }
}

fn api_key(id: &str) -> Option<i64> {
    id.strip_prefix("api-key-")?.parse().ok().filter(|it: &i64| *it > 0)
}

async fn done(app: &App, visitor: &Visitor, call: Call) -> Called {
    match &visitor.session {
        Some(session) => app.calls.call(session, call).await,
        None => Called { status: 401, body: Value::Null },
    }
}

/// An API key, shown this once; or where it waits, with the same form to be sent again.
fn answered(called: &Called, action: &str, pairs: &Pairs) -> Response {
    let text = |key: &str| called.body.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| called.body.get(key).and_then(Value::as_i64);
    match called.status {
        200 => pages::api_key(&Shown {
            id: number("id").unwrap_or_default(),
            text: text("api_key"),
            expires_at: number("expires_at").map(ward_model::UnixMillis::from_seconds),
            old_ends_at: number("predecessor_ends_at").map(ward_model::UnixMillis::from_seconds),
        }),
        202 => match number("approval") {
            Some(id) => pages::waits(ApprovalId(id), action, pairs),
            None => refused(called),
        },
        _ => refused(called),
    }
}

fn refused(called: &Called) -> Response {
    let status = StatusCode::from_u16(called.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let told = called.body.get("detail").and_then(Value::as_str);
    let told = told.filter(|it| !it.is_empty()).unwrap_or("This was not done.");
    let mut letters = told.chars();
    let first = letters.next().map(|it| it.to_ascii_uppercase());
    let told: String = first.into_iter().chain(letters).collect();
    let remedy = "Nothing was changed. Go back; what you wrote is still in the form.";
    pages::fault(status, &told, Some(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_the_request_the_api_takes() {
        let pair = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let pairs: Pairs = [
            ("kind", "service"),
            ("owner_kind", "service"),
            ("owner", " nightly "),
            ("answerable", ""),
            ("name", "Nightly export"),
            ("description", ""),
            ("scopes", "orders, profile"),
            ("networks", "10.0.0.0/8\n192.0.2.7"),
            ("role", "keys"),
            ("days", "30"),
        ]
        .map(pair)
        .to_vec();
        let want = json!({
            "kind": "service", "owner": {"kind": "service", "id": "nightly"},
            "name": "Nightly export", "description": "", "scopes": ["orders", "profile"],
            "networks": ["10.0.0.0/8", "192.0.2.7"], "days": 30,
        });
        assert_eq!(Value::Object(issue_body(&pairs)), want);
        let empty = Value::Object(issue_body(&Vec::new()));
        assert_eq!(empty["days"], Value::Null, "the API says what is wrong");
    }

    #[test]
    fn only_api_keys_are_rotated_and_revoked() {
        for (id, want) in [
            ("api-key-17", Some(17)),
            ("api-key-0", None),
            ("api-key--3", None),
            ("signing-key-17", None),
            ("api-key-x", None),
        ] {
            assert_eq!(api_key(id), want, "{id}");
        }
    }
}
