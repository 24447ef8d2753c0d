//! Reading a backup: the manifest first, then exactly the files it names, each held to its hash.
//!
//! Every byte handed on was authenticated by age; a file counts only when [`Sink::end`] is told of
//! it, after its hash. The MAC of the manifest is the caller's to check, once custody is open.
//! Best test: `tests.rs`.

use std::io::{self, BufRead, Read};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::age::{Identity, OpenError, Opener};
use crate::limits::{MANIFEST_BYTES_MAX, WINDOW_BYTES};
use crate::manifest::{FileEntry, MANIFEST, MANIFEST_MAC, Manifest, ManifestError};
use crate::tar::{BLOCK, padding, read_header};

/// Why a backup was not read to its end. What the sink got so far is to be thrown away.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It does not open.
    #[error("the backup does not open")]
    Open(#[from] OpenError),
    /// Its manifest may not be believed, or is newer.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It is not what its manifest says: damaged, or made by something else.
    #[error("the backup is damaged at {name}: {why}")]
    Damaged {
        /// The file, as the manifest names it.
        name: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A file cannot be put down. Free the disk, and restore anew.
    #[error("{name} cannot be written")]
    Sink {
        /// The file.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The backup cannot be read.
    #[error("the backup cannot be read")]
    Read(#[source] io::Error),
}

/// Where files go.
pub trait Sink {
    /// The manifest, before any file. MUST NOT be believed but for where files go.
    ///
    /// # Errors
    /// The disk's own.
    fn manifest(&mut self, manifest: &Manifest) -> io::Result<()>;
    /// A file begins.
    ///
    /// # Errors
    /// The disk's own.
    fn begin(&mut self, file: &FileEntry) -> io::Result<()>;
    /// Bytes of it.
    ///
    /// # Errors
    /// The disk's own.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// It is whole, and its hash is right.
    ///
    /// # Errors
    /// The disk's own.
    fn end(&mut self, file: &FileEntry) -> io::Result<()>;
}

/// Keeps nothing: for checking a backup.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Sink for Discard {
    fn manifest(&mut self, _manifest: &Manifest) -> io::Result<()> {
        Ok(())
    }
    fn begin(&mut self, _file: &FileEntry) -> io::Result<()> {
        Ok(())
    }
    fn write(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }
    fn end(&mut self, _file: &FileEntry) -> io::Result<()> {
        Ok(())
    }
}

/// A backup that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// What it holds.
    pub manifest: Manifest,
    /// The manifest's canonical bytes.
    pub encoded: Vec<u8>,
    /// Its MAC, to be checked with [`Manifest::is_authentic`].
    pub mac: Vec<u8>,
}

/// Reads a backup and hands its files to `sink`. `done` is told of bytes read.
///
/// # Errors
/// [`UnpackError`].
pub fn unpack(
    input: impl BufRead,
    identities: &[Identity],
    sink: &mut dyn Sink,
    done: &mut dyn FnMut(u64),
) -> Result<Unpacked, UnpackError> {
    let mut input = Opener::new(input, identities)?;
    let encoded = small(&mut input, MANIFEST, MANIFEST_BYTES_MAX)?;
    let mac = small(&mut input, MANIFEST_MAC, 32)?;
    let manifest = Manifest::read(&encoded)?;
    let put = |name: &str, source| UnpackError::Sink { name: name.to_owned(), source };
    sink.manifest(&manifest).map_err(|error| put(MANIFEST, error))?;
    let mut window = vec![0; WINDOW_BYTES];
    for file in &manifest.files {
        let name = file.name.as_str();
        if entry(&mut input, name)? != file.bytes {
            return Err(damaged(name, "its length is not the manifest's"));
        }
        sink.begin(file).map_err(|error| put(name, error))?;
        let mut hash = Sha256::new();
        let mut left = file.bytes;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(window.len());
            let read = read_some(&mut input, window.get_mut(..most).unwrap_or_default(), name)?;
            let bytes = window.get(..read).unwrap_or_default();
            hash.update(bytes);
            sink.write(bytes).map_err(|error| put(name, error))?;
            left -= read as u64;
            done(read as u64);
        }
        zeros(&mut input, padding(file.bytes), name)?;
        if HEXLOWER.encode(&hash.finalize()) != file.sha256 {
            return Err(damaged(name, "its hash is not the manifest's"));
        }
        sink.end(file).map_err(|error| put(name, error))?;
    }
    zeros(&mut input, 2 * BLOCK, "its end")?;
    match input.read(&mut [0; 1]) {
        Ok(0) => Ok(Unpacked { manifest, encoded, mac }),
        Ok(_) => Err(damaged("its end", "something follows")),
        Err(error) => Err(reading(error, "its end")),
    }
}

fn damaged(name: &str, why: &'static str) -> UnpackError {
    UnpackError::Damaged { name: name.to_owned(), why }
}

/// What a failed read means: age says damage by `InvalidData`.
fn reading(error: io::Error, name: &str) -> UnpackError {
    match error.kind() {
        io::ErrorKind::InvalidData => damaged(name, "bytes were changed, or it is cut short"),
        _ => UnpackError::Read(error),
    }
}

fn read_some(input: &mut impl Read, into: &mut [u8], name: &str) -> Result<usize, UnpackError> {
    match input.read(into) {
        Ok(0) => Err(damaged(name, "it is cut short")),
        Ok(read) => Ok(read),
        Err(error) => Err(reading(error, name)),
    }
}

fn read_all(input: &mut impl Read, into: &mut [u8], name: &str) -> Result<(), UnpackError> {
    let mut at = 0;
    while let Some(rest) = into.get_mut(at..).filter(|rest| !rest.is_empty()) {
        at += read_some(input, rest, name)?;
    }
    Ok(())
}

/// Reads the header of an entry that must have this name; gives its length.
fn entry(input: &mut impl Read, name: &str) -> Result<u64, UnpackError> {
    let mut block = [0; BLOCK];
    read_all(input, &mut block, name)?;
    match read_header(&block) {
        Some((found, bytes)) if found == name => Ok(bytes),
        Some(_) => Err(damaged(name, "another file stands in its place")),
        None => Err(damaged(name, "its header is not what this program writes")),
    }
}

fn small(input: &mut impl Read, name: &str, max: u64) -> Result<Vec<u8>, UnpackError> {
    let bytes = entry(input, name)?;
    if bytes > max {
        return Err(damaged(name, "it is too long"));
    }
    let mut content = vec![0; usize::try_from(bytes).unwrap_or(0)];
    read_all(input, &mut content, name)?;
    zeros(input, padding(bytes), name)?;
    Ok(content)
}

fn zeros(input: &mut impl Read, count: usize, name: &str) -> Result<(), UnpackError> {
    let mut bytes = vec![0; count];
    read_all(input, &mut bytes, name)?;
    if bytes.iter().any(|byte| *byte != 0) {
        return Err(damaged(name, "its padding is not zero"));
    }
    Ok(())
}
