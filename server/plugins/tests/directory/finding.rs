//! Looking for people.

use carillon_protocol::org::RemoveMember;

use crate::*;

async fn logins(world: &World, args: ListMembers) -> Vec<String> {
    let listed = world.call(world.amy, args).await.unwrap();
    listed.members.into_iter().map(|member| member.login).collect()
}

fn query(text: &str) -> ListMembers {
    ListMembers { query: Some(text.into()), ..ListMembers::default() }
}

async fn joins(world: &World, login: &str, name: &str, title: Option<&str>) -> UserId {
    let (name, title) = (name.to_owned(), title.map(str::to_owned));
    let add = AddMember { name, title, password: None, ..person(login) };
    world.call(world.amy, add).await.unwrap().user
}

#[tokio::test]
async fn people_are_found_by_a_part_of_name_title_or_sign_in_name_whatever_the_case() {
    let world = World::new().await;
    joins(&world, "tai.man", "陳大文 Chan Tai Man", Some("Store Manager")).await;
    joins(&world, "siu.ming", "黃小明", Some("店長")).await;
    joins(&world, "echo", "Zoë Écho", None).await;
    for (text, found) in [
        ("大文", &["tai.man"][..]),
        ("CHAN tai", &["tai.man"]),
        ("manager", &["tai.man"]),
        ("店", &["siu.ming"]),
        (" 小明 ", &["siu.ming"]),
        ("SIU.", &["siu.ming"]),
        ("Zoë", &["echo"]),
        ("m", &["amy", "tai.man", "siu.ming"]),
        ("", &["amy", "tai.man", "siu.ming", "echo"]),
        ("nobody", &[]),
    ] {
        assert_eq!(logins(&world, query(text)).await, found, "{text:?}");
    }
    assert_eq!(field(world.call(world.amy, query(&"x".repeat(101))).await), "query");
}

#[tokio::test]
async fn what_people_type_means_itself() {
    let world = World::new().await;
    joins(&world, "off", "50% off_peak!", None).await;
    joins(&world, "plain", "50 offXpeak \\ '", None).await;
    for (text, found) in [
        ("%", &["off"][..]),
        ("f_p", &["off"]),
        ("k!", &["off"]),
        ("\\", &["plain"]),
        ("'", &["plain"]),
        ("' OR 1=1 --", &[]),
        ("50%o", &[]),
    ] {
        assert_eq!(logins(&world, query(text)).await, found, "{text:?}");
    }
}

#[tokio::test]
async fn departments_roles_and_words_narrow_a_list_together() {
    let world = World::new().await;
    let (shops, office) =
        (world.department("Shops", None).await, world.department("O", None).await);
    let below = world.department("Central", Some(shops)).await;
    let role = world.role("First aid", &[]).await;
    for (login, departments) in
        [("bob", vec![shops]), ("bea", vec![office, shops]), ("ben", vec![below])]
    {
        let add = AddMember { departments, password: None, ..person(login) };
        let user = world.call(world.amy, add).await.unwrap().user;
        if login != "bob" {
            world.gives(user, &[role]).await;
        }
    }
    let all = || ListMembers { department: Some(shops), ..ListMembers::default() };
    assert_eq!(logins(&world, all()).await, ["bob", "bea"], "without those below");
    assert_eq!(logins(&world, ListMembers { role: Some(role), ..all() }).await, ["bea"]);
    let words = ListMembers { query: Some("bo".into()), ..all() };
    assert_eq!(logins(&world, words).await, ["bob"]);
    let everywhere = ListMembers { role: Some(role), ..ListMembers::default() };
    assert_eq!(logins(&world, everywhere).await, ["bea", "ben"]);
}

#[tokio::test]
async fn who_left_is_listed_only_if_asked_for() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    world.call(world.amy, RemoveMember { user: bob.user }).await.unwrap();
    assert_eq!(logins(&world, ListMembers::default()).await, ["amy"]);
    let left = || ListMembers { left: true, ..ListMembers::default() };
    assert_eq!(logins(&world, left()).await, ["bob"]);
    assert_eq!(logins(&world, ListMembers { query: Some("amy".into()), ..left() }).await, [""; 0]);
}

#[tokio::test]
async fn a_long_list_keeps_its_conditions_from_page_to_page() {
    let world = World::new().await;
    for number in 0..250 {
        joins(&world, &format!("clerk{number}"), "Clerk", None).await;
        joins(&world, &format!("other{number}"), "Other", None).await;
    }
    let (mut after, mut seen) = (None, HashSet::new());
    loop {
        let args = ListMembers { after, limit: Some(120), ..query("clerk") };
        let page = world.call(world.amy, args).await.unwrap();
        assert!(page.members.iter().all(|member| member.name == "Clerk"));
        seen.extend(page.members.iter().map(|member| member.user));
        after = page.members.last().map(|member| member.user);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen.len(), 250);
}

#[tokio::test]
async fn some_people_are_got_in_the_order_asked_also_those_who_left() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    world.call(world.amy, RemoveMember { user: bob.user }).await.unwrap();
    let nobody = UserId(Ulid::from_parts(1, 1));
    let users = vec![bob.user, world.zoe.user, nobody, world.amy.user, bob.user];
    let got = world.call(world.amy, GetMembers { users }).await.unwrap().members;
    let seen: Vec<_> = got.iter().map(|it| (&*it.login, it.active)).collect();
    assert_eq!(seen, [("bob", false), ("amy", true), ("bob", false)]);
    let many = GetMembers { users: vec![nobody; 201] };
    assert_eq!(field(world.call(world.amy, many).await), "users");
    assert!(world.call(world.amy, GetMembers { users: vec![] }).await.unwrap().members.is_empty());
}

#[tokio::test]
async fn departments_and_roles_of_others_do_not_exist() {
    let world = World::new().await;
    let (shops, role) = (world.department("Shops", None).await, world.role("HR", &[]).await);
    let by = |department, role| ListMembers { department, role, ..ListMembers::default() };
    for args in [by(Some(shops), None), by(None, Some(role))] {
        assert_eq!(code(world.call(world.zoe, args).await), ErrorCode::NotFound);
    }
}
