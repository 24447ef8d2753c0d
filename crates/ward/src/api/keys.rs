//! `/api/keys` and `/api/issuers/mode`: signing keys with their holders; none of it shows a secret.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, State};
use axum::http::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use ward_keys::{DeclaredHolder, Grandfathering, Import, KeyChange, KeyError};
use ward_model::record::IssuerModeSet;
use ward_model::word::{Cause, IssuerMode};
use ward_model::{Caller, KeyNumber, PrincipalKind, Problem, ProblemKind, Text, UnixMillis};

use super::query::text_of;
use super::{Answer, act, blocking, finish, input, record_act, unavailable};
use crate::app::App;
use crate::clock;

/// `GET /api/keys`.
pub async fn list(State(app): State<Arc<App>>) -> Response<Body> {
    finish(blocking(move || listing(&app)).await)
}

fn listing(app: &App) -> Value {
    let keys: Vec<Value> = app
        .ledger
        .keys()
        .iter()
        .map(|key| {
            let holders: Vec<Value> = key
                .holders
                .iter()
                .map(|holder| {
                    json!({
                        "person": ward_people::person::id_text(holder.person),
                        "since": text_of(holder.since),
                        "evidence": holder.evidence,
                    })
                })
                .collect();
            json!({
                "key": key.number, "kid": key.kid, "alg": key.algorithm, "purpose": key.purpose,
                "source": key.source, "issuer": key.issuer, "state": key.state,
                "since": text_of(key.since), "holders": holders,
                "live_tokens": app.ledger.live_tokens(key.number),
                "grandfathering": key.grandfathering.map(|window| json!({
                    "cut_over": text_of(window.cut_over), "closes_at": text_of(window.closes_at),
                    "closed": window.closed,
                })),
            })
        })
        .collect();
    json!({"keys": keys, "custody_grade": ward_keys::CUSTODY_GRADE})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportBody {
    pem: String,
    kid: Option<String>,
    issuer: String,
    #[serde(default)]
    holders: Vec<String>,
    grandfathering: Option<Window>,
    /// Sign with it from now on. An issuer without another active key signs with it all the same.
    #[serde(default)]
    activate: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    /// Unix seconds: `iat` of old tokens lies before it.
    cut_over: i64,
    /// Longest life of old tokens, seconds.
    life_seconds: i64,
    /// How long the window stays open, days.
    window_days: i64,
}

/// `POST /api/keys/import`.
pub async fn import(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response<Body> {
    finish(imported(app, caller, &body).await)
}

async fn imported(app: Arc<App>, caller: Caller, body: &[u8]) -> Answer {
    // WHY no detail of the parser: it could quote the key.
    let wanted: ImportBody = serde_json::from_slice(body).map_err(|_| {
        input("the body must be {pem, issuer, kid?, holders?, grandfathering?, activate?}")
    })?;
    let now = clock::now();
    let holders = wanted.holders.iter().map(|text| holder(&app, text, now));
    let import = Import {
        kid: wanted.kid,
        issuer: wanted.issuer,
        holders: holders.collect::<Result<_, _>>()?,
        grandfathering: wanted.grandfathering.map(|window| Grandfathering {
            cut_over: UnixMillis::from_seconds(window.cut_over),
            life_ms_max: window.life_seconds.saturating_mul(1000),
            closes_at: now.plus_ms(window.window_days.saturating_mul(ward_model::time::DAY_MS)),
        }),
    };
    let pem = zeroize::Zeroizing::new(wanted.pem.into_bytes());
    let shared = Arc::clone(&app);
    let change = blocking(move || shared.keys.import(&pem, &import, &shared.ledger, now));
    let change = change.await?.map_err(problem)?;
    let verb = if wanted.activate { "import key and sign with it" } else { "import key" };
    changed(&app, caller, verb, change).await
}

fn holder(app: &App, text: &str, now: UnixMillis) -> Result<DeclaredHolder, Problem> {
    let person =
        ward_people::person::parse_id(text).ok_or_else(|| input("a holder is a SCIM id"))?;
    let known = app.holdings.read(|it| it.person(person).is_some());
    if !known {
        return Err(input(
            "a declared holder is not a person Ward knows: create him by SCIM first",
        ));
    }
    let id = ward_people::person::id_text(person);
    let person_key = app.ledger.principal_key(PrincipalKind::Person, &id);
    Ok(DeclaredHolder { person, person_key, since: now })
}

/// `POST /api/keys/{kid}/rotate`.
pub async fn rotate(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(kid): Path<String>,
) -> Response<Body> {
    finish(
        async {
            let key = by_kid(&app, &kid)?;
            let shared = Arc::clone(&app);
            let now = clock::now();
            let change =
                blocking(move || shared.keys.rotate(key, Cause::Operator, &shared.ledger, now));
            changed(&app, caller, "rotate key", change.await?.map_err(problem)?).await
        }
        .await,
    )
}

/// `POST /api/keys/{kid}/compromised`.
pub async fn compromised(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(kid): Path<String>,
) -> Response<Body> {
    finish(
        async {
            let key = by_kid(&app, &kid)?;
            let shared = Arc::clone(&app);
            let now = clock::now();
            let change = blocking(move || {
                shared.keys.compromise(key, now, Cause::Compromise, &shared.ledger, now)
            });
            changed(&app, caller, "key compromised", change.await?.map_err(problem)?).await
        }
        .await,
    )
}

async fn changed(app: &App, caller: Caller, verb: &str, change: KeyChange) -> Answer {
    let number = change.key;
    record_act(app, act(caller, verb, i64::from(number.0), &number.0.to_le_bytes())).await?;
    let recorded = app.journal.append(change, clock::now()).await;
    let _recorded = recorded.map_err(|_| unavailable("the journal"))?;
    let key = app.ledger.key(number);
    Ok(json!({
        "key": number,
        "kid": key.as_ref().map(|key| key.kid.to_string()),
        "state": key.as_ref().map(|key| key.state),
        "live_tokens": app.ledger.live_tokens(number),
    }))
}

fn by_kid(app: &App, kid: &str) -> Result<KeyNumber, Problem> {
    let found = app.ledger.keys().into_iter().find(|key| *key.kid == *kid);
    found
        .map(|key| key.number)
        .ok_or_else(|| ProblemKind::NotFound.problem("no key has this kid", None))
}

fn problem(error: KeyError) -> Problem {
    match error {
        KeyError::Input { what } => input(what),
        KeyError::Unknown => ProblemKind::NotFound.problem("no such key", None),
        KeyError::Conflict { what } => ProblemKind::Conflict.problem(what, None),
        _ => unavailable("the key store"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModeBody {
    issuer: String,
    mode: String,
}

/// `POST /api/issuers/mode`.
pub async fn issuer_mode(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response<Body> {
    finish(mode_set(&app, caller, &body).await)
}

async fn mode_set(app: &App, caller: Caller, body: &[u8]) -> Answer {
    let wanted: ModeBody =
        serde_json::from_slice(body).map_err(|error| input(error.to_string()))?;
    let mode = IssuerMode::from_name(&wanted.mode)
        .ok_or_else(|| input("mode is \"learning\" or \"enforcing\""))?;
    let issuer = Text::new(wanted.issuer.clone()).map_err(|_| input("the issuer is too long"))?;
    record_act(app, act(caller, "set issuer mode", 0, body)).await?;
    let recorded = app.journal.append(IssuerModeSet { issuer, mode }, clock::now()).await;
    let _recorded = recorded.map_err(|_| unavailable("the journal"))?;
    Ok(json!({"issuer": wanted.issuer, "mode": mode}))
}
