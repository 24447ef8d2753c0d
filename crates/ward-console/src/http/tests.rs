//! The console from outside: headers, sessions, acts, filters, faults, the stream.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use ward_model::{ApiKeyId, Caller, LeafIndex, word::ApiKeyKind};

use super::*;
use crate::sessions::Operators;
use crate::testing::{AT, Answers, Sample, access_id};

struct Bench {
    facts: Arc<Sample>,
    sessions: Sessions,
    app: Router,
    token_live: Arc<AtomicBool>,
}

fn bench(answers: Answers) -> Bench {
    let facts = Arc::new(Sample::new(answers));
    let token_live = Arc::new(AtomicBool::new(true));
    let live = token_live.clone();
    let count = std::sync::atomic::AtomicU8::new(1);
    let sessions = Sessions::new(
        Arc::new(|| AT),
        Arc::new(move |bytes| {
            bytes.fill(count.fetch_add(1, Ordering::Relaxed));
            true
        }),
        Operators {
            check: Arc::new(|token| {
                let caller = Caller { api_key: ApiKeyId(7), kind: ApiKeyKind::Operator };
                (token == "operator").then_some(caller)
            }),
            is_live: Arc::new(move |_| live.load(Ordering::Relaxed)),
        },
    );
    let app = router(facts.clone(), sessions.clone());
    Bench { facts, sessions, app, token_live }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Bench {
    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
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

    fn cookie(&self) -> String {
        format!("{}={}", guard::COOKIE, self.sessions.sign_in("operator").unwrap())
    }
}

const CLOSED: [&str; 10] = [
    "/",
    "/console/events",
    "/console/accesses",
    "/console/accesses/abababababababababababababababab",
    "/console/incidents",
    "/console/incidents/3",
    "/console/people",
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
    let cookie = bench.cookie();
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
    let cookie = bench.cookie();
    let assets = ["/console/assets/ward.css", "/console/assets/none", "/console/sign-in"];
    let others = [CLOSED[0], CLOSED[2], CLOSED[9]];
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
    for (name, kind) in
        [("ward.css", "text/css"), ("ward.js", "text/javascript"), ("ward.svg", "image/svg+xml")]
    {
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
    let path = format!("/?key={}", bench.sessions.link().unwrap());
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
        let cookie = bench.cookie();
        let mut headers = given.to_vec();
        headers.push(("cookie", &cookie));
        let answer = bench.send(Method::POST, "/console/sign-out", &headers, "").await;
        let want = if passes { StatusCode::SEE_OTHER } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status, want, "{name}");
        let after = bench.get("/", &cookie).await.status;
        assert_eq!(after == StatusCode::UNAUTHORIZED, passes, "{name}");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let mut headers = given.to_vec();
        headers.push(form);
        let path = "/console/sign-in";
        let answer = bench.send(Method::POST, path, &headers, "token=operator").await;
        assert_eq!(answer.headers.contains_key("set-cookie"), passes, "{name}: sign-in");
    }
}

#[tokio::test]
async fn only_an_operators_token_signs_in() {
    let bench = bench(Answers::Full);
    let long = format!("token={}", "x".repeat(FORM_BYTES_MAX));
    for (body, want) in [
        ("token=operator", StatusCode::SEE_OTHER),
        ("token=%20operator%0A", StatusCode::SEE_OTHER),
        ("token=wrong", StatusCode::FORBIDDEN),
        ("token=", StatusCode::FORBIDDEN),
        ("", StatusCode::UNPROCESSABLE_ENTITY),
        (&long, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let headers =
            [("ward-console", "1"), ("content-type", "application/x-www-form-urlencoded")];
        let answer = bench.send(Method::POST, "/console/sign-in", &headers, body).await;
        assert_eq!(answer.status, want, "{:.40}", body);
        assert_eq!(answer.headers.contains_key("set-cookie"), want == StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn filters_reach_the_facts() {
    let bench = bench(Answers::Full);
    let cookie = bench.cookie();
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
        let answer = bench.get(path, &bench.cookie()).await;
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
    let cookie = bench.cookie();
    let open = || async {
        let request = Request::builder()
            .uri("/console/events")
            .header("cookie", &cookie)
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
    bench.token_live.store(false, Ordering::Relaxed);
    let last = next_event(&mut body).await.unwrap();
    assert!(last.starts_with("event: end\n"), "{last}");
    assert_eq!(next_event(&mut body).await, None);
    bench.token_live.store(true, Ordering::Relaxed);
    assert_eq!(open().await.status(), StatusCode::UNAUTHORIZED, "it stays ended");
}

#[tokio::test]
async fn signing_out_ends_the_stream_at_once() {
    let bench = bench(Answers::Full);
    let cookie = bench.cookie();
    let request =
        Request::builder().uri("/console/events").header("cookie", &cookie).body(Body::empty());
    let response = bench.app.clone().oneshot(request.unwrap()).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    assert!(next_event(&mut body).await.is_some());
    bench.sessions.close();
    assert!(next_event(&mut body).await.unwrap().starts_with("event: end\n"));
    assert_eq!(next_event(&mut body).await, None);
}
