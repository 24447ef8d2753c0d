//! The register's life against a plain map, its file's defences, and groups of callers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

fn secret() -> Secret<[u8; 32]> {
    Secret::new([7; 32])
}

const NS: NamespaceNumber = NamespaceNumber(1);

fn fresh() -> (tempfile::TempDir, PathBuf, Register) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("register.db");
    let register = Register::open(&path, &secret()).unwrap();
    (dir, path, register)
}

#[derive(Clone, Debug)]
enum Act {
    Number(Vec<(i32, u16)>),
    Created(i32, u16),
    Deleted(i32, u16),
    Import(i32, Vec<u16>),
    Erase(u16),
    Reopen,
    Kill,
}

fn act() -> impl Strategy<Value = Act> {
    let ns = 1..4i32;
    let id = 0..60u16;
    prop_oneof![
        4 => prop::collection::vec((ns.clone(), id.clone()), 1..6).prop_map(Act::Number),
        2 => (ns.clone(), id.clone()).prop_map(|(ns, id)| Act::Created(ns, id)),
        2 => (ns.clone(), id.clone()).prop_map(|(ns, id)| Act::Deleted(ns, id)),
        1 => (ns, prop::collection::vec(id, 0..9)).prop_map(|(ns, ids)| Act::Import(ns, ids)),
        1 => (1..40u16).prop_map(Act::Erase),
        1 => Just(Act::Reopen),
        1 => Just(Act::Kill),
    ]
}

/// The register as a person would write it on one page.
#[derive(Default)]
struct Model {
    next: i64,
    numbers: BTreeMap<(i32, String), i64>,
    states: BTreeMap<i64, bool>,
    watermarks: BTreeMap<i32, i64>,
}

impl Model {
    fn number(&mut self, ns: i32, id: &str) -> i64 {
        let next = &mut self.next;
        *self.numbers.entry((ns, id.to_owned())).or_insert_with(|| {
            *next += 1;
            *next
        })
    }

    fn set(&mut self, ns: i32, id: &str, exists: bool) {
        let number = self.number(ns, id);
        self.states.insert(number, exists);
    }

    fn erase(&mut self, number: i64) -> bool {
        let before = self.numbers.len();
        self.numbers.retain(|_, held| *held != number);
        self.states.remove(&number);
        before != self.numbers.len()
    }

    fn existence(&self, ns: i32, id: u16) -> Existence {
        let Some(watermark) = self.watermarks.get(&ns) else { return Existence::NotFed };
        let number = self.numbers.get(&(ns, id.to_string()));
        match number.and_then(|number| self.states.get(number)) {
            Some(true) => Existence::Exists,
            Some(false) => Existence::Deleted,
            None if i64::from(id) > *watermark => Existence::Unconfirmed,
            None => Existence::Phantom,
        }
    }
}

fn same(register: &Register, model: &Model) {
    assert_eq!(register.len(), model.numbers.len());
    for ns in 1..4 {
        for id in 0..60u16 {
            let text = id.to_string();
            let want = model.numbers.get(&(ns, text.clone())).copied();
            let got = register.number(NamespaceNumber(ns), &text).map(|it| it.0);
            assert_eq!(got, want, "number of {ns}:{id}");
            let existence = register.existence(NamespaceNumber(ns), &text);
            assert_eq!(existence, model.existence(ns, id), "existence of {ns}:{id}");
        }
    }
    for ((ns, id), number) in &model.numbers {
        let name = register.name(DataSubjectNumber(*number)).unwrap();
        assert_eq!(name, Some((NamespaceNumber(*ns), id.clone())));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_random_life_equals_a_plain_map(acts in prop::collection::vec(act(), 1..40)) {
        let (dir, mut path, mut register) = fresh();
        let mut model = Model::default();
        for (step, act) in acts.into_iter().enumerate() {
            match act {
                Act::Number(ids) => {
                    let texts: Vec<(i32, String)> =
                        ids.iter().map(|(ns, id)| (*ns, id.to_string())).collect();
                    let asked: Vec<(NamespaceNumber, &str)> =
                        texts.iter().map(|(ns, id)| (NamespaceNumber(*ns), id.as_str())).collect();
                    let got: Vec<i64> =
                        register.numbers(&asked).unwrap().iter().map(|it| it.0).collect();
                    let want: Vec<i64> =
                        texts.iter().map(|(ns, id)| model.number(*ns, id)).collect();
                    prop_assert_eq!(got, want);
                }
                Act::Created(ns, id) => {
                    register.created(NamespaceNumber(ns), &id.to_string()).unwrap();
                    model.set(ns, &id.to_string(), true);
                    if let Some(mark) = model.watermarks.get_mut(&ns).filter(|mark| **mark >= 0) {
                        *mark = (*mark).max(i64::from(id));
                    }
                }
                Act::Deleted(ns, id) => {
                    register.deleted(NamespaceNumber(ns), &id.to_string()).unwrap();
                    model.set(ns, &id.to_string(), false);
                }
                Act::Import(ns, ids) => {
                    let texts = ids.iter().map(u16::to_string);
                    let fed = register.import(NamespaceNumber(ns), texts, |_| ()).unwrap();
                    let mark = model.watermarks.entry(ns).or_insert(-1);
                    for id in &ids {
                        *mark = (*mark).max(i64::from(*id));
                    }
                    prop_assert_eq!(fed.watermark, *mark);
                    for id in ids {
                        model.set(ns, &id.to_string(), true);
                    }
                }
                Act::Erase(number) => {
                    let number = i64::from(number);
                    let erased = register.erase(DataSubjectNumber(number)).unwrap();
                    prop_assert_eq!(erased, model.erase(number));
                    prop_assert_eq!(register.name(DataSubjectNumber(number)).unwrap(), None);
                }
                Act::Reopen => {
                    drop(register);
                    register = Register::open(&path, &secret()).unwrap();
                }
                Act::Kill => {
                    // The files as they lie on the disk while the register is open.
                    let copy = dir.path().join(format!("copy{step}.db"));
                    std::fs::copy(&path, &copy).unwrap();
                    let wal = |path: &PathBuf| PathBuf::from(format!("{}-wal", path.display()));
                    if wal(&path).exists() {
                        std::fs::copy(wal(&path), wal(&copy)).unwrap();
                    }
                    path = copy;
                    register = Register::open(&path, &secret()).unwrap();
                }
            }
        }
        same(&register, &model);
    }
}

#[test]
fn what_the_file_refuses() {
    let (_dir, path, register) = fresh();
    assert!(matches!(Register::open(&path, &secret()), Err(OpenError::InUse)));
    drop(register);
    let other = Secret::new([8; 32]);
    assert!(matches!(Register::open(&path, &other), Err(OpenError::WrongSecret)));
    let by_hand = rusqlite::Connection::open(&path).unwrap();
    by_hand.execute_batch("PRAGMA user_version = 2").unwrap();
    drop(by_hand);
    let newer = Register::open(&path, &secret());
    assert!(matches!(newer, Err(OpenError::Newer { found: 2, known: 1 })));
    let foreign = path.with_file_name("foreign.db");
    let by_hand = rusqlite::Connection::open(&foreign).unwrap();
    by_hand.execute_batch("CREATE TABLE other (x)").unwrap();
    drop(by_hand);
    assert!(matches!(Register::open(&foreign, &secret()), Err(OpenError::Foreign)));
    let nowhere = path.with_file_name("absent").join("register.db");
    assert!(matches!(Register::open(&nowhere, &secret()), Err(OpenError::File { .. })));
}

#[test]
fn a_sealed_id_moved_to_another_number_does_not_open() {
    let (_dir, path, register) = fresh();
    register.numbers(&[(NS, "a"), (NS, "b")]).unwrap();
    drop(register);
    let by_hand = rusqlite::Connection::open(&path).unwrap();
    let swap = "UPDATE subjects SET sealed = (SELECT sealed FROM subjects WHERE number = 1)";
    by_hand.execute_batch(swap).unwrap();
    drop(by_hand);
    let register = Register::open(&path, &secret()).unwrap();
    assert!(register.name(DataSubjectNumber(1)).unwrap().is_some());
    let moved = register.name(DataSubjectNumber(2));
    assert!(matches!(moved, Err(RegisterError::Corrupt { number: 2 })));
}

#[test]
fn the_file_holds_no_id_and_none_is_left_after_erasure() {
    let (dir, path, register) = fresh();
    let id = "someone-unmistakable@example.com";
    let number = register.numbers(&[(EMAIL, id)]).unwrap()[0];
    let sealed: Vec<u8> =
        sql::sealed(register.inner.writer().connection(), number.0).unwrap().unwrap().1;
    let bytes_of = |needle: &[u8]| {
        std::fs::read_dir(dir.path()).unwrap().any(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(needle.len()).any(|window| window == needle)
        })
    };
    assert!(!bytes_of(id.as_bytes()), "the id stands in the open");
    assert!(bytes_of(&sealed));
    assert!(register.erase(number).unwrap());
    assert!(!bytes_of(&sealed), "the sealed id survived its erasure");
    assert_eq!(register.number(EMAIL, id), None);
    let again = register.numbers(&[(EMAIL, id)]).unwrap()[0];
    assert_ne!(again, number, "a number was used twice");
    drop(register);
    let register = Register::open(&path, &secret()).unwrap();
    assert_eq!(register.name(number).unwrap(), None);
    assert_eq!(register.number(EMAIL, id), Some(again));
}

#[test]
fn a_collision_is_an_error_and_never_a_merger() {
    let dir = tempfile::tempdir().unwrap();
    let mut weak = Seals::new(&secret()).unwrap();
    weak.weaken();
    let register = Register::open_with(&dir.path().join("register.db"), weak).unwrap();
    let ids: Vec<String> = (0..300).map(|id| id.to_string()).collect();
    let imported = register.import(NS, &ids, |_| ());
    assert!(matches!(imported, Err(RegisterError::Collision { .. })), "{imported:?}");
    assert!(register.is_empty(), "a failed batch left something behind");
    assert_eq!(register.existence(NS, "1"), Existence::NotFed);
}

#[test]
fn existence_never_calls_the_newer_a_phantom() {
    let (_dir, _path, register) = fresh();
    assert_eq!(register.existence(NS, "5"), Existence::NotFed);
    register.created(NS, "9").unwrap();
    assert_eq!(register.existence(NS, "5"), Existence::NotFed, "events alone do not feed");
    let fed = register.import(NS, ["1", "2", "5"], |_| ()).unwrap();
    assert_eq!(fed, Fed { existing: 4, tombstones: 0, watermark: 5 });
    for (id, want) in [
        ("1", Existence::Exists),
        ("3", Existence::Phantom),
        ("6", Existence::Unconfirmed),
        ("9", Existence::Exists),
        ("007", Existence::Phantom),
        ("x", Existence::Phantom),
    ] {
        assert_eq!(register.existence(NS, id), want, "{id}");
    }
    register.deleted(NS, "2").unwrap();
    assert_eq!(register.existence(NS, "2"), Existence::Deleted);
    assert_eq!(register.created(NS, "12").unwrap().watermark, 12);
    assert_eq!(register.existence(NS, "6"), Existence::Phantom);
    let fed = register.feed(NS, &[FeedEvent::Created("20")], Some(15)).unwrap();
    assert_eq!(fed.watermark, 15, "the feed names its own watermark");
    assert_eq!(register.feed(NS, &[], Some(3)).unwrap().watermark, 15, "never pulled back");
}

#[test]
fn callers_at_once_agree_on_every_number() {
    let (_dir, path, register) = fresh();
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let register = register.clone();
            std::thread::spawn(move || {
                let ids: Vec<String> =
                    (0..200).map(|id| ((id + worker * 7) % 200).to_string()).collect();
                let mut seen = BTreeMap::new();
                for chunk in ids.chunks(5) {
                    let asked: Vec<_> = chunk.iter().map(|id| (NS, id.as_str())).collect();
                    for (id, number) in chunk.iter().zip(register.numbers(&asked).unwrap()) {
                        seen.insert(id.clone(), number);
                    }
                }
                seen
            })
        })
        .collect();
    let answers: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    let mut numbers: Vec<i64> = answers[0].values().map(|number| number.0).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=200).collect::<Vec<i64>>());
    drop(register);
    let register = Register::open(&path, &secret()).unwrap();
    assert!(answers[0].iter().all(|(id, number)| register.number(NS, id) == Some(*number)));
}

#[test]
fn bad_ids_are_refused_and_a_full_disk_gives_no_number() {
    let (_dir, _path, register) = fresh();
    let long = "x".repeat(257);
    for bad in ["", "a\nb", &long] {
        assert!(matches!(register.numbers(&[(NS, bad)]), Err(RegisterError::Input)));
    }
    let known = register.numbers(&[(NS, "known")]).unwrap()[0];
    let full = "PRAGMA max_page_count = 1";
    register.inner.writer().connection().query_row(full, [], |_| Ok(())).unwrap();
    let ids: Vec<String> = (0..5000).map(|id| format!("{id:0>100}")).collect();
    let many: Vec<_> = ids.iter().map(|id| (NS, id.as_str())).collect();
    let refused = register.numbers(&many);
    assert!(matches!(refused, Err(RegisterError::Unavailable { .. })), "{refused:?}");
    assert_eq!(register.len(), 1);
    assert_eq!(register.numbers(&[(NS, "known")]).unwrap(), [known], "reads go on");
    let more = "PRAGMA max_page_count = 100000";
    register.inner.writer().connection().query_row(more, [], |_| Ok(())).unwrap();
    assert_eq!(register.numbers(&many).unwrap()[0], DataSubjectNumber(2));
}

#[test]
fn a_copy_is_whole_whatever_is_written_meanwhile() {
    let (dir, path, register) = fresh();
    let id = |nth: usize| format!("id-{nth}");
    let fill = |range: core::ops::Range<usize>| {
        for from in range.step_by(100) {
            let ids: Vec<String> = (from..from + 100).map(id).collect();
            let ids: Vec<_> = ids.iter().map(|id| (NS, id.as_str())).collect();
            register.numbers(&ids).unwrap();
        }
    };
    fill(0..3000);
    let to = dir.path().join("copy.db");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // More than one log's worth of pages.
            fill(3000..9000);
        });
        scope.spawn(|| assert!(register.copy_to(&to).unwrap() > 100_000));
    });
    let copy = Register::open(&to, &secret()).unwrap();
    let known = (0..9000).take_while(|nth| copy.number(NS, &id(*nth)).is_some()).count();
    assert!(known >= 3000 && copy.len() == known, "{known} of {}", copy.len());
    for nth in (0..known).step_by(97) {
        assert_eq!(copy.number(NS, &id(nth)), register.number(NS, &id(nth)));
        let number = copy.number(NS, &id(nth)).unwrap();
        assert_eq!(copy.name(number).unwrap(), Some((NS, id(nth))));
    }
    assert!(register.copy_to(&to).is_err(), "nothing is written over");
    // The lock on the file outlives the copy, and the log flows again.
    assert!(matches!(Register::open(&path, &secret()), Err(OpenError::InUse)));
    fill(9000..15_000);
    let log = std::fs::metadata(dir.path().join("register.db-wal")).unwrap().len();
    assert!(log < 16 << 20, "{log} bytes of log");
}

#[test]
fn a_number_that_records_name_is_not_given_out_again() {
    let (_dir, path, register) = fresh();
    register.numbers(&[(NS, "a")]).unwrap();
    register.use_up(DataSubjectNumber(1)).unwrap();
    register.use_up(DataSubjectNumber(41)).unwrap();
    register.use_up(DataSubjectNumber(7)).unwrap();
    assert_eq!(register.name(DataSubjectNumber(41)).unwrap(), None);
    drop(register);
    let register = Register::open(&path, &secret()).unwrap();
    let given = register.numbers(&[(NS, "a"), (NS, "b")]).unwrap();
    assert_eq!(given, [DataSubjectNumber(1), DataSubjectNumber(42)]);
    let last = DataSubjectNumber(crate::limits::NUMBER_MAX);
    assert!(matches!(register.use_up(last), Err(RegisterError::Full)));
}
