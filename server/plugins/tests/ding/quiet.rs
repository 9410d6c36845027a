//! Quiet hours of a policy, and nights in which the clock changes.

use carillon_plugin::protocol::{
    Channel::{App, Push},
    ErrorCode, PolicyId, RoleId,
    ding::{CreatePolicy, Quiet, Rules, Send, Step, Whom::Recipient},
    id::Ulid,
    org, role,
};

use super::world::{World, person, rules};

const MINUTE: i64 = 60_000;

fn hours(from_min: u16, until_min: u16, days: &[u8]) -> Quiet {
    Quiet { from_min, until_min, days: days.to_vec() }
}

/// A push a minute after the beginning, under these hours.
async fn push_after_a_minute(world: &World, with: impl FnOnce(&mut Rules)) -> PolicyId {
    let step = |after_s, channel| Step { after_s, channel, whom: Recipient, times: 1, every_s: 60 };
    let name = world.kit.host().new_id().to_string();
    let mut rules = rules(&name, vec![step(0, App), step(60, Push)]);
    with(&mut rules);
    world.call(world.amy, CreatePolicy { rules }).await.unwrap().policy
}

/// Lets it become this moment.
async fn it_is(world: &World, moment: &str) {
    let at: jiff::Timestamp = moment.parse().unwrap();
    world.pass(at.as_millisecond() - world.now()).await;
}

#[tokio::test]
async fn a_step_is_done_once_at_the_right_time_by_the_wall_where_the_clock_changes() {
    let (night, early, late) =
        (hours(1_320, 420, &[]), hours(1_320, 90, &[]), hours(1_320, 150, &[]));
    for (zone, hours, evening, morning) in [
        ("Europe/London", &night, "2026-03-28T22:30:00Z", "2026-03-29T06:00:00Z"),
        ("Europe/London", &night, "2026-10-24T21:30:00Z", "2026-10-25T07:00:00Z"),
        ("America/New_York", &night, "2026-03-08T03:30:00Z", "2026-03-08T11:00:00Z"),
        ("America/New_York", &night, "2026-11-01T03:30:00Z", "2026-11-01T12:00:00Z"),
        // There is no 1:30 in London, and no 2:30 in New York: when the clock is put forward.
        ("Europe/London", &early, "2026-03-28T22:30:00Z", "2026-03-29T01:00:00Z"),
        ("America/New_York", &late, "2026-03-08T03:30:00Z", "2026-03-08T07:00:00Z"),
        // It is 1:30 twice: the first time.
        ("Europe/London", &early, "2026-10-24T21:30:00Z", "2026-10-25T00:30:00Z"),
        ("America/New_York", &early, "2026-11-01T03:30:00Z", "2026-11-01T05:30:00Z"),
    ] {
        let world = World::new().await;
        let eve = person(&world.kit, world.org, "eve", zone, false).await;
        world.reach_all(&[eve]);
        let policy = push_after_a_minute(&world, |it| it.quiet = vec![hours.clone()]).await;
        it_is(&world, evening).await;
        let ding = world.alert(&[eve], |send| send.policy = Some(policy)).await;
        let then = morning.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert_eq!(world.on_board(ding, eve).await.next.unwrap().at, then, "{zone} {evening}");
        world.pass(then - 1 - world.now()).await;
        assert!(world.carried(then).is_empty(), "{zone} {evening}");
        for _ in 0..150 {
            world.pass(MINUTE).await;
        }
        let carried: Vec<_> = world.carrier.carried().iter().map(|it| it.channel).collect();
        assert_eq!(carried, [Push], "{zone} {evening}");
    }
}

#[tokio::test]
async fn a_policy_has_quiet_hours_of_its_own_on_the_days_that_it_names() {
    let world = World::new().await;
    world.reach_all(&[world.bob]);
    world.settle_on(|it| it.quiet = Some(hours(1_320, 420, &[]))).await;
    // Weekends are quiet under this policy, and nights of the week are not.
    let weekend = vec![hours(0, 0, &[6, 7])];
    let policy = push_after_a_minute(&world, |it| it.quiet = weekend).await;
    // Thursday at 23:00, and Saturday at noon, in Hong Kong.
    it_is(&world, "2026-11-26T15:00:00Z").await;
    let start = world.now();
    world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    assert_eq!(world.carried(start), [(MINUTE, Push, world.bob.user)]);
    it_is(&world, "2026-11-28T04:00:00Z").await;
    let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    let monday = "2026-11-29T16:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert_eq!(world.on_board(ding, world.bob).await.next.unwrap().at, monday);
}

#[tokio::test]
async fn who_may_pass_over_the_quiet_hours_of_a_policy_stands_in_it() {
    let world = World::new().await;
    let create = role::Create { name: "Guards".into(), permissions: Vec::new() };
    let guards = world.call(world.amy, create).await.unwrap().role;
    let give = org::UpdateMember {
        user: Some(world.bob.user),
        roles: Some(vec![guards]),
        ..<_>::default()
    };
    world.call(world.amy, give).await.unwrap();
    let own = push_after_a_minute(&world, |it| it.overriders = vec![guards]).await;
    let other = push_after_a_minute(&world, |_| {}).await;
    let send = async |by, policy| {
        let with = |send: &mut Send| (send.policy, send.urgent) = (Some(policy), true);
        let sent = world.send(by, &[world.dan], with).await;
        sent.map(drop).map_err(|error| error.code())
    };
    assert_eq!(send(world.bob, own).await, Ok(()));
    assert_eq!(send(world.carol, own).await, Err(ErrorCode::Forbidden));
    assert_eq!(send(world.bob, other).await, Err(ErrorCode::Forbidden));
}

#[tokio::test]
async fn quiet_hours_that_cannot_be_are_refused_with_what_is_wrong() {
    let world = World::new().await;
    let role = RoleId(Ulid(9));
    let nights = |quiet| (quiet, Vec::new());
    for ((quiet, overriders), field) in [
        (nights(vec![hours(0, 60, &[]), hours(1_440, 60, &[])]), "rules.quiet[1].from_min"),
        (nights(vec![hours(0, 1_440, &[])]), "rules.quiet[0].until_min"),
        (nights(vec![hours(0, 60, &[8])]), "rules.quiet[0].days"),
        (nights(vec![hours(0, 720, &[]), hours(720, 0, &[])]), "rules.quiet"),
        (nights(vec![hours(0, 60, &[]); 8]), "rules.quiet"),
        ((Vec::new(), vec![role]), "rules.overriders[0]"),
    ] {
        let mut rules = rules("Calm", first());
        (rules.quiet, rules.overriders) = (quiet, overriders);
        let refused = world.call(world.amy, CreatePolicy { rules }).await.unwrap_err();
        assert_eq!(refused.body().field.as_deref(), Some(field));
    }
}

fn first() -> Vec<Step> {
    vec![Step { after_s: 0, channel: App, whom: Recipient, times: 1, every_s: 60 }]
}
