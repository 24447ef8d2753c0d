//! `/api/catalogue` and `/api/reload`: what is declared, and taking a changed file in whole.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::Response;
use serde_json::{Value, json};
use ward_catalogue::Mode;
use ward_model::{Caller, Problem, ProblemKind, Record};
use ward_operators::{ActKind, Standing};

use super::{act, blocking, finish, input, unavailable};
use crate::app::App;
use crate::declarations::{self, Choice, Set};
use crate::{clock, hold, load};

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

/// `POST /api/reload`: reads all files again; refused whole if anything is wrong, held if anything
/// is weaker.
pub async fn reload(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Response<Body> {
    match reloaded(&app, caller).await {
        Ok(Reloaded::InForce(value)) => finish(Ok(value)),
        Ok(Reloaded::Held(held)) => hold::waits(&app, held),
        Err(problem) => finish(Err(problem)),
    }
}

/// What a reload came to.
enum Reloaded {
    InForce(Value),
    Held(ward_operators::Held),
}

async fn reloaded(app: &Arc<App>, caller: Caller) -> Result<Reloaded, Problem> {
    let file = app.config_file.clone();
    let new = blocking(move || load::set(&file)).await?;
    let new = new.map_err(|mistakes| input(mistakes.join("; ")))?;
    let old = app.set.load_full();
    let (verdict, act) = match declarations::choose(&old, &new, |_| None) {
        Choice::Same => ("same", None),
        Choice::New(judgement) => (judgement.as_str(), None),
        Choice::Held(act) => ("weaker", Some(act)),
        Choice::Approved(_) => ("weaker", None),
    };
    let Some(act) = act else {
        if verdict != "same" {
            apply(app, new, Vec::new(), caller).await?;
        }
        return Ok(Reloaded::InForce(answer(verdict)));
    };
    match app.operators.ask(&act, &caller).await.map_err(ward_operators::api::problem)? {
        Err(held) => Ok(Reloaded::Held(held)),
        Ok(approved) => {
            apply(app, new, approved.record().into_iter().collect(), caller).await?;
            Ok(Reloaded::InForce(answer(verdict)))
        }
    }
}

fn answer(verdict: &str) -> Value {
    let later = "budgets, and what ward.toml says but for approvals and signing, are taken at the next start";
    json!({"reloaded": verdict != "same", "verdict": verdict, "later": later})
}

/// Puts a set in force: kept, then recorded, then seen by the next request.
async fn apply(app: &Arc<App>, new: Set, with: Vec<Record>, caller: Caller) -> Result<(), Problem> {
    let shared = Arc::new(new);
    let keeping = Arc::clone(&shared);
    let policies = blocking(move || {
        keeping.keep().map_err(|exit| exit.to_string())?;
        ward_policy::Policies::load(&keeping.texts.named())
            .map(|policies| policies.digest())
            .map_err(|all| all.iter().map(ToString::to_string).collect::<String>())
    });
    let policies = policies.await?.map_err(|told| {
        tracing::error!(told, "a set of declarations could not be kept");
        unavailable("the state directory")
    })?;
    let mut group = with;
    group.push(act(caller, "reload", 0, &shared.name).into());
    group.push(shared.loaded(policies).into());
    let recorded = app.journal.append(group, clock::now()).await;
    let _recorded = recorded.map_err(|_| unavailable("the journal"))?;
    let loaded = app.policies.reload(&shared.texts.named());
    loaded.map_err(|_| ProblemKind::Corrupt.problem("the policies do not load twice", None))?;
    app.catalogue.store(Arc::clone(&shared.catalogue));
    app.rules.store(Arc::new(shared.config.approvals.clone()));
    app.signing.follow(shared.config.signing.clone());
    app.set.store(Arc::clone(&shared));
    let _swept = blocking(move || shared.drop_others()).await;
    Ok(())
}

/// Puts the files in force if they are the weaker set that has been approved: called when an
/// approval has come.
///
/// # Errors
/// Something did not answer: call again.
pub async fn apply_approved(app: &Arc<App>) -> Result<(), Problem> {
    let now = clock::now();
    let approved = app.operators.read(|it| {
        let kind = ActKind::Declarations.as_str();
        it.all_open().any(|(_, one)| one.act == kind && it.standing(one, now) == Standing::Approved)
    });
    if !approved {
        return Ok(());
    }
    let file = app.config_file.clone();
    let Ok(new) = blocking(move || load::set(&file)).await? else { return Ok(()) };
    let old = app.set.load_full();
    let choice = app.operators.read(|it| {
        declarations::choose(&old, &new, |digest| {
            let id = it.open(digest)?;
            Some((id, it.standing(it.proposal(id)?, now)))
        })
    });
    match choice {
        Choice::Approved(used) => apply(app, new, vec![used], Caller::WARD).await,
        Choice::Same | Choice::New(_) | Choice::Held(_) => Ok(()),
    }
}
