//! What the nodes of a server know of each other.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

use carillon_plugin::Caller;
use carillon_plugins::node;
use carillon_protocol::{
    ErrorCode, RunId,
    id::Ulid,
    node::{Beat, End, Lease, List},
};
use carillon_store::kit::Kit;

const EAST: RunId = RunId(Ulid(1));
const WEST: RunId = RunId(Ulid(2));

async fn kit() -> Kit {
    Kit::new(vec![node::plugin()]).await
}

fn beat(run: RunId, name: &str, applied: u64) -> Beat {
    let (name, version) = (name.into(), "0.1.0".into());
    let (started_at, connections) = (1, 0);
    Beat { run, name, version, started_at, applied, connections, bus_us: None, lost_hints: 0 }
}

async fn lease(kit: &Kit, run: RunId, ttl_ms: i64) -> bool {
    let args = Lease { name: "reader.chat.12".into(), run, ttl_ms };
    kit.host().call_typed(Caller::SYSTEM, None, &args).await.unwrap().mine
}

#[tokio::test]
async fn a_node_that_said_something_is_listed_as_it_was_last_with_what_only_it_does() {
    let kit = kit().await;
    for applied in [3, 7] {
        let args = beat(WEST, "west", applied);
        kit.host().call_typed(Caller::SYSTEM, None, &args).await.unwrap();
    }
    kit.host().call_typed(Caller::SYSTEM, None, &beat(EAST, "east", 5)).await.unwrap();
    assert!(lease(&kit, WEST, 15_000).await);
    let listed = kit.host().call_typed(Caller::SYSTEM, None, &List {}).await.unwrap().nodes;
    let said: Vec<_> = listed.iter().map(|it| (&*it.beat.name, it.beat.applied)).collect();
    assert_eq!(said, [("east", 5), ("west", 7)]);
    assert_eq!(listed[1].leases, ["reader.chat.12"]);
    assert!(listed[0].leases.is_empty());
}

#[tokio::test]
async fn a_node_that_says_nothing_for_a_day_is_forgotten() {
    let kit = kit().await;
    kit.host().call_typed(Caller::SYSTEM, None, &beat(EAST, "east", 5)).await.unwrap();
    kit.clock().advance(86_400_001);
    kit.host().call_typed(Caller::SYSTEM, None, &beat(WEST, "west", 5)).await.unwrap();
    let listed = kit.host().call_typed(Caller::SYSTEM, None, &List {}).await.unwrap().nodes;
    assert_eq!(listed.iter().map(|it| it.beat.run).collect::<Vec<_>>(), [WEST]);
}

#[tokio::test]
async fn a_run_that_ended_is_forgotten_at_once_and_no_other() {
    let kit = kit().await;
    for (run, name) in [(EAST, "east"), (WEST, "west")] {
        kit.host().call_typed(Caller::SYSTEM, None, &beat(run, name, 5)).await.unwrap();
    }
    for _ in 0..2 {
        kit.host().call_typed(Caller::SYSTEM, None, &End { run: EAST }).await.unwrap();
    }
    let listed = kit.host().call_typed(Caller::SYSTEM, None, &List {}).await.unwrap().nodes;
    assert_eq!(listed.iter().map(|it| it.beat.run).collect::<Vec<_>>(), [WEST]);
}

#[tokio::test]
async fn a_lease_has_one_holder_until_it_ends_or_is_given_back() {
    let kit = kit().await;
    assert!(lease(&kit, EAST, 15_000).await);
    assert!(!lease(&kit, WEST, 15_000).await, "it is taken");
    kit.clock().advance(10_000);
    assert!(lease(&kit, EAST, 15_000).await, "who has it holds it longer");
    kit.clock().advance(14_999);
    assert!(!lease(&kit, WEST, 15_000).await);
    kit.clock().advance(1);
    assert!(lease(&kit, WEST, 15_000).await, "it is over");
    assert!(!lease(&kit, EAST, 15_000).await);
    assert!(!lease(&kit, WEST, 0).await, "it is given back");
    assert!(lease(&kit, EAST, 15_000).await);
}

#[tokio::test]
async fn a_lease_lasts_as_long_as_it_says_whatever_the_clocks_of_nodes_say() {
    let kit = kit().await;
    let takes = async |ahead_ms, run| {
        let host = kit.host_ahead(vec![node::plugin()], ahead_ms);
        let args = Lease { name: "plugin:ding".into(), run, ttl_ms: 15_000 };
        let leased = host.call_typed(Caller::SYSTEM, None, &args).await.unwrap();
        let listed = host.call_typed(Caller::SYSTEM, None, &List {}).await;
        assert!(listed.is_ok());
        leased.mine
    };
    assert!(takes(-60_000, EAST).await);
    assert!(!takes(60_000, WEST).await, "it is taken, also by a clock that is far ahead");
    kit.clock().advance(14_999);
    assert!(!takes(0, WEST).await);
    kit.clock().advance(1);
    assert!(takes(-60_000, WEST).await, "it is over, also by a clock that is far behind");
}

#[tokio::test]
async fn a_node_that_is_here_again_holds_nothing_from_before() {
    let kit = kit().await;
    let says = async |run, name| {
        kit.host().call_typed(Caller::SYSTEM, None, &beat(run, name, 5)).await.unwrap();
    };
    says(EAST, "east").await;
    assert!(lease(&kit, EAST, 15_000).await);
    says(WEST, "west").await;
    assert!(!lease(&kit, WEST, 15_000).await, "another node still has it");
    says(RunId(Ulid(3)), "east").await;
    assert!(lease(&kit, WEST, 15_000).await);
    // Who was taken for dead and is not takes nothing from a later run of its name.
    says(RunId(Ulid(3)), "west").await;
    assert!(lease(&kit, RunId(Ulid(3)), 15_000).await);
    says(WEST, "west").await;
    assert!(lease(&kit, RunId(Ulid(3)), 15_000).await);
}

#[tokio::test]
async fn a_lease_without_a_name_or_without_an_end_is_refused() {
    let kit = kit().await;
    for (name, ttl_ms) in [(String::new(), 1), ("x".repeat(65), 1), ("x".into(), 60_001)] {
        let args = Lease { name, run: EAST, ttl_ms };
        let refused = kit.host().call_typed(Caller::SYSTEM, None, &args).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::BadArg);
    }
}
