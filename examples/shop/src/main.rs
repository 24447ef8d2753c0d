//! `shop`: makes the sample company's data if there is none, then serves it until Ctrl-C or a
//! termination signal.
//! The only place of the shop that reads the clock or writes to the terminal.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use shop::{Clock, Config, Size, Trust};
use tokio::signal::unix::{SignalKind, signal};

/// The sample company: a careless shop.
#[derive(Parser)]
#[command(name = "shop", version)]
struct Options {
    /// Database file; made when it is missing
    #[arg(long)]
    db: PathBuf,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// Believe published keys, or only the gate
    #[arg(long, value_enum)]
    trust: Believe,
    /// Plain http address of the published keys
    #[arg(long)]
    jwks_url: String,
    /// Who this shop is in the gate's tokens
    #[arg(long, default_value = "shop")]
    audience: String,
    /// How many customers to make up
    #[arg(long, default_value_t = 200_000)]
    customers: u32,
    /// Seed of the made-up data
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Open the misbehaving corner under /odd
    #[arg(long)]
    misbehave: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Believe {
    Jwks,
    Gate,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { db, listen, trust, jwks_url: url, audience, customers, seed, misbehave } =
        Options::parse();
    let mut terminal = std::io::stderr();
    let size = Size::of_customers(customers);
    let made = shop::generate(&db, size, seed, |done, total| {
        let percent = (done * 100).checked_div(total).unwrap_or(100);
        // A terminal that is gone is no reason to stop.
        let _gone = write!(terminal, "\rmaking the shop's data: {percent} %");
        if done == total {
            let _gone = writeln!(terminal);
        }
    })
    .with_context(|| format!("making {}", db.display()))?;
    // Both are caught from here on, so that whoever reads the line below may stop the shop cleanly.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    };
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("listening on {listen}"))?;
    let at = listener.local_addr()?;
    let _gone = writeln!(
        terminal,
        "shop: http://{at}, {} customers from {} to {}; Ctrl-C stops",
        made.customers, made.first_customer_id, made.last_customer_id
    );
    let trust = match trust {
        Believe::Jwks => Trust::Jwks { url },
        Believe::Gate => Trust::Gate { url, audience },
    };
    let config = Config { db, trust, misbehave, clock: Clock::new(unix_seconds) };
    let shop = shop::Shop::open(config).context("opening")?;
    shop::serve(listener, shop, stop).await.context("serving")
}

#[expect(clippy::disallowed_methods, reason = "the binary is the driver that reads the clock")]
fn unix_seconds() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
