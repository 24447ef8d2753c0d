//! Writing a backup: measure every file, write the manifest, then the files as they were measured.
//!
//! Files are read twice, so that the manifest can stand first; one that changed in between stops
//! the backup. Best test: `tests.rs`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::Entropy;
use crate::age::{Recipient, Sealer};
use crate::limits::WINDOW_BYTES;
use crate::manifest::{FileEntry, MANIFEST, MANIFEST_MAC, Manifest, ManifestError};
use crate::tar::{BLOCK, header, padding};

/// A file to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name in the backup ([`crate::names`]).
    pub name: String,
    /// Where it lies.
    pub place: PathBuf,
    /// How many of its bytes to keep; past them it may change.
    pub bytes: u64,
    /// Bytes of the file when it is put back: zeros follow what was kept.
    pub length: u64,
}

/// Why a backup was not written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file cannot be read. Mend its rights, and try again.
    #[error("{place} cannot be read")]
    Read {
        /// Where it lies.
        place: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file changed while it was read. Try again.
    #[error("{name} changed while it was read; try again")]
    Changed {
        /// Its name.
        name: String,
    },
    /// What is to be kept may not be in a backup.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The backup cannot be written. Free the disk, and try again.
    #[error("the backup cannot be written")]
    Write(#[source] io::Error),
}

/// Reads every file and says what the manifest will say of it, ascending by name. `done` is told of
/// bytes read.
///
/// # Errors
/// [`PackError::Read`].
pub fn measure(
    sources: &mut [Source],
    done: &mut dyn FnMut(u64),
) -> Result<Vec<FileEntry>, PackError> {
    sources.sort_by(|one, other| one.name.cmp(&other.name));
    let mut entries = Vec::with_capacity(sources.len());
    for source in sources {
        let mut hash = Sha256::new();
        read(source, done, |bytes| {
            hash.update(bytes);
            Ok(())
        })?;
        let Source { name, bytes, length, .. } = source;
        let sha256 = HEXLOWER.encode(&hash.finalize());
        entries.push(FileEntry { bytes: *bytes, length: *length, name: name.clone(), sha256 });
    }
    Ok(entries)
}

/// Writes a backup: `manifest` as canonical bytes with its MAC, then `sources` as [`measure`] left
/// them, sealed to `recipients`. `done` is told of bytes read. Gives `out` back, flushed.
///
/// # Errors
/// [`PackError`]: what was written is no backup.
pub fn pack<W: Write>(
    out: W,
    manifest: &Manifest,
    mac: &[u8],
    sources: &[Source],
    recipients: &[Recipient],
    entropy: Entropy<'_>,
    done: &mut dyn FnMut(u64),
) -> Result<W, PackError> {
    let encoded = manifest.encode()?;
    let mut out = Sealer::new(out, recipients, entropy).map_err(PackError::Write)?;
    entry(&mut out, MANIFEST, &encoded)?;
    entry(&mut out, MANIFEST_MAC, mac)?;
    if sources.len() != manifest.files.len() {
        return Err(ManifestError::Malformed("other files than were measured").into());
    }
    for (source, file) in sources.iter().zip(&manifest.files) {
        let malformed = ManifestError::Malformed("a name does not fit");
        let head = header(&file.name, file.bytes).ok_or(malformed)?;
        out.write_all(&head).map_err(PackError::Write)?;
        let mut hash = Sha256::new();
        read(source, done, |bytes| {
            hash.update(bytes);
            out.write_all(bytes)
        })?;
        if HEXLOWER.encode(&hash.finalize()) != file.sha256 || source.name != file.name {
            return Err(PackError::Changed { name: file.name.clone() });
        }
        let zeros = [0; BLOCK];
        let zeros = zeros.get(..padding(file.bytes)).unwrap_or_default();
        out.write_all(zeros).map_err(PackError::Write)?;
    }
    out.write_all(&[0; 2 * BLOCK]).map_err(PackError::Write)?;
    out.finish().map_err(PackError::Write)
}

fn entry(out: &mut impl Write, name: &str, bytes: &[u8]) -> Result<(), PackError> {
    let malformed = ManifestError::Malformed("a name does not fit");
    let head = header(name, bytes.len() as u64).ok_or(malformed)?;
    let zeros = [0; BLOCK];
    let zeros = zeros.get(..padding(bytes.len() as u64)).unwrap_or_default();
    for part in [&head[..], bytes, zeros] {
        out.write_all(part).map_err(PackError::Write)?;
    }
    Ok(())
}

/// Hands the bytes to be kept of a file to `sink`, which writes the backup.
fn read(
    source: &Source,
    done: &mut dyn FnMut(u64),
    mut sink: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), PackError> {
    let failed = |error| PackError::Read { place: source.place.clone(), source: error };
    let mut file = File::open(&source.place).map_err(failed)?.take(source.bytes);
    let mut window = vec![0; WINDOW_BYTES];
    let mut left = source.bytes;
    while left > 0 {
        let read = file.read(&mut window).map_err(failed)?;
        let bytes = window.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Err(PackError::Changed { name: source.name.clone() });
        }
        sink(bytes).map_err(PackError::Write)?;
        left = left.saturating_sub(bytes.len() as u64);
        done(bytes.len() as u64);
    }
    Ok(())
}
