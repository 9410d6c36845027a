//! A media thread: it waits for datagrams, calls and the time, and does what they ask for.
#![expect(clippy::disallowed_methods, reason = "whoever holds the sockets reads the clocks")]

use std::{
    collections::HashMap,
    io::{self, ErrorKind},
    net::{SocketAddr, UdpSocket},
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
    room::Room,
    socket,
    stats::{Laps, add},
};

/// So many calls are answered in one lap: each takes about a millisecond, and media wait.
const CALLS_PER_LAP: usize = 4;
/// Above this, a thread has too much to do: pictures get no better, and no room is opened.
const LAP_MAX: Duration = Duration::from_millis(20);

/// Tells somebody what media come to by themselves.
pub(crate) type Told = Arc<dyn Fn(MediaFact) + Send + Sync>;

pub(crate) struct Thread {
    pub(crate) net: Net,
    pub(crate) rooms: HashMap<RoomId, Room>,
    pub(crate) began: Instant,
    told: Told,
    lost_after: Duration,
    look_at: Instant,
    laps: Laps,
    /// When the kernel had what was forwarded in this lap.
    arrivals: Vec<Duration>,
}

impl Thread {
    pub(crate) fn new(net: Net, told: Told, lost_after: Duration) -> Thread {
        let began = Instant::now();
        Thread {
            net,
            rooms: HashMap::new(),
            began,
            told,
            lost_after,
            look_at: began,
            laps: Laps::default(),
            arrivals: Vec::new(),
        }
    }

    /// Runs until nobody can call any more.
    pub(crate) fn run(mut self, socket: &UdpSocket, called: &Called) {
        let mut received = Received::new();
        loop {
            if let Err(error) = self.wait(socket, called) {
                tracing::error!(%error, "a media thread cannot wait and ends");
                return;
            }
            let began = Instant::now();
            self.read(socket, &mut received);
            if !self.take_calls(called) {
                self.end();
                return;
            }
            self.net.expire(Instant::now());
            self.look();
            self.flush(socket);
            if let Some(p99) = self.laps.add(began.elapsed()) {
                self.net.counters.lap_p99_us.store(p99.as_micros() as u64, Relaxed);
            }
        }
    }

    fn wait(&self, socket: &UdpSocket, called: &Called) -> io::Result<()> {
        let next = self.net.next().map_or(self.look_at, |at| at.min(self.look_at));
        let left = next.saturating_duration_since(Instant::now());
        let timeout =
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        let idle = self.rooms.is_empty() && self.net.next().is_none();
        let bell = called.bell();
        let mut sources = [PollFd::new(socket, PollFlags::IN), PollFd::new(&bell, PollFlags::IN)];
        match poll(&mut sources, (!idle).then_some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self, socket: &UdpSocket, received: &mut Received) {
        let count = match received.fill(socket) {
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

    /// Takes one datagram, and does all that follows from it.
    fn datagram(&mut self, peer: Peer, bytes: &[u8], arrival: Option<Duration>) {
        let now = Instant::now();
        add(&self.net.counters.packets_in, 1);
        add(&self.net.counters.bytes_in, bytes.len());
        self.net.wrote = false;
        self.net.receive(now, peer, bytes);
        self.happened(now);
        if self.net.wrote {
            self.arrivals.extend(arrival);
        }
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
                room.people[number].heard = at;
                room.happened((&mut self.net, number), link, happened, at);
            }
            if closed {
                self.net.close(link, now);
            }
        }
    }

    /// Answers calls; answers itself whether any more can come.
    fn take_calls(&mut self, called: &Called) -> bool {
        called.silence();
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
    pub(crate) fn strained(&self) -> bool {
        self.laps.p99() > LAP_MAX
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
        let (at, strained) = (self.at(now), self.strained());
        let mut lost = Vec::new();
        for room in self.rooms.values_mut().filter(|room| due || room.changed) {
            let mut look = Look {
                net: &mut self.net,
                now,
                at,
                lost_after: self.lost_after,
                strained,
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
    fn flush(&mut self, socket: &UdpSocket) {
        let now = Instant::now();
        self.net.flush(now);
        self.happened(now);
        let mut out: Vec<(SocketAddr, Vec<u8>)> = Vec::with_capacity(self.net.out.len());
        for (peer, bytes) in self.net.out.drain(..) {
            match peer.transport {
                Transport::Udp => out.push((peer.address, bytes)),
                Transport::Tcp => add(&self.net.counters.dropped, 1),
            }
        }
        add(&self.net.counters.packets_out, out.len());
        add(&self.net.counters.bytes_out, out.iter().map(|(_, bytes)| bytes.len()).sum());
        let dropped = socket::send(socket, &mut out);
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
