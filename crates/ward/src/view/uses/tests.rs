//! Use of credentials: exact at the gate, within an hour elsewhere, bounded everywhere.

use ward_model::Reason;
use ward_model::record::TokenIssued;
use ward_model::{Origin, PrincipalNumber, Sequence};

use super::*;
use crate::view::recent::tests::row;

const HOUR: i64 = RECORD_EVERY_MS;

fn at(ms: i64) -> Position {
    Position { index: LeafIndex(ms), time: UnixMillis::new(ms) }
}

fn issued(client: u8, key: i32) -> Record {
    TokenIssued {
        origin: Origin(1),
        sequence: Sequence(1),
        low_water: Sequence(0),
        fingerprint: 1,
        key: KeyNumber(key),
        principal: PrincipalNumber(1),
        principal_key: PrincipalKey([1; 16]),
        client_key: PrincipalKey([client; 16]),
        issued_at: UnixMillis::new(0),
        expires_at: UnixMillis::new(9),
        revocations_seen: 0,
        login_proven: false,
    }
    .into()
}

fn read(n: u32, api_key: i64, route: i32, verdict: Verdict) -> Record {
    let row = row(n, 1, verdict);
    AccessRow { api_key: ApiKeyId(api_key), route: RouteNumber(route), key: KeyNumber(5), ..row }
        .into()
}

#[test]
fn reads_at_the_gate_are_counted_by_route_within_bounds() {
    let uses = Uses::default();
    let mut view = uses.view();
    for n in 0..40 {
        view.apply(at(i64::from(n)), &read(n, 7, i32::try_from(n).unwrap(), Verdict::Permit));
    }
    view.apply(at(50), &read(50, 7, 0, Verdict::Permit));
    view.apply(at(60), &read(60, 7, 0, Verdict::Refuse(Reason::Revoked)));
    let Record::AccessRow(second) = read(61, 7, 0, Verdict::Permit) else { panic!() };
    view.apply(at(61), &AccessRow { row: 1, ..second }.into());
    let used = uses.of_api_key(ApiKeyId(7));
    assert_eq!(used.all, Count { count: 41, last: UnixMillis::new(50) });
    assert_eq!(used.refused, Count { count: 1, last: UnixMillis::new(60) });
    assert_eq!(used.routes.len(), ROUTES_MAX);
    assert_eq!(used.routes[0], (RouteNumber(0), Count { count: 2, last: UnixMillis::new(50) }));
    assert_eq!(used.other.count, 8);
    assert_eq!(uses.of_signing_key(KeyNumber(5)).routes.len(), ROUTES_MAX);
    assert_eq!(uses.of_api_key(ApiKeyId(8)), Used::default());
}

#[test]
fn the_control_plane_is_recorded_once_an_hour_and_nothing_is_counted_twice() {
    let uses = Uses::default();
    let mut view = uses.view();
    let key = ApiKeyId(3);
    uses.let_in(ApiKeyId::NONE, UnixMillis::new(1));
    uses.let_in(key, UnixMillis::new(1));
    let due = uses.due(UnixMillis::new(2), false);
    assert_eq!(due.len(), 1, "the first use is recorded at once");
    uses.put_back(&due);
    let due = uses.due(UnixMillis::new(2), false);
    view.apply(at(2), &due[0]);
    for ms in 3..13 {
        uses.let_in(key, UnixMillis::new(ms));
    }
    assert!(uses.due(UnixMillis::new(HOUR), false).is_empty());
    assert_eq!(uses.of_api_key(key).control, Count { count: 11, last: UnixMillis::new(12) });
    let due = uses.due(UnixMillis::new(HOUR + 1), false);
    view.apply(at(HOUR + 1), &due[0]);
    assert_eq!(uses.of_api_key(key).all, Count { count: 11, last: UnixMillis::new(12) });
    uses.let_in(key, UnixMillis::new(HOUR + 2));
    assert_eq!(uses.due(UnixMillis::new(HOUR + 3), true).len(), 1, "all, at stop");
}

#[test]
fn issuance_counts_once_live_and_is_told_by_records_after_a_restart() {
    let (first, again) = (Uses::default(), Uses::default());
    let client = PrincipalKey([1; 16]);
    let mut view = first.view();
    view.apply(at(1), &issued(1, 5));
    assert_eq!(first.of_client(client), Count::default(), "replay: told by ClientUsed alone");
    first.live();
    for ms in 2..5 {
        view.apply(at(ms), &issued(1, 5));
    }
    view.apply(at(6), &issued(2, 5));
    let due = first.due(UnixMillis::new(7), false);
    assert_eq!(due.len(), 2);
    let mut replayed = again.view();
    for record in &due {
        view.apply(at(8), record);
        replayed.apply(at(8), record);
    }
    for uses in [&first, &again] {
        assert_eq!(uses.of_client(client), Count { count: 3, last: UnixMillis::new(4) });
        let used = uses.of_signing_key(KeyNumber(5));
        assert_eq!(used.all, Count { count: 4, last: UnixMillis::new(6) });
        assert_eq!(used.clients[0].0, PrincipalKey([2; 16]), "the latest first");
    }
}
