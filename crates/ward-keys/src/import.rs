//! Private keys as people keep them: PEM or DER, PKCS#8 (under a passphrase, too), SEC 1, PKCS#12,
//! JWK.
//!
//! A key file is untrusted until it is a key; errors name what to do and never quote the file.
//! Decoders are fuzzed (`fuzz_targets/custody.rs`). Source: RFC 5958 (PKCS#8), RFC 5915 (SEC 1),
//! RFC 7468 (PEM), RFC 7292 (PKCS#12), RFC 7517 and RFC 8037 (JWK).
//! Best test: `tests/import.rs`.

mod der;
mod encrypted;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

use crate::limits::IMPORT_BYTES_MAX;
use crate::pair::Pair;

/// Why bytes are not taken for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// They are none, or not of a curve Ward signs with.
    #[error("not a private key of P-256 or Ed25519 in PEM, DER, PKCS#12 or JWK")]
    NotAKey,
    /// It is under a passphrase and none was given.
    #[error("the key is under a passphrase: give it")]
    NeedsPassphrase,
    /// The passphrase does not open it.
    #[error("the passphrase does not open the key")]
    WrongPassphrase,
    /// A form Ward does not read.
    #[error("{0}")]
    Unsupported(&'static str),
}

/// Reads a key in any of the forms.
pub(crate) fn read(bytes: &[u8], passphrase: Option<&str>) -> Result<Pair, ImportError> {
    if bytes.len() > IMPORT_BYTES_MAX {
        return Err(ImportError::NotAKey);
    }
    let text = bytes.trim_ascii();
    if text.starts_with(b"{") {
        return jwk(text);
    }
    if text.starts_with(b"-----BEGIN") {
        let (label, der) = pem(text)?;
        return match label {
            Label::Plain => plain(&der),
            Label::Encrypted => under(&der, passphrase, encrypted::pkcs8),
        };
    }
    if encrypted::is_pkcs12(bytes) {
        return under(bytes, passphrase, encrypted::pkcs12);
    }
    match plain(bytes) {
        Err(ImportError::NotAKey) if encrypted::is_pkcs8(bytes) => {
            under(bytes, passphrase, encrypted::pkcs8)
        }
        read => read,
    }
}

type Open = fn(&[u8], &str) -> Result<Zeroizing<Vec<u8>>, ImportError>;

fn under(der: &[u8], passphrase: Option<&str>, open: Open) -> Result<Pair, ImportError> {
    let words = passphrase.ok_or(ImportError::NeedsPassphrase)?;
    match plain(&open(der, words)?) {
        // Padding comes out right by chance once in 256 wrong passphrases.
        Err(ImportError::NotAKey) => Err(ImportError::WrongPassphrase),
        read => read,
    }
}

/// 1.2.840.113549.1.1.1 inside its OID header: an RSA key.
const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";

/// DER of PKCS#8 or SEC 1.
fn plain(der: &[u8]) -> Result<Pair, ImportError> {
    let es256 = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der);
    let es256 = es256.ok().map(Pair::Es256);
    let pair = es256.or_else(|| Ed25519KeyPair::from_pkcs8(der).ok().map(Pair::EdDsa));
    pair.ok_or_else(|| match der.windows(RSA.len()).take(64).any(|part| part == RSA) {
        true => ImportError::Unsupported("an RSA key: Ward signs with P-256 and Ed25519"),
        false => ImportError::NotAKey,
    })
}

enum Label {
    Plain,
    Encrypted,
}

/// The DER inside the first PEM block of a private key (RFC 7468 §2).
fn pem(text: &[u8]) -> Result<(Label, Zeroizing<Vec<u8>>), ImportError> {
    let text = core::str::from_utf8(text).map_err(|_| ImportError::NotAKey)?;
    let mut lines = text.lines().map(str::trim);
    // WHY to skip: some tools put an EC PARAMETERS block, a certificate or bag names in front.
    let found = lines.find_map(|line| match line {
        "-----BEGIN PRIVATE KEY-----" | "-----BEGIN EC PRIVATE KEY-----" => {
            Some((Label::Plain, line))
        }
        "-----BEGIN ENCRYPTED PRIVATE KEY-----" => Some((Label::Encrypted, line)),
        _ => None,
    });
    let rsa = ImportError::Unsupported("an RSA key: Ward signs with P-256 and Ed25519");
    let none = if text.contains("RSA PRIVATE KEY") { rsa } else { ImportError::NotAKey };
    let (label, begin) = found.ok_or(none)?;
    let end = begin.replace("BEGIN", "END");
    let mut base64 = Zeroizing::new(String::new());
    for line in lines {
        if line == end {
            let der = BASE64.decode(base64.as_bytes()).map(Zeroizing::new);
            return der.map(|der| (label, der)).map_err(|_| ImportError::NotAKey);
        }
        if line.starts_with("Proc-Type:") {
            return Err(ImportError::Unsupported(
                "encrypted by an old method: write it anew with `openssl pkcs8 -topk8`",
            ));
        }
        base64.push_str(line);
    }
    Err(ImportError::NotAKey)
}

/// A private JWK; a set is taken if it holds one key.
#[derive(Deserialize)]
struct Jwk {
    kty: Option<String>,
    crv: Option<String>,
    #[serde(default)]
    d: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
    #[serde(default)]
    keys: Vec<Jwk>,
}

impl Drop for Jwk {
    fn drop(&mut self) {
        self.d.zeroize();
    }
}

fn jwk(text: &[u8]) -> Result<Pair, ImportError> {
    let read: Jwk = serde_json::from_slice(text).map_err(|_| ImportError::NotAKey)?;
    let key = match (&read.kty, read.keys.as_slice()) {
        (None, [one]) => one,
        (None, [_, _, ..]) => {
            return Err(ImportError::Unsupported("a JWK set with more than one key"));
        }
        _ => &read,
    };
    let bytes = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).map(Zeroizing::new);
    let (Ok(d), Ok(x), Ok(y)) = (bytes(&key.d), bytes(&key.x), bytes(&key.y)) else {
        return Err(ImportError::NotAKey);
    };
    let name = |it: &Option<String>| it.clone().unwrap_or_default();
    match (name(&key.kty).as_str(), name(&key.crv).as_str()) {
        ("EC", "P-256") => {
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, &d, &point);
            // The point is believed only if it is that of the private half.
            pair.ok().map(Pair::Es256).ok_or(ImportError::NotAKey)
        }
        ("OKP", "Ed25519") => {
            let pair = Ed25519KeyPair::from_seed_and_public_key(&d, &x).ok();
            pair.map(Pair::EdDsa).ok_or(ImportError::NotAKey)
        }
        ("RSA", _) => {
            Err(ImportError::Unsupported("an RSA key: Ward signs with P-256 and Ed25519"))
        }
        _ => Err(ImportError::NotAKey),
    }
}

/// Reads any bytes as a key file, for fuzzing: what is taken for a key signs.
pub fn fuzz(bytes: &[u8]) {
    for passphrase in [None, Some("passphrase")] {
        if let Ok(pair) = read(bytes, passphrase) {
            debug_assert!(pair.sign(b"message").is_some());
        }
    }
}
