//! What a client may have: audience, scope and life of a token, decided from its registration.
//!
//! Pure. Source: RFC 6749 §§3.3, 4.4; RFC 8707 §2. Best test: `oauth/tests.rs`.

use ward_ledger::{Client, ClientTerms};
use ward_model::{PrincipalKind, PrincipalName};

use super::OauthError;
use crate::asker::grantable;
use crate::credential::is_scope;
use crate::issuance::TokenAsk;
use crate::wire::get;

pub(super) const CLIENT_CREDENTIALS: &str = "client_credentials";

/// The client that asks, and what bounds it.
pub(super) struct Party<'a> {
    pub(super) client: &'a Client,
    pub(super) terms: &'a ClientTerms,
    /// Longest life the policy allows, milliseconds.
    pub(super) life_ms_max: i64,
}

impl Party<'_> {
    /// Who it is as a principal.
    pub(super) fn principal(&self) -> Result<PrincipalName, OauthError> {
        PrincipalName::new(PrincipalKind::Service, self.client.client_id.clone())
            .map_err(|_| OauthError::UnauthorizedClient)
    }

    /// Longest life of its tokens, milliseconds.
    pub(super) fn life_ms(&self) -> i64 {
        self.client.life_ms_max.min(self.life_ms_max)
    }
}

/// A token that may be issued.
pub(super) struct Granted {
    pub(super) ask: TokenAsk,
    /// Who acts, the latest first.
    pub(super) actors: Vec<PrincipalName>,
    /// Whether it must be bound to a key or certificate.
    pub(super) bound: bool,
}

/// A token for the client itself.
pub(super) fn client_credentials(
    party: &Party<'_>,
    parameters: &[(String, String)],
) -> Result<Granted, OauthError> {
    let client = party.client;
    let audience = match target(parameters)? {
        None => client.audience.clone(),
        Some(named) if may_ask(party, named) => named.to_owned(),
        Some(_) => return Err(OauthError::InvalidTarget),
    };
    let ask = TokenAsk {
        principal: party.principal()?,
        client_id: client.client_id.clone(),
        audience,
        life_ms: party.life_ms(),
        tenant: None,
        scope: scope(parameters, &grantable(&client.scope))?,
        login: None,
    };
    Ok(Granted { ask, actors: Vec::new(), bound: party.terms.bound })
}

fn may_ask(party: &Party<'_>, audience: &str) -> bool {
    party.client.audience == audience || party.terms.audiences.iter().any(|it| it == audience)
}

/// The one audience asked for, by `resource` or `audience`.
///
/// WHY one: a token for two services can be carried from the one to the other. RFC 8707 §2 lets a
/// server refuse what it will not serve.
pub(super) fn target(parameters: &[(String, String)]) -> Result<Option<&str>, OauthError> {
    let named = |(name, value): &&(String, String)| {
        matches!(name.as_str(), "resource" | "audience") && !value.is_empty()
    };
    let mut targets = parameters.iter().filter(named).map(|(_, value)| value.as_str());
    let first = targets.next();
    if targets.any(|other| Some(other) != first) {
        return Err(OauthError::InvalidTarget);
    }
    Ok(first)
}

/// The scope asked for, if it lies in `allowed`; all of that if none is asked for.
pub(super) fn scope(
    parameters: &[(String, String)],
    allowed: &str,
) -> Result<Option<String>, OauthError> {
    let scope = get(parameters, "scope").unwrap_or(allowed);
    let words: Vec<&str> = allowed.split(' ').collect();
    let within = scope.is_empty() || scope.split(' ').all(|word| words.contains(&word));
    if !is_scope(scope) || !within {
        return Err(OauthError::InvalidScope);
    }
    Ok(Some(scope.to_owned()).filter(|scope| !scope.is_empty()))
}
