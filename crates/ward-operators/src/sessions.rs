//! Sessions of operators: each is one person's, in one browser, for a while.
//!
//! In memory on purpose: whoever copies the disk finds no session, and a restart signs everyone
//! out. What is kept is the hash of a secret that only the browser has; its opening is recorded
//! before the secret leaves.
//! What it must never do: hold or print a secret, let a link open twice, or let a session outlive
//! its person's office or the passkey it was opened by.
//! Read first: [`fate`] (pure). Best test: `sessions/tests.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use ward_model::record::{SessionEnded, SessionOpened};
use ward_model::word::{AlertKind, ApiKeyKind, Role, SessionEnd, SignInMethod};
use ward_model::{
    ApiKeyId, Caller, PasskeyId, PersonId, Record, Roles, Secret, SessionId, UnixMillis,
};
use ward_signin::oidc::Subject;

use crate::api::Random;
use crate::approval::decide::alert;
use crate::desk::{Desk, Outside, Unavailable};
use crate::limits::{
    CLOCK_BACK_MS, LINK_LIFE_MS, LINKS_MAX, OWED_MAX, SESSION_IDLE_MS, SESSION_LIFE_MS,
    SESSIONS_MAX, SESSIONS_OF_ONE_MAX, STEP_UP_MS,
};
use crate::operators::Operators;
use crate::throttle::prefix_of;

/// How long sessions live, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRules {
    /// After the last page.
    pub idle_ms: i64,
    /// After the beginning, whatever happens.
    pub life_ms: i64,
    /// For how long a proof serves for dangerous acts.
    pub step_up_ms: i64,
}

impl Default for SessionRules {
    fn default() -> Self {
        Self { idle_ms: SESSION_IDLE_MS, life_ms: SESSION_LIFE_MS, step_up_ms: STEP_UP_MS }
    }
}

/// The browser a session is bound to: SHA-256 over its `User-Agent`. Whoever steals a cookie and
/// not this is found out; it is no secret, and no more is claimed of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Browser([u8; 32]);

impl Browser {
    /// Of the `User-Agent` it sent; empty when it sent none.
    #[must_use]
    pub fn of(user_agent: &[u8]) -> Self {
        Self(Sha256::digest(user_agent).into())
    }
}

/// The identity provider's side of a session.
#[derive(Clone, PartialEq, Eq)]
pub struct AtProvider {
    /// Who he is there: whose proof counts when he proves it again.
    pub subject: Subject,
    /// SHA-256 over issuer and subject.
    pub person: [u8; 32],
    /// SHA-256 over issuer and the provider's session, if it names one.
    pub session: Option<[u8; 32]>,
    /// What his groups there let him do: no more than this.
    pub roles: Roles,
}

/// A session that is to be opened.
pub struct Opening {
    /// Whose.
    pub person: PersonId,
    /// How he proved who he is.
    pub how: SignInMethod,
    /// By which passkey; none by another proof.
    pub passkey: PasskeyId,
    /// By which identity provider's word.
    pub provider: Option<AtProvider>,
    /// When he last proved it; 0 when that is not known.
    pub proven_at: UnixMillis,
    /// From where: IPv6 or v4-mapped.
    pub source: [u8; 16],
    /// In which browser.
    pub browser: Browser,
}

/// A session that is open.
#[derive(Clone)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// Whose.
    pub person: PersonId,
    /// How he proved who he is.
    pub how: SignInMethod,
    /// By which passkey; none by another proof.
    pub passkey: PasskeyId,
    /// The identity provider's side.
    pub provider: Option<AtProvider>,
    /// Its beginning.
    pub opened_at: UnixMillis,
    /// Its last page.
    pub seen_at: UnixMillis,
    /// The last proof of who he is; 0 when that is not known.
    pub proven_at: UnixMillis,
    /// Its absolute end.
    pub ends_at: UnixMillis,
    /// The /48 or v4-mapped /24 it was opened from.
    pub prefix: [u8; 16],
    browser: Browser,
}

impl Session {
    /// Whether more can be done in it than looking: a one-time link proves nobody's presence.
    #[must_use]
    pub fn may_act(&self) -> bool {
        self.how != SignInMethod::Enrolment || self.passkey != PasskeyId::NONE
    }
}

/// What becomes of a session when it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    Alive,
    /// It has reached its end.
    Over,
    /// It ends before its time.
    Ended(SessionEnd),
}

/// Decides. `browser` is where its cookie came from, when it came. Pure.
#[must_use]
pub fn fate(
    session: &Session,
    browser: Option<Browser>,
    operators: &Operators,
    rules: &SessionRules,
    now: UnixMillis,
) -> Fate {
    // WHY the lower bounds: a clock set back must not lengthen what is open.
    let age = now.since(session.opened_at);
    if age >= rules.life_ms || age < -CLOCK_BACK_MS {
        return Fate::Over;
    }
    if browser.is_some_and(|it| it != session.browser) {
        return Fate::Ended(SessionEnd::Stolen);
    }
    if operators.office(session.person).is_none() {
        return Fate::Ended(SessionEnd::Left);
    }
    let by = session.passkey;
    let is_his = |it: &crate::operators::Passkey| it.person == session.person;
    if by != PasskeyId::NONE && !operators.passkey(by).is_some_and(is_his) {
        return Fate::Ended(SessionEnd::Revoked);
    }
    let idle = now.since(session.seen_at);
    if idle >= rules.idle_ms || idle < -CLOCK_BACK_MS {
        return Fate::Ended(SessionEnd::Idle);
    }
    Fate::Alive
}

/// Why no session was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// He is no operator, or his passkey is not registered: blame the input.
    #[error("no operator, or no passkey of his")]
    NoOffice,
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why no session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndError {
    /// There is none of this number.
    #[error("no such session is open")]
    NotFound,
    /// It is another person's.
    #[error("only its owner, or an operator of operators, ends a session")]
    NotYours,
}

/// All sessions of this process. Cheap to clone.
pub struct Sessions<E>(Arc<Inner<E>>);

impl<E> Clone for Sessions<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<E> {
    desk: Desk<E>,
    rules: SessionRules,
    random: Random,
    table: Mutex<Table>,
    ended: watch::Sender<u64>,
}

#[derive(Default)]
struct Table {
    links: Vec<Link>,
    open: HashMap<[u8; 32], Session>,
    /// Records of ends that the journal has not taken yet.
    owed: Vec<Record>,
}

struct Link {
    hash: [u8; 32],
    person: PersonId,
    made_at: UnixMillis,
}

impl<E: Outside> Sessions<E> {
    /// No sessions yet. Call [`Sessions::tend`] from time to time.
    #[must_use]
    pub fn new(desk: Desk<E>, rules: SessionRules, random: Random) -> Self {
        let (ended, _) = watch::channel(0);
        Self(Arc::new(Inner { desk, rules, random, table: Mutex::default(), ended }))
    }

    /// Opens a session, always with a fresh secret; `instead_of` is the one the same browser has
    /// open, which ends. Gives the secret (64 lower-case hex digits, for the cookie) once the
    /// opening is on record.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is open.
    pub async fn open(
        &self,
        opening: Opening,
        instead_of: Option<&Session>,
    ) -> Result<(Secret<String>, Session), OpenError> {
        let now = self.0.desk.now();
        let (secret, hash) = self.fresh();
        let (_, number) = self.fresh();
        let number = number.first_chunk::<8>().map_or(1, |head| i64::from_le_bytes(*head));
        let session = Session {
            id: SessionId((number & i64::MAX).max(1)),
            person: opening.person,
            how: opening.how,
            passkey: opening.passkey,
            opened_at: now,
            seen_at: now,
            proven_at: opening.proven_at,
            ends_at: now.plus_ms(self.0.rules.life_ms),
            prefix: prefix_of(opening.source),
            browser: opening.browser,
            provider: opening.provider,
        };
        if self.fate(&session, None) != Fate::Alive {
            return Err(OpenError::NoOffice);
        }
        let opened = SessionOpened {
            session: session.id,
            person: session.person,
            how: session.how,
            passkey: session.passkey,
            provider_session: session.provider.as_ref().map_or([0; 32], |it| it.person),
            expires_at: session.ends_at,
            source: opening.source,
        };
        // CRASH: before this nothing is open; after it a session is on record that nobody has.
        self.0.desk.outside().append(vec![opened.into()]).await?;
        let gone = self.table().put(hash, session.clone());
        self.ended(gone, SessionEnd::Revoked).await;
        if let Some(old) = instead_of {
            self.sign_out(old).await;
        }
        Ok((secret, session))
    }

    /// The session of a cookie's secret, and counts this as activity. A cookie from another browser
    /// than the session's ends it, and everyone is alerted.
    pub async fn enter(&self, secret: &str, browser: Browser) -> Option<Session> {
        let hash = hash_of(secret)?;
        let now = self.0.desk.now();
        let session = self.table().open.get(&hash).cloned()?;
        match self.fate(&session, Some(browser)) {
            Fate::Alive => {}
            Fate::Over => {
                self.table().open.remove(&hash);
                return None;
            }
            Fate::Ended(how) => {
                let gone = self.table().open.remove(&hash);
                self.ended(gone.into_iter().collect(), how).await;
                return None;
            }
        }
        let mut table = self.table();
        let held = table.open.get_mut(&hash)?;
        held.seen_at = now;
        Some(held.clone())
    }

    /// Whether a session is still open. Looking at it is no activity: a page left open alone must
    /// run out.
    #[must_use]
    pub fn is_open(&self, id: SessionId) -> bool {
        self.of(id).is_some()
    }

    /// A session that is open, by its number.
    #[must_use]
    pub fn of(&self, id: SessionId) -> Option<Session> {
        let found = self.table().open.values().find(|it| it.id == id).cloned()?;
        (self.fate(&found, None) == Fate::Alive).then_some(found)
    }

    /// Everything that is open, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Session> {
        let mut all: Vec<Session> = self.table().open.values().cloned().collect();
        all.retain(|it| self.fate(it, None) == Fate::Alive);
        all.sort_by_key(|it| (core::cmp::Reverse(it.opened_at), it.id));
        all
    }

    /// Who acts in a session: with no more roles than his office, his groups at the identity
    /// provider, and the session itself leave him.
    #[must_use]
    pub fn caller(&self, session: &Session) -> Caller {
        let office = self.0.desk.read(|it| it.operators().roles(session.person));
        let cap = session.provider.as_ref().map_or(office, |it| it.roles);
        let roles = if session.may_act() { office.and(cap) } else { Roles::of(&[Role::Audit]) };
        Caller {
            api_key: ApiKeyId::NONE,
            kind: ApiKeyKind::Operator,
            session: session.id,
            person: session.person,
            roles,
        }
    }

    /// Whether its person proved who he is so lately that he may do dangerous acts.
    #[must_use]
    pub fn is_fresh(&self, session: &Session) -> bool {
        let age = self.0.desk.now().since(session.proven_at);
        age < self.0.rules.step_up_ms && age > -CLOCK_BACK_MS
    }

    /// Its person has just proved again who he is.
    pub fn proved(&self, id: SessionId) {
        let now = self.0.desk.now();
        if let Some(held) = self.table().open.values_mut().find(|it| it.id == id) {
            held.proven_at = now;
        }
    }

    /// Its owner signs out; streams that wait on it wake.
    pub async fn sign_out(&self, session: &Session) {
        let gone = self.table().take(|it| it.id == session.id);
        self.ended(gone, SessionEnd::SignedOut).await;
    }

    /// Ends a session: its owner's, or by an operator of operators.
    ///
    /// # Errors
    /// [`EndError`].
    pub async fn end(&self, id: SessionId, by: &Caller) -> Result<(), EndError> {
        let session = self.of(id).ok_or(EndError::NotFound)?;
        if session.person != by.person && !by.roles.contains(Role::Operators) {
            return Err(EndError::NotYours);
        }
        let gone = self.table().take(|it| it.id == id);
        self.ended(gone, SessionEnd::Revoked).await;
        Ok(())
    }

    /// Ends what the identity provider says is over: sessions of that person there, or of that
    /// session there, or what fits both when both are named (Back-Channel Logout 1.0 §2.7). Says
    /// how many.
    pub async fn end_provider(&self, person: Option<[u8; 32]>, session: Option<[u8; 32]>) -> usize {
        let fits = |it: &AtProvider| {
            person.is_none_or(|person| person == it.person)
                && session.is_none_or(|session| Some(session) == it.session)
                && (person.is_some() || session.is_some())
        };
        let gone = self.table().take(|it| it.provider.as_ref().is_some_and(fits));
        let count = gone.len();
        self.ended(gone, SessionEnd::BackChannel).await;
        count
    }

    /// A one-time key, 64 lower-case hex digits, that opens a session in which `person` can look
    /// and nothing else: for `ward demo`. Valid once, for [`LINK_LIFE_MS`].
    #[must_use]
    pub fn link(&self, person: PersonId) -> Secret<String> {
        let (secret, hash) = self.fresh();
        let made_at = self.0.desk.now();
        let mut table = self.table();
        if table.links.len() >= LINKS_MAX {
            table.links.remove(0);
        }
        table.links.push(Link { hash, person, made_at });
        secret
    }

    /// Uses up a one-time key.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::NoOffice`] when the key opens nothing.
    pub async fn redeem(
        &self,
        key: &str,
        source: [u8; 16],
        browser: Browser,
    ) -> Result<(Secret<String>, Session), OpenError> {
        let person = self.spend(key).ok_or(OpenError::NoOffice)?;
        let (how, passkey) = (SignInMethod::Enrolment, PasskeyId::NONE);
        let proven_at = UnixMillis::new(0);
        let provider = None;
        let opening = Opening { person, how, passkey, provider, proven_at, source, browser };
        self.open(opening, None).await
    }

    fn spend(&self, key: &str) -> Option<PersonId> {
        let presented = hash_of(key)?;
        let now = self.0.desk.now();
        let mut table = self.table();
        table.links.retain(|link| {
            let age = now.since(link.made_at);
            age < LINK_LIFE_MS && age > -CLOCK_BACK_MS
        });
        let mut found = None;
        for (at, link) in table.links.iter().enumerate() {
            if bool::from(link.hash.ct_eq(&presented)) {
                found = Some(at);
            }
        }
        // INVARIANT: the key is gone before its session exists.
        Some(table.links.remove(found?).person)
    }

    /// Ends what is over, and records ends that the journal could not take before.
    ///
    /// # Errors
    /// [`Unavailable`]: call again.
    pub async fn tend(&self) -> Result<(), Unavailable> {
        let all: Vec<Session> = self.table().open.values().cloned().collect();
        for session in all {
            match self.fate(&session, None) {
                Fate::Alive => {}
                Fate::Over => drop(self.table().take(|it| it.id == session.id)),
                Fate::Ended(how) => {
                    let gone = self.table().take(|it| it.id == session.id);
                    self.ended(gone, how).await;
                }
            }
        }
        self.settle().await
    }

    /// Ends all sessions and spends all links, without a record: when the program stops, so that
    /// streams end too.
    pub fn close(&self) {
        *self.table() = Table::default();
        self.0.ended.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Changes whenever a session has ended.
    #[must_use]
    pub fn endings(&self) -> watch::Receiver<u64> {
        self.0.ended.subscribe()
    }

    /// INVARIANT: whatever comes here is out of the table already; the record only tells of it.
    async fn ended(&self, gone: Vec<Session>, how: SessionEnd) {
        if gone.is_empty() {
            return;
        }
        let now = self.0.desk.now();
        {
            let mut table = self.table();
            for Session { id: session, person, .. } in gone {
                table.owe(SessionEnded { session, person, how }.into());
                if how == SessionEnd::Stolen {
                    let kind = AlertKind::OperatorCredential;
                    table.owe(alert(kind, ApiKeyId::NONE, now).into());
                }
            }
        }
        self.0.ended.send_modify(|count| *count = count.wrapping_add(1));
        // Not taken now, `tend` tries again.
        let _later = self.settle().await;
    }

    async fn settle(&self) -> Result<(), Unavailable> {
        let owed = core::mem::take(&mut self.table().owed);
        if owed.is_empty() {
            return Ok(());
        }
        let appended = self.0.desk.outside().append(owed.clone()).await;
        if appended.is_err() {
            let mut table = self.table();
            owed.into_iter().for_each(|record| table.owe(record));
        }
        appended
    }

    fn fate(&self, session: &Session, browser: Option<Browser>) -> Fate {
        let now = self.0.desk.now();
        self.0.desk.read(|it| fate(session, browser, it.operators(), &self.0.rules, now))
    }

    /// A random secret in hex and its hash.
    fn fresh(&self) -> (Secret<String>, [u8; 32]) {
        let text = HEXLOWER.encode(&(self.0.random)());
        let hash = Sha256::digest(text.as_bytes()).into();
        (Secret::new(text), hash)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Puts one in; gives those that had to go for it.
    fn put(&mut self, hash: [u8; 32], session: Session) -> Vec<Session> {
        let person = session.person;
        let of_him = self.open.values().filter(|it| it.person == person).count();
        let mut gone = Vec::new();
        if of_him >= SESSIONS_OF_ONE_MAX {
            gone.extend(self.drop_idlest(|it| it.person == person));
        } else if self.open.len() >= SESSIONS_MAX {
            gone.extend(self.drop_idlest(|_| true));
        }
        self.open.insert(hash, session);
        gone
    }

    fn drop_idlest(&mut self, among: impl Fn(&Session) -> bool) -> Option<Session> {
        let among = self.open.iter().filter(|(_, it)| among(it));
        let idlest = among.min_by_key(|(_, it)| it.seen_at).map(|(hash, _)| *hash)?;
        self.open.remove(&idlest)
    }

    fn take(&mut self, which: impl Fn(&Session) -> bool) -> Vec<Session> {
        self.open.extract_if(|_, it| which(it)).map(|(_, it)| it).collect()
    }

    fn owe(&mut self, record: Record) {
        if self.owed.len() >= OWED_MAX {
            self.owed.remove(0);
        }
        self.owed.push(record);
    }
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
