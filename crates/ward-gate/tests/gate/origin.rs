//! A misbehaving upstream: answers the bytes it is told to and keeps what it was asked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

/// A request as the upstream saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The request line.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// What `Origin::look` said when the request came.
    pub note: String,
}

impl Seen {
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = self.headers.iter().filter(|(own, _)| own == name);
        same.map(|(_, value)| value.as_str()).collect()
    }
}

type Look = Box<dyn Fn(&Seen) -> String + Send>;

#[derive(Clone)]
pub struct Origin {
    pub addr: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    seen: Vec<Seen>,
    answers: HashMap<String, Vec<u8>>,
    look: Option<Look>,
    barrier: Option<Arc<Barrier>>,
}

impl Origin {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let origin = Self { addr: listener.local_addr().unwrap(), inner: Arc::default() };
        let serving = origin.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.answer(stream).await });
            }
        });
        origin
    }

    /// Answers a path with these exact bytes, then closes.
    pub fn raw(&self, path: &str, answer: impl Into<Vec<u8>>) {
        self.inner.lock().unwrap().answers.insert(path.to_owned(), answer.into());
    }

    /// Answers a path with a JSON document.
    pub fn json(&self, path: &str, body: &str) {
        self.whole(path, "200 OK", &[("Content-Type", "application/json")], body.as_bytes());
    }

    /// Answers a path with a body of the right length.
    pub fn whole(&self, path: &str, status: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut text = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body);
        self.raw(path, bytes);
    }

    /// What is looked at whenever a request comes, before it is answered.
    pub fn look(&self, look: impl Fn(&Seen) -> String + Send + 'static) {
        self.inner.lock().unwrap().look = Some(Box::new(look));
    }

    /// Answers only when `count` requests are here at once.
    pub fn wait_for(&self, count: usize) {
        self.inner.lock().unwrap().barrier = Some(Arc::new(Barrier::new(count)));
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.inner.lock().unwrap().seen.clone()
    }

    pub fn last(&self) -> Seen {
        self.seen().pop().expect("the upstream was asked")
    }

    async fn answer(&self, mut stream: TcpStream) {
        let Some(mut seen) = read(&mut stream).await else { return };
        let path = seen.line.split(' ').nth(1).unwrap_or_default().to_owned();
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let (answer, barrier) = {
            let mut inner = self.inner.lock().unwrap();
            seen.note = inner.look.as_ref().map(|look| look(&seen)).unwrap_or_default();
            inner.seen.push(seen);
            (inner.answers.get(&path).cloned(), inner.barrier.clone())
        };
        if let Some(barrier) = barrier {
            barrier.wait().await;
        }
        let missing = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let answer = answer.unwrap_or_else(|| missing.to_vec());
        let _gone = stream.write_all(&answer).await;
        let _gone = stream.shutdown().await;
        // Reads on, so that closing does not reset what is still on its way.
        let mut rest = Vec::new();
        let _gone = stream.read_to_end(&mut rest).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut all = Vec::new();
    let end = loop {
        if let Some(end) = all.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut all).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut seen = Seen { line, headers, body: all[end + 4..].to_vec(), note: String::new() };
    let length = seen.all("content-length").first().and_then(|it| it.parse().ok()).unwrap_or(0);
    while seen.body.len() < length {
        if stream.read_buf(&mut seen.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(seen)
}
