//! What somebody on the way, or a client of ill will, cannot do.

use std::{
    cell::{Cell, RefCell},
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use carillon_protocol::room::Source;
use carillon_sfu::kit::{Picture, Received, Track};

use crate::{
    relay::Relay,
    stage::{Person, Stage, assert_one_stream},
};

/// Before the last attribute of a check: its type and its length.
const FINGERPRINT: [u8; 4] = [0x80, 0x28, 0, 4];
/// And before the proof of its sender.
const INTEGRITY: [u8; 4] = [0, 8, 0, 20];
/// What chooses the way that a check came.
const USE_CANDIDATE: [u8; 4] = [0, 0x25, 0, 0];

/// xorshift64*: the same in every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }
}

/// A socket at an address that no client has.
struct Stranger {
    socket: UdpSocket,
    server: SocketAddr,
    sent: usize,
}

impl Stranger {
    fn new(stage: &Stage) -> Stranger {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Stranger { socket, server: stage.sfu.addresses()[0], sent: 0 }
    }

    fn send(&mut self, datagram: &[u8]) {
        self.sent += self.socket.send_to(datagram, self.server).unwrap();
    }

    /// How many bytes came here.
    fn received(&self) -> usize {
        let (mut buffer, mut bytes) = ([0; 2_048], 0);
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((len, _)) => bytes += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return bytes,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn assert_only_voices(person: &Person) {
    for heard in person.slots.values() {
        assert_one_stream(heard);
        for packet in &heard.packets {
            assert_eq!(packet.payload[1..], [&[0][..], &[7; 60]].concat(), "as it was sent");
        }
    }
}

#[test]
fn packets_with_a_bit_changed_on_the_way_are_never_passed_on() {
    let stage = Stage::new();
    let relay = Relay::new(stage.sfu.addresses()[0]);
    let mut random = Random(7);
    relay.doing().beside = Some(Box::new(move |packet| {
        let flipped = |_| {
            let mut forged = packet.to_vec();
            let bit = random.below(8 * forged.len());
            forged[bit / 8] ^= 1 << (bit % 8);
            forged
        };
        (0..40).map(flipped).collect()
    }));
    let (mut a, mut b) = (relay.way.talker(&stage, 1, 20), stage.join(2));
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 150);
    assert!(relay.doing().added > 6_000, "{}", relay.doing().added);
    assert_only_voices(&b);
    assert_eq!(b.got().len(), 1, "{:?}", b.got());
}

#[test]
fn packets_sent_twice_are_passed_on_once() {
    let stage = Stage::new();
    let relay = Relay::new(stage.sfu.addresses()[0]);
    let mut old = Vec::new();
    relay.doing().beside = Some(Box::new(move |packet| {
        old.push(packet.to_vec());
        let from = old.len().saturating_sub(20);
        old[from..].to_vec()
    }));
    let (mut a, mut b) = (relay.way.talker(&stage, 1, 20), stage.join(2));
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 100);
    assert!(relay.doing().added > 1_000);
    assert_only_voices(&b);
}

#[test]
fn a_handshake_from_elsewhere_before_that_of_the_client_gains_nothing() {
    let stage = Stage::new();
    let relay = Relay::new(stage.sfu.addresses()[0]);
    relay.doing().holds_handshakes = true;
    let (mut a, mut b) = (relay.way.talker(&stage, 1, 20), stage.join(2));
    let mut stranger = Stranger::new(&stage);
    stage.until(&mut [&mut a, &mut b], "the client says hello", |_| relay.doing().hello.is_some());
    let hello = relay.doing().hello.clone().unwrap();
    for _ in 0..50 {
        stranger.send(&hello);
    }
    stage.go_on(&mut [&mut a, &mut b], Duration::from_millis(200));
    assert!(!a.client.is_connected().0);
    relay.doing().holds_handshakes = false;
    for _ in 0..50 {
        stranger.send(&hello);
    }
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 20);
    stranger.send(&hello);
    stage.go_on(&mut [&mut a, &mut b], Duration::from_millis(100));
    assert_eq!(stranger.received(), 0);
    assert_only_voices(&b);
}

/// The cyclic redundancy check of Ethernet, as the last attribute of a check has it (RFC 8489,
/// 14.7).
fn fingerprint(bytes: &[u8]) -> [u8; 4] {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ ((crc & 1) * 0xedb8_8320))
    });
    (!crc ^ 0x5354_554e).to_be_bytes()
}

#[test]
fn a_check_that_proves_nothing_is_not_answered_and_no_answer_is_longer_than_its_question() {
    let stage = Stage::new();
    let relay = Relay::new(stage.sfu.addresses()[0]);
    let (mut a, mut b) = (stage.talker(1, 20), relay.way.listener(&stage, 2));
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 20);
    let check = relay.doing().checks[0].clone();
    let proof = check.windows(4).position(|at| at == INTEGRITY).unwrap() + 4;
    let end = check.len() - 8;
    assert_eq!(check[end..end + 4], FINGERPRINT);
    assert_eq!(check[end + 4..], fingerprint(&check[..end]), "the test knows how");
    let mut stranger = Stranger::new(&stage);
    for byte in proof..proof + 20 {
        let mut forged = check.clone();
        forged[byte] ^= 1;
        let right = fingerprint(&forged[..end]);
        forged[end + 4..].copy_from_slice(&right);
        stranger.send(&forged);
    }
    // Without a proof, and cut short.
    (0..check.len()).for_each(|len| stranger.send(&check[..len]));
    b.forget();
    stage.until(&mut [&mut a, &mut b], "it is still heard", |people| people[1].got_of(1) > 20);
    assert_eq!(stranger.received(), 0);
    // A true one, but repeated from elsewhere by somebody who saw it.
    let mut thief = Stranger::new(&stage);
    let checks = relay.doing().checks.clone();
    let nominates = |check: &Vec<u8>| check.windows(4).any(|at| at == USE_CANDIDATE);
    assert!(checks.iter().any(nominates), "one that chooses the way");
    checks.iter().for_each(|check| thief.send(check));
    b.forget();
    stage.until(&mut [&mut a, &mut b], "it is still heard", |people| people[1].got_of(1) > 100);
    let got = thief.received();
    assert!(got <= thief.sent, "{got} bytes for {}", thief.sent);
}

#[test]
fn a_flood_of_nonsense_from_a_client_harms_nobody() {
    let stage = Stage::new();
    let relay = Relay::new(stage.sfu.addresses()[0]);
    let mut random = Random(11);
    relay.doing().beside = Some(Box::new(move |packet| {
        let nonsense = |_| {
            let len = random.below(1_400);
            let mut bytes = random.bytes(len);
            // Headers that say too much: extensions, sources and padding that are not there.
            match (random.below(4), bytes.first_mut()) {
                (0, Some(first)) => *first = 0x90 | (*first & 0x0f),
                (1, Some(first)) => *first = 0xa0 | (*first & 0x1f),
                (2, Some(first)) => *first = 0x80 | (*first & 0x3f),
                _ => {
                    bytes.splice(..0, packet[..packet.len().min(12)].iter().copied()).for_each(drop)
                }
            }
            // And reports of every type.
            if let (1 | 2, Some(second)) = (random.below(3), bytes.get_mut(1)) {
                *second = 192 + (*second & 31);
            }
            bytes
        };
        (0..40).map(nonsense).collect()
    }));
    let mut mallory = relay.way.talker(&stage, 1, 20);
    let (mut a, mut b) = (stage.talker(2, 20), stage.join(3));
    stage.until(&mut [&mut mallory, &mut a, &mut b], "all are heard", |people| {
        people[2].got_of(2) > 150 && people[2].got_of(1) > 100
    });
    assert!(relay.doing().added > 4_000, "{}", relay.doing().added);
    assert_only_voices(&b);
}

#[test]
fn pictures_that_are_none_harm_nobody() {
    let stage = Stage::new();
    let mut mallory = stage.join(1);
    stage.publish(&mut mallory, &[Track { source: Source::Camera, rids: &[] }]);
    let (mut a, mut b) = (stage.filmed(2), stage.join(3));
    stage.until_connected(&mut [&mut mallory, &mut a, &mut b]);
    stage.until(&mut [&mut mallory], "mallory sends", |people| people[0].client.is_connected().0);
    stage.look(&mut b, &[&mallory], (320, 180));
    let mut random = Random(13);
    for round in 0..2_000_u64 {
        let len = [0, 1, 2, 5, 9, 1_000][random.below(6)];
        let mut payload = random.bytes(len);
        if let (0, Some(first)) = (random.below(2), payload.first_mut()) {
            *first |= 0x90;
        }
        let seq = match random.below(20) {
            0 => round + 40_000,
            1 => round.saturating_sub(2_000),
            _ => round,
        };
        let at = (100 + seq, random.below(usize::MAX) as u32, random.below(2) == 0);
        mallory.client.send((Source::Camera, None), at, None, &payload).unwrap();
        if round % 50 == 0 {
            mallory.client.step().unwrap();
            a.step();
            b.client.step().unwrap();
            b.client.take_received().for_each(drop);
        }
    }
    // Who looks at somebody else in that slot sees them.
    stage.look(&mut b, &[&a], (320, 180));
    let (b, seen) = (RefCell::new(b), Cell::new(0));
    let sees_a = || {
        let client = &mut b.borrow_mut().client;
        client.step().unwrap();
        let of_a = |packet: &Received| {
            Picture::read(&packet.payload).is_some_and(|read| read.rest.starts_with(&[2]))
        };
        seen.set(seen.get() + client.take_received().filter(of_a).count());
        seen.get() > 60
    };
    stage.until(&mut [&mut mallory, &mut a], "the other is seen", |_| sees_a());
}

#[test]
fn who_sends_under_the_number_of_another_is_not_taken_for_them() {
    let stage = Stage::new();
    let (mut a, mut mallory) = (stage.talker(1, 20), stage.talker(2, 20));
    let mut b = stage.join(3);
    stage.until(&mut [&mut a, &mut mallory, &mut b], "both are heard", |people| {
        people[2].got_of(1) > 20 && people[2].got_of(2) > 20
    });
    let number = a.client.ssrc(Source::Microphone).unwrap();
    mallory.client.renumber(Source::Microphone, number);
    assert_eq!(mallory.client.ssrc(Source::Microphone), Some(number));
    stage.go_on(&mut [&mut a, &mut mallory, &mut b], Duration::from_millis(500));
    b.forget();
    stage.until(&mut [&mut a, &mut mallory, &mut b], "the one is heard as before", |people| {
        people[2].got_of(1) > 100
    });
    for heard in b.slots.values() {
        assert_one_stream(heard);
        assert!(heard.of.windows(2).all(|pair| pair[0] == pair[1]), "one slot, one voice");
    }
}
