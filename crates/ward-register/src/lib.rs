//! The register of data subjects: outside id to dense number, existence, erasure.
//!
//! What it is: the one place that knows which dense number of the journal is whom. Numbers are
//! dense from 1 over all namespaces, durable before they are given out, never used again. Ids are
//! sealed at rest; lookup goes by a keyed hash. Existence says who was fed as existing or deleted.
//! What it must never do: give out a number it could lose, show an id in an error or a log, call
//! someone a phantom whom the feed could not have told of yet.
//! Where it sits: floor 1. The gate asks for numbers before it records an access; scope asks for
//! names. [`Register::number`] and [`Register::existence`] read memory only; the other calls block
//! on the file and belong on a blocking thread.
//! What comes: leases of number ranges for many nodes, a re-keying of the sealed ids.
//! Best test: `tests.rs`, a random life with reopenings against a plain map.

mod copy;
mod feed;
pub mod limits;
mod memory;
mod normal;
mod seal;
mod sql;
mod write;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use ward_model::{DataSubjectNumber, NamespaceNumber, PrincipalKind, Secret};

pub use feed::FeedEvent;
use memory::Memory;
pub use normal::{EMAIL, PHONE, normalise};
use seal::Seals;
use write::{Queue, Writer};

/// The namespace a principal kind is numbered in.
#[must_use]
pub fn namespace_of(kind: PrincipalKind) -> NamespaceNumber {
    NamespaceNumber(i32::from(kind.byte()))
}

/// Whether someone exists, as far as the feed of his namespace tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    /// Fed as existing.
    Exists,
    /// Fed as deleted: a tombstone.
    Deleted,
    /// A numeric id above the watermark: newer than what the feed has told.
    Unconfirmed,
    /// The feed would have told of him; nobody is there (erased people look alike).
    Phantom,
    /// Nothing was ever imported for this namespace.
    NotFed,
}

/// How the feed of a namespace stands; the columns of `ExistenceFed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// How many exist.
    pub existing: i64,
    /// How many tombstones.
    pub tombstones: i64,
    /// Numeric ids above are unconfirmed; -1 when ids are not numbers or nothing was fed.
    pub watermark: i64,
}

impl Fed {
    pub(crate) const NOTHING: Self = Self { existing: 0, tombstones: 0, watermark: -1 };
}

/// What is known of a number. The byte stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Seen,
    Exists,
    Deleted,
    Erased,
}

impl State {
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Seen => 0,
            Self::Exists => 1,
            Self::Deleted => 2,
            Self::Erased => 3,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Seen),
            1 => Some(Self::Exists),
            2 => Some(Self::Deleted),
            3 => Some(Self::Erased),
            _ => None,
        }
    }
}

/// Why the register cannot be opened. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made or read: mend the path or its rights.
    #[error("the register's file cannot be made or read")]
    File {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another process holds it: stop that process.
    #[error("another process holds the register")]
    InUse,
    /// Written by a newer version: run that version.
    #[error("register format {found} is newer than {known}")]
    Newer {
        /// The version found.
        found: i64,
        /// The version this program knows.
        known: i64,
    },
    /// A SQLite file of something else: point to the register's own file.
    #[error("the file is not a register")]
    Foreign,
    /// Sealed under another secret: give the secret it was made with.
    #[error("the register was sealed under another secret")]
    WrongSecret,
    /// A row that this program would not have written: restore from a backup.
    #[error("corrupt row of number {number}")]
    Corrupt {
        /// Its number.
        number: i64,
    },
    /// The key material could not be used.
    #[error("the register's keys cannot be derived")]
    Keys,
    /// The database failed: free the disk or mend it, then start again.
    #[error("the register's database failed")]
    Database {
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
}

impl From<rusqlite::Error> for OpenError {
    fn from(source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::InUse
            }
            _ => Self::Database { source },
        }
    }
}

/// Why a call that needs the file failed; the caller refuses what it was about to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RegisterError {
    /// An id is empty, too long or holds control characters: refuse the request.
    #[error("an outside id is empty, too long or holds control characters")]
    Input,
    /// Too many ids in one call: split it.
    #[error("more than {max} ids in one call")]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// Every number is used up: stop and page.
    #[error("the register is full")]
    Full,
    /// Two ids share one lookup key: stop and page; neither is merged with the other.
    #[error("two ids share the lookup key of number {number}")]
    Collision {
        /// The number that has the key.
        number: i64,
    },
    /// A sealed id does not open: restore the file from a backup.
    #[error("the sealed id of number {number} does not open")]
    Corrupt {
        /// Its number.
        number: i64,
    },
    /// The file cannot be written or read: free the disk or mend it, then try again.
    #[error("the register's file is unavailable: {what}")]
    Unavailable {
        /// What SQLite said, without values.
        what: String,
    },
}

impl From<rusqlite::Error> for RegisterError {
    fn from(error: rusqlite::Error) -> Self {
        let what = error
            .sqlite_error_code()
            .map_or_else(|| "unexpected row".to_owned(), |code| format!("{code:?}"));
        Self::Unavailable { what }
    }
}

/// The register; a cheap clone shares it.
#[derive(Clone)]
pub struct Register {
    inner: Arc<Inner>,
}

struct Inner {
    seals: Seals,
    memory: RwLock<Memory>,
    queue: Mutex<Queue>,
    writer: Mutex<Writer>,
    /// The file as copies are read from. WHY behind the writer: closing it lets go of every lock this
    /// process has on the file (fcntl(2)), so it is closed after the connection.
    copies: Mutex<copy::Original>,
}

impl Inner {
    // WHY: a poisoned lock is taken all the same: memory changes only after a commit, by steps
    // that leave it whole, and the writer reads the file again after anything unusual.
    fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Register {
    /// Opens the register's file at `path`, making it if absent. Reads it whole: about 1 µs an id.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was written.
    pub fn open(path: &Path, secret: &Secret<[u8; 32]>) -> Result<Self, OpenError> {
        let seals = Seals::new(secret).map_err(|_| OpenError::Keys)?;
        Self::open_with(path, seals)
    }

    fn open_with(path: &Path, seals: Seals) -> Result<Self, OpenError> {
        let connection = sql::open(path, &seals)?;
        let mut memory = Memory::default();
        let next = sql::load(&connection, &mut memory)?;
        Ok(Self {
            inner: Arc::new(Inner {
                seals,
                memory: RwLock::new(memory),
                queue: Mutex::default(),
                writer: Mutex::new(Writer::new(connection, next)),
                copies: Mutex::new(copy::Original::new(path)),
            }),
        })
    }

    /// The number of an id, if it has one. Memory only: one keyed hash, one look-up.
    #[must_use]
    pub fn number(&self, namespace: NamespaceNumber, id: &str) -> Option<DataSubjectNumber> {
        let key = self.inner.seals.key(namespace, &normalise(namespace, id));
        self.inner.memory().number(key).map(|number| DataSubjectNumber(i64::from(number)))
    }

    /// The numbers of ids, in their order; new ids get new numbers, durable before this returns.
    ///
    /// Ids known already cost a look-up each. The rest of all concurrent callers share one
    /// transaction. Blocks on the file when an id is new.
    ///
    /// # Errors
    /// [`RegisterError`]: no number was given out; refuse what needed it.
    pub fn numbers(
        &self,
        ids: &[(NamespaceNumber, &str)],
    ) -> Result<Vec<DataSubjectNumber>, RegisterError> {
        self.inner.numbers(ids)
    }

    /// Who a number is: namespace and normalised id. `None` when unknown or erased. Reads the file.
    ///
    /// # Errors
    /// [`RegisterError::Unavailable`], [`RegisterError::Corrupt`].
    pub fn name(
        &self,
        number: DataSubjectNumber,
    ) -> Result<Option<(NamespaceNumber, String)>, RegisterError> {
        let found = sql::sealed(self.inner.writer().connection(), number.0)?;
        let Some((namespace, sealed)) = found else { return Ok(None) };
        let corrupt = |_| RegisterError::Corrupt { number: number.0 };
        let id = self.inner.seals.open(number.0, &sealed).map_err(corrupt)?;
        Ok(Some((NamespaceNumber(namespace), id)))
    }

    /// Whether someone exists. Memory only.
    #[must_use]
    pub fn existence(&self, namespace: NamespaceNumber, id: &str) -> Existence {
        let id = normalise(namespace, id);
        let key = self.inner.seals.key(namespace, &id);
        let memory = self.inner.memory();
        let Some(fed) = memory.namespace(namespace.0).filter(|it| it.fed) else {
            return Existence::NotFed;
        };
        match memory.number(key).map_or(State::Seen, |number| fed.state(number)) {
            State::Exists => Existence::Exists,
            State::Deleted => Existence::Deleted,
            State::Seen | State::Erased => match normal::numeric(&id) {
                Some(numeric) if numeric > fed.watermark => Existence::Unconfirmed,
                _ => Existence::Phantom,
            },
        }
    }

    /// How the feed of a namespace stands. Memory only.
    #[must_use]
    pub fn fed(&self, namespace: NamespaceNumber) -> Fed {
        self.inner.memory().fed(namespace.0)
    }

    /// How many ids have a number; erased ones do not count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.memory().len()
    }

    /// Whether no id has a number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
