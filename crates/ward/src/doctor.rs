//! `ward doctor`: what stands well, what to look at, what to act on; a line of what it means each.
//!
//! Ward that runs is asked (`GET /api/doctor`); of one that does not, what its files show is judged.
//! The judgement is pure: [`judge`] over [`Facts`]. It must never name a person or show a secret.
//! Best test: `doctor/tests.rs`.

pub mod offline;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};
use ward_model::UnixMillis;
use ward_model::time::DAY_MS;
use ward_model::word::CustodyKind;

use crate::cli::Doctor;
use crate::hygiene::Memory;
use crate::snapshot::Standing;
use crate::{ask, say};

/// How urgent a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it must be.
    Ok,
    /// Look at it.
    Look,
    /// Act on it.
    Act,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub about: &'static str,
    /// How urgent it is.
    pub level: Level,
    /// What it means.
    pub what: String,
    /// What to do; empty when nothing.
    pub remedy: String,
}

fn ok(about: &'static str, what: impl Into<String>) -> Finding {
    Finding { about, level: Level::Ok, what: what.into(), remedy: String::new() }
}

fn told(
    level: Level,
    about: &'static str,
    what: impl Into<String>,
    remedy: impl Into<String>,
) -> Finding {
    Finding { about, level, what: what.into(), remedy: remedy.into() }
}

/// A credential that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// `API key 17`, `client web`.
    pub name: String,
    /// When.
    pub expires_at: UnixMillis,
}

/// A signing key in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    /// `kid`.
    pub kid: String,
    /// Since when it signs.
    pub since: UnixMillis,
}

/// What a running journal says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalFacts {
    /// Acknowledged records.
    pub records: i64,
    /// Nothing is taken until a restart.
    pub dead: bool,
    /// Segments that could not be synced.
    pub poisoned: u64,
    /// Appends refused for want of space, since the start.
    pub refused: u64,
    /// Lanes that take nothing now.
    pub full: Vec<String>,
    /// Records that did not fit what came before them.
    pub faults: u64,
    /// Times the clock jumped ahead, since the start.
    pub jumps: u64,
    /// Records the projection has not applied.
    pub behind: i64,
}

/// What is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What the running journal says; `None` when Ward does not run.
    pub journal: Option<JournalFacts>,
    /// The ledger's snapshot, and how many records came after it; `None` when that cannot be seen.
    pub snapshot: Option<(Standing, i64)>,
    /// Why it cannot be started, if that is so.
    pub broken: Option<String>,
    /// Journal time of the last record, if it is known.
    pub head_time: Option<UnixMillis>,
    /// When the newest checkpoint was signed, if any was.
    pub signed_at: Option<UnixMillis>,
    /// Bytes free where the state lies.
    pub free_bytes: Option<u64>,
    /// Bytes of a journal segment.
    pub segment_bytes: u64,
    /// Where the key-encryption key comes from, and whether keys sign inside a token.
    pub custody: Option<(CustodyKind, bool)>,
    /// How memory is kept off disks; `None` when that cannot be seen.
    pub memory: Option<Memory>,
    /// How many persons are declared root on the signing hosts.
    pub root_named: usize,
    /// How many of them SCIM does not know; `None` when that cannot be seen.
    pub root_unknown: Option<usize>,
    /// Live credentials that end; `None` when that cannot be seen.
    pub credentials: Option<Vec<Ending>>,
    /// Signing keys in use; `None` when that cannot be seen.
    pub keys: Option<Vec<InUse>>,
    /// How many credentials the policy warns of, by its words; what is told above is left out.
    pub warned: Vec<(&'static str, usize)>,
    /// Proposals that wait; `None` when that cannot be seen.
    pub waiting: Option<u64>,
    /// Persons who may act as operators; `None` when that cannot be seen.
    pub operators: Option<usize>,
}

/// A step of the clock that is reported, milliseconds.
const JUMP_MS: i64 = 60_000;
/// Credentials that end within these many days are shown; within two, they press.
const ENDING_DAYS: i64 = 14;
const PRESSING_DAYS: i64 = 2;
/// Ages of a signing key, days.
const KEY_LOOK_DAYS: i64 = 90;
const KEY_ACT_DAYS: i64 = 365;
/// Free segments below which to look, and to act.
const SEGMENTS_LOOK: u64 = 32;
const SEGMENTS_ACT: u64 = 4;
/// Records the projection may lie behind.
const BEHIND_LOOK: i64 = 10_000;
/// A checkpoint is signed every second while anything is recorded.
const SIGNED_LOOK_MS: i64 = DAY_MS;

/// What to make of the facts, in a fixed order. Pure.
#[must_use]
pub fn judge(facts: &Facts, now: UnixMillis) -> Vec<Finding> {
    let mut all = vec![clock(facts, now), disk(facts), journal(facts), checkpoint(facts, now)];
    all.push(projection(facts));
    all.push(snapshot(facts, now));
    all.push(custody(facts));
    all.push(memory(facts));
    all.extend(credentials(facts, now));
    all.extend(keys(facts, now));
    all.extend(warned(facts));
    all.push(approvals(facts));
    all.push(operators(facts));
    all
}

fn unseen(about: &'static str) -> Finding {
    ok(about, "not seen: Ward does not run")
}

fn clock(facts: &Facts, now: UnixMillis) -> Finding {
    let Some(head) = facts.head_time else { return unseen("clock") };
    let ahead = head.since(now);
    if ahead > JUMP_MS {
        let what = format!("the journal is {} s ahead of the wall clock", ahead / 1000);
        let remedy = "set the clock right (NTP); journal time stands still until it is reached";
        return told(Level::Act, "clock", what, remedy);
    }
    match facts.journal.as_ref().map_or(0, |it| it.jumps) {
        0 => ok("clock", "journal time and wall clock agree"),
        jumps => told(
            Level::Look,
            "clock",
            format!("the clock jumped ahead {jumps} times since the start"),
            "see that time is kept by NTP; segments are not dropped for a minute after a jump",
        ),
    }
}

fn disk(facts: &Facts) -> Finding {
    let Some(free) = facts.free_bytes else { return unseen("disk") };
    let segments = free.checked_div(facts.segment_bytes).unwrap_or(0);
    let what = format!("{} MB free: room for {segments} segments of the journal", free / 1_000_000);
    let remedy = "make room: refusals, then accesses, then issuance stop before revocations do";
    if segments < SEGMENTS_ACT {
        told(Level::Act, "disk", what, remedy)
    } else if segments < SEGMENTS_LOOK {
        told(Level::Look, "disk", what, remedy)
    } else {
        ok("disk", what)
    }
}

fn journal(facts: &Facts) -> Finding {
    if let Some(broken) = &facts.broken {
        return told(Level::Act, "journal", broken, "mend that before Ward is started");
    }
    let Some(it) = &facts.journal else { return unseen("journal") };
    if it.dead || it.poisoned > 0 {
        let what = format!("the disk failed: {} segments could not be synced", it.poisoned);
        return told(
            Level::Act,
            "journal",
            what,
            "replace the disk; `ward journal verify`; restart",
        );
    }
    if it.faults > 0 {
        let what = format!("{} records do not fit what came before them", it.faults);
        return told(
            Level::Act,
            "journal",
            what,
            "keep everything as it is; `ward journal verify`",
        );
    }
    if !it.full.is_empty() {
        let what = format!("no space for: {}", it.full.join(", "));
        return told(Level::Act, "journal", what, "make room on the disk");
    }
    if it.refused > 0 {
        let what = format!("{} appends were refused for want of space", it.refused);
        return told(Level::Look, "journal", what, "see what filled the disk");
    }
    ok("journal", format!("{} records, every one synced; nothing refused", it.records))
}

fn checkpoint(facts: &Facts, now: UnixMillis) -> Finding {
    let outside = "fetch `ward journal checkpoint` from another machine every day: what is cut off \
                   later shows against the last one that left";
    let Some(signed) = facts.signed_at else {
        return told(Level::Look, "checkpoint", "none was signed yet", outside);
    };
    let age = now.since(signed).max(0);
    if age > SIGNED_LOOK_MS {
        let what = format!("the newest is {} days old", age / DAY_MS);
        return told(Level::Look, "checkpoint", what, outside);
    }
    ok(
        "checkpoint",
        format!("signed {} s ago; whether one has left cannot be seen here", age / 1000),
    )
}

fn projection(facts: &Facts) -> Finding {
    let Some(it) = &facts.journal else { return unseen("projection") };
    let what = format!("{} records behind the journal", it.behind);
    if it.behind > BEHIND_LOOK {
        let remedy = "pages are old, doors are not: look at disk and load; `ward store verify`";
        return told(Level::Look, "projection", what, remedy);
    }
    ok("projection", format!("{what}; `ward store verify` compares every row"))
}

fn snapshot(facts: &Facts, now: UnixMillis) -> Finding {
    const ABOUT: &str = "snapshot";
    let Some((it, behind)) = &facts.snapshot else { return unseen(ABOUT) };
    if let Some(why) = &it.refused {
        let remedy = "if nobody restored or moved this state, see who changed ledger.snapshot";
        let what = format!("the ledger was rebuilt from records: {why}");
        return told(Level::Look, ABOUT, what, remedy);
    }
    if let Some(why) = &it.failed {
        let remedy = "nothing is lost: the next start reads more of the journal, and takes longer";
        return told(Level::Look, ABOUT, format!("it could not be written: {why}"), remedy);
    }
    let Some(taken_at) = it.taken_at else {
        return ok(ABOUT, format!("none yet: the next start reads {behind} records"));
    };
    let (megabytes, age) = (it.bytes / 1_000_000, now.since(taken_at).max(0) / 1000);
    ok(ABOUT, format!("{megabytes} MB, taken {age} s ago; {behind} records came after it"))
}

fn custody(facts: &Facts) -> Finding {
    let grade = match facts.custody {
        None | Some((CustodyKind::File, _)) => "key file: root on this host can read every key",
        Some((CustodyKind::Passphrase, _)) => {
            "passphrase: root on this host can read every key while Ward runs"
        }
        Some((CustodyKind::Shares, _)) => {
            "shares: root on this host can read every key while Ward runs"
        }
        Some((CustodyKind::Pkcs11, false)) => {
            "PKCS#11 wrap: root on this host can read every key while Ward runs"
        }
        Some((CustodyKind::Pkcs11, true)) => {
            "PKCS#11 signing: root on this host can use keys that sign tokens, and read the others"
        }
    };
    if facts.root_named == 0 {
        let remedy = "name everyone who is root here in custody.root_on_hosts: when one of them \
                      leaves, every key must be rotated";
        return told(Level::Look, "custody", format!("{grade}, and nobody is named"), remedy);
    }
    match facts.root_unknown {
        Some(unknown) if unknown > 0 => told(
            Level::Act,
            "custody",
            format!("{grade}; {unknown} of {} named are not known by SCIM", facts.root_named),
            "correct custody.root_on_hosts: a leaver who is not known rotates nothing",
        ),
        _ => ok("custody", format!("{grade}; {} persons are declared holders", facts.root_named)),
    }
}

fn memory(facts: &Facts) -> Finding {
    let Some(memory) = facts.memory else { return unseen("memory") };
    if !memory.no_dump {
        let remedy = "a crash would write keys to disk: run it on Linux, and not under a debugger";
        return told(Level::Act, "memory", "core dumps are not forbidden", remedy);
    }
    if !memory.no_swap {
        let remedy = "set LimitMEMLOCK=infinity (or CAP_IPC_LOCK), or encrypt swap; \
                      custody.lock_memory = true refuses to start without";
        let what = "no core dump is written, but memory may be swapped to disk";
        return told(Level::Look, "memory", what, remedy);
    }
    ok("memory", "locked: it is neither dumped nor swapped to disk")
}

fn credentials(facts: &Facts, now: UnixMillis) -> Vec<Finding> {
    const ABOUT: &str = "credentials";
    let Some(all) = &facts.credentials else { return vec![unseen(ABOUT)] };
    let mut soon: Vec<&Ending> = all
        .iter()
        .filter(|it| (0..=ENDING_DAYS * DAY_MS).contains(&it.expires_at.since(now)))
        .collect();
    soon.sort_by_key(|it| it.expires_at);
    if soon.is_empty() {
        return vec![ok(ABOUT, format!("none of {} ends within {ENDING_DAYS} days", all.len()))];
    }
    let one = |it: &Ending| {
        let left = it.expires_at.since(now) / DAY_MS;
        let level = if left < PRESSING_DAYS { Level::Act } else { Level::Look };
        let days = if left == 1 { "day" } else { "days" };
        told(level, ABOUT, format!("{} ends in {left} {days}", it.name), "issue its successor")
    };
    soon.into_iter().map(one).collect()
}

/// WHY nothing when there is none: what is well is told by the two before.
fn warned(facts: &Facts) -> Option<Finding> {
    let told_of: Vec<String> =
        facts.warned.iter().map(|(policy, count)| format!("{count} {policy}")).collect();
    let what = format!("the policy warns of credentials: {}", told_of.join(", "));
    let remedy = "`ward tokens warnings` names them; docs/api-keys.md says what they mean";
    (!told_of.is_empty()).then(|| told(Level::Look, "inventory", what, remedy))
}

fn keys(facts: &Facts, now: UnixMillis) -> Vec<Finding> {
    const ABOUT: &str = "signing keys";
    let Some(all) = &facts.keys else { return vec![unseen(ABOUT)] };
    let age = |it: &InUse| now.since(it.since) / DAY_MS;
    let mut old: Vec<&InUse> = all.iter().filter(|it| age(it) >= KEY_LOOK_DAYS).collect();
    old.sort_by_key(|it| it.since);
    if old.is_empty() {
        return vec![ok(
            ABOUT,
            format!("{} in use, none older than {KEY_LOOK_DAYS} days", all.len()),
        )];
    }
    let one = |it: &InUse| {
        let level = if age(it) >= KEY_ACT_DAYS { Level::Act } else { Level::Look };
        let short: String = it.kid.chars().take(16).collect();
        let remedy = format!("ward keys rotate {}: nobody is logged out", it.kid);
        told(level, ABOUT, format!("{short} has signed for {} days", age(it)), remedy)
    };
    old.into_iter().map(one).collect()
}

fn approvals(facts: &Facts) -> Finding {
    match facts.waiting {
        None => ok("approvals", "none known"),
        Some(0) => ok("approvals", "nothing waits for a second person"),
        Some(waiting) => told(
            Level::Look,
            "approvals",
            format!("{waiting} changes wait for a second person"),
            "consent or refuse: the old set is in force until then",
        ),
    }
}

fn operators(facts: &Facts) -> Finding {
    match facts.operators {
        None => unseen("operators"),
        Some(count) if count < 2 => told(
            Level::Act,
            "operators",
            format!("{count}: nobody could consent to what he proposes"),
            "enrol a second person: until then nothing that weakens can be approved",
        ),
        Some(count) => ok("operators", format!("{count} persons")),
    }
}

/// The findings as JSON, with the most urgent level of all.
#[must_use]
pub fn as_json(findings: &[Finding]) -> Value {
    let worst = findings.iter().map(|it| it.level).max().unwrap_or(Level::Ok);
    json!({"worst": worst, "findings": findings})
}

/// `ward doctor`; `false` if anything presses.
///
/// # Errors
/// With the documented exit code.
pub async fn run(mut wanted: Doctor) -> Result<bool> {
    // A configuration says where its Ward answers, unless it was said otherwise.
    if wanted.remote.api == crate::cli::API
        && wanted.remote.demo.is_none()
        && let Ok(config) = crate::load::config(&wanted.config)
    {
        wanted.remote.api = format!("http://{}", config.control);
    }
    let (findings, waiting) = match online(&wanted).await {
        Some(found) => found,
        None => (offline::look(&wanted)?, None),
    };
    let mut answer = findings;
    if let Some(waiting) = waiting {
        replace(&mut answer, &approvals(&Facts { waiting: Some(waiting), ..Facts::default() }));
    }
    let worst = rows(&answer).filter_map(|it| it.get("level")).any(|level| level == "act");
    if wanted.remote.json {
        say(&serde_json::to_string_pretty(&answer)?);
    } else {
        say(&words(&answer));
    }
    Ok(!worst)
}

fn rows(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("findings").and_then(Value::as_array).into_iter().flatten()
}

/// What a running Ward says, and how many proposals wait there; `None` if none answers.
async fn online(wanted: &Doctor) -> Option<(Value, Option<u64>)> {
    let client = ask::client(&wanted.remote).ok()?;
    let answer = client.get("/api/doctor").await.ok()?.ok().ok()?;
    let waiting = client.get("/api/approvals?state=waiting").await.ok();
    let waiting = waiting.filter(|it| it.status == 200).and_then(|it| it.json().ok());
    let count = waiting.as_ref().and_then(|it| {
        let items = it.get("items").or_else(|| it.get("approvals"))?.as_array()?;
        u64::try_from(items.len()).ok()
    });
    Some((answer, count))
}

/// Puts a finding in the place of the one about the same.
fn replace(answer: &mut Value, finding: &Finding) {
    let Some(all) = answer.get_mut("findings").and_then(Value::as_array_mut) else { return };
    for one in all.iter_mut().filter(|it| it.get("about").is_some_and(|it| it == finding.about)) {
        *one = json!(finding);
    }
}

/// The findings in words: one line each, and one of what to do.
fn words(answer: &Value) -> String {
    let word = |row: &Value, key: &str| {
        row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let line = |row: &Value| {
        let remedy = word(row, "remedy");
        let (level, about, what) = (word(row, "level"), word(row, "about"), word(row, "what"));
        let first = format!("{level:<5} {about:<13} {what}");
        if remedy.is_empty() { first } else { format!("{first}\n{:<19} -> {remedy}", "") }
    };
    rows(answer).map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
