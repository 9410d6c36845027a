//! What moderators may, and what it comes to at once.

use crate::*;

/// A room with `amy` as its host and `bob` in it.
async fn meeting(rules: Rules) -> (World, RoomId, ParticipantId, ParticipantId) {
    let world = World::new().await;
    let room = world.opens(Create { rules: Some(rules), ..world.now_here() }).await;
    let amy = world.comes(world.amy, room).await;
    let bob = world.comes(world.bob, room).await;
    (world, room, amy, bob)
}

#[tokio::test]
async fn a_right_that_is_taken_away_is_gone_at_once() {
    let (world, room, _, bob) = meeting(Rules::default()).await;
    for source in [Source::Microphone, Source::Camera, Source::Screen, Source::ScreenAudio] {
        world.sends((world.bob, bob), source).await;
    }
    assert_eq!(world.carrier.forwards(bob).unwrap().len(), 4);
    let rules = |rules| Update { room, title: None, starts_at: None, rules: Some(rules) };
    let silent = Rules { microphones: false, screens: false, ..Rules::default() };
    world.call(world.amy, rules(silent)).await.unwrap();
    assert_eq!(world.carrier.forwards(bob), Some(vec![Source::Camera]));
    let seat = world.seat(room, bob).await.unwrap();
    assert!(seat.publications[&Source::Microphone].muted);
    assert!(!seat.publications.contains_key(&Source::Screen));
    assert!(!seat.publications.contains_key(&Source::ScreenAudio));
    let speaks = Some(Publication { muted: false });
    let refused = world.publishes((world.bob, bob), Source::Microphone, speaks).await;
    assert_eq!(code(refused), ErrorCode::Forbidden);
    let shares = world.publishes((world.bob, bob), Source::Screen, speaks).await;
    assert_eq!(code(shares), ErrorCode::Forbidden);

    // Nobody is unmuted by others.
    world.call(world.amy, rules(Rules::default())).await.unwrap();
    assert_eq!(world.carrier.forwards(bob), Some(vec![Source::Camera]));
    world.sends((world.bob, bob), Source::Microphone).await;
    assert_eq!(world.carrier.forwards(bob), Some(vec![Source::Microphone, Source::Camera]));
    assert_eq!(code(world.call(world.bob, rules(silent)).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn moderators_mute_one_or_all_others_and_end_a_shared_screen() {
    let (world, room, amy, bob) = meeting(Rules::default()).await;
    for (who, participant) in [(world.amy, amy), (world.bob, bob)] {
        world.sends((who, participant), Source::Microphone).await;
        world.sends((who, participant), Source::Screen).await;
    }
    let mute = |participant, source| Mute { room, participant, source };
    let refused = world.call(world.bob, mute(Some(amy), Source::Microphone)).await;
    assert_eq!(code(refused), ErrorCode::Forbidden);
    world.call(world.amy, mute(Some(bob), Source::Screen)).await.unwrap();
    assert_eq!(world.carrier.forwards(bob), Some(vec![Source::Microphone]));
    assert!(!world.seat(room, bob).await.unwrap().publications.contains_key(&Source::Screen));
    world.call(world.amy, mute(None, Source::Microphone)).await.unwrap();
    assert_eq!(world.carrier.forwards(bob), Some(vec![]));
    assert_eq!(world.carrier.forwards(amy), Some(vec![Source::Microphone, Source::Screen]));
    let nobody = ParticipantId(world.kit.host().new_id());
    let unknown = world.call(world.amy, mute(Some(nobody), Source::Microphone)).await;
    assert_eq!(code(unknown), ErrorCode::NotFound);
}

#[tokio::test]
async fn who_was_put_out_stays_out_with_all_devices() {
    let (world, room, amy, bob) = meeting(Rules::default()).await;
    let phone = world.comes(world.bob, room).await;
    assert_eq!(code(world.call(world.bob, Kick { participant: amy }).await), ErrorCode::Forbidden);
    world.call(world.amy, Kick { participant: bob }).await.unwrap();
    assert_eq!(world.carrier.connected(), [amy]);
    assert_eq!(world.room(room).await.participants.len(), 1);
    for participant in [bob, phone] {
        let back = world.comes_back(world.bob, room, participant).await;
        assert_eq!(code(back), ErrorCode::Forbidden);
        let speaks = Some(Publication { muted: false });
        let speaks = world.publishes((world.bob, participant), Source::Microphone, speaks).await;
        assert_eq!(code(speaks), ErrorCode::Forbidden);
        let answer = Answer { participant, sdp: "v=0".into() };
        assert_eq!(code(world.call(world.bob, answer).await), ErrorCode::Forbidden);
    }
    assert_eq!(code(world.joins(world.bob, room).await), ErrorCode::Forbidden);
    assert_eq!(world.carrier.connected(), [amy]);
}

#[tokio::test]
async fn who_waits_has_no_media_until_they_are_let_in() {
    let world = World::new().await;
    let rules = Some(Rules { waiting: true, ..Rules::default() });
    let room = world.opens(Create { rules, ..world.now_here() }).await;
    let early = world.joins(world.carol, room).await.unwrap();
    assert_eq!((early.offer, early.room.head.started_at), (None, None), "nobody is there yet");
    let amy = world.comes(world.amy, room).await;
    world.kit.committed();
    let knock = world.joins(world.bob, room).await.unwrap();
    let bob = knock.participant;
    assert_eq!((knock.offer, knock.room.participants.len()), (None, 1), "they see themselves only");
    assert!(world.kit.committed().iter().all(|(_, changes)| changes.is_empty()));
    assert_eq!(world.carrier.connected(), [amy]);
    let offer = Offer { participant: bob, sdp: "v=0".into(), sends: Vec::new() };
    assert_eq!(code(world.call(world.bob, offer).await), ErrorCode::Forbidden);
    let speaks = Some(Publication { muted: false });
    let speaks = world.publishes((world.bob, bob), Source::Microphone, speaks).await;
    assert_eq!(code(speaks), ErrorCode::Forbidden);
    assert_eq!(world.comes_back(world.bob, room, bob).await.unwrap().offer, None);
    let admit = |participant, admit| Admit { participant, admit };
    assert_eq!(code(world.call(world.bob, admit(bob, true)).await), ErrorCode::Forbidden);
    let put_out = world.call(world.amy, Kick { participant: bob }).await;
    assert_eq!(code(put_out), ErrorCode::Conflict, "who waits is turned away");

    world.call(world.amy, admit(bob, true)).await.unwrap();
    world.call(world.amy, admit(bob, true)).await.expect("it is so already");
    let told = world.kit.committed();
    let told = told.iter().filter(|(event, _)| &*event.k == kind::ADMITTED);
    let told: Vec<_> =
        told.map(|(event, _)| (event.topic.clone(), event.data.to().unwrap())).collect();
    let data = AdmittedData { room, participant: bob, admitted: true };
    assert_eq!(told, [(Topic::User(world.bob.user), data)]);
    assert!(world.comes_back(world.bob, room, bob).await.unwrap().offer.is_some());

    // Who is turned away may knock again.
    world.call(world.amy, admit(early.participant, false)).await.unwrap();
    assert!(world.seat(room, early.participant).await.is_none());
    let again = world.comes_back(world.carol, room, early.participant).await.unwrap();
    assert_ne!(again.participant, early.participant);
    assert_eq!(again.offer, None);
    let attended = Attendance { room, after: None, limit: None };
    let attended = world.call(world.amy, attended).await.unwrap().presences;
    let users: Vec<_> = attended.iter().map(|it| it.user).collect();
    assert_eq!(users, [world.amy.user, world.bob.user], "who only waited was not there");
}

#[tokio::test]
async fn nobody_else_comes_into_a_locked_room() {
    let (world, room, _, bob) = meeting(Rules::default()).await;
    let rules = Some(Rules { locked: true, ..Rules::default() });
    let lock = Update { room, title: None, starts_at: None, rules };
    world.call(world.amy, lock).await.unwrap();
    assert_eq!(code(world.joins(world.carol, room).await), ErrorCode::Forbidden);
    world.comes_back(world.bob, room, bob).await.expect("they are in it");
    world.leaves(world.bob, bob).await.unwrap();
    assert_eq!(code(world.joins(world.bob, room).await), ErrorCode::Forbidden);
    world.comes(world.amy, room).await;
}

#[tokio::test]
async fn hosts_make_moderators_and_somebody_always_moderates() {
    let (world, room, amy, bob) = meeting(Rules::default()).await;
    let carol = world.comes(world.carol, room).await;
    let role = |participant, role| SetRole { participant, role };
    let own = world.call(world.bob, role(bob, Role::Moderator)).await;
    assert_eq!(code(own), ErrorCode::Forbidden);
    world.call(world.amy, role(carol, Role::Moderator)).await.unwrap();
    let host = world.call(world.carol, role(bob, Role::Moderator)).await;
    assert_eq!(code(host), ErrorCode::Forbidden, "a moderator is no host");
    assert_eq!(
        code(world.call(world.carol, Kick { participant: amy }).await),
        ErrorCode::Forbidden
    );

    let roles = async || {
        let seats = world.room(room).await.participants;
        seats.into_iter().map(|seat| (seat.participant, seat.role)).collect::<Vec<_>>()
    };
    world.leaves(world.amy, amy).await.unwrap();
    assert_eq!(roles().await, [(bob, Role::Member), (carol, Role::Moderator)]);
    world.leaves(world.carol, carol).await.unwrap();
    assert_eq!(roles().await, [(bob, Role::Host)], "the one who has been there longest");
    let amy = world.comes(world.amy, room).await;
    assert_eq!(roles().await, [(bob, Role::Host), (amy, Role::Moderator)]);
}

#[tokio::test]
async fn hands_are_in_the_order_in_which_they_rose() {
    let (world, room, amy, bob) = meeting(Rules::default()).await;
    let hand = |participant, raised| RaiseHand { participant, raised };
    world.call(world.bob, hand(bob, true)).await.unwrap();
    let first = world.seat(room, bob).await.unwrap().hand_at;
    world.kit.clock().advance(5);
    world.call(world.bob, hand(bob, true)).await.unwrap();
    assert_eq!(world.seat(room, bob).await.unwrap().hand_at, first);
    world.call(world.amy, hand(amy, true)).await.unwrap();
    assert!(world.seat(room, amy).await.unwrap().hand_at > first);
    assert_eq!(code(world.call(world.bob, hand(amy, false)).await), ErrorCode::Forbidden);
    world.call(world.amy, hand(bob, false)).await.unwrap();
    assert_eq!(world.seat(room, bob).await.unwrap().hand_at, None);
    assert_eq!(code(world.call(world.amy, hand(bob, true)).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn the_end_is_for_everybody() {
    let (world, room, ..) = meeting(Rules::default()).await;
    assert_eq!(code(world.call(world.bob, End { room }).await), ErrorCode::Forbidden);
    world.kit.committed();
    world.call(world.amy, End { room }).await.unwrap();
    world.call(world.amy, End { room }).await.expect("it is so already");
    assert_eq!(world.carrier.connected(), []);
    let after = world.room(room).await;
    assert_eq!((after.head.phase, after.participants.len()), (Phase::Ended, 0));
    let told: Vec<_> = world.kit.committed();
    let kinds = told.iter().map(|(event, _)| event.k.to_string());
    let kinds: Vec<_> = kinds.filter(|k| k.starts_with("room.")).collect();
    assert_eq!(
        kinds,
        [kind::ENDED, kind::LEFT, kind::LEFT],
        "who is there hears it before they go"
    );
}

#[tokio::test]
async fn who_opened_a_room_and_was_put_out_of_it_does_not_end_it() {
    let (world, room, amy, bob) = meeting(Rules::default()).await;
    world.leaves(world.amy, amy).await.unwrap();
    let amy = world.comes(world.amy, room).await;
    assert_eq!(world.seat(room, bob).await.unwrap().role, Role::Host);
    world.call(world.bob, Kick { participant: amy }).await.unwrap();
    assert_eq!(code(world.call(world.amy, End { room }).await), ErrorCode::Forbidden);
    assert_eq!(world.room(room).await.head.phase, Phase::Open);
}
