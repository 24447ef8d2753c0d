//! SCIM and `/api/people` over one world, as an identity provider and an operator see them.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::testing::Fake;

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

async fn call(people: &People<Fake>, method: Method, path: &str, body: Option<Value>) -> Got {
    call_with(people, method, path, body, &[]).await
}

async fn call_with(
    people: &People<Fake>,
    method: Method,
    path: &str,
    body: Option<Value>,
    headers: &[(&str, &str)],
) -> Got {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = body.map_or_else(Body::empty, |it| Body::from(it.to_string()));
    let request = request.body(body).unwrap();
    let response = crate::router(people.clone()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Got { status: parts.status, headers: parts.headers, body }
}

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future);
}

fn patch_active(value: bool) -> Option<Value> {
    Some(json!({"Operations": [{"op": "Replace", "path": "active", "value": value}]}))
}

#[test]
fn a_life_over_scim() {
    block_on(async {
        let (fake, people) = Fake::people();
        let kim = json!({"schemas": [USER_SCHEMA], "userName": "Kim@example.com",
            "externalId": "E1", "name": {"familyName": "Kim"}, "active": true, "title": "x",
            "emails": [{"value": "kim@example.com", "type": "work", "primary": true}]});
        let made = call(&people, Method::POST, "/scim/v2/Users", Some(kim.clone())).await;
        assert_eq!(made.status, StatusCode::CREATED);
        assert_eq!(made.headers[header::CONTENT_TYPE], MEDIA_TYPE);
        let id = made.body["id"].as_str().unwrap().to_owned();
        let path = format!("/scim/v2/Users/{id}");
        assert_eq!(made.headers[header::LOCATION], format!("http://ward.test{path}"));
        assert_eq!(made.body["meta"]["version"], made.headers[header::ETAG].to_str().unwrap());
        assert_eq!(made.body["active"], true);
        assert!(made.body.get("title").is_none());

        let again = call(&people, Method::POST, "/scim/v2/Users", Some(kim)).await;
        assert_eq!(
            (again.status, &again.body["scimType"]),
            (StatusCode::CONFLICT, &json!("uniqueness"))
        );

        for (filter, want) in [
            ("userName%20eq%20%22kim@EXAMPLE.com%22", 1),
            ("externalId+eq+%22E1%22", 1),
            ("externalId+eq+%22e1%22", 0),
            ("userName+eq+%22lee%22", 0),
        ] {
            let list = format!("/scim/v2/Users?filter={filter}");
            let got = call(&people, Method::GET, &list, None).await;
            assert_eq!(got.body["totalResults"], want, "{filter}");
        }
        let left = call(&people, Method::PATCH, &path, patch_active(false)).await;
        assert_eq!((left.status, &left.body["active"]), (StatusCode::OK, &json!(false)));
        let count = fake.world.lock().unwrap().records.len();
        let left = call(&people, Method::PATCH, &path, patch_active(false)).await;
        assert_eq!(left.status, StatusCode::OK);
        assert_eq!(fake.world.lock().unwrap().records.len(), count, "nothing to do twice");
        let back = call(&people, Method::PATCH, &path, patch_active(true)).await;
        assert_eq!(back.body["active"], true);

        let gone = call(&people, Method::DELETE, &path, None).await;
        assert_eq!(gone.status, StatusCode::NO_CONTENT);
        let gone = call(&people, Method::GET, &path, None).await;
        assert_eq!((gone.status, &gone.body["status"]), (StatusCode::NOT_FOUND, &json!("404")));
        let api = call(&people, Method::GET, &format!("/api/people/{id}"), None).await;
        assert_eq!((&api.body["state"], &api.body["deleted"]), (&json!("left"), &json!(true)));
        assert_eq!(api.body["cascades"].as_array().unwrap().len(), 2);
    });
}

#[test]
fn errors_in_scims_shape() {
    block_on(async {
        let (_, people) = Fake::people();
        let made =
            call(&people, Method::POST, "/scim/v2/Users", Some(json!({"userName": "a"}))).await;
        let path = format!("/scim/v2/Users/{}", made.body["id"].as_str().unwrap());
        let users = "/scim/v2/Users";
        struct Case<'a> {
            method: Method,
            path: &'a str,
            body: Option<Value>,
            header: (&'a str, &'a str),
            want: (u16, Value),
        }
        let json_type = ("content-type", "application/json");
        let case = |method, path, body, want: (u16, Value)| Case {
            method,
            path,
            body,
            header: json_type,
            want,
        };
        let big = json!({"userName": "x".repeat(300_000)});
        let stale = patch_active(false);
        let cases = [
            case(Method::GET, "/scim/v2/Users?filter=a+pr", None, (400, json!("invalidFilter"))),
            case(Method::GET, "/scim/v2/Users?count=x", None, (400, json!("invalidValue"))),
            case(Method::GET, "/scim/v2/Users/nobody", None, (404, Value::Null)),
            case(Method::GET, "/scim/v2/Groups", None, (404, Value::Null)),
            case(Method::POST, users, Some(json!({})), (400, json!("invalidValue"))),
            case(Method::POST, users, Some(json!([])), (400, json!("invalidSyntax"))),
            case(Method::POST, users, None, (400, json!("invalidSyntax"))),
            case(Method::POST, users, Some(big), (413, Value::Null)),
            case(
                Method::POST,
                users,
                Some(json!({"userName": "b", "active": "maybe"})),
                (400, json!("invalidValue")),
            ),
            case(
                Method::POST,
                users,
                Some(json!({"userName": "b", "schemas": ["urn:x"]})),
                (400, json!("invalidValue")),
            ),
            Case {
                header: ("content-type", "text/plain"),
                ..case(Method::POST, users, Some(json!({})), (415, Value::Null))
            },
            Case {
                header: ("if-match", "W/\"00\""),
                ..case(Method::PATCH, &path, stale, (412, Value::Null))
            },
        ];
        for case in cases {
            let name = format!("{} {}", case.method, case.path);
            let got = call_with(&people, case.method, case.path, case.body, &[case.header]).await;
            let kind = got.body.get("scimType").cloned().unwrap_or(Value::Null);
            assert_eq!((got.status.as_u16(), kind), case.want, "{name}");
            assert_eq!(got.body["status"], got.status.as_u16().to_string(), "{name}");
        }
        let version = made.headers[header::ETAG].to_str().unwrap();
        let same = [("if-none-match", version)];
        let got = call_with(&people, Method::GET, &path, None, &same).await;
        assert_eq!(got.status, StatusCode::NOT_MODIFIED);
        let same = [("if-match", version)];
        let got = call_with(&people, Method::PATCH, &path, patch_active(false), &same).await;
        assert_eq!(got.status, StatusCode::OK);
    });
}

#[test]
fn with_the_store_dead_scim_and_the_api_still_cut() {
    block_on(async {
        for way in ["patch", "put", "delete", "api"] {
            let (fake, people) = Fake::people();
            let body = Some(json!({"userName": "a"}));
            let made = call(&people, Method::POST, "/scim/v2/Users", body).await;
            let id = made.body["id"].as_str().unwrap().to_owned();
            let path = format!("/scim/v2/Users/{id}");
            fake.world.lock().unwrap().store_fails = true;
            let (method, path, body, want) = match way {
                "patch" => (Method::PATCH, path, patch_active(false), 204),
                "put" => {
                    let body = json!({"userName": "a", "active": false});
                    (Method::PUT, path, Some(body), 503)
                }
                "delete" => (Method::DELETE, path, None, 503),
                _ => (Method::POST, format!("/api/people/{id}/leave"), None, 200),
            };
            let got = call(&people, method, &path, body).await;
            assert_eq!(got.status.as_u16(), want, "{way}");
            let person = parse_id(&id).unwrap();
            assert!(people.read(|it| it.is_out(person)), "{way}");
        }
    });
}

#[test]
fn a_row_edited_by_hand_neither_opens_nor_shields() {
    block_on(async {
        let (fake, people) = Fake::people();
        let body = |name| Some(json!({"userName": name}));
        for (name, gone) in [("a", true), ("b", false)] {
            let made = call(&people, Method::POST, "/scim/v2/Users", body(name)).await;
            let id = made.body["id"].as_str().unwrap().to_owned();
            let person = parse_id(&id).unwrap();
            {
                let mut world = fake.world.lock().unwrap();
                if gone {
                    world.rows.retain(|row| row.id != person);
                } else {
                    world.rows.iter_mut().for_each(|row| row.deleted = true);
                }
            }
            let path = format!("/scim/v2/Users/{id}");
            let got = call(&people, Method::PATCH, &path, patch_active(false)).await;
            assert!(people.read(|it| it.is_out(person)), "{name}: {}", got.status);
        }
        let stranger = crate::testing::row(99, "stranger");
        fake.world.lock().unwrap().rows.push(stranger.clone());
        let got = call(&people, Method::GET, "/scim/v2/Users", None).await;
        assert_eq!(got.body["Resources"][0]["active"], false, "no record tells of him");
        let path = format!("/scim/v2/Users/{}", id_text(stranger.id));
        let got = call(&people, Method::PATCH, &path, patch_active(true)).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn paging_and_the_documents_about_itself() {
    block_on(async {
        let (_, people) = Fake::people();
        for name in ["a", "b", "c"] {
            let body = Some(json!({"userName": name, "active": name != "c"}));
            call(&people, Method::POST, "/scim/v2/Users", body).await;
        }
        let list = "/scim/v2/Users?startIndex=2&count=1&attributes=userName";
        let got = call(&people, Method::GET, list, None).await;
        assert_eq!((&got.body["totalResults"], &got.body["startIndex"]), (&json!(3), &json!(2)));
        let resources = got.body["Resources"].as_array().unwrap();
        assert_eq!(resources.len(), 1);
        assert_eq!(resources[0]["userName"], "b");
        assert!(resources[0].get("active").is_none() && resources[0].get("id").is_some());
        let got = call(&people, Method::GET, "/scim/v2/Users?count=-1", None).await;
        assert_eq!(got.body["itemsPerPage"], 0);

        let page = call(&people, Method::GET, "/api/people?limit=2", None).await;
        assert_eq!(page.body["items"].as_array().unwrap().len(), 2);
        let next = page.body["next"].as_str().unwrap();
        let page = call(&people, Method::GET, &format!("/api/people?after={next}"), None).await;
        assert_eq!(page.body["items"].as_array().unwrap().len(), 1);
        assert_eq!(page.body["items"][0]["state"], "left", "created inactive");
        for wrong in ["?limit=0", "?limit=201", "?limit=x", "?after=x", "?page=2", "/x"] {
            let got = call(&people, Method::GET, &format!("/api/people{wrong}"), None).await;
            assert_eq!(got.status, StatusCode::BAD_REQUEST, "{wrong}");
        }
        for path in ["ServiceProviderConfig", "ResourceTypes", "ResourceTypes/User", "Schemas"] {
            let got = call(&people, Method::GET, &format!("/scim/v2/{path}"), None).await;
            assert_eq!(got.status, StatusCode::OK, "{path}");
            assert_eq!(got.headers[header::CONTENT_TYPE], MEDIA_TYPE);
        }
        let path = format!("/scim/v2/Schemas/{USER_SCHEMA}");
        assert_eq!(call(&people, Method::GET, &path, None).await.body["id"], USER_SCHEMA);
    });
}
