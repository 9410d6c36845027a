//! A running server: from a listener to an orderly end.

use std::{
    io, net::SocketAddr, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration,
};

use axum::Router;
use carillon_plugins::directory;
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
    time::timeout,
};

use crate::{
    audit::{Signer, Witness},
    config::Config,
    demo,
    gateway::Hub,
    http::{self, Door, Gate, GoingDown, Secure, Serving, Spoken, Timeouts},
    node::{self, Node, Start, StartError},
    runner::Runner,
    tls::{self, Tls},
};

/// So many clients are sent elsewhere a second: about as many as another node can let in.
const DRAINED_PER_S: u32 = 1_000;
/// In so many seconds the last one is told, however many there are.
const DRAIN_SECONDS_MAX: u32 = 10;
/// How long calls under way may take, from the first second on: 10 s to run, as long to commit.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long clients who were told may take to hang up.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the writer may take to commit what is queued. All three together stay below the 30 s
/// after which those who start processes commonly kill them.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often to look whether the last connection has gone.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// The longest path that a Unix socket can have (`sun_path` of Linux, less its final zero).
const SOCKET_PATH_LEN_MAX: usize = 107;

/// A server that answers. It ends by [`Server::stop`]; dropped, it ends at once.
pub struct Server {
    /// What it consists of.
    pub node: Node,
    /// The one-time link, if there is no organisation yet.
    pub setup_path: Option<String>,
    /// The demo company, if it was asked for.
    pub demo: Option<demo::Company>,
    /// HTTPS, if it is spoken.
    pub tls: Option<Arc<Tls>>,
    runner: Runner,
    witness: Witness,
    door: Door,
    down: watch::Sender<bool>,
    http: AbortOnDrop,
    socket: SystemSocket,
    _certificate: Option<AbortOnDrop>,
}

impl Server {
    /// Starts a server on a listener.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(
        config: &Config,
        listener: TcpListener,
        start: Start,
    ) -> Result<Server, StartError> {
        let demo = start.demo;
        let node = Node::open(config, start).await?;
        let signer = Signer::open(config)?;
        let listens = listener.local_addr()?;
        let tls = Tls::open(config, listens, node.host.now() / 1000)?;
        open_rooms(&node, config, listens)?;
        let door = Door::new(&node, config, demo);
        let demo = if demo { Some(demo::seed(&node.host).await?) } else { None };
        let has_organisation = directory::has_organisation(&node.host).await?;
        let setup_path = (!has_organisation).then(|| format!("/setup#{}", node.setup_token));

        let limits = &config.limits;
        let (total, address) =
            (limits.connections_max.get(), limits.connections_per_address_max.get());
        let gate = Gate::new(total, address, node.metrics.clone());
        let (down, going_down) = watch::channel(false);
        let socket = SystemSocket::bind(config, &door, going_down.clone())?;
        let routes = tls.as_ref().map_or_else(Router::new, |tls| tls.routes());
        let router = door.router().merge(routes);
        let serving = Serving { router, timeouts: Timeouts::default(), going_down };
        let secure =
            tls.as_ref().map(|tls| Secure { config: tls.config(), plain: tls.plain_routes() });
        let spoken = Spoken { secure, media: Some(Arc::clone(&node.media)) };
        let http = AbortOnDrop(tokio::spawn(http::serve(listener, gate, serving, spoken)));
        let _certificate = tls.as_ref().map(|tls| {
            let host = node.host.clone();
            AbortOnDrop(tokio::spawn(tls::keep(Arc::clone(tls), move || host.now() / 1000)))
        });
        let runner = Runner::start(&node.host, node.lease);
        let witness = Witness::start(&node.host, signer);
        Ok(Server {
            node,
            setup_path,
            demo,
            tls,
            runner,
            witness,
            door,
            down,
            http,
            socket,
            _certificate,
        })
    }

    /// Takes a new certificate now, if the server speaks HTTPS; the old one stays if there is no
    /// good one.
    pub fn renew_certificate(&self) {
        match &self.tls {
            Some(tls) => tls.renew_and_tell(self.node.host.now() / 1000, true),
            None => tracing::info!("there is no certificate to renew"),
        }
    }

    /// Says goodbye to every connection, lets answers under way leave, and closes the database;
    /// within 30 s, whatever clients and the database do.
    pub async fn stop(self) {
        self.stop_unless(std::future::pending()).await;
    }

    /// The same, but waits for no connection any more once `hurry` is over.
    pub async fn stop_unless(self, hurry: impl Future<Output = ()>) {
        let Server { mut node, runner, witness, door, down, http, socket, .. } = self;
        door.drain();
        // Others carry its rooms on, and people come back there, while it still carries them.
        node.media.leave();
        tokio::select! {
            () = drain(&node.hub, &down, (http, socket)) => {}
            () = hurry => tracing::warn!("in a hurry: connections are not waited for"),
        }
        tokio::join!(runner.stop(), witness.stop(), node.leave());
        node.media.close();
        // Whatever was acknowledged is on disk already.
        if timeout(CLOSE_TIMEOUT, node.store.close()).await.is_err() {
            tracing::error!("the database did not close in time");
        }
    }
}

/// From now on people can meet.
fn open_rooms(node: &Node, config: &Config, listens: SocketAddr) -> Result<(), StartError> {
    let (listen, door) = (config.rooms.listen(config.listen), config.media_door(listens));
    let addresses = node.media.open(config, door).map_err(|e| StartError::Rooms(listen, e))?;
    tracing::info!(?addresses, ?door, "the media of rooms are reached here");
    Ok(())
}

/// Sends all clients elsewhere. Meanwhile HTTP is answered as ever, so that who balances load sees
/// that the node is not ready; then only those are answered who have asked.
async fn drain(hub: &Hub, down: &watch::Sender<bool>, accepting: (AbortOnDrop, SystemSocket)) {
    let answered = async {
        hub.drain((hub.connections() / DRAINED_PER_S).min(DRAIN_SECONDS_MAX)).await;
        until_none(|| hub.open()).await;
        drop(accepting);
        down.send_replace(true);
        down.closed().await;
    };
    let in_time = timeout(ANSWER_TIMEOUT, answered).await.is_ok();
    let left = timeout(LEAVE_TIMEOUT, until_none(|| hub.connections())).await.is_ok();
    if !in_time || !left {
        let (sockets, calls) = (hub.connections(), down.receiver_count());
        tracing::warn!(sockets, calls, "some connections did not end");
    }
}

async fn until_none(count: impl Fn() -> u32) {
    while count() > 0 {
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

/// A task that must not outlive its owner.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The socket in the data folder, for the command line beside the server. Who can open it owns
/// the folder, and is the system.
struct SystemSocket {
    path: PathBuf,
    _accepting: AbortOnDrop,
}

impl SystemSocket {
    fn bind(
        config: &Config,
        door: &Door,
        going_down: GoingDown,
    ) -> Result<SystemSocket, StartError> {
        let path = node::socket_path(&config.data);
        let unusable = |error| StartError::Folder(config.data.clone(), error);
        if path.as_os_str().len() > SOCKET_PATH_LEN_MAX {
            let why = format!("its path is longer than {SOCKET_PATH_LEN_MAX} bytes");
            return Err(unusable(io::Error::other(why)));
        }
        // The lock of the data folder is held, so a socket that is there is left from a crash.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(unusable)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .map_err(unusable)?;
        let serving =
            Serving { router: door.system_router(), timeouts: Timeouts::default(), going_down };
        let accepting = AbortOnDrop(tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        tokio::spawn(serving.clone().converse(TokioIo::new(stream), None));
                    }
                    Err(error) => http::pause(&error).await,
                }
            }
        }));
        Ok(SystemSocket { path, _accepting: accepting })
    }
}

impl Drop for SystemSocket {
    fn drop(&mut self) {
        // Whoever starts next removes what is left.
        let _left = std::fs::remove_file(&self.path);
    }
}
