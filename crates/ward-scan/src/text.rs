//! Strings and numbers byte by byte and run by run (RFC 8259 §6, §7).
#![expect(
    clippy::indexing_slicing,
    reason = "every position is below the length it was just compared with"
)]

use crate::error::ScanError;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The first quote, backslash or control character at or after `from`; the length if none.
///
/// WHY: eight bytes at a time by hand. Strings of an API are short, and a call to a vector
/// search costs more than most of them.
#[inline]
pub(crate) fn special(chunk: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(word) = chunk[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * 0x22);
        let slash = word ^ (ONES * 0x5c);
        let zero = |x: u64| x.wrapping_sub(ONES) & !x;
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        // Borrows can raise false marks only above a true one: the lowest mark is exact.
        let marks = (zero(quote) | zero(slash) | control) & HIGH;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < chunk.len() && !matches!(chunk[at], b'"' | b'\\' | 0..=0x1f) {
        at += 1;
    }
    at
}

/// Where an escape stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// The backslash was read.
    Begun,
    /// In `\u` and four hex digits: digits read, their value, and the high surrogate before it.
    Hex { digits: u8, code: u32, high: Option<u32> },
    /// A high surrogate was read; its other half must follow.
    ExpectBackslash { high: u32 },
    /// ... and its backslash was read.
    ExpectU { high: u32 },
}

/// What one byte of an escape came to.
pub(crate) enum Unescaped {
    More(Escape),
    Char(char),
}

impl Escape {
    pub(crate) fn step(self, byte: u8) -> Result<Unescaped, ScanError> {
        let more = |escape| Ok(Unescaped::More(escape));
        match self {
            Self::Begun => Ok(Unescaped::Char(match byte {
                b'"' | b'\\' | b'/' => char::from(byte),
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => return more(Self::Hex { digits: 0, code: 0, high: None }),
                _ => return Err(ScanError::BadEscape),
            })),
            Self::Hex { digits, code, high } => {
                let digit = char::from(byte).to_digit(16).ok_or(ScanError::BadEscape)?;
                let code = code << 4 | digit;
                if digits < 3 {
                    return more(Self::Hex { digits: digits + 1, code, high });
                }
                match (high, code) {
                    (None, 0xd800..=0xdbff) => more(Self::ExpectBackslash { high: code }),
                    (Some(high), 0xdc00..=0xdfff) => {
                        let scalar = 0x1_0000 + ((high - 0xd800) << 10 | (code - 0xdc00));
                        char::from_u32(scalar).map(Unescaped::Char).ok_or(ScanError::LoneSurrogate)
                    }
                    (None, _) => {
                        char::from_u32(code).map(Unescaped::Char).ok_or(ScanError::LoneSurrogate)
                    }
                    (Some(_), _) => Err(ScanError::LoneSurrogate),
                }
            }
            Self::ExpectBackslash { high } if byte == b'\\' => more(Self::ExpectU { high }),
            Self::ExpectU { high } if byte == b'u' => {
                more(Self::Hex { digits: 0, code: 0, high: Some(high) })
            }
            Self::ExpectBackslash { .. } | Self::ExpectU { .. } => Err(ScanError::LoneSurrogate),
        }
    }
}

/// What has been read of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    /// The number that begins with a byte: a minus or a digit.
    pub(crate) const fn begin(byte: u8) -> Self {
        match byte {
            b'-' => Self::Minus,
            b'0' => Self::Zero,
            _ => Self::Digits,
        }
    }

    /// The number with one more byte; `None` when the byte is not part of it.
    #[inline]
    pub(crate) const fn step(self, byte: u8) -> Result<Option<Self>, ScanError> {
        Ok(Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Digits, b'0'..=b'9') => Self::Digits,
            (Self::Zero | Self::Digits, b'.') => Self::Point,
            (Self::Zero | Self::Digits | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => {
                Self::ExponentDigits
            }
            (Self::Zero, b'0'..=b'9') => return Err(ScanError::BadNumber),
            _ if self.is_whole() => return Ok(None),
            _ => return Err(ScanError::BadNumber),
        }))
    }

    /// Whether any further digits leave it as it is.
    pub(crate) const fn takes_digits(self) -> bool {
        matches!(self, Self::Digits | Self::Fraction | Self::ExponentDigits)
    }

    /// Whether a number may end here.
    pub(crate) const fn is_whole(self) -> bool {
        matches!(self, Self::Zero | Self::Digits | Self::Fraction | Self::ExponentDigits)
    }
}

/// Whether a number is a plain integer: what can be an id. `-0` is not.
pub(crate) fn is_plain_integer(number: &[u8]) -> bool {
    number != b"-0" && number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::special;

    #[test]
    fn special_bytes_are_found_at_every_place() {
        let filler = "ab가!\u{7f}#[]^_{|~é\u{80}";
        for special_byte in [b'"', b'\\', 0, 0x1f, b'\n'] {
            for lead in 0..20 {
                let mut text: Vec<u8> = filler.bytes().cycle().take(lead).collect();
                text.push(special_byte);
                text.extend(filler.bytes());
                text.push(b'"');
                for from in 0..=lead {
                    assert_eq!(special(&text, from), lead, "{special_byte} {lead} {from}");
                }
            }
        }
        for length in 0..20 {
            let text: Vec<u8> = filler.bytes().cycle().take(length).collect();
            assert_eq!(special(&text, 0), length);
        }
        for byte in 0_u8..=255 {
            let text = [byte; 9];
            let want = if byte < 0x20 || byte == b'"' || byte == b'\\' { 0 } else { 9 };
            assert_eq!(special(&text, 0), want, "{byte}");
        }
    }
}
