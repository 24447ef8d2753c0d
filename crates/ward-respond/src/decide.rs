//! What an alert makes of the incidents: one is opened, or joined.
//!
//! Pure. What is left to do is worked out each time from the view, so a restart finds what a crash
//! left undone and does nothing twice.
//! Best test: `desk/tests.rs`.

use ward_model::record::{AlertRaised, IncidentClosed, IncidentNoted, IncidentOpened};
use ward_model::word::{AlertKind, IncidentEntryKind, KeyState, PersonState};
use ward_model::{AccessId, AlertId, IncidentId, KeyNumber, PersonId, Record, Text};

use crate::incidents::{Incident, Incidents, KeySeen, Matter};
use crate::report::moment_text;

/// The next group of records, to be appended as one, or `None` when nothing is left to do.
#[must_use]
pub fn next(view: &Incidents) -> Option<Vec<Record>> {
    match view.first_waiting() {
        Some(alert) => Some(decide(view, alert)).filter(|group| !group.is_empty()),
        None => late_holders(view).or_else(|| looked_at(view)),
    }
}

/// Whether a record can leave something to do: the program then calls `Desk::tend`.
#[must_use]
pub fn concerns(record: &Record) -> bool {
    matches!(
        record,
        Record::AlertRaised(_) | Record::KeyHolderDeclared(_) | Record::EmergencyReviewed(_)
    )
}

/// The records an alert makes: the incident if it is new, the alert and its access on it, and when
/// it is new everyone who could read the key and how the key stands.
#[must_use]
pub fn decide(view: &Incidents, alert: &AlertRaised) -> Vec<Record> {
    let Some(matter) = Matter::of(alert.kind, alert.key, alert.principal) else {
        return Vec::new();
    };
    let known = view.open(matter);
    let incident = known.unwrap_or_else(|| view.next_incident());
    let mut group = Vec::new();
    if known.is_none() {
        let Matter { kind, key, principal } = matter;
        group.push(IncidentOpened { incident, kind, key, principal }.into());
    }
    let emergency = view.emergencies().of(alert.alert);
    let emergency = emergency.filter(|_| alert.kind == AlertKind::EmergencyUsed);
    let (seen, who) = match emergency {
        Some(it) => (it.told(), it.person),
        None => (format!("{}, {}", alert.kind, left_before(alert.leaked)), PersonId::default()),
    };
    let put = |kind, alert: AlertId, access: AccessId, person, note| {
        IncidentNoted { incident, kind, alert, access, person, note }.into()
    };
    let nobody = PersonId::default();
    let seen = Text::cut(&seen);
    group.push(put(IncidentEntryKind::Alert, alert.alert, alert.access, who, seen));
    if alert.access != AccessId::default() {
        let note = Text::default();
        group.push(put(IncidentEntryKind::Access, alert.alert, alert.access, nobody, note));
    }
    if known.is_none() {
        group.extend(concerned(view, incident, alert, matter));
    }
    group
}

/// How many people's records had left by then, in words.
fn left_before(people: i64) -> String {
    match people {
        0 => "before any record left".to_owned(),
        1 => "after the records of 1 person had left".to_owned(),
        many => format!("after the records of {many} people had left"),
    }
}

fn concerned(
    view: &Incidents,
    incident: IncidentId,
    alert: &AlertRaised,
    matter: Matter,
) -> Vec<Record> {
    let mut group = Vec::new();
    if let Some(key) = view.key(matter.key) {
        let people = key.holders.keys();
        group.extend(people.map(|person| holder_note(view, incident, matter.key, *person)));
        let kind = IncidentEntryKind::Revocation;
        group.push(bare_note(incident, kind, PersonId::default(), &key_stands(key)));
    }
    let person = view.person_of(alert.principal);
    if let Some(person) = person.filter(|_| alert.kind == AlertKind::LeaverCredential) {
        let note = whereabouts(view, person);
        group.push(bare_note(incident, IncidentEntryKind::Holder, person, &note));
    }
    group
}

/// Holders of an open incident's key who were declared after it was opened.
fn late_holders(view: &Incidents) -> Option<Vec<Record>> {
    view.all_open().find_map(|(id, incident)| {
        let key = incident.matter.key;
        let holders = view.key(key)?.holders.keys();
        let late: Vec<Record> = holders
            .filter(|person| !incident.holders.contains(*person))
            .map(|person| holder_note(view, id, key, *person))
            .collect();
        (!late.is_empty()).then_some(late)
    })
}

/// The incident about emergencies, once a second person has looked at each of them.
fn looked_at(view: &Incidents) -> Option<Vec<Record>> {
    let known = |incident: &Incident| {
        incident.entries.iter().any(|noted| view.emergencies().of(noted.note.alert).is_some())
    };
    let about = |incident: &Incident| incident.matter.kind == AlertKind::EmergencyUsed;
    let mut all = view.all_open();
    let (incident, _) = all.find(|(_, it)| about(it) && known(it) && !view.waits_for_review(it))?;
    let note = Text::cut("a second person has looked at every emergency on it");
    Some(vec![IncidentClosed { incident, note }.into()])
}

fn holder_note(view: &Incidents, incident: IncidentId, key: KeyNumber, person: PersonId) -> Record {
    let held = view.key(key).and_then(|key| key.holders.get(&person));
    let since = held.map_or_else(String::new, |it| {
        format!("could read the key since {} ({}); ", moment_text(it.since), it.evidence)
    });
    let note = format!("{since}{}", whereabouts(view, person));
    bare_note(incident, IncidentEntryKind::Holder, person, &note)
}

fn whereabouts(view: &Incidents, person: PersonId) -> String {
    match view.person(person) {
        None => "not known as a person".into(),
        Some(seen) => match (seen.state, seen.left_at) {
            (PersonState::Left, Some(at)) => format!("left at {}", moment_text(at)),
            (state, _) => state.as_str().into(),
        },
    }
}

fn key_stands(key: &KeySeen) -> String {
    let old = if key.grandfathering { "may be let in" } else { "are not let in" };
    let state = match key.state {
        Some(KeyState::Compromised) => format!("compromised since {}", moment_text(key.since)),
        Some(state) => state.to_string(),
        None => "not in custody".into(),
    };
    format!("key {}: {state}; unknown old tokens {old}", key.kid)
}

fn bare_note(
    incident: IncidentId,
    kind: IncidentEntryKind,
    person: PersonId,
    note: &str,
) -> Record {
    let (alert, access) = (AlertId::NONE, AccessId::default());
    IncidentNoted { incident, kind, alert, access, person, note: Text::cut(note) }.into()
}
