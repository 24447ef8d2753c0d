//! The transit door over a real journal: each call, each refusal, and what the ledger then says.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};
use ward_ledger::Checked;
use ward_model::record::{EnteredRevoked, PrincipalRevoked};
use ward_model::word::{AskedAt, Cause};
use ward_model::{Caller, PrincipalKind, PrincipalNumber, Reason, Record};

use crate::limits::BATCH_MAX;
use crate::policy::{Rule, TransitRule};
use crate::testing::{LOGIN, LOGIN_KEY, World, ruled, transit};
use crate::tests::{ISSUER, NOW};

async fn world() -> World {
    let world = World::new().await;
    world.login_key().await;
    world.rules(&[("web", transit("login"))]);
    world
}

fn part(json: &Value) -> String {
    BASE64URL_NOPAD.encode(json.to_string().as_bytes())
}

fn header(world: &World) -> Value {
    let kid = world.ledger.keys().last().unwrap().kid.clone();
    json!({"alg": "EdDSA", "kid": kid, "typ": "JWT"})
}

fn claims(world: &World) -> Value {
    let now = world.clock().seconds();
    json!({"iss": ISSUER, "sub": "100001", "aud": "shop", "iat": now, "exp": now + 600})
}

fn input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", part(header), part(claims))
}

fn good(world: &World) -> String {
    input(&header(world), &claims(world))
}

fn asked(input: &str) -> Value {
    json!({"input": BASE64.encode(input.as_bytes()), "marshaling_algorithm": "jws"})
}

const SIGN: &str = "sign/web";
const VERIFY: &str = "verify/web";
const L: Option<Caller> = Some(LOGIN_KEY);

/// Signs, and puts the token together as a client does.
async fn token(world: &World, input: &str) -> (String, String) {
    let (status, answer) = world.vault(L, "POST", SIGN, &asked(input).to_string()).await;
    assert_eq!(status, 200, "{answer}");
    let signature = answer["data"]["signature"].as_str().unwrap().to_owned();
    let (_, encoded) = signature.rsplit_once(':').unwrap();
    (format!("{input}.{encoded}"), signature)
}

async fn valid(world: &World, input: &str, signature: &str) -> Value {
    let mut body = asked(input);
    body["signature"] = signature.into();
    let (status, answer) = world.vault(L, "POST", VERIFY, &body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    answer["data"]["valid"].clone()
}

#[tokio::test]
async fn what_a_client_puts_together_is_what_was_entered() {
    let world = world().await;
    let input = good(&world);
    let (token, signature) = token(&world, &input).await;
    assert!(signature.starts_with("vault:v1:"));
    let Checked::Pass(issued) = world.ledger.check(&token, "shop", NOW) else { panic!("refused") };
    assert_eq!(issued.principal().unwrap().id(), "100001");
    assert!(!issued.login_proven());
    assert_eq!(valid(&world, &input, &signature).await, true);
    // The same signature as Vault writes it by default.
    let (_, encoded) = signature.rsplit_once(':').unwrap();
    let plain = BASE64.encode(&BASE64URL_NOPAD.decode(encoded.as_bytes()).unwrap());
    let body = json!({"input": BASE64.encode(input.as_bytes()),
        "signature": format!("vault:v1:{plain}")});
    let (_, answer) = world.vault(L, "PUT", VERIFY, &body.to_string()).await;
    assert_eq!(answer["data"], json!({"valid": true}));
    let cause = Cause::Operator;
    let principal_key = world.ledger.principal_key(PrincipalKind::Customer, "100001");
    let revoked = PrincipalRevoked { principal: PrincipalNumber(1), principal_key, cause };
    let _ = world.journal.append(revoked, NOW).await;
    assert_eq!(world.reason(&token), Some(Reason::Revoked));
    assert_eq!(
        valid(&world, &input, &signature).await,
        false,
        "its signature verifies all the same"
    );
    world.pass(600_000);
    assert_eq!(valid(&world, &input, &signature).await, false);
    assert_eq!(world.ledger.faults(), 0);
}

#[tokio::test]
async fn a_signature_nobody_entered_is_a_forgery_and_is_told() {
    let world = world().await;
    let input = good(&world);
    // Somebody holds the key: he signs as Ward does and enters nothing.
    let key = world.signing.key(ISSUER).unwrap();
    let mut withheld = ward_keys::WithheldSignatures::default();
    let parsed = ward_ledger::SigningInput::parse(input.as_bytes()).ok().unwrap();
    let admitted = world.ledger.admit(parsed).ok().unwrap();
    let for_whom = (PrincipalNumber(1), world.ledger.secret().client_key("x"));
    let signer = &world.issuance.0.signer;
    signer.sign_input(&mut withheld, &key, &admitted, for_whom, NOW).unwrap();
    let other = World::new().await;
    let recorded = other.journal.append(withheld.entries(), NOW).await.unwrap_or_else(|_| panic!());
    let stolen = withheld.open(recorded, signer).remove(0).unwrap_or_else(|_| panic!());
    let signature = format!("vault:v1:{}", BASE64URL_NOPAD.encode(stolen.bytes()));
    assert_eq!(valid(&world, &input, &signature).await, false);
    let told = world.records().into_iter().filter_map(|record| match record {
        Record::ForgeryPresented(row) => Some((row.asked_at, row.api_key, row.key)),
        _ => None,
    });
    let key = key.record().number;
    assert_eq!(told.collect::<Vec<_>>(), [(AskedAt::Transit, LOGIN_KEY.api_key, key)]);
    // Junk is no forgery.
    let junk = format!("vault:v1:{}", BASE64URL_NOPAD.encode(&[1; 64]));
    assert_eq!(valid(&world, &input, &junk).await, false);
    let forgeries = |it: &Record| matches!(it, Record::ForgeryPresented(_));
    assert_eq!(world.records().iter().filter(|it| forgeries(it)).count(), 1);
}

#[tokio::test]
async fn claims_are_held_against_the_rule() {
    let world = world().await;
    let now = world.clock().seconds();
    let head = header(&world);
    let with = |name: &str, value: Value| {
        let mut all = claims(&world);
        all[name] = value;
        input(&head, &all)
    };
    let headed = |name: &str, value: Value| {
        let mut head = head.clone();
        head[name] = value;
        input(&head, &claims(&world))
    };
    let whole = format!("{}.c2ln", good(&world));
    let jti = world.ledger.secret().seal_locator(
        ward_ledger::Locator { origin: ward_model::Origin(1), sequence: ward_model::Sequence(0) },
        [1; 14],
    );
    for (name, input, want, words) in [
        ("another issuer", with("iss", json!("https://x")), 403, "of this issuer"),
        ("another audience", with("aud", json!("bank")), 403, "this audience"),
        ("one audience too many", with("aud", json!(["shop", "bank"])), 403, "this audience"),
        ("another sub", with("sub", json!("x")), 403, "sub does not match"),
        ("another kind", with("kind", json!("seller")), 403, "kind of principal"),
        ("a tenant", with("tenant", json!("7")), 403, "tenant"),
        ("too long", with("exp", json!(now + 601)), 400, "life"),
        ("ended", with("exp", json!(now - 1)), 400, "life"),
        ("iat in the past", with("iat", json!(now - 61)), 400, "iat must be now"),
        ("iat in the future", with("iat", json!(now + 61)), 400, "iat must be now"),
        ("nbf in the future", with("nbf", json!(now + 61)), 400, "nbf"),
        ("a login", with("login", json!("L-1")), 400, "login is Ward's"),
        ("another claim", with("roles", json!(["a"])), 403, "extra_claims"),
        ("an actor", with("act", json!({"sub": "x"})), 403, "extra_claims"),
        ("another client", with("client_id", json!("web")), 400, "client_id"),
        ("a jti of Ward's", with("jti", json!(jti)), 400, "jti is one of Ward's"),
        ("no dates", with("exp", Value::Null), 400, "claims"),
        ("crit", headed("crit", json!(["exp"])), 400, "the header has crit"),
        ("b64", headed("b64", json!(false)), 400, "the header has b64"),
        ("nested", headed("cty", json!("JWT")), 400, "the header has cty"),
        ("none", headed("alg", json!("none")), 400, "alg must be the key's"),
        ("another alg", headed("alg", json!("ES256")), 400, "alg must be the key's: EdDSA"),
        ("another kid", headed("kid", json!("x")), 400, "kid must be that of"),
        ("another type", headed("typ", json!("logout+jwt")), 400, "typ must be"),
        ("a whole token", whole, 400, "nested token"),
        ("any bytes", "transfer 100".to_owned(), 400, "signs nothing else"),
    ] {
        let before = world.records().len();
        let body = asked(&input).to_string();
        let (status, answer) = world.vault(L, "POST", SIGN, &body).await;
        let told = answer["errors"][0].as_str().unwrap_or_default().to_owned();
        assert_eq!(status, want, "{name}: {told}");
        assert!(told.contains(words), "{name}: {told}");
        assert_eq!(world.records().len(), before, "{name}: nothing is recorded");
    }
    let own = format!("api-key-{}", LOGIN_KEY.api_key);
    for fine in [
        with("client_id", json!(own)),
        with("jti", json!("client-chosen")),
        with("nbf", json!(now)),
        headed("typ", json!("at+jwt")),
        with("scope", json!("read")),
        with("kind", json!("customer")),
    ] {
        let (token, _) = token(&world, &fine).await;
        assert_eq!(world.reason(&token), None);
    }
    world.suspend(PrincipalKind::Customer, "100001").await;
    let body = asked(&good(&world)).to_string();
    assert_eq!(world.vault(L, "POST", SIGN, &body).await.0, 403);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table, a row per malformed call")]
async fn malformed_calls_get_vaults_answers() {
    let world = world().await;
    let input = BASE64.encode(good(&world).as_bytes());
    let (_, signature) = token(&world, &good(&world)).await;
    let with = |more: Value| {
        let mut body = json!({"input": input});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body.to_string()
    };
    let many = json!({"batch_input": vec![json!({"input": input}); BATCH_MAX + 1]}).to_string();
    let v = |more: Value| with(more);
    let cases: &[(&str, &str, &str, String, u16, &str)] = &[
        ("no JSON", "POST", SIGN, "{".into(), 400, "failed to decode JSON input"),
        ("a list", "POST", SIGN, "[]".into(), 400, "failed to decode JSON input"),
        ("nothing", "POST", SIGN, String::new(), 400, "missing input"),
        ("no base64", "POST", SIGN, json!({"input": "***"}).to_string(), 400, "unable to decode"),
        ("a number", "POST", SIGN, json!({"input": 5}).to_string(), 400, "input must be a string"),
        ("prehashed", "POST", SIGN, with(json!({"prehashed": true})), 400, "prehashed"),
        ("prehashed text", "POST", SIGN, with(json!({"prehashed": "true"})), 400, "prehashed"),
        ("prehashed no", "POST", SIGN, with(json!({"prehashed": false})), 200, ""),
        (
            "marshaling",
            "POST",
            SIGN,
            with(json!({"marshaling_algorithm": "x"})),
            400,
            "invalid marshaling type \"x\"",
        ),
        (
            "hash",
            "POST",
            SIGN,
            with(json!({"hash_algorithm": "x"})),
            400,
            "invalid hash algorithm \"x\"",
        ),
        (
            "hash in the path",
            "POST",
            "sign/web/md5",
            with(json!({})),
            400,
            "invalid hash algorithm \"md5\"",
        ),
        ("a known hash", "POST", "sign/web/sha2-512", with(json!({})), 200, ""),
        ("PSS", "POST", SIGN, with(json!({"signature_algorithm": "pss"})), 200, ""),
        ("version 0", "POST", SIGN, with(json!({"key_version": 0})), 200, ""),
        ("version 1", "POST", SIGN, with(json!({"key_version": "1"})), 200, ""),
        ("version 9", "POST", SIGN, with(json!({"key_version": 9})), 500, "higher than the latest"),
        ("version -1", "POST", SIGN, with(json!({"key_version": -1})), 500, "negative"),
        ("no version", "POST", SIGN, with(json!({"key_version": []})), 400, "must be an integer"),
        (
            "empty batch",
            "POST",
            SIGN,
            json!({"batch_input": []}).to_string(),
            400,
            "missing batch input to process",
        ),
        ("no batch", "POST", SIGN, json!({"batch_input": 1}).to_string(), 400, "batch input"),
        ("too many", "POST", SIGN, many, 400, "at most"),
        ("GET", "GET", SIGN, String::new(), 405, "unsupported operation"),
        ("another key", "POST", "sign/x", with(json!({})), 403, "permission denied"),
        ("no key named", "POST", "sign", with(json!({})), 404, "unsupported path"),
        ("export", "GET", "export/signing-key/web", String::new(), 404, "unsupported path"),
        ("encrypt", "POST", "encrypt/web", String::new(), 404, "unsupported path"),
        ("no signature", "POST", VERIFY, v(json!({})), 400, "neither a 'signature'"),
        ("no prefix", "POST", VERIFY, v(json!({"signature": "x"})), 400, "no prefix"),
        ("too new", "POST", VERIFY, v(json!({"signature": "vault:v9:AA"})), 400, "too new"),
        ("too old", "POST", VERIFY, v(json!({"signature": "vault:v0:AA"})), 400, "too old"),
        (
            "short",
            "POST",
            VERIFY,
            v(json!({"signature": "vault:v1:AAAA"})),
            400,
            "supplied signature is invalid",
        ),
        (
            "jws as asn1",
            "POST",
            VERIFY,
            v(json!({"signature": signature})),
            400,
            "invalid base64 signature value",
        ),
        ("hmac", "POST", VERIFY, v(json!({"hmac": "x"})), 400, "hmac is not verified"),
        (
            "prehashed",
            "POST",
            VERIFY,
            v(json!({"signature": signature, "prehashed": true})),
            400,
            "prehashed",
        ),
        ("LIST", "LIST", "keys", String::new(), 200, ""),
        ("list", "GET", "keys?list=true", String::new(), 200, ""),
        ("no list", "GET", "keys", String::new(), 405, "unsupported operation"),
        ("no such key", "GET", "keys/x", String::new(), 403, "permission denied"),
        ("delete", "DELETE", "keys/web", String::new(), 400, "deletion is not allowed"),
        ("AES", "POST", "keys/web", "{}".into(), 400, "type must be"),
        (
            "RSA",
            "POST",
            "keys/web",
            json!({"type": "rsa-2048"}).to_string(),
            400,
            "unknown key type",
        ),
        (
            "exportable",
            "POST",
            "keys/web",
            json!({"type": "ed25519", "exportable": true}).to_string(),
            400,
            "never leaves",
        ),
        ("there already", "POST", "keys/web", json!({"type": "ed25519"}).to_string(), 200, ""),
    ];
    for (name, method, path, body, want, words) in cases {
        let (status, answer) = world.vault(L, method, path, body).await;
        assert_eq!(status, *want, "{name}: {answer}");
        let told = answer["errors"][0].as_str().unwrap_or_default();
        assert!(told.contains(words), "{name}: {told}");
        for stranger in [None, Some(LOGIN)] {
            let (status, answer) = world.vault(stranger, method, path, body).await;
            let shut = matches!(status, 403..=405);
            assert!(shut, "{name}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_batch_has_an_outcome_each_and_is_one_group() {
    let world = world().await;
    let mut letters = claims(&world);
    letters["sub"] = json!("x");
    let item = |input: &str, reference: &str| json!({"input": BASE64.encode(input.as_bytes()), "reference": reference});
    let mut second = claims(&world);
    second["sub"] = json!("2");
    let second = input(&header(&world), &second);
    let body = json!({"marshaling_algorithm": "jws", "batch_input": [
        item(&good(&world), "a"), item(&input(&header(&world), &letters), "b"), {}, item(&second, "d"),
    ]});
    let before = world.records().len();
    let (status, answer) = world.vault(L, "POST", SIGN, &body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(world.records().len() - before, 2);
    let results = answer["data"]["batch_results"].as_array().unwrap();
    assert_eq!(
        results[1]["error"],
        "tokens may not name this principal: sub does not match the rule's pattern"
    );
    assert_eq!((&results[1]["reference"], &results[1]["key_version"]), (&json!("b"), &json!(0)));
    assert_eq!(results[2]["error"], "missing input");
    let mut checks = Vec::new();
    for (at, input) in [(0, good(&world)), (3, second)] {
        let signature = results[at]["signature"].as_str().unwrap();
        let token = format!("{input}.{}", signature.rsplit_once(':').unwrap().1);
        assert_eq!(world.reason(&token), None);
        checks.push(json!({"input": BASE64.encode(input.as_bytes()), "signature": signature}));
    }
    checks.push(json!({"input": "x"}));
    let body = json!({"marshaling_algorithm": "jws", "batch_input": checks});
    let (_, answer) = world.vault(L, "POST", VERIFY, &body.to_string()).await;
    let results = answer["data"]["batch_results"].as_array().unwrap();
    let valid: Vec<&Value> = results.iter().map(|it| &it["valid"]).collect();
    assert_eq!(valid, [true, true, false]);
    assert!(results[2]["error"].as_str().is_some());
}

#[tokio::test]
async fn the_rate_is_the_rules() {
    let world = world().await;
    let items = vec![json!({"input": BASE64.encode(good(&world).as_bytes())}); 60];
    let body = json!({ "batch_input": items }).to_string();
    assert_eq!(world.vault(L, "POST", SIGN, &body).await.0, 200);
    let one = asked(&good(&world)).to_string();
    assert_eq!(world.vault(L, "POST", SIGN, &one).await.0, 429);
    world.pass(2000);
    assert_eq!(world.vault(L, "POST", SIGN, &asked(&good(&world)).to_string()).await.0, 200);
}

#[tokio::test]
async fn versions_are_the_issuers_keys() {
    let world = world().await;
    let (old, signature) = token(&world, &good(&world)).await;
    let old_input = good(&world);
    let (status, answer) = world.vault(L, "POST", "keys/web/rotate", "").await;
    assert_eq!((status, &answer["data"]["latest_version"]), (200, &json!(2)));
    let (_, answer) = world.vault(L, "GET", "keys/web", "").await;
    let key = &answer["data"];
    assert_eq!((&key["type"], &key["exportable"]), (&json!("ed25519"), &json!(false)));
    let keys = key["keys"].as_object().unwrap();
    assert_eq!((&keys["1"]["state"], &keys["2"]["state"]), (&json!("retired"), &json!("active")));
    let mut shown: Vec<&String> = keys["1"].as_object().unwrap().keys().collect();
    shown.sort();
    assert_eq!(
        shown,
        ["certificate_chain", "creation_time", "kid", "name", "public_key", "state"],
        "no private member"
    );
    assert_eq!(world.reason(&old), None, "what was issued lives on");
    assert_eq!(valid(&world, &old_input, &signature).await, true);
    let (status, answer) = world.vault(L, "POST", SIGN, &asked(&old_input).to_string()).await;
    let told = answer["errors"][0].as_str().unwrap();
    assert_eq!((status, told.contains(keys["2"]["kid"].as_str().unwrap())), (400, true), "{told}");
    let (_, new) = token(&world, &good(&world)).await;
    assert!(new.starts_with("vault:v2:"), "{new}");
    let mut body = asked(&good(&world));
    body["key_version"] = json!(1);
    let (status, answer) = world.vault(L, "POST", SIGN, &body.to_string()).await;
    assert_eq!(status, 500, "{answer}");
    // A signature under another version than its kid is of is of no token.
    let crossed = new.replace(":v2:", ":v1:");
    assert_eq!(valid(&world, &good(&world), &crossed).await, false);
}

#[tokio::test]
async fn config_takes_what_ward_does_anyway() {
    let world = world().await;
    world.vault(L, "POST", "keys/web/rotate", "").await;
    for (body, want, words) in [
        (json!({}), 200, ""),
        (json!({"min_decryption_version": 1}), 200, ""),
        (json!({"min_decryption_version": 0}), 200, ""),
        (json!({"min_decryption_version": 2}), 400, "have them revoked"),
        (json!({"min_decryption_version": 9}), 400, "latest key version is 2"),
        (json!({"min_decryption_version": -1}), 400, "cannot be negative"),
        (json!({"min_encryption_version": 2}), 200, ""),
        (json!({"min_encryption_version": 1}), 400, "the latest version alone signs"),
        (json!({"min_encryption_version": 9}), 400, "latest key version is 2"),
        (json!({"deletion_allowed": true}), 400, "never leaves"),
        (json!({"deletion_allowed": false}), 200, ""),
        (json!({"exportable": true}), 400, "never leaves"),
        (json!({"allow_plaintext_backup": true}), 400, "never leaves"),
        (json!({"auto_rotate_period": "24h"}), 400, "operators"),
        (json!({"auto_rotate_period": 0}), 200, ""),
        (json!({"foo": 1}), 200, ""),
    ] {
        let (status, answer) = world.vault(L, "POST", "keys/web/config", &body.to_string()).await;
        assert_eq!(status, want, "{body}: {answer}");
        let told = answer["errors"][0].as_str().unwrap_or_default();
        assert!(told.contains(words), "{body}: {told}");
    }
}

#[tokio::test]
async fn keys_are_made_and_rotated_only_where_the_rule_says_so() {
    let world = world().await;
    let own = |may_create, may_rotate| Rule {
        issuer: "https://other.test".into(),
        transit: Some(TransitRule { key: "other".into(), may_create, may_rotate }),
        ..transit("login")
    };
    let new = json!({"type": "ecdsa-p256"}).to_string();
    world.rules(&[("other", own(false, false))]);
    assert_eq!(world.vault(L, "LIST", "keys", "").await.0, 404, "none is there");
    assert_eq!(world.vault(L, "GET", "keys/other", "").await.0, 404);
    assert_eq!(world.vault(L, "POST", "keys/other/config", "{}").await.0, 400);
    let (status, answer) = world.vault(L, "POST", "sign/other", "{}").await;
    assert_eq!((status, &answer["errors"][0]), (400, &json!("signing key not found")));
    let (status, answer) = world.vault(L, "POST", "keys/other", &new).await;
    assert_eq!(status, 403);
    assert!(answer["errors"][0].as_str().unwrap().contains("transit_create"), "{answer}");
    world.rules(&[("other", own(true, false))]);
    let (status, answer) = world.vault(L, "POST", "keys/other", &new).await;
    assert_eq!((status, &answer["data"]["type"]), (200, &json!("ecdsa-p256")), "{answer}");
    let pem = answer["data"]["keys"]["1"]["public_key"].as_str().unwrap();
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI"), "{pem}");
    assert_eq!(world.vault(L, "LIST", "keys", "").await.1["data"]["keys"], json!(["other"]));
    let kid = answer["data"]["keys"]["1"]["kid"].clone();
    let mut claims = claims(&world);
    claims["iss"] = json!("https://other.test");
    let input = input(&json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"}), &claims);
    for marshaling in ["asn1", "jws"] {
        let mut body = asked(&input);
        body["marshaling_algorithm"] = json!(marshaling);
        let (status, answer) = world.vault(L, "POST", "sign/other", &body.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        body["signature"] = answer["data"]["signature"].clone();
        let (_, answer) = world.vault(L, "POST", "verify/other", &body.to_string()).await;
        assert_eq!(answer["data"], json!({"valid": true}), "{marshaling}");
        body["hash_algorithm"] = json!("sha2-512");
        let (status, answer) = world.vault(L, "POST", "sign/other", &body.to_string()).await;
        assert_eq!(status, 400, "{answer}: ES256 is SHA-256");
    }
    let (status, answer) = world.vault(L, "POST", "keys/other/rotate", "").await;
    assert!(status == 403 && answer["errors"][0].as_str().unwrap().contains("transit_rotate"));
}

#[tokio::test]
async fn nothing_leaves_that_is_not_recorded() {
    let world = world().await;
    let body = asked(&good(&world)).to_string();
    let (_, answer) = world.vault(L, "POST", SIGN, &body).await;
    let signature = answer["data"]["signature"].as_str().unwrap();
    let token = format!("{}.{}", good(&world), signature.rsplit_once(':').unwrap().1);
    let entered = world.records().iter().rev().find_map(|record| match record {
        Record::TokenEntered(row) => Some((row.digest, row.expires_at)),
        _ => None,
    });
    let (digest, expires_at) = entered.unwrap();
    let row = EnteredRevoked { digest, expires_at, cause: Cause::Operator };
    let _ = world.journal.append(row, NOW).await;
    assert_eq!(world.reason(&token), Some(Reason::Revoked));
    world.journal.stop();
    for (method, path, body) in [("POST", SIGN, body), ("POST", "keys/web/rotate", String::new())] {
        let (status, answer) = world.vault(L, method, path, &body).await;
        assert_eq!((status, answer.get("data")), (503, None), "{path}");
    }
}

#[tokio::test]
async fn the_door_is_shut_without_a_rule() {
    let world = World::new().await;
    world.login_key().await;
    for rules in [Vec::new(), vec![("web", ruled("login"))], vec![("web", transit("other"))]] {
        world.rules(&rules);
        for (method, path) in [("POST", SIGN), ("POST", VERIFY), ("GET", "keys/web")] {
            let (status, answer) = world.vault(L, method, path, "{}").await;
            let told = answer["errors"][0].as_str().unwrap();
            assert!(status == 403 && told.contains("permission denied"), "{answer}");
        }
        assert_eq!(world.vault(L, "LIST", "keys", "").await.0, 404);
    }
}
