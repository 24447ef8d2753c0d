//! The transaction token: what an upstream gets in place of the caller's credential.
//!
//! draft-ietf-oauth-transaction-tokens: short-lived, for one request, signed with a key of its own.
//! The gate says what it must state; the keys room signs it (the program joins the two).

use ward_model::{AccessId, PrincipalKind};

/// What a transaction token states.
pub struct Transaction<'a> {
    /// `txn`: the request.
    pub access: AccessId,
    /// `aud`: the upstream's trust domain, a host of the catalogue.
    pub audience: &'a str,
    /// `sub`: whom it is for.
    pub subject: &'a str,
    /// `kind`.
    pub kind: PrincipalKind,
    /// `tenant`.
    pub tenant: Option<&'a str>,
    /// `purp`: the stated purpose.
    pub purpose: Option<&'a str>,
    /// `rctx.method`.
    pub method: &'a str,
    /// Raw path and query as sent upstream; `rctx.path_sha256` is its SHA-256.
    pub path: &'a str,
}

/// A transaction token could not be made; the read is refused.
#[derive(Debug, thiserror::Error)]
#[error("no transaction token could be signed")]
pub struct MintFailed;

/// Signs transaction tokens. The implementation holds the key; the gate never sees it.
pub trait MintTransaction: Send + Sync {
    /// A compact JWS of type `txntoken+jwt`.
    ///
    /// # Errors
    /// [`MintFailed`]: there is no usable key.
    fn mint(&self, transaction: &Transaction<'_>) -> Result<String, MintFailed>;
}
