//! Lies below HTTP. hyper writes correct HTTP only, so the socket is wrapped: once a page has asked
//! for a lie, the next write is replaced by raw bytes and the connection is cut.
//! Never changes a byte of any other answer. Best test: `tests/shop.rs`, `lies_below_http`.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one connection is to write instead of its next answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lie(Arc<Mutex<Option<&'static [u8]>>>);

impl Lie {
    /// Orders the lie of that name; `false` when there is none.
    pub(super) fn tell(&self, name: &str) -> bool {
        let found = LIES.iter().find(|row| row.0 == name).map(|row| row.1.as_bytes());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = found;
        found.is_some()
    }

    fn take(&self) -> Option<&'static [u8]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A listener whose sockets can lie.
pub(crate) struct Door<L>(pub(crate) L);

impl<L: Listener> Listener for Door<L> {
    type Io = Socket<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (inner, from) = self.0.accept().await;
        (Socket { inner, lie: Lie::default(), left: None }, from)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl<L: Listener> Connected<IncomingStream<'_, Door<L>>> for Lie {
    fn connect_info(stream: IncomingStream<'_, Door<L>>) -> Self {
        stream.io().lie.clone()
    }
}

/// A socket that writes what it is given until it is told to lie.
pub(crate) struct Socket<S> {
    inner: S,
    lie: Lie,
    /// The rest of a lie begun; from then on nothing true is written.
    left: Option<&'static [u8]>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> Socket<S> {
    /// Writes what is left of the lie.
    fn poll_lie(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(left) = self.left.filter(|left| !left.is_empty()) {
            let wrote = ready!(Pin::new(&mut self.inner).poll_write(cx, left))?;
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.left = Some(left.get(wrote..).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(lie) = self.lie.take() {
            self.left = Some(lie);
        }
        if self.left.is_none() {
            return Pin::new(&mut self.inner).poll_write(cx, buf);
        }
        ready!(self.poll_lie(cx))?;
        // The true bytes are swallowed; hyper closes after them, as the page asked it to.
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_lie(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// (name, everything that goes over the wire).
const LIES: &[(&str, &str)] = &[
    // Promises more than it sends.
    (
        "lying-length",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 120\r\n\r\n\
         {\"id\":100001,\"phone\":\"010-0000-0001\"}",
    ),
    // Sends more than it promised.
    (
        "lying-length-short",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n\
         {\"id\":100001}{\"id\":100002,\"phone\":\"010-0000-0002\"}",
    ),
    (
        "two-lengths",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\
         content-length: 50\r\n\r\n{\"id\":100001}{\"id\":100002,\"phone\":\"010-0000-0002\"}",
    ),
    (
        "length-and-chunks",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\
         transfer-encoding: chunked\r\n\r\nd\r\n{\"id\":100001}\r\n0\r\n\r\n",
    ),
    (
        "bad-chunk",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n\
         d\r\n{\"id\":100001}\r\nzz\r\n{\"id\":100002}\r\n0\r\n\r\n",
    ),
    // The last chunk never comes.
    (
        "cut",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n\
         d\r\n{\"id\":100001}\r\n",
    ),
    // HTTP/1.0 manner: the end is where the connection ends.
    (
        "until-close",
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n\
         {\"id\":100001,\"phone\":\"010-0000-0001\"}",
    ),
    ("not-http", "SSH-2.0-OddServer\r\n"),
    ("nothing", ""),
];
