//! A foreign issuer's tokens over their whole life: one row per rule.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use ward_model::column::Octets;
use ward_model::record::*;
use ward_model::word::*;
use ward_model::*;

use super::*;
use crate::canonical::twin;
use crate::tests::{START, Signer, World, part, reason_at};
use crate::{Checked, Classified, Digest, Entered, Refused};

const URL: &str = "https://login.example";
const NUMBER: IssuerNumber = IssuerNumber(1);
const KEY: KeyNumber = KeyNumber(FOREIGN_KEY_FIRST + 1);
const NOW: i64 = START.seconds();

enum Key {
    Curve(Signer),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding, IssuerAlgorithm),
}

impl Key {
    fn rsa(algorithm: IssuerAlgorithm) -> Self {
        let encoding: &'static dyn RsaEncoding = match algorithm {
            IssuerAlgorithm::Ps256 => &RSA_PSS_SHA256,
            _ => &RSA_PKCS1_SHA256,
        };
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()), encoding, algorithm)
    }

    fn algorithm(&self) -> IssuerAlgorithm {
        match self {
            Self::Curve(Signer::Es256(_)) => IssuerAlgorithm::Es256,
            Self::Curve(Signer::EdDsa(_)) => IssuerAlgorithm::EdDsa,
            Self::Rsa(_, _, algorithm) => *algorithm,
        }
    }

    fn public_key(&self) -> Vec<u8> {
        match self {
            Self::Curve(Signer::Es256(pair)) => pair.public_key().as_ref().to_vec(),
            Self::Curve(Signer::EdDsa(pair)) => pair.public_key().as_ref().to_vec(),
            Self::Rsa(pair, ..) => pair.public_key().as_ref().to_vec(),
        }
    }

    fn sign(&self, input: &str) -> Vec<u8> {
        match self {
            Self::Curve(signer) => signer.sign(input).to_vec(),
            Self::Rsa(pair, encoding, _) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let message = input.as_bytes();
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// A foreign login service and a ledger that knows it.
struct Login {
    world: World,
    key: Key,
    next: i64,
}

#[derive(Clone)]
struct Token {
    raw: String,
    jti: String,
    sub: String,
    iat: i64,
    exp: i64,
}

impl Login {
    fn new(reports: ReportMode) -> Self {
        Self::with(Key::Curve(Signer::new(Algorithm::Es256)), reports, IssuerMode::Enforcing)
    }

    fn with(key: Key, reports: ReportMode, mode: IssuerMode) -> Self {
        let mut login = Self { world: World::new(4), key, next: 1 };
        login.declare(reports, "sub\n\ntenant\nazp", "customer");
        login.world.record(IssuerModeSet { issuer: Text::cut(URL), mode });
        login.world.record(IssuerKeySeen {
            issuer: NUMBER,
            key: KEY,
            kid: Text::cut("k1"),
            algorithm: login.key.algorithm(),
            public_key: Octets::new(login.key.public_key()).unwrap(),
        });
        login
    }

    fn declare(&mut self, reports: ReportMode, claims: &str, kinds: &str) {
        self.world.record(IssuerDeclared {
            issuer: NUMBER,
            name: Text::cut("login"),
            url: Text::cut(URL),
            audiences: Text::cut("shop\nshop-app"),
            life_ms_max: 3_600_000,
            reports,
            claims: Text::cut(claims),
            kinds: Text::cut(kinds),
        });
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let input = format!("{}.{}", part(header), part(claims));
        let signature = crate::base64::encode(&self.key.sign(&input));
        format!("{input}.{signature}")
    }

    fn token(&self, sub: &str, iat: i64, exp: i64) -> Token {
        let jti = format!("jti-{sub}-{iat}");
        let claims = format!(
            r#"{{"iss":"{URL}","sub":"{sub}","aud":["shop"],"jti":"{jti}","azp":"web","iat":{iat},"exp":{exp}}}"#
        );
        let header = format!(r#"{{"alg":"{}","typ":"JWT","kid":"k1"}}"#, self.key.algorithm());
        Token { raw: self.sign(&header, &claims), jti, sub: sub.into(), iat, exp }
    }

    fn fresh(&self, sub: &str) -> Token {
        self.token(sub, NOW - 10, NOW + 600)
    }

    /// What a report by digest says: SHA-256 over the token as it was issued.
    fn by_digest(&self, token: &Token) -> Digest {
        let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.raw.as_bytes());
        let sha256 = sha256.as_ref().try_into().unwrap();
        self.world.ledger.secret().reported_digest(NUMBER, &sha256)
    }

    fn by_jti(&self, token: &Token) -> Digest {
        let (iat, exp) = (UnixMillis::from_seconds(token.iat), UnixMillis::from_seconds(token.exp));
        let who = self.world.principal_key(&token.sub);
        self.world.ledger.secret().reported_jti(NUMBER, &token.jti, who, iat, exp)
    }

    fn report_as(&mut self, token: &Token, digest: Digest) {
        let sequence = self.next;
        self.next += 1;
        self.world.record(IssuanceReported {
            issuer: NUMBER,
            sequence,
            content: sequence,
            token: digest,
            principal: PrincipalNumber(7),
            principal_key: self.world.principal_key(&token.sub),
            client_key: self.world.ledger.secret().client_key("web"),
            issued_at: UnixMillis::from_seconds(token.iat),
            expires_at: UnixMillis::from_seconds(token.exp),
            login: 0,
        });
    }

    fn report(&mut self, token: &Token) {
        self.report_as(token, self.by_digest(token));
    }

    fn complete(&mut self, second: i64) {
        let before = UnixMillis::from_seconds(second);
        self.world.record(IssuerComplete { issuer: NUMBER, before });
    }

    fn classify(&self, raw: &str) -> Classified {
        let Checked::Refuse(Refused { miss: Some(miss), .. }) = self.world.check(raw) else {
            panic!("there is nothing to classify")
        };
        self.world.ledger.classify(&miss, self.world.now)
    }

    /// As the gate does: classify, record a first sighting or a pin, look again.
    fn present(&mut self, raw: &str) -> Option<Reason> {
        for _ in 0..3 {
            let miss = match self.world.check(raw) {
                Checked::Pass(_) => return None,
                Checked::Refuse(Refused { miss: Some(miss), .. }) => miss,
                Checked::Refuse(refused) => return Some(refused.reason),
            };
            let told = self.world.ledger.classify(&miss, self.world.now);
            match (told.sighted, told.pin) {
                (Some(sighted), _) => self.world.record(sighted.record(PrincipalNumber(7))),
                (None, Some(pin)) => self.world.record(pin.record(PrincipalNumber(7))),
                (None, None) if told.known_now => {}
                (None, None) => return Some(told.reason),
            }
        }
        panic!("it was not decided")
    }

    fn issuer(&self) -> Arc<Issuer> {
        self.world.ledger.issuer("login").unwrap()
    }

    fn alarms(&self) -> Vec<IssuerTroubleKind> {
        self.issuer().with_book(|book| book.alarms().iter().map(|alarm| alarm.kind).collect())
    }
}

fn keys() -> Vec<Key> {
    vec![
        Key::Curve(Signer::new(Algorithm::Es256)),
        Key::Curve(Signer::new(Algorithm::EdDsa)),
        Key::rsa(IssuerAlgorithm::Rs256),
        Key::rsa(IssuerAlgorithm::Ps256),
    ]
}

#[test]
fn a_reported_token_passes_once_verified_whatever_its_algorithm() {
    for key in keys() {
        let name = key.algorithm();
        for by_jti in [false, true] {
            let key = match &key {
                Key::Curve(Signer::Es256(_)) => Key::Curve(Signer::new(Algorithm::Es256)),
                Key::Curve(Signer::EdDsa(_)) => Key::Curve(Signer::new(Algorithm::EdDsa)),
                Key::Rsa(_, _, algorithm) => Key::rsa(*algorithm),
            };
            let mut login = Login::with(key, ReportMode::Synchronous, IssuerMode::Enforcing);
            let token = login.fresh("100001");
            let digest = if by_jti { login.by_jti(&token) } else { login.by_digest(&token) };
            login.report_as(&token, digest);
            let first = login.classify(&token.raw);
            assert!(first.known_now && first.signature_good, "{name}");
            let Checked::Pass(issued) = login.world.check(&token.raw) else { panic!("{name}") };
            assert_eq!(issued.principal().unwrap().id(), "100001");
            assert_eq!(issued.principal().unwrap().kind, PrincipalKind::Customer);
            assert_eq!(issued.key(), KEY);
            assert_eq!(issued.tenant(), None);
            // After a restart the signature is verified once more.
            login.world.restart();
            assert!(matches!(login.world.check(&token.raw), Checked::Refuse(_)), "{name}");
            assert_eq!(login.present(&token.raw), None, "{name}");
            assert!(matches!(login.world.check(&token.raw), Checked::Pass(_)), "{name}");
            assert_eq!(login.issuer().presented(), (1, 0));
        }
    }
}

#[test]
fn what_was_not_reported_is_refused_for_the_right_reason() {
    struct Case {
        name: &'static str,
        iat: i64,
        complete: Option<i64>,
        want: Reason,
    }
    let cases = [
        Case { name: "no word yet", iat: -10, complete: None, want: Reason::LedgerBehind },
        Case { name: "complete past it", iat: -10, complete: Some(-9), want: Reason::NeverIssued },
        Case { name: "up to it", iat: -10, complete: Some(-10), want: Reason::LedgerBehind },
        Case { name: "before it", iat: -10, complete: Some(-11), want: Reason::LedgerBehind },
        Case { name: "a second of skew", iat: 60, complete: None, want: Reason::LedgerBehind },
        Case { name: "of the future", iat: 61, complete: None, want: Reason::NeverIssued },
    ];
    for case in cases {
        let mut login = Login::new(ReportMode::Synchronous);
        if let Some(second) = case.complete {
            login.complete(NOW + second);
        }
        let token = login.token("100001", NOW + case.iat, NOW + 600);
        assert_eq!(login.present(&token.raw), Some(case.want), "{}", case.name);
        assert_eq!(login.present(&token.raw), Some(case.want), "{} again", case.name);
        assert_eq!(login.issuer().with_book(|book| book.totals.unreported), 1, "{}", case.name);
        assert_eq!(login.world.ledger.faults(), 0);
    }
}

#[test]
fn a_report_makes_times_before_it_complete_but_no_others() {
    let mut login = Login::new(ReportMode::Synchronous);
    let reported = login.token("1", NOW - 10, NOW + 600);
    login.report(&reported);
    let older = login.token("2", NOW - 11, NOW + 600);
    let same = login.token("3", NOW - 10, NOW + 600);
    assert_eq!(login.present(&older.raw), Some(Reason::NeverIssued));
    assert_eq!(login.present(&same.raw), Some(Reason::LedgerBehind));
    assert_eq!(login.alarms(), []);
    // Once the time of the second is complete, it is accused, once.
    login.complete(NOW - 9);
    assert_eq!(login.present(&same.raw), Some(Reason::NeverIssued));
    assert_eq!(login.alarms(), [IssuerTroubleKind::NeverReported]);
    let about = login.issuer().with_book(|book| book.alarms()[0]);
    login.world.record(IssuerTroubled {
        issuer: NUMBER,
        kind: about.kind,
        key: about.key,
        principal: about.principal,
        about: about.about,
    });
    assert_eq!(login.alarms(), []);
    login.complete(NOW);
    assert_eq!(login.alarms(), []);
}

#[test]
fn a_report_after_the_first_presentation_never_legalises() {
    for by_jti in [false, true] {
        let mut login = Login::new(ReportMode::Synchronous);
        let token = login.fresh("100001");
        assert_eq!(login.present(&token.raw), Some(Reason::LedgerBehind));
        let digest = if by_jti { login.by_jti(&token) } else { login.by_digest(&token) };
        login.report_as(&token, digest);
        assert_eq!(login.alarms(), [IssuerTroubleKind::LateReport], "by jti: {by_jti}");
        login.complete(NOW);
        assert_eq!(login.present(&token.raw), Some(Reason::NeverIssued), "by jti: {by_jti}");
        // Not by a second report either, and not after a restart.
        login.report_as(&token, digest);
        login.world.restart();
        assert_eq!(login.present(&token.raw), Some(Reason::NeverIssued));
        assert_eq!(login.issuer().with_book(|book| book.totals.late), 2);
    }
}

#[test]
fn a_batch_reporter_is_late_only_past_its_own_word() {
    let mut login = Login::new(ReportMode::Batch);
    let early = login.token("1", NOW - 10, NOW + 600);
    let late = login.token("2", NOW - 20, NOW + 600);
    assert_eq!(login.present(&early.raw), Some(Reason::LedgerBehind));
    login.report(&early);
    assert_eq!(login.alarms(), []);
    assert_eq!(login.present(&early.raw), None);
    // -10 is complete but for the slack: -15 and before.
    assert_eq!(login.present(&late.raw), Some(Reason::NeverIssued));
    login.report(&late);
    assert_eq!(login.alarms(), [IssuerTroubleKind::LateReport]);
    assert_eq!(login.present(&late.raw), Some(Reason::NeverIssued));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, a row per case")]
fn nothing_but_the_reported_token_passes() {
    type Change = fn(&Login, &Token) -> String;
    let claims = |sub: &str, jti: &str, exp: i64| {
        format!(
            r#"{{"iss":"{URL}","sub":"{sub}","aud":["shop"],"jti":"{jti}","azp":"web","iat":{},"exp":{exp}}}"#,
            NOW - 10
        )
    };
    let cases: [(&str, Change, Reason); 9] = [
        (
            "another person under the jti",
            |login, token| {
                let claims = format!(
                    r#"{{"iss":"{URL}","sub":"2","aud":["shop"],"jti":"{}","azp":"web","iat":{},"exp":{}}}"#,
                    token.jti, token.iat, token.exp
                );
                login.sign(r#"{"alg":"ES256","kid":"k1"}"#, &claims)
            },
            Reason::LedgerBehind,
        ),
        (
            "a longer life under the jti",
            |login, token| {
                let claims = format!(
                    r#"{{"iss":"{URL}","sub":"1","aud":["shop"],"jti":"{}","azp":"web","iat":{},"exp":{}}}"#,
                    token.jti,
                    token.iat,
                    token.exp + 1
                );
                login.sign(r#"{"alg":"ES256","kid":"k1"}"#, &claims)
            },
            Reason::LedgerBehind,
        ),
        (
            "another key",
            |_, token| {
                let other = Key::Curve(Signer::new(Algorithm::Es256));
                let input = token.raw.rsplit_once('.').unwrap().0;
                format!("{input}.{}", crate::base64::encode(&other.sign(input)))
            },
            Reason::BadSignature,
        ),
        (
            "the key's algorithm changed",
            |_, token| {
                let (_, rest) = token.raw.split_once('.').unwrap();
                format!("{}.{rest}", part(r#"{"alg":"EdDSA","kid":"k1"}"#))
            },
            Reason::BadSignature,
        ),
        (
            "no algorithm",
            |_, token| {
                let (_, rest) = token.raw.split_once('.').unwrap();
                format!("{}.{rest}", part(r#"{"alg":"none","kid":"k1"}"#))
            },
            Reason::Malformed,
        ),
        (
            "a shared secret",
            |_, token| {
                let (_, rest) = token.raw.split_once('.').unwrap();
                format!("{}.{rest}", part(r#"{"alg":"HS256","kid":"k1"}"#))
            },
            Reason::Malformed,
        ),
        (
            "a key in the header",
            |login, token| {
                let claims = token.raw.split('.').nth(1).unwrap();
                let input = format!("{}.{claims}", part(r#"{"alg":"ES256","kid":"k1","jwk":{}}"#));
                format!("{input}.{}", crate::base64::encode(&login.key.sign(&input)))
            },
            Reason::Malformed,
        ),
        (
            "an unknown key",
            |_, token| {
                let (_, rest) = token.raw.split_once('.').unwrap();
                format!("{}.{rest}", part(r#"{"alg":"ES256","kid":"k2"}"#))
            },
            Reason::UnknownKey,
        ),
        (
            "a signature that is too short",
            |_, token| {
                let (input, _) = token.raw.rsplit_once('.').unwrap();
                format!("{input}.AAAA")
            },
            Reason::BadSignature,
        ),
    ];
    for (name, change, want) in cases {
        let mut login = Login::new(ReportMode::Synchronous);
        let raw = login.sign(r#"{"alg":"ES256","kid":"k1"}"#, &claims("1", "j", NOW + 600));
        let token = Token { raw, jti: "j".into(), sub: "1".into(), iat: NOW - 10, exp: NOW + 600 };
        login.report_as(&token, login.by_jti(&token));
        assert_eq!(login.present(&token.raw), None);
        let changed = change(&login, &token);
        assert_eq!(login.present(&changed), Some(want), "{name}");
        assert_eq!(login.issuer().takes_wish_for_keys(), want == Reason::UnknownKey, "{name}");
    }
}

#[test]
fn both_forms_of_one_signature_are_one_token() {
    let mut login = Login::new(ReportMode::Synchronous);
    let token = login.fresh("1");
    let (input, signature) = token.raw.rsplit_once('.').unwrap();
    let signature = crate::base64::decode_array::<64>(signature.as_bytes()).unwrap();
    let other = format!("{input}.{}", crate::base64::encode(&twin(&signature)));
    // Reported as it was issued, whichever form that was.
    login.report(&token);
    assert_eq!(login.present(&token.raw), None);
    assert_eq!(login.present(&other), None);
    let located = [&token.raw, &other].map(|raw| login.world.ledger.locate(raw).unwrap());
    assert_eq!(located[0], located[1]);
    let Entered::Digest(digest, expires_at) = located[0] else { panic!("entered elsewhere") };
    login.world.record(EnteredRevoked { digest, expires_at, cause: Cause::Operator });
    assert_eq!(login.present(&token.raw), Some(Reason::Revoked));
    assert_eq!(login.present(&other), Some(Reason::Revoked));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, a row per case")]
fn a_known_token_falls_with_whatever_it_hangs_on() {
    type Act = fn(&mut Login);
    let cases: [(&str, Act, Reason); 6] = [
        (
            "its time",
            |login| login.world.now = UnixMillis::from_seconds(NOW + 600),
            Reason::Expired,
        ),
        (
            "its principal's tokens",
            |login| {
                let (principal, cause) = (PrincipalNumber(7), Cause::Operator);
                let principal_key = login.world.principal_key("1");
                login.world.record(PrincipalRevoked { principal, principal_key, cause });
            },
            Reason::Revoked,
        ),
        (
            "its principal",
            |login| {
                let (principal, cause) = (PrincipalNumber(7), Cause::Operator);
                let principal_key = login.world.principal_key("1");
                login.world.record(PrincipalSuspended { principal, principal_key, cause });
            },
            Reason::PrincipalSuspended,
        ),
        (
            "its client",
            |login| {
                let client_key = login.world.ledger.secret().client_key("web");
                login.world.record(ClientRevoked { client_key, cause: Cause::Operator });
            },
            Reason::Revoked,
        ),
        (
            "its audience",
            |login| {
                login.world.record(IssuerDeclared {
                    issuer: NUMBER,
                    name: Text::cut("login"),
                    url: Text::cut(URL),
                    audiences: Text::cut("other"),
                    life_ms_max: 3_600_000,
                    reports: ReportMode::Synchronous,
                    claims: Text::cut("sub\n\ntenant\nazp"),
                    kinds: Text::cut("customer"),
                });
            },
            Reason::WrongAudience,
        ),
        (
            "its issuer",
            |login| {
                login.world.record(IssuerWithdrawn { issuer: NUMBER });
            },
            Reason::UnknownKey,
        ),
    ];
    for (name, act, want) in cases {
        let mut login = Login::new(ReportMode::Synchronous);
        let token = login.fresh("1");
        login.report(&token);
        assert_eq!(login.present(&token.raw), None, "{name}");
        act(&mut login);
        let reason = login.world.reason(&token.raw);
        assert_eq!(reason, Some(want), "{name}");
        assert_eq!(login.world.ledger.faults(), 0, "{name}");
    }
    // What is reported after a revocation is not under it.
    let mut login = Login::new(ReportMode::Synchronous);
    let (principal, cause) = (PrincipalNumber(7), Cause::Operator);
    let principal_key = login.world.principal_key("1");
    login.world.record(PrincipalRevoked { principal, principal_key, cause });
    let token = login.fresh("1");
    login.report(&token);
    assert_eq!(login.present(&token.raw), None);
}

#[test]
fn claims_are_mapped_as_declared_and_bar_the_rest() {
    let mut login = Login::new(ReportMode::Synchronous);
    login.declare(ReportMode::Synchronous, "user_id\nrole\norg\nazp", "customer\nseller");
    let token = |login: &Login, role: &str| {
        let claims = format!(
            r#"{{"iss":"{URL}","sub":"x","user_id":"77","role":"{role}","org":"9","aud":"shop-app","jti":"j","iat":{},"exp":{}}}"#,
            NOW - 10,
            NOW + 600
        );
        login.sign(r#"{"alg":"ES256","kid":"k1"}"#, &claims)
    };
    let raw = token(&login, "seller");
    let report =
        Token { raw: raw.clone(), jti: "j".into(), sub: "77".into(), iat: 0, exp: NOW + 600 };
    login.report(&report);
    assert_eq!(login.present(&raw), None);
    let Checked::Pass(issued) = login.world.check(&raw) else { panic!("refused") };
    assert_eq!(issued.principal().unwrap().kind, PrincipalKind::Seller);
    assert_eq!(issued.principal().unwrap().id(), "77");
    assert_eq!(issued.tenant(), Some("9"));
    // A kind that is not declared is nobody, however well it is signed.
    let raw = token(&login, "person");
    assert_eq!(login.present(&raw), Some(Reason::Malformed));
}

#[test]
fn keys_come_go_and_never_change() {
    let mut login = Login::new(ReportMode::Synchronous);
    let token = login.fresh("1");
    login.report(&token);
    assert_eq!(login.present(&token.raw), None);
    login.world.record(IssuerKeyGone { issuer: NUMBER, key: KEY });
    assert_eq!(login.issuer().keys[0].state, KeyState::Retired);
    assert_eq!(login.present(&token.raw), None, "what was issued lives on");
    let seen = |key: KeyNumber, other: &Key| IssuerKeySeen {
        issuer: NUMBER,
        key,
        kid: Text::cut("k1"),
        algorithm: other.algorithm(),
        public_key: Octets::new(other.public_key()).unwrap(),
    };
    let again = seen(KEY, &login.key);
    login.world.record(again);
    assert_eq!(login.issuer().keys[0].state, KeyState::Active);
    let swapped = seen(KeyNumber(KEY.0 + 1), &Key::Curve(Signer::new(Algorithm::Es256)));
    login.world.record(swapped);
    assert_eq!(login.world.ledger.faults(), 1, "another key under a known name is no key");
    assert_eq!(login.present(&token.raw), None);
    let (since, cause) = (START, Cause::Compromise);
    login.world.record(KeyStateChanged { key: KEY, state: KeyState::Compromised, since, cause });
    let again = seen(KEY, &login.key);
    login.world.record(again);
    assert_eq!(login.issuer().keys[0].state, KeyState::Compromised, "for good");
    assert_eq!(login.present(&token.raw), None, "what was issued lives on");
    assert_eq!(login.world.ledger.next_foreign_key(), KeyNumber(KEY.0 + 1));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, a row per case")]
fn old_tokens_pass_once_each_under_every_condition_of_grandfathering() {
    const LIFE: i64 = 3600;
    struct Case {
        name: &'static str,
        holder: Option<PersonState>,
        iat: i64,
        exp: i64,
        act: fn(&mut Login),
        want: Option<Reason>,
    }
    fn nothing(_: &mut Login) {}
    let works = Some(PersonState::Active);
    let case = |name, holder, iat, exp, want| Case { name, holder, iat, exp, act: nothing, want };
    let never = Some(Reason::LedgerBehind);
    let cases = [
        case("all is well", works, -10, LIFE, None),
        case("nobody is declared", None, -10, LIFE, never),
        case("a holder left", Some(PersonState::Left), -10, LIFE, never),
        case("issued at cut-over", works, 0, LIFE, never),
        case("lives too long", works, -10, LIFE + 1, never),
        case("has ended", works, -100, -1, Some(Reason::Expired)),
        Case {
            act: |login| {
                let cause = Cause::WindowClosed;
                login.world.record(IssuerGrandfatheringClosed { issuer: NUMBER, cause });
            },
            ..case("it was closed", works, -10, LIFE, never)
        },
        Case {
            act: |login| {
                let (since, cause) = (START, Cause::Compromise);
                let state = KeyState::Compromised;
                login.world.record(KeyStateChanged { key: KEY, state, since, cause });
            },
            ..case("the key is in other hands", works, -10, LIFE, never)
        },
        Case {
            act: |login| {
                let (principal, cause) = (PrincipalNumber(7), Cause::Operator);
                let principal_key = login.world.principal_key("1");
                login.world.record(PrincipalRevoked { principal, principal_key, cause });
            },
            ..case("his tokens were revoked", works, -10, LIFE, Some(Reason::Revoked))
        },
        Case {
            act: |login| login.world.now = START.plus_ms(31 * 86_400_000),
            ..case("past thirty days", works, -10, LIFE, Some(Reason::LedgerBehind))
        },
    ];
    for case in cases {
        let mut login = Login::new(ReportMode::Synchronous);
        let person_key = login.world.ledger.principal_key(PrincipalKind::Person, "engineer");
        if let Some(state) = case.holder {
            login.world.record(PersonPut {
                person: PersonId([1; 16]),
                principal: PrincipalNumber(5),
                principal_key: person_key,
                state,
                row_digest: [0; 32],
            });
            login.world.record(IssuerHolderDeclared {
                issuer: NUMBER,
                secret: IssuerSecret::SigningKey,
                person: PersonId([1; 16]),
                person_key,
                since: START,
                evidence: CustodyEvidence::Declared,
            });
        }
        login.world.record(IssuerGrandfatheringOpened {
            issuer: NUMBER,
            cut_over: START,
            life_ms_max: LIFE * 1000,
            closes_at: START.plus_ms(400 * 86_400_000),
        });
        (case.act)(&mut login);
        let token = login.token("1", NOW + case.iat, NOW + case.exp);
        assert_eq!(login.present(&token.raw), case.want, "{}", case.name);
        let pinned = login.issuer().with_book(|book| book.totals.pinned);
        assert_eq!(pinned, u64::from(case.want.is_none()), "{}", case.name);
        if case.want.is_none() {
            login.world.restart();
            assert_eq!(login.world.reason(&token.raw), None, "known from then on");
        }
    }
}

#[test]
fn a_key_in_custody_is_never_looked_for_at_the_issuer() {
    let mut login = Login::new(ReportMode::Synchronous);
    let own = Signer::new(Algorithm::Es256);
    login.world.key(9, &own, KeySource::Imported);
    let claims = format!(
        r#"{{"iss":"{URL}","sub":"1","aud":"shop","iat":{},"exp":{}}}"#,
        NOW - 10,
        NOW + 600
    );
    let header = format!(r#"{{"typ":"JWT","alg":"ES256","kid":"{}"}}"#, crate::tests::kid(9));
    let input = format!("{}.{}", part(&header), part(&claims));
    let raw = crate::layout::compact(&input, &own.sign(&input));
    assert_eq!(login.world.reason(&raw), Some(Reason::NeverIssued));
    assert!(!login.issuer().takes_wish_for_keys());
}

#[test]
fn what_a_restore_may_have_lost_is_not_called_forged() {
    let mut login = Login::new(ReportMode::Synchronous);
    let token = login.fresh("1");
    let row = Restored { backup: [1; 32], backup_size: 1, size: 1 };
    login.world.now = START.plus_ms(300_000);
    login.world.record(row);
    login.complete(NOW + 250);
    assert_eq!(login.present(&token.raw), Some(Reason::LedgerBehind));
    assert_eq!(login.issuer().with_book(|book| book.totals.unreported), 0);
    let later = login.token("1", NOW + 200, NOW + 900);
    login.world.now = START.plus_ms(600_000);
    login.report(&token);
    assert_eq!(login.present(&token.raw), Some(Reason::Expired), "reported once more, and over");
    assert_eq!(login.present(&later.raw), Some(Reason::LedgerBehind));
}

#[test]
fn a_preview_counts_tokens_and_people_of_seven_days_apart() {
    let mut login = Login::new(ReportMode::Synchronous);
    let first = login.token("0", NOW - 5, NOW + 600);
    login.report(&first);
    for (sub, iat) in [("1", -10), ("1", -9), ("2", -3), ("3", -3)] {
        let token = login.token(sub, NOW + iat, NOW + 600);
        let _reason = login.present(&token.raw);
        let _again = login.present(&token.raw);
    }
    let preview = |login: &Login| login.issuer().with_book(|book| book.preview(login.world.now));
    let told = preview(&login);
    assert_eq!((told.tokens, told.principals, told.before_reporting), (4, 3, 2));
    assert!(!told.principals_at_least && told.since.is_some());
    login.world.restart();
    assert_eq!(preview(&login), told);
    login.world.now = START.plus_ms(8 * 86_400_000);
    assert_eq!(preview(&login).tokens, 0);
    assert_eq!(preview(&login).principals, 0);
}

#[test]
fn a_snapshot_holds_everything_said() {
    let mut login = Login::new(ReportMode::Synchronous);
    let (known, late, unsure) = (login.fresh("1"), login.fresh("2"), login.fresh("3"));
    login.report(&known);
    let _reason = login.present(&late.raw);
    login.report(&late);
    let _reason = login.present(&unsure.raw);
    login.next += 1;
    login.report(&login.fresh("4"));
    let mut file = Vec::new();
    let mut sink = |bytes: &[u8]| {
        file.extend_from_slice(bytes);
        Ok(())
    };
    let picture = login.world.ledger.picture();
    picture.write(TreeSize(1_000_000), [1; 32], START, &mut sink).unwrap();
    let before = format!("{:?}", login.issuer().with_book(|book| format!("{book:?}")));
    let secret = crate::LedgerSecret::new(Secret::new([42; 32]));
    let (ledger, _) = Ledger::from_snapshot(secret, &mut file.as_slice()).unwrap();
    login.world.ledger = ledger;
    let after = format!("{:?}", login.issuer().with_book(|book| format!("{book:?}")));
    assert_eq!(before.len(), after.len());
    assert_eq!(login.present(&known.raw), None);
    assert_eq!(login.present(&late.raw), Some(Reason::LedgerBehind));
    assert_eq!(login.issuer().with_book(|book| book.order.missing()), [3]);
    assert_eq!(login.alarms(), [IssuerTroubleKind::LateReport]);
    assert_eq!(login.world.ledger.live_reported(&login.issuer()), 2);
}

#[test]
fn another_audience_and_a_mode_are_the_issuers_own() {
    let mut login = Login::with(
        Key::Curve(Signer::new(Algorithm::EdDsa)),
        ReportMode::Synchronous,
        IssuerMode::Learning,
    );
    let token = login.fresh("1");
    let Checked::Refuse(refused) = login.world.check(&token.raw) else { panic!("passed") };
    assert_eq!(refused.mode, IssuerMode::Learning);
    assert_eq!(login.world.ledger.foreign_mode(&login.issuer()), IssuerMode::Learning);
    login.report(&token);
    let ledger = &login.world.ledger;
    assert_eq!(reason_at(ledger, &token.raw, "whatever", START), Some(Reason::LedgerBehind));
    assert_eq!(login.present(&token.raw), None, "the issuer's own audiences count");
}
