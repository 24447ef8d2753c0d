//! Alerts over a fake journal: what opens, what joins, what a restart does, what the API says.

use std::sync::Mutex as StdMutex;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use ward_model::record::*;
use ward_model::word::*;
use ward_model::*;

use super::*;
use crate::report::report;

mod emergencies;

#[derive(Clone, Default)]
struct Fake {
    records: Arc<StdMutex<Vec<Record>>>,
    appends_left: Arc<StdMutex<Option<usize>>>,
    incidents: SharedIncidents,
}

impl Fake {
    fn desk(&self) -> Desk<Self> {
        Desk::new(self.clone(), self.incidents.clone())
    }

    /// A program that starts over the same journal.
    fn again(&self) -> Self {
        let fresh = Self { appends_left: Arc::clone(&self.appends_left), ..Self::default() };
        for record in self.records.lock().unwrap().iter() {
            fresh.put(record.clone());
        }
        fresh
    }

    fn put(&self, record: impl Into<Record>) {
        let record = record.into();
        let mut records = self.records.lock().unwrap();
        let index = i64::try_from(records.len()).unwrap();
        let time = UnixMillis::new(1_700_000_000_000 + index * 1000);
        self.incidents.view().apply(Position { index: LeafIndex(index), time }, &record);
        records.push(record);
    }

    fn kinds(&self, from: usize) -> Vec<&'static str> {
        self.records.lock().unwrap().iter().skip(from).map(Record::kind_name).collect()
    }

    fn len(&self) -> usize {
        self.records.lock().unwrap().len()
    }
}

impl Outside for Fake {
    async fn append(&self, records: Vec<Record>) -> Result<(), Unavailable> {
        if let Some(left) = self.appends_left.lock().unwrap().as_mut() {
            *left = left.checked_sub(1).ok_or(Unavailable)?;
        }
        assert!(!records.is_empty());
        records.into_iter().for_each(|record| self.put(record));
        Ok(())
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn alert(id: i64, kind: AlertKind, key: i32, principal: i64) -> AlertRaised {
    AlertRaised {
        alert: AlertId(id),
        kind,
        principal: PrincipalNumber(principal),
        data_subject: DataSubjectNumber::NONE,
        key: KeyNumber(key),
        api_key: ApiKeyId::NONE,
        access: AccessId([7; 16]),
        route: RouteNumber(1),
        leaked: id,
    }
}

fn person(number: u8, state: PersonState) -> PersonPut {
    PersonPut {
        person: PersonId([number; 16]),
        principal: PrincipalNumber(number.into()),
        principal_key: PrincipalKey([number; 16]),
        state,
        row_digest: [0; 32],
    }
}

fn holder(key: i32, number: u8) -> KeyHolderDeclared {
    KeyHolderDeclared {
        key: KeyNumber(key),
        person: PersonId([number; 16]),
        person_key: PrincipalKey([number; 16]),
        since: UnixMillis::new(1_600_000_000_000),
        evidence: CustodyEvidence::Declared,
    }
}

fn key(number: i32) -> KeyAdded {
    KeyAdded {
        key: KeyNumber(number),
        kid: Text::cut(&format!("k{number}")),
        algorithm: Algorithm::Es256,
        purpose: KeyPurpose::Token,
        source: KeySource::Imported,
        issuer: Text::cut("https://login"),
        public_key: column::Octets::default(),
        state: KeyState::Active,
    }
}

fn forged(released: bool) -> AccessRow {
    AccessRow {
        access: AccessId([7; 16]),
        row: 0,
        rows: 1,
        principal_kind: PrincipalKind::Customer,
        principal: PrincipalNumber(9),
        principal_key: PrincipalKey([9; 16]),
        api_key: ApiKeyId::NONE,
        origin: Origin::NONE,
        sequence: Sequence::NONE,
        key: KeyNumber(1),
        route: RouteNumber(4),
        task: Task::View,
        source: [0; 16],
        tenant: TenantNumber::NONE,
        purpose: 0,
        verdict: Verdict::Refuse(Reason::NeverIssued),
        released,
        mode: RouteMode::Enforce,
        provenance: Provenance::None,
        data_subject: DataSubjectNumber::NONE,
        fields: 0,
        status: 0,
    }
}

/// A forgery under a key two people could read, one of whom has left.
fn incident_world() -> Fake {
    let fake = Fake::default();
    fake.put(person(1, PersonState::Active));
    fake.put(person(2, PersonState::Active));
    fake.put(key(1));
    fake.put(holder(1, 1));
    fake.put(holder(1, 2));
    fake.put(person(1, PersonState::Left));
    fake.put(KeyStateChanged {
        key: KeyNumber(1),
        state: KeyState::Compromised,
        since: UnixMillis::new(1_600_000_000_000),
        cause: Cause::Left,
    });
    fake.put(GrandfatheringClosed { key: KeyNumber(1), cause: Cause::Left });
    fake.put(forged(false));
    fake.put(alert(2305, AlertKind::NeverIssued, 1, 9));
    fake
}

#[test]
fn a_forgery_opens_an_incident_that_names_key_and_holders() {
    let fake = incident_world();
    let from = fake.len();
    assert_eq!(block_on(fake.desk().tend()), Ok(1));
    assert_eq!(fake.kinds(from), [&["IncidentOpened"][..], &["IncidentNoted"; 5]].concat());
    fake.put(forged(false));
    fake.put(forged(true));
    let shown = fake.incidents.read(|it| report(it, IncidentId(1)).unwrap());
    insta::assert_json_snapshot!(shown);
}

#[test]
fn what_opens_and_what_joins() {
    use AlertKind::*;
    struct Case {
        name: &'static str,
        given: &'static [(AlertKind, i32, i64)],
        want: usize,
    }
    let cases = [
        Case { name: "one key", given: &[(NeverIssued, 1, 9), (NeverIssued, 1, 8)], want: 1 },
        Case { name: "two keys", given: &[(NeverIssued, 1, 9), (NeverIssued, 2, 9)], want: 2 },
        Case {
            name: "two kinds",
            given: &[(NeverIssued, 1, 9), (PhantomDataSubject, 1, 9)],
            want: 2,
        },
        Case { name: "a phantom, no key", given: &[(PhantomDataSubject, 0, 9)], want: 1 },
        Case {
            name: "by principal",
            given: &[(BudgetSpent, 1, 9), (BudgetSpent, 2, 9), (WrongTenant, 1, 9)],
            want: 2,
        },
        Case {
            name: "leavers",
            given: &[(LeaverCredential, 1, 1), (LeaverCredential, 1, 2)],
            want: 2,
        },
        Case { name: "store", given: &[(StoreTampered, 0, 0), (StoreTampered, 0, 5)], want: 1 },
        Case {
            name: "no incident",
            given: &[(UndeclaredField, 0, 1), (ClockJumped, 0, 0)],
            want: 0,
        },
    ];
    for case in cases {
        let fake = Fake::default();
        for (id, (kind, key, principal)) in (1..).zip(case.given) {
            fake.put(alert(id, *kind, *key, *principal));
        }
        block_on(fake.desk().tend()).unwrap();
        assert_eq!(fake.incidents.read(|it| it.newest(None).count()), case.want, "{}", case.name);
        assert_eq!(fake.incidents.read(|it| it.alerts(None).count()), case.given.len());
    }
}

#[test]
fn after_closing_a_new_alert_opens_another() {
    block_on(async {
        let fake = incident_world();
        let desk = fake.desk();
        desk.tend().await.unwrap();
        let act =
            Caller::machine(ApiKeyId(1), ApiKeyKind::Operator).did("close incident", 1, [0; 32]);
        let close = || desk.close(IncidentId(1), Text::cut("done"), act.clone());
        close().await.unwrap();
        assert_eq!(close().await, Err(DeskError::Closed));
        desk.note(IncidentId(1), Text::cut("later"), act.clone()).await.unwrap();
        assert_eq!(desk.tend().await, Ok(0));
        fake.put(alert(99_999, AlertKind::NeverIssued, 1, 9));
        desk.tend().await.unwrap();
        let states = fake.incidents.read(|it| {
            it.newest(None).map(|(id, it)| (id.0, it.closed.is_some())).collect::<Vec<_>>()
        });
        assert_eq!(states, [(2, false), (1, true)]);
    });
}

#[test]
fn a_leaver_and_a_late_holder_are_named() {
    let fake = incident_world();
    fake.put(alert(5_000, AlertKind::LeaverCredential, 1, 1));
    block_on(fake.desk().tend()).unwrap();
    fake.put(holder(1, 3));
    assert!(decide::concerns(&holder(1, 3).into()));
    assert_eq!(block_on(fake.desk().tend()), Ok(1));
    assert_eq!(block_on(fake.desk().tend()), Ok(0));
    let holders = |id| {
        let report = fake.incidents.read(|it| report(it, IncidentId(id)).unwrap());
        report.holders.into_iter().map(|it| it.person).collect::<Vec<_>>()
    };
    let text = |number| PersonId([number; 16]).uuid();
    assert_eq!(holders(1), [text(1), text(2), text(3)]);
    assert_eq!(holders(2), [text(1)]);
}

fn call(fake: &Fake, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
    block_on(async {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = crate::router(fake.desk()).oneshot(request).await.unwrap();
        let status = response.status();
        let kind = response.headers()[http::header::CONTENT_TYPE].to_str().unwrap().to_owned();
        assert_eq!(kind == Problem::MEDIA_TYPE, !status.is_success(), "{path}");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    })
}

#[test]
fn the_api() {
    let fake = incident_world();
    for id in 1..=4 {
        fake.put(alert(id, AlertKind::BudgetSpent, 0, id));
    }
    block_on(fake.desk().tend()).unwrap();
    let (get, post) = (Method::GET, Method::POST);
    let (_, page) = call(&fake, get.clone(), "/api/incidents?limit=2", "");
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let path = format!("/api/incidents?limit=9&before={}", page["next"]);
    let (_, rest) = call(&fake, get.clone(), &path, "");
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (3, &Value::Null));
    let (_, page) = call(&fake, get.clone(), "/api/alerts?kind=never_issued", "");
    assert_eq!(
        (page["items"].as_array().unwrap().len(), &page["items"][0]["kid"]),
        (1, &json!("k1"))
    );

    let note = "{\"note\": \"looked at\"}";
    let (status, shown) = call(&fake, post.clone(), "/api/incidents/1/notes", note);
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(shown["entries"].as_array().unwrap().last().unwrap()["note"], "looked at");
    let (status, shown) = call(&fake, post.clone(), "/api/incidents/1/close", note);
    assert_eq!((status, &shown["state"]), (StatusCode::OK, &json!("closed")));
    assert_eq!(fake.kinds(fake.len() - 2), ["IncidentClosed", "OperatorDid"]);
    let (_, page) = call(&fake, get.clone(), "/api/incidents?state=closed", "");
    assert_eq!(page["items"].as_array().unwrap().len(), 1);

    struct Case<'a> {
        given: (Method, &'a str, &'a str),
        want: u16,
    }
    let case =
        |method: &Method, path, body, want| Case { given: (method.clone(), path, body), want };
    let long = format!("{{\"note\": \"{}\"}}", "x".repeat(513));
    let huge = "x".repeat(20_000);
    let cases = [
        case(&get, "/api/incidents?limit=0", "", 400),
        case(&get, "/api/incidents?limit=201", "", 400),
        case(&get, "/api/incidents?limit=x", "", 400),
        case(&get, "/api/incidents?before=-1", "", 400),
        case(&get, "/api/incidents?state=half", "", 400),
        case(&get, "/api/incidents?page=1", "", 400),
        case(&get, "/api/alerts?kind=nothing", "", 400),
        case(&get, "/api/incidents/x", "", 400),
        case(&get, "/api/incidents/01", "", 400),
        case(&get, "/api/incidents/0", "", 400),
        case(&get, "/api/incidents/99", "", 404),
        case(&post, "/api/incidents/99/notes", note, 404),
        case(&post, "/api/incidents/1/close", note, 409),
        case(&post, "/api/incidents/1/notes", "{}", 400),
        case(&post, "/api/incidents/1/notes", "{\"note\": \" \"}", 400),
        case(&post, "/api/incidents/1/notes", "{\"note\": \"a\", \"by\": 1}", 400),
        case(&post, "/api/incidents/1/notes", &long, 400),
        case(&post, "/api/incidents/1/notes", &huge, 413),
    ];
    for Case { given: (method, path, body), want } in cases {
        assert_eq!(call(&fake, method, path, body).0.as_u16(), want, "{path}");
    }
    *fake.appends_left.lock().unwrap() = Some(0);
    assert_eq!(call(&fake, post, "/api/incidents/2/notes", note).0.as_u16(), 503);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Wherever the journal refuses and the program starts over: the same incidents, each alert
    /// on exactly one.
    #[test]
    fn a_restart_does_nothing_twice(
        alerts in prop::collection::vec((prop::sample::select(AlertKind::ALL), 0..3i32, 0..3i64), 0..12),
        stops in prop::collection::vec(0..3usize, 12),
    ) {
        let feed = |stop: &dyn Fn(usize) -> Option<usize>| {
            let mut fake = Fake::default();
            fake.put(key(1));
            fake.put(holder(1, 1));
            for (at, (kind, key, principal)) in alerts.iter().enumerate() {
                fake.put(alert(i64::try_from(at).unwrap() + 1, *kind, *key, *principal));
                if let Some(left) = stop(at) {
                    *fake.appends_left.lock().unwrap() = Some(left);
                    let _ = block_on(fake.desk().tend());
                    *fake.appends_left.lock().unwrap() = None;
                    fake = fake.again();
                }
            }
            block_on(fake.desk().tend()).unwrap();
            prop_assert_eq!(block_on(fake.again().desk().tend()), Ok(0));
            let mut noted: Vec<AlertId> = Vec::new();
            let mut opened = Vec::new();
            for record in fake.records.lock().unwrap().iter() {
                match record {
                    Record::IncidentNoted(it) if it.kind == IncidentEntryKind::Alert => {
                        noted.push(it.alert);
                    }
                    Record::IncidentOpened(it) => opened.push((it.kind, it.key, it.principal)),
                    _ => {}
                }
            }
            noted.sort();
            opened.sort();
            Ok((noted, opened))
        };
        let whole = feed(&|_| None)?;
        let stopped = feed(&|at| stops.get(at).copied())?;
        prop_assert_eq!(&whole, &stopped);
        let mut once = whole.0.clone();
        once.dedup();
        prop_assert_eq!(once.len(), whole.0.len());
    }
}
