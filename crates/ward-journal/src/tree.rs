//! The tree as it stands: its edge, and full tiles on their way to the disk.
//!
//! Tiles are derived: they can always be made again from the segments, so a disk that takes none
//! delays proofs and checkpoints but never an append. Tiles of level 1 and above are kept as
//! c2sp.org/tlog-tiles files (0.13 B a leaf); those of level 0 and the entry bundles are made from
//! the segments when asked for: 256 leaves cost some 60 µs to hash, while their hashes would cost
//! 32 B a leaf on the disk and a file every 256 leaves. FORMAT of the state file `tree`:
//! `"ward-tree" | version u32 | size u64`, the hashes of every partial tile in order of level, and
//! `crc32c u32`; all tiles below `size` were durable before it was written.
//! Best test: `sim/tests.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;

use ward_tlog::{Frontier, FullTile, Hash, Tile, TileReader};

use crate::disk::{Disk, read_if_there, write_all_at};
use crate::durable;
use crate::error::ReadError;
use crate::layout::TREE_STATE;
use crate::leaf::LeafHasher;
use crate::limits::{PENDING_TILES_MAX, YIELD_EVERY_LEAVES};
use crate::read::frames;
use crate::shared::{Shared, lock};

const MAGIC: &[u8; 9] = b"ward-tree";
const VERSION: u32 = 1;
/// Longest state: eight tiles of 255 hashes and the fixed part.
const STATE_BYTES_MAX: u64 = 128 * 1024;

/// The tree and its tiles on their way.
pub(crate) struct Tree {
    pub edge: Frontier,
    /// Full, not yet written.
    pending: BTreeMap<Tile, Vec<Hash>>,
    /// Written, not yet durable.
    unsynced: BTreeSet<Tile>,
    /// Size and root when last computed.
    known: (u64, Hash),
}

impl Tree {
    pub(crate) fn new(edge: Frontier) -> Self {
        let known = (edge.size(), edge.root());
        Self { edge, pending: BTreeMap::new(), unsynced: BTreeSet::new(), known }
    }

    /// The last size whose root was computed, with that root.
    pub(crate) const fn known(&self) -> (u64, Hash) {
        self.known
    }

    /// Size and root now. At most 255 hashes a level.
    pub(crate) fn head(&mut self) -> (u64, Hash) {
        if self.known.0 != self.edge.size() {
            self.known = (self.edge.size(), self.edge.root());
        }
        self.known
    }

    /// Whether so many tiles wait that the tree should too.
    pub(crate) fn is_stalled(&self) -> bool {
        self.pending.len() >= PENDING_TILES_MAX
    }

    /// Takes in leaves.
    pub(crate) fn push(&mut self, leaves: &[Hash]) {
        let mut full = Vec::new();
        for leaf in leaves {
            self.edge.push(*leaf, &mut full);
        }
        let kept = full.into_iter().filter(|it| it.tile.level > 0);
        self.pending.extend(kept.map(|FullTile { tile, hashes }| (tile, hashes)));
    }
}

/// Writes the tiles that wait, so far as the disk takes them.
pub(crate) fn flush(shared: &Shared) -> io::Result<()> {
    loop {
        let next = lock(&shared.tree).pending.iter().next().map(|(tile, it)| (*tile, it.clone()));
        let Some((tile, hashes)) = next else { return Ok(()) };
        write_tile(shared.disk.as_ref(), tile, &hashes)?;
        // INVARIANT: a tile leaves `pending` only once its file is whole, so that no reader of
        // this process ever sees a part of one.
        let mut tree = lock(&shared.tree);
        tree.pending.remove(&tile);
        tree.unsynced.insert(tile);
    }
}

/// Directories of a tile's path, outermost first.
fn dirs(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}

pub(crate) fn write_tile(disk: &dyn Disk, tile: Tile, hashes: &[Hash]) -> io::Result<()> {
    let path = tile.path();
    let file = match disk.create(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            for dir in dirs(&path) {
                disk.make_dir(dir)?;
            }
            disk.create(&path)?
        }
        other => other?,
    };
    write_all_at(file.as_ref(), &Tile::encode(hashes), 0)
}

/// Makes every written tile durable and says so in the state file. `edge` MUST be an edge whose
/// tiles were all flushed.
pub(crate) fn settle(shared: &Shared, edge: &Frontier) -> io::Result<()> {
    let below = |tile: &Tile| (tile.index + 1) << (8 * (u32::from(tile.level) + 1)) <= edge.size();
    let tiles: Vec<Tile> = lock(&shared.tree).unsynced.iter().copied().filter(below).collect();
    let mut touched = BTreeSet::from([String::new()]);
    for tile in &tiles {
        let path = tile.path();
        shared.disk.open(&path)?.sync_data()?;
        touched.extend(dirs(&path).map(str::to_owned));
    }
    for dir in touched {
        shared.disk.sync_dir(&dir)?;
    }
    // CRASH: if we stop here, the older state stands and these tiles are made once more.
    durable::replace_on(shared.disk.as_ref(), "", TREE_STATE, &encode(edge))?;
    let mut tree = lock(&shared.tree);
    for tile in tiles {
        tree.unsynced.remove(&tile);
    }
    Ok(())
}

fn encode(edge: &Frontier) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&edge.size().to_le_bytes());
    for tile in Tile::partials(edge.size()) {
        out.extend(Tile::encode(edge.partial(tile.level)));
    }
    out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
    out
}

/// The edge in the state file; `None` when there is none that can be used: it is made again.
pub(crate) fn load_state(disk: &dyn Disk) -> io::Result<Option<Frontier>> {
    Ok(read_if_there(disk, TREE_STATE, STATE_BYTES_MAX)?.and_then(|bytes| decode(&bytes)))
}

fn decode(bytes: &[u8]) -> Option<Frontier> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    let rest = body.strip_prefix(MAGIC)?.strip_prefix(&VERSION.to_le_bytes())?;
    let (size, hashes) = rest.split_first_chunk::<8>()?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let edge = Frontier::load(u64::from_le_bytes(*size), &State(hashes)).ok()?;
    (encode(&edge) == bytes).then_some(edge)
}

/// The partial tiles inside a state file.
struct State<'a>(&'a [u8]);

impl TileReader for State<'_> {
    type Error = ReadError;
    fn tile(&self, tile: Tile) -> Result<Vec<Hash>, ReadError> {
        let (hashes, _) = self.0.as_chunks::<32>();
        let size_of = |tile: &Tile| usize::from(tile.width);
        // Partial tiles stand in order of level; a lower level's width is in its index's size.
        let (before, here) = self.split(tile);
        let found = hashes.get(before..before + here.min(size_of(&tile)));
        found
            .map(|hashes| hashes.iter().map(|hash| Hash(*hash)).collect())
            .ok_or_else(|| ReadError::Tile { path: tile.path() })
    }
}

impl State<'_> {
    /// Hashes before this tile, and in it. A tile knows the size of its level: `index * 256 +
    /// width` nodes; the levels below hold what is left of each, which only the state's own length
    /// can tell, so it is counted from the end: levels above have `index % 256`, and so on.
    fn split(&self, tile: Tile) -> (usize, usize) {
        let total = self.0.len() / 32;
        let mut above = 0;
        let mut nodes = tile.index;
        while nodes > 0 {
            above += usize::try_from(nodes % 256).unwrap_or(0);
            nodes /= 256;
        }
        let here = usize::from(tile.width);
        (total.saturating_sub(above + here), here)
    }
}

/// Hashes out of the tree as it stands: tiles on their way, the edge, the disk.
pub(crate) struct Tiles<'a>(pub &'a Shared);

impl TileReader for Tiles<'_> {
    type Error = ReadError;
    fn tile(&self, tile: Tile) -> Result<Vec<Hash>, ReadError> {
        let full = Tile::full(tile.level, tile.index);
        {
            let tree = lock(&self.0.tree);
            if let Some(hashes) = tree.pending.get(&full) {
                return Ok(hashes.clone());
            }
            if let Some(hashes) = tree.edge.tile(tile) {
                return Ok(hashes);
            }
        }
        if tile.level == 0 {
            let from = tile.index.checked_mul(256).ok_or(ReadError::OutOfRange)?;
            return leaf_hashes(self.0, from, from + u64::from(tile.width), usize::MAX);
        }
        read_tile(self.0.disk.as_ref(), full)
    }
}

/// Hashes of the acknowledged leaves `from..to`, read from the segments; stops after the frame in
/// which `enough` were found.
pub(crate) fn leaf_hashes(
    shared: &Shared,
    from: u64,
    to: u64,
    enough: usize,
) -> Result<Vec<Hash>, ReadError> {
    let (mut hasher, mut hashes) = (LeafHasher::default(), Vec::new());
    frames(shared, from, to, |segment, frame| {
        let (key, time) = (segment.key.expose(), frame.head.time_ms);
        for (index, payload) in (frame.head.first..).zip(frame.payloads()) {
            if (from..to).contains(&index) {
                hashes.push(hasher.hash(key, index, time, payload));
                if hashes.len().is_multiple_of(YIELD_EVERY_LEAVES) {
                    // WHY: the writer and its callers come first on a machine with few cores.
                    std::thread::yield_now();
                }
            }
        }
        if hashes.len() < enough { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(hashes)
}

/// A full tile from the disk.
pub(crate) fn read_tile(disk: &dyn Disk, tile: Tile) -> Result<Vec<Hash>, ReadError> {
    let missing = || ReadError::Tile { path: tile.path() };
    let bytes = read_if_there(disk, &tile.path(), 8192).map_err(|_| missing())?;
    tile.decode(&bytes.ok_or_else(missing)?).map_err(|_| missing())
}
