//! `ward tokens`.

use std::io::Read as _;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{client, show, whole, word};
use crate::cli::Tokens;

/// `ward tokens`; `false` when something is not as it must be.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn tokens(command: Tokens) -> Result<bool> {
    match command {
        Tokens::Issue { kind, sub, audience, life_seconds, remote } => {
            let body = json!({
                "kind": kind, "sub": sub, "audience": audience, "life_seconds": life_seconds,
            });
            let answer = client(&remote)?.post("/api/tokens", &body).await?.ok()?;
            show(&remote, &answer, |one| vec![word(one, "token")])?;
        }
        Tokens::Revoke(remote) => {
            let mut token = String::new();
            std::io::stdin().read_to_string(&mut token).context("standard input")?;
            let body = json!({"token": token.trim()});
            show(&remote, &client(&remote)?.post("/api/tokens/revoke", &body).await?.ok()?, whole)?;
        }
    }
    Ok(true)
}
