//! Alerts that come again and again.

use carillon_plugin::protocol::{
    ErrorCode, department,
    ding::{Audience, EndSeries, GetSettings, ListSeries, Reach, Send, Series, Settings, Which},
    org,
};

use super::{
    carrier::Carrier,
    world::{World, alert_to, plugins},
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

async fn series(world: &World) -> Vec<Series> {
    world.call(world.amy, ListSeries {}).await.unwrap().series
}

/// How many alerts somebody has received.
async fn received(world: &World, who: carillon_plugin::Caller) -> usize {
    world.list(who, Which::Received).await.len()
}

async fn begin(world: &World, repeat: &str) -> Send {
    let mut send = alert_to([world.bob.user].into_iter());
    send.repeat = Some(repeat.into());
    send.at = Some(world.now().div_euclid(60_000) * 60_000 + 60_000);
    world.call(world.amy, send.clone()).await.unwrap();
    world.pass(60_000).await;
    send
}

#[tokio::test]
async fn each_time_comes_once_also_after_a_restart_and_until_it_ends() {
    let mut world = World::new().await;
    begin(&world, "FREQ=DAILY;COUNT=3").await;
    assert_eq!(received(&world, world.bob).await, 1);
    world.pass(DAY).await;
    assert_eq!(received(&world, world.bob).await, 2);
    world.pass(HOUR).await;
    let carrier = Carrier::default();
    world.kit = world.kit.restarted(plugins(&carrier)).await;
    world.carrier = carrier;
    world.pass(DAY).await;
    assert_eq!(received(&world, world.bob).await, 3);
    world.pass(3 * DAY).await;
    assert_eq!(received(&world, world.bob).await, 3);
    let listed = series(&world).await;
    assert_eq!((listed[0].next_at, listed[0].stopped.as_deref()), (None, None));
}

#[tokio::test]
async fn after_eight_hours_away_the_newest_comes_once_and_late() {
    let world = World::new().await;
    let send = begin(&world, "FREQ=HOURLY").await;
    world.kit.clock().advance(8 * HOUR + 60_000);
    world.kit.settle().await;
    assert_eq!(received(&world, world.bob).await, 2);
    let next = series(&world).await[0].next_at.unwrap();
    assert_eq!(next, send.at.unwrap() + 9 * HOUR);
    world.pass(HOUR).await;
    assert_eq!(received(&world, world.bob).await, 3);
}

#[tokio::test]
async fn a_clock_that_jumps_leaves_nothing_out_and_doubles_nothing() {
    let world = World::new().await;
    begin(&world, "FREQ=DAILY").await;
    // An hour too early, because the clock says so; then it is set back.
    world.pass(DAY).await;
    assert_eq!(received(&world, world.bob).await, 2);
    world.kit.clock().advance(-HOUR);
    world.kit.settle().await;
    world.pass(HOUR).await;
    assert_eq!(received(&world, world.bob).await, 2);
    world.pass(DAY).await;
    assert_eq!(received(&world, world.bob).await, 3);
}

#[tokio::test]
async fn whom_it_is_for_is_found_out_each_time() {
    let world = World::new().await;
    let create = department::Create { name: "Shop".into(), parent: None, head: None };
    let shop = world.call(world.amy, create).await.unwrap().department;
    let join = |user| {
        let departments = Some(vec![shop]);
        org::UpdateMember { user: Some(user), departments, ..<_>::default() }
    };
    world.call(world.amy, join(world.bob.user)).await.unwrap();
    let mut send = alert_to([].into_iter());
    send.to = Audience { departments: vec![shop], ..<_>::default() };
    send.repeat = Some("FREQ=WEEKLY".into());
    world.call(world.amy, send).await.unwrap();
    world.pass(60_000).await;
    assert_eq!((received(&world, world.bob).await, received(&world, world.dan).await), (1, 0));
    world.call(world.amy, join(world.dan.user)).await.unwrap();
    world.call(world.amy, org::RemoveMember { user: world.bob.user }).await.unwrap();
    world.pass(7 * DAY).await;
    assert_eq!(received(&world, world.dan).await, 1);
}

#[tokio::test]
async fn who_may_not_any_more_stops_it_and_it_says_why() {
    let world = World::new().await;
    let mut send = alert_to([world.dan.user].into_iter());
    send.repeat = Some("FREQ=DAILY".into());
    world.call(world.bob, send).await.unwrap();
    world.pass(60_000).await;
    assert_eq!(received(&world, world.dan).await, 1);
    let usual = world.call(world.amy, GetSettings {}).await.unwrap();
    world.call(world.amy, Settings { reach: Reach::Nobody, ..usual }).await.unwrap();
    world.pass(DAY).await;
    assert_eq!(received(&world, world.dan).await, 1);
    let stopped = &world.call(world.bob, ListSeries {}).await.unwrap().series[0];
    assert_eq!(stopped.next_at, None);
    assert!(stopped.stopped.as_deref().unwrap().contains("you may alert nobody"));
}

#[tokio::test]
async fn who_left_alerts_nobody_any_more() {
    let world = World::new().await;
    let mut send = alert_to([world.dan.user].into_iter());
    send.repeat = Some("FREQ=DAILY".into());
    world.call(world.bob, send).await.unwrap();
    world.pass(60_000).await;
    world.call(world.amy, org::RemoveMember { user: world.bob.user }).await.unwrap();
    world.pass(3 * DAY).await;
    assert_eq!(received(&world, world.dan).await, 1);
}

#[tokio::test]
async fn whoever_set_it_up_ends_it() {
    let world = World::new().await;
    begin(&world, "FREQ=DAILY").await;
    let end = EndSeries { series: series(&world).await[0].series };
    for other in [world.bob, world.zoe] {
        let refused = world.call(other, end.clone()).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::NotFound);
    }
    world.call(world.amy, end.clone()).await.unwrap();
    world.call(world.amy, end).await.unwrap();
    world.pass(3 * DAY).await;
    assert_eq!(received(&world, world.bob).await, 1);
    assert_eq!(series(&world).await[0].next_at, None);
}

#[tokio::test]
async fn what_never_comes_or_all_the_time_is_refused_at_the_door() {
    let world = World::new().await;
    for repeat in ["FREQ=SECONDLY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "often"] {
        let mut send = alert_to([world.bob.user].into_iter());
        send.repeat = Some(repeat.into());
        let refused = world.call(world.amy, send).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::BadArg, "{repeat}");
        assert_eq!(refused.body().field.as_deref(), Some("repeat"), "{repeat}");
    }
    assert!(series(&world).await.is_empty());
}
