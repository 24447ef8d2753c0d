//! Statements for those who verify tokens: signed introspection answers and status lists.
//!
//! Signed with the answer key, which has no other purpose: the ledger finds no token under it, so a
//! statement presented as a token is junk and never a forgery, and a compromised token key does not
//! let anybody say what is live. Each kind has its own `typ`; nothing here signs bytes that
//! somebody else laid out. Source: RFC 9701 §5, draft-ietf-oauth-status-list §5.1.
//! Best test: `tests.rs`, and `interop/verifiers.py` with other people's libraries.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};
use ward_model::UnixMillis;
use ward_model::word::{KeyPurpose, KeyState};

use crate::sign::SignError;
use crate::store::ActiveKey;

/// What is stated.
pub enum Statement<'a> {
    /// An introspection answer for one protected resource (RFC 9701 §5).
    Introspection {
        /// `aud`: who asked.
        audience: &'a str,
        /// `token_introspection`: the members of the plain answer.
        answer: &'a Map<String, Value>,
    },
    /// A list of token statuses.
    StatusList {
        /// `sub`: the URL the list is served under.
        uri: &'a str,
        /// `exp`: past it the list says nothing.
        expires_at: UnixMillis,
        /// `ttl`: how long a copy may be kept, seconds.
        ttl_seconds: i64,
        /// `status_list.lst`: one bit a token, least significant first, in zlib's format.
        compressed: &'a [u8],
    },
}

impl Statement<'_> {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Introspection { .. } => "token-introspection+jwt",
            Self::StatusList { .. } => "statuslist+jwt",
        }
    }

    fn claims(&self, issuer: &str, now: UnixMillis) -> Value {
        match self {
            // WHY no `sub` and no `exp`: RFC 9701 §5 keeps them out, so that the answer cannot be
            // taken for a token.
            Self::Introspection { audience, answer } => json!({
                "iss": issuer, "aud": audience, "iat": now.seconds(),
                "token_introspection": answer,
            }),
            Self::StatusList { uri, expires_at, ttl_seconds, compressed } => json!({
                "iss": issuer, "sub": uri, "iat": now.seconds(), "exp": expires_at.seconds(),
                "ttl": ttl_seconds,
                "status_list": { "bits": 1, "lst": BASE64URL_NOPAD.encode(compressed) },
            }),
        }
    }
}

/// Signs a statement; a compact JWS. Cost: one signature and one pass over the claims.
///
/// # Errors
/// [`SignError`]: the key is no active answer key, or the library failed.
pub fn state(
    key: &ActiveKey,
    statement: &Statement<'_>,
    now: UnixMillis,
) -> Result<String, SignError> {
    let record = key.record();
    if record.purpose != KeyPurpose::Answer || record.state != KeyState::Active {
        return Err(SignError::KeyNotActive);
    }
    let header = json!({
        "alg": record.algorithm.as_str(), "kid": record.kid, "typ": statement.kind(),
    });
    let claims = statement.claims(&record.issuer, now);
    let part = |json: &Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let mut out = format!("{}.{}", part(&header), part(&claims));
    let signature = key.sign(out.as_bytes()).ok_or(SignError::Failed)?;
    out.push('.');
    out.push_str(&BASE64URL_NOPAD.encode(&signature));
    Ok(out)
}
