//! The state of this moment, from memory alone: it is asked up to twice a second by each page.

use data_encoding::BASE64;
use ward_console::facts::{Alert, CustodyGrade, IssuerState, JournalHead, Now, Reads, ReasonCount};
use ward_console::limits::{RECENT_ALERTS_MAX, RECENT_REFUSALS_MAX};
use ward_model::word::KeyPurpose;
use ward_model::{LeafIndex, TreeSize, UnixMillis};

use super::accesses::access_row;
use super::{natural, routes};
use crate::app::App;
use crate::clock;
use crate::view::pulse::{AlertSeen, Refusals};

/// What begins the sentences about whom custody does not keep out.
const LEAVES: &str = " It does not protect ";

/// The state of this moment.
pub fn now(app: &App) -> Now {
    let at = clock::now();
    let pulse = app.pulse.at(at);
    let catalogue = app.catalogue.load();
    let refusals = app.recent.refusals(RECENT_REFUSALS_MAX);
    let (bypasses_open, emergencies_unreviewed) = app.emergencies.bypasses().counts(at);
    Now {
        at,
        started_at: app.started_at,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        reads: Reads {
            last_second: pulse.reads_last_second,
            last_minute: pulse.reads_last_minute,
            today: pulse.reads_today,
            total: pulse.reads,
        },
        reads_by_second: pulse.reads_by_second,
        refusals_by_second: pulse.refusals_by_second,
        refusals: pulse.refusals_now.iter().map(reason_count).collect(),
        people_read_today: pulse.people_today,
        recent_refusals: refusals.iter().map(|line| access_row(&catalogue, line)).collect(),
        recent_alerts: app.pulse.alerts(RECENT_ALERTS_MAX).iter().map(alert).collect(),
        alerts_today: pulse.alerts_today,
        incidents_open: pulse.incidents_open,
        journal: journal(app),
        custody: custody(crate::api::keys::grade(app)),
        issuers: issuers(app),
        routes: routes(app),
        ungated_today: pulse.ungated_today,
        bypasses_open,
        emergencies_unreviewed,
    }
}

fn reason_count(one: &Refusals) -> ReasonCount {
    ReasonCount { reason: one.reason, last_minute: one.last_minute, today: one.today }
}

fn alert(seen: &AlertSeen) -> Alert {
    Alert {
        id: seen.alert.alert,
        at: seen.at.time,
        kind: seen.alert.kind,
        access: seen.alert.access,
        incident: seen.incident,
        leaked: natural(seen.alert.leaked),
    }
}

fn journal(app: &App) -> JournalHead {
    let health = app.journal.health();
    let kept = app.journal.latest_checkpoint();
    let size = kept.as_ref().map_or(0, |kept| kept.checkpoint.size);
    let size = TreeSize(i64::try_from(size).unwrap_or(i64::MAX));
    JournalHead {
        tree_size: health.records,
        checkpoint_size: size,
        checkpoint_at: kept.as_ref().and_then(|_| signed_at(app, size)),
        root: kept.map(|kept| BASE64.encode(&kept.checkpoint.root.0)).unwrap_or_default(),
        lost: health.lost,
    }
}

/// When the checkpoint over `size` leaves was signed: the journal signs within a second of the last
/// leaf under it, and that leaf's second is known.
fn signed_at(app: &App, size: TreeSize) -> Option<UnixMillis> {
    let last = LeafIndex(size.0.checked_sub(1)?);
    app.pulse.time_of(last).or_else(|| {
        // WHY a read here: only a checkpoint that has not been renewed for an hour of records
        // comes this far, and then how old it is matters most.
        app.journal.read(last, 1).ok()?.first().map(|(at, _)| at.time)
    })
}

/// Issuers of tokens, in the order of their first key.
fn issuers(app: &App) -> Vec<IssuerState> {
    let mut issuers: Vec<IssuerState> = Vec::new();
    for key in app.ledger.keys() {
        let known = issuers.iter().any(|one| one.issuer == key.issuer);
        if key.purpose == KeyPurpose::Token && !known {
            let mode = app.ledger.issuer_mode(&key.issuer);
            issuers.push(IssuerState { issuer: key.issuer.clone(), mode });
        }
    }
    let now = clock::now();
    for foreign in app.ledger.issuers().iter().filter(|one| !one.withdrawn) {
        let mode = app.ledger.foreign_mode(foreign);
        issuers.push(IssuerState { issuer: foreign_line(foreign, now), mode });
    }
    issuers
}

/// A foreign issuer in one line: how far its reports are, and how much of what comes they cover.
fn foreign_line(issuer: &ward_ledger::foreign::Issuer, now: UnixMillis) -> String {
    let lag = crate::issuers::lag_ms(issuer, now);
    let lag =
        lag.map_or_else(|| "no report yet".to_owned(), |ms| format!("{} s behind", ms / 1000));
    let share = crate::issuers::coverage(issuer);
    let share = share.map_or_else(String::new, |share| format!(", covers {:.1} %", share * 100.0));
    format!("{} ({lag}{share})", issuer.url)
}

/// The custody text in its three parts: `grade: what it is and protects. What it leaves.`
pub fn custody(text: &str) -> CustodyGrade {
    let (grade, rest) = text.split_once(": ").unwrap_or(("", text));
    let (protects, leaves) = match rest.split_once(LEAVES) {
        Some((protects, leaves)) => (protects, format!("{}{leaves}", LEAVES.trim_start())),
        None => (rest, String::new()),
    };
    CustodyGrade { grade: grade.to_owned(), protects: capital(protects), leaves }
}

/// The text with its first letter upper case.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}
