//! Every record survives its encoding; no other bytes decode; kinds and sizes do not drift.

use super::*;
use proptest::prelude::*;

fn access_row() -> AccessRow {
    AccessRow {
        access: AccessId([7; 16]),
        row: 0,
        rows: 1,
        principal_kind: PrincipalKind::Person,
        principal: PrincipalNumber(42),
        principal_key: PrincipalKey([9; 16]),
        api_key: ApiKeyId(0),
        origin: Origin(3),
        sequence: Sequence(77),
        key: KeyNumber(2),
        route: RouteNumber(5),
        task: Task::View,
        source: [1; 16],
        tenant: TenantNumber(0),
        purpose: 0,
        verdict: Verdict::Permit,
        released: true,
        mode: RouteMode::Enforce,
        provenance: Provenance::Measured,
        data_subject: DataSubjectNumber(0),
        fields: 0,
        status: 200,
    }
}

fn payloads(entry: &impl Entry) -> Vec<Vec<u8>> {
    let mut rows = Rows::new();
    entry.rows(&mut rows);
    rows.iter().map(<[u8]>::to_vec).collect()
}

#[test]
fn kinds_are_unique_and_never_change() {
    let mut kinds: Vec<u16> = Record::KINDS.iter().map(|kind| kind.0).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), Record::KINDS.len());
    insta::assert_debug_snapshot!(Record::KINDS);
}

#[test]
fn the_bytes_of_an_access_row_never_change() {
    let bytes = payloads(&access_row());
    insta::assert_snapshot!(data_encoding::HEXLOWER.encode(&bytes[0]));
}

#[test]
fn an_access_is_one_row_per_data_subject() {
    let touch = |n| Touch { data_subject: DataSubjectNumber(n), fields: 3 };
    for (touches, rows) in [(vec![], 1), (vec![touch(1)], 1), (vec![touch(1), touch(2)], 2)] {
        let access = Access { shared: access_row(), touches };
        let payloads = payloads(&access);
        assert_eq!(payloads.len(), rows);
        for payload in payloads {
            let Record::AccessRow(row) = Record::decode(&payload).unwrap() else { panic!() };
            assert_eq!(row.rows as usize, rows);
        }
    }
}

#[test]
fn refused_accesses_take_the_lowest_lane_unless_they_leaked() {
    let lane = |verdict, released| {
        let shared = AccessRow { verdict, released, ..access_row() };
        Access { shared, touches: vec![] }.lane()
    };
    assert_eq!(lane(Verdict::Permit, true), Lane::Access);
    assert_eq!(lane(Verdict::Refuse(Reason::Policy), false), Lane::Refusal);
    assert_eq!(lane(Verdict::Refuse(Reason::Policy), true), Lane::Access);
}

#[test]
fn a_group_over_its_bounds_says_so() {
    let mut rows = Rows::new();
    assert!(!rows.is_too_large());
    for _ in 0..=crate::limits::ROWS_MAX {
        rows.push(&OriginOpened { origin: Origin(1) });
    }
    assert!(rows.is_too_large());
}

proptest! {
    #[test]
    fn what_decodes_is_what_was_written(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(&payloads(&record)[0], &bytes);
        }
    }

    #[test]
    fn any_change_of_a_row_changes_its_bytes(at in 0usize..200, flip in 1u8..) {
        let bytes = payloads(&access_row()).remove(0);
        let mut changed = bytes.clone();
        if let Some(byte) = changed.get_mut(at) {
            *byte ^= flip;
            if let Ok(record) = Record::decode(&changed) {
                prop_assert_ne!(record, Record::AccessRow(access_row()));
            }
        }
    }

    #[test]
    fn texts_survive(text in "\\PC{0,200}", seen in any::<i64>()) {
        prop_assume!(text.len() <= crate::limits::TEXT_BYTES_MAX);
        let record: Record = IncidentNoted {
            incident: IncidentId(seen),
            kind: IncidentEntryKind::Note,
            alert: AlertId(1),
            access: AccessId([0; 16]),
            person: PersonId([1; 16]),
            note: Text::new(text).unwrap(),
        }.into();
        prop_assert_eq!(&Record::decode(&payloads(&record)[0]).unwrap(), &record);
    }
}
