//! Foreign issuers while Ward serves: their declarations, and their keys in the background.
//!
//! Keys are fetched with bounds on size, count and time; a redirect is refused, never followed. The
//! last good set stands while an issuer is down. What a set changes takes effect by records alone.
//! What it must never do: take a set in part, or a key under a name that another key has.
//! CRASH: anywhere: keys are records, and the next fetch finds the rest.
//! Best test: `interop/foreign.py`, with sets that are down, huge, swapped and redirected.

mod declare;
mod fetch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ward_ledger::foreign::Issuer;
use ward_model::record::IssuerTroubled;
use ward_model::word::IssuerTroubleKind;
use ward_model::{KeyNumber, PrincipalNumber, Record, UnixMillis};
use ward_tokens::foreign::jwks::{self, Compared};

pub use declare::declare;
pub use fetch::{Fetcher, Fetching};

use crate::app::App;
use crate::clock;
use crate::config::issuers::ForeignIssuer;

/// A wish for keys is granted this often at most, milliseconds: tokens name keys as they like.
const WISH_EVERY_MS: i64 = 5_000;
const SECOND: Duration = Duration::from_secs(1);

/// How an issuer's keys stand.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// The last try.
    pub tried_at: Option<UnixMillis>,
    /// The last good set.
    pub good_at: Option<UnixMillis>,
    /// What was wrong at the last try, in words.
    pub fault: Option<String>,
    /// Alarms that are standing: recorded once for as long as they last.
    alarmed: BTreeSet<(u8, [u8; 16])>,
}

/// The health of every issuer's keys, by name.
#[derive(Default)]
pub struct Healths(Mutex<BTreeMap<String, Health>>);

impl Healths {
    /// That of one issuer.
    pub fn of(&self, name: &str) -> Health {
        self.lock().get(name).cloned().unwrap_or_default()
    }

    fn change<T>(&self, name: &str, change: impl FnOnce(&mut Health) -> T) -> T {
        change(self.lock().entry(name.to_owned()).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Health>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a task for each issuer; they end with the runtime.
pub fn start(app: &Arc<App>) {
    for issuer in &app.config.issuers {
        match Fetcher::new(issuer) {
            Ok(fetcher) => {
                tokio::spawn(keep(Arc::clone(app), issuer.clone(), fetcher));
            }
            Err(told) => tracing::error!(issuer.name, told, "keys of an issuer cannot be fetched"),
        }
    }
}

async fn keep(app: Arc<App>, config: ForeignIssuer, fetcher: Fetcher) {
    let mut every = tokio::time::interval(SECOND);
    loop {
        every.tick().await;
        let Some(issuer) = app.ledger.issuer(&config.name) else { continue };
        let now = clock::now();
        if is_due(&app, &config, &issuer, now) {
            fetch_once(&app, &config, &fetcher, now).await;
        }
        watch(&app, &config, &issuer, now).await;
        app.reports.raise().await;
        measure(&app, &issuer, now);
    }
}

fn is_due(app: &App, config: &ForeignIssuer, issuer: &Issuer, now: UnixMillis) -> bool {
    let Some(tried) = app.issuers.of(&config.name).tried_at else { return true };
    let since = now.since(tried);
    // WHY the wish is taken only when it is granted: one that came too soon waits.
    since >= config.refresh_seconds.saturating_mul(1000)
        || (since >= WISH_EVERY_MS && issuer.takes_wish_for_keys())
}

async fn fetch_once(app: &App, config: &ForeignIssuer, fetcher: &Fetcher, now: UnixMillis) {
    let fetched = fetcher.fetch(config).await;
    app.issuers.change(&config.name, |health| health.tried_at = Some(now));
    let (trouble, told) = match fetched {
        Ok(published) => match take(app, config, &published, now).await {
            Ok(()) => {
                app.issuers.change(&config.name, |health| {
                    health.good_at = Some(now);
                    health.fault = None;
                    health.alarmed.retain(|(kind, _)| !is_about_keys(*kind));
                });
                return;
            }
            Err(trouble) => trouble,
        },
        Err(Fetching::Unavailable(told)) => (None, told),
        Err(Fetching::Refused(told)) => {
            (Some((IssuerTroubleKind::KeysRefused, KeyNumber::NONE, [0; 16])), told)
        }
    };
    tracing::warn!(config.name, told, "keys of an issuer are not taken; the last ones stand");
    app.issuers.change(&config.name, |health| health.fault = Some(told));
    if let Some((kind, key, about)) = trouble {
        alarm(app, config, kind, key, about, now).await;
    }
}

type Trouble = (Option<(IssuerTroubleKind, KeyNumber, [u8; 16])>, String);

/// Takes a published set in, by records.
async fn take(
    app: &App,
    config: &ForeignIssuer,
    published: &[jwks::PublicKey],
    now: UnixMillis,
) -> Result<(), Trouble> {
    let _turn = app.issuer_keys.lock().await;
    let Some(issuer) = app.ledger.issuer(&config.name) else { return Ok(()) };
    match jwks::compare(&issuer, published, app.ledger.next_foreign_key()) {
        Compared::Taken(records) if records.is_empty() => Ok(()),
        Compared::Taken(records) => match app.journal.append(records, now).await {
            Ok(_recorded) => Ok(()),
            Err(_) => Err((None, "the journal takes no record".to_owned())),
        },
        Compared::Swapped { key, offered } => {
            let told = "another key stands under a known kid".to_owned();
            Err((Some((IssuerTroubleKind::KeySwapped, key, offered)), told))
        }
    }
}

/// Looks after what lasts too long: keys that stay away, places that stay empty, silence.
async fn watch(app: &App, config: &ForeignIssuer, issuer: &Issuer, now: UnixMillis) {
    let after = config.alert_after_seconds.saturating_mul(1000);
    let health = app.issuers.of(&config.name);
    let away = now.since(health.good_at.unwrap_or(app.started_at));
    let (gap, silent) = issuer.with_book(|book| {
        let gap = book.order.gap_since().is_some_and(|since| now.since(since) >= after);
        let silent = config.silent_after_seconds.saturating_mul(1000);
        let last = book.last_said.filter(|_| silent > 0);
        (gap, last.is_some_and(|last| now.since(last) >= silent))
    });
    let standing = [
        (IssuerTroubleKind::KeysUnavailable, health.fault.is_some() && away >= after),
        (IssuerTroubleKind::Gap, gap),
        (IssuerTroubleKind::Silent, silent),
    ];
    for (kind, stands) in standing {
        if stands {
            alarm(app, config, kind, KeyNumber::NONE, [0; 16], now).await;
        } else {
            app.issuers.change(&config.name, |health| {
                health.alarmed.remove(&(kind.byte(), [0; 16]));
            });
        }
    }
}

/// Records a trouble once for as long as it lasts.
async fn alarm(
    app: &App,
    config: &ForeignIssuer,
    kind: IssuerTroubleKind,
    key: KeyNumber,
    about: [u8; 16],
    now: UnixMillis,
) {
    let Some(issuer) = app.ledger.issuer(&config.name) else { return };
    let standing = (kind.byte(), about);
    if app.issuers.change(&config.name, |health| !health.alarmed.insert(standing)) {
        return;
    }
    let principal = PrincipalNumber::NONE;
    let record = IssuerTroubled { issuer: issuer.number, kind, key, principal, about };
    if app.journal.append(Record::from(record), now).await.is_err() {
        app.issuers.change(&config.name, |health| health.alarmed.remove(&standing));
    }
}

const fn is_about_keys(kind: u8) -> bool {
    kind == IssuerTroubleKind::KeysRefused.byte() || kind == IssuerTroubleKind::KeySwapped.byte()
}

/// Share of distinct presented tokens that had been reported, since this program started.
#[expect(clippy::cast_precision_loss, reason = "a share for people and graphs")]
pub fn coverage(issuer: &Issuer) -> Option<f64> {
    let (reported, unreported) = issuer.presented();
    let all = reported.saturating_add(unreported);
    (all > 0).then(|| reported as f64 / all as f64)
}

/// How far behind now everything is known to be reported, milliseconds.
pub fn lag_ms(issuer: &Issuer, now: UnixMillis) -> Option<i64> {
    let before = issuer.with_book(|book| book.order.complete_before())?;
    Some(now.since(UnixMillis::from_seconds(before)).max(0))
}

#[expect(clippy::cast_precision_loss, reason = "numbers for graphs")]
fn measure(app: &App, issuer: &Issuer, now: UnixMillis) {
    let name = || issuer.name.clone();
    if let Some(lag) = lag_ms(issuer, now) {
        metrics::gauge!("ward_issuer_lag_seconds", "issuer" => name()).set(lag as f64 / 1000.0);
    }
    if let Some(share) = coverage(issuer) {
        metrics::gauge!("ward_issuer_coverage_ratio", "issuer" => name()).set(share);
    }
    let totals = issuer.with_book(|book| book.totals);
    let counts = [
        ("reported", totals.reported),
        ("late", totals.late),
        ("unreported", totals.unreported),
        ("pinned", totals.pinned),
    ];
    for (what, count) in counts {
        metrics::gauge!("ward_issuer_tokens", "issuer" => name(), "what" => what).set(count as f64);
    }
    let good = app.issuers.of(&issuer.name).good_at;
    let age = now.since(good.unwrap_or(app.started_at)).max(0);
    metrics::gauge!("ward_issuer_keys_age_seconds", "issuer" => name()).set(age as f64 / 1000.0);
}
