//! A segment: its header, and the walk over its frames.
//!
//! FORMAT (version 1, final), little endian, 4096 bytes: `"WARDSEG1" | version u32 | header bytes
//! u32 | segment bytes u64 | id [16] | first u64 | previous id [16] | previous crc u32 | tree size
//! u64 | tree root [32] | nonce [12] | sealed key [48] | created_ms i64 | zeros | crc32c u32`.
//! The segment key is sealed with AES-256-GCM under the journal's root key, bound to id and first
//! index. Frames follow from byte 4096. Best test: `frame/tests.rs`.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ward_model::Secret;
use ward_tlog::Hash;

use crate::frame::{Fields, Frame, take_frame};
use crate::framing::Fault;
use crate::limits::{HEADER_BYTES, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};

const MAGIC: &[u8; 8] = b"WARDSEG1";
/// Version of everything inside a segment.
pub(crate) const SEGMENT_VERSION: u32 = 1;
const SEAL_LABEL: &[u8] = b"ward-segment-key1";

/// A 32-byte secret.
pub type Key = Secret<[u8; 32]>;

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub segment_bytes: u64,
    /// Random; checksums inside start from it.
    pub id: [u8; 16],
    pub first: u64,
    pub previous_id: [u8; 16],
    /// Checksum of the last frame before this segment.
    pub previous_crc: u32,
    /// A tree known when the segment began; at most `first` leaves.
    pub tree_size: u64,
    pub tree_root: Hash,
    pub nonce: [u8; 12],
    pub sealed_key: [u8; 48],
    pub created_ms: i64,
}

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderFault {
    #[error("segment header is missing")]
    Missing,
    #[error("segment header is damaged")]
    Damaged,
    #[error("segment has format version {0}")]
    Newer(u32),
}

impl Header {
    /// The header's bytes and its checksum, from which the chain of frames starts.
    pub(crate) fn encode(&self) -> (Vec<u8>, u32) {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&SEGMENT_VERSION.to_le_bytes());
        out.extend_from_slice(&4096_u32.to_le_bytes());
        out.extend_from_slice(&self.segment_bytes.to_le_bytes());
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.previous_id);
        out.extend_from_slice(&self.previous_crc.to_le_bytes());
        out.extend_from_slice(&self.tree_size.to_le_bytes());
        out.extend_from_slice(&self.tree_root.0);
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(&self.sealed_key);
        out.extend_from_slice(&self.created_ms.to_le_bytes());
        out.resize(4092, 0);
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        (out, crc)
    }

    /// Reads a header and its checksum; accepts exactly what [`Self::encode`] writes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, u32), HeaderFault> {
        let block = bytes.first_chunk::<4096>().ok_or(HeaderFault::Missing)?;
        let mut fields = Fields(block);
        let magic: [u8; 8] = fields.take();
        let version = u32::from_le_bytes(fields.take());
        if magic == *MAGIC && version > SEGMENT_VERSION {
            return Err(HeaderFault::Newer(version));
        }
        let _header_bytes: [u8; 4] = fields.take();
        let header = Self {
            segment_bytes: u64::from_le_bytes(fields.take()),
            id: fields.take(),
            first: u64::from_le_bytes(fields.take()),
            previous_id: fields.take(),
            previous_crc: u32::from_le_bytes(fields.take()),
            tree_size: u64::from_le_bytes(fields.take()),
            tree_root: Hash(fields.take()),
            nonce: fields.take(),
            sealed_key: fields.take(),
            created_ms: i64::from_le_bytes(fields.take()),
        };
        let (again, crc) = header.encode();
        let size = SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX;
        let bounded = size.contains(&header.segment_bytes)
            && header.first >> 63 == 0
            && header.tree_size <= header.first;
        if again != block.as_slice() || !bounded {
            return Err(HeaderFault::Damaged);
        }
        Ok((header, crc))
    }

    /// Seed of the checksums of its frames.
    pub(crate) fn seed(&self) -> u32 {
        crc32c::crc32c(&self.id)
    }

    /// Opens the segment key; `None` when the root key is another.
    pub(crate) fn open_key(&self, root: &Key) -> Option<Key> {
        let mut sealed = self.sealed_key;
        let key = aead(root)?;
        let aad = Aad::from(aad(&self.id, self.first));
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let opened = key.open_in_place(nonce, aad, &mut sealed).ok()?;
        opened.first_chunk::<32>().copied().map(Secret::new)
    }
}

/// Seals a segment key: ciphertext and tag.
pub(crate) fn seal_key(
    root: &Key,
    key: &Key,
    nonce: [u8; 12],
    id: &[u8; 16],
    first: u64,
) -> Option<[u8; 48]> {
    let mut sealed = key.expose().to_vec();
    let aad = Aad::from(aad(id, first));
    let nonce = Nonce::assume_unique_for_key(nonce);
    aead(root)?.seal_in_place_append_tag(nonce, aad, &mut sealed).ok()?;
    sealed.try_into().ok()
}

fn aead(root: &Key) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, root.expose()).ok().map(LessSafeKey::new)
}

fn aad(id: &[u8; 16], first: u64) -> Vec<u8> {
    [SEAL_LABEL, id, &first.to_le_bytes()].concat()
}

/// Where a walk over frames stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    /// Offset of the first byte not walked.
    pub offset: u64,
    /// Next leaf expected there.
    pub next: u64,
    /// Checksum of the last frame walked.
    pub chain: u32,
    /// Journal time of the last frame walked, or what the walk began with.
    pub time_ms: i64,
    /// Highest `synced_to` seen.
    pub synced_to: u64,
    /// Offset of the first frame not known durable from the frames themselves.
    pub unsure: u64,
    /// Why there, `None` when `limit` was reached.
    pub fault: Option<Fault>,
}

/// Walks the frames of a segment in `bytes` (the whole file) up to leaf `limit`, if any: checks
/// checksums, chain, indexes and time, and hands each good frame to `sink` with its offset.
///
/// Recovery, followers at a distance and `verify` all read through this one function.
pub(crate) fn walk<E>(
    bytes: &[u8],
    header: &Header,
    header_crc: u32,
    time_ms: i64,
    limit: Option<u64>,
    mut sink: impl FnMut(&Frame<'_>, u64) -> Result<(), E>,
) -> Result<Stop, E> {
    let mut stop = Stop {
        offset: HEADER_BYTES,
        next: header.first,
        chain: header_crc,
        time_ms,
        synced_to: header.first,
        unsure: HEADER_BYTES,
        fault: None,
    };
    let mut starts: Vec<(u64, u64)> = Vec::new();
    while limit != Some(stop.next) {
        let at = usize::try_from(stop.offset).unwrap_or(usize::MAX);
        let frame = match take_frame(bytes.get(at..).unwrap_or_default(), header.seed()) {
            Ok(frame) => frame,
            Err(fault) => {
                stop.fault = Some(if fault == Fault::Length {
                    // No frame is ever begun that the segment cannot hold.
                    Fault::Content("frame is longer than its segment")
                } else {
                    fault
                });
                break;
            }
        };
        let whole = limit.is_none_or(|limit| frame.end() <= limit);
        let fault = if frame.head.prev_crc != stop.chain {
            Some("frame does not continue the one before")
        } else if frame.head.first != stop.next || !whole {
            Some("frame has the wrong index")
        } else if frame.head.time_ms < stop.time_ms {
            Some("time runs backwards")
        } else {
            None
        };
        if let Some(fault) = fault {
            stop.fault = Some(Fault::Content(fault));
            break;
        }
        sink(&frame, stop.offset)?;
        starts.push((frame.head.first, stop.offset));
        stop.offset += frame.length as u64;
        stop.next = frame.end();
        stop.chain = frame.crc;
        stop.time_ms = frame.head.time_ms;
        stop.synced_to = stop.synced_to.max(frame.head.synced_to);
    }
    let known = starts.partition_point(|(first, _)| *first < stop.synced_to);
    stop.unsure = starts.get(known).map_or(stop.offset, |(_, offset)| *offset);
    Ok(stop)
}

/// Highest `synced_to` of any intact frame from `offset` on: what was durable past a damaged one.
pub(crate) fn synced_beyond(bytes: &[u8], header: &Header, offset: u64) -> Option<u64> {
    let from = usize::try_from(offset).ok()?;
    let rest = bytes.get(from..)?;
    let seed = header.seed();
    (0..rest.len())
        .step_by(8)
        .filter_map(|at| take_frame(rest.get(at..)?, seed).ok())
        .map(|frame| frame.head.synced_to)
        .max()
}
