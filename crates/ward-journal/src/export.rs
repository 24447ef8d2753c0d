//! The log as files that strangers' code can check (c2sp.org/tlog-tiles).
//!
//! Entry bundles are made from the segments when asked for; they are stored nowhere.
//! Best test: `tests.rs`; outside judges are Go's `sumdb` and `aics-tlog`.

use std::io;
use std::ops::ControlFlow;
use std::sync::Mutex;

use ward_tlog::tile::put_entry;
use ward_tlog::{Tile, TileReader as _};

use crate::disk::{Disk, write_all_at};
use crate::error::ReadError;
use crate::grow::Grower;
use crate::leaf::put_leaf;
use crate::read::frames;
use crate::shared::{Shared, lock};
use crate::tree::{Tiles, write_tile};

/// What an export wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportReport {
    /// The signed checkpoint.
    pub checkpoint: String,
    /// Verifier key for it, as Go's `sumdb/note` reads it.
    pub vkey: String,
    /// Hash tiles written.
    pub tiles: u64,
    /// Entry bundles written.
    pub bundles: u64,
}

/// Leaf data of `from..to`, handed out one by one.
fn leaves(
    shared: &Shared,
    from: u64,
    to: u64,
    mut sink: impl FnMut(&[u8]),
) -> Result<(), ReadError> {
    let (mut leaf, mut seen) = (Vec::new(), from);
    frames(shared, from, to, |segment, frame| {
        for (index, payload) in (frame.head.first..).zip(frame.payloads()) {
            if (from..to).contains(&index) {
                put_leaf(&mut leaf, segment.key.expose(), index, frame.head.time_ms, payload);
                sink(&leaf);
                seen = index + 1;
            }
        }
        if seen < to { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if seen == to { Ok(()) } else { Err(ReadError::OutOfRange) }
}

/// Leaf data of one leaf.
pub(crate) fn leaf_at(shared: &Shared, index: u64) -> Result<Vec<u8>, ReadError> {
    let mut found = Vec::new();
    leaves(shared, index, index + 1, |leaf| found = leaf.to_vec())?;
    Ok(found)
}

/// An entry bundle.
pub(crate) fn bundle(shared: &Shared, tile: Tile) -> Result<Vec<u8>, ReadError> {
    let from = tile.index.checked_mul(256).ok_or(ReadError::OutOfRange)?;
    let to = from.checked_add(u64::from(tile.width)).ok_or(ReadError::OutOfRange)?;
    if to > shared.size() {
        return Err(ReadError::OutOfRange);
    }
    let mut bytes = Vec::new();
    let mut fits = true;
    leaves(shared, from, to, |leaf| fits &= put_entry(&mut bytes, leaf).is_ok())?;
    // INVARIANT: a leaf is at most 65,535 bytes (asserted in `leaf.rs`), so every entry fits.
    if fits { Ok(bytes) } else { Err(ReadError::OutOfRange) }
}

/// Writes all of it below `to`.
pub(crate) fn export(
    shared: &Shared,
    grower: &Mutex<Grower>,
    to: &dyn Disk,
) -> Result<ExportReport, ReadError> {
    let (kept, vkey) = {
        let mut grower = lock(grower);
        grower.grow()?;
        grower.checkpoint().map_err(ReadError::Io)?;
        (grower.latest.clone(), grower.signer.verifier().vkey())
    };
    let kept = kept.ok_or(ReadError::OutOfRange)?;
    let size = kept.checkpoint.size;
    let (mut tiles, mut bundles) = (0, 0);
    to.make_dir("").map_err(ReadError::Io)?;
    for tile in Tile::all(size) {
        let hashes = Tiles(shared).tile(tile)?;
        let hashes = hashes.get(..usize::from(tile.width)).ok_or(ReadError::OutOfRange)?;
        write_tile(to, tile, hashes).map_err(ReadError::Io)?;
        tiles += 1;
        if tile.level == 0 {
            put(to, &tile.entries_path(), &bundle(shared, tile)?).map_err(ReadError::Io)?;
            bundles += 1;
        }
    }
    let checkpoint = kept.note.encode();
    put(to, "checkpoint", checkpoint.as_bytes()).map_err(ReadError::Io)?;
    put(to, "vkey", format!("{vkey}\n").as_bytes()).map_err(ReadError::Io)?;
    Ok(ExportReport { checkpoint, vkey, tiles, bundles })
}

fn put(to: &dyn Disk, path: &str, bytes: &[u8]) -> io::Result<()> {
    for (at, _) in path.match_indices('/') {
        to.make_dir(path.get(..at).unwrap_or_default())?;
    }
    write_all_at(to.create(path)?.as_ref(), bytes, 0)
}
