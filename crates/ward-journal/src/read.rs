//! Reading what is acknowledged, back from the disk: for followers, for the tree, for proofs.
//!
//! Every frame is checked again as it is read. Nothing beyond the head is ever returned.
//! Cost: one read of at most a window; a segment's index finds the frame within 64 KiB.
//! Best test: `tests.rs`.

use std::ops::ControlFlow;

use ward_model::{LeafIndex, Position, Record, UnixMillis};

use crate::disk::read_full_at;
use crate::error::ReadError;
use crate::frame::{Frame, take_frame};
use crate::framing::{Fault, length_of};
use crate::limits::{READ_RECORDS_MAX, READ_WINDOW_BYTES};
use crate::shared::{Segment, Shared};

/// Hands every frame that holds a leaf of `from..to` to `sink`, in order.
pub(crate) fn frames(
    shared: &Shared,
    from: u64,
    to: u64,
    mut sink: impl FnMut(&Segment, &Frame<'_>) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let to = to.min(shared.size());
    let segments = shared.segments();
    let start = segments.partition_point(|it| it.header.first <= from).saturating_sub(1);
    let mut next = from;
    for (at, segment) in segments.iter().enumerate().skip(start) {
        let until = segments.get(at + 1).map_or(to, |it| it.header.first.min(to));
        while next < until {
            match window(segment, next, until, &mut sink)? {
                ControlFlow::Continue(after) => next = after,
                ControlFlow::Break(()) => return Ok(()),
            }
        }
    }
    Ok(())
}

/// Reads one window of frames; returns the leaf after the last.
fn window(
    segment: &Segment,
    from: u64,
    until: u64,
    sink: &mut impl FnMut(&Segment, &Frame<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<(), u64>, ReadError> {
    let seed = segment.header.seed();
    let corrupt = |leaf, fault: Fault| ReadError::Corrupt { leaf, why: fault.to_string() };
    let offset = segment.offset_before(from);
    let left = usize::try_from(segment.end().saturating_sub(offset)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; left.min(READ_WINDOW_BYTES)];
    let read = read_full_at(segment.file.as_ref(), &mut bytes, offset).map_err(ReadError::Io)?;
    bytes.truncate(read);
    let (mut at, mut next, mut handed) = (0, from, false);
    while next < until {
        let rest = bytes.get(at..).unwrap_or_default();
        let frame = match take_frame(rest, seed) {
            Ok(frame) => frame,
            // The frame may run past the window: read on from it, if anything was handed out or
            // the window can grow.
            Err(fault @ (Fault::Length | Fault::Empty)) if at + rest.len() < left => {
                if handed {
                    break;
                }
                let need = length_of(rest, crate::frame::FRAME_MAGIC).unwrap_or(0);
                let want = (at + need.max(READ_WINDOW_BYTES)).min(left);
                if want <= bytes.len() {
                    return Err(corrupt(next, fault));
                }
                bytes.resize(want, 0);
                let read = read_full_at(segment.file.as_ref(), &mut bytes, offset);
                bytes.truncate(read.map_err(ReadError::Io)?);
                continue;
            }
            Err(fault) => return Err(corrupt(next, fault)),
        };
        if frame.end() > next {
            if frame.head.first > next {
                return Err(corrupt(next, Fault::Content("frame has the wrong index")));
            }
            if sink(segment, &frame).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            next = frame.end();
            handed = true;
        }
        at += frame.length;
    }
    Ok(ControlFlow::Continue(next))
}

/// Records from leaf `from` on, at most `max` of them.
pub(crate) fn records(
    shared: &Shared,
    from: u64,
    max: usize,
) -> Result<Vec<(Position, Record)>, ReadError> {
    let max = max.min(READ_RECORDS_MAX);
    let mut found = Vec::new();
    let mut failed = None;
    frames(shared, from, u64::MAX, |_, frame| {
        let time = UnixMillis::new(frame.head.time_ms);
        for (index, payload) in (frame.head.first..).zip(frame.payloads()) {
            if index < from {
                continue;
            }
            if found.len() >= max {
                return ControlFlow::Break(());
            }
            match Record::decode(payload) {
                Ok(record) => {
                    let index = LeafIndex(i64::try_from(index).unwrap_or(i64::MAX));
                    found.push((Position { index, time }, record));
                }
                Err(error) => {
                    failed = Some(ReadError::Corrupt { leaf: index, why: error.to_string() });
                    return ControlFlow::Break(());
                }
            }
        }
        if found.len() >= max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    failed.map_or(Ok(found), Err)
}
