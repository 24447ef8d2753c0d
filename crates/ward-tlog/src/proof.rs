//! Inclusion and consistency proofs (RFC 6962 §2.1.1, §2.1.2), from tiles and back.

use crate::hash::{Hash, empty_root, node_hash};
use crate::tile::{TILE_WIDTH, TileReader};

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// An index or size that no such tree has.
    #[error("no such leaf or size in this tree")]
    OutOfRange,
    /// Too few or too many hashes.
    #[error("the proof has the wrong length")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// The largest power of two below `n`; `n` > 1.
const fn split(n: u64) -> u64 {
    1 << (u64::BITS - 1 - (n - 1).leading_zeros())
}

/// MTH over hashes that stand side by side, all but the last of equal width.
#[must_use]
pub fn root_of(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [one] => *one,
        many => {
            let at = usize::try_from(split(many.len() as u64)).unwrap_or(1);
            let (left, right) = many.split_at_checked(at).unwrap_or((many, &[]));
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// MTH of leaves `from..to`, read from the tiles of a tree of `size` leaves.
fn range<R: TileReader>(tiles: &R, size: u64, from: u64, to: u64) -> Result<Hash, R::Error> {
    let width = to - from;
    if width.is_power_of_two() && from.is_multiple_of(width) {
        return node(tiles, size, width.trailing_zeros(), from / width);
    }
    let at = from + split(width);
    let left = range(tiles, size, from, at)?;
    Ok(node_hash(&left, &range(tiles, size, at, to)?))
}

/// The full subtree of `2^height` leaves at `index`.
fn node<R: TileReader>(tiles: &R, size: u64, height: u32, index: u64) -> Result<Hash, R::Error> {
    let level = u8::try_from(height / 8).unwrap_or(u8::MAX);
    let span = 1u64 << (height % 8);
    let first = index * span;
    let wide = size >> (8 * u32::from(level));
    let tile = first / 256;
    let held = usize::try_from((wide - tile * 256).min(256)).unwrap_or(TILE_WIDTH);
    let hashes = tiles.tile(level, tile, held)?;
    let at = usize::try_from(first % 256).unwrap_or(0);
    let count = usize::try_from(span).unwrap_or(1);
    Ok(root_of(hashes.get(at..at + count).unwrap_or_default()))
}

/// The proof that leaf `index` is in the tree of `size` leaves.
///
/// # Errors
/// `None` inside: no such leaf. Otherwise the reader's own.
pub fn inclusion_proof<R: TileReader>(
    tiles: &R,
    index: u64,
    size: u64,
) -> Result<Option<Vec<Hash>>, R::Error> {
    if index >= size {
        return Ok(None);
    }
    let (mut from, mut to) = (0, size);
    let mut proof = Vec::new();
    while to - from > 1 {
        let at = from + split(to - from);
        if index < at {
            proof.push(range(tiles, size, at, to)?);
            to = at;
        } else {
            proof.push(range(tiles, size, from, at)?);
            from = at;
        }
    }
    proof.reverse();
    Ok(Some(proof))
}

/// The proof that the tree of `old` leaves is the beginning of the tree of `size` leaves.
///
/// # Errors
/// `None` inside: no such sizes. Otherwise the reader's own.
pub fn consistency_proof<R: TileReader>(
    tiles: &R,
    old: u64,
    size: u64,
) -> Result<Option<Vec<Hash>>, R::Error> {
    if old == 0 || old > size {
        return Ok((old == 0).then(Vec::new));
    }
    let (mut from, mut to, mut whole) = (0, size, true);
    let mut proof = Vec::new();
    // SUBPROOF(m, D[n], b) of RFC 6962 §2.1.2, from the root down.
    while old != to {
        let at = from + split(to - from);
        if old <= at {
            proof.push(range(tiles, size, at, to)?);
            to = at;
        } else {
            proof.push(range(tiles, size, from, at)?);
            from = at;
            whole = false;
        }
    }
    if !whole {
        proof.push(range(tiles, size, from, to)?);
    }
    proof.reverse();
    Ok(Some(proof))
}

/// Checks that `leaf` is leaf `index` of the tree of `size` leaves with `root`.
///
/// # Errors
/// See [`ProofError`].
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    let mut path = proof.iter();
    while last > 0 {
        if node % 2 == 1 {
            hash = node_hash(path.next().ok_or(ProofError::Length)?, &hash);
        } else if node < last {
            hash = node_hash(&hash, path.next().ok_or(ProofError::Length)?);
        }
        node /= 2;
        last /= 2;
    }
    match (path.next(), hash == *root) {
        (Some(_), _) => Err(ProofError::Length),
        (None, false) => Err(ProofError::Root),
        (None, true) => Ok(()),
    }
}

/// Checks that the tree of `old` leaves with `old_root` is the beginning of the tree of `size`
/// leaves with `root`.
///
/// # Errors
/// See [`ProofError`].
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > size {
        return Err(ProofError::OutOfRange);
    }
    if old == 0 || old == size {
        let same = if old == 0 { *old_root == empty_root() } else { old_root == root };
        return match (proof.is_empty(), same) {
            (false, _) => Err(ProofError::Length),
            (true, false) => Err(ProofError::Root),
            (true, true) => Ok(()),
        };
    }
    let (mut node, mut last) = (old - 1, size - 1);
    while node % 2 == 1 {
        node /= 2;
        last /= 2;
    }
    let mut path = proof.iter();
    // A power of two is a subtree of its own: its root is known and not in the proof.
    let mut first = if node == 0 { *old_root } else { *path.next().ok_or(ProofError::Length)? };
    let mut second = first;
    while last > 0 {
        if node % 2 == 1 {
            let left = path.next().ok_or(ProofError::Length)?;
            first = node_hash(left, &first);
            second = node_hash(left, &second);
        } else if node < last {
            second = node_hash(&second, path.next().ok_or(ProofError::Length)?);
        }
        node /= 2;
        last /= 2;
    }
    match (path.next(), first == *old_root && second == *root) {
        (Some(_), _) => Err(ProofError::Length),
        (None, false) => Err(ProofError::Root),
        (None, true) => Ok(()),
    }
}
