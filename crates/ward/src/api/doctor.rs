//! `GET /api/doctor`: how this Ward stands, judged by `doctor.rs`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use ward_model::UnixMillis;
use ward_model::word::KeyState;
use ward_store::{Page, StoreError};

use super::{blocking, finish, unavailable};
use crate::app::App;
use crate::clock;
use crate::doctor::{Ending, Facts, InUse, JournalFacts, as_json, judge, offline};
use crate::inventory::{self, Warning};
use crate::snapshot::Standing;

/// `GET /api/doctor`.
pub async fn doctor(State(app): State<Arc<App>>) -> Response<Body> {
    let judged = blocking(move || {
        let now = clock::now();
        facts(&app, now).map(|facts| as_json(&judge(&facts, now)))
    });
    finish(match judged.await {
        Ok(found) => found.map_err(|_| unavailable("the store")),
        Err(problem) => Err(problem),
    })
}

/// Reads memory and the store; blocks.
fn facts(app: &App, now: UnixMillis) -> Result<Facts, StoreError> {
    let health = app.journal.health();
    let mut root_unknown = 0;
    for name in &app.config.root_on_hosts {
        root_unknown += usize::from(app.store.person_by_user_name(name)?.is_none());
    }
    let keys = app.ledger.keys().into_iter().filter(|key| key.state == KeyState::Active);
    let keys = keys.map(|key| InUse { kid: key.kid.clone(), since: key.since });
    Ok(Facts {
        head_time: health.head_time,
        signed_at: offline::signed_at(&app.config.data),
        free_bytes: offline::free_bytes(&app.config.data),
        segment_bytes: app.config.segment_bytes,
        custody: Some((app.keys.kind(), app.keys.signs_inside())),
        memory: Some(app.memory),
        root_named: app.config.root_on_hosts.len(),
        root_unknown: Some(root_unknown),
        credentials: Some(credentials(app, now)?),
        keys: Some(keys.collect()),
        warned: warned(app),
        waiting: None,
        operators: Some(operators(app)),
        snapshot: Some(snapshot(app, health.records.0)),
        broken: None,
        journal: Some(JournalFacts {
            records: health.records.0,
            dead: health.dead,
            poisoned: health.poisoned,
            refused: health.refused,
            full: health.full.iter().map(ToString::to_string).collect(),
            faults: app.ledger.faults(),
            jumps: health.clock_jumps,
            behind: health.records.0.saturating_sub(app.store.applied().0),
        }),
    })
}

fn snapshot(app: &App, records: i64) -> (Standing, i64) {
    let standing = app.snapshots.standing();
    let behind = records.saturating_sub(standing.records);
    (standing, behind)
}

/// What the inventory warns of, but for what is told of credentials and keys one by one.
fn warned(app: &App) -> Vec<(&'static str, usize)> {
    let mut counted = inventory::tally(&inventory::all(app));
    let elsewhere = [Warning::Expiring, Warning::SigningKeyOld];
    counted.retain(|(warning, count)| *count > 0 && !elsewhere.contains(warning));
    counted.into_iter().map(|(warning, count)| (warning.as_str(), count)).collect()
}

/// API keys and clients that are live.
fn credentials(app: &App, now: UnixMillis) -> Result<Vec<Ending>, StoreError> {
    let mut all = Vec::new();
    for row in app.store.api_keys(Page::FIRST)?.rows {
        if row.revoked.is_none() && row.expires > now {
            let name = format!("{} API key {}", row.kind, row.api_key);
            all.push(Ending { name, expires_at: row.expires });
        }
    }
    for row in app.store.clients(Page::FIRST)?.rows {
        if row.revoked.is_none() && row.expires > now {
            let name = format!("client {}", row.client_id);
            all.push(Ending { name, expires_at: row.expires });
        }
    }
    Ok(all)
}

/// How many persons hold an office now.
fn operators(app: &App) -> usize {
    app.operators.read(|it| it.operators().now().count())
}
