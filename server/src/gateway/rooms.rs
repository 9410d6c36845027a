//! Who listens to what on a shard, and how events reach them.

use std::sync::Arc;

use carillon_plugin::LiveChange;
use carillon_protocol::{Topic, UserId};

use super::{
    conn::Phase,
    delivery::Delivery,
    fanout::Fanout,
    shard::{Shard, WRITES_PER_TURN},
};

/// The listeners of a topic on this shard.
#[derive(Debug)]
pub(super) struct Room {
    topic: Topic,
    fanout: Fanout,
}

impl Shard {
    /// An event or an ephemeral frame for who listens to its topic. Who comes with an event hears
    /// it; who goes with it hears it last.
    pub(super) fn deliver(&mut self, delivery: Arc<Delivery>, changes: &[LiveChange]) {
        for change in changes {
            if let LiveChange::Join(users) = change {
                self.each_of(users, |shard, slot| {
                    shard.subscribe(slot, delivery.topic().clone(), false);
                });
            }
        }
        if let Some(&room) = self.by_topic.get(delivery.topic()) {
            let fanout = &mut self.rooms[room as usize].fanout;
            if !fanout.is_active() {
                self.active.push_back(room);
            }
            fanout.push(Arc::clone(&delivery));
        }
        for change in changes {
            match change {
                LiveChange::Join(_) => self.hub.host(self.index, delivery.topic(), false),
                LiveChange::Leave(users) => {
                    self.each_of(users, |shard, slot| shard.unsubscribe(slot, delivery.topic()));
                }
                LiveChange::End(session) => self.end_session(*session),
            }
        }
    }

    /// Every connection of some people.
    fn each_of(&mut self, users: &[UserId], mut act: impl FnMut(&mut Shard, u32)) {
        for user in users {
            for slot in self.users.get(user).cloned().unwrap_or_default() {
                act(self, slot);
            }
        }
    }

    /// A connection listens to a topic. A topic of the list that a catch-up read may have been
    /// left in the meantime: then the list is wrong.
    pub(super) fn subscribe(&mut self, slot: u32, topic: Topic, listed: bool) {
        if let Phase::Joining(held) = &mut self.conns[slot as usize].phase {
            if listed && held.left.contains(&topic) {
                return;
            }
            held.left.retain(|left| *left != topic);
        }
        let room = *self.by_topic.entry(topic).or_insert_with_key(|topic| {
            self.hub.host(self.index, topic, true);
            let room = Room { topic: topic.clone(), fanout: Fanout::default() };
            self.rooms.insert(room) as u32
        });
        let conn = &mut self.conns[slot as usize];
        if !conn.rooms.contains(&room) {
            conn.rooms.push(room);
            self.rooms[room as usize].fanout.join(slot);
        }
    }

    /// A connection listens no more.
    fn unsubscribe(&mut self, slot: u32, topic: &Topic) {
        let conn = &mut self.conns[slot as usize];
        if let Phase::Joining(held) = &mut conn.phase {
            held.left.push(topic.clone());
        }
        let Some(&room) = self.by_topic.get(topic) else { return };
        conn.rooms.retain(|other| *other != room);
        self.leave_room(slot, room);
    }

    /// Takes a connection out of a room; an empty one is forgotten.
    pub(super) fn leave_room(&mut self, slot: u32, room: u32) {
        let Shard { rooms, conns, stalled, too_slow, .. } = self;
        let fanout = &mut rooms[room as usize].fanout;
        fanout.leave(slot, |slot, run| {
            conns[slot as usize].deliver(run).note(slot, stalled, too_slow);
        });
        if fanout.is_empty() && !fanout.is_active() {
            self.forget_room(room);
        }
    }

    fn forget_room(&mut self, room: u32) {
        let Room { topic, .. } = self.rooms.remove(room as usize);
        self.by_topic.remove(&topic);
        self.hub.host(self.index, &topic, false);
    }

    /// How many events are on their way to listeners.
    pub(super) fn backlog(&self) -> usize {
        let rooms = self.active.iter().filter_map(|room| self.rooms.get(*room as usize));
        rooms.map(|room| room.fanout.pending()).sum()
    }

    /// Goes on with the rooms that have something to deliver, a bounded number of writes.
    pub(super) fn fan_out(&mut self) {
        let mut budget = WRITES_PER_TURN;
        for _ in 0..self.active.len() {
            let Some(room) = self.active.pop_front() else { return };
            let Shard { rooms, conns, stalled, too_slow, .. } = self;
            let Some(Room { fanout, .. }) = rooms.get_mut(room as usize) else { continue };
            let written = fanout.step(budget, |slot, run| {
                conns[slot as usize].deliver(run).note(slot, stalled, too_slow);
            });
            self.metrics.deliveries.inc_by(written as u64);
            if fanout.is_active() {
                self.active.push_back(room);
            } else if fanout.is_empty() {
                self.forget_room(room);
            }
            budget -= written;
            if budget == 0 {
                return;
            }
        }
    }
}
