//! How connections end: one at a time, with their session, or with the node.

use std::{net::Shutdown, sync::atomic::Ordering};

use carillon_protocol::{CloseCode, SessionId, frame::server};

use super::{ConnId, conn::Conn, delivery::framed, shard::Shard, timers::Check};

/// Sessions whose end is remembered: a connection that is just joining was let in before it.
const ENDED_MAX: usize = 1024;

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
        conn.leaving = true;
        conn.in_flight -= conn.lane.len() as u8;
        conn.lane.clear();
        let generation = conn.generation;
        self.wheel.after(1, Check::Alive(slot, generation));
        self.end_if_answered(slot);
    }

    /// The node goes down: every connection ends, also those still to come.
    pub(super) fn drain(&mut self, retry_ms: u64) {
        self.draining = Some(retry_ms);
        let slots: Vec<u32> = self.conns.iter().map(|(slot, _)| slot as u32).collect();
        for slot in slots {
            self.end_if_answered(slot);
        }
    }

    /// Ends a connection that is leaving, or whose node goes down, once its calls are answered.
    pub(super) fn end_if_answered(&mut self, slot: u32) {
        let conn = &self.conns[slot as usize];
        match self.draining {
            _ if conn.in_flight > 0 => {}
            _ if conn.leaving => self.bye(slot, CloseCode::Revoked, None),
            Some(retry_ms) => self.bye(slot, CloseCode::Drain, Some(retry_ms)),
            None => {}
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
        // A task may still wait for the socket to take something: it must not keep it.
        conn.shut(Shutdown::Both);
        // Leaving its rooms may have found it slow: its slot is not its own any more.
        self.stalled.retain(|slot| *slot != id.slot);
        self.too_slow.retain(|slot| *slot != id.slot);
        if let Some(device) = conn.device {
            self.hub.detach(conn.caller.user, device, id);
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
