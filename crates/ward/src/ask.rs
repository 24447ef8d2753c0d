//! Commands that ask a running Ward: each is one call and a way to print its answer.

mod keys;
mod operators;
mod tokens;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::cli::{Gate, Incidents, People, Remote, Scope, Store, Subjects, WhoRead};
use crate::client::{Client, WAIT_EVERY};
use crate::say;

pub use keys::keys;
pub use operators::{approvals, operators};
pub use tokens::tokens;

/// A client for the address and credential of a command.
///
/// # Errors
/// No credential is given, or its file cannot be read.
pub fn client(remote: &Remote) -> Result<Client> {
    let mut client = plain_client(remote)?;
    if let Some(purpose) = &remote.purpose {
        client = client.purpose(purpose)?;
    }
    Ok(if remote.wait { client.waiting(WAIT_EVERY) } else { client })
}

fn plain_client(remote: &Remote) -> Result<Client> {
    if let Some(dir) = &remote.demo {
        let text = std::fs::read_to_string(dir.join("demo.json"))
            .context("no demo.json there: is the demo running?")?;
        let demo: Value = serde_json::from_str(&text).context("demo.json")?;
        let word = |key: &str| demo.get(key).and_then(Value::as_str).unwrap_or_default();
        return Ok(Client::new(word("api_url")).with(word("admin_token")));
    }
    let token = match (&remote.token_file, std::env::var("WARD_TOKEN")) {
        (Some(file), _) => {
            std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?
        }
        (None, Ok(token)) => token,
        (None, Err(_)) => bail!("no credential: give --token-file, --demo, or set WARD_TOKEN"),
    };
    Ok(Client::new(&remote.api).with(token.trim()))
}

fn show(remote: &Remote, answer: &Value, lines: impl Fn(&Value) -> Vec<String>) -> Result<()> {
    if remote.json {
        say(&serde_json::to_string_pretty(answer)?);
    } else {
        say(&lines(answer).join("\n"));
    }
    Ok(())
}

fn word(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

fn rows<'v>(answer: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    answer.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// One line per row: these columns, two spaces apart.
fn table(answer: &Value, list: &str, columns: &[&str]) -> Vec<String> {
    let mut cells: Vec<Vec<String>> = vec![columns.iter().map(|one| (*one).to_owned()).collect()];
    cells.extend(
        rows(answer, list)
            .map(|row| columns.iter().map(|column| word(row, column)).collect::<Vec<_>>()),
    );
    let width = |at: usize| {
        cells.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns.len()).map(|at| width(at).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let padded: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    cells.iter().map(line).collect()
}

fn whole(answer: &Value) -> Vec<String> {
    vec![serde_json::to_string_pretty(answer).unwrap_or_default()]
}

fn in_url(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// `ward people`.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn people(command: People) -> Result<()> {
    match command {
        People::List(remote) => {
            let answer = client(&remote)?.get("/api/people?limit=500").await?.ok()?;
            show(&remote, &answer, |all| table(all, "items", &["id", "user_name", "state"]))
        }
        People::Show { person, remote } => {
            let path = format!("/api/people/{}", in_url(&person));
            show(&remote, &client(&remote)?.get(&path).await?.ok()?, whole)
        }
        People::Leave { person, remote } => {
            let path = format!("/api/people/{}/leave", in_url(&person));
            show(&remote, &client(&remote)?.post(&path, &json!({})).await?.ok()?, whole)
        }
    }
}

/// `ward subjects`.
///
/// # Errors
/// Ward does not answer, or refuses; the file cannot be read.
pub async fn subjects(command: Subjects) -> Result<()> {
    let Subjects::Import { namespace, file, remote } = command;
    let text = if file == Path::new("-") {
        std::io::read_to_string(std::io::stdin()).context("standard input")?
    } else {
        std::fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?
    };
    let client = client(&remote)?;
    let ids: Vec<&str> = text.lines().map(str::trim).filter(|id| !id.is_empty()).collect();
    let path = format!("/api/existence/{}/import", in_url(&namespace));
    let mut answer = Value::Null;
    for (sent, batch) in ids.chunks(IMPORT_BATCH).enumerate() {
        let last = (sent + 1) * IMPORT_BATCH >= ids.len();
        answer = client.post(&path, &json!({"ids": batch, "complete": last})).await?.ok()?;
        crate::progress(&format!("{} of {}", (sent * IMPORT_BATCH + batch.len()), ids.len()));
    }
    show(&remote, &answer, whole)
}

/// Ids sent in one call.
const IMPORT_BATCH: usize = 20_000;

fn query(parts: &[(&str, &Option<String>)]) -> String {
    let pairs: Vec<String> = parts
        .iter()
        .filter_map(|(key, value)| value.as_ref().map(|value| format!("{key}={}", in_url(value))))
        .collect();
    pairs.join("&")
}

/// `ward scope`.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn scope(command: Scope) -> Result<()> {
    let Scope { principal, key, api_key, from, to, remote } = command;
    let given = query(&[
        ("principal", &principal),
        ("key", &key),
        ("api_key", &api_key),
        ("from", &from),
        ("to", &to),
    ]);
    let answer = client(&remote)?.get(&format!("/api/scope?{given}&limit=100000")).await?.ok()?;
    show(&remote, &answer, |scope| {
        let mut lines = vec![
            format!("data subjects  {} (exact: Ward saw the answers)", word(scope, "exact_count")),
            format!("accesses       {}", word(scope, "accesses")),
            format!("two ways agree {}", word(scope, "ways_agree")),
        ];
        lines.extend(
            rows(scope, "data_subjects")
                .map(|one| format!("{}:{}", word(one, "namespace"), word(one, "id"))),
        );
        lines
    })
}

/// `ward who-read`.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn who_read(command: WhoRead) -> Result<()> {
    let WhoRead { data_subject, from, to, remote } = command;
    let given = query(&[("data_subject", &Some(data_subject)), ("from", &from), ("to", &to)]);
    let answer = client(&remote)?.get(&format!("/api/who-read?{given}")).await?.ok()?;
    let columns = ["principal", "route", "count", "first", "last"];
    show(&remote, &answer, |all| table(all, "readers", &columns))
}

/// `ward store`.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn store(command: Store) -> Result<bool> {
    let Store::Verify(remote) = command;
    let answer = client(&remote)?.post("/api/store/verify", &json!({})).await?.ok()?;
    show(&remote, &answer, |all| {
        let found: Vec<String> = rows(all, "discrepancies").map(Value::to_string).collect();
        if found.is_empty() { vec!["every row has its record".to_owned()] } else { found }
    })?;
    Ok(rows(&answer, "discrepancies").next().is_none())
}

/// `ward gate`.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn gate(command: Gate) -> Result<()> {
    match command {
        Gate::Bypass { route, minutes, note, remote } => {
            let route = route.parse::<i32>().map_or_else(|_| json!(route), |number| json!(number));
            let body = json!({"route": route, "minutes": minutes, "note": note});
            show(&remote, &client(&remote)?.post("/api/gate/bypass", &body).await?.ok()?, whole)
        }
        Gate::Bypasses(remote) => {
            let answer = client(&remote)?.get("/api/gate/bypasses").await?.ok()?;
            show(&remote, &answer, |all| {
                let columns = ["id", "route_name", "state", "until", "person", "reviewed_by"];
                let mut lines = table(all, "items", &columns);
                if rows(all, "sessions").next().is_some() {
                    lines.push(String::new());
                    lines.extend(table(all, "sessions", &["session", "person", "opened_at"]));
                }
                lines
            })
        }
        Gate::End { bypass, remote } => {
            let path = format!("/api/gate/bypass/{bypass}");
            let client = client(&remote)?;
            let answer = client.call(Method::DELETE, &path, &[], Bytes::new()).await?.ok()?;
            show(&remote, &answer, whole)
        }
        Gate::Review { bypass, session, note, remote } => {
            let path = match (bypass, session) {
                (Some(bypass), _) => format!("/api/gate/bypass/{bypass}/review"),
                (None, Some(session)) => format!("/api/gate/break-glass/{session}/review"),
                (None, None) => bail!("name a bypass, or a session with --session"),
            };
            let body = json!({"note": note});
            show(&remote, &client(&remote)?.post(&path, &body).await?.ok()?, whole)
        }
    }
}

/// `ward incidents`.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn incidents(command: Incidents) -> Result<()> {
    match command {
        Incidents::List(remote) => {
            let answer = client(&remote)?.get("/api/incidents?limit=200").await?.ok()?;
            let columns = ["id", "kind", "opened_at", "state", "kid"];
            show(&remote, &answer, |all| table(all, "items", &columns))
        }
        Incidents::Show { incident, remote } => {
            let path = format!("/api/incidents/{incident}");
            show(&remote, &client(&remote)?.get(&path).await?.ok()?, whole)
        }
        Incidents::Close { incident, note, remote } => {
            let path = format!("/api/incidents/{incident}/close");
            let body = json!({"note": note});
            show(&remote, &client(&remote)?.post(&path, &body).await?.ok()?, whole)
        }
    }
}
