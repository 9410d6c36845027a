//! What is not one's own does not exist.

use carillon_protocol::{
    conv::{ListMembers, Open, Update},
    log, msg,
    receipt::Watch,
};

use crate::*;

/// Every operation on a conversation, by somebody who never was in it.
async fn all_refused(world: &World, stranger: Caller, conv: ConvId) {
    let users = vec![world.bob.user];
    let host = world.kit.host();
    let list = msg::List { conv, before: None, after: None, around: None, limit: None };
    let members = ListMembers { conv, after: None, limit: None };
    let read = log::Read { topic: topic(conv), after: None, before: None, limit: None };
    let readers = receipt::List { conv, seq: 2, state: State::Read, after: None, limit: None };
    let codes = [
        code(world.call(stranger, Get { conv }).await),
        code(world.call(stranger, members).await),
        code(world.call(stranger, AddMembers { conv, users: users.clone() }).await),
        code(world.call(stranger, RemoveMembers { conv, users }).await),
        code(world.call(stranger, Read { conv, from: None, seq: 2 }).await),
        code(world.call(stranger, message(conv, "x")).await),
        code(world.call(stranger, list).await),
        code(world.call(stranger, read).await),
        code(world.call(stranger, Counts { conv, seqs: vec![2] }).await),
        code(world.call(stranger, readers).await),
        code(world.call(stranger, Watch { conv, seqs: vec![2] }).await),
        code(world.call(stranger, Update { conv, title: "mine".into() }).await),
        code(host.window(stranger, &topic(conv)).await),
    ];
    assert_eq!(codes, [ErrorCode::NotFound; 13]);
    let listening = host.listening(stranger).await.unwrap();
    assert!(!listening.iter().any(|it| it.topic == topic(conv)));
}

#[tokio::test]
async fn a_conversation_that_one_never_was_in_does_not_exist() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    world.says(world.bob, conv, "ours").await;
    all_refused(&world, world.zoe, conv).await;
    all_refused(&world, world.dan, conv).await;
    all_refused(&world, world.amy, ConvId(next_id())).await;
    // The right person with another tenant's rights does not get in either.
    let elsewhere = Caller::on_behalf_of(world.amy.user, world.zoe.org);
    all_refused(&world, elsewhere, conv).await;
    // Nor from a cold start, when nothing is in memory.
    let world = world.restarted().await;
    all_refused(&world, world.zoe, conv).await;
}

#[tokio::test]
async fn people_of_another_organisation_cannot_be_reached() {
    let world = World::new().await;
    let conv = world.group(&[world.bob], History::All).await;
    let add = world.adds(world.amy, conv, &[world.carol, world.zoe]).await;
    assert_eq!(field(add), (ErrorCode::NotFound, "users[1]".into()));
    assert_eq!(world.summary(world.amy, conv).await.members, 2);
    let open = world.call(world.zoe, Open { user: world.amy.user }).await;
    assert_eq!(code(open), ErrorCode::NotFound);
}
