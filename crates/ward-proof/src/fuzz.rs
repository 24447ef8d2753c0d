//! Bodies of the fuzz targets: whatever the bytes are, decoding ends and nothing panics.

use ward_model::UnixMillis;

use crate::dpop::{self, Expected};
use crate::nonce::Nonces;
use crate::{KnownKey, assertion, certificate};

/// Feeds one input to every decoder of proofs. INVARIANT: nobody here can sign, so nothing holds.
///
/// # Panics
/// When a made-up input passes for a proof: the finding.
pub fn proof(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let now = UnixMillis::from_seconds(1_800_000_000);
    let nonces = Nonces::new(&[0; 32]);
    let nonce_before = UnixMillis::new(0);
    let expected = Expected {
        method: "GET",
        uri: "http://gate.example/",
        token: None,
        key: Some(ward_model::Thumbprint([0; 32])),
        nonces: &nonces,
        nonce_before,
    };
    assert!(dpop::check(text, &expected, now).is_err(), "a proof by nobody's key");
    let key = KnownKey::from_jwk(bytes);
    let known = KnownKey {
        kid: "k".into(),
        algorithm: ward_model::word::IssuerAlgorithm::EdDsa,
        bytes: vec![0x5a; 32],
    };
    let keys = [key.unwrap_or_else(|_| known.clone()), known];
    assert!(assertion::check(text, "c", &keys, &["http://a"], now).is_err(), "nobody signed");
    let _client = assertion::client_id(text);
    let _print = certificate::forwarded(text);
}
