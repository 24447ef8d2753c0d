//! An observed route: what comes back is what the origin gave, whatever fails inside.

use std::sync::Arc;

use ward_gate::limits::CLASSIFY_QUEUE_MAX;
use ward_model::record::AccessRow;
use ward_model::word::{IssuerMode, Provenance, RouteMode};
use ward_model::{PrincipalKind, Reason, RouteNumber, Verdict};

use super::house::{House, PHANTOM, body};
use super::wire::{Call, Reply};

use PrincipalKind::{Customer, Person};

const OK: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n";

/// Odd answers: (name, method, bytes).
#[expect(clippy::too_many_lines, reason = "one table, a row per case")]
fn odd() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let json = "Content-Type: application/json\r\n";
    let with = |head: &str, body: &[u8]| {
        let mut all = format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        all.extend_from_slice(body);
        all
    };
    let chunked = |head: &str, chunks: &[&[u8]], end: &str| {
        let mut all = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
        for chunk in chunks {
            all.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            all.extend_from_slice(chunk);
            all.extend_from_slice(b"\r\n");
        }
        all.extend_from_slice(end.as_bytes());
        all
    };
    let page = br#"{"id":"7","name":"Kim","more":{"x":[1,2]}}"#;
    let mut big = b"{\"id\":\"7\",\"pad\":\"".to_vec();
    big.resize(3_000_000, b'x');
    big.extend_from_slice(b"\"}");
    let one_by_one: Vec<&[u8]> = page.chunks(1).collect();
    let head = |rest: &str| format!("{OK}{json}{rest}");
    vec![
        ("a page", "GET", with(&head(""), page)),
        ("a byte a chunk", "GET", chunked(&head(""), &one_by_one, "0\r\n\r\n")),
        ("trailers", "GET", chunked(&head("Trailer: X-Sum\r\n"), &[page], "0\r\nX-Sum: 1\r\n\r\n")),
        ("until the end", "GET", [head("\r\n").as_bytes(), page].concat()),
        ("large", "GET", with(&head(""), &big)),
        ("not JSON", "GET", with(&head(""), b"{\"id\":\"7\", Kim")),
        ("not UTF-8", "GET", with(&head(""), b"{\"id\":\"7\xff\"}")),
        ("two documents", "GET", with(&head(""), b"{\"id\":\"7\"}{\"id\":\"8\"}")),
        ("deep", "GET", with(&head(""), "[".repeat(20_000).as_bytes())),
        ("compressed", "GET", with(&head("Content-Encoding: gzip\r\n"), b"\x1f\x8b\x08junk")),
        (
            "lines",
            "GET",
            with(
                &format!("{OK}Content-Type: application/x-ndjson\r\n"),
                b"{\"id\":\"7\"}\n{\"id\":\"8\"}\n",
            ),
        ),
        ("HTML", "GET", with(&format!("{OK}Content-Type: text/html\r\n"), b"<p>Kim</p>")),
        ("no type", "GET", with(OK, b"\0\x01\x02")),
        ("empty", "GET", with(&head(""), b"")),
        (
            "every header",
            "GET",
            with(
                &head(
                    "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nETag: W/\"x\"\r\nX-Phone: 010\r\nServer: odd\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-Empty:\r\nVary: a\r\nVary: b\r\n",
                ),
                page,
            ),
        ),
        ("two types", "GET", with(&head("Content-Type: text/html\r\n"), page)),
        ("odd phrase", "GET", with("HTTP/1.1 200 Fine by me\r\nConnection: close\r\n", page)),
        (
            "odd status",
            "GET",
            with(&format!("HTTP/1.1 299 Odd\r\nConnection: close\r\n{json}"), page),
        ),
        (
            "a part",
            "GET",
            with(
                &format!(
                    "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Range: bytes 0-9/99\r\n{json}"
                ),
                b"{\"id\":\"7\",",
            ),
        ),
        (
            "unchanged",
            "GET",
            b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\nETag: \"x\"\r\n\r\n".to_vec(),
        ),
        ("no content", "GET", b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec()),
        (
            "moved",
            "GET",
            with("HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /elsewhere?x=1\r\n", b""),
        ),
        (
            "an error",
            "GET",
            with(&format!("HTTP/1.1 500 Oops\r\nConnection: close\r\n{json}"), page),
        ),
        (
            "an error of a proxy",
            "GET",
            with("HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n", b"Kim"),
        ),
        (
            "a challenge",
            "GET",
            with(
                "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nWWW-Authenticate: Basic realm=\"x\"\r\n",
                b"no",
            ),
        ),
        (
            "an old version",
            "GET",
            [b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n".as_slice(), page]
                .concat(),
        ),
        (
            "shorter than it says",
            "GET",
            [format!("{}Content-Length: 100\r\n\r\n", head("")).as_bytes(), page].concat(),
        ),
        ("chunks cut short", "GET", chunked(&head(""), &[page], "")),
        (
            "HEAD",
            "HEAD",
            format!("{}Content-Length: 4711\r\nETag: \"x\"\r\n\r\n", head("")).into_bytes(),
        ),
        ("POST", "POST", with(&head(""), page)),
        ("DELETE", "DELETE", b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec()),
    ]
}

/// The gate adds its id, and a `Date` where the origin gave none, as every recipient with a clock
/// must (RFC 9110 §6.6.1). All else is the origin's.
fn same(direct: &Reply, through: &Reply, what: &str) {
    assert_eq!(through.status, direct.status, "{what}");
    assert_eq!(through.phrase, direct.phrase, "{what}");
    let mut headers = through.end_to_end();
    if direct.header("date").is_none() {
        headers.retain(|(name, _)| name != "date");
    }
    assert_eq!(headers, direct.end_to_end(), "{what}");
    assert!(through.body == direct.body, "{what}: {} bytes", through.body.len());
    assert_eq!(through.whole, direct.whole, "{what}");
    assert_eq!(through.access().len(), 32, "{what}");
}

fn watched(call: &Call) -> Call {
    call.clone().with("Host", "open.test")
}

/// Every odd answer, with these headers on the request, against the origin itself.
async fn all_pass(house: &House, headers: &[(&str, &str)], path: &str, what: &str) {
    for (name, method, answer) in odd() {
        house.origin.raw(path, answer);
        let call = watched(&Call::new(method, path));
        let call = headers.iter().fold(call, |call, (name, value)| call.with(name, value));
        let direct = call.send(house.origin.addr).await;
        let through = house.ask(&call).await;
        same(&direct, &through, &format!("{what}: {name}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_odd_answer_passes_as_it_came() {
    let house = House::new().await;
    let token = format!("Bearer {}", house.token(Person, "p1").await);
    all_pass(&house, &[("Authorization", &token)], "/watched/7", "permitted").await;
    all_pass(&house, &[], "/watched/7", "no credential").await;
    all_pass(&house, &[("Authorization", "Basic dTpw")], "/undeclared/x", "undeclared").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_inside_every_answer_passes() {
    let house = House::new().await;
    house.mode(IssuerMode::Learning).await;
    let token = format!("Bearer {}", house.token(Person, "p1").await);
    let forged = format!("Bearer {}", house.forge(&body(Person, "p2")));
    let phantom = format!("Bearer {}", house.forge(&body(Customer, PHANTOM)));
    let revoked = house.token(Person, "p3").await;
    house.revoke(&revoked).await;
    let revoked = format!("Bearer {revoked}");
    let left = format!("Bearer {}", house.token(Person, "p4").await);
    house.suspend(Person, "p4").await;
    let none: &[(&str, &str)] =
        &[("refuse.cedar", "@id(\"none\") forbid (principal, action, resource);")];
    house.policies.reload(none).unwrap();
    let credentials = [
        ("refusing policies", &token),
        ("forged", &forged),
        ("a phantom", &phantom),
        ("revoked", &revoked),
        ("a leaver", &left),
    ];
    for (what, credential) in credentials {
        all_pass(&house, &[("Authorization", credential)], "/watched/7", what).await;
    }
    let journal = house.journal.clone();
    tokio::task::spawn_blocking(move || journal.stop()).await.unwrap();
    for (what, credential) in credentials {
        let what = format!("{what}, the journal stopped");
        all_pass(&house, &[("Authorization", credential)], "/watched/7", &what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observed_request_goes_upstream_as_it_came() {
    let house = House::new().await;
    house.origin.json("/watched/7", r#"{"id":"7"}"#);
    let token = format!("Bearer {}", house.token(Person, "p1").await);
    let sent = [
        ("authorization", token.as_str()),
        ("range", "bytes=0-9"),
        ("if-none-match", "\"x\""),
        ("accept-encoding", "gzip, br"),
        ("cookie", "ward_session=1; a=2"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-odd", "a,b"),
    ];
    let call = sent
        .iter()
        .fold(Call::get("/watched/7?a=%20b&&c"), |it, (name, value)| it.with(name, value));
    house.ask(&watched(&call)).await;
    let seen = house.origin.last();
    assert_eq!(seen.line, "GET /watched/7?a=%20b&&c HTTP/1.1");
    for (name, value) in sent {
        assert_eq!(seen.all(name), [value], "{name}");
    }
    assert_eq!(seen.all("host"), ["open.test"]);
    assert_eq!(seen.all("txn-token"), Vec::<&str>::new());
    // Paths that no enforced route could be taken for pass as they are.
    for path in ["/a//b", "/a/../b", "/A;x=1", "/%2e", "/watched%2f7", "/x?"] {
        house.ask(&watched(&Call::get(path))).await;
        assert_eq!(house.origin.last().line, format!("GET {path} HTTP/1.1"));
    }
    let post = Call::new("POST", "/watched/7").body("{\"text\":\"x\"}");
    house.ask(&watched(&post)).await;
    assert_eq!(house.origin.last().body, b"{\"text\":\"x\"}");
}

/// More forgeries at once than may wait to be classified.
const FLOOD: usize = 320;

#[test]
fn a_flood_of_forgeries_opens_no_observed_route() {
    // One thread for blocking work, and that is held: nothing is classified before it is let go.
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).max_blocking_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let house = Arc::new(House::new().await);
        house.origin.json("/watched/7", r#"{"id":"7"}"#);
        let call = watched(&Call::get("/watched/7")).token(&house.forge(&body(Person, "p2")));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let holding = tokio::task::spawn_blocking(move || held.recv());
        let (answered, mut answers) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..FLOOD {
            let (house, call, answered) = (Arc::clone(&house), call.clone(), answered.clone());
            tokio::spawn(async move { answered.send(house.ask(&call).await) });
        }
        let mut turned_away = 0;
        for nth in 0..FLOOD {
            if nth == FLOOD - CLASSIFY_QUEUE_MAX {
                release.send(()).unwrap();
            }
            let reply = answers.recv().await.unwrap();
            assert_ne!(reply.status, 200, "{}", reply.text());
            turned_away += usize::from(house.counted(&reply) == Some(Reason::Overloaded));
        }
        assert_eq!(turned_away, FLOOD - CLASSIFY_QUEUE_MAX);
        drop(holding.await);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passed_is_recorded_with_what_would_have_been_said() {
    let house = House::new().await;
    let page = r#"{"id":"7","name":"Kim","friends":[{"id":"8"}]}"#;
    house.origin.json("/watched/7", page);
    house.origin.json("/undeclared", page);
    let own = house.token(Person, "p1").await;
    house.mode(IssuerMode::Learning).await;
    let forged = house.forge(&body(Person, "p2"));
    let revoked = house.token(Person, "p3").await;
    house.revoke(&revoked).await;
    let phantom = house.forge(&body(Customer, PHANTOM));
    let none = RouteNumber::NONE;
    let cases = [
        ("no purpose", "/watched/7", Some(&own), Reason::NoPurpose, "p1", RouteNumber(20)),
        ("forged", "/watched/7", Some(&forged), Reason::NeverIssued, "p2", RouteNumber(20)),
        ("revoked", "/watched/7", Some(&revoked), Reason::Revoked, "p3", RouteNumber(20)),
        (
            "phantom",
            "/watched/7",
            Some(&phantom),
            Reason::UnknownDataSubject,
            PHANTOM,
            RouteNumber(20),
        ),
        ("nobody", "/watched/7", None, Reason::Malformed, "", RouteNumber(20)),
        ("undeclared", "/undeclared", Some(&forged), Reason::NeverIssued, "p2", none),
    ];
    for (name, path, token, reason, id, route) in cases {
        let call = watched(&Call::get(path));
        let call = token.iter().fold(call, |call, token| call.token(token));
        let reply = house.ask(&call).await;
        assert_eq!((reply.status, reply.text()), (200, page), "{name}");
        let rows = house.later(&reply).await;
        let row: &AccessRow = &rows[0];
        if name != "no purpose" {
            assert_eq!(row.verdict, Verdict::Refuse(reason), "{name}");
        } else {
            assert!(row.verdict.reason().is_some(), "{name}");
        }
        assert_eq!((row.mode, row.released, row.status), (RouteMode::Observe, true, 200), "{name}");
        assert_eq!((row.route, row.principal.is_none()), (route, id.is_empty()), "{name}");
        let measured = !route.is_none() && !id.is_empty();
        let provenance = if measured { Provenance::Measured } else { Provenance::None };
        assert_eq!(row.provenance, provenance, "{name}");
        let want: &[&str] = if measured { &["1:7"] } else { &[] };
        assert_eq!(house.people(&rows), want, "{name}");
        if !id.is_empty() {
            let kind = if id == PHANTOM { Customer } else { Person };
            assert_eq!(row.principal_key, house.ledger.principal_key(kind, id), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enforcing_issuers_refusals_hold_on_observed_routes_too() {
    let house = House::new().await;
    house.origin.json("/watched/7", r#"{"id":"7","name":"Kim"}"#);
    let forged = house.forge(&body(Person, "p2"));
    let revoked = house.token(Person, "p3").await;
    house.revoke(&revoked).await;
    let left = house.token(Person, "p4").await;
    house.suspend(Person, "p4").await;
    let cases = [
        ("forged", forged, Reason::NeverIssued),
        ("revoked", revoked, Reason::Revoked),
        ("a leaver", left, Reason::PrincipalSuspended),
    ];
    for (name, token, reason) in cases {
        for path in ["/watched/7", "/undeclared"] {
            let reply = house.ask(&watched(&Call::get(path).token(&token))).await;
            assert_eq!(reply.status, 401, "{name}");
            let rows = house.rows(&reply);
            assert_eq!(rows[0].verdict, Verdict::Refuse(reason), "{name}");
            assert_eq!((rows.len(), rows[0].released), (1, false), "{name}");
        }
    }
    assert!(house.origin.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_that_is_gone_is_a_bad_gateway() {
    let house = House::new().await;
    let token = house.token(Person, "p1").await;
    house.origin.raw("/watched/7", Vec::new());
    let reply = house.ask(&watched(&Call::get("/watched/7").token(&token))).await;
    assert_eq!((reply.status, reply.body.len()), (502, 0));
    let rows = house.later(&reply).await;
    assert_eq!((rows[0].released, rows[0].status), (false, 502));
}
