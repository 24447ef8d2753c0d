//! Whether the one who presents a bound token is its holder, and how he is told what to bring.
//!
//! A token bound to a key needs a DPoP proof for this very request; one bound to a certificate
//! needs the connection's, as a trusted door passes it on. What a 401 says follows from the proof
//! alone and never from the token beside it: a thief learns nothing of the token.
//! Source: RFC 9449 §§7, 8, 9; RFC 8705 §3. Best test: `tests/gate/holder.rs`.

use std::net::SocketAddr;

use http::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use ward_catalogue::Holder;
use ward_model::{Confirmation, Reason, Thumbprint, UnixMillis};
use ward_proof::{Refused, Request as Proven, certificate};

use crate::ask::Ask;
use crate::present::{DPOP, Presented};
use crate::{Body, Gate};

/// Where the next nonce stands (RFC 9449 §8.2).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
/// What a TLS proxy says the client came by.
const FORWARDED_PROTO: &str = "x-forwarded-proto";
const ALGORITHMS: &str = "algs=\"ES256 EdDSA Ed25519 RS256 PS256\"";

/// What a request shows of who presents it.
pub(crate) struct Presenter {
    /// The certificate a door passed on.
    certificate: Option<Thumbprint>,
    /// For a request with a proof.
    dpop: Option<Dpop>,
}

struct Dpop {
    /// The request's absolute URI, as the client wrote it.
    uri: String,
    /// Whether the proof needs a nonce that it has not.
    wants_nonce: bool,
    /// The nonce for the next one.
    nonce: String,
}

impl Presenter {
    /// Completes a 401: what may be presented here, and what was wrong with a proof.
    pub(crate) fn challenge(&self, response: &mut Response<Body>) {
        if response.status() != StatusCode::UNAUTHORIZED {
            return;
        }
        let headers = response.headers_mut();
        let Some(dpop) = &self.dpop else {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            if let Ok(value) = HeaderValue::try_from(format!("DPoP {ALGORITHMS}")) {
                headers.append(WWW_AUTHENTICATE, value);
            }
            return;
        };
        let error = if dpop.wants_nonce { "use_dpop_nonce" } else { "invalid_token" };
        if let Ok(value) = HeaderValue::try_from(format!("DPoP error=\"{error}\", {ALGORITHMS}")) {
            headers.append(WWW_AUTHENTICATE, value);
        }
        if let Ok(value) = HeaderValue::try_from(dpop.nonce.as_str()) {
            headers.insert(DPOP_NONCE, value);
        }
    }
}

impl Gate {
    /// Reads off a request what shows who presents it. Costs nothing without a proof or a
    /// certificate.
    pub(crate) fn presenter(
        &self,
        request: &Request<Incoming>,
        peer: SocketAddr,
        host: Option<&str>,
        now: UnixMillis,
    ) -> Presenter {
        let headers = request.headers();
        let from_door = self.parts.doors.contain(peer.ip());
        let said = |name: &str| one(headers, name).filter(|_| from_door);
        let certificate = said(certificate::FORWARDED).and_then(certificate::forwarded);
        let dpop = one(headers, DPOP).map(|proof| {
            let scheme = if said(FORWARDED_PROTO) == Some("https") { "https" } else { "http" };
            Dpop {
                uri: format!("{scheme}://{}{}", host.unwrap_or_default(), request.uri().path()),
                wants_nonce: self.parts.proofs.wants_nonce(proof, now),
                nonce: self.parts.proofs.nonce(now),
            }
        });
        Presenter { certificate, dpop }
    }

    /// Whether the presenter proves what the token asks for, and the route.
    ///
    /// # Errors
    /// [`Reason::HolderMismatch`]; [`Reason::Overloaded`]: the proof cannot be remembered.
    pub(crate) fn is_holder(
        &self,
        presented: &Presented,
        bound: Option<Confirmation>,
        ask: &Ask,
    ) -> Result<(), Reason> {
        let asked = ask.route().map_or(Holder::Any, |route| route.holder);
        match (bound, presented) {
            (None, Presented::Token(_) | Presented::ApiKey(_)) if asked == Holder::Any => Ok(()),
            (Some(Confirmation::Certificate(print)), Presented::Token(_)) => {
                let shown = ask.presenter.certificate == Some(print);
                if shown { Ok(()) } else { Err(Reason::HolderMismatch) }
            }
            (Some(Confirmation::Key(key)), Presented::Held { token, proof }) => {
                self.is_proven(token, proof, key, ask)
            }
            // A bound token as a bearer's, an unbound one with a proof, a bearer's where the route
            // asks for more.
            _ => Err(Reason::HolderMismatch),
        }
    }

    fn is_proven(
        &self,
        token: &str,
        proof: &str,
        key: Thumbprint,
        ask: &Ask,
    ) -> Result<(), Reason> {
        let Some(dpop) = &ask.presenter.dpop else { return Err(Reason::HolderMismatch) };
        let request = Proven {
            method: ask.method.as_str(),
            uri: &dpop.uri,
            token: Some(token),
            key: Some(key),
        };
        match self.parts.proofs.take(proof, &request, ask.now) {
            Ok(_proof) => Ok(()),
            Err(Refused::Overloaded) => Err(Reason::Overloaded),
            Err(Refused::Replayed) => {
                tracing::info!(access = %ask.access, reason = "replayed", "proof refused");
                Err(Reason::HolderMismatch)
            }
            Err(Refused::Proof(refusal)) => {
                tracing::info!(access = %ask.access, reason = refusal.as_str(), "proof refused");
                Err(Reason::HolderMismatch)
            }
        }
    }
}

/// The one value of a header.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
