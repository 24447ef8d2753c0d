//! What the tree hashes: the canonical leaf.
//!
//! Pure. FORMAT (version 1, final): `0x01 | index i64 | time_ms i64 | salt [16] | payload`, little
//! endian; `salt = SHA-256("ward-leaf-salt1" | segment key [32] | index i64)[..16]`. The salt keeps
//! a leaf hash from being guessed from a likely payload, and needs no byte of its own on disk.
//! Best test: `frame/tests.rs`.

use sha2::{Digest as _, Sha256};
use ward_model::limits::PAYLOAD_BYTES_MAX;
use ward_model::{DecodeError, LeafIndex, Position, Record, UnixMillis};
use ward_tlog::{Hash, leaf_hash};

const LEAF_VERSION: u8 = 1;
const SALT_LABEL: &[u8] = b"ward-leaf-salt1";
/// Bytes of a leaf before its payload.
pub(crate) const LEAF_FIXED_BYTES: usize = 33;

/// Writes the leaf's bytes into `out`, which is emptied first.
pub(crate) fn put_leaf(
    out: &mut Vec<u8>,
    key: &[u8; 32],
    index: u64,
    time_ms: i64,
    payload: &[u8],
) {
    out.clear();
    out.push(LEAF_VERSION);
    out.extend_from_slice(&index.to_le_bytes());
    out.extend_from_slice(&time_ms.to_le_bytes());
    out.extend_from_slice(&salt(key, index));
    out.extend_from_slice(payload);
}

/// A leaf as someone outside the journal reads it, out of a proof or an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The index and the time it says of itself; the inclusion proof says whether that is so.
    pub at: Position,
    /// What it records.
    pub record: Record,
}

impl Leaf {
    /// Reads a leaf's bytes; accepts exactly what the journal hashes, whatever the salt.
    ///
    /// # Errors
    /// [`DecodeError`]: no leaf of version 1, or a record this version does not know.
    pub fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, rest) = bytes.split_first().ok_or(DecodeError::Short)?;
        if *version != LEAF_VERSION {
            return Err(DecodeError::Bounds { what: "leaf version" });
        }
        let (index, rest) = rest.split_first_chunk::<8>().ok_or(DecodeError::Short)?;
        let (time, rest) = rest.split_first_chunk::<8>().ok_or(DecodeError::Short)?;
        let (_salt, payload) = rest.split_first_chunk::<16>().ok_or(DecodeError::Short)?;
        let index = i64::from_le_bytes(*index);
        if index < 0 {
            return Err(DecodeError::Bounds { what: "leaf index" });
        }
        let time = UnixMillis::new(i64::from_le_bytes(*time));
        Ok(Self {
            at: Position { index: LeafIndex(index), time },
            record: Record::decode(payload)?,
        })
    }
}

fn salt(key: &[u8; 32], index: u64) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(SALT_LABEL)
        .chain_update(key)
        .chain_update(index.to_le_bytes())
        .finalize();
    digest.first_chunk::<16>().copied().unwrap_or_default()
}

/// Hashes leaves with one buffer.
#[derive(Default)]
pub(crate) struct LeafHasher(Vec<u8>);

impl LeafHasher {
    pub(crate) fn hash(
        &mut self,
        key: &[u8; 32],
        index: u64,
        time_ms: i64,
        payload: &[u8],
    ) -> Hash {
        put_leaf(&mut self.0, key, index, time_ms, payload);
        leaf_hash(&self.0)
    }
}

const _: () = assert!(LEAF_FIXED_BYTES + PAYLOAD_BYTES_MAX <= u16::MAX as usize);
