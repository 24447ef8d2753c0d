//! The shop from outside: its data, its pages, whom it believes, and its misbehaving corner.
//! Tokens are signed here with keys made here, published by a key server of a few lines.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use data_encoding::BASE64URL_NOPAD as B64;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use shop::{Clock, Config, Shop, Size, Summary, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

const NOW: u64 = 1_800_000_000;
const SEED: u64 = 7;

struct Data {
    dir: tempfile::TempDir,
    made: Summary,
}

impl Data {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let size = Size::of_customers(600);
        let made = shop::generate(&dir.path().join("shop.db"), size, SEED, |_, _| ()).unwrap();
        Self { dir, made }
    }

    fn db(&self) -> PathBuf {
        self.dir.path().join("shop.db")
    }

    fn config(&self, trust: Trust) -> Config {
        Config { db: self.db(), trust, misbehave: true, clock: Clock::new(|| NOW) }
    }

    fn router(&self, trust: Trust) -> Router {
        Shop::open(self.config(trust)).unwrap().router()
    }
}

struct Issuer {
    es256: EcdsaKeyPair,
    eddsa: Ed25519KeyPair,
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    async fn new() -> Self {
        let es256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let eddsa = Ed25519KeyPair::generate().unwrap();
        let (x, y) = es256.public_key().as_ref()[1..].split_at(32);
        let set = json!({ "keys": [
            { "kty": "EC", "crv": "P-256", "kid": "e", "x": B64.encode(x), "y": B64.encode(y) },
            { "kty": "OKP", "crv": "Ed25519", "kid": "d",
              "x": B64.encode(eddsa.public_key().as_ref()) },
        ]});
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let page = axum::routing::get(move || async move {
            count.fetch_add(1, Ordering::SeqCst);
            axum::Json(set)
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/oauth/jwks", listener.local_addr().unwrap());
        let server = axum::serve(listener, Router::new().route("/oauth/jwks", page));
        tokio::spawn(server.into_future());
        Self { es256, eddsa, url, asked }
    }

    fn jwks(&self) -> Trust {
        Trust::Jwks { url: self.url.clone() }
    }

    fn gate(&self) -> Trust {
        Trust::Gate { url: self.url.clone(), audience: "shop".to_owned() }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| B64.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = if header["kid"] == "e" {
            let random = SystemRandom::new();
            self.es256.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec()
        } else {
            self.eddsa.sign(signed.as_bytes()).as_ref().to_vec()
        };
        format!("{signed}.{}", B64.encode(&signature))
    }

    /// What a thief with the key writes: nobody ever issued it.
    fn token(&self, kind: &str, sub: i64) -> String {
        let claims = json!({ "sub": sub.to_string(), "kind": kind, "exp": NOW + 60,
                             "tenant": sub.to_string(), "aud": "somebody else" });
        self.sign(&json!({ "alg": "ES256", "kid": "e", "typ": "at+jwt" }), &claims)
    }
}

struct Answer {
    status: StatusCode,
    kind: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let kind = head.headers.get(header::CONTENT_TYPE).map_or("", |it| it.to_str().unwrap());
    let kind = kind.to_owned();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: head.status, kind, body }
}

async fn get(router: &Router, path: &str, token: &str) -> Answer {
    let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
    ask(router, request.body(Body::empty()).unwrap()).await
}

/// Names of an object's fields, sorted.
fn fields(value: &Value) -> String {
    let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names.join(" ")
}

#[test]
fn generation_is_repeatable() {
    let (one, two) = (Data::new(), Data::new());
    assert_eq!(one.made, two.made);
    let rows = |data: &Data| {
        let conn = rusqlite::Connection::open(data.db()).unwrap();
        let mut all = Vec::new();
        for table in ["customers", "addresses", "orders", "sellers", "riders", "jobs", "meta"] {
            let mut ask = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = ask.column_count();
            let mut rows = ask.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let cells = (0..columns).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
                all.push(format!("{table} {}", cells.collect::<Vec<_>>().join("|")));
            }
        }
        all
    };
    assert_eq!(rows(&one), rows(&two));

    let before = std::fs::read(one.db()).unwrap();
    let size = Size::of_customers(600);
    let again = shop::generate(&one.db(), size, SEED, |_, _| panic!("made again")).unwrap();
    assert_eq!(again, one.made);
    assert_eq!(shop::summary(&one.db()).unwrap(), one.made);
    let other = shop::generate(&one.db(), size, SEED + 1, |_, _| ());
    assert!(matches!(other, Err(shop::GenerateError::AnotherShop { .. })));
    assert_eq!(std::fs::read(one.db()).unwrap(), before);
}

#[test]
fn a_half_made_file_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("shop.db");
    let partial = dir.path().join("shop.db.partial");
    std::fs::File::create(&partial).unwrap().set_len(100).unwrap();
    let mut last = (0, 1);
    shop::generate(&db, Size::of_customers(100), SEED, |done, of| last = (done, of)).unwrap();
    assert!(!partial.exists());
    assert_eq!(last.0, last.1);
    assert!(
        Shop::open(Config {
            db: partial,
            trust: Trust::Jwks { url: "http://127.0.0.1:1/".to_owned() },
            misbehave: false,
            clock: Clock::new(|| NOW),
        })
        .is_err()
    );
}

#[test]
fn shops_open_one_file_at_the_same_moment() {
    let data = Data::new();
    for turn in 0..300 {
        let db = data.dir.path().join(format!("{turn}.db"));
        std::fs::copy(data.db(), &db).unwrap();
        let gate = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let trust = Trust::Jwks { url: "http://127.0.0.1:1/".to_owned() };
                    let config = Config { db: db.clone(), ..data.config(trust) };
                    gate.wait();
                    assert!(Shop::open(config).is_ok());
                });
            }
        });
    }
}

#[test]
fn ids_have_gaps_and_books_hold_other_people() {
    let data = Data::new();
    let ids = shop::existing_customer_ids(&data.db()).unwrap();
    let ids: Vec<i64> = ids.map(Result::unwrap).collect();
    assert_eq!(ids.len(), 600);
    assert!(ids.is_sorted_by(|a, b| a < b));
    let Summary { customer_id, other_customer_id, missing_customer_id, .. } = data.made;
    assert_eq!(data.made.first_customer_id, shop::FIRST_CUSTOMER_ID);
    assert_eq!(Some(&data.made.last_customer_id), ids.last());
    assert!(ids.contains(&customer_id) && ids.contains(&other_customer_id));
    assert_ne!(customer_id, other_customer_id);
    assert!(!ids.contains(&missing_customer_id));
    assert!((ids[0]..ids[599]).contains(&missing_customer_id));

    let conn = rusqlite::Connection::open(data.db()).unwrap();
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(DISTINCT phone) FROM customers"), 600);
    assert_eq!(count("SELECT count(DISTINCT email) FROM customers"), 600);
    let others = "SELECT count(*) FROM addresses WHERE recipient_customer_id";
    assert!(count(&format!("{others} IS NULL")) > 100);
    assert!(count(&format!("{others} <> customer_id")) > 100);
    let wrong = "SELECT count(*) FROM addresses a LEFT JOIN customers c
        ON c.id = a.recipient_customer_id WHERE a.recipient_customer_id IS NOT NULL
        AND (c.name IS NOT a.recipient_name OR c.phone IS NOT a.recipient_phone)";
    assert_eq!(count(wrong), 0, "a member in a book is the member himself");
    let stranger = "SELECT count(*) FROM addresses a JOIN customers c
        ON c.phone = a.recipient_phone WHERE a.recipient_customer_id IS NULL";
    assert_eq!(count(stranger), 0, "who is no member shares no number with one");
}

#[tokio::test]
async fn pages_have_their_shapes() {
    let (data, issuer) = (Data::new(), Issuer::new().await);
    let router = data.router(issuer.jwks());
    let it = &data.made;
    let customer = issuer.token("customer", it.customer_id);
    let seller = issuer.token("seller", it.seller_id);
    let staff = issuer.token("person", 1);

    let me = get(&router, "/me", &customer).await.json();
    assert_eq!(fields(&me), "email grade id name phone");
    assert_eq!(me["id"], it.customer_id);

    let book = get(&router, "/me/addresses", &customer).await.json();
    assert_eq!(fields(&book), "addresses customer_id");
    let entry = "address customer_id door_code id label postcode recipient_customer_id \
                 recipient_name recipient_phone";
    let all = book["addresses"].as_array().unwrap();
    assert!(all.iter().all(|one| fields(one) == entry && one["door_code"] == "****"));
    assert_eq!(all[0]["recipient_customer_id"], it.customer_id);
    assert!(all.iter().any(|one| one["recipient_customer_id"].is_null()));
    let path = format!("/me/addresses/{}", it.customer_address_id);
    let one = get(&router, &path, &customer).await.json();
    assert_eq!((fields(&one), &one["id"]), (entry.to_owned(), &all[0]["id"]));
    assert_ne!(one["door_code"], "****");

    let buys = get(&router, "/me/orders", &customer).await.json();
    assert_eq!(fields(&buys), "customer_id orders");
    assert_eq!(fields(&buys["orders"][2]), "amount goods id placed_at seller_id");

    let sold = get(&router, "/seller/orders", &seller).await.json();
    assert_eq!(fields(&sold), "orders page total");
    let order = "amount buyer goods id placed_at seller_id";
    let buyer = "address customer_id name phone";
    for one in sold["orders"].as_array().unwrap() {
        assert_eq!((fields(one), fields(&one["buyer"])), (order.to_owned(), buyer.to_owned()));
        assert_eq!(one["seller_id"], it.seller_id);
    }

    let jobs = get(&router, "/rider/jobs", &issuer.token("rider", it.rider_id)).await.json();
    assert_eq!(fields(&jobs), "jobs");
    assert!(jobs["jobs"].as_array().unwrap().len() >= 8);
    assert_eq!(fields(&jobs["jobs"][0]), "customer id order_id rider_id");
    assert_eq!(fields(&jobs["jobs"][0]["customer"]), buyer);

    let path = format!("/staff/customers/{}", it.customer_id);
    let file = get(&router, &path, &staff).await.json();
    assert_eq!(fields(&file), "addresses email grade id joined_on name notes phone");
    assert_ne!(file["addresses"][0]["door_code"], "****");
    let page = get(&router, "/staff/customers?page=12", &staff).await.json();
    assert_eq!(fields(&page), "customers page total");
    assert_eq!((&page["page"], &page["total"]), (&json!(12), &json!(600)));
    assert_eq!(page["customers"].as_array().unwrap().len(), 50);
    assert_eq!(page["customers"][49]["id"], it.last_customer_id);
    assert_eq!(fields(&page["customers"][0]), "email grade id name phone");
}

#[tokio::test]
async fn the_shop_is_careless_but_not_blind() {
    let (data, issuer) = (Data::new(), Issuer::new().await);
    let router = data.router(issuer.jwks());
    let it = &data.made;
    let no_one = issuer.token("customer", it.missing_customer_id);
    let customer = issuer.token("customer", it.customer_id);
    let seller = issuer.token("seller", it.seller_id);
    let rider = issuer.token("rider", it.rider_id);
    let staff = issuer.token("service", 1);
    let others_orders = format!("/seller/orders?seller={}", it.other_seller_id);
    let by_order = format!("/seller/orders?seller={}", it.other_seller_order);
    let others_order = format!("/seller/orders/{}", it.other_seller_order);
    let cases: [(&str, &str, &str, u16); 22] = [
        ("another seller's orders", &others_orders, &seller, 200),
        ("another seller's, by order number", &by_order, &seller, 200),
        ("another seller's order", &others_order, &seller, 200),
        ("no such seller", "/seller/orders?seller=4", &seller, 404),
        ("no such order", "/seller/orders/99999999", &seller, 404),
        ("no number", "/seller/orders?seller=x", &seller, 400),
        ("page 0", "/seller/orders?page=0", &seller, 400),
        ("never a customer", "/me", &no_one, 404),
        ("never a customer's book", "/me/addresses", &no_one, 404),
        ("never a customer's orders", "/me/orders", &no_one, 404),
        ("another's address", "/me/addresses/3000001", &customer, 404),
        ("no address", "/me/addresses/%2e%2e", &customer, 404),
        ("customer as seller", "/seller/orders", &customer, 403),
        ("seller as rider", "/rider/jobs", &seller, 403),
        ("rider as staff", "/staff/customers", &rider, 403),
        ("rider as customer", "/me", &rider, 403),
        ("export by a seller", "/staff/export.csv", &seller, 403),
        ("unknown customer", "/staff/customers/100018", &staff, 404),
        ("huge page", "/staff/customers?page=99999999999", &staff, 400),
        ("page past the end", "/staff/customers?page=999", &staff, 200),
        ("no such page", "/staff", &staff, 404),
        ("wrong method", "/staff/customers/100001/note", &staff, 405),
    ];
    for (name, path, token, want) in cases {
        let answer = get(&router, path, token).await;
        assert_eq!(answer.status.as_u16(), want, "{name}");
        assert_eq!(answer.kind, "application/json", "{name}");
        assert!(answer.json().is_object(), "{name}");
    }
    let theirs = get(&router, &by_order, &seller).await.json();
    assert_eq!(theirs["orders"][0]["seller_id"], it.other_seller_id);
    let health = ask(&router, Request::get("/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!(health.json(), json!({ "ok": true }));
}

#[tokio::test]
async fn notes_are_kept_and_everybody_is_exported() {
    let (data, issuer) = (Data::new(), Issuer::new().await);
    let router = data.router(issuer.jwks());
    let staff = issuer.token("person", 1);
    let post = |id: i64, body: &str| {
        Request::post(format!("/staff/customers/{id}/note"))
            .header(header::AUTHORIZATION, format!("bearer {staff}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap()
    };
    let id = data.made.customer_id;
    let kept = ask(&router, post(id, r#"{"note":"called back"}"#)).await;
    assert_eq!(kept.json(), json!({ "ok": true, "customer_id": id }));
    let file = get(&router, &format!("/staff/customers/{id}"), &staff).await.json();
    assert_eq!(file["notes"], json!([{ "at_unix": NOW, "text": "called back" }]));
    let missing = data.made.missing_customer_id;
    assert_eq!(ask(&router, post(missing, r#"{"note":"x"}"#)).await.status, 404);
    assert_eq!(ask(&router, post(id, "{}")).await.status, 400);
    let long = format!(r#"{{"note":"{}"}}"#, "x".repeat(5_000));
    assert_eq!(ask(&router, post(id, &long)).await.status, 400);

    let export = get(&router, "/staff/export.csv", &staff).await;
    assert_eq!(export.kind, "text/csv; charset=utf-8");
    let text = String::from_utf8(export.body).unwrap();
    assert_eq!(text.lines().next(), Some("id,name,email,phone,grade"));
    assert_eq!(text.lines().count(), 601);
    assert!(text.lines().all(|line| line.split(',').count() == 5));
}

#[tokio::test]
async fn published_keys_are_all_it_takes() {
    let (data, issuer) = (Data::new(), Issuer::new().await);
    let router = data.router(issuer.jwks());
    let id = data.made.customer_id;
    let claims = json!({ "sub": id.to_string(), "kind": "customer", "exp": NOW + 1 });
    let es256 = json!({ "alg": "ES256", "kid": "e" });
    let eddsa = json!({ "alg": "EdDSA", "kid": "d" });
    let good = issuer.sign(&es256, &claims);
    let mut old = claims.clone();
    old["exp"] = json!(NOW);
    let unknown = issuer.sign(&json!({ "alg": "EdDSA", "kid": "x" }), &claims);
    let swapped = issuer.sign(&json!({ "alg": "EdDSA", "kid": "e" }), &claims);
    let (signed, _) = good.rsplit_once('.').unwrap();
    let cases = [
        ("ES256", good.clone(), 200),
        ("EdDSA", issuer.sign(&eddsa, &claims), 200),
        ("expired", issuer.sign(&es256, &old), 401),
        ("without exp", issuer.sign(&es256, &json!({ "sub": "1", "kind": "customer" })), 401),
        ("unknown key", unknown.clone(), 401),
        ("a key used with another algorithm", swapped, 401),
        ("junk signature", format!("{signed}.{}", B64.encode(&[7; 64])), 401),
        ("no signature", format!("{signed}."), 401),
        ("padded", format!("{good}="), 401),
        ("alg none", issuer.sign(&json!({ "alg": "none", "kid": "e" }), &claims), 401),
        ("nothing", String::new(), 401),
        ("too long", "x".repeat(9_000), 401),
    ];
    for (name, token, want) in cases {
        let answer = get(&router, "/me", &token).await;
        assert_eq!(answer.status.as_u16(), want, "{name}");
        if want == 401 {
            assert_eq!(answer.json(), json!({ "error": "unauthorized" }), "{name}");
        }
    }
    let asked = issuer.asked.load(Ordering::SeqCst);
    assert_eq!(asked, 2, "once at first, once for the unknown key");
    for _ in 0..20 {
        get(&router, "/me", &unknown).await;
    }
    assert_eq!(issuer.asked.load(Ordering::SeqCst), asked, "a flood of unknown keys asks nobody");

    let away = data.router(Trust::Jwks { url: "http://127.0.0.1:1/oauth/jwks".to_owned() });
    assert_eq!(get(&away, "/me", &good).await.status, 503);
    assert!(Shop::open(data.config(Trust::Jwks { url: "https://x/".to_owned() })).is_err());
}

#[tokio::test]
async fn behind_the_gate_only_this_very_request_counts() {
    let (data, issuer) = (Data::new(), Issuer::new().await);
    let router = data.router(issuer.gate());
    let target = format!("/staff/customers?page=2&from={}", "%EA%B9%80");
    let hash = B64.encode(digest(&SHA256, target.as_bytes()).as_ref());
    let header = json!({ "alg": "EdDSA", "kid": "d", "typ": "txntoken+jwt" });
    let claims = json!({
        "iss": "gate", "aud": "shop", "exp": NOW + 30, "txn": "1", "sub": "kim", "kind": "person",
        "rctx": { "method": "GET", "path_sha256": hash },
    });
    let with = |field: &str, value: Value| {
        let mut claims = claims.clone();
        claims[field] = value;
        issuer.sign(&header, &claims)
    };
    let typed = json!({ "alg": "EdDSA", "kid": "d", "typ": "at+jwt" });
    let es256 = json!({ "alg": "ES256", "kid": "e", "typ": "txntoken+jwt" });
    let post = json!({ "method": "POST", "path_sha256": hash });
    let elsewhere = json!({ "method": "GET", "path_sha256": B64.encode(&[0; 32]) });
    let good = issuer.sign(&header, &claims);
    let cases = [
        ("bound to this request", good.clone(), 200),
        ("one of several audiences", with("aud", json!(["x", "shop"])), 200),
        ("a caller's own token", issuer.sign(&typed, &claims), 401),
        ("another algorithm", issuer.sign(&es256, &claims), 401),
        ("another audience", with("aud", json!("shop2")), 401),
        ("no audience", with("aud", Value::Null), 401),
        ("expired", with("exp", json!(NOW)), 401),
        ("another method", with("rctx", post), 401),
        ("another path", with("rctx", elsewhere), 401),
        ("bound to nothing", with("rctx", Value::Null), 401),
    ];
    for (name, token, want) in cases {
        let request = Request::get(&target).header("Txn-Token", token).body(Body::empty());
        assert_eq!(ask(&router, request.unwrap()).await.status.as_u16(), want, "{name}");
    }
    assert_eq!(get(&router, &target, &good).await.status, 401, "a bearer alone counts nothing");
    let twice = Request::get(&target).header("Txn-Token", &good).header("Txn-Token", &good);
    assert_eq!(ask(&router, twice.body(Body::empty()).unwrap()).await.status, 401);
    let other = Request::get("/staff/customers?page=3").header("Txn-Token", &good);
    assert_eq!(ask(&router, other.body(Body::empty()).unwrap()).await.status, 401);
}

#[tokio::test]
async fn the_misbehaving_corner() {
    let (data, issuer) = (Data::new(), Issuer::new().await);
    let router = data.router(issuer.jwks());
    let cases = [
        ("slow?ms=1", 200, "application/json", r#""grade":"gold"}"#),
        ("slow-head?ms=1", 200, "application/json", r#""grade":"gold"}"#),
        ("chunked", 200, "application/json", r#""grade":"gold"}"#),
        ("gzip", 200, "application/json", r#""grade":"gold"}"#),
        ("html", 200, "text/html", "<p>Odd Person"),
        ("json-untyped", 200, "", r#""grade":"gold"}"#),
        ("duplicate-keys", 200, "application/json", r#""****","id":100002"#),
        ("deep", 200, "application/json", "[[[[]]]]"),
        ("redirect", 302, "application/json", r#""grade":"gold"}"#),
        ("error-with-data", 500, "application/json", "010-0000-0001"),
        ("no-such", 404, "application/json", r#"{"error":"not_found"}"#),
    ];
    for (name, status, kind, part) in cases {
        let request = Request::get(format!("/odd/{name}")).body(Body::empty()).unwrap();
        let answer = ask(&router, request).await;
        assert_eq!((answer.status.as_u16(), answer.kind.as_str()), (status, kind), "{name}");
        assert!(String::from_utf8_lossy(&answer.body).contains(part), "{name}");
    }
    let big = ask(&router, Request::get("/odd/big").body(Body::empty()).unwrap()).await;
    assert!(big.body.len() > 3_000_000 && big.json().is_object());

    let honest = Config { misbehave: false, ..data.config(issuer.jwks()) };
    let honest = Shop::open(honest).unwrap().router();
    let answer = ask(&honest, Request::get("/odd/html").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 404);
}

/// All bytes of one answer on a connection of its own.
async fn raw(at: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let ask = format!("GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).await.unwrap();
    String::from_utf8(got).unwrap()
}

#[tokio::test]
async fn lies_below_http_and_a_clean_stop() {
    let (data, issuer) = (Data::new(), Issuer::new().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shop = Shop::open(data.config(issuer.jwks())).unwrap();
    let run = shop::serve(listener, shop, async {
        stopped.await.unwrap();
    });
    let run = tokio::spawn(run);
    assert!(raw(at, "/healthz").await.ends_with("{\"ok\":true}"));
    let long = raw(at, "/odd/lying-length").await;
    assert!(long.contains("content-length: 120\r\n\r\n{") && long.len() < 200);
    let short = raw(at, "/odd/lying-length-short").await;
    assert!(short.contains("content-length: 13\r\n") && short.ends_with("0002\"}"));
    assert!(raw(at, "/odd/cut").await.ends_with("d\r\n{\"id\":100001}\r\n"));
    assert_eq!(raw(at, "/odd/not-http").await, "SSH-2.0-OddServer\r\n");
    assert_eq!(raw(at, "/odd/nothing").await, "");
    assert!(raw(at, "/odd/html").await.starts_with("HTTP/1.1 200 OK\r\n"));

    // An idle connection does not hold up the stop; an answer in flight is finished.
    let _idle = TcpStream::connect(at).await.unwrap();
    let mut stream = TcpStream::connect(at).await.unwrap();
    let ask = b"GET /odd/slow?ms=50 HTTP/1.1\r\nhost: shop\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut got = vec![0; 1];
    stream.read_exact(&mut got).await.unwrap();
    stop.send(()).unwrap();
    stream.read_to_end(&mut got).await.unwrap();
    assert!(String::from_utf8(got).unwrap().contains("\"grade\":\"gold\"}"));
    run.await.unwrap().unwrap();
    assert!(TcpStream::connect(at).await.is_err());
}
