//! How much the nodes have to do, so that a meeting begins at one that can carry it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use carillon_protocol::RunId;
use serde::{Deserialize, Serialize};

/// What a node says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// How many people are in its rooms.
    pub people: u64,
    /// Whether it opens no rooms now.
    pub full: bool,
}

/// What the other nodes said last.
#[derive(Debug, Default)]
pub(super) struct Loads(Mutex<HashMap<RunId, Load>>);

impl Loads {
    fn loads(&self) -> MutexGuard<'_, HashMap<RunId, Load>> {
        // Nothing in here panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node says so.
    pub(super) fn said(&self, run: RunId, load: Load) {
        self.loads().insert(run, load);
    }

    /// It refused to open a room: it is full, until it says otherwise.
    pub(super) fn refused(&self, run: RunId) {
        if let Some(load) = self.loads().get_mut(&run) {
            load.full = true;
        }
    }

    /// Forgets all but these.
    pub(super) fn keep(&self, runs: &[RunId]) {
        self.loads().retain(|run, _| runs.contains(run));
    }

    /// Whether a node said that it opens no rooms.
    pub(super) fn is_full(&self, run: RunId) -> bool {
        self.loads().get(&run).is_some_and(|load| load.full)
    }

    /// The one with the fewest people, of those that open rooms and can be asked.
    pub(super) fn emptiest(&self, reaches: impl Fn(RunId) -> bool) -> Option<RunId> {
        let loads = self.loads();
        let open = loads.iter().filter(|(run, load)| !load.full && reaches(**run));
        open.min_by_key(|(run, load)| (load.people, **run)).map(|(run, _)| *run)
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;

    const RUNS: [RunId; 3] = [RunId(Ulid(1)), RunId(Ulid(2)), RunId(Ulid(3))];

    #[test]
    fn the_emptiest_that_can_be_asked_and_opens_rooms_is_chosen() {
        let loads = Loads::default();
        assert_eq!(loads.emptiest(|_| true), None, "nobody has said anything");
        for (run, people) in RUNS.into_iter().zip([5, 0, 3]) {
            loads.said(run, Load { people, full: false });
        }
        assert_eq!(loads.emptiest(|_| true), Some(RUNS[1]));
        assert_eq!(loads.emptiest(|run| run != RUNS[1]), Some(RUNS[2]));
        loads.refused(RUNS[1]);
        assert!(loads.is_full(RUNS[1]));
        assert_eq!(loads.emptiest(|_| true), Some(RUNS[2]));
        loads.said(RUNS[1], Load { people: 1, full: false });
        assert_eq!(loads.emptiest(|_| true), Some(RUNS[1]), "it says otherwise");
        loads.keep(&RUNS[..1]);
        assert_eq!(loads.emptiest(|_| true), Some(RUNS[0]));
    }
}
