//! The upstream side of the gate. Private to the flow: a request leaves only with an
//! [`Intended`].
//!
//! What comes back is an [`Answer`], whose body nobody can read before it is measured.
//! An observed request leaves unchanged, through [`Upstream::pass`].

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ward_model::Reason;

use crate::ask::Ask;
use crate::bypass::Bypassed;
use crate::decide::{Intended, Permit};
use crate::headers;
use crate::limits::{
    UPSTREAM_BODY_MAX, UPSTREAM_CONNECT_MAX, UPSTREAM_HEAD_MAX, UPSTREAM_IDLE_MAX,
};
use crate::refuse::Refusal;
use crate::transaction::MintTransaction;

/// The upstream's answer to a permitted request, not read yet.
pub struct Answer {
    permit: Permit,
    response: Response<Incoming>,
}

/// What an answer becomes when it is measured: the permit it was asked under, its head, its body.
pub(crate) struct Opened {
    pub(crate) permit: Permit,
    pub(crate) head: http::response::Parts,
    pub(crate) body: Bytes,
}

pub(crate) struct Upstream {
    client: Client<HttpConnector, Incoming>,
}

impl Upstream {
    pub(crate) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(UPSTREAM_CONNECT_MAX));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(UPSTREAM_IDLE_MAX)
            .retry_canceled_requests(false)
            .build(connector);
        Self { client }
    }

    /// Sends a request that may go: plain, whole, and with a transaction token in place of the
    /// caller's credential.
    pub(crate) async fn send(
        &self,
        intended: Intended,
        ask: &Ask,
        mint: &dyn MintTransaction,
        mut request: Request<Incoming>,
    ) -> Result<Answer, Refusal> {
        let permit = intended.into_permit();
        let token = match mint.mint(&permit.transaction(ask)) {
            Ok(token) => token,
            Err(_) => return Err(permit.refuse(Reason::Overloaded)),
        };
        headers::ask_plainly(request.headers_mut());
        for (name, text) in [(header::AUTHORIZATION, format!("Bearer {token}")), (TXN_TOKEN, token)]
        {
            let Ok(mut value) = HeaderValue::try_from(text) else {
                return Err(permit.refuse(Reason::Overloaded));
            };
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        match self.ask(ask, request).await {
            Some(response) => Ok(Answer { permit, response }),
            None => Err(permit.refuse(Reason::UpstreamUninspectable)),
        }
    }

    /// Sends an observed request as it came.
    pub(crate) async fn pass(
        &self,
        ask: &Ask,
        mut request: Request<Incoming>,
    ) -> Option<Response<Incoming>> {
        headers::strip_hop_by_hop(request.headers_mut());
        self.ask(ask, request).await
    }

    async fn ask(&self, ask: &Ask, mut request: Request<Incoming>) -> Option<Response<Incoming>> {
        *request.uri_mut() = uri(ask.target.upstream.as_ref()?, &ask.path)?;
        *request.version_mut() = http::Version::HTTP_11;
        request
            .headers_mut()
            .insert(REQUEST_ID, HeaderValue::try_from(ask.access.to_string()).ok()?);
        let answer = tokio::time::timeout(UPSTREAM_HEAD_MAX, self.client.request(request)).await;
        match answer {
            Ok(Ok(response)) => Some(response),
            Ok(Err(error)) => {
                tracing::warn!(access = %ask.access, connect = error.is_connect(), "upstream failed");
                None
            }
            Err(_) => {
                tracing::warn!(access = %ask.access, "upstream did not answer in time");
                None
            }
        }
    }
}

impl Answer {
    /// Gives the answer out unread, for a bypassed route alone.
    pub(crate) fn pass_on(self, _proof: &Bypassed) -> (Permit, Response<Incoming>) {
        (self.permit, self.response)
    }

    /// Reads the whole body, at most `bytes_max`.
    pub(crate) async fn open(self, bytes_max: usize) -> Result<Opened, Refusal> {
        let Self { permit, response } = self;
        let (head, body) = response.into_parts();
        if !headers::is_plain(&head.headers) {
            return Err(permit.refuse(Reason::UpstreamUninspectable));
        }
        let whole = Limited::new(body, bytes_max).collect();
        match tokio::time::timeout(UPSTREAM_BODY_MAX, whole).await {
            Ok(Ok(body)) => Ok(Opened { permit, head, body: body.to_bytes() }),
            _ => Err(permit.refuse(Reason::UpstreamUninspectable)),
        }
    }
}

/// The transaction token's own header (draft-ietf-oauth-transaction-tokens §7.1).
pub(crate) const TXN_TOKEN: header::HeaderName = header::HeaderName::from_static("txn-token");
/// The request id, both ways.
pub(crate) const REQUEST_ID: header::HeaderName =
    header::HeaderName::from_static("ward-request-id");

fn uri(upstream: &Authority, path: &str) -> Option<Uri> {
    Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(upstream.clone())
        .path_and_query(path)
        .build()
        .ok()
}
