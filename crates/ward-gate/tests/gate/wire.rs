//! Requests and answers as bytes, so that nothing between a test and the gate tidies them up.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request as it goes onto the wire.
#[derive(Clone)]
pub struct Call {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// An answer as it came off the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub version: String,
    pub status: u16,
    pub phrase: String,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The body ended as its framing said it would.
    pub whole: bool,
}

impl Call {
    pub fn new(method: &'static str, path: &str) -> Self {
        let headers = vec![("Host".to_owned(), "shop.test".to_owned())];
        Self { method, path: path.to_owned(), headers, body: String::new() }
    }

    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(own, _)| own != "Host" || name != "Host");
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn token(self, token: &str) -> Self {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self.with("Content-Length", &body.len().to_string())
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        format!("{text}Connection: close\r\n\r\n{}", self.body).into_bytes()
    }

    /// Sends it and reads until the other side closes.
    pub async fn send(&self, to: SocketAddr) -> Reply {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(&self.bytes()).await.unwrap();
        let mut all = Vec::new();
        // A connection that is torn down is an answer too: what came until then.
        let _torn = stream.read_to_end(&mut all).await;
        assert!(
            !all.is_empty(),
            "no answer to {} {} {:?}: {_torn:?}",
            self.method,
            self.path,
            self.headers
        );
        Reply::read(&all, self.method == "HEAD")
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub fn access(&self) -> &str {
        self.header("ward-request-id").expect("every answer carries its id")
    }

    /// The headers without those of one connection, sorted by name (same names keep their order).
    pub fn end_to_end(&self) -> Vec<(String, String)> {
        let hop = ["connection", "keep-alive", "transfer-encoding", "ward-request-id", "trailer"];
        let mut kept: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !hop.contains(&name.as_str()))
            .cloned()
            .collect();
        kept.sort_by(|one, other| one.0.cmp(&other.0));
        kept
    }

    fn read(all: &[u8], head_only: bool) -> Self {
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&all[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap().splitn(3, ' ');
        let version = first.next().unwrap().to_owned();
        let status: u16 = first.next().unwrap().parse().unwrap();
        let phrase = first.next().unwrap_or_default().to_owned();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let mut reply = Self { version, status, phrase, headers, body: Vec::new(), whole: true };
        let rest = &all[end + 4..];
        if head_only || status == 204 || status == 304 {
            assert!(rest.is_empty(), "a body where none may be");
        } else if reply.header("transfer-encoding").is_some() {
            (reply.body, reply.whole) = dechunk(rest);
        } else {
            reply.body = rest.to_vec();
            let told = reply.header("content-length").map(|told| told.parse::<usize>().unwrap());
            reply.whole = told.is_none_or(|told| told == rest.len());
        }
        reply
    }
}

fn dechunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
            return (body, false);
        };
        let size = usize::from_str_radix(str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let Some(chunk) = rest.get(end + 2..end + 2 + size) else { return (body, false) };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).unwrap_or_default();
    }
}
