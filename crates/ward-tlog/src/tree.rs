//! The growing edge of a tree: everything needed to take in the next leaf and to name the root.
//!
//! Pure. The edge is exactly the partial tiles, so what is served, what is kept and what is hashed
//! cannot differ. Taking in a leaf costs one node hash on average and hands out full tiles as they
//! close; naming the root costs at most 255 node hashes a tile level.
//! Spec: RFC 6962 §2.1, c2sp.org/tlog-tiles. Best test: `tree/tests.rs`.

use crate::hash::{EMPTY_ROOT, Hash, node_hash, perfect_root};
use crate::limits::{TILE_HEIGHT, TILE_LEVEL_MAX, TILE_WIDTH, TREE_SIZE_MAX};
use crate::proof::TileReader;
use crate::tile::Tile;

/// A tile that just became full: to be written, and never to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTile {
    /// Its name.
    pub tile: Tile,
    /// Its 256 hashes.
    pub hashes: Vec<Hash>,
}

/// The right edge of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The partial tile of each level, at most 255 hashes each.
    edge: Vec<Vec<Hash>>,
}

/// Why an edge cannot be made from tiles.
#[derive(Debug, thiserror::Error)]
pub enum LoadError<E: core::error::Error + 'static> {
    /// A tile cannot be read.
    #[error("tile {} is missing or unreadable", .0.path())]
    Read(Tile, #[source] E),
    /// A tile is narrower than asked.
    #[error("tile {} is too short", .0.path())]
    Short(Tile),
}

impl Frontier {
    /// The edge of the tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, edge: Vec::new() }
    }

    /// The edge of a tree with `size` leaves, read from its partial tiles.
    ///
    /// # Errors
    /// [`LoadError`]: a tile is missing or too short. The caller makes the tiles again.
    pub fn load<R: TileReader>(size: u64, tiles: &R) -> Result<Self, LoadError<R::Error>> {
        let mut edge = vec![Vec::new(); usize::from(TILE_LEVEL_MAX) + 1];
        for tile in Tile::partials(size) {
            let mut hashes = tiles.tile(tile).map_err(|source| LoadError::Read(tile, source))?;
            if hashes.len() < usize::from(tile.width) {
                return Err(LoadError::Short(tile));
            }
            hashes.truncate(usize::from(tile.width));
            if let Some(slot) = edge.get_mut(usize::from(tile.level)) {
                *slot = hashes;
            }
        }
        Ok(Self { size, edge })
    }

    /// Leaves taken in so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Takes in the next leaf; tiles that became full are appended to `full`, lowest first.
    ///
    /// # Panics
    /// Never on a tree below 2^63 leaves; at that size it stops growing silently in release and
    /// asserts in debug, after some 700,000 years at 400 k leaves/s.
    pub fn push(&mut self, leaf: Hash, full: &mut Vec<FullTile>) {
        debug_assert!(self.size < TREE_SIZE_MAX, "tree is full");
        let mut carry = leaf;
        for level in 0..=TILE_LEVEL_MAX {
            let at = usize::from(level);
            if self.edge.len() <= at {
                self.edge.push(Vec::with_capacity(TILE_WIDTH));
            }
            let Some(hashes) = self.edge.get_mut(at) else { break };
            hashes.push(carry);
            if hashes.len() < TILE_WIDTH {
                break;
            }
            let hashes = core::mem::replace(hashes, Vec::with_capacity(TILE_WIDTH));
            carry = perfect_root(&hashes);
            let index = self.size >> (TILE_HEIGHT * (u32::from(level) + 1));
            full.push(FullTile { tile: Tile::full(level, index), hashes });
        }
        self.size += 1;
    }

    /// Root over all leaves taken in.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut right: Option<Hash> = None;
        for hashes in &self.edge {
            // The hashes of one level split into perfect subtrees, the smallest on the right.
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let width = 1_usize << rest.len().trailing_zeros();
                let (head, tail) = rest.split_at(rest.len() - width);
                let left = perfect_root(tail);
                right = Some(right.map_or(left, |right| node_hash(&left, &right)));
                rest = head;
            }
        }
        right.unwrap_or(EMPTY_ROOT)
    }

    /// The partial tile at `level`: its hashes so far, empty when there is none.
    #[must_use]
    pub fn partial(&self, level: u8) -> &[Hash] {
        self.edge.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// The hashes of `tile` when it lies on this edge and is no wider than it.
    #[must_use]
    pub fn tile(&self, tile: Tile) -> Option<Vec<Hash>> {
        let nodes = self.size >> (u32::from(tile.level) * TILE_HEIGHT);
        if tile.index != nodes / 256 {
            return None;
        }
        self.partial(tile.level).get(..usize::from(tile.width)).map(<[Hash]>::to_vec)
    }
}

#[cfg(test)]
mod tests;
