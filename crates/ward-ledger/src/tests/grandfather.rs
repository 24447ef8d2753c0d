//! Grandfathering: the whole path once, then one row per condition.

use super::*;

const CUT_OVER: UnixMillis = START;
const LIFE_MS: i64 = 3_600_000;

struct Old {
    world: World,
    signer: Signer,
    holder: PrincipalKey,
}

impl Old {
    /// An imported key with one holder who works here and an open window.
    fn new() -> Self {
        let mut old = Self::closed();
        old.open();
        old
    }

    fn closed() -> Self {
        let mut world = World::new(4);
        let signer = Signer::new(Algorithm::Es256);
        world.key(1, &signer, KeySource::Imported);
        let holder = world.ledger.principal_key(PrincipalKind::Person, "engineer");
        let mut old = Self { world, signer, holder };
        old.person(PersonState::Active);
        old.declare(holder, 1);
        old
    }

    fn open(&mut self) {
        self.world.record(GrandfatheringOpened {
            key: KeyNumber(1),
            cut_over: CUT_OVER,
            life_ms_max: LIFE_MS,
            closes_at: CUT_OVER.plus_ms(LIFE_MS),
        });
    }

    fn declare(&mut self, person_key: PrincipalKey, id: u8) {
        self.world.record(KeyHolderDeclared {
            key: KeyNumber(1),
            person: PersonId([id; 16]),
            person_key,
            since: START,
            evidence: CustodyEvidence::Declared,
        });
    }

    fn person(&mut self, state: PersonState) {
        let row = PersonPut {
            person: PersonId([1; 16]),
            principal: PrincipalNumber(5),
            principal_key: self.holder,
            state,
            row_digest: [0; 32],
        };
        self.world.record(row);
    }

    fn suspend(&mut self, key: PrincipalKey, cause: Cause) {
        let principal = PrincipalNumber(5);
        self.world.record(PrincipalSuspended { principal, principal_key: key, cause });
    }

    fn restore(&mut self, key: PrincipalKey) {
        let (principal, cause) = (PrincipalNumber(5), Cause::Returned);
        self.world.record(PrincipalRestored { principal, principal_key: key, cause });
    }

    fn state(&mut self, state: KeyState) {
        let (key, since, cause) = (KeyNumber(1), START, Cause::Rotation);
        self.world.record(KeyStateChanged { key, state, since, cause });
    }

    /// A token laid out by the old login service.
    fn token(&self, claims: &str) -> String {
        let header = format!(r#"{{"typ":"JWT","alg":"ES256","kid":"{}"}}"#, kid(1));
        let input = format!("{}.{}", part(&header), part(claims));
        layout::compact(&input, &self.signer.sign(&input))
    }

    fn old_token(&self) -> String {
        self.token(&claims(-10, LIFE_MS / 1000))
    }

    fn classify(&self, raw: &str) -> Classified {
        let Checked::Refuse(refused) = self.world.check(raw) else { panic!("passed unpinned") };
        self.world.ledger.classify(&refused.miss.unwrap(), self.world.now)
    }
}

/// `iat` and `exp` in seconds from cut-over.
fn claims(iat: i64, exp: i64) -> String {
    let (iat, exp) = (CUT_OVER.seconds() + iat, CUT_OVER.seconds() + exp);
    format!(r#"{{"sub":"100001","aud":"shop","client_id":"web","iat":{iat},"exp":{exp}}}"#)
}

#[test]
fn an_old_token_is_pinned_once_and_known_from_then_on() {
    let mut old = Old::new();
    let raw = old.old_token();
    let first = old.classify(&raw);
    let second = old.classify(&raw);
    assert!(first.signature_good);
    assert_eq!(first.claims.as_ref().unwrap().name.id(), "100001");
    let pin = first.pin.expect("lets it in");
    // Not recorded yet: it does not count.
    assert!(matches!(old.world.check(&raw), Checked::Refuse(_)));
    let Checked::Refuse(Refused { miss: Some(racing), .. }) = old.world.check(&raw) else {
        panic!("passed unpinned")
    };
    assert!(second.pin.is_some());
    old.world.record(pin.record(PrincipalNumber(8)));
    assert!(old.world.ledger.classify(&racing, START).known_now, "another request pinned it");
    let Checked::Pass(issued) = old.world.check(&raw) else { panic!("refused after its pin") };
    assert_eq!(issued.principal().unwrap().kind, PrincipalKind::Customer);
    // Its window may close, its key may be compromised, its holder may leave: it is known.
    old.world.record(GrandfatheringClosed { key: KeyNumber(1), cause: Cause::WindowClosed });
    old.state(KeyState::Compromised);
    old.suspend(old.holder, Cause::Left);
    old.world.restart();
    assert_eq!(old.world.reason(&raw), None);
    let fingerprint = {
        let parts = token::split(raw.as_bytes()).unwrap();
        let mut signature = crate::base64::decode_array::<64>(parts.signature).unwrap();
        assert!(canonicalise(Algorithm::Es256, &mut signature));
        old.world.ledger.secret().fingerprint(parts.signing_input, &signature).cast_signed()
    };
    assert_eq!(reason_at(&old.world.ledger, &raw, "other", START), Some(Reason::WrongAudience));
    assert_eq!(old.world.ledger.locate(&raw), Some(Entered::Pin(fingerprint)));
    old.world.record(PinRevoked { fingerprint, cause: Cause::Operator });
    assert_eq!(old.world.reason(&raw), Some(Reason::Revoked));
    old.world.now = CUT_OVER.plus_ms(LIFE_MS);
    assert_eq!(old.world.reason(&raw), Some(Reason::Expired));
}

#[test]
fn a_pinned_token_falls_with_its_principal_client_or_key() {
    type Act = fn(&mut Old, PrincipalKey, PrincipalKey);
    let acts: [(&str, Act, Reason); 4] = [
        (
            "principal revoked",
            |old, principal_key, _| {
                let (principal, cause) = (PrincipalNumber(8), Cause::Operator);
                old.world.record(PrincipalRevoked { principal, principal_key, cause });
            },
            Reason::Revoked,
        ),
        (
            "client revoked",
            |old, _, client_key| {
                old.world.record(ClientRevoked { client_key, cause: Cause::Operator });
            },
            Reason::Revoked,
        ),
        (
            "key's tokens revoked",
            |old, _, _| {
                old.world.record(KeyTokensRevoked { key: KeyNumber(1), cause: Cause::Operator });
            },
            Reason::Revoked,
        ),
        (
            "principal suspended",
            |old, key, _| old.suspend(key, Cause::Operator),
            Reason::PrincipalSuspended,
        ),
    ];
    for (name, act, want) in acts {
        for pinned_first in [true, false] {
            let mut old = Old::new();
            let raw = old.old_token();
            let principal = old.world.principal_key("100001");
            let client = old.world.ledger.secret().client_key("web");
            if pinned_first {
                let pin = old.classify(&raw).pin.unwrap();
                old.world.record(pin.record(PrincipalNumber(8)));
            }
            act(&mut old, principal, client);
            assert_eq!(old.world.reason(&raw), Some(want), "{name}, pinned {pinned_first}");
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, a row per condition")]
fn each_condition_is_necessary() {
    struct Case {
        name: &'static str,
        given: fn() -> (Old, String),
        want: Reason,
    }
    fn with(change: impl FnOnce(&mut Old)) -> (Old, String) {
        let mut old = Old::new();
        change(&mut old);
        let raw = old.old_token();
        (old, raw)
    }
    fn saying(claims: &str) -> (Old, String) {
        let old = Old::new();
        let raw = old.token(claims);
        (old, raw)
    }
    let life = LIFE_MS / 1000;
    assert_eq!(life, 3600);
    let cases = [
        Case {
            name: "never opened",
            given: || {
                let old = Old::closed();
                let raw = old.old_token();
                (old, raw)
            },
            want: Reason::NeverIssued,
        },
        Case {
            name: "iat at cut-over",
            given: || saying(&claims(0, 600)),
            want: Reason::NeverIssued,
        },
        Case {
            name: "exp past the longest life",
            given: || saying(&claims(-1, 3601)),
            want: Reason::NeverIssued,
        },
        Case {
            name: "no iat",
            given: || saying(r#"{"sub":"1","aud":"shop","exp":1800003600}"#),
            want: Reason::NeverIssued,
        },
        Case {
            name: "no exp",
            given: || saying(r#"{"sub":"1","aud":"shop","iat":1799999999}"#),
            want: Reason::NeverIssued,
        },
        Case {
            name: "names nobody",
            given: || saying(r#"{"aud":"shop","iat":1799999999,"exp":1800000600}"#),
            want: Reason::NeverIssued,
        },
        Case {
            name: "other audience",
            given: || saying(r#"{"sub":"1","aud":"x","iat":1799999999,"exp":1800000600}"#),
            want: Reason::WrongAudience,
        },
        Case {
            name: "not yet",
            given: || {
                saying(
                    r#"{"sub":"1","aud":"shop","iat":1799999999,"nbf":1800000001,"exp":1800000600}"#,
                )
            },
            want: Reason::NotYetValid,
        },
        Case { name: "expired", given: || saying(&claims(-100, -1)), want: Reason::Expired },
        Case {
            name: "window closed by time",
            given: || with(|old| old.world.now = CUT_OVER.plus_ms(LIFE_MS)),
            want: Reason::NeverIssued,
        },
        Case {
            name: "window closed by an act",
            given: || {
                with(|old| {
                    let (key, cause) = (KeyNumber(1), Cause::Operator);
                    old.world.record(GrandfatheringClosed { key, cause });
                    old.open();
                })
            },
            want: Reason::NeverIssued,
        },
        Case {
            name: "key compromised",
            given: || with(|old| old.state(KeyState::Compromised)),
            want: Reason::NeverIssued,
        },
        Case {
            name: "a holder is suspended",
            given: || with(|old| old.suspend(old.holder, Cause::Operator)),
            want: Reason::NeverIssued,
        },
        Case {
            name: "a holder left",
            given: || with(|old| old.person(PersonState::Left)),
            want: Reason::NeverIssued,
        },
        Case {
            name: "a holder left and returned",
            given: || {
                with(|old| {
                    old.suspend(old.holder, Cause::Left);
                    old.restore(old.holder);
                })
            },
            want: Reason::NeverIssued,
        },
        Case {
            name: "a holder nobody knows",
            given: || with(|old| old.declare(PrincipalKey([9; 16]), 9)),
            want: Reason::NeverIssued,
        },
        Case {
            name: "a key without declared holders",
            given: || {
                let mut old = Old::closed();
                let signer = Signer::new(Algorithm::Es256);
                old.world.key(2, &signer, KeySource::Imported);
                old.signer = signer;
                old.world.record(GrandfatheringOpened {
                    key: KeyNumber(2),
                    cut_over: CUT_OVER,
                    life_ms_max: LIFE_MS,
                    closes_at: CUT_OVER.plus_ms(LIFE_MS),
                });
                let header = format!(r#"{{"alg":"ES256","kid":"{}"}}"#, kid(2));
                let input = format!("{}.{}", part(&header), part(&claims(-1, 600)));
                let raw = layout::compact(&input, &old.signer.sign(&input));
                (old, raw)
            },
            want: Reason::NeverIssued,
        },
    ];
    for Case { name, given, want } in cases {
        let (old, raw) = given();
        let classified = old.classify(&raw);
        assert!(classified.signature_good, "{name}");
        assert!(classified.pin.is_none(), "{name}");
        assert_eq!(classified.reason, want, "{name}");
    }
    // The same token passes when nothing is in the way, also under a retired key.
    let (old, raw) = with(|old| old.state(KeyState::Retired));
    assert!(old.classify(&raw).pin.is_some());
    let (old, raw) = with(|old| {
        old.suspend(old.holder, Cause::Operator);
        old.restore(old.holder);
    });
    assert!(old.classify(&raw).pin.is_some(), "a suspension by mistake that was taken back");
}

#[test]
fn a_generated_key_has_no_old_tokens() {
    let mut world = World::new(4);
    let signer = Signer::new(Algorithm::Es256);
    world.key(1, &signer, KeySource::Generated);
    let holder = world.ledger.principal_key(PrincipalKind::Person, "engineer");
    let mut old = Old { world, signer, holder };
    old.person(PersonState::Active);
    old.declare(holder, 1);
    old.open();
    let raw = old.old_token();
    assert!(old.classify(&raw).pin.is_none());
    assert_eq!(old.world.reason(&raw), Some(Reason::NeverIssued));
}
