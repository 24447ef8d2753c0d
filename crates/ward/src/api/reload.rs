//! `/api/catalogue` and `/api/reload`: what is declared, and taking a changed file in whole.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::Response;
use serde_json::{Value, json};
use ward_catalogue::Mode;
use ward_model::Caller;
use ward_model::record::ConfigLoaded;

use super::{Answer, act, blocking, finish, input, record_act, unavailable};
use crate::app::App;
use crate::clock;
use crate::load;

/// `GET /api/catalogue`: hosts and routes with their modes.
pub async fn catalogue(State(app): State<Arc<App>>) -> Response<Body> {
    let catalogue = app.catalogue.load();
    let hosts: serde_json::Map<String, Value> = catalogue
        .hosts()
        .iter()
        .map(|host| (host.name.clone(), json!({"upstream": host.upstream, "names": host.names})))
        .collect();
    let routes: Vec<Value> = catalogue
        .routes()
        .iter()
        .map(|route| {
            json!({
                "number": route.number, "name": route.name, "host": route.host,
                "method": route.method.as_str(), "path": route.path,
                "mode": if route.mode == Mode::Enforce { "enforce" } else { "observe" },
            })
        })
        .collect();
    finish(Ok(json!({"hosts": hosts, "routes": routes})))
}

/// `POST /api/reload`: reads catalogue and policies again; refused whole if anything is wrong.
pub async fn reload(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Response<Body> {
    finish(reloaded(app, caller).await)
}

async fn reloaded(app: Arc<App>, caller: Caller) -> Answer {
    let config = app.config.clone();
    let loaded = blocking(move || load::declarations(&config)).await?;
    let loaded = loaded.map_err(|mistakes| input(mistakes.join("; ")))?;
    record_act(&app, act(caller, "reload", 0, loaded.catalogue.digest())).await?;
    let policies = loaded.policies.digest();
    let record = ConfigLoaded {
        config: loaded.config_digest,
        catalogue: *loaded.catalogue.digest(),
        policies,
    };
    let recorded = app.journal.append(record, clock::now()).await;
    let _recorded = recorded.map_err(|_| unavailable("the journal"))?;
    let sources: Vec<(&str, &str)> =
        loaded.sources.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    app.policies.reload(&sources).map_err(|_| input("the policies changed while being read"))?;
    app.catalogue.store(Arc::new(loaded.catalogue));
    Ok(json!({"reloaded": true, "budgets": "taken at start"}))
}
