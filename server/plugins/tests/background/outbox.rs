//! Effects on the outside.

use super::{
    call, count, ledger,
    ledger::{Fault, Tell},
    pass, rows,
};

fn tell(key: &str, text: &str) -> Tell {
    Tell { key: key.into(), text: text.into() }
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
    let (kit, world) = ledger().await;
    call(&kit, tell("k", "first")).await.unwrap();
    call(&kit, tell("k", "second")).await.unwrap();
    let host = kit.host().clone();
    kit.before_next_commit(async move {
        let caller = carillon_plugin::Caller::SYSTEM;
        host.call_typed(caller, None, &tell("k", "third")).await.unwrap();
    });
    kit.settle().await;
    let seen: Vec<_> = world.seen.lock().unwrap().iter().map(|(_, text)| text.clone()).collect();
    assert_eq!(seen, ["second", "third"]);
    assert_eq!(rows(&kit, "shouted").await, ["third"], "what was replaced ended with nothing");
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
