//! The store of sealed keys and secrets.
//!
//! What a key is allowed to do is decided by records; here lies only what can sign. Order of a new
//! key: its sealed file is durable first, then its record is appended by the caller; a file without
//! a record is swept, a record without a file is a key that is known and cannot sign.
//! Best test: `tests.rs`, `tests/custody.rs`.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ward_ledger::{Key, Ledger};
use ward_model::column::Octets;
use ward_model::record::{
    GrandfatheringClosed, GrandfatheringOpened, KeyAdded, KeyHolderDeclared, KeyStateChanged,
};
use ward_model::word::{Algorithm, Cause, CustodyEvidence, KeyPurpose, KeySource, KeyState};
use ward_model::{
    Entry, KeyNumber, Lane, PersonId, PrincipalKey, Record, Rows, Secret, Text, UnixMillis,
};
use zeroize::Zeroizing;

use crate::durable;
use crate::limits::{
    FILES_MAX, GRANDFATHERING_MS_MAX, HOLDERS_MAX, ISSUER_BYTES_MAX, KID_BYTES_MAX, NAME_BYTES_MAX,
    SEALED_BYTES_MAX, SWEEP_MAX,
};
use crate::pair::{Pair, thumbprint};
use crate::seal::{Kek, OpenSealed, claimed_label};

/// Why the store cannot be opened or swept.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk failed.
    #[error("key store {path} cannot be read or written")]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Written by a newer Ward: nothing was changed.
    #[error("{path} has format {version}, newer than this program knows")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u16,
    },
    /// It does not open: another key-encryption key, or changed bytes. Restore it, or the key file.
    #[error("{path} does not open: wrong key file, or damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// More sealed keys without a record than a stop can leave: the journal is not the one of this
    /// store. Nothing was removed.
    #[error("{count} sealed keys have no record: this is not their journal")]
    Unrecorded {
        /// How many.
        count: usize,
    },
    /// More files than the bound.
    #[error("too many files in the key store")]
    TooMany,
}

/// Why a key was not made, imported or changed. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// What was given must change.
    #[error("{what}")]
    Input {
        /// What to mend.
        what: &'static str,
    },
    /// There is no such key.
    #[error("no such key")]
    Unknown,
    /// The key, its `kid` or its state stands in the way.
    #[error("{what}")]
    Conflict {
        /// What stands in the way.
        what: &'static str,
    },
    /// The disk failed, or the cryptographic library did: stop and page.
    #[error("key cannot be stored")]
    Disk(#[source] io::Error),
    /// The cryptographic library failed.
    #[error("cryptographic library failed")]
    Crypto,
    /// A sealed secret does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Why there is no key to sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// No active key of this purpose and issuer.
    #[error("no active key")]
    NotActive,
    /// Its record is here and its sealed file is not: restore the file, or rotate the key.
    #[error("key {0} is recorded but its sealed file is missing")]
    NotHeld(KeyNumber),
}

/// A person who could read a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeclaredHolder {
    /// Who.
    pub person: PersonId,
    /// Who, as views key it (`Ledger::principal_key(Person, id)`).
    pub person_key: PrincipalKey,
    /// Since when.
    pub since: UnixMillis,
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What it may sign.
    pub purpose: KeyPurpose,
    /// How it signs.
    pub algorithm: Algorithm,
    /// `iss` of its tokens.
    pub issuer: String,
    /// [`KeyState::Active`], or [`KeyState::Next`] to be published first.
    pub state: KeyState,
}

/// A window for old tokens of an imported key.
#[derive(Clone, Copy, Debug)]
pub struct Grandfathering {
    /// `iat` must lie before this.
    pub cut_over: UnixMillis,
    /// `exp` must lie at most this far after cut-over, milliseconds.
    pub life_ms_max: i64,
    /// Nothing new is let in from here on; at most 30 days after now.
    pub closes_at: UnixMillis,
}

/// A token key to be brought in.
#[derive(Clone, Debug)]
pub struct Import {
    /// `kid` of its tokens; the thumbprint (RFC 7638) if `None`.
    pub kid: Option<String>,
    /// `iss` of its tokens.
    pub issuer: String,
    /// Everyone who could read it before it came here.
    pub holders: Vec<DeclaredHolder>,
    /// Old tokens, if they shall pass; needs holders.
    pub grandfathering: Option<Grandfathering>,
}

/// What must be recorded for a change of keys to take effect: one group.
#[derive(Clone, Debug)]
pub struct KeyChange {
    /// The key that was made or changed.
    pub key: KeyNumber,
    records: Vec<Record>,
}

impl KeyChange {
    /// The records, in order.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }
}

impl Entry for KeyChange {
    fn lane(&self) -> Lane {
        Entry::lane(&self.records)
    }
    fn rows(&self, rows: &mut Rows) {
        Entry::rows(&self.records, rows);
    }
}

/// A key that may sign now. No `Debug`; the private half stays inside.
#[derive(Clone)]
pub struct ActiveKey {
    record: Arc<Key>,
    pair: Arc<Pair>,
}

impl ActiveKey {
    /// What the records say of it.
    #[must_use]
    pub fn record(&self) -> &Key {
        &self.record
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Option<[u8; 64]> {
        self.pair.sign(message)
    }
}

/// Sealed keys and secrets of one directory. No `Debug`, no `Clone`.
pub struct KeyStore {
    dir: PathBuf,
    kek: Kek,
    storage: Vec<DeclaredHolder>,
    pairs: RwLock<BTreeMap<KeyNumber, Arc<Pair>>>,
    making: Mutex<()>,
}

impl KeyStore {
    /// Opens the store in `dir` (made if it is not there). `storage` are the persons whom the
    /// storage lets read every key: root on this host.
    ///
    /// # Errors
    /// [`OpenError`]: every file must open, or none is used.
    pub fn open(dir: &Path, kek: Kek, storage: Vec<DeclaredHolder>) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Disk { path: dir.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let mut pairs = BTreeMap::new();
        for (count, entry) in std::fs::read_dir(dir).map_err(failed)?.enumerate() {
            if count >= FILES_MAX {
                return Err(OpenError::TooMany);
            }
            let name = entry.map_err(failed)?.file_name();
            let Some(name) = name.to_str().filter(|name| name.starts_with("key-")) else {
                continue;
            };
            if !name.ends_with(".sealed") {
                // CRASH: left beside by a stop before the rename; no record refers to it.
                continue;
            }
            let (number, pair) = load_key(&kek, &dir.join(name))?;
            pairs.insert(number, Arc::new(pair));
        }
        let (pairs, making) = (RwLock::new(pairs), Mutex::default());
        Ok(Self { dir: dir.to_owned(), kek, storage, pairs, making })
    }

    /// Removes sealed keys that no record tells of: what a stop between file and record left. Call
    /// it once after the journal is replayed. Gives how many went.
    ///
    /// # Errors
    /// [`OpenError::Unrecorded`] if there are more than a stop can leave; [`OpenError::Disk`].
    pub fn sweep(&self, ledger: &Ledger) -> Result<usize, OpenError> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pairs = self.pairs.write().unwrap_or_else(PoisonError::into_inner);
        let unrecorded = |(number, pair): (&KeyNumber, &Arc<Pair>)| match ledger.key(*number) {
            Some(key) if key.public_key == pair.public_key() => None,
            _ => Some(*number),
        };
        let gone: Vec<KeyNumber> = pairs.iter().filter_map(unrecorded).collect();
        if gone.len() > SWEEP_MAX {
            return Err(OpenError::Unrecorded { count: gone.len() });
        }
        for number in &gone {
            let path = self.key_path(*number);
            std::fs::remove_file(&path).map_err(|source| OpenError::Disk { path, source })?;
            pairs.remove(number);
        }
        Ok(gone.len())
    }

    /// Makes a key. It takes effect when the change is recorded.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn generate(
        &self,
        new: &NewKey,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        if !matches!(new.state, KeyState::Active | KeyState::Next) {
            return Err(KeyError::Input { what: "a new key is active or next" });
        }
        let pair = Pair::generate(new.algorithm).ok_or(KeyError::Crypto)?;
        let kid = thumbprint(pair.algorithm(), pair.public_key());
        let added = Added { pair, kid, purpose: new.purpose, source: KeySource::Generated };
        self.add(added, &new.issuer, new.state, &[], ledger, now)
    }

    /// Brings in a token key: PEM or DER, PKCS#8 or SEC 1, P-256 or Ed25519, unencrypted. It takes
    /// effect when the change is recorded.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn import(
        &self,
        pem: &[u8],
        import: &Import,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        let what = "not an unencrypted P-256 or Ed25519 private key";
        let pair = Pair::import(pem).ok_or(KeyError::Input { what })?;
        let kid = import.kid.clone();
        let kid = kid.unwrap_or_else(|| thumbprint(pair.algorithm(), pair.public_key()));
        check_import(import, now)?;
        let added = Added { pair, kid, purpose: KeyPurpose::Token, source: KeySource::Imported };
        let mut change =
            self.add(added, &import.issuer, KeyState::Active, &import.holders, ledger, now)?;
        if let Some(window) = import.grandfathering {
            change.records.push(Record::from(GrandfatheringOpened {
                key: change.key,
                cut_over: window.cut_over,
                life_ms_max: window.life_ms_max,
                closes_at: window.closes_at,
            }));
        }
        Ok(change)
    }

    /// Retires an active key and makes its successor: same purpose, algorithm and issuer. Tokens
    /// issued under the old one live on. One group: there is never no key, never two.
    ///
    /// # Errors
    /// [`KeyError`]: unknown, or not active.
    pub fn rotate(
        &self,
        old: KeyNumber,
        cause: Cause,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        self.succeed(old, KeyState::Retired, now, cause, ledger, now)
    }

    /// Marks a key as in other hands since a moment. An active one gets a successor in the same
    /// group; grandfathering of it closes. Tokens issued under it live on; all else is a forgery.
    ///
    /// # Errors
    /// [`KeyError`]: unknown, or compromised already.
    pub fn compromise(
        &self,
        key: KeyNumber,
        since: UnixMillis,
        cause: Cause,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        let known = ledger.key(key).ok_or(KeyError::Unknown)?;
        let mut change = match known.state {
            KeyState::Active => {
                self.succeed(key, KeyState::Compromised, since, cause, ledger, now)?
            }
            KeyState::Next | KeyState::Retired => {
                let changed = KeyStateChanged { key, state: KeyState::Compromised, since, cause };
                KeyChange { key, records: vec![changed.into()] }
            }
            KeyState::Compromised => {
                return Err(KeyError::Conflict { what: "key is compromised already" });
            }
        };
        if known.grandfathering.is_some_and(|window| !window.closed) {
            change.records.push(GrandfatheringClosed { key, cause }.into());
        }
        Ok(change)
    }

    /// The newest active key of a purpose and issuer.
    ///
    /// # Errors
    /// [`NoKey`].
    pub fn active(
        &self,
        purpose: KeyPurpose,
        issuer: &str,
        ledger: &Ledger,
    ) -> Result<ActiveKey, NoKey> {
        let active = |key: &&Arc<Key>| {
            key.state == KeyState::Active && key.purpose == purpose && key.issuer == issuer
        };
        let keys = ledger.keys();
        let record = keys.iter().rev().find(active).ok_or(NoKey::NotActive)?;
        let pairs = self.pairs.read().unwrap_or_else(PoisonError::into_inner);
        let pair = pairs.get(&record.number).filter(|it| it.public_key() == record.public_key);
        let pair = pair.ok_or(NoKey::NotHeld(record.number))?;
        Ok(ActiveKey { record: Arc::clone(record), pair: Arc::clone(pair) })
    }

    /// The random secret of this name, made at its first use. Names are `a-z`, `0-9` and `-`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn secret(&self, name: &str) -> Result<Secret<[u8; 32]>, KeyError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
            return Err(KeyError::Input { what: "secret names are a-z, 0-9 and -" });
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let label = format!("secret/{name}");
        let file = format!("secret-{name}.sealed");
        let path = self.dir.join(&file);
        match durable::read(&path, SEALED_BYTES_MAX) {
            Ok(sealed) => {
                let plain = self.kek.open(&label, &sealed).map_err(|it| opened(it, &path))?;
                let secret = <[u8; 32]>::try_from(plain.as_slice());
                let secret = secret.map_err(|_| opened(OpenSealed::Damaged, &path))?;
                Ok(Secret::new(secret))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut random = Zeroizing::new([0; 32]);
                aws_lc_rs::rand::fill(&mut *random).map_err(|_| KeyError::Crypto)?;
                let sealed = self.kek.seal(&label, &*random).ok_or(KeyError::Crypto)?;
                // INVARIANT: durable before it is used, so that what it keys can be read again.
                durable::create(&self.dir, &file, &sealed).map_err(KeyError::Disk)?;
                Ok(Secret::new(*random))
            }
            Err(error) => Err(KeyError::Disk(error)),
        }
    }

    /// The persons whom the storage lets read every key.
    #[must_use]
    pub fn storage_holders(&self) -> &[DeclaredHolder] {
        &self.storage
    }

    fn succeed(
        &self,
        old: KeyNumber,
        state: KeyState,
        since: UnixMillis,
        cause: Cause,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        let key = ledger.key(old).ok_or(KeyError::Unknown)?;
        if key.state != KeyState::Active {
            return Err(KeyError::Conflict { what: "key is not active" });
        }
        let new = NewKey {
            purpose: key.purpose,
            algorithm: key.algorithm,
            issuer: key.issuer.clone(),
            state: KeyState::Active,
        };
        let mut change = self.generate(&new, ledger, now)?;
        change.records.push(KeyStateChanged { key: old, state, since, cause }.into());
        Ok(change)
    }

    fn add(
        &self,
        added: Added,
        issuer: &str,
        state: KeyState,
        holders: &[DeclaredHolder],
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        let Added { pair, kid, purpose, source } = added;
        check_names(&kid, issuer)?;
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let known = ledger.keys();
        if known.iter().any(|key| key.kid == kid || key.public_key == pair.public_key()) {
            return Err(KeyError::Conflict { what: "key or kid is here already" });
        }
        let mut pairs = self.pairs.write().unwrap_or_else(PoisonError::into_inner);
        let used = known.iter().map(|key| key.number).chain(pairs.keys().copied());
        let key = KeyNumber(used.max().unwrap_or(KeyNumber(0)).0.saturating_add(1));
        let label = label(purpose, pair.algorithm(), key, &kid);
        let plain = pair.to_sealed_bytes().ok_or(KeyError::Crypto)?;
        let sealed = self.kek.seal(&label, &plain).ok_or(KeyError::Crypto)?;
        // CRASH: from here on the file is there without a record; it is swept at the next start.
        durable::create(&self.dir, &key_file(key), &sealed).map_err(KeyError::Disk)?;
        let too_long = |_| KeyError::Input { what: "kid or issuer too long" };
        let mut records = vec![Record::from(KeyAdded {
            key,
            kid: Text::new(kid).map_err(too_long)?,
            algorithm: pair.algorithm(),
            purpose,
            source,
            issuer: Text::new(issuer).map_err(too_long)?,
            public_key: Octets::new(pair.public_key()).map_err(too_long)?,
            state,
        })];
        let declared = holders.iter().map(|holder| (*holder, CustodyEvidence::Declared));
        let storage = self.storage.iter().map(|holder| {
            // He can read it from now on, not since he became root.
            let since = holder.since.max(now);
            (DeclaredHolder { since, ..*holder }, CustodyEvidence::Storage)
        });
        for (DeclaredHolder { person, person_key, since }, evidence) in declared.chain(storage) {
            let row = KeyHolderDeclared { key, person, person_key, since, evidence };
            records.push(row.into());
        }
        pairs.insert(key, Arc::new(pair));
        Ok(KeyChange { key, records })
    }

    fn key_path(&self, key: KeyNumber) -> PathBuf {
        self.dir.join(key_file(key))
    }
}

struct Added {
    pair: Pair,
    kid: String,
    purpose: KeyPurpose,
    source: KeySource,
}

fn check_names(kid: &str, issuer: &str) -> Result<(), KeyError> {
    if kid.is_empty() || kid.len() > KID_BYTES_MAX || kid.chars().any(char::is_control) {
        return Err(KeyError::Input { what: "kid is 1 to 128 bytes without control characters" });
    }
    if issuer.is_empty() || issuer.len() > ISSUER_BYTES_MAX {
        return Err(KeyError::Input { what: "issuer is 1 to 256 bytes" });
    }
    Ok(())
}

fn check_import(import: &Import, now: UnixMillis) -> Result<(), KeyError> {
    if import.holders.len() > HOLDERS_MAX {
        return Err(KeyError::Input { what: "too many holders" });
    }
    let Some(window) = import.grandfathering else { return Ok(()) };
    if import.holders.is_empty() {
        return Err(KeyError::Input { what: "grandfathering needs declared holders" });
    }
    let bound = now.plus_ms(GRANDFATHERING_MS_MAX);
    let life = 1..=GRANDFATHERING_MS_MAX;
    if window.closes_at > bound || window.cut_over > bound || !life.contains(&window.life_ms_max) {
        return Err(KeyError::Input { what: "grandfathering lasts at most 30 days" });
    }
    Ok(())
}

fn key_file(key: KeyNumber) -> String {
    format!("key-{:06}.sealed", key.0)
}

/// What a sealed key is bound to.
fn label(purpose: KeyPurpose, algorithm: Algorithm, key: KeyNumber, kid: &str) -> String {
    format!("key/{purpose}/{algorithm}/{key}/{kid}")
}

fn load_key(kek: &Kek, path: &Path) -> Result<(KeyNumber, Pair), OpenError> {
    let sealed = durable::read(path, SEALED_BYTES_MAX)
        .map_err(|source| OpenError::Disk { path: path.to_owned(), source })?;
    let label = claimed_label(&sealed).map_err(|it| opened(it, path))?;
    let plain = kek.open(label, &sealed).map_err(|it| opened(it, path))?;
    let damaged = || opened(OpenSealed::Damaged, path);
    let mut words = label.splitn(5, '/').skip(2);
    let algorithm = words.next().and_then(Algorithm::from_name).ok_or_else(damaged)?;
    let number = words.next().and_then(|word| word.parse().ok()).ok_or_else(damaged)?;
    let number = KeyNumber(number);
    // WHY: a sealed file copied over another's name opens, and must not become that key.
    if path.file_name().and_then(|name| name.to_str()) != Some(key_file(number).as_str()) {
        return Err(damaged());
    }
    let pair = Pair::from_sealed_bytes(algorithm, &plain).ok_or_else(damaged)?;
    Ok((number, pair))
}

fn opened(error: OpenSealed, path: &Path) -> OpenError {
    let path = path.to_owned();
    match error {
        OpenSealed::Newer(version) => OpenError::Newer { path, version },
        OpenSealed::Damaged => OpenError::Damaged { path },
    }
}
