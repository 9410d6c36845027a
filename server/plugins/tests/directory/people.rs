//! Organisations and their people.

use crate::*;

#[tokio::test]
async fn a_repeated_command_answers_the_first_outcome() {
    let world = World::new().await;
    let (host, again) = (world.kit.host(), Some(cid()));
    let one = host.call_typed(world.amy, again, &person("bob")).await.unwrap();
    let two = host.call_typed(world.amy, again, &person("bob")).await.unwrap();
    assert_eq!(one, two);
    let other = host.call_typed(world.amy, again, &person("bobby")).await;
    assert_eq!(code(other), ErrorCode::IdempotencyConflict);
    assert_eq!(field(host.call_typed(world.amy, None, &person("carol")).await), "cid");

    let (again, make) = (Some(cid()), Create { name: "Three".into() });
    let one = host.call_typed(Caller::SYSTEM, again, &make).await.unwrap();
    assert_eq!(host.call_typed(Caller::SYSTEM, again, &make).await.unwrap(), one);
}

#[tokio::test]
async fn a_sign_in_name_is_taken_once_in_the_whole_installation() {
    let world = World::new().await;
    world.joins("bob").await;
    for admin in [world.amy, world.zoe] {
        let refused = world.call(admin, person("BOB")).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Conflict);
        assert_eq!(refused.body().msg, "that sign-in name is taken");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_take_a_name_at_once_one_gets_it() {
    let world = World::new().await;
    let tries: Vec<_> = (0..8)
        .map(|_| {
            let (host, amy) = (world.kit.host().clone(), world.amy);
            tokio::spawn(async move { host.call_typed(amy, Some(cid()), &person("bob")).await })
        })
        .collect();
    let mut added = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(_) => added += 1,
            Err(error) => assert_eq!(error.code(), ErrorCode::Conflict, "{error}"),
        }
    }
    assert_eq!(added, 1);
}

#[tokio::test]
async fn only_administrators_add_people_and_only_to_their_own_organisation() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    assert_eq!(code(world.call(bob, person("carol")).await), ErrorCode::Forbidden);
    let elsewhere = AddMember { org: Some(world.other), ..person("carol") };
    assert_eq!(code(world.call(world.amy, elsewhere).await), ErrorCode::NotFound);
    let create = Create { name: "Mine".into() };
    assert_eq!(code(world.call(world.amy, create).await), ErrorCode::UnknownOp);
    assert_eq!(code(world.call(Caller::STRANGER, Get {}).await), ErrorCode::Unauth);
}

#[tokio::test]
async fn bad_arguments_are_named() {
    let world = World::new().await;
    let some = |text: &str| Some(text.to_owned());
    let bad = [
        ("login", person("a")),
        ("login", person("app:echo")),
        ("name", AddMember { name: "a\tb".into(), ..person("bob") }),
        ("title", AddMember { title: Some("x".repeat(101)), ..person("bob") }),
        ("password", AddMember { password: some("short"), ..person("bob") }),
        ("password", AddMember { password: some("bob.chan"), ..person("bob.chan") }),
        ("locale", AddMember { locale: some("zh HK"), ..person("bob") }),
        ("tz", AddMember { tz: some(""), ..person("bob") }),
    ];
    for (name, args) in bad {
        assert_eq!(field(world.call(world.amy, args).await), name);
    }
    let blank = Create { name: " ".into() };
    assert_eq!(field(world.call(Caller::SYSTEM, blank).await), "name");
}

#[tokio::test]
async fn the_list_of_people_comes_in_pages() {
    let world = World::new().await;
    for i in 0..6 {
        world.call(world.amy, person(&format!("p{i}"))).await.unwrap();
    }
    let (mut after, mut seen, mut pages) = (None, Vec::new(), 0);
    loop {
        let args = ListMembers { after, limit: Some(3), ..ListMembers::default() };
        let page = world.call(world.amy, args).await.unwrap();
        after = page.members.last().map(|member| member.user);
        seen.extend(page.members.into_iter().map(|member| member.login));
        pages += 1;
        if !page.more {
            break;
        }
    }
    assert_eq!((pages, seen.len()), (3, 7));
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 7);
    assert!(!seen.contains(&"zoe".to_owned()), "not of another organisation");
    for bad in [0, 201] {
        let args = ListMembers { limit: Some(bad), ..ListMembers::default() };
        assert_eq!(field(world.call(world.amy, args).await), "limit");
    }
}

#[tokio::test]
async fn names_come_in_the_order_asked_without_those_of_others() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let nobody = UserId(Ulid::from_parts(1, 1));
    let users = vec![bob.user, world.zoe.user, nobody, world.amy.user, bob.user];
    for _ in 0..2 {
        let args = Names { org: world.org, users: users.clone() };
        let named = world.call(Caller::SYSTEM, args).await.unwrap().names;
        let texts: Vec<_> = named.iter().map(|(_, name)| &**name).collect();
        assert_eq!(texts, ["bob 陳", "amy 陳", "bob 陳"]);
    }
    let args = Names { org: world.org, users: vec![nobody; 501] };
    assert_eq!(field(world.call(Caller::SYSTEM, args).await), "users");
    let asked = Names { org: world.org, users };
    assert_eq!(code(world.call(world.amy, asked).await), ErrorCode::UnknownOp);
}
