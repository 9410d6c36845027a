//! The two sockets of a media thread, on the same port: one for UDP, one for TCP.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, UdpSocket},
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{batch, tcp::Tcp};

/// What the kernel may hold for the one socket that everybody's media cross: a burst of a large
/// room, 100 key frames of 40 KB.
const BUFFER_LEN: usize = 4 << 20;

/// How often another port is tried, if any will do, and that of the one socket is another's for
/// the other.
const PORTS_TRIED_MAX: usize = 16;

/// Opens both, without waiting calls.
pub(crate) fn open_both(at: SocketAddr) -> io::Result<(UdpSocket, Tcp)> {
    let mut tries = 0;
    loop {
        let udp = open(at)?;
        match Tcp::open(udp.local_addr()?) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(e) if e.kind() == ErrorKind::AddrInUse && at.port() == 0 => tries += 1,
            Err(e) => return Err(e),
        }
        if tries == PORTS_TRIED_MAX {
            return Err(ErrorKind::AddrInUse.into());
        }
    }
}

/// Opens the one for UDP.
pub(crate) fn open(at: SocketAddr) -> io::Result<UdpSocket> {
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
    Ok(socket)
}

/// Sends all of these and says how many were dropped, because the kernel had no room or because
/// there is no way to them.
pub(crate) fn send(socket: &UdpSocket, datagrams: &mut Vec<(SocketAddr, Vec<u8>)>) -> usize {
    let wide = socket.local_addr().is_ok_and(|address| address.is_ipv6());
    if wide {
        for (to, _) in datagrams.iter_mut() {
            if let IpAddr::V4(v4) = to.ip() {
                to.set_ip(v4.to_ipv6_mapped().into());
            }
        }
    }
    let (mut at, mut dropped) = (0, 0);
    while at < datagrams.len() {
        match batch::send(socket, &datagrams[at..]) {
            Ok(sent) => at += sent,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                dropped += datagrams.len() - at;
                break;
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

#[expect(clippy::disallowed_methods, reason = "whoever waits for the kernel reads a clock")]
#[cfg(test)]
mod tests {
    use std::{
        net::Ipv4Addr,
        time::{Duration, Instant},
    };

    use super::*;

    /// Until something arrives: the loopback device delivers at once, but who knows when we run.
    fn fill(received: &mut batch::Received, socket: &UdpSocket) -> usize {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match received.fill(socket) {
                Ok(count) => return count,
                Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(e) => panic!("{e}"),
            }
            assert!(Instant::now() < deadline, "nothing arrived");
        }
    }

    #[test]
    fn what_is_sent_in_one_call_arrives_with_its_sender_and_its_time() {
        let a = open((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let b = open((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let to = b.local_addr().unwrap();
        let mut out: Vec<_> = (0..100u8).map(|i| (to, vec![i; 1 + usize::from(i)])).collect();
        assert_eq!(send(&a, &mut out), 0);
        let (mut received, mut seen) = (batch::Received::new(), 0u8);
        while seen < 100 {
            for i in 0..fill(&mut received, &b) {
                let (from, bytes, at) = received.get(i);
                assert_eq!(from, a.local_addr().unwrap());
                assert_eq!(bytes, vec![seen; 1 + usize::from(seen)]);
                assert!(at.is_some(), "the kernel says when");
                seen += 1;
            }
        }
    }

    #[test]
    fn who_cannot_be_reached_does_not_keep_the_others_from_it() {
        let a = open((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let b = open((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut out = vec![(nowhere, vec![1]), (b.local_addr().unwrap(), vec![2])];
        assert_eq!(send(&a, &mut out), 1);
        let mut received = batch::Received::new();
        assert_eq!(fill(&mut received, &b), 1);
        assert_eq!(received.get(0).1, [2]);
    }
}
