//! Webhooks signed as Standard Webhooks say (version 1, symmetric).
//!
//! Pure. It must never show the secret, or compare a signature in variable time. Specification:
//! `github.com/standard-webhooks/standard-webhooks`, `spec/standard-webhooks.md`, "Signature
//! scheme" and "Verifying webhook authenticity". Best test: `interop/notify.py`, where the
//! specification's own library verifies.

use aws_lc_rs::hmac;
use bytes::Bytes;
use data_encoding::BASE64;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Uri};
use ward_model::{Secret, UnixMillis};

use crate::limits::{SIGNING_SECRET_BYTES_MAX, SIGNING_SECRET_BYTES_MIN};

/// What signs and verifies a webhook.
#[derive(Clone)]
pub struct SigningSecret(Secret<Vec<u8>>);

/// The text is no signing secret: `whsec_` and base64 of 24 to 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is `whsec_` followed by base64 of 24 to 64 random bytes")]
pub struct SecretError;

impl SigningSecret {
    /// Reads `whsec_...`.
    ///
    /// # Errors
    /// [`SecretError`]; it does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let base64 = text.strip_prefix(PREFIX).ok_or(SecretError)?;
        let bytes = Secret::new(BASE64.decode(base64.as_bytes()).map_err(|_| SecretError)?);
        let sizes = SIGNING_SECRET_BYTES_MIN..=SIGNING_SECRET_BYTES_MAX;
        if sizes.contains(&bytes.expose().len()) { Ok(Self(bytes)) } else { Err(SecretError) }
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.expose())
    }
}

/// The value of `webhook-signature`: `v1,` and base64 of HMAC-SHA-256 over `id.seconds.body`.
/// `id` has no full stop.
#[must_use]
pub fn sign(secret: &SigningSecret, id: &str, sent: UnixMillis, body: &[u8]) -> String {
    let tag = hmac::sign(&secret.key(), &signed(id, sent.seconds(), body));
    format!("{VERSION}{}", BASE64.encode(tag.as_ref()))
}

/// Whether one of the signatures in `signatures` (a list parted by spaces) is right, and
/// `sent_seconds` no further from `now` than [`TOLERANCE_SECONDS`].
#[must_use]
pub fn verify(
    secret: &SigningSecret,
    id: &str,
    sent_seconds: i64,
    signatures: &str,
    body: &[u8],
    now: UnixMillis,
) -> bool {
    let fresh = now.seconds().abs_diff(sent_seconds) <= TOLERANCE_SECONDS;
    let (key, signed) = (secret.key(), signed(id, sent_seconds, body));
    let right = |signature: &str| {
        let base64 = signature.strip_prefix(VERSION);
        let tag = base64.and_then(|base64| BASE64.decode(base64.as_bytes()).ok());
        // aws-lc-rs compares in constant time.
        tag.is_some_and(|tag| hmac::verify(&key, &signed, &tag).is_ok())
    };
    fresh && signatures.split(' ').any(right)
}

/// A signed `POST` of a JSON body, as one attempt sends it: the id stays, the time is the attempt's.
///
/// # Errors
/// `id` is no header value.
pub fn request(
    url: &Uri,
    secret: &SigningSecret,
    id: &str,
    sent: UnixMillis,
    body: Bytes,
) -> Result<Request<Bytes>, http::Error> {
    Request::builder()
        .method(Method::POST)
        .uri(url.clone())
        .header(CONTENT_TYPE, "application/json")
        .header(ID, id)
        .header(TIMESTAMP, sent.seconds().to_string())
        .header(SIGNATURE, sign(secret, id, sent, &body))
        .body(body)
}

fn signed(id: &str, seconds: i64, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", seconds.to_string().as_bytes(), b".", body].concat()
}

/// Header: the same for every attempt, so that a receiver knows a repetition.
pub const ID: &str = "webhook-id";
/// Header: seconds since the epoch when the attempt was made.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// Header: [`sign`].
pub const SIGNATURE: &str = "webhook-signature";
/// How old, or how far ahead, a webhook may be for [`verify`], seconds.
pub const TOLERANCE_SECONDS: u64 = 300;
const PREFIX: &str = "whsec_";
const VERSION: &str = "v1,";

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's libraries (`standardwebhooks`, test of `sign`).
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SENT: UnixMillis = UnixMillis::new(1_614_265_330_000);
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn signatures_are_those_of_the_specification() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        assert_eq!(sign(&secret, ID, SENT, BODY), SIGNED);
    }

    #[test]
    fn only_what_was_signed_verifies() {
        let other = SigningSecret::parse(&format!("whsec_{}", BASE64.encode(&[7; 24]))).unwrap();
        let secret = SigningSecret::parse(SECRET).unwrap();
        let (seconds, two) = (SENT.seconds(), format!("v1,AAAA v1a,x {SIGNED}"));
        let bare = SIGNED.trim_start_matches("v1,");
        let late = SENT.plus_ms(301_000);
        let early = SENT.plus_ms(-301_000);
        for (name, secret, id, seconds, signatures, body, now, want) in [
            ("as it was", &secret, ID, seconds, SIGNED, BODY, SENT, true),
            ("one of several", &secret, ID, seconds, two.as_str(), BODY, SENT, true),
            ("other secret", &other, ID, seconds, SIGNED, BODY, SENT, false),
            ("other id", &secret, "msg_2", seconds, SIGNED, BODY, SENT, false),
            ("other time", &secret, ID, seconds + 1, SIGNED, BODY, SENT, false),
            ("other body", &secret, ID, seconds, SIGNED, &b"{}"[..], SENT, false),
            ("no version", &secret, ID, seconds, bare, BODY, SENT, false),
            ("no signature", &secret, ID, seconds, "", BODY, SENT, false),
            ("too old", &secret, ID, seconds, SIGNED, BODY, late, false),
            ("from the future", &secret, ID, seconds, SIGNED, BODY, early, false),
        ] {
            assert_eq!(verify(secret, id, seconds, signatures, body, now), want, "{name}");
        }
    }

    #[test]
    fn secrets_have_a_form_and_a_size() {
        let of = |bytes: usize| format!("whsec_{}", BASE64.encode(&vec![1; bytes]));
        for (text, good) in [
            (of(24), true),
            (of(64), true),
            (of(23), false),
            (of(65), false),
            (of(24).replace("whsec_", ""), false),
            (format!("{}\n", of(24)), false),
            ("whsec_".to_owned(), false),
            ("whsec_no base64".to_owned(), false),
        ] {
            assert_eq!(SigningSecret::parse(&text).is_ok(), good, "{text}");
        }
    }
}
