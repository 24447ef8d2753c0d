//! Serving: the control plane on one listener, the gate on another, until a signal.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use ward_keys::custody::{self, Lock, Share};

use crate::app::App;
use crate::declarations::Set;
use crate::exit::{Exit, fail};
use crate::load;
use crate::{assemble, clock, deeds, open, say, sealed, telling, tend};

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
    /// Where operators sign in and act in person.
    pub room: deeds::Room,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
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
    set: Set,
    config_file: &Path,
    shares: Vec<Share>,
    control: TcpListener,
    gate: TcpListener,
) -> Result<Serving, Exit> {
    let at = |listener: &TcpListener| {
        listener.local_addr().map_err(|error| fail(75, config_file, &error))
    };
    let (control_at, gate_at) = (at(&control)?, at(&gate)?);
    let file = config_file.to_owned();
    let opened = tokio::task::spawn_blocking({
        let file = file.clone();
        move || open::open(set, &file, &shares, &|text| tracing::info!("{text}"))
    });
    let (rooms, set) =
        opened.await.map_err(|error| Exit::new(74, format!("opening ended badly: {error}")))??;
    let app = assemble::app(set, file, rooms)?;
    let room = deeds::open(&app, control_at)?;
    tend::start(&app, &room);
    let router = assemble::router(&app, deeds::of(&room));
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let (stop, stopped) = watch::channel(false);
    let until = |mut stopped: watch::Receiver<bool>| async move {
        // The sender gone means stop, too.
        let _ended = stopped.wait_for(|stop| *stop).await;
    };
    let serving = axum::serve(control, router).with_graceful_shutdown(until(stopped.clone()));
    let door = ward_gate::door::serve(Arc::clone(&app.gate), gate, until(stopped.clone()), GRACE);
    let telling = telling::start(Arc::clone(&app), until(stopped));
    let tasks = vec![
        tokio::spawn(telling),
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the control plane ended");
            }
        }),
        tokio::spawn(door),
    ];
    Ok(Serving { app, control: control_at, gate: gate_at, room, stop, tasks })
}

impl Serving {
    /// Stops cleanly: no new requests, those under way finish, everything that waits is recorded.
    pub async fn stop(self) {
        self.room.sessions().close();
        self.app.feed.close();
        self.stop.send_replace(true);
        for task in self.tasks {
            if tokio::time::timeout(GRACE, task).await.is_err() {
                tracing::warn!("a listener did not stop in time");
            }
        }
        self.app.gate.record_noise(true).await;
        tend::record_uses(&self.app, true).await;
        if self.room.record_refused(true).await.is_err() {
            tracing::warn!("refused sign-ins of the last minute could not be recorded");
        }
        let app = Arc::clone(&self.app);
        let stopping = tokio::task::spawn_blocking(move || {
            app.snapshots.keep(&app.journal, &app.ledger, true);
            app.journal.stop();
        });
        let _stopped = stopping.await;
    }
}

/// Listens for Ctrl-C and SIGTERM from now on; the future resolves on the first of either.
///
/// WHY before anything is opened: whoever stops a start that takes long gets a clean stop.
pub fn signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
    let [mut interrupt, mut terminate] = kinds.map(|kind| signal(kind).ok());
    async move {
        let one = async |listening: &mut Option<tokio::signal::unix::Signal>| match listening {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        };
        tokio::select! {
            () = one(&mut interrupt) => {}
            () = one(&mut terminate) => {}
        }
    }
}

/// Waits sealed on the control plane's address, if custody asks for shares; `None` when stopped.
async fn unsealed(
    set: &Set,
    control: TcpListener,
) -> Result<Option<(TcpListener, Vec<Share>)>, Exit> {
    let data = &set.config.data;
    let lock = custody::lock_of(&data.join("custody")).map_err(|error| fail(73, data, &error))?;
    let Some(lock @ Lock::Shares { .. }) = lock else { return Ok(Some((control, Vec::new()))) };
    let failed = |error: std::io::Error| fail(74, data, &error);
    let standard = control.into_std().map_err(failed)?;
    let again = standard.try_clone().map_err(failed)?;
    let control = TcpListener::from_std(standard).map_err(failed)?;
    say(&format!(
        "sealed                     http://{} takes shares: ward keys unseal",
        at(&control)
    ));
    let shares = sealed::wait(control, lock, signal()).await?;
    let control = TcpListener::from_std(again).map_err(failed)?;
    Ok(shares.map(|shares| (control, shares)))
}

fn at(listener: &TcpListener) -> String {
    listener.local_addr().map_or_else(|_| "?".to_owned(), |address| address.to_string())
}

/// `ward serve`.
///
/// # Errors
/// With the documented exit code.
pub async fn run(config_file: &Path) -> Result<(), Exit> {
    let stopped = signal();
    let wrong = |mistakes: Vec<String>| Exit::new(64, mistakes.join("\n"));
    let set = load::set(config_file).map_err(wrong)?;
    let control = bind(set.config.control).await?;
    let gate = bind(set.config.gate).await?;
    let (control, shares) = match unsealed(&set, control).await? {
        Some(ready) => ready,
        None => return Ok(()),
    };
    let serving = start(set, config_file, shares, control, gate).await?;
    say(&format!("control plane              http://{}", serving.control));
    say(&format!("console                    {}", serving.room.origin()));
    say(&format!("gate                       http://{}", serving.gate));
    let link = serving.room.desk().first_link(clock::random()).await;
    let link = link.map_err(|error| Exit::new(74, format!("no enrolment link: {error}")))?;
    if let Some(link) = link {
        let (origin, key) = (serving.room.origin(), link.secret.expose());
        say(&format!("first operator, once       {origin}/console/enrol?key={key}"));
    }
    stopped.await;
    serving.stop().await;
    Ok(())
}
