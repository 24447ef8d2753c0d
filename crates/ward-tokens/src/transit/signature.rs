//! Signatures as Vault writes them: `vault:vN:` and base64, of DER (`asn1`) or of r and s (`jws`).
//!
//! Pure; reads bytes from outside and never panics. DER is read strictly (X.690 §10.1, §8.3.2): two
//! encodings of one signature would be two answers for one entry. Source: RFC 3279 §2.2.3,
//! RFC 7515 A.3. Best test: below.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use ward_model::word::Algorithm;

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marshaling {
    /// ECDSA as DER in standard base64; Ed25519 as it is.
    Asn1,
    /// As in a compact JWS: base64url without padding.
    Jws,
}

/// Why a text is no signature, in Vault's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It does not begin with `vault:v`.
    #[error("invalid signature: no prefix")]
    Prefix,
    /// It has no part behind its version.
    #[error("invalid signature: wrong number of fields")]
    Fields,
    /// Its version is no number.
    #[error("invalid signature: version number could not be decoded")]
    Version,
    /// It is not base64 of the kind asked for.
    #[error("invalid base64 signature value")]
    Base64,
    /// It is no signature of this kind of key.
    #[error("supplied signature is invalid")]
    Invalid,
}

/// Writes a signature of a key's version.
#[must_use]
pub fn write(
    version: usize,
    algorithm: Algorithm,
    marshaling: Marshaling,
    signature: &[u8; 64],
) -> String {
    let encoded = match (marshaling, algorithm) {
        (Marshaling::Jws, _) => BASE64URL_NOPAD.encode(signature),
        (Marshaling::Asn1, Algorithm::EdDsa) => BASE64.encode(signature),
        (Marshaling::Asn1, Algorithm::Es256) => BASE64.encode(&to_der(signature)),
    };
    format!("vault:v{version}:{encoded}")
}

/// The version a signature names, and what stands behind it.
///
/// # Errors
/// [`SignatureError`].
pub fn split(text: &str) -> Result<(usize, &str), SignatureError> {
    let rest = text.strip_prefix("vault:v").ok_or(SignatureError::Prefix)?;
    let (version, encoded) = rest.split_once(':').ok_or(SignatureError::Fields)?;
    let version = version.parse().map_err(|_| SignatureError::Version)?;
    Ok((version, encoded))
}

/// Reads what stands behind the version.
///
/// # Errors
/// [`SignatureError::Base64`], [`SignatureError::Invalid`].
pub fn read(
    encoded: &str,
    algorithm: Algorithm,
    marshaling: Marshaling,
) -> Result<[u8; 64], SignatureError> {
    let base64 = match marshaling {
        Marshaling::Asn1 => BASE64,
        Marshaling::Jws => BASE64URL_NOPAD,
    };
    let bytes = base64.decode(encoded.as_bytes()).map_err(|_| SignatureError::Base64)?;
    let signature = match (marshaling, algorithm) {
        (Marshaling::Asn1, Algorithm::Es256) => from_der(&bytes),
        _ => bytes.try_into().ok(),
    };
    signature.ok_or(SignatureError::Invalid)
}

fn to_der(signature: &[u8; 64]) -> Vec<u8> {
    let mut inside = Vec::with_capacity(70);
    for number in signature.as_chunks::<32>().0 {
        let digits = match number.iter().position(|byte| *byte != 0) {
            Some(first) => number.get(first..).unwrap_or_default(),
            None => &[0],
        };
        let pad = digits.first().is_some_and(|byte| byte & 0x80 != 0);
        let length = u8::try_from(digits.len()).unwrap_or(32) + u8::from(pad);
        inside.extend_from_slice(&[0x02, length]);
        inside.extend(pad.then_some(0));
        inside.extend_from_slice(digits);
    }
    let length = u8::try_from(inside.len()).unwrap_or(0);
    let mut out = vec![0x30, length];
    out.append(&mut inside);
    out
}

fn from_der(bytes: &[u8]) -> Option<[u8; 64]> {
    let (&[0x30, length], mut rest) = bytes.split_first_chunk::<2>()? else { return None };
    // Both numbers together are at most 70 bytes: the short form of the length always does.
    if usize::from(length) != rest.len() || length > 0x7f {
        return None;
    }
    let mut out = [0; 64];
    for number in out.as_chunks_mut::<32>().0 {
        let (&[0x02, length], behind) = rest.split_first_chunk::<2>()? else { return None };
        let (digits, behind) = behind.split_at_checked(usize::from(length))?;
        rest = behind;
        let digits = match digits {
            // A leading zero is there only to keep the number positive.
            [0, tail @ ..] if tail.first().is_some_and(|byte| byte & 0x80 != 0) => tail,
            [0] => digits,
            [first, ..] if *first != 0 && first & 0x80 == 0 => digits,
            _ => return None,
        };
        let at = number.len().checked_sub(digits.len())?;
        number.get_mut(at..)?.copy_from_slice(digits);
    }
    rest.is_empty().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut low = [0; 64];
        (low[31], low[63]) = (1, 0x80);
        for signature in [[0x7f; 64], [0x80; 64], [0xff; 64], low] {
            for &algorithm in Algorithm::ALL {
                for marshaling in [Marshaling::Asn1, Marshaling::Jws] {
                    let text = write(3, algorithm, marshaling, &signature);
                    let (version, encoded) = split(&text).unwrap();
                    assert_eq!(version, 3);
                    assert_eq!(read(encoded, algorithm, marshaling), Ok(signature));
                }
            }
        }
    }

    #[test]
    fn only_one_encoding_is_read() {
        let good = to_der(&[0x80; 64]);
        assert_eq!(from_der(&good), Some([0x80; 64]));
        assert_eq!(good.len(), 72);
        for at in 0..good.len() {
            assert_eq!(from_der(&good[..at]), None, "cut at {at}");
        }
        let mut longer = good.clone();
        longer.push(0);
        let swap = |at: usize, byte: u8| {
            let mut bad = good.clone();
            bad[at] = byte;
            bad
        };
        for (name, bad) in [
            ("something after", longer),
            ("no sequence", swap(0, 0x31)),
            ("no integer", swap(2, 0x03)),
            ("negative", vec![0x30, 6, 2, 1, 0x80, 2, 1, 1]),
            ("a zero too many", vec![0x30, 7, 2, 2, 0, 1, 2, 1, 1]),
            ("empty number", vec![0x30, 5, 2, 0, 2, 1, 1]),
            ("long form of length", vec![0x30, 0x81, 6, 2, 1, 1, 2, 1, 1]),
            ("three numbers", vec![0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1]),
        ] {
            assert_eq!(from_der(&bad), None, "{name}");
        }
        let wide = [vec![0x30, 38, 2, 33], vec![1; 33], vec![2, 1, 1]].concat();
        assert_eq!(from_der(&wide), None, "33 bytes that count");
    }

    #[test]
    fn prefixes_are_told_in_vaults_words() {
        for (text, want) in [
            ("", "invalid signature: no prefix"),
            ("x", "invalid signature: no prefix"),
            ("vault:v1", "invalid signature: wrong number of fields"),
            ("vault:vx:AA", "invalid signature: version number could not be decoded"),
            ("vault:v-1:AA", "invalid signature: version number could not be decoded"),
        ] {
            assert_eq!(split(text).err().unwrap().to_string(), want, "{text}");
        }
        let read = |text, marshaling| read(text, Algorithm::Es256, marshaling);
        assert_eq!(read("***", Marshaling::Asn1), Err(SignatureError::Base64));
        assert_eq!(read("AAAA", Marshaling::Asn1), Err(SignatureError::Invalid));
        assert_eq!(read("AAAA", Marshaling::Jws), Err(SignatureError::Invalid));
    }
}
