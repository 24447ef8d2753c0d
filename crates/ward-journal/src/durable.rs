//! Replacing a small file so that after a crash the old one or the new one is there, whole.
//!
//! Every room that keeps a file of its own uses [`replace`]; `std::fs::write` and `rename` are
//! banned elsewhere. Mode is 0600. Best test: `sim/tests.rs` (the tree's state file).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, RealDisk, split_path, write_all_at};

/// Replaces the file at `path` by one that holds `bytes`; durable when it returns.
///
/// # Errors
/// The disk's own: the old file is then still there, or the new one, never a mixture.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (dir, name) = split_path(path).ok_or(io::ErrorKind::InvalidInput)?;
    replace_on(&RealDisk::new(dir), "", name, bytes)
}

/// A large file that takes its name only when it is whole and durable. Dropped before, it is gone.
pub struct Staged {
    file: File,
    new: PathBuf,
    path: PathBuf,
    taken: bool,
}

impl Staged {
    /// Begins a file that will be `path`; mode 0600.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`]: `path` is there. Otherwise the disk's own.
    pub fn create(path: &Path) -> io::Result<Self> {
        if path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Self::replacing(path)
    }

    /// Begins a file that will be `path`, in the place of the one that may be there; mode 0600.
    ///
    /// # Errors
    /// The disk's own.
    pub fn replacing(path: &Path) -> io::Result<Self> {
        let (dir, name) = split_path(path).ok_or(io::ErrorKind::InvalidInput)?;
        let new = dir.join(format!("{name}.new"));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        Ok(Self { file: options.open(&new)?, new, path: path.to_owned(), taken: false })
    }

    /// The file, to be written and read back.
    pub const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Makes it durable and gives it its name.
    ///
    /// # Errors
    /// The disk's own: nothing stands under the name, or the whole file does.
    #[expect(clippy::disallowed_methods, reason = "this is the durable layer the ban points to")]
    pub fn commit(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.new, &self.path)?;
        self.taken = true;
        // CRASH: if we stop here, either name may survive; the bytes are durable already.
        let (dir, _) = split_path(&self.path).ok_or(io::ErrorKind::InvalidInput)?;
        File::open(dir)?.sync_all()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.taken {
            // One that cannot be removed is truncated by the next attempt.
            let _left = std::fs::remove_file(&self.new);
        }
    }
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
