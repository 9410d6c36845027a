//! The connections of a thread: what comes in for them, what they send, and when their time comes.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Instant,
};

use carillon_protocol::{ParticipantId, RoomId, room};
use slab::Slab;

use crate::{
    adapter::{Certificate, Connection, Happened, Mid, Outgoing, Packet, Peer, Rid, checked},
    munge::Out,
    mux::{Id, Mux},
    stats::{Counters, add},
};

/// Whose a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) room: RoomId,
    pub(crate) participant: ParticipantId,
    pub(crate) kind: room::Connection,
}

struct Link {
    connection: Connection,
    owner: Owner,
    /// When its time must go on.
    due: Instant,
    /// When the heap says so: earlier, if the time was put off since.
    queued: Option<Instant>,
    /// Whether something was written into its queues.
    touched: bool,
}

pub(crate) struct Net {
    links: Slab<Link>,
    mux: Mux,
    due: BinaryHeap<Reverse<(Instant, Id)>>,
    touched: Vec<Id>,
    /// What is to be sent at the end of the lap.
    pub(crate) out: Vec<Outgoing>,
    /// What has happened and nobody has looked at.
    pub(crate) happened: VecDeque<(Id, Happened)>,
    /// Whether media were put into a queue since this was last set.
    pub(crate) wrote: bool,
    scratch: Vec<Happened>,
    certificate: Certificate,
    local: Vec<SocketAddr>,
    pub(crate) counters: Arc<Counters>,
}

impl Net {
    pub(crate) fn new(
        certificate: Certificate,
        local: Vec<SocketAddr>,
        counters: Arc<Counters>,
    ) -> Net {
        Net {
            links: Slab::new(),
            mux: Mux::default(),
            due: BinaryHeap::new(),
            touched: Vec::new(),
            out: Vec::new(),
            happened: VecDeque::new(),
            wrote: false,
            scratch: Vec::new(),
            certificate,
            local,
            counters,
        }
    }

    /// A connection that nobody can reach yet: see [`Net::open`].
    pub(crate) fn make(&self, sends: bool, now: Instant) -> Connection {
        Connection::new(&self.certificate, &self.local, sends, now)
    }

    /// Takes a connection among those that can be reached.
    pub(crate) fn open(&mut self, mut connection: Connection, owner: Owner, now: Instant) -> Id {
        let ufrag = connection.ufrag();
        let id =
            self.links.insert(Link { connection, owner, due: now, queued: None, touched: false });
        self.mux.name(id, ufrag);
        self.counters.connections.fetch_add(1, Relaxed);
        self.settle(id, now);
        id
    }

    /// Ends a connection and tells its client so.
    pub(crate) fn close(&mut self, id: Id, now: Instant) {
        if let Some(mut link) = self.links.try_remove(id) {
            self.mux.forget(id);
            self.counters.connections.fetch_sub(1, Relaxed);
            let told = link.connection.close().and_then(|()| link.connection.expire(now));
            if told.is_ok() {
                self.scratch.clear();
                // It is over either way.
                let _ended = link.connection.drain(&mut self.out, &mut self.scratch);
                self.scratch.clear();
            }
        }
    }

    pub(crate) fn owner(&self, id: Id) -> Option<Owner> {
        self.links.get(id).map(|link| link.owner)
    }

    /// Changes what was negotiated, and goes on.
    pub(crate) fn change<T>(
        &mut self,
        id: Id,
        now: Instant,
        act: impl FnOnce(&mut Connection) -> T,
    ) -> Option<T> {
        let link = self.links.get_mut(id)?;
        let answer = act(&mut link.connection);
        // An answer to a new offer may have changed what checks are called.
        let ufrag = link.connection.ufrag();
        self.mux.name(id, ufrag);
        self.settle(id, now);
        Some(answer)
    }

    /// Looks at a connection.
    pub(crate) fn get(&mut self, id: Id) -> Option<&mut Connection> {
        self.links.get_mut(id).map(|link| &mut link.connection)
    }

    /// Takes a datagram.
    pub(crate) fn receive(&mut self, now: Instant, peer: Peer, datagram: &[u8]) {
        let Some(id) = self.find(now, peer, datagram) else {
            add(&self.counters.refused, 1);
            return;
        };
        match self.links[id].connection.receive(now, peer, datagram) {
            Ok(read) => {
                add(&self.counters.refused, usize::from(!read));
                self.drain(id);
            }
            Err(ended) => self.end(id, &ended.0),
        }
    }

    fn find(&mut self, now: Instant, peer: Peer, datagram: &[u8]) -> Option<Id> {
        let Some(ufrag) = checked(datagram) else {
            return self.mux.at(peer).filter(|id| self.links.contains(*id));
        };
        let id = self.mux.named(&ufrag)?;
        let link = self.links.get(id)?;
        if !link.connection.is_checked_by(now, peer, datagram) {
            return None;
        }
        self.mux.found(id, peer);
        Some(id)
    }

    /// Puts a packet into a connection's queue.
    pub(crate) fn write(&mut self, id: Id, mid: Mid, packet: &Packet, numbers: Out) -> bool {
        let Some(link) = self.links.get_mut(id) else { return false };
        let written = link.connection.write(mid, packet, numbers);
        self.wrote |= written;
        self.touch(id);
        written
    }

    /// Asks a publisher for a key frame.
    pub(crate) fn ask_keyframe(&mut self, id: Id, mid: Mid, rid: Option<Rid>) {
        if let Some(link) = self.links.get_mut(id) {
            link.connection.ask_keyframe(mid, rid);
            add(&self.counters.keyframes_asked, 1);
            self.touch(id);
        }
    }

    fn touch(&mut self, id: Id) {
        let link = &mut self.links[id];
        if !link.touched {
            link.touched = true;
            self.touched.push(id);
        }
    }

    /// Sends what was written since the last time.
    pub(crate) fn flush(&mut self, now: Instant) {
        while let Some(id) = self.touched.pop() {
            if let Some(link) = self.links.get_mut(id) {
                link.touched = false;
                self.settle(id, now);
            }
        }
    }

    /// Goes on with those whose time has come.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(Reverse((at, id))) = self.due.peek().copied() {
            if at > now {
                return;
            }
            self.due.pop();
            let Some(link) = self.links.get_mut(id).filter(|link| link.queued == Some(at)) else {
                continue;
            };
            link.queued = None;
            if link.due > now { self.queue(id) } else { self.settle(id, now) }
        }
    }

    /// Sees to it that the heap knows when a connection's time comes, with few entries: most
    /// packets only put that time off.
    fn queue(&mut self, id: Id) {
        let link = &mut self.links[id];
        if link.queued.is_none_or(|at| link.due < at) {
            link.queued = Some(link.due);
            self.due.push(Reverse((link.due, id)));
        }
    }

    /// When the next one's time comes.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    fn settle(&mut self, id: Id, now: Instant) {
        match self.links[id].connection.expire(now) {
            Ok(()) => self.drain(id),
            Err(ended) => self.end(id, &ended.0),
        }
    }

    fn drain(&mut self, id: Id) {
        let link = &mut self.links[id];
        self.scratch.clear();
        match link.connection.drain(&mut self.out, &mut self.scratch) {
            Ok(at) => {
                link.due = at;
                self.queue(id);
            }
            Err(ended) => self.end(id, &ended.0),
        }
        self.happened.extend(self.scratch.drain(..).map(|happened| (id, happened)));
    }

    fn end(&mut self, id: Id, why: &str) {
        tracing::debug!(connection = id, why, "a media connection ended");
        self.happened.push_back((id, Happened::Closed));
    }
}
