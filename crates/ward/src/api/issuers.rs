//! `/api/issuers`: foreign issuers, what enforcing would refuse, and the act itself.
//!
//! Enforcing names the numbers its operator saw: more than those, and it is refused, because then he
//! did not see what he decides. Another operator consents (`hold.rs`). Going back is
//! `POST /api/issuers/mode`. Best tests: at the end of this file, and `interop/foreign.py`.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, State};
use axum::http::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use ward_ledger::foreign::{Issuer, Preview};
use ward_model::record::IssuerModeSet;
use ward_model::word::{ApiKeyKind, IssuerMode, ReportMode};
use ward_model::{Caller, PrincipalKind, Problem, ProblemKind, Text, UnixMillis};

use super::query::text_of;
use super::{Answer, act, finish, input, record_act, unavailable};
use crate::app::App;
use crate::clock;
use crate::issuers::{coverage, lag_ms};

/// `GET /api/issuers`.
pub async fn list(State(app): State<Arc<App>>) -> Response<Body> {
    let now = clock::now();
    let issuers: Vec<Value> = app.ledger.issuers().iter().map(|it| told(&app, it, now)).collect();
    finish(Ok(json!({"issuers": issuers})))
}

fn told(app: &App, issuer: &Issuer, now: UnixMillis) -> Value {
    let health = app.issuers.of(&issuer.name);
    let (reported, unreported) = issuer.presented();
    let keys: Vec<Value> = issuer
        .keys
        .iter()
        .map(|key| {
            json!({"key": key.number, "kid": key.kid, "alg": key.algorithm, "state": key.state,
                   "since": text_of(key.since)})
        })
        .collect();
    let book = issuer.with_book(|book| {
        let totals = book.totals;
        json!({
            "next_sequence": book.order.last().saturating_add(1),
            "missing": book.order.missing().len(),
            "gap_since": book.order.gap_since().map(text_of),
            "complete_before": book.order.complete_before().map(UnixMillis::from_seconds).map(text_of),
            "last_report": book.last_said.map(text_of),
            "reported": totals.reported, "late": totals.late, "voided": totals.voided,
            "unreported": totals.unreported, "not_remembered": totals.forgotten,
            "grandfathered": totals.pinned,
        })
    });
    json!({
        "name": issuer.name, "issuer": issuer.url, "withdrawn": issuer.withdrawn,
        "mode": app.ledger.foreign_mode(issuer), "reports": issuer.reports,
        "audiences": issuer.audiences, "life_seconds_max": issuer.life_ms_max / 1000,
        "keys": keys,
        "keys_fetched": health.good_at.map(text_of), "keys_fault": health.fault,
        "sequence": book, "lag_seconds": lag_ms(issuer, now).map(|ms| ms / 1000),
        "coverage": coverage(issuer), "presented_reported": reported,
        "presented_unreported": unreported,
        "live_reported": app.ledger.live_reported(issuer),
        "holders": holders(app, issuer), "reporters": reporters(app, issuer, now),
        "grandfathering": issuer.grandfathering.map(|window| json!({
            "cut_over": text_of(window.cut_over), "closes_at": text_of(window.closes_at),
            "closed": window.closed,
        })),
    })
}

/// Who can read what of an issuer, and whether he still works here.
fn holders(app: &App, issuer: &Issuer) -> Vec<Value> {
    let told = |(secret, holder): &(ward_model::word::IssuerSecret, ward_ledger::Holder)| {
        let seen = app.holdings.read(|it| it.person(holder.person).map(|one| one.state));
        json!({
            "secret": secret, "person": ward_people::person::id_text(holder.person),
            "since": text_of(holder.since), "evidence": holder.evidence, "state": seen,
        })
    };
    issuer.holders.iter().map(told).collect()
}

/// The credentials that report for an issuer.
fn reporters(app: &App, issuer: &Issuer, now: UnixMillis) -> Vec<Value> {
    let owner = app.ledger.principal_key(PrincipalKind::Service, &issuer.name);
    let keys = app.ledger.api_keys_of(owner);
    keys.iter()
        .filter(|key| key.kind == ApiKeyKind::Reporter && !key.revoked && now < key.expires_at)
        .map(|key| json!({"api_key": key.id, "expires_at": text_of(key.expires_at)}))
        .collect()
}

/// `GET /api/issuers/{issuer}/preview`.
pub async fn preview(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response<Body> {
    finish(by_name(&app, &name).map(|issuer| previewed(&app, &issuer)))
}

fn previewed(app: &App, issuer: &Issuer) -> Value {
    let preview = issuer.with_book(|book| book.preview(clock::now()));
    let why_not = why_not(issuer);
    json!({
        "name": issuer.name, "issuer": issuer.url, "mode": app.ledger.foreign_mode(issuer),
        "tokens": preview.tokens, "principals": preview.principals,
        "principals_at_least": preview.principals_at_least,
        "before_reporting": preview.before_reporting,
        "days": ward_ledger::foreign::PREVIEW_HOURS / 24,
        "since": preview.since.map(text_of),
        "coverage": coverage(issuer),
        "can_enforce": why_not.is_none(), "why_not": why_not,
        "in_words": in_words(&preview),
    })
}

/// What the last days would have refused.
fn in_words(preview: &Preview) -> String {
    let days = ward_ledger::foreign::PREVIEW_HOURS / 24;
    let least = if preview.principals_at_least { "at least " } else { "" };
    format!(
        "the last {days} days would have refused {} tokens of {least}{} principals",
        preview.tokens, preview.principals
    )
}

/// Why an issuer cannot enforce now.
fn why_not(issuer: &Issuer) -> Option<&'static str> {
    if issuer.reports == ReportMode::Batch {
        return Some("it reports in batches: a token may be used before it is reported");
    }
    if issuer.keys.is_empty() {
        return Some("none of its keys is known");
    }
    let began = issuer.with_book(|book| book.reporting_since.is_some());
    (!began).then_some("it has reported nothing yet: every token would be refused")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnforceBody {
    /// Tokens of the preview.
    tokens: u64,
    /// Principals of the preview.
    principals: u64,
}

/// `POST /api/issuers/{issuer}/enforce`.
pub async fn enforce(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response<Body> {
    finish(enforced(&app, caller, &name, &body).await)
}

async fn enforced(app: &App, caller: Caller, name: &str, body: &[u8]) -> Answer {
    let seen: EnforceBody = serde_json::from_slice(body)
        .map_err(|_| input("the body must be {tokens, principals}, as the preview says them"))?;
    let issuer = by_name(app, name)?;
    if let Some(why) = why_not(&issuer) {
        return Err(ProblemKind::Conflict.problem(why, None));
    }
    let preview = issuer.with_book(|book| book.preview(clock::now()));
    if preview.tokens > seen.tokens || preview.principals > seen.principals {
        let told = format!("{}: look at the preview again", in_words(&preview));
        return Err(ProblemKind::Conflict.problem(told, None));
    }
    set_mode(app, caller, &issuer, IssuerMode::Enforcing, body).await
}

async fn set_mode(
    app: &App,
    caller: Caller,
    issuer: &Issuer,
    mode: IssuerMode,
    body: &[u8],
) -> Answer {
    record_act(app, act(caller, "set issuer mode", i64::from(issuer.number.0), body)).await?;
    let url = Text::cut(&issuer.url);
    let recorded = app.journal.append(IssuerModeSet { issuer: url, mode }, clock::now()).await;
    let _recorded = recorded.map_err(|_| unavailable("the journal"))?;
    Ok(json!({"name": issuer.name, "issuer": issuer.url, "mode": mode}))
}

/// What `POST /api/issuers/mode` may not do to a foreign issuer.
///
/// # Errors
/// It would enforce without a preview.
pub fn guard_mode(app: &App, issuer: &str, mode: IssuerMode) -> Result<(), Problem> {
    let foreign = app.ledger.issuers().iter().any(|it| it.url == issuer);
    if foreign && mode == IssuerMode::Enforcing {
        let told = "a foreign issuer is enforced by POST /api/issuers/{issuer}/enforce, \
                    after its preview";
        return Err(ProblemKind::Conflict.problem(told, None));
    }
    Ok(())
}

fn by_name(app: &App, name: &str) -> Result<Arc<Issuer>, Problem> {
    let found = app.ledger.issuer(name);
    found.ok_or_else(|| ProblemKind::NotFound.problem("no foreign issuer has this name", None))
}
