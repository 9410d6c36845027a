//! A shard with connections, plain or through TLS.

use carillon_protocol::{Codec, id::Ulid, limits::Limits};
use carillon_store::kit::Kit;
use futures_util::StreamExt;
use rustls::ServerConnection;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

use super::{super::*, event};
use crate::{
    gateway::{conn::Phase, delivery::framed},
    rates::Rates,
    tls::tests::pair::pair,
};

/// The two directions of a client's end.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

pub(super) type Client = WebSocketStream<Box<dyn Duplex>>;

pub(super) struct Rig {
    pub(super) shard: Shared,
    pub(super) kit: Kit,
    /// Whether connections speak TLS.
    sealed: bool,
    _inbox: Vec<mpsc::Receiver<Cmd>>,
}

impl Rig {
    pub(super) async fn new(sealed: bool) -> Rig {
        let kit = Kit::new(Vec::new()).await;
        let metrics = Arc::new(Metrics::default());
        let (hub, inbox) = Hub::new(1, Arc::default(), Arc::clone(&metrics));
        let limits = Limits::default();
        let rates = Arc::new(Rates::new(limits.reads_per_s, limits.writes_per_s));
        let settings = Settings { shards: 1, limits, rates, presence: Arc::default() };
        let parts = (0, Arc::new(hub), kit.host().clone(), Handle::current());
        let shard = Rc::new(RefCell::new(Shard::new(parts, settings, metrics)));
        Rig { shard, kit, sealed, _inbox: inbox }
    }

    /// A connection, and its client's end.
    pub(super) async fn connect(&self) -> (ConnId, Client) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        socket2::SockRef::from(&stream).set_send_buffer_size(64 * 1024).unwrap();
        let (client, stream, tls) = if self.sealed {
            let (client, (stream, tls)) = shake_hands(client, stream).await;
            (client, stream, Some(Box::new(tls)))
        } else {
            (Box::new(client) as Box<dyn Duplex>, stream, None)
        };
        let stream = stream.into_std().unwrap();
        let origin = Origin { codec: Codec::Json, bearer: None, network: None, admitted: None };
        let adopted = Adopted { stream, tls, early: Bytes::new(), origin };
        session::adopt(&self.shard, adopted);
        let slot = self.shard.borrow().conns.iter().map(|(slot, _)| slot as u32).max().unwrap();
        let generation = self.shard.borrow().conns[slot as usize].generation;
        let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        (ConnId { shard: 0, slot, generation }, client)
    }

    /// A connection that has said hello, of a session that ends after so many milliseconds.
    pub(super) async fn join(&self, ttl_ms: i64) -> (ConnId, Client) {
        let (conn, client) = self.connect().await;
        self.shard.borrow_mut().conns[conn.slot as usize].phase = Phase::Joining(Box::default());
        let (done, _) = oneshot::channel();
        let id = |number| Ulid(u128::from(conn.slot) + number);
        let scopes = ["read", "write"];
        let (user, org) = (UserId(id(1)), carillon_protocol::OrgId(id(2)));
        let attach = Attach {
            conn,
            caller: Caller::signed_in(user, org, SessionId(id(3)), scopes),
            device: DeviceId(id(4)),
            expires_at: self.kit.host().now() + ttl_ms,
            handles: None,
            dirty_ok: false,
            welcome: framed(Codec::Json, b"{\"t\":\"welcome\"}"),
            done,
        };
        self.handle(Cmd::Attach(Box::new(attach)));
        (conn, client)
    }

    /// The catch-up is over, at the beginning of the log.
    pub(super) fn release(&self, conn: ConnId) {
        self.release_at(conn, 0);
    }

    /// The catch-up is over, at a position.
    pub(super) fn release_at(&self, conn: ConnId, position: u64) {
        let synced = format!("{{\"t\":\"synced\",\"sync\":\"1.0.{position}\"}}");
        let synced = framed(Codec::Json, synced.as_bytes());
        self.handle(Cmd::Release { conn, sent: HashMap::new(), synced, position });
    }

    pub(super) fn handle(&self, cmd: Cmd) {
        self.shard.borrow_mut().handle(cmd);
        settle(&self.shard);
    }

    /// Seconds pass, on the wheel and on the clock.
    pub(super) async fn pass(&self, seconds: u32) {
        for _ in 0..seconds {
            self.kit.clock().advance(1000);
            self.shard.borrow_mut().tick();
            settle(&self.shard);
            tokio::task::yield_now().await;
        }
    }

    /// Sends until the socket takes no more.
    pub(super) fn stall(&self, conn: ConnId) {
        let frame = framed(Codec::Json, &[b' '; 8 * 1024]);
        while !self.shard.borrow().conns[conn.slot as usize].is_backlogged() {
            self.shard.borrow_mut().send_frame(conn.slot, frame.clone());
        }
        settle(&self.shard);
    }

    /// Waits until nothing waits for the connection's socket.
    pub(super) async fn drained(&self, conn: ConnId, client: &mut Client) {
        while self.shard.borrow().conns[conn.slot as usize].is_backlogged() {
            let _frame = client.next().await;
        }
    }

    /// Waits until no connection is left.
    pub(super) async fn empty(&self) {
        while !self.shard.borrow().conns.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn deliver(&self, count: u64) {
        for seq in 1..=count {
            let delivery = Arc::new(Delivery::event(event(seq)));
            self.shard.borrow_mut().handle(Cmd::Deliver { delivery, changes: Vec::new() });
        }
    }
}

/// TLS between the two ends of a socket.
async fn shake_hands(
    client: TcpStream,
    server: TcpStream,
) -> (Box<dyn Duplex>, (TcpStream, ServerConnection)) {
    let (client_config, server_config) = pair();
    let connector = TlsConnector::from(client_config);
    let acceptor = TlsAcceptor::from(server_config);
    let name = "localhost".try_into().unwrap();
    let ends = tokio::try_join!(connector.connect(name, client), acceptor.accept(server)).unwrap();
    (Box::new(ends.0), ends.1.into_inner())
}
