//! Tokens for programs and devices.

use crate::*;

#[tokio::test]
async fn a_program_gets_one_account_and_as_many_tokens_as_asked() {
    let world = World::new().await;
    let ask = || Issue { app: Some("Echo".into()), ..issue() };
    let one = world.call(world.amy, ask()).await.unwrap();
    let two = world.call(world.amy, ask()).await.unwrap();
    assert!(one.token.starts_with("cat_") && one.token != two.token);
    assert_eq!(one.user, two.user);
    assert_eq!(one.expires_at, world.kit.host().now() + 90 * DAY);
    let echo = caller(&world.kit, &one.token).await;
    assert_eq!((echo.org, echo.may(ADMIN)), (world.org, false));
    let elsewhere = world.call(world.zoe, ask()).await.unwrap();
    assert_ne!(elsewhere.user, one.user, "another organisation has its own");
    let members = world.call(world.amy, ListMembers::default()).await.unwrap().members;
    let echo: Vec<_> = members.iter().filter(|m| m.app).map(|m| (&*m.login, &*m.name)).collect();
    assert_eq!(echo, [("app:echo", "Echo")]);
}

#[tokio::test]
async fn a_person_gets_a_token_by_sign_in_name() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let args = Issue { user: Some("bob".into()), ttl_ms: Some(1_000), ..issue() };
    let grant = world.call(world.amy, args).await.unwrap();
    assert_eq!(world.resolve(&grant.token).await.unwrap().user, bob.user);
    world.kit.clock().advance(1_000);
    assert_eq!(code(world.resolve(&grant.token).await), ErrorCode::TokenExpired);
}

#[tokio::test]
async fn nobody_gives_away_more_than_they_or_the_person_hold() {
    let world = World::new().await;
    world.joins("bob").await;
    let rights =
        Caller::signed_in(world.amy.user, world.org, world.amy.session.unwrap(), ["read", "admin"]);
    let app = |scopes| Issue { app: Some("echo".into()), scopes: texts(scopes), ..issue() };
    assert_eq!(code(world.call(rights, app(&["write"])).await), ErrorCode::Forbidden);
    assert!(world.call(rights, app(&["read", "admin"])).await.is_ok());
}

#[tokio::test]
async fn people_and_organisations_of_others_do_not_exist() {
    let world = World::new().await;
    for (org, user) in [(None, "zoe"), (Some(world.other), "zoe"), (Some(world.other), "amy")] {
        let args = Issue { org, user: Some(user.into()), ..issue() };
        assert_eq!(code(world.call(world.amy, args).await), ErrorCode::NotFound, "{user}");
    }
}

#[tokio::test]
async fn bad_arguments_are_named() {
    let world = World::new().await;
    let app = || Issue { app: Some("echo".into()), ..issue() };
    let bad = [
        ("user", issue()),
        ("user", Issue { user: Some("amy".into()), ..app() }),
        ("user", Issue { user: Some("app:echo".into()), ..issue() }),
        ("app", Issue { app: Some("a b".into()), ..issue() }),
        ("scopes", Issue { scopes: texts(&[]), ..app() }),
        ("scopes", Issue { scopes: texts(&["read", "system"]), ..app() }),
        ("ttl_ms", Issue { ttl_ms: Some(0), ..app() }),
        ("ttl_ms", Issue { ttl_ms: Some(-5), ..app() }),
        ("ttl_ms", Issue { ttl_ms: Some(11 * 366 * DAY), ..app() }),
    ];
    for (name, args) in bad {
        assert_eq!(field(world.call(world.amy, args).await), name);
    }
}

#[tokio::test]
async fn the_command_line_names_the_organisation_only_where_there_are_several() {
    let kit = Kit::new(plugins(None)).await;
    let app = |org| Issue { org, app: Some("echo".into()), ..issue() };
    let none = kit.host().call_typed(Caller::SYSTEM, None, &app(None)).await.unwrap_err();
    assert_eq!(none.code(), ErrorCode::NotFound);
    assert!(none.body().msg.contains("make one first"), "{none}");

    let make = |name: &str| Create { name: name.into() };
    let first = kit.host().call_typed(Caller::SYSTEM, Some(cid()), &make("One")).await.unwrap();
    let grant = kit.host().call_typed(Caller::SYSTEM, None, &app(None)).await.unwrap();
    assert_eq!(resolve(&kit, &grant.token).await.unwrap().org, first.org);

    kit.host().call_typed(Caller::SYSTEM, Some(cid()), &make("Two")).await.unwrap();
    let several = kit.host().call_typed(Caller::SYSTEM, None, &app(None)).await.unwrap_err();
    assert_eq!(several.body().field.as_deref(), Some("org"));
    let listed = format!("{} (One)", first.org);
    assert!(several.body().msg.contains(&listed), "{several}");
    let named = app(Some(first.org));
    assert!(kit.host().call_typed(Caller::SYSTEM, None, &named).await.is_ok());
    let unknown = app(Some(OrgId(Ulid::from_parts(1, 1))));
    let refused = kit.host().call_typed(Caller::SYSTEM, None, &unknown).await;
    assert_eq!(code(refused), ErrorCode::NotFound);
}
