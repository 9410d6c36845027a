//! Ladders: who is reached when.

use carillon_plugin::protocol::{
    Channel::{self, App, Call, Email, Push, Sms},
    ErrorCode, Topic,
    ding::{
        Outcome, Quiet, Skip, State,
        Whom::{self, Manager, Recipient},
        kind,
    },
};

use super::world::World;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

const STEPS: [(u32, Channel, Whom); 5] = [
    (0, App, Recipient),
    (0, Push, Recipient),
    (300, Sms, Recipient),
    (600, Call, Recipient),
    (900, Push, Manager),
];

#[tokio::test]
async fn an_alert_is_shown_at_once_and_its_ladder_ends_with_the_confirmation() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.carol]);
    let policy = world.policy(&STEPS).await;
    let start = world.now();
    let ding = world.alert(&[world.bob, world.dan], |send| send.policy = Some(policy)).await;
    let called = world.called(world.bob).await;
    assert_eq!(called.len(), 1);
    assert_eq!(called[0].ding.text, "The shift begins at six");
    assert!(called[0].sound);
    assert_eq!(world.carried(start), [(0, Push, world.bob.user)]);

    world.pass(5 * MINUTE).await;
    assert_eq!(world.carried(start), [(5 * MINUTE, Sms, world.bob.user)]);
    world.pass(MINUTE).await;
    let confirm = carillon_plugin::protocol::ding::Confirm {
        ding,
        reply: None,
        instead_of: None,
        others: false,
    };
    world.call(world.bob, confirm).await.unwrap();
    world.minutes(10).await;
    assert!(world.carried(start).is_empty(), "nobody is called who has confirmed");
    let stopped = world.carrier.cancelled();
    assert_eq!(stopped.len(), 2, "what is on its way is taken back, and once more");
    assert_eq!(stopped[0].1.users, [world.bob.user]);
    assert_eq!(stopped[0].0 - start, 7 * MINUTE);

    let (bob, dan) = (world.on_board(ding, world.bob).await, world.on_board(ding, world.dan).await);
    assert_eq!((bob.state, dan.state), (State::Confirmed, State::Queued));
    assert!(bob.next.is_none());
    let tried: Vec<_> = bob.tries.iter().map(|it| (it.what.step, it.outcome)).collect();
    let cancelled = Outcome::Cancelled;
    assert_eq!(tried, [(2, cancelled), (1, cancelled), (0, Outcome::Accepted)]);
    let skipped: Vec<_> = dan.tries.iter().map(|it| (it.what.channel, it.what.skip)).collect();
    let none = Some(Skip::NoAddress);
    let nobody = Some(Skip::Nobody);
    assert_eq!(skipped, [(Push, nobody), (Call, none), (Sms, none), (Push, none), (App, None)]);
}

#[tokio::test]
async fn a_night_without_power_gives_nobody_everything_at_once() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.carol]);
    let policy = world.policy(&STEPS).await;
    world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    world.carrier.carried();
    // The server is away from here on, and comes back eight hours later.
    world.kit.clock().advance(8 * HOUR);
    let back = world.now();
    world.kit.settle().await;
    assert_eq!(world.carried(back), [(0, Sms, world.bob.user)]);
    world.pass(5 * MINUTE).await;
    assert_eq!(world.carried(back), [(5 * MINUTE, Call, world.bob.user)]);
    world.pass(5 * MINUTE).await;
    assert_eq!(world.carried(back), [(10 * MINUTE, Push, world.carol.user)]);
    world.pass(24 * HOUR).await;
    assert!(world.carried(back).is_empty());
}

#[tokio::test]
async fn a_clock_that_jumps_does_each_step_once() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.carol]);
    let policy = world.policy(&STEPS).await;
    world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    world.pass(5 * MINUTE).await;
    // An hour ahead, as if it were daylight saving's fault, and back again.
    world.pass(HOUR).await;
    world.pass(-HOUR).await;
    for _ in 0..200 {
        world.pass(MINUTE).await;
    }
    let channels: Vec<_> = world.carried(0).into_iter().map(|it| it.1).collect();
    assert_eq!(channels, [Push, Sms, Call, Push]);
}

#[tokio::test]
async fn what_makes_a_noise_waits_for_the_morning_and_the_rest_of_the_ladder_with_it() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.carol]);
    // The tests begin at 22:13:20 in Hong Kong.
    let quiet = Quiet { from_min: 22 * 60, until_min: 7 * 60, days: Vec::new() };
    world.settle_on(|settings| settings.quiet = Some(quiet)).await;
    let steps =
        [(0, App, Recipient), (0, Email, Recipient), (60, Push, Recipient), (300, Sms, Recipient)];
    let policy = world.policy(&steps).await;
    let start = world.now();
    let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    assert!(!world.called(world.bob).await[0].sound, "it is shown without a sound");
    assert_eq!(world.carried(start), [(0, Email, world.bob.user)]);
    let next = world.on_board(ding, world.bob).await.next.unwrap();
    let morning = next.at;
    assert_eq!(morning - start, 8 * HOUR + 46 * MINUTE + 40_000);
    world.pass(morning - 1 - start).await;
    assert!(world.carried(start).is_empty());
    world.pass(1).await;
    assert_eq!(world.carried(morning), [(0, Push, world.bob.user)]);
    world.pass(4 * MINUTE).await;
    assert_eq!(world.carried(morning), [(4 * MINUTE, Sms, world.bob.user)]);

    // Whoever may passes over them.
    world.kit.clock().advance(16 * HOUR);
    let start = world.now();
    world
        .alert(&[world.bob], |send| {
            (send.policy, send.urgent) = (Some(policy), true);
        })
        .await;
    assert!(world.called(world.bob).await[1].sound);
    world.carried(start);
    world.pass(MINUTE).await;
    assert_eq!(world.carried(start), [(MINUTE, Push, world.bob.user)]);
}

#[tokio::test]
async fn an_alert_costs_no_more_than_it_may_and_nobody_gets_too_many_texts() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.carol, world.dan]);
    let steps = [(0, App, Recipient), (60, Sms, Recipient), (120, Call, Recipient)];
    let policy = world.policy(&steps).await;
    world.settle_on(|settings| settings.paid_a_day = 3).await;
    for _ in 0..2 {
        let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
        world.pass(10 * MINUTE).await;
        assert!(world.board(ding).await.cost > 0);
    }
    assert_eq!(world.carried(0).len(), 3, "the fourth in a day is not made");
    let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    world.pass(10 * MINUTE).await;
    let skipped = world.on_board(ding, world.bob).await.tries;
    assert_eq!(skipped[0].what.skip, Some(Skip::Quota));
    assert_eq!(world.board(ding).await.cost, 0);
    // The next day they count anew.
    world.pass(24 * HOUR).await;
    world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    world.pass(10 * MINUTE).await;
    assert_eq!(world.carried(0).len(), 2);
}

#[tokio::test]
async fn whoever_is_called_instead_sees_for_whom_and_takes_care_of_it() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.carol]);
    let steps =
        [(0, App, Recipient), (60, App, Manager), (60, Sms, Manager), (120, Sms, Recipient)];
    let policy = world.policy(&steps).await;
    let start = world.now();
    let ding = world.alert(&[world.bob, world.dan], |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    let called = world.called(world.carol).await;
    let mine = called[0].ding.mine.clone().unwrap();
    assert_eq!(mine.instead_of, Some(world.bob.user));
    let carried = world.carrier.carried();
    assert_eq!(carried.len(), 1, "dan has no manager");
    assert!(carried[0].body.starts_with("bob has not answered"), "{}", carried[0].body);
    let link = format!("/ding/{ding}?instead_of={}", world.bob.user);
    assert_eq!(carried[0].link, Some(link), "confirming from there is for bob");

    let confirm = |instead_of| carillon_plugin::protocol::ding::Confirm {
        ding,
        reply: None,
        instead_of,
        others: false,
    };
    let not_called = world.call(world.carol, confirm(Some(world.dan.user))).await.unwrap_err();
    assert_eq!(not_called.code(), ErrorCode::NotFound);
    world.call(world.carol, confirm(Some(world.bob.user))).await.unwrap();
    world.pass(HOUR).await;
    assert!(world.carried(start).is_empty());
    let bob = world.on_board(ding, world.bob).await;
    assert_eq!((bob.state, bob.handled_by), (State::Confirmed, Some(world.carol.user)));
    let gone = world.ended(world.bob).await;
    assert_eq!((gone[0].by, gone[0].instead_of), (Some(world.carol.user), None));
    let gone = world.ended(world.carol).await;
    assert_eq!(gone[0].instead_of, Some(world.bob.user));
    assert_eq!(world.on_board(ding, world.dan).await.state, State::Queued);
    // What was on its way to her because of bob is taken back, and nothing else.
    let stopped = world.carrier.cancelled();
    assert_eq!(stopped[0].1.subject.id, format!("{ding}:{}", world.carol.user));
}

#[tokio::test]
async fn what_cannot_be_handed_over_is_handed_over_later_unless_somebody_has_answered() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.dan]);
    let policy = world.policy(&[(0, App, Recipient), (0, Sms, Recipient)]).await;
    world.carrier.refuses(1);
    let start = world.now();
    let ding = world.alert(&[world.bob, world.dan], |send| send.policy = Some(policy)).await;
    assert!(world.carried(start).is_empty());
    let confirm = carillon_plugin::protocol::ding::Confirm {
        ding,
        reply: None,
        instead_of: None,
        others: false,
    };
    world.call(world.bob, confirm).await.unwrap();
    world.pass(MINUTE).await;
    assert_eq!(world.carried(start), [(MINUTE, Sms, world.dan.user)]);
}

#[tokio::test]
async fn what_one_channel_does_not_take_keeps_no_other_waiting() {
    let world = World::new().await;
    world.reach_all(&[world.bob]);
    let steps = [(0, App, Recipient), (0, Email, Recipient), (0, Sms, Recipient)];
    let policy = world.policy(&steps).await;
    // Of the two calls the first is refused.
    world.carrier.refuses(1);
    let start = world.now();
    world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    assert_eq!(world.carried(start).len(), 1);
    world.pass(2_000).await;
    assert_eq!(world.carried(start).len(), 1);
}

#[tokio::test]
async fn the_deadline_ends_ladders_and_a_late_answer_is_taken_as_late() {
    let world = World::new().await;
    world.reach_all(&[world.bob]);
    let policy = world.policy(&STEPS).await;
    let ding = world
        .alert(&[world.bob, world.dan], |send| {
            (send.policy, send.within_ms) = (Some(policy), Some(5 * MINUTE));
        })
        .await;
    world.carrier.carried();
    world.pass(5 * MINUTE).await;
    assert!(world.carried(0).is_empty(), "what is due at the deadline is not done any more");
    assert_eq!(world.on_board(ding, world.bob).await.state, State::Expired);
    assert_eq!(world.ended(world.bob).await[0].state, State::Expired);
    let log: Topic = format!("x:ding:{ding}").parse().unwrap();
    assert_eq!(world.events(world.amy, log, kind::CHANGED).await.len(), 2);
    let confirm = carillon_plugin::protocol::ding::Confirm {
        ding,
        reply: None,
        instead_of: None,
        others: false,
    };
    world.call(world.bob, confirm.clone()).await.unwrap();
    let bob = world.on_board(ding, world.bob).await;
    assert_eq!((bob.state, bob.late), (State::Confirmed, true));
    // What was taken back is not answered any more.
    let recall = carillon_plugin::protocol::ding::Recall { ding };
    world.call(world.amy, recall).await.unwrap();
    let refused = world.call(world.dan, confirm).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);
    world.pass(HOUR).await;
    assert!(world.carried(0).is_empty());
}

#[tokio::test]
async fn whoever_confirms_while_a_step_is_decided_is_not_called() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.dan]);
    let policy = world.policy(&[(0, App, Recipient), (60, Sms, Recipient)]).await;
    let start = world.now();
    let ding = world.alert(&[world.bob, world.dan], |send| send.policy = Some(policy)).await;
    let confirm = carillon_plugin::protocol::ding::Confirm {
        ding,
        reply: None,
        instead_of: None,
        others: false,
    };
    let (host, bob) = (world.kit.host().clone(), world.bob);
    world.kit.clock().advance(MINUTE);
    world.kit.before_next_commit(async move {
        host.call_typed(bob, None, &confirm).await.unwrap();
    });
    world.kit.settle().await;
    assert_eq!(world.carried(start), [(MINUTE, Sms, world.dan.user)]);
    assert_eq!(world.on_board(ding, world.bob).await.tries.len(), 1);
}

#[tokio::test]
async fn a_ladder_that_is_interrupted_anywhere_does_every_step_once() {
    // How many commits there are between one moment and the end of what is due then.
    for interrupted in 0..4 {
        let world = World::new().await;
        world.reach_all(&[world.bob, world.dan]);
        let policy = world.policy(&[(0, App, Recipient), (60, Sms, Recipient)]).await;
        let start = world.now();
        world.alert(&[world.bob, world.dan], |send| send.policy = Some(policy)).await;
        world.kit.clock().advance(MINUTE);
        // Steps of a server that ends after each of them.
        for _ in 0..interrupted {
            world.kit.host().timer_step("ding").await.unwrap();
        }
        let World { kit, carrier, bob, dan, .. } = world;
        let kit = kit.restarted(super::world::plugins(&carrier)).await;
        kit.settle().await;
        let carried = carrier.carried().into_iter().map(|it| (it.at - start, it.channel, it.user));
        assert_eq!(
            carried.collect::<Vec<_>>(),
            [(MINUTE, Sms, bob.user), (MINUTE, Sms, dan.user)],
            "after {interrupted}"
        );
    }
}
