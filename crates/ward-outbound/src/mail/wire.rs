//! The connection to a mail server, up to where lettre speaks: TCP, STARTTLS, TLS.
//!
//! Why not lettre's own: it reads ahead before STARTTLS and keeps what it read, so that someone on
//! the way could put replies into the encrypted conversation (the "NO STARTTLS" class), and it
//! reads lines of any length. Here the reply to STARTTLS is read byte by byte: what follows it goes
//! to TLS, which refuses it. It must never send a byte of a letter or a login unencrypted beyond
//! this machine. Driver code. Specifications: RFC 3207, RFC 8314, RFC 5321 section 4.2.
//! Best test: `mail/tests.rs`.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncTokioStream;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Security, Server};
use crate::client::look_up;
use crate::limits::{MAIL_ANSWER_BYTES_MAX, MAIL_REPLY_BYTES_MAX};

/// Why there is no conversation with the server; all may pass.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No TCP connection, or it broke.
    #[error("no connection to the mail server")]
    Connect(#[source] io::Error),
    /// No TLS: the certificate is not trusted or not the server's, or what came is no TLS.
    #[error("no TLS with the mail server")]
    Tls(#[source] io::Error),
    /// The server does not offer STARTTLS, or someone took the offer out.
    #[error("the mail server offers no STARTTLS; nothing was sent")]
    NoStartTls,
    /// An answer before TLS that is not the expected one.
    #[error("before TLS the mail server said {code} where {wanted} was due")]
    Unexpected {
        /// The reply's code.
        code: u16,
        /// The code that was due.
        wanted: u16,
    },
    /// An unencrypted server that turned out not to be this machine.
    #[error("an unencrypted mail server must be this machine")]
    NotThisMachine,
}

/// Opens the conversation; `hello` is the name Ward gives itself before TLS. No address of the
/// server gets more than its share of `within`; the caller bounds the whole.
///
/// # Errors
/// [`OpenError`].
pub(super) async fn open(
    server: &Server,
    config: &Arc<ClientConfig>,
    hello: &str,
    within: Duration,
) -> Result<Wire, OpenError> {
    let mut tcp = connect(server, within).await.map_err(OpenError::Connect)?;
    let peer = tcp.peer_addr().map_err(OpenError::Connect)?;
    if server.security == Security::Plain {
        if !peer.ip().is_loopback() {
            return Err(OpenError::NotThisMachine);
        }
        return Ok(Wire::new(Stream::Plain(tcp), peer, b""));
    }
    if server.security == Security::StartTls {
        start_tls(&mut tcp, hello).await?;
    }
    let wrong = |_| OpenError::Tls(io::Error::other("not a host name"));
    let name = ServerName::try_from(server.host.clone()).map_err(wrong)?;
    let tls = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await;
    let stream = Stream::Tls(Box::new(tls.map_err(OpenError::Tls)?));
    // WHY: after STARTTLS the server does not greet again, and lettre waits for a greeting.
    let greeting: &[u8] = if server.security == Security::StartTls { b"220 \r\n" } else { b"" };
    Ok(Wire::new(stream, peer, greeting))
}

async fn connect(server: &Server, within: Duration) -> io::Result<TcpStream> {
    let addresses = look_up(&server.host).await?;
    let share = within / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        let connecting = TcpStream::connect((address.ip(), server.port));
        match tokio::time::timeout(share, connecting).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Everything that is said before TLS (RFC 3207 section 4).
async fn start_tls(tcp: &mut TcpStream, hello: &str) -> Result<(), OpenError> {
    expect(tcp, 220).await?;
    say(tcp, &format!("EHLO {hello}\r\n")).await?;
    let offers = expect(tcp, 250).await?;
    if !offers.iter().any(|offer| offer.eq_ignore_ascii_case("STARTTLS")) {
        return Err(OpenError::NoStartTls);
    }
    say(tcp, "STARTTLS\r\n").await?;
    // INVARIANT: not a byte beyond this reply has been read: TLS begins with the next one.
    expect(tcp, 220).await.map(drop)
}

async fn say(tcp: &mut TcpStream, line: &str) -> Result<(), OpenError> {
    tcp.write_all(line.as_bytes()).await.map_err(OpenError::Connect)
}

/// Reads one reply, which must have this code; its lines, without the code.
async fn expect(tcp: &mut TcpStream, wanted: u16) -> Result<Vec<String>, OpenError> {
    let (code, lines) = reply(tcp).await.map_err(OpenError::Connect)?;
    if code == wanted { Ok(lines) } else { Err(OpenError::Unexpected { code, wanted }) }
}

/// Reads one reply and nothing after it.
async fn reply<R: AsyncRead + Unpin>(from: &mut R) -> io::Result<(u16, Vec<String>)> {
    let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    let (mut lines, mut line, mut read) = (Vec::new(), Vec::new(), 0_usize);
    loop {
        line.push(from.read_u8().await?);
        read = read.saturating_add(1);
        if read > MAIL_REPLY_BYTES_MAX {
            return Err(wrong("a reply without end"));
        }
        if !line.ends_with(b"\r\n") {
            continue;
        }
        let text = std::str::from_utf8(&line).map_err(|_| wrong("a reply that is no text"))?;
        let (code, rest) = text.trim_end().split_at_checked(3).ok_or_else(|| wrong("no reply"))?;
        let code = code.parse().map_err(|_| wrong("a reply without a code"))?;
        lines.push(rest.get(1..).unwrap_or_default().to_owned());
        if !rest.starts_with('-') {
            return Ok((code, lines));
        }
        line.clear();
    }
}

/// What lettre speaks over: at most [`MAIL_ANSWER_BYTES_MAX`] bytes can be read from it.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    peer: SocketAddr,
    greeting: &'static [u8],
    left: usize,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    const fn new(stream: Stream, peer: SocketAddr, greeting: &'static [u8]) -> Self {
        Self { stream, peer, greeting, left: MAIL_ANSWER_BYTES_MAX }
    }

    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Send + Unpin)> {
        Pin::new(match &mut self.stream {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.as_mut(),
        })
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.greeting.is_empty() {
            let take = self.greeting.len().min(buffer.remaining());
            let (now, later) = self.greeting.split_at_checked(take).unwrap_or_default();
            buffer.put_slice(now);
            self.greeting = later;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_read(context, buffer),
        })?;
        let read = buffer.filled().len().saturating_sub(before);
        match self.left.checked_sub(read) {
            Some(left) => self.left = left,
            None => {
                let why = format!("the mail server said more than {MAIL_ANSWER_BYTES_MAX} bytes");
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writer().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer().poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    //! Replies: what they are, and that nothing after them is read.

    use super::*;

    #[tokio::test]
    async fn a_reply_is_read_and_nothing_after_it() {
        for (text, code, lines, after) in [
            ("220 mail.example\r\n", 220, &["mail.example"][..], ""),
            ("220\r\n250 later\r\n", 220, &[""], "250 later\r\n"),
            ("250-a\r\n250-STARTTLS\r\n250 b\r\nc", 250, &["a", "STARTTLS", "b"], "c"),
            ("250 a\nb\r\n", 250, &["a\nb"], ""),
        ] {
            let mut left = text.as_bytes();
            let (got_code, got_lines) = reply(&mut left).await.unwrap();
            assert_eq!(
                (got_code, got_lines),
                (code, lines.iter().map(|it| (*it).to_owned()).collect())
            );
            assert_eq!(left, after.as_bytes(), "{text:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_reply_is_refused() {
        let endless = "250-x\r\n".repeat(MAIL_REPLY_BYTES_MAX);
        for text in ["", "220 cut", "220 a\n", "22\r\n", "\r\n", "hello\r\n", "2é0 a\r\n", &endless]
        {
            assert!(reply(&mut text.as_bytes()).await.is_err(), "{text:.20?}");
        }
        assert!(reply(&mut &b"220 \xff\r\n"[..]).await.is_err());
    }
}
