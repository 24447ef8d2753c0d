//! The tamper-evident journal: append, follow, prove.
//!
//! What it is: the one place where what happened is kept. [`Journal::append`] returns a
//! [`Recorded`] value once its rows are durable and in force; nothing else makes one.
//! What it must never do: acknowledge before fdatasync, repair what was acknowledged, sign two
//! trees that contradict each other, read a clock.
//! Where it sits: floor 1; every room appends to it, views and followers are fed by it.
//! Specs: RFC 6962, c2sp.org/tlog-tiles, tlog-checkpoint, signed-note (through `ward-tlog`).
//! Best test: `sim/tests.rs`, the same code over a disk that loses power.
//!
//! A life of an append: `journal` encodes it, `queue` holds it in its lane, `writer` writes and
//! syncs a batch of frames into a `segment`, applies it to the views and answers; `grow` reads it
//! back into the `tree` and signs. `recover` is the way in, `verify` the view from outside, `cut` the
//! way out for a copy.

pub mod disk;
pub mod durable;
pub mod limits;
pub mod testing;

mod cut;
mod error;
mod export;
mod frame;
mod framing;
mod grow;
mod health;
mod issued;
mod journal;
mod layout;
mod leaf;
mod notes;
mod prove;
mod queue;
mod read;
mod recorded;
mod recover;
mod segment;
mod shared;
mod spare;
mod tree;
mod verify;
mod writer;

pub use cut::{Cut, Piece, Upto, copy, cut, lay};
pub use disk::{Disk, DiskFile, RealDisk};
pub use error::{AppendError, OpenError, ReadError};
pub use export::ExportReport;
pub use frame::fuzz_frame;
pub use health::Health;
pub use journal::Journal;
pub use leaf::Leaf;
pub use notes::{Kept, kept_at};
pub use prove::{Proven, ProvenLeaf};
pub use recorded::Recorded;
pub use recover::{Options, Progress};
pub use segment::Key;
pub use shared::Entropy;
pub use verify::{Finding, Report, VerifyOptions, verify};

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
