//! Who may look: one-time links, operator tokens and the sessions they open.
//!
//! What it is: a bounded table in memory of hashed one-time keys and hashed session secrets.
//! What it must never do: hold or print a secret in the clear, read a clock or a random source
//! (both are given), let a link open twice.
//! Where it sits: in front of every page (`guard.rs`).
//! Best test: `sessions/tests.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use ward_model::{ApiKeyId, Caller, UnixMillis, word::ApiKeyKind};

use crate::limits::{
    CLOCK_BACK_MS, LINK_LIFE_MS, LINKS_MAX, SESSION_IDLE_MS, SESSION_LIFE_MS, SESSIONS_MAX,
    TOKEN_BYTES_MAX,
};

/// Reads the wall clock.
pub type Clock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;
/// Fills 32 bytes from the system's random source, or says that it cannot.
pub type Random = Arc<dyn Fn(&mut [u8; 32]) -> bool + Send + Sync>;

/// Checks a presented token; `None` when it opens nothing.
pub type CheckToken = Arc<dyn Fn(&str) -> Option<Caller> + Send + Sync>;
/// Whether an API key still opens anything.
pub type IsLive = Arc<dyn Fn(ApiKeyId) -> bool + Send + Sync>;

/// What the console asks about operator tokens.
#[derive(Clone)]
pub struct Operators {
    /// Checks a presented token; `None` when it opens nothing.
    pub check: CheckToken,
    /// Whether that API key still opens anything: asked for each page, so that a session ends
    /// with the token it was opened by.
    pub is_live: IsLive,
}

/// What opened a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenedBy {
    /// The one-time link printed at start.
    Link,
    /// An operator's token.
    Operator(ApiKeyId),
}

/// A session that is open: known by the hash of its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    id: [u8; 32],
    /// What opened it.
    pub opened_by: OpenedBy,
}

/// All sessions of this process. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    random: Random,
    operators: Operators,
    table: Mutex<Table>,
    ended: watch::Sender<u64>,
}

#[derive(Default)]
struct Table {
    links: Vec<Link>,
    open: HashMap<[u8; 32], Held>,
}

struct Link {
    hash: [u8; 32],
    made_at: UnixMillis,
}

struct Held {
    opened_by: OpenedBy,
    opened_at: UnixMillis,
    seen_at: UnixMillis,
}

impl Sessions {
    /// No sessions yet.
    #[must_use]
    pub fn new(clock: Clock, random: Random, operators: Operators) -> Self {
        let (ended, _) = watch::channel(0);
        let table = Mutex::new(Table::default());
        Self { inner: Arc::new(Inner { clock, random, operators, table, ended }) }
    }

    /// Makes a one-time key, 64 lower-case hex digits, for `/?key=`. Valid once, for
    /// [`LINK_LIFE_MS`]. `None` when the random source fails.
    #[must_use]
    pub fn link(&self) -> Option<String> {
        let (secret, hash) = self.fresh()?;
        let mut table = self.table();
        if table.links.len() >= LINKS_MAX {
            table.links.remove(0);
        }
        table.links.push(Link { hash, made_at: (self.inner.clock)() });
        Some(secret)
    }

    /// Uses up a one-time key. Returns the session's secret (64 hex digits, for the cookie).
    #[must_use]
    pub fn redeem(&self, key: &str) -> Option<String> {
        let presented = hash_of(key)?;
        let now = (self.inner.clock)();
        {
            let mut table = self.table();
            table.links.retain(|link| is_within(link.made_at, now, LINK_LIFE_MS));
            let mut found = None;
            for (at, link) in table.links.iter().enumerate() {
                if bool::from(link.hash.ct_eq(&presented)) {
                    found = Some(at);
                }
            }
            // INVARIANT: the key is gone before its session exists.
            table.links.remove(found?);
        }
        self.open(OpenedBy::Link)
    }

    /// Opens a session for an operator's token. Returns the session's secret.
    #[must_use]
    pub fn sign_in(&self, token: &str) -> Option<String> {
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let caller = (self.inner.operators.check)(token)?;
        match caller.kind {
            ApiKeyKind::Operator => self.open(OpenedBy::Operator(caller.api_key)),
            ApiKeyKind::Person | ApiKeyKind::Service | ApiKeyKind::Scim => None,
        }
    }

    /// The session of a cookie's secret, and counts this as activity.
    #[must_use]
    pub fn enter(&self, secret: &str) -> Option<Session> {
        let id = hash_of(secret)?;
        let session = self.alive(id)?;
        let now = (self.inner.clock)();
        if let Some(held) = self.table().open.get_mut(&id) {
            held.seen_at = now;
        }
        Some(session)
    }

    /// Whether the session is still open. Looking at it is no activity: a page left open alone
    /// must run out.
    #[must_use]
    pub fn is_open(&self, session: &Session) -> bool {
        self.alive(session.id).is_some()
    }

    /// Ends one session and wakes the streams that wait on it.
    pub fn sign_out(&self, session: &Session) {
        self.table().open.remove(&session.id);
        self.inner.ended.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Ends all sessions and spends all links: when the program stops, so that streams end too.
    pub fn close(&self) {
        {
            let mut table = self.table();
            table.links.clear();
            table.open.clear();
        }
        self.inner.ended.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes whenever a session was ended by hand.
    #[must_use]
    pub fn ended(&self) -> watch::Receiver<u64> {
        self.inner.ended.subscribe()
    }

    fn open(&self, opened_by: OpenedBy) -> Option<String> {
        let (secret, id) = self.fresh()?;
        let now = (self.inner.clock)();
        let mut table = self.table();
        table.open.retain(|_, held| held.is_alive(now));
        if table.open.len() >= SESSIONS_MAX {
            let idlest = table.open.iter().min_by_key(|(_, held)| held.seen_at).map(|(id, _)| *id);
            if let Some(idlest) = idlest {
                table.open.remove(&idlest);
            }
        }
        table.open.insert(id, Held { opened_by, opened_at: now, seen_at: now });
        Some(secret)
    }

    fn alive(&self, id: [u8; 32]) -> Option<Session> {
        let now = (self.inner.clock)();
        let opened_by = {
            let mut table = self.table();
            let held = table.open.get(&id)?;
            if !held.is_alive(now) {
                table.open.remove(&id);
                return None;
            }
            held.opened_by
        };
        if let OpenedBy::Operator(api_key) = opened_by
            && !(self.inner.operators.is_live)(api_key)
        {
            self.table().open.remove(&id);
            return None;
        }
        Some(Session { id, opened_by })
    }

    /// A random secret in hex and its hash.
    fn fresh(&self) -> Option<(String, [u8; 32])> {
        let mut bytes = [0; 32];
        if !(self.inner.random)(&mut bytes) || bytes == [0; 32] {
            return None;
        }
        let secret = HEXLOWER.encode(&bytes);
        let hash = hash_of(&secret)?;
        Some((secret, hash))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.inner.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn is_alive(&self, now: UnixMillis) -> bool {
        is_within(self.seen_at, now, SESSION_IDLE_MS)
            && is_within(self.opened_at, now, SESSION_LIFE_MS)
    }
}

/// Whether `now` lies less than `life_ms` after `from`. WHY the lower bound: a clock set back must
/// not lengthen what is open.
fn is_within(from: UnixMillis, now: UnixMillis, life_ms: i64) -> bool {
    let age = now.since(from);
    age > -CLOCK_BACK_MS && age < life_ms
}

/// The hash under which a secret is held; `None` when it is not 64 lower-case hex digits.
fn hash_of(secret: &str) -> Option<[u8; 32]> {
    if secret.len() != 64 {
        return None;
    }
    HEXLOWER.decode(secret.as_bytes()).ok()?;
    Some(Sha256::digest(secret.as_bytes()).into())
}

#[cfg(test)]
mod tests;
