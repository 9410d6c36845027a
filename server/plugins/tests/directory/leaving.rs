//! People who leave, and come back.

use carillon_plugin::LiveChange;
use carillon_protocol::{
    department,
    org::{RemoveMember, RestoreMember},
};

use crate::*;

async fn leave(world: &World, user: UserId) -> Member {
    world.call(world.amy, RemoveMember { user }).await.unwrap().member
}

async fn come_back(world: &World, user: UserId) -> Member {
    world.call(world.amy, RestoreMember { user }).await.unwrap().member
}

#[tokio::test]
async fn who_leaves_is_signed_out_everywhere_at_once() {
    let world = World::new().await;
    let (bob, first) = world.joins("bob").await;
    let second = sign_in(&world.kit, "bob").await.unwrap();
    for token in [&first, &second.token] {
        assert!(world.resolve(token).await.is_ok(), "now it is cached");
    }
    world.kit.committed();
    assert!(!leave(&world, bob.user).await.active);
    for token in [&first, &second.token] {
        assert_eq!(code(world.resolve(token).await), ErrorCode::TokenExpired);
    }
    let closed: HashSet<SessionId> =
        world.kit.committed().into_iter().flat_map(|(_, means)| means).map(session_of).collect();
    assert_eq!(closed, HashSet::from([bob.session.unwrap(), second.session]));
}

fn session_of(change: LiveChange) -> SessionId {
    match change {
        LiveChange::End(session) => session,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn more_sessions_than_one_transaction_ends_end_all_the_same() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let ask = Issue { user: Some("bob".into()), ..issue() };
    for _ in 0..600 {
        world.call(world.amy, ask.clone()).await.unwrap();
    }
    world.kit.committed();
    leave(&world, bob.user).await;
    let ended = world.kit.committed().into_iter().flat_map(|(_, means)| means).count();
    assert_eq!(ended, 601);
    let sql = "SELECT COUNT(*) FROM directory_session WHERE ended_at IS NULL AND user_id = $1";
    let rows = world.kit.host().storage().query(sql, vec![bob.user.into()]).await.unwrap();
    assert_eq!(rows[0].get::<u64>(0).unwrap(), 0);
}

#[tokio::test]
async fn who_left_is_answered_like_a_wrong_password() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let wrong = login(&world.kit, "bob", "wrong horse").await.unwrap_err();
    leave(&world, bob.user).await;
    let left = sign_in(&world.kit, "bob").await.unwrap_err();
    assert_eq!(left.body(), wrong.body());
    let token = Issue { user: Some("bob".into()), ..issue() };
    assert_eq!(code(world.call(world.amy, token).await), ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_while_leaving_is_signed_out_too() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    for _ in 0..20 {
        let host = world.kit.host().clone();
        let args = Login { login: "bob".into(), password: PASSWORD.into(), label: None };
        let signing =
            tokio::spawn(async move { host.call_typed(Caller::STRANGER, None, &args).await });
        leave(&world, bob.user).await;
        if let Ok(grant) = signing.await.unwrap() {
            assert_eq!(code(world.resolve(&grant.token).await), ErrorCode::TokenExpired);
        }
        come_back(&world, bob.user).await;
    }
}

#[tokio::test]
async fn the_name_of_who_left_stays_for_old_messages() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let named = || Names { org: world.org, users: vec![bob.user, world.amy.user] };
    assert_eq!(world.call(Caller::SYSTEM, named()).await.unwrap().left, []);
    leave(&world, bob.user).await;
    for _ in 0..2 {
        let named = world.call(Caller::SYSTEM, named()).await.unwrap();
        assert_eq!(named.names[0], (bob.user, "bob 陳".to_owned()));
        assert_eq!(named.left, [bob.user]);
    }
    come_back(&world, bob.user).await;
    assert_eq!(world.call(Caller::SYSTEM, named()).await.unwrap().left, []);
    leave(&world, bob.user).await;
    assert_eq!(world.member(bob.user).await.name, "bob 陳");
    let taken = world.call(world.amy, person("bob")).await;
    assert_eq!(code(taken), ErrorCode::Conflict, "they may come back");
}

#[tokio::test]
async fn who_left_heads_nothing_manages_nobody_and_has_no_role() {
    let world = World::new().await;
    let bob = world.joins_with("bob", &["people"]).await;
    let (carol, _) = world.joins("carol").await;
    let create = department::Create { name: "Shops".into(), parent: None, head: Some(bob.user) };
    let shops = world.call(world.amy, create).await.unwrap().department;
    for (user, manager) in [(carol.user, bob.user), (bob.user, world.amy.user)] {
        let managed = UpdateMember { user: Some(user), manager: Some(Some(manager)), ..change() };
        world.call(world.amy, managed).await.unwrap();
    }
    let inside = UpdateMember { user: Some(bob.user), departments: Some(vec![shops]), ..change() };
    world.call(world.amy, inside).await.unwrap();
    leave(&world, bob.user).await;
    assert_eq!(world.tree().await[0].head, None);
    assert_eq!(world.member(carol.user).await.manager, None);
    let back = come_back(&world, bob.user).await;
    assert!(back.active && back.roles.is_empty(), "roles are given anew");
    assert_eq!((back.departments, back.manager), (vec![shops], Some(world.amy.user)));
    let again = RemoveMember { user: carol.user };
    let bob = caller(&world.kit, &sign_in(&world.kit, "bob").await.unwrap().token).await;
    assert_eq!(code(world.call(bob, again).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn leaving_and_coming_back_are_told_once() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    world.told();
    for _ in 0..2 {
        leave(&world, bob.user).await;
    }
    for _ in 0..2 {
        come_back(&world, bob.user).await;
    }
    assert_eq!(world.kinds(), ["org.member_left", "org.member_returned"]);
    assert!(sign_in(&world.kit, "bob").await.is_ok());
}

#[tokio::test]
async fn nobody_removes_themselves() {
    let world = World::new().await;
    let refused = world.call(world.amy, RemoveMember { user: world.amy.user }).await;
    assert_eq!(code(refused), ErrorCode::Forbidden);
    let last = world.call(Caller::SYSTEM, RemoveMember { user: world.amy.user }).await;
    assert_eq!(code(last), ErrorCode::Conflict, "the last administrator stays");
    let boss = world.call(world.amy, AddMember { admin: true, ..person("boss") }).await.unwrap();
    assert!(!leave(&world, boss.user).await.admin);
    let last = world.call(Caller::SYSTEM, RemoveMember { user: world.amy.user }).await;
    assert_eq!(code(last), ErrorCode::Conflict, "who left does not count");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_administrators_who_remove_each_other_one_stays() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    world.gives(bob.user, &[RoleId(world.org.0)]).await;
    for _ in 0..20 {
        let removes = |caller: Caller, user| {
            let host = world.kit.host().clone();
            tokio::spawn(async move { host.call_typed(caller, None, &RemoveMember { user }).await })
        };
        let (a, b) = (removes(world.amy, bob.user), removes(bob, world.amy.user));
        let done = [a.await.unwrap().is_ok(), b.await.unwrap().is_ok()];
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "one of both comes first");
        let left = if done[0] { bob.user } else { world.amy.user };
        world.call(Caller::SYSTEM, RestoreMember { user: left }).await.unwrap();
        let roles = Some(vec![RoleId(world.org.0)]);
        let give = UpdateMember { user: Some(left), roles, ..change() };
        world.call(Caller::SYSTEM, give).await.unwrap();
    }
}

#[tokio::test]
async fn who_left_is_changed_by_nobody() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    leave(&world, bob.user).await;
    let rename = UpdateMember { user: Some(bob.user), name: Some("Bob".into()), ..change() };
    assert_eq!(code(world.call(world.amy, rename).await), ErrorCode::Conflict);
}

#[tokio::test]
async fn a_program_can_be_let_go_too() {
    let world = World::new().await;
    let echo = Issue { app: Some("echo".into()), ..issue() };
    let grant = world.call(world.amy, echo.clone()).await.unwrap();
    leave(&world, grant.user).await;
    assert_eq!(code(world.resolve(&grant.token).await), ErrorCode::TokenExpired);
    assert_eq!(code(world.call(world.amy, echo.clone()).await), ErrorCode::Conflict);
    come_back(&world, grant.user).await;
    assert!(world.call(world.amy, echo).await.is_ok());
}
