//! The store's file and its tables.
//!
//! FORMAT: `user_version` 1. A newer version, another secret or a foreign file is refused before
//! anything is written. Every table but `persons`, `outbox` and `labels` is a function of records.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::OpenError;
use crate::limits::BUSY_MS;

/// The version this program reads and writes.
const VERSION: i64 = 1;

/// Tables that follow from records alone, with their key column first: what verify compares.
pub(crate) const DERIVED: [&str; 9] = [
    "person_records",
    "api_keys",
    "clients",
    "cascades",
    "cascade_steps",
    "incidents",
    "incident_entries",
    "alerts",
    "existence",
];

const SCHEMA: &str = "
CREATE TABLE secret_check (value BLOB NOT NULL);
CREATE TABLE projection_head (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL);
CREATE TABLE persons (
  person BLOB PRIMARY KEY, principal INTEGER NOT NULL, principal_key BLOB NOT NULL,
  user_name TEXT NOT NULL, external_id TEXT, display_name TEXT NOT NULL,
  given_name TEXT NOT NULL, family_name TEXT NOT NULL, emails TEXT NOT NULL,
  active INTEGER NOT NULL, state INTEGER NOT NULL, created INTEGER NOT NULL,
  modified INTEGER NOT NULL, version INTEGER NOT NULL,
  user_key TEXT NOT NULL UNIQUE, row_digest BLOB NOT NULL, leaf INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX persons_external ON persons (external_id);
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, person BLOB NOT NULL UNIQUE,
  user_key TEXT NOT NULL UNIQUE, digest BLOB NOT NULL, payload BLOB NOT NULL,
  principal INTEGER NOT NULL, principal_key BLOB NOT NULL,
  user_name TEXT NOT NULL, external_id TEXT, display_name TEXT NOT NULL,
  given_name TEXT NOT NULL, family_name TEXT NOT NULL, emails TEXT NOT NULL,
  active INTEGER NOT NULL, state INTEGER NOT NULL, created INTEGER NOT NULL,
  modified INTEGER NOT NULL, version INTEGER NOT NULL
);
CREATE TABLE labels (api_key INTEGER PRIMARY KEY, label TEXT NOT NULL);
CREATE TABLE person_records (
  person BLOB PRIMARY KEY, principal INTEGER NOT NULL, principal_key BLOB NOT NULL,
  state INTEGER NOT NULL, digest BLOB NOT NULL, leaf INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE api_keys (
  api_key INTEGER PRIMARY KEY, kind INTEGER NOT NULL, owner_kind INTEGER NOT NULL,
  owner INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,
  revoked INTEGER, cause INTEGER, hash BLOB NOT NULL, owner_key BLOB NOT NULL
);
CREATE INDEX api_keys_owner ON api_keys (owner);
CREATE TABLE clients (
  client_key BLOB PRIMARY KEY, client_id TEXT NOT NULL, owner BLOB NOT NULL,
  audience TEXT NOT NULL, scope TEXT NOT NULL, created INTEGER NOT NULL,
  expires INTEGER NOT NULL, revoked INTEGER, cause INTEGER,
  secret_hash BLOB NOT NULL, owner_key BLOB NOT NULL, life_ms_max INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE cascades (
  cascade INTEGER PRIMARY KEY, person BLOB NOT NULL, cause INTEGER NOT NULL,
  signalled INTEGER NOT NULL, started INTEGER NOT NULL, finished INTEGER, open INTEGER
);
CREATE INDEX cascades_person ON cascades (person);
CREATE TABLE cascade_steps (
  leaf INTEGER PRIMARY KEY, cascade INTEGER NOT NULL, step INTEGER NOT NULL,
  target INTEGER NOT NULL, outcome INTEGER NOT NULL, time INTEGER NOT NULL,
  UNIQUE (cascade, step, target)
);
CREATE TABLE incidents (
  incident INTEGER PRIMARY KEY, kind INTEGER NOT NULL, key INTEGER NOT NULL,
  principal INTEGER NOT NULL, opened INTEGER NOT NULL, closed INTEGER, note TEXT
);
CREATE TABLE incident_entries (
  leaf INTEGER PRIMARY KEY, incident INTEGER NOT NULL, time INTEGER NOT NULL,
  kind INTEGER NOT NULL, alert INTEGER NOT NULL, access BLOB NOT NULL,
  person BLOB NOT NULL, note TEXT NOT NULL
);
CREATE INDEX incident_entries_of ON incident_entries (incident, leaf);
CREATE TABLE alerts (
  alert INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind INTEGER NOT NULL,
  principal INTEGER NOT NULL, data_subject INTEGER NOT NULL, key INTEGER NOT NULL,
  api_key INTEGER NOT NULL, access BLOB NOT NULL, route INTEGER NOT NULL,
  leaked INTEGER NOT NULL, leaf INTEGER NOT NULL
);
CREATE INDEX alerts_leaf ON alerts (leaf);
CREATE TABLE existence (
  namespace INTEGER PRIMARY KEY, existing INTEGER NOT NULL, tombstones INTEGER NOT NULL,
  watermark INTEGER NOT NULL, time INTEGER NOT NULL
);
INSERT INTO projection_head (one, size) VALUES (1, 0);
PRAGMA user_version = 1;
";

/// Opens or makes the file; nothing is written to a file that is not ours.
pub(crate) fn open(path: &Path, check: &[u8; 32]) -> Result<Connection, OpenError> {
    // WHY: made by hand first, so that no other user of the host can ever read it.
    let made = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    made.and_then(|_| sync_parent(path)).map_err(|source| OpenError::File { source })?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(core::time::Duration::from_millis(BUSY_MS))?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        return Err(OpenError::Newer { found, known: VERSION });
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if found == 0 && tables > 0 {
        return Err(OpenError::Foreign);
    }
    if found == 0 {
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(SCHEMA)?;
        tx.execute("INSERT INTO secret_check (value) VALUES (?1)", [&check[..]])?;
        tx.commit()?;
    }
    // The outbox must be durable before its record is appended.
    connection.pragma_update(None, "synchronous", "FULL")?;
    let stored: Vec<u8> =
        connection.query_row("SELECT value FROM secret_check", [], |row| row.get(0))?;
    if stored != check {
        return Err(OpenError::WrongSecret);
    }
    Ok(connection)
}

/// The same tables in memory: what records alone make of them.
pub(crate) fn in_memory() -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

fn sync_parent(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    std::fs::File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
