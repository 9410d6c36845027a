//! Coming, going, coming back.

use std::time::Duration;

use carillon_plugin::{MediaAnswer, MediaCall, MediaFact};
use carillon_protocol::{ErrorCode, room::Source};
use carillon_sfu::kit::Track;

use crate::stage::{LAYERS, Stage, assert_one_stream};

const SMALL: (u16, u16) = (300, 170);
/// Who is silent for so long is gone; longer than a busy machine lets anybody wait for their turn.
const GONE_AFTER: Duration = Duration::from_secs(3);

#[test]
fn whoever_goes_leaves_nothing_behind() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.filmed(1), stage.talker(2, 20));
    stage.look(&mut b, &[&a], SMALL);
    stage.until(&mut [&mut a, &mut b], "media flow", |people| {
        people[0].got_of(2) > 5 && people[1].got_of(1) > 5
    });
    let stats = stage.sfu.stats();
    assert_eq!((stats.rooms, stats.participants, stats.connections), (1, 2, 4));
    assert!(stats.packets_out > 0 && stats.forward.iter().sum::<u64>() > 0, "{stats:?}");
    stage.ask(MediaCall::Leave { participant: a.id }).unwrap();
    let connected = stage.ask(MediaCall::Connected).unwrap();
    assert_eq!(connected, MediaAnswer::Connected { participants: vec![b.id] });
    stage.ask(MediaCall::End).unwrap();
    let stats = stage.sfu.stats();
    assert_eq!((stats.rooms, stats.participants, stats.connections), (0, 0, 0));
    let gone = stage.ask(MediaCall::Permit { participant: a.id, sends: Vec::new() });
    assert_eq!(gone.unwrap_err().code(), ErrorCode::NotFound);
}

#[test]
fn who_comes_back_with_new_connections_is_seen_in_the_same_slot() {
    let stage = Stage::new();
    let (mut a, mut b, mut c) = (stage.filmed(1), stage.filmed(2), stage.join(3));
    let before = stage.look(&mut c, &[&a, &b], SMALL);
    let mut people = [&mut a, &mut b, &mut c];
    stage.until(&mut people, "both are seen", |people| {
        people[2].got_of(1) > 20 && people[2].got_of(2) > 20
    });
    // Another process, the same participant.
    a = stage.filmed(1);
    c.forget();
    let mut people = [&mut a, &mut b, &mut c];
    stage.until(&mut people, "they are seen again", |people| people[2].got_of(1) > 30);
    assert_eq!(c.slots.len(), 2);
    for (slot, whose) in before.iter().zip([1, 2]) {
        let heard = &c.slots[&slot.mid];
        assert!(heard.of.iter().all(|(who, _)| *who == whose));
        assert_one_stream(heard);
    }
}

#[test]
fn a_second_track_is_added_to_a_connection_that_goes_on() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.talker(1, 20), stage.join(2));
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 20);
    stage.publish(&mut a, &[Track { source: Source::Camera, rids: &["q", "h", "f"] }]);
    stage.permit(&a, &[Source::Microphone, Source::Camera]);
    (0..LAYERS.len()).for_each(|layer| a.send(Source::Camera, Some(layer), 0));
    stage.look(&mut b, &[&a], SMALL);
    stage.until(&mut [&mut a, &mut b], "both come", |people| people[1].slots.len() == 2);
    assert_eq!(stage.sfu.stats().connections, 3);
    b.slots.values().for_each(assert_one_stream);
}

#[test]
fn an_address_that_changes_is_followed() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.talker(1, 20), stage.talker(2, 20));
    stage.until(&mut [&mut a, &mut b], "both hear the other", |people| {
        people[0].got_of(2) > 20 && people[1].got_of(1) > 20
    });
    a.client.rebind().unwrap();
    a.forget();
    b.forget();
    stage.until(&mut [&mut a, &mut b], "they hear each other again", |people| {
        people[0].got_of(2) > 20 && people[1].got_of(1) > 20
    });
}

#[test]
fn who_is_silent_for_too_long_is_gone() {
    let stage = Stage::with(GONE_AFTER);
    let (mut a, b) = (stage.talker(1, 20), stage.talker(2, 20));
    stage.until(&mut [&mut a], "the other is gone", |_| {
        let lost = MediaFact::Lost { room: stage.room, participant: b.id };
        stage.facts().contains(&lost)
    });
    let connected = stage.ask(MediaCall::Connected).unwrap();
    assert_eq!(connected, MediaAnswer::Connected { participants: vec![a.id] });
}

#[test]
fn a_connection_that_was_lost_is_made_again_without_another_place() {
    let stage = Stage::new();
    let (mut a, mut b) = (stage.talker(1, 20), stage.join(2));
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 20);
    b.client.rebind().unwrap();
    let restart = MediaCall::Subscribe { participant: b.id, views: Vec::new(), restart: true };
    let MediaAnswer::Subscribed { offer: Some(offer), .. } = stage.ask(restart).unwrap() else {
        panic!("a restart needs an offer")
    };
    stage.answer(&mut b, &offer);
    b.forget();
    stage.until(&mut [&mut a, &mut b], "it is heard again", |people| people[1].got_of(1) > 20);
}

#[test]
fn who_only_listens_is_not_taken_for_gone() {
    let stage = Stage::with(GONE_AFTER);
    let (mut a, mut b) = (stage.talker(1, 20), stage.join(2));
    // Fifty a second: longer than that.
    stage.until(&mut [&mut a, &mut b], "the voice is heard", |people| people[1].got_of(1) > 200);
    assert!(!stage.facts().iter().any(|fact| matches!(fact, MediaFact::Lost { .. })));
}

#[test]
fn a_connection_that_was_closed_is_never_taken_for_another() {
    let stage = Stage::new();
    let (mut a, mut c) = (stage.join(1), stage.talker(3, 20));
    stage.until_connected(&mut [&mut a, &mut c]);
    let connections = stage.sfu.stats().connections;
    a.client.close().unwrap();
    stage.until(&mut [&mut a, &mut c], "the server knows that it is closed", |_| {
        stage.sfu.stats().connections < connections
    });
    let mut b = stage.join(2);
    stage.until(&mut [&mut b, &mut c], "the voice is heard", |people| people[0].got_of(3) > 10);
    stage.ask(MediaCall::Leave { participant: a.id }).unwrap();
    b.forget();
    stage.until(&mut [&mut b, &mut c], "it is still heard", |people| people[0].got_of(3) > 20);
}
