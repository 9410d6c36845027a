//! The connection as the task sees it: there, on the way, or to be tried again.

use std::{pin::Pin, time::Duration};

use carillon_protocol::{
    DeviceId, VERSION,
    frame::{Hello, ServerFrame, Welcome},
};
use tokio::time::sleep;

use crate::{
    Error, Options,
    clock::Chance,
    error::reconnect_in,
    journal::Progress,
    server::Address,
    socket::{Down, Socket},
};

/// So often a server may put off the first connection; then the program hears of it.
const TURNS_MAX: u32 = 10;

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
            handles: options.handlers.names(),
            listens: options.listener.as_ref().map_or_else(Vec::new, |it| it.kinds.clone()),
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

/// The first connection, and the token that it resumed with: none if the server wants to begin
/// from nothing.
pub(crate) async fn first(
    options: &Options,
    address: &Address,
    progress: &Progress,
    chance: &mut Chance,
) -> Result<(Socket, Welcome, Option<String>), Error> {
    let (mut token, mut turns) = (progress.sync.clone(), 0);
    let down = loop {
        let sync = token.as_deref();
        match Link::connect(options, address, progress.device, sync, chance.fork()).await {
            Ok((socket, welcome)) => return Ok((socket, welcome, token)),
            Err(Down::Resync) if token.is_some() => token = None,
            // It is there, and says when it is this client's turn.
            Err(Down::Lost { retry_ms: Some(ms), .. }) if turns < TURNS_MAX => {
                turns += 1;
                sleep(Duration::from_millis(reconnect_in(Some(ms), 0, chance))).await;
            }
            Err(down) => break down,
        }
    };
    Err(match down {
        Down::Final(error) => error,
        Down::Lost { reason, .. } => Error::Connect(reason),
        Down::Resync => Error::Connect("the server asks to resume from nothing".into()),
    })
}
