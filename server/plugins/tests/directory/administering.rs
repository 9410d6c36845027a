//! Who may administer what: a session's scope, and what the person's roles permit at this moment.

use carillon_protocol::{
    department, import, invite,
    org::{RemoveMember, RestoreMember, Update},
    role::PERMISSIONS,
    session,
};

use crate::*;

/// What each permission is for, as its refusal says.
const WORDS: [(&str, &str); 5] = [
    ("people", "administer people"),
    ("departments", "change departments"),
    ("roles", "change roles and who has them"),
    ("organisation", "change the organisation"),
    ("sessions", "sign others out and issue tokens"),
];

/// Asks for one thing of each kind that a permission is for; says which are refused.
async fn refused(world: &World, caller: Caller) -> Vec<&'static str> {
    let unknown = UserId(Ulid::from_parts(1, 1));
    let shops = department::Create { name: format!("{}", cid()), parent: None, head: None };
    let role = role::Create { name: format!("{}", cid()), permissions: Vec::new() };
    let answers = [
        world.call(caller, RemoveMember { user: unknown }).await.err(),
        world.call(caller, shops).await.err(),
        world.call(caller, role).await.err(),
        world.call(caller, Update::default()).await.err(),
        world.call(caller, Issue { app: Some("echo".into()), ..issue() }).await.err(),
    ];
    let mut refused = Vec::new();
    for ((permission, words), error) in WORDS.into_iter().zip(answers) {
        let Some(error) = error.filter(|error| error.code() == ErrorCode::Forbidden) else {
            continue;
        };
        let text = format!("this needs the permission to {words}; ask an administrator");
        assert_eq!(error.body().msg, text);
        refused.push(permission);
    }
    refused
}

#[tokio::test]
async fn each_permission_opens_its_own_door_and_no_other() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    assert_eq!(refused(&world, bob).await, PERMISSIONS, "who has no role administers nothing");
    for permission in PERMISSIONS {
        let one = world.joins_with(&format!("with.{permission}"), &[permission]).await;
        let others: Vec<_> = PERMISSIONS.into_iter().filter(|it| *it != permission).collect();
        assert_eq!(refused(&world, one).await, others, "{permission}");
    }
    assert!(refused(&world, world.amy).await.is_empty(), "an administrator may everything");
}

#[tokio::test]
async fn a_role_that_is_given_or_taken_away_counts_at_once_on_an_open_session() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let role = world.role("Office", &["departments", "sessions"]).await;
    for _ in 0..2 {
        world.gives(bob.user, &[role]).await;
        assert_eq!(refused(&world, bob).await, ["people", "roles", "organisation"]);
        world.gives(bob.user, &[]).await;
        assert_eq!(refused(&world, bob).await, PERMISSIONS);
    }
    world.gives(bob.user, &[role]).await;
    let fewer = role::Update { role, name: None, permissions: texts(&["sessions"]) };
    world.call(world.amy, fewer).await.unwrap();
    assert_eq!(refused(&world, bob).await, ["people", "departments", "roles", "organisation"]);
    world.call(world.amy, role::Remove { role }).await.unwrap();
    assert_eq!(refused(&world, bob).await, PERMISSIONS);
}

#[tokio::test]
async fn a_token_without_the_scope_administers_nothing_whoever_it_is_of() {
    let world = World::new().await;
    let ask = Issue { user: Some("amy".into()), ..issue() };
    let grant = world.call(world.amy, ask).await.unwrap();
    let amy = caller(&world.kit, &grant.token).await;
    let users = texts(&["amy"]).map(|_| vec![world.amy.user]).unwrap();
    assert!(world.call(amy, GetMembers { users }).await.is_ok());
    let rename = UpdateMember { name: Some("Amy".into()), ..change() };
    assert_eq!(code(world.call(amy, rename).await), ErrorCode::Forbidden);
    let who = world.call(amy, Whoami {}).await.unwrap();
    assert!(who.permissions.is_empty(), "{who:?}");
    let who = world.call(world.amy, Whoami {}).await.unwrap();
    assert_eq!(who.permissions, PERMISSIONS);
    assert_eq!((&*who.login, who.title), ("amy", None));
}

#[tokio::test]
async fn whoami_tells_what_the_roles_permit() {
    let world = World::new().await;
    let bob = world.joins_with("bob", &["sessions", "people"]).await;
    let who = world.call(bob, Whoami {}).await.unwrap();
    assert_eq!(who.permissions, ["people", "sessions"]);
    assert_eq!(who.scopes, ["read", "write", "admin"]);
}

#[tokio::test]
async fn a_program_with_the_scope_may_what_an_administrator_may() {
    let world = World::new().await;
    let ask = |scopes: &[&str]| Issue { app: Some("hr".into()), scopes: texts(scopes), ..issue() };
    let grant = world.call(world.amy, ask(&["read", "write", "admin"])).await.unwrap();
    let hr = caller(&world.kit, &grant.token).await;
    assert!(refused(&world, hr).await.is_empty());
    let added = world.call(hr, AddMember { admin: true, ..person("bob") }).await.unwrap();
    assert!(world.member(added.user).await.admin);
    let bob = world.joins_with("carol", &PERMISSIONS).await;
    let refused = world.call(bob, ask(&["read", "admin"])).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Forbidden, "only an administrator allows that");
    let other = Issue { app: Some("echo".into()), ..ask(&["read", "write"]) };
    assert!(world.call(bob, other).await.is_ok());
}

#[tokio::test]
async fn nobody_becomes_an_administrator_through_one() {
    let world = World::new().await;
    let bob = world.joins_with("bob", &["people", "roles", "sessions"]).await;
    let token = Issue { user: Some("amy".into()), ..issue() };
    assert_eq!(code(world.call(bob, token).await), ErrorCode::Forbidden);
    let admin = AddMember { admin: true, ..person("carol") };
    assert_eq!(code(world.call(bob, admin).await), ErrorCode::Forbidden);
    let amy = world.amy.user;
    assert_eq!(code(world.call(bob, RemoveMember { user: amy }).await), ErrorCode::Forbidden);
    let link = invite::Create { user: Some(amy), ..invite::Create::default() };
    assert_eq!(code(world.call(bob, link).await), ErrorCode::Forbidden);
    let (carol, _) = world.joins("carol").await;
    let token = Issue { user: Some("carol".into()), ..issue() };
    assert!(world.call(bob, token).await.is_ok(), "who may less");
    assert!(world.call(bob, RemoveMember { user: carol.user }).await.is_ok());
    assert!(world.call(bob, RestoreMember { user: carol.user }).await.is_ok());
}

#[tokio::test]
async fn a_token_for_somebody_else_never_administers_unless_an_administrator_gives_it() {
    let world = World::new().await;
    let hana = world.joins_with("hana", &PERMISSIONS).await;
    let (bob, _) = world.joins("bob").await;
    let scopes = texts(&["read", "write", "admin"]);
    let token = |user: &str| Issue { user: Some(user.into()), scopes: scopes.clone(), ..issue() };
    // Bob may nothing today, and be an administrator tomorrow.
    assert_eq!(code(world.call(hana, token("bob")).await), ErrorCode::Forbidden);
    assert!(world.call(hana, token("hana")).await.is_ok(), "one's own is one's own affair");
    let grant = world.call(world.amy, token("bob")).await.unwrap();
    world.gives(bob.user, &[RoleId(world.org.0)]).await;
    let bob = caller(&world.kit, &grant.token).await;
    assert!(refused(&world, bob).await.is_empty());
}

#[tokio::test]
async fn nobody_changes_the_sign_in_name_of_whoever_may_do_more() {
    let world = World::new().await;
    let hana = world.joins_with("hana", &["people"]).await;
    let (bob, _) = world.joins("bob").await;
    let rename = |user, login: &str| UpdateMember {
        user: Some(user),
        login: Some(login.into()),
        ..change()
    };
    assert_eq!(code(world.call(hana, rename(world.amy.user, "amie")).await), ErrorCode::Forbidden);
    assert!(sign_in(&world.kit, "amy").await.is_ok());
    assert!(world.call(hana, rename(bob.user, "bobby")).await.is_ok());
    assert!(world.call(hana, rename(hana.user, "hanna")).await.is_ok());
}

#[tokio::test]
async fn a_program_that_may_everything_is_let_go_and_spoken_for_by_administrators_only() {
    let world = World::new().await;
    let ask = |scopes: &[&str]| Issue { app: Some("hr".into()), scopes: texts(scopes), ..issue() };
    let grant = world.call(world.amy, ask(&["read", "admin"])).await.unwrap();
    let hana = world.joins_with("hana", &PERMISSIONS).await;
    let remove = RemoveMember { user: grant.user };
    let revoke = session::Revoke { session: grant.session };
    assert_eq!(code(world.call(hana, remove.clone()).await), ErrorCode::Forbidden);
    assert_eq!(code(world.call(hana, ask(&["read"])).await), ErrorCode::Forbidden);
    assert_eq!(code(world.call(hana, revoke.clone()).await), ErrorCode::NotFound);
    world.call(world.amy, revoke).await.unwrap();
    assert!(world.call(hana, ask(&["read"])).await.is_ok(), "now it may no more than others");
    assert!(world.call(hana, remove).await.is_ok());
}

#[tokio::test]
async fn sessions_of_others_end_by_permission() {
    let world = World::new().await;
    let (bob, token) = world.joins("bob").await;
    let carol = world.joins_with("carol", &["people"]).await;
    let dora = world.joins_with("dora", &["sessions"]).await;
    let revoke = session::Revoke { session: bob.session.unwrap() };
    assert_eq!(code(world.call(carol, revoke.clone()).await), ErrorCode::NotFound);
    assert!(world.resolve(&token).await.is_ok());
    world.call(dora, revoke).await.unwrap();
    assert_eq!(code(world.resolve(&token).await), ErrorCode::TokenExpired);
    for more in [world.amy, carol] {
        let revoke = session::Revoke { session: more.session.unwrap() };
        assert_eq!(code(world.call(dora, revoke).await), ErrorCode::NotFound, "they may more");
    }
}

#[tokio::test]
async fn sessions_of_others_are_seen_by_who_may_end_them_and_by_nobody_else() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let carol = world.joins_with("carol", &["people", "departments", "roles"]).await;
    let dora = world.joins_with("dora", &["sessions"]).await;
    let of = |user| session::Devices { user: Some(user) };
    for caller in [world.amy, dora, bob] {
        let seen = world.call(caller, of(bob.user)).await.unwrap().devices;
        let shown: Vec<_> = seen.iter().map(|it| (it.session, it.current)).collect();
        assert_eq!(shown, [(bob.session.unwrap(), caller == bob)]);
    }
    assert_eq!(code(world.call(bob, of(carol.user)).await), ErrorCode::Forbidden);
    assert_eq!(code(world.call(carol, of(bob.user)).await), ErrorCode::Forbidden);
    for more in [world.amy, carol] {
        let refused = world.call(dora, of(more.user)).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Forbidden, "they may more");
    }
    let nobody = UserId(Ulid::from_parts(1, 1));
    for user in [world.zoe.user, nobody] {
        assert_eq!(code(world.call(world.amy, of(user)).await), ErrorCode::NotFound);
    }
    let scopes = ["read", "write"];
    let reader = Caller::signed_in(dora.user, dora.org, dora.session.unwrap(), scopes);
    assert_eq!(code(world.call(reader, of(bob.user)).await), ErrorCode::Forbidden);
    assert!(world.call(reader, of(dora.user)).await.is_ok(), "one's own anybody may see");
    world.call(world.amy, RemoveMember { user: bob.user }).await.unwrap();
    assert!(world.call(dora, of(bob.user)).await.unwrap().devices.is_empty());
}

#[tokio::test]
async fn a_program_that_may_everything_shows_its_sessions_to_administrators_only() {
    let world = World::new().await;
    let ask = Issue { app: Some("hr".into()), scopes: texts(&["read", "admin"]), ..issue() };
    let grant = world.call(world.amy, ask).await.unwrap();
    let hana = world.joins_with("hana", &PERMISSIONS).await;
    let of = session::Devices { user: Some(grant.user) };
    assert_eq!(code(world.call(hana, of.clone()).await), ErrorCode::Forbidden);
    let seen = world.call(world.amy, of).await.unwrap().devices;
    assert_eq!((seen.len(), &*seen[0].label), (1, "hr"));
}

/// Whatever is added later is in this without being asked.
#[tokio::test]
async fn whoever_has_no_role_is_refused_by_every_operation_of_administration() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let (user, role) = (world.amy.user, RoleId(world.org.0));
    let department = world.department("Shops", None).await;
    let texts = |list: &[&str]| texts(list).unwrap();
    let amy = Some(user);
    let codes = [
        code(world.call(bob, Update::default()).await),
        code(world.call(bob, person("carol")).await),
        code(world.call(bob, UpdateMember { user: amy, ..change() }).await),
        code(world.call(bob, UpdateMember { title: Some("CEO".into()), ..change() }).await),
        code(world.call(bob, UpdateMember { roles: Some(vec![role]), ..change() }).await),
        code(world.call(bob, RemoveMember { user }).await),
        code(world.call(bob, RestoreMember { user }).await),
        code(
            world
                .call(bob, department::Create { name: "A".into(), parent: None, head: None })
                .await,
        ),
        code(world.call(bob, department::Update { department, name: None, head: None }).await),
        code(world.call(bob, department::Move { department, parent: None, before: None }).await),
        code(world.call(bob, department::Remove { department }).await),
        code(world.call(bob, role::Create { name: "A".into(), permissions: texts(&[]) }).await),
        code(world.call(bob, role::Update { role, name: None, permissions: None }).await),
        code(world.call(bob, role::Remove { role }).await),
        code(world.call(bob, invite::Create::default()).await),
        code(world.call(bob, invite::List::default()).await),
        code(
            world
                .call(
                    bob,
                    invite::Revoke { invite: carillon_protocol::InviteId(Ulid::from_parts(1, 1)) },
                )
                .await,
        ),
        code(world.call(bob, import::Check { org: None, csv: String::new() }).await),
        code(world.call(bob, import::Apply { org: None, csv: String::new() }).await),
        code(world.call(bob, issue()).await),
    ];
    assert_eq!(codes, [ErrorCode::Forbidden; 20]);
    let admin = carillon_protocol::operation::ADMIN;
    let guarded = world.kit.host().operations().filter(|operation| operation.access == admin);
    // All of them, and `org.member.update` in three ways, which anybody may call for themselves.
    assert_eq!(guarded.count() + 3, codes.len());
}
