//! The grower: reads acknowledged frames back, takes their leaves into the tree, writes tiles,
//! signs checkpoints.
//!
//! It runs beside the writer and never in its way, on the same functions as recovery: the tree is
//! always built from what is on the disk. Only acknowledged leaves are read, so only those are
//! ever signed. Best test: `sim/tests.rs`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ward_tlog::{Checkpoint, Frontier, NoteSigner};

use crate::error::ReadError;
use crate::limits::READ_RECORDS_MAX;
use crate::notes::{Kept, Notes};
use crate::shared::{Shared, lock};
use crate::tree::{flush, leaf_hashes, settle};

/// Grows the tree and signs its heads.
pub(crate) struct Grower {
    pub shared: Arc<Shared>,
    pub signer: NoteSigner,
    pub notes: Notes,
    /// The last checkpoint that is kept.
    pub latest: Option<Kept>,
}

impl Grower {
    /// Takes in everything acknowledged, as far as tiles can be written.
    ///
    /// # Errors
    /// [`ReadError`]: a segment cannot be read back.
    pub(crate) fn grow(&mut self) -> Result<(), ReadError> {
        loop {
            if let Err(error) = flush(&self.shared) {
                self.shared.counters.tiles_failed.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(error = %error, "tiles cannot be written");
            }
            let (from, stalled) = {
                let tree = lock(&self.shared.tree);
                (tree.edge.size(), tree.is_stalled())
            };
            let head = self.shared.size();
            if stalled || from >= head {
                return Ok(());
            }
            let leaves = leaf_hashes(&self.shared, from, head, READ_RECORDS_MAX)?;
            lock(&self.shared.tree).push(&leaves);
        }
    }

    /// Signs the tree as it stands, if it grew since the last checkpoint, and keeps it.
    ///
    /// # Errors
    /// The disk's own: then there is no new checkpoint, and it is tried again later.
    pub(crate) fn checkpoint(&mut self) -> io::Result<()> {
        let (size, root) = lock(&self.shared.tree).head();
        let last = self.latest.as_ref().map_or(0, |kept| kept.checkpoint.size);
        if size <= last {
            return Ok(());
        }
        let origin = self.signer.verifier().name().to_owned();
        let checkpoint = Checkpoint { origin, size, root };
        let kept = self.notes.keep(self.shared.disk.as_ref(), &self.signer, checkpoint);
        if let Err(error) = &kept {
            self.shared.counters.notes_failed.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(error = %error, "checkpoint cannot be kept");
        }
        // CRASH: if we stop here, the checkpoint is kept and unseen; the next start holds us to it.
        self.latest = Some(kept?);
        Ok(())
    }

    /// Makes tiles durable up to the last checkpoint, so that a restart need not make them again.
    ///
    /// # Errors
    /// The disk's own: then more is made again at the next start.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        flush(&self.shared)?;
        let edge: Frontier = lock(&self.shared.tree).edge.clone();
        let signed = self.latest.as_ref().is_some_and(|it| it.checkpoint.size == edge.size());
        // INVARIANT: the state never runs ahead of a kept checkpoint, which recovery checks it by.
        if signed { settle(&self.shared, &edge) } else { Ok(()) }
    }
}
