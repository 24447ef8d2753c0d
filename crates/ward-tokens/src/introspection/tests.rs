//! Asking about tokens and taking them back, over a real journal: who hears what, what is recorded.

use aws_lc_rs::signature::Ed25519KeyPair;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt as _;
use ward_keys::{Import, NewKey};
use ward_model::record::{ForgeryPresented, IssuerModeSet};
use ward_model::word::{Algorithm, ApiKeyKind, AskedAt, Cause, IssuerMode, KeyPurpose, KeyState};
use ward_model::{
    ApiKeyId, KeyNumber, LeafIndex, PersonId, PrincipalKind, PrincipalName, Record, Roles, Text,
    UnixMillis,
};

use crate::tests::{ISSUER, NOW, World};
use crate::{ApiKeyAsk, ClientAsk, Desk, DeskParts, Target, TokenAsk, desk_router};

/// A world with clients of each sort, an answer key, and a key that a thief can read.
struct House {
    world: World,
    desk: Router,
    thief: Ed25519KeyPair,
    /// Basic credentials by client id.
    basic: Vec<(&'static str, String)>,
    service: String,
    operator: String,
}

const CLIENTS: [(&str, &str); 5] = [
    ("plain", "read"),
    ("resource", "ward:introspect"),
    ("auditor", "ward:introspect ward:reasons"),
    ("warden", "ward:revoke"),
    ("other", "read"),
];

impl House {
    async fn new() -> Self {
        let world = World::new().await;
        let issuance = world.issuance.clone();
        let parts = &issuance.0;
        let new = NewKey {
            purpose: KeyPurpose::Answer,
            algorithm: Algorithm::Es256,
            issuer: ISSUER.into(),
            state: KeyState::Active,
        };
        let change = parts.keys.generate(&new, &world.ledger, NOW).unwrap();
        issuance.append(change).await.unwrap();
        let thief = Ed25519KeyPair::generate().unwrap();
        let import = Import {
            kid: Some("stolen".into()),
            issuer: ISSUER.into(),
            holders: Vec::new(),
            others_unknown: false,
            passphrase: None,
            grandfathering: None,
        };
        let pkcs8 = thief.to_pkcs8().unwrap();
        let change = parts.keys.import(pkcs8.as_ref(), &import, &world.ledger, NOW).unwrap();
        issuance.append(change).await.unwrap();
        let mut basic = Vec::new();
        for (client_id, scope) in CLIENTS {
            let owner = PersonId([3; 16]);
            let owner_key = world.ledger.principal_key(PrincipalKind::Person, &owner.uuid());
            let ask = ClientAsk {
                client_id: client_id.into(),
                owner,
                owner_key,
                audience: "shop".into(),
                scope: scope.into(),
                life_ms_max: 600_000,
                expires_at: NOW.plus_ms(86_400_000),
            };
            let made = issuance.register_client(ask, None).await.unwrap();
            let pair = format!("{client_id}:{}", made.secret.as_ref().unwrap().expose());
            basic.push((client_id, format!("Basic {}", BASE64.encode(pair.as_bytes()))));
        }
        let (service, _) = api_key(&world, ApiKeyKind::Service).await;
        let (operator, may) = api_key(&world, ApiKeyKind::Operator).await;
        let desk = desk_router(Desk::new(DeskParts {
            issuance: issuance.clone(),
            may_read: Arc::new(move |id| id == may),
            names: Arc::new(|_| PrincipalName::new(PrincipalKind::Service, "someone").ok()),
            feed: crate::push::Feed::default(),
            statuses: crate::Statuses::new(false),
            status_base: String::new(),
        }));
        Self { world, desk, thief, basic, service, operator }
    }

    fn as_client(&self, client_id: &str) -> Option<String> {
        self.basic.iter().find(|(id, _)| *id == client_id).map(|(_, basic)| basic.clone())
    }

    async fn send(
        &self,
        path: &str,
        who: Option<&str>,
        accept: Option<&str>,
        form: &str,
    ) -> (u16, HeaderMap, Vec<u8>) {
        let mut request =
            Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        if let Some(who) = who {
            request = request.header("authorization", who);
        }
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let response = self.desk.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, headers, bytes.to_vec())
    }

    async fn ask(&self, who: &str, token: &str) -> Value {
        let who = self.as_client(who).unwrap_or_else(|| format!("Bearer {who}"));
        let form = format!("token={token}");
        let (status, headers, body) = self.send("/oauth/introspect", Some(&who), None, &form).await;
        assert_eq!((status, headers["cache-control"].to_str().unwrap()), (200, "no-store"));
        serde_json::from_slice(&body).unwrap()
    }

    async fn revoke(&self, who: &str, form: &str) -> (u16, Value) {
        let who = self.as_client(who);
        let (status, _, body) = self.send("/oauth/revoke", who.as_deref(), None, form).await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn issue(&self, client_id: &str, life_ms: i64) -> String {
        self.issue_for("100001", client_id, life_ms).await
    }

    async fn issue_for(&self, sub: &str, client_id: &str, life_ms: i64) -> String {
        let ask = TokenAsk {
            principal: PrincipalName::new(PrincipalKind::Customer, sub).unwrap(),
            client_id: client_id.into(),
            audience: "shop".into(),
            life_ms,
            tenant: None,
            scope: Some("read".into()),
            login: None,
        };
        let token = self.world.issuance.issue(ask).await.unwrap_or_else(|it| panic!("{it}"));
        token.expose().to_owned()
    }

    /// A token under the stolen key.
    fn forge(&self, sub: &str, client_id: &str) -> String {
        let part = |json: Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
        let header = part(json!({"alg": "EdDSA", "kid": "stolen", "typ": "at+jwt"}));
        let claims = part(json!({
            "iss": ISSUER, "sub": sub, "aud": "shop", "kind": "customer", "client_id": client_id,
            "iat": NOW.seconds(), "exp": NOW.seconds() + 600, "jti": "x",
        }));
        let input = format!("{header}.{claims}");
        let signature = BASE64URL_NOPAD.encode(self.thief.sign(input.as_bytes()).as_ref());
        format!("{input}.{signature}")
    }

    fn records(&self) -> Vec<Record> {
        let all = self.world.journal.read(LeafIndex(0), 10_000).unwrap();
        all.into_iter().map(|(_, record)| record).collect()
    }

    /// Forgeries recorded, once there are so many.
    async fn forgeries(&self, want: usize) -> Vec<ForgeryPresented> {
        for _ in 0..500 {
            let found = self.records().into_iter().filter_map(|record| match record {
                Record::ForgeryPresented(row) => Some(row),
                _ => None,
            });
            let found: Vec<_> = found.collect();
            if found.len() >= want {
                return found;
            }
            tokio::task::yield_now().await;
            tokio::time::sleep(core::time::Duration::from_millis(2)).await;
        }
        panic!("{want} forgeries never came");
    }
}

async fn api_key(world: &World, kind: ApiKeyKind) -> (String, ApiKeyId) {
    let roles = match kind {
        ApiKeyKind::Operator => Roles::from_iter([ward_model::word::Role::Audit]),
        _ => Roles::default(),
    };
    let ask = ApiKeyAsk {
        kind,
        owner: PrincipalName::new(PrincipalKind::Service, "suite").unwrap(),
        expires_at: NOW.plus_ms(86_400_000),
        roles,
    };
    let made = world.issuance.issue_api_key(ask, None).await.unwrap();
    (made.text.expose().clone(), made.id)
}

const INACTIVE: &str = r#"{"active":false}"#;

#[tokio::test]
async fn a_live_token_is_told_to_those_it_concerns() {
    let house = House::new().await;
    let token = house.issue("plain", 600_000).await;
    for who in ["plain", "resource", "auditor", &house.service, &house.operator] {
        let told = house.ask(who, &token).await;
        assert_eq!(told["active"], true, "{who}");
        for (name, want) in [
            ("sub", json!("100001")),
            ("aud", json!("shop")),
            ("client_id", json!("plain")),
            ("scope", json!("read")),
            ("token_type", json!("Bearer")),
            ("iss", json!(ISSUER)),
            ("exp", json!(NOW.seconds() + 600)),
            ("iat", json!(NOW.seconds())),
            ("kind", json!("customer")),
        ] {
            assert_eq!(told[name], want, "{who} {name}");
        }
        let reasons = who == "auditor" || who == house.operator;
        assert_eq!(told.get("ward_status"), reasons.then_some(&json!("live")), "{who}");
    }
    for who in ["other", "warden"] {
        let told = house.ask(who, &token).await;
        assert_eq!(told.to_string(), INACTIVE, "{who}: another client's");
    }
}

#[tokio::test]
async fn what_is_not_live_looks_alike_but_to_those_who_may_hear_why() {
    let house = House::new().await;
    let world = &house.world;
    let revoked = house.issue("plain", 600_000).await;
    world.issuance.revoke(Target::Token(revoked.clone()), Cause::Operator, None).await.unwrap();
    let short = house.issue("plain", 1000).await;
    let good = house.issue("plain", 600_000).await;
    let (head, signature) = good.rsplit_once('.').unwrap();
    let junk = format!("{head}.{}", "A".repeat(signature.len()));
    let suspended = house.issue_for("7", "plain", 600_000).await;
    world.suspend(PrincipalKind::Customer, "7").await;
    world.now.store(NOW.plus_ms(2000).ms(), core::sync::atomic::Ordering::Release);
    let forged = house.forge("100001", "plain");
    let before = house.records().len();
    for (name, token, want) in [
        ("revoked", &revoked, "revoked"),
        ("expired", &short, "expired"),
        ("suspended", &suspended, "principal_suspended"),
        ("junk signature", &junk, "bad_signature"),
        ("forged", &forged, "never_issued"),
        ("no token", &"junk".to_owned(), "malformed"),
        ("two dots and nothing", &"..".to_owned(), "malformed"),
    ] {
        for who in ["resource", "plain", "other", "warden", &house.service] {
            let told = house.ask(who, token).await;
            assert_eq!(told.to_string(), INACTIVE, "{name} to {who}");
        }
        for who in ["auditor", &house.operator] {
            let told = house.ask(who, token).await;
            let said = json!({"active": false, "ward_status": want});
            assert_eq!(told, said, "{name} to {who}");
        }
    }
    // Seven askers presented the forgery; each was noticed, and nothing else was recorded.
    let found = house.forgeries(7).await;
    assert!(found.iter().all(|row| row.asked_at == AskedAt::Introspection && !row.believed));
    assert_eq!(house.records().len(), before + 7);
}

#[tokio::test]
async fn api_keys_are_told_to_protected_resources() {
    let house = House::new().await;
    let (text, id) = api_key(&house.world, ApiKeyKind::Person).await;
    for who in ["resource", &house.service] {
        let told = house.ask(who, &text).await;
        assert_eq!((&told["active"], &told["ward_api_key"]), (&json!(true), &json!(id)), "{who}");
        assert_eq!(told["sub"], "someone");
    }
    for who in ["plain", "other"] {
        assert_eq!(house.ask(who, &text).await.to_string(), INACTIVE, "{who}");
    }
    house.world.issuance.revoke_api_key(id, Cause::Operator, None).await.unwrap();
    assert_eq!(house.ask("resource", &text).await.to_string(), INACTIVE);
    assert_eq!(house.ask("auditor", &text).await["ward_status"], "revoked");
}

#[tokio::test]
async fn nobody_unknown_asks_and_errors_are_the_rfcs() {
    let house = House::new().await;
    let (person, _) = api_key(&house.world, ApiKeyKind::Person).await;
    let (another, _) = api_key(&house.world, ApiKeyKind::Operator).await;
    let bearer = |text: &str| Some(format!("Bearer {text}"));
    let plain = house.as_client("plain");
    for (name, path, who, form, want) in [
        ("nobody", "/oauth/introspect", None, "token=x", (401, "invalid_client")),
        ("a person's key", "/oauth/introspect", bearer(&person), "token=x", (401, "invalid_token")),
        (
            "an operator without the role",
            "/oauth/introspect",
            bearer(&another),
            "token=x",
            (401, "invalid_token"),
        ),
        ("a bearer's junk", "/oauth/introspect", bearer("x"), "token=x", (401, "invalid_token")),
        ("no token", "/oauth/introspect", plain.clone(), "x=y", (400, "invalid_request")),
        ("twice", "/oauth/introspect", plain.clone(), "token=a&token=b", (400, "invalid_request")),
        ("nobody revokes", "/oauth/revoke", None, "token=x", (401, "invalid_client")),
        (
            "no API key revokes",
            "/oauth/revoke",
            bearer(&house.operator),
            "token=x",
            (401, "invalid_client"),
        ),
        ("nothing to revoke", "/oauth/revoke", plain.clone(), "", (400, "invalid_request")),
        ("hint alone", "/oauth/revoke", plain, "token_type_hint=x", (400, "invalid_request")),
    ] {
        let (status, headers, body) = house.send(path, who.as_deref(), None, form).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, body["error"].as_str().unwrap()), want, "{name}");
        assert_eq!(headers.contains_key("www-authenticate"), status == 401, "{name}");
    }
    let request = Request::post("/oauth/introspect").header("content-type", "application/json");
    let response = house.desk.clone().oneshot(request.body(Body::from("{}")).unwrap()).await;
    assert_eq!(response.unwrap().status(), 400);
}

#[tokio::test]
async fn a_signed_answer_is_for_its_asker_alone() {
    let house = House::new().await;
    let token = house.issue("plain", 600_000).await;
    let who = house.as_client("resource");
    let accept = "application/json;q=0.1, application/token-introspection+jwt";
    for (token, active) in [(token.as_str(), true), ("junk", false)] {
        let form = format!("token={token}");
        let sent = house.send("/oauth/introspect", who.as_deref(), Some(accept), &form).await;
        let (status, headers, body) = sent;
        assert_eq!(status, 200);
        assert_eq!(headers["content-type"], "application/token-introspection+jwt");
        let jwt = String::from_utf8(body).unwrap();
        let mut parts = jwt.split('.');
        let mut part = || {
            let bytes = BASE64URL_NOPAD.decode(parts.next().unwrap().as_bytes()).unwrap();
            serde_json::from_slice::<Value>(&bytes).unwrap()
        };
        let (header, claims) = (part(), part());
        assert_eq!(header["typ"], "token-introspection+jwt");
        assert_eq!((&claims["aud"], &claims["iss"]), (&json!("resource"), &json!(ISSUER)));
        assert_eq!(claims["token_introspection"]["active"], active);
        assert!(claims.get("sub").is_none() && claims.get("exp").is_none(), "RFC 9701 section 5");
        // It is no token, and no forgery: the answer key finds nothing in the ledger.
        assert_eq!(house.ask("auditor", &jwt).await["active"], false);
    }
    assert!(!house.records().iter().any(|it| matches!(it, Record::ForgeryPresented(_))));
}

#[tokio::test]
async fn a_client_takes_back_its_own_and_no_more() {
    let house = House::new().await;
    let token = house.issue("plain", 600_000).await;
    let form = format!("token={token}&token_type_hint=refresh_token");
    let refused = json!({"error": "unauthorized_client"});
    assert_eq!(house.revoke("other", &form).await, (400, refused.clone()));
    assert_eq!(house.ask("plain", &token).await["active"], true, "it is still there");
    let before = house.records().len();
    for (name, who, token) in [
        ("known", "plain", token.as_str()),
        ("again", "plain", token.as_str()),
        ("unknown", "plain", "never.seen.before"),
        ("no token at all", "plain", "junk"),
    ] {
        let done = house.revoke(who, &format!("token={token}&token_type_hint=x")).await;
        assert_eq!(done, (200, json!({})), "{name}");
    }
    assert_eq!(house.ask("plain", &token).await.to_string(), INACTIVE);
    let new = house.records().split_off(before);
    assert!(
        matches!(new.as_slice(), [
        Record::RevocationAsked(asked), Record::TokenRevoked(revoked)
    ] if !asked.of_another && revoked.cause == Cause::Holder),
        "{new:?}"
    );
    assert_eq!(house.revoke("other", &form).await, (400, refused), "gone looks like live");
    let (text, _) = api_key(&house.world, ApiKeyKind::Person).await;
    let done = house.revoke("plain", &format!("token={text}")).await;
    assert_eq!(done, (400, json!({"error": "unsupported_token_type"})));
    let token = house.issue("plain", 600_000).await;
    assert_eq!(house.revoke("warden", &format!("token={token}")).await.0, 200, "its duty");
    assert_eq!(house.ask("auditor", &token).await["ward_status"], "revoked");
}

#[tokio::test]
async fn a_forgery_presented_for_revocation_is_noticed() {
    let house = House::new().await;
    let forged = house.forge("100001", "plain");
    assert_eq!(house.revoke("plain", &format!("token={forged}")).await, (200, json!({})));
    let forged = house.forge("100002", "somebody-else");
    assert_eq!(house.revoke("plain", &format!("token={forged}")).await.0, 400);
    let found = house.forgeries(2).await;
    let client = house.world.ledger.client("plain").unwrap();
    for row in found {
        assert_eq!((row.asked_at, row.client_key), (AskedAt::Revocation, client.client_key));
        assert_eq!(row.principal_kind, PrincipalKind::Customer);
        assert_ne!(row.key, KeyNumber::NONE);
    }
}

#[tokio::test]
async fn nothing_is_taken_back_that_is_not_recorded() {
    let house = House::new().await;
    let token = house.issue("plain", 600_000).await;
    house.world.journal.stop();
    let (status, said) = house.revoke("plain", &format!("token={token}")).await;
    assert_eq!((status, said), (503, json!({"error": "temporarily_unavailable"})));
    assert_eq!(house.ask("plain", &token).await["active"], true);
}

#[tokio::test]
async fn a_learning_issuers_tokens_are_as_good_as_their_signature() {
    let house = House::new().await;
    let (issuer, mode) = (Text::cut(ISSUER), IssuerMode::Learning);
    house.world.issuance.append(IssuerModeSet { issuer, mode }).await.unwrap();
    let token = house.forge("100001", "plain");
    for _ in 0..2 {
        assert_eq!(house.ask("resource", &token).await["active"], true);
    }
    assert_eq!(house.ask("other", &token).await.to_string(), INACTIVE);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let junk = format!("{head}.{}", "A".repeat(signature.len()));
    assert_eq!(house.ask("resource", &junk).await.to_string(), INACTIVE);
    // Once per asker is enough while nobody enters them.
    let found = house.forgeries(2).await;
    assert_eq!(found.iter().filter(|row| row.believed).count(), 1);
    let later = UnixMillis::from_seconds(NOW.seconds() + 601);
    house.world.now.store(later.ms(), core::sync::atomic::Ordering::Release);
    assert_eq!(house.ask("resource", &token).await.to_string(), INACTIVE, "it has ended");
}
