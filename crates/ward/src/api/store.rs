//! `/api/store/verify`: rows held against records; a row nobody recorded is an incident.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use serde_json::{Value, json};
use ward_model::record::AlertRaised;
use ward_model::word::AlertKind;
use ward_model::{
    AccessId, AlertId, ApiKeyId, DataSubjectNumber, KeyNumber, Position, PrincipalNumber, Record,
    RouteNumber,
};

use super::{Answer, blocking, finish, scope, unavailable};
use crate::app::App;
use crate::clock;

/// `POST /api/store/verify`.
pub async fn verify(State(app): State<Arc<App>>) -> Response<Body> {
    finish(verified(app).await)
}

async fn verified(app: Arc<App>) -> Answer {
    let shared = Arc::clone(&app);
    let found = blocking(move || {
        shared.store.verify(|range: Range<i64>, visit: &mut dyn FnMut(Position, &Record)| {
            scope::read(&shared, range, visit)
        })
    });
    let found = found.await?.map_err(|_| unavailable("the store"))?;
    if !found.is_empty() {
        raise(&app).await?;
    }
    let rows: Vec<Value> = found
        .iter()
        .map(|one| json!({"table": one.table, "key": one.key, "found": format!("{:?}", one.found)}))
        .collect();
    Ok(json!({"discrepancies": rows}))
}

/// Somebody edited the database: that is for a person to look into.
async fn raise(app: &App) -> Result<(), ward_model::Problem> {
    let now = clock::now();
    let alert = AlertRaised {
        alert: AlertId(now.ms().saturating_mul(256) + i64::from(AlertKind::StoreTampered.byte())),
        kind: AlertKind::StoreTampered,
        principal: PrincipalNumber::NONE,
        data_subject: DataSubjectNumber::NONE,
        key: KeyNumber::NONE,
        api_key: ApiKeyId::NONE,
        access: AccessId::default(),
        route: RouteNumber::NONE,
        leaked: 0,
    };
    match app.journal.append(alert, now).await {
        Ok(_recorded) => Ok(()),
        Err(_) => Err(unavailable("the journal")),
    }
}
