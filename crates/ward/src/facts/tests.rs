//! What the console is told, from records laid out by hand.

use ward_model::column::Octets;
use ward_model::record::{
    AlertRaised, IncidentNoted, IncidentOpened, KeyAdded, KeyHolderDeclared, KeyStateChanged,
};
use ward_model::word::{
    AlertKind, Algorithm, Cause, CustodyEvidence, IncidentEntryKind, KeyPurpose, KeySource,
    KeyState,
};
use ward_model::*;
use ward_respond::Incidents;

use super::incidents::{TIMELINE_MAX, text_of, timeline};
use super::now::custody;
use super::people::{after_cursor, name};

const INCIDENT: IncidentId = IncidentId(1);
const KEY: KeyNumber = KeyNumber(1);

fn noted(kind: IncidentEntryKind, note: &str) -> Record {
    let (alert, access, person) = (AlertId(1), AccessId([1; 16]), PersonId([2; 16]));
    IncidentNoted { incident: INCIDENT, kind, alert, access, person, note: Text::cut(note) }.into()
}

/// An incident about an imported key, and `alerts` alerts on it before an operator's note.
fn incidents(alerts: usize) -> Incidents {
    let added = KeyAdded {
        key: KEY,
        kid: Text::cut("k1"),
        algorithm: Algorithm::Es256,
        purpose: KeyPurpose::Token,
        source: KeySource::Imported,
        issuer: Text::cut("https://shop.example"),
        public_key: Octets::new(vec![4; 65]).unwrap(),
        state: KeyState::Active,
    };
    let held = KeyHolderDeclared {
        key: KEY,
        person: PersonId([2; 16]),
        person_key: PrincipalKey::default(),
        since: UnixMillis::new(5),
        evidence: CustodyEvidence::Declared,
    };
    let opened = IncidentOpened {
        incident: INCIDENT,
        kind: AlertKind::NeverIssued,
        key: KEY,
        principal: PrincipalNumber::NONE,
    };
    let raised = AlertRaised {
        alert: AlertId(1),
        kind: AlertKind::NeverIssued,
        principal: PrincipalNumber(7),
        data_subject: DataSubjectNumber::NONE,
        key: KEY,
        api_key: ApiKeyId::NONE,
        access: AccessId([1; 16]),
        route: RouteNumber(1),
        leaked: 3,
    };
    let compromised = KeyStateChanged {
        key: KEY,
        state: KeyState::Compromised,
        since: UnixMillis::new(5),
        cause: Cause::Left,
    };
    let mut records: Vec<Record> = vec![added.into(), held.into(), raised.into(), opened.into()];
    let alert =
        || noted(IncidentEntryKind::Alert, "never_issued, after the records of 3 people had left");
    records.extend(std::iter::repeat_with(alert).take(alerts));
    records.push(noted(IncidentEntryKind::Holder, "could read the key since 1970; active"));
    records.push(compromised.into());
    records.push(noted(IncidentEntryKind::Note, "asked the host's owner"));
    let mut view = Incidents::default();
    for (index, record) in (0..).zip(&records) {
        view.take_in(Position { index: LeafIndex(index), time: UnixMillis::new(index) }, record);
    }
    view
}

#[test]
fn a_timeline_is_in_order_and_keeps_what_people_did() {
    for (alerts, want_left_out) in [(1, 0), (TIMELINE_MAX, 4), (TIMELINE_MAX * 2, 504)] {
        let view = incidents(alerts);
        let (entries, left_out) = timeline(&view, view.incident(INCIDENT).unwrap());
        assert_eq!(left_out, want_left_out, "{alerts} alerts");
        assert!(entries.len() <= TIMELINE_MAX);
        assert!(entries.is_sorted_by_key(|entry| entry.leaf));
        let texts: Vec<&str> = entries.iter().map(|entry| entry.text.as_str()).collect();
        assert_eq!(texts[0], "The key came into custody (imported, active).");
        assert_eq!(texts[1], "An alert: never_issued, after the records of 3 people had left.");
        let end = &texts[texts.len() - 3..];
        let want = [
            "A person: could read the key since 1970; active.",
            "The key is compromised (left).",
            "asked the host's owner",
        ];
        assert_eq!(end, want, "{alerts} alerts");
    }
}

#[test]
fn entries_without_a_note_are_sentences_too() {
    for kind in IncidentEntryKind::ALL {
        let text = text_of(*kind, "");
        let is_note = *kind == IncidentEntryKind::Note;
        assert!(is_note || text.ends_with('.'), "{kind}: {text}");
    }
}

#[test]
fn custody_is_told_in_three_parts() {
    let grade = custody(ward_keys::custody::grade(ward_model::word::CustodyKind::File, false));
    assert_eq!(grade.grade, "key file");
    assert!(grade.protects.starts_with("Private keys are sealed"), "{}", grade.protects);
    assert!(grade.protects.ends_with('.'), "{}", grade.protects);
    assert!(grade.leaves.starts_with("It does not protect from root"), "{}", grade.leaves);
    let other = custody("something else");
    assert_eq!((other.grade.as_str(), other.leaves.as_str()), ("", ""));
    assert_eq!(other.protects, "Something else");
}

#[test]
fn a_cursor_goes_on_after_its_person() {
    let all: Vec<(&str, PersonId)> =
        vec![("a", PersonId([9; 16])), ("b", PersonId([1; 16])), ("c", PersonId([5; 16]))];
    let id = |byte| ward_people::person::id_text(PersonId([byte; 16]));
    struct Case {
        name: &'static str,
        given: Option<String>,
        want: &'static [&'static str],
    }
    let cases = [
        Case { name: "first", given: None, want: &["a", "b", "c"] },
        Case { name: "middle", given: Some(id(9)), want: &["b", "c"] },
        Case { name: "last", given: Some(id(5)), want: &[] },
        Case { name: "nobody", given: Some(id(7)), want: &["a", "b", "c"] },
        Case { name: "no id", given: Some("<script>".into()), want: &["a", "b", "c"] },
    ];
    for case in cases {
        let left = after_cursor(&all, case.given.as_deref());
        let left: Vec<&str> = left.iter().map(|(name, _)| *name).collect();
        assert_eq!(left, case.want, "{}", case.name);
    }
}

#[test]
fn a_person_without_a_row_has_no_name() {
    assert_eq!(name(None), "name not known");
}
