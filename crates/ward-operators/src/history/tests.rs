//! What an entry says, and searches held against the plain list of all entries.

use ward_journal::Journal;
use ward_model::record::*;
use ward_model::word::*;
use ward_model::*;

use super::search::{Listed, listed, page_within};
use super::{Entry, *};
use crate::testing::journal;

const DAY: i64 = ward_model::time::DAY_MS;

fn person(number: u8) -> PersonId {
    PersonId([number; 16])
}

fn did(number: u8, act: &str) -> Record {
    let caller = Caller { person: person(number), session: SessionId(7), ..Caller::WARD };
    caller.did(act, 3, [0; 32]).into()
}

fn issued(api_key: i64, kind: ApiKeyKind) -> Record {
    ApiKeyIssued {
        api_key: ApiKeyId(api_key),
        kind,
        hash: [0; 32],
        owner_kind: PrincipalKind::Person,
        owner: PrincipalNumber(1),
        owner_key: PrincipalKey([1; 16]),
        expires_at: UnixMillis::new(DAY),
    }
    .into()
}

fn revoked(api_key: i64) -> Record {
    ApiKeyRevoked { api_key: ApiKeyId(api_key), cause: Cause::Operator }.into()
}

fn signed_in(number: u8) -> Record {
    SessionOpened {
        session: SessionId(9),
        person: person(number),
        how: SignInMethod::Passkey,
        passkey: PasskeyId(4),
        provider_session: [0; 32],
        expires_at: UnixMillis::new(DAY),
        source: std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets(),
    }
    .into()
}

fn read(number: u8, data_subjects: i64, purpose: i64) -> Record {
    OperatorRead {
        person: person(number),
        api_key: ApiKeyId::NONE,
        session: SessionId(9),
        what: Text::cut("scope"),
        purpose,
        data_subjects,
    }
    .into()
}

fn noise() -> Record {
    RefusalsCounted {
        prefix: [0; 16],
        reason: Reason::Malformed,
        minute: UnixMillis::new(0),
        count: 1,
    }
    .into()
}

fn proposed() -> Record {
    ApprovalProposed {
        approval: ApprovalId(12),
        act: Text::cut("set_roles"),
        target: Text::cut("it"),
        digest: [1; 32],
        effect: Text::cut("audit -> keys"),
        proposer: person(1),
        api_key: ApiKeyId::NONE,
        session: SessionId(9),
        consents: 1,
        from_roles: Roles::NONE,
        expires_at: UnixMillis::new(DAY),
        alone_from: UnixMillis::new(0),
    }
    .into()
}

fn one(record: &Record) -> Option<Entry> {
    let at = Position { index: LeafIndex(5), time: UnixMillis::new(6) };
    entry(at, record, |api_key| api_key == ApiKeyId(2))
}

#[test]
fn an_entry_is_a_sentence() {
    let id = "01010101-0101-0101-0101-010101010101";
    let set = |roles| {
        Record::from(OperatorSet { person: person(1), person_key: PrincipalKey::default(), roles })
    };
    let cases: [(Record, EntryKind, String); 11] = [
        (did(1, "rotate key"), EntryKind::Act, "rotate key, number 3".into()),
        (
            read(1, 9, 0),
            EntryKind::Read,
            "reads scope: 9 data subjects named, no purpose stated".into(),
        ),
        (
            read(1, 9, 4),
            EntryKind::Read,
            "reads scope: 9 data subjects named, a purpose stated".into(),
        ),
        (proposed(), EntryKind::Proposal, "proposes 12: set_roles of it: audit -> keys".into()),
        (signed_in(1), EntryKind::SignIn, "signs in by passkey from 127.0.0.1".into()),
        (
            set(Roles::of(&[Role::Keys])),
            EntryKind::Roles,
            format!("{id} is an operator who may: keys"),
        ),
        (set(Roles::NONE), EntryKind::Roles, format!("{id} is no operator any more")),
        (
            issued(2, ApiKeyKind::Operator),
            EntryKind::ApiKey,
            "operator's API key 2 is issued to a person until 1970-01-02T00:00:00Z".into(),
        ),
        (revoked(2), EntryKind::ApiKey, "operator's API key 2 is revoked (operator)".into()),
        (
            ApprovalConsented {
                approval: ApprovalId(12),
                digest: [1; 32],
                person: person(1),
                session: SessionId(9),
                proof: SignInMethod::Oidc,
            }
            .into(),
            EntryKind::Consent,
            "consents to proposal 12 by oidc".into(),
        ),
        (
            NodeStarted { version: Text::cut("1.2.3"), config_digest: [0; 32] }.into(),
            EntryKind::Start,
            "Ward 1.2.3 starts".into(),
        ),
    ];
    for (record, kind, text) in cases {
        let entry = one(&record).unwrap();
        assert_eq!((entry.kind, entry.text), (kind, text));
        assert_eq!((entry.index, entry.time), (LeafIndex(5), UnixMillis::new(6)));
    }
    let who = one(&did(1, "x")).unwrap();
    assert_eq!((who.person, who.session), (Some(person(1)), SessionId(7)));
}

#[test]
fn what_is_not_about_operators_stays_out() {
    let rows = [noise(), issued(3, ApiKeyKind::Service), revoked(3)];
    for record in rows {
        assert_eq!(one(&record), None, "{record:?}");
    }
}

/// Records in groups of four, every second one noise, a group every four seconds, and their entries.
fn filled(records: usize) -> (ward_journal::testing::FaultDisk, Journal, Vec<Entry>) {
    let records = (0..records).map(|n| match n % 12 {
        0 => did(1, "rotate key"),
        2 => did(2, "close incident"),
        4 => read(1, 5, 0),
        6 => issued(i64::try_from(n).unwrap(), ApiKeyKind::Operator),
        8 => revoked(i64::try_from(n - 2).unwrap()),
        10 => signed_in(2),
        _ => noise(),
    });
    let records: Vec<Record> = records.collect();
    let groups = records.chunks(4).zip(0..).map(|(four, at)| (at * 4000, four.to_vec())).collect();
    let (disk, journal, _) = journal(groups);
    let mut all = History::default();
    for (at, record) in journal.read(LeafIndex(0), 65_536).unwrap() {
        all.take_in(at, &record);
    }
    (disk, journal, all.entries.into())
}

/// A view that keeps `kept` entries of a journal.
fn following(journal: &Journal, kept: usize) -> SharedHistory {
    let mut history = History::default();
    for (at, record) in journal.read(LeafIndex(0), 65_536).unwrap() {
        history.take_in_within(at, &record, kept);
    }
    assert!(history.entries.len() <= kept);
    SharedHistory(Arc::new(RwLock::new(history)))
}

#[test]
fn pages_together_are_everything_wanted_and_nothing_else() {
    let (_disk, journal, all) = filled(400);
    assert_eq!(all.len(), 200);
    let at = |seconds: i64| Some(UnixMillis::new(seconds * 1000));
    let wanted = [
        Wanted::default(),
        Wanted { person: Some(person(1)), ..Wanted::default() },
        Wanted { kind: Some(EntryKind::ApiKey), ..Wanted::default() },
        Wanted { words: Wanted::words("KEY  revoked"), ..Wanted::default() },
        Wanted { from: at(50), to: at(350), ..Wanted::default() },
        Wanted { from: at(390), ..Wanted::default() },
        Wanted { to: at(40), person: Some(person(2)), ..Wanted::default() },
        Wanted { words: Wanted::words("nothing of the kind"), ..Wanted::default() },
    ];
    for kept in [200, 30, 1] {
        let history = following(&journal, kept);
        for (wanted, limit, leaves_max) in wanted.iter().flat_map(|one| {
            [(one, 7, 400), (one, 200, 400), (one, 7, 20)]
                .map(|(one, limit, max)| (one, limit, max))
        }) {
            let want: Vec<LeafIndex> =
                all.iter().rev().filter(|it| wanted.takes(it)).map(|it| it.index).collect();
            let mut ask = Wanted { limit, ..wanted.clone() };
            let mut got = Vec::new();
            for _ in 0..100 {
                let page = page_within(&journal, &history, &ask, leaves_max).unwrap();
                assert!(page.entries.len() <= limit);
                got.extend(page.entries.iter().map(|it| it.index));
                ask.before = page.next;
                if page.next.is_none() {
                    break;
                }
            }
            assert_eq!(got, want, "{kept} kept, {limit} a page, {leaves_max} leaves: {wanted:?}");
        }
    }
}

#[test]
fn leaves_for_a_file_are_listed_without_a_gap() {
    let (_disk, journal, all) = filled(400);
    let at = |seconds: i64| Some(UnixMillis::new(seconds * 1000));
    for kept in [200, 10] {
        let history = following(&journal, kept);
        for time in [(None, None), (at(100), None), (at(100), at(300)), (at(900), None)] {
            let mut got = Vec::new();
            let mut next = Some(LeafIndex(0));
            while let Some(from) = next {
                let Listed { leaves, next: then } =
                    listed(&journal, &history, from, time, 33).unwrap();
                assert!(leaves.len() <= 33);
                got.extend(leaves);
                next = then;
            }
            let inside = Wanted { from: time.0, to: time.1, ..Wanted::default() };
            let want: Vec<LeafIndex> =
                all.iter().filter(|it| inside.takes(it)).map(|it| it.index).collect();
            assert_eq!(got, want, "{kept} kept, {time:?}");
        }
    }
}
