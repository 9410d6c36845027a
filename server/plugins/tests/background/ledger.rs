//! A plugin that does all that a plugin can do besides answering, and writes down what it did.

use std::{
    fs::File,
    io::Write,
    sync::{Arc, Mutex},
};

use carillon_plugin::{
    Audited, Ctx, Decision, Delivery, Error, Period, Plugin, Result, Retries, Tx,
    protocol::{
        Access, Command, Effect, ErrorCode, Event, OrgId, Topic, UserId,
        fact::{Fact, Point},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const NOTED: &str = "ledger.noted";
pub const MARKED: &str = "ledger.marked";

/// What the outside saw, and how the handlers behave.
#[derive(Default)]
pub struct World {
    /// The effects, with their keys: each as often as it was tried to the end.
    pub seen: Mutex<Vec<(String, String)>>,
    /// Where the outside is a file, with a line an effect.
    pub file: Option<Mutex<File>>,
    /// Texts whose handlers fail, and how.
    pub faults: Mutex<Vec<(String, Fault)>>,
    /// Of whom the batches of events were, and how many each had.
    pub batches: Mutex<Vec<(OrgId, usize)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Refuse,
    Busy,
    Raced,
    Panic,
    Hang,
}

impl World {
    pub fn breaks(&self, text: &str, fault: Fault) {
        self.faults.lock().unwrap().push((text.into(), fault));
    }

    pub fn mends(&self) {
        self.faults.lock().unwrap().clear();
    }

    async fn meet(&self, text: &str) -> Result<()> {
        let fault = {
            let faults = self.faults.lock().unwrap();
            faults.iter().find(|(broken, _)| broken == text).map(|(_, fault)| *fault)
        };
        match fault {
            None => Ok(()),
            Some(Fault::Refuse) => Err(Error::new(ErrorCode::Conflict, format!("not {text}"))),
            Some(Fault::Busy) => Err(Error::new(ErrorCode::Busy, "try again later")),
            Some(Fault::Raced) => Err(Error::raced()),
            Some(Fault::Panic) => panic!("over {text}"),
            Some(Fault::Hang) => std::future::pending().await,
        }
    }
}

macro_rules! command {
    ($op:literal, $args:ident, $effect:ident, $access:expr) => {
        impl Command for $args {
            type Reply = Done;
            const OP: &'static str = $op;
            const DOC: &'static str = "Part of a test.";
            const EFFECT: Effect = Effect::$effect;
            const ACCESS: Access = $access;
        }
    };
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Done {}

/// Emits an event of the text, and what the text says besides.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    pub text: String,
}
command!("ledger.note", Note, Once, Access::System);

/// Sets timers, or takes them back.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    pub key: String,
    /// When; absent to take it back.
    pub due_at: Option<i64>,
    pub text: String,
    /// Whether the call only sets a state.
    pub state: bool,
}
command!("ledger.plan", Plan, State, Access::System);

/// What a timer calls: it writes a row.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Fire {
    pub text: String,
}
command!("ledger.fire", Fire, Once, Access::System);

/// Sets a timer whose call sets its own key again, or takes it back.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Chain {
    pub due_at: i64,
    pub link: Link,
}
command!("ledger.chain", Chain, State, Access::System);

/// What a timer calls that has something to do with its own key.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    pub key: String,
    pub text: String,
    /// After how long the key is due again; absent to take it back.
    pub again_ms: Option<i64>,
}
command!("ledger.link", Link, Once, Access::System);

/// What a timer calls without an intent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Show {
    pub text: String,
}
command!("ledger.show", Show, State, Access::System);

/// Puts effects into the outbox.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Tell {
    pub key: String,
    pub text: String,
}
command!("ledger.tell", Tell, State, Access::System);

/// Owes a call and an effect, and says only then in whose name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Owe {
    pub text: String,
    pub user: UserId,
    pub org: OrgId,
}
command!("ledger.owe", Owe, State, Access::System);

/// Notes by way of `ledger.note`, with the same intent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Pass {
    pub text: String,
}
command!("ledger.pass", Pass, Once, Access::System);

pub fn plugin(world: Arc<World>) -> Plugin {
    Plugin::new("ledger")
        .apart()
        .migration(1, include_str!("ledger.sql"))
        .state(world)
        .once(note, |_| Ok(Done {}))
        .once(fire, |_| Ok(Done {}))
        .once(link, |_| Ok(Done {}))
        .forward(pass)
        .command(plan)
        .command(chain)
        .command(show)
        .command(tell)
        .command(owe)
        .reads(&[NOTED], write_down)
        .on(MARKED, write_one_down)
        .effect("shout", shout)
        .effect_with("once", Retries { tries: 1, ..Retries::default() }, shout)
        .fact("ledger.rows", "How many rows there are.", rows)
}

pub fn topic() -> Topic {
    "x:ledger:notes".parse().unwrap()
}

async fn note(ctx: Ctx, args: Note) -> Result<Decision<Done>> {
    let mut tx = ctx.tx();
    let kind = if args.text.starts_with("mark") { MARKED } else { NOTED };
    let org = ctx.caller().org;
    let its_own = || format!("x:ledger:{org}").parse().unwrap();
    tx.emit(if org.0.is_nil() { topic() } else { its_own() }, kind, &args);
    Ok(tx.into())
}

async fn pass(ctx: Ctx, args: Pass) -> Result<Done> {
    ctx.call_as(ctx.caller(), ctx.cid(), &Note { text: args.text }).await
}

async fn plan(ctx: Ctx, args: Plan) -> Result<Done> {
    let mut tx = ctx.tx();
    match args.due_at {
        None => tx.cancel(&args.key),
        Some(due_at) if args.state => tx.at(due_at, &args.key, &Show { text: args.text }),
        Some(due_at) => tx.at(due_at, &args.key, &Fire { text: args.text }),
    }
    ctx.commit(tx).await?;
    Ok(Done {})
}

async fn fire(ctx: Ctx, args: Fire) -> Result<Decision<Done>> {
    ctx.state::<World>().meet(&args.text).await?;
    let mut tx = ctx.tx();
    write(&mut tx, "fired", &args.text, ctx.now());
    tx.emit(topic(), "ledger.fired", &args);
    Ok(tx.into())
}

async fn chain(ctx: Ctx, args: Chain) -> Result<Done> {
    let mut tx = ctx.tx();
    tx.at(args.due_at, &args.link.key, &args.link);
    ctx.commit(tx).await?;
    Ok(Done {})
}

async fn link(ctx: Ctx, args: Link) -> Result<Decision<Done>> {
    let mut tx = ctx.tx();
    write(&mut tx, "fired", &args.text, ctx.now());
    match args.again_ms {
        Some(ms) => tx.after(ms, &args.key, &Fire { text: format!("{} again", args.text) }),
        None => tx.cancel(&args.key),
    }
    tx.emit(topic(), "ledger.linked", &args);
    Ok(tx.into())
}

async fn show(ctx: Ctx, args: Show) -> Result<Done> {
    ctx.state::<World>().meet(&args.text).await?;
    let mut tx = ctx.tx();
    write(&mut tx, "shown", &args.text, ctx.now());
    ctx.commit(tx).await?;
    Ok(Done {})
}

async fn tell(ctx: Ctx, args: Tell) -> Result<Done> {
    let mut tx = ctx.tx();
    let kind = match args.text.as_str() {
        text if text.starts_with("once") => "once",
        "nobody hears it" => "whisper",
        _ => "shout",
    };
    tx.outbox(kind, &args.key, &args.text);
    ctx.commit(tx).await?;
    Ok(Done {})
}

async fn owe(ctx: Ctx, args: Owe) -> Result<Done> {
    let mut tx = ctx.tx();
    tx.after(0, &args.text, &Fire { text: args.text.clone() });
    tx.outbox("shout", &args.text, &args.text);
    ctx.commit(tx.on_behalf_of(args.user, args.org)).await?;
    Ok(Done {})
}

/// A row an event, without a thought of whether it is there already.
async fn write_down(ctx: Ctx, events: Vec<Event>) -> Result<Tx> {
    let mut rows = Vec::new();
    for event in &events {
        let note: Note = event.data.to().map_err(Error::internal)?;
        ctx.state::<World>().meet(&note.text).await?;
        rows.push(vec!["read".into(), note.text.into(), event.at.into()]);
    }
    ctx.state::<World>().batches.lock().unwrap().push((ctx.caller().org, events.len()));
    let mut tx = ctx.tx();
    tx.run_rows("INSERT INTO ledger_row (what, said, at) VALUES {rows}", rows);
    Ok(tx)
}

async fn write_one_down(ctx: Ctx, event: Event) -> Result<Tx> {
    let note: Note = event.data.to().map_err(Error::internal)?;
    ctx.state::<World>().meet(&note.text).await?;
    let mut tx = ctx.tx();
    write(&mut tx, "marked", &note.text, event.at);
    tx.audit(Audited::of("note", &note.text));
    tx.after(0, &note.text, &Fire { text: note.text.clone() });
    tx.outbox("shout", &note.text, &note.text);
    Ok(tx)
}

async fn shout(ctx: Ctx, delivery: Delivery<String>) -> Result<Tx> {
    let world = ctx.state::<World>();
    world.meet(&delivery.payload).await?;
    if let Some(file) = &world.file {
        let line = format!("{}\n", delivery.key);
        file.lock().unwrap().write_all(line.as_bytes()).map_err(Error::internal)?;
    }
    world.seen.lock().unwrap().push((delivery.key, delivery.payload.clone()));
    let mut tx = ctx.tx();
    tx.emit(topic(), "ledger.shouted", &ctx.caller().org);
    write(&mut tx, "shouted", &delivery.payload, ctx.now());
    Ok(tx)
}

async fn rows(ctx: Ctx, period: Period) -> Result<Fact> {
    let sql = "SELECT at, COUNT(*) FROM ledger_row WHERE at >= $1 AND at < $2
               GROUP BY at ORDER BY at";
    let mut points = Vec::new();
    for row in ctx.query(sql, [period.from.into(), period.to.into()]).await? {
        points.push(Point { at: row.get(0)?, value: row.get::<i64>(1)? as f64 });
    }
    Ok(Fact::Series { points, unit: "rows".into() })
}

fn write(tx: &mut Tx, what: &str, text: &str, at: i64) {
    let sql = "INSERT INTO ledger_row (what, said, at) VALUES ($1, $2, $3)";
    tx.run(sql, [what.into(), text.into(), at.into()]);
}
