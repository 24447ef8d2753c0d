//! The whole check, raw token string to verdict, beside a signature verification.
//!
//! The ledger holds 33.7 million live tokens. Some tokens and principals of others are revoked, so
//! that no path is skipped but one: once a client was revoked, each check hashes its client's name
//! too. A part of the tokens is really signed and presented; the rest are records with a made-up
//! fingerprint.
//! Hot: a few tokens again and again. Cold: random ones out of all presented, with the caches
//! displaced before each turn, strings and slots alike. Every verdict is looked at.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, ParsedPublicKey,
};
use ward_ledger::{Checked, Ledger, LedgerSecret, Locator, TokenBody, layout};
use ward_model::column::Octets;
use ward_model::record::{KeyAdded, OriginOpened, PrincipalRevoked, TokenIssued, TokenRevoked};
use ward_model::word::{Algorithm, Cause, KeyPurpose, KeySource, KeyState};
use ward_model::{
    KeyNumber, LeafIndex, Origin, Position, PrincipalKey, PrincipalKind, PrincipalName,
    PrincipalNumber, Record, Secret, Sequence, Text, UnixMillis, View as _,
};

use crate::machine::{self, Numbers};
use crate::paired::{Paired, median, monotonic_ns, paired, paired_after};
use crate::table::Row;
use crate::{Effort, world};

/// Live tokens of the measured rows, and of a run that only sees that it runs.
pub const LIVE: u64 = 33_700_000;
/// As [`LIVE`], when it only sees that it runs.
pub const LIVE_SMOKE: u64 = 20_000;
/// Those of them that are really signed.
pub const DISTINCT: u64 = 1 << 17;
/// As [`DISTINCT`], when it only sees that it runs.
pub const DISTINCT_SMOKE: u64 = 4_000;
/// When tokens are issued and checked.
pub const NOW: UnixMillis = UnixMillis::from_seconds(1_800_000_000);
/// `iss` of the tokens.
pub const ISSUER: &str = "https://login.example";
/// `kid` of the tokens.
pub const KID: &str = "token-2027-01";
/// One in so many tokens is revoked; none of those that are presented.
const REVOKED_EVERY: u64 = 1_000;
/// Tokens that are checked again and again when hot.
const HOT: usize = 64;
/// Bytes walked through to displace what the caches hold.
const DISPLACE_BYTES: usize = 128 << 20;
/// Tokens checked after each displacement.
const COLD: u64 = 512;

/// Measures.
///
/// # Errors
/// A verdict was not the right one.
pub fn rows(effort: Effort) -> Result<Vec<Row>> {
    let live = effort.of(LIVE, LIVE_SMOKE);
    let crowd = Crowd::new(live, effort.of(DISTINCT, DISTINCT_SMOKE))?;
    let rounds = effort.of(15, 2);
    let turns = effort.of(20_000, 500);
    let verifications = effort.of(300, 30);
    let hot = crowd.presented.get(..HOT).context("too few tokens")?;
    let junk = hot.iter().map(|one| one.with_other_signature()).collect::<Result<Vec<_>>>()?;
    let round_of = |made: &[Presented], pass| {
        crowd.checks(made.iter().map(|one| one.raw.as_str()).cycle(), turns, pass)
    };

    let p256 = paired(rounds, || round_of(hot, true), || crowd.p256.verify(hot, verifications));
    let ed25519 =
        paired(rounds, || round_of(hot, true), || crowd.ed25519.verify(hot, verifications));
    let refused =
        paired(rounds, || round_of(&junk, false), || crowd.p256.verify(hot, verifications));
    let cold = crowd.cold(rounds, verifications);
    let two = crowd.two_threads(effort.of(9, 1), effort.of(400_000, 2_000))?;
    let wrong = crowd.wrong.load(Ordering::Relaxed);
    ensure!(wrong == 0, "{wrong} verdicts were wrong");

    let place = format!("{live} live tokens");
    let below = |what: String, peer: &str, it: Paired, goal: f64, hard: bool| Row {
        what,
        ours: format!("{:.2} µs", it.thing_ns / 1e3),
        peer: format!("{peer} {:.1} µs", it.peer_ns / 1e3),
        ratio: format!("{:.0}x below", it.ratio),
        goal: format!(">= {goal:.0}x below"),
        met: it.ratio >= goal,
        hard,
    };
    let distinct = crowd.presented.len();
    let (whole, verify) = ("whole check, raw string to verdict", "P-256 verify");
    Ok(vec![
        below(format!("{whole}, hot, {place}"), verify, p256, 200.0, true),
        below(format!("the same, hot, {place}"), "Ed25519 verify", ed25519, 120.0, false),
        below(
            format!("the same, cold: random of {distinct} distinct strings, caches displaced"),
            verify,
            cold,
            60.0,
            true,
        ),
        below(
            "refusal of a true token with another signature, hot".into(),
            verify,
            refused,
            100.0,
            false,
        ),
        two_threads(two),
        memory(live, crowd.bytes_per_token, effort),
    ])
}

fn two_threads((one, two): (f64, f64)) -> Row {
    Row {
        what: "checks of random tokens, two threads".into(),
        ours: format!("{:.2} M/s", two / 1e6),
        peer: format!("one thread {:.2} M/s", one / 1e6),
        ratio: format!("{:.2}x", two / one),
        goal: ">= 1.8x".into(),
        met: two / one >= 1.8,
        hard: false,
    }
}

fn memory(live: u64, bytes: f64, effort: Effort) -> Row {
    Row {
        what: format!("memory of a live token, at {live}"),
        ours: format!("{bytes:.2} B"),
        peer: "its slot 8.00 B".into(),
        ratio: format!("{:.2}x", bytes / 8.0),
        goal: "<= 8.5 B".into(),
        met: bytes <= 8.5 || effort.of(false, true),
        hard: true,
    }
}

/// A token as it is presented, and what a verifier would work on.
pub struct Presented {
    /// The whole token.
    pub raw: String,
    /// Its `jti`.
    pub jti: String,
    /// Its place.
    pub sequence: u64,
    signing_input_bytes: usize,
    /// Its signature.
    pub p256: [u8; 64],
    ed25519: [u8; 64],
}

impl Presented {
    /// What is signed.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.raw.as_bytes().get(..self.signing_input_bytes).unwrap_or_default()
    }

    /// The same claims under a signature that nobody made.
    fn with_other_signature(&self) -> Result<Self> {
        let input = std::str::from_utf8(self.signing_input())?;
        let mut p256 = self.p256;
        p256.iter_mut().skip(8).step_by(24).for_each(|byte| *byte ^= 1);
        let raw = layout::compact(input, &p256);
        let Self { signing_input_bytes, ed25519, sequence, .. } = *self;
        Ok(Self { raw, jti: self.jti.clone(), sequence, signing_input_bytes, p256, ed25519 })
    }
}

/// A peer: a public key that is parsed once.
struct Verifier {
    key: ParsedPublicKey,
    signature: fn(&Presented) -> &[u8; 64],
    wrong: Arc<AtomicU64>,
}

impl Verifier {
    fn verify(&self, tokens: &[Presented], count: usize) -> u64 {
        self.verify_each(tokens.iter().cycle().take(count))
    }

    fn verify_each<'a>(&self, tokens: impl Iterator<Item = &'a Presented>) -> u64 {
        let mut done = 0;
        for token in tokens {
            let good = self.key.verify_sig(token.signing_input(), (self.signature)(token)).is_ok();
            self.wrong.fetch_add(u64::from(!black_box(good)), Ordering::Relaxed);
            done += 1;
        }
        done
    }
}

/// A ledger full of tokens, and those of them that are presented.
pub struct Crowd {
    /// It.
    pub ledger: Ledger,
    /// Those that are presented.
    pub presented: Vec<Presented>,
    /// The key that signed them.
    pub pair: EcdsaKeyPair,
    p256: Verifier,
    ed25519: Verifier,
    bytes_per_token: f64,
    wrong: Arc<AtomicU64>,
}

impl Crowd {
    /// `live` tokens, about `distinct` of them signed.
    ///
    /// # Errors
    /// A record does not fit.
    pub fn new(live: u64, distinct: u64) -> Result<Self> {
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| anyhow!("no P-256 key"))?;
        let ed25519 = Ed25519KeyPair::generate().map_err(|_| anyhow!("no Ed25519 key"))?;
        let ledger = Ledger::new(LedgerSecret::new(Secret::new([7; 32])));
        let mut records = Records { view: ledger.view(), index: 0 };
        records.push(OriginOpened { origin: Origin(1) });
        records.push(KeyAdded {
            key: KeyNumber(1),
            kid: Text::cut(KID),
            algorithm: Algorithm::Es256,
            purpose: KeyPurpose::Token,
            source: KeySource::Generated,
            issuer: Text::cut(ISSUER),
            public_key: Octets::new(p256.public_key().as_ref().to_vec())?,
            state: KeyState::Active,
        });
        let stride = (live / distinct).max(1);
        let mut presented = Vec::new();
        let mut numbers = Numbers(1);
        for it in (0..live).step_by(usize::try_from(stride)?).enumerate() {
            presented.push(sign(&ledger, it, &p256, &ed25519, &mut numbers)?);
        }
        let before = machine::resident_bytes()?;
        records.enter_all(&ledger, live, stride, &presented, &mut numbers)?;
        let grown = machine::resident_bytes()?.saturating_sub(before);
        records.revoke_others(&ledger, live, stride)?;
        ensure!(ledger.faults() == 0, "{} records did not fit", ledger.faults());
        let wrong = Arc::default();
        let verifier = |algorithm, key: &[u8], signature| {
            let key = ParsedPublicKey::new(algorithm, key).map_err(|_| anyhow!("public key"))?;
            anyhow::Ok(Verifier { key, signature, wrong: Arc::clone(&wrong) })
        };
        Ok(Self {
            p256: verifier(&ECDSA_P256_SHA256_FIXED, p256.public_key().as_ref(), |it| &it.p256)?,
            ed25519: verifier(&ED25519, ed25519.public_key().as_ref(), |it| &it.ed25519)?,
            bytes_per_token: grown as f64 / live as f64,
            pair: p256,
            ledger,
            presented,
            wrong,
        })
    }

    /// Checks the first `count` of `tokens`; a verdict that is not the wanted one is counted.
    fn checks<'a>(&self, tokens: impl Iterator<Item = &'a str>, count: usize, pass: bool) -> u64 {
        let (mut done, mut wrong) = (0, 0);
        for token in tokens.take(count) {
            let checked = self.ledger.check(black_box(token), world::AUDIENCE, NOW);
            wrong += u64::from(matches!(black_box(checked), Checked::Pass(_)) != pass);
            done += 1;
        }
        self.wrong.fetch_add(wrong, Ordering::Relaxed);
        done
    }

    /// Checks a second of random tokens: by one thread, by two; medians of rounds that take turns.
    fn two_threads(&self, rounds: usize, count: usize) -> Result<(f64, f64)> {
        let rate = |threads: u64| {
            let start = monotonic_ns();
            let work = |seed: u64| {
                let mut numbers = Numbers(seed);
                let picks = (0..count).filter_map(|_| numbers.pick(&self.presented));
                self.checks(picks.map(|one| one.raw.as_str()), count, true)
            };
            let done = std::thread::scope(|scope| {
                let threads: Vec<_> =
                    (0..threads).map(|seed| scope.spawn(move || work(seed + 50))).collect();
                threads.into_iter().map(|thread| thread.join().ok()).sum::<Option<u64>>()
            });
            let done = done.context("a thread ended badly")?;
            anyhow::Ok(done as f64 * 1e9 / (monotonic_ns() - start) as f64)
        };
        let (mut one, mut two) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            one.push(rate(1)?);
            two.push(rate(2)?);
        }
        Ok((median(one), median(two)))
    }

    fn cold(&self, rounds: usize, verifications: usize) -> Paired {
        let mut wall = vec![1_u64; DISPLACE_BYTES / 8];
        let displace = || {
            for word in &mut wall {
                *word = word.wrapping_mul(3);
            }
            black_box(&wall);
        };
        let (mut ours, mut theirs) = (Numbers(2), Numbers(3));
        let count = usize::try_from(COLD).unwrap_or(1);
        let picked = |numbers: &mut Numbers, count: usize| {
            let picks = (0..count).filter_map(|_| numbers.pick(&self.presented));
            picks.collect::<Vec<_>>()
        };
        // WHY picked ahead: a request comes with its string in hand, so finding one is no part of
        // the check; its bytes are read by the check first, and displaced before.
        let turns = rounds * 3;
        let drawn = picked(&mut ours, count * (turns + 1));
        let strings: Vec<&str> = drawn.into_iter().map(|one| one.raw.as_str()).collect();
        let mut next = strings.chunks(count);
        let check = || {
            let strings = next.next().unwrap_or_default();
            self.checks(strings.iter().copied(), count, true)
        };
        let verify = || self.p256.verify_each(picked(&mut theirs, verifications).into_iter());
        paired_after(turns, displace, check, verify)
    }
}

/// Whom the token at a place stands for.
///
/// # Errors
/// Never: it is a good name.
fn principal(sequence: u64) -> Result<PrincipalName> {
    Ok(PrincipalName::new(PrincipalKind::Customer, (100_000 + sequence).to_string())?)
}

/// What the token at a place says.
///
/// # Errors
/// Never: it is a good name.
pub fn body(sequence: u64) -> Result<TokenBody> {
    Ok(TokenBody {
        principal: principal(sequence)?,
        audience: world::AUDIENCE.into(),
        client_id: "web".into(),
        tenant: None,
        scope: Some("profile orders".into()),
        login: Some("L1".into()),
        confirmation: None,
        actors: Vec::new(),
        expires_at: NOW.plus_ms(3_600_000),
    })
}

fn sign(
    ledger: &Ledger,
    (nth, sequence): (usize, u64),
    p256: &EcdsaKeyPair,
    ed25519: &Ed25519KeyPair,
    numbers: &mut Numbers,
) -> Result<Presented> {
    let place = Locator { origin: Origin(1), sequence: Sequence(i64::try_from(sequence)?) };
    let mut entropy = [0; 14];
    let words = [numbers.draw().to_le_bytes(), numbers.draw().to_le_bytes()];
    entropy.iter_mut().zip(words.as_flattened()).for_each(|(to, from)| *to = *from);
    let jti = ledger.secret().seal_locator(place, entropy);
    let body = body(sequence)?;
    let header = layout::header(Algorithm::Es256, KID);
    let input = layout::signing_input(&header, &jti, ISSUER, &body, NOW);
    let signed = p256.sign(&SystemRandom::new(), input.as_bytes());
    let signed = signed.map_err(|_| anyhow!("signing failed"))?;
    let p256: [u8; 64] = signed.as_ref().try_into()?;
    // The peer's signature is wanted for the few that are verified; one costs 15 µs.
    let few = if nth < HOT { ed25519.sign(input.as_bytes()).as_ref().try_into()? } else { [0; 64] };
    let raw = layout::compact(&input, &p256);
    Ok(Presented { raw, jti, sequence, signing_input_bytes: input.len(), p256, ed25519: few })
}

/// Records applied as the journal would.
struct Records {
    view: ward_ledger::LedgerView,
    index: i64,
}

impl Records {
    fn push(&mut self, record: impl Into<Record>) {
        let at = Position { index: LeafIndex(self.index), time: NOW };
        self.view.apply(at, &record.into());
        self.index += 1;
    }

    fn enter_all(
        &mut self,
        ledger: &Ledger,
        live: u64,
        stride: u64,
        presented: &[Presented],
        numbers: &mut Numbers,
    ) -> Result<()> {
        let mut signed = presented.iter();
        let client_key = ledger.secret().client_key("web");
        for at in 0..live {
            let fingerprint = if at % stride == 0 {
                let token = signed.next().context("a token is missing")?;
                let mut canonical = token.p256;
                ensure!(ward_ledger::canonicalise(Algorithm::Es256, &mut canonical), "signature");
                ledger.secret().fingerprint(token.signing_input(), &canonical)
            } else {
                numbers.draw().max(1)
            };
            let sequence = Sequence(i64::try_from(at)?);
            self.push(TokenIssued {
                origin: Origin(1),
                sequence,
                low_water: sequence,
                fingerprint: fingerprint.cast_signed(),
                key: KeyNumber(1),
                principal: PrincipalNumber(sequence.0 + 1),
                principal_key: PrincipalKey::default(),
                client_key,
                issued_at: NOW,
                expires_at: NOW.plus_ms(3_600_000),
                revocations_seen: 0,
                login_proven: true,
            });
        }
        Ok(())
    }

    /// So that the check has revocations to look past.
    fn revoke_others(&mut self, ledger: &Ledger, live: u64, stride: u64) -> Result<()> {
        let cause = Cause::Operator;
        let every = usize::try_from(REVOKED_EVERY)?;
        for at in (1..live).step_by(every).filter(|at| at % stride != 0) {
            let sequence = Sequence(i64::try_from(at)?);
            self.push(TokenRevoked { origin: Origin(1), sequence, cause });
            let name = principal(at)?;
            let principal_key = ledger.principal_key(name.kind, name.id());
            let principal = PrincipalNumber(sequence.0 + 1);
            self.push(PrincipalRevoked { principal, principal_key, cause });
        }
        Ok(())
    }
}
