//! An incident as a person reads it: what, which key, who could read it, the timeline, the scope
//! to ask for. Assembled from the view each time; pure.
//! Best test: `desk/tests.rs` (snapshot).

use serde::Serialize;
use ward_model::word::{
    AlertKind, CustodyEvidence, IncidentEntryKind, KeySource, KeyState, PersonState,
};
use ward_model::{
    AccessId, AlertId, IncidentId, KeyNumber, LeafIndex, PersonId, PrincipalNumber, UnixMillis,
};

use crate::incidents::{Incident, Incidents};

/// A line of `/api/incidents`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The incident.
    pub id: IncidentId,
    /// What it is about.
    pub kind: AlertKind,
    /// `open` or `closed`.
    pub state: &'static str,
    /// When it was opened.
    pub opened_at: String,
    /// When it was closed.
    pub closed_at: Option<String>,
    /// The key's `kid`.
    pub kid: Option<String>,
    /// The principal, 0 for none.
    pub principal: PrincipalNumber,
    /// What was counted.
    pub counts: Counts,
}

/// What was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Alerts that joined it.
    pub alerts: u64,
    /// Accesses of this matter that were refused, before and after it was opened.
    pub accesses_refused: u64,
    /// Accesses of this matter that an observed route let through.
    pub accesses_released: u64,
    /// The most data subjects that had left by the time of one of its alerts.
    pub data_subjects_leaked: i64,
    /// Timeline entries that only the journal still has.
    pub entries_dropped: u64,
}

/// The key of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Its number.
    pub number: KeyNumber,
    /// `kid`.
    pub kid: String,
    /// `iss` of its tokens.
    pub issuer: String,
    /// Where it came from.
    pub source: Option<KeySource>,
    /// Its state now.
    pub state: Option<KeyState>,
    /// For a compromised key: since when it may have been in other hands.
    pub compromised_since: Option<String>,
    /// Whether old tokens may still be let in.
    pub grandfathering: bool,
}

/// Someone concerned: a holder of the key, or the leaver himself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Concerned {
    /// Who, as SCIM and `/api/people` name him.
    pub person: String,
    /// Since when he could read the key.
    pub since: Option<String>,
    /// How that is known.
    pub evidence: Option<CustodyEvidence>,
    /// His state now.
    pub state: Option<PersonState>,
    /// When he left, the last time.
    pub left_at: Option<String>,
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When.
    pub at: String,
    /// The leaf of the journal that says so.
    pub leaf: LeafIndex,
    /// What.
    pub kind: IncidentEntryKind,
    /// The alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertId>,
    /// The request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessId>,
    /// The person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// In words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What to ask scope: whose records were touched under this key or by this principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScopeQuery {
    /// The key, 0 for any.
    pub key: KeyNumber,
    /// The principal, 0 for any.
    pub principal: PrincipalNumber,
    /// From this moment, milliseconds.
    pub from_ms: i64,
    /// To this moment, milliseconds.
    pub to_ms: i64,
}

/// An incident in full.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Its summary.
    #[serde(flatten)]
    pub summary: Summary,
    /// Why it was closed.
    pub closed_note: Option<String>,
    /// The key.
    pub key: Option<Key>,
    /// Everyone who could read the key, or the leaver himself.
    pub holders: Vec<Concerned>,
    /// The timeline, oldest first: what was noted, and what happened to the key.
    pub entries: Vec<Line>,
    /// The scope to ask for.
    pub scope: ScopeQuery,
}

/// The report of an incident.
#[must_use]
pub fn report(view: &Incidents, id: IncidentId) -> Option<Report> {
    let incident = view.incident(id)?;
    let matter = incident.matter;
    let key = view.key(matter.key).map(|key| Key {
        number: matter.key,
        kid: key.kid.clone(),
        issuer: key.issuer.clone(),
        source: key.source,
        state: key.state,
        compromised_since: (key.state == Some(KeyState::Compromised))
            .then(|| moment_text(key.since)),
        grandfathering: key.grandfathering,
    });
    Some(Report {
        summary: summary(view, id, incident),
        closed_note: incident.closed.as_ref().map(|(_, note)| note.clone()),
        key,
        holders: holders(view, incident),
        entries: timeline(view, incident),
        scope: scope(view, incident),
    })
}

/// The summary of an incident.
#[must_use]
pub fn summary(view: &Incidents, id: IncidentId, incident: &Incident) -> Summary {
    let tally = view.tally(incident.matter);
    Summary {
        id,
        kind: incident.matter.kind,
        state: if incident.closed.is_some() { "closed" } else { "open" },
        opened_at: moment_text(incident.opened.time),
        closed_at: incident.closed.as_ref().map(|(at, _)| moment_text(at.time)),
        kid: view.key(incident.matter.key).map(|key| key.kid.clone()),
        principal: incident.matter.principal,
        counts: Counts {
            alerts: incident.alerts,
            accesses_refused: tally.refused,
            accesses_released: tally.released,
            data_subjects_leaked: incident.leaked,
            entries_dropped: incident.entries_dropped,
        },
    }
}

fn holders(view: &Incidents, incident: &Incident) -> Vec<Concerned> {
    let key = view.key(incident.matter.key);
    incident
        .holders
        .iter()
        .map(|person| {
            let held = key.and_then(|key| key.holders.get(person));
            let seen = view.person(*person);
            Concerned {
                person: person.uuid(),
                since: held.map(|it| moment_text(it.since)),
                evidence: held.map(|it| it.evidence),
                state: seen.map(|it| it.state),
                left_at: seen.and_then(|it| it.left_at).map(moment_text),
            }
        })
        .collect()
}

fn timeline(view: &Incidents, incident: &Incident) -> Vec<Line> {
    let noted = incident.entries.iter().map(|noted| Line {
        at: moment_text(noted.at.time),
        leaf: noted.at.index,
        kind: noted.note.kind,
        alert: Some(noted.note.alert).filter(|it| !it.is_none()),
        access: Some(noted.note.access).filter(|it| *it != AccessId::default()),
        person: Some(noted.note.person).filter(|it| *it != PersonId::default()).map(PersonId::uuid),
        note: noted.note.note.as_str().to_owned(),
    });
    let key = view.key(incident.matter.key);
    let events = key.into_iter().flat_map(|key| &key.events).map(|event| Line {
        at: moment_text(event.at.time),
        leaf: event.at.index,
        kind: IncidentEntryKind::Revocation,
        alert: None,
        access: None,
        person: None,
        note: event.what.clone(),
    });
    let mut lines: Vec<Line> = noted.chain(events).chain(looked_at(view, incident)).collect();
    // Leaves are in the order of journal time.
    lines.sort_by_key(|line| line.leaf);
    lines
}

/// What became of the emergencies an incident tells of.
fn looked_at(view: &Incidents, incident: &Incident) -> impl Iterator<Item = Line> {
    let told = incident.entries.iter().filter(|noted| noted.note.kind == IncidentEntryKind::Alert);
    let about = told.filter(|_| incident.matter.kind == AlertKind::EmergencyUsed);
    let found = about.filter_map(|noted| view.emergencies().of(noted.note.alert));
    found.flat_map(crate::emergencies::Emergency::later).map(|(at, person, note)| Line {
        at: moment_text(at.time),
        leaf: at.index,
        kind: IncidentEntryKind::Note,
        alert: None,
        access: None,
        person: Some(person).filter(|it| *it != PersonId::default()).map(PersonId::uuid),
        note,
    })
}

/// From the first moment it can have begun: the key was in other hands, or the first access seen.
fn scope(view: &Incidents, incident: &Incident) -> ScopeQuery {
    let tally = view.tally(incident.matter);
    let seen = [tally.first, incident.opened.time];
    let known = view.key(incident.matter.key).filter(|key| {
        key.state == Some(KeyState::Compromised) && key.since != UnixMillis::default()
    });
    let from = known.map(|key| key.since).into_iter().chain(seen);
    let from = from.filter(|it| *it != UnixMillis::default()).min().unwrap_or_default();
    let to = incident.closed.as_ref().map_or(view.head(), |(at, _)| at.time);
    ScopeQuery {
        key: incident.matter.key,
        principal: incident.matter.principal,
        from_ms: from.ms(),
        to_ms: to.ms(),
    }
}

/// A moment as RFC 3339 text in UTC.
#[must_use]
pub fn moment_text(at: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(at.ms()).map(|it| it.to_string()).unwrap_or_default()
}
