//! How this node says that it runs, and how it is.

use std::{collections::HashMap, sync::Arc, time::Duration};

use carillon_plugin::{Caller, Host, Result, Storage as _};
use carillon_plugins::presence::Presence;
use carillon_protocol::{
    RunId,
    node::{Beat, List, Node},
};
use carillon_store::Store;
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval},
};

use super::Cluster;
use crate::{clock, gateway::Hub, media::Carrier};

/// How often it says so: an operator sees within seconds which node is gone.
const EVERY: Duration = Duration::from_secs(5);
/// A run that did not say so again for so long, two times and some delay, is over.
const OVER_AFTER: Duration = Duration::from_secs(12);

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
    /// Hears which others run.
    pub presence: Arc<Presence>,
    /// Asks the others about rooms.
    pub media: Arc<Carrier>,
    /// Rung when one of them is not heard: it may have stopped.
    pub silent: Arc<Notify>,
}

impl Beats {
    /// Says so again and again, until it is dropped, and looks who else does.
    pub async fn run(self, host: Host) {
        let mut seen = Seen::default();
        let mut beats = interval(EVERY);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                at = beats.tick() => self.beat(&host, &mut seen, at).await,
                () = self.silent.notified() => self.look(&host, &mut seen, at_once()).await,
            };
            if let Err(error) = done {
                // The database is away, which /readyz says; the others see that nothing comes.
                tracing::debug!(%error, "this node could not say that it runs");
            }
        }
    }

    async fn beat(&self, host: &Host, seen: &mut Seen, at: Instant) -> Result<()> {
        host.call_typed(Caller::SYSTEM, None, &self.now()).await?;
        self.compare_clocks(host).await?;
        self.look(host, seen, at).await
    }

    /// Says it once when the machine's clock is not the database's, by which nodes hold leases.
    async fn compare_clocks(&self, host: &Host) -> Result<()> {
        let before = host.now();
        let Some(theirs) = self.store.clock().await? else { return Ok(()) };
        let ahead_ms = clock::ahead(before, theirs, host.now());
        let known = self.hub.metrics.clock_ahead_ms.set(ahead_ms);
        match (clock::apart(known), clock::apart(ahead_ms)) {
            (None, Some(why)) => tracing::warn!("{why}"),
            (Some(_), None) => tracing::info!("this machine's clock is the database's again"),
            _ => {}
        }
        Ok(())
    }

    async fn look(&self, host: &Host, seen: &mut Seen, at: Instant) -> Result<()> {
        let nodes = host.call_typed(Caller::SYSTEM, None, &List {}).await?.nodes;
        let mut runs = seen.look(&nodes, host.now(), at);
        runs.retain(|run| *run != self.run);
        self.media.beating(&runs);
        self.presence.beating(runs);
        Ok(())
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

#[expect(clippy::disallowed_methods, reason = "how long a node is silent is measured")]
fn at_once() -> Instant {
    Instant::now()
}

/// What runs said last and since when that is known here: their clocks may differ from this one.
#[derive(Debug, Default)]
struct Seen(HashMap<RunId, (i64, Option<Instant>)>);

impl Seen {
    /// Which of the runs that the database knows still run.
    fn look(&mut self, nodes: &[Node], now: i64, at: Instant) -> Vec<RunId> {
        let before = std::mem::take(&mut self.0);
        for node in nodes {
            let since = match before.get(&node.beat.run) {
                Some((seen_at, since)) if *seen_at == node.seen_at => *since,
                Some(_) => Some(at),
                // Of one that is met for the first time only the clocks can tell.
                None => (now.abs_diff(node.seen_at) < OVER_AFTER.as_millis() as u64).then_some(at),
            };
            self.0.insert(node.beat.run, (node.seen_at, since));
        }
        let runs = |since: Option<Instant>| since.is_some_and(|since| at - since < OVER_AFTER);
        self.0.iter().filter(|(_, (_, since))| runs(*since)).map(|(run, _)| *run).collect()
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;

    fn node(number: u128, seen_at: i64) -> Node {
        let beat = Beat {
            run: RunId(Ulid(number)),
            name: "east".to_owned(),
            version: "1".to_owned(),
            started_at: 0,
            applied: 0,
            connections: 0,
            bus_us: None,
            lost_hints: 0,
        };
        Node { beat, seen_at, leases: Vec::new() }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "there is no other first instant")]
    fn a_run_is_over_when_it_says_nothing_more_whatever_its_clock_says() {
        let (mut seen, begin, hour) = (Seen::default(), Instant::now(), 3_600_000);
        let mut look = |nodes: &[Node], seconds| {
            let at = begin + Duration::from_secs(seconds);
            let mut runs = seen.look(nodes, hour, at);
            runs.sort_unstable();
            runs.into_iter().map(|run| run.0.0).collect::<Vec<_>>()
        };
        // One of now, one that ended long ago and one whose clock is an hour behind.
        assert_eq!(look(&[node(1, hour), node(2, 0), node(3, 0)], 0), [1]);
        assert_eq!(look(&[node(1, hour + 1), node(2, 0), node(3, 5_000)], 5), [1, 3]);
        assert_eq!(look(&[node(1, hour + 1), node(2, 0), node(3, 10_000)], 16), [1, 3]);
        assert_eq!(look(&[node(1, hour + 1), node(2, 0), node(3, 15_000)], 17), [3]);
        assert_eq!(look(&[], 18), [0_u128; 0]);
    }
}
