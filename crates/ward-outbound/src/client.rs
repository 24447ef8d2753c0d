//! The HTTPS client of all calls out: bounded in time and bytes, going only where it is told.
//!
//! `https` anywhere, `http` to this machine only. It must never follow a redirect, keep a cookie,
//! read a proxy variable, or hand on an answer that is not whole. Each call has a connection of its
//! own: calls out are rare, and a kept one that died fails the call that needed it.
//! Driver code. Specifications: RFC 9110, RFC 9112, RFC 6761 section 6.3 (`localhost`).
//! Best test: `client/tests.rs`.

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower::Service;

use crate::limits::HEAD_BYTES_MAX;
use crate::trust::Trust;

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Until there is a connection: the name looked up, TCP and TLS.
    pub connect: Duration,
    /// Until the whole answer is here, connecting included.
    pub total: Duration,
}

impl Default for Times {
    /// 5 s to connect, 15 s in all.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(15) }
    }
}

/// A client; cloning it is cheap.
#[derive(Clone)]
pub struct Client {
    inner: legacy::Client<Dialler, Full<Bytes>>,
    total: Duration,
}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not an absolute `http` or `https` address with a host.
    #[error("not an absolute http or https address")]
    NotAbsolute,
    /// A user or password in the address: they end in logs.
    #[error("a user or a password does not belong in an address")]
    UserInfo,
    /// `http` beyond this machine.
    #[error("http goes to this machine only; use https")]
    PlainText,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The address is refused; nothing was sent. Correct it.
    #[error("the address is refused")]
    Address(#[source] UrlError),
    /// No connection: the name, the way, or the certificate. Nothing was sent; try later.
    #[error("no connection")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// The exchange broke off, or what came is no HTTP. It may have been acted on; try later.
    #[error("the exchange broke off")]
    Broke(#[source] Box<dyn Error + Send + Sync>),
    /// No whole answer in time. It may have been acted on; try later.
    #[error("no whole answer within {within_ms} ms")]
    Slow {
        /// The bound, milliseconds.
        within_ms: u128,
    },
    /// The answer is longer than the caller reads. It was acted on.
    #[error("the answer is longer than {limit_bytes} bytes")]
    TooLong {
        /// The bound, bytes.
        limit_bytes: usize,
    },
}

impl SendError {
    /// This error and its causes in one line, for the console.
    #[must_use]
    pub fn words(&self) -> String {
        crate::words::causes(self)
    }
}

impl Client {
    /// A client that believes `trust`.
    ///
    /// # Errors
    /// The TLS provider refuses its configuration.
    pub fn new(trust: &Trust, times: Times) -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new_with_resolver(Names);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(trust.config()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let dialler = Dialler { https, within: times.connect };
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(dialler);
        Ok(Self { inner, total: times.total })
    }

    /// Sends one request, and reads the whole answer, whatever its status; a redirect is an answer.
    /// `limit_bytes` bounds its body. Dropping the future ends the connection.
    ///
    /// # Errors
    /// [`SendError`]: what to do is said there.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        limit_bytes: usize,
    ) -> Result<Response<Bytes>, SendError> {
        check(request.uri()).map_err(SendError::Address)?;
        let work = async {
            let answer = self.inner.request(request.map(Full::new)).await.map_err(|error| {
                match error.is_connect() {
                    true => SendError::Connect(error.into()),
                    false => SendError::Broke(error.into()),
                }
            })?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, limit_bytes).collect().await.map_err(|error| {
                match error.is::<LengthLimitError>() {
                    true => SendError::TooLong { limit_bytes },
                    false => SendError::Broke(error),
                }
            })?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        let within_ms = self.total.as_millis();
        tokio::time::timeout(self.total, work).await.map_err(|_| SendError::Slow { within_ms })?
    }
}

/// An address that [`Client::send`] takes.
///
/// # Errors
/// [`UrlError`].
pub fn parse_url(text: &str) -> Result<Uri, UrlError> {
    let uri = text.parse().map_err(|_| UrlError::NotAbsolute)?;
    check(&uri).map(|()| uri)
}

/// Whether the client may go there.
fn check(uri: &Uri) -> Result<(), UrlError> {
    let host = uri.host().filter(|host| !host.is_empty()).ok_or(UrlError::NotAbsolute)?;
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(UrlError::UserInfo);
    }
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_this_machine(host) => Ok(()),
        Some("http") => Err(UrlError::PlainText),
        _ => Err(UrlError::NotAbsolute),
    }
}

/// Whether a host, as an address writes it, is this machine: a loopback address or `localhost`.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    is_localhost(host) || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_localhost(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
}

/// Addresses of a name. `localhost` is this machine, whatever a name server says.
pub(crate) async fn look_up(name: &str) -> io::Result<Vec<SocketAddr>> {
    if is_localhost(name) {
        return Ok(vec![
            (IpAddr::from(Ipv4Addr::LOCALHOST), 0).into(),
            (IpAddr::from(Ipv6Addr::LOCALHOST), 0).into(),
        ]);
    }
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

/// [`look_up`] as hyper asks for it.
#[derive(Clone)]
struct Names;

type Later<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Later<Self::Response, io::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move { Ok(look_up(name.as_str()).await?.into_iter()) })
    }
}

/// Makes connections, TLS included, within a time.
#[derive(Clone)]
struct Dialler {
    https: HttpsConnector<HttpConnector<Names>>,
    within: Duration,
}

impl Service<Uri> for Dialler {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Later<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, within) = (self.https.call(uri), self.within);
        Box::pin(async move {
            tokio::time::timeout(within, connecting).await.unwrap_or_else(|_| {
                let why = format!("not within {} ms", within.as_millis());
                Err(io::Error::new(io::ErrorKind::TimedOut, why).into())
            })
        })
    }
}

#[cfg(test)]
mod tests;
