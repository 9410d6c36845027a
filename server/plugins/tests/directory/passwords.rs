//! One's own password.

use carillon_protocol::{
    invite::{Create as Invite, Look},
    session::Password,
};

use crate::*;

const NEW: &str = "battery staple";

fn password(old: &str, new: &str) -> Password {
    Password { old: old.into(), new: new.into() }
}

#[tokio::test]
async fn a_new_password_works_and_whoever_had_the_old_one_is_signed_out() {
    let world = World::new().await;
    let (bob, token) = world.joins("bob").await;
    let other = sign_in(&world.kit, "bob").await.unwrap();
    let device = Issue { user: Some("bob".into()), ..issue() };
    let device = world.call(world.amy, device).await.unwrap();
    world.kit.committed();
    world.call(bob, password(PASSWORD, NEW)).await.unwrap();
    assert!(world.resolve(&token).await.is_ok(), "who changed it stays signed in");
    for token in [other.token, device.token] {
        assert_eq!(code(world.resolve(&token).await), ErrorCode::TokenExpired);
    }
    let closed: usize = world.kit.committed().iter().map(|(_, means)| means.len()).sum();
    assert_eq!(closed, 2, "their sockets close");
    assert_eq!(code(sign_in(&world.kit, "bob").await), ErrorCode::Unauth);
    assert!(login(&world.kit, "bob", NEW).await.is_ok());
    assert!(sign_in(&world.kit, "amy").await.is_ok(), "nobody else's changed");
}

#[tokio::test]
async fn a_new_password_makes_the_links_useless_that_would_set_another() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let link = Invite { user: Some(bob.user), ..Invite::default() };
    let link = world.call(world.amy, link).await.unwrap();
    let look = || world.call(Caller::STRANGER, Look { token: link.token.clone() });
    assert!(look().await.is_ok());
    world.call(bob, password(PASSWORD, NEW)).await.unwrap();
    assert_eq!(code(look().await), ErrorCode::NotFound);
}

#[tokio::test]
async fn without_the_present_password_nothing_changes() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let other = sign_in(&world.kit, "bob").await.unwrap();
    for (name, args) in [
        ("old", password("wrong horse", NEW)),
        ("old", password("", NEW)),
        ("new", password(PASSWORD, "short")),
        ("new", password(PASSWORD, PASSWORD)),
    ] {
        assert_eq!(field(world.call(bob, args).await), name);
    }
    assert!(world.resolve(&other.token).await.is_ok());
    assert!(sign_in(&world.kit, "bob").await.is_ok());
    let (named, _) = world.joins("robert.chan").await;
    assert_eq!(field(world.call(named, password(PASSWORD, "Robert.Chan")).await), "new");
}

#[tokio::test]
async fn who_found_a_screen_unlocked_guesses_no_faster_than_at_the_door() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    for _ in 0..5 {
        assert_eq!(field(world.call(bob, password("guess me", NEW)).await), "old");
    }
    let held = world.call(bob, password(PASSWORD, NEW)).await.unwrap_err();
    assert_eq!(held.code(), ErrorCode::Rate);
    world.kit.clock().advance(held.body().retry_ms.unwrap().cast_signed());
    assert!(world.call(bob, password(PASSWORD, NEW)).await.is_ok());
}

#[tokio::test]
async fn who_has_no_password_has_none_to_change() {
    let world = World::new().await;
    let add = AddMember { password: None, ..person("bob") };
    world.call(world.amy, add).await.unwrap();
    for ask in [
        Issue { user: Some("bob".into()), ..issue() },
        Issue { app: Some("echo".into()), ..issue() },
    ] {
        let grant = world.call(world.amy, ask).await.unwrap();
        let caller = caller(&world.kit, &grant.token).await;
        let refused = world.call(caller, password(PASSWORD, NEW)).await.unwrap_err();
        assert!(matches!(refused.code(), ErrorCode::BadArg | ErrorCode::NotFound), "{refused}");
    }
}
