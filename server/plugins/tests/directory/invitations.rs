//! Links by which people join, or set a password of their own.

use carillon_protocol::{
    InviteId,
    invite::{Accept, Create as Invite, Created, List, Look, Revoke as Withdraw, Seen},
    org::{RemoveMember, kind},
    role::{PEOPLE, PERMISSIONS, ROLES},
};

use crate::*;

fn joining(token: &str, login: &str) -> Accept {
    Accept {
        token: token.into(),
        login: Some(login.into()),
        name: Some(format!("{login} 何")),
        password: PASSWORD.into(),
        locale: None,
        label: None,
    }
}

fn setting(token: &str, password: &str) -> Accept {
    let Accept { token, label, .. } = joining(token, "");
    Accept { token, login: None, name: None, password: password.into(), locale: None, label }
}

fn for_user(user: UserId) -> Invite {
    Invite { user: Some(user), ..Invite::default() }
}

impl World {
    async fn link(&self, args: Invite) -> Created {
        self.call(self.amy, args).await.unwrap()
    }

    async fn accept(&self, args: Accept) -> Result<Grant, Error> {
        self.call(Caller::STRANGER, args).await
    }

    async fn look(&self, token: &str) -> Result<Seen, Error> {
        self.call(Caller::STRANGER, Look { token: token.into() }).await
    }

    async fn links(&self) -> Vec<InviteId> {
        let listed = self.call(self.amy, List {}).await.unwrap();
        listed.invites.iter().map(|invite| invite.invite).collect()
    }
}

/// What every link answers that does not work.
fn is_useless<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    let error = result.unwrap_err();
    let said = "this link does not work any more; ask for a new one";
    error.code() == ErrorCode::NotFound && error.body().msg == said && error.body().field.is_none()
}

#[tokio::test]
async fn whoever_has_the_link_joins_by_it_and_is_signed_in() {
    let world = World::new().await;
    let shops = world.department("Shops", None).await;
    let link = world.link(Invite { department: Some(shops), ..Invite::default() }).await;
    assert!(link.token.starts_with("cin_"));
    assert_eq!(link.expires_at, world.kit.host().now() + 7 * DAY);
    assert_eq!(
        world.look(&link.token).await.unwrap(),
        Seen {
            org: "Harbour Retail".into(),
            by: "amy 陳".into(),
            login: None,
            department: Some("Shops".into()),
            expires_at: link.expires_at,
        }
    );
    world.kit.committed();
    let locale = Some("en".to_owned());
    let args = Accept { locale, label: Some("phone".into()), ..joining(&link.token, "Gina") };
    let grant = world.accept(args).await.unwrap();
    assert_eq!(world.kinds(), [kind::MEMBER_ADDED]);
    let gina = caller(&world.kit, &grant.token).await;
    assert_eq!((gina.user, gina.org), (grant.user, world.org));
    let devices = world.call(gina, Devices::default()).await.unwrap().devices;
    assert_eq!(devices.iter().map(|device| &*device.label).collect::<Vec<_>>(), ["phone"]);
    let member = world.member(gina.user).await;
    assert_eq!((&*member.login, &*member.name, &*member.locale), ("gina", "Gina 何", "en"));
    assert_eq!((member.departments, member.admin, member.password), (vec![shops], false, true));
    assert!(sign_in(&world.kit, "gina").await.is_ok());
    assert!(is_useless(world.accept(joining(&link.token, "hugo")).await), "it was for one");
}

#[tokio::test]
async fn a_link_lets_in_as_many_as_it_says_and_shows_how_many_are_left() {
    let world = World::new().await;
    let link = world.link(Invite { uses: Some(3), ..Invite::default() }).await;
    for (left, login) in [(3, "gina"), (2, "hugo"), (1, "ines")] {
        let listed = world.call(world.amy, List {}).await.unwrap().invites;
        let shown: Vec<_> = listed.iter().map(|it| (it.invite, it.by, it.left)).collect();
        assert_eq!(shown, [(link.invite, world.amy.user, left)]);
        world.accept(joining(&link.token, login)).await.unwrap();
    }
    assert!(is_useless(world.accept(joining(&link.token, "jack")).await));
    assert!(world.links().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_use_a_link_at_once_as_many_join_as_it_says() {
    for places in [1, 3] {
        join_at_once(places).await;
    }
}

async fn join_at_once(places: u32) {
    let world = World::new().await;
    let link = world.link(Invite { uses: Some(places), ..Invite::default() }).await;
    let tries: Vec<_> = (0..8)
        .map(|i| {
            let (host, args) = (world.kit.host().clone(), joining(&link.token, &format!("p{i}")));
            tokio::spawn(async move { host.call_typed(Caller::STRANGER, None, &args).await })
        })
        .collect();
    let mut joined = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(_) => joined += 1,
            refused => assert!(is_useless(refused)),
        }
    }
    assert_eq!(joined, places);
    let members = world.call(world.amy, Get {}).await.unwrap().members;
    assert_eq!(members, u64::from(places) + 1);
}

#[tokio::test]
async fn a_refusal_leaves_the_link_as_it_was() {
    let world = World::new().await;
    let link = world.link(Invite::default()).await;
    let args = || joining(&link.token, "gina");
    for (name, args) in [
        ("login", Accept { login: None, ..args() }),
        ("login", Accept { login: Some("a b".into()), ..args() }),
        ("name", Accept { name: None, ..args() }),
        ("name", Accept { name: Some(" ".into()), ..args() }),
        ("password", Accept { password: "short".into(), ..args() }),
        ("password", Accept { password: "gina.hoho".into(), ..joining(&link.token, "Gina.Hoho") }),
        ("locale", Accept { locale: Some("zh-TW".into()), ..args() }),
        ("label", Accept { label: Some("x".repeat(101)), ..args() }),
    ] {
        assert_eq!(field(world.accept(args).await), name);
    }
    assert_eq!(code(world.accept(joining(&link.token, "amy")).await), ErrorCode::Conflict);
    assert!(world.accept(args()).await.is_ok());
}

#[tokio::test]
async fn links_that_do_not_work_all_answer_the_same() {
    let world = World::new().await;
    let [used, revoked, expired] = [
        world.link(Invite::default()),
        world.link(Invite::default()),
        world.link(Invite::default()),
    ];
    let (used, revoked, expired) = (used.await, revoked.await, expired.await);
    world.accept(joining(&used.token, "gina")).await.unwrap();
    for _ in 0..2 {
        world.call(world.amy, Withdraw { invite: revoked.invite }).await.unwrap();
    }
    assert_eq!(world.links().await, [expired.invite]);
    world.kit.clock().advance(7 * DAY);
    assert!(world.links().await.is_empty());
    let cut = &used.token[..25];
    for token in ["", "cin_", cut, &used.token, &revoked.token, &expired.token, &world.amy_token] {
        assert!(is_useless(world.look(token).await), "{token}");
        // Nothing else that is wrong shines through.
        let args = Accept { password: "short".into(), ..joining(token, "amy") };
        assert!(is_useless(world.accept(args).await), "{token}");
    }
}

#[tokio::test]
async fn whoever_has_no_password_sets_one_by_a_link_of_their_own() {
    let world = World::new().await;
    let added = world.call(world.amy, AddMember { password: None, ..person("bob") }).await.unwrap();
    assert_eq!(code(sign_in(&world.kit, "bob").await), ErrorCode::Unauth);
    let link = world.link(for_user(added.user)).await;
    let seen = world.look(&link.token).await.unwrap();
    assert_eq!((seen.login.as_deref(), seen.department), (Some("bob"), None));
    world.told();
    let grant = world.accept(setting(&link.token, PASSWORD)).await.unwrap();
    let told = world.told();
    assert!(told.iter().any(|event| &*event.k == "org.member_updated"), "lists say that it is set");
    assert_eq!(caller(&world.kit, &grant.token).await.user, added.user);
    assert!(sign_in(&world.kit, "bob").await.is_ok());
    assert!(is_useless(world.accept(setting(&link.token, "another horse")).await));
}

#[tokio::test]
async fn a_password_that_is_set_by_a_link_ends_every_earlier_session_and_link() {
    let world = World::new().await;
    let (bob, token) = world.joins("bob").await;
    let (lost, link) = (world.link(for_user(bob.user)).await, world.link(for_user(bob.user)).await);
    let grant = world.accept(setting(&link.token, "a new battery")).await.unwrap();
    assert_eq!(code(world.resolve(&token).await), ErrorCode::TokenExpired);
    assert_eq!(ended_events(&world.kit, bob.user).await, [bob.session.unwrap()]);
    assert!(world.resolve(&grant.token).await.is_ok(), "but the one that it opens");
    assert_eq!(code(sign_in(&world.kit, "bob").await), ErrorCode::Unauth);
    assert!(login(&world.kit, "bob", "a new battery").await.is_ok());
    assert!(is_useless(world.look(&lost.token).await));
}

#[tokio::test]
async fn a_link_for_a_password_takes_nothing_that_only_new_people_say() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let link = world.link(for_user(bob.user)).await;
    let args = || setting(&link.token, "a new battery");
    for (name, args) in [
        ("login", Accept { login: Some("bobby".into()), ..args() }),
        ("name", Accept { name: Some("Bobby".into()), ..args() }),
        ("locale", Accept { locale: Some("en".into()), ..args() }),
        ("password", setting(&link.token, "short")),
    ] {
        assert_eq!(field(world.accept(args).await), name);
    }
    assert!(world.accept(args()).await.is_ok());
}

#[tokio::test]
async fn nobody_makes_a_link_for_whoever_may_do_more() {
    let world = World::new().await;
    let hana = world.joins_with("hana", &[PEOPLE, ROLES]).await;
    let (bob, _) = world.joins("bob").await;
    let ivy = world.joins_with("ivy", &[PEOPLE]).await;
    let others = &PERMISSIONS[1..];
    let outside = world.joins_with("otto", others).await;
    assert!(world.call(hana, for_user(bob.user)).await.is_ok());
    assert!(world.call(hana, for_user(ivy.user)).await.is_ok());
    for user in [world.amy.user, outside.user] {
        assert_eq!(code(world.call(hana, for_user(user)).await), ErrorCode::Forbidden);
    }
    assert!(world.call(world.amy, for_user(hana.user)).await.is_ok());
    assert!(world.call(world.amy, for_user(world.amy.user)).await.is_ok());
}

#[tokio::test]
async fn a_link_works_only_as_long_as_whoever_made_it_may_do_it_by_hand() {
    let world = World::new().await;
    let hana = world.joins_with("hana", &[PEOPLE]).await;
    let (bob, _) = world.joins("bob").await;
    let new = world.call(hana, Invite { uses: Some(9), ..Invite::default() }).await.unwrap();
    let reset = world.call(hana, for_user(bob.user)).await.unwrap();
    let roles = world.member(hana.user).await.roles;

    let boss = world.role("boss", &[PEOPLE, ROLES]).await;
    world.gives(bob.user, &[boss]).await;
    assert!(is_useless(world.accept(setting(&reset.token, "a new battery")).await), "he rose");
    assert_eq!(world.links().await, [new.invite]);
    world.gives(bob.user, &[]).await;
    assert!(world.look(&reset.token).await.is_ok());

    world.gives(hana.user, &[]).await;
    for token in [&new.token, &reset.token] {
        assert!(is_useless(world.look(token).await), "she lost the permission");
    }
    world.gives(hana.user, &roles).await;
    assert!(world.accept(joining(&new.token, "gina")).await.is_ok());

    world.call(world.amy, RemoveMember { user: hana.user }).await.unwrap();
    for token in [&new.token, &reset.token] {
        assert!(is_useless(world.look(token).await), "she left");
    }
    assert!(world.links().await.is_empty());
}

#[tokio::test]
async fn a_link_of_a_program_works_as_long_as_one_of_its_tokens_administers() {
    let world = World::new().await;
    let scopes = texts(&["read", "admin"]);
    let hr = Issue { app: Some("hr".into()), scopes, ..issue() };
    let grant = world.call(world.amy, hr).await.unwrap();
    let program = caller(&world.kit, &grant.token).await;
    let link = world.call(program, for_user(world.amy.user)).await.unwrap();
    assert_eq!(world.look(&link.token).await.unwrap().by, "hr");
    let stolen = Revoke { session: grant.session };
    world.call(world.amy, stolen).await.unwrap();
    assert!(is_useless(world.accept(setting(&link.token, "a new battery")).await));
    assert!(world.links().await.is_empty());
    assert!(sign_in(&world.kit, "amy").await.is_ok());
}

#[tokio::test]
async fn a_link_for_somebody_who_leaves_is_useless() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let link = world.link(for_user(bob.user)).await;
    world.call(world.amy, RemoveMember { user: bob.user }).await.unwrap();
    assert!(is_useless(world.accept(setting(&link.token, "a new battery")).await));
    assert_eq!(code(world.call(world.amy, for_user(bob.user)).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_department_that_is_removed_sends_newcomers_up() {
    let world = World::new().await;
    let shops = world.department("Shops", None).await;
    let central = world.department("Central", Some(shops)).await;
    let link = world.link(Invite { department: Some(central), ..Invite::default() }).await;
    world.call(world.amy, department::Remove { department: central }).await.unwrap();
    assert_eq!(world.look(&link.token).await.unwrap().department.as_deref(), Some("Shops"));
    let grant = world.accept(joining(&link.token, "gina")).await.unwrap();
    assert_eq!(world.member(grant.user).await.departments, [shops]);
}

#[tokio::test]
async fn the_command_line_makes_links_in_the_name_of_the_organisation() {
    let world = World::new().await;
    let anywhere = world.call(Caller::SYSTEM, Invite::default()).await;
    assert_eq!(field(anywhere), "org", "there are two");
    let org = Some(world.org);
    let args = Invite { org, user: Some(world.amy.user), ..Invite::default() };
    let link = world.call(Caller::SYSTEM, args).await.unwrap();
    let seen = world.look(&link.token).await.unwrap();
    assert_eq!((&*seen.by, seen.login.as_deref()), ("Harbour Retail", Some("amy")));
    assert!(world.accept(setting(&link.token, "a new battery")).await.is_ok());
    let zoe = Invite { org, user: Some(world.zoe.user), ..Invite::default() };
    assert_eq!(code(world.call(Caller::SYSTEM, zoe).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn links_need_the_permission_and_stay_in_the_organisation() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let link = world.link(Invite::default()).await;
    assert_eq!(code(world.call(bob, Invite::default()).await), ErrorCode::Forbidden);
    assert_eq!(code(world.call(bob, List {}).await), ErrorCode::Forbidden);
    let withdraw = || Withdraw { invite: link.invite };
    assert_eq!(code(world.call(bob, withdraw()).await), ErrorCode::Forbidden);
    assert_eq!(code(world.call(world.zoe, withdraw()).await), ErrorCode::NotFound);
    assert_eq!(world.call(world.zoe, List {}).await.unwrap().invites, []);
    assert_eq!(code(world.call(world.zoe, for_user(bob.user)).await), ErrorCode::NotFound);
    let shops = world.department("Shops", None).await;
    let there = Invite { department: Some(shops), ..Invite::default() };
    assert_eq!(code(world.call(world.zoe, there).await), ErrorCode::NotFound);
    let elsewhere = Invite { org: Some(world.org), ..Invite::default() };
    assert_eq!(code(world.call(world.zoe, elsewhere).await), ErrorCode::NotFound);
    assert_eq!(world.links().await, [link.invite]);
}

#[tokio::test]
async fn bad_arguments_of_a_link_are_named() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let shops = world.department("Shops", None).await;
    for (name, args) in [
        ("uses", Invite { uses: Some(0), ..Invite::default() }),
        ("uses", Invite { uses: Some(1_001), ..Invite::default() }),
        ("ttl_ms", Invite { ttl_ms: Some(0), ..Invite::default() }),
        ("ttl_ms", Invite { ttl_ms: Some(30 * DAY + 1), ..Invite::default() }),
        ("user", Invite { uses: Some(2), ..for_user(bob.user) }),
        ("user", Invite { department: Some(shops), ..for_user(bob.user) }),
    ] {
        assert_eq!(field(world.call(world.amy, args).await), name);
    }
    let long = Invite { uses: Some(1_000), ttl_ms: Some(30 * DAY), ..Invite::default() };
    assert!(world.call(world.amy, long).await.is_ok());
}

#[tokio::test]
async fn an_organisation_has_at_most_200_links_that_work() {
    let world = World::new().await;
    let first = world.link(Invite { ttl_ms: Some(MINUTE), ..Invite::default() }).await;
    for _ in 1..200 {
        world.link(Invite::default()).await;
    }
    let more = || world.call(world.amy, Invite::default());
    assert_eq!(code(more().await), ErrorCode::Quota);
    assert_eq!(world.links().await.len(), 200);
    assert!(world.call(world.zoe, Invite::default()).await.is_ok(), "others have their own");
    world.call(world.amy, Withdraw { invite: first.invite }).await.unwrap();
    assert!(more().await.is_ok());
    assert_eq!(code(more().await), ErrorCode::Quota);
}

#[tokio::test]
async fn the_token_of_a_link_is_kept_nowhere() {
    let world = World::new().await;
    let link = world.link(Invite::default()).await;
    let rows = world.kit.host().storage().query("SELECT * FROM directory_invite", Vec::new());
    let rows = format!("{:?}", rows.await.unwrap());
    assert!(rows.contains(&link.invite.to_string()));
    assert!(!rows.contains(&link.token) && !rows.contains(&link.token[4..]), "{rows}");
    let listed = world.call(world.amy, List {}).await.unwrap();
    assert!(!format!("{listed:?}").contains(&link.token[4..]));
}
