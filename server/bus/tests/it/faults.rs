//! What a Redis can do to a bus.

use bytes::Bytes;
use carillon_bus::{OUTBOX_MESSAGES_MAX, Part, SILENCE_MAX};

use crate::{
    bed::{Bed, Node, Plain, nodes, options, part, settled, until},
    proxy::Proxy,
    traffic::Traffic,
};

/// Waits until every one of these does not work.
async fn all_know(traffic: &Traffic) {
    let all = || traffic.buses.iter().all(|bus| !bus.health().ready);
    until("all nodes know that it does not work", all).await;
}

fn reconnects(traffic: &Traffic) -> u64 {
    traffic.buses.iter().map(|bus| bus.health().reconnects).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missing_while_nothing_happens_nor_when_all_keys_are_deleted() {
    let plain = Plain::make();
    let traffic = Traffic::start(&plain).await;
    let before = traffic.interruptions();
    plain.0.order(&["FLUSHALL"]);
    traffic.flows().await;
    assert_eq!(traffic.interruptions(), before);
    let (_, missed) = traffic.end().await;
    assert_eq!(missed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_that_are_killed_come_back() {
    let plain = Plain::make();
    let traffic = Traffic::start(&plain).await;
    for _ in 0..5 {
        let before = traffic.interruptions();
        assert_eq!(plain.0.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]), "3");
        traffic.flows().await;
        assert!(traffic.interruptions() >= before + 3, "each of three is told");
    }
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publishers_that_are_killed_come_back() {
    let plain = Plain::make();
    let traffic = Traffic::start(&plain).await;
    for _ in 0..5 {
        plain.0.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
        traffic.flows().await;
    }
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_goes_and_comes_back_empty_is_found_again() {
    let mut plain = Plain::make();
    let traffic = Traffic::start(&plain).await;
    plain.0.child().kill();
    all_know(&traffic).await;
    plain.0.begin();
    traffic.flows().await;
    let (_, missed) = traffic.end().await;
    assert!(missed > 0, "the fault was one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_is_noticed_and_used_again_when_it_goes_on() {
    let mut plain = Plain::make();
    let traffic = Traffic::start(&plain).await;
    plain.0.child().freeze();
    until("subscriptions are given up", || reconnects(&traffic) >= 3).await;
    all_know(&traffic).await;
    plain.0.child().thaw();
    traffic.flows().await;
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_pauses_its_clients_is_used_again() {
    let plain = Plain::make();
    let traffic = Traffic::start(&plain).await;
    let pause = (SILENCE_MAX.as_millis() + 1_500).to_string();
    plain.0.order(&["CLIENT", "PAUSE", &pause, "ALL"]);
    all_know(&traffic).await;
    until("subscriptions are given up", || reconnects(&traffic) >= 3).await;
    traffic.flows().await;
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_redis_throws_out_for_being_slow_comes_back() {
    let plain = Plain::make();
    let traffic = Traffic::start(&plain).await;
    plain.0.order(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 65536 0 0"]);
    traffic.buses[0].publish(part(1), Bytes::from(vec![0; 1 << 20]));
    until("all are thrown out", || reconnects(&traffic) >= 3).await;
    traffic.flows().await;
    traffic.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_dies_in_silence_is_made_again() {
    let plain = Plain::make();
    let proxy = Proxy::start(plain.0.port()).await;
    let mut two = Node::join(&format!("redis://{}", proxy.address), options("test"));
    let [one] = nodes_beside(&plain, &two).await;
    one.publish(part(1), "before");
    assert_eq!(two.hear().await.1, "before");
    proxy.mute_subscriptions();
    until("it is noticed", || two.health().quiet > SILENCE_MAX / 2).await;
    one.publish(part(1), "unheard");
    until("it is given up", || two.health().reconnects == 1).await;
    two.interruption().await;
    settled_pair(&one, &two).await;
    one.publish(part(1), "after");
    assert_eq!(two.hear().await.1, "after");
}

async fn nodes_beside(bed: &impl Bed, other: &Node) -> [Node; 1] {
    let one = bed.start();
    settled_pair(&one, other).await;
    [one]
}

async fn settled_pair(one: &Node, two: &Node) {
    let ready = || {
        let both = [one.health(), two.health()];
        both.iter().all(|health| health.ready && health.peers.len() == 1)
    };
    until("both nodes work", ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_to_a_redis_that_is_away_is_bounded_and_counted() {
    const MESSAGES: usize = 3 * OUTBOX_MESSAGES_MAX;
    let mut plain = Plain::make();
    let [one, mut two] = nodes(&plain).await;
    plain.0.child().kill();
    until("it is noticed", || !one.health().ready && !two.health().ready).await;
    for n in 0..MESSAGES {
        one.publish(part((n % Part::COUNT) as u8), Bytes::from_static(b"lost"));
    }
    assert!(one.health().dropped as usize >= MESSAGES - OUTBOX_MESSAGES_MAX);
    plain.0.begin();
    two.interruption().await;
    settled(&[one, two]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_starts_while_redis_is_away() {
    let mut plain = Plain::make();
    plain.0.stop();
    let pair = [plain.start(), plain.start()];
    until("it is said", || pair.iter().all(|n| !n.health().suspects.is_empty())).await;
    plain.0.begin();
    settled(&pair).await;
    let [one, mut two] = pair;
    one.publish(part(1), "good morning");
    assert_eq!(two.hear().await.1, "good morning");
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_do_not_hear_each_other() {
    let plain = Plain::make();
    let [one, mut two] = nodes(&plain).await;
    let other = Node::join(&plain.0.url(), options("other"));
    until("the other works", || other.health().ready).await;
    other.publish(part(1), "elsewhere");
    until("it is published", || other.health().published == 1).await;
    one.publish(part(1), "here");
    assert_eq!(two.hear().await.1, "here");
    assert_eq!(other.health().received, 0);
    assert!(one.health().peers.iter().all(|peer| peer.node != other.id));
}
