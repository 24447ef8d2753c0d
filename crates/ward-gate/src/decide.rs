//! May this principal do this: policy, purpose, own subject, and the intent of unsafe requests.
//!
//! The policy decides on attributes alone, so that its answers can be cached; who the data subject
//! is stays here. What comes out is a [`Permit`]: made here only, used once.

use ward_catalogue::Purpose;
use ward_model::record::AccessIntended;
use ward_model::word::PersonState;
use ward_model::{PrincipalKind, Reason, Verdict};
use ward_policy::Ask as PolicyAsk;

use crate::Gate;
use crate::ask::Ask;
use crate::bypass::Bypassed;
use crate::emergency::Turn;
use crate::identify::{Issued, Who};
use crate::measure::route_subject;
use crate::noise::source_bytes;
use crate::refuse::Refusal;
use crate::transaction::Transaction;

/// Proof that a policy permits this read. Made here only.
pub struct Permit {
    who: Box<Who>,
}

/// Proof that a permitted request may go upstream: if it is unsafe, its intent is recorded. Made
/// here only.
pub struct Intended {
    permit: Permit,
}

/// Past the policy in an emergency: what it would have said, and the place the read takes.
pub(crate) struct Past {
    pub(crate) permit: Permit,
    pub(crate) verdict: Verdict,
    pub(crate) turn: Option<Turn>,
}

impl Intended {
    pub(crate) fn into_permit(self) -> Permit {
        self.permit
    }
}

impl Permit {
    /// What the upstream is told about the caller.
    pub(crate) fn transaction<'a>(&'a self, ask: &'a Ask) -> Transaction<'a> {
        Transaction {
            access: ask.access,
            audience: &ask.target.host,
            subject: self.who.name.id(),
            kind: self.who.name.kind,
            tenant: self.who.tenant.as_deref(),
            purpose: ask.purpose.as_deref(),
            method: ask.method.as_str(),
            path: &ask.path,
        }
    }

    /// Ends in a refusal.
    pub(crate) fn refuse(self, reason: Reason) -> Refusal {
        Refusal::of(reason, Some(self.who))
    }

    pub(crate) fn into_who(self) -> Box<Who> {
        self.who
    }
}

impl Gate {
    /// Step two: the policy.
    pub(crate) async fn decide(&self, issued: Issued, ask: &Ask) -> Result<Permit, Refusal> {
        match self.verdict(&issued, ask) {
            Verdict::Permit => Ok(Permit { who: issued.who }),
            Verdict::Refuse(reason) => Err(Refusal::of(reason, Some(issued.who))),
        }
    }

    /// Step two on a bypassed route: what the policy says is kept for the record and not followed.
    /// Whom the route is for still holds, and a budget that is spent stays spent.
    pub(crate) fn decide_past(
        &self,
        _proof: &Bypassed,
        issued: Issued,
        ask: &Ask,
    ) -> Result<Past, Refusal> {
        let verdict = self.verdict(&issued, ask);
        let who = issued.who;
        if !is_for(ask, &who) {
            let reason = verdict.reason().unwrap_or(Reason::Policy);
            return Err(Refusal::of(reason, Some(who)));
        }
        // WHY before the books are looked at: what is under way is not in them yet.
        let turn = self.turns.take(who.number);
        let standing = self.parts.exposures.standing(who.name.kind, who.number, ask.now);
        if standing.iter().any(|one| one.counted >= one.subjects_max) {
            return Err(Refusal::of(Reason::BudgetSpent, Some(who)));
        }
        if turn.is_none() && !standing.is_empty() {
            return Err(Refusal::of(Reason::Overloaded, Some(who)));
        }
        Ok(Past { permit: Permit { who }, verdict, turn })
    }

    /// What the policy says, without consequences.
    pub(crate) fn verdict(&self, issued: &Issued, ask: &Ask) -> Verdict {
        let Some(route) = ask.route() else { return Verdict::Refuse(Reason::UnknownRoute) };
        let who = &issued.who;
        if !is_in_scope(&route.name, who) {
            return Verdict::Refuse(Reason::Policy);
        }
        let is_self = is_self(ask, who);
        let decided = self.parts.policies.decide(&PolicyAsk {
            kind: who.name.kind,
            state: PersonState::Active,
            tenant: who.tenant.is_some(),
            scopes: &who.scope,
            route: route.number,
            route_name: &route.name,
            route_kinds: &route.kinds,
            self_only: route.self_only,
            is_self,
            purpose_required: route.purpose == Purpose::Required,
            purpose_stated: ask.purpose.is_some(),
            task: ask.task(),
        });
        match decided.verdict() {
            // WHY after the policy: what it forbids anyhow is forbidden for its own reason.
            Verdict::Permit if route.login_required && !who.login_proven => {
                Verdict::Refuse(Reason::LoginUnproven)
            }
            verdict => verdict,
        }
    }

    /// Step three: an unsafe request is recorded before anything happens upstream.
    ///
    /// CRASH: if we stop after this record, the intent is closed as `outcome_unknown` at start.
    pub(crate) async fn intend(&self, permit: Permit, ask: &Ask) -> Result<Intended, Refusal> {
        if !ask.is_unsafe() {
            return Ok(Intended { permit });
        }
        self.record_intent(permit, ask).await
    }

    /// Step three where whatever happens is recorded first: unsafe requests, bypassed routes.
    pub(crate) async fn record_intent(
        &self,
        permit: Permit,
        ask: &Ask,
    ) -> Result<Intended, Refusal> {
        let intent = AccessIntended {
            access: ask.access,
            principal: permit.who.number,
            principal_key: permit.who.key,
            api_key: permit.who.api_key,
            origin: permit.who.origin,
            sequence: permit.who.sequence,
            key: permit.who.signing_key,
            route: ask.target.route,
            task: ask.task(),
            source: source_bytes(ask.source),
        };
        match self.parts.journal.append(intent, self.now()).await {
            Ok(_recorded) => Ok(Intended { permit }),
            Err(error) => {
                tracing::error!(access = %ask.access, %error, "an intent could not be recorded");
                Err(permit.refuse(Reason::JournalUnavailable))
            }
        }
    }
}

/// Whether the route's data subject is the principal.
fn is_self(ask: &Ask, who: &Who) -> bool {
    let own = (ward_register::namespace_of(who.name.kind), who.name.id().to_owned());
    route_subject(ask, who).is_some_and(|subject| subject == own)
}

/// Whether the catalogue has the route for such a principal, and his credential goes as far: what
/// no policy can widen and no emergency opens.
fn is_for(ask: &Ask, who: &Who) -> bool {
    let Some(route) = ask.route() else { return false };
    route.kinds.contains(&who.name.kind)
        && (!route.login_required || who.login_proven)
        && (!route.self_only || is_self(ask, who))
        && is_in_scope(&route.name, who)
}

/// Whether a credential's scopes name a route. An API key's always count, a token's when a service
/// presents it; no scope is every scope.
fn is_in_scope(route: &str, who: &Who) -> bool {
    let scoped = who.name.kind == PrincipalKind::Service || !who.api_key.is_none();
    let mut scopes = who.scope.split_whitespace().peekable();
    !scoped || scopes.peek().is_none() || scopes.any(|scope| scope == route)
}
