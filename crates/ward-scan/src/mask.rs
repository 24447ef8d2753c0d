//! Masks: what is left of a value that the caller may not see whole.
//!
//! What it must never do: give more than the value had, show a short value whole, or write
//! without bound. Works on the unescaped text, on Unicode scalar values.
//! Best test: `mask/tests.rs`.

use crate::limits::{DOMAIN_BYTES_MAX, STARS_MAX};
use crate::text::special;

/// What to leave of a string. Numbers and booleans under any mask become `null`; `null` stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mask {
    /// `***`, whatever was there.
    All,
    /// The first n characters, a star for each other (at most 64). A value of n characters or
    /// fewer is starred whole: a mask never shows everything.
    KeepFirst(u8),
    /// The last n characters, a star for each other (at most 64); short values as above.
    KeepLast(u8),
    /// First character, `***`, `@` and the domain; `***` when it is no address.
    Email,
    /// `null`.
    Null,
}

/// What a masked string becomes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Masked {
    /// The text now in the buffer, unescaped.
    Text,
    /// The literal `null`.
    Null,
}

impl Mask {
    /// Writes what is left of `text` to `out` (cleared first). O(length of text), no allocation
    /// once `out` has grown.
    pub(crate) fn apply(self, text: &str, out: &mut String) -> Masked {
        out.clear();
        match self {
            Self::Null => return Masked::Null,
            Self::All => out.push_str("***"),
            Self::KeepFirst(keep) => keep_first(text, usize::from(keep), out),
            Self::KeepLast(keep) => keep_last(text, usize::from(keep), out),
            Self::Email => email(text, out),
        }
        Masked::Text
    }
}

fn stars(count: usize, out: &mut String) {
    const STARS: &str = match str::from_utf8(&[b'*'; STARS_MAX]) {
        Ok(stars) => stars,
        Err(_) => "",
    };
    out.push_str(STARS.get(..count.min(STARS_MAX)).unwrap_or(STARS));
}

fn keep_first(text: &str, keep: usize, out: &mut String) {
    match text.char_indices().nth(keep).and_then(|(at, _)| text.split_at_checked(at)) {
        Some((kept, rest)) => {
            out.push_str(kept);
            stars(rest.chars().count(), out);
        }
        None => stars(text.chars().count(), out),
    }
}

fn keep_last(text: &str, keep: usize, out: &mut String) {
    let total = text.chars().count();
    if total <= keep {
        return stars(total, out);
    }
    stars(total - keep, out);
    let from = text.char_indices().rev().take(keep).last().map_or(text.len(), |(at, _)| at);
    out.push_str(text.get(from..).unwrap_or_default());
}

/// WHY: only what can be a domain is shown, so that free text with an `@` in it is starred whole.
fn email(text: &str, out: &mut String) {
    let parts = text.rsplit_once('@').filter(|(_, domain)| is_domain(domain));
    match parts.and_then(|(local, domain)| Some((local.chars().next()?, domain))) {
        Some((first, domain)) => {
            out.push(first);
            out.push_str("***@");
            out.push_str(domain);
        }
        None => out.push_str("***"),
    }
}

fn is_domain(text: &str) -> bool {
    let labels = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
    !text.is_empty() && text.len() <= DOMAIN_BYTES_MAX && text.chars().all(labels)
}

/// Writes `text` as a JSON string (RFC 8259 §7).
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or(b'0');
    let mut rest = text.as_bytes();
    out.push(b'"');
    while let Some((run, after)) = rest.split_at_checked(special(rest, 0)) {
        out.extend_from_slice(run);
        let Some((&byte, after)) = after.split_first() else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            _ => out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                digit(byte >> 4),
                digit(byte & 15),
            ]),
        }
        rest = after;
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
