//! Merkle tiles, checkpoints, signed notes and proofs (C2SP); knows nothing of Ward.
//!
//! What it is: the RFC 6962 tree cut into tiles of height 8, the notes that sign its head, and the
//! proofs that hold one head against another or one entry against a head.
//! What it must never do: read a file, a clock or a random source; trust a byte it parses.
//! Where it sits: floor 0; `ward-journal` grows a tree with it, anyone may check one with it.
//! Specs: RFC 6962 §2.1, RFC 9162 §2.1.3-2.1.4 (checking), c2sp.org/tlog-tiles,
//! c2sp.org/tlog-checkpoint, c2sp.org/signed-note, c2sp.org/tlog-proof.
//! Best test: `tree/tests.rs`, every size up to 600 against the recursive definition.

pub mod checkpoint;
pub mod export;
pub mod hash;
pub mod limits;
pub mod note;
pub mod proof;
pub mod tile;
pub mod tree;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use export::{ProofText, ProofTextError};
pub use hash::{EMPTY_ROOT, Hash, leaf_hash, node_hash};
pub use note::{NoteError, NoteSignature, NoteSigner, SignedNote, SignerError, Verifier};
pub use proof::{
    ProofError, TileReader, consistency_proof, inclusion_proof, root_at, verify_consistency,
    verify_inclusion,
};
pub use tile::{Tile, TileError};
pub use tree::{Frontier, FullTile, LoadError};
