//! `ward.toml`: parsed to types at start, every mistake at once, nothing half done.
//!
//! Pure: text in, [`Config`] or a list of [`Mistake`]s out. Unknown keys are refused. No setting
//! can turn the journal off. The reference in `docs/config.md` follows this file.
//! Best test: the table at the end of this file.

pub mod custody;
pub mod inventory;
pub mod issuers;
pub mod oauth;
pub mod operators;
pub mod signing;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use ward_model::Networks;
use ward_model::word::{AlertKind, IssuerMode};
use ward_operators::act::Rules;

pub use walk::Mistake;
use walk::Walk;

use crate::inventory::Policy;

/// The newest version of the configuration format this program reads.
const VERSION: i64 = 1;
/// Longest life of a token an issuer may be configured with, seconds: one day.
const LIFE_SECONDS_MAX: i64 = 86_400;
/// Smallest journal segment, bytes.
const SEGMENT_BYTES_MIN: i64 = 4 << 20;
/// Largest journal segment, bytes.
const SEGMENT_BYTES_MAX: i64 = 1 << 30;

/// Everything `ward serve` needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the state lives; relative to the configuration file.
    pub data: PathBuf,
    /// The log's name: the origin line of its checkpoints.
    pub name: String,
    /// Control plane and console.
    pub control: SocketAddr,
    /// The gate.
    pub gate: SocketAddr,
    /// `iss` of the tokens Ward issues.
    pub issuer: String,
    /// `aud` the gate asks for.
    pub audience: String,
    /// Longest life of a token, seconds.
    pub life_seconds_max: i64,
    /// The issuer's mode when it is first started; later changes are records.
    pub issuer_mode: IssuerMode,
    /// The file of the key-encryption key.
    pub key_file: PathBuf,
    /// Where the key-encryption key comes from.
    pub custody: custody::Custody,
    /// How often keys that sign are rotated.
    pub rotation: ward_keys::rotation::Schedule,
    /// Audiences that verify tokens offline, against the published keys.
    pub offline_audiences: Vec<String>,
    /// SCIM user names of everyone who is root on a signing host: declared holders of every key.
    pub root_on_hosts: Vec<String>,
    /// The catalogue.
    pub catalogue: PathBuf,
    /// The directory of `*.cedar` policies.
    pub policies: PathBuf,
    /// Size of a journal segment, bytes.
    pub segment_bytes: u64,
    /// `data` and `custody.key_file` as they are written: the same wherever the files lie.
    pub written: Written,
    /// Foreign issuers.
    pub issuers: Vec<issuers::ForeignIssuer>,
    /// How operators sign in.
    pub operators: operators::Operators,
    /// Who must consent to what.
    pub approvals: Rules,
    /// Who may have which tokens signed.
    pub signing: ward_tokens::policy::Rules,
    /// Kinds of alerts nobody is told of by message.
    pub mutes: BTreeSet<AlertKind>,
    /// Who is believed about where a request comes from.
    pub forwarded_from: Networks,
    /// The OAuth server.
    pub oauth: oauth::Oauth,
    /// When credentials are warned of.
    pub inventory: Policy,
    /// Who is told.
    pub notify: BTreeMap<String, operators::Notify>,
}

/// Paths as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// `data`.
    pub data: String,
    /// `custody.key_file`.
    pub key_file: String,
}

impl Config {
    /// Reads a configuration. Paths in it are relative to `base`.
    ///
    /// # Errors
    /// Every mistake in the text, in the order of its lines.
    pub fn parse(file: &str, text: &str, base: &std::path::Path) -> Result<Self, Vec<Mistake>> {
        let mut walk = Walk::new(file, text)?;
        let version = walk.integer("version", 1..=i64::MAX, None);
        if version.is_some_and(|version| version > VERSION) {
            walk.mistake("version", "is newer than this program", "run the newer Ward, or set 1");
        }
        let written = Written {
            data: walk.text("data", Some("data")).unwrap_or_default(),
            key_file: walk.text("custody.key_file", Some("key-encryption-key")).unwrap_or_default(),
        };
        let mut config = Self {
            // Collected anew so that `data = "."` does not show up in messages.
            data: base.join(&written.data).components().collect(),
            name: walk.text("name", None).unwrap_or_default(),
            control: walk.address("listen.control", "127.0.0.1:7780"),
            gate: walk.address("listen.gate", "127.0.0.1:7781"),
            issuer: walk.text("issuer.url", None).unwrap_or_default(),
            audience: walk.text("issuer.audience", None).unwrap_or_default(),
            life_seconds_max: walk
                .integer("issuer.life_seconds_max", 1..=LIFE_SECONDS_MAX, Some(3600))
                .unwrap_or(3600),
            issuer_mode: walk.issuer_mode("issuer.mode"),
            key_file: base.join(&written.key_file),
            custody: custody::custody(&mut walk, base, &base.join(&written.key_file)),
            rotation: custody::rotation(&mut walk),
            offline_audiences: walk.texts_or("rotation.offline_audiences", &[]),
            root_on_hosts: walk.texts("custody.root_on_hosts"),
            catalogue: base
                .join(walk.text("catalogue", Some("catalogue.toml")).unwrap_or_default()),
            policies: base.join(walk.text("policies", Some("policies")).unwrap_or_default()),
            segment_bytes: walk
                .integer(
                    "journal.segment_bytes",
                    SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX,
                    Some(32 << 20),
                )
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or(32 << 20),
            written,
            issuers: Vec::new(),
            operators: operators::Operators::read(&mut walk, base),
            approvals: operators::approvals(&mut walk),
            signing: ward_tokens::policy::Rules::default(),
            mutes: operators::mutes(&mut walk),
            forwarded_from: inventory::forwarded_from(&mut walk),
            oauth: oauth::Oauth::read(&mut walk),
            inventory: inventory::inventory(&mut walk),
            notify: operators::notify(&mut walk, base),
        };
        let house = signing::House {
            issuer: &config.issuer,
            audience: &config.audience,
            life_seconds_max: config.life_seconds_max,
        };
        config.signing = signing::signing(&mut walk, &house);
        let config = Self { issuers: issuers::read(&mut walk, base, &config.issuer), ..config };
        if !config.name.is_empty() && !is_log_name(&config.name) {
            walk.mistake("name", "is not a log name", "use a schema-less URL: ward.example/log");
        }
        let loopback = config.control.ip().is_loopback() && config.gate.ip().is_loopback();
        if !loopback {
            walk.mistake(
                "listen",
                "leaves loopback without TLS",
                "listen on 127.0.0.1 and put a TLS proxy in front",
            );
        }
        if config.control == config.gate && config.gate.port() != 0 {
            walk.mistake("listen.gate", "is the control plane's address", "use another port");
        }
        walk.finish()?;
        Ok(config)
    }
}

/// A C2SP origin line: no spaces, no plus sign, not empty.
fn is_log_name(name: &str) -> bool {
    name.len() <= 200 && name.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '+')
}

#[cfg(test)]
mod tests;
