//! The driver: appends what `decide.rs` says, and what operators say about an incident.
//!
//! Best test: `desk/tests.rs`.

use core::future::Future;
use std::sync::Arc;

use tokio::sync::Mutex;
use ward_model::record::{IncidentClosed, IncidentNoted, OperatorDid};
use ward_model::word::IncidentEntryKind;
use ward_model::{AccessId, AlertId, IncidentId, PersonId, Record, Text};

use crate::decide;
use crate::incidents::{Incidents, SharedIncidents};
use crate::limits::GROUPS_MAX;

/// The journal did not answer; trying again later may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal cannot be reached")]
pub struct Unavailable;

/// Why an operator's word was not put down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// No incident has this number. Blame: input.
    #[error("no such incident")]
    NotFound,
    /// It is closed already.
    #[error("the incident is closed already")]
    Closed,
    /// A second person has to look at the emergency first. Blame: conflict.
    #[error("a second person has to look at every emergency first: ward gate review")]
    Unreviewed,
    /// Try again later; nothing was written.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What the program provides.
pub trait Outside: Send + Sync + 'static {
    /// Appends `records` as ONE group, in the highest lane among them; returns when it is durable
    /// and every view has taken it in.
    fn append(&self, records: Vec<Record>) -> impl Future<Output = Result<(), Unavailable>> + Send;
}

/// Where incidents are worked on. Cheap to clone.
pub struct Desk<E>(Arc<Inner<E>>);

struct Inner<E> {
    outside: E,
    incidents: SharedIncidents,
    /// Held while one group is decided and appended, so that no incident is opened twice.
    turn: Mutex<()>,
}

impl<E> Clone for Desk<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Outside> Desk<E> {
    /// Call [`Desk::tend`] once the journal is open and whenever [`decide::concerns`] a record.
    pub fn new(outside: E, incidents: SharedIncidents) -> Self {
        Self(Arc::new(Inner { outside, incidents, turn: Mutex::new(()) }))
    }

    /// Looks at the incidents.
    pub fn read<T>(&self, look: impl FnOnce(&Incidents) -> T) -> T {
        self.0.incidents.read(look)
    }

    /// Puts every waiting alert on an incident; says how many groups that took. Cancel safe: each
    /// group stands alone.
    ///
    /// # Errors
    /// [`Unavailable`]: call again.
    pub async fn tend(&self) -> Result<usize, Unavailable> {
        for groups in 0..GROUPS_MAX {
            let _turn = self.0.turn.lock().await;
            let Some(group) = self.read(decide::next) else { return Ok(groups) };
            self.0.outside.append(group).await?;
        }
        Err(Unavailable)
    }

    /// Puts an operator's note on an incident, closed ones too. No personal data belongs in it.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn note(
        &self,
        incident: IncidentId,
        note: Text,
        act: OperatorDid,
    ) -> Result<(), DeskError> {
        let _turn = self.0.turn.lock().await;
        self.read(|it| it.incident(incident).map(|_| ())).ok_or(DeskError::NotFound)?;
        let noted = IncidentNoted {
            incident,
            kind: IncidentEntryKind::Note,
            alert: AlertId::NONE,
            access: AccessId::default(),
            person: PersonId::default(),
            note,
        };
        Ok(self.0.outside.append(vec![noted.into(), act.into()]).await?)
    }

    /// Closes an incident. A later alert of the same matter opens another.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn close(
        &self,
        incident: IncidentId,
        note: Text,
        act: OperatorDid,
    ) -> Result<(), DeskError> {
        let _turn = self.0.turn.lock().await;
        let (closed, waits) = self
            .read(|view| {
                let found = view.incident(incident)?;
                Some((found.closed.is_some(), view.waits_for_review(found)))
            })
            .ok_or(DeskError::NotFound)?;
        if closed {
            return Err(DeskError::Closed);
        }
        if waits {
            return Err(DeskError::Unreviewed);
        }
        let closed = IncidentClosed { incident, note };
        Ok(self.0.outside.append(vec![closed.into(), act.into()]).await?)
    }
}

#[cfg(test)]
mod tests;
