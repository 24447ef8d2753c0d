//! The names that may stand in a backup, and how long each file may be. Nothing else is ever put
//! down by a restore. Pure. Best test: `tests.rs`, the table of tricks.

use crate::limits::{DATABASE_BYTES_MAX, NAME_BYTES_MAX, SEGMENT_BYTES_MAX, SMALL_BYTES_MAX};

/// The configuration.
pub const CONFIG: &str = "ward.toml";
/// The catalogue.
pub const CATALOGUE: &str = "catalogue.toml";
/// Before the names of the sets of declarations that are kept: the one in force.
pub const IN_FORCE: &str = "data/in-force/";
/// The register of data subjects.
pub const REGISTER: &str = "data/register.db";
/// The projection.
pub const STORE: &str = "data/store.db";
/// Before the names of policies.
pub const POLICIES: &str = "policies/";
/// Before the names of sealed keys and secrets.
pub const CUSTODY: &str = "data/custody/";
/// Before the names of the journal's files.
pub const JOURNAL: &str = "data/journal/";
/// Before everything that belongs into the state directory.
pub const DATA: &str = "data/";

/// What a file in a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A segment of the journal: zeros may follow what was kept.
    Segment,
    /// A file of checkpoints, or the journal's format file.
    Journal,
    /// A sealed key or secret.
    Custody,
    /// A SQLite database.
    Database,
    /// Configuration, catalogue, policy.
    Declaration,
}

impl Kind {
    /// Longest file of this kind, bytes.
    #[must_use]
    pub const fn bytes_max(self) -> u64 {
        match self {
            Self::Segment => SEGMENT_BYTES_MAX,
            Self::Database => DATABASE_BYTES_MAX,
            Self::Journal | Self::Custody | Self::Declaration => SMALL_BYTES_MAX,
        }
    }
}

/// What a name stands for; `None`: no backup holds it.
#[must_use]
pub fn kind(name: &str) -> Option<Kind> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    match name {
        CONFIG | CATALOGUE => return Some(Kind::Declaration),
        REGISTER | STORE => return Some(Kind::Database),
        _ => {}
    }
    if let Some(set) = name.strip_prefix(IN_FORCE) {
        let set = set.strip_suffix(".json")?;
        let is_digest = set.len() == 64 && set.bytes().all(|byte| byte.is_ascii_hexdigit());
        return is_digest.then_some(Kind::Declaration);
    }
    if let Some(policy) = name.strip_prefix(POLICIES) {
        let policy = policy.strip_suffix(".cedar")?;
        return is_plain(policy).then_some(Kind::Declaration);
    }
    if let Some(sealed) = name.strip_prefix(CUSTODY) {
        let sealed = sealed.strip_suffix(".sealed")?;
        return is_plain(sealed).then_some(Kind::Custody);
    }
    match name.strip_prefix(JOURNAL)?.split_once('/') {
        None => (name == "data/journal/format").then_some(Kind::Journal),
        Some(("segments", file)) => is_numbered(file, ".seg").then_some(Kind::Segment),
        Some(("checkpoints", file)) => is_numbered(file, ".notes").then_some(Kind::Journal),
        Some(_) => None,
    }
}

/// Letters, digits, `-`, `_` and inner dots: never a way up, never hidden.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(good)
}

fn is_numbered(file: &str, suffix: &str) -> bool {
    let digits = file.strip_suffix(suffix).unwrap_or_default();
    digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())
}
