//! Who is heard.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use carillon_plugin::MediaFact;
use carillon_protocol::room::Source;
use carillon_sfu::kit::{Client, Track};

use crate::stage::{Person, Stage, assert_one_stream};

#[test]
fn two_people_hear_each_other_and_not_themselves() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.talker(1, 20), stage.talker(2, 20));
    stage.until(&mut [&mut a, &mut b], "both hear the other", |people| {
        people[0].got_of(2) > 50 && people[1].got_of(1) > 50
    });
    assert_eq!((a.got_of(1), b.got_of(2)), (0, 0));
    a.slots.values().chain(b.slots.values()).for_each(assert_one_stream);
    assert!(b.slots.values().flat_map(|heard| &heard.packets).all(|p| p.level == Some(20)));
}

#[test]
fn when_something_was_captured_is_told_to_those_who_understand_it() {
    let stage = Stage::new();
    let knows = |number: u8| {
        let mut person = stage.fresh(number);
        let ip = stage.sfu.addresses()[0].ip();
        person.client = Client::capturing(ip, u64::from(number)).unwrap();
        stage.connect(&mut person);
        person
    };
    let (mut a, mut b, mut c) = (knows(1), knows(2), stage.join(3));
    let captured = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_250);
    a.client.set_captured(Some(captured));
    let sends = [Source::Microphone, Source::Camera];
    stage.publish(&mut a, &sends.map(|source| Track { source, rids: &[] }));
    sends.into_iter().for_each(|source| a.send(source, None, 20));
    stage.look(&mut b, &[&a], (640, 360));
    stage.look(&mut c, &[&a], (640, 360));
    let both = |person: &Person| {
        person.slots.len() == 2 && person.slots.values().all(|heard| heard.packets.len() > 5)
    };
    stage.until(&mut [&mut a, &mut b, &mut c], "both hear and see", |people| {
        both(people[1]) && both(people[2])
    });
    let told = |person: &Person| {
        let packets = person.slots.values().flat_map(|heard| &heard.packets);
        packets.map(|packet| packet.captured).collect::<Vec<_>>()
    };
    // A fraction of 2^32 is a little less than a nanosecond wide.
    let same = |at: SystemTime| at.max(captured).duration_since(at.min(captured)).unwrap();
    assert!(told(&b).into_iter().all(|at| same(at.unwrap()) < Duration::from_nanos(2)));
    assert!(told(&c).into_iter().all(|at| at.is_none()));
}

#[test]
fn of_eight_who_talk_the_five_loudest_are_heard() {
    let stage = Stage::new();
    let mut listener = stage.join(9);
    let mut talkers: Vec<Person> = (1..=8).map(|n| stage.talker(n, 4 * n)).collect();
    let mut people: Vec<&mut Person> = talkers.iter_mut().chain([&mut listener]).collect();
    stage.until_connected(&mut people);
    let loud = BTreeSet::from([1, 2, 3, 4, 5]);
    stage.until(&mut people, "somebody is said to speak", |people| {
        people[8].got().keys().filter(|who| loud.contains(who)).count() == 5
    });
    // Those who were given up to make room may have packets under way.
    stage.go_on(&mut people, Duration::from_millis(500));
    people[8].forget();
    stage.until(&mut people, "the five are heard", |people| people[8].got_of(5) > 50);
    let got: BTreeSet<u8> = people[8].got().into_keys().collect();
    assert_eq!(got, loud);
    // Who is loud hears the others, so the sixth is heard by them.
    assert!(people[0].got_of(6) > 0 && people[0].got_of(1) == 0);
    let said = stage.facts().into_iter().rev().find_map(|fact| match fact {
        MediaFact::Speaking { participants, .. } => Some(participants),
        _ => None,
    });
    let ids: Vec<_> = people[..5].iter().map(|person| person.id).collect();
    assert_eq!(said, Some(ids));
}

#[test]
fn a_voice_that_gets_louder_takes_the_slot_of_a_quiet_one_as_one_stream() {
    let stage = Stage::new();
    let mut listener = stage.join(9);
    let mut talkers: Vec<Person> =
        (1..=6).map(|n| stage.talker(n, if n == 6 { 90 } else { 20 })).collect();
    let mut people: Vec<&mut Person> = talkers.iter_mut().chain([&mut listener]).collect();
    stage.until(&mut people, "five are heard", |people| {
        (1..=5).all(|n| people[6].got_of(n) > 25) && people[6].got_of(6) == 0
            || people[6].got_of(1) > 200
    });
    stage.go_on(&mut people, Duration::from_millis(300));
    people[6].forget();
    people[0].set_level(127);
    people[5].set_level(10);
    stage.until(&mut people, "the sixth is heard", |people| people[6].got_of(6) > 50);
    let heard = &people[6].slots;
    assert_eq!(heard.len(), 5, "five slots for five voices");
    heard.values().for_each(assert_one_stream);
    let turns = heard.values().find(|heard| heard.of.iter().any(|(who, _)| *who == 6)).unwrap();
    assert!(turns.of.iter().any(|(who, _)| *who == 1), "one slot, two voices");
}

#[test]
fn who_is_muted_is_silent_at_once_though_the_client_goes_on() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.talker(1, 20), stage.join(2));
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 20);
    stage.permit(&a, &[]);
    // What the server had taken in before is on its way for some of its laps.
    stage.until(&mut [&mut a, &mut b], "it is held back", |_| stage.sfu.stats().muted > 4);
    b.step();
    b.forget();
    stage.go_on(&mut [&mut a, &mut b], Duration::from_millis(500));
    assert_eq!(b.got_of(1), 0);
    assert!(stage.sfu.stats().muted > 10);
    stage.permit(&a, &[Source::Microphone]);
    stage.until(&mut [&mut a, &mut b], "it is heard again", |people| people[1].got_of(1) > 20);
    b.slots.values().for_each(assert_one_stream);
}

#[test]
fn nobody_is_heard_before_it_is_permitted() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.talker(1, 20), stage.join(2));
    stage.permit(&a, &[]);
    stage.until_connected(&mut [&mut a, &mut b]);
    stage.go_on(&mut [&mut a, &mut b], Duration::from_millis(300));
    assert_eq!(b.got(), Default::default());
}

#[test]
fn the_sound_of_a_screen_is_heard_besides_the_voices() {
    let stage = Stage::new();
    let mut talkers: Vec<Person> = (1..=5).map(|n| stage.talker(n, 20)).collect();
    let mut sharer = stage.join(6);
    stage.publish(&mut sharer, &[Track { source: Source::ScreenAudio, rids: &[] }]);
    sharer.send(Source::ScreenAudio, None, 0);
    let mut listener = stage.join(9);
    let mut people: Vec<&mut Person> =
        talkers.iter_mut().chain([&mut sharer, &mut listener]).collect();
    stage.until(&mut people, "all six are heard", |people| {
        (1..=6).all(|n| people[6].got_of(n) > 20)
    });
    assert_eq!(people[6].slots.len(), 6);
    people[6].slots.values().for_each(assert_one_stream);
}
