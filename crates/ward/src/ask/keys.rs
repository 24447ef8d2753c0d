//! `ward keys`.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{client, in_url, show, table, whole};
use crate::cli::Keys;

/// `ward keys`; `false` when something is not as it must be.
///
/// # Errors
/// Ward does not answer, or refuses; the PEM file cannot be read.
pub async fn keys(command: Keys) -> Result<bool> {
    match command {
        Keys::List(remote) => {
            let answer = client(&remote)?.get("/api/keys").await?.ok()?;
            let columns = ["key", "kid", "alg", "purpose", "source", "state", "live_tokens"];
            show(&remote, &answer, |all| table(all, "keys", &columns))?;
        }
        Keys::Import { pem, issuer, holder, grandfather_days, life_seconds, activate, remote } => {
            let text =
                std::fs::read_to_string(&pem).with_context(|| format!("{}", pem.display()))?;
            let window = grandfather_days.map(|days| {
                json!({
                    "cut_over": crate::clock::now().seconds(),
                    "life_seconds": life_seconds, "window_days": days,
                })
            });
            let body = json!({
                "pem": text, "issuer": issuer, "holders": holder, "activate": activate,
                "grandfathering": window,
            });
            show(&remote, &client(&remote)?.post("/api/keys/import", &body).await?.ok()?, whole)?;
        }
        Keys::Rotate { kid, remote } => {
            let path = format!("/api/keys/{}/rotate", in_url(&kid));
            show(&remote, &client(&remote)?.post(&path, &json!({})).await?.ok()?, whole)?;
        }
        Keys::Compromised { kid, remote } => {
            let path = format!("/api/keys/{}/compromised", in_url(&kid));
            show(&remote, &client(&remote)?.post(&path, &json!({})).await?.ok()?, whole)?;
        }
    }
    Ok(true)
}
