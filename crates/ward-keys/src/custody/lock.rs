//! `root.sealed`: the key everything is sealed under, itself sealed under the key-encryption key.
//!
//! FORMAT: `WARDROOT` | version u16 LE | lock length u16 LE | lock (JSON) | a sealed file whose
//! label is `root/` and the SHA-256 of the lock. Inside: one or two keys of 32 bytes, the one in
//! force first; a second one is there only while everything is sealed anew. The lock says how to
//! get at the key-encryption key and holds no secret. A key-file custody from before has no such
//! file: its key file is the key everything is sealed under.
//! Decoder: fuzzed (`fuzz_targets/custody.rs`).

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use ward_model::Secret;
use ward_model::word::CustodyKind;
use zeroize::Zeroizing;

use crate::seal::{Kek, OpenSealed};

/// The file's name in the custody directory.
pub const ROOT_FILE: &str = "root.sealed";
/// Longest `root.sealed`, bytes.
pub const ROOT_BYTES_MAX: u64 = 16 << 10;
/// Most shares.
pub const SHARES_MAX: u8 = 16;
/// Longest name of a share's holder, bytes.
pub const HOLDER_BYTES_MAX: usize = 200;

const MAGIC: &[u8; 8] = b"WARDROOT";
const VERSION: u16 = 1;

/// How the key-encryption key is come by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lock {
    /// A file holds it.
    File,
    /// Argon2id of a passphrase (RFC 9106).
    Passphrase {
        /// 16 bytes, hex.
        salt: String,
        /// Memory, KiB.
        memory_kib: u32,
        /// Passes.
        passes: u32,
    },
    /// Shares.
    Shares {
        /// How many are needed.
        need: u8,
        /// 8 bytes, hex: tells shares of another custody apart.
        set: String,
        /// Whose share is which, in the order of their numbers: SCIM user names.
        holders: Vec<String>,
        /// What tells each share from every other, in the same order.
        checks: Vec<String>,
    },
    /// A key inside a PKCS#11 token opens it.
    Pkcs11 {
        /// Label of the key.
        label: String,
        /// What the token made of the key-encryption key (AES-GCM), hex.
        wrapped: String,
    },
}

impl Lock {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> CustodyKind {
        match self {
            Self::File => CustodyKind::File,
            Self::Passphrase { .. } => CustodyKind::Passphrase,
            Self::Shares { .. } => CustodyKind::Shares,
            Self::Pkcs11 { .. } => CustodyKind::Pkcs11,
        }
    }

    /// Bounds that a changed file could break: memory and time of a start are ours.
    fn is_sound(&self) -> bool {
        match self {
            Self::File => true,
            Self::Passphrase { salt, memory_kib, passes } => {
                salt.len() == 32 && (8..=1 << 21).contains(memory_kib) && (1..=64).contains(passes)
            }
            Self::Shares { need, set, holders, checks } => {
                let of = u8::try_from(holders.len()).unwrap_or(u8::MAX);
                (1..=SHARES_MAX).contains(&of)
                    && (1..=of).contains(need)
                    && set.len() == 16
                    && checks.len() == holders.len()
                    && holders.iter().all(|name| name.len() <= HOLDER_BYTES_MAX)
            }
            Self::Pkcs11 { label, wrapped } => label.len() <= 64 && wrapped.len() <= 256,
        }
    }
}

/// The keys everything is sealed under, the one in force first.
pub(crate) struct Roots {
    pub(crate) current: Kek,
    pub(crate) previous: Option<Kek>,
}

/// Lays out `root.sealed`.
pub(crate) fn encode(lock: &Lock, kek: &Kek, roots: &Roots) -> Option<Vec<u8>> {
    let text = serde_json::to_vec(lock).ok()?;
    let mut plain = Zeroizing::new(Vec::with_capacity(64));
    for key in core::iter::once(&roots.current).chain(&roots.previous) {
        plain.extend_from_slice(key.expose());
    }
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&u16::try_from(text.len()).ok()?.to_le_bytes());
    out.extend_from_slice(&text);
    out.extend_from_slice(&kek.seal(&label(&text), &plain)?);
    Some(out)
}

/// The lock a `root.sealed` says it has, and what it locks.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Lock, Locked<'_>), OpenSealed> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(OpenSealed::Damaged)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or(OpenSealed::Damaged)?;
    match u16::from_le_bytes(*version) {
        VERSION => {}
        newer if newer > VERSION => return Err(OpenSealed::Newer(newer)),
        _ => return Err(OpenSealed::Damaged),
    }
    let (len, rest) = rest.split_first_chunk::<2>().ok_or(OpenSealed::Damaged)?;
    let len = usize::from(u16::from_le_bytes(*len));
    let (text, sealed) = rest.split_at_checked(len).ok_or(OpenSealed::Damaged)?;
    let lock: Lock = serde_json::from_slice(text).map_err(|_| OpenSealed::Damaged)?;
    if !lock.is_sound() {
        return Err(OpenSealed::Damaged);
    }
    Ok((lock, Locked { label: label(text), sealed }))
}

/// What a lock locks.
pub(crate) struct Locked<'a> {
    label: String,
    sealed: &'a [u8],
}

impl Locked<'_> {
    pub(crate) fn open(&self, kek: &Kek) -> Result<Roots, OpenSealed> {
        let plain = kek.open(&self.label, self.sealed)?;
        let (current, rest) = plain.split_first_chunk::<32>().ok_or(OpenSealed::Damaged)?;
        let previous = match rest.len() {
            0 => None,
            _ => Some(<[u8; 32]>::try_from(rest).map_err(|_| OpenSealed::Damaged)?),
        };
        let key = |bytes: [u8; 32]| Kek::of(Secret::new(bytes));
        Ok(Roots { current: key(*current), previous: previous.map(key) })
    }
}

fn label(lock: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, lock);
    format!("root/{}", HEXLOWER.encode(digest.as_ref()))
}

/// Reads any bytes as a lock, for fuzzing: what decodes is a sound lock, and opens under no key of
/// ours.
pub fn fuzz(bytes: &[u8]) {
    if let Ok((lock, locked)) = decode(bytes) {
        let opened = locked.open(&Kek::of(Secret::new([9; 32])));
        debug_assert!(lock.is_sound() && opened.is_err());
    }
    if let Ok(text) = core::str::from_utf8(bytes)
        && let Ok(share) = super::Share::parse(text)
    {
        debug_assert!(super::Share::parse(&share.text()).is_ok());
    }
}
