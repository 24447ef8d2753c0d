//! What a backup says it holds: versioned, canonical JSON, first in the archive.
//!
//! Pure. FORMAT 1: an object whose keys stand in alphabetical order without spaces; [`read`] accepts
//! exactly what [`Manifest::encode`] writes. A newer format is refused before anything is written.
//!
//! [`read`]: Manifest::read

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use ward_model::{Secret, UnixMillis};

use crate::limits::{FILES_MAX, SEGMENT_BYTES_MAX};
use crate::names::{self, Kind};

/// The format this program reads and writes.
pub const FORMAT: u32 = 1;
/// Name of the manifest in the archive.
pub const MANIFEST: &str = "manifest.json";
/// Name of its MAC: 32 bytes.
pub const MANIFEST_MAC: &str = "manifest.mac";

const MAC_LABEL: &[u8] = b"ward-backup-manifest1";

/// Why bytes are no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Written by a newer Ward: restore with that.
    #[error("backup format {found} is newer than {FORMAT}, which this program knows")]
    Newer {
        /// The format found.
        found: u64,
    },
    /// Not what this program writes.
    #[error("the manifest is malformed: {0}")]
    Malformed(&'static str),
    /// It names a file that no backup holds, twice, out of order, or too long.
    #[error("the manifest may not hold `{name}`: {why}")]
    Refused {
        /// The name, cut to a line.
        name: String,
        /// Why.
        why: &'static str,
    },
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Bytes in the archive.
    pub bytes: u64,
    /// Bytes of the file: zeros follow what was kept. More than `bytes` for segments only.
    pub length: u64,
    /// Its name ([`names`]).
    pub name: String,
    /// SHA-256 of the bytes in the archive, lower-case hex.
    pub sha256: String,
}

/// Where the configuration looks for its files, relative to its own folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// The catalogue.
    pub catalogue: String,
    /// The state directory; `.` for the folder itself.
    pub data: String,
    /// The directory of policies.
    pub policies: String,
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The signed checkpoint (c2sp.org/tlog-checkpoint) at which the journal was cut.
    pub checkpoint: String,
    /// When it was taken, milliseconds since the epoch.
    pub created_at: i64,
    /// The files, ascending by name.
    pub files: Vec<FileEntry>,
    /// [`FORMAT`].
    pub format: u32,
    /// Where they belong.
    pub layout: Layout,
    /// The log's name.
    pub log: String,
    /// Version of the program that wrote it.
    pub program: String,
    /// Leaves under the checkpoint.
    pub size: u64,
}

impl Manifest {
    /// The canonical bytes.
    ///
    /// # Errors
    /// [`ManifestError`]: it holds what may not be in a backup.
    pub fn encode(&self) -> Result<Vec<u8>, ManifestError> {
        self.check()?;
        serde_json::to_vec(self).map_err(|_| ManifestError::Malformed("cannot be written"))
    }

    /// Reads canonical bytes and checks every name, length and hash in them.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Version {
            format: u64,
        }
        let version: Version =
            serde_json::from_slice(bytes).map_err(|_| ManifestError::Malformed("no format"))?;
        if version.format > u64::from(FORMAT) {
            return Err(ManifestError::Newer { found: version.format });
        }
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|_| ManifestError::Malformed("other columns"))?;
        if manifest.encode()? != bytes {
            return Err(ManifestError::Malformed("not canonical"));
        }
        Ok(manifest)
    }

    /// SHA-256 of the canonical bytes: how a record names this backup.
    #[must_use]
    pub fn digest(bytes: &[u8]) -> [u8; 32] {
        sha2::Sha256::digest(bytes).into()
    }

    /// The key of a manifest's MAC, from a secret of the custody the backup holds.
    #[must_use]
    pub fn mac_key(secret: &Secret<[u8; 32]>) -> hmac::Key {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, MAC_LABEL).as_ref())
    }

    /// The MAC of canonical bytes.
    #[must_use]
    pub fn mac(key: &hmac::Key, bytes: &[u8]) -> Vec<u8> {
        hmac::sign(key, bytes).as_ref().to_vec()
    }

    /// Whether the MAC is right, in constant time: whoever made it had this custody's key file.
    #[must_use]
    pub fn is_authentic(key: &hmac::Key, bytes: &[u8], mac: &[u8]) -> bool {
        hmac::verify(key, bytes, mac).is_ok()
    }

    /// When it was taken.
    #[must_use]
    pub const fn created_at(&self) -> UnixMillis {
        UnixMillis::new(self.created_at)
    }

    /// Bytes of all files in the archive.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add)
    }

    fn check(&self) -> Result<(), ManifestError> {
        if self.format != FORMAT {
            return Err(ManifestError::Malformed("another format"));
        }
        if self.files.len() > FILES_MAX {
            return Err(ManifestError::Malformed("too many files"));
        }
        let Layout { catalogue, data, policies } = &self.layout;
        if ![catalogue, data, policies].iter().all(|path| is_inside(path)) {
            return Err(ManifestError::Malformed("a path of the layout leads out"));
        }
        let mut before: Option<&str> = None;
        for file in &self.files {
            if before.is_some_and(|before| before >= file.name.as_str()) {
                return Err(refused(file, "out of order, or twice"));
            }
            before = Some(&file.name);
            let kind = names::kind(&file.name).ok_or_else(|| refused(file, "not a known name"))?;
            let grows = kind == Kind::Segment && file.length <= SEGMENT_BYTES_MAX;
            if file.bytes > kind.bytes_max() || file.length < file.bytes {
                return Err(refused(file, "its length is out of bounds"));
            }
            if file.length > file.bytes && !grows {
                return Err(refused(file, "only a segment ends in zeros"));
            }
            let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            if file.sha256.len() != 64 || !file.sha256.bytes().all(hex) {
                return Err(refused(file, "its hash is malformed"));
            }
        }
        Ok(())
    }
}

fn refused(file: &FileEntry, why: &'static str) -> ManifestError {
    ManifestError::Refused { name: file.name.chars().take(120).collect(), why }
}

/// A relative path of plain names, at most four deep; `.` alone is the folder itself.
#[must_use]
pub fn is_inside(path: &str) -> bool {
    path == "." || (path.split('/').count() <= 4 && path.split('/').all(names::is_plain))
}
