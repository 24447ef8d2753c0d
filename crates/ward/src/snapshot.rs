//! The ledger's snapshot: written beside everything else, loaded before the journal is replayed.
//!
//! It saves time and nothing else: what does not fit this journal, this secret or this version is
//! not used, the reason is kept for `ward doctor`, and the ledger is rebuilt from records.
//! What it must never do: stop a writer, take the space that the journal needs, or be believed
//! before the checkpoint it names was found in this journal.
//! CRASH: it takes its name when it is whole and durable; the one before stands until then. What a
//! stopped write left is overwritten by the next. Best test: `interop/kill.py`, `tests` below.

use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use ward_journal::durable::Staged;
use ward_journal::{Disk, Journal, kept_at};
use ward_ledger::{Bound, Ledger, LedgerSecret, bound};
use ward_model::{TreeSize, UnixMillis};
use ward_tlog::Verifier;

use crate::app::App;
use crate::clock;
use crate::doctor::offline::free_bytes;

/// The file below the data directory.
pub const FILE: &str = "ledger.snapshot";
/// Records after which a new one is worth its writing, at least.
const RECORDS_MIN: i64 = 65_536;
/// Records after which one is written when Ward stops.
const RECORDS_AT_STOP: i64 = 4_096;
/// A new one is written once the records since are this part of what it holds, in bytes.
const BYTES_PER_RECORD: u64 = 128;
/// Bytes written before they are made durable, so that the journal's own sync never waits for more.
const PIECE_BYTES: usize = 8 << 20;
/// Segments of the journal that must still fit beside it.
const SEGMENTS_KEPT: u64 = 16;
/// How long a checkpoint may take to reach the records it holds.
const SEAL_TRIES: u32 = 200;
const SEAL_WAIT: Duration = Duration::from_millis(10);
/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(10);

/// How the snapshot stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Records it holds; 0: there is none.
    pub records: i64,
    /// Its bytes.
    pub bytes: u64,
    /// When it was taken.
    pub taken_at: Option<UnixMillis>,
    /// Why the one found at the start was not used.
    pub refused: Option<String>,
    /// Why the last could not be written.
    pub failed: Option<String>,
}

/// The snapshot of an open Ward. Cheap to clone.
#[derive(Clone)]
pub struct Snapshots {
    path: PathBuf,
    segment_bytes: u64,
    standing: Arc<Mutex<Standing>>,
}

/// What a snapshot is held against.
pub struct Against<'a> {
    /// The journal's files.
    pub disk: &'a dyn Disk,
    /// Who signs its checkpoints.
    pub known: &'a [Verifier],
}

impl Snapshots {
    /// The ledger to begin with: out of the snapshot if it may be believed, empty otherwise.
    /// `restoring`: the journal was brought back from a backup and its end is not settled yet.
    #[must_use]
    pub fn load(
        data: &Path,
        segment_bytes: u64,
        against: &Against<'_>,
        restoring: bool,
        secret: impl Fn() -> LedgerSecret,
    ) -> (Self, Ledger) {
        let path = data.join(FILE);
        let mut standing = Standing::default();
        let found = match std::fs::File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(error.into())),
            Ok(_) if restoring => Some(Err(anyhow::anyhow!("a restore is being ended"))),
            Ok(file) => Some(open(&file, &path, against, secret())),
        };
        let loaded = match found {
            Some(Ok((ledger, bound, bytes))) => {
                let (records, taken_at) = (bound.size.0, Some(bound.taken_at));
                standing = Standing { records, bytes, taken_at, ..standing };
                tracing::info!(records, bytes, "the ledger begins with its snapshot");
                Some(ledger)
            }
            Some(Err(why)) => {
                let why = format!("{why:#}");
                tracing::warn!(why, "the ledger's snapshot is not used");
                standing.refused = Some(why);
                None
            }
            None => None,
        };
        let standing = Arc::new(Mutex::new(standing));
        let ledger = loaded.unwrap_or_else(|| Ledger::new(secret()));
        (Self { path, segment_bytes, standing }, ledger)
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// Writes a new one if it is worth it; blocks for as long as that takes.
    pub fn keep(&self, journal: &Journal, ledger: &Ledger, at_stop: bool) {
        let Standing { records, bytes, .. } = self.standing();
        let since = journal.head().borrow().0.saturating_sub(records);
        let part = i64::try_from(bytes / BYTES_PER_RECORD).unwrap_or(i64::MAX);
        let worth = if at_stop { RECORDS_AT_STOP } else { RECORDS_MIN.max(part) };
        if since < worth {
            return;
        }
        let written = write(&self.path, self.segment_bytes, journal, ledger);
        let mut standing = self.lock();
        match written {
            Ok((bound, bytes)) => {
                *standing = Standing {
                    records: bound.size.0,
                    bytes,
                    taken_at: Some(bound.taken_at),
                    ..Standing::default()
                };
            }
            Err(why) => {
                let why = format!("{why:#}");
                tracing::warn!(why, "the ledger's snapshot could not be written");
                standing.failed = Some(why);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps it young while Ward serves; ends with the runtime.
pub async fn tend(app: Arc<App>) {
    let mut every = tokio::time::interval(EVERY);
    loop {
        every.tick().await;
        let shared = Arc::clone(&app);
        let kept = tokio::task::spawn_blocking(move || {
            shared.snapshots.keep(&shared.journal, &shared.ledger, false);
            report(&shared);
        });
        let _ended = kept.await;
    }
}

/// Its metrics: `ward_ledger_snapshot_bytes`, `_age_seconds` and `_behind_records`.
#[expect(clippy::cast_precision_loss, reason = "metrics are floats")]
fn report(app: &App) {
    let Standing { records, bytes, taken_at, .. } = app.snapshots.standing();
    let behind = app.journal.head().borrow().0.saturating_sub(records);
    metrics::gauge!("ward_ledger_snapshot_bytes").set(bytes as f64);
    metrics::gauge!("ward_ledger_snapshot_behind_records").set(behind as f64);
    if let Some(taken_at) = taken_at {
        let age = clock::now().since(taken_at).max(0);
        metrics::gauge!("ward_ledger_snapshot_age_seconds").set(age as f64 / 1000.0);
    }
}

fn open(
    file: &std::fs::File,
    path: &Path,
    against: &Against<'_>,
    secret: LedgerSecret,
) -> Result<(Ledger, Bound, u64)> {
    let told = bound(&mut BufReader::new(file))?;
    // WHY before it is read: one of another journal is not worth the reading.
    let kept = kept_at(against.disk, told.sealed, against.known)?;
    let sealed = kept.with_context(|| {
        format!("this journal has no checkpoint of {} records, which it names", told.sealed.0)
    })?;
    if sealed.checkpoint.root.0 != told.root {
        bail!("the checkpoint of {} records is another one", told.sealed.0);
    }
    let file = std::fs::File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let (ledger, bound) = Ledger::from_snapshot(secret, &mut reader)?;
    if bound != told {
        bail!("it was replaced while it was read");
    }
    Ok((ledger, bound, bytes))
}

fn write(
    path: &Path,
    segment_bytes: u64,
    journal: &Journal,
    ledger: &Ledger,
) -> Result<(Bound, u64)> {
    let picture = ledger.picture();
    let size = picture.size();
    let taken_at = clock::now();
    let data = path.parent().context("no directory")?;
    let before = std::fs::metadata(path).map_or(0, |it| it.len());
    let wanted = before.saturating_mul(2) + segment_bytes.saturating_mul(SEGMENTS_KEPT);
    if free_bytes(data).is_some_and(|free| free < wanted) {
        bail!("the disk is too full: the journal needs the space");
    }
    let (sealed, root) = seal(journal, size)?;
    let mut staged = Staged::replacing(path)?;
    let file = staged.file();
    let (mut bytes, mut waiting) = (0u64, Vec::with_capacity(PIECE_BYTES));
    picture.write(sealed, root, taken_at, &mut |piece| {
        bytes += piece.len() as u64;
        waiting.extend_from_slice(piece);
        if waiting.len() >= PIECE_BYTES {
            file.write_all(&waiting)?;
            file.sync_data()?;
            waiting.clear();
        }
        Ok(())
    })?;
    file.write_all(&waiting)?;
    staged.commit()?;
    Ok((Bound { size, sealed, root, taken_at }, bytes))
}

/// A checkpoint that covers what the picture holds. The views are a moment ahead of the head.
fn seal(journal: &Journal, size: TreeSize) -> Result<(TreeSize, [u8; 32])> {
    for _ in 0..SEAL_TRIES {
        let kept = journal.checkpoint_now()?.context("nothing was signed yet")?;
        let sealed = TreeSize(i64::try_from(kept.checkpoint.size).unwrap_or(i64::MAX));
        if sealed >= size {
            return Ok((sealed, kept.checkpoint.root.0));
        }
        std::thread::sleep(SEAL_WAIT);
    }
    bail!("no checkpoint reached {} records", size.0)
}
