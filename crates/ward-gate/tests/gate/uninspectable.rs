//! Answers that cannot be looked into do not leave.

use ward_model::word::Provenance;
use ward_model::{PrincipalKind, Reason, Verdict};

use super::house::House;
use super::wire::Call;

const JSON: (&str, &str) = ("Content-Type", "application/json");
const PAGE: &[u8] = br#"{"id":"7","name":"Kim","friends":[]}"#;

async fn refused(house: &House, token: &str, path: &str, name: &str) {
    let reply = house.ask(&Call::get(path).token(token)).await;
    assert_eq!(reply.status, 502, "{name}: {:?}", String::from_utf8_lossy(&reply.body));
    assert!(!reply.text().contains("Kim"), "{name}");
    let rows = house.rows(&reply);
    assert_eq!(rows.len(), 1, "{name}");
    let want = Verdict::Refuse(Reason::UpstreamUninspectable);
    assert_eq!((rows[0].verdict, rows[0].released), (want, false), "{name}");
    assert_eq!(rows[0].provenance, Provenance::None, "{name}");
    assert!(!rows[0].principal.is_none(), "{name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one table, a row per case")]
async fn what_cannot_be_inspected_does_not_leave() {
    let house = House::new().await;
    let token = house.token(PrincipalKind::Person, "p1").await;
    let path = "/staff/customers/7";
    let big = format!(r#"{{"id":"7","name":"Kim{}"}}"#, "x".repeat(5000));
    let deep =
        format!(r#"{{"id":"7","name":"Kim","friends":{}{}}}"#, "[".repeat(3000), "]".repeat(900));
    type Case<'a> = (&'static str, &'static str, &'a [(&'a str, &'a str)], &'a [u8]);
    let cases: &[Case<'_>] = &[
        ("compressed", "200 OK", &[JSON, ("Content-Encoding", "gzip")], PAGE),
        ("compressed twice", "200 OK", &[JSON, ("Content-Encoding", "identity, br")], PAGE),
        ("compressed error", "500 Oops", &[JSON, ("Content-Encoding", "br")], PAGE),
        ("HTML", "200 OK", &[("Content-Type", "text/html")], PAGE),
        ("CSV", "200 OK", &[("Content-Type", "text/csv")], b"id,name\n7,Kim\n"),
        ("no type", "200 OK", &[], PAGE),
        ("two types", "200 OK", &[JSON, ("Content-Type", "text/csv")], PAGE),
        (
            "another charset",
            "200 OK",
            &[("Content-Type", "application/json; charset=utf-16")],
            PAGE,
        ),
        (
            "lines on a document's route",
            "200 OK",
            &[("Content-Type", "application/x-ndjson")],
            PAGE,
        ),
        (
            "an event stream",
            "200 OK",
            &[("Content-Type", "text/event-stream")],
            b"data: {\"name\":\"Kim\"}\n\n",
        ),
        ("not JSON", "200 OK", &[JSON], b"name: Kim"),
        ("JSON cut short", "200 OK", &[JSON], br#"{"id":"7","name":"Kim""#),
        ("trailing data", "200 OK", &[JSON], br#"{"id":"7"}{"name":"Kim"}"#),
        ("trailing text", "200 OK", &[JSON], br#"{"id":"7"} Kim"#),
        ("not UTF-8", "200 OK", &[JSON], b"{\"id\":\"7\",\"name\":\"Kim\xff\"}"),
        ("invalid escape", "200 OK", &[JSON], br#"{"id":"7","name":"Kim\q"}"#),
        ("a byte order mark", "200 OK", &[JSON], b"\xef\xbb\xbf{\"name\":\"Kim\"}"),
        ("a part", "206 Partial Content", &[JSON, ("Content-Range", "bytes 0-3/9")], PAGE),
        ("too long", "200 OK", &[JSON], big.as_bytes()),
        ("too deep", "200 OK", &[JSON], deep.as_bytes()),
    ];
    for (name, status, headers, body) in cases {
        house.origin.whole(path, status, headers, body);
        refused(&house, &token, path, name).await;
    }
    let raw: &[(&str, Vec<u8>)] = &[
        ("longer than it says it is", told(10, r#"{"id":"7","name":"Kim"}"#)),
        ("shorter than it says it is", told(100, r#"{"id":"7","name":"Kim"}"#)),
        (
            "chunks cut short",
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\
              Transfer-Encoding: chunked\r\n\r\n16\r\n{\"id\":\"7\",\"name\":\"Kim\"}"
                .to_vec(),
        ),
        (
            "a type in another case of header, twice",
            b"HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-type: application/json\r\n\
              CONTENT-TYPE: application/xml\r\nContent-Length: 14\r\n\r\n{\"name\":\"Kim\"}"
                .to_vec(),
        ),
        ("no HTTP", b"Kim\r\n\r\n".to_vec()),
        ("nothing", Vec::new()),
        (
            "two lengths",
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\
              Content-Length: 14\r\nContent-Length: 2\r\n\r\n{\"name\":\"Kim\"}"
                .to_vec(),
        ),
    ];
    for (name, answer) in raw {
        house.origin.raw(path, answer.clone());
        refused(&house, &token, path, name).await;
    }
    // A route declared so is refused whatever comes; one declared without a body may not have one.
    house.origin.whole("/staff/export.csv", "200 OK", &[("Content-Type", "text/csv")], b"7,Kim\n");
    refused(&house, &token, "/staff/export.csv", "an export").await;
    house.origin.whole("/empty", "200 OK", &[JSON], PAGE);
    refused(&house, &token, "/empty", "a body where none is declared").await;
    house.origin.whole("/empty", "204 No Content", &[], b"");
    assert_eq!(house.ask(&Call::get("/empty").token(&token)).await.status, 204);
}

fn told(length: usize, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_page_is_withheld_and_its_status_stays() {
    let house = House::new().await;
    let token = house.token(PrincipalKind::Person, "p1").await;
    let path = "/staff/customers/7";
    let html = [("Content-Type", "text/html"), ("X-Debug", "Kim")];
    house.origin.whole(path, "500 Kim", &html, b"<pre>SELECT Kim</pre>");
    let reply = house.ask(&Call::get(path).token(&token)).await;
    assert_eq!((reply.status, reply.phrase.as_str()), (500, "Internal Server Error"));
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert!(!format!("{reply:?}").contains("Kim"), "{reply:?}");
    assert_eq!(house.rows(&reply)[0].status, 500);
    // A JSON error is looked into like any other answer.
    house.origin.whole(path, "409 Conflict", &[JSON], br#"{"debug":"Kim","id":"9"}"#);
    let reply = house.ask(&Call::get(path).token(&token)).await;
    assert_eq!((reply.status, reply.text()), (409, r#"{"id":"9"}"#));
    assert_eq!(house.people(&house.rows(&reply)), ["1:9"]);
}
