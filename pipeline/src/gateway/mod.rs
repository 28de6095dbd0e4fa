//! The gateway: phones connect by websocket and hand in batches of events; the gateway puts them
//! on the bus and acknowledges a batch when the bus holds it.
//!
//! `docs/gateway-protocol.md` is the protocol. The gateway does not look into payloads: what is
//! wrong with them is found, and accounted for, further down.

mod connection;
mod hello;
mod metrics;
pub mod protocol;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fmt::Debug,
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{State, WebSocketUpgrade},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
    serve::{Listener, ListenerExt},
};
use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    time::timeout,
};

pub use metrics::{Metrics, MetricsSnapshot};

use crate::{bus::Bus, clock::MicrosUtc, error_kind::ErrorKind};

/// Whose clock says when a batch arrived.
#[derive(Clone, Copy, Debug)]
pub enum GatewayTime {
    /// This function, usually [`crate::clock::now`].
    System(fn() -> MicrosUtc),
    /// Each batch says so itself; the bus must run on simulated time, too.
    Simulated,
}

/// What a client may ask of the gateway.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest batch. One up to four times as large is refused; a larger one ends the
    /// connection.
    pub frame_bytes_max: usize,
    /// Batches of one connection that are not yet acknowledged; at this many the gateway stops
    /// reading from the connection.
    pub unacknowledged_batches_max: usize,
    /// Their bytes; at this many the gateway stops reading, too.
    pub unacknowledged_bytes_max: usize,
    /// Connections at one time; further ones get the status 503.
    pub connections_max: u32,
    /// How long a new connection may take to say hello.
    pub hello_timeout: Duration,
    /// How often a connection is pinged.
    pub ping_interval: Duration,
    /// A connection that was silent for this long, pongs included, is closed.
    pub idle_timeout: Duration,
    /// How long the end waits for what is in flight.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: 1 << 20,
            unacknowledged_batches_max: 256,
            unacknowledged_bytes_max: 8 << 20,
            connections_max: 10_000,
            hello_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(20),
            idle_timeout: Duration::from_mins(1),
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

/// What a gateway is made of.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Where to listen; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// What clients must show.
    pub token: String,
    /// The sources it accepts; a source's topic has its name.
    pub sources: BTreeSet<String>,
    /// Says when a batch arrived.
    pub time: GatewayTime,
    /// What a client may ask.
    pub limits: Limits,
}

/// An error that keeps the gateway from running.
#[derive(Debug, Error)]
pub enum GatewayError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: choose another address with `--listen`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The listener failed later.
    #[error("the gateway stopped listening")]
    Serve(#[source] io::Error),
}

impl GatewayError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Listen { .. } => ErrorKind::FixInput,
            Self::Serve(_) => ErrorKind::Retry,
        }
    }
}

/// Makes gateways.
#[derive(Debug)]
pub struct Gateway;

/// A gateway that owns its port and has not begun to serve.
pub struct BoundGateway {
    listener: TcpListener,
    local_addr: SocketAddr,
    shared: Arc<Shared>,
}

/// What all connections share.
struct Shared {
    config: GatewayConfig,
    bus: Arc<dyn Bus>,
    metrics: Arc<Metrics>,
    connections: Arc<Semaphore>,
    connection_count: AtomicU64,
    is_closing: watch::Sender<bool>,
}

impl Gateway {
    /// Takes the port. The sources' topics must be there.
    pub async fn bind(
        config: GatewayConfig,
        bus: Arc<dyn Bus>,
    ) -> Result<BoundGateway, GatewayError> {
        let address = config.listen;
        let listen = |source| GatewayError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        Ok(BoundGateway { listener, local_addr, shared: Shared::new(config, bus) })
    }

    /// Serves whoever comes by a listener of any kind until `shutdown`, as [`BoundGateway::run`] does.
    pub async fn serve(
        listener: impl Listener<Addr: Debug>,
        config: GatewayConfig,
        bus: Arc<dyn Bus>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), GatewayError> {
        Shared::new(config, bus).serve(listener, shutdown).await
    }
}

impl BoundGateway {
    /// Where it listens, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Counters that others may watch.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.shared.metrics)
    }

    /// Serves until `shutdown`; then takes no more, finishes what is in flight and says goodbye.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), GatewayError> {
        // Acknowledgements are small, and somebody waits for each.
        let listener = self.listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        self.shared.serve(listener, shutdown).await
    }
}

impl Shared {
    fn new(config: GatewayConfig, bus: Arc<dyn Bus>) -> Arc<Self> {
        let connections = Arc::new(Semaphore::new(config.limits.connections_max as usize));
        Arc::new(Self {
            config,
            bus,
            metrics: Arc::default(),
            connections,
            connection_count: AtomicU64::new(0),
            is_closing: watch::Sender::new(false),
        })
    }

    async fn serve(
        self: Arc<Self>,
        listener: impl Listener<Addr: Debug>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), GatewayError> {
        let limits = &self.config.limits;
        let router = Router::new()
            .route("/v1/events", get(events))
            .route("/healthz", get(healthz))
            .route("/metrics", get(metrics_json))
            .with_state(Arc::clone(&self));
        let closing = Arc::clone(&self);
        let signal = async move {
            shutdown.await;
            closing.is_closing.send_replace(true);
        };
        let mut is_closing = self.is_closing.subscribe();
        let serve = axum::serve(listener, router).with_graceful_shutdown(signal).into_future();
        // A client that dawdles over its request must not hold up the end.
        let end = async {
            drop(is_closing.wait_for(|is_closing| *is_closing).await);
            tokio::time::sleep(limits.shutdown_timeout).await;
        };
        tokio::select! {
            result = serve => result.map_err(GatewayError::Serve)?,
            () = end => {}
        }
        let all = self.connections.acquire_many(limits.connections_max);
        // Whoever is left after that has not got its acknowledgement and will send again.
        drop(timeout(limits.shutdown_timeout, all).await);
        Ok(())
    }
}

async fn events(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    let Ok(permit) = Arc::clone(&shared.connections).try_acquire_owned() else {
        shared.metrics.refuse("connections_max");
        let text = "too many connections: try again later";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let frame_bytes_max = shared.config.limits.frame_bytes_max * 4;
    upgrade.max_message_size(frame_bytes_max).max_frame_size(frame_bytes_max).on_upgrade(
        async move |socket| {
            shared.connection_count.fetch_add(1, Ordering::Relaxed);
            shared.metrics.add_connection();
            connection::serve(socket, &shared).await;
            shared.connection_count.fetch_sub(1, Ordering::Relaxed);
            drop(permit);
        },
    )
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn metrics_json(State(shared): State<Arc<Shared>>) -> Json<MetricsSnapshot> {
    Json(shared.metrics.snapshot(shared.connection_count.load(Ordering::Relaxed)))
}
