//! The card of a room in its conversation, and planned rooms.

use crate::*;

const HOUR_MS: i64 = 3_600_000;

fn acts(card: &Card) -> Vec<String> {
    card.buttons.iter().filter_map(|button| button.act.clone()).collect()
}

#[tokio::test]
async fn the_card_says_how_a_meeting_goes_and_at_the_end_who_was_there() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let join = vec![format!("join:{room}")];
    let card = world.cards().await.pop().unwrap();
    assert_eq!((card.title.as_deref(), acts(&card)), (Some("Meeting"), join.clone()));
    assert_eq!(card.text.as_deref(), Some("Open; nobody is there yet"));
    let amy = world.comes(world.amy, room).await;
    let card = world.cards().await.pop().unwrap();
    assert!(card.text.unwrap().starts_with("Going on since "));
    let update = Update { room, title: Some("Plans".into()), starts_at: None, rules: None };
    world.call(world.amy, update).await.unwrap();
    let card = world.cards().await.pop().unwrap();
    assert_eq!((card.title.as_deref(), acts(&card)), (Some("Plans"), join));

    let bob = world.comes(world.bob, room).await;
    world.kit.clock().advance(12 * 60_000);
    world.leaves(world.bob, bob).await.unwrap();
    world.comes_back(world.bob, room, bob).await.unwrap();
    world.leaves(world.amy, amy).await.unwrap();
    world.call(world.bob, End { room }).await.expect("who has been there longest is the host");
    let cards = world.cards().await;
    let [card] = &cards[..] else { panic!("one card, not {cards:?}") };
    assert_eq!((card.state, card.note.as_deref()), (State::Done, Some("The meeting is over")));
    assert_eq!(acts(card), Vec::<String>::new());
    let facts: Vec<_> = card.fields.iter().map(|fact| (&*fact.label, &*fact.value)).collect();
    assert_eq!(facts, [("Duration", "12 min"), ("People: 2", "amy, bob")]);
    world.nothing_failed().await;
}

#[tokio::test]
async fn pressing_the_button_elsewhere_than_in_the_app_changes_nothing() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    world.cards().await;
    let topic = Topic::Conv(world.conv);
    let read = log::Read { topic, after: Some(0), before: None, limit: Some(200) };
    let events = world.call(world.amy, read).await.unwrap().events;
    let seq = events.iter().find(|event| &*event.k == msg::kind::SENT).unwrap().seq;
    let (conv, act) = (world.conv, format!("join:{room}"));
    let press = carillon_plugin::protocol::card::Act { conv, seq, act, values: <_>::default() };
    assert!(!world.call(world.bob, press).await.unwrap().dup);
    assert_eq!(world.room(room).await.participants, []);
}

#[tokio::test]
async fn a_planned_room_is_reminded_of_opened_by_who_comes_and_stays() {
    let world = World::new().await;
    let starts_at = Some(world.kit.clock().now() + HOUR_MS);
    let plan = Create { starts_at, title: Some("Weekly".into()), ..world.now_here() };
    let room = world.call(world.bob, plan).await.unwrap().room;
    let card = world.cards().await.pop().unwrap();
    assert!(card.text.unwrap().starts_with("Begins 2026-"));
    assert_eq!(world.room(room).await.head.phase, Phase::Planned);
    world.kit.clock().advance(HOUR_MS - 10 * 60_000 - 1);
    assert_eq!(world.cards().await.len(), 1);
    world.kit.clock().advance(1);
    let cards = world.cards().await;
    assert_eq!((cards.len(), cards[1].text.as_deref()), (2, Some("Begins in 10 min")));
    assert_eq!(acts(&cards[1]), [format!("join:{room}")]);

    // Who comes earlier opens it; it stays while nobody is there.
    let carol = world.comes(world.carol, room).await;
    assert_eq!(world.room(room).await.head.phase, Phase::Open);
    world.leaves(world.carol, carol).await.unwrap();
    world.kit.clock().advance(2 * HOUR_MS);
    world.kit.settle().await;
    assert_eq!(world.room(room).await.head.phase, Phase::Open);
    let bob = world.comes(world.bob, room).await;
    assert_eq!(world.seat(room, bob).await.unwrap().role, Role::Host, "who planned it");
    // What is opened now is another room.
    let now = world.call(world.carol, world.now_here()).await.unwrap().room;
    assert_ne!(now, room);
    world.leaves(world.bob, bob).await.unwrap();
    world.kit.clock().advance(25 * HOUR_MS);
    world.kit.settle().await;
    assert_eq!(world.room(room).await.head.phase, Phase::Ended);
    assert!(world.cards().await[..2].iter().all(|card| card.state == State::Done));
    world.nothing_failed().await;
}

#[tokio::test]
async fn a_planned_room_is_moved_or_called_off_by_who_planned_it() {
    let world = World::new().await;
    let begins = world.kit.clock().now() + HOUR_MS;
    let plan = Create { starts_at: Some(begins), ..world.now_here() };
    let room = world.opens(plan.clone()).await;
    let gone = world.opens(Create { starts_at: Some(begins - 60_000), ..plan }).await;
    let listed = world.call(world.bob, List { conv: Some(world.conv) }).await.unwrap().rooms;
    assert_eq!(listed.iter().map(|head| head.room).collect::<Vec<_>>(), [gone, room]);
    assert_eq!(world.cards().await.len(), 2);
    assert_eq!(code(world.call(world.bob, End { room: gone }).await), ErrorCode::Forbidden);
    world.call(world.amy, End { room: gone }).await.unwrap();
    let later = Some(begins + HOUR_MS);
    let update = Update { room, title: None, starts_at: later, rules: None };
    world.call(world.amy, update.clone()).await.unwrap();
    assert_eq!(world.room(room).await.head.starts_at, later);
    world.kit.clock().advance(HOUR_MS);
    let cards = world.cards().await;
    let notes: Vec<_> = cards.iter().filter_map(|card| card.note.as_deref()).collect();
    assert_eq!((cards.len(), notes), (2, vec!["The meeting was called off"]));
    world.kit.clock().advance(HOUR_MS - 10 * 60_000);
    assert_eq!(world.cards().await.len(), 3, "reminded of once, of the new time");
    world.comes(world.carol, room).await;
    let begun = world.call(world.amy, update).await;
    assert_eq!(code(begun), ErrorCode::Conflict, "it has begun");
    world.nothing_failed().await;
}
