//! What happens at the same moment.

use crate::*;

/// Somebody does this once the next call has decided, and before that is committed.
fn meanwhile<C: Command + Clone + Sync>(world: &World, who: Caller, args: C) {
    let (host, cid) = (world.kit.host().clone(), Some(world.cid()));
    world.kit.before_next_commit(async move {
        host.call_typed(who, cid, &args).await.unwrap();
    });
}

/// What many do at the same time comes to.
async fn all_at_once<C: Command + Sync>(
    world: &World,
    calls: impl Iterator<Item = (Caller, C)>,
) -> Vec<Result<C::Reply>> {
    let call = |(who, args): (Caller, C)| {
        let host = world.kit.host().clone();
        tokio::spawn(async move { host.call_typed(who, None, &args).await })
    };
    let calls: Vec<_> = calls.map(call).collect();
    let mut done = Vec::new();
    for call in calls {
        done.push(call.await.unwrap());
    }
    done
}

async fn meeting() -> (World, RoomId, ParticipantId, ParticipantId) {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let (amy, bob) = (world.comes(world.amy, room).await, world.comes(world.bob, room).await);
    (world, room, amy, bob)
}

#[tokio::test]
async fn nobody_comes_in_while_the_room_is_locked_or_they_are_put_out() {
    let (world, room, amy, bob) = meeting().await;
    let rules = Some(Rules { locked: true, ..Rules::default() });
    meanwhile(&world, world.amy, Update { room, title: None, starts_at: None, rules });
    assert_eq!(code(world.joins(world.carol, room).await), ErrorCode::Forbidden);
    assert_eq!(world.carrier.connected(), [amy, bob]);
    meanwhile(&world, world.amy, Kick { participant: bob });
    assert_eq!(code(world.joins(world.bob, room).await), ErrorCode::Forbidden);
    assert_eq!(world.carrier.connected(), [amy]);
    meanwhile(&world, world.amy, End { room });
    assert_eq!(code(world.joins(world.amy, room).await), ErrorCode::Conflict);
    assert_eq!(world.carrier.connected(), []);
}

#[tokio::test]
async fn who_comes_back_while_they_are_put_out_is_out() {
    let (world, room, amy, bob) = meeting().await;
    meanwhile(&world, world.amy, Kick { participant: bob });
    let back = world.comes_back(world.bob, room, bob).await;
    assert_eq!(code(back), ErrorCode::Forbidden);
    assert_eq!(world.carrier.connected(), [amy]);
}

#[tokio::test]
async fn a_microphone_that_is_turned_on_while_it_is_forbidden_is_silent() {
    let (world, room, _, bob) = meeting().await;
    let rules = Some(Rules { microphones: false, ..Rules::default() });
    meanwhile(&world, world.amy, Update { room, title: None, starts_at: None, rules });
    let speaks = Some(Publication { muted: false });
    let speaks = world.publishes((world.bob, bob), Source::Microphone, speaks).await;
    assert_eq!(code(speaks), ErrorCode::Forbidden);
    assert_eq!(world.carrier.forwards(bob), Some(vec![]));

    // And the other way round: what was turned on just before is muted with the rest.
    let (world, room, _, bob) = meeting().await;
    let publication = Some(Publication { muted: false });
    let publish = Publish { participant: bob, source: Source::Microphone, publication };
    meanwhile(&world, world.bob, publish);
    world.call(world.amy, Update { room, title: None, starts_at: None, rules }).await.unwrap();
    assert_eq!(world.carrier.forwards(bob), Some(vec![]));
    assert!(world.seat(room, bob).await.unwrap().publications[&Source::Microphone].muted);
}

#[tokio::test]
async fn who_moderates_no_more_while_they_turn_a_camera_on_is_not_seen() {
    let (world, room, _, bob) = meeting().await;
    world.call(world.amy, SetRole { participant: bob, role: Role::Moderator }).await.unwrap();
    let rules = Some(Rules { cameras: false, ..Rules::default() });
    world.call(world.amy, Update { room, title: None, starts_at: None, rules }).await.unwrap();
    meanwhile(&world, world.amy, SetRole { participant: bob, role: Role::Member });
    let shows = Some(Publication { muted: false });
    let shows = world.publishes((world.bob, bob), Source::Camera, shows).await;
    assert_eq!(code(shows), ErrorCode::Forbidden);
    assert!(world.seat(room, bob).await.unwrap().publications.is_empty());
    assert_eq!(world.carrier.forwards(bob), Some(vec![]));
}

#[tokio::test]
async fn who_inherits_a_room_while_they_leave_does_not() {
    let (world, room, amy, bob) = meeting().await;
    let carol = world.comes(world.carol, room).await;
    meanwhile(&world, world.bob, Leave { participant: bob });
    world.leaves(world.amy, amy).await.unwrap();
    let seats = world.room(room).await.participants;
    let roles: Vec<_> = seats.iter().map(|seat| (seat.participant, seat.role)).collect();
    assert_eq!(roles, [(carol, Role::Host)]);
}

#[tokio::test]
async fn the_last_two_who_leave_at_once_end_it() {
    let (world, room, amy, bob) = meeting().await;
    meanwhile(&world, world.amy, Leave { participant: amy });
    world.leaves(world.bob, bob).await.unwrap();
    assert_eq!(world.room(room).await.head.phase, Phase::Ended);
    let next = world.call(world.carol, world.now_here()).await.unwrap().room;
    assert_ne!(next, room);
}

#[tokio::test]
async fn two_devices_that_leave_at_once_leave_nobody_behind() {
    let (world, room, _, desk) = meeting().await;
    let phone = world.comes(world.bob, room).await;
    meanwhile(&world, world.bob, Leave { participant: phone });
    world.leaves(world.bob, desk).await.unwrap();
    let log = world.log(room).await;
    let left = log.iter().filter(|event| &*event.k == kind::LEFT);
    let still: Vec<_> = left.map(|it| it.data.to::<LeftData>().unwrap().still_there).collect();
    assert_eq!(still, [true, false]);
}

#[tokio::test]
async fn a_device_that_comes_while_the_other_one_goes_hears_the_room() {
    let (world, room, _, desk) = meeting().await;
    meanwhile(&world, world.bob, Leave { participant: desk });
    let phone = world.comes(world.bob, room).await;
    meanwhile(&world, world.bob, Join { room, participant: None });
    world.leaves(world.bob, phone).await.unwrap();
    let log = world.log(room).await;
    let left = log.iter().filter(|event| &*event.k == kind::LEFT);
    let still: Vec<_> = left.map(|it| it.data.to::<LeftData>().unwrap().still_there).collect();
    assert_eq!(still, [false, true]);
    let order: Vec<_> = log.iter().rev().take(2).map(|event| event.k.to_string()).collect();
    assert_eq!(order, [kind::LEFT, kind::JOINED]);
}

/// A hundred come at once; the hundred and first does not fit.
#[tokio::test]
async fn a_hundred_people_come_at_once_and_no_more() {
    let world = World::new().await;
    let crowd = world.crowd(101).await;
    let room = world.call(crowd.people[0], Create { conv: crowd.conv, ..world.now_here() }).await;
    let room = room.unwrap().room;
    let join = |who: &Caller| (*who, Join { room, participant: None });
    let came = all_at_once(&world, crowd.people.iter().map(join)).await;
    let refused: Vec<_> = came.iter().filter_map(|came| came.as_ref().err()).collect();
    let codes: Vec<_> = refused.iter().map(|error| error.code()).collect();
    assert_eq!(codes, [ErrorCode::Quota]);
    let seats = world.call(crowd.people[0], Get { room }).await.unwrap().participants;
    assert_eq!((seats.len(), world.carrier.connected().len()), (100, 100));

    // They also go at once.
    let seats = seats.into_iter();
    let who = |user| *crowd.people.iter().find(|who| who.user == user).unwrap();
    let leave = seats.map(|seat| (who(seat.user), Leave { participant: seat.participant }));
    let left = all_at_once(&world, leave).await;
    assert!(left.iter().all(Result::is_ok), "{left:?}");
    let after = world.call(crowd.people[0], Get { room }).await.unwrap();
    assert_eq!((after.head.phase, after.participants.len()), (Phase::Ended, 0));
    assert_eq!(world.carrier.connected(), []);
}
