//! The set of declarations in force: configuration, catalogue and policies, whole.
//!
//! A set that is as strict or stricter takes effect at once, at start and at reload. A weaker one
//! waits until another person has approved its digest; until then the set in force goes on, which
//! is kept on disk for that under the SHA-256 that the journal's last `ConfigLoaded` names.
//! What it must never do: take the files' word for what was in force, or run a weaker set because
//! the kept one is gone.
//! CRASH: a set is durable under its own name before its record; the record makes it the one in
//! force; older ones are removed afterwards, and again at the next start.
//! Best tests: at the end of this file; `interop/insider.py` edits files while Ward is down.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use ward_catalogue::Catalogue;
use ward_journal::{Disk as _, RealDisk};
use ward_keys::rotation::Schedule;
use ward_model::record::ConfigLoaded;
use ward_model::word::ApprovalEnd;
use ward_model::{Caller, Record};
use ward_operators::diff::{
    ApprovalRule, ApprovalRules, Custody, Declarations, Issuer, Judgement, Operators, Provider,
    RoleSet, Settings, Target, diff, digest,
};
use ward_operators::{Act, ActKind, Standing};
use ward_policy::{Policies, PolicyShape};

use crate::config::operators::Notify;
use crate::config::{Config, Mistake};
use crate::exit::{Exit, fail};

/// The version of the file of a set.
const VERSION: u32 = 1;
/// Reasons told in a proposal.
const REASONS_TOLD: usize = 4;

/// The texts of a set, as they were read in one go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    version: u32,
    /// `ward.toml`.
    pub config: String,
    /// `catalogue.toml`.
    pub catalogue: String,
    /// `*.cedar`: names without a path, and texts, sorted.
    pub policies: Vec<(String, String)>,
}

/// A set without mistakes.
pub struct Set {
    /// What was read.
    pub texts: Texts,
    /// SHA-256 of the texts: the set's name on disk and in the journal.
    pub name: [u8; 32],
    /// `ward.toml`, parsed.
    pub config: Config,
    /// Routes, fields, budgets.
    pub catalogue: Arc<Catalogue>,
    /// What the operators' room compares.
    pub declarations: Declarations,
}

impl Texts {
    /// The texts of a set.
    #[must_use]
    pub const fn new(config: String, catalogue: String, policies: Vec<(String, String)>) -> Self {
        Self { version: VERSION, config, catalogue, policies }
    }

    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The set's name.
    #[must_use]
    pub fn name(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }

    /// Reads the set; `file` is where `ward.toml` lies, for paths and messages.
    ///
    /// # Errors
    /// Every mistake in any of the texts.
    pub fn read(self, file: &Path) -> Result<Set, Vec<String>> {
        let base = file.parent().unwrap_or_else(|| Path::new("."));
        let told = |all: Vec<Mistake>| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let config =
            Config::parse(&file.display().to_string(), &self.config, base).map_err(told)?;
        let mut mistakes = Vec::new();
        let catalogue = Catalogue::parse(&config.catalogue.display().to_string(), &self.catalogue);
        let catalogue = catalogue
            .map_err(|all| mistakes.extend(all.iter().map(ToString::to_string)))
            .ok()
            .map(Arc::new);
        let named = self.named();
        if let Err(all) = Policies::load(&named) {
            mistakes.extend(all.iter().map(ToString::to_string));
        }
        let shapes = PolicyShape::of(&named).unwrap_or_default();
        match catalogue {
            Some(catalogue) if mistakes.is_empty() => {
                let settings = settings(&config);
                let declarations =
                    Declarations { settings, catalogue: Arc::clone(&catalogue), policies: shapes };
                Ok(Set { name: self.name(), texts: self, config, catalogue, declarations })
            }
            _ => Err(mistakes),
        }
    }

    /// The policies' names and texts.
    #[must_use]
    pub fn named(&self) -> Vec<(&str, &str)> {
        self.policies.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
    }
}

impl Set {
    /// The record that puts it in force.
    #[must_use]
    pub fn loaded(&self, policies: [u8; 32]) -> ConfigLoaded {
        ConfigLoaded { config: self.name, catalogue: *self.catalogue.digest(), policies }
    }

    /// Keeps the set under its own name, durably.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn keep(&self) -> Result<(), Exit> {
        let place = self.config.data.join(DIR);
        let refused = |error: std::io::Error| fail(74, &place, &error);
        std::fs::create_dir_all(&place).map_err(refused)?;
        let disk = RealDisk::new(&place);
        let (file, beside) = (file_of(&self.name), "new");
        let new = disk.create(beside).map_err(refused)?;
        let bytes = self.texts.to_bytes();
        let mut at = 0usize;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            at += new.write_at(rest, u64::try_from(at).unwrap_or(u64::MAX)).map_err(refused)?;
        }
        new.sync_data().map_err(refused)?;
        disk.rename(beside, &file).map_err(refused)?;
        disk.sync_dir("").map_err(refused)
    }

    /// Removes every other set: call it once this one's record is durable.
    pub fn drop_others(&self) {
        let place = self.config.data.join(DIR);
        let disk = RealDisk::new(&place);
        let own = file_of(&self.name);
        for name in disk.list("").unwrap_or_default().iter().filter(|name| **name != own) {
            if let Err(error) = disk.remove(name) {
                tracing::warn!(%error, "an old set of declarations stays");
            }
        }
    }
}

/// Where sets are kept, in the state directory.
const DIR: &str = "in-force";

fn file_of(name: &[u8; 32]) -> String {
    format!("{}.json", data_encoding::HEXLOWER.encode(name))
}

/// The sets kept in a state directory: one, or two after a crash.
#[must_use]
pub fn kept(data: &Path, file: &Path) -> Vec<Set> {
    let place = data.join(DIR);
    let Ok(entries) = std::fs::read_dir(&place) else { return Vec::new() };
    let mut sets = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let Ok(texts) = serde_json::from_slice::<Texts>(&bytes) else { continue };
        // INVARIANT: a set is believed only under the name that its own bytes give it.
        let named =
            path.file_name().and_then(|name| name.to_str()) == Some(&file_of(&texts.name()));
        if let (true, VERSION, Ok(set)) = (named, texts.version, texts.read(file)) {
            sets.push(set);
        }
    }
    sets
}

/// What is to run, and what that needs.
pub enum Choice {
    /// The set on disk, which is not weaker: put it in force.
    New(Judgement),
    /// The set on disk, approved: the record uses the approval up.
    Approved(Record),
    /// The set on disk is the one in force.
    Same,
    /// The set in force; the one on disk waits for this act's approval.
    Held(Act),
}

/// Chooses between the set on disk and the one in force. Pure but for looking at the approvals.
pub fn choose(
    old: &Set,
    new: &Set,
    standing: impl Fn(&[u8; 32]) -> Option<(ward_model::ApprovalId, Standing)>,
) -> Choice {
    if old.name == new.name {
        return Choice::Same;
    }
    let judgement = diff(&old.declarations, &new.declarations);
    if !judgement.is_weaker() {
        return Choice::New(judgement);
    }
    let act = act(new, &judgement);
    match standing(&act.digest) {
        Some((approval, Standing::Approved)) => Choice::Approved(
            ward_model::record::ApprovalEnded {
                approval,
                how: ApprovalEnd::Applied,
                person: Caller::WARD.person,
                api_key: Caller::WARD.api_key,
                session: Caller::WARD.session,
            }
            .into(),
        ),
        _ => Choice::Held(act),
    }
}

/// The act of putting a weaker set in force.
fn act(new: &Set, judgement: &Judgement) -> Act {
    let weaker = judgement.weaker();
    let mut told: Vec<String> = weaker.iter().take(REASONS_TOLD).map(ToString::to_string).collect();
    if weaker.len() > REASONS_TOLD {
        told.push(format!("and {} more: ward check --against", weaker.len() - REASONS_TOLD));
    }
    let digest = digest(&new.declarations);
    Act::of(ActKind::Declarations, "", &[&digest, &new.name], told.join("; "))
}

/// What `ward.toml` says, as far as it is a defence.
fn settings(config: &Config) -> Settings {
    let rule = |rule: ward_operators::Rule| ApprovalRule {
        consents: u32::try_from(rule.consents).unwrap_or(0),
        from_roles: RoleSet(rule.from_roles),
    };
    let minutes = |ms: i64| u64::try_from(ms / 60_000).unwrap_or(0);
    let operators = &config.operators;
    let provider = operators.provider.as_ref().map(|it| Provider {
        issuer: it.issuer.clone(),
        client_id: it.client_id.clone(),
        groups: it.roles.iter().map(|(group, held)| (group.clone(), RoleSet(*held))).collect(),
        allow_passkey: true,
    });
    Settings {
        data: config.written.data.clone(),
        log_name: config.name.clone(),
        listen_control: config.control,
        listen_gate: config.gate,
        issuer: Issuer {
            url: config.issuer.clone(),
            audience: config.audience.clone(),
            life_seconds_max: u64::try_from(config.life_seconds_max).unwrap_or(0),
            mode: config.issuer_mode,
        },
        custody: Custody {
            kind: config.custody.source.kind().as_str().to_owned(),
            place: config.custody.written.clone(),
            root_on_hosts: config.root_on_hosts.iter().cloned().collect(),
        },
        segment_bytes: config.segment_bytes,
        retention_days: Default::default(),
        operators: Operators {
            session_idle_minutes: minutes(operators.idle_ms),
            session_minutes_max: minutes(operators.life_ms),
            step_up_minutes: minutes(operators.step_up_ms),
            provider,
            read_subjects_max: Some(operators.reads_per_day),
        },
        approvals: ApprovalRules {
            life_minutes: minutes(config.approvals.life_ms),
            alone_after_minutes: Some(minutes(config.approvals.alone_after_ms)),
            default: rule(config.approvals.otherwise),
            rules: config
                .approvals
                .by_kind
                .iter()
                .map(|(kind, one)| (kind.as_str().to_owned(), rule(*one)))
                .collect(),
        },
        mutes: config.mutes.iter().map(|kind| kind.as_str().to_owned()).collect::<BTreeSet<_>>(),
        notifications: config
            .notify
            .iter()
            .map(|(name, target)| (name.clone(), told(target)))
            .collect(),
        signing: crate::config::signing::compared(&config.signing),
        others: others(config),
    }
}

/// What has no order: any change of it is weaker.
fn others(config: &Config) -> BTreeMap<String, String> {
    let operators = &config.operators;
    let mut others = BTreeMap::new();
    let console = operators.console.clone().unwrap_or_default();
    others.insert("operators.console".to_owned(), console);
    if let Some(provider) = &operators.provider {
        let ca = provider.ca_file.as_ref().map(|file| file.display().to_string());
        others.insert("operators.oidc.ca_file".to_owned(), ca.unwrap_or_default());
        others.insert("operators.oidc.groups_claim".to_owned(), provider.groups_claim.clone());
    }
    let doors: Vec<String> = config.forwarded_from.iter().map(|it| it.to_string()).collect();
    others.insert("listen.forwarded_from".to_owned(), doors.join(" "));
    others.insert("oauth.audiences".to_owned(), config.oauth.audiences.join("\n"));
    others.insert("oauth.dpop_nonce".to_owned(), config.oauth.nonce().to_owned());
    for (key, value) in config.inventory.days() {
        others.insert(format!("inventory.{key}"), value.to_string());
    }
    let Schedule { every_ms, overlap_ms } = config.rotation;
    others.insert("rotation.every".to_owned(), format!("{} s", every_ms / 1000));
    others.insert("rotation.overlap".to_owned(), format!("{} s", overlap_ms / 1000));
    let offline = config.offline_audiences.join("\n");
    others.insert("rotation.offline_audiences".to_owned(), offline);
    others.insert("custody.sign_inside".to_owned(), config.custody.sign_inside.to_string());
    others.insert("custody.lock_memory".to_owned(), config.custody.lock_memory.to_string());
    for issuer in &config.issuers {
        others.extend(issuer.settings());
    }
    others.insert("operators.purpose_required".to_owned(), operators.purpose_required.to_string());
    others.insert("operators.reads_at_once".to_owned(), operators.reads_at_once.to_string());
    others
}

fn told(target: &Notify) -> Target {
    match target {
        Notify::Webhook { url, secret_file } => {
            Target::of("webhook", &[url, &secret_file.display().to_string()])
        }
        Notify::Mail { server, from, to, login } => {
            let user = login.as_ref().map_or("", |(user, _)| user.as_str());
            Target::of("e-mail", &[server, from, to, user])
        }
    }
}

#[cfg(test)]
mod tests;
