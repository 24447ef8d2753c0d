//! The misbehaving corner: answers as upstreams really give them when they are broken, old or
//! hostile. Open only with `misbehave`, asks for no token, and every person in it is made up.
//! Well-formed HTTP with odd bodies is here; lies below HTTP are in `odd/raw.rs`.
//! Best test: `tests/shop.rs`, `the_misbehaving_corner`.

mod raw;

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Query, Request};
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::limits::ODD_WAIT_MAX;
use crate::routes::Problem;
pub(crate) use raw::{Door, Lie};

/// `/odd/slow`, `/odd/slow-head`, `/odd/chunked` and `/odd/{name}` for the tables below.
pub(crate) fn router() -> axum::Router {
    axum::Router::new()
        .route("/odd/slow", get(slow))
        .route("/odd/slow-head", get(slow_head))
        .route("/odd/chunked", get(chunked))
        .route("/odd/{name}", any(by_name))
}

#[derive(Deserialize)]
struct Wait {
    ms: Option<u64>,
}

impl Wait {
    async fn over(self) {
        let asked = Duration::from_millis(self.ms.unwrap_or(2_000));
        tokio::time::sleep(asked.min(ODD_WAIT_MAX)).await;
    }
}

/// Half of a page, a wait of `?ms=` (2,000), the other half.
async fn slow(Query(wait): Query<Wait>) -> Response<Body> {
    let (first, rest) = PERSON.split_at(PERSON.len() / 2);
    let (parts, body) = mpsc::channel(1);
    tokio::spawn(async move {
        if parts.send(Ok::<_, Infallible>(Bytes::from_static(first.as_bytes()))).await.is_ok() {
            wait.over().await;
            let _gone = parts.send(Ok(Bytes::from_static(rest.as_bytes()))).await;
        }
    });
    answer(StatusCode::OK, JSON, Body::from_stream(ReceiverStream::new(body)))
}

/// A wait of `?ms=` (2,000), then a whole page.
async fn slow_head(Query(wait): Query<Wait>) -> Response<Body> {
    wait.over().await;
    answer(StatusCode::OK, JSON, Body::from(PERSON))
}

/// A page in chunks of one byte.
async fn chunked() -> Response<Body> {
    let bytes = PERSON.as_bytes().chunks(1).map(|byte| Ok::<_, Infallible>(Bytes::from(byte)));
    answer(StatusCode::OK, JSON, Body::from_stream(tokio_stream::iter(bytes)))
}

async fn by_name(Path(name): Path<String>, request: Request) -> Response<Body> {
    if let Some(ConnectInfo(lie)) = request.extensions().get::<ConnectInfo<Lie>>()
        && lie.tell(&name)
    {
        return ([(header::CONNECTION, "close")], "").into_response();
    }
    if let Some((_, status, kind, body)) = PLAIN.iter().find(|row| row.0 == name) {
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::OK);
        return answer(status, kind, Body::from(*body));
    }
    made(&name).unwrap_or_else(|| Problem::NotFound.into_response())
}

/// Answers that have to be put together.
fn made(name: &str) -> Option<Response<Body>> {
    let ok = |body: Vec<u8>| answer(StatusCode::OK, JSON, Body::from(body));
    let with = |mut response: Response<Body>, name, value| {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
        response
    };
    Some(match name {
        "gzip" => with(ok(gzip(PERSON.as_bytes())), header::CONTENT_ENCODING, "gzip"),
        "gzip-unnamed" => ok(gzip(PERSON.as_bytes())),
        "unknown-encoding" => with(ok(PERSON.into()), header::CONTENT_ENCODING, "br, x-own"),
        "big" => ok(big()),
        "deep" => ok([vec![b'['; DEPTH], vec![b']'; DEPTH]].concat()),
        "utf-16" => ok(PERSON.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        "not-utf-8" => ok([br#"{"id":100001,"name":""#.as_slice(), &[0xC3, 0x28], b"\"}"].concat()),
        "redirect" => {
            let moved = answer(StatusCode::FOUND, JSON, Body::from(PERSON));
            with(moved, header::LOCATION, "/me")
        }
        "range" => {
            let part = answer(StatusCode::PARTIAL_CONTENT, JSON, Body::from(PERSON));
            with(part, header::CONTENT_RANGE, "bytes 0-97/98")
        }
        "not-modified" => {
            let same = answer(StatusCode::NOT_MODIFIED, JSON, Body::empty());
            with(same, header::ETAG, "\"100001-7\"")
        }
        "two-types" => {
            let mut response = ok(PERSON.into());
            let html = header::HeaderValue::from_static("text/html");
            response.headers_mut().append(header::CONTENT_TYPE, html);
            response
        }
        _ => return None,
    })
}

fn answer(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if !kind.is_empty() {
        let kind = header::HeaderValue::from_static(kind);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

/// A little over 3 MB of people.
fn big() -> Vec<u8> {
    let mut text = "{\"customers\":[".to_owned();
    let mut id = 100_001;
    while text.len() < BIG_BYTES {
        if id > 100_001 {
            text.push(',');
        }
        let phone = id % 10_000;
        text.push_str(&format!(
            r#"{{"id":{id},"name":"Odd Person","phone":"010-0000-{phone:04}","grade":"gold"}}"#
        ));
        id += 1;
    }
    text.push_str("]}");
    text.into_bytes()
}

/// RFC 1952 around one stored block (RFC 1951 §3.2.4): compressed in name only, yet every reader
/// must take it for gzip. `body` must be shorter than 64 KiB.
fn gzip(body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let mut out = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    out.extend(len.to_le_bytes());
    out.extend((!len).to_le_bytes());
    out.extend(body);
    out.extend(crc32(body).to_le_bytes());
    out.extend(u32::from(len).to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

const JSON: &str = "application/json";
const BIG_BYTES: usize = 3_000_000;
const DEPTH: usize = 20_000;

const PERSON: &str = r#"{"id":100001,"name":"Odd Person","email":"odd@example.com","phone":"010-0000-0001","grade":"gold"}"#;

/// (name, status, content type, body).
type Plain = (&'static str, u16, &'static str, &'static str);

const PLAIN: &[Plain] = &[
    ("html", 200, "text/html", "<p>Odd Person, 010-0000-0001</p>"),
    ("html-as-json", 200, JSON, "<p>Odd Person, 010-0000-0001</p>"),
    ("json-as-html", 200, "text/html", PERSON),
    ("json-untyped", 200, "", PERSON),
    (
        "new-fields",
        200,
        JSON,
        r#"{"id":100001,"name":"Odd Person","resident_number":"000000-0000000","family":{"father":{"name":"Odd Father","phone":"010-0000-0002"}},"Phone":"010-0000-0001"}"#,
    ),
    (
        "json-in-string",
        200,
        JSON,
        r#"{"id":100001,"payload":"{\"id\":100002,\"phone\":\"010-0000-0002\"}"}"#,
    ),
    (
        "duplicate-keys",
        200,
        JSON,
        r#"{"id":100001,"phone":"****","id":100002,"phone":"010-0000-0002"}"#,
    ),
    ("escaped-keys", 200, JSON, r#"{"\u0069d":100001,"\u0070hone":"010-0000-0001"}"#),
    ("array-at-top", 200, JSON, r#"[{"id":100001,"phone":"010-0000-0001"}]"#),
    ("id-as-text", 200, JSON, r#"{"id":"100001","phone":"010-0000-0001"}"#),
    ("id-as-float", 200, JSON, r#"{"id":1.00001e5,"phone":"010-0000-0001"}"#),
    ("id-too-big", 200, JSON, r#"{"id":100000000000000000000001,"phone":"010-0000-0001"}"#),
    ("id-nested", 200, JSON, r#"{"id":{"value":100001},"phone":["010-0000-0001"]}"#),
    ("two-documents", 200, JSON, "{\"id\":100001}\n{\"id\":100002,\"phone\":\"010-0000-0002\"}"),
    ("ndjson", 200, "application/x-ndjson", "{\"id\":100001}\n{\"id\":100002}\n"),
    ("events", 200, "text/event-stream", "data: {\"id\":100001}\n\ndata: {\"id\":100002}\n\n"),
    ("byte-order-mark", 200, JSON, "\u{feff}{\"id\":100001,\"phone\":\"010-0000-0001\"}"),
    ("half", 200, JSON, r#"{"id":100001,"phone":"010-00"#),
    ("empty", 200, JSON, ""),
    ("null", 200, JSON, "null"),
    (
        "error-with-data",
        500,
        JSON,
        r#"{"error":"no row for Odd Person, 010-0000-0001","id":100001}"#,
    ),
    (
        "not-found-with-data",
        404,
        JSON,
        r#"{"error":"not_found","did_you_mean":{"id":100001,"phone":"010-0000-0001"}}"#,
    ),
    ("odd-status", 299, JSON, PERSON),
];
