//! Names, passwords and devices.

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
    let listed = world.call(world.amy, Devices {}).await.unwrap().devices;
    let own = world.amy.session.unwrap();
    let shown: Vec<_> = listed.iter().map(|d| (d.session, &*d.label, d.current)).collect();
    assert_eq!(shown, [(phone.session, "phone", false), (own, "", true)]);
    world.kit.clock().advance(31 * DAY);
    assert!(world.call(world.amy, Devices {}).await.unwrap().devices.is_empty());
}
