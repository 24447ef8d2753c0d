//! How long a start takes at so many live tokens: from opening the files to a ledger that answers.
//!
//! One journal with a frame for every token, as issuance writes it, under the views of the program
//! that this crate can reach; started with the ledger's snapshot and without, in the same run. The
//! page cache is warm, as after a restart of the process; after a restart of the machine the disk
//! must be read first.

use std::io::{BufReader, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use ward_archive::ScopeView;
use ward_journal::durable::Staged;
use ward_journal::{Journal, Options, RealDisk, kept_at};
use ward_ledger::{Ledger, LedgerSecret, bound};
use ward_model::record::{OriginOpened, TokenIssued};
use ward_model::*;
use ward_tlog::NoteSigner;

use crate::paired::monotonic_ns;
use crate::table::Row;
use crate::{Effort, machine};

/// Live tokens of the measured row, and of a run that only sees that it runs.
const TOKENS: i64 = 33_700_000;
const TOKENS_SMOKE: i64 = 50_000;
/// Appends in flight while the journal is made.
const FLIGHT: i64 = 16_384;
/// A day: the tokens outlive the run.
const LIFE_MS: i64 = 86_400_000;
/// Slowest start with a snapshot, seconds.
const GOAL_SECONDS: f64 = 10.0;

/// Measures.
///
/// # Errors
/// The disk refuses.
pub fn rows(effort: Effort) -> Result<Vec<Row>> {
    let tokens = effort.of(tokens_asked(), TOKENS_SMOKE);
    let dir = machine::directory()?;
    let it = measure(dir.path(), tokens)?;
    let millions = tokens as f64 / 1e6;
    let each = it.snapshot_bytes as f64 / tokens as f64;
    Ok(vec![
        Row {
            what: format!("restart at {millions:.1} M live tokens, warm page cache"),
            ours: format!(
                "{:.1} s with a snapshot (load {:.2} s, journal {:.1} s)",
                it.with_s(),
                it.load_s,
                it.open_with_s
            ),
            peer: format!("{:.1} s without: every record replayed", it.open_without_s),
            ratio: format!("{:.1}x", it.open_without_s / it.with_s()),
            goal: format!("<= {GOAL_SECONDS} s"),
            met: it.with_s() <= GOAL_SECONDS,
            hard: false,
        },
        Row {
            what: format!("the ledger's snapshot at {millions:.1} M live tokens"),
            ours: format!(
                "{:.0} MB ({each:.2} B a token), written in {:.1} s; the journal's writer waits {:.1} ms",
                it.snapshot_bytes as f64 / 1e6,
                it.write_s,
                it.picture_ms
            ),
            peer: format!("journal {:.2} GB", it.journal_bytes as f64 / 1e9),
            ratio: format!("{:.1}x smaller", it.journal_bytes as f64 / it.snapshot_bytes as f64),
            goal: "<= 8.5 B a token".into(),
            met: each <= 8.5 || effort.of(false, true),
            hard: false,
        },
    ])
}

/// `WARD_BENCH_TOKENS`: how many, when it is not the number of the goal.
fn tokens_asked() -> i64 {
    let asked = std::env::var("WARD_BENCH_TOKENS").ok();
    asked.and_then(|it| it.parse().ok()).unwrap_or(TOKENS)
}

/// What was measured.
#[derive(Debug, Default)]
pub struct Restarted {
    /// Reading the snapshot, seconds.
    pub load_s: f64,
    /// Opening the journal over the loaded ledger, seconds.
    pub open_with_s: f64,
    /// Opening it over an empty one.
    pub open_without_s: f64,
    /// Writing the snapshot, seconds.
    pub write_s: f64,
    /// How long the journal's writer could not apply records meanwhile, ms.
    pub picture_ms: f64,
    /// Bytes of the snapshot.
    pub snapshot_bytes: u64,
    /// Bytes of the journal's frames.
    pub journal_bytes: u64,
}

impl Restarted {
    fn with_s(&self) -> f64 {
        self.load_s + self.open_with_s
    }
}

/// Makes a journal of `tokens` live tokens in `dir` and restarts on it.
///
/// # Errors
/// The disk refuses; a start did not bring every token back.
pub fn measure(dir: &Path, tokens: i64) -> Result<Restarted> {
    let (place, file) = (dir.join("journal"), dir.join("ledger.snapshot"));
    std::fs::create_dir_all(&place)?;
    let mut it = Restarted::default();
    let ledger = Ledger::new(secret());
    let journal = Journal::create(disk(&place), options()?, views(&ledger))?;
    fill(&journal, tokens)?;
    it.journal_bytes = journal.health().bytes;
    let started = monotonic_ns();
    let picture = ledger.picture();
    it.picture_ms = since_s(started) * 1e3;
    let size = picture.size();
    let kept = journal.checkpoint_now()?.ok_or_else(|| anyhow::anyhow!("nothing was signed"))?;
    let sealed = TreeSize(i64::try_from(kept.checkpoint.size)?);
    ensure!(sealed >= size, "the checkpoint does not cover the snapshot");
    let mut staged = Staged::replacing(&file)?;
    let out = staged.file();
    let mut bytes = 0;
    picture.write(sealed, kept.checkpoint.root.0, machine::now(), &mut |piece| {
        bytes += piece.len() as u64;
        out.write_all(piece)
    })?;
    staged.commit()?;
    it.write_s = since_s(started);
    it.snapshot_bytes = bytes;
    journal.stop();
    drop((journal, ledger));

    let started = monotonic_ns();
    let ledger = load(&place, &file)?;
    it.load_s = since_s(started);
    it.open_with_s = start(&place, &ledger, tokens)?;
    drop(ledger);
    let ledger = Ledger::new(secret());
    it.open_without_s = start(&place, &ledger, tokens)?;
    Ok(it)
}

fn load(place: &Path, file: &Path) -> Result<Ledger> {
    let told = bound(&mut BufReader::new(std::fs::File::open(file)?))?;
    let known = [options()?.signer.verifier().clone()];
    let kept = kept_at(disk(place).as_ref(), told.sealed, &known)?;
    ensure!(kept.is_some_and(|kept| kept.checkpoint.root.0 == told.root), "another journal");
    let mut reader = BufReader::with_capacity(1 << 20, std::fs::File::open(file)?);
    Ok(Ledger::from_snapshot(secret(), &mut reader)?.0)
}

/// Opens the journal over a ledger and stops it again; seconds until it was open.
fn start(place: &Path, ledger: &Ledger, tokens: i64) -> Result<f64> {
    let started = monotonic_ns();
    let journal = Journal::open(disk(place), options()?, views(ledger))?;
    let seconds = since_s(started);
    ensure!(ledger.faults() == 0, "records that do not fit");
    ensure!(ledger.live_tokens(KeyNumber(1)) == u64::try_from(tokens)?, "tokens are missing");
    journal.stop();
    Ok(seconds)
}

fn views(ledger: &Ledger) -> Vec<Box<dyn View>> {
    vec![
        Box::new(ledger.view()),
        Box::new(ward_watch::SharedWatch::new().view()),
        Box::new(ward_respond::SharedIncidents::default().view()),
        Box::new(ward_people::SharedHoldings::default().view()),
        Box::new(ScopeView::new().view()),
        Box::new(ward_operators::SharedHistory::default().view()),
        Box::new(ward_operators::SharedApprovals::default().view()),
        Box::new(ward_gate::intent::Intents::default().view()),
        Box::new(ward_gate::bypass::Bypasses::default().view()),
    ]
}

fn fill(journal: &Journal, tokens: i64) -> Result<()> {
    let _opened = journal.append_blocking(OriginOpened { origin: Origin(1) }, machine::now())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    runtime.block_on(async {
        for low in (0..tokens).step_by(usize::try_from(FLIGHT)?) {
            let mut waiting = Vec::new();
            for nth in low..tokens.min(low + FLIGHT) {
                let (journal, issued) = (journal.clone(), issued(nth, low));
                waiting.push(tokio::spawn(async move {
                    journal.append(issued, machine::now()).await.map(drop)
                }));
            }
            for one in waiting {
                one.await??;
            }
        }
        anyhow::Ok(())
    })
}

fn issued(nth: i64, low: i64) -> TokenIssued {
    let now = machine::now();
    let key =
        u128::from(nth.unsigned_abs()).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    TokenIssued {
        origin: Origin(1),
        sequence: Sequence(nth),
        low_water: Sequence(low),
        fingerprint: nth.wrapping_mul(0x9e37_79b9).wrapping_add(1),
        key: KeyNumber(1),
        principal: PrincipalNumber(nth),
        principal_key: PrincipalKey(key.to_le_bytes()),
        client_key: PrincipalKey([7; 16]),
        issued_at: now,
        expires_at: now.plus_ms(LIFE_MS),
        revocations_seen: 0,
        login_proven: true,
    }
}

fn secret() -> LedgerSecret {
    LedgerSecret::new(Secret::new([5; 32]))
}

fn disk(place: &Path) -> Arc<RealDisk> {
    Arc::new(RealDisk::new(place))
}

fn options() -> Result<Options> {
    let signer = NoteSigner::from_seed("bench", &[7; 32])?;
    Ok(Options::new(Secret::new([9; 32]), signer, Box::new(machine::fill), machine::now()))
}

fn since_s(started: u64) -> f64 {
    (monotonic_ns() - started) as f64 / 1e9
}
