//! nginx on a free port of the loopback: as the origin of a static page, and as a proxy to it.
//!
//! One process each (no master), so that its CPU time is one number and it is ended by its id.
//! Its access log is off and its upstream connections are kept: nginx at its cheapest.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// Where the page stands.
pub const PATH: &str = "/seller/orders";
/// Times a start is looked at, 50 ms apart.
const LOOKS_MAX: usize = 100;

/// A running nginx; ended when dropped.
pub struct Nginx {
    child: Child,
    /// Where it listens.
    pub at: SocketAddr,
}

/// The program, if it is installed.
#[must_use]
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut places = std::env::split_paths(&path).chain(usual);
    places.find_map(|dir| Some(dir.join("nginx")).filter(|it| it.is_file()))
}

impl Nginx {
    /// An origin that answers [`PATH`] with `page`, as JSON.
    ///
    /// # Errors
    /// It does not start.
    pub fn origin(program: &Path, dir: &Path, page: &[u8]) -> Result<Self> {
        let file = dir.join("www").join(PATH.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().context("no parent")?)?;
        std::fs::File::create(&file)?.write_all(page)?;
        let root = dir.join("www");
        let server = format!("root {};\n  default_type application/json;", root.display());
        Self::start(program, dir, "", &server)
    }

    /// A proxy to `origin`.
    ///
    /// # Errors
    /// It does not start.
    pub fn proxy(program: &Path, dir: &Path, origin: SocketAddr) -> Result<Self> {
        let upstream = format!("upstream origin {{ server {origin}; keepalive 64; }}");
        let server = "location / {\n   proxy_pass http://origin;\n   proxy_http_version 1.1;\n   \
                      proxy_set_header Connection \"\";\n  }";
        Self::start(program, dir, &upstream, server)
    }

    fn start(program: &Path, dir: &Path, upstream: &str, server: &str) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        // WHY given back before nginx takes it: it cannot be handed a listener.
        let at = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let text = config(at, upstream, server);
        let file = dir.join("nginx.conf");
        std::fs::File::create(&file)?.write_all(text.as_bytes())?;
        let child = Command::new(program)
            .arg("-p")
            .arg(dir)
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(dir.join("error.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting nginx")?;
        let mut nginx = Self { child, at };
        nginx
            .wait_until_it_listens()
            .with_context(|| std::fs::read_to_string(dir.join("error.log")).unwrap_or_default())?;
        Ok(nginx)
    }

    fn wait_until_it_listens(&mut self) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            if TcpStream::connect(self.at).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("nginx ended with {status}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("nginx does not listen")
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn config(at: SocketAddr, upstream: &str, server: &str) -> String {
    let scratch = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!(" {name}_temp_path scratch-{name};\n"))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log error;\n\
         events {{ worker_connections 1024; }}\nhttp {{\n access_log off;\n sendfile on;\n \
         tcp_nopush on;\n keepalive_requests 10000000;\n{scratch} {upstream}\n server {{\n  \
         listen {at};\n  {server}\n }}\n}}\n"
    )
}
