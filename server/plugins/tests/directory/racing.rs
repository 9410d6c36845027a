//! What is decided while something else is committed: who acts never gets more than they would get
//! a moment later.

use carillon_protocol::{
    invite::{Accept, Create as Invite},
    org::{RemoveMember, RestoreMember},
    role::{PEOPLE, SESSIONS},
    session::Password,
};

use crate::*;

const NEW: &str = "battery staple";

/// Signing in pays for the attempt, is paid back, and only then opens the session.
const BEFORE_A_SESSION: u32 = 2;

impl World {
    /// Lets a call succeed between what the next one decides and its commit.
    fn meanwhile<C: Command + Sync>(&self, caller: Caller, args: C) {
        self.after_commits(0, caller, args);
    }

    /// The same after the next one has committed so many times.
    fn after_commits<C: Command + Sync>(&self, count: u32, caller: Caller, args: C) {
        let host = self.kit.host().clone();
        self.kit.before_commit(count, async move {
            host.call_typed(caller, Some(cid()), &args).await.map(drop).unwrap();
        });
    }

    /// Lets the administrator take all roles away meanwhile.
    fn meanwhile_loses_all(&self, user: UserId) {
        let roles = Some(Vec::new());
        self.meanwhile(self.amy, UpdateMember { user: Some(user), roles, ..change() });
    }
}

async fn live_sessions(world: &World, user: UserId) -> u64 {
    let sql = "SELECT COUNT(*) FROM directory_session WHERE user_id = $1 AND ended_at IS NULL";
    let rows = world.kit.host().storage().query(sql, vec![user.into()]).await.unwrap();
    rows[0].get(0).unwrap()
}

#[tokio::test]
async fn whoever_signs_in_by_a_password_that_is_being_changed_stays_outside() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let change = Password { old: PASSWORD.into(), new: NEW.into() };
    world.after_commits(BEFORE_A_SESSION, bob, change);
    assert_eq!(code(sign_in(&world.kit, "bob").await), ErrorCode::Unauth);
    assert_eq!(live_sessions(&world, bob.user).await, 1, "the one that changed it");
    assert!(login(&world.kit, "bob", NEW).await.is_ok());
}

#[tokio::test]
async fn whoever_signs_in_by_a_password_that_a_link_replaces_stays_outside() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let link = Invite { user: Some(bob.user), ..Invite::default() };
    let token = world.call(world.amy, link).await.unwrap().token;
    world.after_commits(BEFORE_A_SESSION, Caller::STRANGER, accept(&token, None));
    assert_eq!(code(sign_in(&world.kit, "bob").await), ErrorCode::Unauth);
    assert_eq!(live_sessions(&world, bob.user).await, 1, "the one of the link");
}

#[tokio::test]
async fn whoever_signs_in_while_they_are_let_go_stays_outside() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    world.after_commits(BEFORE_A_SESSION, world.amy, RemoveMember { user: bob.user });
    assert_eq!(code(sign_in(&world.kit, "bob").await), ErrorCode::Unauth);
    assert_eq!(live_sessions(&world, bob.user).await, 0);
}

fn accept(token: &str, login: Option<&str>) -> Accept {
    let name = login.map(str::to_owned);
    let (login, password) = (name.clone(), NEW.to_owned());
    Accept { token: token.into(), login, name, password, locale: None, label: None }
}

#[tokio::test]
async fn no_token_is_issued_for_whoever_rises_at_this_moment() {
    let world = World::new().await;
    let hana = world.joins_with("hana", &[SESSIONS]).await;
    let (bob, _) = world.joins("bob").await;
    let roles = Some(vec![RoleId(world.org.0)]);
    world.meanwhile(world.amy, UpdateMember { user: Some(bob.user), roles, ..change() });
    let token = Issue { user: Some("bob".into()), ..issue() };
    assert_eq!(code(world.call(hana, token).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn no_password_is_set_by_a_link_for_whoever_rises_at_this_moment() {
    let world = World::new().await;
    let hana = world.joins_with("hana", &[PEOPLE]).await;
    let (bob, _) = world.joins("bob").await;
    let link = Invite { user: Some(bob.user), ..Invite::default() };
    let token = world.call(hana, link).await.unwrap().token;
    let roles = Some(vec![RoleId(world.org.0)]);
    world.meanwhile(world.amy, UpdateMember { user: Some(bob.user), roles, ..change() });
    assert_eq!(code(world.call(Caller::STRANGER, accept(&token, None)).await), ErrorCode::NotFound);
    assert!(sign_in(&world.kit, "bob").await.is_ok(), "the password is the old one");
}

#[tokio::test]
async fn whoever_loses_the_permission_at_this_moment_does_nothing_more_by_it() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let (carol, _) = world.joins("carol").await;
    world.call(world.amy, RemoveMember { user: carol.user }).await.unwrap();
    let rights = [PEOPLE, SESSIONS];

    let hana = world.joins_with("h1", &rights).await;
    world.meanwhile_loses_all(hana.user);
    assert_eq!(code(world.call(hana, person("new")).await), ErrorCode::Forbidden);
    let hana = world.joins_with("h2", &rights).await;
    world.meanwhile_loses_all(hana.user);
    assert_eq!(code(world.call(hana, Invite::default()).await), ErrorCode::Forbidden);
    let hana = world.joins_with("h3", &rights).await;
    world.meanwhile_loses_all(hana.user);
    let echo = Issue { app: Some("echo".into()), ..issue() };
    assert_eq!(code(world.call(hana, echo).await), ErrorCode::Forbidden);
    let hana = world.joins_with("h4", &rights).await;
    world.meanwhile_loses_all(hana.user);
    let remove = RemoveMember { user: bob.user };
    assert_eq!(code(world.call(hana, remove).await), ErrorCode::Forbidden);
    let hana = world.joins_with("h5", &rights).await;
    world.meanwhile_loses_all(hana.user);
    let restore = RestoreMember { user: carol.user };
    assert_eq!(code(world.call(hana, restore).await), ErrorCode::Forbidden);
    let hana = world.joins_with("h6", &rights).await;
    world.meanwhile_loses_all(hana.user);
    let rename = UpdateMember { user: Some(bob.user), name: Some("Bo".into()), ..change() };
    assert_eq!(code(world.call(hana, rename).await), ErrorCode::Forbidden);
    let hana = world.joins_with("h7", &rights).await;
    world.meanwhile_loses_all(hana.user);
    let revoke = Revoke { session: bob.session.unwrap() };
    assert_eq!(code(world.call(hana, revoke).await), ErrorCode::NotFound);
    assert_eq!(live_sessions(&world, bob.user).await, 1);
}

/// Anybody may change them, as often as they like.
#[tokio::test]
async fn whoever_changes_their_own_time_zone_holds_up_nobody_and_loses_it_to_nobody() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    world.meanwhile(bob, UpdateMember { tz: Some("Europe/London".into()), ..change() });
    let rename = UpdateMember { user: Some(bob.user), name: Some("Bo".into()), ..change() };
    world.kit.committed();
    world.call(world.amy, rename).await.unwrap();
    let member = world.member(bob.user).await;
    assert_eq!((&*member.name, &*member.tz), ("Bo", "Europe/London"));
    let sql = "SELECT rev FROM directory_org WHERE id = $1";
    let rev = || world.kit.host().storage().query(sql, vec![world.org.into()]);
    let before = rev().await.unwrap();
    world.call(bob, UpdateMember { tz: Some("Asia/Tokyo".into()), ..change() }).await.unwrap();
    assert_eq!(rev().await.unwrap(), before, "what administrators decide by has not changed");
}

#[tokio::test]
async fn nobody_joins_by_a_link_whose_maker_loses_the_permission_at_this_moment() {
    let world = World::new().await;
    let hana = world.joins_with("hana", &[PEOPLE]).await;
    let token = world.call(hana, Invite::default()).await.unwrap().token;
    world.meanwhile_loses_all(hana.user);
    let joining = world.call(Caller::STRANGER, accept(&token, Some("gina"))).await;
    assert_eq!(code(joining), ErrorCode::NotFound);
}
