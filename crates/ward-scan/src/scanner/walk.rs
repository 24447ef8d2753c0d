//! The states of the reader: each takes bytes at a place and gives the place it got to.
#![expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: a state is entered with at < chunk.len(), and every place it gives or \
              slices to was found by a search that ends at chunk.len()"
)]

use super::{Feed, Frame, Framing, State, Walk};
use crate::collect::Place;
use crate::error::ScanError;
use crate::plan::{Plan, ROOT, Role};
use crate::text::{Escape, Number, Unescaped, special};

impl Walk {
    /// Takes a chunk of whole, valid characters.
    pub(super) fn run(
        &mut self,
        plan: &Plan,
        chunk: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), ScanError> {
        self.writer.begin_chunk();
        let feed = &mut Feed { plan, chunk, out };
        let mut at = 0;
        while at < chunk.len() {
            if self.state == State::AfterValue {
                at = self.after_value(feed, at)?;
                continue;
            }
            at = match self.state {
                State::Key => self.string(feed, at, true)?,
                State::Text => self.string(feed, at, false)?,
                State::AfterValue => self.after_value(feed, at)?,
                State::Value => self.value(feed, at)?,
                State::Colon => self.colon(feed, at)?,
                State::NextKey | State::FirstKey => self.expect_key(feed, at)?,
                State::FirstElement => self.first_element(feed, at)?,
                State::Number => self.number(feed, at)?,
                State::Literal => self.literal(feed, at)?,
                State::KeyEscape => self.escape(feed, at, true)?,
                State::TextEscape => self.escape(feed, at, false)?,
                State::Start => self.start(feed, at)?,
                State::Done => self.done(feed, at)?,
            };
        }
        self.writer.end_chunk(chunk, feed.out);
        Ok(())
    }

    /// The first byte that is no white space at or after `at`; `None` when the chunk ends first.
    #[inline]
    fn token(&self, chunk: &[u8], at: usize) -> Result<Option<(usize, u8)>, ScanError> {
        match chunk.get(at) {
            Some(&byte) if byte > b' ' => Ok(Some((at, byte))),
            _ => self.token_after_space(chunk, at),
        }
    }

    fn token_after_space(&self, chunk: &[u8], at: usize) -> Result<Option<(usize, u8)>, ScanError> {
        let mut at = at;
        while at < chunk.len() {
            match chunk[at] {
                b' ' | b'\t' | b'\r' => {}
                b'\n' if self.framing == Framing::Single => {}
                b'\n' => return Err(ScanError::LineBreak),
                byte => return Ok(Some((at, byte))),
            }
            at += 1;
        }
        Ok(None)
    }

    fn start(&mut self, feed: &mut Feed<'_>, at: usize) -> Result<usize, ScanError> {
        match chunk_byte(feed.chunk, at) {
            b' ' | b'\t' | b'\r' | b'\n' => return Ok(at + 1),
            0xef if feed.chunk[at..].starts_with("\u{feff}".as_bytes()) => {
                return Err(ScanError::ByteOrderMark);
            }
            _ => {}
        }
        self.want = ROOT;
        self.writer.hold(at, false);
        self.value(feed, at)
    }

    fn done(&mut self, feed: &mut Feed<'_>, at: usize) -> Result<usize, ScanError> {
        match (chunk_byte(feed.chunk, at), self.framing) {
            (b'\n', Framing::Lines) => self.state = State::Start,
            (b' ' | b'\t' | b'\r' | b'\n', _) => {}
            _ => return Err(ScanError::TrailingData),
        }
        Ok(at + 1)
    }

    fn first_element(&mut self, feed: &mut Feed<'_>, at: usize) -> Result<usize, ScanError> {
        let Some((at, byte)) = self.token(feed.chunk, at)? else { return Ok(feed.chunk.len()) };
        if byte == b']' {
            return self.close(feed, at);
        }
        if self.skip.is_none() {
            self.writer.hold(at, false);
            self.want_element(feed);
        }
        self.value(feed, at)
    }

    /// INVARIANT: the frame of an array that is not skipped is at a node with elements.
    fn want_element(&mut self, feed: &Feed<'_>) {
        let node = self.stack.last().map_or(ROOT, |frame| frame.node);
        self.want = feed.plan.node(node).element.unwrap_or(ROOT);
    }

    fn value(&mut self, feed: &mut Feed<'_>, at: usize) -> Result<usize, ScanError> {
        let Some((at, byte)) = self.token(feed.chunk, at)? else {
            return Ok(feed.chunk.len());
        };
        if !matches!(byte, b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') {
            return Err(ScanError::Syntax);
        }
        let skipped = self.skip.is_some();
        if matches!(byte, b'{' | b'[') {
            self.open(feed, at, byte == b'{', skipped)?;
            return Ok(at + 1);
        }
        if !skipped {
            self.writer.value(at);
            self.in_leaf = feed.plan.node(self.want).leaf.is_some();
            if !self.in_leaf && byte != b'n' {
                self.reject(feed, Place::Node(self.want));
            }
        }
        match byte {
            b'"' => return self.text(feed, at + 1),
            b't' => self.begin_literal(b"rue", false),
            b'f' => self.begin_literal(b"alse", false),
            b'n' => self.begin_literal(b"ull", true),
            _ => {
                self.begin_text(State::Number);
                self.number = Number::begin(byte);
                self.raw = 1;
                if self.may_be_id(feed) {
                    self.text.push(byte);
                }
            }
        }
        Ok(at + 1)
    }

    /// A string value begins after its quote: in the common case it is whole in the chunk.
    #[inline(always)]
    fn text(&mut self, feed: &mut Feed<'_>, at: usize) -> Result<usize, ScanError> {
        let stop = special(feed.chunk, at);
        if feed.chunk.get(stop) == Some(&b'"') && stop - at <= self.limits.string_bytes {
            self.text_end(feed, stop + 1, &feed.chunk[at..stop])?;
            return Ok(stop + 1);
        }
        self.begin_text(State::Text);
        Ok(at)
    }

    const fn begin_literal(&mut self, left: &'static [u8], null: bool) {
        self.state = State::Literal;
        self.literal = left;
        self.null = null;
    }

    /// A key begins after its quote: in the common case it is the one expected.
    #[inline]
    fn key(&mut self, feed: &mut Feed<'_>, at: usize) -> Result<usize, ScanError> {
        if self.skip.is_none()
            && let Some(frame) = self.stack.last_mut()
            && let Some(rest) = feed.chunk.get(at..)
            && let Some((want, bytes)) = feed.plan.expected(rest, &mut frame.follow, &self.hints)
            && bytes <= self.limits.key_bytes
        {
            self.want = want;
            self.state = State::Value;
            let at = at + bytes;
            return if at < feed.chunk.len() { self.value(feed, at) } else { Ok(at) };
        }
        self.begin_text(State::Key);
        Ok(at)
    }

    fn open(
        &mut self,
        feed: &mut Feed<'_>,
        at: usize,
        object: bool,
        skipped: bool,
    ) -> Result<(), ScanError> {
        if self.stack.len() >= self.limits.depth {
            return Err(ScanError::TooDeep);
        }
        if !skipped {
            let node = feed.plan.node(self.want);
            if if object { node.is_object() } else { node.element.is_some() } {
                self.keep(feed);
                if object {
                    self.collector.open();
                }
            } else {
                if node.leaf.is_some_and(|leaf| leaf.role != Role::Plain) {
                    self.uncountable()?;
                }
                self.writer.value(at);
                self.reject(feed, Place::Node(self.want));
            }
        }
        let follow = self.hints.begin(self.want);
        self.stack.push(Frame { node: self.want, object, any_kept: false, follow });
        self.state = if object { State::FirstKey } else { State::FirstElement };
        Ok(())
    }

    fn close(&mut self, feed: &mut Feed<'_>, at: usize) -> Result<usize, ScanError> {
        if let Some(frame) = self.stack.pop()
            && frame.object
            && self.skip.is_none()
        {
            self.collector.close(feed.plan.node(frame.node).tenant_slots)?;
        }
        self.value_end(feed, at + 1)?;
        Ok(at + 1)
    }

    fn after_value(&mut self, feed: &mut Feed<'_>, at: usize) -> Result<usize, ScanError> {
        let Some((at, byte)) = self.token(feed.chunk, at)? else { return Ok(feed.chunk.len()) };
        let object = self.stack.last().is_some_and(|frame| frame.object);
        match byte {
            b',' => {
                let held = self.skip.is_none();
                if held {
                    self.writer.hold(at, true);
                }
                if !object {
                    if held {
                        self.want_element(feed);
                    }
                    self.state = State::Value;
                } else if feed.chunk.get(at + 1) == Some(&b'"') {
                    return self.key(feed, at + 2);
                } else {
                    self.state = State::NextKey;
                }
                Ok(at + 1)
            }
            b'}' if object => self.close(feed, at),
            b']' if !object => self.close(feed, at),
            _ => Err(ScanError::Syntax),
        }
    }

    fn expect_key(&mut self, feed: &mut Feed<'_>, at: usize) -> Result<usize, ScanError> {
        let Some((at, byte)) = self.token(feed.chunk, at)? else { return Ok(feed.chunk.len()) };
        let first = self.state == State::FirstKey;
        match byte {
            b'"' => {
                if first && self.skip.is_none() {
                    self.writer.hold(at, false);
                }
                self.key(feed, at + 1)
            }
            b'}' if first => self.close(feed, at),
            _ => Err(ScanError::Syntax),
        }
    }

    fn colon(&mut self, feed: &Feed<'_>, at: usize) -> Result<usize, ScanError> {
        let Some((at, byte)) = self.token(feed.chunk, at)? else { return Ok(feed.chunk.len()) };
        if byte != b':' {
            return Err(ScanError::Syntax);
        }
        self.state = State::Value;
        Ok(at + 1)
    }

    fn begin_text(&mut self, state: State) {
        self.state = state;
        self.raw = 0;
        self.split = false;
        self.text.clear();
    }

    /// Whether the text of the string in hand is wanted.
    const fn wanted(&self, key: bool) -> bool {
        self.skip.is_none() && (key || self.in_leaf)
    }

    /// In a string: up to its end, its next escape or the end of the chunk.
    fn string(&mut self, feed: &mut Feed<'_>, at: usize, key: bool) -> Result<usize, ScanError> {
        let chunk = feed.chunk;
        let stop = special(chunk, at);
        self.grow(stop - at, key)?;
        let run = &chunk[at..stop];
        if stop < chunk.len() && chunk[stop] == b'"' {
            if self.split {
                let mut text = std::mem::take(&mut self.text);
                text.extend_from_slice(run);
                let done = self.string_end(feed, stop + 1, key, &text);
                self.text = text;
                return done;
            }
            return self.string_end(feed, stop + 1, key, run);
        }
        self.split = true;
        if self.wanted(key) {
            self.text.extend_from_slice(run);
        }
        if stop == chunk.len() {
            return Ok(stop);
        }
        if chunk[stop] != b'\\' {
            return Err(ScanError::ControlCharacter);
        }
        self.grow(1, key)?;
        self.escape = Escape::Begun;
        self.state = if key { State::KeyEscape } else { State::TextEscape };
        Ok(stop + 1)
    }

    fn grow(&mut self, bytes: usize, key: bool) -> Result<(), ScanError> {
        self.raw += bytes;
        match key {
            true if self.raw > self.limits.key_bytes => Err(ScanError::KeyTooLong),
            false if self.raw > self.limits.string_bytes => Err(ScanError::StringTooLong),
            _ => Ok(()),
        }
    }

    fn string_end(
        &mut self,
        feed: &mut Feed<'_>,
        at: usize,
        key: bool,
        text: &[u8],
    ) -> Result<usize, ScanError> {
        if !key {
            self.text_end(feed, at, text)?;
            return Ok(at);
        }
        if self.skip.is_none()
            && let Some(frame) = self.stack.last_mut()
        {
            match feed.plan.find(frame.node, text, &mut frame.follow, &mut self.hints) {
                Some(id) => self.want = id,
                None => {
                    let place = Place::Key(frame.node, text);
                    self.reject(feed, place);
                }
            }
        }
        if feed.chunk.get(at) == Some(&b':') {
            self.state = State::Value;
            return Ok(at + 1);
        }
        self.state = State::Colon;
        Ok(at)
    }

    fn escape(&mut self, feed: &Feed<'_>, at: usize, key: bool) -> Result<usize, ScanError> {
        let unescaped = self.escape.step(chunk_byte(feed.chunk, at))?;
        self.grow(1, key)?;
        match unescaped {
            Unescaped::More(escape) => self.escape = escape,
            Unescaped::Char(char) => {
                if self.wanted(key) {
                    let mut bytes = [0; 4];
                    self.text.extend_from_slice(char.encode_utf8(&mut bytes).as_bytes());
                }
                self.state = if key { State::Key } else { State::Text };
            }
        }
        Ok(at + 1)
    }

    fn number(&mut self, feed: &mut Feed<'_>, at: usize) -> Result<usize, ScanError> {
        let mut number = self.number;
        let mut end = at;
        let mut whole = false;
        while let Some(&byte) = feed.chunk.get(end) {
            match number.step(byte)? {
                Some(next) => number = next,
                None => {
                    whole = true;
                    break;
                }
            }
            end += 1;
            if number.takes_digits() {
                let digits = feed.chunk[end..].iter().take_while(|byte| byte.is_ascii_digit());
                end += digits.count();
            }
            if self.raw + (end - at) > self.limits.number_bytes {
                return Err(ScanError::NumberTooLong);
            }
        }
        self.raw += end - at;
        if self.may_be_id(feed) {
            self.text.extend_from_slice(&feed.chunk[at..end]);
        }
        self.number = number;
        if whole {
            let text = std::mem::take(&mut self.text);
            self.number_end(feed, end, &text)?;
            self.text = text;
        }
        Ok(end)
    }

    fn literal(&mut self, feed: &mut Feed<'_>, at: usize) -> Result<usize, ScanError> {
        let mut at = at;
        while let Some((want, rest)) = self.literal.split_first() {
            let Some(byte) = feed.chunk.get(at) else { return Ok(at) };
            if byte != want {
                return Err(ScanError::Syntax);
            }
            self.literal = rest;
            at += 1;
        }
        self.literal_end(feed, at, self.null)?;
        Ok(at)
    }
}

/// INVARIANT: a state is entered with `at` inside the chunk.
fn chunk_byte(chunk: &[u8], at: usize) -> u8 {
    chunk[at]
}
