//! What the thief of the tour can do: he has a private key, and nothing else of Ward's.
//!
//! Own code on purpose: none of Ward's signing is used, only a signature over bytes.

use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use data_encoding::{BASE64, BASE64_MIME_PERMISSIVE, BASE64URL_NOPAD};
use serde_json::{Value, json};

/// A stolen ES256 key.
pub struct StolenKey {
    pair: EcdsaKeyPair,
    kid: String,
}

impl StolenKey {
    /// Makes a key outside Ward, as an old login service would have: PEM and pair.
    ///
    /// # Errors
    /// The machine has no randomness.
    pub fn generate() -> Result<String> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map_err(|_| anyhow!("no key could be made"))?;
        let der = pair.to_pkcs8v1().map_err(|_| anyhow!("no PKCS#8"))?;
        let text = BASE64.encode(der.as_ref());
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).filter_map(|line| core::str::from_utf8(line).ok()).collect();
        let body = lines.join("\n");
        Ok(format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"))
    }

    /// The key of a PEM file, as its thief holds it.
    ///
    /// # Errors
    /// The text is no PKCS#8 PEM of a P-256 key.
    pub fn from_pem(pem: &str, kid: &str) -> Result<Self> {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = BASE64_MIME_PERMISSIVE.decode(body.as_bytes()).context("PEM")?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
            .map_err(|error| anyhow!("PEM: {error}"))?;
        Ok(Self { pair, kid: kid.to_owned() })
    }

    /// A token with these claims, signed as the login service would sign it.
    ///
    /// # Errors
    /// The machine has no randomness.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        let header = json!({"alg": "ES256", "kid": self.kid, "typ": "at+jwt"}).to_string();
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        self.sign_input(&format!("{}.{}", part(&header), part(&claims.to_string())))
    }

    /// Signs the first two parts of an existing token anew.
    ///
    /// # Errors
    /// The text has no two parts, or the machine has no randomness.
    pub fn re_sign(&self, token: &str) -> Result<String> {
        let (input, _) = token.rsplit_once('.').context("token")?;
        self.sign_input(input)
    }

    fn sign_input(&self, input: &str) -> Result<String> {
        let signature = self
            .pair
            .sign(&SystemRandom::new(), input.as_bytes())
            .map_err(|_| anyhow!("no signature"))?;
        Ok(format!("{input}.{}", BASE64URL_NOPAD.encode(signature.as_ref())))
    }
}

/// The same token with 64 other bytes for a signature.
///
/// # Errors
/// The text has no two parts.
pub fn junk_signature(token: &str) -> Result<String> {
    let (input, _) = token.rsplit_once('.').context("token")?;
    Ok(format!("{input}.{}", BASE64URL_NOPAD.encode(&[0x5a; 64])))
}

/// A random-looking token id of the right length, from a counter and a moment.
#[must_use]
pub fn token_id(seed: u64) -> String {
    let mut bytes = [0u8; 30];
    for (place, byte) in (0u64..).zip(bytes.iter_mut()) {
        let mixed = seed.wrapping_add(place).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        *byte = mixed.to_be_bytes().first().copied().unwrap_or_default();
    }
    BASE64URL_NOPAD.encode(&bytes)
}
