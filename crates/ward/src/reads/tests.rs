//! The whole control plane in one process: what leaves is recorded first, or does not leave.

use axum::Router;
use axum::http::{Request, header};
use http_body_util::BodyExt as _;
use serde_json::json;
use ward_model::record::{AccessRow, OperatorRead, OperatorSet};
use ward_model::{
    AccessId, DataSubjectNumber, LeafIndex, PersonId, PrincipalKind, PrincipalName, Record, Roles,
    RouteNumber, Verdict,
};
use ward_operators::ReadRules;

use super::*;
use crate::cli::Init;
use crate::view::recent::tests::row;
use crate::{assemble, clock, deeds, init, load, open};

/// A Ward of its own in a directory of its own.
struct House {
    _dir: tempfile::TempDir,
    app: Arc<App>,
    router: Router,
    room: deeds::Room,
    one: PersonId,
    token: String,
}

impl House {
    async fn new(rules: ReadRules) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let wanted = Init {
            dir: dir.path().to_owned(),
            openapi: None,
            upstream: "http://127.0.0.1:9".into(),
            name: "test.example/log".into(),
            operator: Some("one@example".into()),
            custody: crate::cli::keys::CustodyWord::File,
            share_holder: Vec::new(),
            shares_needed: 2,
            module: None,
            token: None,
            secret_file: None,
        };
        let made = tokio::task::spawn_blocking(move || {
            init::init(&wanted).unwrap();
            let file = wanted.dir.join("ward.toml");
            let set = load::set(&file).unwrap();
            let (rooms, set) = open::open(set, &file, &[], &|_| {}).unwrap();
            let token = std::fs::read_to_string(wanted.dir.join("operator-api-key")).unwrap();
            (set, file, rooms, token.trim().to_owned())
        });
        let (set, file, rooms, token) = made.await.unwrap();
        let mut app = assemble::app(set, file, rooms).ok().unwrap();
        Arc::get_mut(&mut app).unwrap().read_rules = rules;
        let one = app.holdings.read(|it| it.people_after(None).next().unwrap().0);
        let person_key = app.ledger.principal_key(PrincipalKind::Person, &one.uuid());
        let set = OperatorSet { person: one, person_key, roles: Roles::every_persons() };
        // There was a second one: from then on a large answer takes him.
        let other = OperatorSet { person: PersonId([9; 16]), ..set.clone() };
        let offices: Vec<Record> = vec![set.into(), other.into()];
        let _recorded = app.journal.append(offices, clock::now()).await.unwrap();
        let room = deeds::open(&app, "127.0.0.1:7780".parse().unwrap()).ok().unwrap();
        let router = assemble::router(&app, deeds::of(&room));
        Self { _dir: dir, app, router, room, one, token }
    }

    /// Records an access to so many data subjects.
    async fn access(&self, number: u32, data_subjects: i64) -> AccessId {
        let first = row(number, 1, Verdict::Permit);
        let (rows, access) = (i32::try_from(data_subjects).unwrap(), first.access);
        let records: Vec<Record> = (0..rows)
            .map(|row| {
                let data_subject = DataSubjectNumber(i64::from(row) + 1);
                let route = RouteNumber(1);
                AccessRow { row, rows, data_subject, route, ..first.clone() }.into()
            })
            .collect();
        let _recorded = self.app.journal.append(records, clock::now()).await.unwrap();
        access
    }

    async fn send(&self, request: axum::http::request::Builder, body: &str) -> (u16, String) {
        use tower::ServiceExt as _;
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn api(&self, path: &str, purpose: Option<&str>) -> (u16, String) {
        let mut request =
            Request::get(path).header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        if let Some(purpose) = purpose {
            request = request.header("ward-purpose", purpose.as_bytes());
        }
        self.send(request, "").await
    }

    fn head(&self) -> LeafIndex {
        LeafIndex(self.app.journal.head().borrow().0)
    }

    /// The reads recorded from leaf `from` on.
    fn reads(&self, from: LeafIndex) -> Vec<OperatorRead> {
        let records = self.app.journal.read(from, 1000).unwrap().into_iter();
        records
            .filter_map(|(_, record)| match record {
                Record::OperatorRead(read) => Some(read),
                _ => None,
            })
            .collect()
    }

    /// A person, by SCIM; his id.
    async fn person(&self) -> String {
        let ask = ward_tokens::ApiKeyAsk {
            kind: ward_model::word::ApiKeyKind::Scim,
            owner: PrincipalName::new(PrincipalKind::Service, "idp").unwrap(),
            expires_at: clock::now().plus_ms(60_000),
            roles: Roles::NONE,
        };
        let key = self.app.issuance.issue_api_key(ask, None).await.unwrap();
        let request = Request::post("/scim/v2/Users")
            .header(header::AUTHORIZATION, format!("Bearer {}", key.text.expose()))
            .header(header::CONTENT_TYPE, "application/scim+json");
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "two@example", "active": true,
        });
        let (status, body) = self.send(request, &user.to_string()).await;
        assert_eq!(status, 201, "{body}");
        let made: Value = serde_json::from_str(&body).unwrap();
        made["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_that_names_somebody_is_recorded_before_it_leaves() {
    let house = House::new(ReadRules::default()).await;
    let access = house.access(1, 3).await;
    let person = house.person().await;
    let cases = [
        ("/api/scope?route=1".to_owned(), "scope", 3),
        ("/api/scope?route=9".to_owned(), "scope", 0),
        ("/api/who-read?data_subject=customer:1".to_owned(), "who-read", 1),
        (format!("/api/accesses/{access}"), "access", 3),
        (format!("/api/people/{person}"), "person", 0),
    ];
    for (path, what, named) in cases {
        let before = house.head();
        for purpose in [None, Some(""), Some("  ")] {
            let (status, body) = house.api(&path, purpose).await;
            assert_eq!(status, 403, "{path}: {body}");
            assert!(body.contains("/docs/problems#no_purpose"), "{path}: {body}");
        }
        assert_eq!(house.head(), before, "{path}: nothing left, nothing is recorded");
        let (status, body) = house.api(&path, Some("사건 17")).await;
        assert_eq!(status, 200, "{path}: {body}");
        let reads = house.reads(before);
        let [read] = reads.as_slice() else { panic!("{path}: {reads:?}") };
        assert_eq!((read.what.as_str(), read.data_subjects), (what, named), "{path}");
        assert!(read.purpose != 0 && !read.api_key.is_none(), "{path}: {read:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_nobody_and_what_is_not_there_is_no_read() {
    let house = House::new(ReadRules::default()).await;
    let refused = AccessRow {
        data_subject: DataSubjectNumber(0),
        released: false,
        ..row(7, 0, Verdict::Refuse(Reason::Policy))
    };
    let access = refused.access;
    let _recorded = house.app.journal.append(refused, clock::now()).await.unwrap();
    let before = house.head();
    for (path, want) in [
        (format!("/api/accesses/{access}"), 200),
        (format!("/api/accesses/{:032x}", 5), 404),
        ("/api/people/00000000-0000-0000-0000-000000000001".to_owned(), 404),
        ("/api/scope?route=x".to_owned(), 400),
    ] {
        let (status, body) = house.api(&path, Some("case 17")).await;
        assert_eq!(status, want, "{path}: {body}");
    }
    assert_eq!(house.reads(before), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_days_budget_nothing_leaves_and_a_large_answer_waits() {
    let rules = ReadRules { per_day: 10, at_once: 5, ..ReadRules::default() };
    let house = House::new(rules).await;
    let (four, six) = (house.access(1, 4).await, house.access(2, 6).await);
    let one = format!("/api/accesses/{four}");
    for want in [200, 200, 429] {
        let (status, body) = house.api(&one, Some("case 17")).await;
        assert_eq!(status, want, "{body}");
        assert_eq!(body.contains("\"number\""), want == 200, "{body}");
    }
    let before = house.head();
    let (status, body) = house.api(&format!("/api/accesses/{six}"), Some("case 17")).await;
    let held: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &held["held"], &held["act"]), (202, &json!(true), &json!("read_many")));
    assert!(held.get("data_subjects").is_none(), "{body}");
    assert_eq!(house.reads(before), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_recorded_with_their_session() {
    let house = House::new(ReadRules { per_day: 5, ..ReadRules::default() }).await;
    let access = house.access(1, 3).await;
    let link = house.room.sessions().link(house.one);
    let opened = Request::get(format!("/?key={}", link.expose())).body(Body::empty()).unwrap();
    let opened = tower::ServiceExt::oneshot(house.router.clone(), opened).await.unwrap();
    let cookie = opened.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let page = async |path: &str| {
        house.send(Request::get(path).header(header::COOKIE, &cookie), "").await.0
    };
    let before = house.head();
    assert_eq!(page("/console/people").await, 200);
    let one = format!("/console/accesses/{access}");
    assert_eq!(page(&one).await, 200);
    assert_eq!(page("/console/operators/record").await, 200);
    let said: Vec<(String, i64, bool)> = house
        .reads(before)
        .iter()
        .map(|it| (it.what.to_string(), it.data_subjects, it.api_key.is_none()))
        .collect();
    assert_eq!(said, [("people page".into(), 0, true), ("access page".into(), 3, true)]);
    assert_eq!(page(&one).await, 429, "three more are over today's five");
}
