//! When schedules post, and who makes them.

use carillon_plugin::{
    Caller, Host, Next,
    protocol::{
        ErrorCode, UserId, bot,
        digest::Show,
        msg::Body,
        org,
        schedule::{self, Says},
    },
};

use super::{
    DAY_MS, HOUR_MS, MINUTE_MS, World, code, get, moment, person, plugins, system, template,
};

#[tokio::test]
async fn each_time_is_posted_once_and_the_preview_said_when() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let planned = world.plan("0 9 * * *").await;
    let preview = schedule::Preview { cron: "0 9 * * *".into() };
    let shown = world.call(world.bob, &preview).await.unwrap();
    assert_eq!((&planned.next, &*shown.tz), (&shown.next, "Asia/Hong_Kong"));
    assert_eq!(shown.next[0], moment("2026-09-22T09:00:00+08:00"));
    for due in &shown.next {
        world.at(due - 1).await;
        let before = world.posts().await.len();
        world.at(*due).await;
        world.at(due + 1).await;
        assert_eq!(world.posts().await.len(), before + 1);
    }
    let posts = world.posts().await;
    let times: Vec<i64> = posts.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, shown.next);
    let Body::Markdown { title, text, .. } = &posts[0].1 else { panic!("{posts:?}") };
    assert_eq!((title.as_deref(), &**text), (Some("Morning"), "Good **morning**"));
}

#[tokio::test]
async fn a_clock_that_jumps_posts_nothing_twice_and_leaves_nothing_out() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    world.plan("0 * * * *").await;
    let start = moment("2026-09-21T15:00:00Z");
    world.at(start).await;
    for back in [HOUR_MS, 2 * HOUR_MS, 30 * MINUTE_MS] {
        world.at(world.now() - back).await;
        for _ in 0..8 {
            world.at(world.now() + 15 * MINUTE_MS).await;
        }
    }
    // Ahead: what was skipped is posted once.
    let ahead = world.posts().await.len();
    let now = world.now() / HOUR_MS * HOUR_MS;
    world.at(now + HOUR_MS + 1).await;
    assert_eq!(world.posts().await.len(), ahead + 1);
    let last = world.call(world.amy, &get(&world)).await.unwrap().last;
    assert_eq!(last, Some(now + HOUR_MS));
    let hours = (now + HOUR_MS - start) / HOUR_MS + 1;
    let times: Vec<i64> = world.posts().await.iter().map(|(at, _)| at - start).collect();
    assert_eq!(times.len() as i64, hours, "each hour once, whatever the clock did: {times:?}");
}

#[tokio::test]
async fn after_eight_hours_without_a_server_the_newest_is_posted_once() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    world.plan("0 * * * *").await;
    let World { kit, org, amy, bob, conv, robot } = world;
    kit.clock().advance(8 * HOUR_MS);
    let kit = kit.restarted(plugins()).await;
    let world = World { kit, org, amy, bob, conv, robot };
    world.kit.settle().await;
    assert_eq!(world.posts().await.len(), 1);
    let planned = world.call(world.amy, &get(&world)).await.unwrap();
    assert_eq!(planned.last, Some(moment("2026-09-21T22:00:00Z")));
    assert_eq!(planned.next[0], moment("2026-09-21T23:00:00Z"));
}

#[tokio::test]
async fn daylight_saving_posts_once_a_day_by_the_clock_on_the_wall() {
    for (tz, cron, days) in [
        // The hour comes twice, and the next year's is skipped.
        ("America/New_York", "30 1 * * *", ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]),
        ("America/New_York", "30 2 * * *", ["2027-03-14T07:00:00Z", "2027-03-15T06:30:00Z"]),
        ("Europe/London", "30 1 * * *", ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        ("Europe/London", "30 1 * * *", ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"]),
        ("Asia/Hong_Kong", "0 9 L * *", ["2027-02-28T01:00:00Z", "2027-03-31T01:00:00Z"]),
    ] {
        let world = World::in_zone(tz).await;
        let days = days.map(moment);
        world.at(days[0] - 6 * HOUR_MS).await;
        world.plan(cron).await;
        while world.now() < days[1] + HOUR_MS {
            world.at(world.now() + 30 * MINUTE_MS).await;
        }
        let times: Vec<i64> = world.posts().await.iter().map(|(at, _)| *at).collect();
        assert_eq!(times, days, "{tz} {cron}");
    }
}

/// Everything that is due of the robots', through one node.
async fn steps(host: &Host) {
    while host.timer_step("bot").await.unwrap() == Next::Now {}
}

#[tokio::test]
async fn two_nodes_at_the_same_moment_post_once() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let other = world.kit.another_host(plugins());
    world.plan("*/5 * * * *").await;
    for _ in 0..12 {
        world.kit.clock().advance(5 * MINUTE_MS);
        tokio::join!(steps(world.kit.host()), steps(&other));
        tokio::join!(steps(&other), steps(world.kit.host()));
    }
    assert_eq!(world.posts().await.len(), 12);
}

#[tokio::test]
async fn a_message_that_was_written_before_a_crash_is_not_written_again() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let due = world.plan("0 9 * * *").await.next[0];
    let robot = Caller::for_plugin(UserId(world.robot.0), world.org);
    let (conv, schedule) = (world.conv, "daily".into());
    let post = schedule::Post { robot: world.robot, schedule, conv, due };
    // The other one writes the message, and notes it, before this one does.
    let (host, same) = (world.kit.host().clone(), post.clone());
    world.kit.before_next_commit(async move {
        host.call_typed(robot, None, &same).await.unwrap();
    });
    assert!(world.call(robot, &post).await.unwrap().posted);
    assert!(!world.call(robot, &post).await.unwrap().posted, "it is known by now");
    assert_eq!(world.posts().await.len(), 1);
    world.at(due).await;
    assert_eq!(world.posts().await.len(), 1, "nor does the timer write it again");
}

#[tokio::test]
async fn what_is_put_again_removed_or_paused_is_posted_as_it_is_now() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    world.plan("0 9 * * *").await;
    let moved = world.plan("0 10 * * *").await;
    world.at(moved.next[0] - 1).await;
    assert_eq!(world.posts().await.len(), 0, "the time before is no more");
    world.at(moved.next[0]).await;
    assert_eq!(world.posts().await.len(), 1);
    let paused = schedule::Put { paused: true, ..world.put("0 10 * * *") };
    assert!(world.call(world.amy, &paused).await.unwrap().next.is_empty());
    world.at(world.now() + 2 * DAY_MS).await;
    assert_eq!(world.posts().await.len(), 1);
    let next = world.plan("0 10 * * *").await.next[0];
    let off = bot::Update { robot: world.robot, name: None, rules: None, enabled: Some(false) };
    world.call(world.amy, &off).await.unwrap();
    world.at(next).await;
    assert_eq!(world.posts().await.len(), 1, "a robot that is switched off says nothing");
    let remove = schedule::Remove { robot: world.robot, schedule: "daily".into() };
    world.call(world.amy, &remove).await.unwrap();
    world.call(world.amy, &remove).await.unwrap();
    assert_eq!(code(world.call(world.amy, &get(&world)).await), ErrorCode::NotFound);
    let list = schedule::List { robot: world.robot };
    assert_eq!(world.call(world.amy, &list).await.unwrap().schedules, []);
}

#[tokio::test]
async fn an_organisation_that_moves_is_posted_to_by_its_new_clock() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    world.plan("0 9 * * *").await;
    let admin = Caller::for_plugin(world.amy.user, world.org);
    let london = org::Update { tz: Some("Europe/London".into()), ..org::Update::default() };
    world.call(admin, &london).await.unwrap();
    world.kit.settle().await;
    let planned = world.call(world.amy, &get(&world)).await.unwrap();
    assert_eq!((planned.next[0], &*planned.tz), (moment("2026-09-22T08:00:00Z"), "Europe/London"));
    world.at(moment("2026-09-22T08:00:00Z") - 1).await;
    assert_eq!(world.posts().await.len(), 0);
    world.at(moment("2026-09-22T08:00:00Z")).await;
    assert_eq!(world.posts().await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_planned_is_refused_by_its_field() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let good = || world.put("0 9 * * *");
    let long = template("chat.messages", Show::Chart);
    let Says::Template { template: mut many } = long else { unreachable!() };
    many.sections = vec![many.sections[0].clone(); 5];
    for (put, field) in [
        (world.put("* * * * *"), "cron"),
        (world.put("0 0 30 2 *"), "cron"),
        (world.put("nonsense"), "cron"),
        (schedule::Put { schedule: "A b".into(), ..good() }, "schedule"),
        (schedule::Put { schedule: String::new(), ..good() }, "schedule"),
        (schedule::Put { title: " \n".into(), ..good() }, "title"),
        (schedule::Put { title: "x".repeat(201), ..good() }, "title"),
        (schedule::Put { says: Says::Text { text: " ".into() }, ..good() }, "says.text"),
        (schedule::Put { says: Says::Text { text: "x".repeat(16_385) }, ..good() }, "says.text"),
        (
            schedule::Put { says: template("chat.nothing", Show::List), ..good() },
            "says.template.sections[0].fact",
        ),
        (
            schedule::Put { says: Says::Template { template: many }, ..good() },
            "says.template.sections",
        ),
    ] {
        let error = world.call(world.amy, &put).await.unwrap_err();
        assert_eq!(error.body().field.as_deref(), Some(field), "{error}");
    }
    for nth in 0..20 {
        let put = schedule::Put { schedule: format!("s{nth}"), ..good() };
        world.call(world.amy, &put).await.unwrap();
    }
    assert_eq!(code(world.call(world.amy, &good()).await), ErrorCode::Conflict);
}

#[tokio::test]
async fn only_the_owner_of_the_group_plans_and_strangers_find_nothing() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    world.plan("0 9 * * *").await;
    assert_eq!(code(world.call(world.bob, &world.put("0 9 * * *")).await), ErrorCode::Forbidden);
    assert_eq!(code(world.call(world.bob, &get(&world)).await), ErrorCode::Forbidden);
    let carl = person(&world.kit, world.org, "carl", "Carl").await;
    let other = system(&world.kit, &org::Create { name: "Pier".into() }).await.org;
    let zoe = person(&world.kit, other, "zoe", "Zoe").await;
    for stranger in [zoe, carl] {
        let put = world.call(stranger, &world.put("0 9 * * *")).await;
        assert!(matches!(code(put), ErrorCode::NotFound | ErrorCode::NotMember));
        let list = schedule::List { robot: world.robot };
        let listed = world.call(stranger, &list).await;
        assert!(matches!(code(listed), ErrorCode::NotFound | ErrorCode::NotMember));
    }
    assert_eq!(code(world.call(zoe, &get(&world)).await), ErrorCode::NotFound);
}
