//! May this principal do this: policy, purpose, own subject, and the intent of unsafe requests.
//!
//! The policy decides on attributes alone, so that its answers can be cached; who the data subject
//! is stays here. What comes out is a [`Permit`]: made here only, used once.

use ward_catalogue::Purpose;
use ward_model::record::AccessIntended;
use ward_model::word::PersonState;
use ward_model::{Reason, Verdict};
use ward_policy::Ask as PolicyAsk;

use crate::Gate;
use crate::ask::Ask;
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

    /// What the policy says, without consequences.
    pub(crate) fn verdict(&self, issued: &Issued, ask: &Ask) -> Verdict {
        let Some(route) = ask.route() else { return Verdict::Refuse(Reason::UnknownRoute) };
        let who = &issued.who;
        let own = (ward_register::namespace_of(who.name.kind), who.name.id().to_owned());
        let is_self = route_subject(ask, who).is_some_and(|subject| subject == own);
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
        decided.verdict()
    }

    /// Step three: an unsafe request is recorded before anything happens upstream.
    ///
    /// CRASH: if we stop after this record, the intent is closed as `outcome_unknown` at start.
    pub(crate) async fn intend(&self, permit: Permit, ask: &Ask) -> Result<Intended, Refusal> {
        if !ask.is_unsafe() {
            return Ok(Intended { permit });
        }
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
