//! Copying the register's file while it is in use.
//!
//! The write-ahead log is emptied into the main file, which then stands still: what is written goes
//! to the log until the copy is made. Nobody waits for it but who erases. The copy is a database of
//! its own, with everything that was durable when it began. Best test: `tests.rs`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};

use crate::{Inner, Register, RegisterError, sql};

/// The file that copies are read from: opened at the first, closed with the register.
pub(crate) struct Original {
    path: PathBuf,
    file: Option<File>,
}

impl Original {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None }
    }

    fn copy(&mut self, to: &Path) -> io::Result<u64> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::open(&self.path)?,
        };
        let file = self.file.insert(file);
        io::Seek::rewind(file)?;
        let mut options = OpenOptions::new();
        let mut copy = options.write(true).create_new(true).mode(0o600).open(to)?;
        let bytes = io::copy(file, &mut copy)?;
        copy.sync_all()?;
        Ok(bytes)
    }
}

impl Inner {
    pub(crate) fn copies(&self) -> MutexGuard<'_, Original> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Register {
    /// Copies the register to a new file at `to`, mode 0600: everything durable so far. Numbers are
    /// given out meanwhile. Gives its length, bytes.
    ///
    /// # Errors
    /// [`RegisterError::Unavailable`]: there is no copy, or a part of one.
    pub fn copy_to(&self, to: &Path) -> Result<u64, RegisterError> {
        let mut original = self.inner.copies();
        sql::hold_still(self.inner.writer().connection())?;
        let copied = original.copy(to);
        sql::let_go(self.inner.writer().connection())?;
        copied.map_err(|error| RegisterError::Unavailable { what: error.kind().to_string() })
    }
}
