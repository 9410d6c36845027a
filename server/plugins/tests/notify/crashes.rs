//! Processes die at any moment; nobody is called twice under one key, and nobody is forgotten.

use std::collections::BTreeSet;

use carillon_plugin::{
    Clock as _,
    protocol::{Channel, UserId, notify::Outcome},
};

use crate::{
    twilio::Twilio,
    world::{World, person, ways},
};

/// People, each with a number of their own.
async fn crowd(world: &World, count: usize) -> Vec<(String, UserId)> {
    let mut crowd = Vec::new();
    for i in 0..count {
        let user = person(&world.kit, world.org, &format!("p{i}"), false).await.user;
        world.phone(user, &format!("+8529123{:04}", i + 1)).await;
        crowd.push((format!("d:{i}:1:1"), user));
    }
    crowd
}

#[tokio::test]
async fn however_often_it_dies_each_phone_rings_once_for_each_key() {
    let twilio = Twilio::open().await;
    let world = World::with_twilio(twilio.port()).await;
    let crowd = crowd(&world, 60).await;
    for (i, to) in crowd.chunks(10).enumerate() {
        let channel = if i % 2 == 0 { Channel::Sms } else { Channel::Call };
        let to: Vec<_> = to.iter().map(|(key, user)| (key.as_str(), *user)).collect();
        world.send(channel, &to).await.unwrap();
    }
    // It dies whenever the provider has taken another one, before anybody could write that down.
    let mut deaths = 0;
    for _ in 0..4 * crowd.len() {
        if twilio.taken().len() == crowd.len() {
            break;
        }
        let next = twilio.taken().len() + 1 + deaths % 3;
        tokio::select! {
            biased;
            () = twilio.has_taken(next) => deaths += 1,
            () = world.kit.settle() => {}
        }
        world.kit.clock().advance(20_000);
        twilio.sets_clock(world.kit.clock().now());
    }
    // Sixteen are under way at once.
    assert!(deaths >= 3, "{deaths}");
    for _ in 0..10 {
        world.kit.settle().await;
        world.kit.clock().advance(20_000);
    }
    let rang: BTreeSet<_> = twilio.taken().into_iter().map(|it| it.to).collect();
    assert_eq!((twilio.taken().len(), rang.len()), (crowd.len(), crowd.len()));
    let outcomes = world.outcomes();
    let keys: BTreeSet<_> = outcomes.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!((outcomes.len(), keys.len()), (crowd.len(), crowd.len()));
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Accepted), "{outcomes:?}");
}

#[tokio::test]
async fn two_nodes_that_both_carry_out_ring_once() {
    let twilio = Twilio::open().await;
    let world = World::with_twilio(twilio.port()).await;
    let crowd = crowd(&world, 20).await;
    let to: Vec<_> = crowd.iter().map(|(key, user)| (key.as_str(), *user)).collect();
    world.send(Channel::Call, &to).await.unwrap();
    let other = world.kit.another_host(crate::world::plugins(ways(&[twilio.port()], None)));
    for _ in 0..3 {
        let (one, two) =
            tokio::join!(world.kit.host().outbox_step("notify"), other.outbox_step("notify"));
        one.unwrap();
        two.unwrap();
        world.kit.clock().advance(15_000);
    }
    world.kit.settle().await;
    let rang: BTreeSet<_> = twilio.taken().into_iter().map(|it| it.to).collect();
    assert_eq!((twilio.taken().len(), rang.len()), (20, 20));
    assert_eq!(world.outcomes().len(), 20);
}
