//! Rows held against records: a row that no record tells of is an incident.
//!
//! The tables that follow from records are made once more, in memory, from the records alone, and
//! compared row by row. A person's row is held against the digest in its record.

use core::ops::Range;
use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;
use ward_model::record::{PersonPut, Record};
use ward_model::{PersonId, Position};

use crate::apply::Projection;
use crate::digest::Digests;
use crate::row::{PersonRow, Read as _};
use crate::{Store, StoreError, schema};

/// What was found of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// It is there and no record tells of it.
    WithoutRecord,
    /// It is not what the records say.
    Differs,
    /// Records tell of it and it is not there.
    Missing,
    /// A staged change whose record is in the journal was never settled.
    Unsettled,
    /// A staged change is not what was staged.
    Corrupt,
}

/// One row that is not as records say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Discrepancy {
    /// The table; `projection_head` when the store is ahead of the journal.
    pub table: &'static str,
    /// The row's key: a number, or hex digits of an id. No personal data.
    pub key: String,
    /// What was found.
    pub found: Found,
}

/// Why rows could not be verified.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VerifyError<E> {
    /// Records could not be read: mend the journal first.
    #[error("records could not be read")]
    Records(#[source] E),
    /// The store could not be read.
    #[error(transparent)]
    Store(StoreError),
}

impl Store {
    /// Holds every row against the records. `read` visits those leaves of a range that exist, in
    /// order; it is called with what the store has applied so far, and what it has settled ahead.
    ///
    /// # Errors
    /// [`VerifyError`]: nothing was found out.
    pub fn verify<E>(
        &self,
        read: impl Fn(Range<i64>, &mut dyn FnMut(Position, &Record)) -> Result<(), E>,
    ) -> Result<Vec<Discrepancy>, VerifyError<E>> {
        let failed = |error: rusqlite::Error| VerifyError::Store(error.into());
        let memory = schema::in_memory().map_err(failed)?;
        let mut expected = Projection::open(memory).map_err(failed)?;
        // The long part without the lock, then what came meanwhile with it.
        replay(&mut expected, self.applied().0, &read)?;
        let store = self.lock();
        replay(&mut expected, store.applied().0, &read)?;
        let mut found = Vec::new();
        let (seen, applied) = (expected.applied().0, store.applied().0);
        if seen < applied {
            let key = format!("{applied} applied, {seen} in the journal");
            found.push(Discrepancy { table: "projection_head", key, found: Found::WithoutRecord });
        }
        for table in schema::DERIVED {
            let records = dump(&expected.connection, table).map_err(failed)?;
            let rows = dump(&store.connection, table).map_err(failed)?;
            differences(table, &rows, &records, &mut found);
        }
        let ahead = settled_ahead(&store, &read)?;
        let mut records = digests_by_record(&expected.connection).map_err(failed)?;
        persons(&store.connection, &mut records, &ahead, &self.digests, &mut found)
            .map_err(failed)?;
        outbox(&store.connection, &expected.connection, &self.digests, &mut found)
            .map_err(failed)?;
        found.sort();
        Ok(found)
    }
}

fn replay<E>(
    expected: &mut Projection,
    to: i64,
    read: &impl Fn(Range<i64>, &mut dyn FnMut(Position, &Record)) -> Result<(), E>,
) -> Result<(), VerifyError<E>> {
    let from = expected.applied().0;
    if from >= to {
        return Ok(());
    }
    let mut failed = None;
    let mut visit = |at: Position, record: &Record| {
        if at.index.0 < to && failed.is_none() {
            failed = expected.apply([(at, record)]).err();
        }
    };
    read(from..to, &mut visit).map_err(VerifyError::Records)?;
    failed.map_or(Ok(()), |error| Err(VerifyError::Store(error.into())))
}

/// Digests of the records between what was applied and the newest row: a row is settled by the
/// caller before the follower comes by.
fn settled_ahead<E>(
    store: &Projection,
    read: &impl Fn(Range<i64>, &mut dyn FnMut(Position, &Record)) -> Result<(), E>,
) -> Result<Ahead, VerifyError<E>> {
    let newest = "SELECT coalesce(max(leaf), -1) FROM persons";
    let newest: i64 = store
        .connection
        .query_row(newest, [], |row| row.get(0))
        .map_err(|error| VerifyError::Store(error.into()))?;
    let range = store.applied().0..newest.saturating_add(1);
    let mut ahead = Ahead::new();
    if !range.is_empty() {
        let mut visit = |at: Position, record: &Record| {
            if let Record::PersonPut(put) = record {
                let digest = Value::Blob(put.row_digest.to_vec());
                ahead.insert((at.index.0, put.person.to_string()), digest);
            }
        };
        read(range, &mut visit).map_err(VerifyError::Records)?;
    }
    Ok(ahead)
}

/// Digests by leaf and person.
type Ahead = BTreeMap<(i64, String), Value>;

/// Rows by their first column.
type Rows = BTreeMap<String, Vec<Value>>;

fn dump(connection: &Connection, table: &str) -> rusqlite::Result<Rows> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut dump = Rows::new();
    while let Some(row) = rows.next()? {
        let values =
            (0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Value>>>()?;
        dump.insert(values.first().map(shown).unwrap_or_default(), values);
    }
    Ok(dump)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Value::Null | Value::Real(_) | Value::Text(_) => "not a key".to_owned(),
    }
}

fn differences(table: &'static str, rows: &Rows, records: &Rows, to: &mut Vec<Discrepancy>) {
    let mut push = |key: &String, found| to.push(Discrepancy { table, key: key.clone(), found });
    for (key, row) in rows {
        match records.get(key) {
            None => push(key, Found::WithoutRecord),
            Some(record) if record != row => push(key, Found::Differs),
            Some(_) => {}
        }
    }
    for key in records.keys().filter(|key| !rows.contains_key(*key)) {
        push(key, Found::Missing);
    }
}

/// The digest and the leaf of each person's last record.
fn digests_by_record(records: &Connection) -> rusqlite::Result<BTreeMap<String, (Value, i64)>> {
    let mut statement = records.prepare("SELECT person, digest, leaf FROM person_records")?;
    let rows = statement
        .query_map([], |row| Ok((shown(&row.get::<_, Value>(0)?), (row.get(1)?, row.get(2)?))))?;
    rows.collect()
}

const ROW: &str = "person, principal, principal_key, user_name, external_id, display_name,
  given_name, family_name, emails, active, state, created, modified, version";

fn persons(
    store: &Connection,
    records: &mut BTreeMap<String, (Value, i64)>,
    ahead: &Ahead,
    digests: &Digests,
    to: &mut Vec<Discrepancy>,
) -> rusqlite::Result<()> {
    let sql = format!("SELECT {ROW}, user_key, row_digest, leaf FROM persons");
    let mut statement = store.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let key = shown(&row.get::<_, Value>(0)?);
        let applied = records.remove(&key);
        let settled = row.get::<_, i64>(16).ok();
        let early = settled.and_then(|leaf| ahead.get(&(leaf, key.clone())).zip(Some(leaf)));
        let record = early.map(|(digest, leaf)| (digest.clone(), leaf)).or(applied);
        let found = match record {
            None => Found::WithoutRecord,
            Some((digest, leaf)) => {
                // A row that cannot even be read was not written by this program.
                let same = PersonRow::read(row).is_ok_and(|it| {
                    let stored = row.get::<_, Value>(15).ok();
                    let user_key = row.get::<_, String>(14).ok();
                    Value::Blob(digests.of(&it).to_vec()) == digest
                        && stored.as_ref() == Some(&digest)
                        && user_key == Some(crate::person::user_key(&it.user_name))
                        && settled == Some(leaf)
                });
                if same {
                    continue;
                }
                Found::Differs
            }
        };
        to.push(Discrepancy { table: "persons", key, found });
    }
    let missing = records.keys().cloned();
    to.extend(missing.map(|key| Discrepancy { table: "persons", key, found: Found::Missing }));
    Ok(())
}

/// Staged rows: each must be what was staged, and must have no record that was applied.
fn outbox(
    store: &Connection,
    records: &Connection,
    digests: &Digests,
    to: &mut Vec<Discrepancy>,
) -> rusqlite::Result<()> {
    let records = digests_by_record(records)?;
    let sql = format!("SELECT {ROW}, digest, payload, seq FROM outbox");
    let mut statement = store.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let digest: Value = row.get(14)?;
        let payload: Vec<u8> = row.get(15)?;
        let whole = PersonRow::read(row).is_ok_and(|it| {
            let of_row = digests.of(&it);
            let put = |put: &PersonPut| put.person == it.person && put.row_digest == of_row;
            let recorded = Record::decode(&payload);
            let recorded = recorded.is_ok_and(|it| matches!(&it, Record::PersonPut(it) if put(it)));
            recorded && digest == Value::Blob(of_row.to_vec())
        });
        let person = row.get::<_, [u8; 16]>(0).map(|id| PersonId(id).to_string());
        let settled = person.ok().and_then(|key| records.get(&key)).map(|it| &it.0);
        let found = if !whole {
            Found::Corrupt
        } else if settled == Some(&digest) {
            Found::Unsettled
        } else {
            continue;
        };
        let key = row.get::<_, i64>(16)?.to_string();
        to.push(Discrepancy { table: "outbox", key, found });
    }
    Ok(())
}
