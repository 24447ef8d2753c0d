//! The keys an issuer publishes: fetched over plain HTTP (loopback), cached, asked for again when a
//! token names a key not seen yet. Never sends anything, never follows a redirect.
//! RFC 7517 §5, RFC 7518 §6.2 (EC), RFC 8037 §2 (OKP). Best test: `jwks/tests.rs`.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use axum::http::Uri;
use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::time::Instant;

use crate::limits::{
    JWKS_AGE_MAX, JWKS_BYTES_MAX, JWKS_FETCH_MAX, JWKS_KEYS_MAX, JWKS_PAUSE_FAILED,
    JWKS_PAUSE_FRUITLESS,
};

#[cfg(test)]
mod tests;

/// A published key and the one algorithm it is good for.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) alg: Alg,
    pub(crate) public: ParsedPublicKey,
}

/// The two algorithms the shop knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Alg {
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// Keys were never read yet, so nothing can be said about a token.
#[derive(Debug, thiserror::Error)]
#[error("the published keys cannot be read")]
pub(crate) struct Unavailable;

type Keys = HashMap<String, Arc<Key>>;

/// The cache of one key set.
#[derive(Debug)]
pub(crate) struct KeyCache {
    url: Uri,
    client: Client<HttpConnector, Empty<Bytes>>,
    held: RwLock<Option<Held>>,
    /// INVARIANT: one fetch at a time; the instant is the earliest moment for the next.
    next: tokio::sync::Mutex<Option<Instant>>,
}

#[derive(Debug, Clone)]
struct Held {
    keys: Arc<Keys>,
    at: Instant,
}

/// What to do about a wanted key.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Use,
    Fetch,
    /// Fetching is not due; answer from what is held.
    Rest,
}

impl KeyCache {
    pub(crate) fn new(url: Uri) -> Self {
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { url, client, held: RwLock::new(None), next: tokio::sync::Mutex::new(None) }
    }

    /// The key named `kid`, or `None` when the issuer does not publish it.
    ///
    /// Cost: a map lookup; a fetch when the key is unknown or the set is old, at most one in 5 s
    /// if it does not bring the key.
    pub(crate) async fn key(&self, kid: &str) -> Result<Option<Arc<Key>>, Unavailable> {
        let found = |held: &Option<Held>| held.as_ref().and_then(|it| it.keys.get(kid).cloned());
        let held = self.held();
        if step(held.as_ref(), found(&held).is_some(), None, Instant::now()) == Step::Use {
            return Ok(found(&held));
        }
        let mut next = self.next.lock().await;
        let (held, now) = (self.held(), Instant::now());
        if step(held.as_ref(), found(&held).is_some(), *next, now) == Step::Fetch {
            let fetched = self.fetch().await;
            let now = Instant::now();
            let pause = match fetched {
                Some(keys) => {
                    let pause = (!keys.contains_key(kid)).then_some(JWKS_PAUSE_FRUITLESS);
                    self.hold(Held { keys: Arc::new(keys), at: now });
                    pause
                }
                None => Some(JWKS_PAUSE_FAILED),
            };
            *next = pause.map(|pause: Duration| now + pause);
        }
        let held = self.held();
        if held.is_none() { Err(Unavailable) } else { Ok(found(&held)) }
    }

    fn held(&self) -> Option<Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, held: Held) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
    }

    async fn fetch(&self) -> Option<Keys> {
        let exchange = async {
            let answer = self.client.get(self.url.clone()).await.ok()?;
            if !answer.status().is_success() {
                return None;
            }
            let body = Limited::new(answer.into_body(), JWKS_BYTES_MAX).collect().await.ok()?;
            parse(&body.to_bytes())
        };
        tokio::time::timeout(JWKS_FETCH_MAX, exchange).await.ok().flatten()
    }
}

fn step(held: Option<&Held>, found: bool, next: Option<Instant>, now: Instant) -> Step {
    let fresh = held.is_some_and(|it| now.duration_since(it.at) < JWKS_AGE_MAX);
    if found && fresh {
        Step::Use
    } else if next.is_some_and(|due| now < due) {
        Step::Rest
    } else {
        Step::Fetch
    }
}

#[derive(Deserialize)]
struct WireSet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct WireKey {
    kty: String,
    crv: String,
    kid: String,
    x: String,
    y: Option<String>,
}

/// Keys of a set; those of other kinds are passed over (RFC 7517 §5).
fn parse(body: &[u8]) -> Option<Keys> {
    let set: WireSet = serde_json::from_slice(body).ok()?;
    let keys = set.keys.into_iter().take(JWKS_KEYS_MAX);
    Some(keys.filter_map(|key| serde_json::from_value(key).ok()).filter_map(key_of).collect())
}

fn key_of(wire: WireKey) -> Option<(String, Arc<Key>)> {
    let x = BASE64URL_NOPAD.decode(wire.x.as_bytes()).ok().filter(|x| x.len() == 32)?;
    let key = match (wire.kty.as_str(), wire.crv.as_str()) {
        ("EC", "P-256") => {
            let y = BASE64URL_NOPAD.decode(wire.y?.as_bytes()).ok().filter(|y| y.len() == 32)?;
            let point = [&[0x04], x.as_slice(), y.as_slice()].concat();
            let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()?;
            Key { alg: Alg::Es256, public }
        }
        ("OKP", "Ed25519") => {
            Key { alg: Alg::EdDsa, public: ParsedPublicKey::new(&ED25519, x).ok()? }
        }
        _ => return None,
    };
    Some((wire.kid, Arc::new(key)))
}
