//! The spare: the next segment, zeroed and durable before it is needed.
//!
//! With a spare at hand a roll, and the flight from a segment that could not be synced, need no
//! space on the disk. When none can be made the lanes stop one after the other
//! (`limits::kept_free`), and it is tried again every second: the journal recovers by itself.
//! Best test: `sim/tests.rs`.

use std::io;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, read_whole, write_all_at};
use crate::layout::{MAKING, SEGMENTS, SPARE};
use crate::limits::{HEADER_BYTES, SEGMENT_BYTES_MAX};
use crate::shared::{Shared, lock};

/// Bytes zeroed and synced at a time.
const CHUNK: usize = 256 << 10;

/// Where the spare stands.
#[derive(Default)]
pub(crate) struct Spare {
    ready: Option<Arc<dyn DiskFile>>,
    /// The last attempt failed: nobody should wait for the next.
    failed: bool,
}

/// What the writer may count on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpareState {
    Ready,
    /// It is being made: worth waiting for.
    Coming,
    /// It could not be made.
    Failed,
}

impl Spare {
    pub(crate) const fn with(ready: Option<Arc<dyn DiskFile>>) -> Self {
        Self { ready, failed: false }
    }

    pub(crate) const fn state(&self) -> SpareState {
        match (&self.ready, self.failed) {
            (Some(_), _) => SpareState::Ready,
            (None, false) => SpareState::Coming,
            (None, true) => SpareState::Failed,
        }
    }

    /// Takes the spare, to be used or, after a failure, thrown away.
    pub(crate) fn take(&mut self) -> Option<Arc<dyn DiskFile>> {
        self.ready.take()
    }
}

/// Makes the spare if there is none. `true` when there is one afterwards.
///
/// The keeper calls it ahead of need; the writer only in flight from a segment that failed.
pub(crate) fn make(shared: &Shared) -> bool {
    let _one_at_a_time = lock(&shared.making);
    if lock(&shared.spare).ready.is_some() {
        return true;
    }
    match zeroed(shared.disk.as_ref(), shared.segment_bytes) {
        Ok(file) => {
            *lock(&shared.spare) = Spare::with(Some(file));
            true
        }
        Err(error) => {
            tracing::warn!(error = %error, "no space for the next journal segment");
            lock(&shared.spare).failed = true;
            false
        }
    }
}

fn zeroed(disk: &dyn Disk, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
    // A spare of unknown state (its header could not be written) gives its space back first.
    remove_if_there(disk, SPARE)?;
    let file = disk.create(MAKING)?;
    let filled = fill(file.as_ref(), bytes);
    if let Err(error) = filled {
        // What little space there was belongs to the lanes that still run.
        remove_if_there(disk, MAKING)?;
        return Err(error);
    }
    // CRASH: if we stop here, `making` is whole but not named; the next start makes it again.
    disk.rename(MAKING, SPARE)?;
    disk.sync_dir(SEGMENTS)?;
    Ok(file)
}

/// Zeroes the first `bytes`, durably.
fn fill(file: &dyn DiskFile, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; CHUNK];
    let mut at = 0;
    while at < bytes {
        let left = usize::try_from(bytes - at).unwrap_or(CHUNK).min(CHUNK);
        write_all_at(file, zeros.get(..left).unwrap_or_default(), at)?;
        // WHY: piece by piece, so that the writer's own sync never waits behind all of it.
        file.sync_data()?;
        at += left as u64;
    }
    Ok(())
}

fn remove_if_there(disk: &dyn Disk, path: &str) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The spare left by the process before, if it can be used: with a full disk it is all there is.
pub(crate) fn adopt(disk: &dyn Disk, bytes: u64) -> io::Result<Option<Arc<dyn DiskFile>>> {
    remove_if_there(disk, MAKING)?;
    let file = match disk.open(SPARE) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if file.length()? != bytes {
        return Ok(None);
    }
    let content = read_whole(file.as_ref(), SEGMENT_BYTES_MAX)?;
    if content.iter().any(|byte| *byte != 0) {
        // CRASH: a roll stopped between the header and the name. Nothing past the header can be
        // there, because frames follow only once the name is durable; zeroing all is the proof.
        fill(file.as_ref(), bytes)?;
    }
    Ok(Some(file))
}

const _: () = assert!(HEADER_BYTES < SEGMENT_BYTES_MAX);
