//! Tokens of connections that live: whoever was connected for a day and is away for a moment has
//! missed a moment, not a day.
//!
//! A catch-up ends with a token. So that it does not grow old, the answer to a heartbeat is
//! followed by a newer one, if something was committed since: everything up to there was written
//! to the connection before. It is the one of the heartbeat before, since what a person read on
//! another device is told a little after it has its position.
//!
//! That is told by what matters only now, which may be lost: on the way between nodes, or in front
//! of a reader who is slow. Who may have missed something so keeps the token that it has, and hears
//! what was read when it comes back.

use std::{
    mem,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{
    Hub,
    conn::Phase,
    delivery::framed,
    shard::{Cmd, Shard},
};
use carillon_protocol::frame::server;

/// How far a shard has come in telling its connections what was committed.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Whether the shard's inbox has a question in it.
    asked: bool,
    /// What came up to this position was taken out of the inbox.
    came: Option<u64>,
    /// Everything up to this position is written, or waits in an outbox.
    told: u64,
    /// Of so many losses the connections know.
    losses: u32,
}

/// How often something may have been lost on the way from other nodes.
#[derive(Debug, Default)]
pub(super) struct Losses(AtomicU32);

impl Hub {
    /// Something that the other nodes said of what matters only now may not have arrived.
    pub fn missed(&self) {
        self.losses.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Progress {
    /// Everything up to a position was taken out of the inbox.
    pub(super) fn came(&mut self, position: u64) {
        self.asked = false;
        self.came = Some(position);
    }
}

impl Shard {
    /// Lets the inbox say when everything that was committed by now was taken out of it.
    pub(super) fn ask_how_far(&mut self) {
        self.note_losses();
        if !self.progress.asked && !self.conns.is_empty() {
            // The hub was told of everything up to this position before anybody could read it.
            let (position, _) = self.host.storage().position();
            let sent = self.hub.try_send(self.index, Cmd::Reached { position });
            self.progress.asked = sent;
        }
    }

    /// Whoever is connected when something was lost may have missed it; who comes later reads it.
    fn note_losses(&mut self) {
        let losses = self.hub.losses.0.load(Ordering::Relaxed);
        if mem::replace(&mut self.progress.losses, losses) != losses {
            self.conns.iter_mut().for_each(|(_, conn)| conn.missed = true);
        }
    }

    /// If nothing is on its way to listeners, they have everything that came.
    pub(super) fn everybody_has_it(&mut self) {
        if self.active.is_empty()
            && let Some(position) = self.progress.came.take()
        {
            self.progress.told = position;
        }
    }

    /// Gives a connection a newer token, at its heartbeat. Nothing may wait for its socket: of what
    /// is left out there the client learns later.
    pub(super) fn say_how_far(&mut self, slot: u32) {
        self.note_losses();
        let (told, (_, epoch)) = (self.progress.told, self.host.storage().position());
        let conn = &mut self.conns[slot as usize];
        if !matches!(conn.phase, Phase::Live) || conn.is_backlogged() || conn.missed {
            return;
        }
        let has = mem::replace(&mut conn.has, told);
        if conn.token < has {
            conn.token = has;
            let synced = server::synced(conn.codec, &token_of(epoch, has));
            let frame = framed(conn.codec, &synced);
            self.send_frame(slot, frame);
        }
    }
}

/// The `sync` token of a position: `epoch.xid.pos`.
pub(super) fn token_of(epoch: u64, position: u64) -> String {
    format!("{epoch}.0.{position}")
}
