//! The identity provider: who it says somebody is, what his groups leave him, consents, logout.

use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use ward_signin::oidc::{ClientAuthentication, Issuer, Provider, Settings};

use super::*;

const ISSUER: &str = "https://id.example";

/// A provider with one key, which says what it is told to.
#[derive(Clone)]
struct Idp(Arc<Told>);

struct Told {
    key: EcdsaKeyPair,
    claims: Mutex<Value>,
}

impl Idp {
    fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self(Arc::new(Told { key, claims: Mutex::default() }))
    }

    fn sign(&self, claims: &Value) -> String {
        let part = |it: &Value| BASE64URL_NOPAD.encode(it.to_string().as_bytes());
        let head = json!({ "alg": "ES256", "kid": "one" });
        let message = format!("{}.{}", part(&head), part(claims));
        let signature = self.0.key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }
}

impl Fetch for Idp {
    async fn fetch(&self, it: FetchRequest) -> Result<http::Response<Vec<u8>>, FetchError> {
        let body = match it.request.uri().path() {
            "/keys" => {
                let point = &self.0.key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(32);
                let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
                json!({ "keys": [{
                    "kty": "EC", "crv": "P-256", "kid": "one", "x": text(x), "y": text(y),
                }] })
            }
            "/token" => {
                let token = self.sign(&self.0.claims.lock().unwrap());
                json!({ "access_token": "x", "token_type": "Bearer", "id_token": token })
            }
            _ => json!({
                "issuer": ISSUER, "authorization_endpoint": format!("{ISSUER}/authorize"),
                "token_endpoint": format!("{ISSUER}/token"), "jwks_uri": format!("{ISSUER}/keys"),
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }),
        };
        Ok(http::Response::new(body.to_string().into_bytes()))
    }
}

fn company_bench() -> (Bench<Idp>, Idp) {
    let idp = Idp::new();
    let settings = Settings {
        issuer: Issuer::parse(ISSUER).unwrap(),
        client_id: "ward".to_owned(),
        authentication: ClientAuthentication::SecretBasic(Secret::new("s".repeat(32))),
        redirect_uri: format!("{ORIGIN}/console/oidc/callback"),
        scopes: Vec::new(),
        groups_claim: "groups".to_owned(),
    };
    let groups = [
        ("everything", Roles::every_persons().iter().collect()),
        ("keys", vec![Role::Keys]),
        ("audit", vec![Role::Audit]),
    ];
    let company = Company {
        provider: Provider::new(settings, idp.clone()).unwrap(),
        groups: groups.into_iter().map(|(name, roles)| (name.to_owned(), roles)).collect(),
        person_by: PersonBy::Email,
    };
    (with(3, 2, Some(company)), idp)
}

/// One parameter of an address.
fn parameter(address: &str, name: &str) -> String {
    let query = address.split_once('?').unwrap().1;
    let found = query.split('&').find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
    found.unwrap().to_owned()
}

/// Goes there and back; `who` and `groups` are what the provider says of him.
async fn travel(
    bench: &Bench<Idp>,
    idp: &Idp,
    visitor: &Visitor,
    journey: Journey,
    who: &str,
    groups: &[&str],
) -> Result<Returned, Refused> {
    let (address, ceremony) = bench.room.company_begin(visitor, journey, "//evil.example").await?;
    let now = bench.fake.now().ms() / 1000;
    *idp.0.claims.lock().unwrap() = json!({
        "iss": ISSUER, "aud": "ward", "sub": format!("sub-{who}"), "sid": "there", "iat": now,
        "exp": now + 300, "auth_time": now, "nonce": parameter(&address, "nonce"),
        "email": who, "email_verified": true, "preferred_username": "two", "groups": groups,
    });
    let query = format!("code=c&state={}", parameter(&address, "state"));
    // The browser comes from another site: the strict cookie of its session stays at home.
    let back = Visitor { session: None, ..visitor.clone() };
    bench.room.company_finish(&back, &ceremony, &query).await
}

async fn signed_in(
    bench: &Bench<Idp>,
    idp: &Idp,
    who: &str,
    groups: &[&str],
) -> Result<Visitor, Refused> {
    match travel(bench, idp, &visitor(), Journey::SignIn, who, groups).await? {
        Returned::SignedIn(opened, next) => {
            assert_eq!(next, "/", "never off this site");
            Ok(Visitor { session: Some(opened.session), ..visitor() })
        }
        _ => panic!("no sign-in"),
    }
}

#[tokio::test]
async fn the_provider_takes_away_and_gives_nothing() {
    let (bench, idp) = company_bench();
    let visitor = signed_in(&bench, &idp, "one", &["keys", "unknown"])
        .await
        .unwrap_or_else(|why| panic!("{why}"));
    let session = visitor.session.unwrap();
    let caller = bench.room.sessions().caller(&session);
    assert_eq!((caller.person, caller.roles), (PersonId([1; 16]), Roles::of(&[Role::Keys])));
    for (who, groups, want) in [
        ("three", &["everything"] as &[&str], Refused::Stranger),
        ("nobody", &["everything"], Refused::Stranger),
        ("three", &["unknown"], Refused::NotProven),
        ("one", &["unknown"], Refused::NoRole),
        ("one", &[], Refused::NoRole),
    ] {
        let refused = signed_in(&bench, &idp, who, groups).await.map(|_| ()).err();
        assert_eq!(refused, Some(want), "{who} {groups:?}");
    }
}

#[tokio::test]
async fn a_journey_ends_once_and_where_it_began() {
    let (bench, _) = company_bench();
    let begun = bench.room.company_begin(&visitor(), Journey::SignIn, "/").await.unwrap();
    let query = format!("code=c&state={}", parameter(&begun.0, "state"));
    let other = Visitor { browser: Browser::of(b"x"), ..visitor() };
    for (visitor, ceremony, query) in [
        (&other, begun.1.as_str(), query.as_str()),
        (&visitor(), begun.1.as_str(), query.as_str()),
        (&visitor(), "", query.as_str()),
    ] {
        let back = bench.room.company_finish(visitor, ceremony, query).await;
        assert_eq!(back.map(|_| ()).err(), Some(Refused::NotProven));
    }
    let begun = bench.room.company_begin(&visitor(), Journey::SignIn, "/").await.unwrap();
    let back = bench.room.company_finish(&visitor(), &begun.1, "code=c&state=forged").await;
    assert_eq!(back.map(|_| ()).err(), Some(Refused::NotProven), "another's state");
}

#[tokio::test]
async fn a_passkey_past_the_provider_is_an_emergency() {
    let (bench, _) = company_bench();
    let mut soft = bench.passkey(1, Counter::Zero);
    let session = bench.sign_in(&mut soft).await.unwrap().session.unwrap();
    assert_eq!(session.how, SignInMethod::BreakGlass);
}

#[tokio::test]
async fn a_consent_takes_a_fresh_sign_in_and_a_last_look() {
    let (bench, idp) = company_bench();
    let visitor = signed_in(&bench, &idp, "two", &["everything"]).await.ok().unwrap();
    let (id, digest) = bench.proposal(1, Roles::NONE);
    assert_eq!(bench.room.ways(&visitor, id).consent, Ok(Way::Company));
    let journey = Journey::Consent(id, digest);
    let another = travel(&bench, &idp, &visitor, journey, "one", &["everything"]).await;
    assert_eq!(another.map(|_| ()).err(), Some(Refused::NotProven), "another person's proof");
    let wrong = travel(&bench, &idp, &visitor, Journey::Consent(id, [0; 32]), "two", &[]).await;
    assert_eq!(wrong.map(|_| ()).err(), Some(Rejected::OtherDigest.into()));
    let confirm =
        async || match travel(&bench, &idp, &visitor, journey, "two", &["everything"]).await {
            Ok(Returned::Confirm { ceremony, .. }) => ceremony,
            _ => panic!("nothing to confirm"),
        };
    let other = signed_in(&bench, &idp, "two", &["everything"]).await.ok().unwrap();
    let refused = Err(Refused::NotProven);
    let ceremony = confirm().await;
    assert_eq!(bench.room.consent_confirm(&other, id, &ceremony).await, refused, "that session");
    let ceremony = confirm().await;
    bench.fake.pass(crate::limits::CONFIRM_LIFE_MS);
    assert_eq!(bench.room.consent_confirm(&visitor, id, &ceremony).await, refused, "two minutes");
    let ceremony = confirm().await;
    let done = bench.room.consent_confirm(&visitor, id, &ceremony).await;
    assert_eq!(done, Ok(crate::Standing::Approved));
    assert_eq!(bench.room.consent_confirm(&visitor, id, &ceremony).await, refused, "once");
    let Some(Record::ApprovalConsented(it)) = bench.fake.last("ApprovalConsented") else {
        panic!()
    };
    assert_eq!(it.proof, SignInMethod::Oidc);
}

#[tokio::test]
async fn groups_that_took_the_role_away_do_not_consent_with_it() {
    let (bench, idp) = company_bench();
    let (id, digest) = bench.proposal(1, Roles::of(&[Role::Policy]));
    let (plain, _) = bench.proposal(1, Roles::NONE);
    for (groups, first, second) in [
        (&["keys"] as &[&str], false, true),
        (&["audit"], false, false),
        (&["everything"], true, true),
    ] {
        let visitor = signed_in(&bench, &idp, "two", groups).await.ok().unwrap();
        let begun = bench.room.company_begin(&visitor, Journey::Consent(id, digest), "/").await;
        assert_eq!(begun.is_ok(), first, "{groups:?}");
        assert_eq!(bench.room.ways(&visitor, plain).consent.is_ok(), second, "{groups:?}");
    }
}

#[tokio::test]
async fn the_provider_signs_people_out() {
    let (bench, idp) = company_bench();
    signed_in(&bench, &idp, "two", &["keys"]).await.ok().unwrap();
    let now = bench.fake.now().ms() / 1000;
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let token = |jti: &str, sub: &str| {
        idp.sign(&json!({
            "iss": ISSUER, "aud": "ward", "iat": now, "exp": now + 60, "jti": jti, "sub": sub,
            "events": { event: {} },
        }))
    };
    assert_eq!(bench.room.company_logout("x").await, Err(400));
    assert_eq!(bench.room.company_logout(&token("1", "sub-one")).await, Ok(0));
    let good = token("2", "sub-two");
    assert_eq!(bench.room.company_logout(&good).await, Ok(1));
    assert_eq!(bench.room.company_logout(&good).await, Err(400), "once");
    assert!(bench.room.sessions().list().is_empty());
    let Some(Record::SessionEnded(it)) = bench.fake.last("SessionEnded") else { panic!() };
    assert_eq!(it.how, ward_model::word::SessionEnd::BackChannel);
    assert_eq!(super::bench(1, 1).room.company_logout(&good).await, Err(404), "no provider");
}
