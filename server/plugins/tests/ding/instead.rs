//! Who is called instead of recipients: once for all of them, and until the last has answered.

use std::{fmt::Write as _, future::pending};

use carillon_plugin::{
    Caller,
    protocol::{
        Channel::{App, Push, Sms},
        DingId, ErrorCode, UserId,
        ding::{
            Confirm, CreateDuty, Outcome, Recall, Rota, Simulate, State, Turn, Which,
            Whom::{self, Manager, ManagerAbove, OnDuty, Recipient},
        },
        import, notify, org,
    },
};

use tokio::sync::oneshot;

use super::{
    carrier::Say,
    world::{World, alert_to, person},
};

const MINUTE: i64 = 60_000;

fn confirm(ding: DingId) -> Confirm {
    Confirm { ding, reply: None, instead_of: None, others: false }
}

/// People whom carol manages.
async fn team(world: &World, people: usize) -> Vec<Caller> {
    let mut csv = String::from("login,name,manager\n");
    for n in 0..people {
        writeln!(csv, "t{n},Member {n},carol").unwrap();
    }
    let apply = import::Apply { org: Some(world.org), csv };
    assert!(world.call(Caller::SYSTEM, apply).await.unwrap().applied);
    let sql = "SELECT id FROM directory_user WHERE login LIKE 't%' ORDER BY id";
    let rows = carillon_plugin::Storage::query(world.kit.store(), sql, Vec::new()).await.unwrap();
    let caller = |user: UserId| Caller::on_behalf_of(user, world.org);
    rows.iter().map(|row| caller(row.get(0).unwrap())).collect()
}

#[tokio::test]
async fn a_manager_of_three_hundred_is_called_once_for_all_of_them() {
    let world = World::new().await;
    let team = team(&world, 300).await;
    world.reach_all(&[world.carol]);
    let steps = [(0, App, Recipient), (60, App, Manager), (60, Push, Manager), (60, Sms, Manager)];
    let policy = world.policy(&steps).await;
    let mut send = alert_to(team.iter().map(|it| it.user));
    send.policy = Some(policy);
    let said = world.call(world.amy, Simulate { ding: send.clone() }).await.unwrap();
    assert_eq!(said.cost, 30, "one text");
    let start = world.now();
    let ding = world.call(world.amy, send).await.unwrap().ding;
    world.kit.settle().await;
    world.call(team[0], confirm(ding)).await.unwrap();
    world.pass(MINUTE).await;
    // Two pages of recipients, and she hears of all of them.
    let called = world.called(world.carol).await;
    assert_eq!(called.len(), 1);
    let mine = called[0].ding.mine.clone().unwrap();
    assert_eq!((mine.instead_of, mine.others), (Some(team[1].user), 298));
    let carried = world.carrier.carried();
    let what: Vec<_> = carried.iter().map(|it| (it.at - start, it.channel)).collect();
    assert_eq!(what, [(MINUTE, Push), (MINUTE, Sms)]);
    let first = "299 people have not answered this alert: Member 1, Member 2, Member 3, ";
    assert!(carried[1].body.starts_with(first), "{}", carried[1].body);
    assert!(carried[1].link.as_deref().unwrap().ends_with("&others=true"));
    assert_eq!(world.board(ding).await.cost, 30);
    world.pass(30 * MINUTE).await;
    assert!(world.carried(start).is_empty());

    // It stays as long as somebody waits, and is taken back with the last.
    world.call(team[1], confirm(ding)).await.unwrap();
    world.pass(MINUTE).await;
    assert!(world.carrier.cancelled().iter().all(|it| it.1.subject.id == ding.to_string()));
    let listed = &world.list(world.carol, Which::Open).await[0];
    let mine = listed.mine.clone().unwrap();
    assert_eq!((mine.instead_of, mine.others), (Some(team[2].user), 297));
    let all = || Confirm { others: true, ..confirm(ding) };
    world.call(world.carol, all()).await.unwrap();
    world.call(world.carol, all()).await.unwrap();
    let tally = world.board(ding).await.ding.sent.unwrap();
    assert_eq!(tally.confirmed, 300);
    assert_eq!(world.on_board(ding, team[2]).await.handled_by, Some(world.carol.user));
    world.pass(MINUTE).await;
    let subject = format!("{ding}:{}", world.carol.user);
    assert!(world.carrier.cancelled().iter().any(|it| it.1.subject.id == subject));
    assert!(world.list(world.carol, Which::Open).await.is_empty());
    let stranger = world.call(world.dan, all()).await.unwrap_err();
    assert_eq!(stranger.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn whoever_answers_for_others_after_the_deadline_is_late_and_not_unheard() {
    let world = World::new().await;
    let team = team(&world, 2).await;
    let policy = world.policy(&[(0, App, Recipient), (60, App, Manager)]).await;
    let alert = world.alert(&team, |send| {
        (send.policy, send.within_ms) = (Some(policy), Some(5 * MINUTE));
    });
    let ding = alert.await;
    world.pass(MINUTE).await;
    world.pass(10 * MINUTE).await;
    assert_eq!(world.on_board(ding, team[1]).await.state, State::Expired);
    world.call(world.carol, Confirm { others: true, ..confirm(ding) }).await.unwrap();
    for member in team {
        let row = world.on_board(ding, member).await;
        assert_eq!((row.state, row.late), (State::Confirmed, true));
        assert_eq!(row.handled_by, Some(world.carol.user));
    }
}

#[tokio::test]
async fn who_answers_for_many_is_not_refused_because_they_answer_meanwhile() {
    let world = World::new().await;
    let team = team(&world, 12).await;
    world.reach_all(&[world.carol]);
    let policy = world.policy(&[(0, App, Recipient), (60, App, Manager)]).await;
    let ding = world.alert(&team, |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    let (carol, quick) = (world.carol, &team[..9]);
    let they_answer = async {
        for &caller in quick {
            let (host, (says, said)) = (world.kit.host().clone(), oneshot::channel());
            world.kit.before_next_commit(async move {
                host.call_typed(caller, None, &confirm(ding)).await.unwrap();
                says.send(()).unwrap();
            });
            said.await.unwrap();
        }
        pending::<()>().await;
    };
    tokio::select! {
        taken = world.call(carol, Confirm { others: true, ..confirm(ding) }) => taken.unwrap(),
        () = they_answer => unreachable!("it goes on for ever"),
    };
    for (at, member) in team.iter().enumerate() {
        let found = world.on_board(ding, *member).await;
        let by = (at >= quick.len()).then_some(carol.user);
        assert_eq!((found.state, found.handled_by), (State::Confirmed, by), "{at}");
    }
}

#[tokio::test]
async fn a_call_that_is_over_is_none_for_whoever_comes_next() {
    let world = World::new().await;
    world.reach_all(&[world.carol]);
    // Carol manages bob, and nobody manages dan.
    let whom = Whom::User { user: world.carol.user };
    let policy = world.policy(&[(0, App, Recipient), (60, Sms, Manager), (90, Sms, whom)]).await;
    let start = world.now();
    let ding = world.alert(&[world.bob, world.dan], |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    world.call(world.bob, confirm(ding)).await.unwrap();
    world.pass(MINUTE / 2).await;
    let carol = world.carol.user;
    assert_eq!(world.carried(start), [(60_000, Sms, carol), (90_000, Sms, carol)]);
}

#[tokio::test]
async fn one_answer_by_text_is_for_all_whom_somebody_was_told_of() {
    let world = World::new().await;
    let team = team(&world, 3).await;
    world.reach_all(&[world.carol]);
    let policy = world.policy(&[(0, App, Recipient), (60, Sms, Manager)]).await;
    let ding = world.alert(&team, |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    let carried = world.carrier.carried();
    assert_eq!(carried.len(), 1);
    // The first one answers; what became of the text is known of the others all the same.
    world.call(team[0], confirm(ding)).await.unwrap();
    let id = format!("{ding}:{}", world.carol.user);
    let subject = notify::Subject { plugin: "ding".into(), id };
    let (key, user) = (carried[0].key.clone(), world.carol.user);
    let outcome = notify::Outcome::Delivered;
    let result = notify::Attempted { key: key.clone(), user, outcome, why: None };
    let results = vec![result];
    let told = notify::AttemptedData { subject, channel: Sms, results };
    let system = Caller::for_plugin(world.amy.user, world.org);
    world.call(system, Say::Attempted(told)).await.unwrap();
    world.kit.settle().await;
    assert_eq!(world.on_board(ding, team[2]).await.tries[0].outcome, Outcome::Delivered);
    assert_eq!(world.on_board(ding, team[2]).await.state, State::Queued, "she has it, not they");
    texts_one(&world, ding, key).await;
    let by: Vec<_> = world.board(ding).await.recipients.iter().map(|it| it.handled_by).collect();
    assert_eq!(by, [None, Some(user), Some(user)]);
}

/// Carol answers a text by `1`.
async fn texts_one(world: &World, ding: DingId, key: String) {
    let user = world.carol.user;
    let subject = notify::Subject { plugin: "ding".into(), id: format!("{ding}:{user}") };
    let answer = Some(notify::Answer::Confirm);
    let answered = notify::AnsweredData { subject, key, user, answer, text: Some("1".into()) };
    let system = Caller::for_plugin(world.amy.user, world.org);
    world.call(system, Say::Answered(answered)).await.unwrap();
    world.kit.settle().await;
}

#[tokio::test]
async fn an_answer_by_text_is_for_none_of_whom_the_text_did_not_tell() {
    let world = World::new().await;
    world.reach_all(&[world.carol]);
    // Carol manages bob, and nobody manages dan: for him she is called later, in the app.
    let whom = Whom::User { user: world.carol.user };
    let policy = world.policy(&[(0, App, Recipient), (60, Sms, Manager), (600, App, whom)]).await;
    let ding = world.alert(&[world.bob, world.dan], |send| send.policy = Some(policy)).await;
    world.pass(MINUTE).await;
    world.pass(10 * MINUTE).await;
    let key = world.carrier.carried()[0].key.clone();
    texts_one(&world, ding, key).await;
    let (bob, dan) = (world.on_board(ding, world.bob).await, world.on_board(ding, world.dan).await);
    assert_eq!((bob.state, bob.handled_by), (State::Confirmed, Some(world.carol.user)));
    assert_eq!(dan.state, State::Queued, "she is still asked for him");
    assert_eq!(world.list(world.carol, Which::Open).await.len(), 1);
}

#[tokio::test]
async fn whoever_joins_a_moment_later_is_not_a_second_call() {
    let world = World::new().await;
    world.reach_all(&[world.bob, world.dan, world.carol]);
    world.manages(world.carol.user, world.dan.user).await;
    // Several steps come to the same person: one text.
    let rota = Rota {
        name: "Night".into(),
        turns: vec![Turn { user: world.carol.user, from_min: 0, until_min: 0 }],
    };
    let duty = world.call(world.amy, CreateDuty { rota }).await.unwrap().duty;
    let whom = Whom::User { user: world.carol.user };
    let steps = [
        (0, App, Recipient),
        (60, Sms, Manager),
        (60, Sms, OnDuty { duty }),
        (90, Sms, whom),
        (150, Sms, Manager),
    ];
    let policy = world.policy(&steps).await;
    let start = world.now();
    world.alert(&[world.bob, world.dan], |send| send.policy = Some(policy)).await;
    for _ in 0..30 {
        world.pass(10_000).await;
    }
    let carol = world.carol.user;
    assert_eq!(world.carried(start), [(60_000, Sms, carol), (150_000, Sms, carol)]);
}

#[tokio::test]
async fn nobody_is_called_for_themselves_nor_the_sender_for_anybody() {
    let world = World::new().await;
    let everybody = [world.amy, world.bob, world.carol, world.dan];
    world.reach_all(&everybody);
    // The sender is dan's manager; bob's manager is a recipient, and manages the sender's manager.
    world.manages(world.amy.user, world.dan.user).await;
    world.manages(world.amy.user, world.carol.user).await;
    let circle = org::UpdateMember {
        user: Some(world.amy.user),
        manager: Some(Some(world.bob.user)),
        ..<_>::default()
    };
    assert_eq!(world.call(world.amy, circle).await.unwrap_err().code(), ErrorCode::BadArg);
    let rota = Rota {
        name: "Desk".into(),
        turns: vec![Turn { user: world.amy.user, from_min: 0, until_min: 0 }],
    };
    let duty = world.call(world.amy, CreateDuty { rota }).await.unwrap().duty;
    let bob = Whom::User { user: world.bob.user };
    let steps = [
        (0, App, Recipient),
        (60, App, Manager),
        (60, App, ManagerAbove),
        (60, App, OnDuty { duty }),
        (60, App, bob),
    ];
    let policy = world.policy(&steps).await;
    let to = [world.bob, world.carol, world.dan];
    let ding = world.alert(&to, |send| send.policy = Some(policy)).await;
    world.pass(5 * MINUTE).await;
    assert!(world.called(world.amy).await.is_empty());
    let instead = |called: &[carillon_plugin::protocol::ding::CalledData]| {
        let mine = called.iter().map(|it| it.ding.mine.as_ref().unwrap());
        mine.map(|it| (it.instead_of, it.others)).collect::<Vec<_>>()
    };
    // Each is alerted once for themselves, and once for all others.
    let carol = instead(&world.called(world.carol).await);
    assert_eq!(carol, [(None, 0), (Some(world.bob.user), 0)]);
    assert_eq!(instead(&world.called(world.dan).await), [(None, 0)]);
    let bob = instead(&world.called(world.bob).await);
    assert_eq!(bob, [(None, 0), (Some(world.carol.user), 1)]);
    // Whoever has answered for themselves is still asked for the others.
    world.call(world.carol, confirm(ding)).await.unwrap();
    let get = carillon_plugin::protocol::ding::Get { ding };
    let mine = world.call(world.carol, get).await.unwrap().mine.unwrap();
    assert_eq!((mine.instead_of, mine.state), (Some(world.bob.user), State::Queued));
}

#[tokio::test]
async fn what_is_taken_back_or_declined_during_a_step_calls_nobody() {
    for answer in 0..3 {
        let world = World::new().await;
        world.reach_all(&[world.bob, world.carol]);
        let policy = world.policy(&[(0, App, Recipient), (60, Sms, Recipient), (60, Sms, Manager)]);
        let policy = policy.await;
        let ding = world.alert(&[world.bob], |send| send.policy = Some(policy)).await;
        let (host, amy, bob) = (world.kit.host().clone(), world.amy, world.bob);
        world.kit.clock().advance(MINUTE);
        world.kit.before_next_commit(async move {
            match answer {
                0 => drop(host.call_typed(amy, None, &Recall { ding }).await.unwrap()),
                1 => drop(host.call_typed(bob, None, &confirm(ding)).await.unwrap()),
                _ => {
                    let reason = "I am ill".into();
                    let decline = carillon_plugin::protocol::ding::Decline { ding, reason };
                    host.call_typed(bob, None, &decline).await.unwrap();
                }
            }
        });
        world.kit.settle().await;
        world.pass(60 * MINUTE).await;
        assert!(world.carried(0).is_empty(), "case {answer}");
        assert!(world.called(world.carol).await.is_empty(), "case {answer}");
    }
}

#[tokio::test]
async fn who_answers_after_a_step_was_written_down_is_not_called() {
    for answered_by_last in [false, true] {
        let world = World::new().await;
        world.reach_all(&[world.carol]);
        let eve = person(&world.kit, world.org, "eve", "Asia/Hong_Kong", false).await;
        world.manages(world.carol.user, eve.user).await;
        let policy = world.policy(&[(0, App, Recipient), (60, Sms, Manager)]).await;
        let to = [world.bob, eve];
        let ding = world.alert(&to, |send| send.policy = Some(policy)).await;
        world.kit.clock().advance(MINUTE);
        // The step is written down, and handed over by the next call.
        world.kit.host().timer_step("ding").await.unwrap();
        world.call(world.bob, confirm(ding)).await.unwrap();
        if answered_by_last {
            world.call(eve, confirm(ding)).await.unwrap();
        }
        world.kit.settle().await;
        let carried = world.carrier.carried();
        match answered_by_last {
            true => assert!(carried.is_empty()),
            false => {
                assert_eq!(carried.len(), 1);
                assert!(carried[0].body.starts_with("eve has not"), "{}", carried[0].body);
            }
        }
    }
}
