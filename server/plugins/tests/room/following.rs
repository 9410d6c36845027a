//! Who leaves the conversation, the organisation or a device leaves its rooms with it.

use carillon_plugin::protocol::{org::RemoveMember, session::Revoke};

use crate::*;

#[tokio::test]
async fn who_leaves_the_conversation_or_the_organisation_leaves_its_rooms() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let amy = world.comes(world.amy, room).await;
    let (bob, phone) = (world.comes(world.bob, room).await, world.comes(world.bob, room).await);
    let carol = world.comes(world.carol, room).await;
    let remove = RemoveMembers { conv: world.conv, users: vec![world.bob.user] };
    world.call(world.amy, remove).await.unwrap();
    world.kit.settle().await;
    assert_eq!(world.carrier.connected(), [amy, carol]);
    let back = world.comes_back(world.bob, room, phone).await;
    assert_eq!(code(back), ErrorCode::NotMember);
    let speaks = world.publishes((world.bob, bob), Source::Camera, None).await;
    assert_eq!(code(speaks), ErrorCode::NotFound);
    world.call(world.amy, RemoveMember { user: world.carol.user }).await.unwrap();
    world.kit.settle().await;
    assert_eq!(world.carrier.connected(), [amy]);
    assert_eq!(world.room(room).await.participants.len(), 1);
    world.nothing_failed().await;
}

#[tokio::test]
async fn who_is_put_out_of_the_conversation_while_they_come_in_is_not_in_it() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    let amy = world.comes(world.amy, room).await;
    let (host, amys, cid) = (world.kit.host().clone(), world.amy, Some(world.cid()));
    let remove = RemoveMembers { conv: world.conv, users: vec![world.bob.user] };
    world.kit.before_next_commit(async move {
        host.call_typed(amys, cid, &remove).await.unwrap();
    });
    assert_eq!(code(world.joins(world.bob, room).await), ErrorCode::NotMember);
    world.kit.settle().await;
    assert_eq!(world.carrier.connected(), [amy]);
    assert_eq!(world.room(room).await.participants.len(), 1);
}

#[tokio::test]
async fn a_device_that_is_signed_out_leaves_and_the_others_stay() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    world.comes(world.amy, room).await;
    let issue = carillon_plugin::protocol::session::Issue {
        org: Some(world.amy.org),
        user: Some("bob".into()),
        app: None,
        scopes: Some(vec!["read".into(), "write".into()]),
        ttl_ms: None,
    };
    let session = world.call(Caller::SYSTEM, issue).await.unwrap().session;
    let phone = Caller::signed_in(world.bob.user, world.bob.org, session, ["read", "write"]);
    let (desk, phone) = (world.comes(world.bob, room).await, world.comes(phone, room).await);
    world.call(world.bob, Revoke { session }).await.unwrap();
    world.kit.settle().await;
    assert!(world.seat(room, phone).await.is_none());
    assert!(world.seat(room, desk).await.is_some());
    world.nothing_failed().await;
}

#[tokio::test]
async fn what_is_sent_and_heard_ends_with_the_session_that_came_in() {
    let world = World::new().await;
    let room = world.opens(world.now_here()).await;
    world.comes(world.amy, room).await;
    let bob = world.comes(world.bob, room).await;
    let other = SessionId(world.kit.host().new_id());
    let other = Caller::signed_in(world.bob.user, world.bob.org, other, ["read", "write"]);
    let offer = || Offer { participant: bob, sdp: "v=0".into(), sends: Vec::new() };
    assert_eq!(code(world.call(other, offer()).await), ErrorCode::NotFound, "join again");
    world.comes_back(other, room, bob).await.unwrap();
    world.call(other, offer()).await.unwrap();
    assert_eq!(code(world.call(world.bob, offer()).await), ErrorCode::NotFound);
    let speaks = Some(Publication { muted: false });
    let speaks = world.publishes((world.bob, bob), Source::Microphone, speaks).await;
    assert_eq!(code(speaks), ErrorCode::NotFound);
}
