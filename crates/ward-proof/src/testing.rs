//! Signers of others, for tests: what a client has.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

/// A private key of somebody else.
pub(crate) enum Signer {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    pub(crate) fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }
    pub(crate) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }
    pub(crate) fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        match self {
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)})
            }
            Self::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
            Self::Rsa(pair) => {
                // RSAPublicKey of 2048 bits: the modulus stands behind nine bytes of DER.
                let der = pair.public_key().as_ref();
                json!({"kty": "RSA", "n": text(&der[9..265]), "e": "AQAB"})
            }
        }
    }

    pub(crate) fn jws(&self, header: &Value, claims: &Value) -> String {
        let part = |json: &Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
        let input = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Self::P256(pair) => pair.sign(&random, input.as_bytes()).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(input.as_bytes()).as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                if header["alg"] == "PS256" {
                    pair.sign(&RSA_PSS_SHA256, &random, input.as_bytes(), &mut signature).unwrap();
                } else {
                    pair.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature)
                        .unwrap();
                }
                signature
            }
        };
        format!("{input}.{}", BASE64URL_NOPAD.encode(&signature))
    }
}

/// `value` with one member changed; `null` takes it out.
pub(crate) fn with(value: &Value, name: &str, change: Value) -> Value {
    let mut value = value.clone();
    if change.is_null() {
        value.as_object_mut().unwrap().remove(name);
    } else {
        value[name] = change;
    }
    value
}
