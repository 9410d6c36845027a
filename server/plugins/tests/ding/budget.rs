//! What all alerts of an organisation may cost.

use carillon_plugin::{
    Caller,
    protocol::{
        Channel::{App, Call, Sms},
        DingId,
        ding::{Advance, Remind, Simulate, Skip, Whom::Recipient},
    },
};

use super::world::{World, alert_to};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

impl World {
    /// What texts and calls of an alert cost, and why some were left out.
    async fn spent(&self, ding: DingId) -> (u64, Vec<Skip>) {
        let board = self.board(ding).await;
        let tries = board.recipients.iter().flat_map(|it| &it.tries);
        (board.cost, tries.filter_map(|it| it.what.skip).collect())
    }
}

#[tokio::test]
async fn all_alerts_of_a_day_and_of_a_month_cost_no_more_than_they_may() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.carol, world.dan]);
    let policy = world.policy(&[(0, App, Recipient), (60, Sms, Recipient)]).await;
    world.settle_on(|it| (it.cost_a_day, it.cost_a_month) = (Some(70), Some(100))).await;
    let people = [world.bob, world.carol, world.dan];
    // A text costs 30: two of three are made, and a simulation has said so.
    let mut send = alert_to(people.iter().map(|it| it.user));
    send.policy = Some(policy);
    let said = world.call(world.amy, Simulate { ding: send }).await.unwrap();
    let text = said.steps.iter().find(|it| it.channel == Sms).unwrap();
    assert_eq!((text.people, &*text.skipped, said.cost), (2, &[(Skip::Budget, 1)][..], 60));
    let ding = world.alert(&people, |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    assert_eq!(world.spent(ding).await, (60, vec![Skip::Budget]));
    assert_eq!(world.carried(0).len(), 2);
    // Nothing is left of the day for another one.
    let ding = world.alert(&[world.dan], |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    assert_eq!(world.spent(ding).await, (0, vec![Skip::Budget]));
    // The next day has as much again, but of the month only one text is left.
    world.pass(DAY).await;
    let ding = world.alert(&people, |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    assert_eq!(world.spent(ding).await, (30, vec![Skip::Budget; 2]));
    // A month later it begins anew.
    world.pass(31 * DAY).await;
    let ding = world.alert(&people, |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    assert_eq!(world.spent(ding).await, (60, vec![Skip::Budget]));
}

#[tokio::test]
async fn a_limit_counts_what_was_spent_before_it_was_set() {
    let world = World::new().await;
    world.reach_all(&[world.bob]);
    let policy = world.policy(&[(0, App, Recipient), (60, Call, Recipient)]).await;
    world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    world.settle_on(|it| it.cost_a_day = Some(199)).await;
    let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    assert_eq!(world.spent(ding).await, (0, vec![Skip::Budget]));
}

#[tokio::test]
async fn two_alerts_at_once_do_not_both_spend_what_is_left() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.dan]);
    let policy = world.policy(&[(0, App, Recipient), (60, Sms, Recipient)]).await;
    world.settle_on(|it| it.cost_a_day = Some(50)).await;
    let one = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    let other = world.alert(&[world.dan], |send| send.policy = Some(policy)).await;
    world.kit.clock().advance(MINUTE);
    // Both have seen that 50 are left when the first of them commits.
    let (host, advance) = (world.kit.host().clone(), Advance { ding: other });
    let by = Caller::for_plugin(world.amy.user, world.org);
    world.kit.before_next_commit(async move {
        host.call_typed(by, None, &advance).await.unwrap();
    });
    world.kit.settle().await;
    let (one, other) = (world.spent(one).await, world.spent(other).await);
    assert_eq!(one.0 + other.0, 30);
    assert_eq!([one.1, other.1].concat(), [Skip::Budget]);
    assert_eq!(world.carried(0).len(), 1);
}

#[tokio::test]
async fn two_alerts_at_once_give_nobody_more_texts_than_a_day_allows() {
    let world = World::new().await;
    world.reach_all(&[world.bob]);
    let policy = world.policy(&[(0, App, Recipient), (60, Sms, Recipient)]).await;
    world.settle_on(|it| it.paid_a_day = 1).await;
    let one = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    let other = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    world.kit.clock().advance(MINUTE);
    let (host, advance) = (world.kit.host().clone(), Advance { ding: other });
    let by = Caller::for_plugin(world.amy.user, world.org);
    world.kit.before_next_commit(async move {
        host.call_typed(by, None, &advance).await.unwrap();
    });
    world.kit.settle().await;
    let skips = [world.spent(one).await.1, world.spent(other).await.1].concat();
    assert_eq!(skips, [Skip::Quota]);
    assert_eq!(world.carried(0).len(), 1);
}

#[tokio::test]
async fn reminders_count_as_what_they_are() {
    let world = World::new().await;
    world.reach_all(&[world.bob]);
    let policy = world.policy(&[(0, App, Recipient)]).await;
    world.settle_on(|it| (it.paid_a_day, it.cost_a_day) = (2, Some(70))).await;
    let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    for reason in [None, None, Some(Skip::Quota)] {
        let remind = Remind { ding, users: Vec::new(), channels: vec![Sms] };
        world.call(world.amy, remind).await.unwrap();
        world.pass(5 * MINUTE).await;
        assert_eq!(world.on_board(ding, world.bob).await.tries[0].what.skip, reason);
    }
    assert_eq!(world.board(ding).await.cost, 60);
    world.settle_on(|it| it.paid_a_day = 9).await;
    let remind = Remind { ding, users: Vec::new(), channels: vec![Sms] };
    world.call(world.amy, remind).await.unwrap();
    world.pass(MINUTE).await;
    assert_eq!(world.spent(ding).await, (60, vec![Skip::Budget, Skip::Quota]));
}

#[tokio::test]
async fn a_board_says_what_its_costs_are_in() {
    let world = World::new().await;
    let ding = world.alert(&[world.bob], |_| {}).await;
    assert_eq!(world.board(ding).await.currency, "HKD");
    world.settle_on(|it| it.currency = "HKD".into()).await;
    assert_eq!(world.board(ding).await.currency, "HKD");
    let ding = alert_to([world.bob.user].into_iter());
    let said = world.call(world.amy, Simulate { ding }).await.unwrap();
    assert_eq!(said.currency, "HKD");
}
