//! The load client against the raw loop and against a server that speaks as much of the protocol
//! as the client needs.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use carillon_protocol::{
    Codec, ConvId, DeviceId, ErrorBody, ErrorCode,
    frame::{ClientFrame, server},
    id::Ulid,
};
use tungstenite::Message;

use crate::{
    fleet::{Failed, Fleet, Target},
    latency,
    process::Process,
    raw,
    room::{self, Load, Room, Token},
    throughput, wire,
};

const MEMBERS: usize = 20;
const CONV: ConvId = ConvId(Ulid(7));
const LOAD: Load = Load { window: 4, authors: 1, text_len: 200, time: Duration::from_millis(20) };

fn own() -> Process {
    Process(std::process::id())
}

fn tokens(token: &str) -> Vec<Token> {
    let token = |number| Token { token: token.into(), device: DeviceId(Ulid(number)) };
    (0..MEMBERS as u128).map(token).collect()
}

/// Answers a hello as it is told to, and gives every call's arguments to everybody.
fn stand_in(answer_hello: fn(&str) -> Vec<Vec<u8>>) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let members = Arc::new(Mutex::new(Vec::<TcpStream>::new()));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, members) = (stream.unwrap(), Arc::clone(&members));
            thread::spawn(move || {
                let mut out = stream.try_clone().unwrap();
                let mut socket = tungstenite::accept(stream).unwrap();
                while let Ok(Message::Text(text)) = socket.read() {
                    match ClientFrame::decode(Codec::Json, text.as_bytes()).unwrap() {
                        ClientFrame::Hello(hello) => {
                            let answers = answer_hello(&hello.token.unwrap());
                            answers.iter().for_each(|answer| write(&mut out, answer));
                            members.lock().unwrap().push(out.try_clone().unwrap());
                        }
                        ClientFrame::Call(call) => {
                            write(&mut out, &server::ok(Codec::Json, call.id, b"{}"));
                            let mut members = members.lock().unwrap();
                            members.iter_mut().for_each(|member| write(member, call.args.bytes));
                        }
                        ClientFrame::Ping => write(&mut out, &server::pong(Codec::Json, 1)),
                        other => panic!("unexpected: {other:?}"),
                    }
                }
            });
        }
    });
    Target { address, path: "/v1/ws".into() }
}

/// One frame in one write, as two threads may write to one socket.
fn write(out: &mut TcpStream, payload: &[u8]) {
    let mut frame = vec![0x81, 126];
    frame.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    frame.extend_from_slice(payload);
    out.write_all(&frame).unwrap();
}

/// A catch-up with an old message, whose stamp must not be taken for a delivery.
fn synced(_: &str) -> Vec<Vec<u8>> {
    vec![
        wire::stamped(1_790_000_000_000_000_000, 200).into_bytes(),
        server::synced(Codec::Json, "s1.1"),
    ]
}

#[test]
fn the_raw_loop_gives_every_message_to_every_member() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (parent, child) = UnixStream::pair().unwrap();
    let server = thread::spawn(move || raw::serve_on(&listener, &child));
    let mut room = Room::raw(Target { address, path: "/".into() }, own(), MEMBERS).unwrap();
    let cost = room.measure(LOAD).unwrap();
    // Four bytes of header, two hundred of text, nothing else.
    assert!((cost.bytes - 204.0).abs() < f64::EPSILON, "{cost:?}");
    assert!(cost.p50_ms > 0.0 && cost.p50_ms <= cost.p99_ms);
    drop(room);
    drop(parent);
    server.join().unwrap().unwrap();
}

#[test]
fn a_message_of_carillon_is_seen_by_every_member() {
    let mut room = Room::carillon(stand_in(synced), own(), CONV, &tokens("good")).unwrap();
    let cost = room.measure(LOAD).unwrap();
    assert!(cost.bytes > 204.0, "{cost:?}");
    let cost = room.measure(Load { window: 1, authors: 5, ..LOAD }).unwrap();
    assert!(cost.cpu_us >= 0.0);
}

/// Everybody, connected to a server that answers and delivers.
fn connected() -> Fleet {
    let (mut fleet, tokens) = (Fleet::new(stand_in(synced)).unwrap(), tokens("good"));
    fleet.grow(MEMBERS, |number| Some(room::hello(&tokens[number], None))).unwrap();
    fleet
}

#[test]
fn every_message_that_was_due_is_seen_by_others() {
    let mut fleet = connected();
    // The stand-in gives a message to everybody, so one conversation of one author will do.
    let delays = latency::measure(&mut fleet, &[CONV], 200, Duration::from_millis(20)).unwrap();
    assert!(delays.p50 > 0.0 && delays.p50 <= delays.p99 && delays.p99 <= delays.p999);
    let others = MEMBERS as u64 - 1;
    assert_eq!(fleet.delays.len(), latency::PER_S / 50 * others, "the author is no other");
}

#[test]
fn every_answer_is_followed_by_the_next_send_until_all_are_said() {
    // Each author sees what all write, so one is enough, and it has more to say than its window.
    let mut fleet = connected();
    let rate = throughput::measure(&mut fleet, own(), &[CONV], 200, 100).unwrap();
    assert!(rate.per_s > 0.0);
}

#[test]
fn a_refused_hello_ends_the_run_with_the_servers_words() {
    let refuse = |_: &str| {
        vec![server::err(Codec::Json, None, &ErrorBody::new(ErrorCode::Unauth, "sign in again"))]
    };
    match Room::carillon(stand_in(refuse), own(), CONV, &tokens("bad")) {
        Err(Failed::Refusals(refusals)) => {
            assert_eq!(refusals.counts, [("E_UNAUTH".to_owned(), MEMBERS as u32)].into());
            assert!(refusals.to_string().contains("sign in again"), "{refusals}");
        }
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn whoever_is_refused_among_many_is_named_with_what_was_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let upgraded = listener.incoming().take(MEMBERS).map(|stream| {
            let mut stream = stream.unwrap();
            assert!(stream.read(&mut [0; 1_024]).unwrap() > 0);
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").unwrap();
            stream
        });
        let mut streams: Vec<TcpStream> = upgraded.collect();
        for (number, stream) in streams.iter_mut().enumerate() {
            assert!(stream.read(&mut [0; 1_024]).unwrap() > 0, "everybody says something");
            match number {
                17 => {
                    let busy = ErrorBody::new(ErrorCode::Busy, "later");
                    write(stream, &server::err(Codec::Json, Some(1), &busy));
                }
                18 => stream.write_all(b"\x88\x06\x0f\xa8slow").unwrap(),
                19 => stream.shutdown(Shutdown::Both).unwrap(),
                _ => write(stream, &server::pong(Codec::Json, 1)),
            }
        }
        streams
    });
    let mut fleet = Fleet::new(Target { address, path: "/".into() }).unwrap();
    fleet.grow(MEMBERS, |_| None).unwrap();
    let Err(Failed::Refusals(refusals)) = room::heartbeat(&mut fleet) else {
        panic!("they were refused");
    };
    let counts = ["E_BUSY", "close 4008", "closed without a close frame"];
    assert_eq!(refusals.counts, counts.map(|code| (code.to_owned(), 1)).into());
    let said: Vec<_> = refusals.first.iter().map(|(number, said)| (*number, &said[..])).collect();
    let [(17, busy), (18, "close 4008 slow"), (19, _)] = said[..] else { panic!("{said:?}") };
    assert!(busy.contains("later"), "{busy}");
    drop(server.join().unwrap());
}

#[test]
fn what_comes_twice_ends_the_run() {
    let twice = |_: &str| {
        let synced = server::synced(Codec::Json, "s1.1");
        vec![[synced.clone(), synced].concat()]
    };
    match Room::carillon(stand_in(twice), own(), CONV, &tokens("good")) {
        Err(Failed::TooMany { seen: 2, expected: 1, .. }) => {}
        other => panic!("{:?}", other.err()),
    }
}
