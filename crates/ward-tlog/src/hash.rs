//! The hashes of RFC 6962 §2.1: a leaf, an inner node, the empty tree.
//!
//! Pure. The prefix bytes keep a leaf from ever being taken for a node (second preimage).
//! Best test: `tree/tests.rs`.

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash of a leaf, a node or a root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

/// Root of the tree without leaves: SHA-256 of nothing.
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

impl Hash {
    /// The hash as standard base64 (44 characters).
    #[must_use]
    pub fn base64(&self) -> String {
        data_encoding::BASE64.encode(&self.0)
    }

    /// Reads standard base64; `None` unless it is exactly 32 bytes in canonical form.
    #[must_use]
    pub fn parse_base64(text: &str) -> Option<Self> {
        let bytes = data_encoding::BASE64.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl core::fmt::Debug for Hash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.base64())
    }
}

impl core::fmt::Display for Hash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.base64())
    }
}

/// Hash of a leaf: `SHA-256(0x00 | entry)`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// Hash of a node over its two children: `SHA-256(0x01 | left | right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [1_u8; 65];
    if let Some(head) = input.get_mut(1..33) {
        head.copy_from_slice(&left.0);
    }
    if let Some(tail) = input.get_mut(33..) {
        tail.copy_from_slice(&right.0);
    }
    Hash(Sha256::digest(input).into())
}

/// Root of the perfect tree over `hashes`; their number MUST be a power of two.
pub(crate) fn perfect_root(hashes: &[Hash]) -> Hash {
    debug_assert!(hashes.len().is_power_of_two(), "a perfect tree has 2^n leaves");
    match hashes {
        [] => EMPTY_ROOT,
        [one] => *one,
        more => {
            let mut row: Vec<Hash> = pairs(more);
            while row.len() > 1 {
                row = pairs(&row);
            }
            row.first().copied().unwrap_or(EMPTY_ROOT)
        }
    }
}

fn pairs(row: &[Hash]) -> Vec<Hash> {
    row.chunks_exact(2)
        .filter_map(|pair| match pair {
            [left, right] => Some(node_hash(left, right)),
            _ => None,
        })
        .collect()
}
