//! The identity provider's routes from outside; what its tokens must say is tested in the room.

use super::*;

const START: &str = "/console/oidc/start";
const CALLBACK: &str = "/console/oidc/callback";
const LOGOUT: &str = "/console/oidc/back-channel-logout";

#[tokio::test]
async fn a_browser_is_sent_away_with_a_cookie_of_its_own() {
    let bench = of(Answers::Full, 2, true);
    let there = bench.get(&format!("{START}?next=//evil.example"), "").await;
    assert_eq!(there.status, StatusCode::SEE_OTHER);
    let address = there.headers["location"].to_str().unwrap();
    assert!(address.starts_with("https://id.example/authorize?") && !address.contains("evil"));
    let set = there.headers["set-cookie"].to_str().unwrap();
    for part in ["ward_away=", "HttpOnly", "SameSite=Lax", "Path=/console/oidc", "Max-Age=300"] {
        assert!(set.contains(part), "{part}");
    }
    let state = address.split('&').find_map(|it| it.strip_prefix("state=")).unwrap();
    for (cookie, query) in [
        ("", format!("code=c&state={state}")),
        ("ward_away=abab", format!("code=c&state={state}")),
        (&there.cookie(), "code=c&state=other".to_owned()),
        (&there.cookie(), format!("code=c&state={state}")),
    ] {
        let back = bench.get(&format!("{CALLBACK}?{query}"), cookie).await;
        assert_eq!(back.status, StatusCode::FORBIDDEN, "{cookie} {query}");
        assert!(back.body.contains("That did not prove who you are"), "{}", back.body);
        let set = back.headers["set-cookie"].to_str().unwrap();
        assert!(set.starts_with("ward_away=;"), "and no session: {set}");
    }
}

#[tokio::test]
async fn a_journey_to_consent_needs_a_session_that_came_from_there() {
    let bench = of(Answers::Full, 2, true);
    let (_, digest) = crate::testing::room::proposal(&bench.journal, 2);
    let path = format!("{START}?consent=1&digest={digest}");
    assert_eq!(bench.get(&path, "").await.status, StatusCode::UNAUTHORIZED);
    let cookie = bench.cookie().await;
    assert_eq!(bench.get(&path, &cookie).await.status, StatusCode::NOT_FOUND, "by passkey");
    let again = format!("{START}?again=true");
    assert_eq!(bench.get(&again, "").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_a_provider_there_is_no_way_to_it() {
    let bench = bench(Answers::Full);
    for path in [START, CALLBACK] {
        assert_eq!(bench.get(path, "").await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(!bench.get("/console/sign-in", "").await.body.contains("company account"));
    let page = of(Answers::Full, 2, true).get("/console/sign-in", "").await;
    assert!(page.body.contains("company account") && page.body.contains("in an emergency"));
}

#[tokio::test]
async fn a_logout_token_needs_no_page_of_ours_and_must_hold() {
    let bench = of(Answers::Full, 2, true);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = bench.send(Method::POST, LOGOUT, &form, "logout_token=x").await;
    assert_eq!(
        (answer.status.as_u16(), answer.body.as_str()),
        (400, "{\"error\":\"invalid_request\"}")
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    let wrong = bench.send(Method::POST, LOGOUT, &form, "").await;
    assert!(wrong.status.is_client_error());
}
