//! `ward tokens inspect`: no server is asked, and nothing presented is printed again.

use std::io::Read as _;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use ward_tokens::inspect::{self, INSPECT_BYTES_MAX, KeyLike, Looks, TokenLike};

use crate::say;

/// Claims that hold a moment, Unix seconds.
const MOMENTS: [&str; 4] = ["iat", "nbf", "exp", "auth_time"];

/// Prints what a text looks like; `false` when it is neither an API key with a right checksum, nor
/// a token, nor holds one of the former.
pub fn inspect(given: &str, as_json: bool) -> Result<bool> {
    let text = if given == "-" { standard_input()? } else { given.to_owned() };
    let (told, lines, good) = match inspect::inspect(&text) {
        Looks::ApiKey(key) => (key_json(&key), key_words(&key), key.checksum),
        Looks::Token(token) => (token_json(&token), token_words(&token), true),
        Looks::Neither => found(&text),
    };
    say(&if as_json { serde_json::to_string_pretty(&told)? } else { lines.join("\n") });
    Ok(good)
}

fn standard_input() -> Result<String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(INSPECT_BYTES_MAX).unwrap_or(u64::MAX);
    std::io::stdin().take(limit + 1).read_to_end(&mut bytes).context("standard input")?;
    if bytes.len() > INSPECT_BYTES_MAX {
        bail!("standard input: at most {INSPECT_BYTES_MAX} bytes are looked at; cut it");
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn found(text: &str) -> (Value, Vec<String>, bool) {
    let found = inspect::scan(text);
    let one = |it: &inspect::Found| {
        let mut told = key_json(&it.key);
        if let Some(told) = told.as_object_mut() {
            told.insert("line".into(), json!(it.line));
            told.insert("column".into(), json!(it.column));
        }
        told
    };
    let good = found.iter().any(|it| it.key.checksum);
    let told = json!({ "looks_like": "text", "found": found.iter().map(one).collect::<Vec<_>>() });
    let mut lines: Vec<String> = found
        .iter()
        .map(|it| {
            let (kind, check) = (kind(&it.key), check(&it.key));
            let (line, column, print) = (it.line, it.column, &it.key.fingerprint);
            format!("{line}:{column}  {kind}  checksum {check}  sha256:{print}")
        })
        .collect();
    if lines.is_empty() {
        lines.push("neither an API key of Ward, nor a token, nor a text with one in it".to_owned());
    } else if good {
        lines.push(String::new());
        lines.push(REPORT.to_owned());
    }
    (told, lines, good)
}

fn kind(key: &KeyLike) -> &'static str {
    key.kind.map_or("unknown", |kind| kind.as_str())
}

const fn check(key: &KeyLike) -> &'static str {
    if key.checksum { "right" } else { "WRONG" }
}

fn key_json(key: &KeyLike) -> Value {
    json!({
        "looks_like": "api_key", "kind": kind(key), "checksum": key.checksum,
        "sha256_prefix": key.fingerprint, "ledger_asked": false,
    })
}

fn key_words(key: &KeyLike) -> Vec<String> {
    let said = if key.checksum {
        "right: Ward made it, or someone who knows the format"
    } else {
        "WRONG: noise, or mistyped"
    };
    let mut lines = vec![
        format!("looks like   an API key of the kind {}", kind(key)),
        format!("checksum     {said}"),
        format!("fingerprint  sha256:{} (opens nothing)", key.fingerprint),
    ];
    if key.checksum {
        lines.push("is it good?  unknown: no server was asked; only the ledger can say".to_owned());
        lines.push(REPORT.to_owned());
    }
    lines
}

fn token_json(token: &TokenLike) -> Value {
    json!({
        "looks_like": "token", "header": token.header, "claims": token.claims,
        "signature_bytes": token.signature_bytes, "sha256_prefix": token.fingerprint,
        "verified": false, "ledger_asked": false,
    })
}

fn token_words(token: &TokenLike) -> Vec<String> {
    let mut lines = vec!["looks like   a token; NOTHING in it was verified".to_owned()];
    let mut part = |title: &str, values: &serde_json::Map<String, Value>| {
        let title = core::iter::once(title).chain(core::iter::repeat(""));
        lines.extend(title.zip(values).map(|(title, (key, value))| {
            format!("{title:12} {key} = {value}{}", moment(key, value))
        }));
    };
    part("header", &token.header);
    match &token.claims {
        Some(claims) => part("claims", claims),
        None => lines.push("claims       no JSON object".to_owned()),
    }
    lines.push(format!("signature    {} bytes, not verified", token.signature_bytes));
    lines.push(format!("fingerprint  sha256:{} (opens nothing)", token.fingerprint));
    lines.push(
        "is it good?  unknown: the issuance ledger was not asked. `ward tokens introspect` asks it"
            .to_owned(),
    );
    lines
}

fn moment(key: &str, value: &Value) -> String {
    let seconds = value.as_i64().filter(|_| MOMENTS.contains(&key));
    seconds.map_or_else(String::new, |at| {
        format!(
            " ({})",
            jiff::Timestamp::from_second(at).map_or_else(|_| "?".to_owned(), |at| at.to_string())
        )
    })
}

/// What to do with a true one found where it does not belong.
const REPORT: &str = "found where it does not belong? `POST /api/leaks` revokes it: \
docs/api-keys.md";
