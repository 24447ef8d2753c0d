//! One append on disk: a frame of 1..N payloads that stand or fall together.
//!
//! Pure. FORMAT (version 1, final), after the prefix of `framing.rs`:
//! `prev_crc u32 | lane u8 | version u8 | 0 u16 | first i64 | time_ms i64 | synced_to i64 |
//! count u32 | payload bytes u32`, then each payload as `length u16 | bytes`. `prev_crc` is the
//! checksum of the frame before, or of the segment's header: frames form a chain. Checksums start
//! from the segment's random id, so that no payload can pass for a frame.
//! Best test: `frame/tests.rs`; fuzz target `frame`.

use ward_model::Lane;
use ward_model::limits::PAYLOAD_BYTES_MAX;

use crate::framing::{self, Fault, PREFIX_BYTES, framed_len};

/// "WF", little endian.
pub(crate) const FRAME_MAGIC: u16 = u16::from_le_bytes(*b"WF");
const FRAME_VERSION: u8 = 1;
/// Bytes of content before the payloads.
const FIXED_BYTES: usize = 40;

/// What is said of a frame besides its payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHead {
    /// Checksum of the frame before.
    pub prev_crc: u32,
    /// Lane it was appended in.
    pub lane: Lane,
    /// First leaf.
    pub first: u64,
    /// Journal time, ms.
    pub time_ms: i64,
    /// Leaves known durable when this was written.
    pub synced_to: u64,
    /// How many payloads.
    pub count: u32,
}

/// A frame read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub head: FrameHead,
    payloads: &'a [u8],
    /// Its own checksum.
    pub crc: u32,
    /// Bytes in all.
    pub length: usize,
}

/// Bytes that payloads of `payload_bytes` (with their lengths) take as a frame.
pub(crate) const fn frame_len(payload_bytes: usize) -> usize {
    framed_len(FIXED_BYTES + payload_bytes)
}

/// Appends one payload with its length. `false` when it is empty or over its bound.
pub(crate) fn put_payload(out: &mut Vec<u8>, payload: &[u8]) -> bool {
    let Ok(length) = u16::try_from(payload.len()) else { return false };
    if payload.is_empty() || payload.len() > PAYLOAD_BYTES_MAX {
        return false;
    }
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(payload);
    true
}

/// Appends a frame; returns its checksum.
pub(crate) fn put_frame(out: &mut Vec<u8>, seed: u32, head: &FrameHead, payloads: &[u8]) -> u32 {
    let mut fixed = Vec::with_capacity(FIXED_BYTES);
    fixed.extend_from_slice(&head.prev_crc.to_le_bytes());
    fixed.extend_from_slice(&[head.lane.byte(), FRAME_VERSION, 0, 0]);
    fixed.extend_from_slice(&head.first.to_le_bytes());
    fixed.extend_from_slice(&head.time_ms.to_le_bytes());
    fixed.extend_from_slice(&head.synced_to.to_le_bytes());
    fixed.extend_from_slice(&head.count.to_le_bytes());
    // INVARIANT: a frame is bounded by half a segment, far below u32::MAX.
    let bytes = u32::try_from(payloads.len()).unwrap_or(u32::MAX);
    fixed.extend_from_slice(&bytes.to_le_bytes());
    framing::put(out, FRAME_MAGIC, seed, &[&fixed, payloads])
}

/// Takes the frame at the front of `bytes` apart. Accepts exactly what [`put_frame`] writes.
pub(crate) fn take_frame(bytes: &[u8], seed: u32) -> Result<Frame<'_>, Fault> {
    let framed = framing::take(bytes, FRAME_MAGIC, seed)?;
    let (fixed, rest) =
        framed.content.split_first_chunk::<FIXED_BYTES>().ok_or(Fault::Content("too short"))?;
    let mut fields = Fields(fixed);
    let prev_crc = u32::from_le_bytes(fields.take());
    let [lane, version, zero0, zero1] = fields.take();
    let first = u64::from_le_bytes(fields.take());
    let time_ms = i64::from_le_bytes(fields.take());
    let synced_to = u64::from_le_bytes(fields.take());
    let count = u32::from_le_bytes(fields.take());
    let bytes = u32::from_le_bytes(fields.take());
    let lane = Lane::from_byte(lane).ok_or(Fault::Content("unknown lane"))?;
    if version != FRAME_VERSION || zero0 != 0 || zero1 != 0 {
        return Err(Fault::Content("unknown frame version"));
    }
    let bytes = usize::try_from(bytes).map_err(|_| Fault::Length)?;
    let (payloads, padding) =
        rest.split_at_checked(bytes).ok_or(Fault::Content("payloads are cut"))?;
    if framed.length != frame_len(bytes) || padding.iter().any(|byte| *byte != 0) {
        return Err(Fault::Content("padding"));
    }
    if synced_to > first || first.checked_add(u64::from(count)).is_none_or(|it| it >> 63 != 0) {
        return Err(Fault::Content("index out of bounds"));
    }
    let head = FrameHead { prev_crc, lane, first, time_ms, synced_to, count };
    let frame = Frame { head, payloads, crc: framed.crc, length: framed.length };
    frame.check_payloads()?;
    Ok(frame)
}

impl<'a> Frame<'a> {
    /// First leaf after it.
    pub(crate) const fn end(&self) -> u64 {
        self.head.first + self.head.count as u64
    }

    /// Its payloads in order.
    pub(crate) fn payloads(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.payloads;
        core::iter::from_fn(move || {
            let (length, tail) = rest.split_first_chunk::<2>()?;
            let (payload, tail) =
                tail.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            rest = tail;
            Some(payload)
        })
    }

    fn check_payloads(&self) -> Result<(), Fault> {
        let (mut bytes, mut count) = (0, 0_u32);
        for payload in self.payloads() {
            if payload.is_empty() || payload.len() > PAYLOAD_BYTES_MAX {
                return Err(Fault::Content("payload length"));
            }
            bytes += payload.len() + 2;
            count += 1;
        }
        if bytes != self.payloads.len() || count != self.head.count || count == 0 {
            return Err(Fault::Content("payload count"));
        }
        Ok(())
    }
}

/// Fixed fields read one after the other.
/// INVARIANT: callers take no more bytes than the array they started from holds.
pub(crate) struct Fields<'a>(pub &'a [u8]);

impl Fields<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((head, rest)) = self.0.split_first_chunk::<N>() else {
            debug_assert!(false, "fields are longer than their block");
            return [0; N];
        };
        self.0 = rest;
        *head
    }
}

/// Body of the fuzz target `frame`: no bytes make the parser panic, and what it accepts is what it
/// would write.
pub fn fuzz_frame(bytes: &[u8]) {
    if let Ok(frame) = take_frame(bytes, 0) {
        let mut again = Vec::new();
        put_frame(&mut again, 0, &frame.head, frame.payloads);
        assert_eq!(bytes.get(..frame.length), Some(again.as_slice()), "one spelling");
    }
    let _ = framing::is_torn(bytes, PREFIX_BYTES as u64, FRAME_MAGIC, Fault::Checksum);
}

#[cfg(test)]
mod tests;
