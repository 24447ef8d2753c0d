//! The driver: one person opens a route, anyone ends it, a second person looks at it afterwards.
//!
//! Each act is asked of the view and appended under one lock, in one group with the record of who
//! did it, and is answered once that is durable. Roles are the program's business; that it takes a
//! person, and another one, is decided here.
//! Best test: `bypass/desk/tests.rs`.

use tokio::sync::Mutex;
use ward_catalogue::{Body, Mode, Route};
use ward_journal::Journal;
use ward_model::record::{BypassEnded, BypassOpened, EmergencyReviewed};
use ward_model::{BypassId, Caller, PersonId, Record, SessionId, Text, UnixMillis};

use super::{Bypass, Bypasses, Emergency, NotEnded, NotOpened, NotReviewed};

/// The journal did not take the record: nothing was done; try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal cannot be reached")]
pub struct Unavailable;

/// Why a route was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A machine asked. Blame: refused.
    #[error("an emergency takes a person: a session, or an API key that belongs to one")]
    NoPerson,
    /// Blame: conflict.
    #[error("the route is observed: it refuses nothing")]
    Observed,
    /// Blame: conflict. Nobody is ever let through there, so there is nothing to restore.
    #[error("the route is declared uninspectable: nothing would be measured")]
    Uninspectable,
    /// A bound is in the way.
    #[error(transparent)]
    Not(#[from] NotOpened),
    /// Try again.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a bypass was not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndError {
    /// There is nothing to end.
    #[error(transparent)]
    Not(#[from] NotEnded),
    /// Try again.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a review was not put down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// It is not his to review, or not yet.
    #[error(transparent)]
    Not(#[from] NotReviewed),
    /// Try again.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// A fresh random number, positive.
    pub bypass: BypassId,
    /// How long, minutes, from 1 to 30.
    pub minutes: i64,
    /// Why; no personal data.
    pub note: Text,
}

/// Where emergencies are worked on.
pub struct Desk {
    journal: Journal,
    bypasses: Bypasses,
    /// Held while one act is asked and appended.
    turn: Mutex<()>,
}

impl Desk {
    /// Over a journal that writes into the view of these bypasses.
    #[must_use]
    pub fn new(journal: Journal, bypasses: Bypasses) -> Self {
        Self { journal, bypasses, turn: Mutex::new(()) }
    }

    /// What is known of bypasses.
    #[must_use]
    pub const fn bypasses(&self) -> &Bypasses {
        &self.bypasses
    }

    /// Opens an enforced route. `digest`: SHA-256 of the exact request. Cancel safe: the record may
    /// be durable all the same, and then the route is open.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        &self,
        caller: &Caller,
        route: &Route,
        opening: Opening,
        digest: [u8; 32],
        now: UnixMillis,
    ) -> Result<Bypass, OpenError> {
        if caller.person == PersonId::default() {
            return Err(OpenError::NoPerson);
        }
        if route.mode == Mode::Observe {
            return Err(OpenError::Observed);
        }
        if route.body == Body::Uninspectable {
            return Err(OpenError::Uninspectable);
        }
        let _turn = self.turn.lock().await;
        let until = self.bypasses.may_open(route.number, opening.minutes, now)?;
        let opened = BypassOpened {
            bypass: opening.bypass,
            route: route.number,
            until,
            person: caller.person,
            api_key: caller.api_key,
            session: caller.session,
            note: opening.note,
        };
        let did = caller.did("open route", opening.bypass.0, digest);
        self.append(vec![opened.into(), did.into()], now).await?;
        Ok(self.bypasses.bypass(opening.bypass).ok_or(Unavailable)?)
    }

    /// Ends a bypass before its minute: whoever may, a machine too.
    ///
    /// # Errors
    /// [`EndError`].
    pub async fn end(
        &self,
        caller: &Caller,
        bypass: BypassId,
        digest: [u8; 32],
        now: UnixMillis,
    ) -> Result<Bypass, EndError> {
        let _turn = self.turn.lock().await;
        self.bypasses.may_end(bypass, now)?;
        let ended = BypassEnded { bypass, person: caller.person };
        let did = caller.did("end bypass", bypass.0, digest);
        self.append(vec![ended.into(), did.into()], now).await?;
        Ok(self.bypasses.bypass(bypass).ok_or(Unavailable)?)
    }

    /// Puts down that a second person looked at an emergency, and what he found.
    ///
    /// # Errors
    /// [`ReviewError`].
    pub async fn review(
        &self,
        caller: &Caller,
        emergency: Emergency,
        note: Text,
        digest: [u8; 32],
        now: UnixMillis,
    ) -> Result<(), ReviewError> {
        let _turn = self.turn.lock().await;
        self.bypasses.may_review(emergency, caller.person, now)?;
        let (bypass, session) = match emergency {
            Emergency::Bypass(bypass) => (bypass, SessionId::NONE),
            Emergency::Session(session) => (BypassId::NONE, session),
        };
        let target = if bypass.is_none() { session.0 } else { bypass.0 };
        let reviewed = EmergencyReviewed { bypass, session, person: caller.person, note };
        let did = caller.did("review emergency", target, digest);
        Ok(self.append(vec![reviewed.into(), did.into()], now).await?)
    }

    async fn append(&self, group: Vec<Record>, now: UnixMillis) -> Result<(), Unavailable> {
        match self.journal.append(group, now).await {
            Ok(_recorded) => Ok(()),
            Err(error) => {
                tracing::error!(%error, "an emergency could not be recorded");
                Err(Unavailable)
            }
        }
    }
}

#[cfg(test)]
mod tests;
