//! The register's file: a SQLite database of its own, WAL, every commit synced.
//!
//! FORMAT: `user_version` 1. A newer version, another secret or a foreign file is refused before
//! anything is written. One process holds the file (exclusive locking).
//! CRASH: one batch is one transaction; a batch is wholly there or wholly absent.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::limits::CACHE_KIB;
use crate::memory::Memory;
use crate::seal::{LookupKey, Seals};
use crate::{OpenError, State};

/// SQLite's own default.
const AUTOCHECKPOINT_PAGES: i64 = 1000;
/// The version this program reads and writes.
pub(crate) const VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE secret_check (value BLOB NOT NULL);
CREATE TABLE namespaces (
  namespace INTEGER PRIMARY KEY,
  watermark INTEGER NOT NULL
);
CREATE TABLE subjects (
  number INTEGER PRIMARY KEY,
  namespace INTEGER NOT NULL,
  key BLOB UNIQUE CHECK (key IS NULL OR length(key) = 16),
  sealed BLOB,
  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
  CHECK ((key IS NULL) = (state = 3) AND (sealed IS NULL) = (state = 3))
);
PRAGMA user_version = 1;
";

/// A row as the writer needs it.
pub(crate) struct Stored {
    pub(crate) number: i64,
    pub(crate) sealed: Vec<u8>,
    pub(crate) state: State,
}

/// Opens or makes the file; nothing is written to a file that is not ours.
pub(crate) fn open(path: &Path, seals: &Seals) -> Result<Connection, OpenError> {
    // WHY: made by hand first, so that no other user of the host can ever read it.
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    made.and_then(|_| sync_parent(path)).map_err(|source| OpenError::File { source })?;
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.busy_timeout(core::time::Duration::ZERO)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        return Err(OpenError::Newer { found, known: VERSION });
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if found == 0 && tables > 0 {
        return Err(OpenError::Foreign);
    }
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if found == 0 {
        tx.execute_batch(SCHEMA)?;
        tx.execute("INSERT INTO secret_check (value) VALUES (?1)", [&seals.check()[..]])?;
    }
    let check: Vec<u8> = tx.query_row("SELECT value FROM secret_check", [], |row| row.get(0))?;
    if check != seals.check() {
        return Err(OpenError::WrongSecret);
    }
    tx.commit()?;
    Ok(connection)
}

fn sync_parent(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    std::fs::File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

/// Reads the whole file into memory; gives the next free number.
pub(crate) fn load(connection: &Connection, memory: &mut Memory) -> Result<i64, OpenError> {
    let mut feeds = connection.prepare("SELECT namespace, watermark FROM namespaces")?;
    let mut rows = feeds.query([])?;
    while let Some(row) = rows.next()? {
        memory.feed(row.get(0)?, row.get(1)?);
    }
    let count: i64 = connection.query_row("SELECT count(*) FROM subjects", [], |row| row.get(0))?;
    memory.reserve(usize::try_from(count).unwrap_or(0));
    load_from(connection, memory, 1)
}

/// Reads the rows from `first` on into memory; gives the next free number.
pub(crate) fn load_from(
    connection: &Connection,
    memory: &mut Memory,
    first: i64,
) -> Result<i64, OpenError> {
    let mut next = first;
    let mut subjects = connection.prepare_cached(
        "SELECT number, namespace, key, state FROM subjects WHERE number >= ?1 ORDER BY number",
    )?;
    let mut rows = subjects.query([first])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        next = number.saturating_add(1);
        let state = State::from_byte(row.get(3)?).ok_or(OpenError::Corrupt { number })?;
        if state == State::Erased {
            continue;
        }
        let key: [u8; 16] = row.get(2)?;
        let short = u32::try_from(number).map_err(|_| OpenError::Corrupt { number })?;
        memory.put(LookupKey(key), short, row.get(1)?, state);
    }
    Ok(next)
}

/// The row under a lookup key.
pub(crate) fn find(tx: &Transaction<'_>, key: LookupKey) -> rusqlite::Result<Option<Stored>> {
    tx.prepare_cached("SELECT number, sealed, state FROM subjects WHERE key = ?1")?
        .query_row([&key.0[..]], |row| {
            let state = State::from_byte(row.get(2)?).unwrap_or(State::Seen);
            Ok(Stored { number: row.get(0)?, sealed: row.get(1)?, state })
        })
        .optional()
}

pub(crate) fn insert(
    tx: &Transaction<'_>,
    number: i64,
    namespace: i32,
    key: LookupKey,
    sealed: &[u8],
    state: State,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO subjects (number, namespace, key, sealed, state) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![number, namespace, &key.0[..], sealed, state.byte()])
    .map(|_| ())
}

pub(crate) fn set_state(tx: &Transaction<'_>, number: i64, state: State) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE subjects SET state = ?2 WHERE number = ?1")?
        .execute(params![number, state.byte()])
        .map(|_| ())
}

pub(crate) fn set_watermark(
    tx: &Transaction<'_>,
    namespace: i32,
    watermark: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO namespaces (namespace, watermark) VALUES (?1, ?2)
         ON CONFLICT (namespace) DO UPDATE SET watermark = excluded.watermark",
    )?
    .execute(params![namespace, watermark])
    .map(|_| ())
}

/// Namespace and sealed id of a number; `None` when unknown or erased.
pub(crate) fn sealed(
    connection: &Connection,
    number: i64,
) -> rusqlite::Result<Option<(i32, Vec<u8>)>> {
    connection
        .prepare_cached("SELECT namespace, sealed FROM subjects WHERE number = ?1 AND state < 3")?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Takes the id out of a row for good; gives its namespace and key, `None` when there is no id.
pub(crate) fn erase(
    connection: &mut Connection,
    number: i64,
) -> rusqlite::Result<Option<(i32, LookupKey)>> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = tx
        .prepare_cached("SELECT namespace, key FROM subjects WHERE number = ?1 AND state < 3")?
        .query_row([number], |row| Ok((row.get(0)?, LookupKey(row.get(1)?))))
        .optional()?;
    tx.execute(
        "UPDATE subjects SET key = NULL, sealed = NULL, state = 3 WHERE number = ?1",
        [number],
    )?;
    tx.commit()?;
    Ok(found)
}

/// Moves everything into the main file and leaves it alone from here on: what is written goes to the
/// log until [`let_go`].
pub(crate) fn hold_still(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    empty_log(connection)
}

/// Lets the log flow into the main file again.
pub(crate) fn let_go(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES)
}

/// A number without an id, as an erased one.
pub(crate) fn use_up(connection: &Connection, number: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO subjects (number, namespace, key, sealed, state)
               VALUES (?1, 0, NULL, NULL, 3)";
    connection.execute(sql, [number]).map(|_| ())
}

/// Empties the write-ahead log, where older pages would keep the sealed id.
pub(crate) fn empty_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}
