//! The connection as the task sees it: there, on the way, or to be tried again.

use std::pin::Pin;

use carillon_protocol::{
    DeviceId, VERSION,
    frame::{Hello, ServerFrame, Welcome},
};

use crate::{
    Options,
    clock::Chance,
    server::Address,
    socket::{Down, Socket},
};

pub(crate) type Connecting = Pin<Box<dyn Future<Output = Result<(Socket, Welcome), Down>> + Send>>;

/// The connection, or the way to one.
pub(crate) enum Link {
    Up(Box<Socket>),
    Connecting(Connecting),
    /// Until this time of the client's clock.
    Waiting(u64),
}

/// What happens to a connection.
pub(crate) enum Heard {
    Up(Box<Socket>, Box<Welcome>),
    Frame(ServerFrame),
    Down(Down),
}

impl Link {
    /// Sets out to connect.
    pub fn connect(
        options: &Options,
        address: &Address,
        device: DeviceId,
        sync: Option<&str>,
        chance: Chance,
    ) -> Connecting {
        let hello = Hello {
            v: VERSION,
            token: Some(options.token.clone()),
            device,
            tab: options.tab.clone(),
            sync: sync.map(str::to_owned),
            caps: vec!["dirty".to_owned()],
        };
        Box::pin(Socket::connect(address.clone(), options.codec, hello, chance))
    }

    /// What the connection says next. May be dropped and called again.
    pub async fn next(&mut self) -> Heard {
        match self {
            Link::Up(socket) => socket.next().await.map_or_else(Heard::Down, Heard::Frame),
            Link::Connecting(connecting) => match connecting.await {
                Ok((socket, welcome)) => Heard::Up(Box::new(socket), Box::new(welcome)),
                Err(down) => Heard::Down(down),
            },
            Link::Waiting(_) => std::future::pending().await,
        }
    }
}
