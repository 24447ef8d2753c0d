//! A text that is short as a rule: names of principals, scopes, tenants.
//!
//! Up to 24 bytes lie in the value itself, so that a hot path makes one without an allocation; a
//! longer one lies elsewhere. Best test: `tests` below.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

/// A text. Making or cloning one of at most 24 bytes allocates nothing.
#[derive(Clone)]
pub struct ShortText(Kept);

#[derive(Clone)]
enum Kept {
    /// The bytes, then zeros, and how many count.
    Here([u8; HERE], u8),
    Elsewhere(Box<str>),
}

/// Most bytes that lie in the value itself.
const HERE: usize = 24;

impl ShortText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // INVARIANT: they were the bytes of a text.
            Kept::Here(bytes, len) => {
                let bytes = bytes.get(..usize::from(*len)).unwrap_or_default();
                core::str::from_utf8(bytes).unwrap_or_default()
            }
            Kept::Elsewhere(text) => text,
        }
    }
}

impl From<&str> for ShortText {
    #[inline]
    fn from(text: &str) -> Self {
        let bytes = text.as_bytes();
        match u8::try_from(bytes.len()) {
            Ok(len) if bytes.len() <= HERE => Self(Kept::Here(padded(bytes), len)),
            _ => Self(Kept::Elsewhere(text.into())),
        }
    }
}

impl From<String> for ShortText {
    fn from(text: String) -> Self {
        if text.len() <= HERE {
            Self::from(text.as_str())
        } else {
            Self(Kept::Elsewhere(text.into()))
        }
    }
}

impl From<&String> for ShortText {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Cow<'_, str>> for ShortText {
    #[inline]
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::from(text),
            Cow::Owned(text) => Self::from(text),
        }
    }
}

impl core::fmt::Debug for ShortText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for ShortText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ShortText {}

impl Hash for ShortText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// The bytes and zeros behind them; what does not fit is cut.
///
/// WHY by words: a copy of a length that is not known is a call, and reading it back in other pieces
/// than it was written waits for the store.
#[inline]
fn padded(bytes: &[u8]) -> [u8; HERE] {
    let mut out = [0; HERE];
    let mut rest = bytes;
    for chunk in out.as_chunks_mut::<8>().0 {
        *chunk = first_word(rest).to_le_bytes();
        rest = rest.get(8..).unwrap_or_default();
    }
    out
}

/// The first eight bytes, or all there are and zeros.
#[inline]
fn first_word(bytes: &[u8]) -> u64 {
    if let Some(all) = bytes.first_chunk::<8>() {
        return u64::from_le_bytes(*all);
    }
    let shift = |behind: usize| u32::try_from(bytes.len() * 8 - behind).unwrap_or(0);
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let tail = u64::from(u32::from_le_bytes(*tail)) << shift(32);
        return u64::from(u32::from_le_bytes(*head)) | tail;
    }
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<2>(), bytes.last_chunk::<2>()) {
        let tail = u64::from(u16::from_le_bytes(*tail)) << shift(16);
        return u64::from(u16::from_le_bytes(*head)) | tail;
    }
    bytes.first().map_or(0, |byte| u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_comes_back() {
        let long = "Zoë and the ünïcode of 漢字, over and over: 漢字漢字".repeat(2);
        for text in (0..long.len()).filter_map(|end| long.get(..end)) {
            let made = [
                ShortText::from(text),
                ShortText::from(text.to_owned()),
                ShortText::from(&text.to_owned()),
                ShortText::from(Cow::Borrowed(text)),
                ShortText::from(text).clone(),
            ];
            for one in made {
                assert_eq!(one.as_str(), text);
                assert_eq!(one, ShortText::from(text));
            }
            assert_ne!(ShortText::from(text), ShortText::from(long.as_str()));
        }
        assert_eq!(format!("{:?}", ShortText::from("a\"")), r#""a\"""#);
    }
}
