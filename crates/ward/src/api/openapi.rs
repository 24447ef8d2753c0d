//! `GET /openapi.json`: the control plane as OpenAPI 3.1.
//!
//! Written by hand beside this file, a part for each tag, joined at the first call. What every
//! operation behind a door answers is written out here, so that it cannot be forgotten: refusals of
//! the credential and of its roles, and whatever `x-problems` lists.
//! Judges: `tests` below (no operation without an endpoint, and none that is missing), and
//! `interop/openapi.py`, which tries each against the running program.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use serde_json::{Map, Value, json};

/// The frame and the parts, as they are merged.
const FRAME: &str = include_str!("openapi/frame.yaml");
const PARTS: &[(&str, &str)] = &[
    ("open", include_str!("openapi/open.yaml")),
    ("oauth", include_str!("openapi/oauth.yaml")),
    ("accesses", include_str!("openapi/accesses.yaml")),
    ("credentials", include_str!("openapi/credentials.yaml")),
    ("issuers", include_str!("openapi/issuers.yaml")),
    ("incidents", include_str!("openapi/incidents.yaml")),
    ("operators", include_str!("openapi/operators.yaml")),
    ("people", include_str!("openapi/people.yaml")),
    ("running", include_str!("openapi/running.yaml")),
    ("transit", include_str!("openapi/transit.yaml")),
    ("scim", include_str!("openapi/scim.yaml")),
];
/// Members of a part that are no path: where they go among the components.
const SHARED: &[(&str, &str)] = &[
    ("components", "schemas"),
    ("parameters", "parameters"),
    ("responses", "responses"),
    ("requestBodies", "requestBodies"),
];
/// Answers of everything an operator's API key opens, whatever is asked.
const BEHIND_THE_DOOR: &[u64] = &[401, 403];
/// Of an act that may wait: it does already, or too many do.
const HELD: &[u64] = &[409, 503];
/// With a body: it is too long, or of another kind.
const WITH_A_BODY: &[u64] = &[413, 415];

static DOCUMENT: LazyLock<Result<String, String>> =
    LazyLock::new(|| document().map(|it| it.to_string()));

/// `GET /openapi.json`.
pub async fn openapi() -> Response<Body> {
    let Ok(text) = DOCUMENT.as_deref() else {
        let told = "the document does not read: a fault of the build";
        return super::finish(Err(ward_model::ProblemKind::Corrupt.problem(told, None)));
    };
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// The whole document.
fn document() -> Result<Value, String> {
    let mut whole: Value = read("frame", FRAME)?;
    for (name, text) in PARTS {
        let part: Map<String, Value> = read(name, text)?;
        for (member, value) in part {
            let place = match SHARED.iter().find(|(from, _)| *from == member) {
                Some((_, to)) => format!("/components/{to}"),
                None => "/paths".to_owned(),
            };
            let held = match place.as_str() {
                "/paths" => Map::from_iter([(member.clone(), value)]),
                _ => value.as_object().cloned().unwrap_or_default(),
            };
            if !put(&mut whole, &place, held) {
                return Err(format!("{name}: something in `{member}` is there already"));
            }
        }
    }
    let paths = whole.get_mut("paths").and_then(Value::as_object_mut);
    for item in paths.into_iter().flat_map(|paths| paths.values_mut()) {
        for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            write_out(operation);
        }
    }
    Ok(whole)
}

fn read<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<T, String> {
    serde_norway::from_str(text).map_err(|error| format!("{name}: {error}"))
}

/// Puts members at a place of the document; `false` if one is there already.
fn put(whole: &mut Value, place: &str, members: Map<String, Value>) -> bool {
    let (above, last) = place.rsplit_once('/').unwrap_or(("", place));
    let above = if above.is_empty() { Some(whole) } else { whole.pointer_mut(above) };
    let Some(above) = above.and_then(Value::as_object_mut) else { return false };
    let at = above.entry(last).or_insert_with(|| json!({}));
    let Some(at) = at.as_object_mut() else { return false };
    members.into_iter().all(|(name, value)| at.insert(name, value).is_none())
}

/// Writes out the problems of an operation.
fn write_out(operation: &mut Value) {
    let Some(operation) = operation.as_object_mut() else { return };
    let named = operation.remove("x-problems");
    let named = named.as_ref().and_then(Value::as_array).into_iter().flatten();
    let mut statuses: Vec<u64> = named.filter_map(Value::as_u64).collect();
    if operation.get("security").and_then(|it| it.pointer("/0/operator")).is_some() {
        statuses.extend(BEHIND_THE_DOOR);
        if operation.contains_key("requestBody") {
            statuses.extend(WITH_A_BODY);
        }
    }
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    if responses.contains_key("202") {
        statuses.extend(HELD);
    }
    for status in statuses {
        let problem = json!({"$ref": "#/components/responses/problem"});
        responses.entry(status.to_string()).or_insert(problem);
    }
}

#[cfg(test)]
mod tests;
