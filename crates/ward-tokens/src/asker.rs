//! Who asks about tokens and takes them back: an OAuth client, or an API key.
//!
//! A plain client may ask about and take back what was issued to it, and no more. What goes beyond
//! stands in its registration as a scope that begins with `ward:`; such a scope is for Ward's own
//! doors and never gets into a token ([`grantable`]). Registering a client is held for a second
//! operator, so nobody gives himself one. Source: RFC 7662 §§2.1, 4; RFC 7009 §2.1; RFC 6750 §3.
//! Best test: `introspection/tests.rs`.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use serde_json::json;
use ward_ledger::{Checked, Client, ClientTerms};
use ward_model::word::ApiKeyKind;
use ward_model::{ApiKeyId, PrincipalKey, Secret};

use crate::issuance::Issuance;
use crate::oauth::{self, OauthError, answer};

/// What a scope beginning with this is for: Ward itself.
const OWN: &str = "ward:";

/// What a client may do beyond its own tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Ask about every token meant for its audience, and about API keys: a protected resource.
    Introspect,
    /// Be told why a credential is not live.
    Reasons,
    /// Take back every token meant for its audience.
    Revoke,
    /// Follow the stream of revocations.
    Follow,
}

impl Duty {
    /// Every duty.
    pub const ALL: [Self; 4] = [Self::Introspect, Self::Reasons, Self::Revoke, Self::Follow];

    /// The scope a registration names it by.
    #[must_use]
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Introspect => "ward:introspect",
            Self::Reasons => "ward:reasons",
            Self::Revoke => "ward:revoke",
            Self::Follow => "ward:revocations",
        }
    }
}

/// The scopes of a registration that may stand in a token.
#[must_use]
pub fn grantable(scope: &str) -> String {
    let words: Vec<&str> = scope.split(' ').filter(|word| !word.starts_with(OWN)).collect();
    words.join(" ")
}

/// Whether an operator's API key may be told what became of a credential.
pub type MayRead = Arc<dyn Fn(ApiKeyId) -> bool + Send + Sync>;

/// Somebody who proved who he is.
#[derive(Clone)]
pub(crate) enum Asker {
    /// A registered client, and audiences of its terms.
    Client(Arc<Client>, Arc<ClientTerms>),
    /// A service's API key: a protected resource.
    Service { id: ApiKeyId, text: Secret<String> },
    /// The API key of an operator who may read accesses.
    Operator { id: ApiKeyId, text: Secret<String> },
}

impl Asker {
    pub(crate) fn client(issuance: &Issuance, client: Arc<Client>) -> Self {
        let terms = issuance.0.ledger.client_terms(client.client_key);
        Self::Client(client, terms)
    }

    /// Whether it has a duty for tokens of this audience; `None`: for anything with no audience.
    pub(crate) fn has(&self, duty: Duty, audience: Option<&str>) -> bool {
        match self {
            Self::Client(client, terms) => {
                let named = client.scope.split(' ').any(|word| word == duty.scope());
                let mut own = terms.audiences.iter().chain([&client.audience]);
                named && audience.is_none_or(|audience| own.any(|it| it == audience))
            }
            Self::Service { .. } => duty == Duty::Introspect,
            Self::Operator { .. } => duty != Duty::Revoke,
        }
    }

    /// Whether it is the client a token says it was issued to.
    pub(crate) fn is_client(&self, client_id: Option<&str>) -> bool {
        matches!(self, Self::Client(client, _) if client_id == Some(client.client_id.as_str()))
    }

    /// Whether it serves an audience.
    pub(crate) fn serves(&self, audience: &str) -> bool {
        match self {
            Self::Client(client, terms) => {
                terms.audiences.iter().chain([&client.audience]).any(|it| it == audience)
            }
            Self::Service { .. } | Self::Operator { .. } => true,
        }
    }

    /// What a signed answer names it by.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Client(client, _) => client.client_id.clone(),
            Self::Service { id, .. } | Self::Operator { id, .. } => format!("api-key-{id}"),
        }
    }

    /// As records name it: client, API key.
    pub(crate) fn ids(&self) -> (PrincipalKey, ApiKeyId) {
        match self {
            Self::Client(client, _) => (client.client_key, ApiKeyId::NONE),
            Self::Service { id, .. } | Self::Operator { id, .. } => (PrincipalKey::default(), *id),
        }
    }

    /// Whether it may still ask: a stream outlives the look at its credential.
    pub(crate) fn is_live(&self, issuance: &Issuance, may_read: &MayRead) -> bool {
        let now = issuance.now();
        let ledger = &issuance.0.ledger;
        match self {
            Self::Client(client, _) => {
                let known = ledger.client(&client.client_id);
                known.is_some_and(|known| {
                    !known.revoked
                        && now < known.expires_at
                        && !ledger.is_suspended(known.owner_key)
                })
            }
            Self::Service { text, .. } => {
                matches!(ledger.check_api_key(text.expose(), now), Checked::Pass(_))
            }
            Self::Operator { id, text } => {
                let passes = matches!(ledger.check_api_key(text.expose(), now), Checked::Pass(_));
                passes && may_read(*id)
            }
        }
    }
}

/// Why nobody was let in.
pub(crate) enum NoAsker {
    /// No client proved itself (RFC 6749 §5.2).
    Client(OauthError),
    /// The bearer's API key opens nothing here (RFC 6750 §3.1).
    Bearer,
}

impl NoAsker {
    pub(crate) fn response(self) -> Response<Body> {
        match self {
            Self::Client(error) => error.response(),
            Self::Bearer => {
                let said = json!({ "error": "invalid_token" });
                let mut response = answer(StatusCode::UNAUTHORIZED, &said);
                let asked =
                    HeaderValue::from_static("Bearer realm=\"ward\", error=\"invalid_token\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, asked);
                response
            }
        }
    }
}

/// The asker: a client by one of its methods, or an API key as a bearer.
pub(crate) async fn asker(
    issuance: &Issuance,
    may_read: &MayRead,
    headers: &HeaderMap,
    parameters: &[(String, String)],
) -> Result<Asker, NoAsker> {
    match bearer(headers) {
        Some(text) => {
            api_key(issuance, may_read, Secret::new(text.to_owned())).ok_or(NoAsker::Bearer)
        }
        None => {
            let client = oauth::authenticate(issuance, headers, parameters).await;
            client.map(|client| Asker::client(issuance, client)).map_err(NoAsker::Client)
        }
    }
}

/// The one bearer credential of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (scheme, text) = given.next()?.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && given.next().is_none()).then_some(text)
}

fn api_key(issuance: &Issuance, may_read: &MayRead, text: Secret<String>) -> Option<Asker> {
    let ledger = &issuance.0.ledger;
    let Checked::Pass(issued) = ledger.check_api_key(text.expose(), issuance.now()) else {
        return None;
    };
    let id = issued.api_key();
    match ledger.api_key(id)?.kind {
        ApiKeyKind::Service => Some(Asker::Service { id, text }),
        ApiKeyKind::Operator if may_read(id) => Some(Asker::Operator { id, text }),
        // A person's key is for his own reads; the others lie with the identity provider or an issuer.
        ApiKeyKind::Operator | ApiKeyKind::Person | ApiKeyKind::Scim | ApiKeyKind::Reporter => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_for_ward_never_stand_in_a_token() {
        let cases = [
            ("", ""),
            ("read", "read"),
            ("ward:introspect", ""),
            ("read ward:reasons write ward:anything", "read write"),
            ("wards:x toward:y", "wards:x toward:y"),
        ];
        for (scope, want) in cases {
            assert_eq!(grantable(scope), want, "{scope}");
        }
        for duty in Duty::ALL {
            assert_eq!(grantable(duty.scope()), "", "{duty:?}");
        }
    }
}
