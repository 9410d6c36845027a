//! Who is seen, and how large.

use std::time::{Duration, Instant};

use carillon_plugin::{MediaAnswer, MediaCall, MediaFact};
use carillon_protocol::room::{Source, View};
use carillon_sfu::kit::{Client, Picture, Weather};

use crate::stage::{Heard, Person, Stage, assert_one_stream};

const SMALL: (u16, u16) = (300, 170);
const LARGE: (u16, u16) = (1_280, 720);

#[test]
fn a_camera_is_seen_from_a_key_frame_on_as_one_stream() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.filmed(1), stage.join(2));
    let slots = stage.look(&mut b, &[&a], SMALL);
    assert_eq!((slots.len(), slots[0].participant, slots[0].source), (1, a.id, Source::Camera));
    stage.until(&mut [&mut a, &mut b], "pictures arrive", |people| people[1].got_of(1) > 60);
    let heard = &b.slots[&slots[0].mid];
    let first = Picture::read(&heard.packets[0].payload).unwrap().picture;
    assert!(first.key && first.first, "{first:?}");
    assert_one_stream(heard);
    assert_eq!(b.slots.len(), 1);
    assert_eq!(b.layer_of(1), Some(0), "a small tile gets the small layer");
}

#[test]
fn a_tile_gets_the_layer_that_fills_it_and_what_nobody_looks_at_is_said() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.filmed(1), stage.join(2));
    stage.look(&mut b, &[&a], LARGE);
    let mut people = [&mut a, &mut b];
    stage.until(&mut people, "the tile is filled", |people| people[1].layer_of(1) == Some(2));
    assert_eq!(wanted(&stage).last(), Some(&3));
    let (a, b) = people.into();
    stage.look(b, &[a], SMALL);
    let mut people = [a, b];
    stage.until(&mut people, "it is small", |people| people[1].layer_of(1) == Some(0));
    let told = std::cell::RefCell::new(Vec::new());
    stage.until(&mut people, "the publisher knows that", |_| {
        told.borrow_mut().extend(wanted(&stage));
        told.borrow().last() == Some(&1)
    });
    let (a, b) = people.into();
    stage.look(b, &[], SMALL);
    stage.until(&mut [a, b], "nobody looks", |_| {
        told.borrow_mut().extend(wanted(&stage));
        told.borrow().last() == Some(&0)
    });
    b.slots.values().for_each(assert_one_stream);
}

fn wanted(stage: &Stage) -> Vec<u8> {
    let layers = stage.facts().into_iter().filter_map(|fact| match fact {
        MediaFact::Wanted { layers, source: Source::Camera, .. } => Some(layers),
        _ => None,
    });
    layers.collect()
}

#[test]
fn a_narrow_way_gets_a_small_layer_and_a_wide_one_the_large_one_again() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.filmed(1), stage.join(2));
    stage.look(&mut b, &[&a], LARGE);
    let mut people = [&mut a, &mut b];
    stage.until(&mut people, "it is wide", |people| people[1].layer_of(1) == Some(2));
    // Too little for the middle layer, with what goes with it.
    people[1].client.set_weather(Weather { bits_per_s: Some(150_000), ..Weather::default() });
    stage.until(&mut people, "it is narrow", |people| people[1].layer_of(1) == Some(0));
    people[1].client.set_weather(Weather::default());
    stage.until(&mut people, "it is wide again", |people| people[1].layer_of(1) == Some(2));
}

#[test]
fn the_only_layer_is_kept_when_packets_come_now_sooner_now_later() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.filmed_once(1), stage.join(2));
    stage.look(&mut b, &[&a], LARGE);
    let mut people = [&mut a, &mut b];
    stage.until(&mut people, "pictures arrive", |people| pictures(people[1]) > 30);
    // The estimate takes that for a link that fills up, again and again.
    for turn in 0..80 {
        let delay = Duration::from_millis([5, 25, 60, 90][turn % 4]);
        people[1].client.set_weather(Weather { delay, ..Weather::default() });
        stage.go_on(&mut people, Duration::from_millis(100));
    }
    let heard = people[1].slots.values().find(|heard| is_picture(heard)).unwrap();
    let gaps = heard.packets.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at));
    let longest = gaps.max().unwrap();
    assert!(longest < Duration::from_millis(900), "it stood still for {longest:?}");
    assert_one_stream(heard);
}

fn is_picture(heard: &Heard) -> bool {
    Picture::read(&heard.packets[0].payload).is_some_and(|read| read.rest.len() > 100)
}

fn pictures(person: &Person) -> usize {
    let slots = person.slots.values().filter(|heard| is_picture(heard));
    slots.map(|heard| heard.packets.len()).sum()
}

#[test]
fn the_only_layer_goes_when_the_way_is_full() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.filmed_once(1), stage.join(2));
    stage.look(&mut b, &[&a], LARGE);
    let mut people = [&mut a, &mut b];
    stage.until(&mut people, "pictures arrive", |people| pictures(people[1]) > 30);
    people[1].client.set_weather(Weather { bits_per_s: Some(200_000), ..Weather::default() });
    let got = std::cell::Cell::new((0, Instant::now()));
    stage.until(&mut people, "nothing comes", |people| {
        let (count, since) = got.get();
        if pictures(people[1]) != count {
            got.set((pictures(people[1]), Instant::now()));
        }
        since.elapsed() > Duration::from_secs(2)
    });
    people[1].client.set_weather(Weather::default());
    let before = pictures(people[1]);
    stage.until(&mut people, "it is back", |people| pictures(people[1]) > before + 60);
}

#[test]
fn who_reports_no_packets_keeps_a_picture_however_narrow_the_way_is() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.filmed(1), stage.fresh(2));
    b.client = Client::unmeasured(stage.sfu.addresses()[0].ip(), 2).unwrap();
    stage.connect(&mut b);
    stage.look(&mut b, &[&a], LARGE);
    let mut people = [&mut a, &mut b];
    stage.until(&mut people, "it is wide", |people| people[1].layer_of(1) == Some(2));
    people[1].client.set_weather(Weather { bits_per_s: Some(150_000), ..Weather::default() });
    stage.until(&mut people, "it is narrow", |people| people[1].layer_of(1) == Some(0));
    people[1].forget();
    stage.until(&mut people, "it goes on", |people| people[1].got_of(1) > 90);
}

#[test]
fn a_slot_that_shows_somebody_else_goes_on_as_one_stream() {
    let stage = Stage::new();
    let (mut a, mut b, mut c) = (stage.filmed(1), stage.filmed(2), stage.join(3));
    let first = stage.look(&mut c, &[&a], SMALL);
    let mut people = [&mut a, &mut b, &mut c];
    stage.until(&mut people, "the first is seen", |people| people[2].got_of(1) > 30);
    let [a, b, c] = people;
    let second = stage.look(c, &[b], SMALL);
    assert_eq!(first[0].mid, second[0].mid);
    stage.until(&mut [a, b, c], "the second is seen", |people| people[2].got_of(2) > 30);
    let heard = &c.slots[&first[0].mid];
    assert_one_stream(heard);
    let turned = heard.of.iter().position(|(who, _)| *who == 2).unwrap();
    let first = Picture::read(&heard.packets[turned].payload).unwrap().picture;
    assert!(first.key && first.first, "{first:?}");
}

#[test]
fn views_that_stay_keep_their_slots_and_more_of_them_grow_the_connection() {
    let stage = Stage::new();
    let mut filmed: Vec<Person> = (1..=7).map(|n| stage.filmed(n)).collect();
    let mut c = stage.join(9);
    let looks = |c: &mut Person, filmed: &[Person], at: &[usize]| {
        let at: Vec<&Person> = at.iter().map(|n| &filmed[*n]).collect();
        stage.look(c, &at, SMALL)
    };
    let four = looks(&mut c, &filmed, &[0, 1, 2, 3]);
    let other = looks(&mut c, &filmed, &[4, 2, 1, 3]);
    let seven = looks(&mut c, &filmed, &[6, 5, 4, 3, 2, 1, 0]);
    let mid = |slots: &[carillon_protocol::room::Slot], n: usize| {
        slots.iter().find(|slot| slot.participant == filmed[n].id).map(|slot| slot.mid.clone())
    };
    for n in [1, 2, 3] {
        assert_eq!(mid(&four, n), mid(&other, n));
        assert_eq!(mid(&four, n), mid(&seven, n));
    }
    assert_eq!(mid(&other, 4), mid(&seven, 4));
    assert_eq!(seven.len(), 7);
    let mut people: Vec<&mut Person> = filmed.iter_mut().chain([&mut c]).collect();
    stage.until(&mut people, "all seven are seen", |people| {
        (1..=7).all(|n| people[7].got_of(n) > 10)
    });
    assert_eq!(people[7].slots.len(), 7);
}

#[test]
fn a_key_frame_is_asked_for_until_it_comes() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.filmed(1), stage.join(2));
    stage.look(&mut b, &[&a], SMALL);
    a.deaf = true;
    let mut people = [&mut a, &mut b];
    stage.until(&mut people, "it was asked for again", |people| people[0].asked >= 3);
    assert_eq!(people[1].got_of(1), 0);
    people[0].deaf = false;
    stage.until(&mut people, "pictures arrive", |people| people[1].got_of(1) > 10);
    stage.go_on(&mut people, Duration::from_millis(700));
    let asked = people[0].asked;
    stage.go_on(&mut people, Duration::from_millis(1_200));
    assert_eq!(people[0].asked, asked, "nobody asks for what has come");
}

#[test]
fn nobody_is_sent_their_own_picture() {
    let stage = Stage::new();
    let mut a = stage.filmed(1);
    let view = View { participant: a.id, source: Source::Camera, width: 640, height: 360 };
    let subscribe = MediaCall::Subscribe { participant: a.id, views: vec![view], restart: false };
    assert!(matches!(stage.ask(subscribe), Ok(MediaAnswer::Subscribed { .. })));
    stage.until_connected(&mut [&mut a]);
    stage.go_on(&mut [&mut a], Duration::from_millis(500));
    assert_eq!(a.got(), Default::default());
}

#[test]
fn a_large_tile_begins_with_the_large_layer() {
    let stage = Stage::new();
    let mut a = stage.filmed(1);
    stage.until(&mut [&mut a], "the camera is on", |people| people[0].sent > 60);
    let mut b = stage.join(2);
    stage.look(&mut b, &[&a], LARGE);
    let mut people = [&mut a, &mut b];
    stage.until(&mut people, "pictures arrive", |people| people[1].got_of(1) > 0);
    let first = b.slots.values().next().unwrap().of[0];
    assert_eq!(first, (1, 2), "nobody waits for the way to be measured");
}
