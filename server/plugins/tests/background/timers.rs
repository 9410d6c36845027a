//! Timers.

use std::sync::Arc;

use carillon_plugin::{Caller, Next};

use super::{
    call, count, ledger,
    ledger::{Chain, Fault, Link, Plan, Tell, World},
    note, now, pass, rows,
};

const DAY_MS: i64 = 86_400_000;

fn plan(key: &str, due_at: i64, text: &str) -> Plan {
    Plan { key: key.into(), due_at: Some(due_at), text: text.into(), state: false }
}

#[tokio::test]
async fn a_timer_fires_once_when_it_is_due_and_not_before() {
    let (kit, world) = ledger().await;
    call(&kit, plan("a", now(&kit) + 1_000, "a")).await.unwrap();
    kit.settle().await;
    assert_eq!(kit.host().timer_step("ledger").await.unwrap(), Next::At(now(&kit) + 1_000));
    pass(&kit, 999).await;
    assert!(rows(&kit, "fired").await.is_empty());
    let kit = kit.restarted(vec![super::ledger::plugin(world)]).await;
    pass(&kit, 1).await;
    pass(&kit, 1_000_000).await;
    assert_eq!(rows(&kit, "fired").await, ["a"]);
    assert_eq!(kit.host().timer_step("ledger").await.unwrap(), Next::Idle);
}

#[tokio::test]
async fn the_last_time_that_a_key_is_set_counts_and_it_can_be_taken_back() {
    let (kit, _) = ledger().await;
    let start = now(&kit);
    call(&kit, plan("a", start + 10, "first")).await.unwrap();
    call(&kit, plan("a", start + 20, "second")).await.unwrap();
    call(&kit, plan("b", start + 10, "never")).await.unwrap();
    let back = Plan { key: "b".into(), due_at: None, text: String::new(), state: false };
    call(&kit, back).await.unwrap();
    pass(&kit, 15).await;
    assert!(rows(&kit, "fired").await.is_empty());
    pass(&kit, 15).await;
    assert_eq!(rows(&kit, "fired").await, ["second"]);
}

#[tokio::test]
async fn a_timer_that_is_taken_back_while_it_fires_happens_or_not_and_leaves_nothing() {
    let (kit, _) = ledger().await;
    call(&kit, plan("a", now(&kit), "a")).await.unwrap();
    let host = kit.host().clone();
    kit.before_next_commit(async move {
        let back = Plan { key: "a".into(), due_at: None, text: String::new(), state: false };
        host.call_typed(Caller::SYSTEM, None, &back).await.unwrap();
    });
    kit.settle().await;
    assert!(rows(&kit, "fired").await.is_empty(), "it was taken back first");
    assert_eq!(count(&kit, "plugin_timer").await, 0);
    assert_eq!(count(&kit, "plugin_dead").await, 0);
}

#[tokio::test]
async fn a_call_that_sets_its_own_key_or_takes_it_back_takes_effect_once() {
    let (kit, _) = ledger().await;
    for (key, again_ms) in [("a", Some(1_000)), ("b", None)] {
        let link = Link { key: key.into(), text: key.into(), again_ms };
        call(&kit, Chain { due_at: now(&kit), link }).await.unwrap();
    }
    kit.settle().await;
    assert_eq!(rows(&kit, "fired").await, ["a", "b"]);
    assert_eq!(count(&kit, "plugin_timer").await, 1, "the one that was set again");
    pass(&kit, 1_000).await;
    assert_eq!(rows(&kit, "fired").await, ["a", "a again", "b"]);
    assert_eq!(count(&kit, "plugin_timer").await, 0);
}

#[tokio::test]
async fn two_nodes_fire_a_timer_once() {
    let (kit, _) = ledger().await;
    let other = kit.another_host(vec![super::ledger::plugin(Arc::new(World::default()))]);
    for number in 0..20 {
        call(&kit, plan(&number.to_string(), now(&kit), &number.to_string())).await.unwrap();
    }
    let (one, two) = tokio::join!(kit.host().timer_step("ledger"), other.timer_step("ledger"));
    assert!(one.is_ok() && two.is_ok());
    kit.settle().await;
    assert_eq!(rows(&kit, "fired").await.len(), 20);
    assert_eq!(count(&kit, "plugin_timer").await, 0);
}

#[tokio::test]
async fn a_call_that_sets_a_state_is_made_and_its_timer_gone() {
    let (kit, _) = ledger().await;
    call(&kit, Plan { state: true, ..plan("a", now(&kit), "a") }).await.unwrap();
    kit.settle().await;
    assert_eq!(rows(&kit, "shown").await, ["a"]);
    assert_eq!(count(&kit, "plugin_timer").await, 0);
}

#[tokio::test]
async fn a_reader_owes_a_call_and_an_effect_in_the_transaction_that_moves_it() {
    let (kit, world) = ledger().await;
    note(&kit, "mark one").await;
    note(&kit, "mark two").await;
    kit.settle().await;
    for what in ["marked", "fired", "shouted"] {
        assert_eq!(rows(&kit, what).await, ["mark one", "mark two"], "{what}");
    }
    assert_eq!(world.seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_timer_that_fails_or_panics_harms_no_other_and_is_put_aside() {
    for fault in [Fault::Panic, Fault::Refuse] {
        let (kit, world) = ledger().await;
        world.breaks("bad", fault);
        call(&kit, plan("bad", now(&kit), "bad")).await.unwrap();
        call(&kit, plan("good", now(&kit), "good")).await.unwrap();
        kit.settle().await;
        assert_eq!(rows(&kit, "fired").await, ["good"]);
        for failures in 1..10 {
            pass(&kit, 100 << failures).await;
        }
        assert_eq!(count(&kit, "plugin_timer").await, 0);
        assert_eq!(count(&kit, "plugin_dead").await, 1);
    }
}

#[tokio::test]
async fn a_call_that_loses_every_race_is_made_when_it_wins_one() {
    let (kit, world) = ledger().await;
    world.breaks("slow", Fault::Raced);
    call(&kit, plan("slow", now(&kit), "slow")).await.unwrap();
    for _ in 0..20 {
        pass(&kit, 60_000).await;
    }
    assert_eq!(count(&kit, "plugin_dead").await, 0);
    world.mends();
    pass(&kit, 1_000).await;
    assert_eq!(rows(&kit, "fired").await, ["slow"], "it is tried each second");
}

#[tokio::test]
async fn a_timer_that_hangs_is_cut_off_and_holds_up_no_other() {
    let (kit, world) = ledger().await;
    world.breaks("hangs", Fault::Hang);
    call(&kit, plan("hangs", now(&kit), "hangs")).await.unwrap();
    call(&kit, plan("good", now(&kit), "good")).await.unwrap();
    let host = kit.host().clone();
    let step = tokio::spawn(async move { host.timer_step("ledger").await });
    while rows(&kit, "fired").await != ["good"] {
        tokio::task::yield_now().await;
    }
    assert!(!step.is_finished(), "the other one still hangs");
    // It is waited for in true time: if a clock leapt, an answer of a database would be cut off
    // with it.
    assert_eq!(step.await.unwrap().unwrap(), Next::Now);
    world.mends();
    pass(&kit, 200).await;
    assert_eq!(rows(&kit, "fired").await, ["good", "hangs"]);
}

#[tokio::test]
async fn what_is_due_at_once_or_tried_again_does_not_wait_for_a_time_that_was_set_back() {
    let (kit, world) = ledger().await;
    let start = now(&kit);
    kit.clock().advance(DAY_MS);
    // A reader owes a call and an effect at once; a call of before fails, and another effect.
    note(&kit, "mark").await;
    kit.host().read_step("ledger").await.unwrap();
    world.breaks("bad", Fault::Refuse);
    call(&kit, plan("bad", start, "bad")).await.unwrap();
    call(&kit, Tell { key: "bad".into(), text: "bad".into() }).await.unwrap();
    let host = kit.host();
    kit.clock().advance(-DAY_MS);
    assert_eq!(host.timer_step("ledger").await.unwrap(), Next::Now);
    assert_eq!(host.outbox_step("ledger").await.unwrap(), Next::Now);
    assert_eq!(rows(&kit, "fired").await, ["mark"]);
    assert_eq!(rows(&kit, "shouted").await, ["mark"]);

    kit.clock().advance(DAY_MS);
    kit.settle().await;
    world.mends();
    kit.settle().await;
    assert_eq!(rows(&kit, "fired").await, ["mark"], "they wait for their pause");
    kit.clock().advance(-DAY_MS);
    kit.settle().await;
    assert_eq!(rows(&kit, "fired").await, ["bad", "mark"]);
    assert_eq!(rows(&kit, "shouted").await, ["bad", "mark"]);
}
