//! Who may say what to a proposal; a small model over random lives; restarts are replays.

use proptest::prelude::*;
use ward_model::record::*;
use ward_model::word::*;
use ward_model::*;

use super::decide::{self, Answer, Consenting, Rejected};
use super::*;
use crate::act::{Act, ActKind, Rule, Rules};
use crate::limits::{ALONE_AFTER_MS, LIFE_MS, OPEN_OF_ONE_MAX};

const START: i64 = 1_700_000_000_000;

/// A house: the view under test, its rules, and every record it was given.
#[derive(Default)]
struct House {
    view: Approvals,
    rules: Rules,
    records: Vec<(Position, Record)>,
    now: i64,
}

impl House {
    /// Operators 1 to `people`, each with every role a person can hold.
    fn new(people: u8) -> Self {
        let mut house = Self { now: START, ..Self::default() };
        for number in 1..=people {
            house.person(number, PersonState::Active);
            house.office(number, Roles::every_persons());
        }
        house
    }

    fn now(&self) -> UnixMillis {
        UnixMillis::new(self.now)
    }

    fn put(&mut self, record: impl Into<Record>) {
        let record = record.into();
        let index = LeafIndex(i64::try_from(self.records.len()).unwrap());
        let at = Position { index, time: self.now() };
        self.view.take_in(at, &record);
        self.records.push((at, record));
    }

    fn person(&mut self, number: u8, state: PersonState) {
        self.put(PersonPut {
            person: person(number),
            principal: PrincipalNumber(number.into()),
            principal_key: PrincipalKey([number; 16]),
            state,
            row_digest: [0; 32],
        });
    }

    fn office(&mut self, number: u8, roles: Roles) {
        let person_key = PrincipalKey([number; 16]);
        self.put(OperatorSet { person: person(number), person_key, roles });
    }

    fn ask(&mut self, act: &Act, by: u8) -> Result<Option<ApprovalId>, Rejected> {
        match decide::ask(&self.view, &self.rules, act, &caller(by), self.now())? {
            Answer::Approved(record) => {
                self.put(record);
                Ok(None)
            }
            Answer::Founding(alert) => {
                alert.into_iter().for_each(|alert| self.put(alert));
                Ok(None)
            }
            Answer::Waits(id) => Ok(Some(id)),
            Answer::Propose(id, group) => {
                group.into_iter().for_each(|record| self.put(record));
                Ok(Some(id))
            }
        }
    }

    fn consent(&mut self, id: ApprovalId, act: &Act, by: u8) -> Result<(), Rejected> {
        let consent = decide::consent(&self.view, id, &act.digest, consenting(by), self.now())?;
        self.put(consent);
        Ok(())
    }

    fn standing(&self, id: ApprovalId) -> Standing {
        self.view.standing(self.view.proposal(id).unwrap(), self.now())
    }
}

fn person(number: u8) -> PersonId {
    PersonId([number; 16])
}

/// Person `number` in a session; 0 is Ward itself, 99 a machine.
fn caller(number: u8) -> Caller {
    match number {
        0 => Caller::WARD,
        99 => Caller::machine(ApiKeyId(99), ApiKeyKind::Operator),
        _ => Caller { person: person(number), session: SessionId(number.into()), ..Caller::WARD },
    }
}

fn consenting(number: u8) -> Consenting {
    let session = SessionId(number.into());
    Consenting { person: person(number), session, proof: SignInMethod::Passkey }
}

fn act(target: &str) -> Act {
    Act::of(ActKind::IssuerLearning, target, &[b"exact"], format!("{target} becomes looser"))
}

#[test]
fn another_person_and_the_exact_act() {
    let mut house = House::new(3);
    let (one, other) = (act("a"), act("b"));
    let id = house.ask(&one, 1).unwrap().unwrap();
    assert_eq!(house.standing(id), Standing::Waiting { missing: 1 });
    assert_eq!(house.ask(&one, 1), Ok(Some(id)), "asked again it is the same proposal");
    assert_eq!(house.consent(id, &one, 1), Err(Rejected::OwnProposal));
    assert_eq!(house.consent(id, &other, 2), Err(Rejected::OtherDigest));
    assert_eq!(house.consent(id, &one, 99), Err(Rejected::NotAPerson));
    assert_eq!(house.consent(ApprovalId(7), &one, 2), Err(Rejected::NotFound));
    house.consent(id, &one, 2).unwrap();
    assert_eq!(house.consent(id, &one, 2), Err(Rejected::Twice));
    assert_eq!(house.standing(id), Standing::Approved);
    assert!(house.ask(&other, 1).unwrap().is_some(), "another act is another proposal");
    assert_eq!(house.ask(&one, 3), Ok(None), "anyone carries it out");
    assert_eq!(house.standing(id), Standing::Ended(ApprovalEnd::Applied));
    assert!(house.ask(&one, 1).unwrap().is_some(), "once");
}

#[test]
fn what_nobody_proposed_needs_two() {
    let mut house = House::new(3);
    for machine in [0, 99] {
        let act = act(if machine == 0 { "found" } else { "machine" });
        let id = house.ask(&act, machine).unwrap().unwrap();
        house.consent(id, &act, 1).unwrap();
        assert_eq!(house.standing(id), Standing::Waiting { missing: 1 });
        house.consent(id, &act, 2).unwrap();
        assert_eq!(house.standing(id), Standing::Approved);
    }
    let alerts = house.records.iter().filter(|(_, one)| matches!(one, Record::AlertRaised(_)));
    assert_eq!(alerts.count(), 1, "what Ward found by itself is an alert");
}

#[test]
fn proposals_end() {
    let decide_for = caller;
    let end = |work: &dyn Fn(&mut House, ApprovalId, &Act)| {
        let mut house = House::new(3);
        let act = act("a");
        let id = house.ask(&act, 1).unwrap().unwrap();
        work(&mut house, id, &act);
        (house.standing(id), house)
    };
    let (standing, house) = end(&|house, id, act| {
        house.consent(id, act, 2).unwrap();
        house.now += LIFE_MS;
    });
    assert_eq!(standing, Standing::Ended(ApprovalEnd::Expired));
    assert_eq!(decide::overdue(&house.view, house.now()).len(), 1);
    let (standing, _) = end(&|house, id, act| {
        house.consent(id, act, 2).unwrap();
        house.person(1, PersonState::Left);
    });
    assert_eq!(standing, Standing::Ended(ApprovalEnd::Lapsed), "its proposer left");
    let (standing, _) = end(&|house, id, act| {
        house.consent(id, act, 2).unwrap();
        house.person(2, PersonState::Left);
    });
    assert_eq!(standing, Standing::Waiting { missing: 1 }, "whoever consented left");
    let (standing, _) = end(&|house, id, act| {
        house.consent(id, act, 2).unwrap();
        house.person(2, PersonState::Left);
        house.person(2, PersonState::Active);
    });
    assert_eq!(standing, Standing::Waiting { missing: 1 }, "his consent lapsed when he left");
    let (standing, _) = end(&|house, id, act| {
        house.consent(id, act, 2).unwrap();
        house.person(1, PersonState::Left);
        house.person(1, PersonState::Active);
    });
    assert_eq!(standing, Standing::Ended(ApprovalEnd::Lapsed), "so did the proposal");
    for roles in [Roles::NONE, Roles::of(&[Role::Audit])] {
        let (standing, _) = end(&|house, id, act| {
            house.consent(id, act, 2).unwrap();
            house.office(2, roles);
        });
        assert_eq!(standing, Standing::Waiting { missing: 1 }, "may not consent any more");
    }
    let (standing, mut house) = end(&|house, id, _| {
        let now = house.now();
        let not_his = decide::withdraw(&house.view, id, &decide_for(2), now);
        assert_eq!(not_his, Err(Rejected::NotYours));
        let own = decide::refuse(&house.view, id, &decide_for(1), now);
        assert_eq!(own, Err(Rejected::OwnProposal));
        house.put(decide::refuse(&house.view, id, &decide_for(2), now).unwrap());
    });
    assert_eq!(standing, Standing::Ended(ApprovalEnd::Refused));
    let over = Err(Rejected::Over { how: ApprovalEnd::Refused });
    assert_eq!(house.consent(ApprovalId(1), &act("a"), 3), over);
    let (standing, _) = end(&|house, id, _| {
        house.put(decide::withdraw(&house.view, id, &decide_for(1), house.now()).unwrap());
    });
    assert_eq!(standing, Standing::Ended(ApprovalEnd::Withdrawn));
}

#[test]
fn rules_ask_for_more_and_for_others() {
    let mut house = House::new(4);
    house.office(2, Roles::of(&[Role::People]));
    house.office(3, Roles::of(&[Role::People]));
    house.office(4, Roles::of(&[Role::Journal]));
    let rule = Rule { consents: 2, from_roles: Roles::of(&[Role::Journal]) };
    house.rules.by_kind.insert(ActKind::IssuerLearning, rule);
    let act = act("a");
    let id = house.ask(&act, 1).unwrap().unwrap();
    house.consent(id, &act, 2).unwrap();
    house.consent(id, &act, 3).unwrap();
    assert_eq!(house.standing(id), Standing::Waiting { missing: 1 }, "none from the other group");
    house.consent(id, &act, 4).unwrap();
    assert_eq!(house.standing(id), Standing::Approved);
}

#[test]
fn nobody_keeps_others_from_proposing() {
    let mut house = House::new(3);
    for turn in 0..OPEN_OF_ONE_MAX {
        house.ask(&act(&turn.to_string()), 1).unwrap();
    }
    assert_eq!(house.ask(&act("more"), 1), Err(Rejected::TooMany));
    assert!(house.ask(&act("more"), 2).is_ok());
}

#[test]
fn until_there_were_two_one_acts_alone_and_loudly() {
    let mut house = House::new(1);
    let alerts = |house: &House| {
        house.records.iter().filter(|(_, one)| matches!(one, Record::AlertRaised(_))).count()
    };
    let enrol = Act::of(ActKind::EnrolOperator, "two", &[], String::new());
    assert_eq!((house.ask(&enrol, 1), alerts(&house)), (Ok(None), 0));
    assert_eq!((house.ask(&act("a"), 1), alerts(&house)), (Ok(None), 1));
    assert!(house.ask(&enrol, 99).unwrap().is_some(), "a machine enrols nobody");
    assert!(house.ask(&act("a"), 0).unwrap().is_some(), "Ward itself sets no issuer");
    let edited = Act::of(ActKind::Declarations, "", &[], String::new());
    assert_eq!(house.ask(&edited, 0), Ok(None));
    house.person(2, PersonState::Active);
    house.office(2, Roles::every_persons());
    house.office(2, Roles::NONE);
    assert!(house.ask(&enrol, 1).unwrap().is_some(), "there were two");
    assert!(house.ask(&edited, 0).unwrap().is_some(), "there were two");
}

#[test]
fn the_only_operator_left_waits_three_days() {
    let mut house = House::new(2);
    house.person(2, PersonState::Left);
    let act = act("a");
    let id = house.ask(&act, 1).unwrap().unwrap();
    house.now += ALONE_AFTER_MS - 1;
    assert_eq!(house.standing(id), Standing::Waiting { missing: 1 });
    house.now += 1;
    assert_eq!(house.standing(id), Standing::Approved);
    house.person(2, PersonState::Active);
    house.office(2, Roles::every_persons());
    assert_eq!(house.standing(id), Standing::Waiting { missing: 1 }, "no longer alone");
    let alert = house.records.iter().any(|(_, one)| matches!(one, Record::AlertRaised(_)));
    assert!(alert, "it was told loudly");
}

#[test]
fn ended_proposals_are_let_go_of() {
    let mut house = House::new(2);
    for turn in 0..ENDED_MAX + 10 {
        let id = house.ask(&act(&turn.to_string()), 1).unwrap().unwrap();
        house.put(decide::withdraw(&house.view, id, &caller(1), house.now()).unwrap());
    }
    assert_eq!(house.view.newest(None).count(), ENDED_MAX);
}

/// What can happen in a house.
#[derive(Clone, Debug)]
enum Step {
    Ask { act: usize, by: u8 },
    Consent { id: i64, act: usize, by: u8 },
    Refuse { id: i64, by: u8 },
    Leave(u8),
    Return(u8),
    Remove(u8),
    Pass(i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let (act, by, id) = (0..2usize, prop_oneof![0..4u8, Just(99)], 1..5i64);
    prop_oneof![
        6 => (act.clone(), by.clone()).prop_map(|(act, by)| Step::Ask { act, by }),
        6 => (id.clone(), act, by.clone()).prop_map(|(id, act, by)| Step::Consent { id, act, by }),
        1 => (id, by).prop_map(|(id, by)| Step::Refuse { id, by }),
        1 => (1..4u8).prop_map(Step::Leave),
        2 => (1..4u8).prop_map(Step::Return),
        1 => (1..4u8).prop_map(Step::Remove),
        2 => (0..LIFE_MS / 2).prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ]
}

/// A proposal as the model knows it.
struct Modelled {
    /// 0 for nobody.
    proposer: u8,
    until: i64,
    consents: BTreeSet<u8>,
    over: bool,
}

proptest! {
    /// Whatever happens: an act is carried out only with consents of enough other persons who have
    /// been operators from their consent on, to that very act, since the proposal was made and not
    /// twice. Less than three days pass, so that nobody may act alone.
    #[test]
    fn nobody_weakens_anything_alone(steps in proptest::collection::vec(step(), 1..40)) {
        let mut house = House::new(3);
        let acts = [act("a"), act("b")];
        // The model: proposals by number, and which of them each act's last one is.
        let mut model: BTreeMap<i64, Modelled> = BTreeMap::new();
        let mut last = [0; 2];
        let (mut here, mut set) = (BTreeSet::from([1, 2, 3]), BTreeSet::from([1, 2, 3]));
        for step in steps {
            // Whoever stops being an operator takes his consents and his proposals with him.
            let sits = |one: &u8, here: &BTreeSet<u8>, set: &BTreeSet<u8>| {
                here.contains(one) && set.contains(one)
            };
            for it in model.values_mut() {
                it.consents.retain(|one| sits(one, &here, &set));
                it.over |= it.proposer != 0 && !sits(&it.proposer, &here, &set);
            }
            match step {
                Step::Ask { act, by } => {
                    let got = house.ask(&acts[act], by).unwrap();
                    let done = model.get(&last[act]).is_some_and(|it| {
                        let needed = if it.proposer == 0 { 2 } else { 1 };
                        !it.over && house.now < it.until && it.consents.len() >= needed
                    });
                    match got {
                        None => {
                            prop_assert!(done, "carried out without a second person");
                            model.get_mut(&last[act]).unwrap().over = true;
                        }
                        Some(id) => {
                            prop_assert!(!done, "approved and yet held");
                            let proposer = if sits(&by, &here, &set) { by } else { 0 };
                            let until = house.view.proposal(id).unwrap().expires_at.ms();
                            let (consents, over) = (BTreeSet::new(), false);
                            let new = Modelled { proposer, until, consents, over };
                            model.entry(id.0).or_insert(new);
                            last[act] = id.0;
                        }
                    }
                }
                Step::Consent { id, act, by } => {
                    if house.consent(ApprovalId(id), &acts[act], by).is_ok() {
                        prop_assert!(sits(&by, &here, &set), "somebody consented who may not");
                        prop_assert_eq!(last[act], id, "consent to another act");
                        let it = model.get_mut(&id).unwrap();
                        prop_assert_ne!(it.proposer, by, "consent to his own");
                        prop_assert!(it.consents.insert(by), "counted twice");
                        prop_assert!(!it.over, "consent to what is over");
                    }
                }
                Step::Refuse { id, by } => {
                    let now = house.now();
                    let end = decide::refuse(&house.view, ApprovalId(id), &caller(by), now);
                    if let Ok(end) = end {
                        model.get_mut(&id).unwrap().over = true;
                        house.put(end);
                    }
                }
                Step::Leave(number) => {
                    here.remove(&number);
                    house.person(number, PersonState::Left);
                }
                Step::Return(number) => {
                    here.insert(number);
                    set.insert(number);
                    house.person(number, PersonState::Active);
                    house.office(number, Roles::every_persons());
                }
                Step::Remove(number) => {
                    set.remove(&number);
                    house.office(number, Roles::NONE);
                }
                Step::Pass(ms) => house.now += ms,
                Step::Restart => {
                    let mut again = Approvals::default();
                    for (at, record) in &house.records {
                        again.take_in(*at, record);
                    }
                    prop_assert_eq!(format!("{again:?}").len(), format!("{:?}", house.view).len());
                    house.view = again;
                }
            }
        }
    }
}
