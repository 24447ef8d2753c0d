//! `ward demo`: everything on this machine with nothing to install.
//!
//! One process: control plane and console, gate, and behind it a sample company, once believing
//! published keys (as careless as real ones) and once only the gate's transaction tokens. Loopback
//! only. A second start finds its state; credentials that still work are kept.

mod catalogue;
mod seed;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::cli::Demo;
use crate::exit::{Exit, fail};
use crate::serve::{self, Serving};
use crate::{clock, load, open, progress, say};

/// `iss` of the demo's tokens: a name, not an address, so that it outlives ports.
pub const ISSUER: &str = "https://login.shop.example";
/// `aud` the gate asks for.
pub const AUDIENCE: &str = "shop";
/// The trust domain of the shop that believes only the gate.
pub const STRICT: &str = "gate-only";

pub use seed::OPERATORS_FILE;

/// Where everything listens.
struct Listeners {
    control: TcpListener,
    gate: TcpListener,
    shop: TcpListener,
    strict: TcpListener,
}

/// Runs the demo until Ctrl-C.
///
/// # Errors
/// With the documented exit code.
pub async fn run(demo: &Demo) -> Result<()> {
    let (started, interrupted) = (clock::now(), serve::signal());
    std::fs::create_dir_all(&demo.dir).map_err(|error| fail(73, &demo.dir, &error))?;
    let listeners = listen(demo.port_base).await?;
    let shop_at = address(&listeners.shop)?;
    let strict_at = address(&listeners.strict)?;
    let config_file = declare(demo, &listeners, shop_at, strict_at)?;
    let wrong = |mistakes: Vec<String>| Exit::new(64, mistakes.join("\n"));
    let set = load::set(&config_file).map_err(wrong)?;
    if !demo.dir.join("journal").join("format").exists() {
        progress("making a key file and a journal");
        let making = set.config.clone();
        tokio::task::spawn_blocking(move || {
            open::create(&making, &open::Deal::default()).map(|_| ())
        })
        .await??;
    }
    let summary = generate(demo).await?;
    let Listeners { control, gate, shop, strict } = listeners;
    let serving = serve::start(set, &config_file, Vec::new(), control, gate).await?;
    let (stop, stopped) = watch::channel(false);
    let shops = shops(demo, &serving, shop, strict, &stopped)?;
    let urls = json!({
        "console_url": format!("http://{}", serving.control),
        "api_url": format!("http://{}", serving.control),
        "gate_url": format!("http://{}", serving.gate),
        "shop_url": format!("http://{shop_at}"),
        "scim_url": format!("http://{}/scim/v2", serving.control),
    });
    let file = seed::seed(&serving.app, &demo.dir, &summary, urls).await?;
    announce(demo, &serving, &file, started)?;
    interrupted.await;
    progress("stopping");
    stop.send_replace(true);
    serving.stop().await;
    for shop in shops {
        let _ended = tokio::time::timeout(std::time::Duration::from_secs(6), shop).await;
    }
    Ok(())
}

async fn listen(base: u16) -> Result<Listeners, Exit> {
    let at = |offset: u16| {
        let port = if base == 0 { 0 } else { base.saturating_add(offset) };
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    };
    Ok(Listeners {
        control: serve::bind(at(0)).await?,
        gate: serve::bind(at(1)).await?,
        shop: serve::bind(at(2)).await?,
        strict: serve::bind(at(3)).await?,
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().context("a listener has no address")
}

/// Writes configuration, catalogue and policies. Policies are written once: they may be edited.
fn declare(
    demo: &Demo,
    listeners: &Listeners,
    shop: SocketAddr,
    strict: SocketAddr,
) -> Result<std::path::PathBuf> {
    let (control, gate) = (address(&listeners.control)?, address(&listeners.gate)?);
    let config = format!(
        "# Written by `ward demo` at every start.\nversion = 1\nname = \"ward.demo.example/log\"\n\
         data = \".\"\n\n[listen]\ncontrol = \"{control}\"\ngate = \"{gate}\"\n\n[issuer]\n\
         url = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\nlife_seconds_max = 86400\n\n[custody]\n\
         root_on_hosts = []\n\n[operators]\npurpose_required = false\n\
         reads_per_day = 1000000\nreads_at_once = 100000\n"
    );
    let config = match &demo.with {
        None => config,
        Some(file) => {
            let more = std::fs::read_to_string(file).map_err(|error| fail(64, file, &error))?;
            format!("{config}\n{more}")
        }
    };
    let policies = demo.dir.join("policies");
    std::fs::create_dir_all(&policies).map_err(|error| fail(73, &policies, &error))?;
    for (name, text) in ward_policy::DEFAULTS {
        let file = policies.join(name);
        if !file.exists() {
            put(&file, text)?;
        }
    }
    put(&demo.dir.join("catalogue.toml"), &catalogue::text(shop, strict)?)?;
    let file = demo.dir.join("ward.toml");
    put(&file, &config)?;
    Ok(file)
}

fn put(file: &Path, text: &str) -> Result<(), Exit> {
    #[expect(clippy::disallowed_methods, reason = "configuration is written anew at every start")]
    std::fs::write(file, text).map_err(|error| fail(73, file, &error))
}

async fn generate(demo: &Demo) -> Result<shop::Summary> {
    let (file, customers) = (demo.dir.join("shop.db"), demo.customers);
    let work = tokio::task::spawn_blocking(move || {
        shop::generate(&file, shop::Size::of_customers(customers), 1, |done, total| {
            if done == total || done % 200_000 == 0 {
                progress(&format!("generating the sample company: {done} of {total} rows"));
            }
        })
    });
    work.await?.context("the sample company could not be generated")
}

fn shops(
    demo: &Demo,
    serving: &Serving,
    careless: TcpListener,
    strict: TcpListener,
    stopped: &watch::Receiver<bool>,
) -> Result<Vec<tokio::task::JoinHandle<()>>> {
    let url = format!("http://{}/oauth/jwks", serving.control);
    let gate = shop::Trust::Gate { url: url.clone(), audience: STRICT.to_owned() };
    let mut running = Vec::new();
    for (listener, trust) in [(careless, shop::Trust::Jwks { url }), (strict, gate)] {
        let config = shop::Config {
            db: demo.dir.join("shop.db"),
            trust,
            misbehave: true,
            clock: shop::Clock::new(|| u64::try_from(clock::now().seconds()).unwrap_or(0)),
        };
        let shop = shop::Shop::open(config).context("the sample company does not open")?;
        let mut until = stopped.clone();
        running.push(tokio::spawn(async move {
            let stop = async move {
                let _ended = until.wait_for(|stop| *stop).await;
            };
            if let Err(error) = shop::serve(listener, shop, stop).await {
                progress(&format!("the sample company stopped: {error}"));
            }
        }));
    }
    Ok(running)
}

/// The first of the demo's operators.
fn first_operator(dir: &Path) -> Option<ward_model::PersonId> {
    let text = std::fs::read_to_string(dir.join(OPERATORS_FILE)).ok()?;
    let file: serde_json::Value = serde_json::from_str(&text).ok()?;
    ward_people::person::parse_id(file.pointer("/one/person")?.as_str()?)
}

fn announce(
    demo: &Demo,
    serving: &Serving,
    file: &serde_json::Value,
    started: ward_model::UnixMillis,
) -> Result<()> {
    // It opens pages and can do nothing there; who acts signs in with a passkey.
    let origin = serving.room.origin();
    let link = first_operator(&demo.dir).map(|person| {
        let key = serving.room.sessions().link(person);
        format!("{origin}/?key={}", key.expose())
    });
    let ready_ms = clock::now().since(started);
    if demo.json {
        let line = json!({
            "demo_json": demo.dir.join("demo.json"), "console_link": link, "ready_ms": ready_ms,
            "control": serving.control.to_string(), "gate": serving.gate.to_string(),
        });
        say(&line.to_string());
        return Ok(());
    }
    let word = |path: &str| file.pointer(path).and_then(|one| one.as_str()).unwrap_or_default();
    let gate = word("/gate_url");
    say(&format!(
        "Ward runs ({ready_ms} ms).\n\n\
         control plane and console  {}\n\
         gate                       {gate}\n\
         sample company             {}  (past the gate: as careless as real ones)\n\
         state and credentials      {}\n\n\
         console, once, to look     {}\n\n\
         Try:\n\
         curl -si -H 'Authorization: Bearer {}' {gate}/me\n\
         curl -si -H 'Authorization: Bearer {}' {gate}/rider/jobs\n\
         curl -s  -H 'Authorization: Bearer {}' {}/api/accesses?limit=3\n\n\
         In another terminal: ward tour --dir {}    Ctrl-C stops.",
        word("/api_url"),
        word("/shop_url"),
        demo.dir.display(),
        link.unwrap_or_default(),
        word("/customer/token"),
        word("/rider/token"),
        word("/admin_token"),
        word("/api_url"),
        demo.dir.display(),
    ));
    Ok(())
}
