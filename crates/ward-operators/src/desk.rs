//! The driver: one turn at a time, so that two consents or two uses never act on one view.
//!
//! CRASH: a proposal, a consent and the use of an approval are each one group; the use stands in
//! one group with what it allowed, so that it is used once or not at all.
//! Best test: `desk/tests.rs`.

use core::future::Future;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};
use ward_model::{ApprovalId, Caller, Record, UnixMillis};

use crate::act::{Act, Rules};
use crate::approval::decide::{self, Answer, Consenting, Rejected};
use crate::approval::{Approvals, SharedApprovals, Standing};

/// The journal did not answer; trying again later may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal cannot be reached")]
pub struct Unavailable;

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// Blame: input.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// Try again later; nothing was written.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What the program provides.
pub trait Outside: Send + Sync + 'static {
    /// Appends `records` as ONE group, in the highest lane among them; returns when it is durable
    /// and every view has taken it in.
    fn append(&self, records: Vec<Record>) -> impl Future<Output = Result<(), Unavailable>> + Send;
    /// The time.
    fn now(&self) -> UnixMillis;
    /// The rules in force.
    fn rules(&self) -> Rules;
}

/// An approved act that was not carried out yet. Its record uses the approval up: append it in one
/// group with what the act does. Dropped without that, nothing has happened.
///
/// Made by [`Desk::ask`] alone; no other act can be asked for while it lives.
#[derive(Debug)]
pub struct Approved {
    record: Option<Record>,
    approval: ApprovalId,
    _turn: OwnedMutexGuard<()>,
}

impl Approved {
    /// The record that uses the approval up; while there never were two operators, the alert that
    /// one of them acted alone, or none when he enrols the second.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        self.record.clone()
    }

    /// The approval's number; none when nobody had to approve.
    #[must_use]
    pub const fn approval(&self) -> ApprovalId {
        self.approval
    }
}

/// An act that waits for consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The proposal's number.
    pub approval: ApprovalId,
}

/// Where acts are proposed and approved. Cheap to clone.
pub struct Desk<E>(Arc<Inner<E>>);

struct Inner<E> {
    outside: E,
    approvals: SharedApprovals,
    turn: Arc<Mutex<()>>,
}

impl<E> Clone for Desk<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Outside> Desk<E> {
    /// Call [`Desk::tend`] from time to time.
    pub fn new(outside: E, approvals: SharedApprovals) -> Self {
        Self(Arc::new(Inner { outside, approvals, turn: Arc::default() }))
    }

    /// Takes the turn for work that is no act of approval but must not cross one.
    pub async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.0.turn).lock_owned().await
    }

    /// What the program provides.
    pub(crate) fn outside(&self) -> &E {
        &self.0.outside
    }

    /// The view of proposals and operators.
    pub fn view(&self) -> SharedApprovals {
        self.0.approvals.clone()
    }

    /// Looks at the proposals.
    pub fn read<T>(&self, look: impl FnOnce(&Approvals) -> T) -> T {
        self.0.approvals.read(look)
    }

    /// The time, as this desk knows it.
    pub fn now(&self) -> UnixMillis {
        self.0.outside.now()
    }

    /// Asks whether an act that weakens may be carried out; proposes it if nobody has.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn ask(
        &self,
        act: &Act,
        caller: &Caller,
    ) -> Result<Result<Approved, Held>, DeskError> {
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        let now = self.now();
        let rules = self.0.outside.rules();
        match self.read(|it| decide::ask(it, &rules, act, caller, now))? {
            Answer::Approved(ended) => {
                let approval = ended.approval;
                Ok(Ok(Approved { record: Some(ended.into()), approval, _turn: turn }))
            }
            Answer::Founding(alert) => {
                let (record, approval) = (alert.map(Record::from), ApprovalId::NONE);
                Ok(Ok(Approved { record, approval, _turn: turn }))
            }
            Answer::Waits(approval) => Ok(Err(Held { approval })),
            Answer::Propose(approval, group) => {
                self.0.outside.append(group).await?;
                Ok(Err(Held { approval }))
            }
        }
    }

    /// Uses an approval up, in one group with `rest`: what it allowed, or what says so.
    ///
    /// WHY a task of its own: whoever asked may go away; the turn is held until the records stand,
    /// so that nobody finds the approval unused.
    ///
    /// # Errors
    /// [`Unavailable`]: nothing was written, and the approval still stands.
    pub async fn use_up(&self, approved: Approved, rest: Vec<Record>) -> Result<(), Unavailable> {
        let group: Vec<Record> = approved.record().into_iter().chain(rest).collect();
        if group.is_empty() {
            return Ok(());
        }
        let desk = self.clone();
        let work = tokio::spawn(async move {
            let done = desk.0.outside.append(group).await;
            drop(approved);
            done
        });
        work.await.unwrap_or(Err(Unavailable))
    }

    /// An operator consents to a proposal whose digest he has seen; says how it stands now.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn consent(
        &self,
        id: ApprovalId,
        digest: &[u8; 32],
        who: Consenting,
    ) -> Result<Standing, DeskError> {
        let _turn = self.0.turn.lock().await;
        let now = self.now();
        let consent = self.read(|it| decide::consent(it, id, digest, who, now))?;
        self.0.outside.append(vec![consent.into()]).await?;
        self.read(|it| it.proposal(id).map(|proposal| it.standing(proposal, now)))
            .ok_or_else(|| Rejected::NotFound.into())
    }

    /// The proposer takes his proposal back.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn withdraw(&self, id: ApprovalId, caller: &Caller) -> Result<(), DeskError> {
        let _turn = self.0.turn.lock().await;
        let now = self.now();
        let end = self.read(|it| decide::withdraw(it, id, caller, now))?;
        Ok(self.0.outside.append(vec![end.into()]).await?)
    }

    /// Another operator refuses it.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn refuse(&self, id: ApprovalId, caller: &Caller) -> Result<(), DeskError> {
        let _turn = self.0.turn.lock().await;
        let now = self.now();
        let end = self.read(|it| decide::refuse(it, id, caller, now))?;
        Ok(self.0.outside.append(vec![end.into()]).await?)
    }

    /// Records which proposals have ended with time or with their proposer; says how many.
    ///
    /// # Errors
    /// [`Unavailable`]: call again.
    pub async fn tend(&self) -> Result<usize, Unavailable> {
        let _turn = self.0.turn.lock().await;
        let now = self.now();
        let over = self.read(|it| decide::overdue(it, now));
        let count = over.len();
        if count > 0 {
            self.0.outside.append(over).await?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
