//! The canonical encoding of one column: fixed order, little endian, nothing optional twice.
//!
//! Two different byte strings never decode to the same value, and every value has one encoding:
//! leaves are hashed, so an encoding that could be read two ways would be a forgery.
//! Signed integers only, because every archive engine reads those alike.

use crate::limits::{BYTES_MAX, TEXT_BYTES_MAX};

/// A value with exactly one encoding.
pub trait Column: Sized {
    /// Appends the encoding.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads one value from the front of `input`.
    ///
    /// # Errors
    /// [`DecodeError`]: the bytes are not what this version writes.
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError>;
}

/// Why bytes are no record. Blame: corrupt storage, or a newer Ward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a column.
    #[error("record ends inside a column")]
    Short,
    /// Bytes are left after the last column.
    #[error("{extra} bytes after the last column")]
    Long {
        /// How many.
        extra: usize,
    },
    /// A record kind this version does not know.
    #[error("unknown record kind {kind}")]
    UnknownKind {
        /// The kind found.
        kind: u16,
    },
    /// A word this version does not know.
    #[error("unknown word {byte} in list {list}")]
    UnknownWord {
        /// The closed list.
        list: &'static str,
        /// The byte found.
        byte: u8,
    },
    /// A value outside its bounds.
    #[error("column out of bounds: {what}")]
    Bounds {
        /// Which bound.
        what: &'static str,
    },
}

fn take_array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], DecodeError> {
    let (head, tail) = input.split_first_chunk::<N>().ok_or(DecodeError::Short)?;
    *input = tail;
    Ok(*head)
}

macro_rules! integer {
    ($($int:ty),+) => {$(
        impl Column for $int {
            fn put(&self, out: &mut Vec<u8>) { out.extend_from_slice(&self.to_le_bytes()); }
            fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
                Ok(Self::from_le_bytes(take_array(input)?))
            }
        }
    )+};
}
integer!(u8, u16, i32, i64);

impl Column for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        match u8::take(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Bounds { what: "bool" }),
        }
    }
}

impl<const N: usize> Column for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        take_array(input)
    }
}

/// A bounded UTF-8 text column, at most [`TEXT_BYTES_MAX`] bytes. Never a data subject's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(String);

impl Text {
    /// Keeps `text` if it fits.
    ///
    /// # Errors
    /// [`DecodeError::Bounds`]: longer than [`TEXT_BYTES_MAX`] bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, DecodeError> {
        let text = text.into();
        if text.len() > TEXT_BYTES_MAX {
            return Err(DecodeError::Bounds { what: "text" });
        }
        Ok(Self(text))
    }

    /// Keeps what fits of `text`, cut at a character boundary: for names made by Ward itself.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let end = (0..=TEXT_BYTES_MAX.min(text.len()))
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        Self(text.get(..end).unwrap_or_default().to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Display for Text {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl Column for Text {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.0.as_bytes(), out);
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let bytes = take_bytes(input, TEXT_BYTES_MAX)?;
        let text =
            core::str::from_utf8(bytes).map_err(|_| DecodeError::Bounds { what: "utf-8" })?;
        Ok(Self(text.to_owned()))
    }
}

/// A bounded byte-string column (a public key), at most [`BYTES_MAX`] bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Octets(Vec<u8>);

impl Octets {
    /// Keeps `bytes` if they fit.
    ///
    /// # Errors
    /// [`DecodeError::Bounds`]: longer than [`BYTES_MAX`].
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, DecodeError> {
        let bytes = bytes.into();
        if bytes.len() > BYTES_MAX {
            return Err(DecodeError::Bounds { what: "octets" });
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl Column for Octets {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(&self.0, out);
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        Ok(Self(take_bytes(input, BYTES_MAX)?.to_vec()))
    }
}

/// INVARIANT: callers bound `bytes` by a limit below `u16::MAX` before they hold it.
fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(bytes.get(..usize::from(len)).unwrap_or(bytes));
}

fn take_bytes<'a>(input: &mut &'a [u8], max: usize) -> Result<&'a [u8], DecodeError> {
    let len = usize::from(u16::take(input)?);
    if len > max {
        return Err(DecodeError::Bounds { what: "length" });
    }
    let (head, tail) = input.split_at_checked(len).ok_or(DecodeError::Short)?;
    *input = tail;
    Ok(head)
}
