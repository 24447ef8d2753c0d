//! One form for a signature: what is fingerprinted is the canonical token, not its raw text.
//!
//! An ES256 signature (r, s) has a twin (r, n - s) that verifies as well; without one form a
//! revoked token would return as its twin. Pure arithmetic on 32-byte numbers.
//! Source: SEC 1 §4.1.4 (r, s in 1..=n-1), RFC 8032 §5.1.7 (S < L). Best test: `tests` below.

use ward_model::word::Algorithm;

use crate::limits::SIGNATURE_BYTES;

/// The order n of P-256 (FIPS 186-5, SP 800-186 §3.2.1.3), big endian.
const P256_N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// floor(n / 2), big endian.
const P256_N_HALF: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// The order L of the Ed25519 base point (RFC 8032 §5.1), big endian.
const ED25519_L: [u8; 32] = [
    0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6, 0x58, 0x12, 0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed,
];

/// Brings `signature` into its one form. `false`: no key could have made it.
#[must_use]
pub fn canonicalise(algorithm: Algorithm, signature: &mut [u8; SIGNATURE_BYTES]) -> bool {
    let Some((first, second)) = signature.split_first_chunk_mut::<32>() else { return false };
    let Some(second) = second.first_chunk_mut::<32>() else { return false };
    match algorithm {
        Algorithm::Es256 => {
            if !in_p256_range(first) || !in_p256_range(second) {
                return false;
            }
            if *second > P256_N_HALF {
                *second = minus(&P256_N, second);
            }
            true
        }
        Algorithm::EdDsa => {
            let mut s = *second;
            s.reverse();
            s < ED25519_L
        }
    }
}

fn in_p256_range(number: &[u8; 32]) -> bool {
    *number < P256_N && *number != [0; 32]
}

/// `left - right` for `right <= left`, big endian.
fn minus(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut out = [0; 32];
    let mut borrow = false;
    for ((out, left), right) in out.iter_mut().zip(left).zip(right).rev() {
        let (without, first) = left.overflowing_sub(*right);
        let (with, second) = without.overflowing_sub(u8::from(borrow));
        *out = with;
        borrow = first || second;
    }
    out
}

/// The other signature over the same message that verifies under the same ES256 key.
#[cfg(test)]
pub(crate) fn twin(signature: &[u8; SIGNATURE_BYTES]) -> [u8; SIGNATURE_BYTES] {
    let mut out = *signature;
    let s: [u8; 32] = signature[32..].try_into().unwrap();
    out[32..].copy_from_slice(&minus(&P256_N, &s));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(first: [u8; 32], second: [u8; 32]) -> [u8; 64] {
        let mut out = [0; 64];
        out[..32].copy_from_slice(&first);
        out[32..].copy_from_slice(&second);
        out
    }

    fn low(byte: u8) -> [u8; 32] {
        let mut out = [0; 32];
        out[31] = byte;
        out
    }

    #[test]
    fn the_constants_hold_together() {
        let twice = minus(&minus(&P256_N, &P256_N_HALF), &P256_N_HALF);
        assert_eq!(twice, low(1), "n = 2 * half + 1");
    }

    #[test]
    fn only_numbers_a_key_could_make_pass() {
        struct Case(&'static str, Algorithm, [u8; 64], bool);
        let mut l_reversed = ED25519_L;
        l_reversed.reverse();
        let mut below_l = l_reversed;
        below_l[0] -= 1;
        for Case(name, algorithm, mut signature, want) in [
            Case("small", Algorithm::Es256, join(low(1), low(1)), true),
            Case("r zero", Algorithm::Es256, join(low(0), low(1)), false),
            Case("s zero", Algorithm::Es256, join(low(1), low(0)), false),
            Case("r = n", Algorithm::Es256, join(P256_N, low(1)), false),
            Case("s = n", Algorithm::Es256, join(low(1), P256_N), false),
            Case("s = n - 1", Algorithm::Es256, join(low(1), minus(&P256_N, &low(1))), true),
            Case("S = L", Algorithm::EdDsa, join(low(1), l_reversed), false),
            Case("S = L - 1", Algorithm::EdDsa, join(low(1), below_l), true),
        ] {
            assert_eq!(canonicalise(algorithm, &mut signature), want, "{name}");
        }
    }

    #[test]
    fn a_signature_and_its_twin_have_one_form() {
        for s in [low(1), low(200), P256_N_HALF, minus(&P256_N, &low(7))] {
            let mut one = join(low(9), s);
            let mut other = twin(&one);
            assert!(canonicalise(Algorithm::Es256, &mut one));
            assert!(canonicalise(Algorithm::Es256, &mut other));
            assert_eq!(one, other);
            assert!(one[32..] <= P256_N_HALF[..]);
        }
    }
}
