//! Whom the shop believes. As careless as real ones: with published keys it checks a signature and
//! `exp`, and believes all the rest (who, what kind, which tenant, whatever the audience).
//! Behind a gate it believes only transaction tokens bound to the very request.
//! RFC 7515 (compact form), draft-ietf-oauth-transaction-tokens. Best test: `tests/shop.rs`.

use aws_lc_rs::digest;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::Value;

use crate::Clock;
use crate::jwks::{Alg, KeyCache};
use crate::limits::TOKEN_BYTES_MAX;

/// Where the shop's belief comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// `Authorization: Bearer`: any token whose signature fits a key published at `url`.
    Jwks {
        /// Plain `http` address of the key set.
        url: String,
    },
    /// `Txn-Token`: only what the gate said about this very request.
    Gate {
        /// Plain `http` address of the gate's key set.
        url: String,
        /// Who this shop is in `aud`.
        audience: String,
    },
}

impl Trust {
    fn url(&self) -> &str {
        match self {
            Self::Jwks { url } | Self::Gate { url, .. } => url,
        }
    }
}

/// Who is asking, as the token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) sub: String,
    pub(crate) kind: String,
    pub(crate) tenant: Option<String>,
}

/// Why nobody is believed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// No token, or not one to believe.
    Unauthorized,
    /// The keys could not be read yet: nothing can be said.
    KeysUnavailable,
}

/// Checks tokens for one shop.
#[derive(Debug)]
pub(crate) struct Verifier {
    trust: Trust,
    keys: KeyCache,
    clock: Clock,
}

impl Verifier {
    /// `None` when the address of the keys is no plain `http` address.
    pub(crate) fn new(trust: Trust, clock: Clock) -> Option<Self> {
        let url: Uri = trust.url().parse().ok()?;
        if url.scheme_str() != Some("http") || url.host().is_none() {
            return None;
        }
        Some(Self { trust, keys: KeyCache::new(url), clock })
    }

    /// Who sent this request.
    pub(crate) async fn caller(&self, request: &Parts) -> Result<Caller, Denied> {
        let token = match self.trust {
            Trust::Jwks { .. } => bearer(&request.headers),
            Trust::Gate { .. } => only(&request.headers, "txn-token"),
        };
        let token = Token::parse(token.ok_or(Denied::Unauthorized)?).ok_or(Denied::Unauthorized)?;
        let key = self.keys.key(&token.header.kid).await.map_err(|_| Denied::KeysUnavailable)?;
        let key = key.filter(|key| key.alg == token.header.alg).ok_or(Denied::Unauthorized)?;
        let verified = key.public.verify_sig(token.signed.as_bytes(), &token.signature);
        if verified.is_err() || token.claims.exp <= self.clock.unix_seconds() {
            return Err(Denied::Unauthorized);
        }
        if let Trust::Gate { audience, .. } = &self.trust
            && !is_said_by_the_gate(&token, audience, request)
        {
            return Err(Denied::Unauthorized);
        }
        let Claims { sub, kind, tenant, .. } = token.claims;
        Ok(Caller { sub, kind, tenant })
    }
}

fn is_said_by_the_gate(token: &Token<'_>, audience: &str, request: &Parts) -> bool {
    let named = match &token.claims.aud {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(audience)),
        _ => false,
    };
    let bound = token.claims.rctx.as_ref().is_some_and(|bound| {
        bound.method == request.method.as_str() && bound.path_sha256 == path_sha256(&request.uri)
    });
    token.header.typ.as_deref() == Some(TXN_TYP) && token.header.alg == Alg::EdDsa && named && bound
}

/// SHA-256 of the raw path and query as received, base64url without padding.
fn path_sha256(uri: &Uri) -> String {
    let raw = uri.path_and_query().map_or("/", |it| it.as_str());
    BASE64URL_NOPAD.encode(digest::digest(&digest::SHA256, raw.as_bytes()).as_ref())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = only(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// The value of a header sent exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    if all.next().is_some() { None } else { first.to_str().ok() }
}

/// A token taken apart; nothing in it is believed yet.
struct Token<'a> {
    header: Header,
    claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: Alg,
    kid: String,
    typ: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    kind: String,
    tenant: Option<String>,
    /// Unix seconds.
    exp: u64,
    aud: Option<Value>,
    rctx: Option<RequestContext>,
}

#[derive(Deserialize)]
struct RequestContext {
    method: String,
    path_sha256: String,
}

impl<'a> Token<'a> {
    fn parse(raw: &'a str) -> Option<Self> {
        if raw.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = raw.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let bytes = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        Some(Self {
            header: serde_json::from_slice(&bytes(header)?).ok()?,
            claims: serde_json::from_slice(&bytes(claims)?).ok()?,
            signed,
            signature: bytes(signature)?,
        })
    }
}

const TXN_TYP: &str = "txntoken+jwt";
