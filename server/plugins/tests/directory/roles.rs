//! Roles.

use carillon_protocol::role::{ChangedData, Create, List, PERMISSIONS, Remove, Role, Update};

use crate::*;

async fn roles(world: &World) -> Vec<Role> {
    world.call(world.amy, List {}).await.unwrap().roles
}

fn named(name: &str) -> Create {
    Create { name: name.into(), permissions: Vec::new() }
}

#[tokio::test]
async fn every_organisation_begins_with_the_administrators_role() {
    let world = World::new().await;
    let [role] = roles(&world).await.try_into().unwrap();
    assert!(role.administrator);
    assert_eq!((&*role.name, role.members), ("Administrator", 1));
    assert_eq!(role.permissions, PERMISSIONS);
    let amy = world.member(world.amy.user).await;
    assert_eq!((amy.admin, amy.roles), (true, vec![role.role]));
    let (bob, _) = world.joins("bob").await;
    assert!(world.call(bob, List {}).await.is_ok(), "everybody sees who may what");
}

#[tokio::test]
async fn roles_are_made_changed_and_removed_and_each_change_is_told_once() {
    let world = World::new().await;
    let create = Create { permissions: texts(&["sessions", "people"]).unwrap(), ..named("HR") };
    let role = world.call(world.amy, create).await.unwrap().role;
    let (bob, _) = world.joins("bob").await;
    world.gives(bob.user, &[role]).await;
    let listed = roles(&world).await;
    let hr = &listed[1];
    assert_eq!((hr.role, &*hr.name, hr.administrator, hr.members), (role, "HR", false, 1));
    assert_eq!(hr.permissions, ["people", "sessions"]);
    world.told();
    let name = Update { role, name: Some("People".into()), permissions: None };
    let fewer = Update { role, name: None, permissions: texts(&["people"]) };
    for _ in 0..2 {
        world.call(world.amy, name.clone()).await.unwrap();
        world.call(world.amy, fewer.clone()).await.unwrap();
    }
    world.call(world.amy, Remove { role }).await.unwrap();
    let data: Vec<ChangedData> = world.told().iter().map(|it| it.data.to().unwrap()).collect();
    let names: Vec<_> = data.iter().map(|data| data.name.as_deref()).collect();
    assert_eq!(names, [Some("People"), Some("People"), None]);
    assert!(data.iter().all(|data| data.role == role));
    assert_eq!(roles(&world).await.len(), 1);
    assert!(world.member(bob.user).await.roles.is_empty());
    assert_eq!(code(world.call(world.amy, Remove { role }).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn the_administrators_role_stays_as_it_is() {
    let world = World::new().await;
    let role = roles(&world).await[0].role;
    let rename = Update { role, name: Some("Boss".into()), permissions: None };
    assert_eq!(code(world.call(world.amy, rename).await), ErrorCode::Forbidden);
    assert_eq!(code(world.call(world.amy, Remove { role }).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn nobody_gives_or_takes_permissions_that_they_do_not_have() {
    let world = World::new().await;
    let bob = world.joins_with("bob", &["roles", "people"]).await;
    let (carol, _) = world.joins("carol").await;
    let (user, administrator) = (Some(carol.user), RoleId(world.org.0));
    let office = world.role("Office", &["organisation", "people"]).await;
    let hr = world.role("HR", &["people"]).await;
    let give = |roles: &[RoleId]| UpdateMember { user, roles: Some(roles.to_vec()), ..change() };
    let refused = world.call(bob, give(&[office])).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Forbidden);
    let text = "nobody gives or takes permissions that they do not have: `organisation`";
    assert_eq!(refused.body().msg, text);
    assert_eq!(code(world.call(bob, give(&[administrator])).await), ErrorCode::Forbidden);
    world.call(bob, give(&[hr])).await.unwrap();
    world.gives(carol.user, &[hr, office]).await;
    assert_eq!(code(world.call(bob, give(&[hr])).await), ErrorCode::Forbidden, "nor takes");
    assert!(world.call(bob, give(&[office])).await.is_ok(), "what stays is not given");

    let make = |list: &[&str]| Create { permissions: texts(list).unwrap(), ..named("New") };
    assert_eq!(code(world.call(bob, make(&["sessions"])).await), ErrorCode::Forbidden);
    let update = |role, list| Update { role, name: None, permissions: texts(list) };
    for (role, list) in [(hr, &["people", "sessions"][..]), (office, &["people"]), (office, &[])] {
        assert_eq!(code(world.call(bob, update(role, list)).await), ErrorCode::Forbidden);
    }
    assert_eq!(code(world.call(bob, Remove { role: office }).await), ErrorCode::Forbidden);
    let rename = Update { role: office, name: Some("Lunch".into()), permissions: None };
    let refused = world.call(bob, rename).await;
    assert_eq!(code(refused), ErrorCode::Forbidden, "somebody could be given it by mistake");
    assert!(world.call(bob, update(office, &["organisation"])).await.is_ok());
    assert!(world.call(bob, Remove { role: hr }).await.is_ok());
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let world = World::new().await;
    let (amy, administrator) = (world.amy.user, RoleId(world.org.0));
    let take = |user| UpdateMember { user: Some(user), roles: Some(Vec::new()), ..change() };
    for caller in [world.amy, Caller::SYSTEM] {
        assert_eq!(code(world.call(caller, take(amy)).await), ErrorCode::Conflict);
    }
    let (bob, _) = world.joins("bob").await;
    world.gives(bob.user, &[administrator]).await;
    let member = world.call(world.amy, take(amy)).await.unwrap().member;
    assert!(!member.admin && member.roles.is_empty());
    assert_eq!(code(world.call(bob, take(bob.user)).await), ErrorCode::Conflict);
    assert_eq!(code(world.call(world.amy, person("dora")).await), ErrorCode::Forbidden);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_administrators_who_step_down_at_once_one_stays() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let administrator = RoleId(world.org.0);
    for _ in 0..20 {
        for user in [world.amy.user, bob.user] {
            let roles = Some(vec![administrator]);
            let give = UpdateMember { user: Some(user), roles, ..change() };
            world.call(Caller::SYSTEM, give).await.unwrap();
        }
        let step_down = |caller: Caller| {
            let host = world.kit.host().clone();
            let args = UpdateMember { roles: Some(Vec::new()), ..change() };
            tokio::spawn(async move { host.call_typed(caller, None, &args).await })
        };
        let (a, b) = (step_down(world.amy), step_down(bob));
        let results = [a.await.unwrap(), b.await.unwrap()];
        let codes: Vec<_> = results.iter().filter_map(|it| it.as_ref().err()).collect();
        assert_eq!(codes.len(), 1, "{codes:?}");
        assert_eq!(codes[0].code(), ErrorCode::Conflict);
        assert_eq!(roles(&world).await[0].members, 1);
    }
}

#[tokio::test]
async fn a_person_has_at_most_twenty_roles_each_once() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let mut ids = Vec::new();
    for number in 0..21 {
        ids.push(world.role(&format!("{number}"), &[]).await);
    }
    let give = |roles: &[RoleId]| UpdateMember {
        user: Some(bob.user),
        roles: Some(roles.to_vec()),
        ..change()
    };
    assert_eq!(field(world.call(world.amy, give(&ids)).await), "roles");
    assert_eq!(field(world.call(world.amy, give(&[ids[0], ids[0]])).await), "roles");
    let member = world.call(world.amy, give(&ids[..20])).await.unwrap().member;
    assert_eq!(member.roles, ids[..20]);
}

#[tokio::test]
async fn role_names_are_unique_and_there_are_a_hundred_at_most() {
    let world = World::new().await;
    let hr = world.role("HR", &[]).await;
    for taken in ["HR", "Administrator"] {
        let refused = world.call(world.amy, named(taken)).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.body().field.as_deref()),
            (ErrorCode::Conflict, Some("name"))
        );
    }
    let rename = |role, name: &str| Update { role, name: Some(name.into()), permissions: None };
    let boss = rename(hr, "Administrator");
    assert_eq!(code(world.call(world.amy, boss).await), ErrorCode::Conflict);
    assert!(world.call(world.amy, rename(hr, "HR")).await.is_ok());
    assert!(world.call(world.zoe, named("HR")).await.is_ok(), "another organisation's");
    let bad = Create { permissions: texts(&["flying"]).unwrap(), ..named("Pilot") };
    assert_eq!(field(world.call(world.amy, bad).await), "permissions");
    assert_eq!(field(world.call(world.amy, named(" ")).await), "name");
    for number in 2..100 {
        world.role(&format!("{number}"), &[]).await;
    }
    assert_eq!(code(world.call(world.amy, named("one more")).await), ErrorCode::TooLarge);
}

#[tokio::test]
async fn roles_of_others_do_not_exist() {
    let world = World::new().await;
    let theirs = world.call(world.zoe, named("HR")).await.unwrap().role;
    let (bob, _) = world.joins("bob").await;
    for role in [theirs, RoleId(world.other.0), RoleId(Ulid::from_parts(1, 1))] {
        let update = Update { role, name: Some("Mine".into()), permissions: None };
        assert_eq!(code(world.call(world.amy, update).await), ErrorCode::NotFound);
        assert_eq!(code(world.call(world.amy, Remove { role }).await), ErrorCode::NotFound);
        let (user, roles) = (Some(bob.user), Some(vec![role]));
        let give = UpdateMember { user, roles, ..change() };
        assert_eq!(code(world.call(world.amy, give).await), ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn a_repeated_creation_makes_one_role() {
    let world = World::new().await;
    let (host, again) = (world.kit.host(), Some(cid()));
    let one = host.call_typed(world.amy, again, &named("HR")).await.unwrap();
    assert_eq!(host.call_typed(world.amy, again, &named("HR")).await.unwrap(), one);
    assert_eq!(roles(&world).await.len(), 2);
}
