//! What goes on while Ward serves: the clock's tick, the store's follower, detectors, incidents,
//! cascades, and keys that must be replaced.
//!
//! Rooms command each other by records; this is where a new record wakes whoever reacts to it.
//! Each task carries on after a failure and can be stopped at any point: what it did is recorded.

use std::sync::Arc;
use std::time::Duration;

use ward_journal::Journal;
use ward_keys::rotation::{self, Due, Standing};
use ward_keys::{KeyError, NewKey};
use ward_model::word::{Algorithm, Cause, KeyPurpose, KeyState};
use ward_model::{LeafIndex, Position, Record};

use crate::app::App;
use crate::clock;
use crate::deeds::Room;
use crate::inventory;
use crate::outside::Watching;

/// Records taken at once.
const BATCH: usize = 8192;
/// The tick.
const SECOND: Duration = Duration::from_secs(1);
/// Ticks between two records of noise.
const NOISE_TICKS: u64 = 60;

/// Starts the tasks; they end with the runtime.
pub fn start(app: &Arc<App>, room: &Room) {
    tokio::spawn(tick(Arc::clone(app), room.clone()));
    tokio::spawn(follow(Arc::clone(app)));
    crate::issuers::start(app);
    tokio::spawn(crate::snapshot::tend(Arc::clone(app)));
    let (watch, journal) = (app.watch.clone(), app.journal.clone());
    tokio::spawn(async move {
        let mut outside = Watching::new(journal);
        ward_watch::run(watch, &mut outside).await;
    });
}

async fn tick(app: Arc<App>, room: Room) {
    let mut every = tokio::time::interval(SECOND);
    let mut ticks = 0u64;
    loop {
        every.tick().await;
        ticks += 1;
        app.journal.tick(clock::now());
        if let Err(problem) = crate::api::reload::apply_approved(&app).await {
            tracing::warn!(problem.detail, "an approved set of declarations is not in force yet");
        }
        if app.operators.tend().await.is_err() {
            tracing::warn!("proposals that are over could not be recorded");
        }
        if room.tend().await.is_err() {
            tracing::warn!("ends of sessions or refused sign-ins could not be recorded");
        }
        if !rotate_keys(&app).await {
            tracing::warn!("a rotation that is due could not be recorded");
        }
        record_uses(&app, false).await;
        if ticks % NOISE_TICKS == 1 {
            count_warnings(&app).await;
        }
        if ticks.is_multiple_of(NOISE_TICKS) {
            app.gate.record_noise(false).await;
        }
    }
}

/// Records who used which credential since it was recorded last; `all`: at stop.
pub async fn record_uses(app: &App, all: bool) {
    let now = clock::now();
    let due = app.uses.due(now, all);
    if due.is_empty() {
        return;
    }
    if let Err(error) = app.journal.append(due.clone(), now).await {
        tracing::warn!(%error, "use of credentials waits for the journal");
        app.uses.put_back(&due);
    }
}

/// `ward_credential_warnings{policy=...}`: how many credentials each policy warns of.
async fn count_warnings(app: &Arc<App>) {
    let shared = Arc::clone(app);
    let counted = tokio::task::spawn_blocking(move || inventory::tally(&inventory::all(&shared)));
    for (warning, count) in counted.await.unwrap_or_default() {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("ward_credential_warnings", "policy" => warning.as_str()).set(count);
    }
}

/// Whether a record concerns people, incidents or keys.
#[derive(Clone, Copy, Default)]
struct Concerns {
    people: bool,
    incidents: bool,
    keys: bool,
}

async fn follow(app: Arc<App>) {
    let mut head = app.journal.head();
    let mut at = LeafIndex(0);
    // Once at start: whatever a stop left undone.
    let mut todo = Concerns { people: true, incidents: true, keys: true };
    loop {
        at = read_on(&app, at, &mut todo).await;
        if tend(&app, &mut todo).await {
            if head.changed().await.is_err() {
                return;
            }
        } else {
            tokio::time::sleep(SECOND).await;
        }
    }
}

/// Takes new records into the store; says what they concern.
async fn read_on(app: &Arc<App>, from: LeafIndex, todo: &mut Concerns) -> LeafIndex {
    let mut at = from;
    loop {
        let shared = Arc::clone(app);
        let work = tokio::task::spawn_blocking(move || step(&shared, at));
        let Ok(Some((next, concerns))) = work.await else { return at };
        todo.people |= concerns.people;
        todo.incidents |= concerns.incidents;
        todo.keys |= concerns.keys;
        at = next;
    }
}

/// One batch; `None` at the head or when something did not answer.
fn step(app: &App, at: LeafIndex) -> Option<(LeafIndex, Concerns)> {
    // The store may lie behind a full disk: it is brought up from where it stands, and what only
    // lives in memory goes on all the same.
    let at = if at.0 == 0 { LeafIndex(app.store.applied().0) } else { at };
    let batch = read(&app.journal, at)?;
    let last = batch.last()?.0.index;
    let behind = app.store.applied().0;
    if behind < at.0 {
        let missed = read(&app.journal, LeafIndex(behind))?;
        let _later = app.store.apply_all(missed.iter().map(|(at, one)| (*at, one)));
    } else {
        let _later = app.store.apply_all(batch.iter().map(|(at, one)| (*at, one)));
    }
    let mut concerns = Concerns::default();
    for (at, record) in &batch {
        app.telling.see(*at, record);
        app.telling.see_owner(app, *at, record);
        concerns.people |= ward_people::cascade::concerns(record);
        concerns.incidents |= ward_respond::decide::concerns(record);
        concerns.keys |= matches!(record, Record::KeyStateChanged(_));
    }
    Some((LeafIndex(last.0 + 1), concerns))
}

fn read(journal: &Journal, at: LeafIndex) -> Option<Vec<(Position, Record)>> {
    match journal.read(at, BATCH) {
        Ok(batch) => Some(batch),
        Err(error) => {
            tracing::error!(%error, "the journal cannot be read back");
            None
        }
    }
}

/// Does what is to be done; `false` when something must be tried again.
async fn tend(app: &Arc<App>, todo: &mut Concerns) -> bool {
    if todo.keys {
        todo.keys = !replace_keys(app).await;
    }
    if todo.people {
        todo.people = app.people.tend().await.is_err();
    }
    if todo.incidents {
        todo.incidents = app.desk.tend().await.is_err();
    }
    !(todo.keys || todo.people || todo.incidents)
}

/// Publishes and promotes keys as the schedule says; `false` when something must be tried again.
async fn rotate_keys(app: &Arc<App>) -> bool {
    let now = clock::now();
    let standing: Vec<Standing> = app.ledger.keys().iter().map(|it| Standing::of(it)).collect();
    let due = rotation::step(&standing, app.config.rotation, now);
    if due.is_empty() {
        return true;
    }
    let shared = Arc::clone(app);
    let work = tokio::task::spawn_blocking(move || {
        due.into_iter().all(|due| {
            let (keys, ledger) = (&shared.keys, &shared.ledger);
            let change = match due {
                Due::Announce(key) => keys.announce(key, ledger, now),
                Due::Promote(key) => keys.promote(key, Cause::Rotation, ledger, now),
            };
            match change {
                Ok(change) => shared.journal.append_blocking(change, now).is_ok(),
                // A person was faster: the next tick looks again.
                Err(KeyError::Conflict { .. }) => true,
                Err(error) => {
                    tracing::error!(%error, "a key that is due for rotation could not be rotated");
                    false
                }
            }
        })
    });
    work.await.unwrap_or(false)
}

/// Makes a key for every issuer and purpose whose last active key was retired or found to be in
/// other hands, so that nobody is logged out and nothing stops.
async fn replace_keys(app: &Arc<App>) -> bool {
    let shared = Arc::clone(app);
    let work = tokio::task::spawn_blocking(move || {
        let mut all = true;
        for (purpose, issuer, algorithm) in wanting(&shared) {
            let new = NewKey { purpose, algorithm, issuer, state: KeyState::Active };
            all &= match shared.keys.generate(&new, &shared.ledger, clock::now()) {
                Ok(change) => shared.journal.append_blocking(change, clock::now()).is_ok(),
                Err(error) => {
                    tracing::error!(%error, "a key that must be replaced could not be");
                    false
                }
            };
        }
        all
    });
    work.await.unwrap_or(false)
}

/// Issuers and purposes that had an active key and have none.
fn wanting(app: &App) -> Vec<(KeyPurpose, String, Algorithm)> {
    let keys = app.ledger.keys();
    let mut wanting: Vec<(KeyPurpose, String, Algorithm)> = Vec::new();
    for key in &keys {
        let same =
            |purpose: KeyPurpose, issuer: &str| purpose == key.purpose && issuer == key.issuer;
        let active =
            keys.iter().any(|one| one.state == KeyState::Active && same(one.purpose, &one.issuer));
        let known = wanting.iter().any(|(purpose, issuer, _)| same(*purpose, issuer));
        if !active && !known {
            wanting.push((key.purpose, key.issuer.to_string(), key.algorithm));
        }
    }
    wanting
}
