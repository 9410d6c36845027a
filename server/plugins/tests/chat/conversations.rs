//! Opening, making and listing conversations.

use carillon_protocol::{
    Event,
    conv::{Kind, List, Listed, Open, Role, Update, UpdatedData, kind},
};

use crate::*;

fn page(after: Option<ConvId>, limit: u32) -> List {
    List { after, limit: Some(limit) }
}

fn convs(listed: &Listed) -> Vec<ConvId> {
    listed.convs.iter().map(|summary| summary.conv).collect()
}

#[tokio::test]
async fn a_direct_conversation_is_the_same_from_both_sides() {
    let world = World::new().await;
    let (amy, bob) = (world.amy, world.bob);
    let one = world.call(amy, Open { user: bob.user }).await.unwrap();
    assert_eq!(world.call(bob, Open { user: amy.user }).await.unwrap(), one);
    let summary = world.summary(bob, one.conv).await;
    assert_eq!((summary.kind, summary.members), (Kind::Direct, 2));
    assert_eq!((summary.title.as_str(), summary.peer), ("amy 陳", Some(amy.user)));
}

#[tokio::test]
async fn people_who_open_it_at_the_same_moment_meet_in_one() {
    let world = World::new().await;
    let (amy, bob) = (world.amy, world.bob);
    let calls = (0..8).map(|call| {
        let (host, (from, to)) =
            (world.kit.host().clone(), if call % 2 == 0 { (amy, bob) } else { (bob, amy) });
        tokio::spawn(async move {
            host.call_typed(from, Some(cid()), &Open { user: to.user }).await.unwrap().conv
        })
    });
    let mut opened = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        opened.push(call.await.unwrap());
    }
    assert!(opened.windows(2).all(|two| two[0] == two[1]), "{opened:?}");
    assert_eq!(convs(&world.call(amy, List::default()).await.unwrap()), [opened[0]]);
}

#[tokio::test]
async fn notes_to_oneself_are_a_conversation_of_one() {
    let world = World::new().await;
    let conv = world.call(world.amy, Open { user: world.amy.user }).await.unwrap().conv;
    world.says(world.amy, conv, "買奶茶").await;
    let summary = world.summary(world.amy, conv).await;
    assert_eq!((summary.members, summary.unread, summary.title.as_str()), (1, 0, "amy 陳"));
}

#[tokio::test]
async fn a_group_needs_a_title_and_people_who_exist() {
    let world = World::new().await;
    let create = |title: &str, members: &[Caller]| Create {
        title: title.into(),
        members: users(members),
        history: History::All,
    };
    let call = async |args| field(world.call(world.amy, args).await);
    for bad in ["  ", "Shop\nCentral", "Shop\u{1b}[2J"] {
        assert_eq!(call(create(bad, &[])).await, (ErrorCode::BadArg, "title".into()));
    }
    let long = "港".repeat(101);
    assert_eq!(call(create(&long, &[])).await, (ErrorCode::TooLarge, "title".into()));
    let stranger = create("Shop", &[world.bob, world.zoe]);
    assert_eq!(call(stranger).await, (ErrorCode::NotFound, "members[1]".into()));
    let many = create("Shop", &[world.bob; 501]);
    assert_eq!(call(many).await, (ErrorCode::TooLarge, "members".into()));
    let open = Open { user: world.zoe.user };
    assert_eq!(field(world.call(world.amy, open).await), (ErrorCode::NotFound, "user".into()));
}

#[tokio::test]
async fn a_retry_of_a_creation_answers_the_same_group() {
    let world = World::new().await;
    let args = Create { title: "Shop".into(), members: vec![], history: History::All };
    let cid = cid();
    let first = world.call_as(world.amy, cid, &args).await.unwrap();
    assert_eq!(world.call_as(world.amy, cid, &args).await.unwrap(), first);
    assert_eq!(convs(&world.call(world.amy, List::default()).await.unwrap()), [first.conv]);
}

#[tokio::test]
async fn the_list_is_paged_and_shows_the_last_message_and_what_is_unread() {
    let world = World::new().await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(world.group(&[world.bob], History::All).await);
    }
    world.says(world.amy, all[1], "早晨").await;
    world.says(world.amy, all[1], "開工").await;
    world.adds(world.amy, all[1], &[world.carol]).await.unwrap();

    let first = world.call(world.bob, page(None, 2)).await.unwrap();
    assert_eq!((convs(&first), first.more), (all[..2].to_vec(), true));
    let rest = world.call(world.bob, page(Some(all[1]), 3)).await.unwrap();
    assert_eq!((convs(&rest), rest.more), (all[2..].to_vec(), false));

    let shop = &first.convs[1];
    assert_eq!((shop.head, shop.n, shop.unread, shop.members), (4, 2, 2, 3));
    assert!(shop.last.as_ref().unwrap().data.as_str().contains("開工"));
    assert_eq!(*shop, world.summary(world.bob, all[1]).await);
    assert!(first.convs[0].last.is_none());
    let bad = world.call(world.bob, page(None, 201)).await;
    assert_eq!(field(bad), (ErrorCode::BadArg, "limit".into()));
}

#[tokio::test]
async fn the_creator_owns_the_group() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let args = carillon_protocol::conv::ListMembers { conv, after: None, limit: None };
    let members = world.call(world.bob, args).await.unwrap().members;
    let roles: Vec<_> = members.iter().map(|member| (member.user, member.role)).collect();
    assert_eq!(roles, [(world.amy.user, Role::Owner), (world.bob.user, Role::Member)]);
    assert_eq!((members[1].name.as_str(), members[1].joined_seq), ("bob 陳", 1));
}

fn renamed(conv: ConvId, title: &str) -> Update {
    Update { conv, title: title.into() }
}

fn last_renaming(world: &World) -> Event {
    let mut committed = world.kit.committed().into_iter().rev().map(|(event, _)| event);
    committed.find(|event| &*event.k == kind::UPDATED).unwrap()
}

#[tokio::test]
async fn the_owner_renames_a_group_and_everybody_sees_it() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol], History::All).await;
    world.says(world.amy, conv, "hello").await;
    world.shown(world.bob, conv, 2, 2).await;
    world.kit.committed();
    assert_eq!(world.call(world.amy, renamed(conv, " 中環 Central ")).await.unwrap().seq, 3);
    let event = last_renaming(&world);
    assert_eq!((&event.topic, event.seq, event.n), (&topic(conv), 3, 1));
    let data: UpdatedData = event.data.to().unwrap();
    assert_eq!(data.title, "中環 Central");
    let world = world.restarted().await;
    for person in [world.amy, world.bob] {
        let listed = world.call(person, List::default()).await.unwrap();
        let summary = &listed.convs[0];
        assert_eq!((summary.title.as_str(), summary.head, summary.n), ("中環 Central", 3, 1));
        assert_eq!((summary.unread, *summary == world.summary(person, conv).await), (0, true));
    }
}

#[tokio::test]
async fn a_title_that_stays_writes_nothing_and_a_retry_changes_nothing() {
    let world = World::new().await;
    let conv = world.group(&[], History::All).await;
    let (once, first) = (cid(), renamed(conv, "First"));
    assert_eq!(world.call_as(world.amy, once, &first).await.unwrap().seq, 2);
    assert_eq!(world.call(world.amy, first.clone()).await.unwrap().seq, 2);
    assert_eq!(world.call(world.amy, renamed(conv, "Second")).await.unwrap().seq, 3);
    assert_eq!(world.call_as(world.amy, once, &first).await.unwrap().seq, 2);
    assert_eq!(world.summary(world.amy, conv).await.title, "Second");
}

#[tokio::test]
async fn only_the_owner_renames_and_only_a_group() {
    let world = World::new().await;
    let conv = world.group(&[world.bob, world.carol], History::All).await;
    let rename = async |who, conv, title: &str| world.call(who, renamed(conv, title)).await;
    assert_eq!(code(rename(world.bob, conv, "Bob's").await), ErrorCode::Forbidden);
    let direct = world.call(world.amy, Open { user: world.bob.user }).await.unwrap().conv;
    assert_eq!(code(rename(world.amy, direct, "Us").await), ErrorCode::Forbidden);
    assert_eq!(field(rename(world.amy, conv, " ").await), (ErrorCode::BadArg, "title".into()));
    world.removes(world.amy, conv, &[world.amy]).await.unwrap();
    assert_eq!(code(rename(world.amy, conv, "Still mine").await), ErrorCode::NotMember);
    let who_is_next = if world.bob.user < world.carol.user { world.bob } else { world.carol };
    rename(who_is_next, conv, "Ours").await.unwrap();
}

#[tokio::test]
async fn titles_given_at_the_same_moment_end_with_the_last_event() {
    let world = World::new().await;
    let conv = world.group(&[], History::All).await;
    let calls = (0..8).map(|call| {
        let (host, amy) = (world.kit.host().clone(), world.amy);
        let args = renamed(conv, &format!("Title {call}"));
        tokio::spawn(async move { host.call_typed(amy, Some(cid()), &args).await.unwrap() })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    let last = last_renaming(&world);
    let data: UpdatedData = last.data.to().unwrap();
    let summary = world.summary(world.amy, conv).await;
    assert_eq!((summary.title, summary.head), (data.title, last.seq));
}
