//! A token nobody issued, presented by somebody who verifies tokens: noticed off the hot path.
//!
//! What it is: the way of a forgery from an OAuth door to the journal. The asker is answered at
//! once; the signature is verified behind a bound, and a good one is recorded, which alerts.
//! What it must never do: let a flood of junk become a flood of verifications, lose the first
//! forgery under a key from an asker, or answer later because of what it finds.
//! Where it sits: between `introspection.rs`, `revocation.rs` and the journal; `ward-watch` raises
//! the alert from the record. Source: DESIGN.md section 7. Best test: `introspection/tests.rs`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use ward_ledger::{Archived, Claimed, Classified, Miss};
use ward_model::record::ForgeryPresented;
use ward_model::word::AskedAt;
use ward_model::{
    ApiKeyId, KeyNumber, PrincipalKey, PrincipalKind, PrincipalNumber, Reason, UnixMillis,
};

use crate::issuance::{Issuance, IssueError};
use crate::limits::{CLASSIFY_MAX, CLASSIFY_QUEUE_MAX, FIRSTS_MAX, RETRY_MS};

/// Who presented it, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presenter {
    pub(crate) client_key: PrincipalKey,
    pub(crate) api_key: ApiKeyId,
    pub(crate) asked_at: AskedAt,
}

/// A key, and who presented a token under it.
type First = (KeyNumber, PrincipalKey, ApiKeyId);

/// The bounds of classification, shared by both doors.
#[derive(Clone)]
pub(crate) struct Notices {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Pairs whose first was noticed; a full set notices every one as if it were not the first.
    firsts: Arc<Mutex<HashSet<First>>>,
}

impl Notices {
    pub(crate) fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(CLASSIFY_MAX)),
            waiting: Arc::new(Semaphore::new(CLASSIFY_QUEUE_MAX)),
            firsts: Arc::default(),
        }
    }

    /// Classifies a miss later and records it if it is a forgery; returns at once.
    pub(crate) fn later(&self, issuance: &Issuance, miss: Miss, by: Presenter) {
        let place = match Arc::clone(&self.waiting).try_acquire_owned() {
            Ok(place) => Some(place),
            // INVARIANT: never drops the first per (key, presenter): there are few of them.
            Err(_) if self.is_first(miss.key(), by) => None,
            Err(_) => {
                counter!("ward_forgeries_unclassified_total").increment(1);
                return;
            }
        };
        let (notices, issuance) = (self.clone(), issuance.clone());
        tokio::spawn(async move {
            let _place: Option<OwnedSemaphorePermit> = place;
            let now = issuance.now();
            let Some(mut classified) = notices.classify(&issuance, miss, now).await else { return };
            if let Err(error) = sighted(&issuance, &mut classified).await {
                tracing::error!(%error, "a foreign token's first sight is not recorded");
            }
            notices.keep(&issuance, &classified, by, false).await;
        });
    }

    /// Classifies a miss now; `None` when the library or the runtime failed. Waits its turn.
    pub(crate) async fn classify(
        &self,
        issuance: &Issuance,
        miss: Miss,
        now: UnixMillis,
    ) -> Option<Classified> {
        let _turn = Arc::clone(&self.running).acquire_owned().await.ok()?;
        let (ledger, journal) = (issuance.0.ledger.clone(), issuance.0.journal.clone());
        let work = tokio::task::spawn_blocking(move || {
            ledger.classify_with(&miss, now, |origin, sequence| {
                match journal.issuance(origin, sequence) {
                    Ok(Some(row)) => Archived::Issued(row.fingerprint),
                    Ok(None) | Err(_) => Archived::Unavailable,
                }
            })
        });
        work.await.ok()
    }

    /// Records a forgery; whatever else it was is noise an authenticated asker makes, and counted.
    /// Tries until the journal takes it: its place in the queue is held so long.
    pub(crate) async fn keep(
        &self,
        issuance: &Issuance,
        classified: &Classified,
        by: Presenter,
        believed: bool,
    ) {
        let forged = classified.signature_good && classified.reason == Reason::NeverIssued;
        if !forged || classified.known_now {
            return;
        }
        self.is_first(classified.key, by);
        counter!("ward_forgeries_presented_total", "at" => by.asked_at.as_str()).increment(1);
        let (kind, key) = match &classified.claims {
            Some(claims) => (claims.name.kind, claims.principal_key),
            None => (PrincipalKind::Unknown, PrincipalKey::default()),
        };
        loop {
            let kept = match number(issuance, classified.claims.as_ref()).await {
                Ok(principal) => {
                    let row = ForgeryPresented {
                        key: classified.key,
                        principal_kind: kind,
                        principal,
                        principal_key: key,
                        asked_at: by.asked_at,
                        client_key: by.client_key,
                        api_key: by.api_key,
                        believed,
                    };
                    issuance.append(row).await
                }
                Err(error) => Err(error),
            };
            match kept {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(%error, "a forgery waits for the journal");
                    tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
                }
            }
        }
    }

    /// Whether this pair was not noticed before; it is from now on.
    pub(crate) fn is_first(&self, key: KeyNumber, by: Presenter) -> bool {
        let mut firsts = self.firsts.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = (key, by.client_key, by.api_key);
        match firsts.len() < FIRSTS_MAX {
            true => firsts.insert(pair),
            false => !firsts.contains(&pair),
        }
    }
}

/// Records that a foreign issuer's unreported token was seen, if it was; whether it was.
pub(crate) async fn sighted(
    issuance: &Issuance,
    classified: &mut Classified,
) -> Result<bool, IssueError> {
    let Some(sighted) = classified.sighted.take() else { return Ok(false) };
    let principal = number(issuance, classified.claims.as_ref()).await?;
    issuance.append(sighted.record(principal)).await?;
    Ok(true)
}

async fn number(
    issuance: &Issuance,
    claims: Option<&Claimed>,
) -> Result<PrincipalNumber, IssueError> {
    match claims {
        Some(claims) => issuance.number(claims.name.clone()).await,
        None => Ok(PrincipalNumber::NONE),
    }
}
