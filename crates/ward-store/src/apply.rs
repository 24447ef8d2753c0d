//! Records into rows: the one way in for everything but the text of a person's row.
//!
//! INVARIANT: rows and head change in one transaction, so every record is applied exactly once,
//! whatever stops us. A record that changes no row moves the head in memory, and on disk with the
//! next one that does.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use ward_model::record::{PersonPut, Record};
use ward_model::{Position, TreeSize};

use crate::limits::HEAD_LAG_MAX;
use crate::{Store, StoreError};

/// The tables and how far they are.
pub(crate) struct Projection {
    pub(crate) connection: Connection,
    size: i64,
    size_on_disk: i64,
}

impl Projection {
    pub(crate) fn open(connection: Connection) -> rusqlite::Result<Self> {
        let size =
            connection.query_row("SELECT size FROM projection_head", [], |row| row.get(0))?;
        Ok(Self { connection, size, size_on_disk: size })
    }

    pub(crate) const fn applied(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// Applies records in order, as one transaction; those applied before are passed over.
    pub(crate) fn apply<'r>(
        &mut self,
        records: impl IntoIterator<Item = (Position, &'r Record)>,
    ) -> rusqlite::Result<()> {
        let mut size = self.size;
        let mut changes: Vec<(Position, &Record)> = Vec::new();
        for (at, record) in records {
            if at.index.0 < size {
                continue;
            }
            size = at.index.0.saturating_add(1);
            if changes_rows(record) {
                changes.push((at, record));
            }
        }
        if !changes.is_empty() || size - self.size_on_disk >= HEAD_LAG_MAX {
            let behavior = TransactionBehavior::Immediate;
            let tx = self.connection.transaction_with_behavior(behavior)?;
            for (at, record) in changes {
                apply_one(&tx, at, record)?;
            }
            tx.execute("UPDATE projection_head SET size = ?1", [size])?;
            tx.commit()?;
            self.size_on_disk = size;
        }
        self.size = size;
        Ok(())
    }
}

impl Store {
    /// Applies records in order, as one transaction. Applied ones are passed over, so any stretch
    /// may be sent again. Blocks on the file when one of them changes a row.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing of it was applied; send it again.
    pub fn apply_all<'r>(
        &self,
        records: impl IntoIterator<Item = (Position, &'r Record)>,
    ) -> Result<TreeSize, StoreError> {
        let mut projection = self.lock();
        projection.apply(records)?;
        Ok(projection.applied())
    }

    /// Applies one record; see [`Store::apply_all`].
    ///
    /// # Errors
    /// As [`Store::apply_all`].
    pub fn apply(&self, at: Position, record: &Record) -> Result<TreeSize, StoreError> {
        self.apply_all([(at, record)])
    }
}

const fn changes_rows(record: &Record) -> bool {
    matches!(
        record,
        Record::PersonPut(_)
            | Record::ApiKeyIssued(_)
            | Record::ApiKeyRevoked(_)
            | Record::ClientRegistered(_)
            | Record::ClientRevoked(_)
            | Record::CascadeStarted(_)
            | Record::CascadeStep(_)
            | Record::CascadeFinished(_)
            | Record::IncidentOpened(_)
            | Record::IncidentNoted(_)
            | Record::IncidentClosed(_)
            | Record::AlertRaised(_)
            | Record::ExistenceFed(_)
    )
}

fn apply_one(tx: &Transaction<'_>, at: Position, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::PersonPut(_) | Record::ExistenceFed(_) => apply_feed(tx, at, record),
        Record::ApiKeyIssued(_)
        | Record::ApiKeyRevoked(_)
        | Record::ClientRegistered(_)
        | Record::ClientRevoked(_) => apply_credential(tx, at, record),
        Record::CascadeStarted(_) | Record::CascadeStep(_) | Record::CascadeFinished(_) => {
            apply_cascade(tx, at, record)
        }
        _ => apply_incident(tx, at, record),
    }
}

fn run(tx: &Transaction<'_>, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
    tx.prepare_cached(sql)?.execute(values).map(|_| ())
}

fn apply_feed(tx: &Transaction<'_>, at: Position, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::PersonPut(it) => {
            // A change of state alone repeats the digest: the row still stands as the leaf that
            // brought it says.
            run(
                tx,
                "INSERT INTO person_records (person, principal, principal_key, state, digest, leaf)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (person) DO UPDATE SET
                 principal = ?2, principal_key = ?3, state = ?4, digest = ?5,
                 leaf = CASE WHEN digest = ?5 THEN leaf ELSE ?6 END",
                params![
                    &it.person.0[..],
                    it.principal.0,
                    &it.principal_key.0[..],
                    it.state.byte(),
                    &it.row_digest[..],
                    at.index.0
                ],
            )?;
            settle(tx, at, it)
        }
        Record::ExistenceFed(it) => run(
            tx,
            "INSERT INTO existence (namespace, existing, tombstones, watermark, time)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (namespace) DO UPDATE SET
             existing = ?2, tombstones = ?3, watermark = ?4, time = ?5",
            params![it.namespace.0, it.existing, it.tombstones, it.watermark, at.time.ms()],
        ),
        _ => Ok(()),
    }
}

/// Moves the staged row of this very record into `persons`. Nothing happens when it was moved
/// before: a person has at most one staged row, and versions make every digest another.
pub(crate) fn settle(tx: &Transaction<'_>, at: Position, put: &PersonPut) -> rusqlite::Result<()> {
    let staged = params![&put.person.0[..], &put.row_digest[..], at.index.0];
    run(
        tx,
        "INSERT OR REPLACE INTO persons (person, principal, principal_key, user_name, external_id,
           display_name, given_name, family_name, emails, active, state, created, modified,
           version, user_key, row_digest, leaf)
         SELECT person, principal, principal_key, user_name, external_id, display_name, given_name,
           family_name, emails, active, state, created, modified, version, user_key, digest, ?3
         FROM outbox WHERE person = ?1 AND digest = ?2",
        staged,
    )?;
    run(
        tx,
        "DELETE FROM outbox WHERE person = ?1 AND digest = ?2",
        params![&put.person.0[..], &put.row_digest[..]],
    )
}

fn apply_credential(tx: &Transaction<'_>, at: Position, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::ApiKeyIssued(it) => run(
            tx,
            "INSERT OR IGNORE INTO api_keys (api_key, kind, owner_kind, owner, created, expires,
             hash, owner_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                it.api_key.0,
                it.kind.byte(),
                it.owner_kind.byte(),
                it.owner.0,
                at.time.ms(),
                it.expires_at.ms(),
                &it.hash[..],
                &it.owner_key.0[..]
            ],
        ),
        Record::ApiKeyRevoked(it) => run(
            tx,
            "UPDATE api_keys SET revoked = ?2, cause = ?3 WHERE api_key = ?1 AND revoked IS NULL",
            params![it.api_key.0, at.time.ms(), it.cause.byte()],
        ),
        Record::ClientRegistered(it) => run(
            tx,
            "INSERT OR REPLACE INTO clients (client_key, client_id, owner, audience, scope,
             created, expires, secret_hash, owner_key, life_ms_max)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                &it.client_key.0[..],
                it.client_id.as_str(),
                &it.owner.0[..],
                it.audience.as_str(),
                it.scope.as_str(),
                at.time.ms(),
                it.expires_at.ms(),
                &it.secret_hash[..],
                &it.owner_key.0[..],
                it.life_ms_max
            ],
        ),
        Record::ClientRevoked(it) => run(
            tx,
            "UPDATE clients SET revoked = ?2, cause = ?3 WHERE client_key = ?1 AND revoked IS NULL",
            params![&it.client_key.0[..], at.time.ms(), it.cause.byte()],
        ),
        _ => Ok(()),
    }
}

fn apply_cascade(tx: &Transaction<'_>, at: Position, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::CascadeStarted(it) => run(
            tx,
            "INSERT OR IGNORE INTO cascades (cascade, person, cause, signalled, started)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                it.cascade.0,
                &it.person.0[..],
                it.cause.byte(),
                it.signalled_at.ms(),
                at.time.ms()
            ],
        ),
        Record::CascadeStep(it) => run(
            tx,
            "INSERT INTO cascade_steps (leaf, cascade, step, target, outcome, time)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (cascade, step, target) DO UPDATE SET
             leaf = ?1, outcome = ?5, time = ?6",
            params![
                at.index.0,
                it.cascade.0,
                it.step.byte(),
                it.target,
                it.outcome.byte(),
                at.time.ms()
            ],
        ),
        Record::CascadeFinished(it) => run(
            tx,
            "UPDATE cascades SET finished = ?2, open = ?3 WHERE cascade = ?1",
            params![it.cascade.0, at.time.ms(), it.open],
        ),
        _ => Ok(()),
    }
}

fn apply_incident(tx: &Transaction<'_>, at: Position, record: &Record) -> rusqlite::Result<()> {
    match record {
        Record::IncidentOpened(it) => run(
            tx,
            "INSERT OR IGNORE INTO incidents (incident, kind, key, principal, opened)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![it.incident.0, it.kind.byte(), it.key.0, it.principal.0, at.time.ms()],
        ),
        Record::IncidentNoted(it) => run(
            tx,
            "INSERT INTO incident_entries (leaf, incident, time, kind, alert, access, person, note)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                at.index.0,
                it.incident.0,
                at.time.ms(),
                it.kind.byte(),
                it.alert.0,
                &it.access.0[..],
                &it.person.0[..],
                it.note.as_str()
            ],
        ),
        Record::IncidentClosed(it) => run(
            tx,
            "UPDATE incidents SET closed = ?2, note = ?3 WHERE incident = ?1",
            params![it.incident.0, at.time.ms(), it.note.as_str()],
        ),
        Record::AlertRaised(it) => run(
            tx,
            "INSERT OR IGNORE INTO alerts (alert, time, kind, principal, data_subject, key,
             api_key, access, route, leaked, leaf)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                it.alert.0,
                at.time.ms(),
                it.kind.byte(),
                it.principal.0,
                it.data_subject.0,
                it.key.0,
                it.api_key.0,
                &it.access.0[..],
                it.route.0,
                it.leaked,
                at.index.0
            ],
        ),
        _ => Ok(()),
    }
}
