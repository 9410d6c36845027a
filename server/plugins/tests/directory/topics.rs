//! Who hears which log.

use crate::*;

#[tokio::test]
async fn everybody_hears_their_own_log_and_their_organisations() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let host = world.kit.host();
    let mine = host.listening(bob).await.unwrap();
    let topics: Vec<_> = mine.iter().map(|listening| listening.topic.clone()).collect();
    assert_eq!(topics, [Topic::User(bob.user), Topic::Org(world.org)]);
    for topic in topics {
        assert_eq!(host.window(bob, &topic).await.unwrap(), Window::all());
    }
}

#[tokio::test]
async fn nobody_hears_another_persons_log_nor_another_organisations() {
    let world = World::new().await;
    let (bob, _) = world.joins("bob").await;
    let host = world.kit.host();
    let theirs = [
        Topic::User(world.amy.user),
        Topic::User(world.zoe.user),
        Topic::Org(world.other),
        Topic::Org(OrgId(Ulid::from_parts(1, 1))),
    ];
    for topic in theirs {
        assert_eq!(code(host.window(bob, &topic).await), ErrorCode::NotFound, "{topic}");
    }
}
