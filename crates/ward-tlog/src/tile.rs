//! Tiles: 256 hashes of one level side by side (c2sp.org/tlog-tiles), their paths and bundles.

use crate::hash::Hash;

/// Hashes in a full tile.
pub const TILE_WIDTH: usize = 256;

/// A tile: some of the hashes of level `level` (0: leaves, each next one 256 times as wide).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The level, 0 to 7.
    pub level: u8,
    /// Its place in the level, from 0.
    pub index: u64,
    /// 1 to 256 hashes.
    pub hashes: Vec<Hash>,
}

impl Tile {
    /// The bytes of the tile's file: the hashes one after the other.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.hashes.concat()
    }

    /// The hashes of a tile's file; `None` when it is not 1 to 256 whole hashes.
    #[must_use]
    pub fn parse(level: u8, index: u64, bytes: &[u8]) -> Option<Self> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        let fits = rest.is_empty() && (1..=TILE_WIDTH).contains(&hashes.len());
        fits.then(|| Self { level, index, hashes: hashes.to_vec() })
    }
}

/// Where tiles are read from. A reader MUST give at least `width` hashes or fail.
pub trait TileReader {
    /// Why a tile cannot be read.
    type Error;
    /// The first `width` hashes (or more) of a tile.
    ///
    /// # Errors
    /// The reader's own: the tile is missing or damaged.
    fn tile(&self, level: u8, index: u64, width: usize) -> Result<Vec<Hash>, Self::Error>;
}

/// The path of a hash tile: `tile/<level>/<index>[.p/<width>]`.
#[must_use]
pub fn tile_path(level: u8, index: u64, width: usize) -> String {
    format!("tile/{level}/{}{}", index_path(index), partial(width))
}

/// The path of an entry bundle: `tile/entries/<index>[.p/<width>]`.
#[must_use]
pub fn entries_path(index: u64, width: usize) -> String {
    format!("tile/entries/{}{}", index_path(index), partial(width))
}

/// An entry bundle: each entry with its 16-bit big-endian length; `None` when one is too long.
#[must_use]
pub fn bundle<'e>(entries: impl IntoIterator<Item = &'e [u8]>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for entry in entries {
        out.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
        out.extend_from_slice(entry);
    }
    Some(out)
}

fn partial(width: usize) -> String {
    if width < TILE_WIDTH { format!(".p/{width}") } else { String::new() }
}

/// Three-digit groups, all but the last with an `x`: 1234067 is `x001/x234/067`.
fn index_path(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}
