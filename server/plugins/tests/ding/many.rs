//! Alerts to many people: pages of them.

use carillon_plugin::{
    Caller, Period, Storage as _,
    protocol::{
        SessionId, UserId,
        ding::{Confirm, Recall, State, Status, Which},
        fact::Fact,
        id::Ulid,
        import,
    },
};

use super::world::{World, alert_to};

/// Three pages, the last one not full.
const PEOPLE: usize = 450;

async fn crowd(world: &World) -> Vec<Caller> {
    let rows = (0..PEOPLE).map(|n| format!("p{n},Person {n}\n"));
    let csv = format!("login,name\n{}", rows.collect::<String>());
    let apply = serde_json::json!({ "csv": csv });
    let apply: import::Apply = serde_json::from_value(apply).unwrap();
    world.call(world.amy, apply).await.unwrap();
    let sql = "SELECT id FROM directory_user WHERE login LIKE 'p%' ORDER BY id";
    let rows = world.kit.store().query(sql, Vec::new()).await.unwrap();
    let caller = |user: UserId| {
        Caller::signed_in(user, world.org, SessionId(Ulid::nil()), ["read", "write"])
    };
    rows.iter().map(|row| caller(row.get(0).unwrap())).collect()
}

#[tokio::test]
async fn everybody_of_many_is_shown_an_alert_once_and_its_end() {
    let world = World::new().await;
    let crowd = crowd(&world).await;
    assert_eq!(crowd.len(), PEOPLE);
    let send = alert_to(crowd.iter().map(|caller| caller.user));
    let ding = world.call(world.amy, send).await.unwrap().ding;
    world.kit.committed();
    world.kit.settle().await;
    let told = |kind: &str| {
        let committed = world.kit.committed();
        let events = committed.into_iter().map(|(event, _)| event);
        let mut topics: Vec<_> =
            events.filter(|event| &*event.k == kind).map(|event| event.topic.to_string()).collect();
        let all = topics.len();
        topics.sort();
        topics.dedup();
        (all, topics.len())
    };
    assert_eq!(told("ding.called"), (PEOPLE, PEOPLE));

    for caller in &crowd[..30] {
        world
            .call(*caller, Confirm { ding, reply: None, instead_of: None, others: false })
            .await
            .unwrap();
    }
    let status = |states, after| Status { ding, states, after, limit: Some(20) };
    let first = world.call(world.amy, status(vec![State::Confirmed], None)).await.unwrap();
    assert_eq!((first.recipients.len(), first.more), (20, true));
    let after = first.recipients.last().map(|it| it.user);
    let second = world.call(world.amy, status(vec![State::Confirmed], after)).await.unwrap();
    assert_eq!((second.recipients.len(), second.more), (10, false));
    let tally = second.ding.sent.unwrap();
    assert_eq!((tally.confirmed, tally.queued), (30, PEOPLE as u32 - 30));

    world.kit.committed();
    world.call(world.amy, Recall { ding }).await.unwrap();
    world.kit.settle().await;
    assert_eq!(told("ding.ended"), (PEOPLE - 30, PEOPLE - 30));
    assert!(world.list(crowd[99], Which::Open).await.is_empty());
}

#[tokio::test]
async fn the_deadline_of_many_passes_for_each_once() {
    let world = World::new().await;
    let crowd = crowd(&world).await;
    let mut send = alert_to(crowd.iter().map(|caller| caller.user));
    send.within_ms = Some(60_000);
    let ding = world.call(world.amy, send).await.unwrap().ding;
    world.kit.settle().await;
    world
        .call(crowd[0], Confirm { ding, reply: None, instead_of: None, others: false })
        .await
        .unwrap();
    world.kit.committed();
    world.pass(60_000).await;
    let changed = world.kit.committed();
    let changed = changed.iter().filter(|(event, _)| &*event.k == "ding.changed").count();
    assert_eq!(changed, PEOPLE - 1);
    assert_eq!(world.board(ding).await.ding.sent.unwrap().expired, PEOPLE as u32 - 1);
}

#[tokio::test]
async fn digests_are_told_how_many_were_sent_and_how_soon_people_confirmed() {
    let world = World::new().await;
    let from = world.now();
    let ding = world.alert(&[world.bob, world.carol, world.dan], |_| {}).await;
    for (who, after) in [(world.bob, 1_000), (world.carol, 4_000), (world.dan, 20_000)] {
        world.pass(after).await;
        world
            .call(who, Confirm { ding, reply: None, instead_of: None, others: false })
            .await
            .unwrap();
    }
    let period = Period { org: world.org, conv: None, from, to: world.now() + 1 };
    for (name, number) in
        [("ding.sent", 1.0), ("ding.confirmed", 3.0), ("ding.median_confirm_ms", 5_000.0)]
    {
        let fact = world.kit.host().fact(name, period).await.unwrap();
        assert!(matches!(fact, Fact::Number { value, .. } if value == number), "{name}: {fact:?}");
    }
    let elsewhere = Period { org: world.zoe.org, ..period };
    let fact = world.kit.host().fact("ding.sent", elsewhere).await.unwrap();
    assert!(matches!(fact, Fact::Number { value, .. } if value == 0.0));
}
