//! Tokens entered by their digest: the whole life, each reason, restart, dropping, a lost tail.

use super::*;
use crate::limits::{BUCKET_MS, DROP_GRACE_MS};

struct Door {
    world: World,
    signer: Signer,
}

/// A token over claims a client laid out, and its entry.
struct Made {
    token: String,
    row: TokenEntered,
}

impl Door {
    fn new(algorithm: Algorithm) -> Self {
        let mut world = World::new(4);
        let signer = Signer::new(algorithm);
        world.key(1, &signer, KeySource::Generated);
        Self { world, signer }
    }

    fn make(&self, header: &str, sub: &str, life_seconds: i64) -> Made {
        let now = self.world.now;
        let exp = UnixMillis::from_seconds(now.seconds() + life_seconds);
        let claims = format!(
            r#"{{"sub":"{sub}","iss":"ward","aud":["x","shop"],"iat":{},"exp":{},"scope":"me"}}"#,
            now.seconds(),
            exp.seconds()
        );
        let input = format!("{}.{}", part(header), part(&claims));
        let parsed = SigningInput::parse(input.as_bytes()).ok().unwrap();
        let mut signature = self.signer.sign(parsed.text());
        assert!(canonicalise(self.signer.algorithm(), &mut signature));
        let secret = self.world.ledger.secret();
        let row = TokenEntered {
            key: KeyNumber(1),
            digest: secret.token_digest(input.as_bytes(), &signature),
            principal: PrincipalNumber(1),
            principal_key: self.world.principal_key(sub),
            client_key: secret.client_key("api-key-7"),
            issued_at: now,
            expires_at: exp,
            revocations_seen: i64::try_from(self.world.ledger.revocations()).unwrap(),
            login_proven: false,
        };
        Made { token: layout::compact(&input, &signature), row }
    }

    fn header(&self, typ: &str) -> String {
        let alg = self.signer.algorithm();
        format!(r#"{{"alg":"{alg}","kid":"{}","typ":"{typ}"}}"#, kid(1))
    }

    fn entered(&mut self, sub: &str, life_seconds: i64) -> Made {
        let made = self.make(&self.header("JWT"), sub, life_seconds);
        self.world.record(made.row.clone());
        made
    }
}

#[test]
fn an_entered_token_passes_and_no_other() {
    for &algorithm in Algorithm::ALL {
        // Another order and type than Ward's own header, and exactly Ward's own.
        for typ in ["JWT", "at+jwt"] {
            let mut door = Door::new(algorithm);
            let made = door.make(&door.header(typ), "100001", 600);
            assert_eq!(door.world.reason(&made.token), Some(Reason::NeverIssued), "not entered");
            door.world.record(made.row.clone());
            let Checked::Pass(issued) = door.world.check(&made.token) else { panic!("refused") };
            assert_eq!(issued.principal().unwrap().id(), "100001");
            assert_eq!(issued.scope(), "me");
            assert!(!issued.login_proven());
            let other = door.make(&door.header(typ), "100002", 600);
            assert_eq!(door.world.reason(&other.token), Some(Reason::NeverIssued));
            let (input, _) = made.token.rsplit_once('.').unwrap();
            let junk = layout::compact(input, &[1; 64]);
            assert_eq!(door.world.reason(&junk), Some(Reason::BadSignature));
            assert_eq!(
                door.world.ledger.locate(&made.token),
                Some(Entered::Digest(made.row.digest, made.row.expires_at))
            );
            assert_eq!(door.world.ledger.live_tokens(KeyNumber(1)), 1);
            assert_eq!(door.world.ledger.faults(), 0);
        }
    }
}

#[test]
fn the_twin_of_an_entered_signature_is_the_same_token() {
    let mut door = Door::new(Algorithm::Es256);
    let made = door.entered("100001", 600);
    let (input, signature) = made.token.rsplit_once('.').unwrap();
    let signature = base64::decode_array::<64>(signature.as_bytes()).unwrap();
    let twin = layout::compact(input, &crate::canonical::twin(&signature));
    assert_ne!(twin, made.token);
    assert_eq!(door.world.reason(&twin), None);
    let (digest, expires_at) = (made.row.digest, made.row.expires_at);
    door.world.record(EnteredRevoked { digest, expires_at, cause: Cause::Operator });
    assert_eq!(door.world.reason(&twin), Some(Reason::Revoked));
}

#[test]
fn each_way_to_take_it_back_takes_it_back() {
    type Act = fn(&Made) -> Record;
    let acts: [(&str, Act, Reason); 5] = [
        (
            "itself",
            |made| {
                let (digest, expires_at) = (made.row.digest, made.row.expires_at);
                EnteredRevoked { digest, expires_at, cause: Cause::Operator }.into()
            },
            Reason::Revoked,
        ),
        (
            "its principal",
            |made| {
                let (principal, cause) = (PrincipalNumber(1), Cause::Operator);
                let principal_key = made.row.principal_key;
                PrincipalRevoked { principal, principal_key, cause }.into()
            },
            Reason::Revoked,
        ),
        (
            "its client",
            |made| ClientRevoked { client_key: made.row.client_key, cause: Cause::Operator }.into(),
            Reason::Revoked,
        ),
        (
            "its key",
            |_| KeyTokensRevoked { key: KeyNumber(1), cause: Cause::Operator }.into(),
            Reason::Revoked,
        ),
        (
            "suspension",
            |made| {
                let (principal, cause) = (PrincipalNumber(1), Cause::Left);
                let principal_key = made.row.principal_key;
                PrincipalSuspended { principal, principal_key, cause }.into()
            },
            Reason::PrincipalSuspended,
        ),
    ];
    for (name, act, want) in acts {
        let mut door = Door::new(Algorithm::EdDsa);
        let made = door.entered("100001", 600);
        let late = door.make(&door.header("JWT"), "100001", 601);
        door.world.record(act(&made));
        // Signed before the act and recorded after it: the act holds for it, too.
        door.world.record(late.row.clone());
        for _ in 0..2 {
            assert_eq!(door.world.reason(&made.token), Some(want), "{name}");
            assert_eq!(door.world.reason(&late.token).is_some(), name != "itself", "{name}");
            door.world.restart();
        }
        let after = door.entered("100001", 602);
        let revived = want == Reason::Revoked;
        assert_eq!(door.world.reason(&after.token).is_none(), revived, "{name}: later ones live");
    }
}

#[test]
fn reasons_keep_their_order_at_every_boundary() {
    let mut door = Door::new(Algorithm::Es256);
    let made = door.entered("100001", 600);
    let now = door.world.now;
    for (ms, want) in [(599_999, None), (600_000, Some(Reason::Expired))] {
        door.world.now = now.plus_ms(ms);
        assert_eq!(door.world.reason(&made.token), want);
    }
    door.world.now = now;
    let elsewhere = reason_at(&door.world.ledger, &made.token, "bank", now);
    assert_eq!(elsewhere, Some(Reason::WrongAudience));
    door.world.record(KeyStateChanged {
        key: KeyNumber(1),
        state: KeyState::Compromised,
        since: now,
        cause: Cause::Compromise,
    });
    assert_eq!(door.world.reason(&made.token), None, "what was entered lives on");
    let forged = door.make(&door.header("JWT"), "100001", 600);
    assert_eq!(door.world.reason(&forged.token), Some(Reason::NeverIssued));
}

#[test]
fn a_dropped_bucket_says_expired_and_never_never() {
    let mut door = Door::new(Algorithm::EdDsa);
    let made = door.entered("100001", 600);
    let long = door.entered("100002", 86_400);
    let now = door.world.now;
    // Time goes on in small steps, so that dropping goes on.
    let end = now.plus_ms(2 * BUCKET_MS + DROP_GRACE_MS);
    while door.world.now < end {
        door.world.now = door.world.now.plus_ms(30_000);
        door.world.record(IssuerModeSet { issuer: Text::cut("ward"), mode: IssuerMode::Enforcing });
    }
    assert_eq!(door.world.ledger.entered_tokens(KeyNumber(1)), 1, "one bucket is gone");
    assert_eq!(door.world.reason(&made.token), Some(Reason::Expired));
    assert_eq!(door.world.reason(&long.token), None);
    // A clock that went back finds no entry, and does not call it a forgery.
    door.world.now = now;
    assert_eq!(door.world.reason(&made.token), Some(Reason::LedgerBehind));
}

#[test]
fn what_a_restore_lost_is_behind_and_not_forged() {
    let mut door = Door::new(Algorithm::Es256);
    let known = door.entered("100001", 3600);
    door.world.now = door.world.now.plus_ms(600_000);
    let lost = door.make(&door.header("JWT"), "100002", 3600);
    door.world.now = door.world.now.plus_ms(600_000);
    door.world.record(Restored { backup: [7; 32], backup_size: 5, size: 5 });
    assert_eq!(door.world.reason(&known.token), None);
    assert_eq!(door.world.reason(&lost.token), Some(Reason::LedgerBehind));
    door.world.now = door.world.now.plus_ms(600_000);
    let forged = door.make(&door.header("JWT"), "100003", 3600);
    assert_eq!(door.world.reason(&forged.token), Some(Reason::NeverIssued), "after the restore");
    door.world.now = door.world.now.plus_ms(3_600_000);
    assert_eq!(door.world.reason(&lost.token), Some(Reason::Expired));
}

proptest::proptest! {
    /// A ledger of digests against a list: what was entered and not revoked passes, nothing else.
    #[test]
    fn it_holds_what_a_list_holds(
        acts in proptest::collection::vec((0u8..4, 0usize..12), 1..60),
    ) {
        let mut door = Door::new(Algorithm::EdDsa);
        let made: Vec<Made> =
            (0..12).map(|at| door.make(&door.header("JWT"), &at.to_string(), 600)).collect();
        let mut model = [(false, false); 12];
        for (act, at) in acts {
            let it = &made[at];
            match act {
                0 | 1 => {
                    door.world.record(it.row.clone());
                    model[at].0 = true;
                }
                2 => {
                    let (digest, expires_at) = (it.row.digest, it.row.expires_at);
                    let cause = Cause::Operator;
                    door.world.record(EnteredRevoked { digest, expires_at, cause });
                    model[at].1 = true;
                }
                _ => door.world.restart(),
            }
            for (it, (entered, revoked)) in made.iter().zip(model) {
                let want = match (entered, revoked) {
                    (false, _) => Some(Reason::NeverIssued),
                    (true, true) => Some(Reason::Revoked),
                    (true, false) => None,
                };
                proptest::prop_assert_eq!(door.world.reason(&it.token), want);
            }
        }
    }
}
