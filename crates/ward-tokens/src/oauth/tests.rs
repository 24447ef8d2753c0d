//! Every error of the token endpoint, by method of authentication, by grant, by proof.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::http::{Request, StatusCode};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use ward_ledger::{Checked, Told};
use ward_model::word::{ApiKeyKind, Cause};
use ward_model::*;

use super::*;
use crate::tests::{ISSUER, NOW, World};
use crate::{Target, TokenAsk};

const PERSON: &str = "07070707-0707-0707-0707-070707070707";
const OPERATOR: Caller = Caller::machine(ApiKeyId(5), ApiKeyKind::Operator);
const ENDPOINT: &str = "http://127.0.0.1:7780/oauth/token";
const CREDENTIALS: &str = "grant_type=client_credentials";

/// A P-256 key of somebody else.
struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)})
    }

    fn jws(&self, header: &Value, claims: &Value) -> String {
        let part = |json: &Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
        let input = format!("{}.{}", part(header), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }

    fn proof(&self, jti: &str, more: &Value) -> String {
        let mut claims = json!({"jti": jti, "htm": "POST", "htu": ENDPOINT, "iat": NOW.seconds()});
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.jws(&json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()}), &claims)
    }

    fn assertion(&self, jti: &str, more: &Value) -> String {
        let mut claims = json!({
            "iss": "keyed", "sub": "keyed", "aud": ISSUER, "jti": jti, "exp": NOW.seconds() + 60,
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.jws(&json!({"alg": "ES256", "kid": "k1"}), &claims)
    }
}

struct Asked {
    status: u16,
    body: Value,
    nonce: Option<String>,
}

impl Asked {
    fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }
    fn token(&self) -> &str {
        self.body["access_token"].as_str().unwrap_or_default()
    }
}

async fn ask(world: &World, headers: &[(&str, &str)], form: String) -> Asked {
    let mut request = Request::post("/oauth/token");
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request =
            request.header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let router = crate::router(world.issuance.clone());
    let response = router.oneshot(request.body(Body::from(form)).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let nonce = response.headers().get("dpop-nonce").map(|it| it.to_str().unwrap().to_owned());
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    Asked { status, body: serde_json::from_slice(&bytes).unwrap(), nonce }
}

async fn api(world: &World, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).extension(OPERATOR);
    let request = request.body(Body::from(body.to_string())).unwrap();
    let response = crate::router(world.issuance.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn register(world: &World, id: &str, more: &Value) -> String {
    let mut body = json!({
        "client_id": id, "owner": PERSON, "audience": "shop", "scope": "read write",
        "life_seconds": 300, "days": 10,
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let (status, made) = api(world, "POST", "/api/clients", body).await;
    assert_eq!(status, 200, "{made}");
    let secret = made["client_secret"].as_str().unwrap_or_default();
    format!("Basic {}", BASE64.encode(format!("{id}:{secret}").as_bytes()))
}

fn assertion_form(assertion: &str) -> String {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    format!("{CREDENTIALS}&client_assertion_type={kind}&client_assertion={assertion}")
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table, a row per case")]
async fn an_assertion_opens_once_and_by_its_registered_key() {
    let (world, signer) = (World::new().await, Signer::new());
    let mut jwk = signer.jwk();
    jwk["kid"] = json!("k1");
    register(&world, "keyed", &json!({"jwks": {"keys": [jwk]}})).await;
    let raw = signer.assertion("a", &json!({}));
    assert_eq!(ask(&world, &[], assertion_form(&raw)).await.status, 200);
    let again = ask(&world, &[], assertion_form(&raw)).await;
    assert_eq!((again.status, again.error()), (401, "invalid_client"), "replayed");
    let good = |jti: &str| signer.assertion(jti, &json!({}));
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let stranger = Signer::new().assertion("b", &json!({}));
    for (name, form, want) in [
        ("another key's", assertion_form(&stranger), (401, "invalid_client")),
        (
            "to somebody else",
            {
                let raw = signer.assertion("c", &json!({"aud": "https://x"}));
                assertion_form(&raw)
            },
            (401, "invalid_client"),
        ),
        (
            "too long a life",
            {
                let raw = signer.assertion("d", &json!({"exp": NOW.seconds() + 400}));
                assertion_form(&raw)
            },
            (401, "invalid_client"),
        ),
        ("junk", assertion_form("a.b.c"), (401, "invalid_client")),
        (
            "no type",
            format!("{CREDENTIALS}&client_assertion={}", good("e")),
            (400, "invalid_request"),
        ),
        (
            "another type",
            format!("{CREDENTIALS}&client_assertion_type=x&client_assertion={}", good("f")),
            (401, "invalid_client"),
        ),
        (
            "another client_id",
            format!("{}&client_id=x", assertion_form(&good("g"))),
            (401, "invalid_client"),
        ),
        (
            "two methods",
            format!("{}&client_secret=x", assertion_form(&good("h"))),
            (400, "invalid_request"),
        ),
        (
            "its name and any secret",
            format!("{CREDENTIALS}&client_id=keyed&client_secret=x"),
            (401, "invalid_client"),
        ),
        (
            "to the token endpoint",
            format!(
                "{CREDENTIALS}&client_assertion_type={kind}&client_assertion={}&client_id=keyed",
                signer.assertion("i", &json!({"aud": ENDPOINT}))
            ),
            (200, ""),
        ),
    ] {
        let asked = ask(&world, &[], form).await;
        assert_eq!((asked.status, asked.error()), want, "{name}");
    }
    let revoked = api(&world, "DELETE", "/api/clients/keyed", Value::Null).await;
    assert_eq!(revoked.0, 200);
    let asked = ask(&world, &[], assertion_form(&good("z"))).await;
    assert_eq!((asked.status, asked.error()), (401, "invalid_client"), "revoked");
}

#[tokio::test]
async fn a_used_assertion_is_refused_after_a_restart() {
    let used = crate::Assertions::default();
    let (client_key, assertion) = (PrincipalKey([1; 16]), [2; 16]);
    let row = ward_model::record::AssertionUsed { client_key, assertion, expires_at: NOW };
    let mut view = used.view();
    let at = Position { index: LeafIndex(0), time: NOW };
    view.apply(at, &row.into());
    assert_eq!(used.take(client_key, assertion, NOW.plus_ms(300_000)), ward_proof::Taken::Again);
    assert_eq!(used.take(client_key, [3; 16], NOW), ward_proof::Taken::Fresh);
}

#[tokio::test]
async fn audiences_and_scopes_are_the_clients_own() {
    let world = World::new().await;
    let more = json!({"audiences": ["billing"], "scope": "read write ward:introspect"});
    let basic = register(&world, "batch", &more).await;
    let header = [("authorization", basic.as_str())];
    for (name, form, want) in [
        ("none", String::new(), Ok(("shop", "read write"))),
        ("by resource", "&resource=billing".into(), Ok(("billing", "read write"))),
        ("by audience", "&audience=billing&scope=read".into(), Ok(("billing", "read"))),
        ("said twice", "&resource=billing&audience=billing".into(), Ok(("billing", "read write"))),
        ("two", "&resource=billing&resource=shop".into(), Err("invalid_target")),
        ("two, by two names", "&resource=billing&audience=shop".into(), Err("invalid_target")),
        ("another's", "&resource=bank".into(), Err("invalid_target")),
        ("a wider scope", "&scope=admin".into(), Err("invalid_scope")),
        ("a scope of Ward's", "&scope=ward:introspect".into(), Err("invalid_scope")),
        ("scope twice", "&scope=read&scope=read".into(), Err("invalid_request")),
        ("no words", "&scope=read%20%20write".into(), Err("invalid_scope")),
    ] as [(&str, String, Result<(&str, &str), &str>); 11]
    {
        let asked = ask(&world, &header, format!("{CREDENTIALS}{form}")).await;
        match want {
            Ok((audience, scope)) => {
                let told = Told::read(asked.token()).unwrap();
                assert_eq!(
                    (told.audience.as_str(), told.scope.as_deref()),
                    (audience, Some(scope)),
                    "{name}"
                );
            }
            Err(error) => assert_eq!((asked.status, asked.error()), (400, error), "{name}"),
        }
    }
    for (name, headers, form, want) in [
        ("oversize", &header[..], format!("{CREDENTIALS}&x={}", "y".repeat(70_000)), 413),
        (
            "no form",
            &[("authorization", basic.as_str()), ("content-type", "text/plain")],
            CREDENTIALS.into(),
            400,
        ),
    ] {
        let asked = ask(&world, headers, form).await;
        assert_eq!((asked.status, asked.error()), (want, "invalid_request"), "{name}");
    }
}

#[tokio::test]
async fn a_proof_binds_the_token_and_is_used_once() {
    let (world, signer) = (World::new().await, Signer::new());
    let basic = register(&world, "batch", &json!({"bound": true})).await;
    let with = async |proofs: &[&str]| {
        let mut headers = vec![("authorization", basic.as_str())];
        headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
        ask(&world, &headers, CREDENTIALS.into()).await
    };
    let proof = signer.proof("a", &json!({}));
    let asked = with(&[&proof]).await;
    assert_eq!((asked.status, &asked.body["token_type"]), (200, &json!("DPoP")));
    let nonce = asked.nonce.clone().unwrap();
    let Checked::Pass(issued) = world.ledger.check(asked.token(), "shop", NOW) else {
        panic!("refused")
    };
    assert!(matches!(issued.confirmation(), Some(Confirmation::Key(_))));
    for (name, proofs, want) in [
        ("no proof", vec![], (400, "invalid_request")),
        ("replayed", vec![proof.clone()], (400, "invalid_dpop_proof")),
        ("two", vec![signer.proof("b", &json!({})); 2], (400, "invalid_dpop_proof")),
        ("junk", vec!["x".into()], (400, "invalid_dpop_proof")),
        ("for GET", vec![signer.proof("c", &json!({"htm": "GET"}))], (400, "invalid_dpop_proof")),
        (
            "elsewhere",
            vec![signer.proof("d", &json!({"htu": "http://x/"}))],
            (400, "invalid_dpop_proof"),
        ),
        ("an old nonce", vec![signer.proof("e", &json!({"nonce": "x"}))], (400, "use_dpop_nonce")),
        ("a nonce", vec![signer.proof("f", &json!({"nonce": nonce}))], (200, "")),
    ] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let asked = with(&proofs).await;
        assert_eq!((asked.status, asked.error()), want, "{name}");
        assert_eq!(asked.nonce.is_some(), !proofs.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_certificate_binds_where_a_trusted_proxy_says_so() {
    let world = World::new().await;
    let basic = register(&world, "batch", &json!({"bound": true})).await;
    let forwarded = format!("Hash={}", "ab".repeat(32));
    let from = async |peer: &str, header: Option<&str>| {
        let peer: SocketAddr = peer.parse().unwrap();
        let mut request = Request::post("/oauth/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", &basic)
            .extension(ConnectInfo(peer));
        if let Some(header) = header {
            request = request.header("x-forwarded-client-cert", header);
        }
        let request = request.body(Body::from(CREDENTIALS)).unwrap();
        let response = crate::router(world.issuance.clone()).oneshot(request).await.unwrap();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        Told::read(body["access_token"].as_str().unwrap_or_default()).map(|it| it.confirmation)
    };
    let bound = Some(Some(Confirmation::Certificate(Thumbprint([0xab; 32]))));
    assert_eq!(from("10.1.2.3:5", Some(&forwarded)).await, bound);
    assert_eq!(from("11.1.2.3:5", Some(&forwarded)).await, None, "from nobody we know");
    assert_eq!(from("10.1.2.3:5", None).await, None);
    assert_eq!(from("10.1.2.3:5", Some("Hash=00")).await, None);
}

fn exchange_form(subject: &str) -> String {
    let access = "urn:ietf:params:oauth:token-type:access_token";
    format!(
        "grant_type={}&subject_token={subject}&subject_token_type={access}",
        exchange::TOKEN_EXCHANGE
    )
}

async fn customer(world: &World, scope: Option<&str>, life_ms: i64) -> String {
    let ask = TokenAsk {
        principal: PrincipalName::new(PrincipalKind::Customer, "100001").unwrap(),
        client_id: "web".into(),
        audience: "shop".into(),
        life_ms,
        tenant: None,
        scope: scope.map(str::to_owned),
        login: Some("L1".into()),
    };
    world.issuance.issue(ask).await.unwrap().expose().to_owned()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table, a row per case")]
async fn an_exchange_narrows_and_keeps_who_acts() {
    let world = World::new().await;
    let first = register(&world, "orders", &json!({"exchanges": ["billing"]})).await;
    let second = register(&world, "billing", &json!({"exchanges": ["shop", "billing"]})).await;
    let plain = register(&world, "plain", &json!({})).await;
    let first = [("authorization", first.as_str())];
    let subject = customer(&world, Some("read write"), 100_000).await;
    let asked = ask(&world, &first, format!("{}&scope=read", exchange_form(&subject))).await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    assert_eq!(asked.body["issued_token_type"], exchange::ACCESS_TOKEN);
    let told = Told::read(asked.token()).unwrap();
    assert_eq!((told.principal.id(), told.audience.as_str()), ("100001", "billing"));
    assert_eq!((told.client_id.as_str(), told.scope.as_deref()), ("orders", Some("read")));
    assert_eq!(told.login.as_deref(), Some("L1"));
    assert_eq!(told.expires_at, NOW.plus_ms(100_000), "it does not outlive its subject");
    let ids = |told: &Told| told.actors.iter().map(|it| it.id().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&told), ["orders"]);
    let header = [("authorization", second.as_str())];
    let again = format!("{}&audience=shop", exchange_form(asked.token()));
    let again = ask(&world, &header, again).await;
    let told = Told::read(again.token()).unwrap();
    assert_eq!(ids(&told), ["billing", "orders"]);
    let access = "urn:ietf:params:oauth:token-type:access_token";
    let own = ask(&world, &first, CREDENTIALS.into()).await;
    let form = exchange_form(&subject);
    let with = |more: &str| format!("{form}&{more}");
    for (name, header, form, want) in [
        (
            "not allowed to",
            &[("authorization", plain.as_str())],
            form.clone(),
            "unauthorized_client",
        ),
        ("another audience", &first, with("audience=shop"), "invalid_target"),
        ("which of two", &header, form.clone(), "invalid_target"),
        ("a wider scope", &first, with("scope=admin"), "invalid_scope"),
        ("another type out", &first, with("requested_token_type=x"), "invalid_request"),
        (
            "no subject",
            &first,
            format!("grant_type={}", exchange::TOKEN_EXCHANGE),
            "invalid_request",
        ),
        ("junk", &first, exchange_form("a.b.c"), "invalid_request"),
        ("no type", &first, form.replace("subject_token_type", "x"), "invalid_request"),
        (
            "a type without actor",
            &first,
            with(&format!("actor_token_type={access}")),
            "invalid_request",
        ),
        (
            "another's actor token",
            &first,
            with(&format!("actor_token={subject}&actor_token_type={access}")),
            "invalid_request",
        ),
        (
            "its own actor token",
            &first,
            with(&format!("actor_token={}&actor_token_type={access}", own.token())),
            "",
        ),
    ] {
        assert_eq!(ask(&world, header, form).await.error(), want, "{name}");
    }
    let name = PrincipalName::new(PrincipalKind::Customer, "100001").unwrap();
    world.issuance.revoke(Target::Principal(name), Cause::Operator, None).await.unwrap();
    let reason = |token: &str, audience: &str| match world.ledger.check(token, audience, NOW) {
        Checked::Pass(_) => None,
        Checked::Refuse(refused) => Some(refused.reason),
    };
    assert_eq!(reason(asked.token(), "billing"), Some(Reason::Revoked));
    assert_eq!(reason(again.token(), "shop"), Some(Reason::Revoked));
    let asked = ask(&world, &first, form).await;
    assert_eq!((asked.status, asked.error()), (400, "invalid_request"), "not live");
}

#[tokio::test]
async fn what_comes_of_a_bound_token_is_bound() {
    let (world, signer) = (World::new().await, Signer::new());
    let basic = register(&world, "orders", &json!({"exchanges": ["billing"]})).await;
    let header = ("authorization", basic.as_str());
    let proof = signer.proof("a", &json!({}));
    let bound = ask(&world, &[header, ("dpop", &proof)], CREDENTIALS.into()).await;
    let form = exchange_form(bound.token());
    let refused = ask(&world, &[header], form.clone()).await;
    assert_eq!((refused.status, refused.error()), (400, "invalid_request"));
    let proof = signer.proof("b", &json!({}));
    let held = ask(&world, &[header, ("dpop", &proof)], form).await;
    let told = Told::read(held.token()).unwrap();
    assert!(told.confirmation.is_some());
    assert!(told.actors.is_empty(), "who exchanges his own acts for nobody");
}

#[tokio::test]
async fn a_secret_is_rotated_with_an_overlap() {
    let world = World::new().await;
    let old = register(&world, "batch", &json!({})).await;
    let body = json!({"overlap_seconds": 60});
    let (status, made) = api(&world, "POST", "/api/clients/batch/secret", body).await;
    assert_eq!(status, 200, "{made}");
    let secret = made["client_secret"].as_str().unwrap();
    let new = format!("Basic {}", BASE64.encode(format!("batch:{secret}").as_bytes()));
    let status = async |header: &str| {
        ask(&world, &[("authorization", header)], CREDENTIALS.into()).await.status
    };
    assert_eq!((status(&old).await, status(&new).await), (200, 200));
    world.now.store(NOW.plus_ms(60_000).ms(), std::sync::atomic::Ordering::Release);
    assert_eq!((status(&old).await, status(&new).await), (401, 200));
    let (_, listed) = api(&world, "GET", "/api/clients", Value::Null).await;
    assert_eq!(listed["clients"][0]["client_id"], "batch");
    assert!(!listed.to_string().contains(secret));
    for (path, body, want) in [
        ("/api/clients/nobody/secret", json!({"overlap_seconds": 1}), 404),
        ("/api/clients/batch/secret", json!({"overlap_seconds": -1}), 400),
        ("/api/clients/batch/secret", json!({}), 400),
    ] {
        assert_eq!(api(&world, "POST", path, body).await.0, want, "{path}");
    }
}

#[tokio::test]
async fn a_registration_names_what_the_policy_allows() {
    let world = World::new().await;
    let jwk = |kid: &str| {
        let mut jwk = Signer::new().jwk();
        jwk["kid"] = json!(kid);
        jwk
    };
    let mut private = jwk("k");
    private["d"] = json!("AA");
    let base = json!({
        "client_id": "c", "owner": PERSON, "audience": "shop", "life_seconds": 300, "days": 10,
    });
    for (name, more, want) in [
        ("another audience", json!({"audiences": ["bank"]}), 403),
        ("another exchange", json!({"exchanges": ["bank"]}), 403),
        ("a private key", json!({"jwks": {"keys": [private]}}), 400),
        ("no key", json!({"jwks": {"keys": []}}), 400),
        ("one kid twice", json!({"jwks": {"keys": [jwk("k"), jwk("k")]}}), 400),
        (
            "five keys",
            json!({"jwks": {"keys": [jwk("1"), jwk("2"), jwk("3"), jwk("4"), jwk("5")]}}),
            400,
        ),
        ("unknown", json!({"grant": 1}), 400),
    ] {
        let mut body = base.clone();
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        assert_eq!(api(&world, "POST", "/api/clients", body).await.0, want, "{name}");
    }
}
