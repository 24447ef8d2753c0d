//! One form for a signature: what is fingerprinted is the canonical token, not its raw text.
//!
//! An ES256 signature (r, s) has a twin (r, n - s) that verifies as well; without one form a
//! revoked token would return as its twin. Pure arithmetic on 32-byte numbers.
//! Source: SEC 1 §4.1.4 (r, s in 1..=n-1), RFC 8032 §5.1.7 (S < L). Best test: `tests` below.

use ward_model::word::Algorithm;

use crate::limits::SIGNATURE_BYTES;

/// The order n of P-256 (FIPS 186-5, SP 800-186 §3.2.1.3).
const P256_N: Wide =
    (0xffff_ffff_0000_0000_ffff_ffff_ffff_ffff, 0xbce6_faad_a717_9e84_f3b9_cac2_fc63_2551);

/// floor(n / 2).
const P256_N_HALF: Wide =
    (0x7fff_ffff_8000_0000_7fff_ffff_ffff_ffff, 0xde73_7d56_d38b_cf42_79dc_e561_7e31_92a8);

/// The order L of the Ed25519 base point (RFC 8032 §5.1).
const ED25519_L: Wide =
    (0x1000_0000_0000_0000_0000_0000_0000_0000, 0x14de_f9de_a2f7_9cd6_5812_631a_5cf5_d3ed);

/// Brings `signature` into its one form. `false`: no key could have made it.
#[must_use]
pub fn canonicalise(algorithm: Algorithm, signature: &mut [u8; SIGNATURE_BYTES]) -> bool {
    let Some((first, second)) = signature.split_first_chunk_mut::<32>() else { return false };
    let Some(second) = second.first_chunk_mut::<32>() else { return false };
    match algorithm {
        Algorithm::Es256 => {
            let (r, s) = (wide(first), wide(second));
            if !in_p256_range(r) || !in_p256_range(s) {
                return false;
            }
            if s > P256_N_HALF {
                *second = bytes(minus(P256_N, s));
            }
            true
        }
        Algorithm::EdDsa => {
            let mut s = *second;
            s.reverse();
            wide(&s) < ED25519_L
        }
    }
}

/// A 32-byte number: its more significant half, then the other. Compares as numbers do.
type Wide = (u128, u128);

#[inline]
fn wide(bytes: &[u8; 32]) -> Wide {
    let (halves, _) = bytes.as_chunks::<16>();
    match halves {
        [high, low] => (u128::from_be_bytes(*high), u128::from_be_bytes(*low)),
        _ => (0, 0),
    }
}

fn bytes((high, low): Wide) -> [u8; 32] {
    let mut bytes = [0; 32];
    let (halves, _) = bytes.as_chunks_mut::<16>();
    for (half, number) in halves.iter_mut().zip([high, low]) {
        *half = number.to_be_bytes();
    }
    bytes
}

#[inline]
fn in_p256_range(number: Wide) -> bool {
    number < P256_N && (number.0 | number.1) != 0
}

/// `left - right` for `right <= left`.
#[inline]
fn minus(left: Wide, right: Wide) -> Wide {
    let (low, borrow) = left.1.overflowing_sub(right.1);
    (left.0.wrapping_sub(right.0).wrapping_sub(u128::from(borrow)), low)
}

/// The other signature over the same message that verifies under the same ES256 key.
/// `signature` MUST be in its one form.
pub(crate) fn twin(signature: &[u8; SIGNATURE_BYTES]) -> [u8; SIGNATURE_BYTES] {
    let mut out = *signature;
    if let Some(s) = out.last_chunk_mut::<32>() {
        *s = bytes(minus(P256_N, wide(s)));
    }
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

    fn below_n(by: u8) -> [u8; 32] {
        bytes(minus(P256_N, wide(&low(by))))
    }

    #[test]
    fn the_constants_hold_together() {
        let twice = minus(minus(P256_N, P256_N_HALF), P256_N_HALF);
        assert_eq!(bytes(twice), low(1), "n = 2 * half + 1");
    }

    #[test]
    fn only_numbers_a_key_could_make_pass() {
        struct Case(&'static str, Algorithm, [u8; 64], bool);
        let mut l_reversed = bytes(ED25519_L);
        l_reversed.reverse();
        let mut below_l = l_reversed;
        below_l[0] -= 1;
        let mut past_n = bytes(P256_N);
        past_n[31] += 1;
        for Case(name, algorithm, mut signature, want) in [
            Case("small", Algorithm::Es256, join(low(1), low(1)), true),
            Case("r zero", Algorithm::Es256, join(low(0), low(1)), false),
            Case("s zero", Algorithm::Es256, join(low(1), low(0)), false),
            Case("r = n", Algorithm::Es256, join(bytes(P256_N), low(1)), false),
            Case("s = n", Algorithm::Es256, join(low(1), bytes(P256_N)), false),
            Case("s = n - 1", Algorithm::Es256, join(low(1), below_n(1)), true),
            Case("s past n in its last word", Algorithm::Es256, join(low(1), past_n), false),
            Case("S = L", Algorithm::EdDsa, join(low(1), l_reversed), false),
            Case("S = L - 1", Algorithm::EdDsa, join(low(1), below_l), true),
        ] {
            assert_eq!(canonicalise(algorithm, &mut signature), want, "{name}");
        }
    }

    #[test]
    fn a_signature_and_its_twin_have_one_form() {
        for s in [low(1), low(200), bytes(P256_N_HALF), below_n(7)] {
            let mut one = join(low(9), s);
            let mut other = twin(&one);
            assert!(canonicalise(Algorithm::Es256, &mut one));
            assert!(canonicalise(Algorithm::Es256, &mut other));
            assert_eq!(one, other);
            assert!(one[32..] <= bytes(P256_N_HALF)[..]);
        }
    }
}
