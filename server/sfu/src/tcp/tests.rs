//! Over real sockets; the time is what the test says.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown},
};

use proptest::prelude::*;
use rustix::event::{PollFd, PollFlags, poll};

use super::{
    connection::{
        DATAGRAM_LEN_MAX, DATAGRAM_LEN_MIN, PREFIX_LEN, PROOF_LASTS, QUEUE_AGE_MAX, QUEUE_LEN_MAX,
    },
    *,
};

const NOW: Duration = Duration::from_secs(100);
/// A check of the way, as far as these tests are concerned.
const CHECK: &[u8] = b"\x00 check check";

fn open() -> Tcp {
    Tcp::open((Ipv4Addr::LOCALHOST, 0).into()).unwrap()
}

fn connect(tcp: &Tcp) -> TcpStream {
    let stream = TcpStream::connect(tcp.address().unwrap()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn frame(datagram: &[u8]) -> Vec<u8> {
    [&(datagram.len() as u16).to_be_bytes(), datagram].concat()
}

/// One lap, as soon as there is something to do.
fn lap(tcp: &mut Tcp, now: Duration) -> Vec<(SocketAddr, Vec<u8>)> {
    let patience = Timespec { tv_sec: 20, tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(&tcp.ready(), PollFlags::IN)], Some(&patience)).unwrap();
    assert_eq!(ready, 1, "nothing happens");
    idle_lap(tcp, now)
}

fn idle_lap(tcp: &mut Tcp, now: Duration) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut taken = Vec::new();
    tcp.step(now, |from, datagram| {
        taken.push((from, datagram.to_vec()));
        datagram == CHECK
    });
    taken
}

/// Laps until so many datagrams have arrived.
fn take(tcp: &mut Tcp, now: Duration, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.extend(lap(tcp, now));
    }
    taken
}

/// A client that has proved itself.
fn proven(tcp: &mut Tcp, now: Duration) -> TcpStream {
    let mut client = connect(tcp);
    client.write_all(&frame(CHECK)).unwrap();
    take(tcp, now, 1);
    client
}

fn read_frame(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut prefix = [0; PREFIX_LEN];
    client.read_exact(&mut prefix)?;
    let mut datagram = vec![0; usize::from(u16::from_be_bytes(prefix))];
    client.read_exact(&mut datagram)?;
    Ok(datagram)
}

/// Whether the server has hung up.
fn is_over(client: &mut TcpStream) -> bool {
    let mut byte = [0];
    match client.read(&mut byte) {
        Ok(len) => len == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn datagrams_arrive_whole_however_the_stream_is_cut(
        lens in prop::collection::vec(DATAGRAM_LEN_MIN..=DATAGRAM_LEN_MAX, 1..12),
        cuts in prop::collection::vec(1_usize..3_000, 1..20),
    ) {
        let mut tcp = open();
        let mut client = proven(&mut tcp, NOW);
        let datagrams: Vec<Vec<u8>> = lens.iter().map(|len| vec![*len as u8; *len]).collect();
        let mut bytes: Vec<u8> = datagrams.iter().flat_map(|datagram| frame(datagram)).collect();
        let mut arrived = Vec::new();
        for cut in cuts {
            let rest = bytes.split_off(cut.min(bytes.len()));
            client.write_all(&bytes).unwrap();
            arrived.extend(idle_lap(&mut tcp, NOW));
            bytes = rest;
        }
        client.write_all(&bytes).unwrap();
        arrived.extend(take(&mut tcp, NOW, datagrams.len() - arrived.len()));
        prop_assert!(arrived.iter().all(|(from, _)| *from == client.local_addr().unwrap()));
        let arrived: Vec<Vec<u8>> = arrived.into_iter().map(|(_, datagram)| datagram).collect();
        prop_assert_eq!(arrived, datagrams);
    }
}

#[test]
fn what_is_sent_arrives_in_order_and_one_by_one() {
    let mut tcp = open();
    let mut client = proven(&mut tcp, NOW);
    let to = client.local_addr().unwrap();
    for len in [DATAGRAM_LEN_MIN, 1_200, DATAGRAM_LEN_MAX] {
        assert_eq!(tcp.send(to, &vec![7; len], NOW), 0);
        assert_eq!(read_frame(&mut client).unwrap(), vec![7; len]);
    }
    let stranger = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    assert_eq!(tcp.send(stranger, b"to nobody", NOW), 1);
}

#[test]
fn who_proves_nothing_in_time_is_hung_up_on_and_who_does_not_go_on_proving_it() {
    let mut tcp = open();
    assert_eq!(tcp.next(), None);
    let mut good = proven(&mut tcp, NOW);
    let mut silent = connect(&tcp);
    let mut talker = connect(&tcp);
    let flood = frame(b"let me in, please").repeat(1_000);
    talker.write_all(&flood).unwrap();
    assert_eq!(take(&mut tcp, NOW, 1).len(), 1, "one look is enough");
    assert!(is_over(&mut talker));
    while tcp.connections.len() < 2 {
        lap(&mut tcp, NOW);
    }
    let almost = NOW + PROOF_WITHIN - Duration::from_millis(1);
    idle_lap(&mut tcp, almost);
    assert_eq!(tcp.connections.len(), 2);
    idle_lap(&mut tcp, almost + SWEEP_EVERY);
    assert!(is_over(&mut silent));
    // A check is good for a while, media are none.
    let later = NOW + PROOF_LASTS / 2;
    good.write_all(&frame(CHECK)).unwrap();
    take(&mut tcp, later, 1);
    good.write_all(&frame(b"media, and more")).unwrap();
    take(&mut tcp, NOW + PROOF_LASTS, 1);
    assert_eq!(tcp.connections.len(), 1);
    idle_lap(&mut tcp, later + PROOF_LASTS);
    assert!(is_over(&mut good));
    assert!(tcp.by_peer.is_empty() && tcp.next().is_none());
}

#[test]
fn empty_datagrams_are_another_language_too() {
    let mut tcp = open();
    let mut bad = proven(&mut tcp, NOW);
    bad.write_all(&[0; 4_096]).unwrap();
    assert_eq!(lap(&mut tcp, NOW), []);
    assert!(is_over(&mut bad));
}

#[test]
fn who_speaks_another_language_is_hung_up_on_and_the_others_are_not() {
    let mut tcp = open();
    let mut good = proven(&mut tcp, NOW);
    let mut bad = proven(&mut tcp, NOW);
    bad.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    lap(&mut tcp, NOW);
    assert!(is_over(&mut bad));
    tcp.send(good.local_addr().unwrap(), b"still here", NOW);
    assert_eq!(read_frame(&mut good).unwrap(), b"still here");
    good.shutdown(Shutdown::Both).unwrap();
    lap(&mut tcp, NOW);
    assert!(tcp.connections.is_empty());
}

#[test]
fn a_slow_reader_misses_packets_and_gets_the_new_ones_whole() {
    let mut tcp = open();
    let mut slow = proven(&mut tcp, NOW);
    let mut good = proven(&mut tcp, NOW);
    let to = slow.local_addr().unwrap();
    // Twenty seconds of large pictures; each packet says its number. Nobody reads.
    let (mut dropped, mut now, packets) = (0, NOW, 20_000_u32);
    for number in 0..packets {
        let datagram = [number.to_be_bytes().to_vec(), vec![9; 1_200]].concat();
        dropped += tcp.send(to, &datagram, now);
        now += Duration::from_millis(1);
    }
    let queue = &tcp.connections[tcp.by_peer[&to]];
    assert!(queue.queue_len <= QUEUE_LEN_MAX, "{} bytes wait", queue.queue_len);
    let begun = usize::from(queue.written > 0);
    let oldest = queue.queue.get(begun).map(|(since, _)| now - *since).unwrap();
    assert!(oldest <= QUEUE_AGE_MAX + Duration::from_millis(1), "{oldest:?}");
    assert!(dropped > 5_000, "{dropped}");
    // It held nobody up.
    tcp.send(good.local_addr().unwrap(), b"at once", now);
    assert_eq!(read_frame(&mut good).unwrap(), b"at once");
    // It reads at last: whole packets, in order, up to the newest.
    let reader = std::thread::spawn(move || {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&(packets - 1)) {
            let datagram = read_frame(&mut slow).unwrap();
            assert_eq!(datagram.len(), 1_204);
            numbers.push(u32::from_be_bytes(datagram[..4].try_into().unwrap()));
        }
        numbers
    });
    while !tcp.connections[tcp.by_peer[&to]].queue.is_empty() {
        lap(&mut tcp, now);
    }
    let numbers = reader.join().unwrap();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(numbers.len() + dropped, packets as usize);
}

#[test]
fn one_address_has_only_so_many_connections_that_prove_nothing() {
    let mut tcp = open();
    let mut clients: Vec<TcpStream> =
        (0..UNPROVEN_PER_ADDRESS_MAX + 1).map(|_| connect(&tcp)).collect();
    // The kernel hands them over in the order in which they came.
    while tcp.connections.len() < UNPROVEN_PER_ADDRESS_MAX {
        lap(&mut tcp, NOW);
    }
    lap(&mut tcp, NOW);
    assert!(is_over(clients.last_mut().unwrap()));
    assert_eq!(tcp.connections.len(), UNPROVEN_PER_ADDRESS_MAX);
    // Those who prove themselves make room.
    clients[0].write_all(&frame(CHECK)).unwrap();
    take(&mut tcp, NOW, 1);
    proven(&mut tcp, NOW);
    assert_eq!(tcp.connections.len(), UNPROVEN_PER_ADDRESS_MAX + 1);
}

#[test]
fn the_owner_of_a_network_is_one_address() {
    let ip = |text: &str| network(text.parse().unwrap());
    assert_eq!(ip("2001:db8::1"), ip("2001:db8::ffff:1"));
    assert_ne!(ip("2001:db8::1"), ip("2001:db8:0:1::1"));
    assert_ne!(ip("10.0.0.1"), ip("10.0.0.2"));
}
