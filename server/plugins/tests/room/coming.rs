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

#[tokio::test]
async fn two_who_open_a_room_at_once_open_one() {
    let world = World::new().await;
    let (host, bob, cid) = (world.kit.host().clone(), world.bob, Some(world.cid()));
    let create = world.now_here();
    let theirs = create.clone();
    let (said, hears) = tokio::sync::oneshot::channel();
    world.kit.before_next_commit(async move {
        said.send(host.call_typed(bob, cid, &theirs).await.unwrap().room).unwrap();
    });
    let ours = world.opens(create).await;
    assert_eq!(hears.await.unwrap(), ours);
    assert_eq!(world.cards().await.len(), 1);
    let listed = world.call(world.carol, List::default()).await.unwrap().rooms;
    assert_eq!(listed.iter().map(|head| head.room).collect::<Vec<_>>(), [ours]);
    world.nothing_failed().await;
}

#[tokio::test]
async fn only_members_of_the_conversation_know_of_a_room() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let amy = world.comes(world.amy, room).await;
    for stranger in [world.dan, world.zoe] {
        assert_eq!(code(world.joins(stranger, room).await), ErrorCode::NotFound);
        assert_eq!(code(world.call(stranger, Get { room }).await), ErrorCode::NotFound);
        assert_eq!(code(world.call(stranger, world.now_here()).await), ErrorCode::NotFound);
        assert_eq!(code(world.leaves(stranger, amy).await), ErrorCode::NotFound);
        assert_eq!(code(world.call(stranger, End { room }).await), ErrorCode::NotFound);
        let kick = Kick { participant: amy };
        assert_eq!(code(world.call(stranger, kick).await), ErrorCode::NotFound);
        assert_eq!(world.call(stranger, List::default()).await.unwrap().rooms, []);
        let topic: Topic = format!("x:room:{room}").parse().unwrap();
        let window = world.kit.host().window(stranger, &topic).await;
        assert_eq!(code(window), ErrorCode::NotFound);
    }
    let publish = world.publishes((world.bob, amy), Source::Camera, None).await;
    assert_eq!(code(publish), ErrorCode::NotFound, "what is another's is not there");
    assert_eq!(code(world.comes_back(world.bob, room, amy).await), ErrorCode::NotFound);
    assert_eq!(world.room(room).await.participants.len(), 1);
}

#[tokio::test]
async fn who_comes_back_has_the_same_place_with_what_they_sent() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let amy = world.comes(world.amy, room).await;
    world.sends((world.amy, amy), Source::Microphone).await;
    let muted = Some(Publication { muted: true });
    world.publishes((world.amy, amy), Source::Camera, muted).await.unwrap();
    let before = world.log(room).await;
    world.carrier.loses(amy);
    let subscribe = Subscribe { participant: amy, views: Vec::new(), restart: false };
    let lost = world.call(world.amy, subscribe).await;
    assert_eq!(code(lost), ErrorCode::NotFound, "join again");
    let back = world.comes_back(world.amy, room, amy).await.unwrap();
    assert_eq!((back.participant, back.room.participants.len()), (amy, 1));
    assert!(back.room.participants[0].publications[&Source::Camera].muted);
    assert_eq!(world.carrier.forwards(amy), Some(vec![Source::Microphone]));
    assert_eq!(world.log(room).await, before, "nobody sees them go or come");

    // Once they have left, they come anew.
    let bob = world.comes(world.bob, room).await;
    world.leaves(world.bob, bob).await.unwrap();
    let anew = world.comes_back(world.bob, room, bob).await.unwrap();
    assert_ne!(anew.participant, bob);
}

#[tokio::test]
async fn a_room_holds_a_hundred_and_a_person_four_devices() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    for _ in 0..4 {
        world.comes(world.bob, room).await;
    }
    assert_eq!(code(world.joins(world.bob, room).await), ErrorCode::Quota);
    assert_eq!(world.room(room).await.participants.len(), 4);
    assert_eq!(world.carrier.connected().len(), 4);
}

#[tokio::test]
async fn whom_media_refuse_is_not_in_the_room() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    world.comes(world.amy, room).await;
    let before = world.log(room).await;
    world.carrier.is_busy(true);
    let refused = world.joins(world.bob, room).await.err().unwrap();
    assert_eq!((refused.code(), refused.body().retry_ms), (ErrorCode::Busy, Some(1_000)));
    assert_eq!(world.log(room).await, before);
    world.carrier.is_busy(false);
    world.comes(world.bob, room).await;
    assert_eq!(world.room(room).await.participants.len(), 2);
}

#[tokio::test]
async fn who_is_in_a_room_hears_it_until_the_last_of_their_devices_goes() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    world.comes(world.amy, room).await;
    let topic: Topic = format!("x:room:{room}").parse().unwrap();
    let hears = async |who| {
        let heard = world.kit.host().listening(who).await.unwrap();
        heard.into_iter().any(|it| it.topic == topic)
    };
    assert!(!hears(world.bob).await);
    world.kit.committed();
    let (desk, phone) = (world.comes(world.bob, room).await, world.comes(world.bob, room).await);
    assert!(hears(world.bob).await);
    assert!(world.kit.host().window(world.bob, &topic).await.unwrap().sees(1));
    world.leaves(world.bob, desk).await.unwrap();
    assert!(hears(world.bob).await);
    world.leaves(world.bob, phone).await.unwrap();
    assert!(!hears(world.bob).await);
    let changes = world.kit.committed().into_iter().flat_map(|(_, changes)| changes);
    let bob = || vec![world.bob.user];
    let join = || LiveChange::Join(bob());
    assert_eq!(changes.collect::<Vec<_>>(), [join(), join(), LiveChange::Leave(bob())]);
}

#[tokio::test]
async fn who_attended_from_when_to_when_is_kept() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let amy = world.comes(world.amy, room).await;
    let began = world.kit.clock().now();
    world.kit.clock().advance(30_000);
    let bob = world.comes(world.bob, room).await;
    world.kit.clock().advance(30_000);
    world.leaves(world.bob, bob).await.unwrap();
    let page = |after, limit| Attendance { room, after, limit };
    let all = world.call(world.carol, page(None, None)).await.unwrap().presences;
    let times: Vec<_> = all.iter().map(|it| (it.user, it.joined_at - began, it.left_at)).collect();
    let left = Some(began + 60_000);
    assert_eq!(times, [(world.amy.user, 0, None), (world.bob.user, 30_000, left)]);
    let first = world.call(world.carol, page(None, Some(1))).await.unwrap().presences;
    assert_eq!(first[0].participant, amy);
    let rest = world.call(world.carol, page(Some(amy), Some(1))).await.unwrap().presences;
    assert_eq!(rest[0].participant, bob);
    assert_eq!(field(world.call(world.carol, page(None, Some(0))).await).1, "limit");
    assert_eq!(code(world.call(world.dan, page(None, None)).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_where() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let participant = world.comes(world.amy, room).await;
    let bad = |name: &str| (ErrorCode::BadArg, name.to_owned());
    let titled = |title: &str| Create { title: Some(title.into()), ..world.now_here() };
    assert_eq!(field(world.call(world.amy, titled(" ")).await), bad("title"));
    assert_eq!(code(world.call(world.amy, titled(&"x".repeat(101))).await), ErrorCode::TooLarge);
    for at in [0, world.kit.clock().now() - 1, i64::MAX] {
        let create = Create { starts_at: Some(at), ..world.now_here() };
        assert_eq!(field(world.call(world.amy, create).await), bad("starts_at"));
    }
    for emoji in ["", "a", "7", "你好", "👍 ", "\u{202e}👍", &"👍".repeat(17)] {
        let react = React { participant, emoji: emoji.into() };
        assert_eq!(field(world.call(world.amy, react).await), bad("emoji"), "{emoji}");
    }
    for emoji in ["👍", "👩‍👧", "🇭🇰", "1️⃣", "❤️"] {
        world.call(world.amy, React { participant, emoji: emoji.into() }).await.unwrap();
    }
    let sent = |mid: &str| Sent { mid: mid.into(), source: Source::Camera };
    let offer = |sends| Offer { participant, sdp: "v=0".into(), sends };
    let twice = offer(vec![sent("0"), sent("1")]);
    assert_eq!(field(world.call(world.amy, twice).await), bad("sends[1].source"));
    assert_eq!(field(world.call(world.amy, offer(vec![sent("")])).await), bad("sends[0].mid"));
    let long = Answer { participant, sdp: "x".repeat(60 * 1024 + 1) };
    assert_eq!(code(world.call(world.amy, long).await), ErrorCode::TooLarge);
    let view = View { participant, source: Source::Microphone, width: 1, height: 1 };
    let subscribe = Subscribe { participant, views: vec![view], restart: false };
    assert_eq!(field(world.call(world.amy, subscribe).await), bad("views[0].source"));
    let role = SetRole { participant, role: Role::Host };
    assert_eq!(field(world.call(world.amy, role).await), bad("role"));
}
