//! Every refusal the gate itself can come to: the status outside, the reason inside, the record.

use ward_model::record::AccessRow;
use ward_model::word::{Provenance, RouteMode};
use ward_model::{KeyNumber, PrincipalKind, Reason, Verdict};

use super::house::{House, NOW, PHANTOM, body};
use super::wire::{Call, Reply};

use PrincipalKind::{Customer, Person, Rider, Seller};

const PAGE: &str = r#"{"id":"7","name":"Kim","phone":"01012345678","door_code":"4711"}"#;

/// What every refusal has in common.
fn refused(reply: &Reply, what: &str, reason: Reason, status: u16) {
    assert_eq!(reply.status, status, "{what}: {}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{what}");
    assert_eq!(reply.header("cache-control"), Some("no-store"), "{what}");
    assert!(!reply.text().contains("Kim"), "{what}: nobody's data");
    let told = reply.text().contains(reason.as_str());
    assert!(!(told && reason.is_about_credential()), "{what}: no oracle for a thief");
}

/// Recorded as one row that holds nobody's data.
fn row(house: &House, reply: &Reply, what: &str, reason: Reason) -> AccessRow {
    let rows = house.rows(reply);
    assert_eq!(rows.len(), 1, "{what}");
    let row = rows[0].clone();
    assert_eq!(row.verdict, Verdict::Refuse(reason), "{what}");
    assert!(!row.released, "{what}");
    assert_eq!(row.mode, RouteMode::Enforce, "{what}");
    assert_eq!(row.provenance, Provenance::None, "{what}");
    assert!(row.data_subject.is_none() && row.fields == 0, "{what}");
    row
}

/// Counted as noise; no row of its own.
fn noise(house: &House, reply: &Reply, what: &str, reason: Reason) {
    assert_eq!(house.rows(reply), vec![], "{what}");
    assert_eq!(house.counted(reply), Some(reason), "{what}");
}

/// A 401 without what differs from request to request.
fn uniform(reply: &Reply) -> (Vec<(String, String)>, String) {
    let mut headers = reply.end_to_end();
    headers.retain(|(name, _)| name != "date");
    (headers, reply.text().replace(reply.access(), "ID"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::too_many_lines, reason = "one table, a row per case")]
async fn refused_credentials_that_are_known_are_recorded_and_look_alike() {
    let house = House::new().await;
    house.origin.json("/me", PAGE);
    let live = house.token(Customer, "7").await;
    let kept = house.imported;
    let revoked = house.token(Customer, "8").await;
    house.revoke(&revoked).await;
    let suspended = house.token(Customer, "9").await;
    house.suspend(Customer, "9").await;
    let mut other = body(Customer, "10");
    other.audience = "elsewhere".into();
    let other = house.issue(&other).await;
    let mut short = body(Customer, "11");
    short.expires_at = NOW.plus_ms(2_000);
    let short = house.issue(&short).await;
    house.at(NOW.plus_ms(2_000));
    let left_key = house.api_key(Person, "p9", 7).await;
    house.suspend(Person, "p9").await;

    struct Case {
        name: &'static str,
        credential: String,
        reason: Reason,
        principal: (PrincipalKind, &'static str),
        key: KeyNumber,
    }
    let case = |name, credential, reason, id, key| Case {
        name,
        credential,
        reason,
        principal: (Customer, id),
        key,
    };
    let cases = [
        case(
            "forged with a kept key",
            house.forge(&body(Customer, "7")),
            Reason::NeverIssued,
            "7",
            kept,
        ),
        case("revoked", revoked, Reason::Revoked, "8", kept),
        case("suspended", suspended, Reason::PrincipalSuspended, "9", kept),
        case("another audience", other, Reason::WrongAudience, "10", kept),
        case("expired", short, Reason::Expired, "11", kept),
        Case {
            name: "a leaver's API key",
            credential: left_key,
            reason: Reason::PrincipalSuspended,
            principal: (Person, "p9"),
            key: KeyNumber::NONE,
        },
    ];
    let mut shapes = Vec::new();
    for case in cases {
        let reply = house.ask(&Call::get("/me").token(&case.credential)).await;
        refused(&reply, case.name, case.reason, 401);
        let row = row(&house, &reply, case.name, case.reason);
        let (kind, id) = case.principal;
        let number = house.register.principal(&super::house::name(kind, id)).unwrap();
        assert_eq!((row.principal_kind, row.principal), (kind, number), "{}", case.name);
        assert_eq!(row.principal_key, house.ledger.principal_key(kind, id), "{}", case.name);
        assert_eq!(row.key, case.key, "{}", case.name);
        shapes.push(uniform(&reply));
    }
    // What is refused for noise looks no different.
    let nothing = house.ask(&Call::get("/me")).await;
    shapes.push(uniform(&nothing));
    shapes.dedup();
    assert_eq!(shapes.len(), 1, "{shapes:?}");
    assert!(house.origin.seen().is_empty(), "no refused credential reaches the upstream");
    assert_eq!(
        house.ask(&Call::get("/me").token(&live)).await.status,
        200,
        "the true one still works"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_is_counted_and_not_recorded_one_by_one() {
    let house = House::new().await;
    house.origin.json("/me", PAGE);
    let live = house.token(Customer, "7").await;
    let (input, signature) = live.rsplit_once('.').unwrap();
    let (header, claims) = input.split_once('.').unwrap();
    let mut flipped: Vec<u8> = signature.into();
    flipped[5] = if flipped[5] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let foreign =
        data_encoding::BASE64URL_NOPAD.encode(br#"{"alg":"EdDSA","kid":"nobody","typ":"JWT"}"#);
    let none = data_encoding::BASE64URL_NOPAD.encode(br#"{"alg":"none","kid":"kept","typ":"JWT"}"#);
    let jwk = data_encoding::BASE64URL_NOPAD.encode(br#"{"alg":"EdDSA","kid":"kept","jwk":{}}"#);
    let unknown =
        ward_ledger::compose_api_key(ward_model::word::ApiKeyKind::Person, &[9; 64]).unwrap();
    let bearer = |token: &str| vec![("Authorization", format!("Bearer {token}"))];
    let cases = [
        (
            "junk signature over true claims",
            bearer(&format!("{input}.{flipped}")),
            Reason::BadSignature,
        ),
        (
            "a key nobody knows",
            bearer(&format!("{foreign}.{claims}.{signature}")),
            Reason::UnknownKey,
        ),
        ("alg none", bearer(&format!("{none}.{claims}.{signature}")), Reason::Malformed),
        ("a key in the header", bearer(&format!("{jwk}.{claims}.{signature}")), Reason::Malformed),
        ("padding", bearer(&format!("{live}=")), Reason::Malformed),
        ("cut short", bearer(live.split_at(live.len() - 1).0), Reason::Malformed),
        ("no signature", bearer(&format!("{header}.{claims}.")), Reason::Malformed),
        ("not a token", bearer("hunter2"), Reason::Malformed),
        ("too long", bearer(&"a".repeat(5000)), Reason::Malformed),
        ("nothing", vec![], Reason::Malformed),
        ("Basic", vec![("Authorization", "Basic dTpw".into())], Reason::Malformed),
        ("a token as API key", vec![("X-Api-Key", live.clone())], Reason::Malformed),
        (
            "an API key nobody issued",
            vec![("X-Api-Key", unknown.expose().clone())],
            Reason::UnknownKey,
        ),
        ("an API key's junk", vec![("X-Api-Key", "ward_person_zzz".into())], Reason::Malformed),
        ("two tokens", [bearer(&live), bearer(&live)].concat(), Reason::Malformed),
        (
            "token and API key",
            [bearer(&live), vec![("X-Api-Key", unknown.expose().clone())]].concat(),
            Reason::Malformed,
        ),
    ];
    let mut shapes = Vec::new();
    for (name, headers, reason) in &cases {
        let call =
            headers.iter().fold(Call::get("/me"), |call, (name, value)| call.with(name, value));
        let reply = house.ask(&call).await;
        refused(&reply, name, *reason, 401);
        noise(&house, &reply, name, *reason);
        shapes.push(uniform(&reply));
    }
    shapes.dedup();
    assert_eq!(shapes.len(), 1, "{shapes:?}");
    assert!(house.origin.seen().is_empty());

    // The minute is recorded whole: one row a reason, and nothing is lost.
    house.gate.record_noise(true).await;
    let counted = house.records().into_iter().filter_map(|record| match record {
        ward_model::Record::RefusalsCounted(row) => Some((row.reason, row.count)),
        _ => None,
    });
    let mut counted: Vec<_> = counted.collect();
    counted.sort();
    let want = [(Reason::BadSignature, 1), (Reason::UnknownKey, 2), (Reason::Malformed, 13)];
    assert_eq!(counted, want);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_whose_place_was_not_reached_yet_is_not_called_a_forgery() {
    let house = House::new().await;
    let token = {
        // Signed, and neither recorded nor abandoned.
        let key = house.keys.active(
            ward_model::word::KeyPurpose::Token,
            super::house::ISSUER,
            &house.ledger,
        );
        let number = house.register.principal(&super::house::name(Customer, "7")).unwrap();
        let body = body(Customer, "7");
        let withheld = house.signer.sign(&key.unwrap(), &body, number, [1; 14], NOW).unwrap();
        let issuance = withheld.issuance();
        let jti = house.ledger.secret().seal_locator(
            ward_ledger::Locator { origin: issuance.origin, sequence: issuance.sequence },
            [1; 14],
        );
        let header = ward_ledger::layout::header(ward_model::word::Algorithm::EdDsa, "kept");
        let input =
            ward_ledger::layout::signing_input(&header, &jti, super::house::ISSUER, &body, NOW);
        let signature = house.kept.sign(input.as_bytes());
        ward_ledger::layout::compact(&input, signature.as_ref().try_into().unwrap())
    };
    let reply = house.ask(&Call::get("/me").token(&token)).await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.header("retry-after"), Some("1"));
    noise(&house, &reply, "behind", Reason::LedgerBehind);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_are_not_permitted() {
    let house = House::new().await;
    for path in ["/me", "/staff/customers/7", "/staff/audit", "/undeclared"] {
        house.origin.json(path, PAGE);
    }
    let customer = house.token(Customer, "7").await;
    let rider = house.token(Rider, "r1").await;
    let staff = house.token(Person, "p1").await;
    let phantom = house.token(Customer, PHANTOM).await;
    house.register.deleted(ward_register::namespace_of(Customer), "12").unwrap();
    let deleted = house.token(Customer, "12").await;
    let cases = [
        ("a rider on a customer's page", "/me", &rider, Reason::Policy, 403),
        ("a customer on a staff page", "/staff/customers/7", &customer, Reason::Policy, 403),
        ("no purpose", "/staff/audit", &staff, Reason::NoPurpose, 403),
        ("a principal who does not exist", "/me", &phantom, Reason::UnknownDataSubject, 403),
        ("a principal who was deleted", "/me", &deleted, Reason::UnknownDataSubject, 403),
        ("no such route", "/undeclared", &staff, Reason::UnknownRoute, 404),
        ("no such method", "/staff/audit/", &staff, Reason::UnknownRoute, 404),
        ("an encoded slash", "/staff%2faudit", &staff, Reason::UnknownRoute, 404),
        ("a dot segment", "/staff/x/../audit", &staff, Reason::UnknownRoute, 404),
        ("upper case", "/ME", &customer, Reason::UnknownRoute, 404),
        ("a doubled slash", "//me", &customer, Reason::UnknownRoute, 404),
    ];
    for (name, path, token, reason, status) in cases {
        let reply = house.ask(&Call::get(path).token(token)).await;
        refused(&reply, name, reason, status);
        let row = row(&house, &reply, name, reason);
        assert_eq!(row.principal.is_none(), reason == Reason::UnknownRoute, "{name}");
        assert_eq!(row.status, 0, "{name}: the upstream was not asked");
    }
    for (name, host) in
        [("no such host", "nobody.test"), ("a host as part of a name", "shop.test.evil")]
    {
        let reply = house.ask(&Call::get("/me").with("Host", host).token(&customer)).await;
        refused(&reply, name, Reason::UnknownRoute, 404);
    }
    assert!(house.origin.seen().is_empty());
    // An enforced route stays enforced however its path is written; it goes upstream in one form.
    house.origin.json("/me", PAGE);
    let reply = house.ask(&Call::get("/%6de").token(&customer)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(house.origin.last().line, "GET /me HTTP/1.1");
    let staff_reply =
        house.ask(&Call::get("/staff/audit").token(&staff).with("Ward-Purpose", "case 17")).await;
    assert_eq!(staff_reply.status, 200);
    assert_eq!(house.rows(&staff_reply)[0].purpose, 7, "the purpose's hash is recorded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenants_records_do_not_leave() {
    let house = House::new().await;
    let token = house.token(Seller, "s1").await;
    let mut helper = body(Seller, "s9");
    helper.tenant = Some("s1".into());
    let helper = house.issue(&helper).await;
    let order =
        |seller: &str| format!(r#"{{"seller_id":"{seller}","buyer":{{"id":"7","name":"Kim"}}}}"#);
    let own = order("s1");
    let cases = [
        ("own", format!(r#"{{"orders":[{own},{own}]}}"#), true),
        ("nothing", r#"{"orders":[]}"#.to_owned(), true),
        ("another's", format!(r#"{{"orders":[{}]}}"#, order("s2")), false),
        (
            "one of another's among own",
            format!(r#"{{"orders":[{own},{},{own}]}}"#, order("s2")),
            false,
        ),
        ("a longer name", format!(r#"{{"orders":[{}]}}"#, order("s11")), false),
        ("no tenant", r#"{"orders":[{"buyer":{"id":"7","name":"Kim"}}]}"#.to_owned(), false),
        (
            "no tenant on one",
            format!(r#"{{"orders":[{own},{{"buyer":{{"id":"7","name":"Kim"}}}}]}}"#),
            false,
        ),
        (
            "tenant null",
            r#"{"orders":[{"seller_id":null,"buyer":{"id":"7","name":"Kim"}}]}"#.to_owned(),
            false,
        ),
        ("tenant empty", format!(r#"{{"orders":[{}]}}"#, order("")), false),
        (
            "a key twice",
            r#"{"orders":[{"seller_id":"s2","seller_id":"s1","buyer":{"id":"7","name":"Kim"}}]}"#
                .to_owned(),
            false,
        ),
    ];
    for (name, answer, passes) in &cases {
        house.origin.json("/seller/orders", answer);
        for token in [&token, &helper] {
            let reply = house.ask(&Call::get("/seller/orders?seller=s2").token(token)).await;
            if *passes {
                assert_eq!((reply.status, reply.text()), (200, answer.as_str()), "{name}");
                continue;
            }
            // An answer that says its tenant in no readable way is not looked into any further.
            if *name == "tenant empty" {
                refused(&reply, name, Reason::UpstreamUninspectable, 502);
                continue;
            }
            refused(&reply, name, Reason::WrongTenant, 403);
            let row = row(&house, &reply, name, Reason::WrongTenant);
            assert_eq!(row.status, 200, "{name}: the upstream had answered");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_that_asks_for_a_login_takes_what_was_issued_after_one() {
    let house = House::new().await;
    house.origin.json("/proven", PAGE);
    house.origin.json("/me", PAGE);
    let proven = house.token(Customer, "7").await;
    let without = ward_ledger::TokenBody { login: None, ..body(Customer, "7") };
    let unproven = house.issue(&without).await;
    let api_key = house.api_key(Person, "p1", 9).await;
    assert_eq!(house.ask(&Call::get("/me").token(&unproven)).await.status, 200);
    assert_eq!(house.origin.seen().len(), 1);
    for (name, credential) in [("no login", &unproven), ("an API key", &api_key)] {
        let reply = house.ask(&Call::get("/proven").token(credential)).await;
        refused(&reply, name, Reason::LoginUnproven, 403);
        row(&house, &reply, name, Reason::LoginUnproven);
    }
    assert_eq!(house.origin.seen().len(), 1, "the upstream was not asked");
    assert_eq!(house.ask(&Call::get("/proven").token(&proven)).await.status, 200);
    // What the policy forbids anyhow is forbidden for its own reason.
    let rider = house.issue(&ward_ledger::TokenBody { login: None, ..body(Rider, "r1") }).await;
    let reply = house.ask(&Call::get("/proven").token(&rider)).await;
    refused(&reply, "a rider", Reason::Policy, 403);
}
