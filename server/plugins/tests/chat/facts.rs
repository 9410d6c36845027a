//! What chat can say about an organisation.

use carillon_plugin::{Clock as _, Period};
use carillon_protocol::{
    conv::History,
    fact::{Fact, Point},
};

use super::World;

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn conversations_are_counted_by_day_for_the_own_organisation_and_the_period() {
    let world = World::new().await;
    let today = world.kit.clock().now() / DAY_MS * DAY_MS;
    world.group(&[world.bob], History::All).await;
    world.group(&[world.bob], History::All).await;
    world.kit.clock().advance(3 * DAY_MS);
    world.group(&[world.bob], History::All).await;

    let fact = async |org, from, to| {
        let period = Period { org, conv: None, from, to };
        match world.kit.host().fact("chat.conversations", period).await.unwrap() {
            Fact::Series { points, .. } => points,
            other => panic!("it is a series: {other:?}"),
        }
    };
    let all = fact(world.org, today, today + 10 * DAY_MS).await;
    let point = |at, value| Point { at, value };
    assert_eq!(all, [point(today, 2.0), point(today + 3 * DAY_MS, 1.0)]);
    assert_eq!(fact(world.org, today, today + DAY_MS).await, [point(today, 2.0)]);
    assert_eq!(fact(world.zoe.org, today, today + 10 * DAY_MS).await, []);
}
