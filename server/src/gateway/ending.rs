//! How connections end: one at a time, with their session, or with the node.

use std::{net::Shutdown, sync::atomic::Ordering};

use carillon_protocol::{CloseCode, SessionId, frame::server};

use super::{ConnId, conn::Conn, delivery::framed, shard::Shard, timers::Check};
use crate::clock;

/// Sessions whose end is remembered: a connection that is just joining was let in before it.
const ENDED_MAX: usize = 1024;
/// When a client of a node that goes down comes back: not before another node, or the same one
/// after its restart, has had a moment; and each at a time of its own.
const RETRY_MS: std::ops::RangeInclusive<u64> = 500..=2_500;

impl Shard {
    /// Says why, and ends the connection.
    pub(super) fn bye(&mut self, slot: u32, code: CloseCode, retry_ms: Option<u64>) {
        self.end(slot, Some((code, retry_ms)), code.number(), code.reason());
    }

    /// Ends the connection with a close frame, after a `bye` if the client is not the one who
    /// ends it.
    pub(super) fn end(
        &mut self,
        slot: u32,
        bye: Option<(CloseCode, Option<u64>)>,
        number: u16,
        reason: &str,
    ) {
        let conn = &mut self.conns[slot as usize];
        if conn.is_closing() {
            return;
        }
        self.hub.door(self.index).open.fetch_sub(1, Ordering::Relaxed);
        let bye = bye.map(|(code, retry_ms)| {
            self.metrics.closed(code);
            framed(conn.codec, &server::bye(conn.codec, code, retry_ms))
        });
        let sent = conn.close(number, reason, bye);
        conn.wake();
        self.note(slot, sent);
        self.watch(slot);
    }

    /// A session is over: its connections end, also one that is just joining.
    pub(super) fn end_session(&mut self, session: SessionId) {
        if self.ended.len() >= ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(session);
        let of_session = |conn: &Conn| conn.caller.session == Some(session);
        let slots: Vec<u32> = self
            .conns
            .iter()
            .filter(|(_, conn)| of_session(conn))
            .map(|(slot, _)| slot as u32)
            .collect();
        slots.into_iter().for_each(|slot| self.leave(slot));
    }

    /// Ends a connection as soon as its calls are answered, within a second at most: who signs out
    /// over a socket gets the answer first. Calls that have not begun never do.
    fn leave(&mut self, slot: u32) {
        let conn = &mut self.conns[slot as usize];
        if conn.is_closing() {
            return;
        }
        conn.leaving = Some(CloseCode::Revoked);
        conn.in_flight -= conn.lane.len() as u8;
        conn.lane.clear();
        let generation = conn.generation;
        self.wheel.after(1, Check::Alive(slot, generation));
        self.end_if_answered(slot);
    }

    /// The node goes down: every connection ends within so many seconds, in equal parts, and those
    /// still to come at once. Until its turn comes a connection is served as ever.
    pub(super) fn drain(&mut self, seconds: u32) {
        self.draining = true;
        let conns: Vec<_> =
            self.conns.iter().map(|(slot, c)| (slot as u32, c.generation)).collect();
        let part = conns.len().div_ceil(seconds as usize + 1).max(1);
        for (place, (slot, generation)) in conns.into_iter().enumerate() {
            match (place / part) as u32 {
                0 => self.send_elsewhere(slot),
                later => self.wheel.after(later, Check::Drain(slot, generation)),
            }
        }
    }

    /// Ends a connection of a node that goes down as soon as its calls are answered. What it says
    /// from now on is not heard, so not answered: the client says it again elsewhere.
    pub(super) fn send_elsewhere(&mut self, slot: u32) {
        self.conns[slot as usize].leaving.get_or_insert(CloseCode::Drain);
        self.end_if_answered(slot);
    }

    /// Ends a connection that is leaving, once its calls are answered.
    pub(super) fn end_if_answered(&mut self, slot: u32) {
        let conn = &self.conns[slot as usize];
        match conn.leaving {
            Some(code) if conn.in_flight == 0 => {
                let retry_ms = (code == CloseCode::Drain).then(when_to_come_back);
                self.bye(slot, code, retry_ms);
            }
            _ => {}
        }
    }

    /// Forgets a connection whose socket is gone.
    pub(super) fn remove(&mut self, id: ConnId) {
        if self.conn(id).is_none() {
            return;
        }
        let rooms = std::mem::take(&mut self.conns[id.slot as usize].rooms);
        for room in rooms {
            self.leave_room(id.slot, room);
        }
        let conn = self.conns.remove(id.slot as usize);
        if !conn.is_closing() {
            self.hub.door(self.index).open.fetch_sub(1, Ordering::Relaxed);
        }
        // A task may still wait for the socket to take something: it must not keep it.
        conn.shut(Shutdown::Both);
        // Leaving its rooms may have found it slow: its slot is not its own any more.
        self.stalled.retain(|slot| *slot != id.slot);
        self.too_slow.retain(|slot| *slot != id.slot);
        if let Some(device) = conn.device {
            self.hub.links.detach(id);
            self.hub.windows.detach(conn.caller.user, device, id);
            if let Some(slots) = self.users.get_mut(&conn.caller.user) {
                slots.retain(|slot| *slot != id.slot);
                if slots.is_empty() {
                    self.users.remove(&conn.caller.user);
                }
            }
        }
        self.hub.door(self.index).load.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Each client's own time, so that those who leave together do not come back together.
fn when_to_come_back() -> u64 {
    let (first, last) = RETRY_MS.into_inner();
    first + clock::random() % (last - first + 1)
}
