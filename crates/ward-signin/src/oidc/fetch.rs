//! How the provider is asked: an argument, so that this room opens no socket.

use std::error::Error;
use std::future::Future;

/// One request to the provider. The body and the `Authorization` header hold secrets: neither is
/// logged.
pub struct FetchRequest {
    /// What to send; the address is absolute.
    pub request: http::Request<Vec<u8>>,
    /// Bytes of the answer's body after which the transport gives up.
    pub answer_bytes_max: usize,
    /// Milliseconds until the last byte of the answer, connecting included.
    pub ms_max: u64,
}

/// Brings one answer.
///
/// An implementation MUST NOT follow a redirect (a secret would travel with it), MUST check the
/// server's certificate for `https`, MUST stop at `answer_bytes_max` and `ms_max`, MUST NOT send
/// cookies, and MUST NOT cache. Dropping the future cancels the request.
pub trait Fetch: Send + Sync {
    /// Sends the request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// There was no whole answer; the same request may be tried again later.
    fn fetch(
        &self,
        request: FetchRequest,
    ) -> impl Future<Output = Result<http::Response<Vec<u8>>, FetchError>> + Send;
}

/// There was no whole answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection, no trust in the server's certificate, or the connection broke.
    #[error("the identity provider cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The answer was not whole in time.
    #[error("the identity provider is too slow")]
    TooLate,
    /// The answer is longer than what was asked for.
    #[error("the identity provider's answer is too long")]
    TooLong,
}
