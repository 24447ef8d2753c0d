//! Names of the journal's files, and the file that says which version wrote them.
//!
//! FORMAT: `format` holds `"ward-journal" | version u32 LE | crc32c u32 LE`. It is written last
//! when a journal is made and read first when one is opened. Best test: `tests.rs`.

use std::io;

use crate::disk::{Disk, read_if_there};
use crate::durable;

/// Directories, parents first.
pub(crate) const DIRS: [&str; 3] = ["segments", "checkpoints", "tile"];
/// Segments.
pub(crate) const SEGMENTS: &str = "segments";
/// Files of checkpoints.
pub(crate) const CHECKPOINTS: &str = "checkpoints";
/// Held by the process that has the journal open.
pub(crate) const LOCK: &str = "LOCK";
/// The zeroed segment that comes next.
pub(crate) const SPARE: &str = "segments/next";
/// The same while it is being zeroed.
pub(crate) const MAKING: &str = "segments/making";
/// The tree's edge up to which tiles are durable.
pub(crate) const TREE_STATE: &str = "tree";
/// Says which version wrote the directory; written last.
pub(crate) const FORMAT_FILE: &str = "format";
const MAGIC: &[u8; 12] = b"ward-journal";
/// Version of the directory.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Path of the segment that begins with leaf `first`.
pub(crate) fn segment_path(first: u64) -> String {
    format!("{SEGMENTS}/{first:020}.seg")
}

/// Path of the file of checkpoints begun at tree size `first`.
pub(crate) fn notes_path(first: u64) -> String {
    format!("{CHECKPOINTS}/{first:020}.notes")
}

/// First leaf by a file's name; `None` for files that are not ours.
pub(crate) fn first_of(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?;
    let ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if ours { digits.parse().ok() } else { None }
}

/// First leaves of all files in `dir` with this suffix, in order.
pub(crate) fn firsts(disk: &dyn Disk, dir: &str, suffix: &str) -> io::Result<Vec<u64>> {
    let names = disk.list(dir)?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| first_of(name, suffix)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// What `format` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Missing,
    Damaged,
    Version(u32),
}

pub(crate) fn read_format(disk: &dyn Disk) -> io::Result<Format> {
    let Some(bytes) = read_if_there(disk, FORMAT_FILE, 4096)? else { return Ok(Format::Missing) };
    let version = bytes.strip_prefix(MAGIC).and_then(|rest| rest.first_chunk::<4>());
    let Some(version) = version.map(|version| u32::from_le_bytes(*version)) else {
        return Ok(Format::Damaged);
    };
    // A newer version may have more to say: its number alone is believed.
    let intact = version > FORMAT_VERSION || bytes == format_bytes(version);
    Ok(if intact { Format::Version(version) } else { Format::Damaged })
}

pub(crate) fn write_format(disk: &dyn Disk) -> io::Result<()> {
    durable::replace_on(disk, "", FORMAT_FILE, &format_bytes(FORMAT_VERSION))
}

fn format_bytes(version: u32) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}
