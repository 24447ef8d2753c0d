//! A checkpoint: the three lines that name a tree (c2sp.org/tlog-checkpoint).
//!
//! Pure. Extension lines are refused: nothing here would sign or believe them.
//! Best test: `note/tests.rs`.

use crate::hash::Hash;
use crate::limits::{KEY_NAME_BYTES_MAX, TREE_SIZE_MAX};
use crate::note::is_key_name;

/// A tree head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: a URL without scheme; no space, no plus.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

/// Why text is no checkpoint. Blame: whoever wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not exactly three lines, each ended by a newline.
    #[error("checkpoint is not three lines")]
    Lines,
    /// The origin is empty, too long, or has a space or a plus in it.
    #[error("checkpoint origin is malformed")]
    Origin,
    /// Not a canonical decimal number up to 2^63 - 1.
    #[error("checkpoint size is malformed")]
    Size,
    /// Not 32 bytes of canonical base64.
    #[error("checkpoint root is malformed")]
    Root,
}

impl Checkpoint {
    /// The note text: origin, size, root, each on its line.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Reads a note text; accepts exactly what [`Self::text`] writes.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let body = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines);
        };
        if !is_key_name(origin) || origin.len() > KEY_NAME_BYTES_MAX {
            return Err(CheckpointError::Origin);
        }
        let size = decimal(size).ok_or(CheckpointError::Size)?;
        let root = Hash::parse_base64(root).ok_or(CheckpointError::Root)?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// A decimal number without sign or leading zeros, at most [`TREE_SIZE_MAX`].
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    let number: u64 = text.parse().ok()?;
    (canonical && number <= TREE_SIZE_MAX).then_some(number)
}
