//! What of a journal to copy: its files cut where a signed checkpoint ends, or where it ends itself.
//!
//! Segments and files of checkpoints only grow, so a cut can be copied while another process
//! appends. Tiles and the tree's state are left out: the next start makes them again from the
//! segments. The last segment is cut after a frame; past it a copy holds zeros up to the segment's
//! length, as recovery wants it. Nothing is judged here: [`crate::verify`] the journal first, or the
//! copy afterwards. Best test: `tests/cut.rs`.

use ward_model::TreeSize;
use ward_tlog::Verifier;

use crate::disk::{Disk, read_full_at, read_whole, write_all_at};
use crate::error::{Doing as _, OpenError};
use crate::framing::framed_len;
use crate::layout::{
    CHECKPOINTS, DIRS, FORMAT_FILE, LOCK, SEGMENTS, firsts, notes_path, segment_path,
};
use crate::limits::SEGMENT_BYTES_MAX;
use crate::notes::{self, Kept};
use crate::recover::check_format;
use crate::segment::{Header, HeaderFault, walk};

/// Bytes copied at a time.
const WINDOW: usize = 1 << 20;

/// The beginning of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Path below the journal's directory, parts joined by `/`.
    pub path: String,
    /// How many of its bytes belong to the cut.
    pub bytes: u64,
    /// Length of the copy: zeros follow what belongs to the cut.
    pub length: u64,
}

/// A journal's files as far as they belong to one tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The newest checkpoint kept in it.
    pub head: Kept,
    /// Leaves in it: as many as the checkpoint names, or more when all was taken.
    pub size: TreeSize,
    /// The files, by path; `format` is the last to be written, as when a journal is made.
    pub pieces: Vec<Piece>,
}

/// How much of a journal to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upto {
    /// What the newest checkpoint of at most so many leaves covers: for a journal that may be open in
    /// another process.
    Checkpoint(TreeSize),
    /// Everything up to an unfinished tail: for a journal nobody has open.
    End,
}

/// Plans a copy of the journal on `disk`; `known` are the keys of its log. Reads the last segment
/// and every file of checkpoints.
///
/// # Errors
/// [`OpenError::Missing`]: no journal, or nothing was signed yet. Otherwise as [`crate::verify`].
pub fn cut(disk: &dyn Disk, upto: Upto, known: &[Verifier]) -> Result<Cut, OpenError> {
    check_format(disk)?;
    // WHY the checkpoint first: what it covers was durable before it was signed.
    let most = match upto {
        Upto::Checkpoint(size) => u64::try_from(size.0).map_err(|_| OpenError::Options("size"))?,
        Upto::End => u64::MAX,
    };
    let (head, mut pieces) = checkpoints(disk, most, known)?;
    let limit = (upto != Upto::End).then_some(head.checkpoint.size);
    let starts = firsts(disk, SEGMENTS, ".seg").doing("list segments")?;
    let wanted: Vec<u64> =
        starts.into_iter().filter(|first| limit.is_none_or(|size| *first < size)).collect();
    let (last, whole) = wanted.split_last().ok_or(OpenError::Missing)?;
    for first in whole {
        let length = disk.open(&segment_path(*first)).and_then(|file| file.length());
        let length = length.doing("look at a segment")?;
        pieces.push(Piece { path: segment_path(*first), bytes: length, length });
    }
    let (piece, size) = last_segment(disk, *last, limit)?;
    pieces.push(piece);
    pieces.sort_by(|one, other| one.path.cmp(&other.path));
    let format = disk.open(FORMAT_FILE).and_then(|file| file.length());
    let length = format.doing("read the format file")?;
    pieces.push(Piece { path: FORMAT_FILE.to_owned(), bytes: length, length });
    let size = TreeSize(i64::try_from(size).unwrap_or(i64::MAX));
    Ok(Cut { head, size, pieces })
}

/// The newest checkpoint of at most `most` leaves, and the files of checkpoints up to its end.
fn checkpoints(
    disk: &dyn Disk,
    most: u64,
    known: &[Verifier],
) -> Result<(Kept, Vec<Piece>), OpenError> {
    let files = notes::files(disk).doing("list checkpoints")?;
    let (mut head, mut pieces) = (None, Vec::new());
    for first in files.into_iter().filter(|first| *first <= most) {
        let path = notes_path(first);
        let mut kept = notes::read_file(disk, first)?;
        kept.retain(|it| it.checkpoint.size <= most);
        // A note that is being written, or was when the power went, is not taken.
        let bytes: usize = kept.iter().map(|it| framed_len(4 + it.note.encode().len())).sum();
        let bytes = bytes as u64;
        pieces.push(Piece { path, bytes, length: bytes });
        head = kept.into_iter().last().or(head);
    }
    let head = head.ok_or(OpenError::Missing)?;
    head.note.verify(known).map_err(OpenError::Checkpoint)?;
    Ok((head, pieces))
}

/// The last segment of the cut, and the leaf after it.
fn last_segment(
    disk: &dyn Disk,
    first: u64,
    limit: Option<u64>,
) -> Result<(Piece, u64), OpenError> {
    let path = segment_path(first);
    let corrupt = |why: String| OpenError::Corrupt { at: path.clone(), why };
    let file = disk.open(&path).doing("open a segment")?;
    let bytes = read_whole(file.as_ref(), SEGMENT_BYTES_MAX).doing("read a segment")?;
    let (header, crc) = Header::decode(&bytes).map_err(|fault| match fault {
        HeaderFault::Newer(found) => OpenError::Newer { what: path.clone(), found },
        fault => corrupt(fault.to_string()),
    })?;
    let sink = |_: &crate::frame::Frame<'_>, _: u64| Ok::<(), OpenError>(());
    let stop = walk(&bytes, &header, crc, i64::MIN, limit, sink)?;
    if let (Some(limit), Some(fault)) = (limit, stop.fault) {
        return Err(corrupt(format!("{fault} at leaf {}, before leaf {limit}", stop.next)));
    }
    let length = bytes.len() as u64;
    Ok((Piece { path, bytes: stop.offset, length }, stop.next))
}

/// Copies a cut of `from` to `to`, a directory without a journal; `done` is told of bytes written.
/// Durable when it returns; [`lay`] makes what a journal has besides.
///
/// # Errors
/// [`OpenError::Exists`]: there is a journal in `to`. [`OpenError::Io`]: what is there is no journal,
/// for its format file is written last.
pub fn copy(
    from: &dyn Disk,
    to: &dyn Disk,
    cut: &Cut,
    done: &mut dyn FnMut(u64),
) -> Result<(), OpenError> {
    lay(to)?;
    let doing = "copy a journal";
    for piece in &cut.pieces {
        if piece.path == FORMAT_FILE {
            // CRASH: if we stop before this, there is no format file and so no journal.
            for dir in [SEGMENTS, CHECKPOINTS, ""] {
                to.sync_dir(dir).doing(doing)?;
            }
        }
        let (source, target) = (from.open(&piece.path), to.create(&piece.path));
        let (source, target) = (source.doing(doing)?, target.doing(doing)?);
        let mut window = vec![0; WINDOW];
        let mut at = 0;
        while at < piece.length {
            let left = usize::try_from(piece.length - at).unwrap_or(usize::MAX).min(WINDOW);
            let taken = usize::try_from(piece.bytes.saturating_sub(at)).unwrap_or(usize::MAX);
            let (data, zeros) =
                window.get_mut(..left).unwrap_or_default().split_at_mut(taken.min(left));
            let read = read_full_at(source.as_ref(), data, at).doing(doing)?;
            if read < data.len() {
                let why = "is shorter than it was".to_owned();
                return Err(OpenError::Corrupt { at: piece.path.clone(), why });
            }
            zeros.fill(0);
            write_all_at(target.as_ref(), window.get(..left).unwrap_or_default(), at)
                .doing(doing)?;
            at += left as u64;
            done(left as u64);
        }
        target.sync_data().doing(doing)?;
    }
    to.sync_dir("").doing(doing)
}

/// Makes the directories and the lock file that a journal's other files lie beside.
///
/// # Errors
/// [`OpenError::Exists`]: there is a journal. [`OpenError::Io`].
pub fn lay(to: &dyn Disk) -> Result<(), OpenError> {
    let doing = "make the directories of a journal";
    to.make_dir("").doing(doing)?;
    match check_format(to) {
        Err(OpenError::Missing) => {}
        Ok(()) => return Err(OpenError::Exists),
        Err(other) => return Err(other),
    }
    for dir in DIRS {
        to.make_dir(dir).doing(doing)?;
    }
    to.create(LOCK).doing(doing)?;
    to.sync_dir("").doing(doing)
}
