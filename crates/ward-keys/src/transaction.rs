//! Transaction tokens: what an upstream gets in place of the caller's credential.
//!
//! Short-lived, bound to one request, signed with a key of its own (EdDSA), not in the ledger: it
//! never leaves towards a principal. Source: draft-ietf-oauth-transaction-tokens-10, "Txn-Token
//! Format": `typ`, `iat`, `aud`, `exp`, `txn`, `sub`, `scope`, `req_wl`, `tctx`, `rctx`; the claims
//! it does not define stand beside them for upstreams that read those. One difference is meant: the
//! gate also sends the token as `Authorization`, in place of the caller's, so that an upstream that
//! checks bearer tokens needs no change. Best test: `tests.rs`.

use data_encoding::BASE64URL_NOPAD;
use ward_model::word::{KeyPurpose, KeyState};
use ward_model::{AccessId, PrincipalKind, UnixMillis};

use crate::limits::{CLAIM_BYTES_MAX, TRANSACTION_SECONDS};
use crate::sign::SignError;
use crate::store::ActiveKey;

/// The request a transaction token is bound to.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    /// Method as sent upstream.
    pub method: &'a str,
    /// Raw path and query as sent upstream; only its SHA-256 is stated.
    pub path: &'a str,
}

/// What a transaction token states.
#[derive(Clone, Copy, Debug)]
pub struct TransactionBody<'a> {
    /// `txn`: the request.
    pub access: AccessId,
    /// `aud`: the upstream's trust domain.
    pub audience: &'a str,
    /// `sub`: whom it is for.
    pub subject: &'a str,
    /// `kind`.
    pub kind: PrincipalKind,
    /// `tenant`.
    pub tenant: Option<&'a str>,
    /// `purp`: the stated purpose.
    pub purpose: Option<&'a str>,
    /// `req_wl`: the workload that asked, the gate.
    pub requester: Option<&'a str>,
    /// `rctx`.
    pub request: RequestContext<'a>,
}

/// Signs a transaction token that lives 30 seconds.
///
/// # Errors
/// [`SignError`]: the key is no active transaction key, a claim is too long, the library failed.
pub fn mint_transaction(
    key: &ActiveKey,
    body: &TransactionBody<'_>,
    now: UnixMillis,
) -> Result<String, SignError> {
    let record = key.record();
    if record.purpose != KeyPurpose::Transaction || record.state != KeyState::Active {
        return Err(SignError::KeyNotActive);
    }
    let texts =
        [Some(body.audience), Some(body.subject), body.tenant, body.purpose, body.requester];
    if texts.into_iter().flatten().any(|text| text.len() > CLAIM_BYTES_MAX) {
        return Err(SignError::TooLong);
    }
    let mut claims = serde_json::json!({
        "iss": record.issuer,
        "aud": body.audience,
        "iat": now.seconds(),
        "exp": now.seconds().saturating_add(TRANSACTION_SECONDS),
        "txn": body.access.to_string(),
        "sub": body.subject,
        "scope": scope(body.request.method),
        "req_wl": body.requester.unwrap_or(REQUESTER),
        "tctx": { "kind": body.kind.as_str() },
        "kind": body.kind.as_str(),
        "rctx": { "method": body.request.method, "path_sha256": path_digest(body.request.path) },
    });
    for (name, value) in [("tenant", body.tenant), ("purp", body.purpose)] {
        let Some(value) = value else { continue };
        if let Some(members) = claims.as_object_mut() {
            members.insert(name.to_owned(), value.into());
        }
        if let Some(context) = claims.get_mut("tctx").and_then(serde_json::Value::as_object_mut) {
            context.insert(name.to_owned(), value.into());
        }
    }
    let header = serde_json::json!({
        "alg": record.algorithm.as_str(), "kid": record.kid, "typ": "txntoken+jwt",
    });
    let part = |json: &serde_json::Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let mut token = format!("{}.{}", part(&header), part(&claims));
    let signature = key.sign(token.as_bytes()).ok_or(SignError::Failed)?;
    token.push('.');
    token.push_str(&BASE64URL_NOPAD.encode(&signature));
    Ok(token)
}

/// Who asked for the token, if nobody else is said.
const REQUESTER: &str = "gate";

/// `scope`: as narrow as a method tells, in the words of RFC 9110 §9.2.1.
fn scope(method: &str) -> &'static str {
    match method {
        "GET" | "HEAD" | "OPTIONS" | "TRACE" => "read",
        _ => "write",
    }
}

/// `rctx.path_sha256`: base64url of the SHA-256 of raw path and query.
fn path_digest(path: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, path.as_bytes());
    BASE64URL_NOPAD.encode(digest.as_ref())
}
