//! The scanner: one pass over JSON bytes in chunks of any size.
//!
//! What it is: a strict RFC 8259 reader that walks the plan's trie as it goes, tells the
//! collector what it finds and the writer what stays. What it must never do: accept what
//! serde_json refuses, let an undeclared byte of content through in enforce, or find anything
//! else when the same bytes come in other chunks. No I/O, no clock.
//! Where it sits: the gate's `measure`, between the upstream's body and the journal.
//! Best test: `tests/differential.rs` (any JSON, any chunks, any plan against a tree walk).

use std::ops::Deref;

use crate::collect::{Collector, Measured, Place};
use crate::error::ScanError;
use crate::limits::Limits;
use crate::mask::Mask;
use crate::plan::{Follow, Hints, Leaf, NodeId, Plan, ROOT, Role};
use crate::text::{Escape, Number};
use crate::write::Writer;

/// Whether the scan acts or only looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The output is written: masks applied, undeclared content dropped.
    Enforce,
    /// Nothing is written; the caller passes the bytes on itself. Finds the same.
    Observe,
}

/// How documents follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One document.
    Single,
    /// A document a line (NDJSON); blank lines pass, a line break inside a document is an error.
    Lines,
}

/// A scan under way. `P` is `&Plan` or `Arc<Plan>`.
///
/// After an error every further call gives the same error, and what was written must not be
/// released.
pub struct Scanner<P> {
    plan: P,
    walk: Walk,
    taken_bytes: u64,
    /// The bytes of a character that the last chunk cut off.
    carry: Vec<u8>,
    failed: Option<ScanError>,
}

impl<P: Deref<Target = Plan>> Scanner<P> {
    /// A scan of one body.
    pub fn new(plan: P, mode: Mode, framing: Framing, limits: Limits) -> Self {
        let walk = Walk::new(&plan, mode, framing, limits);
        Self { plan, walk, taken_bytes: 0, carry: Vec::new(), failed: None }
    }

    /// Takes the next bytes. In enforce appends what may leave to `out`; in observe `out` is not
    /// touched. Cost: one pass, at most one copy of what stays.
    ///
    /// # Errors
    /// Any [`ScanError`]: the body cannot be vouched for. The same one for any chunking.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), ScanError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let done = self.take_bytes(chunk, out);
        self.failed = done.err();
        done
    }

    /// The body has ended.
    ///
    /// # Errors
    /// [`ScanError::UnexpectedEnd`] inside a document, or any error of before.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<Measured, ScanError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if !self.carry.is_empty() {
            return Err(ScanError::InvalidUtf8);
        }
        self.walk.end(&self.plan, out)?;
        self.walk.collector.take(&self.plan)
    }

    /// Takes what finished objects have shown so far and begins anew: for streams, which are
    /// recorded before each part leaves.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn take(&mut self) -> Result<Measured, ScanError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let taken = self.walk.collector.take(&self.plan);
        self.failed = taken.as_ref().err().copied();
        taken
    }

    /// Whether the bytes taken so far end between two documents.
    #[must_use]
    pub const fn between_documents(&self) -> bool {
        self.carry.is_empty() && matches!(self.walk.state, State::Start | State::Done)
    }

    fn take_bytes(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), ScanError> {
        let room = self.walk.limits.total_bytes - self.taken_bytes;
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let (now, over) = chunk.split_at_checked(room).unwrap_or((chunk, &[]));
        self.taken_bytes += now.len() as u64;
        self.take_characters(now, out)?;
        if over.is_empty() { Ok(()) } else { Err(ScanError::TooLong) }
    }

    /// INVARIANT: the walk sees whole, valid characters only.
    fn take_characters(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), ScanError> {
        let mut rest = chunk;
        while !self.carry.is_empty() {
            let Some((first, after)) = rest.split_first() else { return Ok(()) };
            self.carry.push(*first);
            rest = after;
            match std::str::from_utf8(&self.carry) {
                Err(error) if error.error_len().is_some() => return Err(ScanError::InvalidUtf8),
                Err(_) => {}
                Ok(_) => {
                    let carry = std::mem::take(&mut self.carry);
                    self.walk.run(&self.plan, &carry, out)?;
                }
            }
        }
        let Err(error) = std::str::from_utf8(rest) else {
            return self.walk.run(&self.plan, rest, out);
        };
        let (valid, cut) = rest.split_at_checked(error.valid_up_to()).unwrap_or((rest, &[]));
        self.walk.run(&self.plan, valid, out)?;
        if error.error_len().is_some() {
            return Err(ScanError::InvalidUtf8);
        }
        self.carry.extend_from_slice(cut);
        Ok(())
    }
}

/// What the reader expects next, or is inside of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A document.
    Start,
    /// A value.
    Value,
    /// An element or the end of the array.
    FirstElement,
    /// A key or the end of the object.
    FirstKey,
    /// A key.
    NextKey,
    /// A colon.
    Colon,
    /// A comma or the end of the container.
    AfterValue,
    /// The end of the input, or of the line.
    Done,
    /// In a key.
    Key,
    /// In a string value.
    Text,
    /// In an escape of a key.
    KeyEscape,
    /// In an escape of a string value.
    TextEscape,
    /// In a number.
    Number,
    /// In `true`, `false` or `null`.
    Literal,
}

struct Frame {
    node: NodeId,
    object: bool,
    /// A member of it was kept.
    any_kept: bool,
    /// Where it is among the plan's keys.
    follow: Follow,
}

/// The walk over valid characters.
struct Walk {
    state: State,
    framing: Framing,
    limits: Limits,
    enforce: bool,
    stack: Vec<Frame>,
    /// What the plan says of the value that comes.
    want: NodeId,
    /// The value being read is that of the declared leaf at `want`.
    in_leaf: bool,
    /// Undeclared content is being read; it ends with the value at this depth.
    skip: Option<usize>,
    escape: Escape,
    number: Number,
    /// What is left of a literal, and whether it is `null`.
    literal: &'static [u8],
    null: bool,
    /// Raw bytes of the string or number so far.
    raw: usize,
    /// Its unescaped text, when it was not whole in one chunk or had escapes (`split`).
    text: Vec<u8>,
    split: bool,
    masked: String,
    scratch: Vec<u8>,
    hints: Hints,
    writer: Writer,
    collector: Collector,
}

/// What one call has at hand.
struct Feed<'a> {
    plan: &'a Plan,
    chunk: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl Walk {
    fn new(plan: &Plan, mode: Mode, framing: Framing, limits: Limits) -> Self {
        let enforce = mode == Mode::Enforce;
        Self {
            state: State::Start,
            framing,
            limits,
            enforce,
            stack: Vec::with_capacity(16),
            want: ROOT,
            in_leaf: false,
            skip: None,
            escape: Escape::Begun,
            number: Number::Minus,
            literal: b"",
            null: false,
            raw: 0,
            text: Vec::new(),
            split: false,
            masked: String::new(),
            scratch: Vec::new(),
            hints: Hints::new(plan),
            writer: Writer::new(enforce),
            collector: Collector::new(limits),
        }
    }

    fn end(&mut self, plan: &Plan, out: &mut Vec<u8>) -> Result<(), ScanError> {
        if self.state == State::Number {
            if !self.number.is_whole() {
                return Err(ScanError::UnexpectedEnd);
            }
            self.writer.begin_chunk();
            self.number_end(&mut Feed { plan, chunk: &[], out }, 0, &[])?;
        }
        match (self.state, self.framing) {
            (State::Done, _) | (State::Start, Framing::Lines) => Ok(()),
            _ => Err(ScanError::UnexpectedEnd),
        }
    }

    /// The declared leaf whose value is being read.
    #[inline(always)]
    fn leaf<'a>(&self, feed: &Feed<'a>) -> Option<&'a Leaf> {
        if self.in_leaf { feed.plan.node(self.want).leaf.as_ref() } else { None }
    }

    /// Whether the text of the number in hand is wanted: it may be an id.
    fn may_be_id(&self, feed: &Feed<'_>) -> bool {
        self.leaf(feed).is_some_and(|leaf| leaf.role != Role::Plain)
    }

    fn uncountable(&mut self) -> Result<(), ScanError> {
        if self.enforce {
            return Err(ScanError::UncountableSubject);
        }
        self.collector.measured.missed = self.collector.measured.missed.saturating_add(1);
        Ok(())
    }

    /// Undeclared content begins: it is counted and goes.
    fn reject(&mut self, feed: &mut Feed<'_>, place: Place<'_>) {
        self.collector.undeclared(place);
        self.writer.drop(feed.chunk, feed.out);
        self.skip = Some(self.stack.len());
        self.in_leaf = false;
    }

    /// The member in hand stays.
    #[inline(always)]
    fn keep(&mut self, feed: &mut Feed<'_>) {
        let any_kept = self.any_kept();
        self.writer.keep(feed.chunk, any_kept, feed.out);
    }

    /// Whether a member before this one was kept; this one is from now on.
    fn any_kept(&mut self) -> bool {
        self.stack.last_mut().is_some_and(|frame| std::mem::replace(&mut frame.any_kept, true))
    }

    /// A value ended before `at`.
    #[inline(always)]
    fn value_end(&mut self, feed: &mut Feed<'_>, at: usize) -> Result<(), ScanError> {
        if self.skip == Some(self.stack.len()) {
            self.skip = None;
            self.writer.resume(at);
            if self.stack.is_empty() && self.enforce {
                // A document must stay one: a root that goes leaves null.
                feed.out.extend_from_slice(b"null");
            }
        }
        if self.stack.is_empty() {
            self.state = State::Done;
            return self.collector.close_document();
        }
        self.state = State::AfterValue;
        Ok(())
    }

    fn mask_string(&mut self, feed: &mut Feed<'_>, mask: Mask, text: &[u8], end: usize) {
        if !self.enforce && self.collector.measured.changed {
            return; // What it would become is asked only to know whether anything changes.
        }
        let mut masked = std::mem::take(&mut self.masked);
        // INVARIANT: the walk sees valid UTF-8 and escapes of scalar values only.
        let text = std::str::from_utf8(text).unwrap_or_default();
        match mask.apply(text, &mut masked) {
            crate::mask::Masked::Text if masked == text => self.keep(feed),
            what => {
                self.collector.measured.changed = true;
                if self.enforce {
                    self.scratch.clear();
                    match what {
                        crate::mask::Masked::Null => self.scratch.extend_from_slice(b"null"),
                        crate::mask::Masked::Text => {
                            crate::mask::write_string(&masked, &mut self.scratch);
                        }
                    }
                    let any_kept = self.any_kept();
                    self.writer.replace(feed.chunk, end, any_kept, &self.scratch, feed.out);
                }
            }
        }
        self.masked = masked;
    }
}

mod leaf;
mod walk;

#[cfg(test)]
mod tests;
