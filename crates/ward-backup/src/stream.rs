//! The payload of an age file (STREAM): chunks of 64 KiB, each under its number, the last marked.
//!
//! Reordered, repeated or dropped chunks do not open, and an end that is not the marked one is a
//! cut. Best test: `tests.rs`, every bit flipped and every length cut.

use std::io::{self, BufRead, Read, Write};

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use zeroize::Zeroize as _;

use crate::limits::CHUNK_BYTES;

const TAG_BYTES: usize = 16;

/// Number of a chunk and whether it is the last: 11 bytes big endian, then one.
fn nonce(chunk: u64, last: bool) -> Nonce {
    let mut bytes = [0; 12];
    for (to, from) in bytes.iter_mut().skip(3).zip(chunk.to_be_bytes()) {
        *to = from;
    }
    if let Some(end) = bytes.last_mut() {
        *end = u8::from(last);
    }
    Nonce::assume_unique_for_key(bytes)
}

/// Encrypts what is written.
pub(crate) struct Encrypt<W: Write> {
    out: W,
    key: LessSafeKey,
    chunk: u64,
    held: Vec<u8>,
}

impl<W: Write> Encrypt<W> {
    pub(crate) fn new(out: W, key: LessSafeKey) -> Self {
        Self { out, key, chunk: 0, held: Vec::with_capacity(CHUNK_BYTES + TAG_BYTES) }
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let nonce = nonce(self.chunk, last);
        let sealed = self.key.seal_in_place_append_tag(nonce, Aad::empty(), &mut self.held);
        sealed.map_err(|_| io::Error::other("cryptographic library failed"))?;
        self.out.write_all(&self.held)?;
        self.held.clear();
        self.chunk += 1;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Encrypt<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits for more: the last one must be marked.
        if self.held.len() == CHUNK_BYTES && !bytes.is_empty() {
            self.seal(false)?;
        }
        let room = CHUNK_BYTES - self.held.len();
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.held.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What is held is not sealed before it is known whether it is the last.
        self.out.flush()
    }
}

/// Decrypts what is read.
pub(crate) struct Decrypt<R: BufRead> {
    input: R,
    key: LessSafeKey,
    chunk: u64,
    held: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: BufRead> Decrypt<R> {
    pub(crate) fn new(input: R, key: LessSafeKey) -> Self {
        let held = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
        Self { input, key, chunk: 0, held, at: 0, ended: false }
    }

    fn next(&mut self) -> io::Result<()> {
        let damaged = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        self.held.clear();
        self.at = 0;
        let whole = (CHUNK_BYTES + TAG_BYTES) as u64;
        let read = self.input.by_ref().take(whole).read_to_end(&mut self.held)?;
        if read < TAG_BYTES {
            return Err(damaged("it is cut short"));
        }
        let last = self.input.fill_buf()?.is_empty();
        let nonce = nonce(self.chunk, last);
        let opened = self.key.open_in_place(nonce, Aad::empty(), &mut self.held);
        let length = opened.map_err(|_| damaged("a chunk was changed, or it is cut short"))?.len();
        self.held.truncate(length);
        if length == 0 && self.chunk > 0 {
            return Err(damaged("its last chunk is empty"));
        }
        self.chunk += 1;
        self.ended = last;
        Ok(())
    }
}

impl<R: BufRead> Read for Decrypt<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.held.len() {
            if self.ended || into.is_empty() {
                return Ok(0);
            }
            self.next()?;
        }
        let rest = self.held.get(self.at..).unwrap_or_default();
        let taken = rest.len().min(into.len());
        for (to, from) in into.iter_mut().zip(rest) {
            *to = *from;
        }
        self.at += taken;
        Ok(taken)
    }
}

impl<R: BufRead> Drop for Decrypt<R> {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}
