//! Incidents and their timelines. No sentence of a timeline holds personal data: holders are named
//! beside it, from their rows.

use ward_console::FactsError;
use ward_console::facts::{Holder, IncidentDetail, IncidentPage, IncidentRow, TimelineEntry};
use ward_model::word::{IncidentEntryKind, PersonState};
use ward_model::{AccessId, DataSubjectNumber, IncidentId, PrincipalKind, PrincipalNumber};
use ward_respond::Incidents;
use ward_respond::incidents::{Incident, KeyEvent, Noted};

use super::now::capital;
use super::{count, key_ref, natural, of_store, people};
use crate::app::App;

/// Most rows of a page.
const ROWS_MAX: usize = 200;
/// Most entries of a timeline shown; what is more is counted.
pub const TIMELINE_MAX: usize = 500;

/// Incidents, newest first.
pub fn page(app: &App, before: Option<IncidentId>, rows_max: usize) -> IncidentPage {
    let rows_max = rows_max.clamp(1, ROWS_MAX);
    let mut rows: Vec<IncidentRow> = app.incidents.read(|view| {
        let newest = view.newest(before).take(rows_max.saturating_add(1));
        newest.map(|(id, incident)| row(app, view, id, incident)).collect()
    });
    let has_more = rows.len() > rows_max;
    rows.truncate(rows_max);
    for row in &mut rows {
        row.principal_kind = kind_of(app, row.principal);
    }
    let next = rows.last().filter(|_| has_more).map(|row| row.id);
    IncidentPage { rows, next }
}

/// One incident with its timeline.
pub fn one(app: &App, id: IncidentId) -> Result<Option<IncidentDetail>, FactsError> {
    let found = app.incidents.read(|view| {
        let incident = view.incident(id)?;
        let (timeline, left_out) = timeline(view, incident);
        Some(IncidentDetail {
            row: row(app, view, id, incident),
            holders: holders(view, incident),
            timeline,
            timeline_left_out: left_out,
        })
    });
    let Some(mut detail) = found else { return Ok(None) };
    detail.row.principal_kind = kind_of(app, detail.row.principal);
    for holder in &mut detail.holders {
        let row = app.store.person(holder.person).map_err(|error| of_store(&error))?;
        holder.name = people::name(row.as_ref());
    }
    Ok(Some(detail))
}

fn row(app: &App, view: &Incidents, id: IncidentId, incident: &Incident) -> IncidentRow {
    let matter = incident.matter;
    IncidentRow {
        id,
        kind: matter.kind,
        opened_at: incident.opened.time,
        closed_at: incident.closed.as_ref().map(|(at, _)| at.time),
        key: key_ref(app, matter.key),
        principal_kind: PrincipalKind::Unknown,
        principal: matter.principal,
        alerts: incident.alerts,
        refused: view.tally(matter).refused,
        leaked: natural(incident.leaked),
    }
}

/// The kind of a principal: from the people, or from the register. Unknown when erased.
fn kind_of(app: &App, principal: PrincipalNumber) -> PrincipalKind {
    if principal.is_none() {
        return PrincipalKind::Unknown;
    }
    if app.incidents.read(|view| view.person_of(principal).is_some()) {
        return PrincipalKind::Person;
    }
    let name = app.register.name(DataSubjectNumber::from(principal)).ok().flatten();
    let kind = name.and_then(|(namespace, _)| {
        let mut kinds = PrincipalKind::ALL.iter().copied();
        kinds.find(|kind| ward_register::namespace_of(*kind) == namespace)
    });
    kind.unwrap_or(PrincipalKind::Unknown)
}

/// Who could read the key. A leaver whose own credential was used holds no key and stands on the
/// timeline alone.
fn holders(view: &Incidents, incident: &Incident) -> Vec<Holder> {
    let key = view.key(incident.matter.key);
    let holder = |(person, held): (&ward_model::PersonId, &ward_respond::incidents::Holder)| {
        let seen = view.person(*person);
        Holder {
            person: *person,
            name: String::new(),
            state: seen.map_or(PersonState::Active, |seen| seen.state),
            left_at: seen.and_then(|seen| seen.left_at),
            since: held.since,
            evidence: held.evidence,
        }
    };
    key.into_iter().flat_map(|key| &key.holders).map(holder).collect()
}

/// What happened, oldest first, and how many entries are left out of it.
pub fn timeline(view: &Incidents, incident: &Incident) -> (Vec<TimelineEntry>, u64) {
    let key = view.key(incident.matter.key);
    let events = key.into_iter().flat_map(|key| &key.events).map(of_event);
    let (many, few): (Vec<&Noted>, Vec<&Noted>) =
        incident.entries.iter().partition(|noted| is_many(noted.note.kind));
    let mut entries: Vec<TimelineEntry> = few.into_iter().map(of_noted).chain(events).collect();
    let total = count(entries.len()).saturating_add(count(many.len()));
    // INVARIANT: what people and keys did is kept first; alerts fill the room that is left, the
    // oldest first, because they are alike.
    entries.sort_by_key(|entry| entry.leaf);
    let over = entries.len().saturating_sub(TIMELINE_MAX);
    entries.drain(..over);
    let room = TIMELINE_MAX.saturating_sub(entries.len());
    entries.extend(many.into_iter().take(room).map(of_noted));
    entries.sort_by_key(|entry| entry.leaf);
    let left_out = total.saturating_sub(count(entries.len()));
    (entries, left_out.saturating_add(incident.entries_dropped))
}

/// Whether entries of this kind come in numbers.
const fn is_many(kind: IncidentEntryKind) -> bool {
    matches!(kind, IncidentEntryKind::Alert | IncidentEntryKind::Access)
}

fn of_noted(noted: &Noted) -> TimelineEntry {
    TimelineEntry {
        at: noted.at.time,
        kind: noted.note.kind,
        text: text_of(noted.note.kind, noted.note.note.as_str()),
        access: noted.note.access,
        leaf: noted.at.index,
    }
}

fn of_event(event: &KeyEvent) -> TimelineEntry {
    TimelineEntry {
        at: event.at.time,
        kind: IncidentEntryKind::Revocation,
        text: text_of(IncidentEntryKind::Revocation, &event.what),
        access: AccessId::default(),
        leaf: event.at.index,
    }
}

/// An entry as a sentence. An operator's words stay as they are.
pub fn text_of(kind: IncidentEntryKind, note: &str) -> String {
    match (kind, note) {
        (IncidentEntryKind::Note, note) => note.to_owned(),
        (IncidentEntryKind::Alert, "") => "An alert was raised.".to_owned(),
        (IncidentEntryKind::Access, "") => "The request that raised the alert.".to_owned(),
        (IncidentEntryKind::Holder, "") => "A holder of the key.".to_owned(),
        (IncidentEntryKind::Revocation, "") => "Something was taken back.".to_owned(),
        (IncidentEntryKind::Alert, note) => format!("An alert: {note}."),
        (IncidentEntryKind::Holder, note) => format!("A person: {note}."),
        (_, note) => format!("{}.", capital(note)),
    }
}
