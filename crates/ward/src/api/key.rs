//! `/api/keys/{kid}`: one signing key, everyone who ever held it, and what becomes of it.
//!
//! A declaration that a key is in other hands cannot be taken back and costs whoever verifies
//! offline, so it is previewed, and held until another operator consents (`hold.rs`); rotating a key
//! costs nobody anything and is done at once. Why so: `docs/adr/031-rotation.md`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, State};
use axum::http::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use ward_keys::{KeyChange, KeyError};
use ward_ledger::Key;
use ward_model::word::{Cause, CustodyEvidence, KeySource};
use ward_model::{Caller, KeyNumber, Problem, ProblemKind, UnixMillis};

use super::keys::{changed, grade, problem};
use super::query::{moment, text_of};
use super::{Answer, blocking, finish, input};
use crate::app::App;
use crate::clock;
use crate::view::live::Alive;

/// `GET /api/keys/{kid}`.
pub async fn show(State(app): State<Arc<App>>, Path(kid): Path<String>) -> Response<Body> {
    finish(
        async {
            let key = key_of(&app, &kid)?;
            blocking(move || {
                let mut shown = described(&app, &key);
                if let Some(shown) = shown.as_object_mut() {
                    shown.insert("custody_grade".to_owned(), grade(&app).into());
                    shown.insert("preview".to_owned(), preview(&app, &key));
                }
                shown
            })
            .await
        }
        .await,
    )
}

/// `GET /api/keys/{kid}/preview`.
pub async fn previewed(State(app): State<Arc<App>>, Path(kid): Path<String>) -> Response<Body> {
    finish(
        async {
            let key = key_of(&app, &kid)?;
            blocking(move || preview(&app, &key)).await
        }
        .await,
    )
}

/// A key as every listing shows it: what may be done with it, and everyone who ever held it.
pub fn described(app: &App, key: &Key) -> Value {
    json!({
        "key": key.number, "kid": key.kid, "alg": key.algorithm, "purpose": key.purpose,
        "source": key.source, "issuer": key.issuer, "state": key.state,
        "since": text_of(key.since), "cause": key.cause,
        "here": app.keys.is_held(key.number),
        "holders": holders(app, key),
        "holders_unknown_since": key.holders_unknown_since.map(text_of),
        "in_nobodys_hands": in_nobodys_hands(key),
        "live_tokens": app.live.under(key.number, clock::now()).unexpired,
        "grandfathering": key.grandfathering.map(|window| json!({
            "cut_over": text_of(window.cut_over), "closes_at": text_of(window.closes_at),
            "closed": window.closed,
        })),
    })
}

/// Everyone who ever could read a key, who has left among them, with how that is known.
pub fn holders(app: &App, key: &Key) -> Vec<Value> {
    let one = |holder: &ward_ledger::Holder| {
        let gone = app.holdings.read(|it| it.is_out(holder.person));
        json!({
            "person": ward_people::person::id_text(holder.person),
            "since": text_of(holder.since),
            "evidence": holder.evidence,
            "how": how(holder.evidence),
            "left": gone,
        })
    };
    key.holders.iter().map(one).collect()
}

const fn how(evidence: CustodyEvidence) -> &'static str {
    match evidence {
        CustodyEvidence::Declared => "could read it before it came here",
        CustodyEvidence::Storage => "is root where it is kept",
        CustodyEvidence::Handed => "was given it",
        CustodyEvidence::Unsealer => "gave a share that opened custody",
        CustodyEvidence::Unknown => "worked here, and nobody can say who read it",
    }
}

/// Whether nobody ever could read it.
fn in_nobodys_hands(key: &Key) -> bool {
    let made_here = matches!(key.source, KeySource::Generated | KeySource::Inside);
    made_here && key.holders.is_empty() && key.holders_unknown_since.is_none()
}

/// What declaring the key to be in other hands would do, counted now.
pub fn preview(app: &App, key: &Key) -> Value {
    let alive = app.live.under(key.number, clock::now());
    let offline: Vec<Value> = app
        .config
        .offline_audiences
        .iter()
        .map(|audience| {
            let tokens = alive.by_audience.get(audience).copied().unwrap_or(0);
            json!({"audience": audience, "tokens": tokens})
        })
        .collect();
    let lost: u64 = offline.iter().filter_map(|it| it.get("tokens")?.as_u64()).sum();
    let nobody = alive.by_audience.get("").copied().unwrap_or(0);
    json!({
        "kid": key.kid, "state": key.state,
        "keep_working": alive.unexpired,
        "keep_working_is": "an upper bound",
        "revoked_among_them_at_most": alive.revoked_at_most,
        "cut_principals_or_clients_at_most": alive.cut_at_most,
        "lost": 0,
        "offline_verifiers": offline,
        "lost_at_offline_verifiers": lost,
        "audience_unknown": nobody,
        "grandfathering_closes": key.grandfathering.is_some_and(|window| !window.closed),
        "can_be_undone": false,
        "words": words(&alive, &key.kid, lost, app.config.offline_audiences.len(), nobody),
    })
}

fn words(alive: &Alive, kid: &str, lost: u64, verifiers: usize, nobody: u64) -> Vec<String> {
    let count = with_commas;
    let mut words = vec![format!(
        "{} live tokens under this key ({kid}) will keep working, 0 will be lost",
        count(alive.unexpired)
    )];
    if alive.revoked_at_most > 0 || alive.cut_at_most > 0 {
        words.push(format!(
            "that is an upper bound: at most {} of them were taken back one by one, and tokens of \
             at most {} principals, clients or keys all at once",
            count(alive.revoked_at_most),
            count(alive.cut_at_most)
        ));
    }
    if verifiers > 0 {
        words.push(format!(
            "{} of them are for audiences of {verifiers} offline verifiers: they will be lost there",
            count(lost)
        ));
        if nobody > 0 {
            let known = "were issued to no registered client: their audience is not known here";
            words.push(format!("{} of them {known}", count(nobody)));
        }
    }
    words.push("anything else under this key is a forgery from then on".to_owned());
    words.push("this cannot be undone".to_owned());
    words
}

/// `2381204` as `2,381,204`.
fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RotateBody {
    /// Publish the successor and let it sign later.
    publish_first: bool,
}

/// `POST /api/keys/{kid}/rotate`.
pub async fn rotate(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(kid): Path<String>,
    body: Bytes,
) -> Response<Body> {
    let wanted = optional::<RotateBody>(&body, "{publish_first?}");
    let change = |first: bool| {
        move |app: &App, key: KeyNumber, now: UnixMillis| {
            if first {
                app.keys.announce(key, &app.ledger, now)
            } else {
                app.keys.rotate(key, Cause::Operator, &app.ledger, now)
            }
        }
    };
    let answer = match wanted {
        Ok(wanted) => acted(app, caller, &kid, "rotate key", change(wanted.publish_first)).await,
        Err(problem) => Err(problem),
    };
    finish(answer)
}

/// `POST /api/keys/{kid}/promote`.
pub async fn promote(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(kid): Path<String>,
) -> Response<Body> {
    let change = |app: &App, key: KeyNumber, now: UnixMillis| {
        app.keys.promote(key, Cause::Operator, &app.ledger, now)
    };
    finish(acted(app, caller, &kid, "promote key", change).await)
}

/// `POST /api/keys/{kid}/retire`.
pub async fn retire(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(kid): Path<String>,
) -> Response<Body> {
    let change = |app: &App, key: KeyNumber, now: UnixMillis| {
        app.keys.retire(key, Cause::Operator, &app.ledger, now)
    };
    finish(acted(app, caller, &kid, "retire key", change).await)
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct CompromisedBody {
    /// The earliest moment it may have been in other hands (RFC 3339); now if not said.
    since: Option<String>,
}

/// `POST /api/keys/{kid}/compromised`; held before it comes here.
pub async fn compromised(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(kid): Path<String>,
    body: Bytes,
) -> Response<Body> {
    finish(declared(app, caller, &kid, &body).await)
}

async fn declared(app: Arc<App>, caller: Caller, kid: &str, body: &[u8]) -> Answer {
    let wanted: CompromisedBody = optional(body, "{since?}")?;
    let since = wanted.since.as_deref().map(moment).transpose()?;
    let shown = preview(&app, &*key_of(&app, kid)?);
    let change = move |app: &App, key: KeyNumber, now: UnixMillis| {
        let since = since.unwrap_or(now);
        app.keys.compromise(key, since, Cause::Compromise, &app.ledger, now)
    };
    let mut answer = acted(app, caller, kid, "key compromised", change).await?;
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("preview".to_owned(), shown);
    }
    Ok(answer)
}

async fn acted(
    app: Arc<App>,
    caller: Caller,
    kid: &str,
    verb: &'static str,
    change: impl FnOnce(&App, KeyNumber, UnixMillis) -> Result<KeyChange, KeyError> + Send + 'static,
) -> Answer {
    let number = key_of(&app, kid)?.number;
    let shared = Arc::clone(&app);
    let made = blocking(move || change(&shared, number, clock::now())).await?;
    changed(&app, caller, verb, made.map_err(problem)?).await
}

/// A body that need not be there.
fn optional<T: Default + for<'de> Deserialize<'de>>(
    body: &[u8],
    shape: &str,
) -> Result<T, Problem> {
    if body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| input(format!("the body is {shape}: {error}")))
}

fn key_of(app: &App, kid: &str) -> Result<Arc<Key>, Problem> {
    let found = app.ledger.keys().into_iter().rev().find(|key| key.kid == kid);
    found.ok_or_else(|| ProblemKind::NotFound.problem("no key has this kid", None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_can_be_read() {
        let cases = [
            (0, "0"),
            (7, "7"),
            (999, "999"),
            (1000, "1,000"),
            (2_381_204, "2,381,204"),
            (33_700_000, "33,700,000"),
        ];
        for (number, want) in cases {
            assert_eq!(with_commas(number), want);
        }
    }

    #[test]
    fn the_preview_says_what_is_an_upper_bound_and_what_is_lost_where() {
        let quiet = Alive { unexpired: 2_381_204, ..Alive::default() };
        let told = words(&quiet, "k", 0, 0, 0);
        assert_eq!(
            told[0],
            "2,381,204 live tokens under this key (k) will keep working, 0 will be lost"
        );
        assert!(!told.iter().any(|line| line.contains("bound")), "{told:?}");
        let busy = Alive { revoked_at_most: 12, cut_at_most: 3, ..quiet };
        let told = words(&busy, "k", 1500, 2, 9);
        assert!(told[1].contains("at most 12 ") && told[1].contains("at most 3 "), "{told:?}");
        assert!(told[2].starts_with("1,500 of them are for audiences of 2 offline"), "{told:?}");
        assert!(told[3].starts_with("9 of them"), "{told:?}");
        assert_eq!(told.last().unwrap(), "this cannot be undone");
    }
}
