//! Proposals and operators for tests of pages: every text in them is hostile.

use ward_model::word::{ApprovalEnd, Role, SignInMethod};
use ward_model::*;
use ward_operators::approval::Standing;
use ward_operators::signin::{Invitation, Refused, Way, Ways};

use super::room::person;
use super::{AT, HOSTILE};
use crate::deeds::{Named, OperatorRow, OperatorsShown, ProposalShown, SessionRow};

pub fn named(number: u8) -> Named {
    Named { person: person(number), name: HOSTILE.to_owned() }
}

/// A proposal that waits, with everything in it.
pub fn waiting() -> ProposalShown {
    ProposalShown {
        id: ApprovalId(7),
        act: "issuer_learning".to_owned(),
        target: HOSTILE.to_owned(),
        about: Some(named(3)),
        effect: HOSTILE.to_owned(),
        digest: "ab".repeat(32),
        proposer: Some(named(1)),
        at: AT,
        expires_at: AT.plus_ms(86_400_000),
        alone_from: Some(AT.plus_ms(3 * 86_400_000)),
        standing: Standing::Waiting { missing: 1 },
        needed: 2,
        from_roles: Roles::of(&[Role::Policy]),
        consents: vec![(named(2), AT, SignInMethod::Passkey)],
        ended: None,
        ways: Ways { consent: Ok(Way::Passkey), refuse: true, withdraw: true },
    }
}

/// One that a machine made and somebody refused.
pub fn ended() -> ProposalShown {
    ProposalShown {
        act: HOSTILE.to_owned(),
        target: String::new(),
        about: None,
        proposer: None,
        standing: Standing::Ended(ApprovalEnd::Refused),
        alone_from: None,
        from_roles: Roles::NONE,
        consents: Vec::new(),
        ended: Some((ApprovalEnd::Refused, Some(named(2)), AT)),
        ways: Ways { consent: Err(Refused::LooksOnly), refuse: false, withdraw: false },
        ..waiting()
    }
}

pub fn invitation(for_one: bool) -> Invitation {
    Invitation {
        person: for_one.then(|| person(2)),
        name: for_one.then(|| HOSTILE.to_owned()),
        roles: Roles::every_persons(),
        expires_at: AT,
    }
}

/// Two operators, as one sees them who may do everything (`is_fresh`), or one who must prove it.
pub fn operators(is_fresh: bool) -> OperatorsShown {
    let row = |number: u8, roles| OperatorRow {
        who: named(number),
        roles,
        is_you: number == 1,
        passkeys: if number == 1 { vec![(PasskeyId(1), HOSTILE.to_owned(), AT)] } else { vec![] },
    };
    let session = |is_this| SessionRow {
        id: SessionId(5),
        who: named(1),
        how: SignInMethod::BreakGlass,
        opened_at: AT,
        seen_at: AT,
        ends_at: AT,
        from: "192.0.2.0/24".to_owned(),
        is_this,
        may_end: !is_this,
    };
    OperatorsShown {
        at: AT,
        rows: vec![row(1, Roles::every_persons()), row(2, Roles::of(&[Role::Audit]))],
        links: vec![(Some(named(3)), Roles::of(&[Role::Keys]), AT), (None, Roles::NONE, AT)],
        sessions: vec![session(true), session(false)],
        never_two: !is_fresh,
        may_manage: true,
        may_act: true,
        is_fresh,
        by_company: !is_fresh,
    }
}
