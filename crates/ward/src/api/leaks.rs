//! `POST /api/leaks`: open to scanners. Whoever has a credential's full text may have it taken back;
//! he learns nothing of whether it was one.
//!
//! Taken: `{"token": "..."}`, `{"tokens": ["...", ...]}`, or GitHub's secret scanning partner
//! programme's list `[{"token": "...", "type": "...", "url": "...", "source": "..."}, ...]`.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use serde_json::{Value, json};
use ward_model::{Problem, ProblemKind};
use ward_tokens::limits::LEAK_TEXTS_MAX;

use super::{Answer, finish, input, unavailable};
use crate::app::App;
use crate::clock;

/// Longest report, bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

/// `POST /api/leaks`.
pub async fn report(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0);
    let source = source(&app, peer, &head.headers);
    let prefix = ward_operators::throttle::prefix_of(source);
    let counted = {
        let mut gauge = app.leaks.lock().unwrap_or_else(PoisonError::into_inner);
        gauge.count(prefix, clock::now())
    };
    if let Err(seconds) = counted {
        return too_many(seconds);
    }
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        let told = format!("a report is at most {BODY_BYTES_MAX} bytes");
        return finish(Err(ProblemKind::TooLarge.problem(told, None)));
    };
    finish(answer(&app, &body, prefix).await)
}

async fn answer(app: &App, body: &Bytes, prefix: [u8; 16]) -> Answer {
    let texts = texts(body)?;
    match app.issuance.leaked(&texts, prefix).await {
        Ok(()) => Ok(json!({ "received": texts.len() })),
        Err(_) => Err(unavailable("the journal")),
    }
}

fn source(app: &App, peer: Option<SocketAddr>, headers: &HeaderMap) -> [u8; 16] {
    let Some(peer) = peer else { return [0; 16] };
    match crate::auth::source(&app.config.forwarded_from, peer, headers) {
        std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        std::net::IpAddr::V6(v6) => v6.octets(),
    }
}

/// The texts of a report. WHY no word of the parser in an error: it could quote a credential.
fn texts(body: &[u8]) -> Result<Vec<String>, Problem> {
    let wrong = || input("a report is {\"token\": ...}, {\"tokens\": [...]} or [{\"token\": ...}]");
    let mut told: Value = serde_json::from_slice(body).map_err(|_| wrong())?;
    let list = match &mut told {
        Value::Array(list) => core::mem::take(list),
        Value::Object(one) => match (one.remove("token"), one.remove("tokens")) {
            (Some(token), None) => vec![token],
            (None, Some(Value::Array(list))) => list,
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    if list.is_empty() || list.len() > LEAK_TEXTS_MAX {
        return Err(input(format!("a report holds 1 to {LEAK_TEXTS_MAX} texts")));
    }
    let text = |one: Value| match one {
        Value::String(text) => Ok(text),
        Value::Object(mut one) => match one.remove("token") {
            Some(Value::String(text)) => Ok(text),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    };
    list.into_iter().map(text).collect()
}

fn too_many(seconds: i64) -> Response<Body> {
    let told = "reports of leaks are held to a rate; send many texts in one";
    let mut response = finish(Err(ProblemKind::TooMany.problem(told, None)));
    if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_a_report_is_read() {
        let many = json!({ "tokens": vec!["x"; LEAK_TEXTS_MAX + 1] }).to_string();
        let cases: [(&str, Option<&[&str]>); 12] = [
            (r#"{"token": "a"}"#, Some(&["a"])),
            (r#"{"tokens": ["a", "b"]}"#, Some(&["a", "b"])),
            (r#"[{"token": "a", "type": "t", "url": "u", "source": "s"}]"#, Some(&["a"])),
            (r#"["a"]"#, Some(&["a"])),
            (r#"{"token": "a", "tokens": ["b"]}"#, None),
            (r#"{"token": 1}"#, None),
            (r#"[{"url": "u"}]"#, None),
            (r#"[]"#, None),
            (r#"{}"#, None),
            (r#""ward_x""#, None),
            ("ward_x", None),
            (&many, None),
        ];
        for (given, want) in cases {
            let got = texts(given.as_bytes());
            let want = want.map(|all| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
            assert_eq!(got.ok(), want, "{given}");
        }
    }
}
