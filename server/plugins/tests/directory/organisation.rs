//! The organisation itself.

use carillon_protocol::org::{Update, UpdatedData};

use crate::*;

#[tokio::test]
async fn an_organisation_is_changed_and_told_once() {
    let world = World::new().await;
    let before = world.call(world.amy, Get {}).await.unwrap();
    assert_eq!((&*before.locale, &*before.tz), ("zh-HK", "Asia/Hong_Kong"));
    world.told();
    let name = Update { name: Some("Harbour 零售".into()), ..Update::default() };
    let start =
        Update { locale: Some("en".into()), tz: Some("Asia/Tokyo".into()), ..Update::default() };
    for _ in 0..2 {
        world.call(world.amy, name.clone()).await.unwrap();
        world.call(world.amy, start.clone()).await.unwrap();
        world.call(world.amy, Update::default()).await.unwrap();
    }
    let told = world.told();
    assert_eq!(told.len(), 2);
    for event in told {
        let data: UpdatedData = event.data.to().unwrap();
        assert_eq!((&*event.k, &*data.name), ("org.updated", "Harbour 零售"));
    }
    let (bob, _) = world.joins("bob").await;
    let after = world.call(bob, Get {}).await.unwrap();
    assert_eq!((&*after.name, &*after.locale, &*after.tz), ("Harbour 零售", "en", "Asia/Tokyo"));
    let zoes = world.call(world.zoe, Get {}).await.unwrap();
    assert_eq!((&*zoes.name, &*zoes.locale), ("Peak Logistics", "zh-HK"), "and no other");
}

#[tokio::test]
async fn people_start_with_what_the_organisation_says() {
    let world = World::new().await;
    let start = Update {
        locale: Some("zh-CN".into()),
        tz: Some("Asia/Shanghai".into()),
        ..Update::default()
    };
    world.call(world.amy, start).await.unwrap();
    let bob = world.call(world.amy, person("bob")).await.unwrap().user;
    let own = AddMember { locale: Some("en".into()), tz: Some("UTC".into()), ..person("carol") };
    let carol = world.call(world.amy, own).await.unwrap().user;
    let (bob, carol) = (world.member(bob).await, world.member(carol).await);
    assert_eq!((&*bob.locale, &*bob.tz), ("zh-CN", "Asia/Shanghai"));
    assert_eq!((&*carol.locale, &*carol.tz), ("en", "UTC"));
    let amy = world.member(world.amy.user).await;
    assert_eq!(&*amy.locale, "zh-HK", "who is there keeps what they have");
}

#[tokio::test]
async fn people_who_are_there_are_counted() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let echo = Issue { app: Some("echo".into()), ..issue() };
    world.call(world.amy, echo).await.unwrap();
    assert_eq!(world.call(world.amy, Get {}).await.unwrap().members, 2, "no programs");
    let leave = carillon_protocol::org::RemoveMember { user: bob.user };
    world.call(world.amy, leave).await.unwrap();
    assert_eq!(world.call(world.amy, Get {}).await.unwrap().members, 1);
}

#[tokio::test]
async fn bad_arguments_are_named() {
    let world = World::new().await;
    let some = |text: &str| Some(text.to_owned());
    for (name, args) in [
        ("name", Update { name: some(""), ..Update::default() }),
        ("locale", Update { locale: some("en-GB"), ..Update::default() }),
        ("tz", Update { tz: some("../etc"), ..Update::default() }),
    ] {
        assert_eq!(field(world.call(world.amy, args).await), name);
    }
}
