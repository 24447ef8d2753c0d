//! Backups: one sealed file that says what it holds, and refuses to be anything else.
//!
//! What it is: the file format (a manifest, then files, as `tar` inside `age`), sealing to
//! recipients, and reading back with every hash, name and length checked.
//! What it must never do: write a byte that the manifest does not vouch for, follow a name out of
//! its directory, hold the key file, read a clock or a random source (both are arguments).
//! Where it sits: floor 2. `ward backup` and `ward restore` gather the files and put them back.
//! Specs: c2sp.org/age (X25519 recipients), POSIX.1-1988 ustar, so that `age -d | tar x` opens a
//! backup without Ward. Best test: `tests.rs`, every bit of a backup flipped.
//!
//! A backup is sealed to recipients, whom anybody can seal for; so its manifest also carries a MAC
//! under a key from the sealed custody it holds ([`manifest::Manifest::mac`]): only who has this
//! Ward's key file can have made it.

pub mod age;
mod bech32;
pub mod limits;
pub mod manifest;
pub mod names;
pub mod pack;
mod stream;
mod tar;
pub mod unpack;

pub use age::{Identity, KeyTextError, OpenError, Opener, Recipient, Sealer};
pub use manifest::{FileEntry, Layout, Manifest, ManifestError};
pub use pack::{PackError, Source, measure, pack};
pub use unpack::{Discard, Sink, UnpackError, Unpacked, unpack};

/// Fills a slice from a random source, or fails.
pub type Entropy<'a> = &'a mut dyn FnMut(&mut [u8]) -> std::io::Result<()>;

#[cfg(test)]
mod tests;
