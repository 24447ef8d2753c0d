//! Transparency log machinery: Merkle tiles, checkpoints, signed notes and proofs.
//!
//! What it is: RFC 6962 hashing over C2SP tiles; pure but for the signature itself.
//! What it must never do: know of Ward, read a clock, a file or a socket.
//! Where it sits: floor 0; `ward-journal` stores what this room computes.
//! Specifications: RFC 6962 §2.1, c2sp.org/tlog-tiles, c2sp.org/tlog-checkpoint,
//! c2sp.org/signed-note.
//! Best test: `tests.rs`, every size against the recursive definition.

mod checkpoint;
mod hash;
mod note;
mod proof;
mod tile;
mod tree;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use hash::{Hash, empty_root, leaf_hash, node_hash};
pub use note::{NoteError, NoteSigner, NoteVerifier, SignedNote};
pub use proof::{
    ProofError, consistency_proof, inclusion_proof, root_of, verify_consistency, verify_inclusion,
};
pub use tile::{TILE_WIDTH, Tile, TileReader, bundle, entries_path, tile_path};
pub use tree::Tree;

#[cfg(test)]
mod tests;
