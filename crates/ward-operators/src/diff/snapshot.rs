//! The set in force as it is kept on disk, to be held against the files at the next start.
//!
//! FORMAT: one JSON object with `version` first, then the settings, the catalogue's text and the
//! policies' files by name; no spaces, keys in one order. What is read back must be written the
//! same way, byte for byte, so one set has one SHA-256: the caller checks it against the journal
//! before he believes a word of it. It holds no secret.
//! A version that adds a setting is a new number here, and reads the older ones with the value
//! that was in effect then.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use ward_catalogue::{Catalogue, Mistake, limits::CATALOGUE_BYTES_MAX};
use ward_policy::limits::{SOURCE_BYTES_MAX, SOURCES_MAX};
use ward_policy::{PolicyMistake, PolicyShape};

use super::Declarations;
use super::limits::SNAPSHOT_BYTES_MAX;
use super::settings::Settings;

/// The version that is written, and the newest that is read.
const VERSION: u32 = 1;

/// Everything that was told to Ward, as it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The settings.
    pub settings: Settings,
    /// The text of the catalogue, at most 8 MiB.
    pub catalogue_text: String,
    /// The policies: file names and texts, at most 256 of at most 256 KiB.
    pub policy_sources: BTreeMap<String, String>,
}

/// Why a snapshot cannot be written or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// A newer program wrote it: run that one.
    #[error("the set in force is of version {found}, and this program reads {VERSION}")]
    Newer {
        /// Its version.
        found: u32,
    },
    /// It was not written by this program, or changed since: what was in force is not known.
    #[error("the set in force cannot be read: it was changed by hand or by a fault")]
    Corrupt,
    /// It is past its bounds: nothing was written, or nothing of it is read.
    #[error("the set in force is too large")]
    TooLarge,
}

/// What is wrong with the texts of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Mistakes in the catalogue.
    #[error("the catalogue has {} mistakes", .0.len())]
    Catalogue(Vec<Mistake>),
    /// Mistakes in the policies.
    #[error("the policies have {} mistakes", .0.len())]
    Policies(Vec<PolicyMistake>),
}

/// Only what every version begins with.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Serialize)]
struct Written<'s> {
    version: u32,
    settings: &'s Settings,
    catalogue_text: &'s str,
    policy_sources: &'s BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOwned {
    #[serde(rename = "version")]
    _version: u32,
    settings: Settings,
    catalogue_text: String,
    policy_sources: BTreeMap<String, String>,
}

impl Snapshot {
    /// Its one form on disk.
    ///
    /// # Errors
    /// [`SnapshotError::TooLarge`]; [`SnapshotError::Corrupt`] if it cannot be written at all.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SnapshotError> {
        let Self { settings, catalogue_text, policy_sources } = self;
        let is_long = |text: &String| text.len() > SOURCE_BYTES_MAX;
        if catalogue_text.len() > CATALOGUE_BYTES_MAX
            || policy_sources.len() > SOURCES_MAX
            || policy_sources.values().any(is_long)
        {
            return Err(SnapshotError::TooLarge);
        }
        let written = Written { version: VERSION, settings, catalogue_text, policy_sources };
        let bytes = serde_json::to_vec(&written).map_err(|_| SnapshotError::Corrupt)?;
        if bytes.len() > SNAPSHOT_BYTES_MAX { Err(SnapshotError::TooLarge) } else { Ok(bytes) }
    }

    /// Reads it back.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        if bytes.len() > SNAPSHOT_BYTES_MAX {
            return Err(SnapshotError::TooLarge);
        }
        let corrupt = |_| SnapshotError::Corrupt;
        match serde_json::from_slice::<Versioned>(bytes).map_err(corrupt)?.version {
            0 => return Err(SnapshotError::Corrupt),
            VERSION => {}
            found => return Err(SnapshotError::Newer { found }),
        }
        let read: WrittenOwned = serde_json::from_slice(bytes).map_err(corrupt)?;
        let WrittenOwned { _version, settings, catalogue_text, policy_sources } = read;
        let snapshot = Self { settings, catalogue_text, policy_sources };
        if snapshot.to_bytes()? == bytes { Ok(snapshot) } else { Err(SnapshotError::Corrupt) }
    }

    /// What it declares. `catalogue_file` is only named in mistakes.
    ///
    /// # Errors
    /// [`ReadError`]: every mistake of the first text that has any.
    pub fn declarations(&self, catalogue_file: &str) -> Result<Declarations, ReadError> {
        let catalogue = Catalogue::parse(catalogue_file, &self.catalogue_text);
        let catalogue = Arc::new(catalogue.map_err(ReadError::Catalogue)?);
        let sources: Vec<(&str, &str)> =
            self.policy_sources.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let policies = PolicyShape::of(&sources).map_err(ReadError::Policies)?;
        Ok(Declarations { settings: self.settings.clone(), catalogue, policies })
    }
}
