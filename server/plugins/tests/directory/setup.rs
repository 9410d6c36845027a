//! The first organisation.

use crate::*;

fn args(token: &str) -> Setup {
    Setup {
        token: token.into(),
        org: "Harbour Retail 港灣零售".into(),
        login: "Frank".into(),
        name: "Frank Ho".into(),
        password: PASSWORD.into(),
    }
}

async fn set_up(kit: &Kit, args: Setup) -> Result<Grant, Error> {
    kit.host().call_typed(Caller::STRANGER, None, &args).await
}

#[tokio::test]
async fn the_setup_token_makes_the_organisation_and_signs_its_administrator_in() {
    let token = new_setup_token().unwrap();
    let kit = Kit::new(plugins(Some(&token))).await;
    assert!(!has_organisation(kit.host()).await.unwrap());
    let grant = set_up(&kit, args(&token)).await.unwrap();
    assert!(has_organisation(kit.host()).await.unwrap());
    let frank = caller(&kit, &grant.token).await;
    let org = kit.host().call_typed(frank, None, &Get {}).await.unwrap();
    assert_eq!((&*org.name, org.members), ("Harbour Retail 港灣零售", 1));
    let me = kit.host().call_typed(frank, None, &Whoami {}).await.unwrap();
    assert_eq!((me.user, &*me.name), (grant.user, "Frank Ho"));
    assert_eq!((&*me.locale, &*me.tz), ("zh-HK", "Asia/Hong_Kong"));
    assert_eq!(me.scopes, ["read", "write", "admin"]);
    assert_eq!(me.permissions, role::PERMISSIONS);
    assert!(login(&kit, "frank", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_second_setup_is_refused_with_the_right_token_too() {
    let token = new_setup_token().unwrap();
    let kit = Kit::new(plugins(Some(&token))).await;
    set_up(&kit, args(&token)).await.unwrap();
    let again = Setup { login: "mallory".into(), ..args(&token) };
    assert_eq!(code(set_up(&kit, again).await), ErrorCode::Conflict);
    assert_eq!(code(login(&kit, "mallory", PASSWORD).await), ErrorCode::Unauth);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_setups_at_once_one_succeeds() {
    let token = new_setup_token().unwrap();
    let kit = Kit::new(plugins(Some(&token))).await;
    let tries = (0..8).map(|i| {
        let (host, token) = (kit.host().clone(), token.clone());
        tokio::spawn(async move {
            let args = Setup { login: format!("admin{i}"), ..args(&token) };
            host.call_typed(Caller::STRANGER, None, &args).await
        })
    });
    let mut made = 0;
    for attempt in tries.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_) => made += 1,
            Err(error) => assert_eq!(error.code(), ErrorCode::Conflict, "{error}"),
        }
    }
    assert_eq!(made, 1);
    let org = kit.host().call_typed(Caller::SYSTEM, None, &Get {}).await.unwrap();
    assert_eq!(org.members, 1);
}

#[tokio::test]
async fn without_the_token_there_is_no_setup() {
    let kit = Kit::new(vec![directory(Some(&new_setup_token().unwrap()))]).await;
    for wrong in ["", "cst_", &new_setup_token().unwrap()] {
        assert_eq!(code(set_up(&kit, args(wrong)).await), ErrorCode::Unauth);
    }
    let kit = Kit::new(plugins(None)).await;
    assert_eq!(code(set_up(&kit, args("")).await), ErrorCode::Unauth);
}

#[tokio::test]
async fn a_weak_password_or_a_bad_name_is_refused_and_names_the_field() {
    let token = new_setup_token().unwrap();
    let kit = Kit::new(plugins(Some(&token))).await;
    let bad = [
        ("password", Setup { password: "1234567".into(), ..args(&token) }),
        (
            "password",
            Setup { login: "frank.ho".into(), password: "Frank.Ho".into(), ..args(&token) },
        ),
        ("login", Setup { login: "frank ho".into(), ..args(&token) }),
        ("name", Setup { name: "\n".into(), ..args(&token) }),
        ("org", Setup { org: "x".repeat(101), ..args(&token) }),
    ];
    for (name, args) in bad {
        assert_eq!(field(set_up(&kit, args).await), name);
    }
    assert!(set_up(&kit, args(&token)).await.is_ok(), "a refusal does not use the token up");
}
