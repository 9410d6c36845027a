//! What must not work.

use std::{net::UdpSocket, time::Duration};

use carillon_plugin::{Error, MediaAnswer, MediaCall};
use carillon_protocol::{
    ErrorCode,
    room::{Connection, Sent, Source, View},
};
use carillon_sfu::kit::Track;

use crate::stage::{Stage, id};

fn refused(answer: Result<MediaAnswer, Error>) -> (ErrorCode, Option<String>) {
    let error = answer.unwrap_err();
    (error.code(), error.body().field.clone())
}

#[test]
fn datagrams_of_strangers_change_nothing_and_are_not_answered() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.talker(1, 20), stage.join(2));
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 10);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.set_nonblocking(true).unwrap();
    let server = stage.sfu.addresses()[0];
    let hello = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50];
    let media = [0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
    let check = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    let before = stage.sfu.stats().refused;
    for round in 0..200 {
        for datagram in [&hello[..], &media, &check, &[], &[round; 1_400]] {
            stranger.send_to(datagram, server).unwrap();
        }
    }
    b.forget();
    stage.until(&mut [&mut a, &mut b], "it is still heard", |people| people[1].got_of(1) > 50);
    assert!(stage.sfu.stats().refused >= before + 900, "{:?}", stage.sfu.stats());
    let answer = stranger.recv_from(&mut [0; 100]).unwrap_err();
    assert_eq!(answer.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_description_that_cannot_be_used_is_refused_and_the_room_goes_on() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.talker(1, 20), stage.join(2));
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 10);
    let (sdp, sends) = a.client.offer(&[Track { source: Source::Camera, rids: &[] }]).unwrap();
    let offer = |sdp: String, sends: Vec<Sent>| {
        refused(stage.ask(MediaCall::Offer { participant: a.id, sdp, sends }))
    };
    let sdp_field = (ErrorCode::BadArg, Some("sdp".to_owned()));
    for bad in ["", "v=0", "v=0\r\ns=-\r\n", "hello", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"]
    {
        assert_eq!(offer(bad.to_owned(), Vec::new()), sdp_field, "{bad}");
    }
    for gone in ["a=fingerprint", "a=ice-pwd", "a=mid", "a=group", "m=audio"] {
        let kept: Vec<&str> = sdp.lines().filter(|line| !line.starts_with(gone)).collect();
        let (code, _) = offer(kept.join("\r\n") + "\r\n", sends.clone());
        assert_eq!(code, ErrorCode::BadArg, "without {gone}");
    }
    let cut = sdp.len() / 2;
    assert_eq!(offer(sdp[..cut].to_owned(), sends.clone()).0, ErrorCode::BadArg);
    let crossed = vec![Sent { mid: sends[0].mid.clone(), source: Source::Camera }];
    assert_eq!(offer(sdp, crossed), (ErrorCode::BadArg, Some("sends".to_owned())));
    b.forget();
    stage.until(&mut [&mut a, &mut b], "it is still heard", |people| people[1].got_of(1) > 20);
}

#[test]
fn an_answer_that_cannot_be_used_is_refused_and_the_right_one_taken_then() {
    let stage = Stage::new();
    let mut a = stage.talker(1, 20);
    let mut b = stage.join(2);
    let views = (10..20).map(|n| View {
        participant: id(n),
        source: Source::Camera,
        width: 100,
        height: 100,
    });
    let subscribe =
        MediaCall::Subscribe { participant: b.id, views: views.collect(), restart: false };
    let MediaAnswer::Subscribed { slots, offer: Some(offer) } = stage.ask(subscribe).unwrap()
    else {
        panic!("ten views need an offer")
    };
    assert_eq!(slots.len(), 10);
    for bad in ["", "v=0\r\n", &offer.replace("a=mid:", "a=mid:x")] {
        let answer = MediaCall::Answer { participant: b.id, sdp: bad.to_owned() };
        assert_eq!(refused(stage.ask(answer)), (ErrorCode::BadArg, Some("sdp".to_owned())));
    }
    stage.answer(&mut b, &offer);
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 10);
}

#[test]
fn a_client_whose_certificate_is_not_the_announced_one_gets_nothing() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.talker(1, 20), stage.join(2));
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 10);
    // What a thief of the signalling would do: its own certificate behind the victim's answer.
    let mut thief = stage.join(3);
    let join = MediaCall::Join { participant: thief.id, user: id(3), may: Vec::new() };
    let MediaAnswer::Joined { offer } = stage.ask(join).unwrap() else { panic!() };
    thief = stage.fresh(3);
    let sdp = thief.client.accept(&offer).unwrap();
    let at = sdp.find("a=fingerprint:sha-256 ").unwrap() + "a=fingerprint:sha-256 ".len();
    let other = if &sdp[at..at + 2] == "00" { "01" } else { "00" };
    let forged = [&sdp[..at], other, &sdp[at + 2..]].concat();
    stage.ask(MediaCall::Answer { participant: thief.id, sdp: forged }).unwrap();
    stage.go_on(&mut [&mut a, &mut b, &mut thief], Duration::from_millis(1_500));
    assert_eq!(thief.got(), Default::default());
    b.forget();
    stage.until(&mut [&mut a, &mut b], "others go on", |people| people[1].got_of(1) > 10);
}

#[test]
fn calls_of_who_is_not_there_and_candidates_that_are_none_are_refused() {
    let stage = Stage::new();
    let mut a = stage.join(1);
    let candidate = |participant, candidate: &str| {
        let (connection, candidate) = (Connection::Publish, candidate.to_owned());
        stage.ask(MediaCall::Candidate { participant, connection, candidate })
    };
    let good = "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host";
    assert_eq!(candidate(a.id, good).unwrap(), MediaAnswer::Done);
    let field = Some("candidate".to_owned());
    assert_eq!(refused(candidate(a.id, "candidate:x")), (ErrorCode::BadArg, field));
    let nobody = stage.fresh(7).id;
    let (sdp, sends) = a.client.offer(&[Track { source: Source::Microphone, rids: &[] }]).unwrap();
    let offer = MediaCall::Offer { participant: nobody, sdp, sends };
    assert_eq!(refused(stage.ask(offer)).0, ErrorCode::NotFound);
}

#[test]
fn a_packet_that_is_too_long_for_the_others_ends_nobody() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.talker(1, 20), stage.talker(2, 20));
    let mut c = stage.join(3);
    let mut people = [&mut a, &mut b, &mut c];
    stage.until(&mut people, "both are heard", |people| {
        people[2].got_of(1) > 10 && people[2].got_of(2) > 10
    });
    for seq in 0..20 {
        let at = (50_000 + seq, 1, false);
        let long = vec![1; 1_950];
        people[0].client.send((Source::Microphone, None), at, Some(20), &long).unwrap();
    }
    people[2].forget();
    stage.until(&mut people, "the other is still heard", |people| people[2].got_of(2) > 50);
    assert_eq!(stage.sfu.stats().connections, 5);
    assert!(c.slots.values().flat_map(|heard| &heard.packets).all(|p| p.payload.len() < 1_500));
}

#[test]
fn a_microphone_that_floods_is_cut_to_what_a_voice_may_take() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.talker(1, 20), stage.join(2));
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 10);
    for seq in 0..2_000 {
        let at = (10_000 + seq, 1, false);
        a.client.send((Source::Microphone, None), at, Some(20), &[1; 100]).unwrap();
        b.client.step().unwrap();
    }
    stage.until(&mut [&mut a, &mut b], "what is too much is counted", |_| {
        stage.sfu.stats().excess > 500
    });
    assert!(b.got_of(1) < 1_000, "{}", b.got_of(1));
}

#[test]
fn an_offer_that_names_streams_without_end_is_refused() {
    let stage = Stage::new();
    let mut a = stage.join(1);
    let (sdp, sends) = a.client.offer(&[Track { source: Source::Microphone, rids: &[] }]).unwrap();
    let many: String = (1..1_000).map(|n| format!("a=ssrc:{n} cname:x\r\n")).collect();
    let offer = |sdp: String| {
        let sends = sends.clone();
        stage.ask(MediaCall::Offer { participant: a.id, sdp, sends })
    };
    let field = Some("sdp".to_owned());
    assert_eq!(refused(offer(sdp.clone() + &many)), (ErrorCode::BadArg, field));
    assert!(matches!(offer(sdp), Ok(MediaAnswer::Description { .. })));
}
