//! What `ward.toml` says, as far as it matters to who may do what.
//!
//! Neutral and owned: the program fills it from its configuration. It holds no secret and no
//! address of a person: what is only compared goes in as a digest ([`Target::of`]).
//! A new field without a rule does not compile: see `settings/rules.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use ward_model::Roles;
use ward_model::word::{IssuerMode, Role};

mod rules;
mod signing;

pub(super) use rules::compare;
pub use signing::SigningRule;

/// The settings. Maps and sets have one order, so two texts that say the same are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the state lives, as the program resolved it.
    pub data: String,
    /// The log's name.
    pub log_name: String,
    /// Where the control plane listens.
    pub listen_control: SocketAddr,
    /// Where the gate listens.
    pub listen_gate: SocketAddr,
    /// Whose tokens are issued.
    pub issuer: Issuer,
    /// How keys are kept.
    pub custody: Custody,
    /// Size of a journal segment, bytes; no defence.
    pub segment_bytes: u64,
    /// How many days each class of records is kept; a class that is not named is kept for ever.
    pub retention_days: BTreeMap<String, u32>,
    /// Sign-in and sessions of operators.
    pub operators: Operators,
    /// Who must consent to what.
    pub approvals: ApprovalRules,
    /// Alerts that are not told, by kind or detector.
    pub mutes: BTreeSet<String>,
    /// Who is told, by a name of the settings' own.
    pub notifications: BTreeMap<String, Target>,
    /// Rules for signing, by name. Left out where there are none, as before there were such rules.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signing: BTreeMap<String, SigningRule>,
    /// Settings without an order, by key: any change of one is weaker. The key is shown, the
    /// value never.
    pub others: BTreeMap<String, String>,
}

/// Whose tokens are issued, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// `iss`.
    pub url: String,
    /// `aud` the gate asks for.
    pub audience: String,
    /// Longest life of a token, seconds.
    pub life_seconds_max: u64,
    /// Its mode when it is first started.
    #[serde(deserialize_with = "issuer_mode")]
    pub mode: IssuerMode,
}

/// How keys are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custody {
    /// The kind of custody, `file`; no two kinds are ordered.
    pub kind: String,
    /// Where: the key file, as the program resolved it.
    pub place: String,
    /// SCIM user names of everyone who is root on a signing host; never shown in a reason.
    pub root_on_hosts: BTreeSet<String>,
}

/// Sign-in and sessions of operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operators {
    /// A session ends so long after its last use, minutes.
    pub session_idle_minutes: u64,
    /// It ends so long after sign-in whatever happens, minutes.
    pub session_minutes_max: u64,
    /// A fresh proof counts so long, minutes.
    pub step_up_minutes: u64,
    /// The identity provider; none: operators sign in with passkeys alone.
    pub provider: Option<Provider>,
    /// Distinct data subjects an operator may read in Ward itself in a day; none: without limit.
    pub read_subjects_max: Option<u64>,
}

/// The identity provider of the operators (OpenID Connect).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its issuer.
    pub issuer: String,
    /// Ward's client at it.
    pub client_id: String,
    /// What its groups make of their members.
    pub groups: BTreeMap<String, RoleSet>,
    /// Whether passkeys open as well.
    pub allow_passkey: bool,
}

/// Who must consent to what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRules {
    /// A proposal can be consented to and used so long, minutes.
    pub life_minutes: u64,
    /// The only operator left may act alone after so long, minutes; none: never.
    pub alone_after_minutes: Option<u64>,
    /// For kinds of acts without a rule of their own.
    pub default: ApprovalRule,
    /// By kind of act.
    pub rules: BTreeMap<String, ApprovalRule>,
}

/// What one kind of act needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRule {
    /// Consents of persons other than the proposer.
    pub consents: u32,
    /// One of them at least holds one of these roles; no role: anyone who may consent.
    pub from_roles: RoleSet,
}

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// How: `webhook`, `e-mail`.
    pub kind: String,
    /// SHA-256 of where and of everything else that matters, lower-case hex.
    pub digest: String,
}

impl Target {
    /// A target; of `details` (an address, a URL with its secret, the alerts it gets) only a
    /// digest is kept.
    #[must_use]
    pub fn of(kind: &str, details: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in details {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            digest.update(part.as_bytes());
        }
        let digest = data_encoding::HEXLOWER.encode(&digest.finalize());
        Self { kind: kind.to_owned(), digest }
    }
}

/// Roles, in JSON as the list of their names in the order of their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoleSet(pub Roles);

impl Serialize for RoleSet {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<'de> Deserialize<'de> for RoleSet {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(d)?;
        let role = |name: &String| Role::from_name(name).ok_or_else(|| D::Error::custom("no role"));
        names.iter().map(role).collect::<Result<Roles, _>>().map(Self)
    }
}

fn issuer_mode<'de, D: Deserializer<'de>>(d: D) -> Result<IssuerMode, D::Error> {
    let name = String::deserialize(d)?;
    IssuerMode::from_name(&name).ok_or_else(|| D::Error::custom("no issuer mode"))
}
