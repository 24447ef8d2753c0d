//! The store of sealed keys and secrets.
//!
//! What a key is allowed to do is decided by records; here lies only what can sign. Order of a new
//! key: its sealed file is durable first, then its record is appended by the caller; a file without
//! a record is swept, a record without a file is a key that is known and cannot sign.
//! Best test: `tests.rs`, `tests/custody.rs`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ward_ledger::{Key, Ledger};
use ward_model::column::Octets;
use ward_model::record::{GrandfatheringOpened, KeyAdded, KeyHolderDeclared, KeyHoldersUnknown};
use ward_model::word::{Algorithm, CustodyEvidence, CustodyKind, KeyPurpose, KeySource, KeyState};
use ward_model::{
    Entry, KeyNumber, Lane, PersonId, PrincipalKey, Record, Rows, Secret, Text, UnixMillis,
};
use zeroize::Zeroizing;

use crate::custody::{self, Hsm};
use crate::durable;
use crate::import::{self, ImportError};
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
    /// The cryptographic library or the PKCS#11 token failed.
    #[error("cryptographic library or token failed")]
    Crypto,
    /// It is no key, or does not open.
    #[error(transparent)]
    Import(#[from] ImportError),
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
pub struct Import {
    /// What the key is under, if it is.
    pub passphrase: Option<Secret<String>>,
    /// `kid` of its tokens; the thumbprint (RFC 7638) if `None`.
    pub kid: Option<String>,
    /// `iss` of its tokens.
    pub issuer: String,
    /// Everyone who could read it before it came here.
    pub holders: Vec<DeclaredHolder>,
    /// Nobody can say who else: everyone who works here from now on is treated as a holder.
    pub others_unknown: bool,
    /// Old tokens, if they shall pass; needs holders.
    pub grandfathering: Option<Grandfathering>,
}

/// What must be recorded for a change of keys to take effect: one group.
#[derive(Clone, Debug)]
pub struct KeyChange {
    /// The key that was made or changed.
    pub key: KeyNumber,
    pub(crate) records: Vec<Record>,
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

/// What a store is opened with.
pub struct Keeping {
    /// What everything is sealed under.
    pub kek: Kek,
    /// What its lock is.
    pub kind: CustodyKind,
    /// Persons whom the way of keeping lets read every key that is not inside a token: root on this
    /// host, whoever gave a share.
    pub holders: Vec<(DeclaredHolder, CustodyEvidence)>,
    /// Where keys of these purposes are made and used.
    pub inside: Option<(Arc<Hsm>, Vec<KeyPurpose>)>,
}

/// Sealed keys and secrets of one directory. No `Debug`, no `Clone`.
pub struct KeyStore {
    dir: PathBuf,
    kek: Kek,
    kind: CustodyKind,
    holders: Vec<(DeclaredHolder, CustodyEvidence)>,
    inside: Option<(Arc<Hsm>, Vec<KeyPurpose>)>,
    pairs: RwLock<BTreeMap<KeyNumber, Arc<Pair>>>,
    making: Mutex<()>,
    /// Says that custody is open, so that its lock is not changed meanwhile.
    _in_use: Option<File>,
}

impl KeyStore {
    /// Opens the store in `dir` (made if it is not there). `storage` are the persons whom the
    /// storage lets read every key: root on this host.
    ///
    /// # Errors
    /// [`OpenError`]: every file must open, or none is used.
    pub fn open(dir: &Path, kek: Kek, storage: Vec<DeclaredHolder>) -> Result<Self, OpenError> {
        let holders = storage.into_iter().map(|it| (it, CustodyEvidence::Storage)).collect();
        let kind = CustodyKind::File;
        Self::open_with(dir, Keeping { kek, kind, holders, inside: None })
    }

    /// Opens the store in `dir` (made if it is not there).
    ///
    /// # Errors
    /// [`OpenError`]: every file must open, or none is used.
    pub fn open_with(dir: &Path, keeping: Keeping) -> Result<Self, OpenError> {
        let Keeping { kek, kind, holders, inside } = keeping;
        let hsm = inside.as_ref().map(|(hsm, _)| hsm);
        let failed = |source| OpenError::Disk { path: dir.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let _in_use = custody::hold(dir);
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
            let (number, pair) = load_key(&kek, &dir.join(name), hsm)?;
            pairs.insert(number, Arc::new(pair));
        }
        let (pairs, making) = (RwLock::new(pairs), Mutex::default());
        let dir = dir.to_owned();
        Ok(Self { dir, kek, kind, holders, inside, pairs, making, _in_use })
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
            if let Some(pair) = pairs.get(number) {
                pair.destroy();
            }
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
        let inside = self.inside.as_ref().filter(|(_, purposes)| purposes.contains(&new.purpose));
        let (pair, source) = match inside {
            Some((hsm, _)) => (Pair::generate_inside(hsm, new.algorithm), KeySource::Inside),
            None => (Pair::generate(new.algorithm), KeySource::Generated),
        };
        let pair = pair.ok_or(KeyError::Crypto)?;
        let kid = thumbprint(pair.algorithm(), pair.public_key());
        let added = Added { pair, kid, purpose: new.purpose, source };
        self.add(added, &new.issuer, new.state, &[], ledger, now)
    }

    /// Brings in a token key: P-256 or Ed25519, as PEM, DER, PKCS#12 or JWK. It takes effect when
    /// the change is recorded.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn import(
        &self,
        key: &[u8],
        import: &Import,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<KeyChange, KeyError> {
        let passphrase = import.passphrase.as_ref().map(|it| it.expose().as_str());
        let pair = import::read(key, passphrase)?;
        let kid = import.kid.clone();
        let kid = kid.unwrap_or_else(|| thumbprint(pair.algorithm(), pair.public_key()));
        check_import(import, now)?;
        let added = Added { pair, kid, purpose: KeyPurpose::Token, source: KeySource::Imported };
        let mut change =
            self.add(added, &import.issuer, KeyState::Active, &import.holders, ledger, now)?;
        if import.others_unknown {
            let row = KeyHoldersUnknown { key: change.key, since: now };
            change.records.push(row.into());
        }
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

    /// Makes and uses keys of these purposes inside the token that opened custody, if one did.
    pub fn make_inside(&mut self, purposes: Vec<KeyPurpose>) {
        if let Some((_, inside)) = &mut self.inside {
            *inside = purposes;
        }
    }

    /// What its lock is.
    #[must_use]
    pub const fn kind(&self) -> CustodyKind {
        self.kind
    }

    /// Lets go of the directory, so that its lock can be changed.
    #[must_use]
    pub fn close(self) -> custody::Opened {
        custody::Opened { kek: self.kek, kind: self.kind, finished: false }
    }

    /// Says whom the way of keeping lets read keys from now on.
    pub fn keep(&mut self, holders: Vec<(DeclaredHolder, CustodyEvidence)>) {
        self.holders = holders;
    }

    /// The persons whom the way of keeping lets read every key that is not inside a token.
    #[must_use]
    pub fn holders(&self) -> &[(DeclaredHolder, CustodyEvidence)] {
        &self.holders
    }

    /// Whether keys that sign tokens are made and used inside a token.
    #[must_use]
    pub fn signs_inside(&self) -> bool {
        self.inside.as_ref().is_some_and(|(_, purposes)| purposes.contains(&KeyPurpose::Token))
    }

    /// Whether the private half of a key is here, or a handle to it in a token that has it.
    #[must_use]
    pub fn is_held(&self, key: KeyNumber) -> bool {
        let pairs = self.pairs.read().unwrap_or_else(PoisonError::into_inner);
        pairs.get(&key).is_some_and(|pair| pair.can_sign())
    }

    /// Holders by the way of keeping whom no record tells of yet: who became root, or gave a share,
    /// after a key was made. To be recorded before anything is served.
    #[must_use]
    pub fn undeclared(&self, ledger: &Ledger, now: UnixMillis) -> Vec<Record> {
        let pairs = self.pairs.read().unwrap_or_else(PoisonError::into_inner);
        let readable =
            |key: &&Arc<Key>| pairs.get(&key.number).is_some_and(|pair| !pair.is_inside());
        let mut records = Vec::new();
        for key in ledger.keys().iter().filter(readable) {
            let known = |person| key.holders.iter().any(|holder| holder.person == person);
            let new = self.holders.iter().filter(|(holder, _)| !known(holder.person));
            records.extend(
                new.map(|(holder, evidence)| declared(key.number, *holder, *evidence, now)),
            );
        }
        records
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
        let label = label(pair.is_inside(), purpose, pair.algorithm(), key, &kid);
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
        for holder in holders {
            let (DeclaredHolder { person, person_key, since }, evidence) =
                (*holder, CustodyEvidence::Declared);
            let row = KeyHolderDeclared { key, person, person_key, since, evidence };
            records.push(row.into());
        }
        if !pair.is_inside() {
            let keeping = self.holders.iter();
            records.extend(keeping.map(|(holder, how)| declared(key, *holder, *how, now)));
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
    if import.holders.is_empty() || import.others_unknown {
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

/// He can read a key from now on, not since he became what he is.
fn declared(
    key: KeyNumber,
    holder: DeclaredHolder,
    evidence: CustodyEvidence,
    now: UnixMillis,
) -> Record {
    let DeclaredHolder { person, person_key, since } = holder;
    KeyHolderDeclared { key, person, person_key, since: since.max(now), evidence }.into()
}

/// What a sealed key, or a handle to one inside a token, is bound to.
fn label(
    inside: bool,
    purpose: KeyPurpose,
    algorithm: Algorithm,
    key: KeyNumber,
    kid: &str,
) -> String {
    let what = if inside { HANDLE } else { "key" };
    format!("{what}/{purpose}/{algorithm}/{key}/{kid}")
}

/// What the label of a handle begins with.
const HANDLE: &str = "handle";

fn load_key(
    kek: &Kek,
    path: &Path,
    hsm: Option<&Arc<Hsm>>,
) -> Result<(KeyNumber, Pair), OpenError> {
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
    let pair = match label.split('/').next() {
        Some(HANDLE) => Pair::from_handle(algorithm, &plain, hsm),
        _ => Pair::from_sealed_bytes(algorithm, &plain),
    };
    Ok((number, pair.ok_or_else(damaged)?))
}

fn opened(error: OpenSealed, path: &Path) -> OpenError {
    let path = path.to_owned();
    match error {
        OpenSealed::Newer(version) => OpenError::Newer { path, version },
        OpenSealed::Damaged => OpenError::Damaged { path },
    }
}
