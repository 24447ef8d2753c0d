//! The one mapping of refusals and failures to RFC 9457 problem documents.
//!
//! Two messages: `detail` goes outside and holds no personal data, no secret and no reason about a
//! credential (no oracle for a thief); what happened stands in the journal under `instance`.

use crate::id::AccessId;
use crate::reason::Reason;

/// What went wrong, by what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// Something the caller sent must change.
    Input,
    /// No credential that opens this; the reason stays inside.
    Unauthenticated,
    /// The credential is good and may not do this.
    Refused(Reason),
    /// An operator may not do this alone, or it takes a person.
    SecondPerson,
    /// Not there, or not for this caller to know of.
    NotFound,
    /// In the way of what is there already.
    Conflict,
    /// The request is too large.
    TooLarge,
    /// Too many requests: again later.
    TooMany,
    /// Try again later.
    Unavailable(Reason),
    /// The upstream failed.
    BadGateway,
    /// Ward failed; it stops and calls for help.
    Corrupt,
}

/// A problem document (RFC 9457 §3.1).
#[derive(Clone, Debug, serde::Serialize)]
pub struct Problem {
    /// A stable URI reference, a page of the documents.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short summary of the kind.
    pub title: &'static str,
    /// The HTTP status, 400 to 599.
    pub status: u16,
    /// What to mend, for the caller.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The request this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

impl ProblemKind {
    /// The kind for a refusal: everything about a credential looks alike from outside.
    #[must_use]
    pub const fn of(reason: Reason) -> Self {
        match reason {
            Reason::NeverIssued
            | Reason::RetiredKey
            | Reason::Revoked
            | Reason::Expired
            | Reason::NotYetValid
            | Reason::BadSignature
            | Reason::UnknownKey
            | Reason::Malformed
            | Reason::WrongAudience
            | Reason::HolderMismatch
            | Reason::PrincipalSuspended => Self::Unauthenticated,
            Reason::LedgerBehind
            | Reason::ViewStale
            | Reason::JournalUnavailable
            | Reason::Overloaded => Self::Unavailable(reason),
            Reason::Policy
            | Reason::WrongTenant
            | Reason::BudgetSpent
            | Reason::NoPurpose
            | Reason::LoginUnproven
            | Reason::UndeclaredField
            | Reason::UnknownDataSubject => Self::Refused(reason),
            Reason::UnknownRoute => Self::NotFound,
            Reason::UpstreamUninspectable => Self::BadGateway,
        }
    }

    /// The HTTP status (RFC 9110 §15).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Input => 400,
            Self::Unauthenticated => 401,
            Self::Refused(Reason::BudgetSpent) | Self::TooMany => 429,
            Self::Refused(_) | Self::SecondPerson => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::BadGateway => 502,
            Self::Unavailable(_) => 503,
            Self::Corrupt => 500,
        }
    }

    const fn slug_and_title(self) -> (&'static str, &'static str) {
        match self {
            Self::Input => ("input", "The request must change"),
            Self::Unauthenticated => ("unauthenticated", "No valid credential"),
            Self::Refused(reason) => (reason.as_str(), "Refused"),
            Self::SecondPerson => ("second_person", "It takes another person"),
            Self::NotFound => ("not_found", "Not found"),
            Self::Conflict => ("conflict", "In conflict with what is there"),
            Self::TooLarge => ("too_large", "The request is too large"),
            Self::BadGateway => ("upstream", "The upstream's answer cannot be passed on"),
            Self::TooMany => ("too_many", "Too many requests"),
            Self::Unavailable(_) => ("unavailable", "Try again later"),
            Self::Corrupt => ("internal", "Ward failed"),
        }
    }

    /// The document for this problem.
    #[must_use]
    pub fn problem(self, detail: impl Into<String>, access: Option<AccessId>) -> Problem {
        let (slug, title) = self.slug_and_title();
        Problem {
            kind: format!("/docs/problems#{slug}"),
            title,
            status: self.status(),
            detail: detail.into(),
            instance: access.map(|access| format!("/api/accesses/{access}")),
        }
    }
}

impl Problem {
    /// The media type (RFC 9457 §3).
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// The document as JSON bytes.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| b"{\"status\":500}".to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refused_credential_looks_alike() {
        let documents: std::collections::BTreeSet<Vec<u8>> = Reason::ALL
            .iter()
            .filter(|reason| reason.is_about_credential())
            .map(|&reason| ProblemKind::of(reason).problem("", None).to_json())
            .collect();
        assert_eq!(documents.len(), 1);
    }

    #[test]
    fn problems_are_stable() {
        let lines: Vec<String> = Reason::ALL
            .iter()
            .map(|&reason| {
                let problem = ProblemKind::of(reason).problem("", None);
                format!("{reason} -> {} {}", problem.status, problem.kind)
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
