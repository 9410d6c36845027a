//! What a stranger is told about signing in.

use carillon_protocol::{
    org::RemoveMember,
    session::{Methods, Offered},
};

use crate::*;

async fn offered(kit: &Kit) -> Offered {
    kit.host().call_typed(Caller::STRANGER, None, &Methods {}).await.unwrap()
}

fn demo() -> Plugin {
    let password = PasswordParams::new(8, 1, 1, None).unwrap();
    plugin(Settings { password, demo: Some(PASSWORD.into()), ..Settings::default() })
}

#[tokio::test]
async fn a_stranger_learns_whether_to_set_up_or_whose_it_is() {
    let kit = Kit::new(plugins(None)).await;
    let first = offered(&kit).await;
    assert!(first.setup && first.org.is_none() && first.demo.is_none());
    let make = |name: &str| Create { name: name.into() };
    kit.host().call_typed(Caller::SYSTEM, Some(cid()), &make("Harbour")).await.unwrap();
    let one = offered(&kit).await;
    assert!(!one.setup && one.demo.is_none());
    assert_eq!(one.org.as_deref(), Some("Harbour"));
    kit.host().call_typed(Caller::SYSTEM, Some(cid()), &make("Peak")).await.unwrap();
    let several = offered(&kit).await;
    assert!(!several.setup && several.org.is_none(), "none of them is told");
}

#[tokio::test]
async fn a_demo_company_shows_its_people_in_the_order_in_which_they_came() {
    let kit = Kit::new(vec![demo()]).await;
    let make = Create { name: "Harbour".into() };
    let org = kit.host().call_typed(Caller::SYSTEM, Some(cid()), &make).await.unwrap().org;
    let mut users = Vec::new();
    for login in ["zoe", "amy", "gone", "bob"] {
        let title = (login == "amy").then(|| "Boss".to_owned());
        let add = AddMember { org: Some(org), title, ..person(login) };
        users.push(kit.host().call_typed(Caller::SYSTEM, Some(cid()), &add).await.unwrap().user);
    }
    let silent = AddMember { org: Some(org), password: None, ..person("silent") };
    kit.host().call_typed(Caller::SYSTEM, Some(cid()), &silent).await.unwrap();
    let echo = Issue { app: Some("echo".into()), ..issue() };
    kit.host().call_typed(Caller::SYSTEM, None, &echo).await.unwrap();
    let gone = RemoveMember { user: users[2] };
    kit.host().call_typed(Caller::SYSTEM, None, &gone).await.unwrap();
    let shown = offered(&kit).await.demo.unwrap();
    let people: Vec<_> =
        shown.people.iter().map(|it| (&*it.login, &*it.name, it.title.as_deref())).collect();
    assert_eq!(
        people,
        [("zoe", "zoe 陳", None), ("amy", "amy 陳", Some("Boss")), ("bob", "bob 陳", None)]
    );
    for person in &shown.people {
        assert!(login(&kit, &person.login, &shown.password).await.is_ok());
    }
    for number in 0..60 {
        let add = AddMember { org: Some(org), ..person(&format!("p{number}")) };
        kit.host().call_typed(Caller::SYSTEM, Some(cid()), &add).await.unwrap();
    }
    assert_eq!(offered(&kit).await.demo.unwrap().people.len(), 50);
    let other = Create { name: "Peak".into() };
    kit.host().call_typed(Caller::SYSTEM, Some(cid()), &other).await.unwrap();
    assert!(offered(&kit).await.demo.is_none(), "nobody's people are told to others");
}

#[tokio::test]
async fn where_there_is_no_demo_nobody_is_shown() {
    let world = World::new().await;
    assert!(offered(&world.kit).await.demo.is_none());
}
