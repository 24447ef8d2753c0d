//! `ward operators` and `ward approvals`.
//!
//! There is no verb that consents: that takes a person's passkey or a fresh sign-in, in the console.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use ward_operators::history::api::written;
use ward_operators::history::file::{self, Report};

use super::{client, in_url, query, show, table, whole, word};
use crate::cli::{Approvals, Operators, Remote};
use crate::{progress, say};

/// Longest file that is checked, bytes: 10,000 leaves of the longest kind are shorter.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// `ward operators`; `false` when a file is not what it says.
///
/// # Errors
/// Ward does not answer, or refuses; a file cannot be read or written.
pub async fn operators(command: Operators) -> Result<bool> {
    match command {
        Operators::List(remote) => {
            let answer = client(&remote)?.get("/api/operators").await?.ok()?;
            show(&remote, &answer, |all| {
                let mut lines = table(all, "operators", &["person", "roles"]);
                lines.push(String::new());
                lines.extend(table(all, "links", &["enrolment", "person", "roles", "expires_at"]));
                lines
            })?;
        }
        Operators::Enrol { person, roles, remote } => {
            let body = json!({ "person": person, "roles": roles });
            let answer = client(&remote)?.post("/api/operators", &body).await?.ok()?;
            show(&remote, &answer, |one| {
                vec![
                    format!("link     {}", word(one, "path")),
                    format!("until    {}; it works once", word(one, "expires_at")),
                ]
            })?;
        }
        Operators::SetRoles { person, roles, none: _, remote } => {
            let path = format!("/api/operators/{}/roles", in_url(&person));
            let answer = client(&remote)?.post(&path, &json!({ "roles": roles })).await?.ok()?;
            show(&remote, &answer, whole)?;
        }
        Operators::Record { words, person, kind, from, to, before, limit, remote } => {
            let words = Some(words.join(" ")).filter(|words| !words.is_empty());
            let (before, limit) = (before.map(|it| it.to_string()), Some(limit.to_string()));
            let given = query(&[
                ("words", &words),
                ("person", &person),
                ("kind", &kind),
                ("from", &from),
                ("to", &to),
                ("before", &before),
                ("limit", &limit),
            ]);
            let path = format!("/api/operators/record?{given}");
            let answer = client(&remote)?.get(&path).await?.ok()?;
            show(&remote, &answer, |all| {
                let mut lines = table(all, "items", &["index", "at", "kind", "person", "text"]);
                if let Some(next) = all.get("next").and_then(Value::as_i64) {
                    lines.push(format!("older: --before {next}"));
                }
                lines
            })?;
        }
        Operators::Export { file, from, to, remote } => export(&file, from, to, &remote).await?,
        Operators::Verify { file, vkey, json } => return verify(&file, vkey.as_deref(), json),
    }
    Ok(true)
}

async fn export(
    file: &Path,
    from: Option<String>,
    to: Option<String>,
    remote: &Remote,
) -> Result<()> {
    let client = client(remote)?;
    let mut at = None;
    for number in 1_u32.. {
        let given = query(&[("from", &from), ("to", &to), ("at", &at)]);
        let answer = client.get(&format!("/api/operators/record/export?{given}")).await?;
        if answer.status != 200 {
            answer.ok()?;
            bail!("no file came: status {}", answer.status);
        }
        let text = std::str::from_utf8(&answer.body).context("the file is not UTF-8")?;
        let report = file::verify(text, None).context("the file does not hold")?;
        let path = numbered(file, number);
        keep(&path, text)?;
        say(&format!("{}  {} entries", path.display(), report.entries.len()));
        let Some(next) = report.part.next else { break };
        at = Some(next.0.to_string());
    }
    progress("keep the key of GET /journal/key elsewhere: ward operators verify FILE --vkey KEY");
    Ok(())
}

fn numbered(file: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return file.to_owned();
    }
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// Writes a new file, readable by its owner; never over another.
fn keep(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("{}", path.display()))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).context("the file")
}

/// `ward operators verify`.
fn verify(path: &Path, vkey: Option<&str>, json: bool) -> Result<bool> {
    let size = std::fs::metadata(path).with_context(|| format!("{}", path.display()))?.len();
    if size > FILE_BYTES_MAX {
        bail!("{}: longer than any file of this kind", path.display());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    match file::verify(&text, vkey) {
        Ok(report) => {
            say(&if json { as_json(&report) } else { in_words(&report).join("\n") });
            Ok(true)
        }
        Err(error) => {
            let told = json!({ "good": false, "fault": error.to_string() }).to_string();
            say(&if json { told } else { format!("NOT GOOD: {error}") });
            progress("believe nothing of this file, and keep it");
            Ok(false)
        }
    }
}

fn as_json(report: &Report) -> String {
    let entries: Vec<Value> = report.entries.iter().map(written).collect();
    let checkpoint = &report.checkpoint;
    json!({
        "good": true, "log": checkpoint.origin, "size": checkpoint.size,
        "root": checkpoint.root.base64(), "vkey": report.vkey,
        "key_was_known": report.key_was_known, "kinds": report.kinds(), "entries": entries,
        "next": report.part.next,
    })
    .to_string()
}

fn in_words(report: &Report) -> Vec<String> {
    let all = json!({ "items": report.entries.iter().map(written).collect::<Vec<Value>>() });
    let mut lines = table(&all, "items", &["index", "at", "kind", "person", "text"]);
    let checkpoint = &report.checkpoint;
    let whose =
        if report.key_was_known { "the key you gave" } else { "the file's own word: give --vkey" };
    lines.extend([
        String::new(),
        format!("log        {}", checkpoint.origin),
        format!("tree       {} leaves, root {}", checkpoint.size, checkpoint.root),
        format!("signed by  {} ({whose})", report.vkey),
        format!("entries    {}", report.entries.len()),
    ]);
    let kinds = report.kinds().into_iter();
    lines.extend(kinds.map(|(kind, count)| format!("           {count} {kind}")));
    if let Some(next) = report.part.next {
        lines.push(format!("more       in a file that begins at leaf {next}", next = next.0));
    }
    lines.push("good       every entry is in the signed tree, unchanged".to_owned());
    lines
}

/// `ward approvals`.
///
/// # Errors
/// Ward does not answer, or refuses.
pub async fn approvals(command: Approvals) -> Result<()> {
    let act = async |approval: i64, verb: &str, remote: &Remote| -> Result<()> {
        let path = format!("/api/approvals/{approval}/{verb}");
        show(remote, &client(remote)?.post(&path, &json!({})).await?.ok()?, whole)
    };
    match command {
        Approvals::List { state, remote } => {
            let path = format!("/api/approvals?{}", query(&[("state", &state)]));
            let answer = client(&remote)?.get(&path).await?.ok()?;
            let columns = ["approval", "state", "act", "target", "missing", "expires_at", "effect"];
            show(&remote, &answer, |all| table(all, "items", &columns))
        }
        Approvals::Show { approval, remote } => {
            let path = format!("/api/approvals/{approval}");
            show(&remote, &client(&remote)?.get(&path).await?.ok()?, whole)
        }
        Approvals::Refuse { approval, remote } => act(approval, "refuse", &remote).await,
        Approvals::Withdraw { approval, remote } => act(approval, "withdraw", &remote).await,
    }
}
