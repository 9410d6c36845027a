//! A node: the store, the host and the gateway, wired together.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use carillon_plugin::{Host, Live};
use carillon_plugins::{chat, directory};
use carillon_protocol::limits::Limits;
use carillon_store::{OpenError, Options, Store};

use crate::{
    clock::SystemClock,
    config::Config,
    demo,
    gateway::{self, Hub},
    rates::Rates,
    registry,
    telemetry::Metrics,
    tls::TlsError,
};

/// What stands in the data folder.
const LOCK_FILE: &str = "carillon.lock";
const DATABASE_FILE: &str = "carillon.db";
const SOCKET_FILE: &str = "carillon.sock";

/// What a start can do besides.
#[derive(Debug, Default)]
pub struct Start {
    /// Seed the demo company, tell everybody its password, and answer only as localhost.
    pub demo: bool,
    /// How the store writes; the default is durable.
    pub store: Options,
}

/// Why a node does not start, in a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process has the data folder.
    #[error("{0} is in use by another carillon process; stop it first, or choose another --data")]
    InUse(PathBuf),
    /// The data folder cannot be used.
    #[error("the data folder {0} cannot be used: {1}")]
    Folder(PathBuf, io::Error),
    /// The database refuses.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// There is no HTTPS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A thread or socket cannot be had.
    #[error("the server cannot start: {0}")]
    Io(#[from] io::Error),
    /// An operation of the start failed.
    #[error("the server cannot start: {0}")]
    Refused(#[from] carillon_plugin::Error),
}

/// Everything that a running server consists of. Dropping it ends the shards.
pub struct Node {
    /// The table of operations.
    pub host: Host,
    /// The connections.
    pub hub: Arc<Hub>,
    /// The database.
    pub store: Store,
    /// How often callers may call.
    pub rates: Arc<Rates>,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// Opens `session.setup` as long as there is no organisation.
    pub setup_token: String,
    _lock: File,
}

/// Where the database stands.
pub fn database_path(data: &Path) -> PathBuf {
    data.join(DATABASE_FILE)
}

/// Whether a process has the data folder; touches nothing.
///
/// # Errors
/// If the folder or its lock cannot be read.
pub fn is_in_use(data: &Path) -> io::Result<bool> {
    match File::open(data.join(LOCK_FILE)) {
        Ok(file) => Ok(matches!(file.try_lock(), Err(TryLockError::WouldBlock))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Where the command line finds a running server.
pub fn socket_path(data: &Path) -> PathBuf {
    data.join(SOCKET_FILE)
}

impl Node {
    /// Takes the data folder, opens the database and starts the shards.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(config: &Config, start: Start) -> Result<Node, StartError> {
        let lock = lock(&config.data)?;
        let metrics = Arc::new(Metrics::default());
        let setup_token = directory::new_setup_token()?;
        let settings = directory::Settings {
            setup_token: Some(directory::token_digest(&setup_token)),
            demo: start.demo.then(|| demo::PASSWORD.to_owned()),
            ..directory::Settings::default()
        };
        let plugins = registry::plugins(settings, chat::Settings::default());

        let path = database_path(&config.data);
        let store = Store::open(&path.into(), &Host::migrations(&plugins), start.store).await?;
        let rates =
            Arc::new(Rates::new(config.limits.reads_per_s.get(), config.limits.writes_per_s.get()));
        let settings = gateway::Settings {
            shards: usize::from(config.shards),
            rates: Arc::clone(&rates),
            limits: Limits {
                reads_per_s: config.limits.reads_per_s.get(),
                writes_per_s: config.limits.writes_per_s.get(),
                ..Limits::default()
            },
        };
        let main = tokio::runtime::Handle::current();
        let (hub, run_shards) = gateway::start(settings, Arc::clone(&metrics), &main)?;
        let live: Arc<dyn Live> = Arc::clone(&hub) as Arc<dyn Live>;
        store.on_commit(Host::after_commit(&plugins, Arc::clone(&live)));
        let clock = Arc::new(SystemClock::default());
        let host = Host::new(plugins, Arc::new(store.clone()), clock, live);
        run_shards(host.clone())?;
        Ok(Node { host, hub, store, rates, metrics, setup_token, _lock: lock })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.hub.close();
    }
}

/// Makes the data folder, for its owner only, and locks it for this process.
fn lock(data: &Path) -> Result<File, StartError> {
    let folder = |error| StartError::Folder(data.to_owned(), error);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(folder)?;
    keep_to_owner(data).map_err(folder)?;
    let path = data.join(LOCK_FILE);
    let file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(folder)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse(data.to_owned())),
        Err(TryLockError::Error(error)) => Err(folder(error)),
    }
}

/// Closes a folder that was there before to everybody but its owner: whoever can open its socket
/// is the system, and whoever can read it reads everybody's messages.
fn keep_to_owner(data: &Path) -> io::Result<()> {
    let found = fs::metadata(data)?;
    if found.mode() & 0o077 == 0 {
        return Ok(());
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        let why = "others can open it, and it is not ours to close; name a new folder inside it";
        return Err(io::Error::other(why));
    }
    fs::set_permissions(data, fs::Permissions::from_mode(0o700))
}
