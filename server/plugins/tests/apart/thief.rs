//! A plugin that asks for what is not its own, and one that has something.

use carillon_plugin::{
    Caller, Ctx, Look as From, Plugin, Result, Value, Window,
    protocol::{Access, Command, Effect, Json, Topic},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! command {
    ($op:literal, $args:ident, $reply:ty) => {
        impl Command for $args {
            type Reply = $reply;
            const OP: &'static str = $op;
            const DOC: &'static str = "Part of a test.";
            const EFFECT: Effect = Effect::State;
            const ACCESS: Access = Access::System;
        }
    };
}

/// Reads; answers how many rows there are.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Query {
    pub sql: String,
}
command!("thief.query", Query, u64);

/// Commits a statement, once for each row.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    pub sql: String,
    pub rows: Vec<Vec<i64>>,
}
command!("thief.run", Run, ());

/// Commits an event, and a statement that names events by their number.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Append {
    pub topic: Topic,
    pub kind: String,
    /// Of the event that the statement names.
    pub event: usize,
}
command!("thief.append", Append, ());

/// Tells live connections something.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Say {
    pub topic: Topic,
}
command!("thief.say", Say, ());

/// Calls an operation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Reach {
    pub op: String,
}
command!("thief.reach", Reach, ());

/// What it may reach.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Nothing {}
command!("thief.nothing", Nothing, ());

/// Owes a call of what it does not say it calls.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Later {}
command!("thief.later", Later, ());

/// What somebody else would do.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Open {}
command!("victim.open", Open, ());

/// Reads the log of a topic.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    pub topic: Topic,
}
command!("thief.look", Look, ());

/// Has a table, a view and an index.
pub fn victim() -> Plugin {
    Plugin::new("victim").migration(
        1,
        "CREATE TABLE victim_secret (id BIGINT PRIMARY KEY, word TEXT NOT NULL);
         INSERT INTO victim_secret (id, word) VALUES (1, 'swordfish');
         CREATE INDEX victim_words ON victim_secret (word);
         CREATE VIEW victim_view AS SELECT word FROM victim_secret;",
    )
}

pub fn plugin() -> Plugin {
    Plugin::new("thief")
        .apart()
        .calls(&["victim.told"])
        .migration(
            1,
            "-- Not this: CREATE TABLE victim_secret
             CREATE TABLE thief_loot (id BIGINT PRIMARY KEY, word TEXT);
             CREATE TABLE IF NOT EXISTS thief_bag (loot BIGINT NOT NULL, n BIGINT NOT NULL);",
        )
        .command(query)
        .command(run)
        .command(append)
        .command(say)
        .command(reach)
        .command(nothing)
        .command(later)
        .command(look)
}

async fn query(ctx: Ctx, args: Query) -> Result<u64> {
    Ok(ctx.query(&args.sql, []).await?.len() as u64)
}

async fn run(ctx: Ctx, args: Run) -> Result<()> {
    let mut tx = ctx.tx();
    let row = |row: Vec<i64>| row.into_iter().map(Value::Int).collect();
    match args.rows.is_empty() {
        true => tx.run(args.sql, []),
        false => tx.run_rows(args.sql, args.rows.into_iter().map(row).collect()),
    }
    ctx.commit(tx).await.map(drop)
}

async fn append(ctx: Ctx, args: Append) -> Result<()> {
    let mut tx = ctx.tx();
    tx.emit(args.topic, &args.kind, &serde_json::json!({}));
    tx.run("INSERT INTO thief_loot (id) VALUES ($1)", [Value::Seq(args.event)]);
    ctx.commit(tx).await.map(drop)
}

async fn say(ctx: Ctx, args: Say) -> Result<()> {
    ctx.push(&args.topic, "thief.said", &());
    Ok(())
}

async fn reach(ctx: Ctx, args: Reach) -> Result<()> {
    ctx.call_by_name(Caller::SYSTEM, None, &args.op, &Json::default()).await.map(drop)
}

async fn nothing(_: Ctx, _: Nothing) -> Result<()> {
    Ok(())
}

async fn later(ctx: Ctx, _: Later) -> Result<()> {
    let mut tx = ctx.tx();
    tx.after(0, "open", &Open {});
    ctx.commit(tx).await.map(drop)
}

async fn look(ctx: Ctx, args: Look) -> Result<()> {
    ctx.head(&args.topic).await?;
    ctx.events_at(&args.topic, vec![1]).await?;
    ctx.events(&args.topic, &Window::all(), From::After(0), false, 10).await.map(drop)
}
