//! The book against a plain list of tokens, and lists as they are served.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use data_encoding::BASE64URL_NOPAD;
use http_body_util::BodyExt as _;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tower::ServiceExt as _;
use ward_keys::{NewKey, StatusLists};
use ward_model::record::{
    ClientRevoked, KeyTokensRevoked, PrincipalRestored, PrincipalRevoked, PrincipalSuspended,
    TokenRevoked,
};
use ward_model::word::{Algorithm, Cause, KeyPurpose, KeyState};
use ward_model::{PrincipalKind, PrincipalName};

use super::*;
use crate::tests::{ISSUER, NOW, World};
use crate::{Desk, DeskParts, Target, desk_router};

const CAUSE: Cause = Cause::Operator;
const BASE: &str = "https://ward.test/oauth/status/";

/// What happens to tokens.
#[derive(Clone, Debug)]
enum Event {
    Issue { principal: i64, client: u8, key: i32 },
    Token(usize),
    Principal(i64),
    Suspend(i64),
    Restore(i64),
    Client(u8),
    Key(i32),
    Cut(i32, Side, i64),
}

fn event() -> impl Strategy<Value = Event> {
    let side = prop_oneof![Just(Side::Before), Just(Side::After)];
    prop_oneof![
        6 => (1i64..4, 1u8..4, 1i32..3)
            .prop_map(|(principal, client, key)| Event::Issue { principal, client, key }),
        2 => (0usize..20).prop_map(Event::Token),
        1 => (1i64..4).prop_map(Event::Principal),
        1 => (1i64..4).prop_map(Event::Suspend),
        1 => (1i64..4).prop_map(Event::Restore),
        1 => (1u8..4).prop_map(Event::Client),
        1 => (1i32..3).prop_map(Event::Key),
        1 => (1i32..3, side, 0i64..40).prop_map(|(key, side, at)| Event::Cut(key, side, at)),
    ]
}

/// A token as a plain list remembers it.
struct Plain {
    principal: i64,
    client: u8,
    key: i32,
    issued_at: i64,
    revoked: bool,
}

/// The record of an event, and what it does to the plain list.
fn play(step: i64, event: &Event, all: &mut Vec<Plain>, suspended: &mut HashSet<i64>) -> Record {
    let at = |step: i64| UnixMillis::from_seconds(1000 + step);
    let mut gone = |which: &dyn Fn(&Plain) -> bool| {
        all.iter_mut().filter(|it| which(it)).for_each(|it| it.revoked = true);
    };
    let key16 = |byte: u8| PrincipalKey([byte; 16]);
    match *event {
        Event::Issue { principal, client, key } => {
            let sequence = i64::try_from(all.len()).unwrap();
            all.push(Plain { principal, client, key, issued_at: 1000 + step, revoked: false });
            issued(sequence, principal, client, key, at(step))
        }
        Event::Token(which) => {
            if let Some(token) = all.get_mut(which) {
                token.revoked = true;
            }
            let sequence = Sequence(i64::try_from(which).unwrap());
            TokenRevoked { origin: Origin(1), sequence, cause: CAUSE }.into()
        }
        Event::Principal(one) => {
            gone(&|it| it.principal == one);
            let (principal, principal_key) = (PrincipalNumber(one), key16(1));
            PrincipalRevoked { principal, principal_key, cause: CAUSE }.into()
        }
        Event::Suspend(one) => {
            suspended.insert(one);
            let (principal, principal_key) = (PrincipalNumber(one), key16(1));
            PrincipalSuspended { principal, principal_key, cause: CAUSE }.into()
        }
        Event::Restore(one) => {
            suspended.remove(&one);
            let (principal, principal_key) = (PrincipalNumber(one), key16(1));
            PrincipalRestored { principal, principal_key, cause: CAUSE }.into()
        }
        Event::Client(one) => {
            gone(&|it| it.client == one);
            ClientRevoked { client_key: key16(one), cause: CAUSE }.into()
        }
        Event::Key(one) => {
            gone(&|it| it.key == one);
            KeyTokensRevoked { key: KeyNumber(one), cause: CAUSE }.into()
        }
        Event::Cut(one, side, moment) => {
            let moment = 1000 + moment;
            gone(&|it| it.key == one && (it.issued_at < moment) == (side == Side::Before));
            let moment = UnixMillis::from_seconds(moment);
            KeyTokensCut { key: KeyNumber(one), side, moment, cause: CAUSE }.into()
        }
    }
}

fn issued(sequence: i64, principal: i64, client: u8, key: i32, at: UnixMillis) -> Record {
    TokenIssued {
        origin: Origin(1),
        sequence: Sequence(sequence),
        low_water: Sequence(sequence),
        fingerprint: 1 + sequence,
        key: KeyNumber(key),
        principal: PrincipalNumber(principal),
        principal_key: PrincipalKey([1; 16]),
        client_key: PrincipalKey([client; 16]),
        issued_at: at,
        expires_at: at.plus_ms(600_000),
        revocations_seen: 0,
        login_proven: false,
    }
    .into()
}

fn list(number: u64) -> StatusList {
    StatusList { origin: Origin(1), number }
}

proptest! {
    #[test]
    fn a_list_says_what_a_plain_list_would(events in proptest::collection::vec(event(), 0..40)) {
        let (mut book, mut all, mut suspended) = (Book::default(), Vec::new(), HashSet::new());
        for (step, event) in (0..).zip(&events) {
            let record = play(step, event, &mut all, &mut suspended);
            let at = Position { index: LeafIndex(step), time: UnixMillis::new(step) };
            book.see(at, &record);
        }
        let valid = book.valid(list(0), 0..STATUS_LIST_LEN).unwrap_or_default();
        let want = (0u32..).zip(&all);
        let want = want.filter(|(_, it)| !it.revoked && !suspended.contains(&it.principal));
        prop_assert_eq!(valid, want.map(|(at, _)| at).collect::<Vec<u32>>());
    }
}

#[test]
fn a_run_that_has_ended_is_dropped_when_another_begins() {
    let mut book = Book::default();
    let at = |time| Position { index: LeafIndex(0), time: UnixMillis::new(time) };
    let first = UnixMillis::from_seconds(1000);
    let len = i64::try_from(STATUS_LIST_LEN).unwrap();
    book.see(at(1_000_000), &issued(0, 1, 1, 1, first));
    book.see(at(1_000_001), &issued(len, 1, 1, 1, first));
    assert!(book.version(list(0)).is_some() && book.version(list(1)).is_some());
    let later = 1_000_000 + 600_000 + DROP_GRACE_MS + 1;
    book.see(at(later), &issued(2 * len, 1, 1, 1, UnixMillis::new(later)));
    let kept: Vec<bool> = (0..3).map(|number| book.version(list(number)).is_some()).collect();
    assert_eq!(kept, [false, false, true]);
}

/// A world whose tokens for `shop` say where their status stands.
struct House {
    world: World,
    router: Router,
}

impl House {
    async fn new() -> Self {
        let statuses = Statuses::new(true);
        let lists = StatusLists::new(BASE.to_owned(), ["shop".to_owned()]);
        let world = World::of(vec![Box::new(statuses.view())], Some(lists)).await;
        let new = NewKey {
            purpose: KeyPurpose::Answer,
            algorithm: Algorithm::Es256,
            issuer: ISSUER.into(),
            state: KeyState::Active,
        };
        let change = world.issuance.0.keys.generate(&new, &world.ledger, NOW).unwrap();
        world.issuance.append(change).await.unwrap();
        let router = desk_router(Desk::new(DeskParts {
            issuance: world.issuance.clone(),
            may_read: Arc::new(|_| false),
            names: Arc::new(|_| None),
            feed: crate::Feed::default(),
            statuses,
            status_base: BASE.to_owned(),
        }));
        Self { world, router }
    }

    async fn issue(&self) -> (String, String, u64) {
        let who = PrincipalName::new(PrincipalKind::Customer, "100001").unwrap();
        let token = self.world.issuance.issue_token(who, "shop", 600_000).await;
        let token = token.unwrap_or_else(|it| panic!("{it}")).expose().to_owned();
        let status = &part(&token, 1)["status"]["status_list"];
        let uri = status["uri"].as_str().unwrap().to_owned();
        (token, uri, status["idx"].as_u64().unwrap())
    }

    async fn get(&self, uri: &str) -> (StatusCode, HeaderMap, String) {
        let path = uri.strip_prefix("https://ward.test").unwrap();
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, headers, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Whether an index of a list is 1, invalid.
    async fn is_invalid(&self, uri: &str, index: u64) -> bool {
        let (status, _, jwt) = self.get(uri).await;
        assert_eq!(status, StatusCode::OK);
        let compressed = part(&jwt, 1)["status_list"]["lst"].as_str().unwrap().to_owned();
        let compressed = BASE64URL_NOPAD.decode(compressed.as_bytes()).unwrap();
        let bits = miniz_oxide::inflate::decompress_to_vec_zlib(&compressed).unwrap();
        assert_eq!(bits.len(), STATUS_LIST_LEN / 8);
        bits[usize::try_from(index / 8).unwrap()] >> (index % 8) & 1 == 1
    }

    fn pass(&self, ms: i64) {
        self.world.now.fetch_add(ms, Ordering::AcqRel);
    }
}

fn part(jwt: &str, nth: usize) -> Value {
    let bytes = BASE64URL_NOPAD.decode(jwt.split('.').nth(nth).unwrap().as_bytes()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_revoked_token_flips_within_ttl_and_what_was_never_issued_is_invalid() {
    let house = House::new().await;
    let (token, uri, index) = house.issue().await;
    let (other, same, second) = house.issue().await;
    assert_eq!(same, uri);
    assert_ne!(index, second);
    let (_, headers, jwt) = house.get(&uri).await;
    assert_eq!(headers["content-type"], "application/statuslist+jwt");
    assert_eq!(headers["cache-control"], "public, max-age=58");
    assert_eq!(part(&jwt, 0)["typ"], "statuslist+jwt");
    let claims = part(&jwt, 1);
    assert_eq!((&claims["sub"], &claims["ttl"]), (&json!(uri), &json!(60)));
    assert_eq!(claims["status_list"]["bits"], 1);
    assert!(jwt.len() < 1000, "two tokens of 262,144 compress to {} bytes", jwt.len());
    assert!(!house.is_invalid(&uri, index).await && !house.is_invalid(&uri, second).await);
    let unissued = (0..).find(|it| *it != index && *it != second).unwrap();
    assert!(house.is_invalid(&uri, unissued).await);
    house.world.issuance.revoke(Target::Token(token), CAUSE, None).await.unwrap();
    house.pass(STATUS_MADE_MS_TEST);
    assert!(house.is_invalid(&uri, index).await, "within ttl");
    assert!(!house.is_invalid(&uri, second).await);
    house.world.suspend(PrincipalKind::Customer, "100001").await;
    house.pass(STATUS_MADE_MS_TEST);
    assert!(house.is_invalid(&uri, second).await, "a suspended principal's");
    // The token checks as ever: what it says of its status is part of what was entered.
    assert!(
        matches!(house.world.ledger.check(&other, "shop", NOW), ward_ledger::Checked::Refuse(it)
        if it.reason == ward_model::Reason::PrincipalSuspended)
    );
}

#[tokio::test]
async fn lists_nobody_has_are_not_there() {
    let house = House::new().await;
    let secret = house.world.ledger.secret();
    let name = secret.status_name(StatusList { origin: Origin(1), number: 7 });
    for name in ["x", "", &"A".repeat(22), &name] {
        let (status, _, _) = house.get(&format!("{BASE}{name}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{name}");
    }
}

#[tokio::test]
async fn a_list_is_made_once_for_many_and_says_how_old_it_is() {
    let house = House::new().await;
    let (_, uri, _) = house.issue().await;
    let (_, _, first) = house.get(&uri).await;
    house.pass(20_000);
    let (_, headers, second) = house.get(&uri).await;
    assert_eq!(
        (first == second, headers["cache-control"].to_str().unwrap()),
        (true, "public, max-age=38")
    );
    house.pass(11_000);
    let (_, _, third) = house.get(&uri).await;
    assert_ne!(first, third, "half its ttl is over");
}

const STATUS_MADE_MS_TEST: i64 = crate::limits::STATUS_MADE_MS;
