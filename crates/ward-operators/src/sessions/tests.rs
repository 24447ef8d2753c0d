//! Sessions against fixation, stolen cookies, clocks, leavers, revoked passkeys and bounds.

use proptest::prelude::*;
use ward_model::PrincipalKey;
use ward_model::record::{OperatorSet, PasskeyRevoked, PrincipalSuspended};

use super::*;
use crate::testing::{Fake, random, registered};

struct Bench {
    fake: Fake,
    sessions: Sessions<Fake>,
}

const HOME: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 7];

/// Three persons, two of them operators with a passkey each.
fn bench() -> Bench {
    let fake = Fake::new(3, 2);
    fake.put(registered(1, 1));
    fake.put(registered(2, 2));
    let desk = Desk::new(fake.clone(), fake.approvals.clone());
    Bench { sessions: Sessions::new(desk, SessionRules::default(), random()), fake }
}

fn firefox() -> Browser {
    Browser::of(b"Firefox")
}

fn opening(person: u8) -> Opening {
    Opening {
        person: PersonId([person; 16]),
        how: SignInMethod::Passkey,
        passkey: PasskeyId(person.into()),
        provider: None,
        proven_at: UnixMillis::new(1_700_000_000_000),
        source: HOME,
        browser: firefox(),
    }
}

impl Bench {
    async fn open(&self, person: u8) -> (String, Session) {
        let (secret, session) = self.sessions.open(opening(person), None).await.unwrap();
        (secret.expose().clone(), session)
    }

    async fn enter(&self, secret: &str) -> Option<Session> {
        self.sessions.enter(secret, firefox()).await
    }

    fn ended(&self) -> Option<SessionEnd> {
        match self.fake.last("SessionEnded")? {
            Record::SessionEnded(it) => Some(it.how),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_opening_is_on_record_before_its_secret_is_known() {
    let bench = bench();
    *bench.fake.down.lock().unwrap() = true;
    let refused = bench.sessions.open(opening(1), None).await.err();
    assert_eq!(refused, Some(OpenError::Unavailable(Unavailable)));
    assert!(bench.sessions.list().is_empty());
    *bench.fake.down.lock().unwrap() = false;
    let (_, session) = bench.open(1).await;
    let Some(Record::SessionOpened(record)) = bench.fake.last("SessionOpened") else { panic!() };
    assert_eq!((record.session, record.person), (session.id, session.person));
    assert_eq!((record.how, record.source), (SignInMethod::Passkey, HOME));
    assert_eq!(record.expires_at, session.ends_at);
}

#[tokio::test]
async fn each_sign_in_has_a_secret_of_its_own_and_ends_the_one_before() {
    let bench = bench();
    let (first, old) = bench.open(1).await;
    let (second, _) = bench.sessions.open(opening(1), Some(&old)).await.unwrap();
    assert_ne!(&first, second.expose());
    assert!(bench.enter(&first).await.is_none(), "what was known before opens nothing after");
    assert_eq!(bench.ended(), Some(SessionEnd::SignedOut));
    assert!(bench.enter(second.expose()).await.is_some());
    for forged in ["", "x", &"ab".repeat(32), &second.expose().to_uppercase()] {
        assert!(bench.enter(forged).await.is_none(), "{forged}");
    }
}

#[tokio::test]
async fn a_cookie_from_another_browser_ends_the_session_and_alerts() {
    let bench = bench();
    let (secret, _) = bench.open(1).await;
    let thief = Browser::of(b"curl/8");
    assert!(bench.sessions.enter(&secret, thief).await.is_none());
    assert!(bench.enter(&secret).await.is_none(), "its owner must sign in again");
    assert_eq!(bench.ended(), Some(SessionEnd::Stolen));
    let Some(Record::AlertRaised(alert)) = bench.fake.last("AlertRaised") else { panic!() };
    assert_eq!(alert.kind, AlertKind::OperatorCredential);
}

#[tokio::test]
async fn who_leaves_or_loses_his_office_or_passkey_is_out_at_once() {
    let (key, person) = (PrincipalKey([1; 16]), PersonId([1; 16]));
    let suspended = PrincipalSuspended {
        principal_key: key,
        principal: ward_model::PrincipalNumber(1),
        cause: ward_model::word::Cause::Left,
    };
    let cases: [(Record, SessionEnd); 3] = [
        (suspended.into(), SessionEnd::Left),
        (OperatorSet { person, person_key: key, roles: Roles::NONE }.into(), SessionEnd::Left),
        (PasskeyRevoked { passkey: PasskeyId(1), person }.into(), SessionEnd::Revoked),
    ];
    for (record, how) in cases {
        let bench = bench();
        let (secret, session) = bench.open(1).await;
        let (other, _) = bench.open(2).await;
        let name = record.kind_name();
        bench.fake.put(record);
        assert!(!bench.sessions.is_open(session.id), "{name}");
        assert!(bench.enter(&secret).await.is_none(), "{name}");
        assert_eq!(bench.ended(), Some(how), "{name}");
        assert!(bench.enter(&other).await.is_some(), "{name}: nobody else");
        assert!(bench.sessions.open(opening(1), None).await.is_err(), "{name}: nor in again");
    }
    assert!(bench().sessions.open(opening(3), None).await.is_err(), "no operator");
    let stranger = Opening { passkey: PasskeyId(2), ..opening(1) };
    assert!(bench().sessions.open(stranger, None).await.is_err(), "another's passkey");
}

#[tokio::test]
async fn time_ends_sessions() {
    struct Case {
        name: &'static str,
        steps_ms: &'static [i64],
        open: bool,
        end: Option<SessionEnd>,
    }
    const HALF: i64 = SESSION_IDLE_MS - 1;
    const CASES: [Case; 5] = [
        Case { name: "in use", steps_ms: &[HALF, HALF, HALF], open: true, end: None },
        Case {
            name: "idle",
            steps_ms: &[SESSION_IDLE_MS],
            open: false,
            end: Some(SessionEnd::Idle),
        },
        Case { name: "absolute", steps_ms: &[HALF; 25], open: false, end: None },
        Case { name: "a small step back", steps_ms: &[-1000], open: true, end: None },
        Case { name: "a clock set back", steps_ms: &[-CLOCK_BACK_MS - 1], open: false, end: None },
    ];
    for Case { name, steps_ms, open, end } in CASES {
        let bench = bench();
        let (secret, _) = bench.open(1).await;
        let mut entered = None;
        for step in steps_ms {
            bench.fake.pass(*step);
            entered = bench.enter(&secret).await;
        }
        assert_eq!(entered.is_some(), open, "{name}");
        assert_eq!(bench.ended(), end, "{name}");
    }
}

#[tokio::test]
async fn looking_at_a_session_keeps_it_not() {
    let bench = bench();
    let (secret, session) = bench.open(1).await;
    for _ in 0..7 {
        bench.fake.pass(SESSION_IDLE_MS / 8);
        assert!(bench.sessions.is_open(session.id));
    }
    bench.fake.pass(SESSION_IDLE_MS / 8);
    assert!(bench.enter(&secret).await.is_none());
}

#[tokio::test]
async fn a_link_opens_once_and_only_to_look() {
    let bench = bench();
    let key = bench.sessions.link(PersonId([1; 16])).expose().clone();
    let (secret, session) = bench.sessions.redeem(&key, HOME, firefox()).await.unwrap();
    assert!(bench.sessions.redeem(&key, HOME, firefox()).await.is_err(), "twice");
    assert!(bench.enter(&key).await.is_none(), "a link's key is no session");
    let session = bench.enter(secret.expose()).await.unwrap_or(session);
    assert!(!session.may_act() && !bench.sessions.is_fresh(&session));
    let caller = bench.sessions.caller(&session);
    assert_eq!(caller.roles, Roles::of(&[Role::Audit]));
    let late = bench.sessions.link(PersonId([1; 16])).expose().clone();
    bench.fake.pass(LINK_LIFE_MS);
    assert!(bench.sessions.redeem(&late, HOME, firefox()).await.is_err(), "too late");
    let nobody = bench.sessions.link(PersonId([3; 16])).expose().clone();
    assert!(bench.sessions.redeem(&nobody, HOME, firefox()).await.is_err(), "no operator");
}

#[tokio::test]
async fn sessions_are_ended_by_their_owner_or_an_operator_of_operators() {
    let bench = bench();
    let (_, one) = bench.open(1).await;
    let (_, two) = bench.open(2).await;
    let weak = Caller { roles: Roles::of(&[Role::Keys]), ..bench.sessions.caller(&two) };
    assert_eq!(bench.sessions.end(one.id, &weak).await, Err(EndError::NotYours));
    let mut endings = bench.sessions.endings();
    let strong = bench.sessions.caller(&two);
    assert_eq!(bench.sessions.end(one.id, &strong).await, Ok(()));
    assert!(endings.has_changed().unwrap(), "streams wake");
    endings.mark_unchanged();
    assert_eq!(bench.sessions.end(one.id, &strong).await, Err(EndError::NotFound));
    assert_eq!(bench.ended(), Some(SessionEnd::Revoked));
    assert_eq!(bench.sessions.end(two.id, &weak).await, Ok(()), "his own");
}

#[tokio::test]
async fn the_provider_ends_what_it_names() {
    let at = |subject: &str, session: u8| {
        let subject = Subject::new(subject.to_owned()).unwrap();
        let person = [subject.as_str().len().try_into().unwrap(); 32];
        Some(AtProvider { subject, person, session: Some([session; 32]), roles: Roles::NONE })
    };
    for (person, session, want) in [
        (Some([1; 32]), None, 2),
        (None, Some([9; 32]), 1),
        (Some([1; 32]), Some([8; 32]), 1),
        (Some([2; 32]), Some([8; 32]), 0),
        (None, None, 0),
        (None, Some([0; 32]), 0),
    ] {
        let bench = bench();
        for (subject, sid) in [("a", 8), ("a", 9), ("bb", 7)] {
            let (passkey, provider) = (PasskeyId::NONE, at(subject, sid));
            let opening = Opening { passkey, provider, how: SignInMethod::Oidc, ..opening(1) };
            bench.sessions.open(opening, None).await.unwrap();
        }
        bench.open(2).await;
        assert_eq!(bench.sessions.end_provider(person, session).await, want);
        assert_eq!(bench.sessions.list().len(), 4 - want);
    }
}

#[tokio::test]
async fn one_person_has_few_and_pushes_out_his_own() {
    let bench = bench();
    let (other, _) = bench.open(2).await;
    let (first, _) = bench.open(1).await;
    for _ in 0..SESSIONS_OF_ONE_MAX {
        bench.fake.pass(1);
        bench.open(1).await;
    }
    assert!(bench.enter(&first).await.is_none());
    assert!(bench.enter(&other).await.is_some());
    assert_eq!(bench.sessions.list().len(), SESSIONS_OF_ONE_MAX + 1);
}

#[tokio::test]
async fn an_end_the_journal_could_not_take_is_told_later() {
    let bench = bench();
    let (secret, session) = bench.open(1).await;
    *bench.fake.down.lock().unwrap() = true;
    bench.sessions.sign_out(&session).await;
    assert!(bench.enter(&secret).await.is_none(), "closed all the same");
    assert_eq!(bench.ended(), None);
    assert!(bench.sessions.tend().await.is_err());
    *bench.fake.down.lock().unwrap() = false;
    bench.sessions.tend().await.unwrap();
    assert_eq!(bench.ended(), Some(SessionEnd::SignedOut));
}

#[tokio::test]
async fn tending_ends_what_nobody_looks_at() {
    let bench = bench();
    bench.open(1).await;
    bench.fake.pass(SESSION_IDLE_MS);
    bench.sessions.tend().await.unwrap();
    assert_eq!(bench.ended(), Some(SessionEnd::Idle));
}

proptest! {
    /// Nothing that happens to a session makes it live past its absolute end, idle past its bound,
    /// or in another browser.
    #[test]
    fn alive_is_within_all_bounds(
        opened in 0_i64..100_000_000, idle in -100_000_i64..4_000_000,
        age in -100_000_i64..50_000_000, same in any::<bool>(),
    ) {
        let fake = Fake::new(1, 1);
        fake.put(registered(1, 1));
        let rules = SessionRules::default();
        let at = UnixMillis::new(opened);
        let session = Session {
            id: SessionId(1), person: PersonId([1; 16]), how: SignInMethod::Passkey,
            passkey: PasskeyId(1), provider: None, opened_at: at,
            seen_at: at.plus_ms(age - idle), proven_at: at, ends_at: at.plus_ms(rules.life_ms),
            prefix: [0; 16], browser: firefox(),
        };
        let browser = if same { firefox() } else { Browser::of(b"x") };
        let found = fake.approvals.read(|it| {
            fate(&session, Some(browser), it.operators(), &rules, at.plus_ms(age))
        });
        let within = age < rules.life_ms && idle < rules.idle_ms
            && age >= -CLOCK_BACK_MS && idle >= -CLOCK_BACK_MS;
        prop_assert_eq!(found == Fate::Alive, within && same);
    }
}
