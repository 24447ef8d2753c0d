//! Where the key-encryption key comes from, and what that protects from.
//!
//! Everything in the custody directory is sealed under one key, the *root*; `root.sealed` holds it,
//! locked by a key file, a passphrase, shares of several persons, or a key inside a PKCS#11 token.
//! Changing the lock makes a new root and seals everything anew: whoever could come by the old root
//! reads nothing written later. What it must never do: leave a file that opens under neither.
//! Best test: `tests/lock.rs` (a stop after every write), `interop/custody.py` (kill -9).

mod hsm;
mod lock;
mod passphrase;
mod shamir;
mod share;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ward_model::Secret;
use ward_model::word::CustodyKind;
use zeroize::Zeroizing;

use crate::durable;
use crate::limits::{FILES_MAX, SEALED_BYTES_MAX};
use crate::seal::{Kek, KekError, OpenSealed, claimed_label};

pub use hsm::{Hsm, HsmError, Place};
pub use lock::{HOLDER_BYTES_MAX, Lock, ROOT_FILE, SHARES_MAX, fuzz as fuzz_lock};
pub use passphrase::PASSPHRASE_BYTES_MIN;
pub use share::{Share, ShareError};

use lock::{ROOT_BYTES_MAX, Roots, decode, encode};

/// Fills bytes with randomness; MUST be the system's.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

/// Why custody does not open, or its lock is not changed. Nothing changed that a start does not
/// finish.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// The key file.
    #[error(transparent)]
    KeyFile(#[from] KekError),
    /// The PKCS#11 token.
    #[error(transparent)]
    Hsm(#[from] HsmError),
    /// Something else opens it. Give that, or name it as the one before.
    #[error("custody is locked by {here}, not by {given}")]
    AnotherKind {
        /// What locks it.
        here: CustodyKind,
        /// What was given.
        given: CustodyKind,
    },
    /// It does not open.
    #[error("custody does not open: wrong {0}, or damaged")]
    Refused(&'static str),
    /// Fewer shares than are needed, or one of another set.
    #[error("{given} of {need} shares")]
    Shares {
        /// How many fit.
        given: usize,
        /// How many are needed.
        need: u8,
    },
    /// What was given cannot be a lock.
    #[error("{0}")]
    Input(&'static str),
    /// It is there already.
    #[error("custody is there already")]
    Exists,
    /// Written by a newer Ward: nothing was changed.
    #[error("custody has format {0}, newer than this program knows")]
    Newer(u16),
    /// Another process has it open. Stop it first.
    #[error("custody is in use by another process")]
    Busy,
    /// The disk failed.
    #[error("custody cannot be read or written: {path}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The cryptographic library failed.
    #[error("cryptographic library failed")]
    Crypto,
}

/// What opens custody.
#[derive(Clone, Copy)]
pub enum Unlock<'a> {
    /// A key file.
    File(&'a Path),
    /// A passphrase.
    Passphrase(&'a Secret<String>),
    /// Shares.
    Shares(&'a [Share]),
    /// A PKCS#11 token.
    Token(&'a Hsm),
}

impl Unlock<'_> {
    const fn kind(&self) -> CustodyKind {
        match self {
            Self::File(_) => CustodyKind::File,
            Self::Passphrase(_) => CustodyKind::Passphrase,
            Self::Shares(_) => CustodyKind::Shares,
            Self::Token(_) => CustodyKind::Pkcs11,
        }
    }
}

/// A lock to be put on.
pub enum NewLock<'a> {
    /// The key in this file; made if it is not there.
    File(&'a Path),
    /// A passphrase of at least [`PASSPHRASE_BYTES_MIN`] bytes.
    Passphrase(&'a Secret<String>),
    /// Shares, one for each holder (SCIM user names), `need` of which open it.
    Shares {
        /// How many are needed.
        need: u8,
        /// Whose they are.
        holders: &'a [String],
    },
    /// A key inside a PKCS#11 token; made if it is not there.
    Token(&'a Hsm),
}

/// Custody, open.
pub struct Opened {
    /// What everything is sealed under.
    pub kek: Kek,
    /// What its lock is.
    pub kind: CustodyKind,
    /// A change of locks that had been cut off was brought to its end.
    pub finished: bool,
}

/// A lock that was put on.
pub struct Locked {
    /// What everything is sealed under.
    pub kek: Kek,
    /// Shares, to be given out now: they are kept nowhere.
    pub shares: Vec<Share>,
}

/// The lock on a custody directory; `None`: its key file is the root itself, or nothing is there.
///
/// # Errors
/// [`CustodyError::Newer`], [`CustodyError::Refused`], [`CustodyError::Disk`].
pub fn lock_of(dir: &Path) -> Result<Option<Lock>, CustodyError> {
    match read_root(dir)? {
        None => Ok(None),
        Some(bytes) => decode(&bytes).map(|(lock, _)| Some(lock)).map_err(|it| broken(it, "lock")),
    }
}

/// Whether a share is one of those a lock asks for.
#[must_use]
pub fn fits(lock: &Lock, share: &Share) -> bool {
    let Lock::Shares { set, checks, .. } = lock else { return false };
    let at = usize::from(share.number()).checked_sub(1);
    let check = at.and_then(|at| checks.get(at));
    *set == HEXLOWER.encode(&share.set) && check.is_some_and(|it| *it == share.check())
}

/// Opens custody. A change of locks that was cut off is brought to its end first.
///
/// # Errors
/// [`CustodyError`].
pub fn open(dir: &Path, unlock: Unlock<'_>) -> Result<Opened, CustodyError> {
    let Some(bytes) = read_root(dir)? else {
        let Unlock::File(path) = unlock else {
            let (here, given) = (CustodyKind::File, unlock.kind());
            return Err(CustodyError::AnotherKind { here, given });
        };
        let kek = Kek::read(path)?;
        opens_something(dir, &kek)?;
        return Ok(Opened { kek, kind: CustodyKind::File, finished: false });
    };
    let (lock, locked) = decode(&bytes).map_err(|it| broken(it, "lock"))?;
    let kek = key(&lock, unlock)?;
    let Roots { current, previous } = locked.open(&kek).map_err(|it| broken(it, word(&lock)))?;
    let finished = previous.is_some();
    if let Some(previous) = previous {
        let _alone = alone(dir)?;
        seal_anew(dir, &previous, &current)?;
        let roots = Roots { current: current.again(), previous: None };
        write_root(dir, &lock, &kek, &roots)?;
    }
    Ok(Opened { kek: current, kind: lock.kind(), finished })
}

/// Puts a lock on an empty custody directory, which is made.
///
/// # Errors
/// [`CustodyError`]: it is there already, or cannot be written.
pub fn create(dir: &Path, new: &NewLock<'_>, random: Random<'_>) -> Result<Locked, CustodyError> {
    make(dir)?;
    let mut entries = std::fs::read_dir(dir).map_err(|source| disk(dir, source))?;
    if entries.any(|it| it.is_ok_and(|it| it.file_name().as_encoded_bytes().ends_with(b".sealed")))
    {
        return Err(CustodyError::Exists);
    }
    let (lock, kek, shares) = new_lock(new, random)?;
    let root = fresh(random);
    write_root(dir, &lock, &kek, &Roots { current: root.again(), previous: None })?;
    Ok(Locked { kek: root, shares })
}

/// Puts another lock on: a new root, everything sealed anew under it.
///
/// # Errors
/// [`CustodyError`]. Until the new lock is on the old one opens, from then on the new one: a stop
/// between leaves work that the next [`open`] brings to its end.
pub fn relock(
    dir: &Path,
    old: &Opened,
    new: &NewLock<'_>,
    random: Random<'_>,
) -> Result<Locked, CustodyError> {
    let _alone = alone(dir)?;
    let (lock, kek, shares) = new_lock(new, random)?;
    let root = fresh(random);
    let both = Roots { current: root.again(), previous: Some(old.kek.again()) };
    write_root(dir, &lock, &kek, &both)?;
    // CRASH: from here on the new lock opens, and the next start does what is left below.
    seal_anew(dir, &old.kek, &root)?;
    write_root(dir, &lock, &kek, &Roots { current: root.again(), previous: None })?;
    Ok(Locked { kek: root, shares })
}

/// Holds custody open beside others; a change of locks waits for nobody and is refused meanwhile.
/// `None` where no lock can be made: a copy on a disk that cannot be written.
pub(crate) fn hold(dir: &Path) -> Option<File> {
    let file = File::options().append(true).create(true).open(dir.join(IN_USE)).ok()?;
    file.try_lock_shared().ok()?;
    Some(file)
}

fn alone(dir: &Path) -> Result<File, CustodyError> {
    let path = dir.join(IN_USE);
    let file = File::options().append(true).create(true).open(&path);
    let file = file.map_err(|source| disk(&path, source))?;
    file.try_lock().map_err(|_| CustodyError::Busy)?;
    Ok(file)
}

/// The file that says by its locks who has custody open.
const IN_USE: &str = "in-use";

/// The key-encryption key of a lock.
fn key(lock: &Lock, unlock: Unlock<'_>) -> Result<Kek, CustodyError> {
    match (lock, unlock) {
        (Lock::File, Unlock::File(path)) => Ok(Kek::read(path)?),
        (Lock::Passphrase { salt, memory_kib, passes }, Unlock::Passphrase(words)) => {
            let salt = hex(salt)?;
            let key = passphrase::derive(words.expose(), &salt, *memory_kib, *passes);
            key.map(Kek::of).ok_or(CustodyError::Crypto)
        }
        (Lock::Shares { need, .. }, Unlock::Shares(shares)) => {
            let mut points: Vec<shamir::Point> = Vec::new();
            for share in shares.iter().filter(|share| fits(lock, share)) {
                if points.iter().all(|known| known.x != share.point.x) {
                    points.push(share.point.clone());
                }
            }
            if points.len() < usize::from(*need) {
                return Err(CustodyError::Shares { given: points.len(), need: *need });
            }
            points.truncate(usize::from(*need));
            let secret = shamir::combine(&points).ok_or(CustodyError::Crypto)?;
            Ok(Kek::of(Secret::new(*secret)))
        }
        (Lock::Pkcs11 { wrapped, .. }, Unlock::Token(hsm)) => {
            Ok(Kek::of(hsm.unwrap(&hex(wrapped)?)?))
        }
        (lock, given) => Err(CustodyError::AnotherKind { here: lock.kind(), given: given.kind() }),
    }
}

fn new_lock(
    new: &NewLock<'_>,
    random: Random<'_>,
) -> Result<(Lock, Kek, Vec<Share>), CustodyError> {
    let fresh_key = fresh(random);
    match new {
        NewLock::File(path) => {
            let kek = if path.exists() {
                Kek::read(path)?
            } else {
                Kek::create(path, *fresh_key.expose())?
            };
            Ok((Lock::File, kek, Vec::new()))
        }
        NewLock::Passphrase(words) => {
            if words.expose().len() < PASSPHRASE_BYTES_MIN {
                return Err(CustodyError::Input("a passphrase has at least 12 bytes"));
            }
            let mut salt = [0u8; 16];
            random(&mut salt);
            let (memory_kib, passes) = (passphrase::MEMORY_KIB, passphrase::PASSES);
            let key = passphrase::derive(words.expose(), &salt, memory_kib, passes);
            let kek = key.map(Kek::of).ok_or(CustodyError::Crypto)?;
            let salt = HEXLOWER.encode(&salt);
            Ok((Lock::Passphrase { salt, memory_kib, passes }, kek, Vec::new()))
        }
        NewLock::Shares { need, holders } => {
            let (lock, shares) = deal(&fresh_key, *need, holders, random)?;
            Ok((lock, fresh_key, shares))
        }
        NewLock::Token(hsm) => {
            hsm.make_wrapping_key()?;
            let mut nonce = [0u8; 12];
            random(&mut nonce);
            let wrapped = HEXLOWER.encode(&hsm.wrap(fresh_key.expose(), nonce)?);
            let label = hsm.place().key.clone();
            Ok((Lock::Pkcs11 { label, wrapped }, fresh_key, Vec::new()))
        }
    }
}

fn deal(
    kek: &Kek,
    need: u8,
    holders: &[String],
    random: Random<'_>,
) -> Result<(Lock, Vec<Share>), CustodyError> {
    let of = u8::try_from(holders.len()).unwrap_or(u8::MAX);
    if of > SHARES_MAX || need < 2 || need > of {
        return Err(CustodyError::Input(
            "shares are 2 to 16, and as many or fewer are needed, 2 at least",
        ));
    }
    let mut names: Vec<&String> = holders.iter().collect();
    names.sort();
    names.dedup();
    let fits = |name: &String| (1..=HOLDER_BYTES_MAX).contains(&name.len());
    if names.len() != holders.len() || !holders.iter().all(fits) {
        return Err(CustodyError::Input("each share has another holder, named by his user name"));
    }
    let mut set = [0u8; 8];
    random(&mut set);
    let points = shamir::split(kek.expose(), need, of, random);
    let shares: Vec<Share> = points.into_iter().map(|point| Share { set, point }).collect();
    let lock = Lock::Shares {
        need,
        set: HEXLOWER.encode(&set),
        holders: holders.to_vec(),
        checks: shares.iter().map(Share::check).collect(),
    };
    Ok((lock, shares))
}

/// Seals every file under another root; those that are already are left.
fn seal_anew(dir: &Path, old: &Kek, new: &Kek) -> Result<(), CustodyError> {
    for name in sealed_files(dir)? {
        let path = dir.join(&name);
        let bytes = durable::read(&path, SEALED_BYTES_MAX).map_err(|it| disk(&path, it))?;
        let label = claimed_label(&bytes).map_err(|it| broken(it, "file"))?;
        if new.open(label, &bytes).is_ok() {
            continue;
        }
        let plain = old.open(label, &bytes).map_err(|it| broken(it, "file"))?;
        let sealed = new.seal(label, &plain).ok_or(CustodyError::Crypto)?;
        // CRASH: the rename inside leaves this file sealed under one root or the other.
        durable::create(dir, &name, &sealed).map_err(|it| disk(&path, it))?;
    }
    Ok(())
}

/// Says before anything else is tried that a key file is not that of this custody.
fn opens_something(dir: &Path, kek: &Kek) -> Result<(), CustodyError> {
    let Some(name) = sealed_files(dir)?.into_iter().next() else { return Ok(()) };
    let path = dir.join(name);
    let bytes = durable::read(&path, SEALED_BYTES_MAX).map_err(|it| disk(&path, it))?;
    let label = claimed_label(&bytes).map_err(|it| broken(it, "key file"))?;
    kek.open(label, &bytes).map(|_| ()).map_err(|it| broken(it, "key file"))
}

/// Names of everything sealed, in order, but for the root.
fn sealed_files(dir: &Path) -> Result<Vec<String>, CustodyError> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(disk(dir, error)),
    };
    let mut names = Vec::new();
    for entry in entries.take(FILES_MAX) {
        let name = entry.map_err(|it| disk(dir, it))?.file_name();
        let sealed = name.to_str().filter(|it| it.ends_with(".sealed") && *it != ROOT_FILE);
        names.extend(sealed.map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn read_root(dir: &Path) -> Result<Option<Vec<u8>>, CustodyError> {
    let path = dir.join(ROOT_FILE);
    match durable::read(&path, ROOT_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk(&path, error)),
    }
}

fn write_root(dir: &Path, lock: &Lock, kek: &Kek, roots: &Roots) -> Result<(), CustodyError> {
    let bytes = encode(lock, kek, roots).ok_or(CustodyError::Crypto)?;
    durable::create(dir, ROOT_FILE, &bytes).map_err(|it| disk(&dir.join(ROOT_FILE), it))
}

fn make(dir: &Path) -> Result<(), CustodyError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| disk(dir, source))
}

fn fresh(random: Random<'_>) -> Kek {
    let mut bytes = Zeroizing::new([0u8; 32]);
    random(&mut *bytes);
    Kek::of(Secret::new(*bytes))
}

fn hex(text: &str) -> Result<Vec<u8>, CustodyError> {
    HEXLOWER.decode(text.as_bytes()).map_err(|_| CustodyError::Refused("lock"))
}

fn word(lock: &Lock) -> &'static str {
    match lock.kind() {
        CustodyKind::File => "key file",
        CustodyKind::Passphrase => "passphrase",
        CustodyKind::Shares => "shares",
        CustodyKind::Pkcs11 => "key in the token",
    }
}

fn broken(error: OpenSealed, what: &'static str) -> CustodyError {
    match error {
        OpenSealed::Newer(version) => CustodyError::Newer(version),
        OpenSealed::Damaged => CustodyError::Refused(what),
    }
}

fn disk(path: &Path, source: io::Error) -> CustodyError {
    CustodyError::Disk { path: path.to_owned(), source }
}

/// What the storage of keys protects from, in words for `ward check` and the console.
#[must_use]
pub const fn grade(kind: CustodyKind, signs_inside: bool) -> &'static str {
    match (kind, signs_inside) {
        (CustodyKind::File, _) => KEY_FILE,
        (CustodyKind::Passphrase, _) => PASSPHRASE,
        (CustodyKind::Shares, _) => SHARES,
        (CustodyKind::Pkcs11, false) => WRAPPED,
        (CustodyKind::Pkcs11, true) => INSIDE,
    }
}

const KEY_FILE: &str = "key file: private keys are sealed under a key that lies in a file on this \
host. It protects copies of the state directory and backups. It does not protect from root on this \
host, who can read the key file and is therefore a holder of every key: when such a person leaves, \
every key is rotated.";
const PASSPHRASE: &str = "passphrase: private keys are sealed under a key that is nowhere on disk. \
It protects copies of the whole disk, as far as the passphrase is hard to guess. It does not \
protect from root on this host while Ward runs, who can read its memory and is therefore a holder \
of every key; nor from whoever gives the passphrase at start.";
const SHARES: &str = "shares: private keys are sealed under a key that several persons must give \
together at start. It protects copies of the whole disk from anyone with fewer shares. It does not \
protect from root on this host while Ward runs, who can read its memory and is therefore a holder \
of every key. Whoever has given a share is a holder, too.";
const WRAPPED: &str = "PKCS#11 wrap: private keys are sealed under a key that only the token opens. \
It protects copies of the whole disk without the token and its PIN. It does not protect from root \
on this host while Ward runs, who can read its memory and is therefore a holder of every key.";
const INSIDE: &str = "PKCS#11 signing: keys that sign tokens are made and used inside the token and \
are in nobody's hands, root on this host neither: he can have tokens signed while he is there, \
which the ledger does not know, and keeps nothing when he goes. Keys of other purposes and those \
brought in are sealed under a key that only the token opens; of these root is a holder.";
