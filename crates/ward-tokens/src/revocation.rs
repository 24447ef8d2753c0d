//! Revocation: a client takes back a token it was issued.
//!
//! An unknown token is answered 200 like a known one; a token that says it was issued to another
//! client is refused whether it is live, gone or invented, so the answer tells nothing about it.
//! Unless the client's registration says otherwise ([`Duty::Revoke`]) nothing but its own is taken
//! back. What is taken back already costs no second record. A token nobody issued is noticed here
//! as everywhere. Source: RFC 7009 §§2.1, 2.2. Best test: `introspection/tests.rs`.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use metrics::counter;
use serde_json::{Value, json};
use ward_ledger::{Checked, Client, Entered, is_api_key};
use ward_model::record::{EnteredRevoked, PinRevoked, RevocationAsked, TokenRevoked};
use ward_model::word::{AskedAt, Cause};
use ward_model::{ApiKeyId, Reason, Record};

use crate::asker::{Asker, Duty};
use crate::desk::{Desk, named_form};
use crate::notice::Presenter;
use crate::oauth::{self, OauthError, answer};
use crate::spoken::Spoken;
use crate::wire::get;

/// What became of a request.
#[derive(Clone, Copy)]
enum Done {
    /// It is taken back by this request.
    Revoked,
    /// There was nothing to take back.
    Nothing,
}

/// What the ledger holds of a presented token.
enum Found {
    /// It could still be used, now or later.
    Live,
    /// Nothing that could be.
    Nothing,
    /// This view has not come that far.
    Behind,
}

/// What stood in the way.
enum Stopped {
    /// RFC 6749 §5.2, RFC 7009 §2.2.1.
    Oauth(OauthError),
    /// Ward does not take back this kind of credential here.
    UnsupportedTokenType,
}

impl From<OauthError> for Stopped {
    fn from(error: OauthError) -> Self {
        Self::Oauth(error)
    }
}

/// `POST /oauth/revoke` (RFC 7009 §2).
pub(crate) async fn door(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let outcome = desk.revoke(&headers, &body).await;
    let (word, response) = match outcome {
        // WHY the same: RFC 7009 §2.2, and it is nobody's business which.
        Ok(done) => {
            let word = if matches!(done, Done::Revoked) { "revoked" } else { "nothing" };
            (word, answer(StatusCode::OK, &Value::Object(serde_json::Map::new())))
        }
        Err(Stopped::UnsupportedTokenType) => {
            let said = json!({ "error": "unsupported_token_type" });
            ("refused", answer(StatusCode::BAD_REQUEST, &said))
        }
        Err(Stopped::Oauth(error)) => {
            let mut response = error.response();
            if error == OauthError::TemporarilyUnavailable {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            ("refused", response)
        }
    };
    counter!("ward_revocations_asked_total", "outcome" => word).increment(1);
    response
}

impl Desk {
    async fn revoke(&self, headers: &HeaderMap, body: &[u8]) -> Result<Done, Stopped> {
        let parameters = named_form(headers, body)?;
        let issuance = &self.0.issuance;
        let client = oauth::authenticate(issuance, headers, &parameters).await?;
        // WHY the hint is not looked at: what was presented says itself what it is (RFC 7009 §2.1).
        let raw = get(&parameters, "token").ok_or(OauthError::InvalidRequest)?;
        if is_api_key(raw) {
            return Err(Stopped::UnsupportedTokenType);
        }
        let Some(spoken) = Spoken::read(raw) else { return Ok(Done::Nothing) };
        let asker = Asker::client(issuance, client.clone());
        let own = asker.is_client(spoken.client_id());
        let audience = spoken.audiences().first().copied().unwrap_or_default();
        // INVARIANT: looked up first, so that a forgery is noticed whomever it names.
        let found = self.find(raw, audience, &client);
        if !own && !asker.has(Duty::Revoke, Some(audience)) {
            return Err(OauthError::UnauthorizedClient.into());
        }
        match found {
            Found::Live => self.take_back(raw, &client, !own).await,
            Found::Nothing => Ok(Done::Nothing),
            Found::Behind => Err(OauthError::TemporarilyUnavailable.into()),
        }
    }

    /// What the ledger holds of it; notices a token without an entry.
    fn find(&self, raw: &str, audience: &str, client: &Client) -> Found {
        let issuance = &self.0.issuance;
        let refused = match issuance.0.ledger.check(raw, audience, issuance.now()) {
            Checked::Pass(_) => return Found::Live,
            Checked::Refuse(refused) => refused,
        };
        if let Some(miss) = refused.miss {
            let (client_key, api_key) = (client.client_key, ApiKeyId::NONE);
            let by = Presenter { client_key, api_key, asked_at: AskedAt::Revocation };
            self.0.notices.later(issuance, miss, by);
            return Found::Nothing;
        }
        match refused.reason {
            Reason::LedgerBehind => Found::Behind,
            // The principal may come back, or its time come; the token must not.
            Reason::PrincipalSuspended | Reason::NotYetValid => Found::Live,
            _ => Found::Nothing,
        }
    }

    /// Records that a token is taken back, and by whom: one group.
    async fn take_back(
        &self,
        raw: &str,
        client: &Client,
        of_another: bool,
    ) -> Result<Done, Stopped> {
        let issuance = &self.0.issuance;
        let cause = Cause::Holder;
        let revoked: Record = match issuance.0.ledger.locate(raw) {
            Some(Entered::Slot(place)) => {
                TokenRevoked { origin: place.origin, sequence: place.sequence, cause }.into()
            }
            Some(Entered::Pin(fingerprint)) => PinRevoked { fingerprint, cause }.into(),
            Some(Entered::Digest(digest, expires_at)) => {
                EnteredRevoked { digest, expires_at, cause }.into()
            }
            None => return Ok(Done::Nothing),
        };
        let asked = RevocationAsked { client_key: client.client_key, of_another };
        let kept = issuance.append(vec![Record::from(asked), revoked]).await;
        kept.map_err(|_| OauthError::TemporarilyUnavailable)?;
        Ok(Done::Revoked)
    }
}
