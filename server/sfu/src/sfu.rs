//! The handle on all media threads.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io,
    net::{IpAddr, SocketAddr, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use carillon_plugin::{MediaAnswer, MediaAsked, MediaCall, MediaFact, Result};
use carillon_protocol::RoomId;

use crate::{
    adapter::Certificate,
    command::{Caller, line},
    door::{Handed, Names},
    mux::Mux,
    net::{Addresses, Net},
    sdp, socket,
    stats::{self, Counters, Stats},
    thread::Thread,
};

/// After so long a silence somebody is gone: a laptop that slept for a minute is still there.
pub const LOST_AFTER: Duration = Duration::from_secs(120);

/// So many people are on one thread at most, if nothing else is said: their connections take 1.5 GB
/// then, and their checks of the way a twentieth of a core.
pub const PEOPLE_MAX: usize = 2_000;

/// Where media are carried, and who is told what comes of it.
pub struct Settings {
    /// The first thread's address; the next ones have the next ports. Port 0 is any free one.
    pub listen: SocketAddr,
    /// How clients reach this machine; if empty, by the address it listens on, or by all its own.
    pub announce: Vec<IpAddr>,
    /// A port of the same addresses at which somebody else accepts connections, and hands over
    /// those that come for media: see [`Sfu::take_in`].
    pub door: Option<u16>,
    /// How many threads carry media, at least one.
    pub threads: usize,
    /// How many people each of them carries at most: [`PEOPLE_MAX`], if nothing speaks against it.
    pub people_max: usize,
    /// After how long a silence somebody is gone: [`LOST_AFTER`], if nothing speaks against it.
    pub lost_after: Duration,
    /// Told on a media thread: it must not wait.
    pub told: Arc<dyn Fn(MediaFact) + Send + Sync>,
}

/// Carries the media of rooms. When the last handle is gone, its threads end.
#[derive(Clone)]
pub struct Sfu {
    threads: Arc<[One]>,
    addresses: Arc<[SocketAddr]>,
    names: Arc<Names>,
}

struct One {
    caller: Caller,
    counters: Arc<Counters>,
}

impl Sfu {
    /// Opens the sockets and starts the threads.
    ///
    /// # Errors
    /// If a socket cannot be opened, a thread cannot be started, or this machine has no address
    /// to announce.
    pub fn start(settings: Settings) -> io::Result<Sfu> {
        let certificate = Certificate::new();
        let certificate = certificate.ok_or_else(|| io::Error::other("no certificate was made"))?;
        let (mut threads, mut addresses) = (Vec::new(), Vec::new());
        let names = Arc::<Names>::default();
        for i in 0..settings.threads.max(1) {
            let mut at = settings.listen;
            if at.port() != 0 {
                at.set_port(at.port().checked_add(i as u16).ok_or(io::ErrorKind::InvalidInput)?);
            }
            let (udp, tcp) = socket::open_both(at)?;
            let own = reachable(&settings.announce, udp.address()?)?;
            addresses.extend(own.iter().copied());
            let doors = own.iter().zip(settings.door.into_iter().cycle());
            let doors = doors.map(|(at, port)| SocketAddr::new(at.ip(), port)).collect();
            let counters = Arc::new(Counters::default());
            let (caller, called) = line()?;
            let (addresses, mux) = (Addresses { own, doors }, Mux::new(names.clone(), i));
            let net = Net::new(certificate.clone(), addresses, mux, counters.clone());
            let limits = (settings.lost_after, settings.people_max);
            let thread = Thread::new(net, settings.told.clone(), limits);
            let run = move || thread.run(udp, tcp, &called);
            thread::Builder::new().name(format!("media-{i}")).spawn(run)?;
            threads.push(One { caller, counters });
        }
        Ok(Sfu { threads: threads.into(), addresses: addresses.into(), names })
    }

    /// Asks the thread of a room.
    ///
    /// # Errors
    /// See [`carillon_plugin::Media::ask`].
    pub async fn ask(&self, asked: MediaAsked) -> Result<MediaAnswer> {
        // What a client claims of its addresses is not needed: no thread is disturbed for it.
        if let MediaCall::Candidate { candidate, .. } = &asked.what {
            return sdp::check_candidate(candidate).map(|()| MediaAnswer::Done);
        }
        self.thread(asked.room).caller.ask(asked).await
    }

    /// Goes on with a connection that somebody else accepted, of which one check was read, with its
    /// length before it ([`check_len`](crate::check_len)). Answers whether the check is for
    /// somebody who is here; otherwise the connection is hung up on.
    pub fn take_in(&self, stream: TcpStream, frame: Vec<u8>) -> bool {
        let Ok(peer) = stream.peer_addr() else { return false };
        let handed = Handed { stream, peer, frame };
        let thread = handed.name().and_then(|name| self.names.thread(&name));
        thread.and_then(|i| self.threads.get(i)).is_some_and(|one| one.caller.hand(handed))
    }

    /// A room stays on its thread: its id says which.
    fn thread(&self, room: RoomId) -> &One {
        let mut hash = DefaultHasher::new();
        room.hash(&mut hash);
        &self.threads[(hash.finish() % self.threads.len() as u64) as usize]
    }

    /// What was counted until now.
    pub fn stats(&self) -> Stats {
        stats::sum(self.threads.iter().map(|one| one.counters.clone()))
    }

    /// Where clients reach the threads.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// The addresses under which clients are to reach a socket.
fn reachable(announce: &[IpAddr], bound: SocketAddr) -> io::Result<Vec<SocketAddr>> {
    let ips = match announce {
        [] if bound.ip().is_unspecified() => own(bound.is_ipv6())?,
        [] => vec![bound.ip()],
        announced => announced.to_vec(),
    };
    let addresses: Vec<_> = ips.into_iter().map(|ip| SocketAddr::new(ip, bound.port())).collect();
    if addresses.is_empty() {
        return Err(io::Error::other("this machine has no address to announce: name one"));
    }
    Ok(addresses)
}

/// The machine's own addresses, those of the loopback device only if it has no others.
fn own(both: bool) -> io::Result<Vec<IpAddr>> {
    let all = if_addrs::get_if_addrs()?.into_iter().filter(|own| !own.is_link_local());
    let all = all.map(|own| own.ip()).filter(|ip| both || ip.is_ipv4()).collect::<Vec<_>>();
    let far: Vec<_> = all.iter().copied().filter(|ip| !ip.is_loopback()).collect();
    Ok(if far.is_empty() { all } else { far })
}
