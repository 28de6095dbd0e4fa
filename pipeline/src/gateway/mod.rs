//! The gateway: phones connect by websocket and hand in batches of events; the gateway puts them
//! on the bus and acknowledges a batch when the bus holds it.
//!
//! `docs/gateway-protocol.md` is the protocol. The gateway does not look into payloads: what is
//! wrong with them is found, and accounted for, further down.

pub mod access;
mod batch;
mod connection;
mod hello;
#[cfg(test)]
mod hostile_test;
mod listener;
mod metrics;
mod post;
pub mod protocol;
#[cfg(test)]
mod service_test;
#[cfg(test)]
mod soak_test;
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
    Router,
    extract::{State, WebSocketUpgrade},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
    serve::Listener,
};
use thiserror::Error;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    time::timeout,
};
use tracing::Instrument;

pub use listener::{Tls, TlsError};
pub use metrics::{Metrics, MetricsSnapshot};

use access::Access;
use listener::{SocketLimits, Sockets};
use protocol::RequestCode;

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
#[derive(Clone)]
pub struct GatewayConfig {
    /// Where to listen; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Who may send what.
    pub access: Arc<Access>,
    /// The certificate; without one whoever stands before the gateway speaks TLS, or nobody does.
    pub tls: Option<Tls>,
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
    /// Numbers connections, for the log.
    connection_number: AtomicU64,
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
        let GatewayConfig { limits, tls, .. } = &self.shared.config;
        let socket_limits = SocketLimits {
            connections_max: limits.connections_max as usize,
            handshake_timeout: limits.hello_timeout,
            // A websocket says itself when it was silent for too long, and is heard before that.
            idle_timeout: limits.idle_timeout * 2 + limits.ping_interval + connection::GOODBYE,
        };
        let metrics = self.metrics();
        let sockets = Sockets::listen(self.listener, tls.clone(), socket_limits, metrics);
        self.shared.serve(sockets.map_err(GatewayError::Serve)?, shutdown).await
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
            connection_number: AtomicU64::new(0),
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
            .route("/v1/events", get(events).post(post::post))
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(Arc::clone(&self));
        let closing = Arc::clone(&self);
        let signal = async move {
            shutdown.await;
            tracing::info!("the gateway takes no more connections and finishes what is in flight");
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

impl Shared {
    fn too_many(&self) -> Response {
        self.metrics.refuse(RequestCode::ConnectionsMax.as_str());
        let text = "too many connections: try again later";
        (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
    }
}

async fn events(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    let Ok(permit) = Arc::clone(&shared.connections).try_acquire_owned() else {
        return shared.too_many();
    };
    let frame_bytes_max = shared.config.limits.frame_bytes_max * 4;
    let number = shared.connection_number.fetch_add(1, Ordering::Relaxed);
    let span = tracing::info_span!("connection", number);
    let serve = async move |socket| {
        shared.metrics.open_connection();
        connection::serve(socket, &shared).await;
        shared.metrics.close_connection();
        drop(permit);
    };
    upgrade
        .max_message_size(frame_bytes_max)
        .max_frame_size(frame_bytes_max)
        .on_upgrade(move |socket| serve(socket).instrument(span))
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready: takes connections, and the bus takes messages.
async fn readyz(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if *shared.is_closing.borrow() {
        (StatusCode::SERVICE_UNAVAILABLE, "the gateway shuts down\n")
    } else if !shared.metrics.is_bus_up() {
        (StatusCode::SERVICE_UNAVAILABLE, "the bus does not take messages\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shared.metrics.text())
}
