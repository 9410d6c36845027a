//! Lets plugins do what they do besides answering: read events, make the calls that are due, have
//! their effects on the outside.
//!
//! Each of a plugin's duties is a task that takes bounded steps, so a plugin that hangs holds up
//! itself. Where nodes share a database a plugin's tasks run on the one that holds its lease; that
//! saves work, and nothing depends on it: who was overtaken commits nothing.

use std::time::Duration;

use carillon_plugin::{Caller, Duty, Host, Next, Portrait, apart::Place};
use carillon_protocol::{RunId, node};
use futures_util::future::join_all;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// How long a lease lasts: so long nobody does what a node that died has left.
const LEASE_MS: i64 = 15_000;
/// A lease is renewed, or asked for, at a third of its time.
const LEASE_EVERY: Duration = Duration::from_millis(LEASE_MS as u64 / 3);
/// What is due is compared with the clock so often, which may be set meanwhile.
const CLOCK_EVERY: Duration = Duration::from_secs(1);
/// What other nodes put in is found within this time.
const LOOK_EVERY_SHARED: Duration = Duration::from_secs(1);
/// Alone, everything wakes its step; but one that found the database away has to look again.
const LOOK_EVERY_ALONE: Duration = Duration::from_secs(30);
/// How often it is looked whether a process of a plugin that runs apart is linked.
const ABLE_EVERY: Duration = Duration::from_millis(250);
/// How long to wait after the database did not answer.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(1);
/// How long steps under way may take when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// The tasks of all plugins. They end when this is dropped.
#[derive(Debug)]
pub struct Runner {
    host: Host,
    down: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Runner {
    /// Starts the tasks; with leases, if this node shares its database.
    pub fn start(host: &Host, lease: Option<RunId>) -> Runner {
        let (down, going_down) = watch::channel(false);
        // What is switched off stands still.
        let on = host.plugins().filter(|plugin| plugin.place != Place::Off);
        let tasks = on.map(|plugin| {
            let work = Work { host: host.clone(), plugin, lease, down: going_down.clone() };
            tokio::spawn(work.run())
        });
        Runner { tasks: tasks.collect(), host: host.clone(), down }
    }

    /// Lets steps under way end, and gives the leases back, so that another node goes on at once.
    pub async fn stop(mut self) {
        self.down.send_replace(true);
        self.host.rest();
        let ended = join_all(self.tasks.iter_mut());
        if timeout(STOP_TIMEOUT, ended).await.is_err() {
            tracing::warn!("plugins still had something to do: it is done after the next start");
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// What one plugin has to do.
struct Work {
    host: Host,
    plugin: Portrait,
    lease: Option<RunId>,
    down: watch::Receiver<bool>,
}

impl Work {
    async fn run(self) {
        let mut down = self.down.clone();
        while !*self.down.borrow() {
            if !self.is_able() {
                tokio::select! {
                    () = sleep(ABLE_EVERY) => {}
                    _ = down.changed() => {}
                }
                continue;
            }
            let Some(run) = self.lease else {
                tokio::select! {
                    () = self.duties() => {}
                    () = self.until_unable() => {}
                }
                continue;
            };
            if !self.take(run, LEASE_MS).await {
                tokio::select! {
                    () = sleep(LEASE_EVERY) => {}
                    _ = down.changed() => {}
                }
                continue;
            }
            tokio::select! {
                () = self.duties() => {}
                () = self.hold(run) => {
                    tracing::warn!(plugin = self.plugin.name, "another node goes on with it");
                }
                // A node that has a process of it goes on at once.
                () = self.until_unable() => drop(self.take(run, 0).await),
            }
        }
        if let Some(run) = self.lease {
            self.take(run, 0).await;
        }
    }

    /// Whether the plugin's handlers can be reached from here.
    fn is_able(&self) -> bool {
        let none = Place::Remote { linked: 0 };
        self.plugin.place == Place::Local
            || self.host.plugins().any(|it| it.name == self.plugin.name && it.place != none)
    }

    /// Waits until the handlers cannot be reached any more.
    async fn until_unable(&self) {
        if self.plugin.place == Place::Local {
            return std::future::pending().await;
        }
        while self.is_able() {
            sleep(ABLE_EVERY).await;
        }
    }

    /// Does all duties until the server stops.
    async fn duties(&self) {
        let mut duties = vec![Duty::Timers];
        duties.extend((!self.plugin.reads.is_empty()).then_some(Duty::Events));
        duties.extend((!self.plugin.effects.is_empty()).then_some(Duty::Outbox));
        join_all(duties.into_iter().map(|duty| self.duty(duty))).await;
    }

    async fn duty(&self, duty: Duty) {
        let mut down = self.down.clone();
        while !*self.down.borrow() {
            let next = match self.host.step(self.plugin.name, duty).await {
                Ok(next) => next,
                Err(error) => {
                    // /readyz says that the database is away; what fails otherwise says so itself.
                    tracing::warn!(plugin = self.plugin.name, ?duty, %error, "no step");
                    sleep(UNAVAILABLE_PAUSE).await;
                    continue;
                }
            };
            if next == Next::Now {
                // Others have their turn, however much there is.
                tokio::task::yield_now().await;
                continue;
            }
            let woken = async {
                // Of a plugin that stumbles nobody else's events are to cost anything.
                match next {
                    Next::Pause(_) => std::future::pending().await,
                    _ => self.host.woken(self.plugin.name, duty).await,
                }
            };
            tokio::select! {
                () = woken => {}
                () = self.until(next) => {}
                _ = down.changed() => {}
            }
        }
    }

    /// Waits until something is due, or might be.
    async fn until(&self, next: Next) {
        let look = if self.lease.is_some() { LOOK_EVERY_SHARED } else { LOOK_EVERY_ALONE };
        let (Next::At(due) | Next::Pause(due)) = next else { return sleep(look).await };
        let due = async {
            loop {
                let left = due.saturating_sub(self.host.now());
                let Ok(left @ 1..) = u64::try_from(left) else { return };
                sleep(Duration::from_millis(left).min(CLOCK_EVERY)).await;
            }
        };
        tokio::select! {
            () = due => {}
            () = sleep(look) => {}
        }
    }

    /// Holds the lease; ends when it is lost, or cannot be renewed.
    async fn hold(&self, run: RunId) {
        loop {
            sleep(LEASE_EVERY).await;
            if !self.take(run, LEASE_MS).await {
                return;
            }
        }
    }

    /// Takes the lease or holds it longer; whether it is this node's.
    async fn take(&self, run: RunId, ttl_ms: i64) -> bool {
        let name = format!("plugin:{}", self.plugin.name);
        let args = node::Lease { name, run, ttl_ms };
        let leased = self.host.call_typed(Caller::SYSTEM, None, &args);
        match timeout(LEASE_EVERY, leased).await {
            Ok(Ok(leased)) => leased.mine,
            // The database is away, which /readyz says.
            Ok(Err(_)) | Err(_) => false,
        }
    }
}
