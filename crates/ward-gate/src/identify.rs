//! Who presents what: from a credential to somebody the ledger knows.
//!
//! The ledger decides; here its answer is joined with the register (dense numbers) and with the
//! issuer's mode. A token nobody issued is refused on first use by an enforcing issuer and
//! classified for the record; a learning issuer's is let through as what it claims, and said so.

use std::sync::Arc;

use tokio::sync::Semaphore;
use ward_ledger::foreign::Sighted;
use ward_ledger::{
    Archived, Bearer, Checked, Claimed, Classified, Issued as Known, Miss, Pin, Refused,
};
use ward_model::word::{ApiKeyKind, IssuerMode, RouteMode};
use ward_model::{
    ApiKeyId, Confirmation, DataSubjectNumber, KeyNumber, Origin, PrincipalKey, PrincipalName,
    PrincipalNumber, Reason, Sequence, TenantNumber,
};
use ward_register::{Existence, namespace_of};

use crate::Gate;
use crate::ask::Ask;
use crate::limits::{CLASSIFY_MAX, CLASSIFY_QUEUE_MAX};
use crate::present::Presented;
use crate::refuse::Refusal;

/// Somebody known, as far as records speak of him.
#[derive(Clone)]
pub(crate) struct Who {
    pub(crate) name: PrincipalName,
    pub(crate) number: PrincipalNumber,
    pub(crate) key: PrincipalKey,
    pub(crate) tenant: Option<String>,
    pub(crate) tenant_number: TenantNumber,
    pub(crate) scope: String,
    pub(crate) api_key: ApiKeyId,
    pub(crate) origin: Origin,
    pub(crate) sequence: Sequence,
    pub(crate) signing_key: KeyNumber,
    pub(crate) purpose: i64,
    /// Whether a login stands behind the credential.
    pub(crate) login_proven: bool,
}

/// Proof that the credential was checked and its holder is known. Made here only.
pub struct Issued {
    pub(crate) who: Box<Who>,
    /// What a learning issuer let pass.
    pub(crate) doubt: Option<Reason>,
}

/// Keeps a flood of forged tokens from turning into a flood of signature verifications.
pub(crate) struct Classifier {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Classifier {
    pub(crate) fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(CLASSIFY_MAX)),
            waiting: Arc::new(Semaphore::new(CLASSIFY_QUEUE_MAX)),
        }
    }
}

/// What a miss turned out to be.
enum Looked {
    /// Refused, for this reason, to whom it claims to be.
    Refused(Reason, Option<Box<Who>>),
    /// A learning issuer's: it passes as what it claims.
    Learned(Box<Who>, Option<Confirmation>, Reason),
    /// Grandfathered: it is known once this is recorded.
    Pinned(Pin, Box<Who>),
    /// A foreign issuer's that nobody reported, seen for the first time.
    Sighted(Sighted, Box<Who>),
    /// It became known meanwhile.
    Again,
}

impl Gate {
    /// Step one: the credential is one that Ward issued, live, and held by somebody known.
    pub(crate) async fn check(&self, presented: Presented, ask: &Ask) -> Result<Issued, Refusal> {
        // Three times at most: a token that was pinned, sighted or verified is looked up again.
        for last in [false, false, true] {
            let refused = match self.look_up(&presented, ask) {
                Checked::Pass(known) => return self.known(known, &presented, ask).await,
                Checked::Refuse(refused) => refused,
            };
            let Some(miss) = refused.miss else {
                let who = match refused.holder {
                    Some(bearer) => self.who(&bearer, None, "", ask).await,
                    None => None,
                };
                let (reason, learning) = (refused.reason, refused.mode == IssuerMode::Learning);
                return match who {
                    // While an issuer learns and a route observes, nothing is refused.
                    Some(who) if learning && ask.mode() == RouteMode::Observe => {
                        Ok(Issued { who, doubt: Some(reason) })
                    }
                    who => Err(Refusal::of(reason, who)),
                };
            };
            let enforcing = refused.mode == IssuerMode::Enforcing;
            match self.classify(miss, refused.mode, ask).await {
                Looked::Refused(reason, who) => {
                    // WHY: a flood must not open observed routes to what nobody issued, and what a
                    // foreign issuer has not reported may not pass while it might still be.
                    let behind = reason == Reason::LedgerBehind && who.is_some();
                    let unissued = (reason == Reason::Overloaded || behind) && enforcing;
                    return Err(Refusal { unissued, ..Refusal::of(reason, who) });
                }
                Looked::Learned(who, confirmation, doubt) => {
                    if let Err(reason) = self.is_holder(&presented, confirmation, ask) {
                        return Err(Refusal::of(reason, Some(who)));
                    }
                    let issued = Issued { who, doubt: Some(doubt) };
                    self.exists(&issued)?;
                    return Ok(issued);
                }
                Looked::Again if !last => {}
                Looked::Pinned(pin, who) if !last => {
                    let record = pin.record(who.number);
                    if self.parts.journal.append(record, self.now()).await.is_err() {
                        let reason = Reason::JournalUnavailable;
                        return Err(Refusal::of(reason, Some(who)));
                    }
                }
                Looked::Sighted(sighted, who) if !last => {
                    let record = sighted.record(who.number);
                    if self.parts.journal.append(record, self.now()).await.is_err() {
                        let reason = Reason::JournalUnavailable;
                        return Err(Refusal::of(reason, Some(who)));
                    }
                }
                Looked::Again | Looked::Pinned(..) | Looked::Sighted(..) => break,
            }
        }
        Err(Reason::LedgerBehind.into())
    }

    fn look_up(&self, presented: &Presented, ask: &Ask) -> Checked {
        match presented {
            Presented::Token(raw) | Presented::Held { token: raw, .. } => {
                self.parts.ledger.check(raw, &self.parts.audience, ask.now)
            }
            Presented::ApiKey(raw) => match self.parts.ledger.check_api_key(raw, ask.now) {
                Checked::Pass(known) if !self.reads(known.api_key()) => Checked::Refuse(Refused {
                    reason: Reason::WrongAudience,
                    miss: None,
                    holder: Some(known.bearer().clone()),
                    mode: IssuerMode::Enforcing,
                }),
                // WHY after the ledger: who holds a revoked key learns nothing about its networks.
                Checked::Pass(known) if !self.parts.ledger.admits(known.api_key(), ask.source) => {
                    Checked::Refuse(Refused {
                        reason: Reason::HolderMismatch,
                        miss: None,
                        holder: Some(known.bearer().clone()),
                        mode: IssuerMode::Enforcing,
                    })
                }
                checked => checked,
            },
        }
    }

    /// Whether an API key is for reading. WHY not every kind: keys for SCIM lie with the identity
    /// provider, and an operator's opens Ward's own API; neither is for anybody's data.
    fn reads(&self, api_key: ApiKeyId) -> bool {
        self.parts.ledger.api_key(api_key).is_some_and(|key| match key.kind {
            ApiKeyKind::Person | ApiKeyKind::Service => true,
            ApiKeyKind::Scim | ApiKeyKind::Operator | ApiKeyKind::Reporter => false,
        })
    }

    async fn known(
        &self,
        known: Known,
        presented: &Presented,
        ask: &Ask,
    ) -> Result<Issued, Refusal> {
        let bearer = known.bearer();
        match self.who(bearer, known.tenant(), known.scope(), ask).await {
            Some(mut who) => {
                who.login_proven = known.login_proven();
                if let Err(reason) = self.is_holder(presented, known.confirmation(), ask) {
                    return Err(Refusal::of(reason, Some(who)));
                }
                let issued = Issued { who, doubt: None };
                self.exists(&issued)?;
                Ok(issued)
            }
            // Nobody can be recorded: then nothing may be read.
            None => Err(Reason::JournalUnavailable.into()),
        }
    }

    /// A principal who does not exist cannot read: the cheapest sign of a forgery.
    pub(crate) fn exists(&self, issued: &Issued) -> Result<(), Refusal> {
        let name = &issued.who.name;
        match self.parts.register.existence(namespace_of(name.kind), name.id()) {
            Existence::Phantom | Existence::Deleted => {
                let who = Some(issued.who.clone());
                Err(Refusal::of(Reason::UnknownDataSubject, who))
            }
            Existence::Exists | Existence::Unconfirmed | Existence::NotFed => Ok(()),
        }
    }

    /// What a token without an entry is. Verifies its signature, a few at a time.
    async fn classify(&self, miss: Miss, mode: IssuerMode, ask: &Ask) -> Looked {
        let Ok(_place) = Arc::clone(&self.classifier.waiting).try_acquire_owned() else {
            return Looked::Refused(Reason::Overloaded, None);
        };
        let Ok(_turn) = Arc::clone(&self.classifier.running).acquire_owned().await else {
            return Looked::Refused(Reason::Overloaded, None);
        };
        let (ledger, journal, now) =
            (self.parts.ledger.clone(), self.parts.journal.clone(), ask.now);
        let work = tokio::task::spawn_blocking(move || {
            ledger.classify_with(&miss, now, |origin, sequence| {
                match journal.issuance(origin, sequence) {
                    Ok(Some(row)) => Archived::Issued(row.fingerprint),
                    Ok(None) | Err(_) => Archived::Unavailable,
                }
            })
        });
        let Ok(classified) = work.await else {
            return Looked::Refused(Reason::Overloaded, None);
        };
        if classified.known_now {
            return Looked::Again;
        }
        let Classified { reason, key, claims, signature_good, pin, foreign, sighted, .. } =
            classified;
        if !signature_good {
            return Looked::Refused(reason, None);
        }
        let Some(claims) = claims else { return Looked::Refused(reason, None) };
        let confirmation = claims.confirmation;
        let Some(who) = self.claimed(claims, key, ask).await else {
            return Looked::Refused(Reason::JournalUnavailable, None);
        };
        let unknown = reason == Reason::NeverIssued || (foreign && reason == Reason::LedgerBehind);
        match (pin, sighted) {
            (Some(pin), _) => Looked::Pinned(pin, who),
            (None, Some(sighted)) => Looked::Sighted(sighted, who),
            (None, None) if mode == IssuerMode::Learning && unknown => {
                Looked::Learned(who, confirmation, reason)
            }
            (None, None) => Looked::Refused(reason, Some(who)),
        }
    }

    async fn claimed(&self, claims: Claimed, key: KeyNumber, ask: &Ask) -> Option<Box<Who>> {
        let bearer = Bearer {
            kind: claims.name.kind,
            name: Some(claims.name),
            number: PrincipalNumber::NONE,
            key: claims.principal_key,
            signing_key: key,
            origin: Origin::NONE,
            sequence: Sequence::NONE,
            api_key: ApiKeyId::NONE,
        };
        let scope = claims.scope.unwrap_or_default();
        self.who(&bearer, claims.tenant.as_deref(), &scope, ask).await
    }

    /// Joins a bearer with the register: his number by name, or his name by number. `None` when
    /// the register cannot.
    async fn who(
        &self,
        bearer: &Bearer,
        tenant: Option<&str>,
        scope: &str,
        ask: &Ask,
    ) -> Option<Box<Who>> {
        let register = &self.parts.register;
        let (name, number) = match &bearer.name {
            Some(name) => {
                let known = register.number(namespace_of(name.kind), name.id());
                let number = match known {
                    Some(number) => PrincipalNumber(number.0),
                    None => {
                        let (register, name) = (register.clone(), name.clone());
                        let work = tokio::task::spawn_blocking(move || register.principal(&name));
                        work.await.ok()?.ok()?
                    }
                };
                (name.clone(), number)
            }
            None => {
                let (register, number) = (register.clone(), bearer.number);
                let one = DataSubjectNumber::from(number);
                let work = tokio::task::spawn_blocking(move || register.name(one));
                let (_, id) = work.await.ok()?.ok()??;
                (PrincipalName::new(bearer.kind, id).ok()?, number)
            }
        };
        // A seller is its own tenant unless its credential names another.
        let own = (name.kind == ward_model::PrincipalKind::Seller).then(|| name.id().to_owned());
        let tenant = tenant.map(str::to_owned).or(own);
        let tenant_number = tenant
            .as_deref()
            .and_then(|id| register.number(namespace_of(ward_model::PrincipalKind::Seller), id));
        Some(Box::new(Who {
            key: bearer.key,
            tenant_number: TenantNumber(tenant_number.map_or(0, |number| number.0)),
            tenant,
            scope: scope.to_owned(),
            api_key: bearer.api_key,
            origin: bearer.origin,
            sequence: bearer.sequence,
            signing_key: bearer.signing_key,
            purpose: ask.purpose.as_deref().map_or(0, |text| self.purpose_hash(text)),
            // WHY: only what the ledger passed has its login recorded.
            login_proven: false,
            name,
            number,
        }))
    }
}
