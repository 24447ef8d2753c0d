//! SQL projection of what the journal says, with its outbox.
//!
//! What it is: tables for asking and for uniqueness, written from records. A change of a person is
//! decided in a transaction that also writes its record to an outbox ([`Store::begin_person_put`]);
//! it becomes visible only once the journal has the record ([`Store::settle`], [`Store::apply`]).
//! What it must never do: open a door. Views in memory, built from records alone, decide; a row
//! that no record tells of is found by [`Store::verify`] and is an incident.
//! Where it sits: floor 1. A slow follower applies records to it in batches; it blocks on the file.
//! Spec: DESIGN section 5 ("One truth").
//! What comes: PostgreSQL behind the same calls.
//! Best test: `tests.rs` (rows by hand, a stop between every two steps).

mod apply;
mod copy;
mod digest;
pub mod limits;
mod list;
mod person;
mod row;
mod schema;
mod verify;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use ward_model::{Secret, TreeSize};

use apply::Projection;
use digest::Digests;
pub use person::{BeginError, Pending, Unsettled};
pub use row::{
    AlertRow, ApiKeyRow, CascadeRow, CascadeStepRow, ClientRow, Email, ExistenceRow, IncidentEntry,
    IncidentRow, Listing, Page, PersonRow,
};
pub use verify::{Discrepancy, Found, VerifyError};

/// Why the store cannot be opened. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made or read: mend the path or its rights.
    #[error("the store's file cannot be made or read")]
    File {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Written by a newer version: run that version.
    #[error("store format {found} is newer than {known}")]
    Newer {
        /// The version found.
        found: i64,
        /// The version this program knows.
        known: i64,
    },
    /// A SQLite file of something else: point to the store's own file.
    #[error("the file is not a store")]
    Foreign,
    /// Rows were digested under another secret: give the secret it was made with.
    #[error("the store was made under another secret")]
    WrongSecret,
    /// The database failed: free the disk or mend it, then start again.
    #[error("the store's database failed")]
    Database {
        /// What SQLite said.
        #[from]
        source: rusqlite::Error,
    },
}

/// Why a call failed. What the journal holds is not touched by it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be written or read (a full disk, another process): try again.
    #[error("the store is unavailable: {what}")]
    Unavailable {
        /// What SQLite said, without values.
        what: String,
    },
    /// A row is not what this program writes: run `ward store verify`.
    #[error("a row of {table} is corrupt")]
    Corrupt {
        /// Its table.
        table: &'static str,
    },
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => Self::Corrupt { table: "a listing" },
            other => Self::Unavailable {
                what: other
                    .sqlite_error_code()
                    .map_or_else(|| "unexpected answer".to_owned(), |code| format!("{code:?}")),
            },
        }
    }
}

/// The store; a cheap clone shares it.
#[derive(Clone)]
pub struct Store {
    projection: Arc<Mutex<Projection>>,
    digests: Arc<Digests>,
}

impl Store {
    /// Opens the store's file at `path`, making it if absent. `secret` keys the row digests.
    ///
    /// # Errors
    /// [`OpenError`]; nothing was written.
    pub fn open(path: &Path, secret: &Secret<[u8; 32]>) -> Result<Self, OpenError> {
        let digests = Digests::new(secret);
        let connection = schema::open(path, digests.check())?;
        Self::over(connection, digests)
    }

    fn over(connection: Connection, digests: Digests) -> Result<Self, OpenError> {
        let projection = Projection::open(connection)?;
        Ok(Self { projection: Arc::new(Mutex::new(projection)), digests: Arc::new(digests) })
    }

    // WHY: a poisoned lock is taken all the same: every change is one SQL transaction.
    fn lock(&self) -> MutexGuard<'_, Projection> {
        self.projection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The records applied: leaves below this. Follow the journal from here.
    #[must_use]
    pub fn applied(&self) -> TreeSize {
        self.lock().applied()
    }
}

#[cfg(test)]
mod tests;
