//! `POST /api/tokens` and `POST /api/tokens/batch`: claims in, tokens out.
//!
//! A batch is 1 to 256 tokens, recorded as one group. In mode `all` (the default) nothing is issued
//! unless everything is; in mode `each` every item has its own outcome, in the order asked.
//! Best test: `batch/tests.rs`.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::http::Response;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};
use ward_keys::Token;
use ward_model::{Caller, Problem, ProblemKind};

use crate::http::{finish, input, knocked, name, problem, read};
use crate::issuance::{IssueError, TokenAsk, operator_act};
use crate::limits::{BATCH_BYTES_MAX, BATCH_MAX, BODY_BYTES_MAX};
use crate::signing::{Each, Permitted, Signing, Stopped};

/// The routes of typed signing. They need a [`Caller`] in the request's extensions; without one they
/// answer 401.
pub fn typed_router(signing: Signing) -> Router {
    let batch = Router::new()
        .route("/api/tokens/batch", post(batch))
        .layer(DefaultBodyLimit::max(BATCH_BYTES_MAX));
    Router::new()
        .route("/api/tokens", post(one))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(batch)
        .with_state(signing)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    sub: String,
    kind: String,
    audience: String,
    life_seconds: i64,
    tenant: Option<String>,
    scope: Option<String>,
    login: Option<String>,
}

impl TokenRequest {
    fn ask(self, caller: &Caller) -> Result<TokenAsk, Problem> {
        Ok(TokenAsk {
            principal: name(&self.kind, self.sub)?,
            // WHY: every token a login service had issued can be revoked by its credential.
            client_id: client_id(caller),
            audience: self.audience,
            life_ms: self.life_seconds.saturating_mul(1000),
            tenant: self.tenant,
            scope: self.scope,
            login: self.login,
        })
    }
}

/// The client that tokens asked for by an API key are issued to.
pub(crate) fn client_id(caller: &Caller) -> String {
    format!("api-key-{}", caller.api_key)
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// Nothing unless everything.
    #[default]
    All,
    /// Each on its own.
    Each,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchRequest {
    tokens: Vec<TokenRequest>,
    #[serde(default)]
    mode: Mode,
}

type Knock = Option<Extension<Caller>>;

/// `POST /api/tokens`.
async fn one(State(signing): State<Signing>, caller: Knock, body: Bytes) -> Response<Body> {
    let issued = async {
        let caller = knocked(caller)?;
        let ask = read::<TokenRequest>(&body)?.ask(&caller)?;
        let permitted = signing.permit(&caller, ask, signing.0.issuance.now()).map_err(problem)?;
        act(&signing, caller, "issue token", &body).await?;
        let mut issued = signing.issue(vec![Ok(permitted)]).await.map_err(stopped)?;
        let token = issued.pop().unwrap_or(Err(IssueError::Failed)).map_err(problem)?;
        Ok(shown(&token))
    };
    answered(issued.await)
}

/// `POST /api/tokens/batch`.
async fn batch(State(signing): State<Signing>, caller: Knock, body: Bytes) -> Response<Body> {
    let issued = async {
        let caller = knocked(caller)?;
        let BatchRequest { tokens, mode } = read(&body)?;
        if tokens.is_empty() || tokens.len() > BATCH_MAX {
            return Err(input(&format!("a batch is 1 to {BATCH_MAX} tokens")).into());
        }
        let now = signing.0.issuance.now();
        let mut asked: Each<Permitted> = Vec::with_capacity(tokens.len());
        for (at, one) in tokens.into_iter().enumerate() {
            // A request that cannot be read is the whole batch's fault, in either mode.
            let ask = one.ask(&caller).map_err(|it| told_at(at, it))?;
            asked.push(signing.permit(&caller, ask, now));
        }
        if let (Mode::All, Some((at, error))) = (mode, first_error(&asked)) {
            return Err(told_at(at, problem(error)).into());
        }
        act(&signing, caller, "issue tokens", &body).await?;
        let issued = signing.issue(asked).await.map_err(stopped)?;
        if let (Mode::All, Some((at, error))) = (mode, first_error(&issued)) {
            withdraw(&signing, &issued).await?;
            return Err(told_at(at, problem(error)).into());
        }
        let count = issued.iter().filter(|one| one.is_ok()).count();
        let items = issued.iter().map(|one| match one {
            Ok(token) => shown(token),
            Err(error) => json!({ "problem": problem(*error) }),
        });
        Ok(json!({ "issued": count, "tokens": items.collect::<Vec<_>>() }))
    };
    answered(issued.await)
}

fn shown(token: &Token) -> Value {
    json!({ "token": token.expose(), "expires_at": token.expires_at().seconds() })
}

fn first_error<T>(each: &Each<T>) -> Option<(usize, IssueError)> {
    let mut all = each.iter().enumerate();
    all.find_map(|(at, one)| one.as_ref().err().map(|error| (at, *error)))
}

/// Takes back what a batch that failed as a whole had entered: none of it leaves.
async fn withdraw(signing: &Signing, issued: &Each<Token>) -> Result<(), Problem> {
    let cause = ward_model::word::Cause::Withheld;
    let good = issued.iter().filter_map(|one| one.as_ref().ok());
    let rows: Vec<_> = good
        .map(|token| ward_model::record::TokenRevoked {
            origin: token.origin(),
            sequence: token.sequence(),
            cause,
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    signing.0.issuance.append(rows).await.map_err(problem)
}

/// Records an operator's act before it takes effect.
async fn act(signing: &Signing, caller: Caller, verb: &str, body: &[u8]) -> Result<(), Problem> {
    match operator_act(caller, verb, 0, body) {
        Some(act) => signing.0.issuance.append(act).await.map_err(problem),
        None => Ok(()),
    }
}

fn told_at(at: usize, problem: Problem) -> Problem {
    let detail = format!("tokens[{at}]: {}", problem.detail);
    Problem { detail, ..problem }
}

/// A problem, and when to come again.
struct Refusal(Problem, Option<i64>);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem, None)
    }
}

fn stopped(stopped: Stopped) -> Refusal {
    match stopped {
        Stopped::Issue(error) => problem(error).into(),
        Stopped::Rate(Some(wait)) => {
            Refusal(ProblemKind::TooMany.problem(stopped.to_string(), None), Some(wait))
        }
        Stopped::Rate(None) => input("the batch is more than the rule allows in a minute").into(),
    }
}

fn answered(result: Result<Value, Refusal>) -> Response<Body> {
    match result {
        Ok(value) => finish(Ok(value)),
        Err(Refusal(problem, wait)) => {
            let mut response = finish(Err(problem));
            if let Some(Ok(wait)) = wait.map(|it| HeaderValue::try_from(it.to_string())) {
                response.headers_mut().insert(RETRY_AFTER, wait);
            }
            response
        }
    }
}

#[cfg(test)]
mod tests;
