//! The few operations the journal asks of a disk, and the real one.
//!
//! Nothing else in this crate touches a file, so that the same code runs over the disk that loses
//! power (`testing::FaultDisk`). Paths are relative to the journal's directory, parts joined by
//! `/`. Best test: `sim/tests.rs`.

use std::any::Any;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Holds the lock while it lives.
pub type LockGuard = Box<dyn Any + Send + Sync>;

/// A directory on some disk.
pub trait Disk: Send + Sync {
    /// Makes a directory; one that is there is fine. Not durable before [`Self::sync_dir`] of its
    /// parent.
    ///
    /// # Errors
    /// The disk's own.
    fn make_dir(&self, path: &str) -> io::Result<()>;
    /// Makes an empty file, or empties it. Not durable before [`Self::sync_dir`].
    ///
    /// # Errors
    /// The disk's own.
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file that is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`], or the disk's own.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Moves a file within its directory, replacing what was there, in one step.
    ///
    /// # Errors
    /// The disk's own; whether it happened is then unknown.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`], or the disk's own.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Names in a directory, sorted.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`], or the disk's own.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;
    /// Makes the entries of a directory durable; `""` is the journal's own.
    ///
    /// # Errors
    /// The disk's own; which entries are durable is then unknown.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;
    /// Takes the lock on a file, for this process alone.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`]: another process has it.
    fn lock(&self, path: &str) -> io::Result<LockGuard>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads at an offset; 0 at the end.
    ///
    /// # Errors
    /// The disk's own.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes at an offset; may write less than asked.
    ///
    /// # Errors
    /// The disk's own; any part may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Makes what was written durable.
    ///
    /// # Errors
    /// The disk's own. WHY: it MUST NOT be asked again for this file; Linux drops the pages that
    /// could not be written and then says yes.
    fn sync_data(&self) -> io::Result<()>;
    /// Length in bytes.
    ///
    /// # Errors
    /// The disk's own.
    fn length(&self) -> io::Result<u64>;
}

/// Writes all of `bytes`, in as many writes as it takes.
pub(crate) fn write_all_at(file: &dyn DiskFile, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = file.write_at(bytes, at)?;
        let Some(rest) = bytes.get(written..).filter(|_| written > 0) else {
            return Err(io::ErrorKind::WriteZero.into());
        };
        bytes = rest;
        at += written as u64;
    }
    Ok(())
}

/// Reads until `into` is full or the file ends; returns how much was read.
pub(crate) fn read_full_at(file: &dyn DiskFile, into: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + done as u64)? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}

/// The whole file, at most `max` bytes.
pub(crate) fn read_whole(file: &dyn DiskFile, max: u64) -> io::Result<Vec<u8>> {
    let length = file.length()?;
    if length > max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "file is longer than its bound"));
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let read = read_full_at(file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// The file's bytes, `None` when there is no such file.
pub(crate) fn read_if_there(disk: &dyn Disk, path: &str, max: u64) -> io::Result<Option<Vec<u8>>> {
    match disk.open(path) {
        Ok(file) => read_whole(file.as_ref(), max).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A directory of this machine.
#[derive(Clone, Debug)]
pub struct RealDisk {
    root: PathBuf,
    read_only: bool,
}

impl RealDisk {
    /// The directory `root`; [`crate::Journal::create`] makes it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), read_only: false }
    }

    /// The directory `root`, never written to: for `verify`.
    pub fn read_only(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), read_only: true }
    }

    fn at(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }

    fn may_write(&self) -> io::Result<()> {
        if self.read_only { Err(io::ErrorKind::ReadOnlyFilesystem.into()) } else { Ok(()) }
    }
}

struct RealFile(File);

impl Disk for RealDisk {
    fn make_dir(&self, path: &str) -> io::Result<()> {
        self.may_write()?;
        match DirBuilder::new().mode(0o700).create(self.at(path)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.may_write()?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        Ok(Arc::new(RealFile(options.open(self.at(path))?)))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(!self.read_only).open(self.at(path))?;
        Ok(Arc::new(RealFile(file)))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the durable layer the ban points to")]
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.may_write()?;
        std::fs::rename(self.at(from), self.at(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.may_write()?;
        std::fs::remove_file(self.at(path))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.at(dir))? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.may_write()?;
        File::open(self.at(dir))?.sync_all()
    }

    fn lock(&self, path: &str) -> io::Result<LockGuard> {
        let file = OpenOptions::new().read(true).write(true).open(self.at(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(into, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
    fn length(&self) -> io::Result<u64> {
        self.0.metadata().map(|it| it.len())
    }
}

/// The directory and the name of `path`.
pub(crate) fn split_path(path: &Path) -> Option<(&Path, &str)> {
    let name = path.file_name()?.to_str()?;
    let parent = path.parent()?;
    Some((if parent.as_os_str().is_empty() { Path::new(".") } else { parent }, name))
}
