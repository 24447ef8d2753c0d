//! The console from outside: headers, sessions, acts, filters, faults, the stream.

mod operators;
mod provider;
mod sign_in;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use ward_model::{LeafIndex, Secret};
use ward_operators::Browser;
use ward_operators::signin::Visitor as Who;
use ward_signin::soft::SoftAuthenticator;

use super::*;
use crate::testing::room::{Journal, ORIGIN, Room, passkey, person, room};
use crate::testing::{Answers, Sample, access_id};

struct Bench {
    facts: Arc<Sample>,
    journal: Journal,
    room: Room,
    app: Router,
}

fn bench(answers: Answers) -> Bench {
    of(answers, 2, false)
}

fn of(answers: Answers, operators: u8, with_company: bool) -> Bench {
    let facts = Arc::new(Sample::new(answers));
    let (journal, room) = room(operators, with_company);
    let app = router(facts.clone(), Arc::new(room.clone()));
    Bench { facts, journal, room, app }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn cookie(&self) -> String {
        let cookie = self.headers["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

const AGENT: &str = "Firefox";

impl Bench {
    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "user-agent") {
            request = request.header("user-agent", AGENT);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.send(Method::GET, path, &[("cookie", cookie)], "").await
    }

    /// As our script posts it.
    async fn json(&self, path: &str, cookie: &str, body: &str) -> Answer {
        let headers =
            [("ward-console", "1"), ("content-type", "application/json"), ("cookie", cookie)];
        self.send(Method::POST, path, &headers, body).await
    }

    /// As our form posts it.
    async fn form(&self, path: &str, cookie: &str, body: &str) -> Answer {
        let kind = "application/x-www-form-urlencoded";
        let headers =
            [("sec-fetch-site", "same-origin"), ("content-type", kind), ("cookie", cookie)];
        self.send(Method::POST, path, &headers, body).await
    }

    fn visitor() -> Who {
        Who { source: [0; 16], browser: Browser::of(AGENT.as_bytes()), session: None }
    }

    /// Signs an operator in by his passkey.
    async fn cookie_of(&self, soft: &mut SoftAuthenticator) -> String {
        let begun = self.room.passkey_begin(&Self::visitor());
        let answer = soft.get(&begun.options, ORIGIN).unwrap();
        let opened =
            self.room.passkey_finish(&Self::visitor(), &begun.ceremony, answer.as_bytes()).await;
        format!("{}={}", guard::COOKIE, opened.ok().unwrap().secret.expose())
    }

    /// The first operator, by his passkey.
    async fn cookie(&self) -> String {
        self.cookie_of(&mut passkey(&self.journal, 1)).await
    }

    fn link(&self) -> Secret<String> {
        self.room.sessions().link(person(1))
    }
}

const CLOSED: [&str; 14] = [
    "/",
    "/console/events",
    "/console/accesses",
    "/console/accesses/abababababababababababababababab",
    "/console/incidents",
    "/console/incidents/3",
    "/console/people",
    "/console/operators/record",
    "/console/approvals",
    "/console/approvals/1",
    "/console/operators",
    "/console/docs/refusals/never_issued",
    "/docs/problems",
    "/console/no-such-page",
];

#[tokio::test]
async fn every_page_needs_a_session_and_shows_nothing_without_one() {
    let bench = bench(Answers::Full);
    let forged = format!("{}={}", guard::COOKIE, "ab".repeat(32));
    for path in CLOSED {
        for cookie in ["", "ward_session=", "ward_session=x", &forged, "other=1; ward_session"] {
            let answer = bench.get(path, cookie).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {cookie}");
            assert!(answer.body.contains("<title>Sign in"), "{path}");
            assert!(!answer.body.contains("9,214,077"), "{path}");
            assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
        }
    }
}

#[tokio::test]
async fn every_page_opens_with_a_session() {
    let bench = bench(Answers::Full);
    let cookie = bench.cookie().await;
    crate::testing::room::proposal(&bench.journal, 2);
    for path in CLOSED.into_iter().filter(|it| *it != "/console/events") {
        let answer = bench.get(path, &cookie).await;
        let want = if path.contains("no-such") { 404 } else { 200 };
        assert_eq!(answer.status, want, "{path}");
        assert!(answer.body.contains("Sign out"), "{path}");
    }
    let among = format!("a=b; ward_session={}; {cookie}", "cd".repeat(32));
    assert_eq!(bench.get("/", &among).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let bench = bench(Answers::Full);
    let cookie = bench.cookie().await;
    let assets = ["/console/assets/ward.css", "/console/assets/none", "/console/sign-in"];
    let others = [CLOSED[0], CLOSED[2], CLOSED[9], CLOSED[12], "/console/enrol?key=x"];
    for path in assets.into_iter().chain(others) {
        for cookie in ["", &cookie] {
            let answer = bench.get(path, cookie).await;
            let text = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
            let policy = text("content-security-policy");
            for part in ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
                assert!(policy.contains(part), "{path}: {part}");
            }
            assert!(!policy.contains("unsafe"), "{path}");
            assert_eq!(text("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(text("x-frame-options"), "DENY", "{path}");
            assert_eq!(text("referrer-policy"), "same-origin", "{path}");
            let stored = if answer.headers.contains_key("etag") { "no-cache" } else { "no-store" };
            assert_eq!(text("cache-control"), stored, "{path}");
        }
    }
}

#[tokio::test]
async fn assets_are_open_typed_and_known_again() {
    let bench = bench(Answers::Full);
    for (name, kind) in [
        ("ward.css", "text/css"),
        ("ward.js", "text/javascript"),
        ("passkey.js", "text/javascript"),
        ("ward.svg", "image/svg+xml"),
    ] {
        let path = format!("/console/assets/{name}");
        let answer = bench.get(&path, "").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with(kind));
        let tag = answer.headers["etag"].to_str().unwrap().to_owned();
        let again = bench.send(Method::GET, &path, &[("if-none-match", &tag)], "").await;
        assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    }
    for path in ["..%2Fsrc%2Flib.rs", "none.css", "ward"] {
        let answer = bench.get(&format!("/console/assets/{path}"), "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_one_time_link_opens_once() {
    let bench = bench(Answers::Full);
    let path = format!("/?key={}", bench.link().expose());
    let looked = bench.send(Method::HEAD, &path, &[], "").await;
    assert_eq!(looked.status, StatusCode::UNAUTHORIZED, "a preview does not spend it");
    let first = bench.get(&path, "").await;
    assert_eq!(first.status, StatusCode::OK);
    let cookie = first.headers["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{part}");
    }
    assert!(!first.body.contains(path.trim_start_matches("/?key=")), "the key is not repeated");
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(bench.get("/", cookie).await.status, StatusCode::OK);
    let second = bench.get(&path, "").await;
    assert_eq!(second.status, StatusCode::UNAUTHORIZED);
    assert!(second.body.contains("opens nothing") && !second.headers.contains_key("set-cookie"));
    let with_session = bench.get(&path, cookie).await;
    assert_eq!(with_session.status, StatusCode::OK, "a bookmarked link with a session");
    assert!(!with_session.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn acts_come_from_our_own_pages() {
    struct Case {
        name: &'static str,
        given: &'static [(&'static str, &'static str)],
        passes: bool,
    }
    const CASES: [Case; 10] = [
        Case { name: "nothing said", given: &[], passes: false },
        Case { name: "our page", given: &[("sec-fetch-site", "same-origin")], passes: true },
        Case { name: "another site", given: &[("sec-fetch-site", "cross-site")], passes: false },
        Case { name: "another port", given: &[("sec-fetch-site", "same-site")], passes: false },
        Case { name: "typed in", given: &[("sec-fetch-site", "none")], passes: false },
        Case { name: "our script", given: &[("ward-console", "1")], passes: true },
        Case {
            name: "our origin",
            given: &[("origin", "http://ward:1"), ("host", "ward:1")],
            passes: true,
        },
        Case {
            name: "another origin",
            given: &[("origin", "http://evil"), ("host", "ward:1"), ("ward-console", "1")],
            passes: false,
        },
        Case { name: "no origin", given: &[("origin", "null"), ("host", "null")], passes: false },
        Case {
            name: "lies beside the browser's word",
            given: &[("sec-fetch-site", "cross-site"), ("ward-console", "1")],
            passes: false,
        },
    ];
    for Case { name, given, passes } in CASES {
        let bench = bench(Answers::Full);
        let cookie = bench.cookie().await;
        let mut headers = given.to_vec();
        headers.push(("cookie", &cookie));
        let answer = bench.send(Method::POST, "/console/sign-out", &headers, "").await;
        let want = if passes { StatusCode::SEE_OTHER } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status, want, "{name}");
        let after = bench.get("/", &cookie).await.status;
        assert_eq!(after == StatusCode::UNAUTHORIZED, passes, "{name}");
    }
}

#[tokio::test]
async fn filters_reach_the_facts() {
    let bench = bench(Answers::Full);
    let cookie = bench.cookie().await;
    let path = "/console/accesses?verdict=refuse&reason=budget_spent&principal=&route=3&before=77";
    let answer = bench.get(path, &cookie).await;
    assert_eq!(answer.status, StatusCode::OK);
    let asked = bench.facts.asked.lock().unwrap().take().unwrap();
    assert_eq!((asked.permitted, asked.before), (Some(false), Some(LeafIndex(77))));
    assert_eq!((asked.principal, asked.rows_max), (None, PAGE_ROWS));
    let next = "?verdict=refuse&#38;reason=budget_spent&#38;route=3&#38;before=900";
    assert!(answer.body.contains(next), "the next page keeps the filter");
    let wrong = bench.get("/console/accesses?reason=%3Cscript%3E", &cookie).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.body.contains("Nothing was searched") && !wrong.body.contains("<script>"));
    assert!(bench.facts.asked.lock().unwrap().is_none(), "and nothing was");
}

#[tokio::test]
async fn what_is_not_there_and_what_cannot_be_read_is_said() {
    let known = format!("/console/accesses/{}", access_id(0xab));
    for (answers, path, status, says) in [
        (Answers::Full, "/console/accesses/zz", 404, "No record names this request"),
        (Answers::Empty, known.as_str(), 404, "No record names this request"),
        (Answers::Empty, "/console/incidents/3", 404, "There is no such page"),
        (Answers::Empty, "/console/incidents/x", 404, "There is no such page"),
        (Answers::Unavailable, "/", 503, "The journal cannot be read at the moment."),
        (Answers::Unavailable, "/console/accesses", 503, "Try again in a moment"),
        (Answers::Corrupt, "/console/people", 500, "The journal is damaged."),
        (Answers::Corrupt, known.as_str(), 500, "ward journal verify"),
    ] {
        let bench = bench(answers);
        let answer = bench.get(path, &bench.cookie().await).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.body.contains(says), "{path}: {says}");
    }
}

async fn next_event(body: &mut axum::body::BodyDataStream) -> Option<String> {
    let bytes = body.next().await?.unwrap();
    Some(String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn the_stream_shows_ends_with_its_session_and_is_bounded() {
    let bench = bench(Answers::Full);
    let cookie = bench.cookie().await;
    let open = || async {
        let request = Request::builder()
            .uri("/console/events")
            .header("cookie", &cookie)
            .header("user-agent", AGENT)
            .body(Body::empty())
            .unwrap();
        bench.app.clone().oneshot(request).await.unwrap()
    };
    let response = open().await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(response.headers().contains_key("content-security-policy"));
    let mut body = response.into_body().into_data_stream();
    let first = next_event(&mut body).await.unwrap();
    assert!(first.starts_with("event: now\n") && first.contains("9,214,077"));
    assert!(
        first.lines().all(|it| it.is_empty() || it.starts_with("data") || it.starts_with("event"))
    );
    *bench.facts.answers.lock().unwrap() = Answers::Unavailable;
    let second = next_event(&mut body).await.unwrap();
    assert!(second.starts_with("event: trouble\n"), "{second}");
    let mut others = Vec::new();
    for _ in 1..crate::limits::STREAMS_MAX {
        others.push(open().await);
        assert_eq!(others.last().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(open().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let revoked =
        ward_model::record::PasskeyRevoked { passkey: ward_model::PasskeyId(1), person: person(1) };
    bench.journal.put(revoked);
    let last = next_event(&mut body).await.unwrap();
    assert!(last.starts_with("event: end\n"), "{last}");
    assert_eq!(next_event(&mut body).await, None);
    assert_eq!(open().await.status(), StatusCode::UNAUTHORIZED, "it stays ended");
}

#[tokio::test]
async fn signing_out_ends_the_stream_at_once() {
    let bench = bench(Answers::Full);
    let cookie = bench.cookie().await;
    let request = Request::builder()
        .uri("/console/events")
        .header("cookie", &cookie)
        .header("user-agent", AGENT)
        .body(Body::empty());
    let response = bench.app.clone().oneshot(request.unwrap()).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    assert!(next_event(&mut body).await.is_some());
    bench.room.sessions().close();
    assert!(next_event(&mut body).await.unwrap().starts_with("event: end\n"));
    assert_eq!(next_event(&mut body).await, None);
}

#[tokio::test]
async fn a_page_that_names_people_leaves_only_when_it_is_let_out() {
    let bench = bench(Answers::Full);
    let cookie = bench.cookie().await;
    let one = "/console/accesses/abababababababababababababababab";
    let shown = 50;
    for (path, want) in [(one, ("access page", shown)), ("/console/people", ("people page", 0))] {
        assert_eq!(bench.get(path, &cookie).await.status, StatusCode::OK, "{path}");
        let said = bench.facts.let_out.lock().unwrap().pop();
        assert_eq!(said, Some(want), "{path} is recorded before it is shown");
        for (why, status) in [
            (FactsError::Spent, StatusCode::TOO_MANY_REQUESTS),
            (FactsError::Held { approval: ward_model::ApprovalId(17) }, StatusCode::ACCEPTED),
            (FactsError::Unavailable { what: "the journal" }, StatusCode::SERVICE_UNAVAILABLE),
        ] {
            *bench.facts.refuses.lock().unwrap() = Some(why);
            let answer = bench.get(path, &cookie).await;
            assert_eq!(answer.status, status, "{path}");
            assert!(!answer.body.contains("data-testid=\"people\""), "{path}");
            assert!(!answer.body.contains("33.7"), "{path}");
        }
    }
}

#[tokio::test]
async fn the_record_is_searched_by_its_form() {
    let bench = bench(Answers::Full);
    let cookie = bench.cookie().await;
    for (query, want) in [("", 200), ("?kind=act&words=&from=&to=", 200), ("?kind=deed", 400)] {
        let answer = bench.get(&format!("/console/operators/record{query}"), &cookie).await;
        assert_eq!(answer.status.as_u16(), want, "{query}");
        assert_eq!(answer.body.contains("not one Ward knows"), want == 400, "{query}");
    }
}
