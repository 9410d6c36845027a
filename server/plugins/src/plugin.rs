//! What plugins do besides answering, as the operator and the administrators see it: how far each
//! is, what failed for good, and the facts that they offer; and how far programs of others are.

mod fact;
mod program;
mod token;

use std::collections::HashMap;

use carillon_plugin::{Ctx, Error, Plugin, Portrait, Result, apart::Place};
use carillon_protocol::{
    node, org,
    plugin::{
        Changed, DeadLetter, DeadLetters, DropDead, List, ListDead, Listed, Plugin as Shown,
        Reading, RetryDead, Run,
    },
};

pub use self::token::TokenDigest;

/// Dead letters on a page, if the caller does not say.
const PAGE_LEN: u32 = 50;
/// The most dead letters on a page.
const PAGE_LEN_MAX: u32 = 200;

/// The plugin. Its tables are the host's own, and one for the tokens of plugins that run apart.
pub fn plugin() -> Plugin {
    Plugin::new("plugin")
        .nouns(&["fact"])
        .migration(3, include_str!("plugin/3_tokens.sql"))
        .on(org::kind::MEMBER_LEFT, program::left)
        .command(list)
        .command(token::make)
        .command(list_dead)
        .command(retry_dead)
        .command(drop_dead)
        .command(fact::list)
        .command(fact::get)
}

async fn list(ctx: Ctx, _: List) -> Result<Listed> {
    let nodes = ctx.call(&node::List {}).await?.nodes;
    let holders: HashMap<&str, &str> = nodes
        .iter()
        .flat_map(|node| node.leases.iter().map(|lease| (lease.as_str(), &*node.beat.name)))
        .collect();
    let mut plugins = Vec::new();
    for portrait in ctx.host().plugins() {
        let node = holders.get(format!("plugin:{}", portrait.name).as_str());
        plugins.push(shown(&ctx, portrait, node.map(ToString::to_string)).await?);
    }
    Ok(Listed { plugins, programs: program::listening(&ctx).await? })
}

async fn shown(ctx: &Ctx, portrait: Portrait, node: Option<String>) -> Result<Shown> {
    let sql = "SELECT
        (SELECT COUNT(*) FROM plugin_timer WHERE plugin = $1),
        (SELECT COUNT(*) FROM plugin_timer WHERE plugin = $1 AND due_at <= $2),
        (SELECT COUNT(*) FROM plugin_outbox WHERE plugin = $1),
        (SELECT COUNT(*) FROM plugin_dead WHERE plugin = $1),
        COALESCE(
            (SELECT error FROM plugin_cursor WHERE plugin = $1),
            (SELECT MAX(error) FROM plugin_timer WHERE plugin = $1),
            (SELECT MAX(error) FROM plugin_outbox WHERE plugin = $1))";
    let row = ctx.query_one(sql, [portrait.name.into(), ctx.now().into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("plugin"))?;
    let (run, linked) = match portrait.place {
        Place::Local => (Run::Local, None),
        Place::Remote { linked } => (Run::Remote, Some(linked)),
        Place::Off => (Run::Off, None),
    };
    Ok(Shown {
        run,
        linked,
        reading: reading(ctx, &portrait).await?,
        name: portrait.name.to_owned(),
        operations: portrait.operations.into_iter().map(str::to_owned).collect(),
        effects: portrait.effects.into_iter().map(str::to_owned).collect(),
        timers: row.get(0)?,
        timers_due: row.get(1)?,
        outbox: row.get(2)?,
        dead: row.get(3)?,
        error: row.get(4)?,
        node,
    })
}

async fn reading(ctx: &Ctx, portrait: &Portrait) -> Result<Option<Reading>> {
    let Some(behind) = ctx.host().behind(portrait.name).await? else { return Ok(None) };
    Ok(Some(Reading {
        kinds: portrait.reads.iter().map(ToString::to_string).collect(),
        pos: behind.pos,
        behind: behind.positions,
        behind_ms: behind.since.map_or(0, |since| (ctx.now() - since).max(0)),
        failures: behind.failures,
    }))
}

async fn list_dead(ctx: Ctx, args: ListDead) -> Result<DeadLetters> {
    let limit = args.limit.unwrap_or(PAGE_LEN);
    if !(1..=PAGE_LEN_MAX).contains(&limit) {
        return Err(Error::bad_arg("limit", format!("a page has 1 to {PAGE_LEN_MAX}")));
    }
    let sql = "SELECT id, plugin, source, what, error, at, tries FROM plugin_dead
               WHERE id > $1 AND ($2 = '' OR plugin = $2) ORDER BY id LIMIT $3";
    let after = args.after.map_or(String::new(), |after| after.to_string());
    let plugin = args.plugin.unwrap_or_default();
    // One more than is answered tells whether there is more.
    let mut rows = ctx.query(sql, [after.into(), plugin.into(), (limit + 1).into()]).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let dead = rows.iter().map(|row| {
        Ok(DeadLetter {
            id: row.get(0)?,
            plugin: row.get(1)?,
            source: row.get(2)?,
            what: row.get(3)?,
            error: row.get(4)?,
            at: row.get(5)?,
            tries: row.get::<u64>(6)? as u32,
        })
    });
    Ok(DeadLetters { dead: dead.collect::<Result<_>>()?, more })
}

async fn retry_dead(ctx: Ctx, args: RetryDead) -> Result<Changed> {
    ctx.host().retry_dead(args.id).await?;
    Ok(Changed {})
}

async fn drop_dead(ctx: Ctx, args: DropDead) -> Result<Changed> {
    let found = ctx.query_one("SELECT 1 FROM plugin_dead WHERE id = $1", [args.id.into()]).await?;
    found.ok_or_else(|| Error::not_found("dead letter"))?;
    let mut tx = ctx.tx();
    tx.run("DELETE FROM plugin_dead WHERE id = $1", [args.id.into()]);
    ctx.commit(tx).await?;
    Ok(Changed {})
}
