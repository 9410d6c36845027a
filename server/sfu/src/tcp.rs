//! Media over TCP, for those whose networks let no UDP through: the client connects (RFC 6544), and
//! each datagram has its length before it (RFC 4571).
//!
//! Nothing here waits, and nobody holds up others: who reads too slowly misses packets, and who
//! does not prove to be a client of ours is hung up on. Times are durations since any fixed moment.

mod connection;

use std::{
    collections::HashMap,
    io::{self, ErrorKind},
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

use crate::door::Handed;
use connection::Connection;

/// How much is read of one connection in one turn.
const READ_LEN: usize = 4 << 10;
/// How much the kernel takes that it has not sent yet: what it has cannot be dropped any more, and
/// 16 KB are 100 ms of a link that carries a picture.
const UNSENT_MAX: u32 = 16 << 10;
/// How long a client may take until its first check of the way.
const PROOF_WITHIN: Duration = Duration::from_secs(5);
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

    /// Goes on with a connection that was accepted elsewhere.
    pub(crate) fn take_over(
        &mut self,
        handed: Handed,
        now: Duration,
        mut take: impl FnMut(SocketAddr, &[u8]) -> bool,
    ) {
        // Who cannot be watched is hung up on.
        let Ok(Some(nth)) = self.take_in(handed.stream, handed.peer, now) else { return };
        if self.connections[nth].begin(&handed.frame, now, &mut take).is_err() {
            self.close(nth);
        }
    }

    /// Answers which one it is, if there is room for it.
    fn take_in(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        now: Duration,
    ) -> io::Result<Option<usize>> {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if !self.has_room(peer.ip()) {
            return Ok(None);
        }
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_MAX)?;
        let entry = self.connections.vacant_entry();
        let nth = entry.key();
        epoll::add(&self.epoll, &stream, EventData::new_u64(nth as u64), EventFlags::IN)?;
        self.by_peer.insert(peer, nth);
        entry.insert(Connection::new(stream, peer, now + PROOF_WITHIN));
        Ok(Some(nth))
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

/// What counts as one address: whoever has one of version 6 has 2^64 of them.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests;
