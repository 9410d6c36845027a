//! What a provider took without saying so, or said before it answered.

use std::{collections::BTreeSet, sync::Arc};

use carillon_plugin::{
    Caller, Clock as _, Next,
    protocol::{Channel, notify::Outcome},
};

use crate::{
    listener::answer,
    twilio::{Twilio, report, reports},
    world::{TOKEN, World},
};

const NUMBER: &str = "+85291234567";

/// Time passes, also for the provider.
async fn later(world: &World, twilio: &Twilio) {
    world.kit.clock().advance(60_000);
    twilio.sets_clock(world.kit.clock().now());
    world.kit.settle().await;
}

/// Two calls to one number, to a provider that answered neither of them.
async fn two(twilio: &Twilio) -> World {
    let world = World::with_twilio(twilio.port()).await;
    let bob = world.bob.user;
    world.send(Channel::Call, &[("x", bob), ("y", bob)]).await.unwrap();
    world.kit.settle().await;
    assert!(world.outcomes().is_empty());
    world
}

#[tokio::test]
async fn of_two_calls_to_one_number_the_one_that_was_taken_is_not_made_instead_of_the_other() {
    // It takes the first, and breaks down at both.
    let refuses = |before| (before == 1).then(|| answer(500, ""));
    let twilio = Twilio::answering(refuses, |before| before == 0).await;
    let world = two(&twilio).await;
    for _ in 0..2 {
        later(&world, &twilio).await;
    }
    // It says that it has one, and not which.
    assert_eq!(twilio.taken().len(), 1);
    assert!(world.outcomes().is_empty());
    let form = [("CallSid", "CA1"), ("CallStatus", "initiated"), ("To", NUMBER)];
    reports(&world, &twilio.taken()[0].report, &form).await;
    for _ in 0..2 {
        later(&world, &twilio).await;
    }
    let rang: BTreeSet<_> = twilio.taken().into_iter().map(|it| it.report).collect();
    assert_eq!((twilio.taken().len(), rang.len()), (2, 2), "each under its own key");
    let outcomes = world.outcomes();
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|(_, it)| *it == Outcome::Accepted), "{outcomes:?}");
}

#[tokio::test]
async fn of_two_calls_to_one_number_nobody_knows_which_was_made_if_nothing_says_it() {
    let refuses = |before| (before == 1).then(|| answer(500, ""));
    let twilio = Twilio::answering(refuses, |before| before == 0).await;
    let world = two(&twilio).await;
    for _ in 0..12 {
        later(&world, &twilio).await;
    }
    assert_eq!(twilio.taken().len(), 1);
    let outcomes = world.outcomes();
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|(_, it)| *it == Outcome::Unknown), "{outcomes:?}");
}

#[tokio::test]
async fn two_calls_to_one_number_that_were_both_made_have_a_name_each() {
    let twilio = Twilio::answering(|_| None, |before| before < 2).await;
    let world = two(&twilio).await;
    later(&world, &twilio).await;
    assert_eq!(twilio.taken().len(), 2);
    let log = world.log().await.attempts;
    let names: BTreeSet<_> = log.iter().map(|it| it.reference.as_deref().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["CA1", "CA2"]));
}

#[tokio::test]
async fn a_report_that_is_faster_than_the_answer_is_no_failure() {
    let twilio = Arc::new(Twilio::open().await);
    let world = World::with_twilio(twilio.port()).await;
    world.send(Channel::Call, &[("a", world.bob.user)]).await.unwrap();
    let (host, vendor) = (world.kit.host().clone(), Arc::clone(&twilio));
    let reports = async move {
        let form = [("CallSid", "CA1"), ("CallStatus", "initiated"), ("To", NUMBER)];
        let report = report(&vendor.taken()[0].report, TOKEN, &form);
        host.call_typed(Caller::SYSTEM, None, &report).await.unwrap();
    };
    // After it was written down that it is tried and that it begins, before what was answered is.
    world.kit.before_commit(2, reports);
    world.kit.settle().await;
    assert_eq!(world.outcomes(), [("a".to_owned(), Outcome::Accepted)]);
    assert_eq!(world.log().await.attempts[0].reference.as_deref(), Some("CA1"));
    let next = world.kit.host().outbox_step("notify").await.unwrap();
    assert_eq!(next, Next::Idle, "nothing is to be tried again");
    assert_eq!(twilio.taken().len(), 1);
}
