//! Vault's shapes: its envelope, `{"errors": [...]}`, status codes, and bodies read its way.
//!
//! Unknown members of a body are passed over, as Vault does; of known ones the type is held, and
//! numbers and booleans may be written as texts. Source: OpenBao 2.7, `sdk/logical/response.go`,
//! `http/logical.go`, `sdk/framework` (weak decoding).

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::issuance::IssueError;
use crate::signing::{Signing, Stopped};

/// What a handler answers: the `data` of the envelope.
pub(crate) type Answer = Result<Value, Refusal>;

/// Why a call was not done, in Vault's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 400: the request must change.
    Input(String),
    /// 403: this credential opens nothing here; nothing is told.
    Denied,
    /// 403: the credential is good and the rule forbids it.
    Forbidden(String),
    /// 404: there is none.
    NotFound,
    /// 404: no such path.
    NoPath,
    /// 405.
    Unsupported,
    /// 429, and seconds until it is there again.
    Rate(i64),
    /// 500.
    Failed(&'static str),
    /// 503: again later.
    Unavailable,
}

impl Refusal {
    pub(crate) fn input(words: impl Into<String>) -> Self {
        Self::Input(words.into())
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::Input(_) => StatusCode::BAD_REQUEST,
            Self::Denied | Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NoPath => StatusCode::NOT_FOUND,
            Self::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
            Self::Rate(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn errors(&self) -> Vec<String> {
        let one = |words: &str| vec![format!("1 error occurred:\n\t* {words}\n\n")];
        match self {
            Self::Input(words) | Self::Forbidden(words) => vec![words.clone()],
            // As Vault denies a credential that it knows; one that it does not is told less.
            Self::Denied => one("permission denied"),
            Self::NotFound => Vec::new(),
            Self::NoPath => one("unsupported path"),
            Self::Unsupported => one("unsupported operation"),
            Self::Rate(wait) => {
                vec![format!("the rate of this caller's rule is used up: {wait} s")]
            }
            Self::Failed(words) => one(words),
            Self::Unavailable => vec!["not recorded, so not done: try again".to_owned()],
        }
    }
}

impl From<IssueError> for Refusal {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Input(words) => Self::input(words),
            IssueError::Refused(words) => Self::Forbidden(words.to_owned()),
            IssueError::Conflict(words) => Self::input(words),
            IssueError::NotFound => Self::NotFound,
            IssueError::Journal(_) | IssueError::Register => Self::Unavailable,
            IssueError::NoKey(_) => Self::input("signing key not found"),
            _ => Self::Failed("signing failed"),
        }
    }
}

impl From<Stopped> for Refusal {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Issue(error) => error.into(),
            Stopped::Rate(Some(wait)) => Self::Rate(wait),
            Stopped::Rate(None) => {
                Self::input("the batch is more than the rule allows in a minute")
            }
        }
    }
}

/// A body's members, read Vault's way. No body is an empty one.
pub(crate) fn body(bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    // WHY no detail of the parser: it could quote what was to be signed.
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(Value::Null) => Ok(Map::new()),
        _ => Err(Refusal::input("failed to decode JSON input")),
    }
}

/// A text; empty if it is not there.
pub(crate) fn text<'v>(members: &'v Map<String, Value>, name: &str) -> Result<&'v str, Refusal> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Refusal::input(format!("{name} must be a string"))),
    }
}

/// An integer, or a text of one.
pub(crate) fn integer(members: &Map<String, Value>, name: &str) -> Result<Option<i64>, Refusal> {
    let read = match members.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    read.map(Some).ok_or_else(|| Refusal::input(format!("{name} must be an integer")))
}

/// A boolean, or a text of one.
pub(crate) fn boolean(members: &Map<String, Value>, name: &str) -> Result<bool, Refusal> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" || text.is_empty() => Ok(false),
        Some(_) => Err(Refusal::input(format!("{name} must be true or false"))),
    }
}

/// The response to an answer.
pub(crate) fn answered(signing: &Signing, answer: Answer) -> Response<Body> {
    let (status, json, wait) = match answer {
        Ok(data) => (StatusCode::OK, envelope(signing, data), None),
        Err(refusal) => {
            let errors = refusal.errors();
            tracing::info!(status = refusal.status().as_u16(), "transit call refused");
            let wait = if let Refusal::Rate(wait) = refusal { Some(wait) } else { None };
            (refusal.status(), json!({ "errors": errors }), wait)
        }
    };
    let mut response = Response::new(Body::from(json.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(Ok(wait)) = wait.map(|wait| HeaderValue::try_from(wait.to_string())) {
        headers.insert(RETRY_AFTER, wait);
    }
    response
}

fn envelope(signing: &Signing, data: Value) -> Value {
    let id = signing.0.issuance.random::<16>().unwrap_or_default();
    let hex = data_encoding::HEXLOWER.encode(&id);
    let cut = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let id = [cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32)].join("-");
    json!({
        "request_id": id, "lease_id": "", "renewable": false, "lease_duration": 0,
        "data": data, "wrap_info": null, "warnings": null, "auth": null,
    })
}
