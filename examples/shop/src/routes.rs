//! The shop's pages. Checks the kind of the caller and nothing more: a seller who asks for another's
//! orders gets them, a rider sees real names, staff may walk through everybody.
//! Every answer is JSON but the export. Best test: `tests/shop.rs`.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::limits::{EXPORT_QUEUE, NOTE_BODY_BYTES_MAX, PAGE_MAX};
use crate::store::{self, Address, Customer, Store, StoreError};
use crate::trust::{Caller, Denied, Verifier};

/// What every page needs.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) store: Arc<Store>,
    pub(crate) verifier: Verifier,
    pub(crate) clock: crate::Clock,
}

type Shared = State<Arc<Desk>>;
type Page = Result<Json<Value>, Problem>;

pub(crate) fn router(desk: Arc<Desk>) -> axum::Router {
    axum::Router::new()
        .route("/healthz", get(|| async { Json(json!({ "ok": true })) }))
        .route("/me", get(me))
        .route("/me/addresses", get(my_addresses))
        .route("/me/addresses/{id}", get(my_address))
        .route("/me/orders", get(my_orders))
        .route("/seller/orders", get(seller_orders))
        .route("/seller/orders/{order}", get(seller_order))
        .route("/rider/jobs", get(rider_jobs))
        .route("/staff/customers", get(staff_customers))
        .route("/staff/customers/{id}", get(staff_customer))
        .route("/staff/customers/{id}/note", post(staff_note))
        .route("/staff/export.csv", get(staff_export))
        .fallback(|| async { Problem::NotFound })
        .method_not_allowed_fallback(|| async { Problem::Method })
        .layer(DefaultBodyLimit::max(NOTE_BODY_BYTES_MAX))
        .with_state(desk)
}

/// What went wrong, as the shop says it: `{"error": "<word>"}`.
#[derive(Debug)]
pub(crate) enum Problem {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    Method,
    Unavailable,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, word) = match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        (status, Json(json!({ "error": word }))).into_response()
    }
}

impl From<StoreError> for Problem {
    fn from(_: StoreError) -> Self {
        Self::Unavailable
    }
}

impl From<QueryRejection> for Problem {
    fn from(_: QueryRejection) -> Self {
        Self::BadRequest
    }
}

impl FromRequestParts<Arc<Desk>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, desk: &Arc<Desk>) -> Result<Self, Problem> {
        desk.verifier.caller(parts).await.map_err(|denied| match denied {
            Denied::Unauthorized => Problem::Unauthorized,
            Denied::KeysUnavailable => Problem::Unavailable,
        })
    }
}

impl Caller {
    /// The caller's number, if he is of that kind.
    fn numbered(&self, kind: &str) -> Result<i64, Problem> {
        if self.kind == kind { number(&self.sub) } else { Err(Problem::Forbidden) }
    }

    fn staff(&self) -> Result<(), Problem> {
        match self.kind.as_str() {
            "person" | "service" => Ok(()),
            _ => Err(Problem::Forbidden),
        }
    }
}

/// An id of the shop's; what is none is an id of nobody.
fn number(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| Problem::NotFound)
}

#[derive(Deserialize)]
struct Paging {
    page: Option<i64>,
    seller: Option<i64>,
}

type Asked = Result<Query<Paging>, QueryRejection>;

impl Paging {
    fn page(&self) -> Result<i64, Problem> {
        let page = self.page.unwrap_or(1);
        if (1..=PAGE_MAX).contains(&page) { Ok(page) } else { Err(Problem::BadRequest) }
    }
}

async fn me(State(desk): Shared, caller: Caller) -> Result<Json<Customer>, Problem> {
    let id = caller.numbered("customer")?;
    let found = desk.store.read(move |conn| store::customer(conn, id)).await?;
    found.map(Json).ok_or(Problem::NotFound)
}

async fn my_addresses(State(desk): Shared, caller: Caller) -> Page {
    let id = caller.numbered("customer")?;
    let mut all = desk.store.read(move |conn| store::addresses(conn, id)).await?;
    if all.is_empty() {
        return Err(Problem::NotFound);
    }
    for one in &mut all {
        one.door_code = "****".to_owned();
    }
    Ok(Json(json!({ "customer_id": id, "addresses": all })))
}

async fn my_address(
    State(desk): Shared,
    caller: Caller,
    Path(address): Path<String>,
) -> Result<Json<Address>, Problem> {
    let (id, address) = (caller.numbered("customer")?, number(&address)?);
    let found = desk.store.read(move |conn| store::address(conn, id, address)).await?;
    found.map(Json).ok_or(Problem::NotFound)
}

async fn my_orders(State(desk): Shared, caller: Caller) -> Page {
    let id = caller.numbered("customer")?;
    let found = desk.store.read(move |conn| {
        let known = store::customer(conn, id)?.is_some();
        Ok((known, store::orders_of(conn, id)?))
    });
    match found.await? {
        (true, orders) => Ok(Json(json!({ "customer_id": id, "orders": orders }))),
        (false, _) => Err(Problem::NotFound),
    }
}

/// Careless on purpose: whose orders is for the caller to say.
async fn seller_orders(State(desk): Shared, caller: Caller, asked: Asked) -> Page {
    let own = caller.numbered("seller")?;
    let tenant = caller.tenant.as_deref().map_or(Ok(own), number)?;
    let Query(asked) = asked?;
    let (page, wanted) = (asked.page()?, asked.seller.unwrap_or(tenant));
    let found = desk.store.read(move |conn| {
        let Some(seller) = store::seller_of(conn, wanted)? else { return Ok(None) };
        store::sold(conn, seller, page).map(Some)
    });
    let (total, orders) = found.await?.ok_or(Problem::NotFound)?;
    Ok(Json(json!({ "page": page, "total": total, "orders": orders })))
}

/// Careless on purpose, too.
async fn seller_order(State(desk): Shared, caller: Caller, Path(order): Path<String>) -> Response {
    let found = async {
        caller.numbered("seller")?;
        let order = number(&order)?;
        let found = desk.store.read(move |conn| store::sold_one(conn, order)).await?;
        found.map(Json).ok_or(Problem::NotFound)
    };
    found.await.into_response()
}

async fn rider_jobs(State(desk): Shared, caller: Caller) -> Page {
    let rider = caller.numbered("rider")?;
    let jobs = desk.store.read(move |conn| store::jobs(conn, rider)).await?;
    Ok(Json(json!({ "jobs": jobs.ok_or(Problem::NotFound)? })))
}

async fn staff_customer(State(desk): Shared, caller: Caller, Path(id): Path<String>) -> Response {
    let found = async {
        caller.staff()?;
        let id = number(&id)?;
        let found = desk.store.read(move |conn| store::file(conn, id)).await?;
        found.map(Json).ok_or(Problem::NotFound)
    };
    found.await.into_response()
}

async fn staff_customers(State(desk): Shared, caller: Caller, asked: Asked) -> Page {
    caller.staff()?;
    let page = asked?.page()?;
    let customers = desk.store.read(move |conn| store::customers_page(conn, page)).await?;
    let total = desk.store.customers();
    Ok(Json(json!({ "page": page, "total": total, "customers": customers })))
}

#[derive(Deserialize)]
struct NewNote {
    note: String,
}

async fn staff_note(
    State(desk): Shared,
    caller: Caller,
    Path(id): Path<String>,
    body: Result<Json<NewNote>, JsonRejection>,
) -> Page {
    caller.staff()?;
    let id = number(&id)?;
    let Ok(Json(NewNote { note })) = body else { return Err(Problem::BadRequest) };
    let at = i64::try_from(desk.clock.unix_seconds()).unwrap_or(i64::MAX);
    if desk.store.add_note(id, caller.sub, at, note).await? {
        Ok(Json(json!({ "ok": true, "customer_id": id })))
    } else {
        Err(Problem::NotFound)
    }
}

async fn staff_export(State(desk): Shared, caller: Caller) -> Result<Response, Problem> {
    caller.staff()?;
    let (rows, out) = mpsc::channel(EXPORT_QUEUE);
    tokio::spawn(export(Arc::clone(&desk.store), rows));
    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    Ok((kind, Body::from_stream(ReceiverStream::new(out))).into_response())
}

/// Everybody, a batch at a time; stops when the reader is gone.
async fn export(store: Arc<Store>, out: mpsc::Sender<io::Result<Bytes>>) {
    let mut text = "id,name,email,phone,grade\r\n".to_owned();
    let mut last = 0;
    loop {
        if out.send(Ok(Bytes::from(std::mem::take(&mut text)))).await.is_err() {
            return;
        }
        let batch = match store.read(move |conn| store::customers_after(conn, last)).await {
            Ok(batch) => batch,
            Err(error) => {
                // A cut connection tells the reader that this was not all.
                let _gone = out.send(Err(io::Error::other(error))).await;
                return;
            }
        };
        let Some(end) = batch.last() else { return };
        last = end.id;
        for it in &batch {
            let id = it.id.to_string();
            for (nth, cell) in
                [&id, &it.name, &it.email, &it.phone, &it.grade].into_iter().enumerate()
            {
                if nth > 0 {
                    text.push(',');
                }
                push_cell(&mut text, cell);
            }
            text.push_str("\r\n");
        }
    }
}

/// RFC 4180 §2: quoted when it must be.
fn push_cell(text: &mut String, cell: &str) {
    if cell.contains(['"', ',', '\r', '\n']) {
        text.push('"');
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(cell);
    }
}
