//! Errors that end the program, with their documented exit codes (`ward --help`).

use std::path::Path;

/// An error with its exit code.
#[derive(Debug)]
pub struct Exit {
    /// The code.
    pub code: u8,
    /// What went wrong and what to mend.
    pub message: String,
}

impl Exit {
    /// An exit with a message.
    #[must_use]
    pub const fn new(code: u8, message: String) -> Self {
        Self { code, message }
    }
}

impl core::fmt::Display for Exit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Exit {}

/// An exit about a place, with the whole chain of causes.
pub fn fail(code: u8, place: &Path, error: &(dyn std::error::Error + 'static)) -> Exit {
    let mut message = format!("{}: {error}", place.display());
    let mut cause = error.source();
    while let Some(one) = cause {
        message.push_str(&format!(": {one}"));
        cause = one.source();
    }
    Exit::new(code, message)
}
