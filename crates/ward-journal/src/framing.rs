//! How bytes stand in a file that may have been torn: lengths that check themselves, a checksum at
//! the very end, and the test that tells a torn write from damage.
//!
//! Pure. FORMAT: `magic u16 | check u16 | length u32`, content, zeros to a multiple of 8, and
//! `crc32c u32` last; the length counts all of it. All numbers little endian.
//! Best test: `frame/tests.rs`.

use crate::limits::SECTOR_BYTES;

/// Bytes before the content.
pub const PREFIX_BYTES: usize = 8;
/// Bytes after it.
pub const CRC_BYTES: usize = 4;

/// What is wrong with bytes that should be a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing was written here: the first eight bytes are zero or missing.
    #[error("nothing is written here")]
    Empty,
    /// The first eight bytes are no frame's beginning.
    #[error("no frame begins here")]
    Prefix,
    /// The frame would be longer than what is left.
    #[error("frame is longer than the space it stands in")]
    Length,
    /// The checksum is wrong.
    #[error("checksum is wrong")]
    Checksum,
    /// The checksum is right and the content is not what is written here.
    #[error("content is malformed: {0}")]
    Content(&'static str),
}

/// Total length of a frame with `content` bytes.
pub const fn framed_len(content: usize) -> usize {
    (PREFIX_BYTES + content + CRC_BYTES).next_multiple_of(8)
}

/// The first eight bytes of a frame of `length` bytes in all.
pub fn prefix(magic: u16, length: u32) -> [u8; PREFIX_BYTES] {
    let ([a, b], [c, d]) = (magic.to_le_bytes(), check(magic, length));
    let [e, f, g, h] = length.to_le_bytes();
    [a, b, c, d, e, f, g, h]
}

fn check(magic: u16, length: u32) -> [u8; 2] {
    let [low, high, ..] =
        crc32c::crc32c_append(u32::from(magic), &length.to_le_bytes()).to_le_bytes();
    [low, high]
}

/// Appends a whole frame around `content` and returns its checksum.
pub fn put(out: &mut Vec<u8>, magic: u16, seed: u32, content: &[&[u8]]) -> u32 {
    let start = out.len();
    let total = framed_len(content.iter().map(|part| part.len()).sum());
    out.reserve(total);
    // INVARIANT: callers bound a frame by half a segment, far below u32::MAX.
    out.extend_from_slice(&prefix(magic, u32::try_from(total).unwrap_or(u32::MAX)));
    for part in content {
        out.extend_from_slice(part);
    }
    out.resize(start + total - CRC_BYTES, 0);
    let crc = crc32c::crc32c_append(seed, out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
    crc
}

/// A frame taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framed<'a> {
    /// Content with its zero padding.
    pub content: &'a [u8],
    /// Checksum.
    pub crc: u32,
    /// Bytes in all.
    pub length: usize,
}

/// Takes the frame at the front of `bytes` apart.
pub fn take(bytes: &[u8], magic: u16, seed: u32) -> Result<Framed<'_>, Fault> {
    let length = length_of(bytes, magic)?;
    let frame = bytes.get(..length).ok_or(Fault::Length)?;
    let (body, crc) = frame.split_last_chunk::<CRC_BYTES>().ok_or(Fault::Length)?;
    let crc = u32::from_le_bytes(*crc);
    if crc32c::crc32c_append(seed, body) != crc {
        return Err(Fault::Checksum);
    }
    Ok(Framed { content: body.get(PREFIX_BYTES..).unwrap_or_default(), crc, length })
}

/// Length of the frame that begins here, by its self-checking prefix.
pub fn length_of(bytes: &[u8], magic: u16) -> Result<usize, Fault> {
    let Some(first) = bytes.first_chunk::<PREFIX_BYTES>() else { return Err(Fault::Empty) };
    if *first == [0; PREFIX_BYTES] {
        return Err(Fault::Empty);
    }
    let [.., e, f, g, h] = *first;
    let length = u32::from_le_bytes([e, f, g, h]);
    let whole = usize::try_from(length).map_err(|_| Fault::Length)?;
    if *first != prefix(magic, length) || whole < framed_len(0) || whole % 8 != 0 {
        return Err(Fault::Prefix);
    }
    Ok(whole)
}

/// Whether a torn write explains `fault` at `offset` of the file (`bytes` runs from there).
///
/// A disk writes sectors whole, and what is not yet written is zero (segments are zeroed before
/// use, tails after a crash). So of a torn frame at least one sector is still zero as far as the
/// frame reaches into it. Anything else was whole once and is damaged now.
pub fn is_torn(bytes: &[u8], offset: u64, magic: u16, fault: Fault) -> bool {
    let length = match fault {
        // The file itself ends early: only files of checkpoints grow.
        Fault::Length => return true,
        Fault::Empty if bytes.len() < PREFIX_BYTES => return true,
        Fault::Empty => PREFIX_BYTES,
        Fault::Checksum => length_of(bytes, magic).unwrap_or(0),
        Fault::Prefix | Fault::Content(_) => return false,
    };
    let in_sector = usize::try_from(offset % SECTOR_BYTES as u64).unwrap_or(0);
    let first = SECTOR_BYTES - in_sector;
    if fault == Fault::Empty {
        // The prefix never crosses a sector: were the sector new, the prefix would be there.
        let sector = bytes.get(..first).unwrap_or(bytes);
        return sector.iter().all(|byte| *byte == 0);
    }
    let frame = bytes.get(..length).unwrap_or(bytes);
    let (head, rest) = frame.split_at(first.min(frame.len()));
    let zero = |sector: &[u8]| !sector.is_empty() && sector.iter().all(|byte| *byte == 0);
    zero(head) || rest.chunks(SECTOR_BYTES).any(zero)
}
