//! A snapshot of the ledger: what a start loads, so that it replays only what came after.
//!
//! What it is: the whole state after a number of leaves, in a file format of its own. It holds
//! nothing that the records do not say, so losing it costs time and nothing else.
//! What it must never do: open a door. Every frame carries a MAC under the ledger's secret that
//! covers the header and the frame's place; the header names the checkpoint the journal must hold.
//! What does not fit is refused with its reason and the ledger is rebuilt from records.
//! Where it sits: [`Ledger::picture`] copies under the writer's lock what still changes and shares
//! what does not; [`Picture::write`] runs beside everything else. Files are the program's.
//! FORMAT (version 1): header `"WARDLEDG" | version u32 | segment bits u32 | size i64 | sealed i64 |
//! root [32] | taken_at i64`; frames `tag u16 | 0 u16 | length u32 | bytes | mac [32]`, the last
//! with tag 0 and no bytes. Integers little endian. `mac` is HMAC-SHA-256 over `frame index u64 |
//! tag | 0 | length | bytes` under a key derived from the header. Best test: `tests/snapshot.rs`.

mod client_terms;
mod code;
mod digests;
mod foreign;
mod parts;
mod slots;

use std::io::{self, Read};
use std::sync::{Arc, PoisonError};

use aws_lc_rs::hmac;
use ward_model::{TreeSize, UnixMillis};

use crate::Ledger;
use crate::secret::LedgerSecret;
use crate::slots::Segment;
use crate::state::Shared;

use self::code::{In, Out};
use self::parts::{PARTS, State};

const MAGIC: &[u8; 8] = b"WARDLEDG";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 72;
const FRAME_HEAD_BYTES: usize = 8;
const MAC_BYTES: usize = 32;
/// Ends the file.
const END: u16 = 0;
/// The slots of one segment.
const SEGMENT: u16 = 1;

/// What a snapshot belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The leaves whose records it holds.
    pub size: TreeSize,
    /// The checkpoint its journal must hold: leaves, at least `size`.
    pub sealed: TreeSize,
    /// The checkpoint's root.
    pub root: [u8; 32],
    /// When it was taken.
    pub taken_at: UnixMillis,
}

/// Why a snapshot is not used. The ledger is then rebuilt from records: slower, never wrong.
#[derive(Debug)]
pub enum SnapshotFault {
    /// It is no snapshot.
    Foreign,
    /// A newer Ward wrote it.
    Newer {
        /// Its version.
        found: u32,
    },
    /// It ends too soon.
    Truncated,
    /// It was changed, or another ledger's secret keyed it.
    Tampered,
    /// Its MAC is right and its contents are not what this version writes.
    Unreadable,
    /// The disk did not answer.
    Io(io::Error),
}

impl core::fmt::Display for SnapshotFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Foreign => f.write_str("it is no snapshot of a ledger"),
            Self::Newer { found } => write!(f, "a newer Ward wrote it (version {found})"),
            Self::Truncated => f.write_str("it ends too soon"),
            Self::Tampered => f.write_str("it was changed, or belongs to another Ward"),
            Self::Unreadable => f.write_str("its contents are not what this version writes"),
            Self::Io(error) => write!(f, "it cannot be read: {error}"),
        }
    }
}

impl std::error::Error for SnapshotFault {}

impl From<io::Error> for SnapshotFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Io(error),
        }
    }
}

/// The state at one moment. Segments that can change no more are shared with the live ledger.
pub struct Picture {
    size: TreeSize,
    bits: u32,
    parts: Vec<(u16, Out)>,
    segments: Vec<Slots>,
    shared: Arc<Shared>,
}

/// The slots of one segment at that moment.
pub(crate) struct Slots {
    origin: i32,
    number: u64,
    fingerprints: Fingerprints,
}

enum Fingerprints {
    /// Nothing is entered there any more.
    Settled(Arc<Segment>),
    /// Copied, because more may be entered.
    Copied(Vec<u64>),
}

impl Ledger {
    /// The state as it is now. Holds the writer's lock while small state, revocation bits and the
    /// segments being filled are copied (some ms at 34 million tokens); no reader waits for it.
    #[must_use]
    pub fn picture(&self) -> Picture {
        let writer = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let state = State { shared: &self.shared, writer: &writer };
        let put = |part: &parts::Part| {
            let mut out = Out::default();
            (part.put)(&state, &mut out);
            (part.tag, out)
        };
        Picture {
            size: TreeSize(writer.applied),
            bits: self.shared.bits,
            parts: PARTS.iter().map(put).collect(),
            segments: slots::segments(&writer),
            shared: Arc::clone(&self.shared),
        }
    }

    /// Reads a snapshot back: a ledger that has applied the records of [`Bound::size`] leaves and
    /// passes over them when the journal replays them. The caller MUST have found the checkpoint
    /// that `Bound` names in its journal.
    ///
    /// # Errors
    /// [`SnapshotFault`]: rebuild from records instead, with the secret made again.
    pub fn from_snapshot(
        secret: LedgerSecret,
        from: &mut dyn Read,
    ) -> Result<(Self, Bound), SnapshotFault> {
        let (header, bits, bound) = header(from)?;
        let mut reader = Reader { from, key: file_key(&secret, &header), index: 0 };
        let mut shared = Shared::new(secret, bits);
        let mut parts = PARTS.iter();
        loop {
            let (tag, bytes) = reader.frame()?;
            let mut input = In(&bytes);
            let taken = match (tag, parts.next()) {
                (END, None) => break,
                (tag, Some(part)) if tag == part.tag => (part.take)(&mut input, &mut shared),
                (SEGMENT, None) => {
                    parts = [].iter();
                    slots::take_segment(&mut input, &mut shared)
                }
                _ => None,
            };
            taken.filter(|()| input.0.is_empty()).ok_or(SnapshotFault::Unreadable)?;
        }
        shared.settle(bound.size.0).ok_or(SnapshotFault::Unreadable)?;
        Ok((Self { shared: Arc::new(shared) }, bound))
    }
}

/// What a snapshot says it belongs to. Its MAC is looked at only by [`Ledger::from_snapshot`].
///
/// # Errors
/// [`SnapshotFault`], but for `Tampered` and `Unreadable`.
pub fn bound(from: &mut dyn Read) -> Result<Bound, SnapshotFault> {
    header(from).map(|(_, _, bound)| bound)
}

impl Picture {
    /// The leaves whose records it holds.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.size
    }

    /// Hands the file to `sink` piece by piece (at most 9 MiB but for large sets); `bound` MUST name
    /// a checkpoint of at least [`Self::size`] leaves.
    ///
    /// # Errors
    /// The sink's own.
    pub fn write(
        self,
        sealed: TreeSize,
        root: [u8; 32],
        taken_at: UnixMillis,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&self.bits.to_le_bytes());
        header.extend_from_slice(&self.size.0.to_le_bytes());
        header.extend_from_slice(&sealed.0.to_le_bytes());
        header.extend_from_slice(&root);
        header.extend_from_slice(&taken_at.ms().to_le_bytes());
        sink(&header)?;
        let key = file_key(&self.shared.secret, &header);
        let mut frames = 0u64;
        let mut frame = |tag: u16, bytes: &[u8]| -> io::Result<()> {
            let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
            let head = frame_head(tag, length);
            sink(&head)?;
            sink(bytes)?;
            sink(&frame_mac(&key, frames, head, bytes))?;
            frames += 1;
            Ok(())
        };
        for (tag, out) in self.parts {
            frame(tag, &out.into_bytes())?;
        }
        for segment in self.segments {
            frame(SEGMENT, &segment.encode())?;
        }
        frame(END, &[])
    }
}

/// Frames out of a file, each believed only with its MAC.
struct Reader<'a> {
    from: &'a mut dyn Read,
    key: hmac::Key,
    index: u64,
}

impl Reader<'_> {
    fn frame(&mut self) -> Result<(u16, Vec<u8>), SnapshotFault> {
        let mut head = [0; FRAME_HEAD_BYTES];
        self.from.read_exact(&mut head)?;
        let [tag0, tag1, _, _, length @ ..] = head;
        let tag = u16::from_le_bytes([tag0, tag1]);
        let length = u32::from_le_bytes(length);
        // WHY not at once: a length nobody vouches for yet must not take memory the file has not.
        let mut bytes = Vec::new();
        let read = self.from.take(u64::from(length)).read_to_end(&mut bytes)?;
        if u32::try_from(read) != Ok(length) {
            return Err(SnapshotFault::Truncated);
        }
        let mut mac = [0; MAC_BYTES];
        self.from.read_exact(&mut mac)?;
        let message = frame_mac(&self.key, self.index, head, &bytes);
        if aws_lc_rs::constant_time::verify_slices_are_equal(&message, &mac).is_err() {
            return Err(SnapshotFault::Tampered);
        }
        self.index += 1;
        Ok((tag, bytes))
    }
}

fn frame_head(tag: u16, length: u32) -> [u8; FRAME_HEAD_BYTES] {
    let mut head = [0; FRAME_HEAD_BYTES];
    head[..2].copy_from_slice(&tag.to_le_bytes());
    head[4..].copy_from_slice(&length.to_le_bytes());
    head
}

fn frame_mac(
    key: &hmac::Key,
    index: u64,
    head: [u8; FRAME_HEAD_BYTES],
    bytes: &[u8],
) -> [u8; MAC_BYTES] {
    let mut context = hmac::Context::with_key(key);
    context.update(&index.to_le_bytes());
    context.update(&head);
    context.update(bytes);
    // INVARIANT: SHA-256 tags are 32 bytes.
    context.sign().as_ref().first_chunk().copied().unwrap_or_default()
}

/// The key of one file: frames of two files cannot be mixed.
fn file_key(secret: &LedgerSecret, header: &[u8]) -> hmac::Key {
    let key = hmac::sign(&secret.snapshot, header);
    hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())
}

fn header(from: &mut dyn Read) -> Result<([u8; HEADER_BYTES], u32, Bound), SnapshotFault> {
    let mut bytes = [0; HEADER_BYTES];
    from.read_exact(&mut bytes)?;
    let mut input = In(&bytes);
    if input.take::<[u8; 8]>() != Some(*MAGIC) {
        return Err(SnapshotFault::Foreign);
    }
    let version = input.u32().ok_or(SnapshotFault::Truncated)?;
    if version != VERSION {
        return Err(SnapshotFault::Newer { found: version });
    }
    let fields = |input: &mut In<'_>| {
        let bits = input.u32().filter(|bits| (1..=24).contains(bits))?;
        let size = TreeSize(input.take()?);
        let sealed = TreeSize(input.take()?);
        let (root, taken_at) = (input.take()?, input.take()?);
        let bound = Bound { size, sealed, root, taken_at };
        (size.0 >= 0 && sealed >= size).then_some((bits, bound))
    };
    let (bits, bound) = fields(&mut input).ok_or(SnapshotFault::Tampered)?;
    Ok((bytes, bits, bound))
}

/// The body of the fuzz target `snapshot`: no bytes panic, and none open as a snapshot.
///
/// # Panics
/// If bytes without the secret are taken as a snapshot.
pub fn fuzz_snapshot(bytes: &[u8]) {
    let secret = || LedgerSecret::new(ward_model::Secret::new([7; 32]));
    assert!(
        Ledger::from_snapshot(secret(), &mut &*bytes).is_err(),
        "bytes nobody keyed opened as a snapshot"
    );
    // The parts behind a right MAC, too.
    if let Some((tag, rest)) = bytes.split_first() {
        let mut shared = Shared::new(secret(), 4);
        let mut input = In(rest);
        let _taken = match PARTS.get(usize::from(*tag) % (PARTS.len() + 1)) {
            Some(part) => (part.take)(&mut input, &mut shared),
            None => slots::take_segment(&mut input, &mut shared),
        };
        let _fits = shared.settle(0);
    }
}
