//! A proof as a file that anyone can check offline (c2sp.org/tlog-proof).
//!
//! Pure. Parses what strangers send. The extra data is carried and never believed.
//! Best test: `note/tests.rs`.

use data_encoding::BASE64;

use crate::checkpoint::{Checkpoint, CheckpointError, decimal};
use crate::hash::Hash;
use crate::limits::{PROOF_HASHES_MAX, PROOF_TEXT_BYTES_MAX};
use crate::note::{NoteError, SignedNote, Verifier};
use crate::proof::verify_inclusion;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// An inclusion proof with the signed checkpoint it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofText {
    /// Extra data: not covered by anything.
    pub extra: Option<Vec<u8>>,
    /// The entry's index.
    pub index: u64,
    /// Inclusion proof from the leaf's sibling up.
    pub hashes: Vec<Hash>,
    /// The checkpoint, as signed.
    pub checkpoint: SignedNote,
}

/// Why a proof file is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofTextError {
    /// Not the format, or over its bounds.
    #[error("proof file is malformed")]
    Malformed,
    /// Its note is not acceptable.
    #[error("checkpoint note in the proof is not acceptable")]
    Note(#[source] NoteError),
    /// Its note is no checkpoint.
    #[error("checkpoint in the proof is malformed")]
    Checkpoint(#[source] CheckpointError),
    /// The hashes do not lead from the entry to the checkpoint's root.
    #[error("proof does not lead from the entry to the checkpoint")]
    Wrong,
}

impl ProofText {
    /// The file.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", BASE64.encode(extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.hashes {
            text.push_str(&format!("{hash}\n"));
        }
        text.push('\n');
        text.push_str(&self.checkpoint.encode());
        text
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ProofTextError::Malformed`], [`ProofTextError::Note`].
    pub fn parse(text: &str) -> Result<Self, ProofTextError> {
        let malformed = ProofTextError::Malformed;
        if text.len() > PROOF_TEXT_BYTES_MAX {
            return Err(malformed);
        }
        let (head, note) = text.split_once("\n\n").ok_or(malformed)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(malformed);
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(extra) => {
                lines.next();
                Some(BASE64.decode(extra.as_bytes()).map_err(|_| malformed)?)
            }
            None => None,
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() == PROOF_HASHES_MAX {
                return Err(malformed);
            }
            hashes.push(Hash::parse_base64(line).ok_or(malformed)?);
        }
        let checkpoint = SignedNote::parse(note.as_bytes()).map_err(ProofTextError::Note)?;
        Ok(Self { extra, index: index.ok_or(malformed)?, hashes, checkpoint })
    }

    /// Checks that `leaf` is entry `index` of the log `origin` as signed by a key in `known`.
    ///
    /// # Errors
    /// [`ProofTextError`].
    pub fn verify(
        &self,
        leaf: Hash,
        origin: &str,
        known: &[Verifier],
    ) -> Result<Checkpoint, ProofTextError> {
        self.checkpoint.verify(known).map_err(ProofTextError::Note)?;
        let checkpoint =
            Checkpoint::parse(self.checkpoint.text()).map_err(ProofTextError::Checkpoint)?;
        let Checkpoint { size, root, .. } = checkpoint;
        let included = verify_inclusion(leaf, self.index, size, root, &self.hashes);
        if included && checkpoint.origin == origin {
            Ok(checkpoint)
        } else {
            Err(ProofTextError::Wrong)
        }
    }
}
