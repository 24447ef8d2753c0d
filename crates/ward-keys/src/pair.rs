//! Private keys in memory: made, read from PEM, sealed, used; never shown.
//!
//! The only ways out are signatures and, inside this crate, the bytes that are sealed at once.
//! Source: RFC 5958 (PKCS#8), RFC 5915 (SEC 1 keys), RFC 7638 (thumbprint), RFC 8037 (Ed25519).

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use ward_ledger::canonicalise;
use ward_model::word::Algorithm;
use zeroize::Zeroizing;

use crate::limits::IMPORT_BYTES_MAX;

/// A private key that can sign. No `Debug`, no `Clone`.
pub(crate) enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

const PRIVATE_BYTES: usize = 32;

impl Pair {
    pub(crate) fn generate(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok().map(Self::Es256)
            }
            Algorithm::EdDsa => Ed25519KeyPair::generate().ok().map(Self::EdDsa),
        }
    }

    /// Reads an unencrypted private key: PEM or DER, PKCS#8 or SEC 1, P-256 or Ed25519.
    pub(crate) fn import(text: &[u8]) -> Option<Self> {
        if text.len() > IMPORT_BYTES_MAX {
            return None;
        }
        let der = match text.trim_ascii_start().starts_with(b"-----BEGIN") {
            true => pem(text)?,
            false => Zeroizing::new(text.to_vec()),
        };
        let es256 = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &der);
        let es256 = es256.ok().map(Self::Es256);
        es256.or_else(|| Ed25519KeyPair::from_pkcs8(&der).ok().map(Self::EdDsa))
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::Es256,
            Self::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// Uncompressed P-256 point (65 bytes) or Ed25519 key (32 bytes).
    pub(crate) fn public_key(&self) -> &[u8] {
        match self {
            Self::Es256(pair) => pair.public_key().as_ref(),
            Self::EdDsa(pair) => pair.public_key().as_ref(),
        }
    }

    /// Signs; the signature is in its canonical form.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<[u8; 64]> {
        let signature = match self {
            Self::Es256(pair) => pair.sign(&SystemRandom::new(), message).ok()?,
            Self::EdDsa(pair) => pair.try_sign(message).ok()?,
        };
        let mut signature = <[u8; 64]>::try_from(signature.as_ref()).ok()?;
        canonicalise(self.algorithm(), &mut signature).then_some(signature)
    }

    /// Scalar or seed, then the public key: only to be sealed.
    pub(crate) fn to_sealed_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut out = Zeroizing::new(Vec::with_capacity(PRIVATE_BYTES + 65));
        match self {
            Self::Es256(pair) => {
                let scalar = pair.private_key().as_be_bytes().ok()?;
                out.extend_from_slice(scalar.as_ref());
            }
            Self::EdDsa(pair) => {
                let seed = pair.seed().ok()?.as_be_bytes().ok()?;
                out.extend_from_slice(seed.as_ref());
            }
        }
        out.extend_from_slice(self.public_key());
        Some(out)
    }

    pub(crate) fn from_sealed_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        let (private, public) = bytes.split_at_checked(PRIVATE_BYTES)?;
        match algorithm {
            Algorithm::Es256 => {
                let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, private, public);
                pair.ok().map(Self::Es256)
            }
            Algorithm::EdDsa => {
                Ed25519KeyPair::from_seed_and_public_key(private, public).ok().map(Self::EdDsa)
            }
        }
    }
}

/// The DER inside one PEM block (RFC 7468 §2).
fn pem(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = core::str::from_utf8(text).ok()?;
    let mut lines = text.lines().map(str::trim);
    // WHY to skip: some tools put an EC PARAMETERS block in front.
    let begin = lines.find(|line| {
        matches!(*line, "-----BEGIN PRIVATE KEY-----" | "-----BEGIN EC PRIVATE KEY-----")
    })?;
    let end = begin.replace("BEGIN", "END");
    let mut base64 = Zeroizing::new(String::new());
    for line in lines {
        if line == end {
            return BASE64.decode(base64.as_bytes()).ok().map(Zeroizing::new);
        }
        base64.push_str(line);
    }
    None
}

/// The public key as a JWK (RFC 7517 §4, RFC 7518 §6.2, RFC 8037 §2), required members only and in
/// the order RFC 7638 §3.2 hashes them.
pub(crate) fn jwk(algorithm: Algorithm, public_key: &[u8]) -> String {
    match algorithm {
        Algorithm::Es256 => {
            let point = public_key.get(1..).unwrap_or_default();
            let (x, y) = point.split_at_checked(32).unwrap_or_default();
            let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
        }
        Algorithm::EdDsa => {
            let x = BASE64URL_NOPAD.encode(public_key);
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
        }
    }
}

/// `kid`: the JWK thumbprint (RFC 7638).
pub(crate) fn thumbprint(algorithm: Algorithm, public_key: &[u8]) -> String {
    let jwk = jwk(algorithm, public_key);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, jwk.as_bytes());
    BASE64URL_NOPAD.encode(digest.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_the_one_of_rfc_8037() {
        // RFC 8037 appendix A.2 and A.3.
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let key = BASE64URL_NOPAD.decode(x.as_bytes()).unwrap();
        let want = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
        assert_eq!(thumbprint(Algorithm::EdDsa, &key), want);
    }

    #[test]
    fn a_pair_survives_sealing_and_signs_canonically() {
        for &algorithm in Algorithm::ALL {
            let pair = Pair::generate(algorithm).unwrap();
            let bytes = pair.to_sealed_bytes().unwrap();
            let again = Pair::from_sealed_bytes(algorithm, &bytes).unwrap();
            assert_eq!(again.public_key(), pair.public_key());
            for _ in 0..20 {
                let signature = again.sign(b"message").unwrap();
                let mut same = signature;
                assert!(canonicalise(algorithm, &mut same));
                assert_eq!(same, signature);
            }
        }
    }

    #[test]
    fn what_is_no_key_is_not_imported() {
        for junk in [
            &b""[..],
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            b"-----BEGIN PRIVATE KEY-----\nAAAA",
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            &[0x30; 9000],
        ] {
            assert!(Pair::import(junk).is_none());
        }
    }
}
