//! Names, passwords and devices.

use carillon_protocol::session::Password;

use crate::*;

#[tokio::test]
async fn a_person_signs_in_without_naming_the_organisation() {
    let world = World::new().await;
    let (bob, token) = world.joins("bob").await;
    assert!(token.starts_with("cdt_"));
    assert_eq!(bob.org, world.org);
    let who = world.resolve(&token).await.unwrap();
    assert_eq!(who.scopes, ["read", "write", "admin"], "what a person may follows from roles");
    assert_eq!(who.expires_at, world.kit.host().now() + 30 * DAY);
    assert!(sign_in(&world.kit, "BOB").await.is_ok(), "case does not matter");
}

#[tokio::test]
async fn whoever_guesses_names_gets_the_same_answer_for_all() {
    let world = World::new().await;
    world.joins("bob").await;
    let carol = AddMember { password: None, ..person("carol") };
    world.call(world.amy, carol).await.unwrap();
    let wrong = login(&world.kit, "bob", "wrong horse").await.unwrap_err();
    assert_eq!(wrong.code(), ErrorCode::Unauth);
    assert_eq!(wrong.body().msg, "the name or password is wrong");
    for (name, password) in [("nobody", PASSWORD), ("carol", PASSWORD), ("carol", "")] {
        let other = login(&world.kit, name, password).await.unwrap_err();
        assert_eq!(other.body(), wrong.body(), "{name}");
    }
}

#[tokio::test]
async fn guessing_is_held_back_and_the_person_gets_in_again() {
    let world = World::new().await;
    world.joins("bob").await;
    for _ in 0..5 {
        assert_eq!(code(login(&world.kit, "bob", "guess me").await), ErrorCode::Unauth);
    }
    let held = sign_in(&world.kit, "bob").await.unwrap_err();
    assert_eq!(held.code(), ErrorCode::Rate, "the right password must not shine through");
    let wait = held.body().retry_ms.unwrap();
    assert!((1..=12_000).contains(&wait), "{wait}");
    assert!(sign_in(&world.kit, "amy").await.is_ok(), "others are not held up");
    world.kit.clock().advance(wait.cast_signed());
    assert!(sign_in(&world.kit, "bob").await.is_ok());
}

/// A stranger of a network.
fn from(network: [u8; 4]) -> Caller {
    Caller::STRANGER.from_network(Some(network.into()))
}

async fn try_from(world: &World, network: [u8; 4], name: &str, password: &str) -> ErrorCode {
    let args = Login { login: name.into(), password: password.into(), label: None };
    world.call(from(network), args).await.map_or_else(|error| error.code(), |_| panic!("{name}"))
}

async fn comes_in(world: &World, network: [u8; 4], name: &str) -> Result<Grant, Error> {
    let args = Login { login: name.into(), password: PASSWORD.into(), label: None };
    world.call(from(network), args).await
}

#[tokio::test]
async fn while_the_world_guesses_a_name_its_owner_comes_in_from_the_usual_place() {
    let world = World::new().await;
    world.joins("bob").await;
    let (home, hotel) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    comes_in(&world, home, "bob").await.unwrap();
    let mut held = 0;
    for number in 0..200 {
        let code = try_from(&world, [198, 51, 100, number], "bob", "guess me").await;
        held += usize::from(code == ErrorCode::Rate);
    }
    assert_eq!(held, 195);
    comes_in(&world, home, "bob").await.unwrap();
    let refused = comes_in(&world, hotel, "bob").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Rate, "whose place is new waits like everybody");
    world.kit.clock().advance(refused.body().retry_ms.unwrap().cast_signed());
    comes_in(&world, hotel, "bob").await.unwrap();
    for number in 0..200 {
        let code = try_from(&world, [203, 0, 113, number], "bob", "guess me").await;
        held += usize::from(code == ErrorCode::Rate);
    }
    comes_in(&world, hotel, "bob").await.expect("from now on this place is known, too");
    assert_eq!(held, 390);
}

#[tokio::test]
async fn who_guesses_beside_the_owner_holds_him_up_for_a_minute_at_most() {
    let world = World::new().await;
    world.joins("bob").await;
    let office = [192, 0, 2, 1];
    comes_in(&world, office, "bob").await.unwrap();
    let mut longest = 0;
    for _ in 0..500 {
        if try_from(&world, office, "bob", "guess me").await == ErrorCode::Rate {
            let refused = comes_in(&world, office, "bob").await.unwrap_err();
            longest = longest.max(refused.body().retry_ms.unwrap());
        }
        world.kit.clock().advance(1_000);
    }
    assert_eq!(longest, 59_000);
    assert!(comes_in(&world, office, "amy").await.is_ok(), "others there are not held up");
}

#[tokio::test]
async fn a_network_that_tries_many_names_waits_and_nobody_else_does() {
    let world = World::new().await;
    world.joins("bob").await;
    let (attacker, cafe) = ([198, 51, 100, 1], [192, 0, 2, 1]);
    comes_in(&world, cafe, "bob").await.unwrap();
    for number in 0..100 {
        for network in [attacker, cafe] {
            let code = try_from(&world, network, &format!("name{number}"), "Summer2026").await;
            assert_eq!(code == ErrorCode::Rate, number >= 20, "{number}");
        }
    }
    assert_eq!(try_from(&world, attacker, "bob", PASSWORD).await, ErrorCode::Rate);
    comes_in(&world, [192, 0, 2, 9], "amy").await.expect("elsewhere nothing happened");
    comes_in(&world, cafe, "bob").await.expect("who is known there does not pay for others");
}

#[tokio::test]
async fn where_a_token_was_issued_its_person_is_not_known() {
    let world = World::new().await;
    world.joins("bob").await;
    let office = [192, 0, 2, 1];
    let admin = world.amy.from_network(Some(office.into()));
    let token = Issue { user: Some("bob".into()), ..issue() };
    world.call(admin, token).await.unwrap();
    for _ in 0..5 {
        try_from(&world, [198, 51, 100, 1], "bob", "guess me").await;
    }
    assert_eq!(try_from(&world, office, "bob", PASSWORD).await, ErrorCode::Rate);
}

#[tokio::test]
async fn who_guesses_at_the_door_holds_up_nobody_who_changes_the_password_inside() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    for number in 0..50 {
        try_from(&world, [198, 51, 100, number], "bob", "guess me").await;
    }
    let change = |old: &str| Password { old: old.into(), new: "another horse".into() };
    for _ in 0..5 {
        assert_eq!(field(world.call(bob, change("guess me")).await), "old");
    }
    let refused = world.call(bob, change(PASSWORD)).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Rate, "a screen left unlocked is no better a place");
    world.kit.clock().advance(refused.body().retry_ms.unwrap().cast_signed());
    world.call(bob, change(PASSWORD)).await.unwrap();
}

#[tokio::test]
async fn signing_in_rightly_is_never_held_back() {
    let world = World::new().await;
    for _ in 0..20 {
        sign_in(&world.kit, "amy").await.unwrap();
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_one_is_refused() {
    let world = World::new().await;
    for bad in ["", "a b", "app:echo", "'; DROP TABLE directory_user; --", &"x".repeat(65)] {
        assert_eq!(field(login(&world.kit, bad, PASSWORD).await), "login", "{bad}");
    }
    let label = Some("x".repeat(101));
    let args = Login { login: "amy".into(), password: PASSWORD.into(), label };
    assert_eq!(field(world.call(Caller::STRANGER, args).await), "label");
}

#[tokio::test]
async fn the_list_of_devices_shows_live_sessions_newest_first() {
    let world = World::new().await;
    let label = Some("phone".to_owned());
    let args = Login { login: "amy".into(), password: PASSWORD.into(), label };
    let phone = world.call(Caller::STRANGER, args).await.unwrap();
    let gone = sign_in(&world.kit, "amy").await.unwrap();
    world.call(world.amy, Revoke { session: gone.session }).await.unwrap();
    let listed = world.call(world.amy, Devices::default()).await.unwrap().devices;
    let own = world.amy.session.unwrap();
    let shown: Vec<_> = listed.iter().map(|d| (d.session, &*d.label, d.current)).collect();
    assert_eq!(shown, [(phone.session, "phone", false), (own, "", true)]);
    world.kit.clock().advance(31 * DAY);
    assert!(world.call(world.amy, Devices::default()).await.unwrap().devices.is_empty());
}
