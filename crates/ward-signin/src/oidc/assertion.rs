//! Proving that it is us with a key of our own: `private_key_jwt` (Core §9, RFC 7523 §2.2 and §3).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use ward_model::{Secret, UnixMillis};

use super::limits::{ASSERTION_LIFE_MS, KEY_ID_BYTES_MAX};
use super::name::{Issuer, is_name};

/// A P-256 key that signs client assertions. It has no way out and no `Debug`.
pub struct AssertionKey {
    id: String,
    pair: EcdsaKeyPair,
}

/// A key that cannot be used; the operator of Ward corrects the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a P-256 private key in PKCS#8, or its name is empty or too long")]
pub struct AssertionKeyError;

impl AssertionKey {
    /// Reads a key: PKCS#8 in DER, and its name (`kid`) in the key set the provider has of us, 1 to
    /// 256 bytes.
    ///
    /// # Errors
    /// It is no such key.
    pub fn from_pkcs8(id: &str, der: &Secret<Vec<u8>>) -> Result<Self, AssertionKeyError> {
        if !is_name(id, KEY_ID_BYTES_MAX) {
            return Err(AssertionKeyError);
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.expose())
            .map_err(|_| AssertionKeyError)?;
        Ok(Self { id: id.to_owned(), pair })
    }

    /// One assertion for one request; nothing if the key does not sign.
    ///
    /// Its audience is the issuer alone: an assertion for one provider's endpoint is of no use at
    /// another's (RFC 7523 §3, as OpenID's notice of 2025 on audiences reads it).
    pub(super) fn sign(
        &self,
        client_id: &str,
        issuer: &Issuer,
        jti: &Secret<String>,
        now: UnixMillis,
    ) -> Option<Secret<String>> {
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": self.id });
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": issuer.as_str(),
            "jti": jti.expose(),
            "iat": now.seconds(),
            "exp": now.plus_ms(ASSERTION_LIFE_MS).seconds(),
        });
        let part = |it: &serde_json::Value| BASE64URL_NOPAD.encode(it.to_string().as_bytes());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).ok()?;
        let signature = BASE64URL_NOPAD.encode(signature.as_ref());
        Some(Secret::new(format!("{message}.{signature}")))
    }
}
