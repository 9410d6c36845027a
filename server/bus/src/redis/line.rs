//! A line to one server.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisConnectionInfo, RedisError,
    aio::MultiplexedConnection,
};
use rustls::ClientConfig;
use tokio::sync::Notify;

use super::{ANSWER_PATIENCE, CONNECT_PATIENCE, Shared, outlet::Slot, wire::Wire};
use crate::{Part, Suspect};

/// Why a connection is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Redis(#[from] RedisError),
    #[error("no connection within {} s", .0.as_secs())]
    Slow(Duration),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the server refuses: {0}")]
    Refused(String),
    #[error("the server ended the connection")]
    Closed,
    #[error("no answer within {} s", .0.as_secs())]
    Mute(Duration),
    #[error("the subscription ended")]
    Ended,
    #[error("no probe came back for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("{0}")]
    Unknown(&'static str),
}

/// A server that can be connected to.
#[derive(Debug, Clone)]
pub(super) struct Server {
    /// What is asked who has which part goes through connections of redis-rs.
    client: Client,
    tls: Arc<ClientConfig>,
}

impl Server {
    pub fn new(client: Client, tls: Arc<ClientConfig>) -> Server {
        Server { client, tls }
    }

    /// A connection to publish through or to listen on.
    pub async fn open(&self) -> Result<Wire, Fault> {
        Wire::open(self.client.get_connection_info(), &self.tls).await
    }

    fn with(&self, info: ConnectionInfo) -> Result<Server, RedisError> {
        Ok(Server { client: Client::open(info)?, tls: Arc::clone(&self.tls) })
    }

    /// Host and port.
    pub fn name(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    pub fn host(&self) -> &str {
        match self.client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host,
            // An address with a scheme of ours has a host.
            _ => "",
        }
    }

    /// Another one that takes the same user, password and authorities.
    pub fn at(&self, host: &str, port: u16) -> Result<Server, RedisError> {
        let info = self.client.get_connection_info().clone();
        let host = host.to_owned();
        let addr = match info.addr().clone() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                ConnectionAddr::TcpTls { host, port, insecure, tls_params }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        self.with(info.set_addr(addr))
    }

    /// The same, without user and password.
    pub fn anonymous(&self) -> Result<Server, RedisError> {
        let info = self.client.get_connection_info().clone();
        let settings = RedisConnectionInfo::default();
        self.with(info.set_redis_settings(settings.set_skip_set_lib_name()))
    }

    pub async fn connect(
        &self,
        config: AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, Fault> {
        let config = config
            .set_connection_timeout(Some(CONNECT_PATIENCE))
            .set_response_timeout(Some(ANSWER_PATIENCE));
        let connected = self.client.get_multiplexed_async_connection_with_config(&config);
        // A server that is stopped accepts, and then says nothing.
        match tokio::time::timeout(CONNECT_PATIENCE, connected).await {
            Ok(connection) => Ok(connection?),
            Err(_) => Err(Fault::Slow(CONNECT_PATIENCE)),
        }
    }
}

/// What goes through one server.
#[derive(Debug)]
pub(super) struct Line {
    pub server: Server,
    pub parts: Vec<Part>,
    /// The connection that publishes, if there is one.
    pub outlet: Slot,
    /// Rung when there is something to publish, and whoever published it could not.
    pub wake: Notify,
    trouble: Mutex<Trouble>,
}

/// What is wrong with each direction.
#[derive(Debug)]
struct Trouble {
    publisher: Option<String>,
    listener: Option<String>,
}

impl Line {
    pub fn new(server: Server, parts: Vec<Part>) -> Line {
        let begins = || Some("not connected yet".to_owned());
        let trouble = Mutex::new(Trouble { publisher: begins(), listener: begins() });
        Line { server, parts, outlet: Slot::default(), wake: Notify::new(), trouble }
    }

    /// Something of this part was put into the outbox: it leaves at once, or soon.
    pub fn publish(&self, shared: &Shared, part: Part) {
        if !self.outlet.try_with(|outlet| outlet.publish(shared, part)) {
            self.wake.notify_one();
        }
    }

    /// Publishing works, or does not.
    pub fn publishing(&self, trouble: Option<String>) {
        self.tell("publishing", |state| &mut state.publisher, trouble);
    }

    /// Listening works, or does not.
    pub fn listening(&self, trouble: Option<String>) {
        self.tell("listening", |state| &mut state.listener, trouble);
    }

    /// Notes it, and logs what is new.
    fn tell(
        &self,
        what: &str,
        direction: impl Fn(&mut Trouble) -> &mut Option<String>,
        trouble: Option<String>,
    ) {
        let mut state = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let before = direction(&mut state);
        if *before != trouble {
            let server = self.server.name();
            match &trouble {
                Some(why) => tracing::warn!(server, why, "redis: {what} does not work"),
                None => tracing::info!(server, "redis: {what} works"),
            }
        }
        *before = trouble;
    }

    /// What is wrong, if anything is.
    pub fn suspect(&self) -> Option<Suspect> {
        let state = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let why = state.listener.clone().or_else(|| state.publisher.clone())?;
        Some(Suspect { server: self.server.name(), parts: self.parts.len(), why })
    }
}
