//! The whole flow against a provider that says what it is told to.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use ward_model::{Secret, UnixMillis};

use super::forge::{CLIENT, ISSUER, NOW, OURS, Script, THEIRS, metadata, provider, settings};
use crate::oidc::limits::{
    ANSWER_BYTES_MAX, FAILED_PAUSE_MS, KEYS_AGE_MAX_MS, KEYS_PAUSE_MS, METADATA_AGE_MAX_MS,
    PENDING_AGE_MAX_MS, RANDOM_BYTES,
};
use crate::oidc::{
    AddressFault, AssertionKey, Callback, ClientAuthentication, Issuer, LogoutError, LogoutFault,
    MetadataFault, Pending, Proven, Provider, Purpose, Remedy, Settings, SettingsError,
    SignInError, Subject, TokenFault, Unanswered,
};

const RANDOM: [u8; RANDOM_BYTES] = [7; RANDOM_BYTES];

async fn begin(it: &Provider<Script>, now: UnixMillis) -> (String, Pending) {
    it.begin(Purpose::SignIn, &RANDOM, now).await.ok().unwrap()
}

/// One parameter of an address's query.
fn parameter(address: &str, name: &str) -> Option<String> {
    let (_, query) = address.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    Some(percent_decode_str(value).decode_utf8().unwrap().into_owned())
}

/// What the browser brings back from a provider that behaves.
fn back(to: &str, more: &str) -> Callback {
    let state = parameter(to, "state").unwrap();
    Callback::parse(&format!("code=c0de&state={state}&iss={ISSUER}{more}")).ok().unwrap()
}

/// The claims of a provider that behaves.
fn claims(to: &str) -> Value {
    json!({
        "iss": ISSUER, "sub": "24400320", "aud": CLIENT, "nonce": parameter(to, "nonce").unwrap(),
        "iat": NOW.seconds(), "exp": NOW.seconds() + 300, "groups": ["staff"],
    })
}

fn tokens(id_token: &str) -> Value {
    json!({"access_token": "at", "token_type": "bearer", "id_token": id_token})
}

/// A sign-in whose token answer is as given, with a provider that was introduced.
async fn with_answer(status: u16, body: &Value) -> Result<Proven, SignInError> {
    let script = Script::default();
    script.introduce().say("/token", status, body);
    let it = provider(&script);
    let (to, pending) = begin(&it, NOW).await;
    it.finish(pending, &back(&to, ""), NOW).await
}

#[tokio::test]
async fn the_browser_is_sent_with_all_that_protects_it() {
    let script = Script::default();
    script.introduce();
    let (to, _) = begin(&provider(&script), NOW).await;
    assert!(to.starts_with("https://id.example/authorize?tenant=7&response_type=code&"), "{to}");
    let want = [
        ("client_id", CLIENT),
        ("redirect_uri", "https://ward.example/signin/back"),
        ("scope", "openid groups"),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in want {
        assert_eq!(parameter(&to, name).as_deref(), Some(value));
    }
    let secrets = ["state", "nonce", "code_challenge"].map(|name| parameter(&to, name).unwrap());
    for secret in &secrets {
        assert_eq!(BASE64URL_NOPAD.decode(secret.as_bytes()).unwrap().len(), 32);
    }
    let asked: Value = serde_json::from_str(&parameter(&to, "claims").unwrap()).unwrap();
    assert!(asked["id_token"].as_object().unwrap().contains_key("groups"));
    assert_eq!(parameter(&to, "prompt"), None);

    let step_up = Purpose::StepUp {
        max_age_seconds: 60,
        subject: Subject::new("24400320".to_owned()).unwrap(),
    };
    script.introduce();
    let begun = provider(&script).begin(step_up, &RANDOM, NOW).await;
    let (to, _) = begun.ok().unwrap();
    assert_eq!(parameter(&to, "prompt").as_deref(), Some("login"));
    assert_eq!(parameter(&to, "max_age").as_deref(), Some("60"));
}

#[test]
fn state_nonce_and_verifier_have_nothing_in_common() {
    let mut random = [0; RANDOM_BYTES];
    random.iter_mut().zip(0..).for_each(|(byte, nth)| *byte = nth);
    let issuer = Issuer::parse(ISSUER).unwrap();
    let it = Pending::new(issuer, Purpose::SignIn, true, &random, NOW);
    let all = [&it.state, &it.nonce, &it.verifier, &it.assertion].map(Secret::expose);
    let mut random = random.chunks(32);
    for one in all {
        assert_eq!(BASE64URL_NOPAD.decode(one.as_bytes()).unwrap(), random.next().unwrap());
    }
}

#[test]
fn the_challenge_is_that_of_rfc_7636_appendix_b() {
    let issuer = Issuer::parse(ISSUER).unwrap();
    let mut it = Pending::new(issuer, Purpose::SignIn, true, &RANDOM, NOW);
    it.verifier = Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned());
    assert_eq!(it.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[tokio::test]
async fn a_sign_in_ends_with_the_person_and_the_groups_of_the_signed_token() {
    let script = Script::default();
    script.introduce();
    let it = provider(&script);
    let (to, pending) = begin(&it, NOW).await;
    script.say("/token", 200, &tokens(&OURS.es256(&claims(&to))));
    // Groups in the query are nobody's groups.
    let back = back(&to, "&groups=ward-keys&sub=1&id_token=x");
    let proven = it.finish(pending, &back, NOW.plus_ms(1000)).await.ok().unwrap();
    assert_eq!((proven.subject.as_str(), proven.groups), ("24400320", vec!["staff".to_owned()]));

    let asked = script.asked();
    let (path, body) = asked.last().unwrap();
    assert_eq!(path, "/keys");
    let (path, body) = asked.get(asked.len() - 2).filter(|_| body.is_empty()).unwrap();
    assert_eq!(path, "/token");
    let verifier = BASE64URL_NOPAD.encode(&[7; 32]);
    let uri = "https%3A%2F%2Fward.example%2Fsignin%2Fback";
    let want = format!(
        "grant_type=authorization_code&code=c0de&redirect_uri={uri}&code_verifier={verifier}"
    );
    assert_eq!(*body, want);
    assert_eq!(script.left(), 0);
}

#[tokio::test]
async fn a_secret_goes_encoded_and_to_the_token_endpoint_only() {
    let script = Script::default();
    script.say("/openid-configuration", 200, &metadata()).say("/token", 500, &json!({}));
    let it = provider(&script);
    let (to, pending) = begin(&it, NOW).await;
    assert_eq!(script.header("authorization"), None);
    let failed = it.finish(pending, &back(&to, ""), NOW).await.err().unwrap();
    assert!(matches!(failed, SignInError::Unavailable(Unanswered::Status(500))));
    let sent = script.header("authorization").unwrap();
    let sent = BASE64.decode(sent.strip_prefix("Basic ").unwrap().as_bytes()).unwrap();
    assert_eq!(sent, b"ward:s%3Ae%20c%2Fr%25t");
}

#[tokio::test]
async fn a_key_of_our_own_proves_it_is_us() {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let der = Secret::new(pair.to_pkcs8v1().unwrap().as_ref().to_vec());
    let key = AssertionKey::from_pkcs8("ours", &der).unwrap();
    assert!(AssertionKey::from_pkcs8("", &der).is_err());
    assert!(AssertionKey::from_pkcs8("ours", &Secret::new(vec![0; 9])).is_err());

    let script = Script::default();
    script.say("/openid-configuration", 200, &metadata());
    script.say("/token", 400, &json!({"error": "invalid_grant"}));
    let authentication = ClientAuthentication::PrivateKeyJwt(key);
    let it = Provider::new(Settings { authentication, ..settings() }, script.clone()).unwrap();
    let (to, pending) = begin(&it, NOW).await;
    let failed = it.finish(pending, &back(&to, ""), NOW).await.err().unwrap();
    assert!(matches!(failed, SignInError::CodeRefused));
    assert_eq!(script.header("authorization"), None);
    let asked = script.asked();
    let body = format!("?{}", asked.last().unwrap().1);
    let assertion = parameter(&body, "client_assertion").unwrap();
    let claims = assertion.split('.').nth(1).unwrap();
    let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let want = json!({
        "iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": BASE64URL_NOPAD.encode(&[7; 32]),
        "iat": NOW.seconds(), "exp": NOW.seconds() + 60,
    });
    assert_eq!(claims, want);
}

#[tokio::test]
async fn an_answer_for_another_sign_in_is_not_looked_at() {
    let script = Script::default();
    script.introduce();
    let it = provider(&script);
    let state = BASE64URL_NOPAD.encode(&[7; 32]);
    let good = format!("code=c&state={state}&iss={ISSUER}");
    let evil = "https://evil.example";
    let cases = [
        (format!("code=c&state=&iss={ISSUER}"), "wrong_state"),
        (format!("code=c&state=A{state}&iss={ISSUER}"), "wrong_state"),
        (format!("code=c&state={state}A&iss={ISSUER}"), "wrong_state"),
        (format!("error=access_denied&state=x&iss={ISSUER}"), "wrong_state"),
        (format!("code=c&state={state}&iss={evil}"), "wrong_issuer"),
        (format!("code=c&state={state}&iss={ISSUER}/"), "wrong_issuer"),
        (format!("code=c&state={state}"), "wrong_issuer"),
        (format!("error=access_denied&state={state}&iss={evil}"), "wrong_issuer"),
        (format!("error=access_denied&state={state}&iss={ISSUER}"), "provider_refused"),
    ];
    for (query, want) in cases {
        let (_, pending) = begin(&it, NOW).await;
        let callback = Callback::parse(&query).ok().unwrap();
        let error = it.finish(pending, &callback, NOW).await.err().unwrap();
        assert_eq!(error.kind(), want, "{query}");
        assert_eq!(error.external(), SignInError::TooLate.external());
    }
    for after_ms in [-1, PENDING_AGE_MAX_MS + 1] {
        let (_, pending) = begin(&it, NOW).await;
        let callback = Callback::parse(&good).ok().unwrap();
        let error = it.finish(pending, &callback, NOW.plus_ms(after_ms)).await.err().unwrap();
        assert!(matches!(error, SignInError::TooLate), "{after_ms}");
    }
    assert!(script.asked().iter().all(|(path, _)| path != "/token"), "no code was sent on");
}

#[tokio::test]
async fn a_sign_in_begun_elsewhere_is_not_finished_here() {
    let script = Script::default();
    script.introduce();
    let it = provider(&script);
    let (to, mut pending) = begin(&it, NOW).await;
    pending.issuer = Issuer::parse("https://other.example").unwrap();
    let error = it.finish(pending, &back(&to, ""), NOW).await.err().unwrap();
    assert!(matches!(error, SignInError::WrongIssuer));
    let (to, mut pending) = begin(&it, NOW).await;
    pending.issuer = Issuer::parse("https://other.example").unwrap();
    let state = parameter(&to, "state").unwrap();
    let lured = Callback::parse(&format!("code=c&state={state}&iss=https://other.example"));
    let error = it.finish(pending, &lured.ok().unwrap(), NOW).await.err().unwrap();
    assert!(matches!(error, SignInError::WrongIssuer));
}

#[tokio::test]
async fn a_provider_that_does_not_name_itself_may_stay_silent_but_not_lie() {
    let script = Script::default();
    let mut silent = metadata();
    silent["authorization_response_iss_parameter_supported"] = json!(false);
    script.say("/openid-configuration", 200, &silent).say("/keys", 200, &OURS.set(&["ES256"]));
    let it = provider(&script);
    let (to, pending) = begin(&it, NOW).await;
    script.say("/token", 200, &tokens(&OURS.es256(&claims(&to))));
    let state = parameter(&to, "state").unwrap();
    let callback = Callback::parse(&format!("code=c&state={state}")).ok().unwrap();
    assert!(it.finish(pending, &callback, NOW).await.is_ok());
    let (_, pending) = begin(&it, NOW).await;
    let lie = Callback::parse(&format!("code=c&state={state}&iss=https://evil.example"));
    let error = it.finish(pending, &lie.ok().unwrap(), NOW).await.err().unwrap();
    assert!(matches!(error, SignInError::WrongIssuer));
}

#[tokio::test]
async fn what_the_token_endpoint_says_is_told_apart() {
    let cases = [
        (400, json!({"error": "invalid_grant"}), "code_refused", Remedy::Report),
        (401, json!({"error": "invalid_client"}), "misconfigured", Remedy::Repair),
        (400, json!({"error": "unauthorized_client"}), "misconfigured", Remedy::Repair),
        (400, json!("<html>"), "unavailable", Remedy::TryLater),
        (302, json!({}), "unavailable", Remedy::TryLater),
        (503, json!({"error": "invalid_grant"}), "unavailable", Remedy::TryLater),
        (200, json!({}), "misconfigured", Remedy::Repair),
        (
            200,
            json!({"access_token": "a", "token_type": "Bearer"}),
            "misconfigured",
            Remedy::Repair,
        ),
        (200, tokens("no.token.x"), "untrusted", Remedy::Report),
        (200, tokens(&OURS.es256(&json!({}))), "untrusted", Remedy::Report),
        (200, json!("a".repeat(ANSWER_BYTES_MAX)), "unavailable", Remedy::TryLater),
    ];
    for (status, body, kind, remedy) in cases {
        let error = with_answer(status, &body).await.err().unwrap();
        assert_eq!((error.kind(), error.remedy()), (kind, remedy), "{status} {body:.60}");
    }
    let mut other = tokens("x");
    other["token_type"] = json!("DPoP");
    let error = with_answer(200, &other).await.err().unwrap();
    assert!(matches!(error, SignInError::Misconfigured(MetadataFault::TokenUnreadable)));
}

#[tokio::test]
async fn somebody_else_s_signature_and_another_sign_in_s_token_prove_nothing() {
    let script = Script::default();
    script.introduce();
    let it = provider(&script);
    let (to, pending) = begin(&it, NOW).await;
    script.say("/token", 200, &tokens(&THEIRS.es256(&claims(&to))));
    let error = it.finish(pending, &back(&to, ""), NOW).await.err().unwrap();
    assert!(matches!(error, SignInError::Untrusted(TokenFault::Signature)));

    let mut random = RANDOM;
    random[32] = 8;
    let (other, _) = it.begin(Purpose::SignIn, &random, NOW).await.ok().unwrap();
    let (to, pending) = begin(&it, NOW).await;
    script.say("/token", 200, &tokens(&OURS.es256(&claims(&other))));
    let error = it.finish(pending, &back(&to, ""), NOW).await.err().unwrap();
    assert!(matches!(error, SignInError::Untrusted(TokenFault::Nonce)));
}

#[tokio::test]
async fn keys_are_asked_for_again_when_a_token_names_a_new_one_but_not_at_will() {
    let script = Script::default();
    script.say("/openid-configuration", 200, &metadata());
    script.say("/keys", 200, &OURS.set(&["RS256"]));
    let it = provider(&script);
    let named = |after_ms: i64| {
        let (it, script) = (&it, &script);
        async move {
            let now = NOW.plus_ms(after_ms);
            let (to, pending) = begin(it, now).await;
            let mut claims = claims(&to);
            claims["iat"] = json!(now.seconds());
            claims["exp"] = json!(now.seconds() + 300);
            script.say("/token", 200, &tokens(&OURS.es256(&claims)));
            it.finish(pending, &back(&to, ""), now).await.map(|_| ()).map_err(|it| it.kind())
        }
    };
    let fetches = || script.asked().iter().filter(|(path, _)| path == "/keys").count();
    assert_eq!(named(0).await, Err("untrusted"));
    assert_eq!(named(KEYS_PAUSE_MS - 1).await, Err("untrusted"));
    assert_eq!(fetches(), 1, "asked a moment ago");
    script.say("/keys", 200, &OURS.set(&["RS256", "ES256"]));
    assert_eq!(named(KEYS_PAUSE_MS).await, Ok(()));
    assert_eq!(named(KEYS_PAUSE_MS + 1).await, Ok(()));
    assert_eq!(fetches(), 2);
    // Keys age, and old ones are not used when no new ones come.
    let later = KEYS_PAUSE_MS + KEYS_AGE_MAX_MS;
    assert_eq!(named(later).await, Err("unavailable"));
    assert_eq!(named(later + FAILED_PAUSE_MS - 1).await, Err("unavailable"));
    assert_eq!(fetches(), 3, "left alone after a failure");
    script.say("/keys", 200, &OURS.set(&["ES256"]));
    assert_eq!(named(later + FAILED_PAUSE_MS).await, Ok(()));
}

#[tokio::test]
async fn metadata_is_asked_for_once_an_hour_and_after_a_failure() {
    let script = Script::default();
    let it = provider(&script);
    let kind = |after_ms: i64| {
        let it = &it;
        async move {
            let begun = it.begin(Purpose::SignIn, &RANDOM, NOW.plus_ms(after_ms)).await;
            begun.map(|_| ()).map_err(|error| error.kind())
        }
    };
    assert_eq!(kind(0).await, Err("unavailable"));
    assert_eq!(kind(1).await, Err("unavailable"));
    assert_eq!(script.asked().len(), 1, "left alone after a failure");
    let mut other = metadata();
    other["issuer"] = json!("https://evil.example");
    script.say("/openid-configuration", 200, &other);
    assert_eq!(kind(FAILED_PAUSE_MS).await, Err("misconfigured"));
    script.say("/openid-configuration", 404, &metadata());
    assert_eq!(kind(2 * FAILED_PAUSE_MS).await, Err("unavailable"));
    script.say("/openid-configuration", 200, &metadata());
    let at = 3 * FAILED_PAUSE_MS;
    assert_eq!(kind(at).await, Ok(()));
    assert_eq!(kind(at + METADATA_AGE_MAX_MS - 1).await, Ok(()));
    assert_eq!(script.asked().len(), 4);
    assert_eq!(kind(at + METADATA_AGE_MAX_MS).await, Err("unavailable"), "too old to use");
}

#[tokio::test]
async fn the_provider_ends_a_session_once() {
    let script = Script::default();
    script.introduce();
    let it = provider(&script);
    let claims = json!({
        "iss": ISSUER, "aud": CLIENT, "iat": NOW.seconds(), "exp": NOW.seconds() + 60, "jti": "j",
        "sid": "s", "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    let token = OURS.es256(&claims);
    let ended = it.logout(&token, NOW).await.ok().unwrap();
    assert_eq!(ended.sid.unwrap().as_str(), "s");
    let again = it.logout(&token, NOW).await.err().unwrap();
    assert!(matches!(again, LogoutError::Refused(LogoutFault::Replayed)));
    let unknown = OURS.sign(&json!({"alg": "ES256", "kid": "new"}), &claims);
    let error = it.logout(&unknown, NOW).await.err().unwrap();
    assert_eq!((error.kind(), error.status()), ("refused", 400));
    // Its token proves nobody's sign-in.
    let (to, pending) = begin(&it, NOW).await;
    script.say("/token", 200, &tokens(&token));
    assert!(it.finish(pending, &back(&to, ""), NOW).await.is_err());

    let down = provider(&Script::default()).logout(&token, NOW).await.err().unwrap();
    assert_eq!((down.kind(), down.status()), ("unavailable", 503));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let made = |it: Settings| Provider::new(it, Script::default()).err();
    let of = |text: &str| text.to_owned();
    assert_eq!(made(settings()), None);
    for client_id in [of(""), "a".repeat(257), of("a\nb")] {
        assert_eq!(made(Settings { client_id, ..settings() }), Some(SettingsError::Client));
    }
    let authentication = ClientAuthentication::SecretBasic(Secret::new(String::new()));
    assert_eq!(made(Settings { authentication, ..settings() }), Some(SettingsError::Client));
    let want = Some(SettingsError::RedirectUri(AddressFault::Open));
    assert_eq!(made(Settings { redirect_uri: of("http://ward.example/"), ..settings() }), want);
    assert_eq!(
        made(Settings { scopes: vec![of("a b")], ..settings() }),
        Some(SettingsError::Scope)
    );
    for groups_claim in [of(""), of("sub"), of("email")] {
        let want = Some(SettingsError::GroupsClaim);
        assert_eq!(made(Settings { groups_claim, ..settings() }), want);
    }
}
