//! What recipients and senders do with an alert.

use carillon_plugin::protocol::{
    Channel::{App, Push, Sms},
    Cid, ErrorCode, Topic,
    ding::{
        Confirm, Decline, Get, Outcome, Recall, Received, Remind, Seen, State, Which,
        Whom::Recipient, kind,
    },
    notify::{self, AnsweredData, Attempted, AttemptedData, Subject},
};

use super::{
    carrier::Say,
    world::{World, alert_to},
};

const MINUTE: i64 = 60_000;

fn confirm(ding: carillon_plugin::protocol::DingId) -> Confirm {
    Confirm { ding, reply: None, instead_of: None, others: false }
}

#[tokio::test]
async fn a_state_never_goes_back_and_the_first_answer_counts() {
    let world = World::new().await;
    let ding = world.alert(&[world.bob], |_| {}).await;
    let state = async || world.on_board(ding, world.bob).await.state;
    // A device may say it twice.
    world.call(world.bob, Received { dings: vec![ding, ding] }).await.unwrap();
    assert_eq!(state().await, State::Delivered);
    world.call(world.bob, Seen { ding }).await.unwrap();
    world.call(world.bob, Received { dings: vec![ding] }).await.unwrap();
    assert_eq!(state().await, State::Seen);
    let decline = || Decline { ding, reason: "I am ill".into() };
    world.call(world.bob, decline()).await.unwrap();
    world.call(world.bob, decline()).await.unwrap();
    let again = world.call(world.bob, confirm(ding)).await.unwrap_err();
    assert_eq!(again.code(), ErrorCode::Conflict);
    world.call(world.bob, Seen { ding }).await.unwrap();
    let bob = world.on_board(ding, world.bob).await;
    assert_eq!((bob.state, bob.reply.as_deref()), (State::Declined, Some("I am ill")));
    assert_eq!(world.ended(world.bob).await.len(), 1);
    let log: Topic = format!("x:ding:{ding}").parse().unwrap();
    assert_eq!(world.events(world.amy, log, kind::CHANGED).await.len(), 3);
}

#[tokio::test]
async fn an_alert_does_not_exist_for_those_whom_it_does_not_concern() {
    let world = World::new().await;
    let ding = world.alert(&[world.bob], |_| {}).await;
    for stranger in [world.dan, world.zoe] {
        let refusals = [
            world.call(stranger, Get { ding }).await.map(drop),
            world.call(stranger, Seen { ding }).await.map(drop),
            world.call(stranger, Received { dings: vec![ding] }).await.map(drop),
            world.call(stranger, confirm(ding)).await.map(drop),
            world.call(stranger, Decline { ding, reason: "no".into() }).await.map(drop),
            world.call(stranger, Recall { ding }).await.map(drop),
            world.call(stranger, Remind { ding, users: vec![], channels: vec![] }).await.map(drop),
        ];
        for refused in refusals {
            assert_eq!(refused.unwrap_err().code(), ErrorCode::NotFound);
        }
        let log: Topic = format!("x:ding:{ding}").parse().unwrap();
        let read = carillon_plugin::protocol::log::Read {
            topic: log,
            after: Some(0),
            before: None,
            limit: None,
        };
        assert_eq!(world.call(stranger, read).await.unwrap_err().code(), ErrorCode::NotFound);
    }
    let elsewhere = world.send(world.amy, &[world.zoe], |_| {}).await.unwrap_err();
    assert_eq!(elsewhere.code(), ErrorCode::NotFound);
    let status = carillon_plugin::protocol::ding::Status {
        ding,
        states: Vec::new(),
        after: None,
        limit: None,
    };
    assert_eq!(world.call(world.bob, status).await.unwrap_err().code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn the_same_intent_alerts_once_and_is_answered_alike() {
    let world = World::new().await;
    let send = alert_to([world.bob.user].into_iter());
    let cid = Some(Cid(world.kit.host().new_id()));
    let first = world.kit.host().call_typed(world.amy, cid, &send).await.unwrap();
    let again = world.kit.host().call_typed(world.amy, cid, &send).await.unwrap();
    assert_eq!((first.ding, first.dup), (again.ding, false));
    assert!(again.dup);
    world.kit.settle().await;
    assert_eq!(world.called(world.bob).await.len(), 1);
    assert_eq!(world.list(world.bob, Which::Open).await.len(), 1);
}

#[tokio::test]
async fn an_alert_that_is_planned_is_shown_when_it_begins() {
    let world = World::new().await;
    let at = world.now() + 10 * MINUTE;
    let ding = world.alert(&[world.bob], |send| send.at = Some(at)).await;
    assert!(world.list(world.bob, Which::Received).await.is_empty());
    assert_eq!(world.call(world.bob, Get { ding }).await.unwrap_err().code(), ErrorCode::NotFound);
    assert_eq!(world.list(world.amy, Which::Sent).await[0].at, at);
    world.pass(10 * MINUTE).await;
    assert_eq!(world.called(world.bob).await.len(), 1);
    assert_eq!(world.list(world.bob, Which::Open).await[0].mine.as_ref().unwrap().at, at);
}

#[tokio::test]
async fn what_a_sender_takes_back_goes_away_everywhere() {
    let world = World::new().await;
    world.reach_all(&[world.bob]);
    let policy = world.policy(&[(0, App, Recipient), (0, Push, Recipient), (60, Sms, Recipient)]);
    let policy = policy.await;
    let people = [world.bob, world.carol, world.dan];
    let ding = world.alert(&people, |send| send.policy = Some(policy)).await;
    world.call(world.carol, confirm(ding)).await.unwrap();
    world.carrier.carried();
    world.call(world.amy, Recall { ding }).await.unwrap();
    world.call(world.amy, Recall { ding }).await.unwrap();
    world.pass(60 * MINUTE).await;
    assert!(world.carried(0).is_empty());
    assert_eq!(world.ended(world.bob).await[0].state, State::Recalled);
    assert_eq!(world.ended(world.carol).await.len(), 1, "she had confirmed it");
    assert!(world.list(world.dan, Which::Open).await.is_empty());
    let tally = world.board(ding).await.ding.sent.unwrap();
    assert_eq!((tally.recalled, tally.confirmed), (2, 1));
    let late = world.call(world.bob, confirm(ding)).await.unwrap_err();
    assert_eq!(late.code(), ErrorCode::Conflict);
}

#[tokio::test]
async fn a_sender_reminds_the_rest_every_five_minutes_at_most() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.dan]);
    let policy = world.policy(&[(0, App, Recipient), (600, Sms, Recipient)]).await;
    let ding = world.alert(&[world.bob, world.dan], |send| send.policy = Some(policy)).await;
    world.call(world.dan, confirm(ding)).await.unwrap();
    let start = world.now();
    let remind = || Remind { ding, users: vec![], channels: vec![App, Push] };
    assert_eq!(world.call(world.amy, remind()).await.unwrap().people, 1);
    world.kit.settle().await;
    assert_eq!(world.called(world.bob).await.len(), 2);
    assert_eq!(world.called(world.dan).await.len(), 1);
    assert_eq!(world.carried(start), [(0, Push, world.bob.user)]);
    let refused = world.call(world.amy, remind()).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Rate);
    assert_eq!(refused.body().retry_ms, Some(5 * MINUTE as u64));
    // The ladder goes on as planned, and a reminder stands behind its steps on the board.
    world.pass(10 * MINUTE).await;
    assert_eq!(world.carried(start), [(10 * MINUTE, Sms, world.bob.user)]);
    let bob = world.on_board(ding, world.bob).await;
    assert!(bob.tries.iter().any(|it| (it.what.step, it.what.channel) == (2, Push)));
    world.call(world.amy, remind()).await.unwrap();
    let nobody = Remind { ding, users: vec![world.carol.user], channels: vec![] };
    world.pass(5 * MINUTE).await;
    assert_eq!(world.call(world.amy, nobody).await.unwrap_err().code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn an_alert_that_needs_a_reply_is_not_confirmed_without_one() {
    let world = World::new().await;
    let ding = world.alert(&[world.bob], |send| send.reply_required = true).await;
    let refused = world.call(world.bob, confirm(ding)).await.unwrap_err();
    assert_eq!(refused.body().field.as_deref(), Some("reply"));
    let reply = Some("<b>five</b> of us".into());
    world.call(world.bob, Confirm { reply, ..confirm(ding) }).await.unwrap();
    let bob = world.on_board(ding, world.bob).await;
    assert_eq!(bob.reply.as_deref(), Some("<b>five</b> of us"));
}

#[tokio::test]
async fn what_a_provider_reports_stands_on_the_board_and_a_reply_confirms() {
    let world = World::new().await;
    world.reach_all(&[world.bob]);
    let policy = world.policy(&[(0, App, Recipient), (0, Sms, Recipient)]).await;
    let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
    let subject = Subject { plugin: "ding".into(), id: ding.to_string() };
    let key = format!("{ding}:{}:1:0", world.bob.user);
    let said = |outcome| {
        let why = Some("as the network says".into());
        let result = Attempted { key: key.clone(), user: world.bob.user, outcome, why };
        let (subject, channel) = (subject.clone(), Sms);
        Say::Attempted(AttemptedData { subject, channel, results: vec![result] })
    };
    let system = carillon_plugin::Caller::for_plugin(world.amy.user, world.org);
    for outcome in [notify::Outcome::Accepted, notify::Outcome::Delivered] {
        world.call(system, said(outcome)).await.unwrap();
        world.kit.settle().await;
    }
    let bob = world.on_board(ding, world.bob).await;
    assert_eq!((bob.state, bob.tries[0].outcome), (State::Delivered, Outcome::Delivered));

    let answer = |user| AnsweredData {
        subject: subject.clone(),
        key: key.clone(),
        user,
        answer: Some(notify::Answer::Confirm),
        text: Some("1".into()),
    };
    world.call(system, Say::Answered(answer(world.dan.user))).await.unwrap();
    world.kit.settle().await;
    assert_eq!(world.on_board(ding, world.bob).await.state, State::Delivered);
    for _ in 0..2 {
        world.call(system, Say::Answered(answer(world.bob.user))).await.unwrap();
        world.kit.settle().await;
    }
    assert_eq!(world.on_board(ding, world.bob).await.state, State::Confirmed);
    assert_eq!(world.ended(world.bob).await.len(), 1);
}
