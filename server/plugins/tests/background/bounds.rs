//! What waits and what failed has its bounds.

use std::{collections::BTreeSet, time::Duration};

use carillon_plugin::{
    Caller, Result, Storage as _, Value,
    protocol::{Command, DeadLetterId, ErrorCode, OrgId, UserId, id::Ulid},
};
use carillon_store::kit::Kit;
use tokio::{task::JoinSet, time::timeout};

use super::{
    call, count, ledger,
    ledger::{Fault, Plan, Tell},
    note, now, pass, rows, write,
};

/// So much of a plugin waits at most while it reads, and so much that failed is kept.
const MOST: u32 = 10_000;
/// Whose it is, and somebody else's.
const ORG: OrgId = OrgId(Ulid(1));
const OTHER: OrgId = OrgId(Ulid(2));

/// Puts so many effects into the outbox, which are tried later.
async fn put_effects(kit: &Kit, effects: u32) {
    let retry_at = now(kit) + 30_000;
    let row = |key: u32| {
        let (plugin, kind, key) = ("ledger".into(), "shout".into(), key.to_string());
        let (payload, org) = ("\"\"".into(), ORG.into());
        vec![plugin, kind, key.clone().into(), payload, org, key.into(), 0.into(), retry_at.into()]
    };
    let put = "INSERT INTO plugin_outbox
                   (plugin, kind, key, payload, org, intent, failures, retry_at) VALUES {rows}";
    write(kit, put, (0..effects).map(row).collect()).await;
}

#[tokio::test]
async fn a_plugin_that_owes_too_much_reads_on_once_it_owes_less() {
    let (kit, _) = ledger().await;
    put_effects(&kit, MOST + 1).await;
    note(&kit, "hello").await;
    kit.settle().await;
    pass(&kit, 1_000).await;
    assert!(rows(&kit, "read").await.is_empty());
    write(&kit, "DELETE FROM plugin_outbox WHERE key = '7'", vec![vec![]]).await;
    pass(&kit, 1_000).await;
    assert_eq!(rows(&kit, "read").await, ["hello"]);
}

#[tokio::test]
async fn of_what_failed_for_good_the_oldest_goes_when_there_is_too_much() {
    let (kit, world) = ledger().await;
    let row = |_| {
        let id = DeadLetterId(kit.host().new_id()).into();
        let [plugin, source, what] = ["ledger", "outbox", "{}"].map(Into::into);
        vec![id, plugin, source, what, "".into(), 0.into(), 1.into()]
    };
    let old: Vec<Vec<Value>> = (0..MOST).map(row).collect();
    let put = "INSERT INTO plugin_dead (id, plugin, source, what, error, at, tries) VALUES {rows}";
    let (first, second) = (old[0][0].clone(), old[1][0].clone());
    write(&kit, put, old).await;
    world.breaks("once", Fault::Refuse);
    call(&kit, Tell { key: "k".into(), text: "once".into() }).await.unwrap();
    kit.settle().await;
    assert_eq!(count(&kit, "plugin_dead").await, u64::from(MOST));
    assert_eq!(kit.forgotten(), 1);
    for (id, is_there) in [(first, false), (second, true)] {
        let sql = "SELECT 1 FROM plugin_dead WHERE id = $1";
        assert_eq!(kit.store().query(sql, vec![id]).await.unwrap().len() == 1, is_there);
    }
}

#[tokio::test]
async fn a_call_that_finds_the_server_busy_waits_as_often_as_it_must_and_holds_up_no_other() {
    let (kit, world) = ledger().await;
    world.breaks("bad", Fault::Busy);
    for key in ["bad", "good"] {
        let (key, text, due_at) = (key.to_owned(), key.to_owned(), Some(now(&kit)));
        call(&kit, Plan { key, due_at, text, state: false }).await.unwrap();
    }
    for _ in 0..20 {
        kit.settle().await;
        assert_eq!(rows(&kit, "fired").await, ["good"]);
        pass(&kit, 1_000).await;
    }
    world.mends();
    pass(&kit, 1_000).await;
    assert_eq!(rows(&kit, "fired").await, ["bad", "good"]);
    assert_eq!(count(&kit, "plugin_dead").await, 0);
}

/// As somebody asks who is let in, and not the plugin itself.
async fn ask_in<C: Command>(kit: &Kit, org: OrgId, args: &C) -> Result<C::Reply> {
    let person = Caller::let_in(UserId(kit.host().new_id()), org);
    kit.host().call_typed(person, None, args).await
}

async fn ask<C: Command>(kit: &Kit, args: &C) -> Result<C::Reply> {
    ask_in(kit, ORG, args).await
}

/// Asks until it is refused, which may take as long as it takes to count: answers why.
async fn refusal<C: Command>(kit: &Kit, args: &C) -> (ErrorCode, Option<u64>) {
    let refused = async {
        loop {
            if let Err(error) = ask(kit, args).await {
                return (error.code(), error.body().retry_ms);
            }
        }
    };
    timeout(Duration::from_secs(30), refused).await.expect("it is counted")
}

#[tokio::test]
async fn who_asks_for_more_effects_than_happen_is_told_to_wait() {
    let (kit, _) = ledger().await;
    put_effects(&kit, MOST).await;
    let tell = Tell { key: "k".into(), text: "hello".into() };
    let plan = |key: &str, due_at| Plan {
        key: key.into(),
        due_at: Some(due_at),
        text: "hello".into(),
        state: true,
    };
    assert_eq!(refusal(&kit, &tell).await, (ErrorCode::Busy, Some(1_000)));
    ask(&kit, &plan("k", now(&kit))).await.expect("calls are something else");
    ask_in(&kit, OTHER, &tell).await.expect("it is not what this organisation put in");
    let itself = Caller::for_plugin(UserId(Ulid::nil()), ORG);
    let owes = kit.host().call_typed(itself, None, &tell).await;
    owes.expect("what the plugin does itself may owe more");

    write(&kit, "DELETE FROM plugin_outbox WHERE key <= '7'", vec![vec![]]).await;
    let accepted = async {
        for _ in 0..1_000_000 {
            kit.clock().advance(1_000);
            if ask(&kit, &tell).await.is_ok() {
                return;
            }
            // A refusal is answered at once, and who counts has to have a turn.
            tokio::task::yield_now().await;
        }
        panic!("it is not counted again");
    };
    timeout(Duration::from_secs(30), accepted).await.expect("it is counted again");
}

#[tokio::test]
async fn who_asks_for_more_calls_than_are_made_is_told_to_wait() {
    let (kit, _) = ledger().await;
    let row = |key: u32| {
        let texts = ["ledger", &key.to_string(), "ledger.show", "{}", &ORG.to_string(), "", ""];
        texts.map(Value::from).into_iter().chain([0.into(), 0.into()]).collect()
    };
    let put = "INSERT INTO plugin_timer
                   (plugin, key, op, args, org, user_id, intent, due_at, failures) VALUES {rows}";
    write(&kit, put, (0..MOST).map(row).collect()).await;
    let plan = |key: &str, due_at| Plan {
        key: key.into(),
        due_at: Some(due_at),
        text: "hello".into(),
        state: true,
    };
    assert_eq!(refusal(&kit, &plan("k", now(&kit))).await, (ErrorCode::Busy, Some(1_000)));
    ask(&kit, &plan("later", now(&kit) + 60_000)).await.expect("what is due later is not owed yet");
    ask_in(&kit, OTHER, &plan("other", now(&kit))).await.expect("it is not this one's doing");
}

#[tokio::test]
async fn what_is_put_in_faster_than_it_is_counted_ends_soon_after_the_bound() {
    let (kit, _) = ledger().await;
    let (mut put, mut codes) = (0, BTreeSet::new());
    while codes.is_empty() {
        let asked: JoinSet<_> = (put..put + 64)
            .map(|key| {
                let (host, key) = (kit.host().clone(), key.to_string());
                let person = Caller::let_in(UserId(host.new_id()), ORG);
                let tell = Tell { key, text: "hello".into() };
                async move { host.call_typed(person, None, &tell).await }
            })
            .collect();
        let refused = asked.join_all().await.into_iter().filter_map(Result::err);
        codes.extend(refused.map(|error| error.code().as_str()));
        put += 64;
    }
    assert_eq!(codes, BTreeSet::from(["E_BUSY"]));
    let waits = count(&kit, "plugin_outbox").await;
    assert!((u64::from(MOST)..u64::from(MOST) * 2).contains(&waits), "{waits}");
}
