//! Media over TCP, for those whose networks let no UDP through: the client connects (RFC 6544), and
//! each datagram has its length before it (RFC 4571).
//!
//! Nothing here waits, and nobody holds up others: who reads too slowly misses packets, and who
//! does not prove to be a client of ours is hung up on. Times are durations since any fixed moment.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, ErrorKind, Read, Write},
    mem::MaybeUninit,
    net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::event::{
    Timespec,
    epoll::{self, CreateFlags, EventData, EventFlags},
};
use slab::Slab;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// The longest datagram, as over UDP: whoever announces a longer one does not speak our language.
const DATAGRAM_LEN_MAX: usize = 2_048;
/// The length before each datagram.
const PREFIX_LEN: usize = 2;
/// The shortest: the header of media without any. Together with how much is read in one turn, it
/// bounds what one turn costs.
const DATAGRAM_LEN_MIN: usize = 12;
/// How much is read of one connection in one turn.
const READ_LEN: usize = 4 << 10;
/// How much the kernel takes that it has not sent yet: what it has cannot be dropped any more, and
/// 16 KB are 100 ms of a link that carries a picture.
const UNSENT_MAX: u32 = 16 << 10;
/// Packets that waited longer than this are dropped, not sent late.
const QUEUE_AGE_MAX: Duration = Duration::from_millis(300);
/// And a queue is never longer: 300 ms of 5 Mbit/s.
const QUEUE_LEN_MAX: usize = 192 << 10;
/// How long a client may take until its first check of the way.
const PROOF_WITHIN: Duration = Duration::from_secs(5);
/// How long a check is good for. Clients check the way every few seconds for as long as they live.
const PROOF_LASTS: Duration = Duration::from_secs(30);
/// So many connections are held. Each costs a descriptor and at most a queue.
const CONNECTIONS_MAX: usize = 2_048;
/// So many from one address: an office of 250 people whose network lets no UDP through.
const PER_ADDRESS_MAX: usize = 512;
/// So many of them that have not proved anything yet.
const UNPROVEN_PER_ADDRESS_MAX: usize = 32;
/// So many are accepted, and so many have their turn, before what comes over UDP has it; the kernel
/// sees to it that all have it in the end.
const ACCEPTS_MAX: usize = 32;
const EVENTS_MAX: usize = 16;
/// Those that the kernel holds until they are accepted.
const BACKLOG: i32 = 128;
/// How often one looks whose time is over.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What the listener is called among the sockets that are watched.
const LISTENER: u64 = u64::MAX;

/// The TCP socket of a media thread, and all connections to it.
pub(crate) struct Tcp {
    listener: TcpListener,
    /// Whether the listener is watched: not while there are no descriptors to accept with.
    listens: bool,
    epoll: OwnedFd,
    connections: Slab<Connection>,
    by_peer: HashMap<SocketAddr, usize>,
    swept: Duration,
    scratch: Box<[u8; READ_LEN]>,
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    proven: bool,
    /// When it is hung up on, unless it proves something before.
    until: Duration,
    /// The beginning of a datagram whose end has not come.
    partial: Vec<u8>,
    /// What is to be sent, with its length before it, and since when.
    queue: VecDeque<(Duration, Vec<u8>)>,
    queue_len: usize,
    /// How much of the first one is sent.
    written: usize,
    /// Whether one watches for room to send.
    watched: bool,
}

/// The other end is gone, or speaks another language.
struct Over;

impl Tcp {
    /// Opens it, without waiting calls.
    pub(crate) fn open(at: SocketAddr) -> io::Result<Tcp> {
        let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
        if at.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        // A node that starts again takes its port back, also from connections that linger.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&at.into())?;
        socket.listen(BACKLOG)?;
        let listener: TcpListener = socket.into();
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        Ok(Tcp {
            listener,
            listens: true,
            epoll,
            connections: Slab::new(),
            by_peer: HashMap::new(),
            swept: Duration::ZERO,
            scratch: Box::new([0; READ_LEN]),
        })
    }

    /// Where it listens.
    #[cfg(test)]
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What becomes readable when [`Tcp::step`] has something to do.
    pub(crate) fn ready(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// When [`Tcp::step`] has something to do by itself.
    pub(crate) fn next(&self) -> Option<Duration> {
        (!self.connections.is_empty() || !self.listens).then(|| self.swept + SWEEP_EVERY)
    }

    /// Accepts, reads and sends what is possible. `take` is given each datagram with its sender,
    /// and says whether it was a check of the way by one of our clients.
    pub(crate) fn step(&mut self, now: Duration, mut take: impl FnMut(SocketAddr, &[u8]) -> bool) {
        if now >= self.swept + SWEEP_EVERY {
            self.sweep(now);
        }
        let mut events = [const { MaybeUninit::uninit() }; EVENTS_MAX];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        // If it was interrupted, what is ready will be so in the next lap.
        let ready = epoll::wait(&self.epoll, &mut events[..], Some(&at_once));
        for event in ready.map_or(&mut [][..], |(ready, _)| ready) {
            // Copied: the structure of the kernel is packed.
            let (data, flags) = (event.data, event.flags);
            match data.u64() {
                LISTENER => self.accept(now),
                nth => self.serve(nth as usize, flags, now, &mut take),
            }
        }
    }

    /// Sends a datagram to somebody who is connected. Answers how many datagrams were dropped:
    /// this one, or those that waited for too long.
    pub(crate) fn send(&mut self, to: SocketAddr, datagram: &[u8], now: Duration) -> usize {
        let Some(nth) = self.by_peer.get(&to).copied() else { return 1 };
        let connection = &mut self.connections[nth];
        let dropped = connection.enqueue(datagram, now);
        if !connection.watched {
            self.flush(nth);
        }
        dropped
    }

    fn accept(&mut self, now: Duration) {
        for _ in 0..ACCEPTS_MAX {
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    // Who cannot be watched is hung up on.
                    let _hung_up = self.take_in(stream, peer, now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, "a media connection could not be accepted");
                    return self.listen(false);
                }
            }
        }
    }

    /// Watches the listener, or leaves it alone until the next look.
    fn listen(&mut self, listens: bool) {
        let flags = if listens { EventFlags::IN } else { EventFlags::empty() };
        let name = EventData::new_u64(LISTENER);
        if epoll::modify(&self.epoll, &self.listener, name, flags).is_ok() {
            self.listens = listens;
        }
    }

    fn take_in(&mut self, stream: TcpStream, peer: SocketAddr, now: Duration) -> io::Result<()> {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if !self.has_room(peer.ip()) {
            return Ok(());
        }
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_MAX)?;
        let entry = self.connections.vacant_entry();
        let name = EventData::new_u64(entry.key() as u64);
        epoll::add(&self.epoll, &stream, name, EventFlags::IN)?;
        self.by_peer.insert(peer, entry.key());
        entry.insert(Connection::new(stream, peer, now + PROOF_WITHIN));
        Ok(())
    }

    fn has_room(&self, ip: IpAddr) -> bool {
        let neighbour = |connection: &&Connection| network(connection.peer.ip()) == network(ip);
        let all = self.connections.iter().map(|(_, connection)| connection);
        let near: Vec<&Connection> = all.filter(neighbour).collect();
        let unproven = near.iter().filter(|connection| !connection.proven).count();
        self.connections.len() < CONNECTIONS_MAX
            && near.len() < PER_ADDRESS_MAX
            && unproven < UNPROVEN_PER_ADDRESS_MAX
    }

    fn serve(
        &mut self,
        nth: usize,
        flags: EventFlags,
        now: Duration,
        take: &mut impl FnMut(SocketAddr, &[u8]) -> bool,
    ) {
        let Some(connection) = self.connections.get_mut(nth) else { return };
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR)
            && connection.read(&mut *self.scratch, now, take).is_err()
        {
            return self.close(nth);
        }
        if flags.intersects(EventFlags::OUT) {
            self.flush(nth);
        }
    }

    /// Sends what the kernel takes, and watches for room if it does not take all.
    fn flush(&mut self, nth: usize) {
        let connection = &mut self.connections[nth];
        if connection.write().is_err() {
            return self.close(nth);
        }
        let waits = !connection.queue.is_empty();
        if waits != connection.watched {
            let out = if waits { EventFlags::OUT } else { EventFlags::empty() };
            let name = EventData::new_u64(nth as u64);
            let flags = EventFlags::IN | out;
            if epoll::modify(&self.epoll, &connection.stream, name, flags).is_err() {
                return self.close(nth);
            }
            connection.watched = waits;
        }
    }

    fn sweep(&mut self, now: Duration) {
        self.swept = now;
        let over =
            |(nth, connection): (usize, &Connection)| (connection.until <= now).then_some(nth);
        let over: Vec<usize> = self.connections.iter().filter_map(over).collect();
        over.into_iter().for_each(|nth| self.close(nth));
        if !self.listens {
            self.listen(true);
        }
    }

    /// Hangs up; the kernel no longer watches what is closed.
    fn close(&mut self, nth: usize) {
        let connection = self.connections.remove(nth);
        if self.by_peer.get(&connection.peer) == Some(&nth) {
            self.by_peer.remove(&connection.peer);
        }
    }
}

impl Connection {
    fn new(stream: TcpStream, peer: SocketAddr, until: Duration) -> Connection {
        Connection {
            stream,
            peer,
            proven: false,
            until,
            partial: Vec::new(),
            queue: VecDeque::new(),
            queue_len: 0,
            written: 0,
            watched: false,
        }
    }

    fn read(
        &mut self,
        scratch: &mut [u8],
        now: Duration,
        take: &mut impl FnMut(SocketAddr, &[u8]) -> bool,
    ) -> Result<(), Over> {
        match self.stream.read(scratch) {
            Ok(0) => Err(Over),
            Ok(len) => {
                self.partial.extend_from_slice(&scratch[..len]);
                self.take_datagrams(now, take)
            }
            // What is left, or comes later, has its turn in another lap.
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            Err(_) => Err(Over),
        }
    }

    /// Hands over the datagrams that are whole; less than one is left. The first must be a check
    /// of the way: strangers cost no more than one.
    fn take_datagrams(
        &mut self,
        now: Duration,
        take: &mut impl FnMut(SocketAddr, &[u8]) -> bool,
    ) -> Result<(), Over> {
        let mut rest = self.partial.as_slice();
        while let Some((prefix, bytes)) = rest.split_first_chunk::<PREFIX_LEN>() {
            let len = usize::from(u16::from_be_bytes(*prefix));
            if !(DATAGRAM_LEN_MIN..=DATAGRAM_LEN_MAX).contains(&len) {
                return Err(Over);
            }
            let Some((datagram, after)) = bytes.split_at_checked(len) else { break };
            rest = after;
            if take(self.peer, datagram) {
                self.proven = true;
                self.until = now + PROOF_LASTS;
            } else if !self.proven {
                return Err(Over);
            }
        }
        let done = self.partial.len() - rest.len();
        self.partial.drain(..done);
        Ok(())
    }

    /// Appends a datagram, unless there is too much already; what waited for too long is taken out,
    /// except for what is half sent. Answers how many were dropped.
    fn enqueue(&mut self, datagram: &[u8], now: Duration) -> usize {
        let begun = usize::from(self.written > 0);
        let late = |(since, _): &&(Duration, Vec<u8>)| now.saturating_sub(*since) > QUEUE_AGE_MAX;
        let mut dropped = self.queue.iter().skip(begun).take_while(late).count();
        let gone = self.queue.drain(begun..begun + dropped);
        self.queue_len -= gone.map(|(_, frame)| frame.len()).sum::<usize>();
        let len = PREFIX_LEN + datagram.len();
        match u16::try_from(datagram.len()) {
            Ok(prefix) if self.queue_len + len <= QUEUE_LEN_MAX => {
                let mut frame = Vec::with_capacity(len);
                frame.extend_from_slice(&prefix.to_be_bytes());
                frame.extend_from_slice(datagram);
                self.queue.push_back((now, frame));
                self.queue_len += len;
            }
            _ => dropped += 1,
        }
        dropped
    }

    fn write(&mut self) -> Result<(), Over> {
        while let Some((_, frame)) = self.queue.front() {
            match self.stream.write(&frame[self.written..]) {
                Ok(0) => return Err(Over),
                Ok(len) => self.written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Over),
            }
            if self.written == frame.len() {
                self.queue_len -= self.written;
                self.written = 0;
                self.queue.pop_front();
            }
        }
        Ok(())
    }
}

/// What counts as one address: whoever has one of version 6 has 2^64 of them.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests;
