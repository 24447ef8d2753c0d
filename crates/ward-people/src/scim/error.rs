//! Errors in SCIM's own shape (RFC 7644 §3.12). No personal data in `detail`.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::life::LifeError;
use crate::outside::{SaveError, Unavailable};

/// The media type of SCIM (RFC 7644 §8.1).
pub const MEDIA_TYPE: &str = "application/scim+json";
const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// A SCIM error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// The HTTP status.
    pub status: StatusCode,
    /// `scimType` (RFC 7644 table 9), where one is defined.
    pub scim_type: Option<&'static str>,
    /// What to mend.
    pub detail: String,
}

impl ScimError {
    fn bad(scim_type: &'static str, detail: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, scim_type: Some(scim_type), detail: detail.into() }
    }

    fn plain(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into() }
    }

    /// The filter is not one of those supported.
    pub fn filter(detail: impl Into<String>) -> Self {
        Self::bad("invalidFilter", detail)
    }

    /// The body is no JSON, or not of the message's shape.
    pub fn syntax(detail: impl Into<String>) -> Self {
        Self::bad("invalidSyntax", detail)
    }

    /// A value is missing or of the wrong kind.
    pub fn value(detail: impl Into<String>) -> Self {
        Self::bad("invalidValue", detail)
    }

    /// A PATCH path is malformed.
    pub fn path(detail: impl Into<String>) -> Self {
        Self::bad("invalidPath", detail)
    }

    /// A PATCH path selects nothing.
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::bad("noTarget", detail)
    }

    /// The attribute cannot be written.
    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::bad("mutability", detail)
    }

    /// No such resource.
    pub fn not_found() -> Self {
        Self::plain(StatusCode::NOT_FOUND, "no such resource")
    }

    /// `If-Match` names another version.
    pub fn precondition() -> Self {
        Self::plain(StatusCode::PRECONDITION_FAILED, "the resource has changed since")
    }

    /// The body is larger than this server takes.
    pub fn too_large() -> Self {
        Self::plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
    }

    /// The body is not declared as SCIM or JSON.
    pub fn media_type() -> Self {
        let detail = "send application/scim+json or application/json";
        Self::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// The error as a response.
    pub fn into_response(self) -> Response<Body> {
        let mut body = json!({
            "schemas": [SCHEMA],
            "status": self.status.as_u16().to_string(),
            "detail": self.detail,
        });
        if let (Some(kind), Some(object)) = (self.scim_type, body.as_object_mut()) {
            object.insert("scimType".into(), kind.into());
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Unavailable> for ScimError {
    fn from(error: Unavailable) -> Self {
        Self::plain(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<SaveError> for ScimError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Taken { .. } => Self {
                status: StatusCode::CONFLICT,
                scim_type: Some("uniqueness"),
                detail: error.to_string(),
            },
            SaveError::Unavailable(error) => error.into(),
        }
    }
}

impl From<LifeError> for ScimError {
    fn from(error: LifeError) -> Self {
        match error {
            LifeError::NotFound => Self::not_found(),
            LifeError::Held(_) => Self::plain(StatusCode::FORBIDDEN, error.to_string()),
            LifeError::SuspendedOtherwise => Self::plain(StatusCode::CONFLICT, error.to_string()),
            LifeError::Unavailable(error) => error.into(),
        }
    }
}
