//! What a forger with root on the host and the root key would do to a journal.
//!
//! Checksums, the chain and the tree are all made right again; only what left the machine can then
//! tell. For the drills and the tour: they show that it does tell.

use std::io;

use ward_tlog::{Frontier, Tile};

use crate::disk::{Disk, read_whole, write_all_at};
use crate::frame::{FrameHead, put_frame, put_payload};
use crate::layout::{SEGMENTS, firsts, segment_path};
use crate::leaf::LeafHasher;
use crate::limits::{HEADER_BYTES, SEGMENT_BYTES_MAX};
use crate::segment::{Header, Key, walk};
use crate::tree::write_tile;

/// A frame taken apart so that it can be changed.
struct Loose {
    head: FrameHead,
    payloads: Vec<Vec<u8>>,
}

/// Replaces the payload of `leaf` by what `edit` makes of it, and makes everything right again.
///
/// # Errors
/// The disk's own; [`io::ErrorKind::InvalidData`]: not a whole journal, or another root key.
pub fn change_record(
    disk: &dyn Disk,
    root_key: &Key,
    leaf: u64,
    edit: impl Fn(&mut Vec<u8>),
) -> io::Result<()> {
    forge(disk, root_key, |all| {
        if let Some(payload) = all.get_mut(at(leaf)) {
            edit(payload);
        }
    })
}

/// Swaps the payloads of two leaves, and makes everything right again.
///
/// # Errors
/// As [`change_record`].
pub fn swap_records(disk: &dyn Disk, root_key: &Key, one: u64, other: u64) -> io::Result<()> {
    forge(disk, root_key, |all| {
        if at(one.max(other)) < all.len() {
            all.swap(at(one), at(other));
        }
    })
}

/// Zeroes the last segment from the frame that holds `leaf` on, and forgets later checkpoints.
///
/// # Errors
/// As [`change_record`].
pub fn cut_tail(disk: &dyn Disk, leaf: u64) -> io::Result<()> {
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    let last = firsts(disk, SEGMENTS, ".seg")?.pop().ok_or_else(damaged)?;
    let file = disk.open(&segment_path(last))?;
    let bytes = read_whole(file.as_ref(), SEGMENT_BYTES_MAX)?;
    let (header, crc) = Header::decode(&bytes).map_err(|_| damaged())?;
    let mut cut = None;
    walk(&bytes, &header, crc, i64::MIN, None, |frame, offset| {
        if cut.is_none() && frame.end() > leaf {
            cut = Some(offset);
        }
        Ok::<(), io::Error>(())
    })?;
    let from = cut.ok_or_else(damaged)?;
    write_all_at(file.as_ref(), &vec![0; bytes.len() - at(from)], from)?;
    file.sync_data()?;
    for first in crate::notes::files(disk)? {
        disk.remove(&crate::layout::notes_path(first))?;
    }
    match disk.remove(crate::layout::TREE_STATE) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn at(leaf: u64) -> usize {
    usize::try_from(leaf).unwrap_or(usize::MAX)
}

fn forge(disk: &dyn Disk, root_key: &Key, edit: impl Fn(&mut Vec<Vec<u8>>)) -> io::Result<()> {
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    let mut segments = Vec::new();
    let mut all: Vec<Vec<u8>> = Vec::new();
    let starts = firsts(disk, SEGMENTS, ".seg")?;
    for (nth, first) in starts.iter().enumerate() {
        let file = disk.open(&segment_path(*first))?;
        let bytes = read_whole(file.as_ref(), SEGMENT_BYTES_MAX)?;
        let (header, crc) = Header::decode(&bytes).map_err(|_| damaged())?;
        let mut frames = Vec::new();
        let limit = starts.get(nth + 1).copied();
        walk(&bytes, &header, crc, i64::MIN, limit, |frame, _| {
            let payloads: Vec<_> = frame.payloads().map(<[u8]>::to_vec).collect();
            all.extend(payloads.iter().cloned());
            frames.push(Loose { head: frame.head, payloads });
            Ok::<(), io::Error>(())
        })?;
        segments.push((file, header, frames));
    }
    edit(&mut all);
    let mut rest = all.into_iter();
    let (mut hasher, mut edge, mut full) = (LeafHasher::default(), Frontier::new(), Vec::new());
    let mut chain = None;
    for (file, mut header, frames) in segments {
        let key = header.open_key(root_key).ok_or_else(damaged)?;
        header.previous_crc = chain.unwrap_or(header.previous_crc);
        let (mut bytes, mut crc) = header.encode();
        for Loose { head, payloads } in frames {
            let head = FrameHead { prev_crc: crc, ..head };
            let mut area = Vec::new();
            for (index, payload) in (head.first..).zip(payloads.iter().map(|_| rest.next())) {
                let payload = payload.ok_or_else(damaged)?;
                edge.push(hasher.hash(key.expose(), index, head.time_ms, &payload), &mut full);
                put_payload(&mut area, &payload);
            }
            crc = put_frame(&mut bytes, header.seed(), &head, &area);
        }
        chain = Some(crc);
        debug_assert!(bytes.len() as u64 >= HEADER_BYTES, "a header is always there");
        bytes.resize(at(header.segment_bytes), 0);
        write_all_at(file.as_ref(), &bytes, 0)?;
        file.sync_data()?;
    }
    for tile in full.iter().filter(|it| it.tile.level > 0) {
        write_tile(disk, Tile::full(tile.tile.level, tile.tile.index), &tile.hashes)?;
    }
    match disk.remove(crate::layout::TREE_STATE) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
