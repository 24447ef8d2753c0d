//! Proofs out of the tree as it stands.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ward_model::{LeafIndex, TreeSize};
use ward_tlog::{
    Hash, ProofError, ProofText, Tile, TileReader, consistency_proof, inclusion_proof, root_at,
};

use crate::disk::Disk;
use crate::error::{OpenError, ReadError};
use crate::export::leaf_at;
use crate::grow::Grower;
use crate::limits::READ_RECORDS_MAX;
use crate::notes::{self, Kept};
use crate::shared::{Shared, lock};
use crate::tree::Tiles;

/// The number, and the tree grown to it.
fn grown(shared: &Shared, grower: &Mutex<Grower>, size: TreeSize) -> Result<u64, ReadError> {
    let size = u64::try_from(size.0).map_err(|_| ReadError::OutOfRange)?;
    if size > shared.size() {
        return Err(ReadError::OutOfRange);
    }
    if size > lock(&shared.tree).edge.size() {
        lock(grower).grow()?;
    }
    // Tiles cannot be written and too many wait: the tree is behind.
    let there = size <= lock(&shared.tree).edge.size();
    if there { Ok(size) } else { Err(ReadError::Tile { path: "tile".to_owned() }) }
}

fn plain(error: ProofError<ReadError>) -> ReadError {
    match error {
        ProofError::OutOfRange => ReadError::OutOfRange,
        ProofError::Read(_, source) => source,
        ProofError::Short(tile) => ReadError::Tile { path: tile.path() },
    }
}

pub(crate) fn inclusion(
    shared: &Shared,
    grower: &Mutex<Grower>,
    index: LeafIndex,
    size: TreeSize,
) -> Result<Vec<Hash>, ReadError> {
    let size = grown(shared, grower, size)?;
    let index = u64::try_from(index.0).map_err(|_| ReadError::OutOfRange)?;
    inclusion_proof(index, size, &Tiles(shared)).map_err(plain)
}

pub(crate) fn consistency(
    shared: &Shared,
    grower: &Mutex<Grower>,
    old: TreeSize,
    new: TreeSize,
) -> Result<Vec<Hash>, ReadError> {
    let new = grown(shared, grower, new)?;
    let old = u64::try_from(old.0).map_err(|_| ReadError::OutOfRange)?;
    consistency_proof(old, new, &Tiles(shared)).map_err(plain)
}

pub(crate) fn root(
    shared: &Shared,
    grower: &Mutex<Grower>,
    size: TreeSize,
) -> Result<Hash, ReadError> {
    let size = grown(shared, grower, size)?;
    root_at(size, &Tiles(shared)).map_err(plain)
}

pub(crate) fn tile(
    shared: &Shared,
    grower: &Mutex<Grower>,
    tile: Tile,
) -> Result<Vec<u8>, ReadError> {
    let span = 8 * u32::from(tile.level);
    let nodes = shared.size().checked_shr(span).unwrap_or(0);
    let end = tile.index.checked_mul(256).and_then(|it| it.checked_add(u64::from(tile.width)));
    let end = end.filter(|end| *end <= nodes).ok_or(ReadError::OutOfRange)?;
    grown(shared, grower, TreeSize(i64::try_from(end << span).unwrap_or(i64::MAX)))?;
    let hashes = Tiles(shared).tile(tile)?;
    let hashes = hashes.get(..usize::from(tile.width)).ok_or(ReadError::OutOfRange)?;
    Ok(Tile::encode(hashes))
}

/// The last checkpoint if it covers leaf `at`, else one signed now.
fn covering(grower: &Mutex<Grower>, at: u64) -> Result<Kept, ReadError> {
    let mut grower = lock(grower);
    let covers = |it: &Kept| it.checkpoint.size > at;
    if let Some(kept) = grower.latest.clone().filter(covers) {
        return Ok(kept);
    }
    grower.grow()?;
    grower.checkpoint().map_err(ReadError::Io)?;
    grower.latest.clone().filter(covers).ok_or(ReadError::OutOfRange)
}

/// Leaves with proofs to one checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The checkpoint all proofs lead to.
    pub checkpoint: Kept,
    /// In the order they were asked for.
    pub leaves: Vec<ProvenLeaf>,
}

/// A leaf that is shown to be in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenLeaf {
    /// Its place.
    pub index: LeafIndex,
    /// Its bytes, as they are hashed.
    pub leaf: Vec<u8>,
    /// From the leaf's sibling up.
    pub proof: Vec<Hash>,
}

/// Tiles that are read once for many proofs; bounded by forgetting all of them.
struct Remembered<'a> {
    tiles: Tiles<'a>,
    kept: RefCell<HashMap<Tile, Vec<Hash>>>,
}

/// Tiles remembered at once: 8 KiB each.
const REMEMBERED_MAX: usize = 1024;

impl TileReader for Remembered<'_> {
    type Error = ReadError;
    fn tile(&self, tile: Tile) -> Result<Vec<Hash>, ReadError> {
        if let Some(hashes) = self.kept.borrow().get(&tile) {
            return Ok(hashes.clone());
        }
        let hashes = self.tiles.tile(tile)?;
        let mut kept = self.kept.borrow_mut();
        if kept.len() >= REMEMBERED_MAX {
            kept.clear();
        }
        kept.insert(tile, hashes.clone());
        Ok(hashes)
    }
}

pub(crate) fn many(
    shared: &Shared,
    grower: &Mutex<Grower>,
    leaves: &[LeafIndex],
) -> Result<Proven, ReadError> {
    let newest = leaves.iter().max().ok_or(ReadError::OutOfRange)?;
    let newest = u64::try_from(newest.0).map_err(|_| ReadError::OutOfRange)?;
    if leaves.len() > READ_RECORDS_MAX {
        return Err(ReadError::OutOfRange);
    }
    let checkpoint = covering(grower, newest)?;
    let size = checkpoint.checkpoint.size;
    let tiles = Remembered { tiles: Tiles(shared), kept: RefCell::default() };
    let mut proven = Vec::with_capacity(leaves.len());
    for index in leaves {
        let at = u64::try_from(index.0).map_err(|_| ReadError::OutOfRange)?;
        let proof = inclusion_proof(at, size, &tiles).map_err(plain)?;
        proven.push(ProvenLeaf { index: *index, leaf: leaf_at(shared, at)?, proof });
    }
    Ok(Proven { checkpoint, leaves: proven })
}

/// A proof file under a checkpoint that covers `index`, and the leaf.
pub(crate) fn file(
    shared: &Shared,
    grower: &Mutex<Grower>,
    index: LeafIndex,
) -> Result<(ProofText, Vec<u8>), ReadError> {
    let at = u64::try_from(index.0).map_err(|_| ReadError::OutOfRange)?;
    let kept = covering(grower, at)?;
    let hashes = inclusion_proof(at, kept.checkpoint.size, &Tiles(shared)).map_err(plain)?;
    let leaf = leaf_at(shared, at)?;
    Ok((ProofText { extra: None, index: at, hashes, checkpoint: kept.note }, leaf))
}

pub(crate) fn checkpoints(
    disk: Arc<dyn Disk>,
) -> Result<impl Iterator<Item = Result<Kept, OpenError>> + use<>, ReadError> {
    let files = notes::files(disk.as_ref()).map_err(ReadError::Io)?;
    Ok(files.into_iter().flat_map(move |first| match notes::read_file(disk.as_ref(), first) {
        Ok(kept) => kept.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    }))
}
