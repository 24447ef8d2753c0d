//! The least of DER that key files need: definite lengths, one value after the other.
//!
//! Pure, and strict where leniency could hide a second reading: lengths are the shortest form and
//! lie inside what is there. Source: X.690 §8, §10.

/// Tags that stand in key files.
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed and primitive.
pub(crate) const CONTEXT_0: u8 = 0xa0;
pub(crate) const CONTEXT_0_PLAIN: u8 = 0x80;

/// What is left to read.
#[derive(Clone, Copy)]
pub(crate) struct Der<'a>(pub(crate) &'a [u8]);

impl<'a> Der<'a> {
    /// The next value, whatever its tag.
    pub(crate) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        // A tag of more than one byte stands in no key file.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (first, rest) = rest.split_first()?;
        let (len, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81 => {
                let (len, rest) = rest.split_first()?;
                (usize::from(*len).ge(&0x80).then_some(usize::from(*len))?, rest)
            }
            0x82 => {
                let (len, rest) = rest.split_first_chunk::<2>()?;
                let len = usize::from(u16::from_be_bytes(*len));
                (len.ge(&0x100).then_some(len)?, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((*tag, content))
    }

    /// The next value if it has this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let (found, content) = ahead.next()?;
        (found == tag).then(|| {
            *self = ahead;
            content
        })
    }

    /// The next value as a sequence.
    pub(crate) fn sequence(&mut self) -> Option<Der<'a>> {
        self.take(SEQUENCE).map(Der)
    }

    /// The next value as a number that is not negative and fits.
    pub(crate) fn number(&mut self) -> Option<u32> {
        let bytes = self.take(INTEGER)?;
        let (first, rest) = bytes.split_first()?;
        let bytes = if *first == 0 { rest } else { bytes };
        if *first >= 0x80 || bytes.len() > 4 {
            return None;
        }
        Some(bytes.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    /// Whether nothing is left.
    pub(crate) const fn is_done(self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_the_shortest_and_inside() {
        let long = |head: &[u8], len: usize| [head, &vec![7; len]].concat();
        let cases: [(&str, Vec<u8>, Option<usize>); 9] = [
            ("short", vec![4, 1, 9], Some(1)),
            ("empty", vec![4, 0], Some(0)),
            ("one byte", long(&[4, 0x81, 0x80], 128), Some(128)),
            ("two bytes", long(&[4, 0x82, 1, 0], 256), Some(256)),
            ("not the shortest", long(&[4, 0x81, 0x7f], 127), None),
            ("not the shortest of two", long(&[4, 0x82, 0, 0xff], 255), None),
            ("indefinite", vec![0x30, 0x80, 0, 0], None),
            ("past the end", vec![4, 2, 9], None),
            ("nothing", vec![], None),
        ];
        for (name, bytes, want) in cases {
            assert_eq!(Der(&bytes).next().map(|(_, content)| content.len()), want, "{name}");
        }
    }

    #[test]
    fn numbers_are_small_and_not_negative() {
        let number = |bytes: &[u8]| Der(bytes).number();
        assert_eq!(number(&[2, 2, 8, 0]), Some(2048));
        assert_eq!(number(&[2, 5, 0, 0xff, 0xff, 0xff, 0xff]), Some(u32::MAX));
        assert_eq!(number(&[2, 1, 0x80]), None, "negative");
        assert_eq!(number(&[2, 5, 1, 0, 0, 0, 0]), None, "too large");
    }
}
