//! Which nodes can be asked about their rooms, and which are gone.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use carillon_bus::Health;
use carillon_protocol::RunId;

/// A node that was not heard for so long is gone: it probes each second, and people wait.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(3);

/// What this node knows of the others.
#[derive(Debug)]
pub(super) struct Reach {
    /// Whether nobody else has the database: who carried rooms before was this node's last run.
    alone: bool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Those that are heard.
    heard: HashSet<RunId>,
    /// Those that said that they stop.
    left: HashSet<RunId>,
    /// Those that say so in the database; nobody has looked yet.
    beating: Option<HashSet<RunId>>,
    /// Since when the bus carries messages.
    ready_since: Option<Duration>,
    /// Whether everybody who is there has been heard by now.
    settled: bool,
}

impl Reach {
    pub(super) fn new(alone: bool) -> Reach {
        Reach { alone, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing in here panics between two changes that belong together.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody can be asked. While this node does not hear the others, or not for long
    /// enough, it cannot tell who is gone: then the database can, though later.
    pub(super) fn reaches(&self, run: RunId) -> bool {
        let known = self.known();
        if self.alone || known.left.contains(&run) {
            return false;
        }
        let beats = || known.beating.as_ref().is_none_or(|beating| beating.contains(&run));
        known.heard.contains(&run) || (!known.settled && beats())
    }

    /// Whether a node says in the database that it runs, as far as it is known.
    pub(super) fn beats(&self, run: RunId) -> bool {
        let known = self.known();
        known.beating.as_ref().is_some_and(|beating| beating.contains(&run))
    }

    /// Which nodes say in the database that they run.
    pub(super) fn beating(&self, runs: &[RunId]) {
        let mut known = self.known();
        let beating: HashSet<RunId> = runs.iter().copied().collect();
        // Who stopped long ago is not remembered for ever.
        known.left.retain(|run| beating.contains(run));
        known.beating = Some(beating);
    }

    /// A node says that it stops.
    pub(super) fn leaves(&self, run: RunId) {
        self.known().left.insert(run);
    }

    /// Takes over how the bus is, and answers who is gone since the last time.
    pub(super) fn look(&self, bus: Option<&Health>, now: Duration) -> Vec<RunId> {
        let mut known = self.known();
        let Some(bus) = bus.filter(|bus| bus.ready) else {
            (known.ready_since, known.settled) = (None, false);
            return Vec::new();
        };
        let since = *known.ready_since.get_or_insert(now);
        known.settled = now.saturating_sub(since) >= GONE_AFTER;
        let lately = bus.peers.iter().filter(|peer| peer.heard < GONE_AFTER);
        let lately: HashSet<RunId> = lately.map(|peer| RunId(peer.node.0)).collect();
        let (settled, before) = (known.settled, std::mem::take(&mut known.heard));
        let is_gone = |run: &RunId| known.left.contains(run) || (settled && !lately.contains(run));
        let (gone, there): (Vec<RunId>, Vec<RunId>) = before.into_iter().partition(is_gone);
        let left = &known.left;
        let here = there.into_iter().chain(lately.into_iter().filter(|run| !left.contains(run)));
        known.heard = here.collect();
        gone
    }
}

#[cfg(test)]
mod tests {
    use carillon_bus::{NodeId, Peer};
    use carillon_protocol::id::Ulid;

    use super::*;

    const EAST: RunId = RunId(Ulid(1));
    const WEST: RunId = RunId(Ulid(2));

    fn health(ready: bool, heard: &[(RunId, u64)]) -> Health {
        let peer =
            |(run, s): &(RunId, u64)| Peer { node: NodeId(run.0), heard: Duration::from_secs(*s) };
        Health { ready, peers: heard.iter().map(peer).collect(), ..Health::default() }
    }

    fn at(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn who_is_not_heard_for_three_seconds_is_gone_once() {
        let reach = Reach::new(false);
        assert!(reach.look(Some(&health(true, &[(EAST, 0), (WEST, 0)])), at(0)).is_empty());
        assert!(reach.look(Some(&health(true, &[(EAST, 0), (WEST, 2)])), at(4)).is_empty());
        assert!(reach.reaches(WEST));
        let quiet = health(true, &[(EAST, 0), (WEST, 3)]);
        assert_eq!(reach.look(Some(&quiet), at(5)), [WEST]);
        assert!(reach.reaches(EAST) && !reach.reaches(WEST));
        assert!(reach.look(Some(&quiet), at(6)).is_empty());
        // It comes back, and may go again.
        assert!(reach.look(Some(&health(true, &[(WEST, 0)])), at(7)).contains(&EAST));
        assert!(reach.reaches(WEST));
    }

    #[test]
    fn while_the_others_are_not_heard_nobody_is_gone_who_beats_in_the_database() {
        let reach = Reach::new(false);
        assert!(reach.reaches(EAST), "nobody has looked yet");
        reach.beating(&[EAST]);
        assert!(reach.reaches(EAST) && !reach.reaches(WEST));
        // A node that has just begun to hear has not heard everybody.
        assert!(reach.look(Some(&health(true, &[])), at(0)).is_empty());
        assert!(reach.reaches(EAST));
        assert!(reach.look(Some(&health(true, &[(EAST, 0)])), at(3)).is_empty());
        assert!(reach.look(Some(&health(false, &[(EAST, 9)])), at(20)).is_empty());
        assert!(reach.reaches(EAST), "the bus is away, not the node");
        // It is heard again, and then it is known who is not.
        assert!(reach.look(Some(&health(true, &[])), at(30)).is_empty());
        assert!(reach.reaches(EAST));
        assert_eq!(reach.look(Some(&health(true, &[])), at(33)), [EAST]);
        assert!(!reach.reaches(EAST));
    }

    #[test]
    fn a_node_that_is_alone_reaches_nobody() {
        assert!(!Reach::new(true).reaches(EAST));
    }

    #[test]
    fn who_says_that_it_stops_is_gone_at_once() {
        let reach = Reach::new(false);
        reach.look(Some(&health(true, &[(EAST, 0), (WEST, 0)])), at(0));
        reach.leaves(WEST);
        assert!(!reach.reaches(WEST));
        assert_eq!(reach.look(Some(&health(true, &[(EAST, 0), (WEST, 0)])), at(1)), [WEST]);
        assert!(reach.look(Some(&health(true, &[(EAST, 0), (WEST, 0)])), at(2)).is_empty());
        assert!(!reach.reaches(WEST));
    }
}
