//! Typed signing under rules, one token and many, over a real journal.

use serde_json::{Value, json};
use ward_model::word::Cause;
use ward_model::{PrincipalKind, Reason};

use crate::limits::BATCH_MAX;
use crate::testing::{LOGIN, World, ask, ruled, with};

#[tokio::test]
async fn a_rule_holds_for_its_caller_and_no_rule_for_nobody() {
    let world = World::new().await;
    world.rules(&[("web", ruled("login"))]);
    let good = with(ask(), "login", json!("L-1"));
    assert_eq!(world.call(None, "/api/tokens", good.clone()).await.0, 401);
    let (status, answer) = world.call(Some(LOGIN), "/api/tokens", good.clone()).await;
    assert_eq!(status, 403, "{answer}: the caller's key is nobody's");
    let login = world.login_key().await;
    let (status, answer) = world.call(Some(login), "/api/tokens", good.clone()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(world.reason(answer["token"].as_str().unwrap()), None);
    for (name, body, want) in [
        ("no login", ask(), 403),
        ("another sub", with(good.clone(), "sub", json!("x1")), 403),
        ("a tenant", with(good.clone(), "tenant", json!("7")), 403),
        ("another kind", with(good.clone(), "kind", json!("seller")), 403),
        ("another audience", with(good.clone(), "audience", json!("bank")), 403),
        ("too long", with(good.clone(), "life_seconds", json!(601)), 400),
        ("its longest", with(good.clone(), "life_seconds", json!(600)), 200),
    ] {
        let (status, answer) = world.call(Some(login), "/api/tokens", body).await;
        assert_eq!(status, want, "{name}: {answer}");
    }
    world.rules(&[("web", ruled("another"))]);
    assert_eq!(world.call(Some(login), "/api/tokens", good.clone()).await.0, 403, "not his");
    world.rules(&[]);
    assert_eq!(world.call(Some(login), "/api/tokens", good).await.0, 200, "no rules at all");
}

fn batch(tokens: Vec<Value>, mode: &str) -> Value {
    json!({ "tokens": tokens, "mode": mode })
}

#[tokio::test]
async fn a_batch_is_all_or_each_and_one_group() {
    let world = World::new().await;
    world.rules(&[("web", ruled("login"))]);
    let login = world.login_key().await;
    let path = "/api/tokens/batch";
    let one = |sub: &str| with(with(ask(), "login", json!("L-1")), "sub", json!(sub));
    let before = world.records().len();
    let many: Vec<Value> = (0..50).map(|at| one(&at.to_string())).collect();
    let (status, answer) = world.call(Some(login), path, json!({ "tokens": many })).await;
    assert_eq!((status, &answer["issued"]), (200, &json!(50)));
    for token in answer["tokens"].as_array().unwrap() {
        assert_eq!(world.reason(token["token"].as_str().unwrap()), None);
    }
    assert_eq!(world.records().len() - before, 51, "the act and each token");
    let mixed = vec![one("1"), one("x"), one("3")];
    let before = world.records().len();
    let (status, answer) = world.call(Some(login), path, batch(mixed.clone(), "all")).await;
    assert_eq!(status, 403, "{answer}");
    assert!(answer["detail"].as_str().unwrap().starts_with("tokens[1]: "), "{answer}");
    assert_eq!(world.records().len(), before, "nothing was recorded");
    let (status, answer) = world.call(Some(login), path, batch(mixed, "each")).await;
    assert_eq!((status, &answer["issued"]), (200, &json!(2)));
    assert_eq!(answer["tokens"][1]["problem"]["status"], 403);
    assert_eq!(world.reason(answer["tokens"][2]["token"].as_str().unwrap()), None);
    for (name, body, want) in [
        ("none", batch(vec![], "all"), 400),
        ("too many", batch(vec![one("1"); BATCH_MAX + 1], "each"), 400),
        ("another mode", batch(vec![one("1")], "some"), 400),
        ("junk in one", batch(vec![one("1"), json!({"sub": "1"})], "each"), 400),
        ("a bad name", batch(vec![one("")], "each"), 400),
        ("no list", json!({"tokens": "1"}), 400),
    ] {
        assert_eq!(world.call(Some(login), path, body).await.0, want, "{name}");
    }
    world.suspend(PrincipalKind::Customer, "2").await;
    let (status, answer) =
        world.call(Some(login), path, batch(vec![one("1"), one("2")], "each")).await;
    assert_eq!((status, &answer["issued"]), (200, &json!(1)), "a suspended principal's is not");
    let (status, answer) =
        world.call(Some(login), path, batch(vec![one("1"), one("2")], "all")).await;
    assert_eq!(status, 403, "{answer}");
    world.journal.stop();
    let (status, answer) = world.call(Some(login), path, batch(vec![one("1")], "each")).await;
    assert_eq!((status, answer.get("tokens")), (503, None));
}

#[tokio::test]
async fn what_a_failed_batch_had_entered_is_taken_back() {
    let world = World::new().await;
    let login = world.login_key().await;
    let path = "/api/tokens/batch";
    world.suspend(PrincipalKind::Customer, "2").await;
    // Without rules nothing but the signer sees the suspension: the first token is entered.
    let tokens = vec![with(ask(), "sub", json!("1")), with(ask(), "sub", json!("2"))];
    let (status, _) = world.call(Some(login), path, batch(tokens, "all")).await;
    assert_eq!(status, 403);
    let last = world.last_issued();
    let revoked = world.revoked();
    assert_eq!(revoked, vec![(last, Cause::Withheld)]);
}

#[tokio::test]
async fn a_rule_has_a_rate() {
    let world = World::new().await;
    world.rules(&[("web", ruled("login"))]);
    let login = world.login_key().await;
    let good = with(ask(), "login", json!("L-1"));
    let of = |count: usize| batch(vec![good.clone(); count], "each");
    let path = "/api/tokens/batch";
    assert_eq!(world.call(Some(login), path, of(61)).await.0, 400, "more than a minute's");
    assert_eq!(world.call(Some(login), path, of(60)).await.0, 200);
    let (status, answer) = world.call(Some(login), "/api/tokens", good.clone()).await;
    assert_eq!((status, &answer["type"]), (429, &json!("/docs/problems#too_many")));
    world.pass(2000);
    assert_eq!(world.call(Some(login), "/api/tokens", good).await.0, 200);
}

#[tokio::test]
async fn a_login_is_proven_by_its_issuance_alone() {
    let world = World::new().await;
    let login = world.login_key().await;
    for (body, want) in [(ask(), false), (with(ask(), "login", json!("L-1")), true)] {
        let (_, answer) = world.call(Some(login), "/api/tokens", body).await;
        let token = answer["token"].as_str().unwrap().to_owned();
        assert_eq!(world.login_proven(&token), Some(want));
    }
    assert_eq!(world.reason("junk"), Some(Reason::Malformed));
}
