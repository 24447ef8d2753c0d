//! An enforced route that one person opened in an emergency: what it opens, and what it does not.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use ward_gate::bypass::Bypasses;
use ward_gate::limits::BYPASS_AT_ONCE_MAX;
use ward_model::record::BypassEnded;
use ward_model::word::{IssuerMode, Provenance, RouteMode, Task};
use ward_model::{
    BypassId, LeafIndex, PersonId, PrincipalKind, Reason, Record, RouteNumber, Verdict, View as _,
};

use super::house::{House, NOW, PHANTOM, body};
use super::journal::{Way, take_away};
use super::wire::{Call, Reply};

use PrincipalKind::{Customer, Person, Seller, Service};

const STAFF: &str = "/staff/customers/7";
const PAGE: &str = r#"{"id":"7","name":"Kim","ssn":"900101","friends":[{"id":"8"}]}"#;
const MINUTE: i64 = 60_000;

/// Nobody may do anything: the emergency.
fn forbid_all(house: &House) {
    let none: &[(&str, &str)] =
        &[("refuse.cedar", "@id(\"none\") forbid (principal, action, resource);")];
    house.policies.reload(none).unwrap();
}

fn is_intended(house: &House, reply: &Reply) -> bool {
    house.records().iter().any(|record| {
        matches!(record, Record::AccessIntended(it) if it.access.to_string() == reply.access())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_opens_exactly_its_route_and_ends_at_its_minute() {
    let house = House::new().await;
    house.origin.json(STAFF, PAGE);
    house.origin.json("/staff/audit", r#"{"ok":true}"#);
    house.origin.json("/staff/customers/7/note", r#"{"ok":true}"#);
    let token = house.token(Person, "p1").await;
    forbid_all(&house);
    let read = Call::get(STAFF).token(&token);
    let others = [
        Call::get("/staff/audit").token(&token).with("Ward-Purpose", "complaint"),
        Call::new("POST", "/staff/customers/7/note").token(&token).body("{}"),
    ];
    assert_eq!(house.ask(&read).await.status, 403);
    house.open(1, 3, 5).await;
    let reply = house.ask(&read).await;
    assert_eq!((reply.status, reply.text()), (200, PAGE), "as it came");
    for call in &others {
        assert_eq!(house.ask(call).await.status, 403, "{}", call.path);
    }
    house.at(NOW.plus_ms(5 * MINUTE - 1));
    assert_eq!(house.ask(&read).await.status, 200);
    house.at(NOW.plus_ms(5 * MINUTE));
    let reply = house.ask(&read).await;
    assert_eq!(reply.status, 403);
    assert_eq!(house.rows(&reply)[0].verdict, Verdict::Refuse(Reason::Policy));

    // A clock that is set back opens nothing again; another is ended before its minute.
    house.at(NOW);
    assert_eq!(house.ask(&read).await.status, 403);
    house.open(2, 3, 9).await;
    assert_eq!(house.ask(&read).await.status, 200);
    house.append(BypassEnded { bypass: BypassId(2), person: PersonId([2; 16]) }).await;
    assert_eq!(house.ask(&read).await.status, 403);

    // A restart finds the same.
    let again = Bypasses::default();
    let mut view = again.view();
    for (at, record) in house.journal.read(LeafIndex(0), 10_000).unwrap() {
        view.apply(at, &record);
    }
    assert_eq!(again.all(), house.bypasses.all());
    assert_eq!(again.all().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_access_is_recorded_with_what_would_have_been_said() {
    let house = House::new().await;
    house.origin.json(STAFF, PAGE);
    let token = house.token(Person, "p1").await;
    forbid_all(&house);
    house.open(1, 3, 10).await;
    let (journal, path) = (house.journal.clone(), house.journal.head().borrow().0);
    house.origin.look(move |_| {
        let new = journal.read(LeafIndex(path), 100).unwrap();
        new.iter().any(|(_, it)| matches!(it, Record::AccessIntended(_))).to_string()
    });
    let reply = house.ask(&Call::get(STAFF).token(&token)).await;
    let seen = house.origin.last();
    assert_eq!(seen.note, "true", "the intent is durable before the upstream is asked");
    assert_eq!(seen.all("txn-token").len(), 1);
    assert_ne!(seen.all("authorization"), [format!("Bearer {token}")], "never the caller's own");
    let rows = house.later(&reply).await;
    assert_eq!(house.people(&rows), ["1:7", "1:8"]);
    for row in &rows {
        assert_eq!((row.verdict, row.released), (Verdict::Refuse(Reason::Policy), true));
        assert_eq!((row.mode, row.provenance), (RouteMode::Observe, Provenance::Measured));
        assert_eq!((row.route, row.status, row.task), (RouteNumber(3), 200, Task::View));
    }
    assert!(house.intents.close_all().is_empty(), "the row closes the intent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_the_answer_shows_is_said_too() {
    let house = House::new().await;
    let (staff, seller) = (house.token(Person, "p1").await, house.token(Seller, "s1").await);
    house.open(1, 3, 10).await;
    house.open(2, 2, 10).await;
    let json = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n";
    let cut = r#"{"friends":[{"id":"8"},{"id":"9"},"#;
    let orders = r#"{"orders":[{"seller_id":"s2","buyer":{"id":"7"}}]}"#;
    let csv = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/csv\r\n\r\nid\n7\n";
    let whole = |text: &str| format!("{json}Content-Length: {}\r\n\r\n{text}", text.len());
    let uninspectable = Verdict::Refuse(Reason::UpstreamUninspectable);
    let gzip = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\n\r\n\x1f";
    let cases = [
        ("as declared", STAFF, &staff, whole(PAGE), Verdict::Permit, &["1:7", "1:8"][..]),
        ("not JSON", STAFF, &staff, csv.to_owned(), uninspectable, &[]),
        ("compressed", STAFF, &staff, gzip.to_owned(), uninspectable, &[]),
        (
            "cut short",
            STAFF,
            &staff,
            format!("{json}Content-Length: 4711\r\n\r\n{cut}"),
            uninspectable,
            &["1:8", "1:9"],
        ),
        ("nothing", STAFF, &staff, whole(""), Verdict::Permit, &[]),
        (
            "another seller's",
            "/seller/orders",
            &seller,
            whole(orders),
            Verdict::Refuse(Reason::WrongTenant),
            &["1:7"],
        ),
    ];
    for (name, path, token, answer, verdict, people) in cases {
        house.origin.raw(path, answer);
        let reply = house.ask(&Call::get(path).token(token)).await;
        assert_eq!(reply.status, 200, "{name}");
        let rows = house.later(&reply).await;
        assert_eq!((rows[0].verdict, rows[0].released), (verdict, true), "{name}");
        assert_eq!(house.people(&rows), people, "{name}");
        assert_eq!(reply.header("content-encoding").is_some(), name == "compressed", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_credential_that_is_refused_comes_in() {
    let house = House::new().await;
    house.origin.json(STAFF, PAGE);
    house.origin.json("/me", r#"{"id":"7"}"#);
    let forged = house.forge(&body(Person, "p2"));
    let revoked = house.token(Person, "p3").await;
    house.revoke(&revoked).await;
    let left = house.token(Person, "p4").await;
    house.suspend(Person, "p4").await;
    let mut short = body(Person, "p5");
    short.expires_at = NOW.plus_ms(1_000);
    let short = house.issue(&short).await;
    let mut other = body(Person, "p6");
    other.audience = "elsewhere".into();
    let other = house.issue(&other).await;
    let phantom = house.token(Customer, PHANTOM).await;
    house.at(NOW.plus_ms(1_000));
    house.open(1, 3, 10).await;
    house.open(2, 1, 10).await;
    let cases = [
        ("forged", STAFF, Some(&forged)),
        ("revoked", STAFF, Some(&revoked)),
        ("a leaver", STAFF, Some(&left)),
        ("expired", STAFF, Some(&short)),
        ("another audience", STAFF, Some(&other)),
        ("a phantom", "/me", Some(&phantom)),
        ("none", STAFF, None),
    ];
    for mode in [IssuerMode::Enforcing, IssuerMode::Learning] {
        house.mode(mode).await;
        for (name, path, token) in cases {
            // What nobody issued passes while its issuer learns, on every route alike.
            if name == "forged" && mode == IssuerMode::Learning {
                continue;
            }
            let call = token.iter().fold(Call::get(path), |call, token| call.token(token));
            let reply = house.ask(&call).await;
            assert!(matches!(reply.status, 401 | 403), "{name} {mode:?}: {}", reply.status);
            assert!(!reply.text().contains("Kim"), "{name} {mode:?}");
            assert!(!is_intended(&house, &reply), "{name} {mode:?}");
        }
    }
    assert!(house.origin.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_comes_in_for_whom_the_route_is_not() {
    let house = House::new().await;
    house.origin.json(STAFF, PAGE);
    house.origin.json("/customers/7", r#"{"id":"7"}"#);
    house.origin.whole("/staff/export.csv", "200 OK", &[("Content-Type", "text/csv")], b"7\n");
    for (id, route) in [(1, 3), (2, 8), (3, 6)] {
        house.open(id, route, 10).await;
    }
    let (one, two) = (house.token(Customer, "7").await, house.token(Customer, "8").await);
    let staff = house.token(Person, "p1").await;
    let scoped = |scope: &'static str| {
        let mut body = body(Service, scope);
        body.scope = Some(scope.into());
        body
    };
    let elsewhere = house.issue(&scoped("staff-note")).await;
    let there = house.issue(&scoped("staff-note staff-customer")).await;
    let cases = [
        ("a customer on a route for staff", STAFF, &one, 403),
        ("someone else's page", "/customers/7", &two, 403),
        ("his own page", "/customers/7", &one, 200),
        ("past the credential's scope", STAFF, &elsewhere, 403),
        ("within its scope", STAFF, &there, 200),
        ("declared uninspectable", "/staff/export.csv", &staff, 502),
    ];
    for (name, path, token, want) in cases {
        let reply = house.ask(&Call::get(path).token(token)).await;
        assert_eq!(reply.status, want, "{name}: {}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_that_is_spent_stays_spent() {
    let house = House::new().await;
    let token = house.token(Person, "p1").await;
    for id in 1..=40 {
        house.origin.json(&format!("/staff/customers/{id}"), &format!(r#"{{"id":"{id}"}}"#));
    }
    house.open(1, 3, 10).await;
    let calls: Vec<_> = (1..=40)
        .map(|id| Call::get(&format!("/staff/customers/{id}")).token(&token))
        .map(|call| {
            let addr = house.addr;
            tokio::spawn(async move { call.send(addr).await })
        })
        .collect();
    let mut passed = 0;
    for call in calls {
        let reply = call.await.unwrap();
        assert!(matches!(reply.status, 200 | 429 | 503), "{}", reply.status);
        if reply.status == 200 {
            house.later(&reply).await;
            passed += 1;
        }
    }
    // The cap of the catalogue, and what was under way when it was reached.
    assert!(passed < 5 + BYPASS_AT_ONCE_MAX, "{passed}");
    let mut last = 200;
    for id in 1..=40 {
        let reply = house.ask(&Call::get(&format!("/staff/customers/{id}")).token(&token)).await;
        last = reply.status;
        if last == 200 {
            house.later(&reply).await;
        }
    }
    assert_eq!(last, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_recorded_does_not_leave() {
    for way in [Way::Full, Way::Stopped] {
        let house = House::new().await;
        house.origin.json(STAFF, PAGE);
        let token = house.token(Person, "p1").await;
        house.open(1, 3, 10).await;
        take_away(&house, way).await;
        let reply = house.ask(&Call::get(STAFF).token(&token)).await;
        assert_eq!(reply.status, 503, "{way:?}");
        assert!(house.origin.seen().is_empty(), "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_still_flows_at_its_end_is_cut_off() {
    let house = House::new().await;
    let token = house.token(Person, "p1").await;
    // More than sockets on the way can hold.
    let mut page = br#"{"id":"7","name":""#.to_vec();
    page.resize(60_000_000, b' ');
    page.extend_from_slice(b"\"}");
    let length = page.len();
    house.origin.whole(STAFF, "200 OK", &[("Content-Type", "application/json")], &page);
    house.open(1, 3, 10).await;
    let mut stream = TcpStream::connect(house.addr).await.unwrap();
    let head = format!("GET {STAFF} HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer {token}");
    stream.write_all(format!("{head}\r\n\r\n").as_bytes()).await.unwrap();
    let mut first = [0; 1024];
    stream.read_exact(&mut first).await.unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200"));
    house.at(NOW.plus_ms(10 * MINUTE));
    let mut all = first.to_vec();
    let _cut = stream.read_to_end(&mut all).await;
    assert!(all.len() < length, "{} of {length} bytes", all.len());
}
