//! Who is in a group, and who decides it.

use carillon_plugin::LiveChange;
use carillon_protocol::{
    conv::{ListMembers, Member, Open, Role},
    limits::{MEMBERS_MAX, USERS_PER_CALL_MAX},
};

use crate::*;

async fn members(world: &World, caller: Caller, conv: ConvId) -> Vec<Member> {
    let args = ListMembers { conv, after: None, limit: None };
    world.call(caller, args).await.unwrap().members
}

#[tokio::test]
async fn only_the_owner_adds_and_removes_others_but_anybody_leaves() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol], History::All).await;
    assert_eq!(code(world.adds(world.bob, conv, &[world.dan]).await), ErrorCode::Forbidden);
    assert_eq!(code(world.removes(world.bob, conv, &[world.carol]).await), ErrorCode::Forbidden);
    assert_eq!(world.removes(world.bob, conv, &[world.bob]).await.unwrap(), 2);
    assert_eq!(world.removes(world.amy, conv, &[world.carol]).await.unwrap(), 3);
    assert_eq!(world.adds(world.amy, conv, &[world.dan]).await.unwrap(), 4);
    let left: Vec<_> = members(&world, world.amy, conv).await.iter().map(|m| m.user).collect();
    assert_eq!(left, users(&[world.amy, world.dan]));
    assert_eq!(world.summary(world.dan, conv).await.members, 2);
}

#[tokio::test]
async fn a_change_that_changes_nothing_writes_nothing() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    assert_eq!(world.adds(world.amy, conv, &[world.bob]).await.unwrap(), 1);
    assert_eq!(world.removes(world.amy, conv, &[world.carol]).await.unwrap(), 1);
    assert_eq!(world.adds(world.amy, conv, &[world.bob, world.dan]).await.unwrap(), 2);
    assert_eq!(world.summary(world.amy, conv).await.head, 2);
    assert_eq!(code(world.adds(world.amy, conv, &[]).await), ErrorCode::BadArg);
}

#[tokio::test]
async fn a_retry_of_a_change_answers_its_position_even_when_others_followed() {
    let world = World::new().await;
    let conv = world.group(&[], History::All).await;
    let (once, add) = (cid(), AddMembers { conv, users: users(&[world.bob]) });
    let first = world.call_as(world.amy, once, &add).await.unwrap();
    world.adds(world.amy, conv, &[world.carol]).await.unwrap();
    assert_eq!(world.call_as(world.amy, once, &add).await.unwrap(), first);
}

#[tokio::test]
async fn changes_at_the_same_moment_all_happen_once() {
    let world = World::new().await;
    let conv = world.group(&[], History::All).await;
    let calls = [world.bob, world.carol, world.dan].map(|who| {
        let (host, amy) = (world.kit.host().clone(), world.amy);
        let add = AddMembers { conv, users: users(&[who, world.bob]) };
        tokio::spawn(async move { host.call_typed(amy, Some(cid()), &add).await.unwrap() })
    });
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(members(&world, world.bob, conv).await.len(), 4);
    assert_eq!(world.summary(world.bob, conv).await.members, 4);
}

#[tokio::test]
async fn a_direct_conversation_keeps_its_two_people() {
    let world = World::new().await;
    let conv = world.call(world.amy, Open { user: world.bob.user }).await.unwrap().conv;
    assert_eq!(code(world.adds(world.amy, conv, &[world.carol]).await), ErrorCode::Forbidden);
    assert_eq!(code(world.removes(world.amy, conv, &[world.amy]).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn a_group_that_its_owner_leaves_belongs_to_who_is_in_it_longest() {
    let world = World::new().await;
    let conv = world.group(&[world.dan], History::All).await;
    world.adds(world.amy, conv, &[world.bob]).await.unwrap();
    world.removes(world.amy, conv, &[world.amy]).await.unwrap();
    world.adds(world.dan, conv, &[world.amy]).await.unwrap();
    let roles = |members: Vec<Member>| members.into_iter().map(|m| m.role).collect::<Vec<_>>();
    let expected = [Role::Member, Role::Member, Role::Owner];
    assert_eq!(roles(members(&world, world.bob, conv).await), expected);
    let world = world.restarted().await;
    assert_eq!(roles(members(&world, world.bob, conv).await), expected);
}

#[tokio::test]
async fn live_connections_learn_who_comes_and_goes() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    world.adds(world.amy, conv, &[world.carol]).await.unwrap();
    world.removes(world.amy, conv, &[world.bob]).await.unwrap();
    let committed = world.kit.committed().into_iter();
    let means: Vec<_> = committed
        .filter(|(event, _)| event.topic == topic(conv))
        .flat_map(|(_, means)| means)
        .collect();
    let join = |who: &[Caller]| LiveChange::Join(users(who));
    let expected = [
        join(&[world.amy, world.bob]),
        join(&[world.carol]),
        LiveChange::Leave(users(&[world.bob])),
    ];
    assert_eq!(means, expected);
    let listening = async |who| world.kit.host().listening(who).await.unwrap();
    let topics: Vec<_> = listening(world.carol).await.into_iter().map(|l| l.topic).collect();
    assert!(topics.contains(&topic(conv)));
    let bobs = listening(world.bob).await.into_iter().find(|l| l.topic == topic(conv)).unwrap();
    assert!(!bobs.live, "it is there for devices that have yet to learn that he left");
    assert_eq!(bobs.window, carillon_plugin::Window([(3, 3)].into_iter().collect()));
}

#[tokio::test]
async fn a_group_holds_five_thousand_people_and_nobody_more() {
    let world = World::new().await;
    let conv = world.group(&[], History::All).await;
    let mut people = Vec::new();
    for index in 0..MEMBERS_MAX {
        people.push(person(&world.kit, world.org, &format!("p{index}")).await);
    }
    for part in people[..MEMBERS_MAX - 1].chunks(USERS_PER_CALL_MAX) {
        world.adds(world.amy, conv, part).await.unwrap();
    }
    assert_eq!(world.summary(people[4_321], conv).await.members, MEMBERS_MAX as u64);
    let over = world.adds(world.amy, conv, &people[MEMBERS_MAX - 1..]).await;
    assert_eq!(field(over), (ErrorCode::TooLarge, "users".into()));
    let seq = world.says(people[17], conv, "first").await.seq;
    assert_eq!(world.counts(world.amy, conv, seq).await, Some((0, 4_999)));
    let page = ListMembers { conv, after: Some(people[4_990].user), limit: Some(200) };
    assert_eq!(world.call(world.amy, page).await.unwrap().members.len(), 8);
}
