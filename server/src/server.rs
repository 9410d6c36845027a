//! A running server: from a listener to an orderly end.

use std::{io, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use carillon_plugins::directory;
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
};

use crate::{
    config::Config,
    demo,
    http::{self, Door, Gate, GoingDown, Secure, Serving, Timeouts},
    node::{self, Node, Start, StartError},
    tls::{self, Tls},
};

/// When clients come back after a restart: each at a random time within it.
const RETRY_MS: u64 = 2_000;
/// How long answers under way may take to leave before the process ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
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
        let tls = Tls::open(config, listener.local_addr()?, node.host.now() / 1000)?;
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
        let http = AbortOnDrop(tokio::spawn(http::serve(listener, gate, serving, secure)));
        let _certificate = tls.as_ref().map(|tls| {
            let host = node.host.clone();
            AbortOnDrop(tokio::spawn(tls::keep(Arc::clone(tls), move || host.now() / 1000)))
        });
        Ok(Server { node, setup_path, demo, tls, door, down, http, socket, _certificate })
    }

    /// Takes a new certificate now, if the server speaks HTTPS; the old one stays if there is no
    /// good one.
    pub fn renew_certificate(&self) {
        match &self.tls {
            Some(tls) => tls.renew_and_tell(self.node.host.now() / 1000, true),
            None => tracing::info!("there is no certificate to renew"),
        }
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
