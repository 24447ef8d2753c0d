//! A client that keeps its connections open and sends the same request again and again.
//!
//! Bounded: so many connections, so many requests on each. An answer that is not 200 with the
//! wanted length ends the measurement.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::paired::monotonic_ns;

/// Longest head of an answer, bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who answers.
    pub to: SocketAddr,
    /// The path.
    pub path: &'static str,
    /// A bearer token for each connection; none: no credential is sent.
    pub tokens: Vec<String>,
}

/// Sends `each` requests on each of `connections`; milliseconds of every answer.
///
/// # Errors
/// An answer was not what it must be.
pub async fn run(call: &Call, connections: usize, each: usize) -> Result<Vec<f64>> {
    let mut tasks = Vec::new();
    for at in 0..connections {
        let token = call.tokens.get(at % call.tokens.len().max(1)).cloned();
        let (to, path) = (call.to, call.path);
        tasks.push(tokio::spawn(async move { one(to, path, token.as_deref(), each).await }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.context("a client ended badly")??);
    }
    Ok(times)
}

async fn one(to: SocketAddr, path: &str, token: Option<&str>, count: usize) -> Result<Vec<f64>> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let bearer = bearer.unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n{bearer}\r\n");
    let mut buffer = Vec::with_capacity(64 * 1024);
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = monotonic_ns();
        stream.write_all(request.as_bytes()).await?;
        answer(&mut stream, &mut buffer).await?;
        times.push((monotonic_ns() - start) as f64 / 1e6);
    }
    Ok(times)
}

/// Reads one whole answer into `buffer`.
///
/// # Errors
/// It is not 200, or has no length.
pub async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    let (head_bytes, body_bytes) = loop {
        ensure!(stream.read_buf(buffer).await? > 0, "the connection was closed");
        if let Some(end) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            let head = std::str::from_utf8(buffer.get(..end).unwrap_or_default())?;
            break (end + 4, length(head)?);
        }
        ensure!(buffer.len() <= HEAD_BYTES_MAX, "the head has no end");
    };
    ensure!(body_bytes > 0, "an empty answer");
    while buffer.len() < head_bytes + body_bytes {
        ensure!(stream.read_buf(buffer).await? > 0, "the answer was cut off");
    }
    ensure!(buffer.len() == head_bytes + body_bytes, "more than one answer");
    Ok(())
}

/// Bytes of the body that a head announces.
fn length(head: &str) -> Result<usize> {
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200 ") {
        bail!("answered {status}");
    }
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok(length.context("an answer without a length")?.1.trim().parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_answer_counts() {
        for (head, want) in [
            ("HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 12", Some(12)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX: 1", Some(12)),
            ("HTTP/1.1 403 Forbidden\r\nContent-Length: 12", None),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", None),
        ] {
            assert_eq!(length(head).ok(), want, "{head}");
        }
    }
}
