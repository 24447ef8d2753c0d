//! How a refusal is answered: to scripts as a problem (RFC 9457), to people as a page.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use ward_operators::approval::decide::Rejected;
use ward_operators::desk::DeskError;
use ward_operators::enrol::EnrolError;
use ward_operators::sessions::EndError;
use ward_operators::signin::Refused;

use crate::pages;

/// The status of a refusal.
pub fn status(refused: &Refused) -> StatusCode {
    match refused {
        Refused::NotProven
        | Refused::ProveAgain
        | Refused::LooksOnly
        | Refused::NeedsRole(_)
        | Refused::Stranger
        | Refused::NoRole
        | Refused::Enrol(EnrolError::Link)
        | Refused::End(EndError::NotYours) => StatusCode::FORBIDDEN,
        Refused::Slow { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refused::NoSession => StatusCode::UNAUTHORIZED,
        Refused::NoPasskey | Refused::Enrol(EnrolError::TooMany | EnrolError::Known) => {
            StatusCode::CONFLICT
        }
        Refused::NoProvider
        | Refused::Enrol(EnrolError::NoPerson | EnrolError::NoPasskey)
        | Refused::End(EndError::NotFound) => StatusCode::NOT_FOUND,
        Refused::ProviderAway => StatusCode::SERVICE_UNAVAILABLE,
        Refused::Name | Refused::Enrol(EnrolError::Roles) => StatusCode::BAD_REQUEST,
        Refused::Desk(error) | Refused::Enrol(EnrolError::Desk(error)) => of_desk(*error),
    }
}

fn of_desk(error: DeskError) -> StatusCode {
    match error {
        DeskError::Rejected(Rejected::NotFound) => StatusCode::NOT_FOUND,
        DeskError::Rejected(
            Rejected::NotAPerson | Rejected::OwnProposal | Rejected::NotYours | Rejected::OnlyLooks,
        ) => StatusCode::FORBIDDEN,
        DeskError::Rejected(
            Rejected::Twice | Rejected::OtherDigest | Rejected::Over { .. } | Rejected::TooMany,
        ) => StatusCode::CONFLICT,
        DeskError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// A refusal to a script.
pub fn problem(refused: &Refused) -> Response {
    let status = status(refused);
    let title = status.canonical_reason().unwrap_or("refused");
    let told = json!({
        "type": "about:blank", "title": title, "status": status.as_u16(),
        "detail": sentence(refused),
    });
    let kind = HeaderValue::from_static("application/problem+json");
    with_wait(refused, (status, [(header::CONTENT_TYPE, kind)], told.to_string()).into_response())
}

/// A refusal to a person.
pub fn page(refused: &Refused) -> Response {
    let remedy = match refused {
        Refused::ProveAgain => Some("On the page Operators there is a button for it."),
        Refused::Desk(DeskError::Rejected(_)) => Some("Approvals shows how each proposal stands."),
        _ => None,
    };
    with_wait(refused, pages::fault(status(refused), &sentence(refused), remedy))
}

/// A value to a script.
pub fn value(value: &Value) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], Body::from(value.to_string())).into_response()
}

/// What is said, as a sentence.
pub fn sentence(refused: &Refused) -> String {
    let told = refused.to_string();
    let mut letters = told.chars();
    let first = letters.next().map(|it| it.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(core::iter::once('.')).collect()
}

fn with_wait(refused: &Refused, mut response: Response) -> Response {
    if let Refused::Slow { wait_ms } = refused {
        let seconds = wait_ms.saturating_add(999) / 1000;
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
