//! Whom an alert is for.

use std::{fmt::Write as _, time::Instant};

use carillon_plugin::{
    Caller, Error, Result,
    protocol::{
        DepartmentId, DingId, ErrorCode, RoleId, UserId,
        conv::{self, History},
        department,
        ding::{Audience, Confirm, MsgRef, Sent, Simulate},
        id::Ulid,
        import, msg, org, role,
    },
};

use super::world::{World, alert_to};

async fn sent(world: &World, by: Caller, to: Audience) -> Result<Sent> {
    let send = carillon_plugin::protocol::ding::Send { to, ..alert_to([].into_iter()) };
    let sent = world.call(by, send).await?;
    world.kit.settle().await;
    Ok(sent)
}

async fn department(world: &World, name: &str, parent: Option<DepartmentId>) -> DepartmentId {
    let create = department::Create { name: name.into(), parent, head: None };
    world.call(world.amy, create).await.unwrap().department
}

async fn is_in(world: &World, user: UserId, department: DepartmentId) {
    let departments = Some(vec![department]);
    let args = org::UpdateMember { user: Some(user), departments, ..<_>::default() };
    world.call(world.amy, args).await.unwrap();
}

async fn group(
    world: &World,
    owner: Caller,
    members: &[Caller],
) -> carillon_plugin::protocol::ConvId {
    let members = members.iter().map(|it| it.user).collect();
    let create = conv::Create { title: "Shop".into(), members, history: History::All };
    world.call(owner, create).await.unwrap().conv
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Error>) -> (ErrorCode, String) {
    let error = answer.unwrap_err();
    (error.code(), error.body().field.clone().unwrap_or_default())
}

#[tokio::test]
async fn everybody_who_is_in_any_of_these_once_and_never_the_sender_or_who_left() {
    let world = World::new().await;
    let shops = department(&world, "Shops", None).await;
    let central = department(&world, "Central", Some(shops)).await;
    is_in(&world, world.bob.user, central).await;
    is_in(&world, world.amy.user, shops).await;
    let create = role::Create { name: "Guards".into(), permissions: Vec::new() };
    let guards = world.call(world.amy, create).await.unwrap().role;
    for person in [world.carol, world.dan] {
        let roles = Some(vec![guards]);
        let args = org::UpdateMember { user: Some(person.user), roles, ..<_>::default() };
        world.call(world.amy, args).await.unwrap();
    }
    let conv = group(&world, world.amy, &[world.bob, world.carol]).await;
    let all = Audience {
        users: vec![world.bob.user, world.bob.user, world.amy.user],
        roles: vec![guards],
        departments: vec![shops, central],
        convs: vec![conv],
        ..<_>::default()
    };
    assert_eq!(sent(&world, world.amy, all.clone()).await.unwrap().recipients, 3);
    world.call(world.amy, org::RemoveMember { user: world.dan.user }).await.unwrap();
    let alert = sent(&world, world.amy, all).await.unwrap();
    assert_eq!(alert.recipients, 2);
    let nobody = Audience { users: vec![world.amy.user, world.dan.user], ..<_>::default() };
    assert_eq!(refused(sent(&world, world.amy, nobody).await), (ErrorCode::BadArg, "to".into()));

    // Who has not answered it.
    let confirm = Confirm { ding: alert.ding, reply: None, instead_of: None, others: false };
    world.call(world.bob, confirm).await.unwrap();
    let rest = Audience { unconfirmed_of: Some(alert.ding), ..<_>::default() };
    assert_eq!(sent(&world, world.amy, rest.clone()).await.unwrap().recipients, 1);
    let not_theirs = sent(&world, world.bob, rest).await;
    assert_eq!(refused(not_theirs), (ErrorCode::NotFound, "to.unconfirmed_of".into()));
}

#[tokio::test]
async fn who_has_not_read_a_message_is_asked_by_its_readers_only() {
    let world = World::new().await;
    let conv = group(&world, world.amy, &[world.bob, world.carol]).await;
    let body = msg::Body::Text { text: "Inventory on Friday".into(), mentions: Vec::new() };
    let send = msg::Send { conv, body, reply_to: None, everybody: false };
    let seq = world.call(world.amy, send).await.unwrap().seq;
    world.call(world.bob, conv::Read { conv, from: None, seq }).await.unwrap();
    let unread = Audience { unread_of: Some(MsgRef { conv, seq }), ..<_>::default() };
    assert_eq!(sent(&world, world.amy, unread.clone()).await.unwrap().recipients, 1);
    for stranger in [world.dan, world.zoe] {
        let answer = sent(&world, stranger, unread.clone()).await;
        assert_eq!(refused(answer), (ErrorCode::NotFound, "to.unread_of".into()));
    }
    let none = Audience { unread_of: Some(MsgRef { conv, seq: seq + 7 }), ..<_>::default() };
    assert_eq!(refused(sent(&world, world.amy, none).await).0, ErrorCode::NotFound);
}

#[tokio::test]
async fn what_belongs_to_others_does_not_exist() {
    let world = World::new().await;
    let shop = department(&world, "Shop", None).await;
    let conv = group(&world, world.amy, &[world.bob]).await;
    let alert = world.alert(&[world.bob], |_| {}).await;
    let roles = vec![RoleId(world.org.0)];
    let cases = [
        (Audience { users: vec![world.bob.user], ..<_>::default() }, "to.users"),
        (Audience { roles, ..<_>::default() }, "to"),
        (Audience { departments: vec![shop], ..<_>::default() }, "to"),
        (Audience { convs: vec![conv], ..<_>::default() }, "to.convs[0]"),
        (Audience { unconfirmed_of: Some(alert), ..<_>::default() }, "to.unconfirmed_of"),
    ];
    for (to, field) in cases {
        let answer = sent(&world, world.zoe, to).await;
        assert_eq!(refused(answer), (ErrorCode::NotFound, field.into()));
    }
    let unknown = Audience { unconfirmed_of: Some(DingId(Ulid(5))), ..<_>::default() };
    assert_eq!(refused(sent(&world, world.amy, unknown).await).0, ErrorCode::NotFound);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "how long it takes is measured")]
async fn five_thousand_people_are_found_at_once_and_one_more_is_too_many() {
    let world = World::new().await;
    for table in 0..3 {
        let mut csv = String::from("login,name,department\n");
        for n in 0..if table == 2 { 1_000 } else { 2_000 } {
            writeln!(csv, "p{table}-{n},Person {n},All").unwrap();
        }
        let apply = import::Apply { org: Some(world.org), csv };
        assert!(world.call(Caller::SYSTEM, apply).await.unwrap().applied);
    }
    let tree = world.call(world.amy, department::Tree {}).await.unwrap();
    let all = Audience { departments: vec![tree.departments[0].department], ..<_>::default() };
    let send = |to| carillon_plugin::protocol::ding::Send { to, ..alert_to([].into_iter()) };
    let begun = Instant::now();
    let found = world.call(world.amy, Simulate { ding: send(all.clone()) }).await.unwrap();
    let took = begun.elapsed();
    assert_eq!(found.recipients, 5_000);
    assert!(took.as_secs() < 5, "it took {took:?}");
    let one_more = Audience { users: vec![world.bob.user], ..all };
    let answer = world.call(world.amy, Simulate { ding: send(one_more) }).await;
    assert_eq!(refused(answer), (ErrorCode::TooLarge, "to".into()));
}
