//! The book against a plain list, and the stream over a real journal.

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{Request, StatusCode};
use futures_util::StreamExt as _;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt as _;
use ward_model::record::{
    ApiKeyRevoked, ClientRevoked, KeyTokensRevoked, OriginOpened, PinRevoked, PrincipalRevoked,
    PrincipalSuspended, TokenRevoked,
};
use ward_model::word::{ApiKeyKind, Cause};
use ward_model::{PersonId, PrincipalKind, PrincipalName, Roles};

use super::*;
use crate::tests::{NOW, World};
use crate::{ApiKeyAsk, ClientAsk, Desk, DeskParts, Target, desk_router};

const CAUSE: Cause = Cause::Operator;

fn revoked(sequence: i64) -> Record {
    let (origin, sequence) = (Origin(1), Sequence(sequence));
    TokenRevoked { origin, sequence, cause: CAUSE }.into()
}

fn at(index: i64, time: i64) -> Position {
    Position { index: LeafIndex(index), time: UnixMillis::new(time) }
}

proptest! {
    #[test]
    fn the_book_tells_what_a_plain_list_would(
        feed in proptest::collection::vec(any::<bool>(), 0..60), room in 1usize..8,
        from in 0i64..70, most in 1usize..5, later in 0i64..2,
    ) {
        let (mut book, mut all) = (Book::default(), Vec::new());
        for (index, concerns) in (0..).zip(&feed) {
            let record = match concerns {
                true => revoked(index),
                false => OriginOpened { origin: Origin(1) }.into(),
            };
            prop_assert_eq!(book.see(at(index, index), &record, room), *concerns);
            if *concerns {
                all.push(index);
            }
        }
        let kept = all.split_off(all.len().saturating_sub(room));
        let want: Vec<i64> = kept.into_iter().filter(|it| *it >= from).take(most).collect();
        let told: Vec<i64> = book.from(from, most).iter().map(|kept| kept.index).collect();
        prop_assert_eq!(told, want);
        // What was let go of, and could still matter, is missed by whoever begins before it.
        let missed = all.iter().any(|lost| *lost >= from) && later == 0;
        let now = UnixMillis::new(60 + later * LIVE_MS_MAX);
        let ahead = from > i64::try_from(feed.len()).unwrap();
        prop_assert_eq!(book.is_complete(from, now), !missed && !ahead);
    }
}

/// A world whose journal feeds a stream that a client and an API key follow.
struct House {
    world: World,
    feed: Feed,
    router: Router,
    key: String,
}

impl House {
    async fn new() -> Self {
        let feed = Feed::default();
        let world = World::with(vec![Box::new(feed.view())]).await;
        let desk = Desk::new(DeskParts {
            issuance: world.issuance.clone(),
            may_read: Arc::new(|_| true),
            names: Arc::new(|number| {
                let named = number.0 == 1;
                named.then(|| PrincipalName::new(PrincipalKind::Customer, "100001").unwrap())
            }),
            feed: feed.clone(),
            statuses: crate::Statuses::new(false),
            status_base: String::new(),
        });
        let ask = ApiKeyAsk {
            kind: ApiKeyKind::Operator,
            owner: PrincipalName::new(PrincipalKind::Service, "sidecar").unwrap(),
            expires_at: NOW.plus_ms(86_400_000),
            roles: Roles::from_iter([ward_model::word::Role::Audit]),
        };
        let made = world.issuance.issue_api_key(ask, None).await.unwrap();
        let key = made.text.expose().clone();
        Self { world, feed, router: desk_router(desk), key }
    }

    async fn open(&self, query: &str, extra: &[(&str, &str)]) -> (StatusCode, BodyDataStream) {
        let mut request = Request::get(format!("/oauth/revocations{query}"))
            .header("authorization", format!("Bearer {}", self.key));
        for (name, value) in extra {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        (response.status(), response.into_body().into_data_stream())
    }

    async fn append(&self, record: impl Into<Record>) {
        self.world.issuance.append(record.into()).await.unwrap();
    }
}

/// The messages of the next chunk.
async fn chunk(stream: &mut BodyDataStream) -> Vec<Value> {
    let Some(bytes) = stream.next().await else { return Vec::new() };
    let text = String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_follower_hears_each_revocation_in_order_and_resumes() {
    let house = House::new().await;
    let world = &house.world;
    let token = world.issuance.issue_token(
        PrincipalName::new(PrincipalKind::Customer, "100001").unwrap(),
        "shop",
        600_000,
    );
    let token = token.await.unwrap().expose().to_owned();
    let (status, mut stream) = house.open("", &[]).await;
    assert_eq!(status, StatusCode::OK);
    let hello = chunk(&mut stream).await.remove(0);
    assert_eq!((&hello["type"], &hello["complete"]), (&json!("hello"), &json!(true)));
    let from = hello["next"].as_i64().unwrap();
    world.issuance.revoke(Target::Token(token.clone()), CAUSE, None).await.unwrap();
    let told = chunk(&mut stream).await;
    let claims = crate::spoken::Spoken::read(&token).unwrap().told();
    let prefix = told[0]["jti_prefix"].as_str().unwrap();
    assert_eq!(prefix.len(), 21);
    assert!(claims["jti"].as_str().unwrap().starts_with(prefix), "it names the token");
    let who = (PrincipalNumber(1), PrincipalKey([1; 16]));
    let erased = (PrincipalNumber(2), PrincipalKey([2; 16]));
    let (principal, principal_key) = who;
    house.append(PrincipalRevoked { principal, principal_key, cause: CAUSE }).await;
    house.append(PrincipalSuspended { principal, principal_key, cause: CAUSE }).await;
    let (principal, principal_key) = erased;
    house.append(PrincipalRevoked { principal, principal_key, cause: CAUSE }).await;
    house.append(KeyTokensRevoked { key: KeyNumber(1), cause: CAUSE }).await;
    house.append(PinRevoked { fingerprint: 5, cause: CAUSE }).await;
    house.append(ClientRevoked { client_key: PrincipalKey([7; 16]), cause: CAUSE }).await;
    house.append(ApiKeyRevoked { api_key: ApiKeyId(77), cause: CAUSE }).await;
    let mut told = told;
    while told.len() < 8 {
        told.extend(chunk(&mut stream).await);
    }
    let kinds: Vec<&str> = told.iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "token",
            "principal_revoked",
            "principal_suspended",
            "ask",
            "key_revoked",
            "ask",
            "ask",
            "api_key_revoked",
        ]
    );
    assert_eq!((&told[1]["sub"], &told[1]["kind"]), (&json!("100001"), &json!("customer")));
    assert!(told.is_sorted_by_key(|it| it["seq"].as_i64()));
    drop(stream);
    // Resumed after the third, the rest comes, and only that.
    let third = told[2]["seq"].as_i64().unwrap();
    let next = format!("?from={}", third + 1);
    let id = third.to_string();
    for (query, extra) in [(next.as_str(), vec![]), ("", vec![("last-event-id", id.as_str())])] {
        let (_, mut stream) = house.open(query, &extra).await;
        assert_eq!(chunk(&mut stream).await[0]["from"], third + 1);
        assert_eq!(chunk(&mut stream).await, told[3..]);
    }
    let (_, mut stream) = house.open(&format!("?from={from}"), &[]).await;
    assert_eq!(chunk(&mut stream).await.len(), 1);
    assert_eq!(chunk(&mut stream).await, told);
}

#[tokio::test(start_paused = true)]
async fn silence_beats_and_a_lost_credential_ends_the_stream() {
    let house = House::new().await;
    let (_, mut stream) = house.open("", &[]).await;
    let hello = chunk(&mut stream).await.remove(0);
    assert_eq!(hello["heartbeat_seconds"], 5);
    for _ in 0..3 {
        assert_eq!(chunk(&mut stream).await[0]["type"], "heartbeat");
    }
    let id = match house.world.ledger.check_api_key(&house.key, NOW) {
        ward_ledger::Checked::Pass(issued) => issued.api_key(),
        ward_ledger::Checked::Refuse(_) => panic!("refused"),
    };
    house.world.issuance.revoke_api_key(id, CAUSE, None).await.unwrap();
    let end = chunk(&mut stream).await.remove(0);
    assert_eq!((&end["type"], &end["why"]), (&json!("end"), &json!("credential")));
    assert!(stream.next().await.is_none());
    assert_eq!(house.open("", &[]).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn stopping_ends_streams_and_events_are_framed() {
    let house = House::new().await;
    let accept = [("accept", "text/event-stream")];
    let (_, mut stream) = house.open("?from=0", &accept).await;
    let first = String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.starts_with("event: hello\ndata: {") && first.ends_with("}\n\n"), "{first}");
    house.append(revoked(0)).await;
    let token = String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(token.starts_with("id: ") && token.contains("\nevent: token\n"), "{token}");
    house.feed.close();
    let end = String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(end.contains("stopping"), "{end}");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn followers_are_bounded_and_only_those_who_may() {
    let house = House::new().await;
    let mut open = Vec::new();
    for _ in 0..crate::limits::FOLLOWERS_MAX {
        let (status, stream) = house.open("", &[]).await;
        assert_eq!(status, StatusCode::OK);
        open.push(stream);
    }
    assert_eq!(house.open("", &[]).await.0, StatusCode::SERVICE_UNAVAILABLE);
    open.pop();
    assert_eq!(house.open("", &[]).await.0, StatusCode::OK, "a place was given back");
    for junk in ["?from=x", "?from=-1", "?from=1&from=2"] {
        assert_eq!(house.open(junk, &[]).await.0, StatusCode::BAD_REQUEST, "{junk}");
    }
    let owner = PersonId([3; 16]);
    let ask = ClientAsk {
        client_id: "plain".into(),
        owner,
        owner_key: house.world.ledger.principal_key(PrincipalKind::Person, &owner.uuid()),
        audience: "shop".into(),
        scope: "read".into(),
        life_ms_max: 600_000,
        expires_at: NOW.plus_ms(86_400_000),
    };
    let made = house.world.issuance.register_client(ask, None).await.unwrap();
    let pair = format!("plain:{}", made.secret.as_ref().unwrap().expose());
    let basic = format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes()));
    let request = Request::get("/oauth/revocations").header("authorization", basic);
    let answer = house.router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.unwrap().status(), StatusCode::FORBIDDEN);
}
