//! Tokens that were never issued, against a full ledger, through the real check: none may pass.
//!
//! Near-misses of tokens that were really issued, at their very places: another signature, a cut
//! one, another token's, a fresh one by the right key, a changed claim under the old signature, a
//! changed claim signed by the right key. And fingerprints drawn at random against every slot at
//! once; that the drawing could find something is shown by the same draws at fewer bits, which hit
//! as often as chance says. What comes back is looked at one by one.

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_lc_rs::rand::SystemRandom;
use ward_ledger::{Checked, Locator, Refused, layout};
use ward_model::word::Algorithm;
use ward_model::{Origin, PrincipalName, Reason, Sequence};

use crate::check::{self, Crowd, Presented};
use crate::machine::Numbers;
use crate::table::Row;
use crate::{Effort, world};

/// Near-misses that are checked.
const MISSES: u64 = 10_000_000;
/// Of so many, two are signed by the right key: a signature costs as much as ten checks.
const SIGNED_EVERY: u64 = 64;
/// Fingerprints that are drawn.
const DRAWN: u64 = 1_000_000_000;
/// Standard deviations the control may be off.
const SIGMAS: f64 = 5.0;

/// Measures.
///
/// # Errors
/// A misjudged token.
pub fn rows(effort: Effort) -> Result<Vec<Row>> {
    let live = effort.of(check::LIVE, check::LIVE_SMOKE);
    let crowd = Crowd::new(live, effort.of(check::DISTINCT, check::DISTINCT_SMOKE))?;
    let misses = near_misses(&crowd, effort.of(MISSES, 20_000))?;
    let drawn = draw(&crowd, live, effort.of(DRAWN, 1_000_000), effort.of(32, 24))?;
    Ok(vec![misses, drawn])
}

/// How a token that was not issued comes about.
#[derive(Clone, Copy, Debug)]
enum Forgery {
    /// A signature nobody made.
    Junk,
    /// The true signature without its end.
    Cut,
    /// The signature of another issued token.
    Swapped,
    /// Another claim under the true signature.
    Changed,
    /// The true claims, signed once more by the right key.
    Resigned,
    /// Another claim, signed by the right key.
    Forged,
}

impl Forgery {
    const fn of(nth: u64) -> Self {
        match (nth % SIGNED_EVERY, nth % 4) {
            (0, _) => Self::Resigned,
            (1, _) => Self::Forged,
            (_, 0) => Self::Junk,
            (_, 1) => Self::Cut,
            (_, 2) => Self::Swapped,
            _ => Self::Changed,
        }
    }

    /// Whether a verifier that asks only for the signature would let it in.
    const fn is_signed(self) -> bool {
        matches!(self, Self::Resigned | Self::Forged)
    }

    fn make(self, crowd: &Crowd, numbers: &mut Numbers) -> Result<String> {
        let one = numbers.pick(&crowd.presented).context("nobody is presented")?;
        let input = core::str::from_utf8(one.signing_input())?;
        Ok(match self {
            Self::Junk => layout::compact(input, &junk(numbers)),
            Self::Cut => {
                let end = one.raw.len() - 1 - usize::try_from(numbers.draw() % 85)?;
                one.raw.get(..end).context("tokens are ASCII")?.to_owned()
            }
            Self::Swapped => {
                let all = numbers.pick(&crowd.presented).filter(|it| it.jti != one.jti);
                let other = all.or_else(|| crowd.presented.iter().find(|it| it.jti != one.jti));
                layout::compact(input, &other.context("only one is presented")?.p256)
            }
            Self::Changed => layout::compact(&changed(one)?, &one.p256),
            Self::Resigned => layout::compact(input, &sign(crowd, input)?),
            Self::Forged => {
                let input = changed(one)?;
                layout::compact(&input, &sign(crowd, &input)?)
            }
        })
    }
}

/// In range for a signature but for a chance of 2^-31.
fn junk(numbers: &mut Numbers) -> [u8; 64] {
    let mut bytes = [0; 64];
    for chunk in bytes.as_chunks_mut::<8>().0 {
        *chunk = numbers.draw().to_le_bytes();
    }
    bytes
}

/// The same token in another's name.
fn changed(one: &Presented) -> Result<String> {
    let mut body = check::body(one.sequence)?;
    let other = format!("{}7", body.principal.id());
    body.principal = PrincipalName::new(body.principal.kind, other)?;
    let header = layout::header(Algorithm::Es256, check::KID);
    Ok(layout::signing_input(&header, &one.jti, check::ISSUER, &body, check::NOW))
}

fn sign(crowd: &Crowd, input: &str) -> Result<[u8; 64]> {
    let signed = crowd.pair.sign(&SystemRandom::new(), input.as_bytes());
    Ok(signed.map_err(|_| anyhow!("signing failed"))?.as_ref().try_into()?)
}

fn near_misses(crowd: &Crowd, count: u64) -> Result<Row> {
    let mut numbers = Numbers(11);
    let (mut accepted, mut signed, mut told) = (0u64, 0u64, 0u64);
    for nth in 0..count {
        let forgery = Forgery::of(nth);
        let raw = forgery.make(crowd, &mut numbers)?;
        signed += u64::from(forgery.is_signed());
        match crowd.ledger.check(&raw, world::AUDIENCE, check::NOW) {
            Checked::Pass(_) => accepted += 1,
            Checked::Refuse(refused) if forgery.is_signed() => {
                told += u64::from(is_known_as_forged(crowd, &refused));
            }
            Checked::Refuse(_) => {}
        }
    }
    ensure!(told == signed, "{} of {signed} good signatures are called otherwise", signed - told);
    Ok(Row {
        what: format!("near-misses of issued tokens, {count} through the whole check"),
        ours: format!("{accepted} accepted"),
        peer: format!("a good signature alone would let {signed} in"),
        ratio: format!("{told} of {signed} named never_issued"),
        goal: "0 accepted".into(),
        met: accepted == 0,
        hard: true,
    })
}

/// Whether a good signature without an entry is found out for what it is.
fn is_known_as_forged(crowd: &Crowd, refused: &Refused) -> bool {
    let classified = refused.miss.as_ref().map(|it| crowd.ledger.classify(it, check::NOW));
    refused.reason == Reason::NeverIssued
        && classified.is_some_and(|it| it.signature_good && it.reason == Reason::NeverIssued)
}

/// Draws fingerprints and looks for each in every slot: whole, and by its low `bits`.
fn draw(crowd: &Crowd, live: u64, count: u64, bits: u32) -> Result<Row> {
    let mut slots = Vec::with_capacity(usize::try_from(live)?);
    for sequence in 0..live {
        let place = Locator { origin: Origin(1), sequence: Sequence(i64::try_from(sequence)?) };
        slots.push(crowd.ledger.fingerprint_at(place).context("an empty slot")?);
    }
    slots.sort_unstable();
    let mask = (1u64 << bits) - 1;
    let mut marks = vec![0u64; 1 << (bits - 6)];
    for slot in &slots {
        if let Some(word) = marks.get_mut(usize::try_from((slot & mask) / 64)?) {
            *word |= 1 << (slot & 63);
        }
    }
    let marked: u64 = marks.iter().map(|word| u64::from(word.count_ones())).sum();
    let mut numbers = Numbers(0x00D1_CE00);
    let (mut whole, mut short) = (0u64, 0u64);
    for _ in 0..count {
        let drawn = numbers.draw();
        let word = usize::try_from((drawn & mask) / 64).ok().and_then(|at| marks.get(at));
        if word.is_some_and(|word| word >> (drawn & 63) & 1 == 1) {
            short += 1;
            whole += u64::from(slots.binary_search(&drawn).is_ok());
        }
    }
    let chance = marked as f64 / (mask as f64 + 1.0);
    let expected = count as f64 * chance;
    let sigmas = (short as f64 - expected) / (expected * (1.0 - chance)).sqrt();
    Ok(Row {
        what: format!("{count} drawn fingerprints, each against {live} slots"),
        ours: format!("{whole} hits"),
        peer: format!("control, the same at {bits} bits: {short} hits, chance says {expected:.0}"),
        ratio: format!(
            "{:.4} of chance, {sigmas:+.1} standard deviations",
            short as f64 / expected
        ),
        goal: format!("0 hits; the control within {SIGMAS:.0} standard deviations"),
        met: whole == 0 && sigmas.abs() <= SIGMAS,
        hard: true,
    })
}
