//! Something between a node and its Redis that can fail on its own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

/// A proxy before a Redis.
pub struct Proxy {
    pub address: SocketAddr,
    mute: Arc<AtomicBool>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub async fn start(port: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mute = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, port, mute.clone()));
        Proxy { address, mute, _tasks: tasks }
    }

    /// From now on, subscriptions that stand hear nothing, and their sockets stay open. New
    /// connections are not touched.
    pub fn mute_subscriptions(&self) {
        self.mute.store(true, Ordering::Relaxed);
    }
}

async fn accept(listener: TcpListener, port: u16, mute: Arc<AtomicBool>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        // Who connects after the fault is not meant.
        let meant = !mute.load(Ordering::Relaxed);
        let subscribed = Arc::new(AtomicBool::new(false));
        let ((client_in, client_out), (server_in, server_out)) =
            (client.into_split(), server.into_split());
        let subscribes = subscribed.clone();
        connections.spawn(carry(client_in, server_out, move |bytes| {
            if bytes.windows(9).any(|word| word == b"SUBSCRIBE") {
                subscribes.store(true, Ordering::Relaxed);
            }
            true
        }));
        let mute = mute.clone();
        connections.spawn(carry(server_in, client_out, move |_| {
            !(meant && mute.load(Ordering::Relaxed) && subscribed.load(Ordering::Relaxed))
        }));
    }
}

/// Carries bytes, or swallows them.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, passes: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if passes(&buffer[..count]) && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
