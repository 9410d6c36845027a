//! A running server: from a listener to an orderly end.

use std::{io, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use carillon_plugins::directory;
use carillon_store::Options;
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
};

use crate::{
    config::Config,
    demo,
    http::{self, Door, Gate, GoingDown, Serving, Timeouts},
    node::{self, Node, StartError},
};

/// When clients come back after a restart: each at a random time within it.
const RETRY_MS: u64 = 2_000;
/// How long answers under way may take to leave before the process ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// How often to look whether the last connection has gone.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// The longest path that a Unix socket can have (`sun_path` of Linux, less its final zero).
const SOCKET_PATH_LEN_MAX: usize = 107;

/// What a start can do besides.
#[derive(Debug, Default)]
pub struct Start {
    /// Seed the demo company and answer only as localhost.
    pub demo: bool,
    /// How the store writes; the default is durable.
    pub store: Options,
}

/// A server that answers. It ends by [`Server::stop`]; dropped, it ends at once.
pub struct Server {
    /// What it consists of.
    pub node: Node,
    /// The one-time link, if there is no organisation yet.
    pub setup_path: Option<String>,
    /// The demo company, if it was asked for.
    pub demo: Option<demo::Company>,
    door: Door,
    down: watch::Sender<bool>,
    http: AbortOnDrop,
    socket: SystemSocket,
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
        let node = Node::open(config, start.store).await?;
        let demo = if start.demo { Some(demo::seed(&node.host).await?) } else { None };
        let has_organisation = directory::has_organisation(&node.host).await?;
        let setup_path = (!has_organisation).then(|| format!("/setup#{}", node.setup_token));

        let door = Door::new(&node, config, start.demo);
        let limits = &config.limits;
        let (total, address) =
            (limits.connections_max.get(), limits.connections_per_address_max.get());
        let gate = Gate::new(total, address, node.metrics.clone());
        let (down, going_down) = watch::channel(false);
        let socket = SystemSocket::bind(config, &door, going_down.clone())?;
        let serving = Serving { router: door.router(), timeouts: Timeouts::default(), going_down };
        let http = AbortOnDrop(tokio::spawn(http::serve(listener, gate, serving)));
        Ok(Server { node, setup_path, demo, door, down, http, socket })
    }

    /// Says goodbye to every connection, lets answers under way leave, and closes the database.
    pub async fn stop(self) {
        let Server { node, door, down, http, socket, .. } = self;
        door.drain();
        drop((http, socket));
        down.send_replace(true);
        node.hub.drain(RETRY_MS).await;
        let drained = async {
            down.closed().await;
            while node.hub.connections() > 0 {
                tokio::time::sleep(DRAIN_POLL).await;
            }
        };
        if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
            let (sockets, calls) = (node.hub.connections(), down.receiver_count());
            tracing::warn!(sockets, calls, "some connections did not end");
        }
        node.store.close().await;
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
