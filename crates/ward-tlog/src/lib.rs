//! Merkle tiles, checkpoints, signed notes and proofs (C2SP); knows nothing of Ward.
