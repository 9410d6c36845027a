//! Effects on the outside.

use std::{future::pending, sync::Arc, time::Duration};

use carillon_plugin::{
    Caller, Storage as _,
    protocol::{OrgId, UserId, id::Ulid},
};
use carillon_store::kit::Kit;
use tokio::{sync::Notify, time::timeout};

use super::{
    call, count, ledger,
    ledger::{Fault, Tell, World},
    now, pass, rows,
};

/// Shorter than what hangs is cut off in, and longer than anything else takes.
const PROMPTLY: Duration = Duration::from_secs(8);

fn tell(key: &str, text: &str) -> Tell {
    Tell { key: key.into(), text: text.into() }
}

/// The same of an organisation.
async fn tell_of(kit: &Kit, org: u128, key: &str, text: &str) {
    let caller = Caller::for_plugin(UserId(Ulid::nil()), OrgId(Ulid(org)));
    kit.host().call_typed(caller, None, &tell(key, text)).await.unwrap();
}

/// Waits until so many effects are under way.
async fn under_way(kit: &Kit, count: usize) {
    let sql = "SELECT key FROM plugin_outbox WHERE retry_at > $1";
    let claimed = async || kit.store().query(sql, vec![now(kit).into()]).await.unwrap().len();
    let all = async {
        while claimed().await < count {
            tokio::task::yield_now().await;
        }
    };
    timeout(PROMPTLY, all).await.expect("they are carried out");
}

/// Waits until the outside has seen so many effects; their texts.
async fn seen(world: &World, count: usize) -> Vec<String> {
    let all = async {
        while world.seen.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    };
    timeout(PROMPTLY, all).await.expect("nothing that hangs keeps them waiting");
    world.seen.lock().unwrap().iter().map(|(_, text)| text.clone()).collect()
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
async fn an_effect_whose_end_is_never_written_down_is_tried_fifty_times_and_put_aside() {
    let (kit, world) = ledger().await;
    call(&kit, tell("k", "hello")).await.unwrap();
    for tries in 1..=50 {
        dies_after(&kit, 1).await;
        kit.settle().await;
        assert_eq!(world.seen.lock().unwrap().len(), tries, "it waits for its pause");
        kit.clock().advance(10_000);
    }
    kit.settle().await;
    assert_eq!(world.seen.lock().unwrap().len(), 50);
    assert_eq!(count(&kit, "plugin_outbox").await, 0);
    assert_eq!(count(&kit, "plugin_dead").await, 1);
}

#[tokio::test]
async fn processes_that_die_cost_an_effect_none_of_its_tries_and_ten_seconds_each() {
    let (kit, world) = ledger().await;
    call(&kit, tell("k", "hello")).await.unwrap();
    for failures in 0..9 {
        for _ in 0..5 {
            dies_after(&kit, 1).await;
            kit.clock().advance(10_000);
        }
        world.breaks("hello", Fault::Refuse);
        kit.settle().await;
        world.mends();
        kit.clock().advance(200 << failures);
    }
    assert_eq!(world.seen.lock().unwrap().len(), 45);
    kit.settle().await;
    assert_eq!(rows(&kit, "shouted").await, ["hello"], "the tenth try that came to its end");
    assert_eq!(count(&kit, "plugin_dead").await, 0);
}

#[tokio::test]
async fn organisations_whose_effects_hang_delay_nobody_elses() {
    let (kit, world) = ledger().await;
    world.breaks("hangs", Fault::Hang);
    for org in 1..=20 {
        for i in 0..9 {
            tell_of(&kit, org, &format!("{org}:{i}"), "hangs").await;
        }
    }
    let host = kit.host().clone();
    let step = tokio::spawn(async move { host.outbox_step("ledger").await });
    under_way(&kit, 112).await;
    for i in 0..30 {
        tell_of(&kit, 21, &format!("k{i}"), "hello").await;
    }
    assert_eq!(seen(&world, 30).await, ["hello"; 30]);
    assert!(!step.is_finished(), "the others still hang");
    step.abort();
}

#[tokio::test]
async fn an_effect_that_takes_the_place_of_one_under_way_waits_for_its_end() {
    let (kit, world) = ledger().await;
    world.breaks("hangs", Fault::Hang);
    call(&kit, tell("k", "hangs")).await.unwrap();
    let host = kit.host().clone();
    let step = tokio::spawn(async move { host.outbox_step("ledger").await });
    under_way(&kit, 1).await;
    call(&kit, tell("k", "instead")).await.unwrap();
    for i in 0..3 {
        call(&kit, tell(&format!("other {i}"), "other")).await.unwrap();
    }
    assert_eq!(seen(&world, 3).await, ["other"; 3]);
    assert!(!step.is_finished(), "the one before still hangs");
    step.abort();
    assert!(step.await.unwrap_err().is_cancelled());
    kit.settle().await;
    assert_eq!(seen(&world, 4).await[3], "instead");
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
