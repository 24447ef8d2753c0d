//! Checking a journal from outside: everything recomputed from the segments, nothing written.
//!
//! It trusts neither the tree, nor the state, nor the checkpoints in the directory, only the keys
//! it is given and the checkpoint that was kept elsewhere; and it says in words what is wrong and
//! where. Without the root key the leaves cannot be made and only checksums, chain, indexes and
//! signatures are checked. Best test: `tests.rs`, the table of tampered journals.

use std::io;

use ward_model::Record;
use ward_tlog::{Checkpoint, Frontier, FullTile, Hash, Verifier};

use crate::disk::{Disk, read_whole};
use crate::error::{OpenError, ReadError};
use crate::frame::{FRAME_MAGIC, Frame};
use crate::framing::is_torn;
use crate::layout::{SEGMENTS, firsts, notes_path, segment_path};
use crate::leaf::LeafHasher;
use crate::limits::SEGMENT_BYTES_MAX;
use crate::notes;
use crate::recover::{Progress, check_format};
use crate::segment::{Header, Key, Stop, synced_beyond, walk};
use crate::tree::{load_state, read_tile};

/// Findings past which a report says no more.
const FINDINGS_MAX: usize = 100;

/// What to check with.
#[derive(Default)]
pub struct VerifyOptions {
    /// Opens the segment keys.
    pub root_key: Option<Key>,
    /// Keys of this log; with none, signatures are not checked.
    pub known: Vec<Verifier>,
    /// A checkpoint that was kept outside; its signature is the caller's to check.
    pub outside: Option<Checkpoint>,
    /// Told after every segment.
    pub progress: Option<Box<dyn FnMut(Progress)>>,
}

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// File, and byte or leaf.
    pub place: String,
    /// What is wrong, in words.
    pub what: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, in the order it was found. None: the journal is what was signed.
    pub findings: Vec<Finding>,
    /// What was not checked, and why; what is unfinished and will be repaired.
    pub remarks: Vec<String>,
    /// Segments read.
    pub segments: usize,
    /// Records read.
    pub records: u64,
    /// Root over them, when the root key was given.
    pub root: Option<Hash>,
    /// Kept checkpoints that agree.
    pub checkpoints: u64,
    /// Whether the outside checkpoint was given and agrees.
    pub outside: bool,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, place: impl Into<String>, what: impl Into<String>) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { place: place.into(), what: what.into() });
        }
    }
}

impl core::fmt::Display for Report {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(
            f,
            "{} records in {} segments, {} checkpoints agree{}",
            self.records,
            self.segments,
            self.checkpoints,
            if self.outside { ", the outside checkpoint agrees" } else { "" }
        )?;
        for remark in &self.remarks {
            writeln!(f, "note: {remark}")?;
        }
        for Finding { place, what } in &self.findings {
            writeln!(f, "WRONG: {place}: {what}")?;
        }
        let verdict = if self.is_good() { "nothing is wrong" } else { "the journal is not intact" };
        writeln!(f, "{verdict}")
    }
}

/// A tree head somebody vouched for.
struct Head {
    size: u64,
    root: Hash,
    place: String,
    outside: bool,
}

struct Check<'a> {
    disk: &'a dyn Disk,
    report: Report,
    heads: Vec<Head>,
    /// Next of `heads` to meet.
    at: usize,
    edge: Frontier,
    hasher: LeafHasher,
    full: Vec<FullTile>,
    /// Tiles below this were durable.
    settled: u64,
    /// Largest head met with the right root.
    agreed: u64,
    /// Smallest head met with another root.
    differs: Option<u64>,
    hashing: bool,
}

/// Checks the journal on `disk`, which should not be open for writing at the same time.
///
/// # Errors
/// [`OpenError`]: there is nothing to check (no journal, a newer one, the disk failed, or the root
/// key is another). Everything else is in the report.
pub fn verify(disk: &dyn Disk, mut options: VerifyOptions) -> Result<Report, OpenError> {
    check_format(disk)?;
    let io = |doing| move |source: io::Error| OpenError::Io { doing, source };
    let settled = load_state(disk).map_err(io("read the tree's state"))?;
    let mut check = Check {
        disk,
        report: Report::default(),
        heads: Vec::new(),
        at: 0,
        edge: Frontier::new(),
        hasher: LeafHasher::default(),
        full: Vec::new(),
        settled: settled.map_or(0, |edge| edge.size()),
        agreed: 0,
        differs: None,
        hashing: options.root_key.is_some(),
    };
    check.collect_heads(&options)?;
    if !check.hashing {
        check.report.remarks.push("no root key: leaves and roots were not checked".to_owned());
    }
    let starts = firsts(disk, SEGMENTS, ".seg").map_err(io("list segments"))?;
    let mut before = Before { id: [0; 16], chain: 0, next: 0, time_ms: i64::MIN };
    check.meet();
    for (nth, first) in starts.iter().enumerate() {
        let limit = starts.get(nth + 1).copied();
        match check.segment(*first, limit, &before, options.root_key.as_ref())? {
            Some(after) => before = after,
            None => {
                let left = starts.len() - nth - 1;
                if left > 0 {
                    check.report.remarks.push(format!("{left} later segments were not checked"));
                }
                return Ok(check.report);
            }
        }
        if let Some(progress) = &mut options.progress {
            let records = check.report.records;
            progress(Progress { segments: nth + 1, of_segments: starts.len(), records });
        }
    }
    if starts.is_empty() {
        check.report.find(SEGMENTS, "there is no segment: everything is gone");
    }
    check.finish();
    Ok(check.report)
}

/// What the segments so far end with.
struct Before {
    id: [u8; 16],
    chain: u32,
    next: u64,
    time_ms: i64,
}

impl Check<'_> {
    fn collect_heads(&mut self, options: &VerifyOptions) -> Result<(), OpenError> {
        let listed = notes::files(self.disk);
        let files = listed.map_err(|source| OpenError::Io { doing: "list checkpoints", source })?;
        if options.known.is_empty() {
            self.report.remarks.push("no key of this log: signatures were not checked".to_owned());
        }
        for first in files {
            let kept = match notes::read_file(self.disk, first) {
                Ok(kept) => kept,
                Err(OpenError::Corrupt { at, why }) => {
                    self.report.find(at, why);
                    continue;
                }
                Err(other) => return Err(other),
            };
            for one in kept {
                let (size, root) = (one.checkpoint.size, one.checkpoint.root);
                let place = format!("{}, size {size}", notes_path(first));
                if !options.known.is_empty()
                    && let Err(error) = one.note.verify(&options.known)
                {
                    self.report.find(place.clone(), format!("checkpoint: {error}"));
                }
                self.heads.push(Head { size, root, place, outside: false });
            }
        }
        if let Some(Checkpoint { size, root, .. }) = options.outside {
            let place = format!("outside checkpoint, size {size}");
            self.heads.push(Head { size, root, place, outside: true });
        }
        self.heads.sort_by_key(|head| head.size);
        Ok(())
    }

    /// Checks one segment; `None` when nothing after it can be checked.
    fn segment(
        &mut self,
        first: u64,
        limit: Option<u64>,
        before: &Before,
        root: Option<&Key>,
    ) -> Result<Option<Before>, OpenError> {
        let path = segment_path(first);
        let io = |source| OpenError::Io { doing: "read a segment", source };
        let file = self.disk.open(&path).map_err(io)?;
        let bytes = read_whole(file.as_ref(), SEGMENT_BYTES_MAX).map_err(io)?;
        let (header, crc) = match Header::decode(&bytes) {
            Ok(found) => found,
            Err(fault) => {
                self.report.find(path, fault.to_string());
                return Ok(None);
            }
        };
        if header.first != first || header.segment_bytes != bytes.len() as u64 {
            self.report.find(path, "name or length is not that of its header");
            return Ok(None);
        }
        if header.first != before.next {
            let next = before.next;
            let what =
                format!("begins at leaf {first}, but leaf {next} comes next: leaves are missing");
            self.report.find(path, what);
            return Ok(None);
        }
        if (header.previous_id, header.previous_crc) != (before.id, before.chain) {
            self.report.find(path, "does not continue the segment before: one was replaced");
            return Ok(None);
        }
        let key = match root {
            Some(root) => Some(header.open_key(root).ok_or(OpenError::WrongKey)?),
            None => None,
        };
        let stop = walk(&bytes, &header, crc, before.time_ms, limit, |frame, _| {
            self.frame(&path, key.as_ref(), frame);
            Ok::<(), OpenError>(())
        })?;
        self.report.segments += 1;
        let whole = self.judge(&path, &bytes, &header, &stop, limit.is_none());
        let (chain, next, time_ms) = (stop.chain, stop.next, stop.time_ms);
        Ok(whole.then_some(Before { id: header.id, chain, next, time_ms }))
    }

    fn frame(&mut self, path: &str, key: Option<&Key>, frame: &Frame<'_>) {
        for (index, payload) in (frame.head.first..).zip(frame.payloads()) {
            if let Err(error) = Record::decode(payload) {
                self.report.find(format!("{path}, leaf {index}"), error.to_string());
            }
            if let Some(key) = key {
                let leaf = self.hasher.hash(key.expose(), index, frame.head.time_ms, payload);
                self.edge.push(leaf, &mut self.full);
            }
            self.report.records += 1;
            if !self.full.is_empty() {
                self.compare_tiles();
            }
            self.meet();
        }
    }

    /// Holds computed tiles against those on the disk.
    fn compare_tiles(&mut self) {
        // Tiles of level 0 are made from the segments; nothing on the disk is to be held to them.
        let full = core::mem::take(&mut self.full).into_iter().filter(|it| it.tile.level > 0);
        for FullTile { tile, hashes } in full {
            let span = 1_u64 << (8 * u32::from(tile.level));
            let first = tile.index * 256 * span;
            match read_tile(self.disk, tile) {
                Ok(there) if there == hashes => (),
                Ok(there) => {
                    let differs = there.iter().zip(&hashes).position(|(a, b)| a != b);
                    let from = first + differs.unwrap_or(0) as u64 * span;
                    let what = format!(
                        "leaves {from} to {} are not the records that were hashed, or the tile \
                         was changed",
                        from + span - 1
                    );
                    self.report.find(tile.path(), what);
                }
                Err(ReadError::Tile { path }) if first + 256 * span <= self.settled => {
                    self.report.find(path, "tile is missing or cut short");
                }
                Err(_) => (),
            }
        }
    }

    /// Holds the tree against every head of its size.
    fn meet(&mut self) {
        while let Some(head) = self.heads.get(self.at) {
            if head.size != self.report.records {
                break;
            }
            self.at += 1;
            if !self.hashing {
                continue;
            }
            if head.root == self.edge.root() {
                self.agreed = head.size;
                self.report.checkpoints += u64::from(!head.outside);
                self.report.outside |= head.outside;
                continue;
            }
            let (size, agreed) = (head.size, self.agreed);
            let differs = *self.differs.get_or_insert(size);
            let what = format!(
                "the first {size} leaves are not those that were signed: leaves {agreed} to \
                 {} hold a record that was changed, moved or replaced",
                differs.saturating_sub(1)
            );
            let place = head.place.clone();
            self.report.find(place, what);
        }
    }

    /// Whether the segment ends as it may.
    fn judge(
        &mut self,
        path: &str,
        bytes: &[u8],
        header: &Header,
        stop: &Stop,
        last: bool,
    ) -> bool {
        let Some(fault) = stop.fault else { return true };
        let place = format!("{path}, byte {}, leaf {}", stop.offset, stop.next);
        let rest = bytes.get(usize::try_from(stop.offset).unwrap_or(usize::MAX)..);
        let rest = rest.unwrap_or_default();
        let empty = rest.iter().all(|byte| *byte == 0);
        if last && empty {
            return true;
        }
        let torn = is_torn(rest, stop.offset, FRAME_MAGIC, fault);
        let beyond = synced_beyond(bytes, header, stop.offset).unwrap_or(0);
        let signed = self.heads.last().map_or(0, |head| head.size);
        if last && torn && beyond.max(signed) <= stop.next {
            let what = format!("{place}: an append was not finished; the next start removes it");
            self.report.remarks.push(what);
            return true;
        }
        self.report.find(place, format!("{fault}; what follows was not checked"));
        false
    }

    fn finish(&mut self) {
        let found = self.report.records;
        if self.hashing {
            self.report.root = Some(self.edge.root());
        }
        let kept = self.heads.iter().filter(|it| !it.outside).map(|it| it.size).max();
        for head in core::mem::take(&mut self.heads).into_iter().skip(self.at) {
            let what = if head.size <= found {
                // A size inside a frame: no tree of this journal was ever signed there.
                format!("no tree of {} leaves was ever signed here", head.size)
            } else if head.outside && kept.unwrap_or(0) <= found {
                format!(
                    "it names {} leaves and the journal ends at {found}, as do its own \
                     checkpoints: its tail was cut, or the directory was rolled back",
                    head.size
                )
            } else {
                format!(
                    "it names {} leaves and the journal ends at {found}: its tail was cut",
                    head.size
                )
            };
            self.report.find(head.place, what);
        }
    }
}
