//! The files inside the binary: one style sheet, one script, one mark.
//!
//! They hold nothing secret and are served without a session, with the hash of their bytes as
//! entity tag. Best test: `http/tests.rs`.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER;

#[derive(rust_embed::Embed)]
#[folder = "assets/"]
struct Files;

/// Answers `GET /console/assets/{path}`.
pub async fn serve(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let Some(kind) = media_type(&path) else { return StatusCode::NOT_FOUND.into_response() };
    let Some(file) = Files::get(&path) else { return StatusCode::NOT_FOUND.into_response() };
    let tag = format!("\"{}\"", HEXLOWER.encode(&file.metadata.sha256_hash()));
    let known =
        headers.get(header::IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == tag.as_bytes());
    let meta = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::ETAG, tag),
        (header::CACHE_CONTROL, String::from("no-cache")),
    ];
    match known {
        true => (StatusCode::NOT_MODIFIED, meta).into_response(),
        false => (meta, file.data.into_owned()).into_response(),
    }
}

fn media_type(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}
