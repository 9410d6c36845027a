//! The nodes that share the database: who runs, how they are, and what one does at a time.
//!
//! Leases are good by the clock of the database, whatever those of the machines say; whoever holds
//! one renews it at a third of its time, and stops when that fails.

use carillon_plugin::{Ctx, Error, Plugin, Result};
use carillon_protocol::node::{Beat, Beaten, End, Ended, Lease, Leased, List, Listed, Node};

/// A run that said nothing for so long is forgotten.
const FORGOTTEN_AFTER_MS: i64 = 86_400_000;
/// The longest lease: nobody waits longer for what a node that died had.
const LEASE_MAX_MS: i64 = 60_000;
/// The longest name of a lease.
const NAME_LEN_MAX: usize = 64;

/// The plugin.
pub fn plugin() -> Plugin {
    Plugin::new("node")
        .migration(1, include_str!("node/1_tables.sql"))
        .command(beat)
        .command(end)
        .command(list)
        .command(lease)
}

async fn beat(ctx: Ctx, args: Beat) -> Result<Beaten> {
    let text = serde_json::to_string(&args).map_err(Error::internal)?;
    let (run, mut tx) = (args.run.to_string(), ctx.tx());
    tx.run(
        "INSERT INTO node_run (run, name, beat, seen_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (run) DO UPDATE SET beat = excluded.beat, seen_at = excluded.seen_at",
        vec![run.clone().into(), args.name.clone().into(), text.into(), ctx.now().into()],
    );
    // A node that was killed and is here again holds nothing from before: nobody waits for it.
    tx.run(
        "DELETE FROM node_lease
         WHERE run IN (SELECT run FROM node_run WHERE name = $1 AND run < $2)",
        vec![args.name.into(), run.into()],
    );
    let old = ctx.now() - FORGOTTEN_AFTER_MS;
    tx.run("DELETE FROM node_run WHERE seen_at < $1", vec![old.into()]);
    let long_over = ctx.shared_now().await? - FORGOTTEN_AFTER_MS;
    tx.run("DELETE FROM node_lease WHERE until < $1", vec![long_over.into()]);
    ctx.commit(tx).await?;
    Ok(Beaten {})
}

async fn end(ctx: Ctx, args: End) -> Result<Ended> {
    let mut tx = ctx.tx();
    tx.run("DELETE FROM node_run WHERE run = $1", vec![args.run.to_string().into()]);
    ctx.commit(tx).await?;
    Ok(Ended {})
}

async fn list(ctx: Ctx, _: List) -> Result<Listed> {
    let sql = "SELECT name, run FROM node_lease WHERE until > $1 ORDER BY name";
    let mut leases: Vec<(String, String)> = Vec::new();
    for row in ctx.query(sql, vec![ctx.shared_now().await?.into()]).await? {
        leases.push((row.get(0)?, row.get(1)?));
    }
    let mut nodes = Vec::new();
    let sql = "SELECT beat, seen_at, run FROM node_run ORDER BY name, run";
    for row in ctx.query(sql, Vec::new()).await? {
        let beat: Beat = serde_json::from_str(&row.get::<String>(0)?).map_err(Error::internal)?;
        let run: String = row.get(2)?;
        let held = leases.iter().filter(|(_, holder)| *holder == run);
        let leases = held.map(|(name, _)| name.clone()).collect();
        nodes.push(Node { beat, seen_at: row.get(1)?, leases });
    }
    Ok(Listed { nodes })
}

async fn lease(ctx: Ctx, args: Lease) -> Result<Leased> {
    if args.name.is_empty() || args.name.len() > NAME_LEN_MAX {
        return Err(Error::bad_arg("name", format!("1 to {NAME_LEN_MAX} bytes")));
    }
    if !(0..=LEASE_MAX_MS).contains(&args.ttl_ms) {
        return Err(Error::bad_arg("ttl_ms", format!("0 to {LEASE_MAX_MS}")));
    }
    let (run, now) = (args.run.to_string(), ctx.shared_now().await?);
    let mut tx = ctx.tx();
    // Who has it goes on having it; anybody else gets it when it is over. Of two at once the
    // second finds the row changed.
    tx.run(
        "INSERT INTO node_lease (name, run, until) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET run = excluded.run, until = excluded.until
         WHERE node_lease.run = excluded.run OR node_lease.until <= $4",
        vec![args.name.clone().into(), run.clone().into(), (now + args.ttl_ms).into(), now.into()],
    );
    ctx.commit(tx).await?;
    let sql = "SELECT run, until FROM node_lease WHERE name = $1";
    let row = ctx.query_one(sql, vec![args.name.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("lease"))?;
    let until = row.get(1)?;
    Ok(Leased { mine: row.get::<String>(0)? == run && until > now, until })
}
