//! Plugins on a database of their own, as benches run them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use carillon_plugin::{
    Clock, Duty, Host, Live, LiveChange, Next, Plugin,
    protocol::{ErrorCode, Event, Topic, event::Ephemeral, id::Ulid},
};
use carillon_store::{Database, Options, Store};
use tokio::task::JoinHandle;

/// The machine's own time and ids that only differ.
struct Running(AtomicU64);

impl Clock for Running {
    #[expect(clippy::disallowed_methods, reason = "a bench measures durations")]
    fn now(&self) -> i64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        i64::try_from(now.unwrap().as_millis()).unwrap()
    }

    fn new_id(&self) -> Ulid {
        let random = self.0.fetch_add(1, Ordering::Relaxed).into();
        Ulid::from_parts(self.now().unsigned_abs(), random)
    }
}

struct Nobody;

impl Live for Nobody {
    fn committed(&self, _: &[(Event, Vec<LiveChange>)]) {}
    fn push(&self, _: &Topic, _: Ephemeral) {}
    fn called(&self, _: &'static str, _: Option<ErrorCode>, _: Duration) {}
}

pub struct Bed {
    pub host: Host,
    _folder: tempfile::TempDir,
}

impl Bed {
    pub async fn new(plugins: Vec<Plugin>) -> Bed {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(folder.path().join("bench.db"));
        let migrations = Host::migrations(&plugins);
        let store = Store::open(&database, &migrations, Options::default()).await.unwrap();
        let live = Arc::new(Nobody);
        store.on_commit(Host::after_commit(&plugins, live.clone()));
        let clock = Arc::new(Running(AtomicU64::new(0)));
        let host = Host::new(plugins, Arc::new(store), clock, live);
        host.place_readers().await.unwrap();
        Bed { host, _folder: folder }
    }

    /// Takes steps as the node does, as long as there is something to do.
    pub fn run(
        &self,
        plugin: &'static str,
        duty: Duty,
        goes_on: impl Fn() -> bool + Send + 'static,
    ) -> JoinHandle<()> {
        let host = self.host.clone();
        tokio::spawn(async move {
            while goes_on() {
                match host.step(plugin, duty).await.unwrap() {
                    Next::Now => tokio::task::yield_now().await,
                    Next::Pause(at) => rest(&host, at).await,
                    Next::At(at) => tokio::select! {
                        () = host.woken(plugin, duty) => {}
                        () = rest(&host, at) => {}
                    },
                    Next::Idle => host.woken(plugin, duty).await,
                }
            }
        })
    }
}

async fn rest(host: &Host, until: i64) {
    let left = u64::try_from(until - host.now()).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(left)).await;
}

/// The time that all threads of this process have computed.
pub fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // In hundredths of a second: user and system.
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
