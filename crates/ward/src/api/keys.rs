//! `/api/keys` and `/api/issuers/mode`: signing keys with their holders; none of it shows a secret.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::Response;
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use ward_keys::{DeclaredHolder, Grandfathering, Import, KeyChange, KeyError};
use ward_model::record::IssuerModeSet;
use ward_model::word::IssuerMode;
use ward_model::{Caller, PrincipalKind, Problem, ProblemKind, Secret, Text, UnixMillis};
use zeroize::Zeroizing;

use super::{Answer, act, blocking, finish, input, key, record_act, unavailable};
use crate::app::App;
use crate::clock;

/// `GET /api/keys`.
pub async fn list(State(app): State<Arc<App>>) -> Response<Body> {
    finish(blocking(move || listing(&app)).await)
}

fn listing(app: &App) -> Value {
    let keys = app.ledger.keys();
    let keys: Vec<Value> = keys.iter().map(|key| key::described(app, key)).collect();
    json!({"keys": keys, "custody_grade": grade(app)})
}

/// What the way keys are kept here protects from.
pub fn grade(app: &App) -> &'static str {
    ward_keys::custody::grade(app.keys.kind(), app.keys.signs_inside())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportBody {
    /// PEM or JWK.
    #[serde(default)]
    pem: Zeroizing<String>,
    /// DER or PKCS#12, in base64.
    der: Option<Zeroizing<String>>,
    /// What the key is under.
    passphrase: Option<Zeroizing<String>>,
    kid: Option<String>,
    issuer: String,
    /// Everyone who could read it: SCIM ids. Nobody named, or the word `unknown` among them: whoever
    /// works here from now on is treated as a holder.
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

/// Whether a key's import can be read: asked before it is held.
pub fn readable(body: &[u8]) -> Result<(), Problem> {
    import_body(body).map(drop)
}

fn import_body(body: &[u8]) -> Result<ImportBody, Problem> {
    // WHY no detail of the parser: it could quote the key.
    serde_json::from_slice(body).map_err(|_| {
        input(
            "the body must be {pem or der, passphrase?, issuer, kid?, holders?, grandfathering?, \
             activate?}",
        )
    })
}

async fn imported(app: Arc<App>, caller: Caller, body: &[u8]) -> Answer {
    let wanted = import_body(body)?;
    let now = clock::now();
    let named = wanted.holders.iter().filter(|text| *text != UNKNOWN);
    let holders: Vec<DeclaredHolder> =
        named.map(|text| holder(&app, text, now)).collect::<Result<_, _>>()?;
    let import = Import {
        passphrase: wanted.passphrase.map(|words| Secret::new(words.to_string())),
        others_unknown: holders.is_empty() || holders.len() < wanted.holders.len(),
        kid: wanted.kid,
        issuer: wanted.issuer,
        holders,
        grandfathering: wanted.grandfathering.map(|window| Grandfathering {
            cut_over: UnixMillis::from_seconds(window.cut_over),
            life_ms_max: window.life_seconds.saturating_mul(1000),
            closes_at: now.plus_ms(window.window_days.saturating_mul(ward_model::time::DAY_MS)),
        }),
    };
    let key = match wanted.der {
        Some(der) => BASE64.decode(der.as_bytes()).map(Zeroizing::new),
        None => Ok(Zeroizing::new(wanted.pem.as_bytes().to_vec())),
    };
    let key = key.map_err(|_| input("`der` is base64"))?;
    let shared = Arc::clone(&app);
    let change = blocking(move || shared.keys.import(&key, &import, &shared.ledger, now));
    let change = change.await?.map_err(problem)?;
    let verb = if wanted.activate { "import key and sign with it" } else { "import key" };
    changed(&app, caller, verb, change).await
}

/// A holder nobody can name.
const UNKNOWN: &str = "unknown";

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

/// Records a change of keys, then says what came of it.
pub async fn changed(app: &App, caller: Caller, verb: &str, change: KeyChange) -> Answer {
    let number = change.key;
    record_act(app, act(caller, verb, i64::from(number.0), &number.0.to_le_bytes())).await?;
    let recorded = app.journal.append(change, clock::now()).await;
    let _recorded = recorded.map_err(|_| unavailable("the journal"))?;
    let key = app.ledger.key(number);
    Ok(json!({
        "key": number,
        "kid": key.as_ref().map(|key| key.kid.to_string()),
        "state": key.as_ref().map(|key| key.state),
        "live_tokens": app.live.under(number, clock::now()).unexpired,
    }))
}

/// A mistake of the caller, or a fault of ours.
pub fn problem(error: KeyError) -> Problem {
    match error {
        KeyError::Input { what } => input(what),
        KeyError::Import(error) => input(error.to_string()),
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
    super::issuers::guard_mode(app, &wanted.issuer, mode)?;
    record_act(app, act(caller, "set issuer mode", 0, body)).await?;
    let recorded = app.journal.append(IssuerModeSet { issuer, mode }, clock::now()).await;
    let _recorded = recorded.map_err(|_| unavailable("the journal"))?;
    Ok(json!({"issuer": wanted.issuer, "mode": mode}))
}
