//! The shop's tables and the few facts of their ids. Names of columns are the shop's own business:
//! nothing of Ward reads this file. Best test: `tests/shop.rs`.

/// The first customer id ever given.
pub const FIRST_CUSTOMER_ID: i64 = 100_001;
/// The first seller id.
pub const FIRST_SELLER_ID: i64 = 5_001;
/// The first rider id.
pub const FIRST_RIDER_ID: i64 = 8_001;
/// The first order number; every id of another kind is below it.
pub const FIRST_ORDER_ID: i64 = 10_000_001;
/// The first address id.
pub(crate) const FIRST_ADDRESS_ID: i64 = 3_000_001;
/// The first job id.
pub(crate) const FIRST_JOB_ID: i64 = 700_001;

/// Version of the tables; a file of another version is refused.
pub(crate) const VERSION: u32 = 1;

pub(crate) const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL,
    grade TEXT NOT NULL, joined_on TEXT NOT NULL);
CREATE TABLE addresses (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, label TEXT NOT NULL,
    recipient_customer_id INTEGER, recipient_name TEXT NOT NULL, recipient_phone TEXT NOT NULL,
    address TEXT NOT NULL, postcode TEXT NOT NULL, door_code TEXT NOT NULL);
CREATE TABLE sellers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE riders (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, seller_id INTEGER NOT NULL, customer_id INTEGER NOT NULL,
    address_id INTEGER NOT NULL, placed_at TEXT NOT NULL, goods TEXT NOT NULL,
    amount INTEGER NOT NULL);
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, rider_id INTEGER NOT NULL, order_id INTEGER NOT NULL);
CREATE TABLE notes (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, author TEXT NOT NULL,
    at_unix INTEGER NOT NULL, text TEXT NOT NULL);
";

/// Made after the rows: three times faster than keeping them in order while inserting.
pub(crate) const INDEXES: &str = "
CREATE INDEX addresses_by_customer ON addresses (customer_id);
CREATE INDEX orders_by_seller ON orders (seller_id);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE INDEX jobs_by_rider ON jobs (rider_id);
CREATE INDEX notes_by_customer ON notes (customer_id);
";
