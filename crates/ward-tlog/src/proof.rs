//! Proofs: that an entry is in a tree, that one tree is the beginning of another.
//!
//! Pure but for the tiles it is handed. Makers follow RFC 6962 §2.1.1 and §2.1.2, checkers the
//! step-by-step algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2, which never recurse on input.
//! Best test: `tree/tests.rs`, every proof of every size up to 130, each tampered with.

use crate::hash::{EMPTY_ROOT, Hash, node_hash, perfect_root};
use crate::limits::{PROOF_HASHES_MAX, TILE_HEIGHT, TREE_SIZE_MAX};
use crate::tile::Tile;

/// Where hashes come from.
pub trait TileReader {
    /// Why a tile cannot be had.
    type Error: core::error::Error + 'static;
    /// At least the first `tile.width` hashes of the tile. A wider tile may be returned: the
    /// narrower one is its beginning.
    ///
    /// # Errors
    /// The reader's own: the tile is missing or unreadable.
    fn tile(&self, tile: Tile) -> Result<Vec<Hash>, Self::Error>;
}

/// Why a proof cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProofError<E: core::error::Error + 'static> {
    /// The question makes no sense: the index is not in the tree, or the old tree is not smaller.
    #[error("no such entry or tree")]
    OutOfRange,
    /// A tile cannot be read.
    #[error("tile {} is missing or unreadable", .0.path())]
    Read(Tile, #[source] E),
    /// A tile is narrower than asked.
    #[error("tile {} is too short", .0.path())]
    Short(Tile),
}

/// Root of the first `size` leaves.
///
/// # Errors
/// [`ProofError`]: a tile is missing, or `size` is beyond [`TREE_SIZE_MAX`].
pub fn root_at<R: TileReader>(size: u64, tiles: &R) -> Result<Hash, ProofError<R::Error>> {
    if size > TREE_SIZE_MAX {
        return Err(ProofError::OutOfRange);
    }
    if size == 0 { Ok(EMPTY_ROOT) } else { range(0, size, size, tiles) }
}

/// Proof that leaf `index` is in the tree of the first `size` leaves, from the leaf's sibling up.
/// Reads at most three tiles a tile level.
///
/// # Errors
/// [`ProofError`].
pub fn inclusion_proof<R: TileReader>(
    index: u64,
    size: u64,
    tiles: &R,
) -> Result<Vec<Hash>, ProofError<R::Error>> {
    if index >= size || size > TREE_SIZE_MAX {
        return Err(ProofError::OutOfRange);
    }
    let (mut low, mut high) = (0, size);
    let mut proof = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            proof.push(range(middle, high, size, tiles)?);
            high = middle;
        } else {
            proof.push(range(low, middle, size, tiles)?);
            low = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Proof that the first `old` leaves of the tree of `new` leaves are the tree of `old` leaves.
///
/// # Errors
/// [`ProofError`]; `old` MUST be at least 1 and at most `new`.
pub fn consistency_proof<R: TileReader>(
    old: u64,
    new: u64,
    tiles: &R,
) -> Result<Vec<Hash>, ProofError<R::Error>> {
    if old == 0 || old > new || new > TREE_SIZE_MAX {
        return Err(ProofError::OutOfRange);
    }
    let (mut low, mut high) = (0, new);
    let mut proof = Vec::new();
    // INVARIANT: the old tree ends inside low..high; it is whole (a root the checker knows) only
    // while nothing has been cut off on its left.
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            proof.push(range(middle, high, new, tiles)?);
            high = middle;
        } else {
            proof.push(range(low, middle, new, tiles)?);
            low = middle;
        }
    }
    if low > 0 {
        proof.push(range(low, high, new, tiles)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether `proof` shows that `leaf` is entry `index` of the tree of `size` leaves with `root`.
#[must_use]
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, root: Hash, proof: &[Hash]) -> bool {
    if index >= size || size > TREE_SIZE_MAX || proof.len() > PROOF_HASHES_MAX {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for step in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(step, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}

/// Whether `proof` shows that the tree of `old` leaves is the beginning of the tree of `new`.
/// Sizes are with their roots; an empty old tree is consistent with everything and needs no proof.
#[must_use]
pub fn verify_consistency(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size || new_size > TREE_SIZE_MAX || proof.len() > PROOF_HASHES_MAX {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return proof.is_empty() && old_root == EMPTY_ROOT;
    }
    let mut steps = proof.iter();
    let first = if old_size.is_power_of_two() { Some(&old_root) } else { steps.next() };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for step in steps {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(step, &old_hash);
            new_hash = node_hash(step, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == old_root && new_hash == new_root
}

/// Largest power of two below `leaves` (RFC 6962's k); `leaves` MUST be at least 2.
const fn split(leaves: u64) -> u64 {
    1 << (63 - (leaves - 1).leading_zeros())
}

/// MTH(D[low:high]) for a range that RFC 6962 splits off: `low` is a multiple of the range's
/// largest perfect subtree.
fn range<R: TileReader>(
    low: u64,
    high: u64,
    size: u64,
    tiles: &R,
) -> Result<Hash, ProofError<R::Error>> {
    let mut right: Option<Hash> = None;
    let mut end = high;
    while end > low {
        let height = (end - low).trailing_zeros();
        let start = end - (1 << height);
        let left = node(height, start >> height, size, tiles)?;
        right = Some(right.map_or(left, |right| node_hash(&left, &right)));
        end = start;
    }
    right.ok_or(ProofError::OutOfRange)
}

/// Root of the perfect subtree of 2^height leaves number `index`, out of the tile that holds it.
fn node<R: TileReader>(
    height: u32,
    index: u64,
    size: u64,
    tiles: &R,
) -> Result<Hash, ProofError<R::Error>> {
    let (tile_level, within) = (height / TILE_HEIGHT, height % TILE_HEIGHT);
    let first = index << within;
    let nodes = size >> (tile_level * TILE_HEIGHT);
    let width = (nodes - (first / 256) * 256).min(256);
    let tile = Tile {
        level: u8::try_from(tile_level).unwrap_or(u8::MAX),
        index: first / 256,
        width: u16::try_from(width).unwrap_or(256),
    };
    let hashes = tiles.tile(tile).map_err(|source| ProofError::Read(tile, source))?;
    let start = usize::try_from(first % 256).unwrap_or(usize::MAX);
    let found = hashes.get(start..).and_then(|rest| rest.get(..1 << within));
    found.map(perfect_root).ok_or(ProofError::Short(tile))
}
