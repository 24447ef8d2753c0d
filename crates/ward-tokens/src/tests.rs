//! Every door of issuance over a real journal in a temporary directory.

mod api_keys;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use data_encoding::BASE64;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use ward_journal::{Journal, Options, RealDisk};
use ward_keys::{Kek, KeyStore, NewKey, Origins, TokenSigner};
use ward_ledger::{Checked, Ledger, LedgerSecret};
use ward_model::record::{OriginOpened, PrincipalSuspended};
use ward_model::word::*;
use ward_model::*;

use crate::*;

pub(crate) const NOW: UnixMillis = UnixMillis::from_seconds(1_800_000_000);
pub(crate) const ISSUER: &str = "https://ward.test";
const PERSON: &str = "07070707-0707-0707-0707-070707070707";
const OPERATOR: Caller = Caller::machine(ApiKeyId(5), ApiKeyKind::Operator);
pub(crate) const LOGIN: Caller = Caller::machine(ApiKeyId(6), ApiKeyKind::Service);

pub(crate) struct World {
    _dir: tempfile::TempDir,
    pub(crate) issuance: Issuance,
    pub(crate) signing: Signing,
    pub(crate) journal: Journal,
    pub(crate) ledger: Ledger,
    pub(crate) now: Arc<AtomicI64>,
    register_fails: Arc<AtomicBool>,
}

fn journal(dir: &std::path::Path, ledger: &Ledger, more: Vec<Box<dyn View>>) -> Journal {
    let signer = ward_tlog::NoteSigner::from_seed("test", &[5; 32]).unwrap();
    let mut counter = 0u8;
    let entropy = Box::new(move |bytes: &mut [u8]| {
        counter = counter.wrapping_add(1);
        bytes.fill(counter);
        Ok(())
    });
    let options = Options::new(Secret::new([6; 32]), signer, entropy, NOW);
    let disk = Arc::new(RealDisk::new(dir.join("journal")));
    let mut views: Vec<Box<dyn View>> = vec![Box::new(ledger.view())];
    views.extend(more);
    Journal::create(disk, options, views).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Vec::new()).await
    }

    /// As [`World::new`], with more views of the journal.
    pub(crate) async fn with(more: Vec<Box<dyn View>>) -> Self {
        Self::of(more, None).await
    }

    /// As [`World::with`]; tokens of some audiences say where their status stands.
    pub(crate) async fn of(
        more: Vec<Box<dyn View>>,
        statuses: Option<ward_keys::StatusLists>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let kek = Kek::create(&dir.path().join("kek"), [3; 32]).unwrap();
        let keys = KeyStore::open(&dir.path().join("keys"), kek, Vec::new()).unwrap();
        let ledger = Ledger::new(LedgerSecret::new(keys.secret("ledger").unwrap()));
        let assertions = Assertions::default();
        let mut more = more;
        more.push(assertions.view());
        let journal = journal(dir.path(), &ledger, more);
        let new = NewKey {
            purpose: KeyPurpose::Token,
            algorithm: Algorithm::EdDsa,
            issuer: ISSUER.into(),
            state: KeyState::Active,
        };
        let change = keys.generate(&new, &ledger, NOW).unwrap();
        let _ = journal.append(change, NOW).await.unwrap_or_else(|it| panic!("{it}"));
        let origin = ledger.next_origin();
        let _ = journal.append(OriginOpened { origin }, NOW).await;
        let now = Arc::new(AtomicI64::new(NOW.ms()));
        let register_fails = Arc::new(AtomicBool::new(false));
        let (clock, fails) = (Arc::clone(&now), Arc::clone(&register_fails));
        let random = AtomicI64::new(1);
        let signer = TokenSigner::new(ledger.clone(), Origins::new(origin));
        let issuance = Issuance::new(Parts {
            journal: journal.clone(),
            ledger: ledger.clone(),
            keys: Arc::new(keys),
            signer: match statuses {
                Some(lists) => signer.with_statuses(lists),
                None => signer,
            },
            numbers: Arc::new(move |_: &PrincipalName| match fails.load(Ordering::Acquire) {
                true => Err(NumberError),
                false => Ok(PrincipalNumber(1)),
            }),
            policy: SigningPolicy {
                issuer: ISSUER.into(),
                kinds: vec![PrincipalKind::Customer, PrincipalKind::Person, PrincipalKind::Service],
                audiences: vec!["shop".into(), "billing".into()],
                life_ms_max: 3_600_000,
            },
            assertions,
            proofs: Arc::new(ward_proof::Desk::new(&[4; 32], NOW.plus_ms(-3_600_000), false)),
            doors: Networks::parse(["10.0.0.0/8"]).unwrap(),
            base_url: "http://127.0.0.1:7780".into(),
            clock: Arc::new(move || UnixMillis::new(clock.load(Ordering::Acquire))),
            entropy: Arc::new(move |bytes| {
                for byte in bytes {
                    let next = random.fetch_add(1, Ordering::Relaxed);
                    *byte = u8::try_from(next.wrapping_mul(0x9e37) >> 5 & 0xff).unwrap();
                }
                Ok(())
            }),
        });
        let signing = Signing::new(issuance.clone(), policy::Rules::default());
        Self { _dir: dir, issuance, signing, journal, ledger, now, register_fails }
    }

    fn router(&self) -> Router {
        router(self.issuance.clone())
            .merge(typed_router(self.signing.clone()))
            .merge(transit_router(self.signing.clone()))
    }

    pub(crate) async fn send(
        &self,
        request: Request<Body>,
    ) -> (StatusCode, axum::http::HeaderMap, Value) {
        let response = self.router().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, headers, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub(crate) async fn call(
        &self,
        caller: Option<Caller>,
        path: &str,
        body: Value,
    ) -> (u16, Value) {
        let method = if body.is_null() { "DELETE" } else { "POST" };
        let mut request = Request::builder().method(method).uri(path);
        if let Some(caller) = caller {
            request = request.extension(caller);
        }
        let (status, _, json) =
            self.send(request.body(Body::from(body.to_string())).unwrap()).await;
        (status.as_u16(), json)
    }

    async fn oauth(&self, authorization: Option<&str>, form: &str) -> (u16, Value) {
        let mut request = Request::post("/oauth/token")
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(header) = authorization {
            request = request.header("authorization", header);
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let (status, headers, json) = self.send(request).await;
        assert_eq!(headers["cache-control"], "no-store");
        let challenged = headers.contains_key("www-authenticate");
        assert_eq!(challenged, status == 401, "RFC 9110 section 15.5.2");
        (status.as_u16(), json)
    }

    pub(crate) fn reason(&self, token: &str) -> Option<Reason> {
        match self.ledger.check(token, "shop", NOW) {
            Checked::Pass(_) => None,
            Checked::Refuse(refused) => Some(refused.reason),
        }
    }

    pub(crate) async fn suspend(&self, kind: PrincipalKind, id: &str) {
        let principal_key = self.ledger.principal_key(kind, id);
        let (principal, cause) = (PrincipalNumber(1), Cause::Left);
        let row = PrincipalSuspended { principal, principal_key, cause };
        let _ = self.journal.append(row, NOW).await;
    }
}

pub(crate) fn ask() -> Value {
    json!({"sub": "100001", "kind": "customer", "audience": "shop", "life_seconds": 600})
}

pub(crate) fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

#[tokio::test]
async fn typed_signing_applies_the_policy() {
    let world = World::new().await;
    let (status, answer) = world.call(Some(LOGIN), "/api/tokens", ask()).await;
    assert_eq!(status, 200);
    assert_eq!(answer["expires_at"], 1_800_000_600);
    assert_eq!(world.reason(answer["token"].as_str().unwrap()), None);
    let cases = [
        ("a kind the policy does not name", with(ask(), "kind", json!("seller")), 403),
        ("no kind", with(ask(), "kind", json!("unknown")), 400),
        ("another audience", with(ask(), "audience", json!("bank")), 403),
        ("too long a life", with(ask(), "life_seconds", json!(3601)), 400),
        ("no life", with(ask(), "life_seconds", json!(0)), 400),
        ("a life past counting", with(ask(), "life_seconds", json!(i64::MAX)), 400),
        ("empty sub", with(ask(), "sub", json!("")), 400),
        ("long sub", with(ask(), "sub", json!("x".repeat(300))), 400),
        ("empty scope", with(ask(), "scope", json!("")), 400),
        ("long scope", with(ask(), "scope", json!("x".repeat(600))), 400),
        ("a claim of his own", with(ask(), "iat", json!(1)), 400),
        ("no object", json!([]), 400),
    ];
    for (name, body, want) in cases {
        let (status, problem) = world.call(Some(LOGIN), "/api/tokens", body).await;
        assert_eq!(status, want, "{name}");
        assert_eq!(problem["status"], want, "{name}");
    }
    assert_eq!(world.call(None, "/api/tokens", ask()).await.0, 401, "nobody knocked");
    world.suspend(PrincipalKind::Customer, "100001").await;
    assert_eq!(world.call(Some(LOGIN), "/api/tokens", ask()).await.0, 403, "suspended");
    let large = with(ask(), "scope", json!("x".repeat(crate::limits::BODY_BYTES_MAX)));
    assert_eq!(world.call(Some(LOGIN), "/api/tokens", large).await.0, 413);
}

#[tokio::test]
async fn nothing_is_answered_that_is_not_recorded() {
    let world = World::new().await;
    world.register_fails.store(true, Ordering::Release);
    assert_eq!(world.call(Some(LOGIN), "/api/tokens", ask()).await.0, 503);
    world.register_fails.store(false, Ordering::Release);
    world.journal.stop();
    let (status, problem) = world.call(Some(OPERATOR), "/api/tokens", ask()).await;
    assert_eq!((status, problem.get("token")), (503, None));
    let key = json!({"kind": "person", "owner": {"kind": "person", "id": PERSON}, "days": 3});
    let (status, problem) = world.call(Some(OPERATOR), "/api/api-keys", key).await;
    assert_eq!((status, problem.get("api_key")), (503, None));
}

#[tokio::test]
async fn revocation_takes_effect_before_it_is_answered() {
    let world = World::new().await;
    let issue = async || {
        let (_, answer) = world.call(Some(LOGIN), "/api/tokens", ask()).await;
        answer["token"].as_str().unwrap().to_owned()
    };
    let targets = [
        (|token: &str| json!({"token": token})) as fn(&str) -> Value,
        |_| json!({"principal": {"kind": "customer", "id": "100001"}}),
        |_| json!({"key": 1}),
        |_| json!({"key": 1, "after": 0}),
    ];
    for target in targets {
        let token = issue().await;
        assert_eq!(world.reason(&token), None);
        let body = target(&token);
        assert_eq!(world.call(Some(OPERATOR), "/api/tokens/revoke", body).await.0, 200);
        assert_eq!(world.reason(&token), Some(Reason::Revoked));
    }
    let token = issue().await;
    assert_eq!(world.reason(&token), None, "what comes after is not revoked");
    for (body, want) in [
        (json!({"token": "junk"}), 404),
        (json!({"api_key": 77}), 404),
        (json!({"client": "nobody"}), 404),
        (json!({"key": 9}), 404),
        (json!({}), 400),
        (json!({"key": 1, "token": token}), 400),
        (json!({"key": 9, "before": 1}), 404),
        (json!({"key": 1, "before": 1, "after": 1}), 400),
        (json!({"key": 1, "before": -1}), 400),
        (json!({"key": 1, "before": 99_999_999_999_i64}), 400),
        (json!({"key": 1, "before": 1.5}), 400),
        (json!({"before": 1}), 400),
        (json!({"token": token, "after": 1}), 400),
        (json!({"key": 1, "before": 0}), 200),
    ] {
        assert_eq!(world.call(Some(OPERATOR), "/api/tokens/revoke", body).await.0, want);
    }
    assert_eq!(world.reason(&token), None, "issued after it all, and not before the epoch");
    assert_eq!(world.ledger.faults(), 0);
}

#[tokio::test]
async fn an_api_key_is_shown_once_and_ends() {
    let world = World::new().await;
    // The same person in another spelling is the same owner.
    let bare = PERSON.replace('-', "").to_ascii_uppercase();
    let body = json!({"kind": "person", "owner": {"kind": "person", "id": bare}, "days": 30});
    let (status, answer) = world.call(Some(OPERATOR), "/api/api-keys", body).await;
    assert_eq!(status, 200);
    let text = answer["api_key"].as_str().unwrap();
    assert!(text.starts_with("ward_person_"), "{text}");
    let check = |text: &str| match world.ledger.check_api_key(text, NOW) {
        Checked::Pass(_) => None,
        Checked::Refuse(refused) => Some(refused.reason),
    };
    assert_eq!(check(text), None);
    world.suspend(PrincipalKind::Person, PERSON).await;
    assert_eq!(check(text), Some(Reason::PrincipalSuspended));
    let path = format!("/api/api-keys/{}", answer["id"]);
    for _ in 0..2 {
        assert_eq!(world.call(Some(OPERATOR), &path, Value::Null).await.0, 200, "twice is once");
    }
    assert_eq!(check(text), Some(Reason::Revoked));
    assert_eq!(world.call(Some(OPERATOR), "/api/api-keys/x", Value::Null).await.0, 404);
    let owner = json!({"kind": "service", "id": "batch"});
    for (name, body, want) in [
        ("no end", json!({"kind": "service", "owner": owner}), 400),
        ("two ends", json!({"kind": "service", "owner": owner, "days": 1, "expires_at": 1}), 400),
        ("in the past", json!({"kind": "service", "owner": owner, "expires_at": 1}), 400),
        ("too far", json!({"kind": "service", "owner": owner, "days": 367}), 400),
        ("unknown kind", json!({"kind": "root", "owner": owner, "days": 1}), 400),
        (
            "a suspended owner",
            json!({"kind": "person", "owner": {"kind": "person", "id": PERSON}, "days": 1}),
            403,
        ),
    ] {
        assert_eq!(world.call(Some(OPERATOR), "/api/api-keys", body).await.0, want, "{name}");
    }
}

#[tokio::test]
async fn a_client_gets_tokens_by_either_method_until_its_owner_leaves() {
    let world = World::new().await;
    let client = json!({
        "client_id": "batch", "owner": PERSON, "audience": "shop", "scope": "read write",
        "life_seconds": 300, "days": 10,
    });
    let (status, made) = world.call(Some(OPERATOR), "/api/clients", client.clone()).await;
    assert_eq!(status, 200);
    let secret = made["client_secret"].as_str().unwrap();
    assert_eq!(world.call(Some(OPERATOR), "/api/clients", client).await.0, 409);
    let basic = format!("Basic {}", BASE64.encode(format!("batch:{secret}").as_bytes()));
    let wrong = format!("Basic {}", BASE64.encode(b"batch:wrong"));
    let grant = "grant_type=client_credentials";
    let post = format!("{grant}&client_id=batch&client_secret={secret}");
    let error = |answer: &Value| answer["error"].as_str().unwrap_or_default().to_owned();
    for (header, form) in [(Some(basic.as_str()), grant), (None, post.as_str())] {
        let (status, answer) = world.oauth(header, form).await;
        assert_eq!((status, &answer["token_type"]), (200, &json!("Bearer")));
        assert_eq!((&answer["expires_in"], &answer["scope"]), (&json!(300), &json!("read write")));
        let token = answer["access_token"].as_str().unwrap();
        let Checked::Pass(issued) = world.ledger.check(token, "shop", NOW) else {
            panic!("refused")
        };
        assert_eq!(issued.principal().unwrap().id(), "batch");
    }
    let b = Some(basic.as_str());
    for (name, header, form, want) in [
        ("narrower", b, format!("{grant}&scope=read"), (200, "")),
        ("its audience", b, format!("{grant}&resource=shop"), (200, "")),
        ("wider", b, format!("{grant}&scope=admin"), (400, "invalid_scope")),
        ("another audience", b, format!("{grant}&audience=bank"), (400, "invalid_target")),
        ("another grant", b, "grant_type=password".into(), (400, "unsupported_grant_type")),
        ("no grant", b, "scope=read".into(), (400, "invalid_request")),
        ("twice", b, format!("{grant}&{grant}"), (400, "invalid_request")),
        ("both methods", b, post.clone(), (400, "invalid_request")),
        ("wrong secret", Some(wrong.as_str()), grant.into(), (401, "invalid_client")),
        ("no client", None, grant.into(), (401, "invalid_client")),
        (
            "unknown client",
            None,
            format!("{grant}&client_id=x&client_secret=y"),
            (401, "invalid_client"),
        ),
    ] {
        let (status, answer) = world.oauth(header, &form).await;
        assert_eq!((status, error(&answer).as_str()), want, "{name}");
    }
    world.suspend(PrincipalKind::Person, PERSON).await;
    assert_eq!(world.oauth(b, grant).await.0, 401, "its owner left");
    world.now.store(NOW.plus_ms(11 * 86_400_000).ms(), Ordering::Release);
    assert_eq!(world.oauth(b, grant).await.0, 401, "it ended");
}

#[tokio::test]
async fn metadata_and_keys_are_public() {
    let world = World::new().await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let (status, _, metadata) = world.send(get("/.well-known/oauth-authorization-server")).await;
    assert_eq!((status, &metadata["issuer"]), (StatusCode::OK, &json!(ISSUER)));
    assert_eq!(metadata["token_endpoint"], "http://127.0.0.1:7780/oauth/token");
    let (status, headers, keys) = world.send(get("/oauth/jwks")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["cache-control"], "public, max-age=60");
    let key = keys["keys"][0].as_object().unwrap();
    let mut names: Vec<&str> = key.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"], "no private member");
}
