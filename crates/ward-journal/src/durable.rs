//! Replacing a small file so that after a crash the old one or the new one is there, whole.
//!
//! Every room that keeps a file of its own uses [`replace`]; `std::fs::write` and `rename` are
//! banned elsewhere. Mode is 0600. Best test: `sim/tests.rs` (the tree's state file).

use std::io;
use std::path::Path;

use crate::disk::{Disk, RealDisk, split_path, write_all_at};

/// Replaces the file at `path` by one that holds `bytes`; durable when it returns.
///
/// # Errors
/// The disk's own: the old file is then still there, or the new one, never a mixture.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (dir, name) = split_path(path).ok_or(io::ErrorKind::InvalidInput)?;
    replace_on(&RealDisk::new(dir), "", name, bytes)
}

pub(crate) fn replace_on(disk: &dyn Disk, dir: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let at = |name: &str| if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
    let (new, old) = (at(&format!("{name}.new")), at(name));
    let file = disk.create(&new)?;
    write_all_at(file.as_ref(), bytes, 0)?;
    // CRASH: if we stop here, `.new` holds anything and nobody reads it; the old file stands.
    file.sync_data()?;
    disk.rename(&new, &old)?;
    // CRASH: if we stop here, either name may survive; the new bytes are durable already.
    disk.sync_dir(dir)
}
