//! Takes reports in: judged by the issuer's own order, recorded, then acknowledged.
//!
//! A batch stands or falls whole. Places that are being recorded are held, so that two requests
//! cannot use one; the record decides, the answer follows it. A repeat is acknowledged and not
//! recorded again. A report whose token had been presented is recorded, alarmed and not acknowledged.
//! CRASH: between record and answer the issuer sends again, which is a repeat; an alarm that was not
//! recorded waits in the ledger and is recorded by [`Desk::raise`] at the next turn.
//! Best test: `desk/tests.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ward_journal::Journal;
use ward_ledger::Ledger;
use ward_ledger::foreign::{Issuer, Place};
use ward_model::record::{IssuanceReported, IssuanceVoided, IssuerComplete, IssuerTroubled};
use ward_model::word::IssuerTroubleKind;
use ward_model::{IssuerNumber, KeyNumber, PrincipalName, PrincipalNumber, Record, UnixMillis};

use super::report::{Batch, By, Report, Reported};
use crate::issuance::{Clock, NumberError, Numbers};

/// Least time between two alarms of one issuer about places used twice, milliseconds.
const CONFLICT_EVERY_MS: i64 = 60_000;

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Reports that were recorded.
    pub accepted: usize,
    /// Reports that had been recorded before.
    pub repeated: usize,
    /// Places whose token had been presented before it was reported: it is not known.
    pub late: Vec<i64>,
}

/// Why a batch was not taken; nothing of it was recorded.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A place was used for something else. Somebody else reports, or the counter went back.
    #[error("sequence {0} was used for something else")]
    Conflict(i64),
    /// A place was used too long ago to say for what.
    #[error("sequence {0} was used long ago")]
    Forgotten(i64),
    /// A place past those that may be used: report or void the missing ones first.
    #[error("sequence {0} is too far past {1}, which is missing")]
    TooFar(i64, i64),
    /// Completeness was stated while a place is empty.
    #[error("sequence {0} is missing: not everything was reported")]
    Missing(i64),
    /// The same place is being recorded by another request. Try again.
    #[error("sequence {0} is being recorded")]
    Busy(i64),
    /// The register or the journal does not answer. Try again.
    #[error("the record could not be made")]
    Unavailable,
}

/// The desk of reports. Cheap to clone.
#[derive(Clone)]
pub struct Desk(Arc<Inner>);

struct Inner {
    journal: Journal,
    ledger: Ledger,
    numbers: Arc<dyn Numbers>,
    clock: Clock,
    held: Mutex<HashMap<(IssuerNumber, i64), i64>>,
    conflicts: Mutex<HashMap<IssuerNumber, UnixMillis>>,
    raising: tokio::sync::Mutex<()>,
}

/// Places held while they are recorded.
struct Held<'a> {
    inner: &'a Inner,
    issuer: IssuerNumber,
    places: Vec<i64>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = lock(&self.inner.held);
        for place in &self.places {
            held.remove(&(self.issuer, *place));
        }
    }
}

impl Desk {
    /// A desk over the open rooms.
    #[must_use]
    pub fn new(journal: Journal, ledger: Ledger, numbers: Arc<dyn Numbers>, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            journal,
            ledger,
            numbers,
            clock,
            held: Mutex::default(),
            conflicts: Mutex::default(),
            raising: tokio::sync::Mutex::default(),
        }))
    }

    /// The ledger whose issuers report here.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// The clock.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        (self.0.clock)()
    }

    /// Takes a batch in; answers when it is durable and in force.
    ///
    /// # Errors
    /// [`ReportError`]: nothing was recorded, except `Unavailable`, after which a repeat tells.
    pub async fn take(&self, issuer: &Issuer, batch: Batch) -> Result<Taken, ReportError> {
        let keyed: Vec<Keyed> =
            batch.reports.into_iter().map(|one| Keyed::new(&self.0.ledger, issuer, one)).collect();
        let (fresh, _held) = match self.hold(issuer, &keyed, batch.complete_before) {
            Ok(held) => held,
            Err(error) => {
                if let ReportError::Conflict(_) = error {
                    self.note_conflict(issuer).await;
                }
                return Err(error);
            }
        };
        let mut taken = Taken {
            accepted: fresh.iter().filter(|is| **is).count(),
            repeated: fresh.iter().filter(|is| !**is).count(),
            late: Vec::new(),
        };
        let new: Vec<&Keyed> =
            keyed.iter().zip(&fresh).filter(|(_, is)| **is).map(|(one, _)| one).collect();
        let numbers = self.numbers(&new).await.map_err(|NumberError| ReportError::Unavailable)?;
        let mut records: Vec<Record> =
            new.iter().zip(numbers).map(|(one, number)| one.record(issuer, number)).collect();
        records.extend(
            batch
                .complete_before
                .map(|before| Record::from(IssuerComplete { issuer: issuer.number, before })),
        );
        if !records.is_empty() {
            let recorded = self.0.journal.append(records, self.now()).await;
            let _recorded = recorded.map_err(|_| ReportError::Unavailable)?;
        }
        // INVARIANT: read after the record, so a presentation recorded before it is seen.
        taken.late = issuer.with_book(|book| {
            let late = |one: &&Keyed| one.token.is_some_and(|token| book.was_seen(&token));
            keyed.iter().filter(late).map(|one| one.sequence).collect()
        });
        if !taken.late.is_empty() {
            self.raise().await;
        }
        Ok(taken)
    }

    /// Records the alarms that wait, of every issuer. Called after a late report and by the tick.
    pub async fn raise(&self) {
        let _turn = self.0.raising.lock().await;
        for issuer in self.0.ledger.issuers() {
            let alarms = issuer.with_book(|book| book.alarms().to_vec());
            for alarm in alarms {
                let record = IssuerTroubled {
                    issuer: issuer.number,
                    kind: alarm.kind,
                    key: alarm.key,
                    principal: alarm.principal,
                    about: alarm.about,
                };
                if self.0.journal.append(record, self.now()).await.is_err() {
                    tracing::warn!("an alarm about a foreign issuer could not be recorded yet");
                    return;
                }
            }
        }
    }

    /// Judges a batch and holds its fresh places; says which are fresh.
    fn hold<'a>(
        &'a self,
        issuer: &Issuer,
        keyed: &[Keyed],
        complete: Option<UnixMillis>,
    ) -> Result<(Vec<bool>, Held<'a>), ReportError> {
        let mut held = lock(&self.0.held);
        let said: Vec<(i64, i64)> = keyed.iter().map(|one| (one.sequence, one.content)).collect();
        let (places, next, mut missing) = issuer.with_book(|book| {
            (book.order.judge_all(&said), book.order.next(), book.order.missing())
        });
        let mut fresh = Vec::with_capacity(keyed.len());
        let mut mine = Vec::new();
        for (one, place) in keyed.iter().zip(places) {
            let sequence = one.sequence;
            match place {
                _ if held.contains_key(&(issuer.number, sequence)) => {
                    return Err(ReportError::Busy(sequence));
                }
                Place::Fresh => mine.push(sequence),
                Place::Repeat => {}
                Place::Conflict => return Err(ReportError::Conflict(sequence)),
                Place::Forgotten => return Err(ReportError::Forgotten(sequence)),
                Place::TooFar => return Err(ReportError::TooFar(sequence, next)),
            }
            fresh.push(place == Place::Fresh);
        }
        if complete.is_some() {
            let last = mine.iter().copied().max().unwrap_or(0);
            let known_last = issuer.with_book(|book| book.order.last());
            missing.extend((known_last + 1).max(next)..last);
            missing.retain(|place| !mine.contains(place));
            if let Some(place) = missing.first() {
                return Err(ReportError::Missing(*place));
            }
            if let Some(((_, place), _)) = held.iter().find(|((of, _), _)| *of == issuer.number) {
                return Err(ReportError::Busy(*place));
            }
        }
        for place in &mine {
            held.insert((issuer.number, *place), 0);
        }
        Ok((fresh, Held { inner: &self.0, issuer: issuer.number, places: mine }))
    }

    async fn numbers(&self, new: &[&Keyed]) -> Result<Vec<PrincipalNumber>, NumberError> {
        let names: Vec<Option<PrincipalName>> = new
            .iter()
            .map(|one| one.report.token.as_ref().map(|token| token.principal.clone()))
            .collect();
        if names.iter().all(Option::is_none) {
            return Ok(vec![PrincipalNumber::NONE; names.len()]);
        }
        let numbers = Arc::clone(&self.0.numbers);
        let work = tokio::task::spawn_blocking(move || {
            let number = |name: &Option<PrincipalName>| match name {
                Some(name) => numbers.number(name),
                None => Ok(PrincipalNumber::NONE),
            };
            names.iter().map(number).collect()
        });
        work.await.unwrap_or(Err(NumberError))
    }

    async fn note_conflict(&self, issuer: &Issuer) {
        let now = self.now();
        let due = {
            let mut conflicts = lock(&self.0.conflicts);
            let last = conflicts.get(&issuer.number);
            let due = last.is_none_or(|last| now.since(*last) >= CONFLICT_EVERY_MS);
            if due {
                conflicts.insert(issuer.number, now);
            }
            due
        };
        let record = IssuerTroubled {
            issuer: issuer.number,
            kind: IssuerTroubleKind::Conflict,
            key: KeyNumber::NONE,
            principal: PrincipalNumber::NONE,
            about: [0; 16],
        };
        if due && self.0.journal.append(record, now).await.is_err() {
            tracing::warn!("a conflict of reports could not be recorded");
        }
    }
}

/// A report with what it is kept as.
struct Keyed {
    sequence: i64,
    content: i64,
    token: Option<ward_ledger::Digest>,
    report: Report,
    keys: Option<(ward_model::PrincipalKey, ward_model::PrincipalKey, i64)>,
}

impl Keyed {
    fn new(ledger: &Ledger, issuer: &Issuer, report: Report) -> Self {
        let secret = ledger.secret();
        let sequence = report.sequence;
        let Some(token) = &report.token else {
            let content = secret.report_content(&[b"void"]);
            return Self { sequence, content, token: None, report, keys: None };
        };
        let principal_key = secret.principal_key(token.principal.kind, token.principal.id());
        let client_key = secret.client_key(&token.client);
        let (iat, exp) = (token.issued_at.ms().to_le_bytes(), token.expires_at.ms().to_le_bytes());
        let (digest, named): (&[u8], &[u8]) = match &token.by {
            By::Digest(digest) => (digest, &[]),
            By::Jti(jti) => (&[], jti.as_bytes()),
        };
        let who = principal_key.0;
        let login = token.login.as_bytes();
        let parts = [digest, named, &who, token.client.as_bytes(), &iat, &exp, login];
        let content = secret.report_content(&parts);
        let login = match login {
            [] => 0,
            login => secret.report_content(&[b"login", login]) | 1,
        };
        let keys = Some((principal_key, client_key, login));
        let key = token_key(ledger, issuer, token, principal_key);
        Self { sequence, content, token: Some(key), report, keys }
    }

    fn record(&self, issuer: &Issuer, principal: PrincipalNumber) -> Record {
        let (issuer, sequence, content) = (issuer.number, self.sequence, self.content);
        match (&self.report.token, self.keys, self.token) {
            (Some(token), Some((principal_key, client_key, login)), Some(key)) => {
                IssuanceReported {
                    issuer,
                    sequence,
                    content,
                    token: key,
                    principal,
                    principal_key,
                    client_key,
                    issued_at: token.issued_at,
                    expires_at: token.expires_at,
                    login,
                }
                .into()
            }
            _ => IssuanceVoided { issuer, sequence, content }.into(),
        }
    }
}

fn token_key(
    ledger: &Ledger,
    issuer: &Issuer,
    token: &Reported,
    principal: ward_model::PrincipalKey,
) -> ward_ledger::Digest {
    let secret = ledger.secret();
    match &token.by {
        By::Digest(sha256) => secret.reported_digest(issuer.number, sha256),
        By::Jti(jti) => {
            let (from, to) = (token.issued_at, token.expires_at);
            secret.reported_jti(issuer.number, jti, principal, from, to)
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
