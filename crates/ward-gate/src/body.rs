//! The two bodies an answer can have: a whole one that was measured, or one that passes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;

use crate::observe::Passing;

/// The body of an answer.
pub struct Body(Kind);

/// Why a body that passes ends before its end; the connection is cut, so that nobody takes it for
/// whole.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The upstream's answer broke off.
    #[error("the upstream's answer broke off")]
    Upstream(#[source] hyper::Error),
    /// The emergency that opened the route is over.
    #[error("the bypass is over")]
    BypassOver,
}

enum Kind {
    Whole(Full<Bytes>),
    Passing(Box<Passing>),
}

impl Body {
    /// A whole body.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self(Kind::Whole(Full::new(bytes)))
    }

    /// A body that passes as it comes.
    pub(crate) fn passing(passing: Passing) -> Self {
        Self(Kind::Passing(Box::new(passing)))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.0 {
            Kind::Whole(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Kind::Passing(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(body) => body.is_end_stream(),
            Kind::Passing(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(body) => body.size_hint(),
            Kind::Passing(body) => body.size_hint(),
        }
    }
}
