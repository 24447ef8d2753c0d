//! Checkpoints that were signed, kept for ever.
//!
//! A checkpoint is durable here before anyone sees it, so that this journal can never sign two
//! trees that contradict each other, not even across a crash. FORMAT of `checkpoints/<size>.notes`:
//! frames of `framing.rs` (magic "WN", seed 0) holding `length u32 LE | signed note`.
//! Best test: `sim/tests.rs`.

use std::io;
use std::sync::Arc;

use ward_model::TreeSize;
use ward_tlog::limits::NOTE_BYTES_MAX;
use ward_tlog::{Checkpoint, NoteSigner, SignedNote, Verifier};

use crate::disk::{Disk, DiskFile, read_whole, write_all_at};
use crate::error::OpenError;
use crate::framing::{self, is_torn};
use crate::layout::{CHECKPOINTS, firsts, notes_path};
use crate::limits::NOTES_FILE_BYTES_MAX;

const MAGIC: u16 = u16::from_le_bytes(*b"WN");
/// Longest file: one note past the bound.
const FILE_BYTES_MAX: u64 = NOTES_FILE_BYTES_MAX + 2 * NOTE_BYTES_MAX as u64;

/// A checkpoint with the note that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The tree head.
    pub checkpoint: Checkpoint,
    /// As signed.
    pub note: SignedNote,
}

/// The end of the file in use.
pub(crate) struct Notes {
    file: Option<Arc<dyn DiskFile>>,
    offset: u64,
}

impl Notes {
    pub(crate) const fn new() -> Self {
        Self { file: None, offset: 0 }
    }

    /// Signs `checkpoint` and keeps it; durable when it returns.
    pub(crate) fn keep(
        &mut self,
        disk: &dyn Disk,
        signer: &NoteSigner,
        checkpoint: Checkpoint,
    ) -> io::Result<Kept> {
        let note = signer.sign(&checkpoint.text()).map_err(io::Error::other)?;
        let text = note.encode();
        let length = u32::try_from(text.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::new();
        framing::put(&mut bytes, MAGIC, 0, &[&length.to_le_bytes(), text.as_bytes()]);
        // A file that failed once is left alone: the next checkpoint begins another.
        let file = match self.file.take().filter(|_| self.offset < NOTES_FILE_BYTES_MAX) {
            Some(file) => file,
            None => {
                let file = disk.create(&notes_path(checkpoint.size))?;
                disk.sync_dir(CHECKPOINTS)?;
                self.offset = 0;
                file
            }
        };
        // CRASH: if we stop here, the note may be found or not; nobody has seen it, and it says
        // nothing but what is durable.
        write_all_at(file.as_ref(), &bytes, self.offset)?;
        file.sync_data()?;
        self.offset += bytes.len() as u64;
        self.file = Some(file);
        Ok(Kept { checkpoint, note })
    }

    /// The next checkpoint begins a file of its own.
    pub(crate) fn close(&mut self) {
        self.file = None;
    }
}

/// What one file of checkpoints holds.
pub(crate) fn read_file(disk: &dyn Disk, first: u64) -> Result<Vec<Kept>, OpenError> {
    let path = notes_path(first);
    let io = |source| OpenError::Io { doing: "read a file of checkpoints", source };
    let file = disk.open(&path).map_err(io)?;
    let bytes = read_whole(file.as_ref(), FILE_BYTES_MAX).map_err(io)?;
    let mut kept = Vec::new();
    let mut at = 0;
    let corrupt =
        |at: usize, why: String| OpenError::Corrupt { at: format!("{path}, byte {at}"), why };
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let framed = match framing::take(rest, MAGIC, 0) {
            Ok(framed) => framed,
            // A note that was being written when the power went: nobody saw it.
            Err(fault) if is_torn(rest, at as u64, MAGIC, fault) && !another(rest) => break,
            Err(fault) => return Err(corrupt(at, fault.to_string())),
        };
        let one = note_in(framed.content).ok_or_else(|| corrupt(at, "no checkpoint".to_owned()))?;
        kept.push(one);
        at += framed.length;
    }
    Ok(kept)
}

/// Whether an intact note follows a damaged one: then the damaged one was durable.
fn another(bytes: &[u8]) -> bool {
    let whole =
        |at: usize| bytes.get(at..).is_some_and(|rest| framing::take(rest, MAGIC, 0).is_ok());
    (8..bytes.len()).step_by(8).any(whole)
}

fn note_in(content: &[u8]) -> Option<Kept> {
    let (length, rest) = content.split_first_chunk::<4>()?;
    let (note, padding) =
        rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    if padding.len() >= 8 || padding.iter().any(|byte| *byte != 0) {
        return None;
    }
    let note = SignedNote::parse(note).ok()?;
    let checkpoint = Checkpoint::parse(note.text()).ok()?;
    Some(Kept { checkpoint, note })
}

/// Sizes at which files of checkpoints begin.
pub(crate) fn files(disk: &dyn Disk) -> io::Result<Vec<u64>> {
    firsts(disk, CHECKPOINTS, ".notes")
}

/// The checkpoint of exactly `size` leaves that was kept, its signature checked: what ties something
/// made beside a journal to that journal. Reads one file of checkpoints.
///
/// # Errors
/// [`OpenError`]: as at opening; the disk does not answer, or what it holds is damaged.
pub fn kept_at(
    disk: &dyn Disk,
    size: TreeSize,
    known: &[Verifier],
) -> Result<Option<Kept>, OpenError> {
    let io = |source| OpenError::Io { doing: "list checkpoints", source };
    let Ok(size) = u64::try_from(size.0) else { return Ok(None) };
    let begins = files(disk).map_err(io)?.into_iter().rev().find(|first| *first <= size);
    let Some(first) = begins else { return Ok(None) };
    let mut kept = read_file(disk, first)?.into_iter();
    let found = kept.find(|it| it.checkpoint.size == size);
    if let Some(kept) = &found {
        kept.note.verify(known).map_err(OpenError::Checkpoint)?;
    }
    Ok(found)
}

/// The last checkpoint kept, its signature checked. Reads one or two files.
pub(crate) fn last(
    disk: &dyn Disk,
    origin: &str,
    known: &[Verifier],
) -> Result<Option<Kept>, OpenError> {
    let io = |source| OpenError::Io { doing: "list checkpoints", source };
    for first in files(disk).map_err(io)?.into_iter().rev() {
        let Some(kept) = read_file(disk, first)?.pop() else { continue };
        kept.note.verify(known).map_err(OpenError::Checkpoint)?;
        if kept.checkpoint.origin != origin {
            return Err(OpenError::Corrupt {
                at: notes_path(first),
                why: "its checkpoints name another log".to_owned(),
            });
        }
        return Ok(Some(kept));
    }
    Ok(None)
}
