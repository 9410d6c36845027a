//! The accept loop: who may connect, and for how long without saying anything.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request};
use dashmap::DashMap;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tower::ServiceExt;

use crate::telemetry::Metrics;

/// How long a client may take to send a request's head: slower ones hold sockets for nothing.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait after an accept that failed, as when the process has no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What a client that is one too many gets.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// Counts sockets, in all and by address.
#[derive(Debug)]
pub struct Gate {
    total: AtomicU32,
    total_max: u32,
    addresses: DashMap<IpAddr, u32>,
    address_max: u32,
    metrics: Arc<Metrics>,
}

impl Gate {
    /// A gate that admits so many sockets, and so many from one address.
    pub fn new(total_max: u32, address_max: u32, metrics: Arc<Metrics>) -> Arc<Gate> {
        Arc::new(Gate {
            total: AtomicU32::new(0),
            total_max,
            addresses: DashMap::new(),
            address_max,
            metrics,
        })
    }

    /// Admits a socket, until the answer is dropped.
    fn admit(self: &Arc<Gate>, address: IpAddr) -> Option<Admitted> {
        let ticket = Ticket { gate: Arc::clone(self), address };
        let total = self.total.fetch_add(1, Ordering::Relaxed);
        let here = {
            let mut count = self.addresses.entry(address).or_insert(0);
            *count += 1;
            *count
        };
        let admitted = Admitted(Arc::new(ticket));
        if total >= self.total_max || here > self.address_max {
            self.metrics.refused_connections.inc();
            return None;
        }
        Some(admitted)
    }
}

#[derive(Debug)]
struct Ticket {
    gate: Arc<Gate>,
    address: IpAddr,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.gate.total.fetch_sub(1, Ordering::Relaxed);
        self.gate.addresses.remove_if_mut(&self.address, |_, count| {
            *count -= 1;
            *count == 0
        });
    }
}

/// A socket's place, kept for as long as the socket, also after it became a WebSocket.
#[derive(Debug, Clone)]
pub struct Admitted(Arc<Ticket>);

impl Admitted {
    /// Where the socket comes from.
    pub fn address(&self) -> IpAddr {
        self.0.address
    }
}

/// Accepts until dropped. Every socket has a task that serves HTTP/1.1 until it ends or upgrades.
pub async fn serve(listener: TcpListener, router: Router, gate: Arc<Gate>) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => accept(stream, from, &router, &gate),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn accept(mut stream: TcpStream, from: SocketAddr, router: &Router, gate: &Arc<Gate>) {
    let Some(admitted) = gate.admit(from.ip()) else {
        tokio::spawn(async move {
            // Who is one too many may be gone already.
            let _gone: io::Result<()> = stream.write_all(TOO_MANY).await;
        });
        return;
    };
    let router = router.clone();
    tokio::spawn(async move {
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(admitted.clone());
            router.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended");
        }
    });
}
