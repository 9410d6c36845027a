//! What those have whose networks let no UDP through.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::{
    relay::Tunnel,
    stage::{Stage, assert_one_stream},
};

#[test]
fn who_has_only_tcp_hears_and_is_heard() {
    let stage = Stage::new();
    let server = stage.sfu.addresses()[0];
    let (up, down) = (Tunnel::new(server), Tunnel::new(server));
    let (mut a, mut b) = (up.way.talker(&stage, 1, 20), down.way.listener(&stage, 2));
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 100);
    b.slots.values().for_each(assert_one_stream);
    assert_eq!(stage.sfu.stats().dropped, 0);
    // The way ends with a part of those that go it; the others stay.
    let mut c = stage.join(3);
    stage.until(&mut [&mut a, &mut b, &mut c], "both hear", |people| people[2].got_of(1) > 20);
    drop(down);
    c.forget();
    stage.until(&mut [&mut a, &mut c], "one still hears", |people| people[1].got_of(1) > 50);
    c.slots.values().for_each(assert_one_stream);
}

#[test]
fn strangers_over_tcp_change_nothing_and_those_who_speak_something_else_are_hung_up_on() {
    let stage = Stage::new();
    let server = stage.sfu.addresses()[0];
    let (mut a, mut b) = (stage.talker(1, 20), stage.join(2));
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 10);
    let mut strangers: Vec<TcpStream> =
        (0..20).map(|_| TcpStream::connect(server).unwrap()).collect();
    for stranger in &mut strangers {
        stranger.write_all(b"\0\x0dnot a check..").unwrap();
    }
    let mut browser = TcpStream::connect(server).unwrap();
    browser.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let over = browser.read(&mut [0]);
    assert!(
        matches!(over, Ok(0)) || over.is_err_and(|e| e.kind() != std::io::ErrorKind::WouldBlock)
    );
    b.forget();
    stage.until(&mut [&mut a, &mut b], "it is still heard", |people| people[1].got_of(1) > 50);
    b.slots.values().for_each(assert_one_stream);
}
