//! What the console shows, joined from the open rooms.
//!
//! What it must never do: change anything, or show an outside id or a field value of a data
//! subject. People who work here are named, by their rows; everything else is said by records.
//! `now` asks memory alone; pages of one access or a long search may read the journal.
//! Best tests: `facts/tests.rs` (pure parts), `view/pulse/tests.rs` and `view/recent.rs` (counts).

mod accesses;
mod credentials;
mod incidents;
mod now;
pub mod people;
mod record;
pub mod search;

use std::sync::Arc;

use ward_catalogue::{Mode, Route};
use ward_console::facts::{
    AccessDetail, AccessPage, AccessesAsk, Credential, CredentialPage, CredentialsAsk,
    IncidentDetail, IncidentPage, KeyRef, Now, PeoplePage, RecordAsk, RecordPage, RouteState,
};
use ward_console::{Facts, FactsError};
use ward_journal::ReadError;
use ward_model::word::RouteMode;
use ward_model::{AccessId, Caller, IncidentId, KeyNumber};
use ward_operators::Session;
use ward_store::StoreError;

use crate::app::App;
use crate::reads::{self, Named};

/// The console's facts.
pub struct Joined(pub Arc<App>);

impl Facts for Joined {
    fn now(&self) -> Result<Now, FactsError> {
        Ok(now::now(&self.0))
    }

    fn routes(&self) -> Result<Vec<RouteState>, FactsError> {
        Ok(routes(&self.0))
    }

    fn accesses(&self, ask: &AccessesAsk) -> Result<AccessPage, FactsError> {
        accesses::page(&self.0, ask)
    }

    fn access(&self, id: AccessId) -> Result<Option<AccessDetail>, FactsError> {
        accesses::one(&self.0, id)
    }

    fn incidents(
        &self,
        before: Option<IncidentId>,
        rows_max: usize,
    ) -> Result<IncidentPage, FactsError> {
        Ok(incidents::page(&self.0, before, rows_max))
    }

    fn incident(&self, id: IncidentId) -> Result<Option<IncidentDetail>, FactsError> {
        incidents::one(&self.0, id)
    }

    fn people(&self, after: Option<&str>, rows_max: usize) -> Result<PeoplePage, FactsError> {
        people::page(&self.0, after, rows_max)
    }

    fn record(&self, ask: &RecordAsk) -> Result<RecordPage, FactsError> {
        record::page(&self.0, ask)
    }

    fn credentials(&self, ask: &CredentialsAsk) -> Result<CredentialPage, FactsError> {
        Ok(credentials::page(&self.0, ask))
    }

    fn credential(&self, id: &str) -> Result<Option<Credential>, FactsError> {
        Ok(credentials::one(&self.0, id))
    }

    fn let_out(
        &self,
        session: Option<&Session>,
        what: &'static str,
        of: &str,
        data_subjects: usize,
    ) -> Result<(), FactsError> {
        let named = Named { what, about: of, data_subjects };
        reads::of_page(&self.0, caller(&self.0, session), named)
    }
}

/// The caller behind a session of the console.
fn caller(app: &App, session: Option<&Session>) -> Caller {
    let Some(session) = session else { return Caller::WARD };
    let roles = app.operators.read(|it| it.operators().roles(session.person));
    Caller { person: session.person, session: session.id, roles, ..Caller::WARD }
}

/// The declared routes, by number.
fn routes(app: &App) -> Vec<RouteState> {
    let catalogue = app.catalogue.load();
    let state = |route: &Route| RouteState {
        number: route.number,
        name: route_name(route),
        mode: match route.mode {
            Mode::Observe => RouteMode::Observe,
            Mode::Enforce => RouteMode::Enforce,
        },
    };
    catalogue.routes().iter().map(state).collect()
}

/// A route as pages name it: method and path template.
fn route_name(route: &Route) -> String {
    format!("{} {}", route.method.as_str(), route.path)
}

/// A signing key as it stands now; `None` for none and for a key no record tells of.
fn key_ref(app: &App, number: KeyNumber) -> Option<KeyRef> {
    app.ledger.key(number).map(|key| KeyRef {
        number,
        kid: key.kid.clone(),
        issuer: key.issuer.clone(),
        state: key.state,
        source: key.source,
    })
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A count that records keep as a signed number.
fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn of_journal(error: &ReadError) -> FactsError {
    match error {
        ReadError::Corrupt { .. } => FactsError::Corrupt { what: "the journal" },
        _ => FactsError::Unavailable { what: "the journal" },
    }
}

fn of_store(error: &StoreError) -> FactsError {
    match error {
        StoreError::Corrupt { .. } => FactsError::Corrupt { what: "the store" },
        StoreError::Unavailable { .. } => FactsError::Unavailable { what: "the store" },
    }
}

#[cfg(test)]
mod tests;
