//! Private keys under a passphrase: PKCS#8 `EncryptedPrivateKeyInfo` with PBES2, and PKCS#12.
//!
//! What openssl 3, Java 17 and their like write: PBKDF2 with an HMAC of SHA-1 or SHA-2, AES in CBC
//! mode, MACs of SHA-1 or SHA-2. RC2 and triple DES are refused by name: one crypto provider, and
//! it has neither for this. A key file is untrusted until it is a key: lengths, depth and
//! iterations are bounded. Source: RFC 8018 §6.2 and appendix A, RFC 7292 §4 and appendix B.
//! Best test: `tests/import.rs` (files that openssl made), `interop/custody.py`.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::{digest, hmac, iv::FixedLength, pbkdf2};
use zeroize::Zeroizing;

use super::ImportError;
use super::der::{CONTEXT_0, CONTEXT_0_PLAIN, Der, OCTETS, OID};

/// Most iterations of a key derivation: a second or two.
const ITERATIONS_MAX: u32 = 10_000_000;
/// Most bags looked into.
const BAGS_MAX: usize = 64;

const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
/// 1.2.840.113549.2.x: the hash is the last byte.
const HMACS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02";
/// 2.16.840.1.101.3.4.1.x: AES, the size and mode are the last byte.
const AES: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01";
/// 2.16.840.1.101.3.4.2.x: SHA-2.
const SHA2: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02";
const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";
const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const ENCRYPTED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06";
/// 1.2.840.113549.1.12.10.1.x: bags; 1 is a key, 2 a key under the passphrase.
const BAGS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01";

const NOT_A_KEY: ImportError = ImportError::NotAKey;
const OLD: ImportError = ImportError::Unsupported(
    "encrypted by an old method: write it anew with `openssl pkcs8 -topk8 -v2 aes-256-cbc`",
);

/// The PKCS#8 inside an `EncryptedPrivateKeyInfo`.
pub(crate) fn pkcs8(der: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let mut all = Der(der);
    let mut info = all.sequence().ok_or(NOT_A_KEY)?;
    let algorithm = info.sequence().ok_or(NOT_A_KEY)?;
    let sealed = info.take(OCTETS).ok_or(NOT_A_KEY)?;
    if !info.is_done() || !all.is_done() {
        return Err(NOT_A_KEY);
    }
    decrypt(algorithm, sealed, passphrase)
}

/// Whether DER looks like an `EncryptedPrivateKeyInfo`.
pub(crate) fn is_pkcs8(der: &[u8]) -> bool {
    let mut all = Der(der);
    let Some(mut info) = all.sequence() else { return false };
    info.sequence().is_some() && info.take(OCTETS).is_some() && info.is_done() && all.is_done()
}

/// Whether DER looks like a PKCS#12 file.
pub(crate) fn is_pkcs12(der: &[u8]) -> bool {
    let Some(mut pfx) = Der(der).sequence() else { return false };
    pfx.number() == Some(3) && pfx.sequence().is_some()
}

/// The PKCS#8 of the one key in a PKCS#12 file.
pub(crate) fn pkcs12(der: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let mut pfx = Der(der).sequence().ok_or(NOT_A_KEY)?;
    pfx.number().filter(|version| *version == 3).ok_or(NOT_A_KEY)?;
    let mut outer = pfx.sequence().ok_or(NOT_A_KEY)?;
    if outer.take(OID) != Some(DATA) {
        return Err(ImportError::Unsupported("a PKCS#12 file that is signed, not passphrased"));
    }
    let safe = octets_in(outer.take(CONTEXT_0)).ok_or(NOT_A_KEY)?;
    let mac = pfx.sequence().ok_or(ImportError::Unsupported("a PKCS#12 file without a MAC"))?;
    check_mac(mac, safe, passphrase)?;
    let mut contents = Der(safe).sequence().ok_or(NOT_A_KEY)?;
    let mut keys = Vec::new();
    for _ in 0..BAGS_MAX {
        let Some(mut info) = contents.sequence() else { break };
        match info.take(OID).ok_or(NOT_A_KEY)? {
            kind if kind == DATA => {
                let bags = octets_in(info.take(CONTEXT_0)).ok_or(NOT_A_KEY)?;
                keys.extend(keys_in(bags, passphrase)?);
            }
            kind if kind == ENCRYPTED_DATA => match opened(info, passphrase) {
                Ok(bags) => keys.extend(keys_in(&bags, passphrase)?),
                // Certificates are often under an older method; no key is lost with them.
                Err(ImportError::Unsupported(_)) => {}
                Err(error) => return Err(error),
            },
            _ => {}
        }
    }
    match keys.len() {
        0 => Err(ImportError::Unsupported("a PKCS#12 file without a private key that opens")),
        1 => keys.pop().ok_or(NOT_A_KEY),
        _ => Err(ImportError::Unsupported("a PKCS#12 file with more than one private key")),
    }
}

fn octets_in(wrapped: Option<&[u8]>) -> Option<&[u8]> {
    let mut inside = Der(wrapped?);
    inside.take(OCTETS).filter(|_| inside.is_done())
}

/// `EncryptedData` (RFC 5652 §8): the plain bags.
fn opened(mut info: Der<'_>, passphrase: &str) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let mut data = info.take(CONTEXT_0).map(Der).and_then(|mut it| it.sequence());
    let data = data.as_mut().ok_or(NOT_A_KEY)?;
    data.number().ok_or(NOT_A_KEY)?;
    let mut content = data.sequence().ok_or(NOT_A_KEY)?;
    content.take(OID).ok_or(NOT_A_KEY)?;
    let algorithm = content.sequence().ok_or(NOT_A_KEY)?;
    let sealed = content.take(CONTEXT_0_PLAIN).ok_or(NOT_A_KEY)?;
    decrypt(algorithm, sealed, passphrase)
}

fn keys_in(bags: &[u8], passphrase: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, ImportError> {
    let mut bags = Der(bags).sequence().ok_or(NOT_A_KEY)?;
    let mut keys = Vec::new();
    for _ in 0..BAGS_MAX {
        let Some(mut bag) = bags.sequence() else { break };
        let kind = bag.take(OID).ok_or(NOT_A_KEY)?;
        let value = bag.take(CONTEXT_0).ok_or(NOT_A_KEY)?;
        match kind.strip_prefix(BAGS) {
            Some([1]) => keys.push(Zeroizing::new(value.to_vec())),
            Some([2]) => keys.push(pkcs8(value, passphrase)?),
            _ => {}
        }
    }
    Ok(keys)
}

/// PBES2 (RFC 8018 §6.2.2).
fn decrypt(
    mut algorithm: Der<'_>,
    sealed: &[u8],
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    if algorithm.take(OID).ok_or(NOT_A_KEY)? != PBES2 {
        return Err(OLD);
    }
    let mut parameters = algorithm.sequence().ok_or(NOT_A_KEY)?;
    let mut derivation = parameters.sequence().ok_or(NOT_A_KEY)?;
    let mut cipher = parameters.sequence().ok_or(NOT_A_KEY)?;
    if derivation.take(OID).ok_or(NOT_A_KEY)? != PBKDF2 {
        return Err(ImportError::Unsupported("a key derivation other than PBKDF2"));
    }
    let mut how = derivation.sequence().ok_or(NOT_A_KEY)?;
    let salt = how.take(OCTETS).ok_or(NOT_A_KEY)?;
    let iterations = how.number().and_then(iterations).ok_or(NOT_A_KEY)?;
    // The key's length, if it is said, is the cipher's.
    let _length = how.number();
    let hash = match how.sequence() {
        // RFC 8018 appendix A.2: HMAC with SHA-1 is the default.
        None => pbkdf2::PBKDF2_HMAC_SHA1,
        Some(mut it) => match it.take(OID).and_then(|oid| oid.strip_prefix(HMACS)) {
            Some([7]) => pbkdf2::PBKDF2_HMAC_SHA1,
            Some([9]) => pbkdf2::PBKDF2_HMAC_SHA256,
            Some([10]) => pbkdf2::PBKDF2_HMAC_SHA384,
            Some([11]) => pbkdf2::PBKDF2_HMAC_SHA512,
            _ => return Err(ImportError::Unsupported("a PBKDF2 with another hash than SHA-2")),
        },
    };
    let (aes, size) = match cipher.take(OID).and_then(|oid| oid.strip_prefix(AES)) {
        Some([2]) => (&AES_128, 16),
        Some([22]) => (&AES_192, 24),
        Some([42]) => (&AES_256, 32),
        _ => return Err(OLD),
    };
    let iv = cipher.take(OCTETS).and_then(|iv| <[u8; 16]>::try_from(iv).ok()).ok_or(NOT_A_KEY)?;
    let mut key = Zeroizing::new(vec![0u8; size]);
    pbkdf2::derive(hash, iterations, salt, passphrase.as_bytes(), &mut key);
    let key = UnboundCipherKey::new(aes, &key).map_err(|_| NOT_A_KEY)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| NOT_A_KEY)?;
    let mut plain = Zeroizing::new(sealed.to_vec());
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    let len = key.decrypt(&mut plain, context).map_err(|_| ImportError::WrongPassphrase)?.len();
    plain.truncate(len);
    Ok(plain)
}

fn iterations(count: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(count).filter(|count| count.get() <= ITERATIONS_MAX)
}

/// RFC 7292 §4 and appendix B.
fn check_mac(mut mac: Der<'_>, safe: &[u8], passphrase: &str) -> Result<(), ImportError> {
    let mut info = mac.sequence().ok_or(NOT_A_KEY)?;
    let mut algorithm = info.sequence().ok_or(NOT_A_KEY)?;
    let want = info.take(OCTETS).ok_or(NOT_A_KEY)?;
    let salt = mac.take(OCTETS).ok_or(NOT_A_KEY)?;
    let rounds = match mac.is_done() {
        true => 1,
        false => mac.number().and_then(iterations).ok_or(NOT_A_KEY)?.get(),
    };
    let oid = algorithm.take(OID).ok_or(NOT_A_KEY)?;
    let (hash, hashed) = match oid.strip_prefix(SHA2) {
        Some([1]) => (&digest::SHA256, hmac::HMAC_SHA256),
        Some([2]) => (&digest::SHA384, hmac::HMAC_SHA384),
        Some([3]) => (&digest::SHA512, hmac::HMAC_SHA512),
        _ if oid == SHA1 => {
            (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY)
        }
        _ => return Err(ImportError::Unsupported("a PKCS#12 MAC other than SHA-1 or SHA-2")),
    };
    let key = mac_key(hash, passphrase, salt, rounds);
    let key = hmac::Key::new(hashed, &key);
    hmac::verify(&key, safe, want).map_err(|_| ImportError::WrongPassphrase)
}

/// RFC 7292 appendix B.2, for one block of output with the diversifier of MACs.
fn mac_key(
    hash: &'static digest::Algorithm,
    words: &str,
    salt: &[u8],
    rounds: u32,
) -> Zeroizing<Vec<u8>> {
    let block = hash.block_len();
    // BMPString with its end (appendix B.1).
    let mut password = Zeroizing::new(Vec::with_capacity(words.len() * 2 + 2));
    for unit in words.encode_utf16().chain([0]) {
        password.extend_from_slice(&unit.to_be_bytes());
    }
    let filled = |bytes: &[u8]| -> Vec<u8> {
        let len = bytes.len().div_ceil(block) * block;
        bytes.iter().copied().cycle().take(len).collect()
    };
    let mut input = Zeroizing::new(vec![3u8; block]);
    input.extend_from_slice(&filled(salt));
    input.extend_from_slice(&Zeroizing::new(filled(&password)));
    let mut out = Zeroizing::new(digest::digest(hash, &input).as_ref().to_vec());
    for _ in 1..rounds {
        out = Zeroizing::new(digest::digest(hash, &out).as_ref().to_vec());
    }
    out
}
