//! Effects on the outside.

use std::{future::pending, sync::Arc};

use carillon_store::kit::Kit;
use tokio::sync::Notify;

use super::{
    call, count, ledger,
    ledger::{Fault, Tell},
    pass, rows,
};

fn tell(key: &str, text: &str) -> Tell {
    Tell { key: key.into(), text: text.into() }
}

/// The process dies in the midst of a step, once so many commits of it are done.
async fn dies_after(kit: &Kit, commits: u32) {
    let dying = Arc::new(Notify::new());
    let dead = dying.clone();
    kit.before_commit(commits, async move {
        dead.notify_one();
        pending().await
    });
    tokio::select! {
        biased;
        () = dying.notified() => {}
        step = kit.host().outbox_step("ledger") => panic!("it came to its end: {step:?}"),
    }
}

#[tokio::test]
async fn an_effect_happens_after_the_commit_and_what_follows_from_it_is_committed_with_its_end() {
    let (kit, world) = ledger().await;
    call(&kit, tell("k1", "hello")).await.unwrap();
    assert!(world.seen.lock().unwrap().is_empty());
    kit.settle().await;
    kit.settle().await;
    assert_eq!(*world.seen.lock().unwrap(), [("k1".to_owned(), "hello".to_owned())]);
    assert_eq!(rows(&kit, "shouted").await, ["hello"]);
    assert_eq!(count(&kit, "plugin_outbox").await, 0);
}

#[tokio::test]
async fn an_effect_is_tried_again_with_the_same_key() {
    let (kit, world) = ledger().await;
    world.breaks("hello", Fault::Refuse);
    call(&kit, tell("k1", "hello")).await.unwrap();
    call(&kit, tell("k2", "other")).await.unwrap();
    kit.settle().await;
    assert_eq!(world.seen.lock().unwrap().len(), 1, "the other is not kept waiting");
    world.mends();
    kit.settle().await;
    assert_eq!(world.seen.lock().unwrap().len(), 1, "it waits for its pause");
    pass(&kit, 200).await;
    assert_eq!(world.seen.lock().unwrap()[1], ("k1".to_owned(), "hello".to_owned()));
}

#[tokio::test]
async fn what_is_put_in_under_the_same_key_replaces_what_has_not_happened_also_meanwhile() {
    // Before it is written down that it is tried, or after that.
    for (commits, wanted) in [(0, &["third"][..]), (1, &["second", "third"])] {
        let (kit, world) = ledger().await;
        call(&kit, tell("k", "first")).await.unwrap();
        call(&kit, tell("k", "second")).await.unwrap();
        let host = kit.host().clone();
        kit.before_commit(commits, async move {
            let caller = carillon_plugin::Caller::SYSTEM;
            host.call_typed(caller, None, &tell("k", "third")).await.unwrap();
        });
        kit.settle().await;
        let seen = world.seen.lock().unwrap().clone();
        let seen: Vec<_> = seen.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(seen, wanted);
        assert_eq!(rows(&kit, "shouted").await, ["third"], "what was replaced ended with nothing");
        assert_eq!(count(&kit, "plugin_dead").await, 0);
    }
}

#[tokio::test]
async fn nothing_happens_before_it_is_written_down_that_it_is_tried() {
    let (kit, world) = ledger().await;
    call(&kit, tell("k", "hello")).await.unwrap();
    dies_after(&kit, 0).await;
    assert!(world.seen.lock().unwrap().is_empty());
    kit.settle().await;
    assert_eq!(world.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_effect_whose_end_is_never_written_down_is_tried_ten_times_and_put_aside() {
    let (kit, world) = ledger().await;
    call(&kit, tell("k", "hello")).await.unwrap();
    for tries in 1..=10 {
        dies_after(&kit, 1).await;
        kit.settle().await;
        assert_eq!(world.seen.lock().unwrap().len(), tries, "it waits for its pause");
        kit.clock().advance(10_000);
    }
    kit.settle().await;
    assert_eq!(world.seen.lock().unwrap().len(), 10);
    assert_eq!(count(&kit, "plugin_outbox").await, 0);
    assert_eq!(count(&kit, "plugin_dead").await, 1);
}

#[tokio::test]
async fn two_nodes_do_not_try_the_same_effect_at_the_same_time() {
    let (kit, world) = ledger().await;
    let other = kit.another_host(vec![super::ledger::plugin(world.clone())]);
    call(&kit, tell("k", "hello")).await.unwrap();
    kit.before_commit(1, async move {
        other.outbox_step("ledger").await.unwrap();
    });
    kit.settle().await;
    assert_eq!(world.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_effect_may_have_other_tries() {
    let (kit, world) = ledger().await;
    world.breaks("once", Fault::Panic);
    call(&kit, tell("k", "once")).await.unwrap();
    kit.settle().await;
    assert_eq!(count(&kit, "plugin_outbox").await, 0);
    assert_eq!(count(&kit, "plugin_dead").await, 1);
}

#[tokio::test]
async fn an_effect_that_nothing_carries_out_is_a_fault_at_once() {
    let (kit, _) = ledger().await;
    call(&kit, tell("k", "nobody hears it")).await.unwrap_err();
    assert_eq!(count(&kit, "plugin_outbox").await, 0);
}
