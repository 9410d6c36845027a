//! One schedule for several groups.

use carillon_plugin::{
    Caller,
    protocol::{
        Cid, ConvId, ErrorCode, UserId, conv,
        digest::Show,
        msg::Body,
        schedule::{self, Says, Schedule, Stopped},
    },
};

use super::{World, code, get, template};

fn text(body: &Body) -> (&str, &[UserId]) {
    match body {
        Body::Markdown { text, mentions, .. } => (text, mentions),
        other => panic!("{other:?}"),
    }
}

impl World {
    /// Plans it for the robot's group and others.
    async fn plan_for(&self, says: Says, others: &[ConvId]) -> Schedule {
        let convs = [&[self.conv], others].concat();
        let put = schedule::Put { says, convs, ..self.put("0 9 * * *") };
        self.call(self.amy, &put).await.unwrap()
    }

    /// How often it was posted into each.
    async fn counts(&self, convs: &[ConvId]) -> Vec<usize> {
        let mut counts = Vec::new();
        for &conv in convs {
            counts.push(self.posts_in(conv).await.len());
        }
        counts
    }
}

#[tokio::test]
async fn each_group_gets_its_own_digest_once() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let pier = world.group(world.amy, "Pier", &[world.bob.user]).await;
    let messages = template("chat.messages", Show::Number);
    let planned = world.plan_for(messages, &[pier, pier]).await;
    assert_eq!(planned.places.len(), 2, "the same group again is the same group");
    world.at(planned.next[0] - 43_200_000).await;
    world.say(world.bob, "hello", Vec::new()).await;
    world.at(planned.next[0]).await;
    let (here, there) = (world.posts().await, world.posts_in(pier).await);
    assert!(text(&here[0].1).0.ends_with("1 (before: 0)"), "{here:?}");
    assert!(text(&there[0].1).0.ends_with("0 (before: 0)"), "{there:?}");
    assert_eq!((here.len(), there.len()), (1, 1));
    // As after a crash before it was noted: the same turn again is the same message.
    let robot = Caller::for_plugin(UserId(world.robot.0), world.org);
    for conv in [world.conv, pier] {
        let (robot_id, due) = (world.robot, planned.next[1]);
        let again = schedule::Post { robot: robot_id, schedule: "daily".into(), conv, due };
        let (host, same) = (world.kit.host().clone(), again.clone());
        world.kit.before_next_commit(async move {
            host.call_typed(robot, None, &same).await.unwrap();
        });
        assert!(world.call(robot, &again).await.unwrap().posted);
    }
    world.at(planned.next[1]).await;
    assert_eq!(world.counts(&[world.conv, pier]).await, [2, 2]);
}

#[tokio::test]
async fn a_group_that_refuses_stops_no_other_and_whoever_put_it_is_told() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let lost = world.group(world.amy, "Lost", &[world.bob.user]).await;
    let kept = world.group(world.amy, "Kept", &[]).await;
    let says = Says::Text { text: "Good morning".into() };
    let planned = world.plan_for(says.clone(), &[lost, kept]).await;
    world.at(planned.next[0]).await;
    assert_eq!(world.counts(&[world.conv, lost, kept]).await, [1, 1, 1]);
    let leave = conv::RemoveMembers { conv: lost, users: vec![world.amy.user] };
    world.call(world.amy, &leave).await.unwrap();
    world.at(planned.next[1]).await;
    let words = world.posts_in(lost).await;
    assert!(text(&words[1].1).0.contains("has stopped"), "{words:?}");
    let here = world.posts().await;
    let told = here.iter().find(|(_, body)| text(body).0.contains("one of its other groups"));
    let (said, mentions) = text(&told.expect("who put it is told").1);
    assert!(said.contains("Amy") && !said.contains("Lost"), "{said}");
    assert_eq!(mentions, [world.amy.user]);
    world.at(planned.next[2]).await;
    assert_eq!(world.counts(&[world.conv, lost, kept]).await, [4, 2, 3]);
    let planned = world.call(world.amy, &get(&world)).await.unwrap();
    let stopped = |conv| planned.places.iter().find(|it| it.conv == conv).unwrap().stopped;
    assert_eq!((stopped(lost), stopped(kept)), (Some(Stopped::Denied), None));
    assert!(!planned.next.is_empty(), "the schedule goes on");
}

#[tokio::test]
async fn nobody_plans_for_a_group_that_is_not_theirs() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let bobs = world.group(world.bob, "Bob's", &[world.amy.user]).await;
    let private = world.group(world.bob, "Private", &[]).await;
    for (conv, refused) in [(bobs, ErrorCode::Forbidden), (private, ErrorCode::NotFound)] {
        let put = schedule::Put { convs: vec![world.conv, conv], ..world.put("0 9 * * *") };
        let error = world.call(world.amy, &put).await.unwrap_err();
        assert_eq!(error.body().field.as_deref(), Some("convs[1]"), "{error}");
        assert_eq!(error.code(), refused);
    }
    let many = schedule::Put { convs: vec![world.conv; 11], ..world.put("0 9 * * *") };
    assert_eq!(code(world.call(world.amy, &many).await), ErrorCode::TooLarge);
    let list = schedule::List { robot: world.robot };
    assert_eq!(world.call(world.amy, &list).await.unwrap().schedules, []);
}

#[tokio::test]
async fn who_owns_the_robots_group_pauses_whatever_other_groups_it_posts_to() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let lost = world.group(world.amy, "Lost", &[world.bob.user]).await;
    let says = Says::Text { text: "Good morning".into() };
    let planned = world.plan_for(says, &[lost]).await;
    let leave = conv::RemoveMembers { conv: lost, users: vec![world.amy.user] };
    world.call(world.amy, &leave).await.unwrap();
    let to = |paused| schedule::Pause { robot: world.robot, schedule: "daily".into(), paused };
    assert_eq!(code(world.call(world.bob, &to(true)).await), ErrorCode::Forbidden);
    let paused = world.call(world.amy, &to(true)).await.unwrap();
    assert_eq!(paused, Schedule { paused: true, next: Vec::new(), ..planned.clone() });
    world.at(planned.next[1]).await;
    assert_eq!(world.counts(&[world.conv, lost]).await, [0, 0], "nothing while it is paused");
    let on = world.call(world.amy, &to(false)).await.unwrap();
    assert_eq!((on.paused, on.next[0]), (false, planned.next[2]), "what was left out stays out");
    world.at(on.next[0]).await;
    let here = world.posts().await;
    assert!(here.iter().any(|(_, body)| text(body).0 == "Good morning"), "{here:?}");
    let places = world.call(world.amy, &get(&world)).await.unwrap().places;
    let there = places.iter().find(|place| place.conv == lost).unwrap();
    assert_eq!(there.stopped, Some(Stopped::Denied), "it asks for no rights, and gives none");
    let unknown = schedule::Pause { schedule: "weekly".into(), ..to(true) };
    assert_eq!(code(world.call(world.amy, &unknown).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn one_that_is_put_while_it_goes_on_is_posted_at_the_new_times_only() {
    let world = World::in_zone("Asia/Hong_Kong").await;
    let put = schedule::Put { paused: true, ..world.put("0 9 * * *") };
    world.call(world.amy, &put).await.unwrap();
    let later = schedule::Put { paused: true, ..world.put("0 11 * * *") };
    world.at(world.now() + 1).await;
    let (host, amy) = (world.kit.host().clone(), world.amy);
    world.kit.before_next_commit(async move {
        let new = Some(Cid(host.new_id()));
        host.call_typed(amy, new, &later).await.unwrap();
    });
    let go_on = schedule::Pause { robot: world.robot, schedule: "daily".into(), paused: false };
    let on = world.call(world.amy, &go_on).await.unwrap();
    assert_eq!(on.cron, "0 11 * * *");
    assert_eq!(on, world.call(world.amy, &get(&world)).await.unwrap());
}
