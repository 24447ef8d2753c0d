//! Copying the store, and what to do with a copy that is older than the records.
//!
//! The text of a person's row is in no record. A store put back from a backup under a younger
//! journal knows that such rows changed, and not how: [`Store::outdated_persons`] gives them with
//! the state that records tell, to be put once more. Best test: `tests.rs`.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::MAIN_DB;
use ward_model::word::PersonState;
use ward_model::{PersonId, PrincipalKey, PrincipalNumber, UnixMillis};

use crate::row::{PersonRow, Read as _};
use crate::{Store, StoreError};

const OUTDATED: &str = "SELECT persons.person, persons.principal, persons.principal_key, user_name,
  external_id, display_name, given_name, family_name, emails, active, person_records.state, created,
  modified, version
  FROM persons JOIN person_records ON person_records.person = persons.person
  WHERE persons.row_digest <> person_records.digest ORDER BY persons.person";
const ABSENT: &str = "SELECT person_records.person, person_records.principal,
  person_records.principal_key, person_records.state
  FROM person_records LEFT JOIN persons ON persons.person = person_records.person
  WHERE persons.person IS NULL ORDER BY person_records.person";

impl Store {
    /// Copies the store to a new file at `to`, mode 0600, by SQLite's online backup. Changes wait.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: there is no copy, or a part of one.
    pub fn copy_to(&self, to: &Path) -> Result<(), StoreError> {
        let mut options = OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o600).open(to);
        made.map_err(|error| StoreError::Unavailable { what: error.kind().to_string() })?;
        let projection = self.lock();
        projection.connection.backup(MAIN_DB, to, None::<fn(rusqlite::backup::Progress)>)?;
        Ok(())
    }

    /// Persons whose last record tells of another row than stands here, once every record is
    /// applied: the old text with the recorded state, or, when there was no row at all, the id for a
    /// user name. None in a store that was never put back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn outdated_persons(&self) -> Result<Vec<PersonRow>, StoreError> {
        let projection = self.lock();
        let mut statement = projection.connection.prepare(OUTDATED)?;
        let rows = statement.query_map([], PersonRow::read)?;
        let mut outdated = rows.collect::<Result<Vec<_>, _>>()?;
        for row in &mut outdated {
            row.active = row.state != PersonState::Left;
        }
        let mut statement = projection.connection.prepare(ABSENT)?;
        let rows = statement.query_map([], |row| {
            let state = PersonState::from_byte(row.get(3)?).unwrap_or(PersonState::Left);
            Ok((PersonId(row.get(0)?), row.get(1)?, PrincipalKey(row.get(2)?), state))
        })?;
        for row in rows {
            let (person, principal, principal_key, state) = row?;
            outdated.push(PersonRow {
                person,
                principal: PrincipalNumber(principal),
                principal_key,
                user_name: person.uuid(),
                external_id: None,
                display_name: String::new(),
                given_name: String::new(),
                family_name: String::new(),
                emails: Vec::new(),
                active: state != PersonState::Left,
                state,
                created: UnixMillis::new(0),
                modified: UnixMillis::new(0),
                version: 0,
            });
        }
        Ok(outdated)
    }
}
