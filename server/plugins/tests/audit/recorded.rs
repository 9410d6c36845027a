//! What is written down, and what is not.

use carillon_plugin::protocol::{
    ErrorCode, OrgId,
    audit::{List, Outcome},
    conv::{self, History},
    id::Ulid,
    org, session,
};

use super::{Caller, PASSWORD, World, person};

fn login(name: &str, password: &str) -> session::Login {
    session::Login { login: name.into(), password: password.into(), label: None }
}

#[tokio::test]
async fn a_row_says_who_did_what_to_whom_when_and_from_where() {
    let world = World::new().await;
    let from = Some("192.0.2.7".parse().unwrap());
    let bob = world.add("bob").await;
    let args = org::UpdateMember {
        user: Some(bob),
        title: Some("Pilot".into()),
        ..org::UpdateMember::default()
    };
    world.kit.clock().advance(5_000);
    world.call(world.amy.from_network(from), &args).await.unwrap();
    let rows = world.rows().await;
    let row = rows.last().unwrap();
    assert_eq!((row.n, row.org), (3, Some(world.org)), "{rows:?}");
    assert_eq!(row.at, rows[1].at + 5_000);
    assert_eq!((&*row.what.op, row.what.actor), ("org.member.update", world.amy.user));
    assert_eq!(row.what.address.as_deref(), Some("192.0.2.7"));
    assert_eq!((&*row.what.object, row.what.outcome), (&*format!("member:{bob}"), Outcome::Done));
    let digests = [row.what.before.as_ref().unwrap(), row.what.after.as_ref().unwrap()];
    assert!(digests[0] != digests[1] && digests.iter().all(|digest| digest.len() == 64));
}

#[tokio::test]
async fn ones_own_language_and_time_zone_are_not_in_it_and_those_of_others_are() {
    let world = World::new().await;
    let bob = world.add("bob").await;
    let before = world.rows().await.len();
    let change = org::UpdateMember {
        locale: Some("en".into()),
        tz: Some("Asia/Tokyo".into()),
        ..org::UpdateMember::default()
    };
    world.call(person(bob, world.org), &change).await.unwrap();
    let more = org::UpdateMember { title: Some("Pilot".into()), ..change.clone() };
    world.call(world.amy, &more).await.unwrap();
    let theirs = org::UpdateMember { user: Some(bob), locale: Some("zh-CN".into()), ..change };
    world.call(world.amy, &theirs).await.unwrap();
    let objects: Vec<_> =
        world.rows().await.into_iter().skip(before).map(|row| row.what.object).collect();
    let wanted = [format!("member:{}", world.amy.user), format!("member:{bob}")];
    assert_eq!(objects, wanted, "whoever changes their title as well is in it");
}

#[tokio::test]
async fn what_was_not_committed_is_not_in_it() {
    let world = World::new().await;
    world.add("bob").await;
    let before = world.rows().await.len();
    let again = org::AddMember {
        org: None,
        login: "bob".into(),
        name: "Bob".into(),
        password: None,
        title: None,
        admin: false,
        locale: None,
        tz: None,
        departments: Vec::new(),
    };
    let refused = world.call(world.amy, &again).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
    assert_eq!(world.rows().await.len(), before);
}

#[tokio::test]
async fn wrong_passwords_are_told_together_and_without_what_was_typed() {
    let world = World::new().await;
    world.add("bob").await;
    let stranger = Caller::STRANGER.from_network(Some("192.0.2.9".parse().unwrap()));
    world.rows().await;
    for _ in 0..4 {
        world.call(stranger, &login("bob", "open sesame")).await.unwrap_err();
    }
    // Somebody types the password into the wrong field.
    world.call(stranger, &login("open-sesame", "bob")).await.unwrap_err();
    let refused: Vec<_> = world.rows().await.into_iter().skip(2).collect();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused.iter().all(|row| row.what.outcome == Outcome::Refused));
    let bobs = refused.iter().find(|row| row.org.is_some()).unwrap();
    assert_eq!((bobs.what.times, &*bobs.what.op), (4, "session.login"));
    assert_eq!(bobs.what.address.as_deref(), Some("192.0.2.9"));
    for file in world.kit.at_rest().await {
        let text = String::from_utf8_lossy(&file);
        assert!(!text.contains("open-sesame") && !text.contains(PASSWORD));
    }
}

#[tokio::test]
async fn refused_administration_is_in_it() {
    let world = World::new().await;
    let bob = person(world.add("bob").await, world.org);
    let args = org::RemoveMember { user: world.amy.user };
    let refused = world.call(bob, &args).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Forbidden);
    let rows = world.rows().await;
    let what = &rows.last().unwrap().what;
    assert_eq!((&*what.op, what.actor), ("org.member.remove", bob.user));
    assert_eq!(what.outcome, Outcome::Refused);
}

#[tokio::test]
async fn administrators_see_the_rows_of_their_own_organisation_and_nobody_else_does() {
    let world = World::new().await;
    let bob = person(world.add("bob").await, world.org);
    world.call(Caller::SYSTEM, &org::Create { name: "Peak".into() }).await.unwrap();
    assert_eq!(world.rows().await.len(), 3);
    let own = world.call(world.amy, &List::default()).await.unwrap().rows;
    assert_eq!(own.iter().map(|row| row.n).collect::<Vec<_>>(), [2, 1]);
    let refused = world.call(bob, &List::default()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Forbidden);
    let other = List { org: Some(OrgId(Ulid(7))), ..List::default() };
    let refused = world.call(world.amy, &other).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn rows_are_found_by_who_what_and_when() {
    let world = World::new().await;
    world.add("bob").await;
    world.kit.clock().advance(1_000);
    let since = Some(world.kit.host().now());
    let carol = world.add("carol").await;
    world.rows().await;
    let numbers = async |args: List| {
        let rows = world.call(world.amy, &args).await.unwrap().rows;
        rows.into_iter().map(|row| row.n).collect::<Vec<_>>()
    };
    assert_eq!(numbers(List { op: Some("org.".into()), ..List::default() }).await, [3, 2]);
    assert_eq!(numbers(List { op: Some("org".into()), ..List::default() }).await, [0; 0]);
    assert_eq!(numbers(List { since, ..List::default() }).await, [3]);
    assert_eq!(numbers(List { until: since, ..List::default() }).await, [2, 1]);
    assert_eq!(numbers(List { below: Some(2), ..List::default() }).await, [1]);
    let object = Some(format!("member:{carol}"));
    assert_eq!(numbers(List { object, ..List::default() }).await, [3]);
    let limited = List { limit: Some(1), ..List::default() };
    let page = world.call(world.amy, &limited).await.unwrap();
    assert_eq!((page.rows[0].n, page.more), (3, true));
}

#[tokio::test]
async fn who_is_brought_into_a_group_or_put_out_of_it_is_in_it_and_who_leaves_is_not() {
    let world = World::new().await;
    let bob = person(world.add("bob").await, world.org);
    let group = conv::Create { title: "Deck".into(), members: vec![], history: History::All };
    let conv = world.call(world.amy, &group).await.unwrap().conv;
    let before = world.rows().await.len();
    let users = vec![bob.user];
    let add = conv::AddMembers { conv, users: users.clone() };
    let remove = conv::RemoveMembers { conv, users };
    world.call(world.amy, &add).await.unwrap();
    world.call(world.amy, &remove).await.unwrap();
    world.call(world.amy, &add).await.unwrap();
    world.call(bob, &remove).await.unwrap();
    let rows = world.rows().await.split_off(before);
    let ops: Vec<_> = rows.iter().map(|row| &*row.what.op).collect();
    assert_eq!(ops, ["conv.member.add", "conv.member.remove", "conv.member.add"]);
    for row in rows {
        assert_eq!((row.what.actor, row.what.object), (world.amy.user, format!("conv:{conv}")));
    }
}
