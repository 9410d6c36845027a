//! What failed for good.

use carillon_plugin::{Storage as _, protocol::DeadLetterId};
use carillon_store::kit::Kit;

use super::{
    call, count, ledger,
    ledger::{Fault, Plan, Tell},
    note, now, pass, rows,
};

async fn dead(kit: &Kit) -> Vec<(DeadLetterId, String, String)> {
    let sql = "SELECT id, source, error FROM plugin_dead ORDER BY id";
    let rows = kit.store().query(sql, vec![]).await.unwrap();
    let id = |text: String| text.parse().unwrap();
    rows.iter()
        .map(|row| (id(row.get(0).unwrap()), row.get(1).unwrap(), row.get(2).unwrap()))
        .collect()
}

/// An event, a timer and an effect, all of which failed for good.
async fn three() -> (Kit, std::sync::Arc<super::ledger::World>) {
    let (kit, world) = ledger().await;
    world.breaks("bad", Fault::Refuse);
    note(&kit, "bad").await;
    let (key, due_at) = ("t".to_owned(), Some(now(&kit)));
    call(&kit, Plan { key, due_at, text: "bad".into(), state: false }).await.unwrap();
    call(&kit, Tell { key: "e".into(), text: "bad".into() }).await.unwrap();
    kit.settle().await;
    for failures in 1..10 {
        pass(&kit, 100 << failures).await;
    }
    (kit, world)
}

#[tokio::test]
async fn what_failed_for_good_says_what_it_was_and_why() {
    let (kit, _) = three().await;
    let mut sources: Vec<_> = dead(&kit).await.into_iter().map(|(_, source, _)| source).collect();
    sources.sort();
    assert_eq!(sources, ["event", "outbox", "timer"]);
    assert!(dead(&kit).await.iter().all(|(_, _, error)| error.contains("not bad")));
}

#[tokio::test]
async fn what_is_tried_again_happens_once_the_fault_is_mended() {
    let (kit, world) = three().await;
    let all = dead(&kit).await;
    for (id, source, _) in &all {
        // Only an event is tried at once.
        assert_eq!(kit.host().retry_dead(*id).await.is_err(), source == "event");
    }
    assert_eq!(count(&kit, "plugin_dead").await, 1);
    world.mends();
    for (id, source, _) in &all {
        assert_eq!(kit.host().retry_dead(*id).await.is_ok(), source == "event", "once");
    }
    kit.settle().await;
    for what in ["read", "fired", "shouted"] {
        assert_eq!(rows(&kit, what).await, ["bad"], "{what}");
    }
    assert_eq!(count(&kit, "plugin_dead").await, 0);
}

#[tokio::test]
async fn a_key_that_was_set_again_is_not_overwritten_by_an_old_one() {
    let (kit, world) = three().await;
    world.mends();
    let later = Some(now(&kit) + 1_000);
    let again = Plan { key: "t".into(), due_at: later, text: "new".into(), state: false };
    call(&kit, again).await.unwrap();
    for (id, source, _) in dead(&kit).await {
        assert_eq!(kit.host().retry_dead(id).await.is_err(), source == "timer");
    }
    pass(&kit, 1_000).await;
    assert_eq!(rows(&kit, "fired").await, ["new"]);
}
