//! The reverse-proxy door: accepts connections and hands each request to the gate.
//!
//! HTTP/1.1 by hyper; every limit on heads and connections is here. It decides nothing. It stops
//! gracefully: no new connections, requests under way are finished within the given time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Gate;
use crate::limits::{CLIENT_HEAD_MAX, CONNECTIONS_MAX};

/// Longest pause after an accept that failed (out of descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the gate on `listener` until `stop` resolves, then waits at most `grace` for requests
/// under way. Cancel safe: dropping it closes the door.
pub async fn serve(
    gate: Arc<Gate>,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut stop = std::pin::pin!(stop);
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => admit(&gate, stream, peer, place, &graceful),
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off at stop");
    }
}

fn admit(
    gate: &Arc<Gate>,
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
    graceful: &GracefulShutdown,
) {
    // A socket that cannot be set still works, only slower.
    let _slower = stream.set_nodelay(true);
    let gate = Arc::clone(gate);
    let service = service_fn(move |request: Request<Incoming>| {
        let gate = Arc::clone(&gate);
        async move { Ok::<_, Infallible>(gate.answer(request, peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CLIENT_HEAD_MAX)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
        drop(place);
    });
}
