//! The shop's database: what each page reads, and the one thing that is written (notes).
//! Decides nothing about who may see what: that is what is wrong with this shop.
//! Blocking work runs on tokio's blocking threads, with at most four readers at a time.
//! Best test: `tests/shop.rs`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, Row};
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::limits::{BATCH_ROWS, LIST_ROWS_MAX, NOTES_SHOWN_MAX, PAGE_ROWS, READERS_MAX};
use crate::schema::{FIRST_ORDER_ID, VERSION};

/// Why the database gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("the shop's database gave no answer")]
    Database(#[from] rusqlite::Error),
    /// The file is no shop of this version: generate one.
    #[error("the file is not a shop of version {VERSION}")]
    NotAShop,
    /// The work was broken off.
    #[error("the shop is stopping")]
    Stopped,
}

type Answer<T> = Result<T, rusqlite::Error>;

/// A customer as shown to himself and in the staff's list.
#[derive(Debug, Serialize)]
pub(crate) struct Customer {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) phone: String,
    pub(crate) grade: String,
}

/// An entry of a customer's address book.
#[derive(Debug, Serialize)]
pub(crate) struct Address {
    id: i64,
    customer_id: i64,
    label: String,
    recipient_customer_id: Option<i64>,
    recipient_name: String,
    recipient_phone: String,
    address: String,
    postcode: String,
    pub(crate) door_code: String,
}

/// An order as its buyer sees it.
#[derive(Debug, Serialize)]
pub(crate) struct OwnOrder {
    id: i64,
    seller_id: i64,
    placed_at: String,
    goods: String,
    amount: i64,
}

/// A customer as a seller or rider sees him.
#[derive(Debug, Serialize)]
pub(crate) struct Buyer {
    customer_id: i64,
    name: String,
    phone: String,
    address: String,
}

/// An order as a seller sees it.
#[derive(Debug, Serialize)]
pub(crate) struct SoldOrder {
    id: i64,
    seller_id: i64,
    placed_at: String,
    goods: String,
    amount: i64,
    buyer: Buyer,
}

/// A rider's job.
#[derive(Debug, Serialize)]
pub(crate) struct Job {
    id: i64,
    rider_id: i64,
    order_id: i64,
    customer: Buyer,
}

/// A note of the staff.
#[derive(Debug, Serialize)]
pub(crate) struct Note {
    at_unix: i64,
    text: String,
}

/// Everything the shop knows about a customer.
#[derive(Debug, Serialize)]
pub(crate) struct CustomerFile {
    #[serde(flatten)]
    customer: Customer,
    joined_on: String,
    addresses: Vec<Address>,
    notes: Vec<Note>,
}

/// The open database. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    customers: i64,
    readers: Mutex<Vec<Connection>>,
    reading: Arc<Semaphore>,
    writer: Mutex<Connection>,
}

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let writer = connect(path)?;
        let recipe: Option<String> = writer
            .query_row("SELECT value FROM meta WHERE key = 'recipe'", [], |row| row.get(0))
            .optional()
            .map_err(|_| StoreError::NotAShop)?;
        let wanted = format!("version {VERSION},");
        if !recipe.is_some_and(|recipe| recipe.starts_with(&wanted)) {
            return Err(StoreError::NotAShop);
        }
        writer.pragma_update(None, "journal_mode", "WAL")?;
        let customers = writer.query_row("SELECT count(*) FROM customers", [], |row| row.get(0))?;
        Ok(Self {
            path: path.to_owned(),
            customers,
            readers: Mutex::new(Vec::new()),
            reading: Arc::new(Semaphore::new(READERS_MAX)),
            writer: Mutex::new(writer),
        })
    }

    /// How many customers there are; none is added or removed while the shop runs.
    pub(crate) fn customers(&self) -> i64 {
        self.customers
    }

    /// Runs `ask` on a connection of its own, off the async threads.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        ask: impl FnOnce(&Connection) -> Answer<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.reading).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::Stopped)?;
        let store = Arc::clone(self);
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let idle = store.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let conn = match idle {
                Some(conn) => conn,
                None => connect_reader(&store.path)?,
            };
            let answer = ask(&conn);
            store.readers.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            Ok(answer?)
        });
        work.await.map_err(|_| StoreError::Stopped)?
    }

    /// Adds a note; `false` when there is no such customer.
    pub(crate) async fn add_note(
        self: &Arc<Self>,
        customer: i64,
        author: String,
        at_unix: i64,
        text: String,
    ) -> Result<bool, StoreError> {
        let store = Arc::clone(self);
        let work = tokio::task::spawn_blocking(move || {
            let conn = store.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let sql = "INSERT INTO notes (customer_id, author, at_unix, text)
                       SELECT id, ?2, ?3, ?4 FROM customers WHERE id = ?1";
            let mut insert = conn.prepare_cached(sql)?;
            Ok(insert.execute((customer, author, at_unix, text))? == 1)
        });
        work.await.map_err(|_| StoreError::Stopped)?
    }
}

fn connect(path: &Path) -> Answer<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(conn)
}

fn connect_reader(path: &Path) -> Answer<Connection> {
    let conn = connect(path)?;
    conn.pragma_update(None, "query_only", true)?;
    conn.pragma_update(None, "mmap_size", 256 << 20)?;
    Ok(conn)
}

pub(crate) fn customer(conn: &Connection, id: i64) -> Answer<Option<Customer>> {
    let sql = "SELECT id, name, email, phone, grade FROM customers WHERE id = ?1";
    conn.prepare_cached(sql)?.query_row([id], customer_of).optional()
}

pub(crate) fn addresses(conn: &Connection, customer: i64) -> Answer<Vec<Address>> {
    let sql = "SELECT id, customer_id, label, recipient_customer_id, recipient_name,
               recipient_phone, address, postcode, door_code
               FROM addresses WHERE customer_id = ?1 ORDER BY id";
    rows(conn, sql, [customer], address_of)
}

pub(crate) fn address(conn: &Connection, customer: i64, id: i64) -> Answer<Option<Address>> {
    Ok(addresses(conn, customer)?.into_iter().find(|it| it.id == id))
}

pub(crate) fn orders_of(conn: &Connection, customer: i64) -> Answer<Vec<OwnOrder>> {
    let sql = "SELECT id, seller_id, placed_at, goods, amount FROM orders
               WHERE customer_id = ?1 ORDER BY id DESC LIMIT ?2";
    rows(conn, sql, [customer, LIST_ROWS_MAX], |row| {
        Ok(OwnOrder {
            id: row.get(0)?,
            seller_id: row.get(1)?,
            placed_at: row.get(2)?,
            goods: row.get(3)?,
            amount: row.get(4)?,
        })
    })
}

/// The seller meant by `number`: a seller id, or an order number whose seller is meant.
pub(crate) fn seller_of(conn: &Connection, number: i64) -> Answer<Option<i64>> {
    let sql = if number >= FIRST_ORDER_ID {
        "SELECT seller_id FROM orders WHERE id = ?1"
    } else {
        "SELECT id FROM sellers WHERE id = ?1"
    };
    conn.prepare_cached(sql)?.query_row([number], |row| row.get(0)).optional()
}

/// One page of a seller's orders, newest first, and how many there are in all.
pub(crate) fn sold(conn: &Connection, seller: i64, page: i64) -> Answer<(i64, Vec<SoldOrder>)> {
    let count = "SELECT count(*) FROM orders WHERE seller_id = ?1";
    let total = conn.prepare_cached(count)?.query_row([seller], |row| row.get(0))?;
    let sql = format!("{SOLD} WHERE o.seller_id = ?1 ORDER BY o.id DESC LIMIT ?2 OFFSET ?3");
    let at = (page - 1) * PAGE_ROWS;
    Ok((total, rows(conn, &sql, [seller, PAGE_ROWS, at], sold_of)?))
}

pub(crate) fn sold_one(conn: &Connection, order: i64) -> Answer<Option<SoldOrder>> {
    let sql = format!("{SOLD} WHERE o.id = ?1");
    conn.prepare_cached(&sql)?.query_row([order], sold_of).optional()
}

/// The rider's jobs; `None` when there is no such rider.
pub(crate) fn jobs(conn: &Connection, rider: i64) -> Answer<Option<Vec<Job>>> {
    let known: Option<i64> = conn
        .prepare_cached("SELECT id FROM riders WHERE id = ?1")?
        .query_row([rider], |row| row.get(0))
        .optional()?;
    if known.is_none() {
        return Ok(None);
    }
    let sql = "SELECT j.id, j.rider_id, j.order_id, c.id, c.name, c.phone, a.address
               FROM jobs j JOIN orders o ON o.id = j.order_id
               JOIN customers c ON c.id = o.customer_id JOIN addresses a ON a.id = o.address_id
               WHERE j.rider_id = ?1 ORDER BY j.id LIMIT ?2";
    let all = rows(conn, sql, [rider, LIST_ROWS_MAX], |row| {
        Ok(Job {
            id: row.get(0)?,
            rider_id: row.get(1)?,
            order_id: row.get(2)?,
            customer: buyer_of(row, 3)?,
        })
    })?;
    Ok(Some(all))
}

pub(crate) fn file(conn: &Connection, id: i64) -> Answer<Option<CustomerFile>> {
    let Some(customer) = customer(conn, id)? else { return Ok(None) };
    let joined_on = conn
        .prepare_cached("SELECT joined_on FROM customers WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    let sql = "SELECT at_unix, text FROM notes WHERE customer_id = ?1 ORDER BY id DESC LIMIT ?2";
    let notes = rows(conn, sql, [id, NOTES_SHOWN_MAX], |row| {
        Ok(Note { at_unix: row.get(0)?, text: row.get(1)? })
    })?;
    Ok(Some(CustomerFile { customer, joined_on, addresses: addresses(conn, id)?, notes }))
}

pub(crate) fn customers_page(conn: &Connection, page: i64) -> Answer<Vec<Customer>> {
    let sql = "SELECT id, name, email, phone, grade FROM customers ORDER BY id LIMIT ?1 OFFSET ?2";
    rows(conn, sql, [PAGE_ROWS, (page - 1) * PAGE_ROWS], customer_of)
}

/// The next customers after `id`, at most [`BATCH_ROWS`].
pub(crate) fn customers_after(conn: &Connection, id: i64) -> Answer<Vec<Customer>> {
    let sql = "SELECT id, name, email, phone, grade FROM customers WHERE id > ?1
               ORDER BY id LIMIT ?2";
    rows(conn, sql, [id, BATCH_ROWS], customer_of)
}

/// Ids of all customers that exist, ascending; ends after the first error.
#[derive(Debug)]
pub struct CustomerIds {
    conn: Connection,
    ready: VecDeque<i64>,
    last: i64,
    ended: bool,
}

/// Walks the ids of all existing customers in ascending order, a few thousand at a time.
///
/// # Errors
/// [`StoreError::Database`] when the file cannot be opened.
pub fn existing_customer_ids(db: &Path) -> Result<CustomerIds, StoreError> {
    Ok(CustomerIds { conn: connect_reader(db)?, ready: VecDeque::new(), last: 0, ended: false })
}

impl Iterator for CustomerIds {
    type Item = Result<i64, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() && !self.ended {
            let sql = "SELECT id FROM customers WHERE id > ?1 ORDER BY id LIMIT ?2";
            match rows::<i64>(&self.conn, sql, [self.last, BATCH_ROWS], |row| row.get(0)) {
                Ok(ids) => self.ready.extend(ids),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error.into()));
                }
            }
        }
        let id = self.ready.pop_front();
        self.ended |= id.is_none();
        self.last = id.unwrap_or(self.last);
        id.map(Ok)
    }
}

fn rows<T>(
    conn: &Connection,
    sql: &str,
    with: impl Params,
    map: impl FnMut(&Row<'_>) -> Answer<T>,
) -> Answer<Vec<T>> {
    conn.prepare_cached(sql)?.query_map(with, map)?.collect()
}

fn customer_of(row: &Row<'_>) -> Answer<Customer> {
    Ok(Customer {
        id: row.get(0)?,
        name: row.get(1)?,
        email: row.get(2)?,
        phone: row.get(3)?,
        grade: row.get(4)?,
    })
}

fn address_of(row: &Row<'_>) -> Answer<Address> {
    Ok(Address {
        id: row.get(0)?,
        customer_id: row.get(1)?,
        label: row.get(2)?,
        recipient_customer_id: row.get(3)?,
        recipient_name: row.get(4)?,
        recipient_phone: row.get(5)?,
        address: row.get(6)?,
        postcode: row.get(7)?,
        door_code: row.get(8)?,
    })
}

fn sold_of(row: &Row<'_>) -> Answer<SoldOrder> {
    Ok(SoldOrder {
        id: row.get(0)?,
        seller_id: row.get(1)?,
        placed_at: row.get(2)?,
        goods: row.get(3)?,
        amount: row.get(4)?,
        buyer: buyer_of(row, 5)?,
    })
}

/// Four columns from `at` on: id, name, phone, address.
fn buyer_of(row: &Row<'_>, at: usize) -> Answer<Buyer> {
    Ok(Buyer {
        customer_id: row.get(at)?,
        name: row.get(at + 1)?,
        phone: row.get(at + 2)?,
        address: row.get(at + 3)?,
    })
}

const SOLD: &str = "SELECT o.id, o.seller_id, o.placed_at, o.goods, o.amount,
    c.id, c.name, c.phone, a.address
    FROM orders o JOIN customers c ON c.id = o.customer_id JOIN addresses a ON a.id = o.address_id";
