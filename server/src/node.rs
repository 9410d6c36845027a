//! A node: the store, the host and the gateway, wired together.

use std::{
    fs::{self, File, TryLockError},
    io,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use carillon_bus::NodeId;
use carillon_plugin::{Caller, Clock as _, Host, Live, Plugin, Storage as _};
use carillon_plugins::{chat, directory, presence::Presence};
use carillon_protocol::{RunId, limits::Limits, node::End};
use carillon_store::{Database, OpenError, Options, Store};
use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinHandle},
    time::timeout,
};

use crate::{
    apart::{self, Misplaced, Places},
    audit::AuditError,
    clock::SystemClock,
    cluster::{Beats, Cluster, Everywhere, Presences},
    config::{Config, NodeName, Tls},
    demo,
    gateway::{self, Hub},
    media::Carrier,
    rates::Rates,
    registry,
    telemetry::Metrics,
    tls::TlsError,
    ways,
};

/// What stands in the data folder.
const LOCK_FILE: &str = "carillon.lock";
const DATABASE_FILE: &str = "carillon.db";
const SOCKET_FILE: &str = "carillon.sock";

/// How long it may take to tell the others that a node stops: as long as its plugins may.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// What a start can do besides.
#[derive(Debug, Default)]
pub struct Start {
    /// Seed the demo company, tell everybody its password, and answer only as localhost.
    pub demo: bool,
    /// How the store writes; the default is durable.
    pub store: Options,
    /// Plugins besides those that ship with the server.
    pub plugins: Vec<fn() -> Plugin>,
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
    /// The way to Redis cannot be used.
    #[error("`redis`: {0}")]
    Redis(#[from] carillon_bus::BadAddress),
    /// Settings that do not go together.
    #[error("{0}")]
    Settings(&'static str),
    /// A plugin cannot run where the settings say.
    #[error(transparent)]
    Misplaced(#[from] Misplaced),
    /// A setting of the ways out.
    #[error("`{0}`: {1}")]
    Ways(&'static str, String),
    /// There is no HTTPS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What is signed of the audit log cannot be kept.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The ports of rooms cannot be had.
    #[error(
        "the media of rooms cannot use UDP and TCP at {0} ({1}): if another server has that port, \
         set `rooms.port` of one of them to another number"
    )]
    Rooms(SocketAddr, io::Error),
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
    /// The way to other nodes, if there is Redis.
    pub cluster: Option<Cluster>,
    /// The run that takes leases, if nodes share the database.
    pub lease: Option<RunId>,
    /// The plugins that run apart.
    pub places: Places,
    /// Carries the sound and the pictures of rooms.
    pub media: Arc<Carrier>,
    /// Opens `session.setup` as long as there is no organisation.
    pub setup_token: String,
    beats: Option<JoinHandle<()>>,
    tasks: Vec<AbortHandle>,
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

/// Whether nobody has kept anything in the data folder.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn is_unused(data: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(data)? {
        if entry?.file_name() != LOCK_FILE {
            return Ok(false);
        }
    }
    Ok(true)
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
        fit(config)?;
        let lock = lock(&config.data)?;
        let clock = Arc::new(SystemClock::default());
        let run = RunId(clock.new_id());
        let metrics = Arc::new(Metrics::default());
        let setup_token = directory::new_setup_token()?;
        let settings = directory::Settings {
            setup_token: Some(directory::token_digest(&setup_token)),
            demo: start.demo.then(|| demo::PASSWORD.to_owned()),
            ..directory::Settings::default()
        };
        let is_shared = config.database.is_some();
        let chat = chat::Settings { node: is_shared.then(|| run.to_string()) };
        let presence = Arc::new(Presence::default());
        let media = Arc::new(Carrier::new(run, config));
        let ways = ways::open(config)?;
        let shared = (Arc::clone(&presence), Arc::clone(&media) as _);
        let mut plugins = registry::plugins(settings, chat, shared, ways);
        plugins.extend(start.plugins.iter().map(|plugin| plugin()));
        let (plugins, places) = apart::place(plugins, &config.plugins)?;

        let migrations = Host::migrations(&plugins);
        let store = Store::open(&database(config), &migrations, start.store).await?;
        let rates =
            Arc::new(Rates::new(config.limits.reads_per_s.get(), config.limits.writes_per_s.get()));
        let settings = connections(config, &rates, &presence);
        let main = tokio::runtime::Handle::current();
        let (hub, run_shards) = gateway::start(settings, Arc::clone(&metrics), &main)?;
        let cluster = join(config, run, &store, (&hub, &presence, &media))?;
        let live = live(&hub, cluster.as_ref(), is_shared);
        store.on_commit(Host::after_commit(&plugins, Arc::clone(&live)));
        let started_at = clock.now();
        let host = Host::new(plugins, Arc::new(store.clone()), clock, Arc::clone(&live));
        host.place_readers().await?;
        run_shards(host.clone())?;
        let silent = Arc::new(Notify::new());
        let beats = is_shared.then(|| {
            let name = config.node.clone().unwrap_or_else(NodeName::of_machine).into();
            let (store, hub, cluster) = (store.clone(), Arc::clone(&hub), cluster.clone());
            let (presence, media) = (Arc::clone(&presence), Arc::clone(&media));
            let silent = Arc::clone(&silent);
            let beats =
                Beats { run, name, started_at, store, hub, cluster, presence, media, silent };
            tokio::spawn(beats.run(host.clone()))
        });
        let mut tasks = media.work(&host, live).to_vec();
        tasks.push({
            let (hub, cluster) = (Arc::clone(&hub), cluster.clone());
            let presences = Presences { presence, hub, cluster, run, silent };
            tokio::spawn(presences.run()).abort_handle()
        });
        Ok(Node {
            host,
            hub,
            store,
            rates,
            metrics,
            cluster,
            lease: is_shared.then_some(run),
            places,
            media,
            setup_token,
            beats,
            tasks,
            _lock: lock,
        })
    }
}

impl Node {
    /// Says to the other nodes that this one stops: nobody waits for it any more.
    pub async fn leave(&mut self) {
        let (Some(beats), Some(run)) = (self.beats.take(), self.lease) else { return };
        beats.abort();
        // It must not say after that that it runs. That it was aborted is no error.
        drop(beats.await);
        let end = End { run };
        let ended = self.host.call_typed(Caller::SYSTEM, None, &end);
        if !matches!(timeout(LEAVE_TIMEOUT, ended).await, Ok(Ok(_))) {
            tracing::warn!("the other nodes could not be told that this one stops");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.hub.close();
        self.places.close();
        if let Some(beats) = &self.beats {
            beats.abort();
        }
        self.tasks.iter().for_each(AbortHandle::abort);
        self.media.close();
        if let Some(cluster) = &self.cluster {
            cluster.leave();
        }
    }
}

/// Refuses settings that would lose or tell apart what nodes must share.
fn fit(config: &Config) -> Result<(), StartError> {
    if config.database.is_none() && config.redis.is_some() {
        return Err(StartError::Settings(
            "`redis` is for several nodes, which share a `database`: set that too, or neither",
        ));
    }
    if !config.rooms.relays.is_empty() && config.rooms.relay_secret.is_none() {
        return Err(StartError::Settings(
            "`rooms.relays` let nobody in without a password: set `rooms.relay_secret` to the \
             secret of the relays (`static-auth-secret` of coturn), or leave them out",
        ));
    }
    if config.database.is_some() && config.tls == Some(Tls::Own) {
        return Err(StartError::Settings(
            "`tls = \"self\"` keeps its authority in the data folder of one node: \
             let the proxy before the nodes speak HTTPS, or use `files:`",
        ));
    }
    Ok(())
}

/// What the connections need.
fn connections(config: &Config, rates: &Arc<Rates>, presence: &Arc<Presence>) -> gateway::Settings {
    gateway::Settings {
        shards: usize::from(config.shards),
        rates: Arc::clone(rates),
        presence: Arc::clone(presence),
        limits: Limits {
            reads_per_s: config.limits.reads_per_s.get(),
            writes_per_s: config.limits.writes_per_s.get(),
            ..Limits::default()
        },
    }
}

/// Where the log and the tables are.
pub(crate) fn database(config: &Config) -> Database {
    match &config.database {
        Some(url) => Database::Postgres(url.as_str().to_owned()),
        None => Database::Sqlite(database_path(&config.data)),
    }
}

/// Joins the nodes of the same database, if there is Redis.
fn join(
    config: &Config,
    run: RunId,
    store: &Store,
    shared: (&Arc<Hub>, &Arc<Presence>, &Arc<Carrier>),
) -> Result<Option<Cluster>, StartError> {
    let Some(redis) = &config.redis else { return Ok(None) };
    let address: carillon_bus::Address = redis.as_str().parse()?;
    // The epoch is the database's own: nodes of another one that use this Redis are not heard.
    let (_, epoch) = store.position();
    let options = carillon_bus::Options {
        node: NodeId(run.0),
        namespace: format!("{epoch:x}"),
        authorities: None,
    };
    let ends = carillon_bus::connect(&address, options)?;
    Ok(Some(Cluster::join(run, ends, store, shared)))
}

/// Whom what happens is told to: the connections here, and those of the others if there are any.
fn live(hub: &Arc<Hub>, cluster: Option<&Cluster>, is_shared: bool) -> Arc<dyn Live> {
    let (here, elsewhere) = (Arc::clone(hub), cluster.cloned());
    if is_shared { Arc::new(Everywhere { here, elsewhere }) } else { here }
}

/// Makes the data folder, for its owner only, and locks it for this process.
pub(crate) fn lock(data: &Path) -> Result<File, StartError> {
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
