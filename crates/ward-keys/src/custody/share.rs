//! A share as a person keeps it: one line of text that tells a typing mistake from a wrong share.
//!
//! FORMAT: `ward_share_` and base64url without padding of set 8 | x u8 | y 32 | the first 4 bytes of
//! SHA-256 over all before. The set tells shares of another custody, or of the one before, apart.
//! Decoder of untrusted bytes: fuzzed (`fuzz_targets/custody.rs`).

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use zeroize::Zeroizing;

use super::shamir::{Point, SECRET_BYTES};

/// What a share begins with.
pub const PREFIX: &str = "ward_share_";
/// Longest text of a share, bytes.
pub const SHARE_BYTES_MAX: usize = 128;

const BODY_BYTES: usize = 8 + 1 + SECRET_BYTES;
const SUM_BYTES: usize = 4;

/// One share. No `Debug`, no `Display`; erased when dropped.
#[derive(Clone)]
pub struct Share {
    pub(crate) set: [u8; 8],
    pub(crate) point: Point,
}

/// Why a text is no share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// It does not look like one.
    #[error("a share begins with ward_share_")]
    Form,
    /// A letter is wrong.
    #[error("the share has a typing mistake")]
    Sum,
}

impl Share {
    /// Reads a share.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        let text = text.trim();
        if text.len() > SHARE_BYTES_MAX {
            return Err(ShareError::Form);
        }
        let body = text.strip_prefix(PREFIX).ok_or(ShareError::Form)?;
        let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| ShareError::Sum)?;
        let (body, sum) = bytes.split_at_checked(BODY_BYTES).ok_or(ShareError::Sum)?;
        if sum.len() != SUM_BYTES || sum != checksum(body) {
            return Err(ShareError::Sum);
        }
        let (set, rest) = body.split_first_chunk::<8>().ok_or(ShareError::Sum)?;
        let (x, y) = rest.split_first().ok_or(ShareError::Sum)?;
        let y = <[u8; SECRET_BYTES]>::try_from(y).map_err(|_| ShareError::Sum)?;
        Ok(Self { set: *set, point: Point { x: *x, y: Zeroizing::new(y) } })
    }

    /// The text to give to its holder, once.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let mut bytes = self.bytes();
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum);
        Zeroizing::new(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes)))
    }

    /// Its number, from 1.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.point.x
    }

    /// What the lock keeps of it: a digest that tells this share from every other and, over 32
    /// uniform bytes, nothing of what is in it.
    pub(crate) fn check(&self) -> String {
        let mut bytes = Zeroizing::new(b"ward share".to_vec());
        bytes.extend_from_slice(&self.bytes());
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        HEXLOWER.encode(digest.as_ref())
    }

    fn bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BODY_BYTES + SUM_BYTES));
        bytes.extend_from_slice(&self.set);
        bytes.push(self.point.x);
        bytes.extend_from_slice(&*self.point.y);
        bytes
    }
}

fn checksum(body: &[u8]) -> [u8; SUM_BYTES] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_survives_paper_and_a_typing_mistake_shows() {
        let point = Point { x: 3, y: Zeroizing::new([0xa5; 32]) };
        let share = Share { set: [7; 8], point };
        let text = share.text();
        let again = Share::parse(&format!("  {}\n", *text)).unwrap();
        assert_eq!((again.set, again.number(), again.point.y), ([7; 8], 3, share.point.y));
        for at in PREFIX.len()..text.len() {
            let mut wrong = text.as_bytes().to_vec();
            wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
            let wrong = String::from_utf8(wrong).unwrap();
            if wrong != *text {
                assert_eq!(Share::parse(&wrong).err(), Some(ShareError::Sum), "{at}");
            }
        }
        for form in ["", "ward_sharp_AAAA", &"x".repeat(4000)] {
            assert_eq!(Share::parse(form).err(), Some(ShareError::Form));
        }
        assert_eq!(Share::parse("ward_share_").err(), Some(ShareError::Sum));
    }
}
