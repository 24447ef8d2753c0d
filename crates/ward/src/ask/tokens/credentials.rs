//! `ward tokens list`, `ward tokens warnings`, `ward tokens api-key`.

use anyhow::{Result, bail};
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use super::super::{client, in_url, query, rows, show, table, whole, word};
use crate::cli::{ApiKeys, IssueApiKey, ListCredentials, Remote};

/// `ward tokens list`.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn list(wanted: ListCredentials) -> Result<()> {
    let ListCredentials { kind, state, warning, owner, over, remote } = wanted;
    let over = over.then(|| "true".to_owned());
    let given = [
        ("kind", &kind),
        ("state", &state),
        ("warning", &warning),
        ("owner", &owner),
        ("over", &over),
    ];
    let answer = every(&remote, "/api/credentials", &query(&given)).await?;
    show(&remote, &answer, credentials)
}

/// `ward tokens warnings`: `false` when there is one.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn warnings(remote: &Remote) -> Result<bool> {
    let answer = every(remote, "/api/credentials", "warned=true").await?;
    show(remote, &answer, |all| {
        let mut lines = credentials(all);
        if rows(all, "items").next().is_none() {
            lines = vec!["no credential is warned of".to_owned()];
        }
        let policy = all.get("policy").and_then(Value::as_object).into_iter().flatten();
        let days: Vec<String> = policy.map(|(key, days)| format!("{key} = {days}")).collect();
        lines.push(format!("policy: {}", days.join(", ")));
        lines
    })?;
    Ok(rows(&answer, "items").next().is_none())
}

/// `ward tokens api-key`.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn api_keys(command: ApiKeys) -> Result<()> {
    match command {
        ApiKeys::List { kind, dormant, unowned, expiring, over, remote } => {
            let flag = |is: bool| is.then(|| "true".to_owned());
            let (dormant, unowned) = (flag(dormant), flag(unowned));
            let (expiring, over) = (flag(expiring), flag(over));
            let given = [
                ("kind", &kind),
                ("dormant", &dormant),
                ("unowned", &unowned),
                ("expiring", &expiring),
                ("over", &over),
            ];
            let answer = every(&remote, "/api/api-keys", &query(&given)).await?;
            show(&remote, &answer, credentials)
        }
        ApiKeys::Show { id, remote } => {
            let path = format!("/api/credentials/api-key-{id}");
            show(&remote, &client(&remote)?.get(&path).await?.ok()?, whole)
        }
        ApiKeys::Issue(wanted) => issue(*wanted).await,
        ApiKeys::Rotate { id, overlap_hours, days, remote } => {
            let mut body = json!({ "overlap_hours": overlap_hours });
            if let (Some(body), Some(days)) = (body.as_object_mut(), days) {
                body.insert("days".into(), json!(days));
            }
            let path = format!("/api/api-keys/{id}/rotate");
            let answer = client(&remote)?.post(&path, &body).await?.ok()?;
            show(&remote, &answer, shown_once)
        }
        ApiKeys::Revoke { id, remote } => {
            let path = format!("/api/api-keys/{id}");
            let answer = client(&remote)?.call(Method::DELETE, &path, &[], Bytes::new()).await?;
            show(&remote, &answer.ok()?, whole)
        }
    }
}

async fn issue(wanted: IssueApiKey) -> Result<()> {
    let Some((kind, id)) = wanted.owner.split_once(':') else {
        bail!("--owner is kind:id, for example service:nightly-export");
    };
    let body = json!({
        "kind": wanted.kind, "owner": { "kind": kind, "id": id }, "days": wanted.days,
        "answerable": wanted.answerable, "name": wanted.name, "description": wanted.description,
        "scopes": wanted.scope, "networks": wanted.network, "roles": wanted.role,
    });
    let answer = client(&wanted.remote)?.post("/api/api-keys", &body).await?.ok()?;
    show(&wanted.remote, &answer, shown_once)
}

/// The text alone goes to standard output: it can be piped into a secret store.
fn shown_once(made: &Value) -> Vec<String> {
    crate::progress(&format!("API key {}: shown this once", word(made, "id")));
    vec![word(made, "api_key")]
}

/// Every page of a listing, as one.
async fn every(remote: &Remote, path: &str, given: &str) -> Result<Value> {
    let client = client(remote)?;
    let mut all: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let asked = format!("{path}?limit=500&{given}{after}");
        let mut answer = client.get(asked.trim_end_matches('&')).await?.ok()?;
        all.extend(rows(&answer, "items").cloned());
        let next = answer.get("next").and_then(Value::as_str).map(in_url);
        let Some(next) = next else {
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("items".into(), Value::Array(all));
            }
            return Ok(answer);
        };
        after = format!("&after={next}");
    }
}

fn credentials(answer: &Value) -> Vec<String> {
    let flat = |row: &Value| {
        let owner = row.get("owner").map(|it| word(it, "name")).unwrap_or_default();
        let warnings: Vec<&str> = rows(row, "warnings").filter_map(Value::as_str).collect();
        let mut row = row.clone();
        if let Some(row) = row.as_object_mut() {
            row.insert("owner".into(), json!(owner));
            row.insert("warnings".into(), json!(warnings.join(",")));
            for key in ["created_at", "last_used_at", "expires_at"] {
                let day = row.get(key).and_then(Value::as_str).and_then(|it| it.get(..10));
                let day = day.map(str::to_owned);
                row.insert(key.into(), json!(day));
            }
        }
        row
    };
    let items: Vec<Value> = rows(answer, "items").map(flat).collect();
    let columns = [
        "id",
        "name",
        "sort",
        "state",
        "owner",
        "created_at",
        "last_used_at",
        "expires_at",
        "warnings",
    ];
    table(&json!({ "items": items }), "items", &columns)
}
