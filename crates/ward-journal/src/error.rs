//! Errors, one enum per operation, named for what the caller can do.

use std::io;

use ward_model::Lane;
use ward_tlog::NoteError;

/// Why an append was not recorded. Nothing of the entry is in the journal, except after
/// [`AppendError::Unavailable`]: then it may or may not be found there after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The lane has no space or too many wait in it. Refuse, or retry later: it recovers by itself
    /// when space returns.
    #[error("journal has no space for lane {lane}")]
    Full {
        /// The lane.
        lane: Lane,
    },
    /// The disk failed. Retry; if it lasts, the journal must be restarted.
    #[error("journal is unavailable")]
    Unavailable,
    /// The entry has no rows, too many, or rows over their bounds: it will never fit.
    #[error("entry is too large for the journal")]
    TooLarge,
    /// The journal is stopping.
    #[error("journal is stopped")]
    Stopped,
}

/// Why a journal was not opened. Nothing was written, but for the repair of an unfinished tail.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no journal here. Making one is an explicit act: [`crate::Journal::create`].
    #[error("there is no journal here")]
    Missing,
    /// There is a journal here, or the remains of one.
    #[error("there is a journal here already")]
    Exists,
    /// Another process has it open.
    #[error("the journal is open in another process")]
    Locked,
    /// It was written by a newer version of Ward.
    #[error("{what} has format version {found}, which is newer than this program knows")]
    Newer {
        /// Which part.
        what: String,
        /// The version found.
        found: u32,
    },
    /// The root key does not open the segment keys.
    #[error("the root key does not open this journal")]
    WrongKey,
    /// Bytes that were acknowledged are damaged. Stop and look; nothing was repaired.
    #[error("{at} is damaged: {why}")]
    Corrupt {
        /// File and offset or leaf.
        at: String,
        /// What is wrong.
        why: String,
    },
    /// The journal ends before a checkpoint that was signed or witnessed: it was cut or rolled back.
    #[error(
        "the journal has {found} leaves, but a checkpoint names {wanted}: it was cut or rolled back"
    )]
    Behind {
        /// Leaves found.
        found: u64,
        /// Leaves the checkpoint names.
        wanted: u64,
    },
    /// The journal has other records than those a checkpoint was signed over.
    #[error("the first {size} leaves are not those of the checkpoint: the journal was changed")]
    Fork {
        /// Size of the checkpoint.
        size: u64,
    },
    /// A kept checkpoint carries no good signature of this journal's key.
    #[error("a kept checkpoint is not signed by this journal's key")]
    Checkpoint(#[source] NoteError),
    /// The options contradict a bound.
    #[error("journal option is out of bounds: {0}")]
    Options(&'static str),
    /// The disk failed. Retry.
    #[error("cannot {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The disk's answer.
        #[source]
        source: io::Error,
    },
}

/// Why records, tiles or proofs cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Beyond the acknowledged head, or not a question about this tree.
    #[error("no such record or tree")]
    OutOfRange,
    /// Bytes on disk are damaged. Stop and look.
    #[error("leaf {leaf} is damaged: {why}")]
    Corrupt {
        /// The first leaf that cannot be read.
        leaf: u64,
        /// What is wrong.
        why: String,
    },
    /// A tile is missing; a restart makes it again.
    #[error("tile {path} is missing or unreadable")]
    Tile {
        /// Its path.
        path: String,
    },
    /// The disk failed. Retry.
    #[error("cannot read the journal")]
    Io(#[source] io::Error),
}

/// Names what was being done when the disk failed.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, OpenError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, OpenError> {
        self.map_err(|source| OpenError::Io { doing, source })
    }
}
