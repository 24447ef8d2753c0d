//! Signing in and enrolling from outside.

use super::*;

const BEGIN: &str = "/console/passkey/begin";
const FINISH: &str = "/console/passkey/finish";

/// Begins a ceremony, has the authenticator answer, and gives the body for its end.
pub async fn answered(
    bench: &Bench,
    begin: (&str, &str, &str),
    answer: impl FnOnce(&str) -> String,
) -> String {
    let (path, cookie, body) = begin;
    let begun = bench.json(path, cookie, body).await;
    assert_eq!(begun.status, StatusCode::OK, "{path}: {}", begun.body);
    let told: serde_json::Value = serde_json::from_str(&begun.body).unwrap();
    let response = answer(&told["options"].to_string());
    format!("{{\"ceremony\":{},\"response\":{response}}}", told["ceremony"])
}

#[tokio::test]
async fn a_passkey_signs_in_once() {
    let bench = bench(Answers::Full);
    let mut soft = passkey(&bench.journal, 1);
    let body = answered(&bench, (BEGIN, "", "{}"), |it| soft.get(it, ORIGIN).unwrap()).await;
    let answer = bench.json(FINISH, "", &body).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "{\"next\":\"/\"}"));
    let set = answer.headers["set-cookie"].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{part}");
    }
    assert_eq!(bench.get("/", &answer.cookie()).await.status, StatusCode::OK);
    let again = bench.json(FINISH, "", &body).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "a replay");
    assert!(!again.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn every_failure_is_one_answer() {
    let bench = bench(Answers::Full);
    let mut soft = passkey(&bench.journal, 1);
    let mut stranger = SoftAuthenticator::new(ward_signin::soft::Counter::Zero);
    let good = answered(&bench, (BEGIN, "", "{}"), |it| soft.get(it, ORIGIN).unwrap()).await;
    let forged = good.replacen("signature\":\"", "signature\":\"AAAA", 1);
    let unknown = {
        let options = bench.room.more_begin(&Bench::visitor(), "x").await;
        assert!(options.is_err(), "nobody is signed in");
        let made = answered(&bench, (BEGIN, "", "{}"), |_| {
            let _ = stranger.get("{}", ORIGIN);
            String::from(
                "{\"id\":\"AAAA\",\"rawId\":\"AAAA\",\"type\":\"public-key\",\"response\":{}}",
            )
        });
        made.await
    };
    let ceremony = format!("{{\"ceremony\":\"{}\",\"response\":{{}}}}", "ab".repeat(32));
    for body in [&forged, &unknown, &ceremony] {
        let answer = bench.json(FINISH, "", body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{body:.60}");
        assert!(answer.body.contains("That did not prove who you are"), "{}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(!answer.headers.contains_key("set-cookie"));
    }
}

#[tokio::test]
async fn a_cookie_from_another_browser_opens_nothing_and_alerts() {
    let bench = bench(Answers::Full);
    let cookie = bench.cookie().await;
    let thief = [("cookie", cookie.as_str()), ("user-agent", "curl/8")];
    let stolen = bench.send(Method::GET, "/", &thief, "").await;
    assert_eq!(stolen.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::UNAUTHORIZED, "ended for all");
    assert_eq!(bench.journal.count("AlertRaised"), 1);
}

#[tokio::test]
async fn a_link_enrols_and_signs_in_once() {
    let bench = of(Answers::Full, 0, false);
    let link = bench.room.desk().first_link([3; 32]).await.unwrap().unwrap();
    let key = link.secret.expose();
    let page = bench.get(&format!("/console/enrol?key={key}"), "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("You are the first operator"));
    let wrong = bench.get("/console/enrol?key=x", "").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert!(wrong.body.contains("This link does not work"));
    let says = format!("{{\"key\":\"{key}\",\"name\":\"laptop\",\"user_name\":\"one\"}}");
    let mut soft = SoftAuthenticator::new(ward_signin::soft::Counter::Zero);
    let begin = ("/console/enrol/begin", "", says.as_str());
    let body = answered(&bench, begin, |it| soft.create(it, ORIGIN).unwrap()).await;
    let answer = bench.json("/console/enrol/finish", "", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let cookie = answer.cookie();
    let operators = bench.get("/console/operators", &cookie).await;
    assert!(operators.body.contains("There is one operator"));
    let again = bench.json("/console/enrol/begin", "", &says).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN, "once");
}

#[tokio::test]
async fn the_way_on_stays_on_this_site() {
    let bench = bench(Answers::Full);
    for (next, stays) in [
        ("/console/operators", true),
        ("//evil.example", false),
        ("https://evil.example/", false),
        ("/%5Cevil.example", false),
        ("/%09/evil.example", false),
        ("javascript:alert(1)", false),
    ] {
        let encoded = next.replace('%', "%25").replace('/', "%2F");
        let page = bench.get(&format!("/console/sign-in?next={encoded}"), "").await;
        let want = format!("data-next=\"{}\"", if stays { next } else { "/" });
        assert!(page.body.contains(&want), "{next}");
        assert!(!page.body.contains("evil.example"), "{next}");
    }
}

#[tokio::test]
async fn the_page_says_where_passkeys_work() {
    let bench = bench(Answers::Full);
    for (host, told) in [("localhost:7780", false), ("127.0.0.1:7780", true)] {
        let page = bench.send(Method::GET, "/console/sign-in", &[("host", host)], "").await;
        assert_eq!(page.body.contains("Open it at http://localhost:7780"), told, "{host}");
    }
}
