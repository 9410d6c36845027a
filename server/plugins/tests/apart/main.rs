//! What holds for plugins that run apart, beyond what each promises anyway: whatever dies, each
//! effect happens once; and what arrives from elsewhere reaches the plugin's own tables only.

// Clippy knows `#[test]` functions as tests, not what they share.
#![allow(clippy::unwrap_used)]

mod around;
mod broken;
mod confined;
mod forged;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../background/ledger.rs"]
mod ledger;
mod thief;
mod waiting;

use std::sync::Arc;

use carillon_plugin::{
    Caller, Error, Result, Storage as _,
    protocol::{Cid, Command, ErrorCode},
};
use carillon_store::kit::{Kit, Wire};

use ledger::World;

/// The ledger, whose handlers run elsewhere.
async fn ledger_apart() -> (Kit, Arc<Wire>, Arc<World>) {
    let world = Arc::new(World::default());
    let wire = Wire::to(ledger::plugin(world.clone()));
    let node = ledger::plugin(Arc::default()).elsewhere(wire.clone());
    (Kit::new(vec![node]).await, wire, world)
}

async fn call<C: Command>(kit: &Kit, args: C) -> Result<C::Reply> {
    let cid = Some(Cid(kit.host().new_id()));
    kit.host().call_typed(Caller::SYSTEM, cid, &args).await
}

fn code<T>(result: Result<T>) -> ErrorCode {
    result.err().map(|error: Error| error.code()).expect("a refusal")
}

/// What the ledger says it did, in order.
async fn rows(kit: &Kit) -> Vec<(String, String)> {
    let sql = "SELECT what, said FROM ledger_row";
    let rows = kit.store().query(sql, vec![]).await.unwrap();
    let row = |row: &carillon_plugin::Row| (row.get(0).unwrap(), row.get(1).unwrap());
    let mut rows: Vec<_> = rows.iter().map(row).collect();
    // A table without a key promises no order.
    rows.sort();
    rows
}

/// The sum of a column of all rows, or how many there are.
async fn sum(kit: &Kit, what: &str, table: &str) -> u64 {
    let sql = format!("SELECT CAST(COALESCE({what}, 0) AS BIGINT) FROM {table}");
    kit.store().query(&sql, vec![]).await.unwrap()[0].get(0).unwrap()
}

async fn count(kit: &Kit, table: &str) -> u64 {
    sum(kit, "COUNT(*)", table).await
}

/// Lets so much time pass, and everything happen that is due then.
async fn pass(kit: &Kit, ms: i64) {
    kit.clock().advance(ms);
    kit.settle().await;
}
