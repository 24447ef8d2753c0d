//! Checkpoints: what a log says of itself (c2sp.org/tlog-checkpoint).

use data_encoding::BASE64;

use crate::hash::Hash;

/// The size and root of a log at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: not empty, no white space, no plus sign.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// Root hash.
    pub root: Hash,
}

/// Why a text is no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint: {0}")]
pub struct CheckpointError(&'static str);

impl Checkpoint {
    /// The note's text: three lines, each ended.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root))
    }

    /// Reads a note's text; extension lines after the third are allowed and not read.
    ///
    /// # Errors
    /// [`CheckpointError`]: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines =
            text.strip_suffix('\n').ok_or(CheckpointError("no final newline"))?.split('\n');
        let origin = lines.next().filter(|name| !name.is_empty());
        let origin = origin.ok_or(CheckpointError("no origin"))?.to_owned();
        let size = lines.next().ok_or(CheckpointError("no size"))?;
        let canonical = size == "0" || !size.starts_with('0');
        let digits = size.bytes().all(|byte| byte.is_ascii_digit());
        let size = size.parse().ok().filter(|_| canonical && digits);
        let size = size.ok_or(CheckpointError("size"))?;
        let root = lines.next().ok_or(CheckpointError("no root"))?;
        let root = BASE64.decode(root.as_bytes()).map_err(|_| CheckpointError("root"))?;
        let root = root.try_into().map_err(|_| CheckpointError("root"))?;
        if lines.any(str::is_empty) {
            return Err(CheckpointError("an empty line"));
        }
        Ok(Self { origin, size, root })
    }
}
