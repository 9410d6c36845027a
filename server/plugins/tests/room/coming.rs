//! Opening a room, coming in, going, and coming back.

use crate::*;

#[tokio::test]
async fn people_of_a_conversation_meet_and_the_last_one_ends_it() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    assert_eq!(world.call(world.bob, world.now_here()).await.unwrap().room, room, "one a time");

    let joined = world.joins(world.amy, room).await.unwrap();
    let amy = joined.participant;
    assert_eq!(joined.offer.as_deref(), Some("v=0 offer"));
    assert_eq!(joined.room, world.room(room).await);
    assert_eq!(joined.room.participants[0].role, Role::Host);
    assert!(joined.room.head.started_at.is_some());
    let bob = world.comes(world.bob, room).await;
    let seats = world.room(room).await.participants;
    assert_eq!(seats.iter().map(|seat| seat.participant).collect::<Vec<_>>(), [amy, bob]);
    assert_eq!(seats[1].role, Role::Member);

    world.sends((world.bob, bob), Source::Microphone).await;
    assert_eq!(world.carrier.forwards(bob), Some(vec![Source::Microphone]));
    let muted = Some(Publication { muted: true });
    world.publishes((world.bob, bob), Source::Microphone, muted).await.unwrap();
    assert_eq!(world.carrier.forwards(bob), Some(vec![]));
    world.publishes((world.bob, bob), Source::Microphone, None).await.unwrap();
    assert!(world.seat(room, bob).await.unwrap().publications.is_empty());

    world.leaves(world.bob, bob).await.unwrap();
    world.leaves(world.bob, bob).await.expect("again, it is so already");
    assert_eq!(world.carrier.connected(), [amy]);
    world.leaves(world.amy, amy).await.unwrap();
    let after = world.room(room).await;
    assert_eq!((after.head.phase, after.participants), (Phase::Ended, vec![]));
    assert_eq!(world.carrier.connected(), []);
    assert_eq!(code(world.joins(world.bob, room).await), ErrorCode::Conflict);
    let next = world.call(world.bob, world.now_here()).await.unwrap().room;
    assert_ne!(next, room);
    world.kit.settle().await;
    world.nothing_failed().await;
}
