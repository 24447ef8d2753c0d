//! What the routes of the record answer.

use http::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use ward_model::View as _;

use super::*;
use crate::testing::{caller, journal};

fn room() -> (ward_journal::testing::FaultDisk, Room) {
    let acts = (0..120).map(|n| {
        let by = caller(if n % 3 == 0 { 2 } else { 1 });
        (n * 1000, vec![by.did("rotate key", n, [0; 32]).into()])
    });
    let (disk, journal, vkey) = journal(acts.collect());
    let history = SharedHistory::new();
    let mut view = history.view();
    for (at, record) in journal.read(LeafIndex(0), 1000).unwrap() {
        view.apply(at, &record);
    }
    let clock = Arc::new(|| UnixMillis::new(200_000));
    (disk, Room { journal, history, vkey: vkey.into(), clock })
}

async fn call(room: &Room, path: &str) -> (u16, String) {
    let router = router(room.clone()).layer(Extension(caller(1)));
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn json(room: &Room, query: &str) -> Value {
    let (status, text) = call(room, &format!("/api/operators/record{query}")).await;
    assert_eq!(status, 200, "{query}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn the_record_is_searched_and_paged() {
    let (_disk, room) = room();
    let two = PersonId([2; 16]).uuid();
    let by_two = json(&room, &format!("?person={two}&limit=200")).await;
    assert_eq!(by_two["items"].as_array().unwrap().len(), 40);
    let first = &json(&room, "?kind=act&words=number+119").await["items"][0];
    assert_eq!(
        (&first["text"], &first["at"], &first["session"], &first["api_key"]),
        (&json!("rotate key, number 119"), &json!("1970-01-01T00:01:59Z"), &json!(1), &Value::Null)
    );
    let page = json(&room, "?from=1970-01-01T00:00:10Z&to=20000&limit=3").await;
    let leaves: Vec<i64> =
        page["items"].as_array().unwrap().iter().map(|it| it["index"].as_i64().unwrap()).collect();
    assert_eq!((leaves, &page["next"]), (vec![19, 18, 17], &json!(17)));
    let next = json(&room, "?from=10000&to=20000&limit=200&before=17").await;
    assert_eq!((next["items"].as_array().unwrap().len(), &next["next"]), (7, &Value::Null));
}

#[tokio::test]
async fn odd_questions_are_told() {
    let (_disk, room) = room();
    for query in [
        "?person=2",
        "?person=02020202020202020202020202020202",
        "?kind=deed",
        "?from=yesterday",
        "?before=-1",
        "?limit=0",
        "?limit=201",
        "?colour=red",
        "?limit=1&limit=2",
    ] {
        let (status, text) = call(&room, &format!("/api/operators/record{query}")).await;
        assert_eq!(status, 400, "{query}: {text}");
    }
    for query in ["?at=x", "?limit=1", "?from=1&from=2"] {
        let (status, text) = call(&room, &format!("/api/operators/record/export{query}")).await;
        assert_eq!(status, 400, "{query}: {text}");
    }
    let head = room.journal.head().borrow().0;
    assert_eq!(head, 120, "what was not understood is no act");
}

#[tokio::test]
async fn a_file_leaves_recorded_and_holds() {
    let (_disk, room) = room();
    let (status, text) = call(&room, "/api/operators/record/export?from=10000&to=20000").await;
    assert_eq!(status, 200, "{text}");
    let report = file::verify(&text, Some(&room.vkey)).unwrap();
    let leaves: Vec<i64> = report.entries.iter().map(|it| it.index.0).collect();
    assert_eq!(leaves, (10..20).collect::<Vec<i64>>());
    let last = room.journal.read(LeafIndex(120), 9).unwrap();
    let [(_, ward_model::Record::OperatorDid(act))] = last.as_slice() else { panic!("{last:?}") };
    assert_eq!((act.act.as_str(), act.person), ("export operators' record", PersonId([1; 16])));
    let (status, text) = call(&room, "/api/operators/record/export?from=900000").await;
    assert_eq!(status, 200);
    let empty = file::verify(&text, Some(&room.vkey)).unwrap();
    assert_eq!((empty.entries.len(), empty.part.next), (0, None));
}
