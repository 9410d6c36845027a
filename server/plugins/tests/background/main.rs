//! What plugins do besides answering: they read the log, their timers are due, their outboxes are
//! emptied, and what fails for good is put aside.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

mod bounds;
mod dead;
mod generated;
mod ledger;
mod outbox;
mod owed;
mod readers;
mod timers;

use std::sync::Arc;

use carillon_plugin::{
    Caller, Clock as _, Expect, Result, Statement, Storage as _, Transaction, Value,
    protocol::{Cid, Command},
};
use carillon_store::kit::Kit;

use ledger::{Note, World};

/// The ledger on a database of its own.
async fn ledger() -> (Kit, Arc<World>) {
    let world = Arc::new(World::default());
    (Kit::new(vec![ledger::plugin(world.clone())]).await, world)
}

async fn call<C: Command>(kit: &Kit, args: C) -> Result<C::Reply> {
    let cid = Some(Cid(kit.host().new_id()));
    kit.host().call_typed(Caller::SYSTEM, cid, &args).await
}

async fn note(kit: &Kit, text: &str) {
    call(kit, Note { text: text.into() }).await.unwrap();
}

/// What the ledger says it did of a kind, in order.
async fn rows(kit: &Kit, what: &str) -> Vec<String> {
    let sql = "SELECT said FROM ledger_row WHERE what = $1";
    let rows = kit.store().query(sql, vec![what.into()]).await.unwrap();
    let mut rows: Vec<String> = rows.iter().map(|row| row.get(0).unwrap()).collect();
    // A table without a key promises no order.
    rows.sort();
    rows
}

fn now(kit: &Kit) -> i64 {
    kit.clock().now()
}

/// How much of something waits.
async fn count(kit: &Kit, table: &str) -> u64 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    kit.store().query(&sql, vec![]).await.unwrap()[0].get(0).unwrap()
}

/// Writes into the host's own tables what would take long to come there.
async fn write(kit: &Kit, sql: &'static str, rows: Vec<Vec<Value>>) {
    let tx = Transaction {
        org: Caller::SYSTEM.org,
        by: Caller::SYSTEM.user,
        at: now(kit),
        cid: None,
        prev: None,
        hash: 0,
        statements: vec![Statement { sql: sql.into(), rows, expect: Expect::Any }],
        rewrites: Vec::new(),
        emits: Vec::new(),
    };
    kit.store().commit(tx).await.unwrap();
}

/// Lets so much time pass, and everything happen that is due then.
async fn pass(kit: &Kit, ms: i64) {
    kit.clock().advance(ms);
    kit.settle().await;
}
