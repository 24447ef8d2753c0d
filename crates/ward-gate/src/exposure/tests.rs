//! The books against a plain list of reads; parallel charges; restarts.

use super::*;
use proptest::prelude::*;
use ward_model::record::{Access, Touch};
use ward_model::word::{Provenance, RouteMode, Task};
use ward_model::*;

const HOUR: i64 = 3_600_000;

fn budget(subjects_max: u64, window_ms: i64) -> Budget {
    Budget { name: "b".into(), kinds: vec![PrincipalKind::Person], subjects_max, window_ms }
}

fn numbers(list: &[i64]) -> Vec<DataSubjectNumber> {
    list.iter().copied().map(DataSubjectNumber).collect()
}

fn rows(principal: i64, subjects: &[DataSubjectNumber]) -> Vec<AccessRow> {
    let shared = AccessRow {
        access: AccessId([0; 16]),
        row: 0,
        rows: 1,
        principal_kind: PrincipalKind::Person,
        principal: PrincipalNumber(principal),
        principal_key: PrincipalKey::default(),
        api_key: ApiKeyId(0),
        origin: Origin(0),
        sequence: Sequence(0),
        key: KeyNumber(0),
        route: RouteNumber(1),
        task: Task::View,
        source: [0; 16],
        tenant: TenantNumber(0),
        purpose: 0,
        verdict: Verdict::Permit,
        released: true,
        mode: RouteMode::Enforce,
        provenance: Provenance::Measured,
        data_subject: DataSubjectNumber(0),
        fields: 0,
        status: 200,
    };
    let touches = subjects.iter().map(|&data_subject| Touch { data_subject, fields: 1 }).collect();
    Access { shared, touches }.to_rows().collect()
}

fn record(view: &mut impl View, principal: i64, subjects: &[DataSubjectNumber], ms: i64) {
    for row in rows(principal, subjects) {
        let at = Position { index: LeafIndex(0), time: UnixMillis::new(ms) };
        view.apply(at, &Record::AccessRow(row));
    }
}

fn charge(books: &Exposures, subjects: &[i64], ms: i64) -> Result<Charge, Spent> {
    let now = UnixMillis::new(ms);
    books.charge(PrincipalKind::Person, PrincipalNumber(1), numbers(subjects), now)
}

#[test]
fn a_pending_charge_holds_the_budget_until_it_is_dropped() {
    let books = Exposures::new(vec![budget(2, 24 * HOUR)]);
    let first = charge(&books, &[1, 2], 0).ok().unwrap();
    assert!(charge(&books, &[3], 0).is_err());
    assert!(charge(&books, &[1], 0).is_ok(), "already counted: free");
    drop(first);
    assert!(charge(&books, &[3], 0).is_ok());
}

#[test]
fn parallel_charges_never_overspend() {
    let books = Exposures::new(vec![budget(50, 24 * HOUR)]);
    let granted = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (books, granted) = (&books, &granted);
            scope.spawn(move || {
                for n in 0..100 {
                    if let Ok(charge) = charge(books, &[thread * 1000 + n], 0) {
                        granted.lock().unwrap().push(charge);
                    }
                }
            });
        }
    });
    assert_eq!(granted.lock().unwrap().len(), 50);
}

#[test]
fn other_kinds_are_not_charged() {
    let books = Exposures::new(vec![budget(0, 24 * HOUR)]);
    let now = UnixMillis::new(0);
    assert!(books.charge(PrincipalKind::Customer, PrincipalNumber(1), numbers(&[1]), now).is_ok());
    assert!(books.charge(PrincipalKind::Person, PrincipalNumber(1), numbers(&[1]), now).is_err());
    assert!(books.charge(PrincipalKind::Person, PrincipalNumber(1), vec![], now).is_ok());
}

proptest! {
    /// Against a list of (time, data subject): a charge is granted exactly when the distinct data
    /// subjects of the panes inside the window and the new ones fit; a rebuilt book agrees.
    #[test]
    fn the_books_agree_with_a_plain_list(
        cap in 1u64..8,
        steps in proptest::collection::vec((0i64..40 * HOUR, 1i64..10, 1usize..4), 1..60),
    ) {
        let budget = budget(cap, 24 * HOUR);
        let books = Exposures::new(vec![budget.clone()]);
        let mut view = books.view();
        let mut list: Vec<(i64, DataSubjectNumber)> = Vec::new();
        let mut now = 0;
        for (ahead, first, count) in steps {
            now += ahead / 8;
            let wanted: Vec<i64> = (first..).take(count).collect();
            let pane = |ms: i64| ms.div_euclid(HOUR);
            let mut inside: HashSet<DataSubjectNumber> = list.iter()
                .filter(|(ms, _)| pane(*ms) >= pane(now - 24 * HOUR))
                .map(|(_, one)| *one).collect();
            let before = inside.len();
            inside.extend(numbers(&wanted));
            let fits = inside.len() as u64 <= cap || inside.len() == before;
            match charge(&books, &wanted, now) {
                Ok(charge) => {
                    prop_assert!(fits);
                    record(&mut view, 1, &numbers(&wanted), now);
                    list.extend(numbers(&wanted).into_iter().map(|one| (now, one)));
                    drop(charge);
                }
                Err(_) => prop_assert!(!fits),
            }
        }
        let again = Exposures::new(vec![budget]);
        let mut view = again.view();
        for (ms, one) in &list {
            record(&mut view, 1, &[*one], *ms);
        }
        let at = UnixMillis::new(now);
        prop_assert_eq!(
            again.standing(PrincipalKind::Person, PrincipalNumber(1), at),
            books.standing(PrincipalKind::Person, PrincipalNumber(1), at)
        );
    }
}
