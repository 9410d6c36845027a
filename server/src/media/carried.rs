//! Which rooms this node carries, so that no two nodes carry the same one.
//!
//! A room moves when its node is not heard. That one may be well and only cut off, with people who
//! stay where they are; as soon as it hears the others again, it hears who carries its rooms now,
//! and ends them. Whoever took a room last has it, as in the database.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use carillon_protocol::{RoomId, RunId};

/// Somebody who has just come in may not be connected yet: a room is not empty before that.
const COMING_MS: i64 = 30_000;

/// The rooms of this node.
#[derive(Debug, Default)]
pub(super) struct Rooms(Mutex<HashMap<RoomId, Times>>);

#[derive(Debug, Clone, Copy)]
struct Times {
    /// Since when it carries the room.
    since: i64,
    /// When somebody came in last.
    joined: i64,
}

impl Rooms {
    fn rooms(&self) -> MutexGuard<'_, HashMap<RoomId, Times>> {
        // Nothing in here panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody came in; answers whether the room is new here.
    pub(super) fn joined(&self, room: RoomId, now: i64) -> bool {
        let mut rooms = self.rooms();
        let is_new = !rooms.contains_key(&room);
        rooms.entry(room).or_insert(Times { since: now, joined: now }).joined = now;
        is_new
    }

    /// Whether it carries a room, as far as it knows.
    pub(super) fn has(&self, room: RoomId) -> bool {
        self.rooms().contains_key(&room)
    }

    /// It is over.
    pub(super) fn ended(&self, room: RoomId) {
        self.rooms().remove(&room);
    }

    /// Nobody was connected to it.
    pub(super) fn empty(&self, room: RoomId, now: i64) {
        let mut rooms = self.rooms();
        if rooms.get(&room).is_some_and(|times| now - times.joined >= COMING_MS) {
            rooms.remove(&room);
        }
    }

    /// All of them, and since when.
    pub(super) fn all(&self) -> Vec<(RoomId, i64)> {
        self.rooms().iter().map(|(room, times)| (*room, times.since)).collect()
    }

    /// Another node carries these; answers which of them it took from this one.
    pub(super) fn taken(
        &self,
        (here, there): (RunId, RunId),
        theirs: &[(RoomId, i64)],
    ) -> Vec<RoomId> {
        let mut rooms = self.rooms();
        let mut taken = Vec::new();
        for (room, since) in theirs {
            if rooms.get(room).is_some_and(|times| (times.since, here) < (*since, there)) {
                rooms.remove(room);
                taken.push(*room);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;

    use super::*;

    const EAST: RunId = RunId(Ulid(1));
    const WEST: RunId = RunId(Ulid(2));
    const ROOM: RoomId = RoomId(Ulid(7));

    #[test]
    fn of_two_nodes_that_carry_a_room_the_one_that_took_it_first_ends_it() {
        let (east, west) = (Rooms::default(), Rooms::default());
        assert!(east.joined(ROOM, 10) && west.joined(ROOM, 20));
        assert!(!east.joined(ROOM, 30), "who comes to the old one does not make it the new one");
        assert!(west.taken((WEST, EAST), &east.all()).is_empty());
        assert_eq!(east.taken((EAST, WEST), &west.all()), [ROOM]);
        assert!(east.all().is_empty());
        assert!(east.taken((EAST, WEST), &west.all()).is_empty(), "it is said once");
    }

    #[test]
    fn of_two_that_took_it_in_the_same_moment_one_ends_it() {
        let (east, west) = (Rooms::default(), Rooms::default());
        assert!(east.joined(ROOM, 10) && west.joined(ROOM, 10));
        assert!(west.taken((WEST, EAST), &[(ROOM, 10)]).is_empty());
        assert_eq!(east.taken((EAST, WEST), &[(ROOM, 10)]), [ROOM]);
    }

    #[test]
    fn a_room_is_forgotten_when_it_is_over_or_nobody_is_connected() {
        let carried = Rooms::default();
        carried.joined(ROOM, 0);
        carried.empty(ROOM, COMING_MS - 1);
        assert_eq!(carried.all(), [(ROOM, 0)], "somebody may be on the way");
        carried.empty(ROOM, COMING_MS);
        assert!(carried.all().is_empty());
        carried.joined(ROOM, 5);
        carried.ended(ROOM);
        assert!(carried.all().is_empty());
    }
}
