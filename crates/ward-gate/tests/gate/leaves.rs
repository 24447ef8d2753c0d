//! What leaves an enforced route: masked, without what nobody declared, with everyone in it counted.

use ward_model::word::{Provenance, RouteMode, Task};
use ward_model::{PrincipalKind, Verdict};

use super::house::{House, name};
use super::wire::Call;

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn masks_and_drops_are_in_the_bytes_that_leave() {
    let house = House::new().await;
    let token = house.token(PrincipalKind::Customer, "7").await;
    let cases = [
        (
            "masked",
            r#"{"id":"7","name":"Kim","phone":"01012345678","door_code":"4711"}"#,
            r#"{"id":"7","name":"Kim","phone":"*******5678","door_code":"***"}"#,
        ),
        ("numbers masked too", r#"{"id":7,"door_code":4711}"#, r#"{"id":7,"door_code":null}"#),
        (
            "undeclared dropped",
            r#"{"ssn":"900101","id":"7","inner":{"phone":"0101234"},"name":"Kim","list":[1,{"x":2}]}"#,
            r#"{"id":"7","name":"Kim"}"#,
        ),
        (
            "escaped keys are the same keys",
            r#"{"id":"7","door\u005fcode":"4711","s\u0073n":"900101"}"#,
            r#"{"id":"7","door_code":"***"}"#,
        ),
    ];
    for (what, answer, want) in cases {
        house.origin.json("/me", answer);
        let reply = house.ask(&Call::get("/me").token(&token)).await;
        assert_eq!(reply.status, 200, "{what}");
        let left: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        let want: serde_json::Value = serde_json::from_str(want).unwrap();
        assert_eq!(left, want, "{what}: {}", reply.text());
        for secret in ["4711", "0101234", "900101"] {
            assert!(!reply.text().contains(secret), "{what}: {}", reply.text());
        }
        let length = reply.header("content-length").unwrap();
        assert_eq!(length, reply.body.len().to_string(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_in_an_answer_is_recorded_with_his_fields() {
    let house = House::new().await;
    let token = house.token(PrincipalKind::Person, "p1").await;
    let answer = r#"{"id":"7","name":"Kim","friends":[{"id":"8","name":"Lee"},{"id":"9"}]}"#;
    house.origin.json("/staff/customers/7", answer);
    let reply = house.ask(&Call::get("/staff/customers/7?secret=1").token(&token)).await;
    assert_eq!((reply.status, reply.text()), (200, answer));
    let rows = house.rows(&reply);
    assert_eq!(house.people(&rows), ["1:7", "1:8", "1:9"]);
    let customer =
        |id| ward_register::namespace_of(PrincipalKind::Customer).0.to_string() + ":" + id;
    for row in &rows {
        assert_eq!((row.verdict, row.released), (Verdict::Permit, true));
        assert_eq!((row.mode, row.provenance), (RouteMode::Enforce, Provenance::Measured));
        assert_eq!((row.rows, row.status, row.task), (3, 200, Task::View));
        assert_eq!(row.key, house.imported);
        assert!(!row.origin.is_none());
        let number = house.register.principal(&name(PrincipalKind::Person, "p1")).unwrap();
        assert_eq!(row.principal, number);
        let person = house.people(std::slice::from_ref(row)).remove(0);
        let fields = [(customer("7"), 0b0011), (customer("8"), 0b1100), (customer("9"), 0b0100)];
        let want = fields.iter().find(|(one, _)| *one == person).unwrap().1;
        assert_eq!(row.fields, want, "{person}");
    }
    // Somebody the answer is about, though it does not say so, counts as well.
    house.origin.json("/staff/customers/10", r#"{"name":"Park"}"#);
    let reply = house.ask(&Call::get("/staff/customers/10").token(&token)).await;
    assert_eq!(house.people(&house.rows(&reply)), ["1:10"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_listed_headers_leave() {
    let house = House::new().await;
    let token = house.token(PrincipalKind::Customer, "7").await;
    let headers = [
        JSON,
        ("Cache-Control", "private"),
        ("Vary", "Accept"),
        ("ETag", "\"01012345678\""),
        ("X-Customer-Phone", "01012345678"),
        ("Set-Cookie", "phone=01012345678"),
        ("Location", "/u/01012345678"),
        ("Link", "</u/01012345678>"),
        ("Content-Disposition", "attachment; filename=01012345678"),
        ("Ward-Request-Id", "01012345678"),
        ("Warning", "199 - 01012345678"),
    ];
    house.origin.whole("/me", "200 01012345678", &headers, br#"{"id":"7"}"#);
    let reply = house.ask(&Call::get("/me").token(&token)).await;
    assert_eq!(reply.status, 200);
    assert!(!format!("{reply:?}").contains("01012345678"), "{reply:?}");
    let mut names: Vec<_> = reply.end_to_end().into_iter().map(|(name, _)| name).collect();
    names.retain(|name| name != "date");
    assert_eq!(names, ["cache-control", "content-length", "content-type", "vary"]);
    assert_eq!(reply.access().len(), 32);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_follows_its_get_and_shows_no_length() {
    let house = House::new().await;
    let token = house.token(PrincipalKind::Customer, "7").await;
    house.origin.raw(
        "/me",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: 4711\r\nX-Phone: 010\r\n\r\n",
    );
    let reply = house.ask(&Call::new("HEAD", "/me").token(&token)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(house.origin.last().line, "HEAD /me HTTP/1.1");
    assert!(!format!("{reply:?}").contains("4711"), "the length of a page tells of it: {reply:?}");
    assert_eq!(reply.header("x-phone"), None);
    let rows = house.rows(&reply);
    assert_eq!((rows.len(), rows[0].verdict), (1, Verdict::Permit));
    let refused = house.ask(&Call::new("HEAD", "/me")).await;
    assert_eq!(refused.status, 401);
}
