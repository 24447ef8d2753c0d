//! Makes the shop's database: the same file for the same size and seed.
//! Never touches a finished file, and never leaves a half-made one under the final name: rows go to
//! `<db>.partial`, which is synced and then renamed. Best test: `tests/shop.rs`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::draw::Draw;
use crate::people::{self, MEMBERS, OUTSIDERS, Person, RIDERS};
use crate::schema::{
    FIRST_ADDRESS_ID, FIRST_CUSTOMER_ID, FIRST_JOB_ID, FIRST_ORDER_ID, FIRST_RIDER_ID,
    FIRST_SELLER_ID, INDEXES, TABLES, VERSION,
};

/// How large a shop to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    customers: i64,
    sellers: i64,
    riders: i64,
}

impl Size {
    /// 200,000 customers, 500 sellers, 200 riders, 300,000 orders.
    pub const FULL: Self = Self { customers: 200_000, sellers: 500, riders: 200 };

    /// A shop with `customers` customers (held to 100..=5,000,000) and as many sellers, riders and
    /// orders as go with them.
    #[must_use]
    pub fn of_customers(customers: u32) -> Self {
        let customers = i64::from(customers).clamp(100, 5_000_000);
        let sellers = (customers / 40).clamp(2, Self::FULL.sellers);
        let riders = (customers / 100).clamp(2, Self::FULL.riders);
        Self { customers, sellers, riders }
    }

    fn orders(self) -> i64 {
        self.customers + self.customers / 2
    }
}

/// What was made, and the ids a demonstration needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Customers that exist.
    pub customers: i64,
    /// The lowest customer id.
    pub first_customer_id: i64,
    /// The highest customer id.
    pub last_customer_id: i64,
    /// Entries of all address books.
    pub addresses: i64,
    /// Orders.
    pub orders: i64,
    /// Sellers.
    pub sellers: i64,
    /// Riders.
    pub riders: i64,
    /// Riders' jobs.
    pub jobs: i64,
    /// A customer whose address book names himself, another member and somebody who is no member.
    pub customer_id: i64,
    /// An entry of that address book.
    pub customer_address_id: i64,
    /// Another customer.
    pub other_customer_id: i64,
    /// A number between the lowest and the highest id that was never a customer.
    pub missing_customer_id: i64,
    /// A seller.
    pub seller_id: i64,
    /// One of this seller's orders.
    pub seller_order: i64,
    /// Another seller.
    pub other_seller_id: i64,
    /// One of the other seller's orders.
    pub other_seller_order: i64,
    /// A rider with jobs.
    pub rider_id: i64,
}

/// Why no database was made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// A file of that name is there and was not made from this size and seed: choose another name.
    #[error("the file {path} holds another shop ({found}); wanted {wanted}")]
    AnotherShop {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// The database refused: disk, rights or a file that is no database.
    #[error("cannot write the shop's database")]
    Database(#[from] rusqlite::Error),
    /// The file system refused.
    #[error("cannot place the shop's database")]
    File(#[from] io::Error),
    /// The stored summary cannot be read.
    #[error("the shop's summary is damaged")]
    Summary(#[from] serde_json::Error),
}

/// Makes the database at `db`, or finds it already made.
///
/// `progress(done, total)` is called with rows written, about every 1 %. The whole takes a few
/// seconds for [`Size::FULL`].
///
/// # Errors
/// See [`GenerateError`]; after any error the final name is as it was before.
pub fn generate(
    db: &Path,
    size: Size,
    seed: u64,
    mut progress: impl FnMut(u64, u64),
) -> Result<Summary, GenerateError> {
    let wanted = format!("version {VERSION}, {} customers, seed {seed}", size.customers);
    if db.exists() {
        let (found, summary) = read_meta(db)?;
        if found == wanted {
            return Ok(serde_json::from_str(&summary)?);
        }
        return Err(GenerateError::AnotherShop { path: db.to_owned(), found, wanted });
    }
    let partial = beside(db, ".partial");
    remove_if_there(&partial)?;
    // CRASH: from here to the rename a stop leaves only the partial file, removed by the next run.
    let summary = fill(&partial, size, seed, &wanted, &mut progress)?;
    File::open(&partial)?.sync_all()?;
    place(&partial, db)?;
    Ok(summary)
}

/// The summary of a finished database.
///
/// # Errors
/// [`GenerateError`] when the file is missing or is no shop.
pub fn summary(db: &Path) -> Result<Summary, GenerateError> {
    let (_, summary) = read_meta(db)?;
    Ok(serde_json::from_str(&summary)?)
}

fn read_meta(db: &Path) -> Result<(String, String), GenerateError> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let conn = Connection::open_with_flags(db, flags)?;
    let known: Option<i64> = conn
        .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'meta'", [], |row| row.get(0))
        .optional()?;
    if known.is_none() {
        return Ok(("not made by the shop".to_owned(), String::new()));
    }
    let value = |key: &str| {
        conn.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map(Option::unwrap_or_default)
    };
    Ok((value("recipe")?, value("summary")?))
}

fn fill(
    file: &Path,
    size: Size,
    seed: u64,
    recipe: &str,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Summary, GenerateError> {
    let mut conn = Connection::open(file)?;
    // WHY: the file is worth nothing before the rename, so nothing in it need survive a crash.
    conn.pragma_update(None, "journal_mode", "OFF")?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    conn.pragma_update(None, "cache_size", -65_536)?;
    conn.execute_batch(TABLES)?;
    let tx = conn.transaction()?;
    let mut maker = Maker::new(&tx, size, seed, progress);
    maker.trade()?;
    maker.customers()?;
    maker.orders()?;
    maker.jobs()?;
    let summary = maker.summary();
    tx.execute_batch(INDEXES)?;
    let total = maker.total();
    (maker.progress)(total, total);
    let text = serde_json::to_string(&summary)?;
    tx.execute("INSERT INTO meta VALUES ('recipe', ?1), ('summary', ?2)", [recipe, &text])?;
    tx.commit()?;
    // WHY here: SQLite does not wait for its turn to change the mode, so two shops that open one
    // file at the same moment must find it changed.
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.close().map_err(|(_, error)| error)?;
    Ok(summary)
}

struct Maker<'a> {
    conn: &'a Connection,
    size: Size,
    seed: u64,
    progress: &'a mut dyn FnMut(u64, u64),
    rows: u64,
    /// Existing customer ids in order, each with the id of its first address.
    members: Vec<(i64, i64)>,
    addresses: i64,
    jobs: i64,
    /// (customer, address of somebody else in its book) fit to be shown.
    shown: Option<(i64, i64)>,
    first_orders: [i64; 2],
}

impl<'a> Maker<'a> {
    fn new(
        conn: &'a Connection,
        size: Size,
        seed: u64,
        progress: &'a mut dyn FnMut(u64, u64),
    ) -> Self {
        let members = (FIRST_CUSTOMER_ID..)
            .filter(|id| !is_gap(seed, *id))
            .take(usize::try_from(size.customers).unwrap_or(0))
            .map(|id| (id, 0))
            .collect();
        let first_orders = [FIRST_ORDER_ID, FIRST_ORDER_ID + 1];
        Self {
            conn,
            size,
            seed,
            progress,
            rows: 0,
            members,
            addresses: 0,
            jobs: 0,
            shown: None,
            first_orders,
        }
    }

    fn wrote(&mut self) {
        self.rows += 1;
        let total = self.total();
        if self.rows.is_multiple_of((total / 100).max(1)) {
            (self.progress)(self.rows.min(total - 1), total);
        }
    }

    /// Three rows a customer (itself and two addresses on average), and the orders.
    fn total(&self) -> u64 {
        (self.size.customers * 3 + self.size.orders()).unsigned_abs()
    }

    fn trade(&mut self) -> Result<(), rusqlite::Error> {
        let mut seller = self.conn.prepare("INSERT INTO sellers VALUES (?1, ?2)")?;
        for id in FIRST_SELLER_ID..FIRST_SELLER_ID + self.size.sellers {
            let mut draw = Draw::new(self.seed, SELLERS, id);
            let name = format!("{} {}", draw.word(SHOP_WORDS), draw.word(SHOP_KINDS));
            seller.execute(params![id, name])?;
        }
        let mut rider = self.conn.prepare("INSERT INTO riders VALUES (?1, ?2, ?3)")?;
        for id in FIRST_RIDER_ID..FIRST_RIDER_ID + self.size.riders {
            let Person { name, phone, .. } = people::person(self.seed, RIDERS, id);
            rider.execute(params![id, name, phone])?;
        }
        Ok(())
    }

    fn customers(&mut self) -> Result<(), rusqlite::Error> {
        let mut customer =
            self.conn.prepare("INSERT INTO customers VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
        let mut address = self
            .conn
            .prepare("INSERT INTO addresses VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
        for at in 0..self.members.len() {
            let Some((id, _)) = self.members.get(at).copied() else { break };
            let me = people::person(self.seed, MEMBERS, id);
            let mut draw = Draw::new(self.seed, CUSTOMERS, id);
            let email = format!("{}.{id}@example.com", me.latin);
            let grade = draw.word(GRADES);
            customer.execute(params![id, me.name, email, me.phone, grade, joined_on(&mut draw)])?;
            self.wrote();
            let first = FIRST_ADDRESS_ID + self.addresses;
            if let Some(member) = self.members.get_mut(at) {
                member.1 = first;
            }
            let (mut member, mut outsider) = (false, false);
            for nth in 0..=draw.below(3) {
                let to = self.recipient(&mut draw, nth, id);
                member |= to.0.is_some_and(|other| other != id);
                outsider |= to.0.is_none();
                let row = FIRST_ADDRESS_ID + self.addresses;
                let (place, postcode) = people::address(&mut draw);
                let door = people::door_code(&mut draw);
                let label = if nth == 0 { "home" } else { draw.word(LABELS) };
                let (other, name, phone) = (to.0, to.1.name, to.1.phone);
                address
                    .execute(params![row, id, label, other, name, phone, place, postcode, door])?;
                self.addresses += 1;
                self.wrote();
            }
            if self.shown.is_none() && member && outsider && at >= self.members.len() / 2 {
                self.shown = Some((id, first));
            }
        }
        Ok(())
    }

    /// Who receives at the `nth` entry of `owner`'s book: himself at first, later often others.
    fn recipient(&self, draw: &mut Draw, nth: u64, owner: i64) -> (Option<i64>, Person) {
        let dice = if nth == 0 { 0 } else { draw.below(100) };
        if dice >= 70 {
            // The same outsider turns up in several books: a neighbour, a parent, an office.
            let bound = (self.size.customers / 3).unsigned_abs();
            let n = i64::try_from(draw.below(bound)).unwrap_or(0);
            return (None, people::person(self.seed, OUTSIDERS, n));
        }
        let id = if dice >= 40 { draw.of(&self.members).map_or(owner, |it| it.0) } else { owner };
        (Some(id), people::person(self.seed, MEMBERS, id))
    }

    fn orders(&mut self) -> Result<(), rusqlite::Error> {
        let mut order =
            self.conn.prepare("INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        let count = self.size.orders();
        for nth in 0..count {
            let id = FIRST_ORDER_ID + nth;
            let mut draw = Draw::new(self.seed, ORDERS, id);
            // Every seller has an order: the first ones go round.
            let sellers = self.size.sellers;
            let turn = i64::try_from(draw.below(sellers.unsigned_abs())).unwrap_or(0);
            let seller = FIRST_SELLER_ID + if nth < sellers { nth } else { turn };
            // The customer to be shown has bought something.
            let shown = self.shown.filter(|_| (sellers..sellers + 3).contains(&nth));
            let buyer = shown.or_else(|| draw.of(&self.members).copied());
            let Some((customer, address)) = buyer else { break };
            let placed_at = moment(SECONDS_SOLD * nth / count);
            let amount = 1_000 + 100 * i64::try_from(draw.below(2_000)).unwrap_or(0);
            let goods = draw.word(GOODS);
            order.execute(params![id, seller, customer, address, placed_at, goods, amount])?;
            self.wrote();
        }
        Ok(())
    }

    fn jobs(&mut self) -> Result<(), rusqlite::Error> {
        let mut job = self.conn.prepare("INSERT INTO jobs VALUES (?1, ?2, ?3)")?;
        let orders = self.size.orders().unsigned_abs();
        for rider in FIRST_RIDER_ID..FIRST_RIDER_ID + self.size.riders {
            let mut draw = Draw::new(self.seed, JOBS, rider);
            for _ in 0..8 + draw.below(9) {
                let order = FIRST_ORDER_ID + i64::try_from(draw.below(orders)).unwrap_or(0);
                job.execute(params![FIRST_JOB_ID + self.jobs, rider, order])?;
                self.jobs += 1;
            }
        }
        Ok(())
    }

    fn summary(&self) -> Summary {
        let last = self.members.last().map_or(FIRST_CUSTOMER_ID, |it| it.0);
        let first = self.members.first().map_or(FIRST_CUSTOMER_ID, |it| it.0);
        let shown = self.shown.or_else(|| self.members.first().copied());
        let (customer_id, customer_address_id) = shown.unwrap_or((first, FIRST_ADDRESS_ID));
        let others = self.members.iter().map(|it| it.0);
        let missing = (customer_id..last).find(|id| is_gap(self.seed, *id));
        Summary {
            customers: self.size.customers,
            first_customer_id: first,
            last_customer_id: last,
            addresses: self.addresses,
            orders: self.size.orders(),
            sellers: self.size.sellers,
            riders: self.size.riders,
            jobs: self.jobs,
            customer_id,
            customer_address_id,
            other_customer_id: others.skip(7).find(|id| *id != customer_id).unwrap_or(first),
            missing_customer_id: missing.unwrap_or(SURE_GAP_ID),
            seller_id: FIRST_SELLER_ID,
            seller_order: self.first_orders[0],
            other_seller_id: FIRST_SELLER_ID + 1,
            other_seller_order: self.first_orders[1],
            rider_id: FIRST_RIDER_ID,
        }
    }
}

/// Numbers that were never given to anybody: one in 400, as left by sign-ups that failed.
///
/// INVARIANT: the first 17 exist and [`SURE_GAP_ID`] does not, so that a small shop has both.
fn is_gap(seed: u64, id: i64) -> bool {
    id == SURE_GAP_ID || (id > SURE_GAP_ID && Draw::new(seed, GAPS, id).below(400) == 0)
}

/// The `second` of the year 2025 as RFC 3339 (UTC).
fn moment(second: i64) -> String {
    let (mut day, rest) = (second / 86_400, second % 86_400);
    let mut month = 1;
    for length in MONTH_DAYS {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("2025-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", day + 1)
}

fn joined_on(draw: &mut Draw) -> String {
    let (year, month) = (2014 + draw.below(11), 1 + draw.below(12));
    format!("{year}-{month:02}-{:02}", 1 + draw.below(28))
}

/// `<db><suffix>`, in the same directory.
fn beside(db: &Path, suffix: &str) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[expect(clippy::disallowed_methods, reason = "the directory is synced here; no crate of Ward's")]
fn place(partial: &Path, db: &Path) -> io::Result<()> {
    std::fs::rename(partial, db)?;
    match db.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

const SURE_GAP_ID: i64 = FIRST_CUSTOMER_ID + 17;
const SECONDS_SOLD: i64 = 330 * 86_400;
const MONTH_DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const CUSTOMERS: u64 = 11;
const ORDERS: u64 = 12;
const JOBS: u64 = 13;
const SELLERS: u64 = 14;
const GAPS: u64 = 15;

const GRADES: &[&str] = &["bronze", "bronze", "bronze", "silver", "silver", "gold", "vip"];
const LABELS: &[&str] = &["office", "parents", "friend", "gift", "neighbour"];
const SHOP_WORDS: &[&str] = &[
    "가온", "나래", "다온", "라온", "마루", "Bluebird", "Copper", "Harbour", "Juniper", "Lantern",
];
const SHOP_KINDS: &[&str] = &["상회", "스토어", "마켓", "Goods", "Outfitters", "Pantry", "Supply"];
const GOODS: &[&str] = &[
    "물티슈 100매",
    "현미 10kg",
    "제주 감귤 5kg",
    "무선 이어폰",
    "고양이 사료 3kg",
    "기저귀 특대형",
    "유기농 우유 1L",
    "생수 2L 12병",
    "여행용 가방",
    "책상 스탠드",
    "blood pressure monitor",
    "coffee beans 1 kg",
    "desk lamp",
    "dog leash",
    "hair dye",
    "nicotine gum",
    "phone case",
    "rain boots",
    "running shoes",
    "vitamin D",
];
