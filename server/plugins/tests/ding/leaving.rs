//! Who is not there any more: senders, recipients, and whoever carries alerts.

use carillon_plugin::{
    Storage as _,
    protocol::{
        Channel::{App, Call, Sms},
        ErrorCode,
        ding::{
            CreateDuty, Outcome, Reach, Rota, State, Turn, Which,
            Whom::{Manager, OnDuty, Recipient},
        },
        notify, org,
    },
};

use super::{
    carrier::Say,
    world::{World, alert_to},
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

#[tokio::test]
async fn what_was_planned_by_somebody_who_left_or_may_not_any_more_is_not_sent() {
    for left in [true, false] {
        let world = World::new().await;
        let at = world.now() + DAY;
        let sent = world.send(world.bob, &[world.dan], |send| send.at = Some(at)).await.unwrap();
        if left {
            world.call(world.amy, org::RemoveMember { user: world.bob.user }).await.unwrap();
        } else {
            world.settle_on(|settings| settings.reach = Reach::Nobody).await;
        }
        world.pass(DAY).await;
        world.pass(DAY).await;
        assert!(world.called(world.dan).await.is_empty());
        assert!(world.list(world.dan, Which::Received).await.is_empty());
        let sql = "SELECT op, object FROM audit_row WHERE op = 'ding.refused'";
        let rows = world.kit.store().query(sql, Vec::new()).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].get::<String>(1).unwrap(), format!("ding:{}", sent.ding));
        if !left {
            let listed = &world.list(world.bob, Which::Sent).await[0];
            assert!(listed.recalled_at.is_some());
        }
    }
}

#[tokio::test]
async fn what_somebody_still_may_begins_as_planned_whoever_else_left() {
    let world = World::new().await;
    let at = world.now() + DAY;
    let ding = world.alert(&[world.bob, world.dan], |send| send.at = Some(at)).await;
    world.call(world.amy, org::RemoveMember { user: world.bob.user }).await.unwrap();
    world.pass(DAY).await;
    assert_eq!(world.called(world.dan).await.len(), 1);
    assert_eq!(world.on_board(ding, world.bob).await.state, State::Withdrawn);
}

#[tokio::test]
async fn the_ladder_of_who_leaves_ends_and_nobody_is_called_for_them() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.carol, world.dan]);
    let turns = vec![Turn { user: world.carol.user, from_min: 0, until_min: 0 }];
    let rota = Rota { name: "Night".into(), turns };
    let duty = world.call(world.amy, CreateDuty { rota }).await.unwrap().duty;
    let steps = [(0, App, Recipient), (60, Sms, OnDuty { duty }), (3_600, Sms, OnDuty { duty })];
    let policy = world.policy(&steps).await;
    let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    assert_eq!(world.carrier.carried().len(), 1);
    world.call(world.amy, org::RemoveMember { user: world.bob.user }).await.unwrap();
    world.kit.settle().await;
    let bob = world.on_board(ding, world.bob).await;
    assert_eq!((bob.state, bob.next.is_none()), (State::Withdrawn, true));
    assert_eq!(world.ended(world.carol).await[0].state, State::Withdrawn);
    let subject = format!("{ding}:{}", world.carol.user);
    assert!(world.carrier.cancelled().iter().any(|it| it.1.subject.id == subject));
    world.pass(DAY).await;
    assert!(world.carrier.carried().is_empty());
    assert_eq!(world.board(ding).await.ding.sent.unwrap().withdrawn, 1);
}

#[tokio::test]
async fn a_ladder_that_cannot_go_on_for_an_hour_goes_on_afterwards() {
    for why in [ErrorCode::Unavailable, ErrorCode::NotFound] {
        let world = World::new().await;
        world.reach_all(&[world.bob]);
        let policy = world.policy(&[(0, App, Recipient), (60, Sms, Recipient)]).await;
        world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
        // Who can be reached is not known, time after time.
        world.carrier.broken(Some(why));
        for _ in 0..60 {
            world.pass(MINUTE).await;
        }
        let sql = "SELECT COUNT(*) FROM plugin_dead";
        let dead = world.kit.store().query(sql, Vec::new()).await.unwrap();
        assert_eq!(dead[0].get::<u64>(0).unwrap(), 0);
        world.carrier.broken(None);
        world.minutes(2).await;
        assert_eq!(world.carrier.carried().len(), 1, "{why:?}");
    }
}

#[tokio::test]
async fn what_is_refused_once_after_a_standstill_is_handed_over_all_the_same() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.carol]);
    let steps = [(0, App, Recipient), (60, Sms, Recipient), (60, Call, Manager)];
    let policy = world.policy(&steps).await;
    let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    world.kit.clock().advance(MINUTE);
    // The page is written down, and the server ends.
    world.kit.host().timer_step("ding").await.unwrap();
    assert_eq!(world.on_board(ding, world.bob).await.tries.len(), 3);
    world.kit.clock().advance(11 * MINUTE);
    world.carrier.refuses(2);
    world.kit.settle().await;
    assert!(world.carried(0).is_empty());
    world.minutes(2).await;
    let mut told: Vec<_> = world.carried(0).iter().map(|it| (it.1, it.2)).collect();
    told.sort();
    assert_eq!(told, [(Sms, world.bob.user), (Call, world.carol.user)]);
}

#[tokio::test]
async fn a_call_to_who_left_meanwhile_stands_on_the_board_as_failed() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.carol]);
    let steps = [(0, App, Recipient), (60, App, Manager), (60, Sms, Manager)];
    let policy = world.policy(&steps).await;
    let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    world.kit.clock().advance(MINUTE);
    world.kit.host().timer_step("ding").await.unwrap();
    world.call(world.amy, org::RemoveMember { user: world.carol.user }).await.unwrap();
    world.kit.settle().await;
    assert!(world.carried(0).is_empty());
    let tries = world.on_board(ding, world.bob).await.tries;
    for it in tries.iter().filter(|it| it.what.step > 0) {
        assert_eq!(it.outcome, Outcome::Failed, "{it:?}");
        assert_eq!(it.why.as_deref(), Some("this person has left"));
    }
    assert_eq!(tries.len(), 3);
}

#[tokio::test]
async fn whoever_leaves_with_hundreds_of_open_alerts_leaves_none_of_them_open() {
    let world = World::new().await;
    world.settle_on(|settings| settings.sent_a_day = 500).await;
    let policy = world.policy(&[(0, App, Recipient)]).await;
    for _ in 0..203 {
        let mut send = alert_to([world.bob.user].into_iter());
        send.policy = Some(policy);
        world.call(world.amy, send).await.unwrap();
    }
    world.kit.settle().await;
    world.call(world.amy, org::RemoveMember { user: world.bob.user }).await.unwrap();
    world.kit.settle().await;
    let sql = "SELECT state, COUNT(*) FROM ding_recipient GROUP BY state";
    let rows = world.kit.store().query(sql, Vec::new()).await.unwrap();
    let states: Vec<(u64, u64)> =
        rows.iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap())).collect();
    assert_eq!(states, [(State::Withdrawn as u64, 203)]);
}

#[tokio::test]
async fn what_is_not_taken_for_ten_minutes_stands_on_the_board_as_failed() {
    let world = World::new().await;
    world.reach_all(&[world.bob]);
    let policy = world.policy(&[(0, App, Recipient), (0, Sms, Recipient)]).await;
    world.carrier.refuses(u32::MAX);
    let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    for _ in 0..11 {
        let tried = world.on_board(ding, world.bob).await.tries;
        assert_eq!(tried[0].outcome, Outcome::Trying);
        world.pass(MINUTE).await;
        if world.on_board(ding, world.bob).await.tries[0].outcome == Outcome::Failed {
            break;
        }
    }
    assert_eq!(world.on_board(ding, world.bob).await.tries[0].outcome, Outcome::Failed);
}

#[tokio::test]
async fn many_reports_are_written_down_together() {
    let world = World::new().await;
    world.reach_all(&[world.bob]);
    let policy = world.policy(&[(0, App, Recipient), (0, Sms, Recipient)]).await;
    let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    let subject = notify::Subject { plugin: "ding".into(), id: ding.to_string() };
    let key = format!("{ding}:{}:1:0", world.bob.user);
    let system = carillon_plugin::Caller::for_plugin(world.amy.user, world.org);
    for n in 0..100 {
        let (key, user) = (key.clone(), world.bob.user);
        let outcome = if n == 50 { notify::Outcome::Delivered } else { notify::Outcome::Accepted };
        let results = vec![notify::Attempted { key, user, outcome, why: None }];
        let data = notify::AttemptedData { subject: subject.clone(), channel: Sms, results };
        world.call(system, Say::Attempted(data)).await.unwrap();
    }
    world.kit.committed();
    world.kit.settle().await;
    let told = world.kit.committed();
    let told = told.iter().filter(|(event, _)| &*event.k == "ding.reached").count();
    assert_eq!(told, 1, "a hundred reports are one change of the board");
    let bob = world.on_board(ding, world.bob).await;
    assert_eq!((bob.state, bob.tries[0].outcome), (State::Delivered, Outcome::Delivered));
    assert_eq!(
        world
            .call(world.dan, carillon_plugin::protocol::ding::Get { ding })
            .await
            .unwrap_err()
            .code(),
        ErrorCode::NotFound
    );
}
