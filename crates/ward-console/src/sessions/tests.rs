//! Sessions against links used twice, clocks, bounds, forged cookies and revoked tokens.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};

use super::*;

struct Bench {
    sessions: Sessions,
    clock: Arc<AtomicI64>,
    token_live: Arc<AtomicBool>,
}

const START: i64 = 1_800_000_000_000;

fn bench() -> Bench {
    let clock = Arc::new(AtomicI64::new(START));
    let token_live = Arc::new(AtomicBool::new(true));
    let next = Arc::new(AtomicU8::new(0));
    let (read, live, checked) = (clock.clone(), token_live.clone(), token_live.clone());
    let sessions = Sessions::new(
        Arc::new(move || UnixMillis::new(read.load(Ordering::Relaxed))),
        Arc::new(move |bytes| {
            bytes.fill(next.fetch_add(1, Ordering::Relaxed).wrapping_add(1));
            true
        }),
        Operators {
            check: Arc::new(move |token| {
                let kind = match token {
                    "operator" if checked.load(Ordering::Relaxed) => ApiKeyKind::Operator,
                    "scim" => ApiKeyKind::Scim,
                    "service" => ApiKeyKind::Service,
                    "person" => ApiKeyKind::Person,
                    _ => return None,
                };
                Some(Caller { api_key: ApiKeyId(7), kind })
            }),
            is_live: Arc::new(move |_| live.load(Ordering::Relaxed)),
        },
    );
    Bench { sessions, clock, token_live }
}

impl Bench {
    fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }
}

#[test]
fn a_link_opens_once() {
    let bench = bench();
    let key = bench.sessions.link().unwrap();
    let secret = bench.sessions.redeem(&key).unwrap();
    assert_eq!(bench.sessions.enter(&secret).unwrap().opened_by, OpenedBy::Link);
    assert_eq!(bench.sessions.redeem(&key), None, "a link used twice");
    assert!(bench.sessions.enter(&key).is_none(), "a link's key is no session");
}

#[test]
fn a_link_runs_out() {
    for (name, ms, opens) in [
        ("just in time", LINK_LIFE_MS - 1, true),
        ("too late", LINK_LIFE_MS, false),
        ("the clock went back a day", -86_400_000, false),
    ] {
        let bench = bench();
        let key = bench.sessions.link().unwrap();
        bench.pass(ms);
        assert_eq!(bench.sessions.redeem(&key).is_some(), opens, "{name}");
    }
}

#[test]
fn links_are_bounded_and_the_newest_count() {
    let bench = bench();
    let keys: Vec<String> = (0..=LINKS_MAX).map(|_| bench.sessions.link().unwrap()).collect();
    assert!(bench.sessions.redeem(&keys[0]).is_none());
    assert!(bench.sessions.redeem(&keys[1]).is_some());
    assert!(bench.sessions.redeem(keys.last().unwrap()).is_some());
}

#[test]
fn forged_and_broken_secrets_open_nothing() {
    let bench = bench();
    let key = bench.sessions.link().unwrap();
    let secret = bench.sessions.redeem(&key).unwrap();
    let hash = HEXLOWER.encode(&Sha256::digest(secret.as_bytes()));
    let upper = "AB".repeat(32);
    let forged = "ab".repeat(32);
    let (long, short) = (format!("{secret}0"), secret.get(1..).unwrap());
    for given in ["", "x", forged.as_str(), upper.as_str(), &long, short, &hash] {
        assert!(bench.sessions.enter(given).is_none(), "{given}");
        assert!(bench.sessions.redeem(given).is_none(), "{given}");
    }
}

#[test]
fn a_session_ends_when_idle_and_after_half_a_day() {
    let bench = bench();
    let key = bench.sessions.link().unwrap();
    let secret = bench.sessions.redeem(&key).unwrap();
    let mut age = 0;
    while age + SESSION_IDLE_MS - 1 < SESSION_LIFE_MS {
        bench.pass(SESSION_IDLE_MS - 1);
        age += SESSION_IDLE_MS - 1;
        assert!(bench.sessions.enter(&secret).is_some(), "at {age} ms");
    }
    bench.pass(SESSION_LIFE_MS - age);
    assert!(bench.sessions.enter(&secret).is_none(), "past its longest life");
}

#[test]
fn watching_is_no_activity() {
    let bench = bench();
    let key = bench.sessions.link().unwrap();
    let secret = bench.sessions.redeem(&key).unwrap();
    let session = bench.sessions.enter(&secret).unwrap();
    bench.pass(SESSION_IDLE_MS - 1);
    assert!(bench.sessions.is_open(&session));
    bench.pass(1);
    assert!(!bench.sessions.is_open(&session));
    assert!(bench.sessions.enter(&secret).is_none());
}

#[test]
fn a_clock_set_back_ends_sessions() {
    let bench = bench();
    let key = bench.sessions.link().unwrap();
    let secret = bench.sessions.redeem(&key).unwrap();
    bench.pass(-CLOCK_BACK_MS + 1);
    assert!(bench.sessions.enter(&secret).is_some(), "a small step back is harmless");
    bench.pass(-86_400_000);
    assert!(bench.sessions.enter(&secret).is_none());
}

#[test]
fn only_operators_sign_in() {
    let bench = bench();
    for (token, opens) in [
        ("operator", true),
        ("scim", false),
        ("service", false),
        ("person", false),
        ("wrong", false),
        ("", false),
        (&"operator".repeat(100), false),
    ] {
        assert_eq!(bench.sessions.sign_in(token).is_some(), opens, "{token}");
    }
}

#[test]
fn a_session_ends_with_its_token() {
    let bench = bench();
    let secret = bench.sessions.sign_in("operator").unwrap();
    let session = bench.sessions.enter(&secret).unwrap();
    assert_eq!(session.opened_by, OpenedBy::Operator(ApiKeyId(7)));
    bench.token_live.store(false, Ordering::Relaxed);
    assert!(!bench.sessions.is_open(&session));
    bench.token_live.store(true, Ordering::Relaxed);
    assert!(bench.sessions.enter(&secret).is_none(), "an ended session stays ended");
}

#[test]
fn sessions_are_bounded_and_the_idlest_gives_way() {
    let bench = bench();
    let first = bench.sessions.sign_in("operator").unwrap();
    bench.pass(1);
    let second = bench.sessions.sign_in("operator").unwrap();
    for _ in 2..SESSIONS_MAX {
        bench.pass(1);
        assert!(bench.sessions.sign_in("operator").is_some());
    }
    bench.pass(1);
    assert!(bench.sessions.enter(&first).is_some());
    assert!(bench.sessions.sign_in("operator").is_some());
    assert!(bench.sessions.enter(&first).is_some(), "seen last");
    assert!(bench.sessions.enter(&second).is_none(), "idle for longest");
}

#[test]
fn signing_out_ends_and_wakes() {
    let bench = bench();
    let mut ended = bench.sessions.ended();
    let secret = bench.sessions.sign_in("operator").unwrap();
    let other = bench.sessions.sign_in("operator").unwrap();
    let session = bench.sessions.enter(&secret).unwrap();
    assert!(!ended.has_changed().unwrap());
    bench.sessions.sign_out(&session);
    assert!(ended.has_changed().unwrap());
    ended.mark_unchanged();
    assert!(bench.sessions.enter(&secret).is_none());
    assert!(bench.sessions.enter(&other).is_some());
    let key = bench.sessions.link().unwrap();
    bench.sessions.close();
    assert!(ended.has_changed().unwrap());
    assert!(bench.sessions.enter(&other).is_none());
    assert!(bench.sessions.redeem(&key).is_none());
}

#[test]
fn a_failing_random_source_opens_nothing() {
    for random in [|_: &mut [u8; 32]| false, |_: &mut [u8; 32]| true] {
        let sessions = Sessions::new(
            Arc::new(|| UnixMillis::new(START)),
            Arc::new(random),
            Operators { check: Arc::new(|_| None), is_live: Arc::new(|_| true) },
        );
        assert!(sessions.link().is_none(), "all zero is not random");
    }
}
