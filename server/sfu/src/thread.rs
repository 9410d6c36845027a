//! A media thread: it waits for datagrams, calls and the time, and does what they ask for.
#![expect(clippy::disallowed_methods, reason = "whoever holds the sockets reads the clocks")]

use std::{
    collections::HashMap,
    io::{self, ErrorKind},
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering::Relaxed, mpsc::TryRecvError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use carillon_plugin::MediaFact;
use carillon_protocol::RoomId;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{
    adapter::{Peer, Transport},
    batch::Received,
    command::Called,
    look::{LOOK_EVERY, Look},
    net::Net,
    relief::Relief,
    room::Room,
    socket::Udp,
    stats::{Laps, add},
    tcp::Tcp,
};

/// So many calls are answered in one lap: each takes about a millisecond, and media wait.
const CALLS_PER_LAP: usize = 4;
/// So many connections that were accepted elsewhere are taken in one lap, as of its own.
const HANDED_PER_LAP: usize = 32;
/// When so much is there to be sent, it is: what a burst does to the first of fifty receivers does
/// not wait for the last of them.
const SENT_AT_ONCE: usize = 32;

/// Tells somebody what media come to by themselves.
pub(crate) type Told = Arc<dyn Fn(MediaFact) + Send + Sync>;

pub(crate) struct Thread {
    pub(crate) net: Net,
    pub(crate) rooms: HashMap<RoomId, Room>,
    pub(crate) began: Instant,
    told: Told,
    lost_after: Duration,
    pub(crate) people_max: usize,
    look_at: Instant,
    laps: Laps,
    relief: Relief,
    /// When the kernel had what was forwarded in this lap.
    arrivals: Vec<Duration>,
    /// Room for what goes out over UDP.
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
}

/// What there is to read.
struct Ready {
    udp: bool,
    tcp: bool,
    called: bool,
}

impl Thread {
    pub(crate) fn new(net: Net, told: Told, (lost_after, people_max): (Duration, usize)) -> Thread {
        let began = Instant::now();
        Thread {
            net,
            rooms: HashMap::new(),
            began,
            told,
            lost_after,
            people_max,
            look_at: began,
            laps: Laps::default(),
            relief: Relief::default(),
            arrivals: Vec::new(),
            datagrams: Vec::new(),
        }
    }

    /// Runs until nobody can call any more.
    pub(crate) fn run(mut self, mut udp: Udp, mut tcp: Tcp, called: &Called) {
        let mut received = Received::new();
        loop {
            self.net.counters.full.store(self.is_full(Instant::now()), Relaxed);
            let ready = match self.wait(&udp, &tcp, called) {
                Ok(ready) => ready,
                Err(error) => {
                    tracing::error!(%error, "a media thread cannot wait and ends");
                    return;
                }
            };
            let began = Instant::now();
            let ways = (&mut udp, &mut tcp, called);
            match catch_unwind(AssertUnwindSafe(|| self.lap(&ready, ways, &mut received))) {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) => self.begin_again(),
            }
            let now = Instant::now();
            if let Some(p99) = self.laps.add(now.duration_since(began), self.at(now)) {
                self.net.counters.lap_p99_us.store(p99.as_micros() as u64, Relaxed);
            }
        }
    }

    /// Does all that there is to do, and answers whether more can come.
    fn lap(
        &mut self,
        ready: &Ready,
        (udp, tcp, called): (&mut Udp, &mut Tcp, &Called),
        received: &mut Received,
    ) -> bool {
        if ready.udp {
            self.read(udp, received);
        }
        if ready.called {
            called.silence();
            self.take_handed(tcp, called);
        }
        self.read_tcp(ready.tcp, tcp);
        self.net.expire(Instant::now());
        // Media do not wait for calls.
        self.flush(udp, tcp);
        let goes_on = !ready.called || self.take_calls(called);
        if !goes_on {
            self.end();
        }
        self.look();
        self.flush(udp, tcp);
        goes_on
    }

    /// A bug must not end all meetings for good: nobody knows what is half done, so everybody is
    /// put out, and told to join again when they ask for anything.
    fn begin_again(&mut self) {
        tracing::error!("a media thread failed: its rooms begin anew");
        self.rooms.clear();
        self.arrivals.clear();
        self.net.begin_again();
    }

    fn wait(&self, udp: &Udp, tcp: &Tcp, called: &Called) -> io::Result<Ready> {
        let sweep = tcp.next().map(|at| self.began + at);
        let next = self.net.next().into_iter().chain(sweep).fold(self.look_at, Instant::min);
        let left = next.saturating_duration_since(Instant::now());
        let timeout =
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        let idle = self.rooms.is_empty() && self.net.next().is_none() && sweep.is_none();
        let bell = called.bell();
        let (ready, comes) = (tcp.ready(), PollFlags::IN);
        let mut sources =
            [PollFd::new(udp, comes), PollFd::new(&ready, comes), PollFd::new(&bell, comes)];
        match poll(&mut sources, (!idle).then_some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {
                let [udp, tcp, called] = sources.map(|source| !source.revents().is_empty());
                Ok(Ready { udp, tcp, called })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self, udp: &Udp, received: &mut Received) {
        let count = match udp.fill(received) {
            Ok(count) => count,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            // A message of the network about somebody who is not there: the next one is fine.
            Err(_) => 0,
        };
        for i in 0..count {
            let (address, bytes, arrival) = received.get(i);
            self.datagram(Peer { transport: Transport::Udp, address }, bytes, arrival);
        }
    }

    /// Goes on with connections that were accepted elsewhere.
    fn take_handed(&mut self, tcp: &mut Tcp, called: &Called) {
        let now = self.at(Instant::now());
        let mut more = 0;
        for handed in called.handed.try_iter().take(HANDED_PER_LAP) {
            tcp.take_over(handed, now, |address, bytes| self.datagram_of_tcp(address, bytes));
            more += 1;
        }
        if more == HANDED_PER_LAP {
            called.again();
        }
    }

    fn read_tcp(&mut self, ready: bool, tcp: &mut Tcp) {
        let now = self.at(Instant::now());
        if ready || tcp.next().is_some_and(|at| at <= now) {
            tcp.step(now, |address, bytes| self.datagram_of_tcp(address, bytes));
        }
    }

    fn datagram_of_tcp(&mut self, address: SocketAddr, bytes: &[u8]) -> bool {
        self.datagram(Peer { transport: Transport::Tcp, address }, bytes, None)
    }

    /// Takes one datagram, and does all that follows from it; answers whether it was a check of the
    /// way by one of our clients.
    fn datagram(&mut self, peer: Peer, bytes: &[u8], arrival: Option<Duration>) -> bool {
        let now = Instant::now();
        add(&self.net.counters.packets_in, 1);
        add(&self.net.counters.bytes_in, bytes.len());
        self.net.wrote = false;
        let is_check = self.net.receive(now, peer, bytes);
        self.happened(now);
        if self.net.wrote {
            self.arrivals.extend(arrival);
        }
        is_check
    }

    /// Looks at what has happened on connections.
    fn happened(&mut self, now: Instant) {
        let at = self.at(now);
        while let Some((link, happened)) = self.net.happened.pop_front() {
            let Some(owner) = self.net.owner(link) else { continue };
            let closed = happened.is_closed();
            if let Some(room) = self.rooms.get_mut(&owner.room)
                && let Some(number) = room.number(owner.participant)
            {
                room.happened((&mut self.net, number), link, happened, at);
            }
            if closed {
                self.net.close(link, now);
            }
        }
    }

    /// Answers calls; answers itself whether any more can come.
    fn take_calls(&mut self, called: &Called) -> bool {
        for _ in 0..CALLS_PER_LAP {
            match called.calls.try_recv() {
                Ok(call) => {
                    let answer = self.call(call.asked, Instant::now());
                    self.happened(Instant::now());
                    // Whoever asked has gone: what they asked for is done all the same.
                    let _gone = call.reply.send(answer);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        called.again();
        true
    }

    /// Whether there is too much to do.
    pub(crate) fn strained(&self, now: Instant) -> bool {
        self.laps.strained(self.at(now))
    }

    /// Whether no room can be opened here.
    fn is_full(&self, now: Instant) -> bool {
        let people = self.net.counters.participants.load(Relaxed);
        // Who carries nothing has no laps, and forgets what they cost.
        people >= self.people_max as i64 || (!self.rooms.is_empty() && self.strained(now))
    }

    /// Lets all rooms decide when it is time, and at once those in which something changed.
    fn look(&mut self) {
        let now = Instant::now();
        self.net.flush(now, usize::MAX);
        self.happened(now);
        let due = now >= self.look_at;
        if due {
            self.look_at = now + LOOK_EVERY;
        }
        let (at, strained) = (self.at(now), self.strained(now));
        if self.relief.strained(strained, at) {
            tracing::warn!(strained, "a media thread changes how large the pictures are at most");
        }
        let mut lost = Vec::new();
        for room in self.rooms.values_mut().filter(|room| due || room.is_urgent(at)) {
            let mut look = Look {
                net: &mut self.net,
                now,
                at,
                lost_after: self.lost_after,
                strained,
                relief: &self.relief,
                told: &*self.told,
            };
            let gone = room.look(&mut look);
            lost.extend(gone.into_iter().map(|participant| (room.id, participant)));
        }
        for (room, participant) in lost {
            self.leave(room, participant, now);
            (self.told)(MediaFact::Lost { room, participant });
        }
    }

    /// Sends everything that is to be sent.
    fn flush(&mut self, udp: &mut Udp, tcp: &mut Tcp) {
        let now = Instant::now();
        let mut goes_on = true;
        while goes_on {
            goes_on = self.net.flush(now, SENT_AT_ONCE);
            self.happened(now);
            self.send(udp, tcp, now);
        }
        if self.arrivals.is_empty() {
            return;
        }
        let sent = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for arrival in self.arrivals.drain(..) {
            self.net.counters.forwarded(sent.saturating_sub(arrival));
        }
    }

    fn send(&mut self, udp: &mut Udp, tcp: &mut Tcp, now: Instant) {
        let (at, mut dropped, mut len) = (self.at(now), 0, 0);
        add(&self.net.counters.packets_out, self.net.out.len());
        for (peer, bytes) in self.net.out.drain(..) {
            len += bytes.len();
            match peer.transport {
                Transport::Udp => self.datagrams.push((peer.address, bytes)),
                Transport::Tcp => dropped += tcp.send(peer.address, &bytes, at),
            }
        }
        dropped += udp.send(&mut self.datagrams);
        add(&self.net.counters.bytes_out, len);
        add(&self.net.counters.dropped, dropped);
    }

    /// Nobody can call any more: everybody is told that it is over.
    fn end(&mut self) {
        let people: Vec<_> = self
            .rooms
            .values()
            .flat_map(|room| room.people.iter().map(|(_, person)| (room.id, person.id)))
            .collect();
        for (room, participant) in people {
            self.leave(room, participant, Instant::now());
        }
    }
}
