//! A provider's keys, tokens signed with them, and a provider that says what it is told to.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use ward_model::{Secret, UnixMillis};

use crate::oidc::keys::Keys;
use crate::oidc::{
    ClientAuthentication, Fetch, FetchError, FetchRequest, Issuer, Provider, Settings,
};

pub(super) const ISSUER: &str = "https://id.example";
pub(super) const CLIENT: &str = "ward";
pub(super) const NOW: UnixMillis = UnixMillis::from_seconds(1_800_000_000);

/// Some provider's private keys.
pub(super) struct Signer {
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
    rsa: RsaKeyPair,
}

/// The provider's.
pub(super) static OURS: LazyLock<Signer> = LazyLock::new(Signer::new);
/// Somebody else's.
pub(super) static THEIRS: LazyLock<Signer> = LazyLock::new(Signer::new);

impl Signer {
    fn new() -> Self {
        Self {
            p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
            ed25519: Ed25519KeyPair::generate().unwrap(),
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        }
    }

    /// The published key of an algorithm, named after it.
    pub(super) fn jwk(&self, alg: &str) -> Value {
        let point = |bytes: &[u8], crv: &str| {
            let (x, y) = bytes[1..].split_at((bytes.len() - 1) / 2);
            json!({"kty": "EC", "crv": crv, "kid": alg, "x": base64(x), "y": base64(y)})
        };
        match alg {
            "ES256" => point(self.p256.public_key().as_ref(), "P-256"),
            "ES384" => point(self.p384.public_key().as_ref(), "P-384"),
            "EdDSA" => json!({
                "kty": "OKP", "crv": "Ed25519", "kid": alg,
                "x": base64(self.ed25519.public_key().as_ref()),
            }),
            _ => {
                // An RSAPublicKey in DER: two headers and a zero before 2048 bits of modulus.
                let modulus = &self.rsa.public_key().as_ref()[9..265];
                json!({"kty": "RSA", "kid": alg, "n": base64(modulus), "e": "AQAB"})
            }
        }
    }

    /// The key set of these algorithms.
    pub(super) fn set(&self, algs: &[&str]) -> Value {
        json!({ "keys": algs.iter().map(|alg| self.jwk(alg)).collect::<Vec<_>>() })
    }

    /// The key set, read.
    pub(super) fn keys(&self, algs: &[&str]) -> Keys {
        Keys::parse(&self.set(algs).to_string().into_bytes()).ok().unwrap()
    }

    /// A token with a header as given; the signature is the header's algorithm's.
    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |it: &Value| base64(it.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let (bytes, random) = (message.as_bytes(), SystemRandom::new());
        let rsa = |by: &'static dyn aws_lc_rs::signature::RsaEncoding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(by, &random, bytes, &mut signature).unwrap();
            signature
        };
        let signature = match header["alg"].as_str().unwrap_or_default() {
            "ES256" => self.p256.sign(&random, bytes).unwrap().as_ref().to_vec(),
            "ES384" => self.p384.sign(&random, bytes).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed25519.sign(bytes).as_ref().to_vec(),
            "PS256" => rsa(&RSA_PSS_SHA256),
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            // What everybody knows, taken for a shared secret.
            "HS256" => hmac_of(self.rsa.public_key().as_ref(), bytes),
            _ => Vec::new(),
        };
        format!("{message}.{}", base64(&signature))
    }

    /// A token signed with ES256, its claims as they are written.
    pub(super) fn es256_of(&self, claims: &str) -> String {
        let header = base64(b"{\"alg\":\"ES256\",\"kid\":\"ES256\"}");
        let message = format!("{header}.{}", base64(claims.as_bytes()));
        let signature = self.p256.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", base64(signature.as_ref()))
    }

    /// A token signed with ES256.
    pub(super) fn es256(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "ES256", "kid": "ES256"}), claims)
    }
}

pub(super) fn hmac_of(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// A provider that gives prepared answers; each is an address's end, a status and a body.
#[derive(Clone, Default)]
pub(super) struct Script(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    answers: VecDeque<(&'static str, u16, String)>,
    asked: Vec<http::Request<Vec<u8>>>,
}

impl Script {
    /// Prepares an answer.
    pub(super) fn say(&self, path: &'static str, status: u16, body: &Value) -> &Self {
        self.0.lock().unwrap().answers.push_back((path, status, body.to_string()));
        self
    }

    /// Prepares metadata and keys.
    pub(super) fn introduce(&self) -> &Self {
        self.say("/openid-configuration", 200, &metadata()).say(
            "/keys",
            200,
            &OURS.set(&["ES256", "RS256"]),
        )
    }

    /// Takes what was asked: each request's path and the text of its body.
    pub(super) fn asked(&self) -> Vec<(String, String)> {
        let text = |it: &http::Request<Vec<u8>>| {
            (it.uri().path().to_owned(), String::from_utf8(it.body().clone()).unwrap())
        };
        self.0.lock().unwrap().asked.iter().map(text).collect()
    }

    /// One header of the last request.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let told = self.0.lock().unwrap();
        let value = told.asked.last()?.headers().get(name)?.to_str().ok()?.to_owned();
        Some(value)
    }

    /// Prepared answers nobody asked for.
    pub(super) fn left(&self) -> usize {
        self.0.lock().unwrap().answers.len()
    }
}

impl Fetch for Script {
    async fn fetch(&self, it: FetchRequest) -> Result<http::Response<Vec<u8>>, FetchError> {
        let mut told = self.0.lock().unwrap();
        let path = it.request.uri().path().to_owned();
        told.asked.push(it.request);
        let Some(at) = told.answers.iter().position(|(end, ..)| path.ends_with(end)) else {
            return Err(FetchError::Unreachable(format!("nothing prepared for {path}").into()));
        };
        let (_, status, body) = told.answers.remove(at).unwrap();
        Ok(http::Response::builder().status(status).body(body.into_bytes()).unwrap())
    }
}

/// Good metadata.
pub(super) fn metadata() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/authorize?tenant=7"),
        "token_endpoint": format!("{ISSUER}/token"),
        "jwks_uri": format!("{ISSUER}/keys"),
        "response_types_supported": ["code", "id_token"],
        "id_token_signing_alg_values_supported": ["HS256", "RS256", "ES256", "none"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": true,
    })
}

/// Good settings.
pub(super) fn settings() -> Settings {
    Settings {
        issuer: Issuer::parse(ISSUER).unwrap(),
        client_id: CLIENT.to_owned(),
        authentication: ClientAuthentication::SecretBasic(Secret::new("s:e c/r%t".to_owned())),
        redirect_uri: "https://ward.example/signin/back".to_owned(),
        scopes: vec!["groups".to_owned()],
        groups_claim: "groups".to_owned(),
    }
}

/// A relying party of the prepared provider.
pub(super) fn provider(script: &Script) -> Provider<Script> {
    Provider::new(settings(), script.clone()).unwrap()
}
