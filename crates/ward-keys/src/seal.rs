//! What lies on disk: AES-256-GCM under the key-encryption key, bound to what it is.
//!
//! The key-encryption key comes from a key file (mode 0600): whoever is root on this host can read
//! it and is therefore a holder of every key here. A sealed blob moved to another name, number or
//! purpose does not open. FORMAT: `WARDSEAL` | version u16 LE | label length u16 LE | label |
//! nonce 12 | ciphertext and tag; everything before the nonce is authenticated.

use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use data_encoding::BASE64;
use ward_model::Secret;
use zeroize::{Zeroize as _, Zeroizing};

use crate::durable;

const MAGIC: &[u8; 8] = b"WARDSEAL";
const VERSION: u16 = 1;

/// Why the key-encryption key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KekError {
    /// There is no file, or it cannot be read. Create it by an explicit act, or mend the path.
    #[error("key file {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others may read it. Take their right away, and think of who has read it already.
    #[error("key file {path} has mode {mode:o}, must be 600")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It belongs to somebody else, who can read and change it.
    #[error(
        "key file {path} belongs to user {owner}, must belong to the user Ward runs as, or root"
    )]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// It does not hold 32 bytes in base64.
    #[error("key file {path} does not hold 32 bytes in base64")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// It is there already; a second one would make everything sealed unreadable.
    #[error("key file {path} exists already")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("key file {path} cannot be written")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The key-encryption key. No `Debug`, no `Clone`, no way out.
pub struct Kek(Secret<[u8; 32]>);

impl Kek {
    pub(crate) const fn of(key: Secret<[u8; 32]>) -> Self {
        Self(key)
    }

    pub(crate) const fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The same key once more.
    pub(crate) fn again(&self) -> Self {
        Self(Secret::new(*self.0.expose()))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`KekError`]: unreadable, readable by others, of another owner, malformed.
    pub fn read(path: &Path) -> Result<Self, KekError> {
        let text = guarded(path, 128)?;
        let malformed = || KekError::Malformed { path: path.to_owned() };
        let bytes =
            BASE64.decode(text.trim_ascii()).map(Zeroizing::new).map_err(|_| malformed())?;
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| malformed())?;
        Ok(Self(Secret::new(key)))
    }

    /// Makes a key file from fresh random bytes: an explicit act, never a side effect of starting.
    ///
    /// # Errors
    /// [`KekError`]: it exists, or cannot be written.
    pub fn create(path: &Path, random: [u8; 32]) -> Result<Self, KekError> {
        let key = Secret::new(random);
        let mut text = Zeroizing::new(BASE64.encode(key.expose()));
        text.push('\n');
        let mut options = std::fs::OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(path);
        let unwritable = |source| KekError::Unwritable { path: path.to_owned(), source };
        let mut file = opened.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => KekError::Exists { path: path.to_owned() },
            _ => unwritable(source),
        })?;
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(unwritable)?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        durable::sync_dir(dir.unwrap_or(Path::new("."))).map_err(unwritable)?;
        Ok(Self(key))
    }

    /// Seals `plain` under a label.
    pub(crate) fn seal(&self, label: &str, plain: &[u8]) -> Option<Vec<u8>> {
        let mut out = header(label)?;
        let mut body = Zeroizing::new(plain.to_vec());
        let key = RandomizedNonceKey::new(&AES_256_GCM, self.0.expose()).ok()?;
        let nonce = key.seal_in_place_append_tag(Aad::from(&out), &mut *body).ok()?;
        out.extend_from_slice(nonce.as_ref());
        out.extend_from_slice(&body);
        Some(out)
    }

    /// Opens what was sealed under exactly this label.
    pub(crate) fn open(
        &self,
        label: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenSealed> {
        version(sealed)?;
        let header = header(label).ok_or(OpenSealed::Damaged)?;
        let body = sealed.strip_prefix(header.as_slice()).ok_or(OpenSealed::Damaged)?;
        let (nonce, body) = body.split_first_chunk::<12>().ok_or(OpenSealed::Damaged)?;
        let mut body = body.to_vec();
        let key = RandomizedNonceKey::new(&AES_256_GCM, self.0.expose());
        let key = key.map_err(|_| OpenSealed::Damaged)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let len = match key.open_in_place(nonce, Aad::from(&header), &mut body) {
            Ok(plain) => plain.len(),
            Err(_) => return Err(OpenSealed::Damaged),
        };
        let plain = Zeroizing::new(body.get(..len).unwrap_or_default().to_vec());
        body.zeroize();
        Ok(plain)
    }
}

/// Reads a file of secrets that nobody but its owner may read: this process's own user, or root.
/// At most `max` bytes.
///
/// # Errors
/// [`KekError`]: unreadable, readable by others, of another owner.
pub fn guarded(path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>, KekError> {
    let unreadable = |source| KekError::Unreadable { path: path.to_owned(), source };
    let told = std::fs::metadata(path).map_err(unreadable)?;
    let mode = told.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KekError::Open { path: path.to_owned(), mode });
    }
    let (owner, own) = (told.uid(), rustix::process::geteuid().as_raw());
    if owner != own && owner != 0 {
        return Err(KekError::Owner { path: path.to_owned(), owner });
    }
    durable::read(path, max).map(Zeroizing::new).map_err(unreadable)
}

/// Why a sealed file does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenSealed {
    /// Written by a newer Ward.
    Newer(u16),
    /// Another key-encryption key, another label, or changed bytes.
    Damaged,
}

fn version(sealed: &[u8]) -> Result<(), OpenSealed> {
    let rest = sealed.strip_prefix(MAGIC).ok_or(OpenSealed::Damaged)?;
    let (version, _) = rest.split_first_chunk::<2>().ok_or(OpenSealed::Damaged)?;
    match u16::from_le_bytes(*version) {
        VERSION => Ok(()),
        newer if newer > VERSION => Err(OpenSealed::Newer(newer)),
        _ => Err(OpenSealed::Damaged),
    }
}

fn header(label: &str) -> Option<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&u16::try_from(label.len()).ok()?.to_le_bytes());
    out.extend_from_slice(label.as_bytes());
    Some(out)
}

/// The label a sealed file says it has; believed only when it opens under it.
pub(crate) fn claimed_label(sealed: &[u8]) -> Result<&str, OpenSealed> {
    version(sealed)?;
    let rest = sealed.get(MAGIC.len() + 2..).ok_or(OpenSealed::Damaged)?;
    let (len, rest) = rest.split_first_chunk::<2>().ok_or(OpenSealed::Damaged)?;
    let label = rest.get(..usize::from(u16::from_le_bytes(*len))).ok_or(OpenSealed::Damaged)?;
    core::str::from_utf8(label).map_err(|_| OpenSealed::Damaged)
}
