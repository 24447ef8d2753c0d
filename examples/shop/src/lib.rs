//! The sample company: a plain HTTP/1.1 JSON service with its own database, as careless as real
//! ones. It stands for somebody else's service, so it uses none of Ward's crates and must never
//! learn to defend itself: what protects its customers is the gate in front of it.
//!
//! [`generate()`] makes its data, [`serve`] runs it, [`Trust`] says whom it believes.
//! Best test: `tests/shop.rs`.

mod draw;
mod generate;
mod jwks;
mod limits;
mod odd;
mod people;
mod routes;
mod schema;
mod store;
mod trust;

use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

pub use generate::{GenerateError, Size, Summary, generate, summary};
pub use schema::{FIRST_CUSTOMER_ID, FIRST_ORDER_ID, FIRST_RIDER_ID, FIRST_SELLER_ID};
pub use store::{CustomerIds, StoreError, existing_customer_ids};
pub use trust::Trust;

use routes::Desk;

/// Where the shop reads the time: Unix seconds. Passed in, so that tests choose it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// A clock that asks `read` for Unix seconds.
    pub fn new(read: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    fn unix_seconds(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Clock")
    }
}

/// How to run a shop.
#[derive(Debug, Clone)]
pub struct Config {
    /// A database made by [`generate()`].
    pub db: PathBuf,
    /// Whom to believe.
    pub trust: Trust,
    /// Opens the misbehaving corner under `/odd`.
    pub misbehave: bool,
    /// The time.
    pub clock: Clock,
}

/// Why the shop did not open or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// The database cannot be used; see the source.
    #[error("cannot open the shop's database")]
    Store(#[from] StoreError),
    /// The address of the keys is no plain `http` address.
    #[error("the address of the keys must be a plain http address")]
    KeysUrl,
    /// The socket failed.
    #[error("the shop's socket failed")]
    Socket(#[source] io::Error),
}

/// An open shop.
#[derive(Debug, Clone)]
pub struct Shop {
    desk: Arc<Desk>,
    misbehave: bool,
}

impl Shop {
    /// Opens the database; reads no key yet and binds nothing.
    ///
    /// # Errors
    /// [`ShopError::Store`] or [`ShopError::KeysUrl`].
    pub fn open(config: Config) -> Result<Self, ShopError> {
        let Config { db, trust, misbehave, clock } = config;
        let verifier = trust::Verifier::new(trust, clock.clone()).ok_or(ShopError::KeysUrl)?;
        let store = Arc::new(store::Store::open(&db)?);
        Ok(Self { desk: Arc::new(Desk { store, verifier, clock }), misbehave })
    }

    /// All routes. Lies below HTTP (see `/odd`) need [`serve`], which owns the sockets.
    pub fn router(&self) -> Router {
        let router = routes::router(Arc::clone(&self.desk));
        if self.misbehave { router.merge(odd::router()) } else { router }
    }
}

/// Runs an open shop on `listener` until `shutdown` resolves; then answers in flight have five seconds.
///
/// # Errors
/// [`ShopError::Socket`].
pub async fn serve(
    listener: TcpListener,
    shop: Shop,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ShopError> {
    let listener = listener.tap_io(|stream| {
        // WHY: a page is a few packets; a refused option costs only time.
        let _slower = stream.set_nodelay(true);
    });
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let signal = async move {
        shutdown.await;
        let _nobody = stopping.send(());
    };
    let service = shop.router().into_make_service_with_connect_info::<odd::Lie>();
    let run = axum::serve(odd::Door(listener), service).with_graceful_shutdown(signal);
    let overdue = async move {
        // A dropped sender means that the server is gone on its own: wait for it alone.
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(limits::STOP_GRACE).await;
    };
    tokio::select! {
        done = run.into_future() => done.map_err(ShopError::Socket),
        () = overdue => Ok(()),
    }
}
