//! Changes of people.

use carillon_protocol::org::{MemberChangedData, RemoveMember};

use crate::*;

fn of(user: UserId) -> UpdateMember {
    UpdateMember { user: Some(user), ..change() }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn a_change_is_told_once_and_one_that_changes_nothing_is_not() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let shops = world.department("Shops", None).await;
    world.told();
    let changes = [
        UpdateMember { name: some("Bob 陳"), title: some("Manager"), ..of(bob.user) },
        UpdateMember { departments: Some(vec![shops]), ..of(bob.user) },
        UpdateMember { manager: Some(Some(world.amy.user)), ..of(bob.user) },
        UpdateMember { locale: some("en"), tz: some("Asia/Tokyo"), ..of(bob.user) },
    ];
    for _ in 0..2 {
        for change in &changes {
            world.call(world.amy, change.clone()).await.unwrap();
        }
    }
    let told = world.told();
    assert_eq!(told.len(), 4);
    for event in told {
        let data: MemberChangedData = event.data.to().unwrap();
        assert_eq!((&*event.k, data.user, &*data.name), ("org.member_updated", bob.user, "Bob 陳"));
    }
    let member = world.member(bob.user).await;
    assert_eq!((&*member.name, member.title.as_deref()), ("Bob 陳", Some("Manager")));
    assert_eq!((&*member.locale, &*member.tz), ("en", "Asia/Tokyo"));
    assert_eq!((member.departments, member.manager), (vec![shops], Some(world.amy.user)));
    let clear = UpdateMember {
        title: some(" "),
        departments: Some(Vec::new()),
        manager: Some(None),
        ..of(bob.user)
    };
    let member = world.call(world.amy, clear).await.unwrap().member;
    assert_eq!((member.title, member.departments, member.manager), (None, vec![], None));
}

#[tokio::test]
async fn who_is_renamed_is_called_so_everywhere_at_once() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let ask = || Names { org: world.org, users: vec![bob.user] };
    for name in ["Robert", "Bob"] {
        world.call(Caller::SYSTEM, ask()).await.unwrap();
        let rename = UpdateMember { name: some(name), ..of(bob.user) };
        world.call(world.amy, rename).await.unwrap();
        let named = world.call(Caller::SYSTEM, ask()).await.unwrap().names;
        assert_eq!(named, [(bob.user, name.to_owned())]);
    }
}

#[tokio::test]
async fn ones_own_language_and_time_zone_are_ones_own_affair_and_nothing_else_is() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let (carol, _) = world.joins("carol").await;
    let own = UpdateMember { locale: some("zh-CN"), tz: some("Europe/London"), ..change() };
    let member = world.call(bob, own.clone()).await.unwrap().member;
    assert_eq!((member.user, &*member.locale, &*member.tz), (bob.user, "zh-CN", "Europe/London"));
    let theirs = UpdateMember { user: Some(carol.user), ..own };
    assert_eq!(code(world.call(bob, theirs).await), ErrorCode::Forbidden);
    for more in [
        UpdateMember { name: some("Sir Bob"), ..change() },
        UpdateMember { title: some("CEO"), ..change() },
        UpdateMember { login: some("ceo"), ..change() },
        UpdateMember { manager: Some(None), ..change() },
        UpdateMember { departments: Some(Vec::new()), ..change() },
        UpdateMember { roles: Some(Vec::new()), ..change() },
    ] {
        assert_eq!(code(world.call(bob, more).await), ErrorCode::Forbidden);
    }
    let hr = world.joins_with("hr", &["people"]).await;
    let ours = UpdateMember { name: some("Bobby"), ..of(bob.user) };
    assert!(world.call(hr, ours).await.is_ok());
    let roles = UpdateMember { roles: Some(Vec::new()), ..of(bob.user) };
    assert_eq!(code(world.call(hr, roles.clone()).await), ErrorCode::Forbidden, "needs `roles`");
    let office = world.joins_with("office", &["roles"]).await;
    assert!(world.call(office, roles).await.is_ok(), "and nothing else");
}

#[tokio::test]
async fn a_new_sign_in_name_works_and_the_old_one_is_free() {
    let world = World::new().await;
    let (bob, token) = world.joins("bob").await;
    let rename = |login: &str| UpdateMember { login: some(login), ..of(bob.user) };
    assert_eq!(code(world.call(world.amy, rename("zoe")).await), ErrorCode::Conflict);
    assert_eq!(field(world.call(world.amy, rename("b b")).await), "login");
    world.call(world.amy, rename("Robert")).await.unwrap();
    assert!(sign_in(&world.kit, "robert").await.is_ok());
    assert_eq!(code(sign_in(&world.kit, "bob").await), ErrorCode::Unauth);
    assert!(world.resolve(&token).await.is_ok(), "who is signed in stays so");
    assert!(world.call(world.amy, person("bob")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_take_a_sign_in_name_at_once_one_gets_it() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    for round in 0..10 {
        let (host, amy, login) = (world.kit.host().clone(), world.amy, format!("new{round}"));
        let rename = UpdateMember { login: Some(login.clone()), ..of(bob.user) };
        let add = AddMember { password: None, ..person(&login) };
        let renamed = {
            let host = host.clone();
            tokio::spawn(async move { host.call_typed(amy, None, &rename).await.is_ok() })
        };
        let added =
            tokio::spawn(async move { host.call_typed(amy, Some(cid()), &add).await.is_ok() });
        assert_ne!(renamed.await.unwrap(), added.await.unwrap(), "one of both");
    }
}

#[tokio::test]
async fn a_person_is_in_ten_departments_at_most_the_main_one_first() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let mut ids = Vec::new();
    for number in 0..11 {
        ids.push(world.department(&format!("{number}"), None).await);
    }
    let put =
        |ids: &[DepartmentId]| UpdateMember { departments: Some(ids.to_vec()), ..of(bob.user) };
    assert_eq!(field(world.call(world.amy, put(&ids)).await), "departments");
    assert_eq!(field(world.call(world.amy, put(&[ids[0], ids[0]])).await), "departments");
    ids.reverse();
    let member = world.call(world.amy, put(&ids[..10])).await.unwrap().member;
    assert_eq!(member.departments, ids[..10]);
    let member = world.call(world.amy, put(&[ids[10], ids[0]])).await.unwrap().member;
    assert_eq!(member.departments, [ids[10], ids[0]]);
    let added = AddMember { departments: ids.clone(), ..person("carol") };
    assert_eq!(field(world.call(world.amy, added).await), "departments");
}

#[tokio::test]
async fn nobody_manages_themselves_not_even_over_others() {
    let world = World::new().await;
    let mut line = vec![world.amy];
    for login in ["bob", "carol", "dora"] {
        line.push(world.joins(login).await.0);
    }
    let manages = |above: Caller, below: Caller| UpdateMember {
        manager: Some(Some(above.user)),
        ..of(below.user)
    };
    for pair in line.windows(2) {
        world.call(world.amy, manages(pair[0], pair[1])).await.unwrap();
    }
    for above in &line {
        assert_eq!(field(world.call(world.amy, manages(*above, line[0])).await), "manager");
    }
    assert!(world.call(world.amy, manages(line[0], line[3])).await.is_ok());
    assert!(world.call(world.amy, manages(line[3], line[2])).await.is_ok(), "now it is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_make_each_other_their_manager_at_once_make_no_circle() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let (carol, _) = world.joins("carol").await;
    for _ in 0..20 {
        for user in [bob.user, carol.user] {
            let clear = UpdateMember { manager: Some(None), ..of(user) };
            world.call(world.amy, clear).await.unwrap();
        }
        let manages = |above: Caller, below: Caller| {
            let (host, amy) = (world.kit.host().clone(), world.amy);
            let args = UpdateMember { manager: Some(Some(above.user)), ..of(below.user) };
            tokio::spawn(async move { host.call_typed(amy, None, &args).await })
        };
        let (a, b) = (manages(bob, carol), manages(carol, bob));
        let (a, b) = (a.await.unwrap(), b.await.unwrap());
        assert_ne!(a.is_ok(), b.is_ok(), "one of both comes first");
    }
}

#[tokio::test]
async fn a_manager_is_somebody_who_is_there() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let (carol, _) = world.joins("carol").await;
    world.call(world.amy, RemoveMember { user: carol.user }).await.unwrap();
    let echo = Issue { app: Some("echo".into()), ..issue() };
    let echo = world.call(world.amy, echo).await.unwrap().user;
    let managed = |by| UpdateMember { manager: Some(Some(by)), ..of(bob.user) };
    for by in [carol.user, echo] {
        assert_eq!(field(world.call(world.amy, managed(by)).await), "manager");
    }
    assert_eq!(code(world.call(world.amy, managed(world.zoe.user)).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_program_has_a_name_and_no_place_in_the_company() {
    let world = World::new().await;
    let echo = Issue { app: Some("echo".into()), ..issue() };
    let echo = world.call(world.amy, echo).await.unwrap().user;
    let named = UpdateMember { name: some("Echo"), title: some("Bot"), ..of(echo) };
    assert_eq!(world.call(world.amy, named).await.unwrap().member.name, "Echo");
    for (name, args) in [
        ("login", UpdateMember { login: some("echo"), ..of(echo) }),
        ("departments", UpdateMember { departments: Some(Vec::new()), ..of(echo) }),
        ("manager", UpdateMember { manager: Some(Some(world.amy.user)), ..of(echo) }),
        ("roles", UpdateMember { roles: Some(vec![RoleId(world.org.0)]), ..of(echo) }),
    ] {
        assert_eq!(field(world.call(world.amy, args).await), name);
    }
}

#[tokio::test]
async fn bad_arguments_are_named() {
    let world = World::new().await;
    let amy = world.amy.user;
    for (name, args) in [
        ("name", UpdateMember { name: some(" "), ..of(amy) }),
        ("title", UpdateMember { title: some("a\nb"), ..of(amy) }),
        ("locale", UpdateMember { locale: some("fr"), ..of(amy) }),
        ("tz", UpdateMember { tz: some("Hong Kong"), ..of(amy) }),
    ] {
        assert_eq!(field(world.call(world.amy, args).await), name);
    }
    assert_eq!(field(world.call(Caller::SYSTEM, change()).await), "user", "nobody's own");
}

#[tokio::test]
async fn people_of_others_do_not_exist() {
    let world = World::new().await;
    for user in [world.zoe.user, UserId(Ulid::from_parts(1, 1))] {
        let args = UpdateMember { name: some("Mine"), ..of(user) };
        assert_eq!(code(world.call(world.amy, args).await), ErrorCode::NotFound);
        assert_eq!(code(world.call(world.amy, RemoveMember { user }).await), ErrorCode::NotFound);
    }
}
