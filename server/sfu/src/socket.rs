//! The two sockets of a media thread, on the same port: one for UDP, one for TCP.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, UdpSocket},
    os::fd::{AsFd, BorrowedFd},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{batch, tcp::Tcp};

/// What the kernel may hold for the one socket that everybody's media cross: a burst of a large
/// room, 100 key frames of 40 KB.
const BUFFER_LEN: usize = 4 << 20;

/// How often another port is tried, if any will do, and that of the one socket is another's for
/// the other.
const PORTS_TRIED_MAX: usize = 16;

/// The one for UDP.
pub(crate) struct Udp {
    socket: UdpSocket,
    /// Whether it speaks version 6, in which addresses of version 4 have other names.
    wide: bool,
    /// Whether the kernel cuts what is sent in one piece into datagrams.
    cuts: bool,
}

/// Opens both, without waiting calls.
pub(crate) fn open_both(at: SocketAddr) -> io::Result<(Udp, Tcp)> {
    let mut tries = 0;
    loop {
        let udp = Udp::open(at)?;
        match Tcp::open(udp.address()?) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(e) if e.kind() == ErrorKind::AddrInUse && at.port() == 0 => tries += 1,
            Err(e) => return Err(e),
        }
        if tries == PORTS_TRIED_MAX {
            return Err(ErrorKind::AddrInUse.into());
        }
    }
}

impl AsFd for Udp {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Udp {
    /// Opens it.
    pub(crate) fn open(at: SocketAddr) -> io::Result<Udp> {
        let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
        if at.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        // The kernel gives less where its own limit is lower; that is the operator's to raise.
        socket.set_recv_buffer_size(BUFFER_LEN)?;
        socket.set_send_buffer_size(BUFFER_LEN)?;
        socket.set_nonblocking(true)?;
        socket.bind(&at.into())?;
        let socket: UdpSocket = socket.into();
        batch::stamp_arrivals(&socket)?;
        let cuts = batch::is_cut(&socket);
        Ok(Udp { socket, wide: at.is_ipv6(), cuts })
    }

    /// Where it is.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Reads what is there, without waiting, and says how many datagrams that are.
    pub(crate) fn fill(&self, received: &mut batch::Received) -> io::Result<usize> {
        received.fill(&self.socket)
    }

    /// Sends all of these and says how many were dropped, because the kernel had no room or because
    /// there is no way to them.
    pub(crate) fn send(&mut self, datagrams: &mut Vec<(SocketAddr, Vec<u8>)>) -> usize {
        if self.wide {
            for (to, _) in datagrams.iter_mut() {
                if let IpAddr::V4(v4) = to.ip() {
                    to.set_ip(v4.to_ipv6_mapped().into());
                }
            }
        }
        let (mut at, mut dropped, mut whole) = (0, 0, 0);
        while at < datagrams.len() {
            match batch::send(&self.socket, &datagrams[at..], self.cuts && at >= whole) {
                Ok(sent) => at += sent,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    dropped += datagrams.len() - at;
                    break;
                }
                // The device cannot, or the way to this one is too narrow for what is cut.
                Err(e) if self.cuts && at >= whole && batch::piece(&datagrams[at..]) > 1 => {
                    self.cuts = e.raw_os_error() != Some(libc::EIO);
                    whole = at + batch::piece(&datagrams[at..]);
                }
                // This one cannot be sent, the next may be to somebody else.
                Err(_) => {
                    dropped += 1;
                    at += 1;
                }
            }
        }
        datagrams.clear();
        dropped
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever waits for the kernel reads a clock")]
#[cfg(test)]
mod tests {
    use std::{
        net::Ipv4Addr,
        time::{Duration, Instant},
    };

    use super::*;

    fn open() -> (Udp, SocketAddr) {
        let udp = Udp::open((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let at = udp.address().unwrap();
        (udp, at)
    }

    /// Until something arrives: the loopback device delivers at once, but who knows when we run.
    fn fill(received: &mut batch::Received, udp: &Udp) -> usize {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match udp.fill(received) {
                Ok(count) => return count,
                Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(e) => panic!("{e}"),
            }
            assert!(Instant::now() < deadline, "nothing arrived");
        }
    }

    /// The lengths of so many datagrams as they arrive.
    fn lengths(udp: &Udp, count: usize) -> Vec<usize> {
        let (mut received, mut seen) = (batch::Received::new(), Vec::new());
        while seen.len() < count {
            let more = fill(&mut received, udp);
            seen.extend((0..more).map(|i| received.get(i).1.len()));
        }
        seen
    }

    #[test]
    fn what_is_sent_in_one_call_arrives_with_its_sender_and_its_time() {
        let ((mut a, from_a), (b, to)) = (open(), open());
        let mut out: Vec<_> = (0..100u8).map(|i| (to, vec![i; 1 + usize::from(i)])).collect();
        assert_eq!(a.send(&mut out), 0);
        let (mut received, mut seen) = (batch::Received::new(), 0u8);
        while seen < 100 {
            for i in 0..fill(&mut received, &b) {
                let (from, bytes, at) = received.get(i);
                assert_eq!(from, from_a);
                assert_eq!(bytes, vec![seen; 1 + usize::from(seen)]);
                assert!(at.is_some(), "the kernel says when");
                seen += 1;
            }
        }
    }

    #[test]
    fn what_the_kernel_cuts_arrives_as_it_was() {
        let ((mut a, _), (b, to)) = (open(), open());
        let lens = [1_000, 1_000, 1_000, 700, 700, 900, 1_450, 1_450, 0, 0, 5];
        let many = lens.into_iter().chain([300; 200]).collect::<Vec<_>>();
        for cuts in [a.cuts, false] {
            a.cuts = cuts;
            let mut out = many.iter().map(|len| (to, vec![1; *len])).collect();
            assert_eq!(a.send(&mut out), 0);
            assert_eq!(lengths(&b, many.len()), many, "{cuts}");
        }
    }

    #[test]
    fn who_cannot_be_reached_does_not_keep_the_others_from_it() {
        let ((mut a, _), (b, to)) = (open(), open());
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let alone = vec![(nowhere, vec![1]), (to, vec![2])];
        let many = vec![(nowhere, vec![1]), (nowhere, vec![1]), (to, vec![2])];
        for (mut out, dropped) in [(alone, 1), (many, 2)] {
            assert_eq!(a.send(&mut out), dropped);
            let mut received = batch::Received::new();
            assert_eq!(fill(&mut received, &b), 1);
            assert_eq!(received.get(0).1, [2]);
        }
    }
}
