//! The growing tree: only its right edge is kept, one unfinished tile per level.

use crate::hash::{Hash, empty_root};
use crate::proof::root_of;
use crate::tile::{TILE_WIDTH, Tile, TileReader};

/// A tree that grows by leaf hashes and gives up each tile once it is full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// Unfinished tiles, level 0 first. INVARIANT: each holds fewer than [`TILE_WIDTH`] hashes,
    /// and together they spell `size` in base 256.
    edge: Vec<Vec<Hash>>,
}

impl Tree {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of `size` leaves, its edge read from tiles.
    ///
    /// # Errors
    /// The reader's own.
    pub fn restore<R: TileReader>(size: u64, reader: &R) -> Result<Self, R::Error> {
        let mut edge = Vec::new();
        let mut left = size;
        let mut level = 0;
        while left > 0 {
            let width = usize::try_from(left % 256).unwrap_or(0);
            let mut hashes = Vec::new();
            if width > 0 {
                hashes = reader.tile(level, left / 256, width)?;
                hashes.truncate(width);
            }
            edge.push(hashes);
            left /= 256;
            level += 1;
        }
        Ok(Self { size, edge })
    }

    /// How many leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf; gives each tile that it fills to `full`, lowest level first.
    pub fn push(&mut self, leaf: Hash, full: &mut impl FnMut(Tile)) {
        let mut index = self.size;
        self.size += 1;
        let mut hash = leaf;
        for level in 0..u8::MAX {
            let at = usize::from(level);
            if self.edge.len() <= at {
                self.edge.push(Vec::with_capacity(TILE_WIDTH));
            }
            let Some(tile) = self.edge.get_mut(at) else { return };
            tile.push(hash);
            if tile.len() < TILE_WIDTH {
                return;
            }
            let hashes = core::mem::replace(tile, Vec::with_capacity(TILE_WIDTH));
            index /= 256;
            hash = root_of(&hashes);
            full(Tile { level, index, hashes });
        }
    }

    /// The root hash (RFC 6962 §2.1).
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut edge: Option<Hash> = None;
        for tile in &self.edge {
            // The lower levels together are one more, unfinished, subtree at this level.
            let mut hashes = tile.clone();
            hashes.extend(edge);
            if !hashes.is_empty() {
                edge = Some(root_of(&hashes));
            }
        }
        edge.unwrap_or_else(empty_root)
    }

    /// The unfinished tiles, lowest level first; empty ones are left out.
    pub fn partial_tiles(&self) -> impl Iterator<Item = Tile> + '_ {
        let mut left = self.size;
        (0u8..).zip(&self.edge).filter_map(move |(level, hashes)| {
            left /= 256;
            let index = left;
            (!hashes.is_empty()).then(|| Tile { level, index, hashes: hashes.clone() })
        })
    }
}
