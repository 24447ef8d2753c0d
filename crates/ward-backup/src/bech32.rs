//! Bech32 (BIP-173) as age uses it: any length, one case, eight bits to five and back.
//!
//! Pure. Best test: `tests` below, with the texts that age itself wrote.

const CHARSET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECKSUM_CHARS: usize = 6;

fn polymod(values: impl Iterator<Item = u8>) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.fold(1, |sum: u32, value| {
        let top = sum >> 25;
        let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        let taken = GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1);
        taken.fold(next, |sum, (_, term)| sum ^ term)
    })
}

fn expanded(prefix: &str) -> impl Iterator<Item = u8> + '_ {
    let high = prefix.bytes().map(|byte| byte >> 5);
    high.chain(core::iter::once(0)).chain(prefix.bytes().map(|byte| byte & 31))
}

/// The lower-case text of `data` under a lower-case prefix.
pub(crate) fn encode(prefix: &str, data: &[u8]) -> String {
    let mut values: Vec<u8> = Vec::with_capacity(data.len() * 8 / 5 + 1);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in data {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            values.push(u8::try_from(held >> bits & 31).unwrap_or(0));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        values.push(u8::try_from(held << (5 - bits) & 31).unwrap_or(0));
    }
    let zeros = [0; CHECKSUM_CHARS];
    let sum = polymod(expanded(prefix).chain(values.iter().copied()).chain(zeros)) ^ 1;
    let checksum = (0..6u32).rev().map(|at| u8::try_from(sum >> (5 * at) & 31).unwrap_or(0));
    let characters = values
        .iter()
        .copied()
        .chain(checksum)
        .filter_map(|value| CHARSET.get(usize::from(value)).map(|byte| char::from(*byte)));
    format!("{prefix}1{}", characters.collect::<String>())
}

/// The data of `text` if it stands under `prefix` (lower case) and its checksum is right. Text in
/// upper case is read as its lower case; mixed case is refused.
pub(crate) fn decode(prefix: &str, text: &str) -> Option<Vec<u8>> {
    let lower = text.to_ascii_lowercase();
    if text != lower && text != text.to_ascii_uppercase() {
        return None;
    }
    let body = lower.strip_prefix(prefix)?.strip_prefix('1')?;
    let value = |byte: u8| CHARSET.iter().position(|one| *one == byte);
    let values: Option<Vec<u8>> =
        body.bytes().map(|byte| value(byte).and_then(|at| u8::try_from(at).ok())).collect();
    let values = values?;
    if polymod(expanded(prefix).chain(values.iter().copied())) != 1 {
        return None;
    }
    let data = values.get(..values.len().checked_sub(CHECKSUM_CHARS)?)?;
    let mut out = Vec::with_capacity(data.len() * 5 / 8);
    let (mut bits, mut held) = (0u32, 0u32);
    for value in data {
        held = held << 5 | u32::from(*value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits & 255).unwrap_or(0));
        }
        held &= (1 << bits) - 1;
    }
    // What is left over is padding: fewer bits than a character, all zero.
    (bits < 5 && held == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_standard_are_read_and_written() {
        // BIP-173, valid and invalid strings of any prefix.
        assert_eq!(decode("a", "A12UEL5L"), Some(Vec::new()));
        assert_eq!(encode("a", &[]), "a12uel5l");
        for wrong in ["a12uel5m", "A12uEL5L", "b12uel5l", "a2uel5l", "a1", "a12uel5", ""] {
            assert_eq!(decode("a", wrong), None, "{wrong}");
        }
        for length in 0..70u8 {
            let data: Vec<u8> = (0..length).map(|at| at.wrapping_mul(37)).collect();
            let text = encode("age", &data);
            assert_eq!(decode("age", &text), Some(data.clone()));
            assert_eq!(decode("age", &text.to_uppercase()), Some(data));
        }
    }
}
