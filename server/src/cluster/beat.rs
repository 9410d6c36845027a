//! How this node says that it runs, and how it is.

use std::{sync::Arc, time::Duration};

use carillon_plugin::{Caller, Host};
use carillon_protocol::{RunId, node::Beat};
use carillon_store::Store;

use super::Cluster;
use crate::gateway::Hub;

/// How often it says so: an operator sees within seconds which node is gone.
const EVERY: Duration = Duration::from_secs(5);

/// What is said of this node.
#[derive(Debug, Clone)]
pub struct Beats {
    /// Which run of it.
    pub run: RunId,
    /// What the operator calls it.
    pub name: String,
    /// When it started, in milliseconds since the epoch.
    pub started_at: i64,
    /// Its place in the log.
    pub store: Store,
    /// Its connections.
    pub hub: Arc<Hub>,
    /// Its way to the others, if there is Redis.
    pub cluster: Option<Cluster>,
}

impl Beats {
    /// Says so again and again, until it is dropped.
    pub async fn run(self, host: Host) {
        loop {
            if let Err(error) = host.call_typed(Caller::SYSTEM, None, &self.now()).await {
                // The database is away, which /readyz says; the others see that nothing comes.
                tracing::debug!(%error, "this node could not say that it runs");
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    fn now(&self) -> Beat {
        let probe = self.cluster.as_ref().and_then(|cluster| cluster.health().round_trip);
        let tail = self.store.tail();
        Beat {
            run: self.run,
            name: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            applied: tail.applied,
            connections: self.hub.connections(),
            bus_us: probe.and_then(|probe| u64::try_from(probe.as_micros()).ok()),
            lost_hints: tail.lost_hints,
        }
    }
}
