//! `ward tokens`.

mod clients;
mod credentials;
mod inspect;
mod introspect;
mod issuers;

use std::io::Read as _;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{client, show, whole, word};
use crate::cli::{Revoke, Tokens};

/// `ward tokens`; `false` when something is not as it must be.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn tokens(command: Tokens) -> Result<bool> {
    match command {
        Tokens::Inspect { text, json } => return inspect::inspect(&text, json),
        Tokens::List(wanted) => credentials::list(wanted).await?,
        Tokens::Warnings(remote) => return credentials::warnings(&remote).await,
        Tokens::ApiKey(command) => credentials::api_keys(command).await?,
        Tokens::Client(command) => clients::clients(command).await?,
        Tokens::Issue { kind, sub, audience, life_seconds, remote } => {
            let body = json!({
                "kind": kind, "sub": sub, "audience": audience, "life_seconds": life_seconds,
            });
            let answer = client(&remote)?.post("/api/tokens", &body).await?.ok()?;
            show(&remote, &answer, |one| vec![word(one, "token")])?;
        }
        Tokens::Issuers(command) => return issuers::issuers(command).await,
        Tokens::Introspect(remote) => return introspect::introspect(&remote).await,
        Tokens::Revoke(wanted) => {
            let (body, remote) = (revoked(&wanted)?, &wanted.remote);
            show(remote, &client(remote)?.post("/api/tokens/revoke", &body).await?.ok()?, whole)?;
        }
    }
    Ok(true)
}

/// The request of `ward tokens revoke`.
fn revoked(wanted: &Revoke) -> Result<Value> {
    let Some(key) = wanted.key else {
        let mut token = String::new();
        std::io::stdin().read_to_string(&mut token).context("standard input")?;
        return Ok(json!({ "token": token.trim() }));
    };
    let mut body = json!({ "key": key });
    for (side, moment) in [("before", &wanted.before), ("after", &wanted.after)] {
        if let (Some(moment), Some(members)) = (moment, body.as_object_mut()) {
            members.insert(side.to_owned(), whole_second(moment)?.into());
        }
    }
    Ok(body)
}

/// The Unix second of a moment. WHY whole: `iat` is, and a part of one would be cut in silence.
fn whole_second(text: &str) -> Result<i64> {
    let moment: jiff::Timestamp =
        text.parse().with_context(|| format!("{text}: no moment as RFC 3339 writes it"))?;
    ensure!(moment.subsec_nanosecond() == 0, "{text}: `iat` is a whole second, say one");
    Ok(moment.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_whole_second() {
        for (text, want) in [
            ("2026-11-25T01:00:00Z", Some(1_795_568_400)),
            ("2026-11-25T02:00:00+01:00", Some(1_795_568_400)),
            ("2026-11-25T01:00:00.5Z", None),
            ("yesterday", None),
            ("1795568400", None),
        ] {
            assert_eq!(whole_second(text).ok(), want, "{text}");
        }
    }
}
