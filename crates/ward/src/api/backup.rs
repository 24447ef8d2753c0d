//! `POST /api/backup`: copies of the databases for `ward backup`, which runs on this machine.
//!
//! Ward holds the register's lock, so it makes the copies itself, into a directory of its own in the
//! state directory. Who asks must read them there: nothing of them is in the answer. Directories
//! left behind go at the next call a day later.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::Response;
use serde_json::json;
use ward_model::Caller;

use super::{Answer, act, blocking, finish, record_act, unavailable};
use crate::app::App;
use crate::backup::{COPIES, copies_name, copy_databases};

/// Copies nobody took away within this go.
const LEFT_AFTER: Duration = Duration::from_secs(86_400);

/// `POST /api/backup`.
pub async fn copies(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Response<Body> {
    finish(copied(app, caller, &body).await)
}

async fn copied(app: Arc<App>, caller: Caller, body: &[u8]) -> Answer {
    record_act(&app, act(caller, "take backup", 0, body)).await?;
    let name = copies_name();
    let dir = app.config.data.join(&name);
    let made = blocking(move || {
        sweep(&app.config.data);
        let made = copy_databases(&dir, &app.store, &app.journal, &app.register);
        if made.is_err() {
            let _part = std::fs::remove_dir_all(&dir);
        }
        made
    });
    match made.await? {
        Ok(size) => Ok(json!({"copies": name, "size": size})),
        Err(error) => {
            tracing::error!(%error, "the databases cannot be copied");
            Err(unavailable("the disk"))
        }
    }
}

/// Removes copies that were left behind.
fn sweep(data: &Path) {
    for entry in std::fs::read_dir(data).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(COPIES));
        let made = entry.metadata().and_then(|it| it.modified()).ok();
        if ours && made.and_then(|it| it.elapsed().ok()).is_some_and(|age| age > LEFT_AFTER) {
            let _left = std::fs::remove_dir_all(entry.path());
        }
    }
}
