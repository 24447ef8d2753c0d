//! `ward tokens issuers`.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::super::{client, show, whole, word};
use crate::cli::Issuers;

/// `ward tokens issuers`; `false` when a preview says that enforcing is not possible.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn issuers(command: Issuers) -> Result<bool> {
    match command {
        Issuers::List(remote) => {
            let answer = client(&remote)?.get("/api/issuers").await?.ok()?;
            show(&remote, &answer, |all| {
                let issuers = all.get("issuers").and_then(Value::as_array);
                issuers.into_iter().flatten().flat_map(lines).collect()
            })?;
        }
        Issuers::Preview { name, remote } => {
            let answer = client(&remote)?.get(&path(&name, "preview")).await?.ok()?;
            let can = answer.get("can_enforce").and_then(Value::as_bool).unwrap_or(false);
            show(&remote, &answer, |told| {
                let mut lines = vec![word(told, "in_words")];
                if let Some(why) = told.get("why_not").and_then(Value::as_str) {
                    lines.push(format!("it cannot enforce: {why}"));
                }
                lines
            })?;
            return Ok(can);
        }
        Issuers::Enforce { name, remote } => {
            let client = client(&remote)?;
            let preview = client.get(&path(&name, "preview")).await?.ok()?;
            let count = |of: &str| preview.get(of).and_then(Value::as_u64).unwrap_or(0);
            let body = json!({"tokens": count("tokens"), "principals": count("principals")});
            let answer = client.post(&path(&name, "enforce"), &body).await?.ok()?;
            show(&remote, &answer, whole)?;
        }
        Issuers::Learn { name, remote } => {
            let client = client(&remote)?;
            let all = client.get("/api/issuers").await?.ok()?;
            let listed = all.get("issuers").and_then(Value::as_array);
            let mut live = listed.into_iter().flatten().filter(|one| !flag(one, "withdrawn"));
            let issuer = live.find(|one| word(one, "name") == name);
            let issuer = issuer.context("no foreign issuer has this name")?;
            let body = json!({"issuer": word(issuer, "issuer"), "mode": "learning"});
            show(&remote, &client.post("/api/issuers/mode", &body).await?.ok()?, whole)?;
        }
    }
    Ok(true)
}

fn path(name: &str, what: &str) -> String {
    format!("/api/issuers/{name}/{what}")
}

fn flag(one: &Value, name: &str) -> bool {
    one.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// One issuer in a line, and what is wrong with it in others.
fn lines(one: &Value) -> Vec<String> {
    let number = |value: Option<&Value>| match value {
        Some(Value::Number(number)) => number.to_string(),
        _ => "-".to_owned(),
    };
    let share = one.get("coverage").and_then(Value::as_f64);
    let share = share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0));
    let keys = one.get("keys").and_then(Value::as_array).map_or(0, Vec::len);
    let mode = if flag(one, "withdrawn") { "withdrawn".to_owned() } else { word(one, "mode") };
    let mut lines = vec![format!(
        "{:<16} {mode:<10} {:<12} keys {keys}  lag {} s  coverage {share}  reported {}  \
         unreported {}  late {}  {}",
        word(one, "name"),
        word(one, "reports"),
        number(one.get("lag_seconds")),
        number(one.pointer("/sequence/reported")),
        number(one.pointer("/sequence/unreported")),
        number(one.pointer("/sequence/late")),
        word(one, "issuer"),
    )];
    if let Some(fault) = one.get("keys_fault").and_then(Value::as_str) {
        lines.push(format!("  its keys are not taken, the last ones stand: {fault}"));
    }
    if one.pointer("/sequence/gap_since").is_some_and(Value::is_string) {
        lines.push("  places in its sequence are empty".to_owned());
    }
    lines
}
