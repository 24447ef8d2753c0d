//! Tokens issued a second, each signed by ES256 and durable before it opens, beside bare signing.
//!
//! The floor is two threads that only sign, with the same library and as many bytes; ours are 64
//! in flight on as many threads, through custody, journal and the ledger's view. The peer is
//! OpenBao's transit engine with as many calls in flight, which keeps nothing of what it signs.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use ward_ledger::Checked;
use ward_model::{PrincipalKind, PrincipalNumber};

use crate::openbao::{self, OpenBao};
use crate::paired::{median, monotonic_ns, quantile};
use crate::table::Row;
use crate::world::{self, World};
use crate::{Effort, machine};

/// Issuances in flight.
const FLIGHT: u64 = 64;
/// Calls on each of the peer's connections in a round.
const PEER_EACH: u64 = 60;
/// Threads of both.
const THREADS: usize = 2;

/// Measures.
///
/// # Errors
/// A token did not open.
pub fn rows(effort: Effort) -> Result<Vec<Row>> {
    let dir = machine::directory()?;
    let world = Arc::new(World::open(dir.path(), Vec::new())?);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_io().build()?;
    let (rounds, count) = (effort.of(7, 1), effort.of(30_000, 500));
    let (mut ours, mut floor, mut shares, mut waits) = (vec![], vec![], vec![], vec![]);
    let (mut theirs, mut times) = (vec![], vec![]);
    // WHY not in smoke: that needs nothing installed.
    let bao = openbao::program().filter(|_| effort.of(true, false));
    let bao = bao.map(|it| OpenBao::start(&it, dir.path())).transpose()?;
    for round in 0..=rounds {
        let bare = bare(count)?;
        let (rate, p99_ms) = runtime.block_on(issue(Arc::clone(&world), count))?;
        if round > 0 {
            ours.push(rate);
            floor.push(bare);
            shares.push(rate / bare);
            waits.push(p99_ms);
            if let Some(bao) = &bao {
                let signed = runtime.block_on(bao.sign(FLIGHT, PEER_EACH))?;
                theirs.push(signed);
                times.push(rate / signed);
            }
        }
    }
    world.journal.stop();
    let (share, wait, ours) = (median(shares), median(waits), median(ours) / 1e3);
    let mut rows = vec![Row {
        what: format!("durable issuance, ES256, {FLIGHT} in flight, {THREADS} threads"),
        ours: format!("{ours:.1} k/s, p99 {wait:.1} ms"),
        peer: format!("bare P-256 signing {:.1} k/s", median(floor) / 1e3),
        ratio: format!("{:.0} % of the signing floor", share * 100.0),
        goal: ">= 40 %".into(),
        met: share >= 0.4,
        hard: false,
    }];
    if effort.of(true, false) {
        rows.push(beside_openbao(ours, median(theirs) / 1e3, median(times)));
    }
    Ok(rows)
}

/// `theirs` is 0 where OpenBao is not installed.
fn beside_openbao(ours: f64, theirs: f64, times: f64) -> Row {
    let peer = if theirs > 0.0 {
        format!("OpenBao transit sign, nothing kept, {theirs:.1} k/s")
    } else {
        "OpenBao is not installed (`cargo xtask setup`)".into()
    };
    Row {
        what: format!("durable issuance, ES256, {FLIGHT} in flight, beside a signing service"),
        ours: format!("{ours:.1} k/s"),
        peer,
        ratio: format!("{times:.1}x"),
        goal: ">= 20x".into(),
        met: times >= 20.0,
        hard: false,
    }
}

/// Signatures a second on all threads.
fn bare(count: u64) -> Result<f64> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
        .map_err(|_| anyhow!("no P-256 key"))?;
    let (pair, message) = (&pair, [0x41; 440]);
    let start = monotonic_ns();
    let sign = || {
        let random = SystemRandom::new();
        (0..count / 2).filter(|_| pair.sign(&random, &message).is_err()).count()
    };
    let failed = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(sign)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(1)).sum::<usize>()
    });
    ensure!(failed == 0, "{failed} signatures failed");
    Ok(count as f64 * 1e9 / (monotonic_ns() - start) as f64)
}

/// Tokens a second, and the p99 of one in milliseconds.
async fn issue(world: Arc<World>, count: u64) -> Result<(f64, f64)> {
    let start = monotonic_ns();
    let mut tasks = Vec::new();
    for task in 0..FLIGHT {
        let world = Arc::clone(&world);
        let mine = count.div_ceil(FLIGHT);
        tasks.push(tokio::spawn(async move { some(&world, task, mine).await }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.context("an issuer ended badly")??);
    }
    let rate = times.len() as f64 * 1e9 / (monotonic_ns() - start) as f64;
    Ok((rate, quantile(times, 0.99)))
}

async fn some(world: &World, task: u64, count: u64) -> Result<Vec<f64>> {
    let key = world.token_key()?;
    let mut times = Vec::new();
    let mut last = None;
    for nth in 0..count {
        let start = monotonic_ns();
        let now = machine::now();
        let number = task * count + nth + 1;
        let body = world::body(PrincipalKind::Customer, &number.to_string())?;
        let principal = PrincipalNumber(i64::try_from(number)?);
        let withheld = world.signer.sign(&key, &body, principal, machine::random()?, now)?;
        let recorded = world.journal.append(withheld.issuance(), now).await?;
        last = Some(withheld.open(recorded, &world.ledger)?);
        times.push((monotonic_ns() - start) as f64 / 1e6);
    }
    let last = last.context("nothing was issued")?;
    let checked = world.ledger.check(last.expose(), world::AUDIENCE, machine::now());
    ensure!(matches!(checked, Checked::Pass(_)), "an issued token does not pass");
    Ok(times)
}
