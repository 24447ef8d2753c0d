//! What the routes answer.

use http::{Method, Request};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use ward_model::word::ApprovalEnd;

use super::*;
use crate::testing::{Fake, act, caller, consenting};

async fn call(
    desk: &Desk<Fake>,
    by: u8,
    method: &Method,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let router = router(desk.clone(), Arc::new(|| [7; 32])).layer(Extension(caller(by)));
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::from(body.to_string())).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn proposals() {
    let fake = Fake::new(3, 2);
    let desk = Desk::new(fake.clone(), fake.approvals.clone());
    let waiting = desk.ask(&act(), &caller(1)).await.unwrap().unwrap_err();
    let shown = held(&desk, waiting);
    assert_eq!((&shown["state"], &shown["held"]), (&json!("waiting"), &json!(true)));
    let (get, post, none) = (Method::GET, Method::POST, Value::Null);
    let table = [
        (1, &get, "/api/approvals", 200),
        (1, &get, "/api/approvals?state=waiting&limit=1", 200),
        (1, &get, "/api/approvals?state=open", 400),
        (1, &get, "/api/approvals?limit=0", 400),
        (1, &get, "/api/approvals?x=1", 400),
        (1, &get, "/api/approvals/1", 200),
        (1, &get, "/api/approvals/9", 404),
        (1, &get, "/api/approvals/01", 400),
        (2, &post, "/api/approvals/1/consent", 404),
        (2, &post, "/api/approvals/1/withdraw", 403),
        (1, &post, "/api/approvals/1/refuse", 403),
        (3, &post, "/api/approvals/1/refuse", 403),
        (99, &post, "/api/approvals/1/refuse", 403),
        (1, &post, "/api/approvals/1/withdraw", 200),
        (1, &post, "/api/approvals/1/withdraw", 409),
    ];
    for (by, method, path, want) in table {
        let (status, answer) = call(&desk, by, method, path, &none).await;
        assert_eq!(status, want, "{by} {method} {path}: {answer}");
    }
    desk.ask(&act(), &caller(1)).await.unwrap().unwrap_err();
    let (_, all) = call(&desk, 1, &get, "/api/approvals?limit=1", &none).await;
    assert_eq!(all["next"], 2);
    let ended = desk.read(|it| it.proposal(ApprovalId(1)).unwrap().ended.unwrap().0);
    assert_eq!(ended, ApprovalEnd::Withdrawn);
}

#[tokio::test]
async fn operators() {
    let fake = Fake::new(3, 2);
    let desk = Desk::new(fake.clone(), fake.approvals.clone());
    let (get, post) = (Method::GET, Method::POST);
    let three = PersonId([3; 16]).uuid();
    let body = json!({ "person": three, "roles": ["keys"] });
    let enrol = "/api/operators";
    let table = [
        (json!({ "person": three, "roles": [] }), 400),
        (json!({ "person": three, "roles": ["login"] }), 400),
        (json!({ "person": three, "roles": ["king"] }), 400),
        (json!({ "person": "3", "roles": ["keys"] }), 400),
        (json!({ "person": PersonId([9; 16]).uuid(), "roles": ["keys"] }), 404),
        (body.clone(), 202),
    ];
    for (body, want) in table {
        let (status, answer) = call(&desk, 1, &post, enrol, &body).await;
        assert_eq!(status, want, "{body}: {answer}");
    }
    let digest = desk.read(|it| it.proposal(ApprovalId(1)).unwrap().digest);
    desk.consent(ApprovalId(1), &digest, consenting(2)).await.unwrap();
    let other = json!({ "person": three, "roles": ["keys", "people"] });
    assert_eq!(call(&desk, 1, &post, enrol, &other).await.0, 202, "more roles is another act");
    let (status, link) = call(&desk, 1, &post, enrol, &body).await;
    assert_eq!(status, 200, "{link}");
    assert!(link["path"].as_str().unwrap().starts_with("/console/enrol?key=0707"));
    let roles = format!("/api/operators/{}/roles", PersonId([2; 16]).uuid());
    let none = json!({ "roles": [] });
    assert_eq!(call(&desk, 1, &post, &roles, &none).await.0, 202, "to be alone takes another");
    let (_, all) = call(&desk, 1, &get, enrol, &Value::Null).await;
    assert_eq!(all["operators"].as_array().unwrap().len(), 2);
    assert_eq!(all["links"].as_array().unwrap().len(), 1);
}
