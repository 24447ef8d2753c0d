//! Weakening acts that are one request: held until another person has consented to exactly that
//! request, then let through once.
//!
//! The table below is the list of them. What stands in it is held unless it is shown to weaken
//! nothing. Other acts that weaken ask where they are decided: reload and start
//! (`declarations.rs`), a leaver's return (`outside/people.rs`), operators and roles
//! (`ward-operators`).
//! CRASH: the approval is used up before the act: a crash between leaves it undone, never done
//! twice.
//! Best test: `interop/insider.py`, which tries each of them alone through every door.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Response, StatusCode};
use axum::middleware::Next;
use serde_json::Value;
use ward_model::{Caller, Problem, ProblemKind};
use ward_operators::{Act, ActKind};
use ward_tokens::limits::OVERLAP_HOURS;

use crate::api::{finish, input};
use crate::app::App;

/// Longest request that can be held, bytes: that of a key to be imported, with room.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What becomes weaker, in words without personal data; `None` when nothing does.
type Effect = fn(&Value, &str) -> Option<String>;

/// Method, route as mounted, kind of act, what becomes weaker.
const HELD: &[(&str, &str, ActKind, Effect)] = &[
    ("POST", "/api/issuers/mode", ActKind::IssuerLearning, issuer_mode),
    ("POST", "/api/issuers/{issuer}/enforce", ActKind::IssuerEnforcing, issuer_enforce),
    ("POST", "/api/keys/import", ActKind::ImportKey, key_import),
    ("POST", "/api/keys/{kid}/compromised", ActKind::CompromiseKey, key_compromised),
    ("POST", "/api/api-keys", ActKind::IssueApiKey, api_key),
    ("POST", "/api/api-keys/{id}/rotate", ActKind::IssueApiKey, api_key_rotation),
    ("POST", "/api/clients", ActKind::RegisterClient, client),
    ("POST", "/api/clients/{id}/secret", ActKind::RegisterClient, client_secret),
    ("POST", "/api/incidents/{id}/close", ActKind::CloseIncident, incident_close),
];

/// Lets a request through that weakens nothing or is approved; holds every other.
pub async fn weakening(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("", MatchedPath::as_str);
    let method = request.method().as_str();
    let row = HELD.iter().find(|(verb, path, ..)| *verb == method && *path == route);
    let Some((_, _, kind, effect)) = row else { return next.run(request).await };
    let Some(caller) = request.extensions().get::<Caller>().copied() else {
        return finish(Err(ProblemKind::Unauthenticated.problem("", None)));
    };
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        let told = format!("the body is at most {BODY_BYTES_MAX} bytes");
        return finish(Err(ProblemKind::TooLarge.problem(told, None)));
    };
    let given = if body.is_empty() { b"{}".as_slice() } else { &body };
    let Ok(asked) = serde_json::from_slice::<Value>(given) else {
        return finish(Err(input("the body is not the JSON object this route takes")));
    };
    if let Err(problem) = readable(route, &body) {
        return finish(Err(problem));
    }
    let path = head.uri.path().to_owned();
    let through = |body: Bytes| next.run(Request::from_parts(head, Body::from(body)));
    let Some(effect) = effect(&asked, &path) else { return through(body).await };
    let act = Act::of(*kind, &path, &[&body], effect);
    let approved = match app.operators.ask(&act, &caller).await {
        Ok(Ok(approved)) => approved,
        Ok(Err(held)) => return waits(&app, held),
        Err(error) => return finish(Err(ward_operators::api::problem(error))),
    };
    if app.operators.use_up(approved, Vec::new()).await.is_err() {
        return finish(Err(crate::api::unavailable("the journal")));
    }
    through(body).await
}

/// WHY before it is held: nobody shall consent to what cannot be done.
fn readable(route: &str, body: &[u8]) -> Result<(), Problem> {
    match route {
        "/api/keys/import" => crate::api::keys::readable(body),
        _ => ward_tokens::readable(route, body, crate::clock::now()),
    }
}

/// 202: it waits.
pub fn waits(app: &App, held: ward_operators::Held) -> Response<Body> {
    let mut response = finish(Ok(ward_operators::api::held(&app.operators, held)));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn text<'v>(asked: &'v Value, key: &str) -> &'v str {
    asked.get(key).and_then(Value::as_str).unwrap_or("?")
}

fn issuer_mode(asked: &Value, _: &str) -> Option<String> {
    // WHY only these two keys: whatever else stands there could be read otherwise further in.
    let plain = asked.as_object().is_some_and(|all| all.len() == 2);
    if plain && text(asked, "mode") == "enforcing" {
        return None;
    }
    let issuer = text(asked, "issuer");
    Some(format!("{issuer} learns: tokens it never issued are let through and only alerted"))
}

/// WHY held though it weakens nothing: it can log people out by the thousand.
fn issuer_enforce(asked: &Value, path: &str) -> Option<String> {
    let name: String = path.split('/').nth(3).unwrap_or("?").chars().take(32).collect();
    let count = |of: &str| asked.get(of).and_then(Value::as_u64).unwrap_or(0);
    let (tokens, principals) = (count("tokens"), count("principals"));
    Some(format!(
        "{name} enforces: tokens it has not reported are refused; the last 7 days would have \
         refused {tokens} tokens of {principals} principals"
    ))
}

fn key_import(asked: &Value, _: &str) -> Option<String> {
    let holders = asked.get("holders").and_then(Value::as_array).map_or(0, Vec::len);
    let unknown = asked.get("holders").is_none_or(|all| {
        all.as_array().is_none_or(|all| all.is_empty() || all.contains(&"unknown".into()))
    });
    let mut words = format!(
        "a signing key of {} comes in that others could read ({})",
        text(asked, "issuer"),
        if unknown {
            "nobody can say who: every leaver rotates it".to_owned()
        } else {
            format!("{holders} declared holders")
        }
    );
    if let Some(days) = asked.pointer("/grandfathering/window_days") {
        words.push_str(&format!("; its unknown old tokens pass once, for {days} days"));
    }
    if asked.get("activate") == Some(&Value::Bool(true)) {
        words.push_str("; new tokens are signed with it");
    }
    Some(words)
}

fn key_compromised(_: &Value, path: &str) -> Option<String> {
    let kid: String = path.split('/').nth(3).unwrap_or("?").chars().take(64).collect();
    Some(format!(
        "signing key {kid} is declared to be in other hands, for good: tokens issued under it live \
         on here and are lost wherever they are verified offline"
    ))
}

fn api_key(asked: &Value, _: &str) -> Option<String> {
    let owner = text(asked.get("owner").unwrap_or(&Value::Null), "kind");
    // A person who works here or a service is named; a data subject is not.
    let named = match owner {
        "person" | "service" => text(asked.get("owner").unwrap_or(&Value::Null), "id"),
        _ => "whose id stands in the request",
    };
    let roles: Vec<&str> = asked
        .get("roles")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|role| role.as_str().unwrap_or("?"))
        .collect();
    let may = if roles.is_empty() { String::new() } else { format!(", may: {}", roles.join(" ")) };
    let list = |key: &str| {
        let all = asked.get(key).and_then(Value::as_array).into_iter().flatten();
        all.map(|one| one.as_str().unwrap_or("?")).collect::<Vec<_>>().join(" ")
    };
    let part = |words: &str, list: String| match list.is_empty() {
        true => String::new(),
        false => format!(", {words} {list}"),
    };
    let (only, from) = (part("only", list("scopes")), part("from", list("networks")));
    let kind = text(asked, "kind");
    Some(format!("an API key of the kind {kind} for {owner} {named}{may}{only}{from}"))
}

fn api_key_rotation(asked: &Value, path: &str) -> Option<String> {
    let id = path.split('/').nth(3).unwrap_or("?");
    let hours = asked.get("overlap_hours").and_then(Value::as_i64).unwrap_or(OVERLAP_HOURS);
    Some(format!("a successor of API key {id} is handed out; both open for {hours} hours"))
}

fn client(asked: &Value, _: &str) -> Option<String> {
    let (id, audience) = (text(asked, "client_id"), text(asked, "audience"));
    let list = |key: &str| {
        let all = asked.get(key).and_then(Value::as_array).into_iter().flatten();
        all.map(|one| one.as_str().unwrap_or("?")).collect::<Vec<_>>().join(", ")
    };
    let mut words = format!("client {id} may have tokens issued for {audience}");
    let (more, exchanges) = (list("audiences"), list("exchanges"));
    if !more.is_empty() {
        words.push_str(&format!(", {more}"));
    }
    if !exchanges.is_empty() {
        words.push_str(&format!("; it may exchange others' tokens for {exchanges}"));
    }
    let own = text(asked, "scope").split(' ').filter(|word| word.starts_with("ward:"));
    let own: Vec<&str> = own.collect();
    if !own.is_empty() {
        words.push_str(&format!("; it may ask Ward for more than its own: {}", own.join(" ")));
    }
    Some(words)
}

fn client_secret(asked: &Value, path: &str) -> Option<String> {
    let id: String = path.split('/').nth(3).unwrap_or("?").chars().take(64).collect();
    let seconds = asked.get("overlap_seconds").and_then(Value::as_i64).unwrap_or(0);
    Some(format!(
        "a new secret of client {id} is handed out; the one before opens for {seconds} seconds more"
    ))
}

fn incident_close(_: &Value, path: &str) -> Option<String> {
    let id = path.split('/').nth(3).unwrap_or("?");
    Some(format!("incident {id} is closed: nobody looks at it any more"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_enforcing_weakens_nothing() {
        let weaker = [
            json!({"issuer": "a", "mode": "learning"}),
            json!({"issuer": "a", "mode": "Enforcing"}),
            json!({"issuer": "a", "mode": "enforcing", "x": 1}),
            json!({"issuer": "a"}),
            json!(["enforcing"]),
        ];
        assert!(issuer_mode(&json!({"issuer": "a", "mode": "enforcing"}), "").is_none());
        for asked in weaker {
            assert!(issuer_mode(&asked, "").is_some(), "{asked}");
        }
    }

    #[test]
    fn effects_name_people_who_work_here_and_no_others() {
        let of = |kind: &str| json!({"kind": "person", "owner": {"kind": kind, "id": "4711"}, "roles": ["keys"]});
        assert!(api_key(&of("person"), "").unwrap().contains("4711"));
        assert!(!api_key(&of("customer"), "").unwrap().contains("4711"));
        assert!(api_key(&of("service"), "").unwrap().ends_with("may: keys"));
        assert!(incident_close(&Value::Null, "/api/incidents/7/close").unwrap().contains(" 7 "));
    }

    #[test]
    fn what_is_held_is_mounted_and_has_an_act() {
        for (verb, path, ..) in HELD {
            let row =
                crate::acts::ACTS.iter().any(|(method, route, _)| method == verb && route == path);
            assert!(row, "{verb} {path}");
        }
    }
}
