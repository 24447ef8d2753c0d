//! Durable records a second with 64 appends in flight, and the time to an acknowledgement beside a
//! bare fdatasync of as many bytes on the same disk.
//!
//! Both take turns, so that a slow minute of the disk meets both. Two shapes: single records (an
//! issuance), and accesses of 50 data subjects, 50 rows each, as one group.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use ward_journal::Journal;
use ward_model::record::{Access, AccessRow, TokenIssued, Touch};
use ward_model::word::{Provenance, RouteMode, Task};
use ward_model::*;

use crate::paired::{median, monotonic_ns, quantile};
use crate::table::Row;
use crate::{Effort, machine, world};

/// Appends in flight.
const FLIGHT: i64 = 64;
/// Data subjects of an access.
const TOUCHED: i64 = 50;
/// Least records a second.
const GOAL: f64 = 100_000.0;
/// The file the bare writes go round in, bytes.
const RING_BYTES: u64 = 16 << 20;

/// Measures.
///
/// # Errors
/// The disk refuses.
pub fn rows(effort: Effort) -> Result<Vec<Row>> {
    let small = measure(effort, issuance)?;
    let wide = measure(effort, access)?;
    Ok([small.rows("single records", 1), wide.rows("accesses of 50 data subjects", TOUCHED)]
        .concat())
}

/// What the rounds gave; medians.
#[derive(Default)]
struct Measured {
    groups_per_second: Vec<f64>,
    ack_ms: Vec<f64>,
    ack_p99_ms: Vec<f64>,
    bare_ms: Vec<f64>,
    bare_p99_ms: Vec<f64>,
    batch_bytes: usize,
}

impl Measured {
    fn rows(self, shape: &str, rows_each: i64) -> [Row; 2] {
        let batch_kib = self.batch_bytes.div_ceil(1024);
        let rate = median(self.groups_per_second) * rows_each as f64;
        let bare = median(self.bare_ms);
        let (ack, ack_p99) = (median(self.ack_ms), median(self.ack_p99_ms));
        let bare_p99 = median(self.bare_p99_ms);
        let records = Row {
            what: format!("durable records, {FLIGHT} appends in flight: {shape}"),
            ours: format!("{:.0} k/s", rate / 1e3),
            peer: format!("one fdatasync for each append {:.1} k/s", rows_each as f64 / bare),
            ratio: format!("{:.0} k records/s", rate / 1e3),
            goal: ">= 100 k records/s".into(),
            met: rate >= GOAL,
            hard: true,
        };
        let answer = Row {
            what: format!("time to acknowledgement, the same: {shape}"),
            ours: format!("p50 {ack:.2} ms, p99 {ack_p99:.2} ms"),
            peer: format!(
                "bare fdatasync of {batch_kib} KiB, a mean batch: p50 {bare:.2} ms, p99 {bare_p99:.2} ms"
            ),
            ratio: format!("p99 {:.1}x", ack_p99 / bare_p99),
            goal: "p99 <= 2x that of bare fdatasync + 1 ms".into(),
            met: ack_p99 <= 2.0 * bare_p99 + 1.0,
            hard: false,
        };
        [records, answer]
    }
}

fn measure<T: Entry + Send + 'static>(
    effort: Effort,
    make: impl Fn(i64) -> T + Send + Sync + Copy + 'static,
) -> Result<Measured> {
    let dir = machine::directory()?;
    let journal = world::journal(&dir.path().join("journal"), Vec::new())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let (rounds, ms) = (effort.of(11, 1), effort.of(800, 200));
    let bare = Bare::new(dir.path())?;
    let mut all = Measured::default();
    for round in 0..=rounds {
        let before = journal.health();
        let (took_ns, acks) = runtime.block_on(round_of(journal.clone(), FLIGHT, ms, make))?;
        let after = journal.health();
        let batches = (after.batches - before.batches).max(1);
        all.batch_bytes = usize::try_from((after.bytes - before.bytes) / batches)?;
        let syncs = bare.write(all.batch_bytes, effort.of(150, 30))?;
        // The first round warms up.
        if round > 0 {
            all.groups_per_second.push(acks.len() as f64 * 1e9 / took_ns as f64);
            all.ack_p99_ms.push(quantile(acks.clone(), 0.99));
            all.ack_ms.push(median(acks));
            all.bare_p99_ms.push(quantile(syncs.clone(), 0.99));
            all.bare_ms.push(median(syncs));
        }
    }
    let health = journal.health();
    journal.stop();
    ensure!(health.refused == 0 && !health.dead, "the journal refused appends");
    Ok(all)
}

/// Milliseconds to each acknowledgement of an access of 50 data subjects with nothing else in
/// flight, seen for `ms`.
///
/// # Errors
/// The disk refuses.
pub fn alone(ms: u64) -> Result<Vec<f64>> {
    let dir = machine::directory()?;
    let journal = world::journal(dir.path(), Vec::new())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let (_, acks) = runtime.block_on(round_of(journal.clone(), 1, ms, access))?;
    journal.stop();
    Ok(acks)
}

/// One round: nanoseconds it took, and milliseconds to each acknowledgement.
async fn round_of<T: Entry + Send + 'static>(
    journal: Journal,
    flight: i64,
    ms: u64,
    make: impl Fn(i64) -> T + Send + Copy + 'static,
) -> Result<(u64, Vec<f64>)> {
    let start = monotonic_ns();
    let end = start + ms * 1_000_000;
    let mut tasks = Vec::new();
    for task in 0..flight {
        let journal = journal.clone();
        tasks.push(tokio::spawn(async move {
            let mut times = Vec::new();
            let mut nth = task;
            loop {
                let asked = monotonic_ns();
                if asked >= end {
                    return anyhow::Ok(times);
                }
                let _recorded = journal.append(make(nth), machine::now()).await?;
                times.push((monotonic_ns() - asked) as f64 / 1e6);
                nth += flight;
            }
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.context("an appender ended badly")??);
    }
    Ok((monotonic_ns() - start, all))
}

/// The floor: writes into a file that has its size already, each made durable.
struct Bare {
    file: Arc<File>,
}

impl Bare {
    fn new(dir: &Path) -> Result<Self> {
        let file = File::create(dir.join("bare"))?;
        let zeroes = vec![0; 1 << 20];
        for at in (0..RING_BYTES).step_by(zeroes.len()) {
            file.write_all_at(&zeroes, at)?;
        }
        file.sync_all()?;
        Ok(Self { file: Arc::new(file) })
    }

    /// Milliseconds of each of `count` writes of `bytes`.
    fn write(&self, bytes: usize, count: u64) -> Result<Vec<f64>> {
        let block = vec![0x5A; bytes.max(1)];
        let step = u64::try_from(block.len())?;
        let fits = (RING_BYTES / step).max(1);
        let mut times = Vec::new();
        for nth in 0..count {
            let start = monotonic_ns();
            self.file.write_all_at(&block, (nth % fits) * step)?;
            self.file.sync_data()?;
            times.push((monotonic_ns() - start) as f64 / 1e6);
        }
        Ok(times)
    }
}

fn issuance(nth: i64) -> TokenIssued {
    TokenIssued {
        origin: Origin(1),
        sequence: Sequence(nth),
        low_water: Sequence(0),
        fingerprint: nth,
        key: KeyNumber(1),
        principal: PrincipalNumber(nth),
        principal_key: PrincipalKey::default(),
        client_key: PrincipalKey::default(),
        issued_at: UnixMillis::new(0),
        expires_at: UnixMillis::new(1),
        revocations_seen: 0,
        login_proven: true,
    }
}

fn access(nth: i64) -> Access {
    let shared = AccessRow {
        access: AccessId(u128::from(nth.unsigned_abs()).to_be_bytes()),
        row: 0,
        rows: 1,
        principal_kind: PrincipalKind::Seller,
        principal: PrincipalNumber(nth % 1000 + 1),
        principal_key: PrincipalKey::default(),
        api_key: ApiKeyId::NONE,
        origin: Origin(1),
        sequence: Sequence(nth),
        key: KeyNumber(1),
        route: RouteNumber(5),
        task: Task::View,
        source: [0; 16],
        tenant: TenantNumber(1),
        purpose: 0,
        verdict: Verdict::Permit,
        released: true,
        mode: RouteMode::Enforce,
        provenance: Provenance::Measured,
        data_subject: DataSubjectNumber::NONE,
        fields: 0,
        status: 200,
    };
    let person =
        |one| Touch { data_subject: DataSubjectNumber(nth % 1000 * TOUCHED + one + 1), fields: 7 };
    Access { shared, touches: (0..TOUCHED).map(person).collect() }
}
