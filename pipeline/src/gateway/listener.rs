//! Where connections come from: TCP, and TLS over it where there is a certificate.
//!
//! Neither a slow handshake nor a silent socket holds anybody else up, and their number is bounded.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, Sleep, sleep, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use super::{metrics::Metrics, protocol::RequestCode};

/// Sockets beyond the connections, so that who is one too many is told so.
const SPARE_SOCKETS: usize = 256;
/// How many handshakes wait to be taken up.
const READY_MAX: usize = 64;

/// What a listener needs to know.
#[derive(Clone, Debug)]
pub struct SocketLimits {
    /// Connections at one time.
    pub connections_max: usize,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
    /// A socket on which nothing came for this long is closed.
    pub idle_timeout: Duration,
}

/// The certificate of a gateway; clones share it, and it can be replaced.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text has none.
    #[error("there is no certificate and no key in PEM there")]
    Pem(#[from] tokio_rustls::rustls::pki_types::pem::Error),
    /// They do not belong together, or are of no known kind.
    #[error("the certificate and the key cannot be used together")]
    Unusable(#[from] tokio_rustls::rustls::Error),
}

impl Tls {
    /// A chain of certificates, the server's own first, and its key; both PEM.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(RwLock::new(server_config(chain, key)?))))
    }

    /// New connections get this certificate; if it cannot be used, they get the old one.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsError> {
        let config = server_config(chain, key)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn server_config(chain: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key)?;
    // Named, since another part of the program may bring another one.
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A socket that may come to speak.
pub struct Socket {
    stream: Box<dyn Stream>,
    idle_timeout: Duration,
    closes: Pin<Box<Sleep>>,
    /// Whether it is read from, and nothing is there.
    is_awaited: bool,
    _permit: OwnedSemaphorePermit,
}

/// Sockets whose handshake is done.
pub struct Sockets {
    ready: mpsc::Receiver<(Socket, SocketAddr)>,
    local_addr: SocketAddr,
}

impl Sockets {
    /// Listens until it is dropped.
    pub fn listen(
        tcp: TcpListener,
        tls: Option<Tls>,
        limits: SocketLimits,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let local_addr = tcp.local_addr()?;
        let (sender, ready) = mpsc::channel(READY_MAX);
        tokio::spawn(accept_all(tcp, tls, limits, metrics, sender));
        Ok(Self { ready, local_addr })
    }
}

async fn accept_all(
    mut tcp: TcpListener,
    tls: Option<Tls>,
    limits: SocketLimits,
    metrics: Arc<Metrics>,
    sender: mpsc::Sender<(Socket, SocketAddr)>,
) {
    let permits = Arc::new(Semaphore::new(limits.connections_max + SPARE_SOCKETS));
    loop {
        // What fails and when to try again, axum's own listener knows.
        let (stream, address) = tokio::select! {
            accepted = Listener::accept(&mut tcp) => accepted,
            () = sender.closed() => return,
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            metrics.refuse(RequestCode::ConnectionsMax.as_str());
            continue;
        };
        // Acknowledgements are small, and somebody waits for each.
        drop(stream.set_nodelay(true));
        let acceptor = tls.as_ref().map(Tls::acceptor);
        let (sender, metrics, limits) = (sender.clone(), Arc::clone(&metrics), limits.clone());
        tokio::spawn(async move {
            let Some(stream) = handshake(stream, acceptor, limits.handshake_timeout).await else {
                metrics.refuse(RequestCode::TlsHandshake.as_str());
                return;
            };
            let idle_timeout = limits.idle_timeout;
            let closes = Box::pin(sleep(idle_timeout));
            let socket =
                Socket { stream, idle_timeout, closes, is_awaited: false, _permit: permit };
            drop(sender.send((socket, address)).await);
        });
    }
}

async fn handshake(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    time: Duration,
) -> Option<Box<dyn Stream>> {
    let Some(acceptor) = acceptor else { return Some(Box::new(stream)) };
    let accepted = timeout(time, acceptor.accept(stream)).await;
    Some(Box::new(accepted.ok()?.ok()?))
}

impl Listener for Sockets {
    type Io = Socket;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Socket, SocketAddr) {
        match self.ready.recv().await {
            Some(ready) => ready,
            // The runtime ends.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local_addr)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut *self.stream).poll_read(context, buffer);
        if polled.is_ready() {
            self.is_awaited = false;
            return polled;
        }
        // Nobody counts against the client that we did not read.
        if !std::mem::replace(&mut self.is_awaited, true) {
            let closes_at = Instant::now() + self.idle_timeout;
            self.closes.as_mut().reset(closes_at);
        }
        self.closes.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(context)
    }
}
