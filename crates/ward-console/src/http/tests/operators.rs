//! Proposals and operators from outside: who may, from where, over what.

use super::sign_in::answered;
use super::*;
use crate::testing::room::proposal;

/// Every act of a person in a session, with a body that could do something.
fn acts(digest: &str) -> Vec<(String, &'static str, String)> {
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    let finish = format!("{{\"ceremony\":\"{}\",\"response\":{{}}}}", "ab".repeat(32));
    let two = person(2).uuid();
    [
        ("/console/approvals/1/consent/begin", json, format!("{{\"digest\":\"{digest}\"}}")),
        ("/console/approvals/1/consent/finish", json, finish.clone()),
        ("/console/approvals/1/consent/confirm", form, "ceremony=x".to_owned()),
        ("/console/approvals/1/refuse", form, String::new()),
        ("/console/approvals/1/withdraw", form, String::new()),
        ("/console/operators", form, "person=three&role=keys".to_owned()),
        (&format!("/console/operators/{two}/roles"), form, "role=keys".to_owned()),
        ("/console/operators/passkeys/begin", json, "{\"name\":\"x\"}".to_owned()),
        ("/console/operators/passkeys/finish", json, finish),
        ("/console/operators/passkeys/2/revoke", form, String::new()),
        ("/console/sessions/1/end", form, String::new()),
        ("/console/sign-out", form, String::new()),
    ]
    .map(|(path, kind, body)| (path.to_owned(), kind, body))
    .into()
}

#[tokio::test]
async fn no_act_without_a_session_or_from_elsewhere() {
    let bench = bench(Answers::Full);
    let (_, digest) = proposal(&bench.journal, 2);
    let cookie = bench.cookie().await;
    let before = bench.journal.records.lock().unwrap().len();
    for (path, kind, body) in acts(&digest) {
        let kind = ("content-type", kind);
        let ours = ("sec-fetch-site", "same-origin");
        let none = bench.send(Method::POST, &path, &[kind, ours], &body).await;
        assert_eq!(none.status, StatusCode::UNAUTHORIZED, "{path}");
        let cookie = ("cookie", cookie.as_str());
        for foreign in [
            &[kind, cookie] as &[_],
            &[kind, cookie, ("sec-fetch-site", "cross-site"), ("ward-console", "1")],
            &[kind, cookie, ("origin", "http://evil.example"), ("host", "localhost:7780")],
        ] {
            let answer = bench.send(Method::POST, &path, foreign, &body).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {foreign:?}");
            assert!(answer.body.contains("did not come from the console"), "{path}");
        }
    }
    assert_eq!(bench.journal.records.lock().unwrap().len(), before, "nothing happened");
    for path in ["/console/passkey/begin", "/console/enrol/begin", "/console/enrol/finish"] {
        let foreign = [("content-type", "application/json"), ("origin", "http://evil.example")];
        let answer = bench.send(Method::POST, path, &foreign, "{}").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn a_one_time_link_looks_and_does_nothing() {
    let bench = bench(Answers::Full);
    let (_, digest) = proposal(&bench.journal, 2);
    passkey(&bench.journal, 1);
    let opened = bench.get(&format!("/?key={}", bench.link().expose()), "").await;
    let cookie = opened.cookie();
    let page = bench.get("/console/approvals/1", &cookie).await;
    assert!(page.body.contains("This session can only look"));
    assert!(!page.body.contains("/refuse") && !page.body.contains("consent/begin"));
    let before = bench.journal.records.lock().unwrap().len();
    for (path, kind, body) in acts(&digest) {
        if path.ends_with("sign-out") || path.ends_with("/end") {
            continue;
        }
        let headers = [("content-type", kind), ("ward-console", "1"), ("cookie", cookie.as_str())];
        let answer = bench.send(Method::POST, &path, &headers, &body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {}", answer.body);
    }
    assert_eq!(bench.journal.records.lock().unwrap().len(), before, "nothing happened");
}

#[tokio::test]
async fn a_second_person_consents_and_the_first_does_not() {
    let bench = bench(Answers::Full);
    let (mut one, mut two) = (passkey(&bench.journal, 1), passkey(&bench.journal, 2));
    let (_, digest) = proposal(&bench.journal, 1);
    let (own, other) = (bench.cookie_of(&mut one).await, bench.cookie_of(&mut two).await);
    let begin = "/console/approvals/1/consent/begin";
    let seen = format!("{{\"digest\":\"{digest}\"}}");
    assert_eq!(bench.json(begin, &own, &seen).await.status, StatusCode::FORBIDDEN);
    let changed = format!("{{\"digest\":\"{}\"}}", "00".repeat(32));
    assert_eq!(bench.json(begin, &other, &changed).await.status, StatusCode::CONFLICT);
    assert_eq!(bench.json(begin, &other, "{\"digest\":\"x\"}").await.status, 400);
    let page = bench.get("/console/approvals/1", &other).await;
    assert!(page.body.contains(&digest) && page.body.contains("Consent with a passkey"));
    let now = bench.get("/", &other).await;
    assert!(now.body.contains("<a href=\"/console/approvals\">1</a>"), "Now counts it");
    let body = answered(&bench, (begin, &other, &seen), |it| two.get(it, ORIGIN).unwrap()).await;
    let finish = "/console/approvals/1/consent/finish";
    let stolen = bench.json(finish, &own, &body).await;
    assert_eq!(stolen.status, StatusCode::FORBIDDEN, "the ceremony of another session");
    let body = answered(&bench, (begin, &other, &seen), |it| two.get(it, ORIGIN).unwrap()).await;
    let done = bench.json(finish, &other, &body).await;
    let told: serde_json::Value = serde_json::from_str(&done.body).unwrap();
    assert_eq!((&told["state"], &told["missing"]), (&"approved".into(), &0.into()));
    assert_eq!(bench.json(finish, &other, &body).await.status, StatusCode::FORBIDDEN, "a replay");
    assert_eq!(bench.journal.count("ApprovalConsented"), 1);
    assert_eq!(bench.form("/console/approvals/1/refuse", &own, "").await.status, 403);
    let refused = bench.form("/console/approvals/1/refuse", &other, "").await;
    assert_eq!(refused.status, StatusCode::SEE_OTHER);
    assert_eq!(bench.form("/console/approvals/1/withdraw", &own, "").await.status, 409, "over");
}

#[tokio::test]
async fn enrolling_the_second_shows_a_link_once_and_the_third_waits() {
    let bench = of(Answers::Full, 1, false);
    let cookie = bench.cookie().await;
    let path = "/console/operators";
    let link = bench.form(path, &cookie, "person=two&role=keys&role=operators").await;
    assert_eq!(link.status, StatusCode::OK, "{}", link.body);
    assert!(link.body.contains("http://localhost:7780/console/enrol?key="));
    let page = bench.get(path, &cookie).await;
    assert!(page.body.contains("One-time link") && !page.body.contains("enrol?key="));
    for (body, want) in
        [("person=two", 400), ("person=two&role=login", 400), ("person=two&role=root", 400)]
    {
        assert_eq!(bench.form(path, &cookie, body).await.status, want, "{body}");
    }
    let (person, person_key) = (person(2), ward_model::PrincipalKey([2; 16]));
    let roles = ward_model::Roles::every_persons();
    bench.journal.put(ward_model::record::OperatorSet { person, person_key, roles });
    let unknown = bench.form(path, &cookie, "person=nobody&role=keys").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "nobody is brought in any more");
    let held = bench.form(path, &cookie, "person=three&role=keys").await;
    assert_eq!(held.headers["location"], "/console/approvals/1");
    let roles = format!("/console/operators/{}/roles", person.uuid());
    let held = bench.form(&roles, &cookie, "role=audit").await;
    assert_eq!(held.headers["location"], "/console/approvals/2");
}

#[tokio::test]
async fn passkeys_and_sessions_are_managed() {
    let bench = bench(Answers::Full);
    let cookie = bench.cookie().await;
    let mut spare = SoftAuthenticator::new(ward_signin::soft::Counter::Zero);
    let begin = ("/console/operators/passkeys/begin", cookie.as_str(), "{\"name\":\"spare\"}");
    let body = answered(&bench, begin, |it| spare.create(it, ORIGIN).unwrap()).await;
    let done = bench.json("/console/operators/passkeys/finish", &cookie, &body).await;
    assert_eq!(done.body, "{\"next\":\"/console/operators\"}");
    assert_eq!(bench.journal.count("PasskeyRegistered"), 2);
    let other = bench.cookie_of(&mut spare).await;
    let session = bench.room.sessions().list().into_iter().find(|it| it.passkey.0 != 1).unwrap();
    let end = format!("/console/sessions/{}/end", session.id);
    assert_eq!(bench.form(&end, &cookie, "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(bench.get("/", &other).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bench.form(&end, &cookie, "").await.status, StatusCode::NOT_FOUND);
    let revoke = "/console/operators/passkeys/1/revoke";
    assert_eq!(bench.form(revoke, &cookie, "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::UNAUTHORIZED, "with its session");
}
