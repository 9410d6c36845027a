//! The accept loop: who may connect, and for how long without saying anything.

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request};
use carillon_protocol::{Codec, ErrorBody, ErrorCode};
use dashmap::DashMap;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tower::ServiceExt;

use super::refuse;
use crate::telemetry::Metrics;

/// How long a client may take, so that slow ones do not hold sockets for nothing.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// To send a request's head, from the first moment on.
    pub head: Duration,
    /// To send its body and be answered; a call alone may take 10 s to run and as long to commit.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts { head: Duration::from_secs(10), request: Duration::from_secs(30) }
    }
}

/// How long to wait after an accept that failed, as when the process has no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What a client that is one too many gets.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// How long a client that is one too many may take to read that.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(1);
/// How many may be reading it; beyond, their sockets just end.
const TURNED_AWAY_MAX: usize = 256;

/// Whom an address stands for: of IPv6 a customer has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

/// Counts sockets, in all and by address.
#[derive(Debug)]
pub struct Gate {
    total: AtomicU32,
    total_max: u32,
    addresses: DashMap<IpAddr, u32>,
    address_max: u32,
    turned_away: Arc<Semaphore>,
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
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY_MAX)),
            metrics,
        })
    }

    /// Admits a socket, until the answer is dropped.
    fn admit(self: &Arc<Gate>, address: IpAddr) -> Option<Admitted> {
        let address = network(address);
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
    /// The network that the socket comes from.
    pub fn address(&self) -> IpAddr {
        self.0.address
    }
}

/// Accepts until dropped. Every socket has a task that serves HTTP/1.1 until it ends or upgrades.
pub async fn serve(listener: TcpListener, router: Router, gate: Arc<Gate>, timeouts: Timeouts) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => accept(stream, from, &router, &gate, timeouts),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn accept(
    stream: TcpStream,
    from: SocketAddr,
    router: &Router,
    gate: &Arc<Gate>,
    timeouts: Timeouts,
) {
    let Some(admitted) = gate.admit(from.ip()) else {
        if let Ok(place) = Arc::clone(&gate.turned_away).try_acquire_owned() {
            tokio::spawn(async move {
                // Who is one too many may be gone already, or not listen.
                let _gone = tokio::time::timeout(TURN_AWAY_TIMEOUT, turn_away(stream)).await;
                drop(place);
            });
        }
        return;
    };
    let router = router.clone();
    tokio::spawn(async move {
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(admitted.clone());
            let answer = router.clone().oneshot(request);
            async move {
                tokio::time::timeout(timeouts.request, answer).await.unwrap_or_else(|_| {
                    let msg = "no answer in time: it may have happened; \
                        send the same Idempotency-Key again";
                    Ok(refuse(Codec::Json, &ErrorBody::new(ErrorCode::TimeoutUnknown, msg)))
                })
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(timeouts.head)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended");
        }
    });
}

/// Says that there are too many. What the client says meanwhile is read: a socket that is closed
/// over unread bytes is reset, and the answer is lost with it.
async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(TOO_MANY).await?;
    stream.shutdown().await?;
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::routing::post;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(60);

    /// What a server with these times answers to bytes that are no whole request.
    async fn answer(timeouts: Timeouts, said: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().route("/", post(async |body: String| body));
        let gate = Gate::new(10, 10, Arc::default());
        let serving = tokio::spawn(serve(listener, router, Arc::clone(&gate), timeouts));
        let mut client = TcpStream::connect(address).await.expect("it listens");
        client.write_all(said.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("it ends in order");
        serving.abort();
        while gate.total.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
        assert!(gate.addresses.is_empty(), "its place is free again");
        answer
    }

    #[tokio::test]
    async fn who_says_nothing_or_half_a_head_is_hung_up_on() {
        let timeouts = Timeouts { head: SHORT, request: LONG };
        for said in ["", "P", "POST / HTTP/1.1\r\nHost: a\r\n"] {
            let answer = answer(timeouts, said).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{said}: {answer}");
        }
    }

    #[tokio::test]
    async fn who_sends_half_a_body_is_told_and_hung_up_on() {
        let timeouts = Timeouts { head: LONG, request: SHORT };
        let said = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";
        let answer = answer(timeouts, said).await;
        assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
        assert!(answer.contains("E_TIMEOUT_UNKNOWN"), "{answer}");
    }

    #[tokio::test]
    async fn a_connection_that_rests_is_closed_in_time() {
        let timeouts = Timeouts { head: SHORT, request: LONG };
        let said = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
        let answer = answer(timeouts, said).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok"), "{answer}");
    }
}
