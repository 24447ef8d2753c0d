//! `ward tokens introspect`: what a protected resource would hear, and why.

use std::io::Read as _;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::super::{client, show, whole};
use crate::cli::Remote;

/// Asks about the token or API key on standard input; `false` when it is not live. WHY no argument:
/// a credential on a command line is seen by everyone on the machine.
///
/// # Errors
/// Ward does not answer, or refuses the asker.
pub async fn introspect(remote: &Remote) -> Result<bool> {
    let mut token = String::new();
    std::io::stdin().read_to_string(&mut token).context("standard input")?;
    let form = format!("token={}", utf8_percent_encode(token.trim(), NON_ALPHANUMERIC));
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let ward = client(remote)?;
    let answer = ward.call(Method::POST, "/oauth/introspect", &kind, Bytes::from(form)).await?;
    let told = answer.ok()?;
    show(remote, &told, whole)?;
    Ok(told.get("active") == Some(&Value::Bool(true)))
}
