//! What waits and what failed has its bounds.

use carillon_plugin::{Storage as _, Value, protocol::DeadLetterId};

use super::{
    call, count, ledger,
    ledger::{Fault, Plan, Tell},
    note, now, pass, rows, write,
};

/// So much of a plugin waits at most while it reads, and so much that failed is kept.
const MOST: u32 = 10_000;

#[tokio::test]
async fn a_plugin_that_owes_too_much_reads_on_once_it_owes_less() {
    let (kit, _) = ledger().await;
    let retry_at = now(&kit) + 30_000;
    let row = |key: u32| {
        let (plugin, kind, key) = ("ledger".into(), "shout".into(), key.to_string());
        let (payload, org) = ("\"\"".into(), kit.host().new_id().to_string().into());
        vec![plugin, kind, key.clone().into(), payload, org, key.into(), 0.into(), retry_at.into()]
    };
    let put = "INSERT INTO plugin_outbox
                   (plugin, kind, key, payload, org, intent, failures, retry_at) VALUES {rows}";
    write(&kit, put, (0..=MOST).map(row).collect()).await;
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
