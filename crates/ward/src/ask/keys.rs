//! `ward keys`.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use data_encoding::BASE64;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{client, in_url, rows, show, table, whole, word};
use crate::cli::{Keys, Remote};
use crate::client::Client;
use crate::say;

/// `ward keys`; `false` when something is not as it must be.
///
/// # Errors
/// Ward does not answer, or refuses; a file cannot be read.
pub async fn keys(command: Keys) -> Result<bool> {
    match command {
        Keys::List(remote) => {
            let answer = client(&remote)?.get("/api/keys").await?.ok()?;
            let columns = ["key", "kid", "alg", "purpose", "source", "state", "live_tokens"];
            show(&remote, &answer, |all| table(all, "keys", &columns))?;
        }
        Keys::Show { kid, remote } => {
            let path = format!("/api/keys/{}", in_url(&kid));
            show(&remote, &client(&remote)?.get(&path).await?.ok()?, one)?;
        }
        Keys::Import {
            file,
            passphrase_file,
            issuer,
            holder,
            grandfather_days,
            life_seconds,
            activate,
            remote,
        } => {
            let window = grandfather_days.map(|days| {
                json!({
                    "cut_over": crate::clock::now().seconds(),
                    "life_seconds": life_seconds, "window_days": days,
                })
            });
            let mut body = key_file(&file, passphrase_file.as_deref())?;
            let said = json!({
                "issuer": issuer, "holders": holder, "activate": activate, "grandfathering": window,
            });
            if let (Some(body), Value::Object(said)) = (body.as_object_mut(), said) {
                body.extend(said);
            }
            show(&remote, &client(&remote)?.post("/api/keys/import", &body).await?.ok()?, whole)?;
        }
        Keys::Rotate { kid, publish_first, remote } => {
            post(&remote, &kid, "rotate", &json!({"publish_first": publish_first})).await?;
        }
        Keys::Promote { kid, remote } => post(&remote, &kid, "promote", &json!({})).await?,
        Keys::Retire { kid, remote } => post(&remote, &kid, "retire", &json!({})).await?,
        Keys::Compromised { kid, preview, since, remote } => {
            let path = format!("/api/keys/{}/preview", in_url(&kid));
            let shown = client(&remote)?.get(&path).await?.ok()?;
            if preview {
                show(&remote, &shown, words)?;
            } else {
                // Counts come before the act, also for whoever did not ask for them.
                crate::progress(&words(&shown).join("\n"));
                let body = since.map_or_else(|| json!({}), |since| json!({"since": since}));
                post(&remote, &kid, "compromised", &body).await?;
            }
        }
        Keys::Unseal { share_file, api, json } => unseal(share_file.as_deref(), &api, json).await?,
        Keys::Rewrap(wanted) => {
            tokio::task::spawn_blocking(move || crate::init::rewrap(&wanted)).await??;
        }
    }
    Ok(true)
}

async fn post(remote: &Remote, kid: &str, verb: &str, body: &Value) -> Result<()> {
    let path = format!("/api/keys/{}/{verb}", in_url(kid));
    show(remote, &client(remote)?.post(&path, body).await?.ok()?, whole)
}

fn words(preview: &Value) -> Vec<String> {
    let lines = preview.get("words").and_then(Value::as_array);
    lines.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// One key in lines: what it is, who ever held it, what declaring it compromised would do.
fn one(key: &Value) -> Vec<String> {
    let columns = ["kid", "alg", "purpose", "source", "issuer", "state", "since", "live_tokens"];
    let mut lines: Vec<String> =
        columns.iter().map(|column| format!("{column:<12} {}", word(key, column))).collect();
    let holders: Vec<&Value> = rows(key, "holders").collect();
    if let Some(since) = key.get("holders_unknown_since").and_then(Value::as_str) {
        let told = "holders unknown: everyone who works here since";
        lines.push(format!("{told} {since} is treated as one"));
    } else if holders.is_empty() {
        lines.push("in nobody's hands: no holder is known".to_owned());
    }
    for holder in holders {
        let left = if word(holder, "left") == "true" { ", has left" } else { "" };
        let (person, since) = (word(holder, "person"), word(holder, "since"));
        lines.push(format!("holder       {person} since {since}: {}{left}", word(holder, "how")));
    }
    lines.push("if it is declared compromised:".to_owned());
    let preview = key.get("preview").cloned().unwrap_or_default();
    lines.extend(words(&preview).into_iter().map(|line| format!("  {line}")));
    lines.push(word(key, "custody_grade"));
    lines
}

/// The members of a request that bring the key: text as it is, the rest in base64.
fn key_file(file: &Path, passphrase_file: Option<&Path>) -> Result<Value> {
    let bytes = std::fs::read(file).map(Zeroizing::new);
    let bytes = bytes.with_context(|| format!("{}", file.display()))?;
    let text = core::str::from_utf8(&bytes).ok();
    let text = text.filter(|it| it.trim_start().starts_with(['-', '{', 'B']));
    let is_plain = text.is_some_and(|it| !it.contains("ENCRYPTED PRIVATE KEY"));
    let mut body = match text {
        Some(text) => json!({"pem": text}),
        None => json!({"der": BASE64.encode(&bytes)}),
    };
    // DER of PKCS#8 that is under nothing is asked for nothing only if no passphrase was named.
    let named = passphrase_file.is_some() || std::env::var_os("WARD_PASSPHRASE_FD").is_some();
    let is_bag = text.is_none() && file.extension().is_some_and(|it| it == "p12" || it == "pfx");
    if named || is_bag || (text.is_some() && !is_plain) {
        let words = crate::unlock::words(passphrase_file, "WARD_PASSPHRASE_FD", "its passphrase")?;
        if let Some(body) = body.as_object_mut() {
            body.insert("passphrase".to_owned(), words.expose().as_str().into());
        }
    }
    Ok(body)
}

async fn unseal(share_file: Option<&Path>, api: &str, as_json: bool) -> Result<()> {
    let share = crate::unlock::words(share_file, "WARD_SHARE_FD", "share")?;
    let body = json!({"share": share.expose().as_str()});
    let answer = Client::new(api).post("/api/unseal", &body).await?;
    let value = answer.json().unwrap_or_default();
    if answer.status != 200 {
        bail!("{}: {}", answer.status, word(&value, "error"));
    }
    if as_json {
        say(&serde_json::to_string_pretty(&value)?);
    } else if word(&value, "sealed") == "true" {
        say(&format!("{} of {} shares given", word(&value, "given"), word(&value, "need")));
    } else {
        say("enough shares were given: Ward opens");
    }
    Ok(())
}
