//! What an act that weakens needs, and what an operator may say to a proposal. Pure.
//!
//! What it must never do: say yes for anything but the exact act whose digest was approved.
//! Best test: `tests.rs` beside this file.

use ward_model::record::{AlertRaised, ApprovalConsented, ApprovalEnded, ApprovalProposed};
use ward_model::word::{AlertKind, ApprovalEnd, SignInMethod};
use ward_model::{
    AccessId, AlertId, ApiKeyId, ApprovalId, Caller, DataSubjectNumber, KeyNumber, PersonId,
    PrincipalNumber, Record, RouteNumber, SessionId, Text, UnixMillis,
};

use super::{Approvals, Proposal, Standing, may_consent};
use crate::act::{Act, ActKind, Rules};
use crate::limits::{OPEN_MAX, OPEN_OF_ONE_MAX};

/// Why an operator's word was not taken. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Nobody proposed this.
    #[error("no such proposal")]
    NotFound,
    /// The caller is nobody who works here and is an operator.
    #[error("only an operator in person can do this")]
    NotAPerson,
    /// He may look and nothing else.
    #[error("your roles only let you look: an operator with another role must consent")]
    OnlyLooks,
    /// He proposed it himself.
    #[error("you proposed this: another operator must consent")]
    OwnProposal,
    /// He consented before.
    #[error("you consented already: another operator must")]
    Twice,
    /// The digest is not the proposal's.
    #[error("the digest is not that of the proposal: look at it again")]
    OtherDigest,
    /// It is over.
    #[error("the proposal is over: {}", how.as_str())]
    Over {
        /// How it ended.
        how: ApprovalEnd,
    },
    /// Only who proposed it takes it back.
    #[error("only its proposer withdraws a proposal; others refuse it")]
    NotYours,
    /// Too many proposals wait, of all or of this caller.
    #[error("{OPEN_MAX} proposals, or {OPEN_OF_ONE_MAX} of yours, wait: end some of them first")]
    TooMany,
}

/// What an act that weakens is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is approved: do it in one group with this record, which uses the approval up.
    Approved(ApprovalEnded),
    /// It waits under this number already.
    Waits(ApprovalId),
    /// It is to be proposed: append these.
    Propose(ApprovalId, Vec<Record>),
    /// There never were two operators: do it in one group with this alert.
    Founding(Option<AlertRaised>),
}

/// Whether an act may be carried out; if not, what is to be recorded so that others can consent.
///
/// # Errors
/// [`Rejected::TooMany`].
pub fn ask(
    view: &Approvals,
    rules: &Rules,
    act: &Act,
    caller: &Caller,
    now: UnixMillis,
) -> Result<Answer, Rejected> {
    let mut group = Vec::new();
    if let Some(id) = view.open(&act.digest)
        && let Some(proposal) = view.proposal(id)
    {
        match view.standing(proposal, now) {
            Standing::Approved => {
                let how = ApprovalEnd::Applied;
                return Ok(Answer::Approved(ended(id, how, caller)));
            }
            Standing::Waiting { .. } => return Ok(Answer::Waits(id)),
            // It ended with time or with its proposer: say so, and propose it anew.
            Standing::Ended(how) => group.push(ended(id, how, &Caller::WARD).into()),
        }
    }
    let proposer = person(view, caller);
    let is_ward = caller.api_key.is_none() && caller.session.is_none();
    let edits = is_ward && act.kind == ActKind::Declarations;
    if view.operators().never_two() && (proposer.is_some() || edits) {
        // Nobody is there to ask. It is alerted, but for what makes the first two operators.
        let silent = act.kind == ActKind::EnrolOperator || view.operators().never_one();
        return Ok(Answer::Founding(
            (!silent).then(|| alert(AlertKind::UnapprovedChange, caller.api_key, now)),
        ));
    }
    let own = view.all_open().filter(|(_, it)| it.proposer == proposer).count();
    // What Ward itself found is never kept from being told by others' proposals.
    if !is_ward && (view.all_open().count() >= OPEN_MAX || own >= OPEN_OF_ONE_MAX) {
        return Err(Rejected::TooMany);
    }
    let id = view.next();
    group.extend(propose(view, rules, id, act, caller, now));
    Ok(Answer::Propose(id, group))
}

fn person(view: &Approvals, caller: &Caller) -> Option<PersonId> {
    view.operators().office(caller.person).map(|_| caller.person)
}

fn propose(
    view: &Approvals,
    rules: &Rules,
    approval: ApprovalId,
    act: &Act,
    caller: &Caller,
    now: UnixMillis,
) -> Vec<Record> {
    let proposer = person(view, caller);
    let is_alone = proposer.is_some_and(|one| view.operators().now().all(|(it, _)| it == one));
    let alone_from = if is_alone { now.plus_ms(rules.alone_after_ms) } else { UnixMillis::new(0) };
    let from = if is_alone { alone_from } else { now };
    let rule = rules.of(act.kind, proposer.is_some());
    let proposed = ApprovalProposed {
        approval,
        act: Text::cut(act.kind.as_str()),
        target: Text::cut(&act.target),
        digest: act.digest,
        effect: Text::cut(&act.effect),
        proposer: proposer.unwrap_or_default(),
        api_key: caller.api_key,
        session: caller.session,
        consents: rule.consents,
        from_roles: rule.from_roles,
        expires_at: from.plus_ms(rules.life_ms),
        alone_from,
    };
    // What may happen without a second person, or was found by Ward itself, is an alert.
    let alarming = is_alone || (caller.api_key.is_none() && caller.session.is_none());
    let alert = alarming.then(|| alert(AlertKind::UnapprovedChange, caller.api_key, now).into());
    core::iter::once(proposed.into()).chain(alert).collect()
}

/// An alert about operators themselves: it names no data subject and no route.
pub(crate) fn alert(kind: AlertKind, api_key: ApiKeyId, now: UnixMillis) -> AlertRaised {
    AlertRaised {
        alert: AlertId(now.ms().saturating_mul(256).saturating_add(i64::from(kind.byte()))),
        kind,
        principal: PrincipalNumber::NONE,
        data_subject: DataSubjectNumber::NONE,
        key: KeyNumber::NONE,
        api_key,
        access: AccessId::default(),
        route: RouteNumber::NONE,
        leaked: 0,
    }
}

/// Who consents: a person in a session, with the proof he gave for this consent.
///
/// INVARIANT: made by the sign-in room alone, out of a proof over this proposal's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consenting {
    /// Who.
    pub person: PersonId,
    /// In which session.
    pub session: SessionId,
    /// How he proved who he is, just now.
    pub proof: SignInMethod,
}

/// An operator consents. `digest` is that of the act he looked at.
///
/// # Errors
/// [`Rejected`].
pub fn consent(
    view: &Approvals,
    id: ApprovalId,
    digest: &[u8; 32],
    who: Consenting,
    now: UnixMillis,
) -> Result<ApprovalConsented, Rejected> {
    let proposal = about(view, id, who.person, now)?;
    if proposal.proposer == Some(who.person) {
        return Err(Rejected::OwnProposal);
    }
    if !may_consent(view.operators().roles(who.person)) {
        return Err(Rejected::OnlyLooks);
    }
    if proposal.digest != *digest {
        return Err(Rejected::OtherDigest);
    }
    if proposal.consents.iter().any(|consent| consent.person == who.person) {
        return Err(Rejected::Twice);
    }
    let Consenting { person, session, proof } = who;
    Ok(ApprovalConsented { approval: id, digest: *digest, person, session, proof })
}

/// The proposer takes it back.
///
/// # Errors
/// [`Rejected`].
pub fn withdraw(
    view: &Approvals,
    id: ApprovalId,
    caller: &Caller,
    now: UnixMillis,
) -> Result<ApprovalEnded, Rejected> {
    let proposal = about(view, id, caller.person, now)?;
    if proposal.proposer != Some(caller.person) {
        return Err(Rejected::NotYours);
    }
    Ok(ended(id, ApprovalEnd::Withdrawn, caller))
}

/// Another operator refuses it, for good.
///
/// # Errors
/// [`Rejected`].
pub fn refuse(
    view: &Approvals,
    id: ApprovalId,
    caller: &Caller,
    now: UnixMillis,
) -> Result<ApprovalEnded, Rejected> {
    let proposal = about(view, id, caller.person, now)?;
    if proposal.proposer == Some(caller.person) {
        return Err(Rejected::OwnProposal);
    }
    if !may_consent(view.operators().roles(caller.person)) {
        return Err(Rejected::OnlyLooks);
    }
    Ok(ended(id, ApprovalEnd::Refused, caller))
}

/// Proposals that are over and have no record of it yet.
#[must_use]
pub fn overdue(view: &Approvals, now: UnixMillis) -> Vec<Record> {
    let over = |(id, proposal): (ApprovalId, &Proposal)| match view.standing(proposal, now) {
        Standing::Ended(how) => Some(ended(id, how, &Caller::WARD).into()),
        Standing::Waiting { .. } | Standing::Approved => None,
    };
    view.all_open().filter_map(over).collect()
}

fn ended(approval: ApprovalId, how: ApprovalEnd, by: &Caller) -> ApprovalEnded {
    let (person, api_key, session) = (by.person, by.api_key, by.session);
    ApprovalEnded { approval, how, person, api_key, session }
}

/// The proposal an operator speaks of, which is not over.
fn about(
    view: &Approvals,
    id: ApprovalId,
    person: PersonId,
    now: UnixMillis,
) -> Result<&Proposal, Rejected> {
    view.operators().office(person).ok_or(Rejected::NotAPerson)?;
    let proposal = view.proposal(id).ok_or(Rejected::NotFound)?;
    match view.standing(proposal, now) {
        Standing::Ended(how) => Err(Rejected::Over { how }),
        Standing::Waiting { .. } | Standing::Approved => Ok(proposal),
    }
}
