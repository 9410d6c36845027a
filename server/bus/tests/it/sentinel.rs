//! A master that is replaced.

use carillon_rig::RedisSentinel;

use crate::{
    bed::{Space, until},
    traffic::Traffic,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_is_followed() {
    let mut sentinel = RedisSentinel::start();
    // The Sentinels know nothing of the user.
    let space = Space::of_user(&sentinel.url(), sentinel.servers());
    let traffic = Traffic::start(&space).await;
    let before = traffic.interruptions();
    sentinel.master().child().kill();
    sentinel.replica().wait_for(&["ROLE"], "master");
    traffic.flows().await;
    assert!(traffic.interruptions() >= before + 3, "each of three is told");
    until("all work", || traffic.buses.iter().all(|bus| bus.health().ready)).await;
    let (_, missed) = traffic.end().await;
    assert!(missed > 0, "the fault was one");
}
