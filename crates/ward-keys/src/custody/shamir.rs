//! m of n: a secret of 32 bytes cut into shares, any m of which give it back (Shamir 1979).
//!
//! Pure; randomness is an argument. GF(256) with the polynomial of AES (FIPS 197 §4.2), worked out
//! without tables, so that neither time nor memory access depends on a secret. Every coefficient is
//! uniform, zero among them: a leading coefficient that is never zero tells something of the secret
//! to whoever holds m-1 shares (RUSTSEC-2024-0398). Why not a crate: `docs/adr/030-custody.md`.
//! Best test: the table and the count below.

use zeroize::Zeroizing;

/// Bytes of a secret.
pub(crate) const SECRET_BYTES: usize = 32;

/// One point: `x` from 1, and the value of every byte's polynomial there.
#[derive(Clone)]
pub(crate) struct Point {
    pub(crate) x: u8,
    pub(crate) y: Zeroizing<[u8; SECRET_BYTES]>,
}

/// Cuts `secret` into `of` points, any `need` of which give it back. `random` MUST be uniform.
pub(crate) fn split(
    secret: &[u8; SECRET_BYTES],
    need: u8,
    of: u8,
    random: &mut dyn FnMut(&mut [u8]),
) -> Vec<Point> {
    let degrees = usize::from(need).saturating_sub(1);
    let mut coefficients = Zeroizing::new(vec![[0u8; SECRET_BYTES]; degrees]);
    for row in coefficients.iter_mut() {
        random(row);
    }
    let value = |x: u8| {
        let mut y = Zeroizing::new([0u8; SECRET_BYTES]);
        // Horner, from the highest coefficient down to the secret.
        for row in coefficients.iter().rev().chain([secret]) {
            for (sum, coefficient) in y.iter_mut().zip(row) {
                *sum = multiply(*sum, x) ^ coefficient;
            }
        }
        Point { x, y }
    };
    (1..=of).map(value).collect()
}

/// The secret of these points. With fewer than were needed, or a wrong one, it is another secret:
/// whoever calls must be able to tell. `None`: a point twice, or at 0.
pub(crate) fn combine(points: &[Point]) -> Option<Zeroizing<[u8; SECRET_BYTES]>> {
    let mut secret = Zeroizing::new([0u8; SECRET_BYTES]);
    for (at, point) in points.iter().enumerate() {
        let others = points.iter().enumerate().filter(|(other, _)| *other != at);
        let mut weight = 1u8;
        for (_, other) in others {
            if other.x == point.x {
                return None;
            }
            weight = multiply(weight, multiply(other.x, inverse(other.x ^ point.x)));
        }
        if point.x == 0 {
            return None;
        }
        for (sum, value) in secret.iter_mut().zip(point.y.iter()) {
            *sum ^= multiply(*value, weight);
        }
    }
    Some(secret)
}

/// Product in GF(256), in constant time.
fn multiply(left: u8, right: u8) -> u8 {
    let (mut product, mut factor) = (0u8, left);
    for bit in 0..8 {
        product ^= factor & 0u8.wrapping_sub((right >> bit) & 1);
        let carry = 0u8.wrapping_sub(factor >> 7);
        factor = (factor << 1) ^ (carry & 0x1b);
    }
    product
}

/// `value` to the power of 254: its inverse, and 0 for 0.
fn inverse(value: u8) -> u8 {
    let mut result = 1u8;
    let mut power = value;
    for bit in 0..8 {
        if (254u8 >> bit) & 1 == 1 {
            result = multiply(result, power);
        }
        power = multiply(power, power);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> impl FnMut(&mut [u8]) {
        let mut next = 7u8;
        move |bytes| {
            for byte in bytes {
                next = next.wrapping_mul(181).wrapping_add(91);
                *byte = next;
            }
        }
    }

    #[test]
    fn the_field_is_the_one_of_aes() {
        // FIPS 197 §4.2: {57} x {83} = {c1}, {57} x {13} = {fe}.
        assert_eq!((multiply(0x57, 0x83), multiply(0x57, 0x13)), (0xc1, 0xfe));
        for value in 1..=255 {
            assert_eq!(multiply(value, inverse(value)), 1, "{value}");
        }
        assert_eq!(inverse(0), 0);
    }

    #[test]
    fn any_m_give_the_secret_and_fewer_give_another() {
        let secret: [u8; 32] = core::array::from_fn(|at| u8::try_from(at * 7).unwrap());
        for (need, of) in [(1, 1), (1, 3), (2, 3), (3, 5), (5, 5), (16, 16)] {
            let points = split(&secret, need, of, &mut counting());
            for mask in 0u32..1 << of.min(10) {
                let chosen: Vec<Point> = (0..of)
                    .filter(|at| mask >> at & 1 == 1)
                    .map(|at| points[usize::from(at)].clone())
                    .collect();
                let got = combine(&chosen).unwrap();
                let enough = chosen.len() >= usize::from(need);
                assert_eq!(*got == secret, enough, "{need} of {of}: {mask:b}");
            }
        }
    }

    #[test]
    fn every_value_of_a_byte_is_as_likely_for_a_holder_of_one_share_less() {
        // With one of two shares known, each secret byte is reached by exactly one coefficient.
        let mut seen = [0u32; 256];
        for coefficient in 0..=255u8 {
            let points = split(&[42; 32], 2, 2, &mut |bytes: &mut [u8]| bytes.fill(coefficient));
            seen[usize::from(points[0].y[0])] += 1;
        }
        assert_eq!(seen, [1; 256]);
    }

    #[test]
    fn a_point_twice_or_at_the_secret_itself_is_refused() {
        let points = split(&[1; 32], 2, 3, &mut counting());
        assert!(combine(&[points[0].clone(), points[0].clone()]).is_none());
        let zero = Point { x: 0, y: Zeroizing::new([1; 32]) };
        assert!(combine(&[zero]).is_none());
    }
}
