//! Random journals, random questions, both ways against a naive model; and the defences by name.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use ward_model::record::{AccessIntended, AccessRow, IntentClosed, NodeStarted};
use ward_model::word::{Outcome, Provenance, RouteMode, Task};
use ward_model::*;

use super::*;

const DAY: i64 = ward_model::time::DAY_MS;
type Journal = Vec<(Position, Record)>;

/// One thing that happens, `after` milliseconds later than the one before, its rows `within` apart.
#[derive(Clone, Debug)]
struct Event {
    after: i64,
    within: i64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Access {
        who: (i64, i32, i64, i32),
        provenance: usize,
        released: bool,
        touches: Vec<(i64, i64)>,
    },
    Intent {
        principal: i64,
        key: i32,
        route: i32,
    },
    Close {
        intent: usize,
        outcome: usize,
    },
    Finish {
        intent: usize,
    },
    Other,
}

const PROVENANCES: [Provenance; 4] =
    [Provenance::Measured, Provenance::Declared, Provenance::Reported, Provenance::None];
const OUTCOMES: [Outcome; 3] = [Outcome::Released, Outcome::UpstreamFailed, Outcome::Unknown];

fn event() -> impl Strategy<Value = Event> {
    let after = prop_oneof![
        3 => Just(0i64),
        4 => 1..50i64,
        3 => 1..DAY / 3,
        1 => DAY..3 * DAY,
    ];
    let subject = prop_oneof![6 => 0..12i64, 1 => (1i64 << 32)..(1i64 << 32) + 3];
    let touches = prop::collection::vec((subject, prop::sample::select(vec![0i64, 1, 3, 4])), 0..5);
    let access = ((0..3i64, 0..3i32, 0..3i64, 0..3i32), 0..7usize, 0..6u8, touches).prop_map(
        |(who, provenance, released, touches)| What::Access {
            who,
            provenance: provenance.saturating_sub(3),
            released: released > 0,
            touches,
        },
    );
    let what = prop_oneof![
        12 => access,
        1 => (0..3i64, 0..3i32, 0..3i32)
            .prop_map(|(principal, key, route)| What::Intent { principal, key, route }),
        1 => (0..4usize, 0..3usize).prop_map(|(intent, outcome)| What::Close { intent, outcome }),
        1 => (0..4usize).prop_map(|intent| What::Finish { intent }),
        1 => Just(What::Other),
    ];
    let within = prop_oneof![4 => Just(0i64), 1 => 0..DAY / 2];
    (after, within, what).prop_map(|(after, within, what)| Event { after, within, what })
}

fn access_id(number: usize) -> AccessId {
    AccessId((number as u128).to_be_bytes())
}

fn row(access: AccessId, who: (i64, i32, i64, i32), provenance: Provenance) -> AccessRow {
    AccessRow {
        access,
        row: 0,
        rows: 1,
        principal_kind: PrincipalKind::Person,
        principal: PrincipalNumber(who.0),
        principal_key: PrincipalKey::default(),
        api_key: ApiKeyId(who.2),
        origin: Origin(1),
        sequence: Sequence(1),
        key: KeyNumber(who.1),
        route: RouteNumber(who.3),
        task: Task::View,
        source: [0; 16],
        tenant: TenantNumber(0),
        purpose: 0,
        verdict: Verdict::Permit,
        released: true,
        mode: RouteMode::Enforce,
        provenance,
        data_subject: DataSubjectNumber(0),
        fields: 0,
        status: 200,
    }
}

/// The journal those events leave. A group may cross midnight.
fn journal(events: &[Event]) -> Journal {
    let mut journal: Journal = Vec::new();
    let mut time = 20_000 * DAY + DAY / 2;
    let mut intents: Vec<AccessId> = Vec::new();
    for (number, event) in events.iter().enumerate() {
        time += event.after;
        let mut push = |record: Record| {
            let index = LeafIndex(journal.len() as i64);
            journal.push((Position { index, time: UnixMillis::new(time) }, record));
            time += event.within;
        };
        match &event.what {
            What::Access { who, provenance, released, touches } => {
                let mut shared = row(access_id(number), *who, PROVENANCES[*provenance]);
                shared.released = *released;
                let touches = touches
                    .iter()
                    .map(|(subject, fields)| ward_model::record::Touch {
                        data_subject: DataSubjectNumber(*subject),
                        fields: *fields,
                    })
                    .collect();
                let access = ward_model::record::Access { shared, touches };
                access.to_rows().for_each(|row| push(row.into()));
            }
            What::Intent { principal, key, route } => {
                intents.push(access_id(number));
                push(Record::AccessIntended(AccessIntended {
                    access: access_id(number),
                    principal: PrincipalNumber(*principal),
                    principal_key: PrincipalKey::default(),
                    api_key: ApiKeyId(i64::from(2 - *key)),
                    origin: Origin(1),
                    sequence: Sequence(1),
                    key: KeyNumber(*key),
                    route: RouteNumber(*route),
                    task: Task::Change,
                    source: [0; 16],
                }));
            }
            What::Close { intent, outcome } => {
                let access = intents.get(*intent).copied().unwrap_or_default();
                push(IntentClosed { access, outcome: OUTCOMES[*outcome] }.into());
            }
            What::Finish { intent } => {
                let access = intents.get(*intent).copied().unwrap_or_default();
                push(row(access, (1, 1, 1, 1), Provenance::None).into());
            }
            What::Other => {
                push(NodeStarted { version: Text::cut("0"), config_digest: [0; 32] }.into())
            }
        }
    }
    journal
}

fn view_of(journal: &[(Position, Record)]) -> ScopeView {
    let scope = ScopeView::new();
    let mut view = scope.view();
    journal.iter().for_each(|(at, record)| view.apply(*at, record));
    scope
}

fn scan_of(journal: &[(Position, Record)], query: &Query) -> Scope<Vec<DataSubjectNumber>> {
    let mut scan = Scan::new(query.clone(), TreeSize(journal.len() as i64));
    journal.iter().for_each(|(at, record)| scan.see(*at, record));
    scan.finish()
}

fn readers_of(journal: &[(Position, Record)], who: i64, from: i64, to: i64) -> Readers {
    let (from, to) = (UnixMillis::new(from), UnixMillis::new(to));
    let all = TreeSize(journal.len() as i64);
    let mut scan = ScanReaders::new(DataSubjectNumber(who), from, to, all);
    journal.iter().for_each(|(at, record)| scan.see(*at, record));
    scan.finish()
}

/// The answer as the words of the design say it, with no thought of cost.
fn naive(journal: &Journal, query: &Query, provenance: Provenance) -> Part<Vec<DataSubjectNumber>> {
    let mut part = Part::default();
    let mut people = BTreeSet::new();
    let mut releases = BTreeSet::new();
    for (at, record) in journal {
        let Record::AccessRow(row) = record else { continue };
        let named = row.data_subject.0 != 0;
        let as_what = match row.provenance {
            Provenance::None if named => Provenance::Declared,
            other => other,
        };
        let asked = match query.by {
            By::Principal(number) => number == row.principal,
            By::Key(number) => number == row.key && number.0 != 0,
            By::ApiKey(number) => number == row.api_key && number.0 != 0,
            By::Route(number) => number == row.route && number.0 != 0,
        };
        let fields = query.fields.clone().map_or(-1, |it| it.get(&row.route).copied().unwrap_or(0));
        let filtered = query.fields.is_some() && fields & row.fields == 0;
        let inside = query.from <= at.time && at.time < query.to;
        let counts = named || matches!(as_what, Provenance::Declared | Provenance::Reported);
        if !(row.released && asked && inside && counts && as_what == provenance) || filtered {
            continue;
        }
        if named {
            people.insert(row.data_subject);
            part.rows += 1;
        } else {
            part.unnamed += 1;
        }
        releases.insert((row.access, at.index.0 - i64::from(row.row)));
        *part.fields.entry(row.route).or_insert(0) |= row.fields;
        part.first = part.first.or(Some(at.time));
        part.last = Some(at.time);
    }
    part.accesses = releases.len() as i64;
    part.data_subjects = people.into_iter().collect();
    part
}

fn naive_readers(journal: &Journal, who: i64, from: i64, to: i64) -> BTreeMap<String, (i64, i64)> {
    let mut readers = BTreeMap::new();
    for (at, record) in journal {
        let Record::AccessRow(row) = record else { continue };
        let inside = (from..to).contains(&at.time.ms());
        if row.released && row.data_subject.0 == who && who != 0 && inside {
            let provenance = match row.provenance {
                Provenance::None => Provenance::Declared,
                other => other,
            };
            let way = format!("{:?}", (row.principal, row.api_key, row.key, row.route, provenance));
            let (rows, fields) = readers.entry(way).or_insert((0, 0));
            *rows += 1;
            *fields |= row.fields;
        }
    }
    readers
}

fn listed(part: &Part<roaring::RoaringTreemap>) -> Part<Vec<DataSubjectNumber>> {
    let data_subjects = part.data_subjects.iter().map(|it| DataSubjectNumber(it as i64)).collect();
    let Part { rows, unnamed, accesses, fields, first, last, .. } = part.clone();
    Part { data_subjects, rows, unnamed, accesses, fields, first, last }
}

/// A bound: the time of a record, just after it, between days, or anywhere.
fn bound(journal: &Journal, choice: (u8, usize, i64)) -> i64 {
    let (kind, place, offset) = choice;
    let Some((at, _)) = journal.get(place % journal.len().max(1)) else { return offset };
    let time = at.time.ms();
    match kind {
        0 => time,
        1 => time + 1,
        2 => time.div_euclid(DAY) * DAY,
        3 => time.div_euclid(DAY) * DAY + offset,
        4 => 0,
        _ => i64::MAX,
    }
}

fn choice() -> impl Strategy<Value = (u8, usize, i64)> {
    (0..6u8, any::<usize>(), 0..DAY)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn both_ways_equal_a_naive_model(
        events in prop::collection::vec(event(), 1..60),
        questions in prop::collection::vec(
            ((0..4u8, 0..3i64), choice(), choice(), prop::option::of((0..3i32, 1..6i64))), 1..8),
        who in 0..12i64,
    ) {
        let journal = journal(&events);
        let scope = view_of(&journal);
        for ((kind, number), from, to, filter) in questions {
            let by = match kind {
                0 => By::Principal(PrincipalNumber(number)),
                1 => By::Key(KeyNumber(i32::try_from(number).unwrap())),
                2 => By::ApiKey(ApiKeyId(number)),
                _ => By::Route(RouteNumber(i32::try_from(number).unwrap())),
            };
            let (from, to) = (bound(&journal, from), bound(&journal, to));
            let fields = filter.map(|(route, mask)| FieldFilter::from([(RouteNumber(route), mask)]));
            let query = Query { by, from: UnixMillis::new(from), to: UnixMillis::new(to), fields };
            let viewed = scope.scope(&query, &journal[..]).unwrap();
            let scanned = scan_of(&journal, &query);
            for (provenance, view, scan) in [
                (Provenance::Measured, &viewed.exact, &scanned.exact),
                (Provenance::Declared, &viewed.declared, &scanned.declared),
                (Provenance::Reported, &viewed.reported, &scanned.reported),
            ] {
                let want = naive(&journal, &query, provenance);
                prop_assert_eq!(&listed(view), &want, "bitmaps, {:?} {:?}", query, provenance);
                prop_assert_eq!(scan, &want, "scan, {:?} {:?}", query, provenance);
            }
            prop_assert_eq!(&viewed.undecided, &scanned.undecided);
            let agreement = compare(&viewed, &scanned);
            prop_assert_eq!(agreement, Agreement::Agree { size: TreeSize(journal.len() as i64) });
            let by_view = scope
                .who_read(DataSubjectNumber(who), query.from, query.to, &journal[..])
                .unwrap();
            let by_scan = readers_of(&journal, who, from, to);
            let agreed = compare_readers(&by_view, &by_scan);
            prop_assert!(matches!(agreed, Agreement::Agree { .. }), "{by_view:?} {by_scan:?}");
            let want = naive_readers(&journal, who, from, to);
            let got: BTreeMap<_, _> = by_view
                .readers
                .iter()
                .map(|it| (
                    format!("{:?}", (it.principal, it.api_key, it.key, it.route, it.provenance)),
                    (it.rows, it.fields),
                ))
                .collect();
            prop_assert_eq!(got, want);
        }
    }
}

/// `count` reads by principal 1 of data subject 1.., a minute apart.
fn walk(count: i64) -> Journal {
    (0..count)
        .map(|number| {
            let mut one = row(
                access_id(usize::try_from(number).unwrap()),
                (1, 1, 0, 1),
                Provenance::Measured,
            );
            one.data_subject = DataSubjectNumber(number + 1);
            let time = UnixMillis::new(20_000 * DAY + number * 60_000);
            (Position { index: LeafIndex(number), time }, one.into())
        })
        .collect()
}

fn all(by: By) -> Query {
    Query { by, from: UnixMillis::new(0), to: UnixMillis::new(i64::MAX), fields: None }
}

#[test]
fn many_blocks_and_days_agree_and_whole_days_read_nothing() {
    let journal = walk(20_000);
    let scope = view_of(&journal);
    let never = |_: core::ops::Range<i64>, _: &mut dyn FnMut(Position, &Record)| Err("was read");
    let query = all(By::Key(KeyNumber(1)));
    let viewed = scope.scope(&query, &never).unwrap();
    assert_eq!(viewed.exact.data_subjects.len(), 20_000);
    assert_eq!(viewed.exact.accesses, 20_000);
    let agreed = compare(&viewed, &scan_of(&journal, &query));
    assert_eq!(agreed, Agreement::Agree { size: TreeSize(20_000) });
    let days = Query {
        from: UnixMillis::new(20_001 * DAY),
        to: UnixMillis::new(20_003 * DAY),
        ..query.clone()
    };
    assert_eq!(scope.scope(&days, &never).unwrap().exact.data_subjects.len(), 2 * 1440);
    let cut = Query { to: UnixMillis::new(20_002 * DAY + 90_000), ..days };
    assert_eq!(scope.scope(&cut, &never), Err(AnswerError::Leaves("was read")));
    let read = core::cell::Cell::new(0);
    let counting = |range: core::ops::Range<i64>, visit: &mut dyn FnMut(Position, &Record)| {
        read.set(read.get() + range.end - range.start);
        journal[..].each(range, visit)
    };
    let viewed = scope.scope(&cut, &counting).unwrap();
    assert_eq!(viewed.exact.data_subjects.len(), 1440 + 2);
    assert!(read.get() <= 2 * crate::limits::BLOCK_LEAVES, "{} leaves read", read.get());
    read.set(0);
    let (from, to) = (query.from, query.to);
    let readers = scope.who_read(DataSubjectNumber(9_000), from, to, &counting).unwrap();
    assert_eq!(readers.readers.len(), 1);
    assert_eq!(read.get(), crate::limits::BLOCK_LEAVES, "one block holds him");
}

#[test]
fn an_answer_that_is_not_whole_is_not_given() {
    let journal = walk(3000);
    let scope = view_of(&journal);
    let mut query = all(By::Principal(PrincipalNumber(1)));
    query.from = UnixMillis::new(20_000 * DAY + 30_000);
    let mut holed = journal.clone();
    holed.remove(700);
    let refused = scope.scope(&query, &holed[..]);
    assert!(matches!(refused, Err(AnswerError::Incomplete { seen: 700, .. })), "{refused:?}");
    let (from, to) = (query.from, query.to);
    let refused = scope.who_read(DataSubjectNumber(5), from, to, &holed[..]);
    assert!(matches!(refused, Err(AnswerError::Incomplete { .. })));
}

#[test]
fn records_changed_behind_the_view_are_a_difference() {
    let journal = walk(3000);
    let scope = view_of(&journal);
    let query = all(By::Principal(PrincipalNumber(1)));
    let viewed = scope.scope(&query, &journal[..]).unwrap();
    let mut changed = journal.clone();
    if let Record::AccessRow(row) = &mut changed[17].1 {
        row.data_subject = DataSubjectNumber(999_999);
    }
    let shown = [18, 999_999].map(DataSubjectNumber).to_vec();
    let found = Difference { part: "exact", what: "data_subjects", shown };
    let agreement = compare(&viewed, &scan_of(&changed, &query));
    assert_eq!(agreement, Agreement::Differ(vec![found]));
    let agreement = compare(&viewed, &scan_of(&journal[..2999], &query));
    let (view, scan) = (TreeSize(3000), TreeSize(2999));
    assert_eq!(agreement, Agreement::NotComparable { view, scan });
}

#[test]
fn an_answer_under_way_is_not_changed_by_what_comes() {
    let journal = walk(100);
    let scope = view_of(&journal[..50]);
    let query = all(By::Principal(PrincipalNumber(1)));
    let before = scope.scope(&query, &journal[..]).unwrap();
    let mut view = scope.view();
    journal[50..].iter().for_each(|(at, record)| view.apply(*at, record));
    assert_eq!((before.size, before.exact.data_subjects.len()), (TreeSize(50), 50));
    let mut scan = Scan::new(query.clone(), before.size);
    journal.iter().for_each(|(at, record)| scan.see(*at, record));
    assert!(matches!(compare(&before, &scan.finish()), Agreement::Agree { .. }));
    assert_eq!(scope.scope(&query, &journal[..]).unwrap().exact.data_subjects.len(), 100);
}

#[test]
fn what_did_not_leave_or_was_not_measured_is_not_exact() {
    struct Case {
        name: &'static str,
        released: bool,
        provenance: Provenance,
        data_subject: i64,
        want: [u64; 3],
        unnamed: i64,
    }
    let case = |name, released, provenance, data_subject, want, unnamed| Case {
        name,
        released,
        provenance,
        data_subject,
        want,
        unnamed,
    };
    let cases = [
        case("measured", true, Provenance::Measured, 7, [1, 0, 0], 0),
        case("withheld", false, Provenance::Measured, 7, [0, 0, 0], 0),
        case("nobody in it", true, Provenance::Measured, 0, [0, 0, 0], 0),
        case("declared", true, Provenance::Declared, 7, [0, 1, 0], 0),
        case("declared, unnamed", true, Provenance::Declared, 0, [0, 0, 0], 1),
        case("reported", true, Provenance::Reported, 7, [0, 0, 1], 0),
        case("contradicts itself", true, Provenance::None, 7, [0, 1, 0], 0),
        case("reached nobody", true, Provenance::None, 0, [0, 0, 0], 0),
    ];
    for case in cases {
        let mut one = row(access_id(1), (1, 1, 1, 1), case.provenance);
        one.released = case.released;
        one.data_subject = DataSubjectNumber(case.data_subject);
        let at = Position { index: LeafIndex(0), time: UnixMillis::new(DAY) };
        let journal = vec![(at, Record::from(one))];
        let query = all(By::ApiKey(ApiKeyId(1)));
        let viewed = view_of(&journal).scope(&query, &journal[..]).unwrap();
        let got = [&viewed.exact, &viewed.declared, &viewed.reported];
        assert_eq!(got.map(|part| part.data_subjects.len()), case.want, "{}", case.name);
        assert_eq!(viewed.declared.unnamed, case.unnamed, "{}", case.name);
        let agreed = compare(&viewed, &scan_of(&journal, &query));
        assert!(matches!(agreed, Agreement::Agree { .. }), "{}", case.name);
    }
}
