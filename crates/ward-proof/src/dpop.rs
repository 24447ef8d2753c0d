//! The decision about a DPoP proof: is it by this key, for this request, made now?
//!
//! Pure: proof, what is expected, time; whether it was used before is asked afterwards
//! (`desk.rs`). The nonce is looked at before anything the token decides, so that what a caller
//! learns from it says nothing about the token. Source: RFC 9449 §4.3. Best test: `dpop/tests.rs`.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};
use ward_model::json::Json;
use ward_model::{Thumbprint, UnixMillis};

use crate::jwk::{PublicKey, algorithm};
use crate::jws::{Jws, date, get, text};
use crate::limits::{JTI_BYTES_MAX, PROOF_AGE_MS_MAX, PROOF_BYTES_MAX, SKEW_MS_MAX};
use crate::nonce::Nonces;
use crate::uri::normal;

/// Names of the algorithms a proof may be made with (`dpop_signing_alg_values_supported`).
pub const ALGORITHMS: [&str; 5] = ["ES256", "EdDSA", "Ed25519", "RS256", "PS256"];

/// What a proof must be for.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The request's absolute URI; query and fragment are ignored.
    pub uri: &'a str,
    /// The access token beside it; `None` at the token endpoint.
    pub token: Option<&'a str>,
    /// The key the token is bound to; `None` where any key will do.
    pub key: Option<Thumbprint>,
    /// The nonces this server gives out.
    pub nonces: &'a Nonces,
    /// A proof made before this needs a nonce; [`UnixMillis::new`]`(i64::MAX)`: every proof does.
    pub nonce_before: UnixMillis,
}

/// A proof that holds. It may be used once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The key it was made with.
    pub key: Thumbprint,
    /// `jti`.
    pub jti: String,
}

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no proof: not canonical, a claim missing, another `typ`, a private key, too long.
    Malformed,
    /// It names another algorithm than its key's, or one that is not supported.
    Algorithm,
    /// Its signature is not by its key.
    Signature,
    /// It is for another method.
    Method,
    /// It is for another URI.
    Uri,
    /// It is too old, or from the future.
    Time,
    /// It is for another token (`ath`).
    Token,
    /// It is by another key than the token is bound to.
    Key,
    /// It needs a nonce this server gave out, and has none or an old one: retry with a new one.
    Nonce,
}

impl Refusal {
    /// For the journal's reader.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Method => "htm",
            Self::Uri => "htu",
            Self::Time => "iat",
            Self::Token => "ath",
            Self::Key => "jkt",
            Self::Nonce => "nonce",
        }
    }
}

/// Decides about one proof. Cost: one signature verification, after everything cheap.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(raw: &str, expected: &Expected<'_>, now: UnixMillis) -> Result<Proof, Refusal> {
    let proof = Jws::read(raw, PROOF_BYTES_MAX).ok_or(Refusal::Malformed)?;
    if text(&proof.header, "typ") != Some("dpop+jwt") {
        return Err(Refusal::Malformed);
    }
    let Some(Json::Object(jwk)) = get(&proof.header, "jwk") else {
        return Err(Refusal::Malformed);
    };
    let key = PublicKey::from_members(jwk).map_err(|_| Refusal::Malformed)?;
    let claims = &proof.claims;
    let jti = text(claims, "jti").filter(|jti| (1..=JTI_BYTES_MAX).contains(&jti.len()));
    let jti = jti.ok_or(Refusal::Malformed)?;
    let method = text(claims, "htm").ok_or(Refusal::Malformed)?;
    let uri = text(claims, "htu").ok_or(Refusal::Malformed)?;
    let made_at = UnixMillis::from_seconds(date(claims, "iat").ok_or(Refusal::Malformed)?);
    nonce(claims, made_at, expected.nonces, expected.nonce_before, now)?;
    let algorithm = text(&proof.header, "alg").and_then(algorithm).filter(|it| key.fits(*it));
    let algorithm = algorithm.ok_or(Refusal::Algorithm)?;
    if method != expected.method {
        return Err(Refusal::Method);
    }
    let asked = normal(expected.uri);
    if asked.is_none() || normal(uri) != asked {
        return Err(Refusal::Uri);
    }
    let age = now.since(made_at);
    if !(-SKEW_MS_MAX..=PROOF_AGE_MS_MAX).contains(&age) {
        return Err(Refusal::Time);
    }
    if expected.key.is_some_and(|bound| bound != key.thumbprint()) {
        return Err(Refusal::Key);
    }
    if let Some(token) = expected.token {
        let digest = BASE64URL_NOPAD.encode(&Sha256::digest(token));
        if text(claims, "ath") != Some(digest.as_str()) {
            return Err(Refusal::Token);
        }
    }
    if !key.verifies(algorithm, proof.signing_input, &proof.signature) {
        return Err(Refusal::Signature);
    }
    Ok(Proof { key: key.thumbprint(), jti: jti.to_owned() })
}

/// Whether a proof needs a nonce and has none that is known: what the client is told, whatever
/// stands beside it. A text that is no proof needs none.
#[must_use]
pub fn wants_nonce(raw: &str, nonces: &Nonces, nonce_before: UnixMillis, now: UnixMillis) -> bool {
    let Some(proof) = Jws::read(raw, PROOF_BYTES_MAX) else { return false };
    let Some(made_at) = date(&proof.claims, "iat") else { return false };
    nonce(&proof.claims, UnixMillis::from_seconds(made_at), nonces, nonce_before, now).is_err()
}

/// A nonce that is there must be known; one that is needed must be there.
fn nonce(
    claims: &[(String, Json)],
    made_at: UnixMillis,
    nonces: &Nonces,
    nonce_before: UnixMillis,
    now: UnixMillis,
) -> Result<(), Refusal> {
    match get(claims, "nonce") {
        None if made_at >= nonce_before => Ok(()),
        Some(Json::Text(nonce)) if nonces.knows(nonce, now) => Ok(()),
        _ => Err(Refusal::Nonce),
    }
}

#[cfg(test)]
mod tests;
