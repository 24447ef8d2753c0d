//! The life of a person's row with a stop between every two steps; rows written by hand.

use std::path::PathBuf;

use ward_model::record::*;
use ward_model::word::*;
use ward_model::*;

use super::*;

fn secret() -> Secret<[u8; 32]> {
    Secret::new([3; 32])
}

/// A store beside the journal that feeds it.
struct House {
    _dir: tempfile::TempDir,
    path: PathBuf,
    store: Store,
    journal: Vec<(Position, Record)>,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let store = Store::open(&path, &secret()).unwrap();
        Self { _dir: dir, path, store, journal: Vec::new() }
    }

    fn append(&mut self, record: impl Into<Record>) -> Position {
        let index = LeafIndex(self.journal.len() as i64);
        let at = Position { index, time: UnixMillis::new(1000 + index.0) };
        self.journal.push((at, record.into()));
        at
    }

    fn follow(&self) {
        self.store.apply_all(self.journal.iter().map(|(at, record)| (*at, record))).unwrap();
    }

    fn put(&mut self, row: PersonRow) -> PersonRow {
        let pending = self.store.begin_person_put(row, None).unwrap();
        let at = self.append(pending.record().clone());
        self.store.settle(pending, at).unwrap()
    }

    /// As after a crash: everything applied, then what is still staged dropped.
    fn restart(&mut self) -> Vec<Unsettled> {
        self.store = Store::open(&self.path, &secret()).unwrap();
        self.follow();
        self.store.drop_unsettled().unwrap()
    }

    fn verify(&self) -> Vec<(&'static str, Found)> {
        let read = |range: core::ops::Range<i64>, visit: &mut dyn FnMut(Position, &Record)| {
            for (at, record) in &self.journal {
                if range.contains(&at.index.0) {
                    visit(*at, record);
                }
            }
            Ok::<(), ()>(())
        };
        let found = self.store.verify(read).unwrap();
        found.into_iter().map(|it| (it.table, it.found)).collect()
    }

    fn by_hand(&self, sql: &str) {
        rusqlite::Connection::open(&self.path).unwrap().execute_batch(sql).unwrap();
    }
}

fn person(number: u8, user_name: &str) -> PersonRow {
    PersonRow {
        person: PersonId([number; 16]),
        principal: PrincipalNumber(i64::from(number)),
        principal_key: PrincipalKey([number; 16]),
        user_name: user_name.to_owned(),
        external_id: Some(format!("ext-{number}")),
        display_name: "Shown".to_owned(),
        given_name: "Given".to_owned(),
        family_name: "Family".to_owned(),
        emails: vec![Email { value: "a@b.example".to_owned(), kind: None, primary: true }],
        active: true,
        state: PersonState::Active,
        created: UnixMillis::new(5),
        modified: UnixMillis::new(6),
        version: 0,
    }
}

fn everything(house: &mut House) {
    let owner_key = PrincipalKey([1; 16]);
    let expires_at = UnixMillis::new(9000);
    let cause = Cause::Left;
    house.append(NodeStarted { version: Text::cut("0"), config_digest: [0; 32] });
    for api_key in [7, 8] {
        house.append(ApiKeyIssued {
            api_key: ApiKeyId(api_key),
            kind: ApiKeyKind::Person,
            hash: [9; 32],
            owner_kind: PrincipalKind::Person,
            owner: PrincipalNumber(1),
            owner_key,
            expires_at,
        });
    }
    house.append(ApiKeyRevoked { api_key: ApiKeyId(7), cause });
    house.append(ClientRegistered {
        client_id: Text::cut("app"),
        client_key: PrincipalKey([4; 16]),
        secret_hash: [2; 32],
        owner: PersonId([1; 16]),
        owner_key,
        audience: Text::cut("shop"),
        scope: Text::cut("read"),
        life_ms_max: 1000,
        expires_at,
    });
    let (cascade, person) = (CascadeId(1), PersonId([1; 16]));
    house.append(CascadeStarted { cascade, person, cause, signalled_at: UnixMillis::new(1) });
    for outcome in [StepOutcome::Open, StepOutcome::Done] {
        let (step, target) = (CascadeStepKind::SigningKey, 3);
        house.append(CascadeStep { cascade, step, target, outcome });
    }
    house.append(CascadeFinished { cascade, open: 0 });
    let (incident, kind) = (IncidentId(5), AlertKind::NeverIssued);
    house.append(AlertRaised {
        alert: AlertId(2),
        kind,
        principal: PrincipalNumber(1),
        data_subject: DataSubjectNumber(0),
        key: KeyNumber(3),
        api_key: ApiKeyId(0),
        access: AccessId([1; 16]),
        route: RouteNumber(1),
        leaked: 0,
    });
    let principal = PrincipalNumber(0);
    house.append(IncidentOpened { incident, kind, key: KeyNumber(3), principal });
    house.append(IncidentNoted {
        incident,
        kind: IncidentEntryKind::Alert,
        alert: AlertId(2),
        access: AccessId([1; 16]),
        person,
        note: Text::cut("holder"),
    });
    house.append(IncidentClosed { incident, note: Text::cut("drill") });
    house.append(ExistenceFed {
        namespace: NamespaceNumber(1),
        existing: 10,
        tombstones: 1,
        watermark: 11,
    });
    house.follow();
}

#[test]
fn a_change_is_invisible_until_its_record_stands() {
    let mut house = House::new();
    let pending = house.store.begin_person_put(person(1, "Kim@Corp"), Some(0)).unwrap();
    assert_eq!(house.store.person(PersonId([1; 16])).unwrap(), None);
    let taken = house.store.begin_person_put(person(2, "kim@corp"), None);
    assert!(matches!(taken, Err(BeginError::UserNameTaken)), "staged names are taken too");
    let busy = house.store.begin_person_put(person(1, "other"), None);
    assert!(matches!(busy, Err(BeginError::Busy)));
    let at = house.append(pending.record().clone());
    let row = house.store.settle(pending, at).unwrap();
    assert_eq!((row.version, row.user_name.as_str()), (1, "Kim@Corp"));
    let found = house.store.person_by_user_name("KIM@corp").unwrap();
    assert_eq!(found, Some(row.clone()));
    house.follow();
    assert_eq!(house.store.person(row.person).unwrap(), Some(row.clone()), "applied twice");
    let moved = house.store.begin_person_put(person(1, "kim@corp"), Some(0));
    assert!(matches!(moved, Err(BeginError::Moved { found: 1 })));
    let left = PersonRow { active: false, state: PersonState::Left, ..row };
    let left = house.put(left);
    assert_eq!((left.version, left.created), (2, UnixMillis::new(5)));
    let free = house.store.begin_person_put(person(2, "kim@corp2"), None).unwrap();
    house.store.abandon(free).unwrap();
    house.follow();
    assert_eq!(house.store.persons(Page::FIRST).unwrap().total, 1);
    assert_eq!(house.verify(), []);
}

#[test]
fn a_stop_between_any_two_steps_loses_and_invents_nothing() {
    struct Case {
        name: &'static str,
        appended: bool,
        settled: bool,
        followed: bool,
        want: Option<&'static str>,
    }
    let case =
        |name, appended, settled, followed, want| Case { name, appended, settled, followed, want };
    let cases = [
        case("staged", false, false, false, Some("before")),
        case("appended", true, false, false, Some("after")),
        case("appended and followed", true, false, true, Some("after")),
        case("settled", true, true, false, Some("after")),
        case("settled and followed", true, true, true, Some("after")),
    ];
    for case in cases {
        let mut house = House::new();
        house.put(PersonRow { display_name: "before".to_owned(), ..person(1, "kim") });
        let next = PersonRow { display_name: "after".to_owned(), ..person(1, "kim") };
        let pending = house.store.begin_person_put(next, None).unwrap();
        if case.appended {
            let at = house.append(pending.record().clone());
            if case.settled {
                house.store.settle(pending, at).unwrap();
            }
        }
        if case.followed {
            house.follow();
        }
        let dropped = house.restart();
        assert_eq!(dropped.len(), usize::from(!case.appended), "{}", case.name);
        let row = house.store.person(PersonId([1; 16])).unwrap();
        let name = row.as_ref().map(|row| row.display_name.as_str());
        assert_eq!(name, case.want, "{}", case.name);
        assert_eq!(house.verify(), [], "{}", case.name);
        house.put(person(1, "kim"));
    }
}

#[test]
fn an_older_record_never_overwrites_a_newer_row() {
    let mut house = House::new();
    house.put(person(1, "kim"));
    house.put(PersonRow { display_name: "second".to_owned(), ..person(1, "kim") });
    assert_eq!(house.verify(), [], "settled before the follower came by");
    house.by_hand("UPDATE persons SET active = 0");
    assert_eq!(house.verify(), [("persons", Found::Differs)]);
    house.by_hand("UPDATE persons SET active = 1");
    house.follow();
    let row = house.store.person(PersonId([1; 16])).unwrap().unwrap();
    assert_eq!((row.display_name.as_str(), row.version), ("second", 2));
    assert_eq!(house.verify(), []);
}

#[test]
fn every_record_has_its_row_and_pages_hold() {
    let mut house = House::new();
    house.put(person(1, "kim"));
    everything(&mut house);
    let store = &house.store;
    store.label_api_key(ApiKeyId(8), "laptop").unwrap();
    let keys = store.api_keys(Page::FIRST).unwrap();
    assert_eq!(keys.total, 2);
    assert_eq!(keys.rows[0].label, "laptop");
    assert_eq!(keys.rows[1].revoked.unwrap().1, Cause::Left);
    assert_eq!(store.api_keys(Page { start: 1, count: 5 }).unwrap().rows.len(), 1);
    assert_eq!(store.api_keys_of(PrincipalNumber(1)).unwrap().len(), 2);
    assert_eq!(store.clients(Page::FIRST).unwrap().rows[0].client_id, "app");
    let steps = store.cascade_steps(CascadeId(1)).unwrap();
    assert_eq!((steps.len(), steps[0].outcome), (1, StepOutcome::Done));
    assert_eq!(store.cascades_of(PersonId([1; 16])).unwrap()[0].finished.unwrap().1, 0);
    assert_eq!(store.cascades(Page::FIRST).unwrap().total, 1);
    let incident = store.incident(IncidentId(5)).unwrap().unwrap();
    assert_eq!(incident.closed.unwrap().1, "drill");
    let entries = store.incident_entries(IncidentId(5), Page::FIRST).unwrap();
    assert_eq!(entries[0].note, "holder");
    assert_eq!(store.incidents(Page::FIRST).unwrap().total, 1);
    assert_eq!(store.alerts(Page::FIRST).unwrap().rows[0].key, KeyNumber(3));
    assert_eq!(store.existence().unwrap()[0].watermark, 11);
    assert_eq!(store.persons_by_external_id("ext-1").unwrap().len(), 1);
    assert!(store.person_by_principal(PrincipalNumber(1)).unwrap().is_some());
    assert_eq!(house.verify(), []);
    assert!(house.restart().is_empty());
    assert_eq!(house.store.applied(), TreeSize(house.journal.len() as i64));
    assert_eq!(house.verify(), []);
}

#[test]
fn a_row_by_hand_is_named() {
    let copy = "INSERT INTO persons SELECT X'EE', principal, principal_key, 'eve', external_id,
        display_name, given_name, family_name, emails, 1, 1, created, modified, version, 'eve',
        row_digest, leaf FROM persons";
    let key = "INSERT INTO api_keys SELECT 99, kind, owner_kind, owner, created, expires, NULL,
        NULL, hash, owner_key FROM api_keys WHERE api_key = 8";
    let staged = "INSERT INTO outbox (person, user_key, digest, payload, principal, principal_key,
        user_name, display_name, given_name, family_name, emails, active, state, created,
        modified, version) SELECT X'EE', 'eve', row_digest, X'00', principal, principal_key,
        'eve', '', '', '', '[]', 1, 1, 0, 0, 1 FROM persons";
    let cases: [(&str, &[(&str, Found)]); 14] = [
        (copy, &[("persons", Found::WithoutRecord)]),
        ("UPDATE persons SET active = 0", &[("persons", Found::Differs)]),
        ("UPDATE persons SET display_name = 'Eve'", &[("persons", Found::Differs)]),
        ("UPDATE persons SET user_key = 'eve'", &[("persons", Found::Differs)]),
        ("UPDATE persons SET emails = 'no json'", &[("persons", Found::Differs)]),
        ("DELETE FROM persons", &[("persons", Found::Missing)]),
        (key, &[("api_keys", Found::WithoutRecord)]),
        ("UPDATE api_keys SET revoked = NULL, cause = NULL", &[("api_keys", Found::Differs)]),
        ("UPDATE api_keys SET hash = X'00' WHERE api_key = 8", &[("api_keys", Found::Differs)]),
        ("UPDATE clients SET scope = 'all'", &[("clients", Found::Differs)]),
        ("DELETE FROM incident_entries", &[("incident_entries", Found::Missing)]),
        ("UPDATE person_records SET digest = X'00'", &[("person_records", Found::Differs)]),
        (staged, &[("outbox", Found::Corrupt)]),
        ("UPDATE incidents SET closed = NULL", &[("incidents", Found::Differs)]),
    ];
    for (sql, want) in cases {
        let mut house = House::new();
        house.put(person(1, "kim"));
        everything(&mut house);
        assert_eq!(house.verify(), [], "before {sql}");
        house.by_hand(sql);
        assert_eq!(house.verify(), want, "{sql}");
    }
}

#[test]
fn a_change_of_state_alone_leaves_the_row_as_it_was() {
    let mut house = House::new();
    house.put(person(1, "kim"));
    house.follow();
    let Some((_, Record::PersonPut(put))) = house.journal.last().cloned() else { panic!("no put") };
    for state in [PersonState::Left, PersonState::Active] {
        house.append(PersonPut { state, ..put.clone() });
        assert_eq!(house.verify(), [], "{state}, not applied yet");
        house.follow();
        assert_eq!(house.verify(), [], "{state}");
    }
    house.put(PersonRow { display_name: "Other".to_owned(), ..person(1, "kim") });
    assert_eq!(house.verify(), []);
    house.by_hand("UPDATE persons SET leaf = 0");
    assert_eq!(house.verify(), [("persons", Found::Differs)]);
}

#[test]
fn a_journal_rolled_back_is_named() {
    let mut house = House::new();
    everything(&mut house);
    house.journal.truncate(house.journal.len() - 1);
    let want = [("existence", Found::WithoutRecord), ("projection_head", Found::WithoutRecord)];
    assert_eq!(house.verify(), want);
}

#[test]
fn what_the_file_refuses() {
    let house = House::new();
    let other = Secret::new([8; 32]);
    assert!(matches!(Store::open(&house.path, &other), Err(OpenError::WrongSecret)));
    house.by_hand("PRAGMA user_version = 2");
    let newer = Store::open(&house.path, &secret());
    assert!(matches!(newer, Err(OpenError::Newer { found: 2, known: 1 })));
    let nowhere = house.path.with_file_name("absent").join("store.db");
    assert!(matches!(Store::open(&nowhere, &secret()), Err(OpenError::File { .. })));
    let foreign = house.path.with_file_name("foreign.db");
    let by_hand = rusqlite::Connection::open(&foreign).unwrap();
    by_hand.execute_batch("CREATE TABLE other (x)").unwrap();
    assert!(matches!(Store::open(&foreign, &secret()), Err(OpenError::Foreign)));
}

#[test]
fn bad_rows_are_refused_and_a_full_disk_still_answers() {
    let mut house = House::new();
    house.put(person(1, "kim"));
    let long = "x".repeat(513);
    let bad = house.store.begin_person_put(person(2, "  "), None);
    assert!(matches!(bad, Err(BeginError::Input { column: "userName" })));
    let bad = PersonRow { display_name: long, ..person(2, "lee") };
    let bad = house.store.begin_person_put(bad, None);
    assert!(matches!(bad, Err(BeginError::Input { column: "displayName" })));
    let full = "PRAGMA max_page_count = 1";
    house.store.lock().connection.query_row(full, [], |_| Ok(())).unwrap();
    let mut refused = None;
    for number in 10..200 {
        let row =
            PersonRow { given_name: "g".repeat(500), ..person(number, &format!("p{number}")) };
        if let Err(error) = house.store.begin_person_put(row, None) {
            refused = Some(error);
            break;
        }
    }
    let unavailable = BeginError::Store(StoreError::Unavailable { what: "DiskFull".to_owned() });
    assert_eq!(format!("{refused:?}"), format!("{:?}", Some(unavailable)));
    assert!(house.store.person_by_user_name("kim").unwrap().is_some(), "reads go on");
}

#[test]
fn a_copy_under_a_younger_journal_is_made_right() {
    let mut house = House::new();
    house.put(person(1, "first"));
    house.put(person(2, "second"));
    house.follow();
    let to = house.path.with_file_name("copy.db");
    house.store.copy_to(&to).unwrap();
    assert!(house.store.copy_to(&to).is_err(), "nothing is written over");
    // Afterwards one is renamed and leaves, one joins; a staged row never gets its record.
    let mut renamed = person(1, "renamed");
    renamed.state = PersonState::Left;
    house.put(renamed);
    house.put(person(3, "third"));
    house.path = to;
    assert!(house.restart().is_empty());
    let found = house.verify();
    assert_eq!(found, [("persons", Found::Differs), ("persons", Found::Missing)]);
    let outdated = house.store.outdated_persons().unwrap();
    let told: Vec<_> = outdated.iter().map(|it| (it.person.0[0], it.state, it.active)).collect();
    assert_eq!(told, [(1, PersonState::Left, false), (3, PersonState::Active, true)]);
    assert_eq!(outdated[0].user_name, "first", "the text a backup knows");
    for row in outdated {
        house.put(row);
    }
    house.follow();
    assert_eq!(house.verify(), []);
    assert!(house.store.outdated_persons().unwrap().is_empty());
}
