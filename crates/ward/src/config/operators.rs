//! The part of `ward.toml` about operators, approvals and who is told. Pure.
//!
//! Best test: `config/operators/tests.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ward_model::Roles;
use ward_model::word::{AlertKind, Role};
use ward_operators::act::{ActKind, Rule, Rules};
use ward_operators::limits::{ALONE_AFTER_MS, CONSENTS_MAX, LIFE_MS, LIFE_MS_MAX};

use super::Walk;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// How operators sign in and what they may read in Ward itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operators {
    /// Where the console is reached by people: `https://ward.example`; none: its own address.
    pub console: Option<String>,
    /// A session ends so long after its last use, milliseconds.
    pub idle_ms: i64,
    /// A session ends so long after sign-in whatever happens, milliseconds.
    pub life_ms: i64,
    /// A proof counts as fresh so long, milliseconds.
    pub step_up_ms: i64,
    /// Whether a purpose must be stated for reads of personal data in Ward itself.
    pub purpose_required: bool,
    /// Data subjects an operator may read of in Ward itself in a day.
    pub reads_per_day: u64,
    /// More data subjects than this in one answer need another person.
    pub reads_at_once: u64,
    /// The identity provider.
    pub provider: Option<Provider>,
}

/// The company's identity provider (OpenID Connect).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its issuer.
    pub issuer: String,
    /// Ward's client at it.
    pub client_id: String,
    /// The file of the client's secret.
    pub client_secret_file: Option<PathBuf>,
    /// The claim of the `id_token` that lists groups.
    pub groups_claim: String,
    /// What its groups make of their members.
    pub roles: BTreeMap<String, Roles>,
    /// Certificates of an own authority, PEM.
    pub ca_file: Option<PathBuf>,
}

/// Somebody who is told of proposals and alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notify {
    /// A signed webhook.
    Webhook {
        /// Where.
        url: String,
        /// The file of its secret, `whsec_...`.
        secret_file: PathBuf,
    },
    /// E-mail over SMTP.
    Mail {
        /// `smtps://host`, `smtp://host` (STARTTLS), or `smtp+plain://` on loopback.
        server: String,
        /// Sender.
        from: String,
        /// Receiver.
        to: String,
        /// User name and file of the password.
        login: Option<(String, PathBuf)>,
    },
}

impl Operators {
    /// Reads `[operators]`.
    pub fn read(walk: &mut Walk<'_>, base: &Path) -> Self {
        let minutes = |walk: &mut Walk<'_>, key: &str, max: i64, default: i64| {
            walk.integer(key, 1..=max, Some(default)).unwrap_or(default) * MINUTE_MS
        };
        let count = |walk: &mut Walk<'_>, key: &str, default: i64| {
            let read = walk.integer(key, 1..=i64::MAX, Some(default)).unwrap_or(default);
            u64::try_from(read).unwrap_or(1)
        };
        let console = walk.text_or_none("operators.console");
        let good = |url: &str| {
            let rest =
                url.strip_prefix("https://").or_else(|| url.strip_prefix("http://localhost"));
            rest.is_some_and(|rest| !rest.contains('/'))
        };
        if console.as_deref().is_some_and(|url| !good(url)) {
            let remedy = "write https://host, without a path; http only for localhost";
            walk.mistake("operators.console", "is no origin", remedy);
        }
        Self {
            console,
            idle_ms: minutes(walk, "operators.session_idle_minutes", 8 * 60, 30),
            life_ms: minutes(walk, "operators.session_minutes", 24 * 60, 12 * 60),
            step_up_ms: minutes(walk, "operators.step_up_minutes", 60, 5),
            purpose_required: walk.boolean("operators.purpose_required", true),
            reads_per_day: count(walk, "operators.reads_per_day", 10_000),
            reads_at_once: count(walk, "operators.reads_at_once", 1_000),
            provider: Provider::read(walk, base),
        }
    }
}

impl Provider {
    fn read(walk: &mut Walk<'_>, base: &Path) -> Option<Self> {
        if walk.keys("operators.oidc").is_empty() {
            return None;
        }
        let issuer = walk.text("operators.oidc.issuer", None)?;
        if !issuer.starts_with("https://") && !issuer.starts_with("http://127.0.0.1") {
            let remedy = "an identity provider is reached over https (http only on 127.0.0.1)";
            walk.mistake("operators.oidc.issuer", "is not safe", remedy);
        }
        let client_id = walk.text("operators.oidc.client_id", None)?;
        let roles = walk.keys("operators.oidc.roles");
        let roles = roles.into_iter().map(|group| {
            let held = read_roles(walk, &format!("operators.oidc.roles.{group}"));
            (group, held)
        });
        let roles: BTreeMap<String, Roles> = roles.collect();
        if roles.is_empty() {
            let remedy = "write [operators.oidc.roles] with group = [\"keys\", ...]";
            walk.mistake("operators.oidc", "maps no group to a role", remedy);
        }
        Some(Self {
            issuer,
            client_id,
            client_secret_file: walk
                .text_or_none("operators.oidc.client_secret_file")
                .map(|file| base.join(file)),
            groups_claim: walk
                .text("operators.oidc.groups_claim", Some("groups"))
                .unwrap_or_default(),
            roles,
            ca_file: walk.text_or_none("operators.oidc.ca_file").map(|file| base.join(file)),
        })
    }
}

/// Reads `[approvals]`.
pub fn approvals(walk: &mut Walk<'_>) -> Rules {
    let hours = |walk: &mut Walk<'_>, key: &str, max: i64, default: i64| {
        walk.integer(key, 1..=max, Some(default / HOUR_MS)).unwrap_or(default / HOUR_MS) * HOUR_MS
    };
    let otherwise = rule(walk, "approvals");
    let life_ms = hours(walk, "approvals.proposal_hours", LIFE_MS_MAX / HOUR_MS, LIFE_MS);
    let year = 365 * 24;
    let alone_after_ms = hours(walk, "approvals.alone_after_hours", year, ALONE_AFTER_MS);
    let mut by_kind = BTreeMap::new();
    for name in walk.keys("approvals.rules") {
        let key = format!("approvals.rules.{name}");
        match ActKind::from_name(&name) {
            Some(kind) => {
                by_kind.insert(kind, rule(walk, &key));
            }
            None => {
                let names: Vec<&str> = ActKind::ALL.iter().map(|kind| kind.as_str()).collect();
                walk.mistake(&key, "is no kind of act", &format!("use {}", names.join(", ")));
            }
        }
    }
    Rules { otherwise, by_kind, life_ms, alone_after_ms }
}

fn rule(walk: &mut Walk<'_>, table: &str) -> Rule {
    let consents = walk
        .integer(&format!("{table}.consents"), 1..=i64::from(CONSENTS_MAX), Some(1))
        .and_then(|count| i32::try_from(count).ok());
    Rule {
        consents: consents.unwrap_or(1),
        from_roles: read_roles(walk, &format!("{table}.from_roles")),
    }
}

fn read_roles(walk: &mut Walk<'_>, key: &str) -> Roles {
    let mut roles = Vec::new();
    for name in walk.texts_or(key, &[]) {
        match Role::from_name(&name).filter(|role| Roles::every_persons().contains(*role)) {
            Some(role) => roles.push(role),
            None => {
                let remedy = format!("use {}", Roles::every_persons());
                walk.mistake(key, "names a role no person holds", &remedy);
            }
        }
    }
    Roles::of(&roles)
}

/// Reads `[alerts]`: kinds nobody is told of by message; the console shows them all the same.
pub fn mutes(walk: &mut Walk<'_>) -> BTreeSet<AlertKind> {
    let mut mutes = BTreeSet::new();
    for name in walk.texts_or("alerts.mute", &[]) {
        match AlertKind::from_name(&name) {
            Some(kind) => {
                mutes.insert(kind);
            }
            None => walk.mistake("alerts.mute", "names no alert", "see docs/operate/README.md"),
        }
    }
    mutes
}

/// Reads `[notify.NAME]`.
pub fn notify(walk: &mut Walk<'_>, base: &Path) -> BTreeMap<String, Notify> {
    let mut targets = BTreeMap::new();
    for name in walk.keys("notify") {
        let key = |of: &str| format!("notify.{name}.{of}");
        let kind = walk.text(&key("kind"), None);
        let target = match kind.as_deref() {
            Some("webhook") => webhook(walk, base, &key),
            Some("mail") => mail(walk, base, &key),
            Some(_) => {
                walk.mistake(&key("kind"), "is no kind", "write \"webhook\" or \"mail\"");
                None
            }
            None => None,
        };
        if let Some(target) = target {
            targets.insert(name, target);
        }
    }
    targets
}

fn webhook(walk: &mut Walk<'_>, base: &Path, key: &dyn Fn(&str) -> String) -> Option<Notify> {
    let url = walk.text(&key("url"), None)?;
    let secret_file = base.join(walk.text(&key("secret_file"), None)?);
    Some(Notify::Webhook { url, secret_file })
}

fn mail(walk: &mut Walk<'_>, base: &Path, key: &dyn Fn(&str) -> String) -> Option<Notify> {
    let server = walk.text(&key("server"), None)?;
    let from = walk.text(&key("from"), None)?;
    let to = walk.text(&key("to"), None)?;
    let user = walk.text_or_none(&key("user"));
    let password = walk.text_or_none(&key("password_file"));
    let login = match (user, password) {
        (Some(user), Some(file)) => Some((user, base.join(file))),
        (None, None) => None,
        _ => {
            walk.mistake(&key("user"), "and password_file go together", "give both or none");
            None
        }
    };
    Some(Notify::Mail { server, from, to, login })
}

#[cfg(test)]
mod tests;
