//! A part of the operators' record as one file that anybody can check offline.
//!
//! Pure. FORMAT (version 1): lines of JSON, each ended by a newline. The first is the header with
//! the log's name, the signed checkpoint (c2sp.org/tlog-checkpoint), its verifier key and how many
//! lines follow; every other line is a leaf: its index, its bytes in base64, and its inclusion
//! proof (RFC 6962 §2.1.1) to that checkpoint, from the leaf's sibling up.
//! What it must never do: believe anything of a file that the checkpoint's signature does not
//! cover. What it cannot show: that no entry was left out; for that, hold two files of one time
//! side by side, or verify the journal.
//! Best test: `file/tests.rs` (every byte changed, lines left out, swapped, doubled).

use std::collections::BTreeMap;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use ward_journal::{Leaf, Proven};
use ward_model::{LeafIndex, UnixMillis};
use ward_tlog::{Checkpoint, Hash, SignedNote, Verifier, leaf_hash, verify_inclusion};

use super::{Entry, entry};
use crate::limits::{FILE_LEAVES_MAX, FILE_LINE_BYTES_MAX};

/// What the first line says it is.
const FORMAT: &str = "ward-operators-record";
/// The newest version this program reads and the one it writes.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    version: u32,
    /// The log's name: the origin line of the checkpoint.
    log: String,
    /// From this moment, inclusive, milliseconds since 1970.
    from: Option<UnixMillis>,
    /// To this moment, exclusive.
    to: Option<UnixMillis>,
    /// How many lines follow.
    leaves: usize,
    /// The leaf the next file begins at.
    next: Option<i64>,
    /// The signed note.
    checkpoint: String,
    /// The verifier key, for whoever has kept none; see [`Report::key_was_known`].
    vkey: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    index: i64,
    leaf: String,
    proof: Vec<String>,
}

/// What a file is asked to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// From this moment, inclusive.
    pub from: Option<UnixMillis>,
    /// To this moment, exclusive.
    pub to: Option<UnixMillis>,
    /// The leaf the next file begins at.
    pub next: Option<LeafIndex>,
}

/// The file of leaves that the journal has proven, oldest first.
#[must_use]
pub fn write(part: &Part, proven: &Proven, vkey: &str) -> String {
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        log: proven.checkpoint.checkpoint.origin.clone(),
        from: part.from,
        to: part.to,
        leaves: proven.leaves.len(),
        next: part.next.map(|next| next.0),
        checkpoint: proven.checkpoint.note.encode(),
        vkey: vkey.to_owned(),
    };
    let mut text = String::new();
    put(&mut text, &header);
    for one in &proven.leaves {
        let line = Line {
            index: one.index.0,
            leaf: BASE64.encode(&one.leaf),
            proof: one.proof.iter().map(Hash::base64).collect(),
        };
        put(&mut text, &line);
    }
    text
}

fn put(text: &mut String, line: &impl Serialize) {
    // INVARIANT: texts and numbers always have a JSON form.
    text.push_str(&serde_json::to_string(line).unwrap_or_default());
    text.push('\n');
}

/// Why a file is not what it says. Blame: whoever changed it; whole it proves nothing then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is no such file.
    #[error("line {line} is not as this format writes it")]
    Malformed {
        /// From 1.
        line: usize,
    },
    /// A newer program wrote it.
    #[error("the file has version {found}, which is newer than this program knows")]
    Newer {
        /// The version found.
        found: u32,
    },
    /// A verifier key, given or in the file, is none.
    #[error("the verifier key is malformed")]
    Key,
    /// The checkpoint is not signed by the key, is no checkpoint, or is another log's.
    #[error("the checkpoint is not signed by the key of this log")]
    Checkpoint,
    /// A leaf is not in the tree that was signed.
    #[error("line {line}: leaf {index} is not in the signed tree")]
    NotProven {
        /// From 1.
        line: usize,
        /// The leaf.
        index: i64,
    },
    /// A leaf is there, and is nothing of operators, or not of this time.
    #[error("line {line}: leaf {index} does not belong to this part of the record")]
    Foreign {
        /// From 1.
        line: usize,
        /// The leaf.
        index: i64,
    },
    /// Leaves stand twice, or not oldest first.
    #[error("line {line}: leaf {index} is out of order")]
    Order {
        /// From 1.
        line: usize,
        /// The leaf.
        index: i64,
    },
    /// Lines are missing or too many.
    #[error("the header names {named} leaves, the file holds {found}")]
    Count {
        /// By the header.
        named: usize,
        /// In the file.
        found: usize,
    },
}

/// What a good file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The checkpoint all of it was held against.
    pub checkpoint: Checkpoint,
    /// Whether the key was brought along; without, only the file's own word says whose it is.
    pub key_was_known: bool,
    /// The verifier key used.
    pub vkey: String,
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// What it was made to hold.
    pub part: Part,
}

impl Report {
    /// How many entries of each kind.
    #[must_use]
    pub fn kinds(&self) -> BTreeMap<&'static str, usize> {
        let mut kinds = BTreeMap::new();
        for one in &self.entries {
            *kinds.entry(one.kind.as_str()).or_insert(0) += 1;
        }
        kinds
    }
}

/// Checks a file: the checkpoint's signature, every leaf's hash and proof, that every leaf belongs
/// here, order and count. `vkey` is a verifier key kept elsewhere.
///
/// # Errors
/// [`FileError`]: the first fault.
pub fn verify(text: &str, vkey: Option<&str>) -> Result<Report, FileError> {
    let mut lines = text.split_inclusive('\n').zip(1_usize..);
    let (first, _) = lines.next().ok_or(FileError::Malformed { line: 1 })?;
    let header = header(first)?;
    let key = vkey.map_or(header.vkey.as_str(), str::trim);
    let verifier = Verifier::parse(key).map_err(|_| FileError::Key)?;
    let checkpoint = signed(&header, &verifier).ok_or(FileError::Checkpoint)?;
    let part = Part { from: header.from, to: header.to, next: header.next.map(LeafIndex) };
    let (mut entries, mut after) = (Vec::new(), -1);
    for (text, line) in lines {
        if entries.len() >= header.leaves {
            return Err(FileError::Count { named: header.leaves, found: line - 1 });
        }
        let it: Line = read(text, line)?;
        if it.index <= after {
            return Err(FileError::Order { line, index: it.index });
        }
        after = it.index;
        entries.push(leaf(&it, line, &checkpoint, &part)?);
    }
    if entries.len() != header.leaves {
        return Err(FileError::Count { named: header.leaves, found: entries.len() });
    }
    let (key_was_known, vkey) = (vkey.is_some(), verifier.vkey());
    Ok(Report { checkpoint, key_was_known, vkey, entries, part })
}

fn header(text: &str) -> Result<Header, FileError> {
    let malformed = FileError::Malformed { line: 1 };
    // A newer header may have other fields: its version is looked at first.
    #[derive(Deserialize)]
    struct Version {
        format: String,
        version: u32,
    }
    let version: Version = serde_json::from_str(text).map_err(|_| malformed.clone())?;
    if version.format != FORMAT || version.version == 0 {
        return Err(malformed);
    }
    if version.version > VERSION {
        return Err(FileError::Newer { found: version.version });
    }
    let header: Header = read(text, 1)?;
    if header.leaves > FILE_LEAVES_MAX { Err(malformed) } else { Ok(header) }
}

/// Reads a line; accepts exactly what [`write`] writes.
fn read<'a, T: Deserialize<'a> + Serialize>(text: &'a str, line: usize) -> Result<T, FileError> {
    let malformed = FileError::Malformed { line };
    if text.len() > FILE_LINE_BYTES_MAX {
        return Err(malformed);
    }
    let read: T = serde_json::from_str(text).map_err(|_| malformed.clone())?;
    let mut again = String::new();
    put(&mut again, &read);
    if again == text { Ok(read) } else { Err(malformed) }
}

fn signed(header: &Header, verifier: &Verifier) -> Option<Checkpoint> {
    let note = SignedNote::parse(header.checkpoint.as_bytes()).ok()?;
    note.verify(std::slice::from_ref(verifier)).ok()?;
    let checkpoint = Checkpoint::parse(note.text()).ok()?;
    let is_ours = checkpoint.origin == header.log && verifier.name() == header.log;
    is_ours.then_some(checkpoint)
}

fn leaf(it: &Line, line: usize, checkpoint: &Checkpoint, part: &Part) -> Result<Entry, FileError> {
    let (malformed, index) = (FileError::Malformed { line }, it.index);
    let bytes = BASE64.decode(it.leaf.as_bytes()).map_err(|_| malformed.clone())?;
    let proof: Option<Vec<Hash>> = it.proof.iter().map(|hash| Hash::parse_base64(hash)).collect();
    let proof = proof.ok_or_else(|| malformed.clone())?;
    let place = u64::try_from(index).map_err(|_| malformed.clone())?;
    let Checkpoint { size, root, .. } = checkpoint;
    if !verify_inclusion(leaf_hash(&bytes), place, *size, *root, &proof) {
        return Err(FileError::NotProven { line, index });
    }
    // What follows was written by the journal: it is in the tree.
    let leaf = Leaf::read(&bytes).map_err(|_| malformed)?;
    let timely = part.from.is_none_or(|from| leaf.at.time >= from)
        && part.to.is_none_or(|to| leaf.at.time < to);
    // WHY every API key counts as an operator's: one file need not hold its issuance.
    let entry = entry(leaf.at, &leaf.record, |_| true);
    entry.filter(|_| timely && leaf.at.index.0 == index).ok_or(FileError::Foreign { line, index })
}

/// For the fuzzer: a file is refused or told; never a panic.
pub fn fuzz_file(bytes: &[u8]) {
    if let Ok(text) = core::str::from_utf8(bytes) {
        let _told = verify(text, None);
    }
}

#[cfg(test)]
mod tests;
