//! Who carries the media, and what happens when they are gone.

use crate::*;

#[tokio::test]
async fn another_node_takes_over_what_a_dead_one_carried() {
    let world = World::new().await;
    let other = world.kit.another_host(plugins(world.carrier.at(2)));
    let room = world.opens(world.now_here()).await;
    let (amy, bob) = (world.comes(world.amy, room).await, world.comes(world.bob, room).await);
    world.sends((world.bob, bob), Source::Camera).await;
    assert_eq!(world.carrier.owner(bob), Some(run(1)));

    world.carrier.dies(run(1));
    let answer = Answer { participant: bob, sdp: "v=0".into() };
    let lost = other.call_typed(world.bob, None, &answer).await;
    assert_eq!(code(lost), ErrorCode::NotFound, "join again");
    let join = |participant| Join { room, participant: Some(participant) };
    let back = other.call_typed(world.bob, None, &join(bob)).await.unwrap();
    assert_eq!((back.participant, back.room.participants.len()), (bob, 2));
    assert_eq!(world.carrier.owner(bob), Some(run(2)));
    assert_eq!(world.carrier.forwards(bob), Some(vec![Source::Camera]));
    other.call_typed(world.amy, None, &join(amy)).await.unwrap();
    assert_eq!(world.carrier.owner(amy), Some(run(2)));
    let log = world.log(room).await;
    let of = |k: &str| log.iter().filter(|event| &*event.k == k).count();
    assert_eq!((of(kind::MOVED), of(kind::LEFT), of(kind::JOINED)), (1, 0, 2));
}

#[tokio::test]
async fn of_two_nodes_that_take_over_at_once_one_does() {
    let world = World::new().await;
    let others = [2, 3].map(|it| world.kit.another_host(plugins(world.carrier.at(it))));
    let room = world.opens(world.now_here()).await;
    let (amy, bob) = (world.comes(world.amy, room).await, world.comes(world.bob, room).await);
    world.carrier.dies(run(1));
    let [two, three] = others;
    let theirs = three.clone();
    world.kit.before_next_commit(async move {
        theirs.call_typed(Caller::SYSTEM, None, &TakeOver { owner: run(1) }).await.unwrap();
    });
    let join = |participant| Join { room, participant: Some(participant) };
    two.call_typed(world.amy, None, &join(amy)).await.unwrap();
    two.call_typed(Caller::SYSTEM, None, &TakeOver { owner: run(1) }).await.unwrap();
    three.call_typed(world.bob, None, &join(bob)).await.unwrap();
    let owners = [amy, bob].map(|participant| world.carrier.owner(participant));
    assert_eq!(owners, [Some(run(3)); 2]);
    let moved = world.log(room).await.iter().filter(|event| &*event.k == kind::MOVED).count();
    assert_eq!(moved, 1);
}

#[tokio::test]
async fn who_is_silent_for_too_long_is_gone_unless_they_are_back() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let (amy, bob) = (world.comes(world.amy, room).await, world.comes(world.bob, room).await);
    let lost = |participant| Lost { participant };
    let system = Caller::SYSTEM;
    world.call(system, lost(bob)).await.unwrap();
    assert!(world.seat(room, bob).await.is_some(), "media have them");
    world.carrier.loses(bob);
    world.call(system, lost(bob)).await.unwrap();
    assert!(world.seat(room, bob).await.is_none());
    assert_eq!(code(world.call(world.bob, lost(amy)).await), ErrorCode::UnknownOp);

    // Of whom no node says anything the rounds say it; the last one ends it.
    world.carrier.loses(amy);
    world.kit.clock().advance(60_000);
    world.kit.settle().await;
    assert!(world.seat(room, amy).await.is_some());
    world.kit.clock().advance(60_000);
    world.kit.settle().await;
    assert_eq!(world.room(room).await.head.phase, Phase::Ended);
    let log = world.log(room).await;
    let left = log.iter().filter(|event| &*event.k == kind::LEFT);
    let gone: Vec<_> = left.map(|event| event.data.to::<LeftData>().unwrap().gone).collect();
    assert_eq!(gone, [Gone::Lost, Gone::Lost]);
    world.nothing_failed().await;
}

#[tokio::test]
async fn what_media_could_not_be_told_they_are_told_later() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let (_, bob) = (world.comes(world.amy, room).await, world.comes(world.bob, room).await);
    world.sends((world.bob, bob), Source::Microphone).await;
    world.carrier.deafens(true);
    let mute = Mute { room, participant: Some(bob), source: Source::Microphone };
    world.call(world.amy, mute).await.expect("it is written down");
    assert_eq!(world.carrier.forwards(bob), Some(vec![Source::Microphone]));
    world.carrier.deafens(false);
    world.kit.clock().advance(1_000);
    world.kit.settle().await;
    assert_eq!(world.carrier.forwards(bob), Some(vec![]));
    world.nothing_failed().await;
}

/// As when the node ends right after the commit.
#[tokio::test]
async fn a_right_that_was_taken_away_is_told_once_more_after_a_second() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let (amy, bob) = (world.comes(world.amy, room).await, world.comes(world.bob, room).await);
    world.sends((world.bob, bob), Source::Microphone).await;
    let second = async || {
        world.carrier.dulls(false);
        world.kit.clock().advance(1_000);
        world.kit.settle().await;
        world.carrier.dulls(true);
    };
    world.carrier.dulls(true);
    let mute = Mute { room, participant: Some(bob), source: Source::Microphone };
    world.call(world.amy, mute).await.unwrap();
    assert_eq!(world.carrier.forwards(bob), Some(vec![Source::Microphone]));
    second().await;
    assert_eq!(world.carrier.forwards(bob), Some(vec![]));
    world.call(world.amy, Kick { participant: bob }).await.unwrap();
    assert_eq!(world.carrier.connected(), [amy, bob]);
    second().await;
    assert_eq!(world.carrier.connected(), [amy]);
    world.call(world.amy, End { room }).await.unwrap();
    assert_eq!(world.carrier.connected(), [amy]);
    second().await;
    assert_eq!(world.carrier.connected(), []);
    world.nothing_failed().await;
}

#[tokio::test]
async fn that_media_cannot_be_asked_puts_nobody_out() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let (_, bob) = (world.comes(world.amy, room).await, world.comes(world.bob, room).await);
    world.carrier.deafens(true);
    for _ in 0..5 {
        world.kit.clock().advance(60_000);
        world.kit.settle().await;
    }
    let lost = world.call(Caller::SYSTEM, Lost { participant: bob }).await;
    assert_eq!(code(lost), ErrorCode::Unavailable, "it is asked again");
    assert_eq!(world.room(room).await.participants.len(), 2);
    world.carrier.deafens(false);
    world.kit.clock().advance(10_000);
    world.kit.settle().await;
    assert_eq!(world.room(room).await.participants.len(), 2);
    world.nothing_failed().await;
}

#[tokio::test]
async fn who_comes_back_while_the_round_is_made_is_not_gone() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let (_, bob) = (world.comes(world.amy, room).await, world.comes(world.bob, room).await);
    world.carrier.loses(bob);
    world.kit.clock().advance(60_000);
    world.kit.settle().await;
    world.kit.clock().advance(60_000);
    let (host, caller) = (world.kit.host().clone(), world.bob);
    world.kit.before_next_commit(async move {
        let join = Join { room, participant: Some(bob) };
        host.call_typed(caller, None, &join).await.unwrap();
    });
    world.call(Caller::SYSTEM, Sweep { room }).await.unwrap();
    assert!(world.seat(room, bob).await.is_some());
    assert_eq!(world.carrier.forwards(bob), Some(vec![]));
}

#[tokio::test]
async fn a_room_that_nobody_comes_to_ends_by_itself() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    world.kit.clock().advance(10 * 60_000 - 1);
    world.kit.settle().await;
    assert_eq!(world.room(room).await.head.phase, Phase::Open);
    world.kit.clock().advance(1);
    world.kit.settle().await;
    assert_eq!(world.room(room).await.head.phase, Phase::Ended);
    world.nothing_failed().await;
}

#[tokio::test]
async fn a_planned_room_that_was_empty_is_looked_after_again() {
    let world = World::new().await;
    let starts_at = Some(world.kit.clock().now() + 60_000);
    let room = world.opens(Create { starts_at, ..world.now_here() }).await;
    let first = world.comes(world.amy, room).await;
    world.leaves(world.amy, first).await.unwrap();
    world.kit.settle().await;
    let again = world.comes(world.amy, room).await;
    assert_eq!(world.room(room).await.head.phase, Phase::Open, "it is there for the day");
    world.carrier.loses(again);
    for _ in 0..2 {
        world.kit.clock().advance(60_000);
        world.kit.settle().await;
    }
    assert!(world.seat(room, again).await.is_none(), "they are gone without a word");
    world.nothing_failed().await;
}
