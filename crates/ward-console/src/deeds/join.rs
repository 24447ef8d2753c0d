//! The room's [`SignIn`] as the pages see it: each deed handed on, each view joined with names.

use core::net::{IpAddr, Ipv6Addr};

use tokio::sync::watch;
use ward_model::word::Role;
use ward_model::{ApprovalId, PasskeyId, PersonId, Roles, Secret, SessionId, UnixMillis};
use ward_operators::approval::{Proposal, Standing};
use ward_operators::desk::{Held, Outside};
use ward_operators::enrol::Link;
use ward_operators::signin::{
    Begun, Fetch, Invitation, Journey, Opened, Persons, Refused, Returned, SignIn, Visitor,
};
use ward_operators::{Browser, Session};

use super::{Answer, Deeds, Later, Named, OperatorRow, OperatorsShown, ProposalShown, SessionRow};
use crate::limits::ENDED_SHOWN_MAX;

impl<E: Outside, P: Persons, F: Fetch + 'static> Deeds for SignIn<E, P, F> {
    fn origin(&self) -> &str {
        Self::origin(self)
    }

    fn has_company(&self) -> bool {
        Self::has_company(self)
    }

    fn waiting(&self) -> usize {
        let now = self.desk().now();
        self.desk().read(|it| {
            let waits = |one: &Proposal| matches!(it.standing(one, now), Standing::Waiting { .. });
            it.all_open().filter(|(_, one)| waits(one)).count()
        })
    }

    fn is_open(&self, session: SessionId) -> bool {
        self.sessions().is_open(session)
    }

    fn endings(&self) -> watch::Receiver<u64> {
        Self::endings(self)
    }

    fn enter<'a>(&'a self, secret: &'a str, browser: Browser) -> Later<'a, Option<Session>> {
        Box::pin(self.sessions().enter(secret, browser))
    }

    fn sign_out<'a>(&'a self, session: &'a Session) -> Later<'a, ()> {
        Box::pin(self.sessions().sign_out(session))
    }

    fn redeem<'a>(
        &'a self,
        visitor: &'a Visitor,
        key: &'a str,
    ) -> Later<'a, Result<Opened, Refused>> {
        Box::pin(Self::redeem(self, visitor, key))
    }

    fn passkey_begin(&self, visitor: &Visitor) -> Begun {
        Self::passkey_begin(self, visitor)
    }

    fn passkey_finish<'a>(
        &'a self,
        visitor: &'a Visitor,
        answer: &'a Answer,
    ) -> Later<'a, Result<Opened, Refused>> {
        let Answer { ceremony, response } = answer;
        Box::pin(Self::passkey_finish(self, visitor, ceremony, response.as_bytes()))
    }

    fn enrol_look<'a>(
        &'a self,
        visitor: &'a Visitor,
        key: &'a str,
    ) -> Later<'a, Result<Invitation, Refused>> {
        Box::pin(Self::enrol_look(self, visitor, key))
    }

    fn enrol_begin<'a>(
        &'a self,
        visitor: &'a Visitor,
        key: Secret<String>,
        name: &'a str,
        says: (&'a str, &'a str),
    ) -> Later<'a, Result<Begun, Refused>> {
        Box::pin(Self::enrol_begin(self, visitor, key, name, says))
    }

    fn enrol_finish<'a>(
        &'a self,
        visitor: &'a Visitor,
        answer: &'a Answer,
    ) -> Later<'a, Result<Opened, Refused>> {
        let Answer { ceremony, response } = answer;
        Box::pin(Self::enrol_finish(self, visitor, ceremony, response.as_bytes()))
    }

    fn more_begin<'a>(
        &'a self,
        visitor: &'a Visitor,
        name: &'a str,
    ) -> Later<'a, Result<Begun, Refused>> {
        Box::pin(Self::more_begin(self, visitor, name))
    }

    fn more_finish<'a>(
        &'a self,
        visitor: &'a Visitor,
        answer: &'a Answer,
    ) -> Later<'a, Result<(), Refused>> {
        let Answer { ceremony, response } = answer;
        Box::pin(Self::more_finish(self, visitor, ceremony, response.as_bytes()))
    }

    fn consent_begin(
        &self,
        visitor: &Visitor,
        approval: ApprovalId,
        digest: Option<[u8; 32]>,
    ) -> Result<Begun, Refused> {
        Self::consent_begin(self, visitor, approval, digest)
    }

    fn consent_finish<'a>(
        &'a self,
        visitor: &'a Visitor,
        approval: ApprovalId,
        answer: &'a Answer,
    ) -> Later<'a, Result<Standing, Refused>> {
        let Answer { ceremony, response } = answer;
        Box::pin(Self::consent_finish(self, visitor, approval, ceremony, response.as_bytes()))
    }

    fn consent_confirm<'a>(
        &'a self,
        visitor: &'a Visitor,
        approval: ApprovalId,
        ceremony: &'a str,
    ) -> Later<'a, Result<Standing, Refused>> {
        Box::pin(Self::consent_confirm(self, visitor, approval, ceremony))
    }

    fn refuse<'a>(
        &'a self,
        visitor: &'a Visitor,
        id: ApprovalId,
    ) -> Later<'a, Result<(), Refused>> {
        Box::pin(Self::refuse(self, visitor, id))
    }

    fn withdraw<'a>(
        &'a self,
        visitor: &'a Visitor,
        id: ApprovalId,
    ) -> Later<'a, Result<(), Refused>> {
        Box::pin(Self::withdraw(self, visitor, id))
    }

    fn enrol<'a>(
        &'a self,
        visitor: &'a Visitor,
        named: &'a str,
        roles: Roles,
    ) -> Later<'a, Result<Result<Link, Held>, Refused>> {
        Box::pin(Self::enrol(self, visitor, named, roles))
    }

    fn set_roles<'a>(
        &'a self,
        visitor: &'a Visitor,
        person: PersonId,
        roles: Roles,
    ) -> Later<'a, Result<Result<(), Held>, Refused>> {
        Box::pin(Self::set_roles(self, visitor, person, roles))
    }

    fn revoke_passkey<'a>(
        &'a self,
        visitor: &'a Visitor,
        passkey: PasskeyId,
    ) -> Later<'a, Result<(), Refused>> {
        Box::pin(Self::revoke_passkey(self, visitor, passkey))
    }

    fn end_session<'a>(
        &'a self,
        visitor: &'a Visitor,
        id: SessionId,
    ) -> Later<'a, Result<(), Refused>> {
        Box::pin(Self::end_session(self, visitor, id))
    }

    fn company_begin<'a>(
        &'a self,
        visitor: &'a Visitor,
        journey: Journey,
        next: &'a str,
    ) -> Later<'a, Result<(String, String), Refused>> {
        Box::pin(Self::company_begin(self, visitor, journey, next))
    }

    fn company_finish<'a>(
        &'a self,
        visitor: &'a Visitor,
        ceremony: &'a str,
        query: &'a str,
    ) -> Later<'a, Result<Returned, Refused>> {
        Box::pin(Self::company_finish(self, visitor, ceremony, query))
    }

    fn company_logout<'a>(&'a self, token: &'a str) -> Later<'a, Result<usize, u16>> {
        Box::pin(Self::company_logout(self, token))
    }

    fn approvals<'a>(&'a self, visitor: &'a Visitor) -> Later<'a, Vec<ProposalShown>> {
        Box::pin(async move {
            let (open, ended) = self.desk().read(|it| {
                let mut open: Vec<ApprovalId> = it.all_open().map(|(id, _)| id).collect();
                open.sort_unstable_by_key(|id| core::cmp::Reverse(id.0));
                let ended = it.newest(None).filter(|(_, one)| one.ended.is_some());
                (open, ended.map(|(id, _)| id).take(ENDED_SHOWN_MAX).collect::<Vec<_>>())
            });
            let mut rows = Vec::new();
            for id in open.into_iter().chain(ended) {
                rows.extend(shown(self, visitor, id).await);
            }
            // What ended with time has no record yet: it is still among the open ones.
            rows.sort_by_key(|it| (order(it), core::cmp::Reverse(it.id.0)));
            rows
        })
    }

    fn approval<'a>(
        &'a self,
        visitor: &'a Visitor,
        id: ApprovalId,
    ) -> Later<'a, Option<ProposalShown>> {
        Box::pin(shown(self, visitor, id))
    }

    fn operators<'a>(&'a self, visitor: &'a Visitor) -> Later<'a, OperatorsShown> {
        Box::pin(operators(self, visitor))
    }
}

/// Waiting before approved before ended.
const fn order(it: &ProposalShown) -> u8 {
    match it.standing {
        Standing::Waiting { .. } => 0,
        Standing::Approved => 1,
        Standing::Ended(_) => 2,
    }
}

async fn named<E: Outside, P: Persons, F: Fetch + 'static>(
    it: &SignIn<E, P, F>,
    person: PersonId,
) -> Named {
    Named { person, name: it.name(person).await.unwrap_or_else(|| person.uuid()) }
}

async fn shown<E: Outside, P: Persons, F: Fetch + 'static>(
    it: &SignIn<E, P, F>,
    visitor: &Visitor,
    id: ApprovalId,
) -> Option<ProposalShown> {
    let now = it.desk().now();
    let (one, standing) = it.desk().read(|view| {
        let one = view.proposal(id)?;
        Some((one.clone(), view.standing(one, now)))
    })?;
    let mut consents = Vec::new();
    for consent in &one.consents {
        consents.push((named(it, consent.person).await, consent.at, consent.proof));
    }
    let about = PersonId::parse(&one.target.replace('-', "")).ok();
    let about = match about.filter(|person| person.uuid() == one.target) {
        Some(person) => Some(named(it, person).await),
        None => None,
    };
    let proposer = match one.proposer {
        Some(person) => Some(named(it, person).await),
        None => None,
    };
    let ended = match one.ended {
        Some((how, Some(person), at)) => Some((how, Some(named(it, person).await), at)),
        Some((how, None, at)) => Some((how, None, at)),
        None => None,
    };
    Some(ProposalShown {
        id,
        digest: data_encoding::HEXLOWER.encode(&one.digest),
        act: one.act,
        target: one.target,
        about,
        effect: one.effect,
        proposer,
        at: one.at,
        expires_at: one.expires_at,
        alone_from: one.alone_from,
        standing,
        needed: one.needed,
        from_roles: one.from_roles,
        consents,
        ended,
        ways: it.ways(visitor, id),
    })
}

/// What is kept of an operator until names are known.
type Bare = (PersonId, Roles, Vec<(PasskeyId, String, UnixMillis)>);

async fn operators<E: Outside, P: Persons, F: Fetch + 'static>(
    it: &SignIn<E, P, F>,
    visitor: &Visitor,
) -> OperatorsShown {
    let at = it.desk().now();
    let (bare, links, never_two) = it.desk().read(|view| {
        let operators = view.operators();
        let all = operators.now().map(|(person, office)| {
            let passkeys = operators.passkeys_of(person);
            let passkeys = passkeys.map(|(id, it)| (id, it.name.clone(), it.at)).collect();
            (person, office.roles, passkeys)
        });
        let links = operators.enrolments(at).map(|(_, it)| (it.person, it.roles, it.expires_at));
        (all.collect::<Vec<Bare>>(), links.collect::<Vec<_>>(), operators.never_two())
    });
    let own = visitor.session.as_ref();
    let caller = own.map(|session| it.sessions().caller(session));
    let roles = caller.map_or(Roles::NONE, |it| it.roles);
    let mut page = OperatorsShown {
        at,
        never_two,
        may_manage: roles.contains(Role::Operators),
        may_act: own.is_some_and(Session::may_act),
        is_fresh: own.is_some_and(|session| it.sessions().is_fresh(session)),
        by_company: own.is_some_and(|session| session.provider.is_some()),
        ..OperatorsShown::default()
    };
    for (person, roles, passkeys) in bare {
        let is_you = own.is_some_and(|session| session.person == person);
        page.rows.push(OperatorRow { who: named(it, person).await, roles, is_you, passkeys });
    }
    for (person, roles, expires_at) in links {
        let person = match person {
            Some(person) => Some(named(it, person).await),
            None => None,
        };
        page.links.push((person, roles, expires_at));
    }
    for session in it.sessions().list() {
        let may_end = page.may_manage || own.is_some_and(|it| it.person == session.person);
        page.sessions.push(SessionRow {
            id: session.id,
            who: named(it, session.person).await,
            how: session.how,
            opened_at: session.opened_at,
            seen_at: session.seen_at,
            ends_at: session.ends_at,
            from: address(session.prefix),
            is_this: own.is_some_and(|it| it.id == session.id),
            may_end,
        });
    }
    page
}

/// A source as people write it.
fn address(source: [u8; 16]) -> String {
    let six = Ipv6Addr::from(source);
    match six.to_ipv4_mapped() {
        _ if source == [0; 16] => "unknown".to_owned(),
        Some(four) => format!("{}/24", IpAddr::V4(four)),
        None => format!("{six}/48"),
    }
}
