//! The connections of a thread: what comes in for them, what they send, and when their time comes.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::{
    adapter::{
        Certificate, Connection, Happened, Mid, Outgoing, Packet, Peer, Rid, checked, is_media,
    },
    munge::Out,
    mux::{Id, Mux},
    stats::{Counters, add},
};
use carillon_protocol::{ParticipantId, RoomId, room};

/// What is due so soon is done now.
const AT_ONCE: Duration = Duration::from_micros(50);
/// So many packets leave a connection in one lap at most: the others have their turn.
const AT_ONCE_MAX: usize = 64;
/// When all that was written has left, the library asks for one step more, to see that nothing is
/// left. That comes with the next packet, or after this: each step costs as much as a packet.
const LEFT_OVER: Duration = Duration::from_millis(10);
/// From so many new addresses a client is followed: the library keeps each for ever. Who moves on
/// after that joins again.
const ADDRESSES_MAX: u32 = 256;

/// Where clients reach a thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses {
    /// By UDP and TCP.
    pub(crate) own: Vec<SocketAddr>,
    /// By TCP, at a port where connections are accepted for all threads.
    pub(crate) doors: Vec<SocketAddr>,
}

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
    /// When its client was heard last.
    heard: Instant,
    /// From how many new addresses its client was heard.
    addresses: u32,
    /// When its time must go on.
    due: Instant,
    /// When the heap says so: earlier, if the time was put off since.
    queued: Option<Instant>,
    /// Whether something was written into its queues.
    touched: bool,
    /// How many packets were, and have not left.
    waiting: usize,
}

/// Spreads numbers that we count ourselves: nobody can choose them, and each packet looks for some.
#[derive(Default)]
struct Counted(u64);

impl Hasher for Counted {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio of 64 bits (Knuth, "The Art of Computer Programming", 6.4).
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub(crate) struct Net {
    /// A number is never used again: nobody is taken for somebody who has gone.
    links: HashMap<Id, Link, BuildHasherDefault<Counted>>,
    opened: Id,
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
    addresses: Addresses,
    pub(crate) counters: Arc<Counters>,
}

impl Net {
    pub(crate) fn new(
        certificate: Certificate,
        addresses: Addresses,
        mux: Mux,
        counters: Arc<Counters>,
    ) -> Net {
        Net {
            links: HashMap::default(),
            opened: 0,
            mux,
            due: BinaryHeap::new(),
            touched: Vec::new(),
            out: Vec::new(),
            happened: VecDeque::new(),
            wrote: false,
            scratch: Vec::new(),
            certificate,
            addresses,
            counters,
        }
    }

    /// Forgets everybody.
    pub(crate) fn begin_again(&mut self) {
        let Counters { rooms, participants, connections, .. } = &*self.counters;
        for counter in [rooms, participants, connections] {
            counter.store(0, Relaxed);
        }
        let (opened, mux) = (self.opened, self.mux.begin_again());
        let (certificate, addresses) = (self.certificate.clone(), self.addresses.clone());
        *self = Net::new(certificate, addresses, mux, self.counters.clone());
        self.opened = opened;
    }

    /// A connection that nobody can reach yet: see [`Net::open`].
    pub(crate) fn make(&self, sends: bool, now: Instant) -> Connection {
        Connection::new(&self.certificate, &self.addresses, sends, now)
    }

    /// Takes a connection among those that can be reached.
    pub(crate) fn open(&mut self, mut connection: Connection, owner: Owner, now: Instant) -> Id {
        let ufrag = connection.ufrag();
        self.opened += 1;
        let id = self.opened;
        let link = Link {
            connection,
            owner,
            heard: now,
            addresses: 0,
            due: now,
            queued: None,
            touched: false,
            waiting: 0,
        };
        self.links.insert(id, link);
        self.mux.name(id, ufrag);
        self.counters.connections.fetch_add(1, Relaxed);
        self.settle(id, now);
        id
    }

    /// Ends a connection and tells its client so.
    pub(crate) fn close(&mut self, id: Id, now: Instant) {
        if let Some(mut link) = self.links.remove(&id) {
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
        self.links.get(&id).map(|link| link.owner)
    }

    /// Changes what was negotiated, and goes on.
    pub(crate) fn change<T>(
        &mut self,
        id: Id,
        now: Instant,
        act: impl FnOnce(&mut Connection) -> T,
    ) -> Option<T> {
        let link = self.links.get_mut(&id)?;
        let answer = act(&mut link.connection);
        // An answer to a new offer may have changed what checks are called.
        let ufrag = link.connection.ufrag();
        self.mux.name(id, ufrag);
        self.settle(id, now);
        Some(answer)
    }

    /// When the client of a connection was heard last.
    pub(crate) fn heard(&self, id: Id) -> Option<Instant> {
        self.links.get(&id).map(|link| link.heard)
    }

    /// Looks at a connection.
    pub(crate) fn get(&mut self, id: Id) -> Option<&mut Connection> {
        self.links.get_mut(&id).map(|link| &mut link.connection)
    }

    /// Takes a datagram; answers whether it was a check of the way by one of our clients.
    pub(crate) fn receive(&mut self, now: Instant, peer: Peer, datagram: &[u8]) -> bool {
        let Some((id, is_check)) = self.find(now, peer, datagram) else {
            add(&self.counters.refused, 1);
            return false;
        };
        let Some(link) = self.links.get_mut(&id) else { return false };
        link.heard = now;
        match link.connection.receive(now, peer, datagram) {
            Ok(read) => {
                add(&self.counters.refused, usize::from(!read));
                self.drain(id);
                self.queue(id);
            }
            Err(ended) => self.end(id, &ended.0),
        }
        is_check
    }

    /// Whose a datagram is, and whether it is a check of the way.
    fn find(&mut self, now: Instant, peer: Peer, datagram: &[u8]) -> Option<(Id, bool)> {
        let Some(ufrag) = checked(datagram) else {
            let id = self.mux.at(peer).filter(|id| self.links.contains_key(id))?;
            return Some((id, false));
        };
        let id = self.mux.named(&ufrag)?;
        let link = self.links.get_mut(&id)?;
        if !link.connection.is_checked_by(now, peer, datagram) {
            return None;
        }
        if self.mux.at(peer) != Some(id) {
            if link.addresses == ADDRESSES_MAX {
                return None;
            }
            link.addresses += 1;
        }
        self.mux.found(id, peer, now).then_some((id, true))
    }

    /// Puts a packet into a connection's queue.
    pub(crate) fn write(&mut self, id: Id, mid: Mid, packet: &Packet, numbers: Out) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        let written = link.connection.write(mid, packet, numbers);
        if written {
            self.wrote = true;
            link.waiting += 1;
            self.touch(id);
        }
        written
    }

    /// Asks a publisher for a key frame.
    pub(crate) fn ask_keyframe(&mut self, id: Id, mid: Mid, rid: Option<Rid>) {
        if let Some(link) = self.links.get_mut(&id) {
            link.connection.ask_keyframe(mid, rid);
            add(&self.counters.keyframes_asked, 1);
            self.touch(id);
        }
    }

    fn touch(&mut self, id: Id) {
        if let Some(link) = self.links.get_mut(&id).filter(|link| !link.touched) {
            link.touched = true;
            self.touched.push(id);
        }
    }

    /// Sends what was written since the last time, until so much is there to be sent; answers
    /// whether there is more.
    pub(crate) fn flush(&mut self, now: Instant, most: usize) -> bool {
        while self.out.len() < most {
            let Some(id) = self.touched.pop() else { return false };
            if let Some(link) = self.links.get_mut(&id) {
                link.touched = false;
                self.settle(id, now);
            }
        }
        !self.touched.is_empty()
    }

    /// Goes on with those whose time has come.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(Reverse((at, id))) = self.due.peek().copied() {
            if at > now {
                return;
            }
            self.due.pop();
            let Some(link) = self.links.get_mut(&id).filter(|link| link.queued == Some(at)) else {
                continue;
            };
            link.queued = None;
            if link.due > now { self.queue(id) } else { self.settle(id, now) }
        }
    }

    /// Sees to it that the heap knows when a connection's time comes, with few entries: most
    /// packets only put that time off.
    fn queue(&mut self, id: Id) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.queued.is_none_or(|at| link.due < at) {
            link.queued = Some(link.due);
            self.due.push(Reverse((link.due, id)));
        }
    }

    /// When the next one's time comes.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// Lets a connection's time go on, and again while it says that it has more to do at once: what
    /// is sent evenly is handed out one packet after the other.
    fn settle(&mut self, id: Id, now: Instant) {
        let mut at = now;
        for _ in 0..AT_ONCE_MAX {
            let Some(link) = self.links.get_mut(&id) else { return };
            if let Err(ended) = link.connection.expire(at) {
                return self.end(id, &ended.0);
            }
            let before = self.out.len();
            self.drain(id);
            let Some(link) = self.links.get_mut(&id) else { return };
            let sent = self.out[before..].iter().filter(|(_, bytes)| is_media(bytes)).count();
            let all = link.waiting > 0 && sent >= link.waiting;
            link.waiting = link.waiting.saturating_sub(sent);
            if link.due > now + AT_ONCE {
                break;
            }
            if all {
                link.due = now + LEFT_OVER;
                break;
            }
            at = link.due.max(at);
        }
        self.queue(id);
    }

    fn drain(&mut self, id: Id) {
        let Some(link) = self.links.get_mut(&id) else { return };
        self.scratch.clear();
        match link.connection.drain(&mut self.out, &mut self.scratch) {
            Ok(at) => link.due = at,
            Err(ended) => self.end(id, &ended.0),
        }
        self.happened.extend(self.scratch.drain(..).map(|happened| (id, happened)));
    }

    fn end(&mut self, id: Id, why: &str) {
        tracing::debug!(connection = id, why, "a media connection ended");
        self.happened.push_back((id, Happened::Closed));
    }
}
