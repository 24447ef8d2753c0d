//! Names and bytes of tiles and entry bundles (c2sp.org/tlog-tiles).
//!
//! Pure. Parses paths that strangers send: only the one canonical spelling of a path is accepted.
//! Best test: `tile/tests.rs`.

use crate::hash::Hash;
use crate::limits::{ENTRY_BYTES_MAX, TILE_HEIGHT, TILE_LEVEL_MAX, TILE_WIDTH, TREE_SIZE_MAX};

/// A tile of hashes: `width` nodes of tile level `level`, from node `index * 256`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// Tile level, 0 (leaf hashes) to 7.
    pub level: u8,
    /// Place in the level, from 0.
    pub index: u64,
    /// Hashes in it, 1 to 256; 256 is a full tile.
    pub width: u16,
}

/// What a path below the log's prefix names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `tile/<L>/<N>[.p/<W>]`.
    Hashes(Tile),
    /// `tile/entries/<N>[.p/<W>]`; the level is 0.
    Entries(Tile),
}

/// Why bytes or a path are no tile. Blame: whoever sent or stored them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not the canonical spelling of a tile's path.
    #[error("not a tile path")]
    Path,
    /// Bytes whose number does not fit the width.
    #[error("tile has the wrong length")]
    Length,
    /// A bundle ends inside an entry, or holds too few or too many.
    #[error("entry bundle is malformed")]
    Bundle,
    /// An entry over 65,535 bytes.
    #[error("entry is too long for a bundle")]
    EntryTooLong,
}

impl Tile {
    /// A full tile.
    #[must_use]
    pub const fn full(level: u8, index: u64) -> Self {
        Self { level, index, width: 256 }
    }

    /// Whether all 256 hashes are there.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.width as usize == TILE_WIDTH
    }

    /// Path below the log's prefix: `tile/<L>/<N>[.p/<W>]`.
    #[must_use]
    pub fn path(self) -> String {
        format!("tile/{}/{}", self.level, self.tail())
    }

    /// Path of the entry bundle with this index and width: `tile/entries/<N>[.p/<W>]`.
    #[must_use]
    pub fn entries_path(self) -> String {
        format!("tile/entries/{}", self.tail())
    }

    fn tail(self) -> String {
        let mut path = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            path = format!("x{:03}/{path}", rest % 1000);
            rest /= 1000;
        }
        if self.is_full() { path } else { format!("{path}.p/{}", self.width) }
    }

    /// Reads a path below the log's prefix; accepts exactly what [`Self::path`] and
    /// [`Self::entries_path`] write.
    ///
    /// # Errors
    /// [`TileError::Path`] for anything else.
    pub fn parse(path: &str) -> Result<Resource, TileError> {
        let rest = path.strip_prefix("tile/").ok_or(TileError::Path)?;
        let (level, rest) = rest.split_once('/').ok_or(TileError::Path)?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse::<u16>().map_err(|_| TileError::Path)?),
            None => (rest, 256),
        };
        if path.len() > 64 || width == 0 || usize::from(width) > TILE_WIDTH {
            return Err(TileError::Path);
        }
        let mut number: u64 = 0;
        for part in index.split('/') {
            let digits = part.strip_prefix('x').unwrap_or(part);
            let part: u64 = digits.parse().map_err(|_| TileError::Path)?;
            number = number.checked_mul(1000).ok_or(TileError::Path)?;
            number = number.checked_add(part).ok_or(TileError::Path)?;
        }
        // INVARIANT: one spelling. Whatever the loop above let through (signs, short groups,
        // leading zero groups, a misplaced x) does not come out of `path` again.
        let (resource, again) = if level == "entries" {
            let tile = Self { level: 0, index: number, width };
            (Resource::Entries(tile), tile.entries_path())
        } else {
            let level: u8 = level.parse().map_err(|_| TileError::Path)?;
            if level > TILE_LEVEL_MAX {
                return Err(TileError::Path);
            }
            let tile = Self { level, index: number, width };
            (Resource::Hashes(tile), tile.path())
        };
        if again == path { Ok(resource) } else { Err(TileError::Path) }
    }

    /// Bytes of the tile: its hashes one after the other.
    #[must_use]
    pub fn encode(hashes: &[Hash]) -> Vec<u8> {
        hashes.iter().flat_map(|hash| hash.0).collect()
    }

    /// Hashes in `bytes`, which MUST hold exactly `width` of them.
    ///
    /// # Errors
    /// [`TileError::Length`].
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || hashes.len() != usize::from(self.width) {
            return Err(TileError::Length);
        }
        Ok(hashes.iter().map(|hash| Hash(*hash)).collect())
    }

    /// Every tile that a tree of `size` leaves has on its right edge and that is not full.
    pub fn partials(size: u64) -> impl Iterator<Item = Self> {
        (0..=TILE_LEVEL_MAX).filter_map(move |level| {
            let nodes = size >> (u32::from(level) * TILE_HEIGHT);
            let width = u16::try_from(nodes % 256).ok()?;
            (width > 0).then_some(Self { level, index: nodes / 256, width })
        })
    }

    /// Every tile a log with `size` leaves serves: full ones and the right edge.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let full = (0..=TILE_LEVEL_MAX).flat_map(move |level| {
            let tiles = (size >> (u32::from(level) * TILE_HEIGHT)) / 256;
            (0..tiles).map(move |index| Self::full(level, index))
        });
        full.chain(Self::partials(size))
    }
}

/// Appends one entry to a bundle: its length as u16 big endian, then its bytes.
///
/// # Errors
/// [`TileError::EntryTooLong`]: over [`ENTRY_BYTES_MAX`]; nothing is appended.
pub fn put_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), TileError> {
    let length = u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLong)?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle, in order; at most 256.
///
/// # Errors
/// [`TileError::Bundle`]: it ends inside an entry or holds more than 256.
pub fn entries(mut bundle: &[u8]) -> Result<Vec<&[u8]>, TileError> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or(TileError::Bundle)?;
        found.push(entry);
        bundle = rest;
    }
    if !bundle.is_empty() || found.len() > TILE_WIDTH {
        return Err(TileError::Bundle);
    }
    Ok(found)
}

const _: () = assert!(ENTRY_BYTES_MAX == u16::MAX as usize && TREE_SIZE_MAX > 0);

#[cfg(test)]
mod tests;
