//! Signing for login services: rules on claims per caller, one token or a bounded batch.
//!
//! Policy, rate, number, sign, record as one group, release: nothing is answered before its record.
//! CRASH: a stop between the record and the answer leaves entries that nobody holds a token of.
//! Where it sits: over [`Issuance`]; `batch.rs` is its door, `transit.rs` the other one.
//! Best test: `batch/tests.rs`.

use std::sync::{Arc, PoisonError, RwLock};

use ward_keys::{ActiveKey, Token, Withheld};
use ward_ledger::TokenBody;
use ward_model::word::KeyPurpose;
use ward_model::{Caller, PrincipalKey, PrincipalName, PrincipalNumber, Record, UnixMillis};

use crate::issuance::{Issuance, IssueError, TokenAsk};
use crate::notice::Notices;
use crate::policy::{Denied, Door, Rules, Wanted};
use crate::rate::Rates;

/// The service. Cheap to clone; all clones follow the same rules.
#[derive(Clone)]
pub struct Signing(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) issuance: Issuance,
    rules: RwLock<Arc<Rules>>,
    rates: Rates,
    pub(crate) notices: Notices,
}

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stopped {
    /// As issuance says.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The rule's rate is used up for so many seconds; none: it is more than a minute's worth.
    #[error("the rate of this caller's rule is used up")]
    Rate(Option<i64>),
}

/// A token that a rule permits.
pub(crate) struct Permitted {
    rule: String,
    per_minute: u32,
    pub(crate) issuer: String,
    body: TokenBody,
}

/// An outcome for each that was asked for, in their order.
pub(crate) type Each<T> = Vec<Result<T, IssueError>>;

impl From<Denied> for IssueError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Life => Self::Input(denied.words()),
            _ => Self::Refused(denied.words()),
        }
    }
}

impl Signing {
    /// The service under these rules.
    #[must_use]
    pub fn new(issuance: Issuance, rules: Rules) -> Self {
        let rules = RwLock::new(Arc::new(rules));
        let (rates, notices) = (Rates::default(), Notices::new());
        Self(Arc::new(Inner { issuance, rules, rates, notices }))
    }

    /// Puts other rules in force, for what is asked from now on.
    pub fn follow(&self, rules: Rules) {
        *self.0.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.0.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who owns the caller's API key, as views key him.
    pub(crate) fn owner(&self, caller: &Caller) -> Option<PrincipalKey> {
        self.0.issuance.0.ledger.api_key(caller.api_key).map(|key| key.owner_key)
    }

    /// Whether a rule's caller is this one.
    pub(crate) fn is_callers(&self, caller: &Caller) -> impl Fn(&PrincipalName) -> bool + use<> {
        let (owner, ledger) = (self.owner(caller), self.0.issuance.0.ledger.clone());
        move |name| owner == Some(ledger.principal_key(name.kind, name.id()))
    }

    /// What the rules say of one token asked for by claims.
    pub(crate) fn permit(
        &self,
        caller: &Caller,
        ask: TokenAsk,
        now: UnixMillis,
    ) -> Result<Permitted, IssueError> {
        let rules = self.rules();
        let issuance = &self.0.issuance;
        if rules.0.is_empty() {
            // Without rules the house's bounds alone hold.
            let body = issuance.body(ask, now)?;
            let issuer = issuance.policy().issuer.clone();
            return Ok(Permitted { rule: String::new(), per_minute: u32::MAX, issuer, body });
        }
        let audiences = [ask.audience];
        let wanted = Wanted {
            door: Door::Typed,
            issuer: None,
            audiences: &audiences,
            principal: &ask.principal,
            tenant: ask.tenant.as_deref(),
            life_ms: ask.life_ms,
            login: ask.login.is_some(),
            others: &[],
        };
        let (name, rule) = rules.permit(&wanted, self.is_callers(caller))?;
        let [audience] = audiences;
        let (rule_name, issuer) = (name.to_owned(), rule.issuer.clone());
        let body = Issuance::lay_out(TokenAsk { audience, ..ask }, now)?;
        Ok(Permitted { rule: rule_name, per_minute: rule.per_minute, issuer, body })
    }

    /// Takes what is to be signed out of the rules' rates, rule by rule; all of a rule's or none.
    pub(crate) fn take<'p>(
        &self,
        permitted: impl Iterator<Item = (&'p str, u32)>,
        now: UnixMillis,
    ) -> Result<(), Stopped> {
        let mut by_rule = std::collections::BTreeMap::<&str, (u32, usize)>::new();
        for (rule, per_minute) in permitted.filter(|(rule, _)| !rule.is_empty()) {
            let (_, count) = by_rule.entry(rule).or_insert((per_minute, 0));
            *count += 1;
        }
        for (rule, (per_minute, count)) in by_rule {
            self.0.rates.take(rule, per_minute, count, now).map_err(|wait| {
                tracing::warn!(rule, count, "signing rate used up");
                Stopped::Rate(wait)
            })?;
        }
        Ok(())
    }

    /// Issues what was permitted, recorded as one group; answers when it is durable and in force.
    ///
    /// # Errors
    /// [`Stopped`] when nothing was issued; an item's own error when it alone was not.
    pub(crate) async fn issue(&self, asked: Each<Permitted>) -> Result<Each<Token>, Stopped> {
        let issuance = &self.0.issuance;
        let now = issuance.now();
        let good = asked.iter().filter_map(|one| one.as_ref().ok());
        self.take(good.map(|it| (it.rule.as_str(), it.per_minute)), now)?;
        let names = asked.iter().filter_map(|one| Some(one.as_ref().ok()?.body.principal.clone()));
        let mut numbers = self.numbers(names.collect()).await?.into_iter();
        let mut withheld = Vec::new();
        let mut out: Vec<Result<Option<Token>, IssueError>> = Vec::with_capacity(asked.len());
        for one in asked {
            let signed = one.and_then(|it| self.sign(&it, numbers.next(), now));
            out.push(signed.map(|token| {
                withheld.push(token);
                None
            }));
        }
        if !withheld.is_empty() {
            let rows: Vec<_> = withheld.iter().map(Withheld::issuance).collect();
            let recorded = issuance.0.journal.append(rows, now).await.map_err(IssueError::from)?;
            let opened = Withheld::open_all(withheld, recorded, &issuance.0.ledger);
            let places = out.iter_mut().filter(|one| one.is_ok());
            let mut withdrawn: Vec<Record> = Vec::new();
            for (place, opened) in places.zip(opened) {
                *place = opened.map(Some).map_err(|it| {
                    withdrawn.push(it.revocation.into());
                    IssueError::Refused("revoked meanwhile")
                });
            }
            if !withdrawn.is_empty() {
                // CRASH: without these records the ledger says revoked all the same.
                issuance.append(withdrawn).await?;
            }
        }
        Ok(out.into_iter().map(|one| one.and_then(|it| it.ok_or(IssueError::Failed))).collect())
    }

    fn sign(
        &self,
        permitted: &Permitted,
        number: Option<PrincipalNumber>,
        now: UnixMillis,
    ) -> Result<Withheld<Token>, IssueError> {
        let issuance = &self.0.issuance;
        let key = self.key(&permitted.issuer)?;
        let number = number.ok_or(IssueError::Register)?;
        let entropy = issuance.random()?;
        Ok(issuance.0.signer.sign(&key, &permitted.body, number, entropy, now)?)
    }

    /// The token key of an issuer.
    pub(crate) fn key(&self, issuer: &str) -> Result<ActiveKey, IssueError> {
        let parts = &self.0.issuance.0;
        Ok(parts.keys.active(KeyPurpose::Token, issuer, &parts.ledger)?)
    }

    /// The dense numbers of principals, in their order.
    pub(crate) async fn numbers(
        &self,
        names: Vec<PrincipalName>,
    ) -> Result<Vec<PrincipalNumber>, IssueError> {
        let parts = Arc::clone(&self.0.issuance.0);
        let work = tokio::task::spawn_blocking(move || {
            names.iter().map(|name| parts.numbers.number(name)).collect::<Result<Vec<_>, _>>()
        });
        Ok(work.await.map_err(|_| IssueError::Register)??)
    }
}
