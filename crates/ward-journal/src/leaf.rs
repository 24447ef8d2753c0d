//! What the tree hashes: the canonical leaf.
//!
//! Pure. FORMAT (version 1, final): `0x01 | index i64 | time_ms i64 | salt [16] | payload`, little
//! endian; `salt = SHA-256("ward-leaf-salt1" | segment key [32] | index i64)[..16]`. The salt keeps
//! a leaf hash from being guessed from a likely payload, and needs no byte of its own on disk.
//! Best test: `frame/tests.rs`.

use sha2::{Digest as _, Sha256};
use ward_model::limits::PAYLOAD_BYTES_MAX;
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
