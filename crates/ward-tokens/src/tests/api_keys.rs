//! API keys under terms, rotated, and reported as leaked, over a real journal.

use ward_ledger::Checked;

use super::*;

fn service(extra: Value) -> Value {
    let mut body = json!({
        "kind": "service", "owner": {"kind": "service", "id": "nightly"}, "days": 30,
        "name": "Nightly", "scopes": ["orders"], "networks": ["10.0.0.0/8"],
        "answerable": PERSON,
    });
    let (Some(body_map), Value::Object(extra)) = (body.as_object_mut(), extra) else { panic!() };
    body_map.extend(extra);
    body
}

async fn issue(world: &World) -> (i64, String) {
    let (status, made) = world.call(Some(OPERATOR), "/api/api-keys", service(json!({}))).await;
    assert_eq!(status, 200, "{made}");
    (made["id"].as_i64().unwrap(), made["api_key"].as_str().unwrap().to_owned())
}

fn reason(world: &World, text: &str) -> Option<Reason> {
    let now = UnixMillis::new(world.now.load(Ordering::Acquire));
    match world.ledger.check_api_key(text, now) {
        Checked::Pass(_) => None,
        Checked::Refuse(refused) => Some(refused.reason),
    }
}

#[tokio::test]
async fn terms_are_in_force_with_the_key_and_wrong_ones_are_told() {
    let world = World::new().await;
    let (id, text) = issue(&world).await;
    let Checked::Pass(issued) = world.ledger.check_api_key(&text, NOW) else { panic!() };
    assert_eq!(issued.scope(), "orders");
    let terms = world.ledger.terms(ApiKeyId(id)).unwrap();
    assert_eq!((terms.name.as_str(), terms.networks.iter().count()), ("Nightly", 1));
    assert_eq!(terms.answerable.map(|(person, _)| person.uuid()), Some(PERSON.to_owned()));
    assert_eq!(terms.issued_at, NOW);
    let long = "x".repeat(65);
    for (name, extra) in [
        ("host bits", json!({"networks": ["10.0.0.1/8"]})),
        ("everything", json!({"networks": ["0.0.0.0/0"]})),
        ("no network", json!({"networks": ["example.com"]})),
        ("a scope with a space", json!({"scopes": ["a b"]})),
        ("a scope with a quote", json!({"scopes": ["a\""]})),
        ("an empty scope", json!({"scopes": [""]})),
        ("too many scopes", json!({"scopes": vec!["a"; 65]})),
        ("a long name", json!({"name": long})),
        ("a line in a name", json!({"name": "a\nb"})),
        ("nobody answerable", json!({"answerable": "me"})),
        ("scopes for SCIM", json!({"kind": "scim"})),
        ("roles for a service", json!({"roles": ["keys"]})),
        ("an unknown word", json!({"colour": "red"})),
    ] {
        let answer = world.call(Some(OPERATOR), "/api/api-keys", service(extra)).await;
        assert_eq!(answer.0, 400, "{name}: {}", answer.1);
    }
    world.suspend(PrincipalKind::Person, PERSON).await;
    let answer = world.call(Some(OPERATOR), "/api/api-keys", service(json!({}))).await;
    assert_eq!(answer.0, 403, "the person answerable is suspended");
    assert_eq!(world.ledger.faults(), 0);
}

#[tokio::test]
async fn a_rotation_lets_both_open_until_the_overlap_ends() {
    let world = World::new().await;
    let (id, old) = issue(&world).await;
    let path = format!("/api/api-keys/{id}/rotate");
    for (name, body, want) in [
        ("too long", json!({"overlap_hours": 721}), 400),
        ("backwards", json!({"overlap_hours": -1}), 400),
        ("two ends", json!({"days": 1, "expires_at": 1_900_000_000}), 400),
        ("an unknown word", json!({"hours": 1}), 400),
    ] {
        assert_eq!(world.call(Some(OPERATOR), &path, body).await.0, want, "{name}");
    }
    assert_eq!(world.call(None, &path, json!({})).await.0, 401);
    let stranger = "/api/api-keys/77/rotate";
    assert_eq!(world.call(Some(OPERATOR), stranger, json!({})).await.0, 404);
    let (status, made) = world.call(Some(OPERATOR), &path, json!({"overlap_hours": 1})).await;
    assert_eq!(status, 200, "{made}");
    let new = made["api_key"].as_str().unwrap();
    let ends = NOW.seconds() + 3600;
    assert_eq!((&made["replaces"], &made["predecessor_ends_at"]), (&json!(id), &json!(ends)));
    assert_eq!(made["expires_at"], json!(NOW.plus_ms(30 * ward_model::time::DAY_MS).seconds()));
    let (before, after) = (world.ledger.terms(ApiKeyId(id)).unwrap(), made["id"].as_i64().unwrap());
    let successor = world.ledger.terms(ApiKeyId(after)).unwrap();
    assert_eq!(before.replaced_by, ApiKeyId(after));
    assert_eq!(
        (&successor.scope, &successor.networks, &successor.name, successor.answerable),
        (&before.scope, &before.networks, &before.name, before.answerable),
    );
    assert_eq!((reason(&world, &old), reason(&world, new)), (None, None));
    assert_eq!(world.call(Some(OPERATOR), &path, json!({})).await.0, 409, "once");
    world.now.store(NOW.plus_ms(3_600_000).ms(), Ordering::Release);
    assert_eq!((reason(&world, &old), reason(&world, new)), (Some(Reason::Expired), None));
    let path = format!("/api/api-keys/{after}");
    assert_eq!(world.call(Some(OPERATOR), &path, Value::Null).await.0, 200);
    let path = format!("/api/api-keys/{after}/rotate");
    assert_eq!(world.call(Some(OPERATOR), &path, json!({})).await.0, 409, "it is over");
    assert_eq!(world.ledger.faults(), 0);
}

#[tokio::test]
async fn a_leak_report_takes_back_what_is_live_and_says_nothing() {
    let world = World::new().await;
    let (_, text) = issue(&world).await;
    let (other_id, other) = issue(&world).await;
    let asked = json!({"kind": "customer", "sub": "1", "audience": "shop", "life_seconds": 60});
    let (_, made) = world.call(Some(LOGIN), "/api/tokens", asked).await;
    let token = made["token"].as_str().unwrap().to_owned();
    let junk = ["", "ward_service_", "a.b.c", "é"].map(str::to_owned);
    world.issuance.leaked(&junk, [1; 16]).await.unwrap();
    let texts = [format!("export KEY={text} # {text}"), token.clone(), "noise".to_owned()];
    world.issuance.leaked(&texts, [1; 16]).await.unwrap();
    assert_eq!(reason(&world, &text), Some(Reason::Revoked));
    assert_eq!(world.reason(&token), Some(Reason::Revoked));
    assert_eq!(reason(&world, &other), None, "nothing else is taken back");
    world.issuance.leaked(&texts, [1; 16]).await.unwrap();
    let records = world.journal.read(LeafIndex(0), 10_000).unwrap();
    let reports: Vec<(i64, i64)> = records
        .iter()
        .filter_map(|(_, record)| match record {
            Record::LeaksReported(it) => Some((it.texts, it.live)),
            _ => None,
        })
        .collect();
    assert_eq!(reports, [(4, 0), (3, 2), (3, 0)], "a second report finds nothing live");
    let mut alerts: Vec<AlertId> = records
        .iter()
        .filter_map(|(_, record)| match record {
            Record::AlertRaised(it) if it.kind == AlertKind::CredentialLeaked => Some(it.alert),
            _ => None,
        })
        .collect();
    assert_eq!(alerts.len(), 2);
    alerts.dedup();
    assert_eq!(alerts.len(), 2, "told apart");
    let path = format!("/api/api-keys/{other_id}");
    assert_eq!(world.call(Some(OPERATOR), &path, Value::Null).await.0, 200);
    assert_eq!(world.ledger.faults(), 0);
}
