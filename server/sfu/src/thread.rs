//! A media thread: it waits for datagrams, calls and the time, and does what they ask for.
#![expect(clippy::disallowed_methods, reason = "whoever holds the sockets reads the clocks")]

use std::{
    collections::HashMap,
    io::{self, ErrorKind},
    net::{SocketAddr, UdpSocket},
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
    socket,
    stats::{Laps, add},
    tcp::Tcp,
};

/// So many calls are answered in one lap: each takes about a millisecond, and media wait.
const CALLS_PER_LAP: usize = 4;
/// So many connections that were accepted elsewhere are taken in one lap, as of its own.
const HANDED_PER_LAP: usize = 32;

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
        }
    }

    /// Runs until nobody can call any more.
    pub(crate) fn run(mut self, udp: &UdpSocket, mut tcp: Tcp, called: &Called) {
        let mut received = Received::new();
        loop {
            self.net.counters.full.store(self.is_full(Instant::now()), Relaxed);
            if let Err(error) = self.wait(udp, &tcp, called) {
                tracing::error!(%error, "a media thread cannot wait and ends");
                return;
            }
            let began = Instant::now();
            let lap = AssertUnwindSafe(|| self.lap(udp, &mut tcp, called, &mut received));
            match catch_unwind(lap) {
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
        udp: &UdpSocket,
        tcp: &mut Tcp,
        called: &Called,
        received: &mut Received,
    ) -> bool {
        called.silence();
        self.read(udp, received);
        self.read_tcp(tcp, called);
        let goes_on = self.take_calls(called);
        if !goes_on {
            self.end();
        }
        self.net.expire(Instant::now());
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

    fn wait(&self, udp: &UdpSocket, tcp: &Tcp, called: &Called) -> io::Result<()> {
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
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self, udp: &UdpSocket, received: &mut Received) {
        let count = match received.fill(udp) {
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

    fn read_tcp(&mut self, tcp: &mut Tcp, called: &Called) {
        let now = self.at(Instant::now());
        let mut take = |address, bytes: &[u8]| {
            self.datagram(Peer { transport: Transport::Tcp, address }, bytes, None)
        };
        let mut more = 0;
        for handed in called.handed.try_iter().take(HANDED_PER_LAP) {
            tcp.take_over(handed, now, &mut take);
            more += 1;
        }
        if more == HANDED_PER_LAP {
            called.again();
        }
        tcp.step(now, take);
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
        self.net.flush(now);
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
    fn flush(&mut self, udp: &UdpSocket, tcp: &mut Tcp) {
        let now = Instant::now();
        self.net.flush(now);
        self.happened(now);
        let mut out: Vec<(SocketAddr, Vec<u8>)> = Vec::with_capacity(self.net.out.len());
        let (at, mut dropped) = (self.at(now), 0);
        add(&self.net.counters.packets_out, self.net.out.len());
        for (peer, bytes) in self.net.out.drain(..) {
            add(&self.net.counters.bytes_out, bytes.len());
            match peer.transport {
                Transport::Udp => out.push((peer.address, bytes)),
                Transport::Tcp => dropped += tcp.send(peer.address, &bytes, at),
            }
        }
        dropped += socket::send(udp, &mut out);
        add(&self.net.counters.dropped, dropped);
        let sent = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for arrival in self.arrivals.drain(..) {
            self.net.counters.forwarded(sent.saturating_sub(arrival));
        }
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
