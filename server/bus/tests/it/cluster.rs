//! A Redis Cluster that changes.

use carillon_rig::RedisCluster;

use crate::{
    bed::{Space, until},
    traffic::Traffic,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_and_masters_that_are_replaced_are_followed() {
    let mut cluster = RedisCluster::start(3);
    let traffic = Traffic::start(&Space::of(&cluster.url())).await;

    // A slot that is in use.
    let first = &cluster.masters()[0];
    let channels = first.cli(&["PUBSUB", "SHARDCHANNELS"]);
    let channel = channels.lines().next().unwrap().to_owned();
    let slot = first.cli(&["CLUSTER", "KEYSLOT", &channel]).parse().unwrap();
    let before = traffic.interruptions();
    cluster.move_slot(slot, 0, 1);
    traffic.flows().await;
    assert!(traffic.interruptions() >= before + 3, "each of three is told");
    let heard = |server: usize, cluster: &mut RedisCluster| {
        let channels = cluster.masters()[server].cli(&["PUBSUB", "SHARDCHANNELS"]);
        channels.lines().any(|line| line == channel)
    };
    assert!(heard(1, &mut cluster) && !heard(0, &mut cluster));

    // A master that dies, and one that only seems to.
    for (master, dies) in [(2, true), (0, false)] {
        let before = traffic.interruptions();
        match cluster.masters()[master].child() {
            child if dies => child.kill(),
            child => child.freeze(),
        }
        cluster.replicas()[master].wait_for(&["ROLE"], "master");
        traffic.flows().await;
        assert!(traffic.interruptions() >= before + 3, "each of three is told");
    }
    cluster.masters()[0].child().thaw();
    cluster.masters()[0].wait_for(&["ROLE"], "slave");
    traffic.flows().await;
    until("all work", || traffic.buses.iter().all(|bus| bus.health().ready)).await;
    traffic.end().await;
}
