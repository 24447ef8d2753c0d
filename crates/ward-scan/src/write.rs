//! What is written: bytes that pass, bytes held until their member is decided, bytes dropped.
//!
//! A member (a key with its value, or an element) is *held* from its comma on until it is known
//! whether it stays. Bytes are moved only at a decision and at the end of a chunk, so a document
//! that passes whole is copied once.
//! INVARIANT: a comma is written only between two members that were both kept.
#![expect(
    clippy::indexing_slicing,
    reason = "positions are the scanner's own: from <= hold <= value <= end <= chunk.len()"
)]

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Pass,
    Hold,
    Drop,
}

pub(crate) struct Writer {
    /// Off in observe: nothing is written and nothing is kept.
    on: bool,
    way: Way,
    /// First byte of the chunk that passes and is not written yet.
    from: usize,
    /// Where in the chunk the hold began, unless `carried`.
    hold: usize,
    /// The hold began in an earlier chunk; those bytes are in `held`.
    carried: bool,
    held: Vec<u8>,
    /// The held member begins with a comma.
    comma: bool,
    /// Where its value begins: in `held` if `value_held`, else in the chunk.
    value: usize,
    value_seen: bool,
    value_held: bool,
}

impl Writer {
    pub(crate) const fn new(on: bool) -> Self {
        Self {
            on,
            way: Way::Pass,
            from: 0,
            hold: 0,
            carried: false,
            held: Vec::new(),
            comma: false,
            value: 0,
            value_seen: false,
            value_held: false,
        }
    }

    pub(crate) const fn begin_chunk(&mut self) {
        self.from = 0;
    }

    /// A member begins at `at`, with its comma if it has one.
    #[inline(always)]
    pub(crate) const fn hold(&mut self, at: usize, comma: bool) {
        self.way = Way::Hold;
        self.hold = at;
        self.comma = comma;
        self.carried = false;
        self.value_seen = false;
    }

    /// The held member's value begins at `at`.
    #[inline(always)]
    pub(crate) const fn value(&mut self, at: usize) {
        self.value = at;
        self.value_seen = true;
        self.value_held = false;
    }

    /// The held member stays. `any_kept`: whether one before it in its container did.
    #[inline(always)]
    pub(crate) fn keep(&mut self, chunk: &[u8], any_kept: bool, out: &mut Vec<u8>) {
        if !self.on {
            return;
        }
        let skip = usize::from(self.comma && !any_kept);
        if self.carried {
            out.extend_from_slice(&self.held[skip..]);
            self.held.clear();
            self.carried = false;
        } else if skip > 0 {
            out.extend_from_slice(&chunk[self.from..self.hold]);
            self.from = self.hold + skip;
        }
        self.way = Way::Pass;
    }

    /// The held member goes, with all that follows until [`Self::resume`].
    pub(crate) fn drop(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if !self.on {
            return;
        }
        if self.carried {
            self.held.clear();
            self.carried = false;
        } else {
            out.extend_from_slice(&chunk[self.from..self.hold]);
        }
        self.way = Way::Drop;
    }

    /// The dropped member ended before `at`.
    pub(crate) const fn resume(&mut self, at: usize) {
        self.from = at;
        self.way = Way::Pass;
    }

    /// The held member stays with `text` in place of its value, which ended before `end`.
    pub(crate) fn replace(
        &mut self,
        chunk: &[u8],
        end: usize,
        any_kept: bool,
        text: &[u8],
        out: &mut Vec<u8>,
    ) {
        if !self.on {
            return;
        }
        let skip = usize::from(self.comma && !any_kept);
        if self.carried {
            let until = if self.value_held { self.value } else { self.held.len() };
            out.extend_from_slice(&self.held[skip..until]);
            if !self.value_held {
                out.extend_from_slice(&chunk[..self.value]);
            }
            self.held.clear();
            self.carried = false;
        } else {
            out.extend_from_slice(&chunk[self.from..self.hold]);
            out.extend_from_slice(&chunk[self.hold + skip..self.value]);
        }
        out.extend_from_slice(text);
        self.resume(end);
    }

    /// The chunk ends: what passes is written, what is held is kept.
    pub(crate) fn end_chunk(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if !self.on {
            return;
        }
        match self.way {
            Way::Pass => out.extend_from_slice(&chunk[self.from..]),
            Way::Drop => {}
            Way::Hold => {
                let hold = if self.carried { 0 } else { self.hold };
                if !self.carried {
                    out.extend_from_slice(&chunk[self.from..hold]);
                }
                if self.value_seen && !self.value_held {
                    self.value = self.held.len() + (self.value - hold);
                    self.value_held = true;
                }
                self.held.extend_from_slice(&chunk[hold..]);
                self.carried = true;
            }
        }
    }
}
