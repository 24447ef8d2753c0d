//! The pulse against records laid out by hand.

use super::super::recent::tests::row;
use super::*;
use ward_model::record::{IncidentClosed, IncidentNoted, IncidentOpened};
use ward_model::word::AlertKind;
use ward_model::{
    AccessId, ApiKeyId, DataSubjectNumber, KeyNumber, PersonId, PrincipalNumber, RouteNumber, Text,
    Verdict,
};

const DAY: i64 = 86_400_000;

fn at(index: i64, ms: i64) -> Position {
    Position { index: LeafIndex(index), time: UnixMillis::new(ms) }
}

fn noise(reason: Reason, minute: i64, count: i64) -> Record {
    RefusalsCounted { prefix: [0; 16], reason, minute: UnixMillis::new(minute), count }.into()
}

fn alert(number: i64) -> Record {
    AlertRaised {
        alert: AlertId(number),
        kind: AlertKind::NeverIssued,
        principal: PrincipalNumber(1),
        data_subject: DataSubjectNumber::NONE,
        key: KeyNumber(1),
        api_key: ApiKeyId::NONE,
        access: AccessId::default(),
        route: RouteNumber(1),
        leaked: 0,
    }
    .into()
}

fn last_minute(now: &Now, reason: Reason) -> (u64, u64) {
    let found = now.refusals_now.iter().find(|one| one.reason == reason);
    found.map_or((0, 0), |one| (one.last_minute, one.today))
}

#[test]
fn people_are_counted_once_a_day_and_rates_by_the_minute() {
    let pulse = Pulse::default();
    let mut view = pulse.view();
    let mut apply = |n, who, ms, verdict| {
        view.apply(at(i64::from(n), ms), &row(n, who, verdict).into());
    };
    apply(1, 7, DAY, Verdict::Permit);
    apply(2, 7, DAY + 1, Verdict::Permit);
    apply(3, 8, DAY + 2, Verdict::Permit);
    apply(4, 9, DAY + 3, Verdict::Refuse(Reason::Policy));
    let now = pulse.at(UnixMillis::new(DAY + 1000));
    assert_eq!((now.reads_today, now.people_today, now.reads_last_minute), (3, 2, 3));
    assert_eq!(now.reads_last_second, 3);
    assert_eq!(now.refusals.get("policy"), Some(&1));
    let later = pulse.at(UnixMillis::new(2 * DAY));
    assert_eq!((later.reads, later.people_today, later.reads_last_minute), (3, 0, 0));
    assert!(later.refusals_now.is_empty());
    // Asking about a later moment forgets nothing of this one.
    assert_eq!(pulse.at(UnixMillis::new(DAY + 1000)).people_today, 2);
}

#[test]
fn seconds_stand_in_their_order_and_leave_after_a_minute() {
    let pulse = Pulse::default();
    let mut view = pulse.view();
    let from = DAY + 10_000;
    view.apply(at(0, from), &row(1, 7, Verdict::Permit).into());
    view.apply(at(1, from + 900), &row(2, 8, Verdict::Refuse(Reason::Expired)).into());
    view.apply(at(2, from + 2_000), &row(3, 9, Verdict::Permit).into());
    struct Case {
        name: &'static str,
        after_ms: i64,
        want: (Vec<usize>, Vec<usize>, u64, u64),
    }
    let cases = [
        // The running second is in the minute, but not drawn before it is over.
        Case { name: "running", after_ms: 2_500, want: (vec![58], vec![58], 2, 1) },
        Case { name: "over", after_ms: 3_000, want: (vec![57, 59], vec![57], 2, 1) },
        Case { name: "nearly gone", after_ms: 59_999, want: (vec![1, 3], vec![1], 2, 1) },
        Case { name: "first gone", after_ms: 60_000, want: (vec![0, 2], vec![0], 1, 0) },
        Case { name: "not drawn", after_ms: 61_000, want: (vec![1], vec![], 1, 0) },
        Case { name: "all gone", after_ms: 63_000, want: (vec![], vec![], 0, 0) },
    ];
    let places = |counts: &[u64]| -> Vec<usize> {
        counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(at, _)| at).collect()
    };
    for case in cases {
        let now = pulse.at(UnixMillis::new(from + case.after_ms));
        assert_eq!((now.reads_by_second.len(), now.refusals_by_second.len()), (60, 60));
        let got = (
            places(&now.reads_by_second),
            places(&now.refusals_by_second),
            now.reads_last_minute,
            last_minute(&now, Reason::Expired).0,
        );
        assert_eq!(got, case.want, "{}", case.name);
        assert_eq!(last_minute(&now, Reason::Expired).1, 1, "{}", case.name);
    }
}

#[test]
fn noise_counts_on_the_day_of_its_minute() {
    let pulse = Pulse::default();
    let mut view = pulse.view();
    // The last minute of the day before is told of a moment after midnight.
    view.apply(at(0, DAY + 5), &noise(Reason::BadSignature, DAY - 60_000, 30));
    view.apply(at(1, DAY + 60_005), &noise(Reason::BadSignature, DAY, 4));
    view.apply(at(2, DAY + 60_005), &noise(Reason::BadSignature, DAY, 3));
    view.apply(at(3, DAY + 60_006), &noise(Reason::Malformed, DAY, -1));
    let now = pulse.at(UnixMillis::new(DAY + 61_000));
    assert_eq!(last_minute(&now, Reason::BadSignature), (7, 7));
    assert_eq!(last_minute(&now, Reason::Malformed), (0, 0));
    assert_eq!(now.refusals.get("bad_signature"), Some(&37));
    assert!(now.refusals_by_second.iter().all(|count| *count == 0));
    let later = pulse.at(UnixMillis::new(DAY + 120_500));
    assert_eq!(last_minute(&later, Reason::BadSignature), (0, 7));
}

#[test]
fn alerts_are_counted_once_and_find_their_incident() {
    let pulse = Pulse::default();
    let mut view = pulse.view();
    let incident = IncidentId(4);
    let noted = IncidentNoted {
        incident,
        kind: IncidentEntryKind::Alert,
        alert: AlertId(1),
        access: AccessId::default(),
        person: PersonId::default(),
        note: Text::default(),
    };
    let opened = IncidentOpened {
        incident,
        kind: AlertKind::NeverIssued,
        key: KeyNumber(1),
        principal: PrincipalNumber::NONE,
    };
    let records = [alert(1), opened.into(), noted.into(), alert(1), alert(2)];
    for (index, record) in (0..).zip(&records) {
        view.apply(at(index, DAY), record);
    }
    let now = pulse.at(UnixMillis::new(DAY));
    assert_eq!((now.alerts_today, now.incidents_open), (2, 1));
    let shown: Vec<_> =
        pulse.alerts(9).iter().map(|seen| (seen.alert.alert.0, seen.incident.0)).collect();
    assert_eq!(shown, [(2, 0), (1, 4)]);
    assert_eq!(pulse.alerts(1).len(), 1);
    let closed = IncidentClosed { incident, note: Text::default() };
    view.apply(at(9, DAY), &closed.into());
    assert_eq!(pulse.at(UnixMillis::new(DAY)).incidents_open, 0);
    for number in 3..100 {
        view.apply(at(number + 9, DAY), &alert(number));
    }
    assert_eq!(pulse.alerts(999).len(), ALERTS_MAX);
    assert_eq!(pulse.at(UnixMillis::new(2 * DAY)).alerts_today, 0);
}

#[test]
fn a_leaf_is_dated_to_its_second() {
    let pulse = Pulse::default();
    let mut view = pulse.view();
    assert_eq!(pulse.time_of(LeafIndex(0)), None);
    for (index, ms) in [(5, 1_000), (6, 1_900), (7, 2_000), (9, 9_000)] {
        view.apply(at(index, ms), &alert(index));
    }
    for (leaf, want) in [(4, None), (5, Some(1_000)), (6, Some(1_000)), (8, Some(2_000))] {
        assert_eq!(pulse.time_of(LeafIndex(leaf)), want.map(UnixMillis::new), "leaf {leaf}");
    }
}

#[test]
fn what_passes_on_undeclared_routes_is_counted_by_the_day() {
    let pulse = Pulse::default();
    let mut view = pulse.view();
    let undeclared = AccessRow { route: RouteNumber::NONE, ..row(1, 7, Verdict::Permit) };
    view.apply(at(1, DAY), &undeclared.clone().into());
    view.apply(at(2, DAY + 1), &row(2, 7, Verdict::Permit).into());
    view.apply(at(3, DAY + 2), &AccessRow { released: false, ..undeclared }.into());
    assert_eq!(pulse.at(UnixMillis::new(DAY + 3)).ungated_today, 1);
    assert_eq!(pulse.at(UnixMillis::new(2 * DAY)).ungated_today, 0);
}
