//! What the upstream of an enforced route is asked: plainly, with a transaction token in place of
//! the caller's credential, and nothing unsafe before its intent is recorded.

use serde_json::Value;
use ward_model::word::Task;
use ward_model::{PrincipalKind, Record};

use super::house::House;
use super::wire::Call;

fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()).unwrap())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_upstream_gets_a_transaction_token_and_not_the_credential() {
    let house = House::new().await;
    let token = house.token(PrincipalKind::Person, "p1").await;
    let api_key = house.api_key(PrincipalKind::Person, "p2", 5).await;
    house.origin.json("/staff/customers/7", r#"{"id":"7"}"#);
    let path = "/staff/customers/7?page=2&q=%41";
    for (credential, call, subject) in [
        (&token, Call::get(path).token(&token), "p1"),
        (&api_key, Call::get(path).with("X-Api-Key", &api_key), "p2"),
        (&api_key, Call::get(path).token(&api_key), "p2"),
    ] {
        let call = call.with("Ward-Purpose", "case 17").with("Txn-Token", "mine");
        let reply = house.ask(&call).await;
        assert_eq!(reply.status, 200);
        let seen = house.origin.last();
        assert!(!format!("{seen:?}").contains(credential.as_str()));
        assert_eq!(seen.all("x-api-key"), Vec::<&str>::new());
        let txn = seen.all("txn-token");
        assert_eq!(txn.len(), 1);
        assert_eq!(seen.all("authorization"), [format!("Bearer {}", txn[0])]);
        assert_eq!(part(txn[0], 0)["typ"], "txntoken+jwt");
        let claims = part(txn[0], 1);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, path.as_bytes());
        for (claim, want) in [
            ("aud", "shop"),
            ("sub", subject),
            ("kind", "person"),
            ("purp", "case 17"),
            ("txn", reply.access()),
        ] {
            assert_eq!(claims[claim], want, "{claim}");
        }
        assert_eq!(claims["rctx"]["method"], "GET");
        let digest = data_encoding::BASE64URL_NOPAD.encode(digest.as_ref());
        assert_eq!(claims["rctx"]["path_sha256"], digest);
        assert_eq!(seen.all("ward-request-id"), [reply.access()]);
        // Signed with the key for transactions, which signs nothing else.
        let key = house.ledger.keys().into_iter().find(|key| key.kid == part(txn[0], 0)["kid"]);
        let (input, signature) = txn[0].rsplit_once('.').unwrap();
        let signature = data_encoding::BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        assert!(key.unwrap().verifies(input.as_bytes(), &signature.try_into().unwrap()));
        // And it opens nothing at the gate itself.
        assert_eq!(house.ask(&Call::get(path).token(txn[0])).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_bends_the_answer_is_asked() {
    let house = House::new().await;
    let token = house.token(PrincipalKind::Customer, "7").await;
    house.origin.json("/me", r#"{"id":"7"}"#);
    let bent = [
        ("Range", "bytes=0-9"),
        ("If-Range", "\"x\""),
        ("If-None-Match", "\"x\""),
        ("If-Modified-Since", "Fri, 01 Jan 2027 00:00:00 GMT"),
        ("If-Match", "\"x\""),
        ("If-Unmodified-Since", "Fri, 01 Jan 2027 00:00:00 GMT"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Original-URL", "/admin"),
        ("X-Rewrite-URL", "/admin"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("Forwarded", "for=10.0.0.1"),
        ("TE", "trailers"),
        ("Proxy-Authorization", "Basic x"),
        ("Keep-Alive", "timeout=5"),
    ];
    let call = Call::get("/me").token(&token).with("Accept-Encoding", "gzip, br");
    let call = call.with("Accept", "application/json").with("Traceparent", "00-a-b-01");
    let call = bent.iter().fold(call, |call, (name, value)| call.with(name, value));
    assert_eq!(house.ask(&call).await.status, 200);
    let seen = house.origin.last();
    for (name, _) in bent {
        assert_eq!(seen.all(&name.to_lowercase()), Vec::<&str>::new(), "{name}");
    }
    assert_eq!(seen.all("accept-encoding"), ["identity"]);
    assert_eq!(seen.all("accept"), ["application/json"]);
    assert_eq!(seen.all("traceparent"), ["00-a-b-01"]);
    assert_eq!(seen.all("host"), ["shop.test"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_consoles_cookie_does_not_go_upstream() {
    let house = House::new().await;
    let token = house.token(PrincipalKind::Customer, "7").await;
    house.origin.json("/me", r#"{"id":"7"}"#);
    let cases: [(&[&str], &[&str]); 8] = [
        (&["ward_session=s3cret"], &[]),
        (&["a=1; ward_session=s3cret; b=2"], &["a=1; b=2"]),
        (&["a=1;ward_session=s3cret"], &["a=1"]),
        (&["a=1", "ward_session=s3cret"], &["a=1"]),
        (&["ward_session=s3cret; ward_session=s3cret"], &[]),
        (&["ward_session =s3cret; a=1"], &["a=1"]),
        (&["my_ward_session=1; ward_session_x=2"], &["my_ward_session=1; ward_session_x=2"]),
        (&["a=\"x;y\"", "b"], &["a=\"x;y\"", "b"]),
    ];
    for (sent, want) in cases {
        let call =
            sent.iter().fold(Call::get("/me").token(&token), |it, one| it.with("Cookie", one));
        assert_eq!(house.ask(&call).await.status, 200);
        assert_eq!(house.origin.last().all("cookie"), want, "{sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsafe_request_is_recorded_before_the_upstream_sees_it() {
    let house = House::new().await;
    let token = house.token(PrincipalKind::Person, "p1").await;
    house.origin.json("/staff/customers/7/note", r#"{"ok":true}"#);
    let journal = house.journal.clone();
    house.origin.look(move |seen| {
        let id = seen.all("ward-request-id").concat();
        let all = journal.read(ward_model::LeafIndex(0), 10_000).unwrap();
        let of_it = all.iter().filter_map(|(_, record)| match record {
            Record::AccessIntended(row) if row.access.to_string() == id => Some(row.task.as_str()),
            Record::AccessRow(row) if row.access.to_string() == id => Some("row"),
            _ => None,
        });
        of_it.collect::<Vec<_>>().join(",")
    });
    let call = Call::new("POST", "/staff/customers/7/note").token(&token).body(r#"{"text":"x"}"#);
    let reply = house.ask(&call).await;
    assert_eq!((reply.status, reply.text()), (200, r#"{"ok":true}"#));
    let seen = house.origin.last();
    assert_eq!(seen.body, br#"{"text":"x"}"#);
    assert_eq!(seen.note, Task::Add.as_str(), "the intent, and nothing else yet");
    assert!(house.intents.close_all().is_empty(), "its row has closed it");
    assert_eq!(house.rows(&reply)[0].task, Task::Add);

    // A safe one leaves no intent; a refused one closes its own.
    house.origin.json("/staff/customers/7", r#"{"id":"7"}"#);
    assert_eq!(house.ask(&Call::get("/staff/customers/7").token(&token)).await.status, 200);
    assert_eq!(house.origin.last().note, "");
    house.origin.json("/staff/customers/7/note", "no json");
    assert_eq!(house.ask(&call).await.status, 502);
    assert!(house.intents.close_all().is_empty());
}
