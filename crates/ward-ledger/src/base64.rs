//! Canonical base64url without padding (RFC 4648 §5): one text for one byte string.
//!
//! Non-zero trailing bits, padding, white space and every other character are refused: two texts
//! for the same bytes would be two tokens for one entry. Best test: `token/tests.rs`.

use core::mem::MaybeUninit;

use base64_simd::{AsOut as _, URL_SAFE_NO_PAD};

use crate::limits::PART_BYTES_MAX;

/// Room for one decoded part, on the stack and not cleared first.
pub(crate) struct Room([MaybeUninit<u8>; PART_BYTES_MAX]);

impl Room {
    pub(crate) const fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; PART_BYTES_MAX])
    }

    /// Decodes `text` into this room; `None` if it is not canonical or does not fit.
    pub(crate) fn decode(&mut self, text: &[u8]) -> Option<&[u8]> {
        // INVARIANT: the library asserts that the output fits; it is asked only when it does.
        let fits = URL_SAFE_NO_PAD.decoded_length(text).is_ok_and(|len| len <= self.0.len());
        if !fits {
            return None;
        }
        URL_SAFE_NO_PAD.decode(text, self.0.as_mut_slice().as_out()).ok().map(|bytes| &*bytes)
    }
}

impl Room {
    /// Decodes `text` into this room; `None` also if it stands for no UTF-8.
    pub(crate) fn decode_text(&mut self, text: &[u8]) -> Option<&str> {
        core::str::from_utf8(self.decode(text)?).ok()
    }
}

/// Decodes exactly `N` bytes.
pub(crate) fn decode_array<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    decode_into(text, &mut bytes).then_some(bytes)
}

/// Decodes exactly `N` bytes into `out`; `false` if `text` is not canonical or not of that length.
///
/// WHY into a place of the caller's: an array that is handed back is copied on its way, and reading
/// what the vector unit has just written in other pieces waits for the store.
#[inline]
pub(crate) fn decode_into<const N: usize>(text: &[u8], out: &mut [u8; N]) -> bool {
    URL_SAFE_NO_PAD.decoded_length(text).is_ok_and(|len| len == N)
        && URL_SAFE_NO_PAD.decode(text, out.as_mut_slice().as_out()).is_ok()
}

/// Encodes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}
