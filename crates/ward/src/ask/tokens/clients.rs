//! `ward tokens client`.

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use axum::http::Method;
use serde_json::{Value, json};

use crate::ask::{client, in_url, show, whole, word};
use crate::cli::{Clients, RegisterClient};

/// `ward tokens client`.
///
/// # Errors
/// Ward does not answer, or refuses; the file of keys cannot be read.
pub async fn clients(command: Clients) -> Result<()> {
    match command {
        Clients::List(remote) => {
            let answer = client(&remote)?.get("/api/clients").await?.ok()?;
            show(&remote, &answer, |all| {
                let all = all.get("clients").and_then(Value::as_array);
                all.into_iter().flatten().map(line).collect()
            })
        }
        Clients::Register(wanted) => register(*wanted).await,
        Clients::Rotate { client_id, overlap_seconds, remote } => {
            let path = format!("/api/clients/{}/secret", in_url(&client_id));
            let body = json!({ "overlap_seconds": overlap_seconds });
            let answer = client(&remote)?.post(&path, &body).await?.ok()?;
            show(&remote, &answer, |one| vec![word(one, "client_secret")])
        }
        Clients::Revoke { client_id, remote } => {
            let path = format!("/api/clients/{}", in_url(&client_id));
            let answer =
                client(&remote)?.call(Method::DELETE, &path, &[], Bytes::new()).await?.ok()?;
            show(&remote, &answer, whole)
        }
    }
}

async fn register(wanted: RegisterClient) -> Result<()> {
    let jwks: Option<Value> = match &wanted.jwks {
        None => None,
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("{} cannot be read", file.display()))?;
            let json = serde_json::from_str(&text);
            Some(json.with_context(|| format!("{} is no JSON", file.display()))?)
        }
    };
    let mut audiences = wanted.audience.into_iter();
    let mut body = json!({
        "client_id": wanted.client_id,
        "owner": wanted.owner,
        "audience": audiences.next().unwrap_or_default(),
        "audiences": audiences.collect::<Vec<_>>(),
        "exchanges": wanted.exchange,
        "scope": wanted.scope,
        "life_seconds": wanted.life_seconds,
        "bound": wanted.bound,
        "days": wanted.days,
    });
    if let (Some(jwks), Some(members)) = (jwks, body.as_object_mut()) {
        members.insert("jwks".into(), jwks);
    }
    let answer = client(&wanted.remote)?.post("/api/clients", &body).await?.ok()?;
    show(&wanted.remote, &answer, |one| match one.get("client_secret") {
        Some(_) => vec![word(one, "client_secret")],
        None => whole(one),
    })
}

/// One client in a line.
fn line(one: &Value) -> String {
    let list = |key: &str| {
        let all = one.get(key).and_then(Value::as_array).into_iter().flatten();
        all.map(|it| it.as_str().unwrap_or("?")).collect::<Vec<_>>().join(",")
    };
    let flag = |key: &str| one.get(key) == Some(&Value::Bool(true));
    let state = if flag("revoked") { "revoked" } else { "live" };
    let bound = if flag("bound") { " bound" } else { "" };
    format!(
        "{} {state}{bound} {} for {} {} exchanges [{}] owner {}",
        word(one, "client_id"),
        word(one, "proves_itself_by"),
        word(one, "audience"),
        list("audiences"),
        list("exchanges"),
        word(one, "owner"),
    )
}
