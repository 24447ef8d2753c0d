//! A change of a person, in three steps: staged with its record, appended, settled.
//!
//! CRASH: before the staging commits nothing happened. After it, and before the append, the staged
//! row is invisible and is dropped at the next start. After the append the record counts, and the
//! row is settled by the caller, by the follower, or at the next start, whichever comes first.

use rusqlite::{OptionalExtension as _, TransactionBehavior, params};
use ward_model::record::{PersonPut, Row as _};
use ward_model::{PersonId, Position};

use crate::apply;
use crate::limits::{EMAILS_MAX, TEXT_BYTES_MAX};
use crate::row::PersonRow;
use crate::{Store, StoreError};

/// Why a change of a person was not begun. Nothing was staged.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BeginError {
    /// A text is empty or too long, or there are too many addresses: mend the request.
    #[error("a column of the person is empty or too long: {column}")]
    Input {
        /// Which.
        column: &'static str,
    },
    /// Another person has this user name (RFC 7644 §3.3: 409, `uniqueness`).
    #[error("the user name is taken")]
    UserNameTaken,
    /// Another change of this person is under way: try again.
    #[error("another change of this person is under way")]
    Busy,
    /// The row is not at the version the caller has seen: read it again.
    #[error("the person is at version {found}")]
    Moved {
        /// The version found; 0 when there is no such person.
        found: i64,
    },
    /// The file failed: try again.
    #[error(transparent)]
    Store(StoreError),
}

impl From<rusqlite::Error> for BeginError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A staged change: append its record, then give it to [`Store::settle`]; or to
/// [`Store::abandon`] when the record was surely not appended. Dropped, it is staged until the
/// next start.
#[must_use = "a staged change keeps its person and user name busy"]
pub struct Pending {
    seq: i64,
    row: PersonRow,
    record: PersonPut,
}

impl Pending {
    /// The record to append.
    #[must_use]
    pub const fn record(&self) -> &PersonPut {
        &self.record
    }

    /// The row as it will be, version set.
    #[must_use]
    pub const fn row(&self) -> &PersonRow {
        &self.row
    }
}

/// A staged change that no record tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsettled {
    /// Its place in the outbox.
    pub seq: i64,
    /// Who.
    pub person: PersonId,
}

/// The form of a user name that must be unique (RFC 7643 §4.1.1: not case exact).
pub(crate) fn user_key(user_name: &str) -> String {
    user_name.trim().to_lowercase()
}

fn check(row: &PersonRow) -> Result<(), BeginError> {
    let texts = [
        ("userName", Some(&row.user_name)),
        ("externalId", row.external_id.as_ref()),
        ("displayName", Some(&row.display_name)),
        ("name.givenName", Some(&row.given_name)),
        ("name.familyName", Some(&row.family_name)),
    ];
    for (column, text) in texts {
        if text.is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(BeginError::Input { column });
        }
    }
    if user_key(&row.user_name).is_empty() {
        return Err(BeginError::Input { column: "userName" });
    }
    let long = |text: &str| text.len() > TEXT_BYTES_MAX;
    let bad = row.emails.iter().any(|it| long(&it.value) || it.kind.as_deref().is_some_and(long));
    if bad || row.emails.len() > EMAILS_MAX {
        return Err(BeginError::Input { column: "emails" });
    }
    Ok(())
}

impl Store {
    /// Decides whether a person may be put like this, and stages the row with its record. The row
    /// is not visible yet. `seen`: the version the caller has read, 0 for a new person, `None` to
    /// put whatever is there. `version` and, for an old row, `created` are set here.
    ///
    /// # Errors
    /// [`BeginError`]: nothing was staged.
    pub fn begin_person_put(
        &self,
        mut row: PersonRow,
        seen: Option<i64>,
    ) -> Result<Pending, BeginError> {
        check(&row)?;
        let key = user_key(&row.user_name);
        let mut projection = self.lock();
        let tx = projection.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let person = &row.person.0[..];
        let old: Option<(i64, i64)> = tx
            .query_row("SELECT version, created FROM persons WHERE person = ?1", [person], |it| {
                Ok((it.get(0)?, it.get(1)?))
            })
            .optional()?;
        let found = old.map_or(0, |(version, _)| version);
        if seen.is_some_and(|seen| seen != found) {
            return Err(BeginError::Moved { found });
        }
        let taken: bool = tx.query_row(
            "SELECT EXISTS (SELECT 1 FROM persons WHERE user_key = ?1 AND person <> ?2)
               OR EXISTS (SELECT 1 FROM outbox WHERE user_key = ?1 AND person <> ?2)",
            params![key, person],
            |it| it.get(0),
        )?;
        if taken {
            return Err(BeginError::UserNameTaken);
        }
        let staged = "SELECT EXISTS (SELECT 1 FROM outbox WHERE person = ?1)";
        if tx.query_row(staged, [person], |it| it.get(0))? {
            return Err(BeginError::Busy);
        }
        row.version = found.saturating_add(1);
        if let Some((_, created)) = old {
            row.created = ward_model::UnixMillis::new(created);
        }
        let record = PersonPut {
            person: row.person,
            principal: row.principal,
            principal_key: row.principal_key,
            state: row.state,
            row_digest: self.digests.of(&row),
        };
        stage(&tx, &row, &key, &record)?;
        let seq = tx.last_insert_rowid();
        tx.commit()?;
        Ok(Pending { seq, row, record })
    }

    /// Makes a staged change visible: its record stands at `at`. Gives the row.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the change counts all the same (the journal has it); the
    /// follower settles it later.
    pub fn settle(&self, pending: Pending, at: Position) -> Result<PersonRow, StoreError> {
        let mut projection = self.lock();
        let tx = projection.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        apply::settle(&tx, at, &pending.record)?;
        tx.commit()?;
        Ok(pending.row)
    }

    /// Takes a staged change back; only when its record was surely not appended.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: it is dropped at the next start.
    pub fn abandon(&self, pending: Pending) -> Result<(), StoreError> {
        let projection = self.lock();
        projection.connection.execute("DELETE FROM outbox WHERE seq = ?1", [pending.seq])?;
        Ok(())
    }

    /// Drops what is still staged. Call at start only, once every record of the journal has been
    /// applied: what is left then has no record and never happened.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing was dropped; do not start.
    pub fn drop_unsettled(&self) -> Result<Vec<Unsettled>, StoreError> {
        let mut projection = self.lock();
        let tx = projection.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let dropped = tx
            .prepare("DELETE FROM outbox RETURNING seq, person")?
            .query_map([], |it| Ok(Unsettled { seq: it.get(0)?, person: PersonId(it.get(1)?) }))?
            .collect::<Result<Vec<_>, _>>()?;
        tx.commit()?;
        Ok(dropped)
    }
}

fn stage(
    tx: &rusqlite::Transaction<'_>,
    row: &PersonRow,
    key: &str,
    record: &PersonPut,
) -> Result<(), BeginError> {
    let mut payload = PersonPut::KIND.to_le_bytes().to_vec();
    record.put(&mut payload);
    let emails =
        serde_json::to_string(&row.emails).map_err(|_| BeginError::Input { column: "emails" })?;
    tx.prepare_cached(
        "INSERT INTO outbox (person, user_key, digest, payload, principal, principal_key,
           user_name, external_id, display_name, given_name, family_name, emails, active, state,
           created, modified, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?
    .execute(params![
        &row.person.0[..],
        key,
        &record.row_digest[..],
        payload,
        row.principal.0,
        &row.principal_key.0[..],
        row.user_name,
        row.external_id,
        row.display_name,
        row.given_name,
        row.family_name,
        emails,
        row.active,
        row.state.byte(),
        row.created.ms(),
        row.modified.ms(),
        row.version,
    ])?;
    Ok(())
}
