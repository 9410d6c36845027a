//! What a shard looks at as time passes: silent clients, sessions that end, sockets that are full.

use std::rc::Rc;

use carillon_protocol::CloseCode;
use tokio::net::TcpStream;

use super::{ConnId, SILENCE_MAX_S, STALL_MAX_S, conn::Phase, shard::Shard};

/// What the wheel asks to look at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Check {
    /// Whether the client still speaks, and its session still runs.
    Alive(u32, u32),
    /// Whether the socket still takes something.
    Stall(u32, u32),
    /// Nothing: it is its turn to leave a node that goes down.
    Drain(u32, u32),
}

impl Shard {
    /// Begins to watch a full socket; answers what a task needs to wait for it.
    pub(super) fn watch_stall(&mut self, slot: u32) -> Option<(ConnId, Rc<TcpStream>)> {
        self.watch(slot);
        let conn = self.conns.get(slot as usize)?;
        let id = ConnId { shard: self.index, slot, generation: conn.generation };
        Some((id, Rc::clone(&conn.stream)))
    }

    /// Looks after a connection until its socket has taken what waits, or is gone.
    pub(super) fn watch(&mut self, slot: u32) {
        let second = self.second();
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        conn.progress = second;
        if !std::mem::replace(&mut conn.watched, true) {
            self.wheel.after(STALL_MAX_S, Check::Stall(slot, conn.generation));
        }
    }

    /// A second passes.
    pub(super) fn tick(&mut self) {
        self.ask_how_far();
        for check in self.wheel.tick() {
            match check {
                Check::Alive(slot, generation) => self.check_alive(slot, generation),
                Check::Stall(slot, generation) => self.check_stall(slot, generation),
                Check::Drain(slot, generation) => {
                    let id = ConnId { shard: self.index, slot, generation };
                    if self.conn(id).is_some() {
                        self.send_elsewhere(slot);
                    }
                }
            }
        }
    }

    fn check_alive(&mut self, slot: u32, generation: u32) {
        let id = ConnId { shard: self.index, slot, generation };
        let (second, now) = (self.second(), self.host.now());
        let Some(conn) = self.conn(id) else { return };
        let silent = second - conn.seen;
        let session_s = conn.expires_at.saturating_sub(now).div_euclid(1000);
        let code = match conn.phase {
            Phase::Closing => return,
            Phase::Hello => CloseCode::HelloTimeout,
            _ if conn.leaving == Some(CloseCode::Revoked) => CloseCode::Revoked,
            _ if session_s < 0 => CloseCode::BadToken,
            _ if silent >= SILENCE_MAX_S => CloseCode::Heartbeat,
            _ => {
                let session_s = u32::try_from(session_s + 1).unwrap_or(u32::MAX);
                let next = session_s.min(SILENCE_MAX_S - silent);
                return self.wheel.after(next, Check::Alive(slot, generation));
            }
        };
        self.bye(slot, code, None);
    }

    /// A socket that took nothing for too long, or a peer that does not end a closed connection.
    fn check_stall(&mut self, slot: u32, generation: u32) {
        let id = ConnId { shard: self.index, slot, generation };
        let second = self.second();
        let Some(conn) = self.conn(id) else { return };
        let closing = conn.is_closing();
        let quiet = second - conn.progress;
        if !closing && !conn.is_backlogged() {
            conn.watched = false;
            return;
        }
        if closing && quiet >= STALL_MAX_S {
            return conn.shut(std::net::Shutdown::Both);
        }
        if quiet >= STALL_MAX_S {
            self.metrics.slow.inc();
            self.bye(slot, CloseCode::Slow, None);
        }
        let next = STALL_MAX_S.checked_sub(quiet).unwrap_or(STALL_MAX_S);
        self.wheel.after(next, Check::Stall(slot, generation));
    }
}
