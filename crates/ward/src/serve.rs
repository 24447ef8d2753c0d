//! Serving: the control plane on one listener, the gate on another, until a signal.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::App;
use crate::assemble;
use crate::config::Config;
use crate::exit::{Exit, fail};
use crate::load::{self, Declared};
use crate::{open, say, tend};

/// How long requests under way have at stop.
const GRACE: Duration = Duration::from_secs(10);

/// A Ward that serves.
pub struct Serving {
    /// Its open rooms.
    pub app: Arc<App>,
    /// Where the control plane listens.
    pub control: SocketAddr,
    /// Where the gate listens.
    pub gate: SocketAddr,
    /// One-time console sign-in, 64 hex digits.
    pub console_key: Option<String>,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    sessions: ward_console::Sessions,
}

/// Binds a listener, or says which port is taken.
///
/// # Errors
/// Exit code 75.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Exit> {
    TcpListener::bind(address).await.map_err(|error| {
        Exit::new(
            75,
            format!(
                "port {} cannot be bound: {error}; stop who has it, or choose another",
                address.port()
            ),
        )
    })
}

/// Opens the rooms and serves on two listeners.
///
/// # Errors
/// With the documented exit code.
pub async fn start(
    config: Config,
    config_file: &Path,
    declared: Declared,
    control: TcpListener,
    gate: TcpListener,
) -> Result<Serving, Exit> {
    let at = |listener: &TcpListener| {
        listener.local_addr().map_err(|error| fail(75, config_file, &error))
    };
    let (control_at, gate_at) = (at(&control)?, at(&gate)?);
    let opened = tokio::task::spawn_blocking(move || {
        let rooms = open::open(&config, &declared, &|text| tracing::info!("{text}"))?;
        Ok::<_, Exit>((config, declared, rooms))
    });
    let (config, declared, rooms) =
        opened.await.map_err(|error| Exit::new(74, format!("opening ended badly: {error}")))??;
    let app = assemble::app(config, declared, rooms);
    tend::start(&app);
    let sessions = assemble::sessions(&app);
    let console_key = sessions.link();
    let router = assemble::router(&app, sessions.clone());
    let (stop, stopped) = watch::channel(false);
    let until = |mut stopped: watch::Receiver<bool>| async move {
        // The sender gone means stop, too.
        let _ended = stopped.wait_for(|stop| *stop).await;
    };
    let serving = axum::serve(control, router).with_graceful_shutdown(until(stopped.clone()));
    let door = ward_gate::door::serve(Arc::clone(&app.gate), gate, until(stopped), GRACE);
    let tasks = vec![
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the control plane ended");
            }
        }),
        tokio::spawn(door),
    ];
    Ok(Serving { app, control: control_at, gate: gate_at, console_key, stop, tasks, sessions })
}

impl Serving {
    /// Stops cleanly: no new requests, those under way finish, everything that waits is recorded.
    pub async fn stop(self) {
        self.sessions.close();
        self.stop.send_replace(true);
        for task in self.tasks {
            if tokio::time::timeout(GRACE, task).await.is_err() {
                tracing::warn!("a listener did not stop in time");
            }
        }
        self.app.gate.record_noise(true).await;
        let journal = self.app.journal.clone();
        let _stopped = tokio::task::spawn_blocking(move || journal.stop()).await;
    }
}

/// Resolves on Ctrl-C or SIGTERM.
pub async fn signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _interrupt = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

/// `ward serve`.
///
/// # Errors
/// With the documented exit code.
pub async fn run(config_file: &Path) -> Result<(), Exit> {
    let wrong = |mistakes: Vec<String>| Exit::new(64, mistakes.join("\n"));
    let config = load::config(config_file).map_err(wrong)?;
    let declared = load::declarations(&config).map_err(wrong)?;
    let control = bind(config.control).await?;
    let gate = bind(config.gate).await?;
    let serving = start(config, config_file, declared, control, gate).await?;
    say(&format!("control plane and console  http://{}", serving.control));
    say(&format!("gate                       http://{}", serving.gate));
    if let Some(key) = &serving.console_key {
        say(&format!("console, once              http://{}/?key={key}", serving.control));
    }
    signal().await;
    serving.stop().await;
    Ok(())
}
