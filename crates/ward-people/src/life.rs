//! The driver of a person's life: joins, changes, leaves, comes back.
//!
//! What it must never do: ask the store anything before a leaver's first group is durable.
//! Where it sits: between the doors (`scim/http.rs`, `api.rs`) and the pure `cascade.rs`.
//! Best test: `life/tests.rs`.

use std::sync::Arc;

use tokio::sync::Mutex;
use ward_model::record::PersonPut;
use ward_model::word::PersonState;
use ward_model::{PersonId, Record, UnixMillis};

use crate::cascade;
use crate::holdings::{Holdings, SharedHoldings};
use crate::limits::CASCADE_GROUPS_MAX;
use crate::outside::{Outside, ReturnHeld, SaveError, Unavailable};
use crate::person::PersonRow;

/// Why a person's life could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LifeError {
    /// Nobody has this id. Blame: input.
    #[error("no such person")]
    NotFound,
    /// Another cause than his leaving keeps him suspended; an operator must restore him first.
    #[error("suspended for another cause than leaving")]
    SuspendedOtherwise,
    /// It weakens: another person must approve it first.
    #[error(transparent)]
    Held(ReturnHeld),
    /// Try again later. Whatever was begun is in the journal and is resumed by [`People::tend`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// People and what happens to them. Cheap to clone.
pub struct People<E>(Arc<Inner<E>>);

struct Inner<E> {
    outside: E,
    holdings: SharedHoldings,
    /// Held while one group is decided and appended, so that two signals never act on one view.
    /// WHY not for a whole cascade: the next leaver waits for one append, not for a thousand.
    turn: Mutex<()>,
    base: String,
}

impl<E> Clone for People<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Outside> People<E> {
    /// `base` is the SCIM base URL for `meta.location`, for example
    /// `http://127.0.0.1:7780/scim/v2`. Call [`People::tend`] once the journal is open.
    pub fn new(outside: E, holdings: SharedHoldings, base: impl Into<String>) -> Self {
        let base = base.into().trim_end_matches('/').to_owned();
        Self(Arc::new(Inner { outside, holdings, turn: Mutex::new(()), base }))
    }

    /// What the program provides.
    pub(crate) fn outside(&self) -> &E {
        &self.0.outside
    }

    /// The SCIM base URL.
    pub(crate) fn base(&self) -> &str {
        &self.0.base
    }

    /// Looks at the holdings.
    pub fn read<T>(&self, look: impl FnOnce(&Holdings) -> T) -> T {
        self.0.holdings.read(look)
    }

    /// A person joins. With `active` false he is known and may do nothing.
    ///
    /// # Errors
    /// [`SaveError`]: nothing was written.
    pub async fn join(&self, row: PersonRow, active: bool) -> Result<(), SaveError> {
        let (principal, principal_key) = self.0.outside.principal(row.id).await?;
        let state = if active { PersonState::Active } else { PersonState::Left };
        let person = row.id;
        let row_digest = self.0.outside.digest(&row.canonical());
        let put = PersonPut { person, principal, principal_key, state, row_digest };
        {
            let _turn = self.0.turn.lock().await;
            self.0.outside.save(PersonRow { state, ..row }, put).await?;
        }
        self.finish(person).await.map_err(SaveError::Unavailable)
    }

    /// A person's attributes change; his state does not.
    ///
    /// # Errors
    /// [`SaveError`]: nothing was written.
    pub async fn change(&self, row: PersonRow) -> Result<(), SaveError> {
        let row_digest = self.0.outside.digest(&row.canonical());
        let _turn = self.0.turn.lock().await;
        let Some(held) = self.read(|it| it.person(row.id).cloned()) else {
            return Err(Unavailable { what: "journal" }.into());
        };
        let put = PersonPut {
            person: row.id,
            principal: held.principal,
            principal_key: held.principal_key,
            state: held.state,
            row_digest,
        };
        self.0.outside.save(PersonRow { state: held.state, ..row }, put).await
    }

    /// A person leaves: he is cut by the first group, the rest follows at once. Doing it again does
    /// nothing. `also` is appended with the first group (an operator's act). Cancel safe: the
    /// cascade runs in a task of its own.
    ///
    /// # Errors
    /// [`LifeError::NotFound`]; [`LifeError::Unavailable`]: ask again, nothing is done twice.
    pub async fn leave(
        &self,
        person: PersonId,
        signalled_at: UnixMillis,
        also: Vec<Record>,
    ) -> Result<(), LifeError> {
        if self.read(|it| it.person(person).is_none()) {
            return Err(LifeError::NotFound);
        }
        let people = self.clone();
        let task = tokio::spawn(async move {
            people.begin(person, signalled_at, also).await?;
            people.finish(person).await?;
            people.project(person).await;
            Ok::<(), Unavailable>(())
        });
        task.await.unwrap_or(Err(Unavailable { what: "journal" })).map_err(Into::into)
    }

    /// A leaver comes back: what the cascade blocked opens again, what it revoked stays revoked.
    /// Does nothing for someone who is here. It weakens: without an approval it waits.
    ///
    /// # Errors
    /// [`LifeError`].
    pub async fn come_back(&self, person: PersonId) -> Result<(), LifeError> {
        if self.read(|it| it.person(person).is_none()) {
            return Err(LifeError::NotFound);
        }
        let left = self.read(|it| {
            it.person(person).filter(|held| held.state == PersonState::Left).map(|held| held.since)
        });
        let Some(left) = left else {
            self.project(person).await;
            return Ok(());
        };
        self.finish(person).await?;
        let approved = match self.0.outside.may_return(person, left).await {
            Ok(approved) => approved,
            Err(ReturnHeld::Unavailable(error)) => return Err(error.into()),
            Err(held) => return Err(LifeError::Held(held)),
        };
        {
            let _turn = self.0.turn.lock().await;
            let (group, kept) = self.read(|it| {
                let held = it.person(person).filter(|held| held.state == PersonState::Left);
                (cascade::back(it, person), held.is_some())
            });
            match group {
                Some(mut group) => {
                    group.extend(approved);
                    self.0.outside.append(group).await?;
                }
                None if kept => return Err(LifeError::SuspendedOtherwise),
                None => {}
            }
        }
        self.project(person).await;
        Ok(())
    }

    /// Carries on whatever is left to do for anyone who left, and says how many groups that took.
    /// Call it at start and whenever [`cascade::concerns`] a record.
    ///
    /// # Errors
    /// [`Unavailable`]: call again.
    pub async fn tend(&self) -> Result<usize, Unavailable> {
        let out: Vec<PersonId> = self.read(|it| {
            let people = it.people_after(None).map(|(person, _)| person);
            people.filter(|&person| cascade::next(it, person, None).is_some()).collect()
        });
        let mut groups = 0usize;
        for person in out {
            groups = groups.saturating_add(self.finish_counted(person).await?);
            self.project(person).await;
        }
        Ok(groups)
    }

    async fn begin(
        &self,
        person: PersonId,
        signalled_at: UnixMillis,
        also: Vec<Record>,
    ) -> Result<(), Unavailable> {
        let _turn = self.0.turn.lock().await;
        let first = self.read(|it| cascade::next(it, person, Some(signalled_at)));
        let mut group = first.unwrap_or_default();
        group.extend(also);
        if group.is_empty() {
            return Ok(());
        }
        self.0.outside.append(group).await
    }

    async fn finish(&self, person: PersonId) -> Result<(), Unavailable> {
        self.finish_counted(person).await.map(|_| ())
    }

    async fn finish_counted(&self, person: PersonId) -> Result<usize, Unavailable> {
        for groups in 0..CASCADE_GROUPS_MAX {
            let _turn = self.0.turn.lock().await;
            let Some(group) = self.read(|it| cascade::next(it, person, None)) else {
                return Ok(groups);
            };
            // CRASH: each group stands alone; the next start asks `cascade::next` again.
            self.0.outside.append(group).await?;
        }
        Err(Unavailable { what: "journal" })
    }

    /// Lets the projection follow. A failure is no failure of the leave: asked who is active, this
    /// room answers from records.
    async fn project(&self, person: PersonId) {
        let Some(state) = self.read(|it| it.person(person).map(|held| held.state)) else {
            return;
        };
        let now = self.0.outside.now();
        if let Err(error) = self.0.outside.project_state(person, state, now).await {
            tracing::warn!(%error, "the projection of a person's state is behind its record");
        }
    }
}

#[cfg(test)]
mod tests;
