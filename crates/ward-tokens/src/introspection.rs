//! Introspection: a protected resource asks whether a token is live, and hears no more than that.
//!
//! The answer for everything that is not live, not this asker's, or junk is `{"active":false}`,
//! byte for byte, at once: no oracle for a thief. Why it is not live goes only to askers who may
//! hear it (`ward_status`). Nothing is recorded when a token is live: the asker's own reads are
//! not Ward's to know, and a record a call would make asking as dear as issuing. A token nobody
//! issued is recorded, because it says that a key is in other hands (`notice.rs`).
//! Cost: one HMAC or password-class check of the client, one look into the ledger; no lock that a
//! writer holds for long, no signature verified, no record.
//! Source: RFC 7662, RFC 9701. Best test: `introspection/tests.rs`, `interop/verifiers.py`.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::http::{Response, StatusCode};
use metrics::counter;
use serde_json::{Map, Value, json};
use ward_keys::{Statement, state};
use ward_ledger::{Checked, Issued, Miss, is_api_key};
use ward_model::word::{AskedAt, IssuerMode, KeyPurpose};
use ward_model::{PrincipalName, Reason, UnixMillis};

use crate::asker::{Asker, Duty, asker};
use crate::desk::{Desk, named_form};
use crate::notice::{Presenter, sighted};
use crate::oauth::{OauthError, answer};
use crate::spoken::Spoken;
use crate::wire::get;

/// Media type of a signed answer (RFC 9701 §8.1).
const SIGNED: &str = "application/token-introspection+jwt";

/// What an asker hears.
enum Heard {
    /// It is live: these are its claims.
    Active(Map<String, Value>),
    /// It is not, for this reason.
    Inactive(Reason),
    /// It is no affair of his.
    Nothing,
}

/// What is done about a token without an entry.
enum Fate {
    /// Nothing is known of it.
    Refused(Reason),
    /// It may pass, or was entered meanwhile: look again.
    Again,
    /// A learning issuer's: as good as its signature.
    Believed,
}

/// `POST /oauth/introspect` (RFC 7662 §2).
pub(crate) async fn door(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let parameters = match named_form(&headers, &body) {
        Ok(parameters) => parameters,
        Err(error) => return error.response(),
    };
    let asker = match asker(&desk.0.issuance, &desk.0.may_read, &headers, &parameters).await {
        Ok(asker) => asker,
        Err(refused) => return refused.response(),
    };
    let Some(raw) = get(&parameters, "token") else {
        return OauthError::InvalidRequest.response();
    };
    let heard = desk.hear(&asker, raw).await;
    let active = matches!(heard, Heard::Active(_));
    counter!("ward_introspections_total", "active" => if active { "true" } else { "false" })
        .increment(1);
    let members = told(heard, &asker);
    if wants_signed(&headers) {
        return desk.signed(&asker, &members);
    }
    answer(StatusCode::OK, &Value::Object(members))
}

/// The members of an answer.
fn told(heard: Heard, asker: &Asker) -> Map<String, Value> {
    let reasons = asker.has(Duty::Reasons, None);
    let (mut members, status) = match heard {
        Heard::Active(mut claims) => {
            claims.insert("active".to_owned(), true.into());
            (claims, Some("live"))
        }
        Heard::Inactive(reason) => (inactive(), Some(reason.as_str())),
        Heard::Nothing => (inactive(), None),
    };
    if let Some(status) = status.filter(|_| reasons) {
        members.insert("ward_status".to_owned(), status.into());
    }
    members
}

fn inactive() -> Map<String, Value> {
    Map::from_iter([("active".to_owned(), Value::Bool(false))])
}

/// Whether the asker wants a signed answer (RFC 9701 §4).
fn wants_signed(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|it| it.to_str().ok());
    accepted.flat_map(|it| it.split(',')).any(|one| {
        let media = one.split(';').next().unwrap_or_default().trim();
        media.eq_ignore_ascii_case(SIGNED)
    })
}

impl Desk {
    /// What an asker hears of a credential.
    async fn hear(&self, asker: &Asker, raw: &str) -> Heard {
        let now = self.0.issuance.now();
        if is_api_key(raw) {
            return self.hear_api_key(asker, raw, now).await;
        }
        let Some(spoken) = Spoken::read(raw) else {
            let may = asker.has(Duty::Introspect, None);
            return if may { Heard::Inactive(Reason::Malformed) } else { Heard::Nothing };
        };
        let audience = spoken.audience_for(asker).to_owned();
        let mine =
            asker.has(Duty::Introspect, Some(&audience)) || asker.is_client(spoken.client_id());
        // Three times at most: a token that was pinned, sighted or verified is looked up again.
        for _ in 0..3 {
            let refused = match self.0.issuance.0.ledger.check(raw, &audience, now) {
                Checked::Pass(_) if mine => return Heard::Active(spoken.told()),
                Checked::Pass(_) => return Heard::Nothing,
                Checked::Refuse(refused) => refused,
            };
            let Some(miss) = refused.miss else {
                return if mine { Heard::Inactive(refused.reason) } else { Heard::Nothing };
            };
            let fate = self.miss(asker, miss, refused.mode, mine, now).await;
            match fate {
                Fate::Again => {}
                Fate::Believed if mine && spoken.is_timely(now) => {
                    return Heard::Active(spoken.told());
                }
                Fate::Believed => break,
                Fate::Refused(_) if !mine => return Heard::Nothing,
                Fate::Refused(reason) => return Heard::Inactive(reason),
            }
        }
        if mine { Heard::Inactive(Reason::LedgerBehind) } else { Heard::Nothing }
    }

    /// A token without an entry: classified later, unless the answer hangs on what it is.
    async fn miss(
        &self,
        asker: &Asker,
        miss: Miss,
        mode: IssuerMode,
        mine: bool,
        now: UnixMillis,
    ) -> Fate {
        let (issuance, notices) = (&self.0.issuance, &self.0.notices);
        let (client_key, api_key) = asker.ids();
        let by = Presenter { client_key, api_key, asked_at: AskedAt::Introspection };
        let learning = mode == IssuerMode::Learning;
        let old = issuance.0.ledger.key(miss.key()).is_some_and(|it| it.grandfathering.is_some());
        let foreign = miss.is_foreign();
        let hangs = mine && (learning || old || foreign || asker.has(Duty::Reasons, None));
        if !hangs {
            notices.later(issuance, miss, by);
            return Fate::Refused(Reason::NeverIssued);
        }
        let Some(mut classified) = notices.classify(issuance, miss, now).await else {
            return Fate::Refused(Reason::Overloaded);
        };
        if classified.known_now {
            return Fate::Again;
        }
        if let (Some(pin), Some(claims)) = (classified.pin.take(), classified.claims.as_ref()) {
            let pinned = match issuance.number(claims.name.clone()).await {
                Ok(number) => issuance.append(pin.record(number)).await,
                Err(error) => Err(error),
            };
            return match pinned {
                Ok(()) => Fate::Again,
                Err(_) => Fate::Refused(Reason::JournalUnavailable),
            };
        }
        match sighted(issuance, &mut classified).await {
            Ok(true) => return Fate::Again,
            Ok(false) => {}
            Err(_) => return Fate::Refused(Reason::JournalUnavailable),
        }
        // What a foreign issuer has not reported yet is `ledger_behind`.
        let unknown = classified.reason == Reason::NeverIssued
            || (classified.foreign && classified.reason == Reason::LedgerBehind);
        let believed =
            learning && classified.signature_good && unknown && classified.claims.is_some();
        // WHY only the first of a learning issuer: what it issues is not entered yet, so each of
        // its tokens is one of these.
        if !believed || notices.is_first(classified.key, by) {
            let (notices, issuance) = (notices.clone(), issuance.clone());
            let reason = classified.reason;
            tokio::spawn(async move { notices.keep(&issuance, &classified, by, believed).await });
            return if believed { Fate::Believed } else { Fate::Refused(reason) };
        }
        Fate::Believed
    }

    /// An API key, for a protected resource that takes them.
    async fn hear_api_key(&self, asker: &Asker, raw: &str, now: UnixMillis) -> Heard {
        if !asker.has(Duty::Introspect, None) {
            return Heard::Nothing;
        }
        match self.0.issuance.0.ledger.check_api_key(raw, now) {
            Checked::Pass(issued) => Heard::Active(self.of_api_key(&issued).await),
            Checked::Refuse(refused) => Heard::Inactive(refused.reason),
        }
    }

    async fn of_api_key(&self, issued: &Issued) -> Map<String, Value> {
        let bearer = issued.bearer();
        let (names, number) = (self.0.names.clone(), bearer.number);
        let name = tokio::task::spawn_blocking(move || names(number)).await.ok().flatten();
        let key = self.0.issuance.0.ledger.api_key(issued.api_key());
        let told = json!({
            "iss": self.0.issuance.policy().issuer,
            "token_type": "Bearer",
            "exp": issued.expires_at().seconds(),
            "kind": bearer.kind.as_str(),
            "ward_api_key": issued.api_key(),
            "ward_api_key_kind": key.map(|key| key.kind),
            "sub": name.as_ref().map(PrincipalName::id),
        });
        let mut told = match told {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        told.retain(|_, value| !value.is_null());
        told
    }

    /// The answer as evidence: signed with the answer key, for this asker alone (RFC 9701 §5).
    fn signed(&self, asker: &Asker, members: &Map<String, Value>) -> Response<Body> {
        let issuance = &self.0.issuance;
        let statement = Statement::Introspection { audience: &asker.name(), answer: members };
        let jwt = issuance
            .key(KeyPurpose::Answer)
            .ok()
            .and_then(|key| state(&key, &statement, issuance.now()).ok());
        let Some(jwt) = jwt else {
            tracing::error!("no key signs answers");
            return OauthError::TemporarilyUnavailable.response();
        };
        let mut response = answer(StatusCode::OK, &Value::Null);
        *response.body_mut() = Body::from(jwt);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(SIGNED));
        response
    }
}

impl Spoken {
    /// The audience to ask the ledger under: the asker's if it is named, else the first.
    fn audience_for(&self, asker: &Asker) -> &str {
        let named = self.audiences();
        let mine = named.iter().find(|it| asker.serves(it));
        mine.or(named.first()).copied().unwrap_or_default()
    }

    /// Whether it ends, has not, and has begun.
    fn is_timely(&self, now: UnixMillis) -> bool {
        let (exp, nbf) = self.window();
        let from = |seconds| UnixMillis::from_seconds(seconds);
        exp.is_some_and(|exp| now < from(exp)) && nbf.is_none_or(|nbf| now >= from(nbf))
    }
}

#[cfg(test)]
mod tests;
