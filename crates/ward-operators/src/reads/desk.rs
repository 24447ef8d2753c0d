//! The driver of Ward's own reads: purpose, budget, a second person, the record; then the answer.
//!
//! CRASH: stopped before the record is durable, nothing has left; stopped after, the record tells
//! of an answer that may not have left, never the other way round.
//! Best test: `tests.rs` beside this file.

use ward_model::record::OperatorRead;
use ward_model::{Caller, Record, Text};

use super::{Aside, ReadRules, Reader, SharedReads, Spent};
use crate::act::{Act, ActKind};
use crate::desk::{Desk, DeskError, Held, Outside, Unavailable};

/// An answer that is ready and waits to leave.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'a> {
    /// What was read: a noun, such as `scope`.
    pub what: &'a str,
    /// About what, in plain words without personal data, for whoever is asked to consent: for
    /// example `by key wk-1`; may be empty.
    pub about: &'a str,
    /// The exact request: method, path and query.
    pub exact: &'a [u8],
    /// The keyed hash of the stated purpose; 0 when none was stated.
    pub purpose: i64,
    /// Distinct data subjects that the answer names.
    pub data_subjects: u64,
}

/// Why an answer does not leave. Nothing was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// State one: header `Ward-Purpose`.
    #[error("state the purpose of this read in the header Ward-Purpose")]
    NoPurpose,
    /// Wait for tomorrow, or ask for less.
    #[error("this answer names {named} data subjects, and {left} are left of today's budget")]
    Spent {
        /// Data subjects the answer names.
        named: u64,
        /// Data subjects that may still be named today.
        left: u64,
    },
    /// See [`DeskError`].
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl From<Unavailable> for ReadError {
    fn from(error: Unavailable) -> Self {
        Self::Desk(error.into())
    }
}

/// Where Ward's own reads are let out. Cheap to clone.
pub struct ReadDesk<E> {
    desk: Desk<E>,
    reads: SharedReads,
}

impl<E> Clone for ReadDesk<E> {
    fn clone(&self) -> Self {
        Self { desk: self.desk.clone(), reads: self.reads.clone() }
    }
}

impl<E: Outside> ReadDesk<E> {
    /// Over the desk where large answers are proposed, and the view of what was read.
    #[must_use]
    pub const fn new(desk: Desk<E>, reads: SharedReads) -> Self {
        Self { desk, reads }
    }

    /// The desk.
    #[must_use]
    pub const fn desk(&self) -> &Desk<E> {
        &self.desk
    }

    /// Whether a purpose must be and is stated: to be asked before an answer is worked out.
    ///
    /// # Errors
    /// [`ReadError::NoPurpose`].
    pub const fn purpose(rules: &ReadRules, purpose: i64) -> Result<(), ReadError> {
        if rules.purpose_required && purpose == 0 { Err(ReadError::NoPurpose) } else { Ok(()) }
    }

    /// Records a read; `Ok(Ok(()))` lets its answer leave. `Ok(Err(_))`: it names so many that
    /// another operator must consent first; ask again then, with exactly the same request.
    ///
    /// # Errors
    /// [`ReadError`]; the answer must not leave.
    pub async fn let_out(
        &self,
        rules: &ReadRules,
        caller: &Caller,
        naming: Naming<'_>,
    ) -> Result<Result<(), Held>, ReadError> {
        Self::purpose(rules, naming.purpose)?;
        let read = Record::from(recorded(caller, naming));
        if naming.data_subjects > rules.at_once {
            let approved = match self.desk.ask(&large(naming), caller).await? {
                Ok(approved) => approved,
                Err(held) => return Ok(Err(held)),
            };
            // INVARIANT: the read stands right after what allows it; the view knows it by that.
            let group = approved.record().into_iter().chain([read]).collect();
            self.append(group, approved).await?;
            return Ok(Ok(()));
        }
        let aside = self.aside(rules, caller, naming.data_subjects)?;
        self.append(vec![read], aside).await?;
        Ok(Ok(()))
    }

    /// Appends a group and keeps `held` until it is known what became of it.
    ///
    /// WHY in a task of its own: a caller who goes away must not give back what the record, which
    /// is on its way all the same, will spend.
    async fn append<T: Send + 'static>(
        &self,
        group: Vec<Record>,
        held: T,
    ) -> Result<(), Unavailable> {
        let desk = self.desk.clone();
        let work = tokio::spawn(async move {
            let done = desk.outside().append(group).await;
            drop(held);
            done
        });
        work.await.unwrap_or(Err(Unavailable))
    }

    fn aside(&self, rules: &ReadRules, caller: &Caller, named: u64) -> Result<Aside, ReadError> {
        let aside = self.reads.set_aside(Reader::of(caller), named, rules.per_day, self.desk.now());
        aside.map_err(|Spent { left }| ReadError::Spent { named, left })
    }
}

fn recorded(caller: &Caller, naming: Naming<'_>) -> OperatorRead {
    OperatorRead {
        person: caller.person,
        api_key: caller.api_key,
        session: caller.session,
        what: Text::cut(naming.what),
        purpose: naming.purpose,
        data_subjects: i64::try_from(naming.data_subjects).unwrap_or(i64::MAX),
    }
}

/// The act of naming so many at once. It may name up to the next power of two, so that an answer
/// that grows a little while its consent is waited for is still the answer that was consented to.
fn large(naming: Naming<'_>) -> Act {
    let most = naming.data_subjects.checked_next_power_of_two().unwrap_or(u64::MAX);
    let effect = format!(
        "an answer of `{}` {}names {} data subjects, {most} at most",
        naming.what,
        if naming.about.is_empty() { String::new() } else { format!("{} ", naming.about) },
        naming.data_subjects,
    );
    let exact = [naming.exact, &naming.purpose.to_le_bytes(), &most.to_le_bytes()];
    Act::of(ActKind::ReadMany, naming.what, &exact, effect)
}

#[cfg(test)]
mod tests;
