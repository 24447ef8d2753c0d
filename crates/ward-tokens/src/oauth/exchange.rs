//! Token exchange: a token for the same principal, narrower, with who acts for him written in it.
//!
//! The subject token MUST be live; audience, scope and life only narrow; the chain of actors is
//! kept. What comes out names the subject's principal, so that what takes his tokens back takes it
//! back, too; and it never outlives the subject token. Source: RFC 8693 §§2.1, 2.2, 4.1.
//! Best test: `oauth/tests.rs`.

use ward_ledger::limits::ACTORS_MAX;
use ward_ledger::{Checked, Told};
use ward_model::{PrincipalName, UnixMillis};

use super::OauthError;
use super::grant::{Granted, Party, scope, target};
use crate::asker::grantable;
use crate::issuance::{Issuance, TokenAsk};
use crate::wire::get;

/// `grant_type`.
pub(super) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// What comes out, and the types of what goes in.
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// The token that was exchanged.
pub(super) struct Subject {
    raw: ward_model::Secret<String>,
    told: Told,
}

impl Subject {
    /// A live token of Ward's own issue, whomever it is meant for.
    fn read(issuance: &Issuance, raw: &str) -> Option<Self> {
        let told = Told::read(raw)?;
        let subject = Self { raw: ward_model::Secret::new(raw.to_owned()), told };
        let known = subject.told.issuer == issuance.policy().issuer;
        (known && subject.is_live(issuance)).then_some(subject)
    }

    /// Whether it is live now.
    pub(super) fn is_live(&self, issuance: &Issuance) -> bool {
        let ledger = &issuance.0.ledger;
        let checked = ledger.check(self.raw.expose(), &self.told.audience, issuance.now());
        matches!(checked, Checked::Pass(_))
    }
}

/// Decides about one exchange. The subject token comes back, to be looked at once more.
pub(super) fn exchange(
    issuance: &Issuance,
    party: &Party<'_>,
    parameters: &[(String, String)],
) -> Result<(Granted, Subject), OauthError> {
    if party.terms.exchanges.is_empty() {
        return Err(OauthError::UnauthorizedClient);
    }
    if !matches!(get(parameters, "requested_token_type"), None | Some(ACCESS_TOKEN | JWT)) {
        return Err(OauthError::InvalidRequest);
    }
    let subject = presented(parameters, "subject_token", "subject_token_type")?;
    let subject = subject.ok_or(OauthError::InvalidRequest)?;
    let subject = Subject::read(issuance, subject).ok_or(OauthError::InvalidRequest)?;
    let actor = match presented(parameters, "actor_token", "actor_token_type")? {
        None => party.principal()?,
        Some(raw) => {
            let actor = Subject::read(issuance, raw).ok_or(OauthError::InvalidRequest)?;
            // WHY its own alone: nobody puts another's name into the chain.
            if actor.told.client_id != party.client.client_id {
                return Err(OauthError::InvalidRequest);
            }
            actor.told.principal
        }
    };
    let granted = decide(party, &subject.told, actor, parameters, issuance.now())?;
    Ok((granted, subject))
}

/// A token and its type, both or neither.
fn presented<'p>(
    parameters: &'p [(String, String)],
    token: &str,
    token_type: &str,
) -> Result<Option<&'p str>, OauthError> {
    match (get(parameters, token), get(parameters, token_type)) {
        (None, None) => Ok(None),
        (Some(raw), Some(ACCESS_TOKEN | JWT)) => Ok(Some(raw)),
        _ => Err(OauthError::InvalidRequest),
    }
}

/// Pure: what may come out of a live subject token.
fn decide(
    party: &Party<'_>,
    subject: &Told,
    actor: PrincipalName,
    parameters: &[(String, String)],
    now: UnixMillis,
) -> Result<Granted, OauthError> {
    let exchanges = &party.terms.exchanges;
    let audience = match (target(parameters)?, exchanges.as_slice()) {
        (Some(named), _) if exchanges.iter().any(|it| it == named) => named.to_owned(),
        (None, [only]) => only.clone(),
        _ => return Err(OauthError::InvalidTarget),
    };
    let scope = match &subject.scope {
        Some(held) => scope(parameters, held)?,
        // A subject without scope is not narrowed by one; what is asked for then is the client's.
        None if get(parameters, "scope").is_none() => None,
        None => scope(parameters, &grantable(&party.client.scope))?,
    };
    let mut actors = subject.actors.clone();
    // Who exchanges his own token acts for nobody else.
    if actor != subject.principal {
        actors.insert(0, actor);
    }
    if actors.len() > ACTORS_MAX {
        return Err(OauthError::InvalidRequest);
    }
    let left_ms = subject.expires_at.since(now);
    let life_ms = party.life_ms().min(left_ms);
    if life_ms < 1000 {
        return Err(OauthError::InvalidRequest);
    }
    let ask = TokenAsk {
        principal: subject.principal.clone(),
        client_id: party.client.client_id.clone(),
        audience,
        life_ms,
        tenant: subject.tenant.clone(),
        scope,
        login: subject.login.clone(),
    };
    // WHY: a bound token must not become one that anybody can carry.
    let bound = party.terms.bound || subject.confirmation.is_some();
    Ok(Granted { ask, actors, bound })
}
