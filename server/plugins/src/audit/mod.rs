//! The audit log of the server: who administered what, chained so that nobody changes it unseen.
//!
//! Whoever administers appends `audit.recorded` in the same transaction ([`carillon_plugin::Tx`]);
//! here those events become rows, in the order of commits. The rows alone prove nothing against
//! whoever can write to the database: that does what the node signs and keeps elsewhere
//! ([`verify`]).

mod chain;
mod list;
pub mod verify;

use carillon_plugin::{Audited, Ctx, Error, Host, Plugin, Result, Tx, Value};
use carillon_protocol::{
    Event, Topic,
    audit::{Link, Note, Noted, RecordedData, Walk, Walked, kind},
};

use self::chain::{BEGINNING, COLUMNS, HASH, link, select};

/// Rows that one call of `audit.walk` answers with.
const WALK_MAX: u64 = 500;
/// The longest names of `audit.note`.
const OP_LEN_MAX: usize = 100;
const OBJECT_LEN_MAX: usize = 200;

/// The plugin.
pub fn plugin() -> Plugin {
    Plugin::new("audit")
        .migration(1, include_str!("1_tables.sql"))
        .reads_of_all(&[kind::RECORDED], write)
        .from_the_beginning()
        .command(list::list)
        .command(walk)
        .command(note)
}

/// Makes rows of events. Nobody else does: of two nodes that both try, one loses the cursor.
async fn write(ctx: Ctx, events: Vec<Event>) -> Result<Tx> {
    let (mut n, mut prev) = last(ctx.host()).await?.unwrap_or((0, BEGINNING.to_owned()));
    let mut rows = Vec::with_capacity(events.len());
    for event in &events {
        n += 1;
        let row = row(n, event, prev)?;
        prev = row.hash.clone();
        rows.push(row.values());
    }
    let mut tx = ctx.tx();
    let sql = format!("INSERT INTO audit_row ({}) VALUES {{rows}}", COLUMNS.join(", "));
    tx.run_rows(sql, rows);
    Ok(tx)
}

/// The number and the hash of the last row, for the node that signs it.
///
/// # Errors
/// `E_UNAVAILABLE` if the database cannot answer.
pub async fn last(host: &Host) -> Result<Option<(u64, String)>> {
    let sql = "SELECT n, hash FROM audit_row ORDER BY n DESC LIMIT 1";
    let rows = host.storage().query(sql, Vec::new()).await?;
    rows.first().map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// A new row.
struct NewRow {
    n: u64,
    event: Event,
    cells: Vec<Option<String>>,
    times: u32,
    hash: String,
}

fn row(n: u64, event: &Event, prev: String) -> Result<NewRow> {
    let data = event.data.to::<RecordedData>().map_err(Error::internal)?;
    let org = match &event.topic {
        Topic::Plugin(topic) => topic.id.clone(),
        other => return Err(Error::internal(std::io::Error::other(other.to_string()))),
    };
    let cells = vec![
        Some(n.to_string()),
        Some(event.at.to_string()),
        Some(data.actor.to_string()),
        data.address,
        Some(data.op),
        Some(data.object),
        data.before,
        data.after,
        Some(data.outcome.as_str().to_owned()),
        Some(data.times.to_string()),
        Some(org),
        Some(event.id.to_string()),
        Some(prev),
    ];
    let hash = chain::hash(&cells);
    Ok(NewRow { n, event: event.clone(), cells, times: data.times, hash })
}

impl NewRow {
    /// As [`COLUMNS`] has them.
    fn values(self) -> Vec<Value> {
        let texts = self.cells.into_iter().zip(COLUMNS);
        let value = |(text, column): (Option<String>, &str)| match column {
            "n" => self.n.into(),
            "at" => self.event.at.into(),
            "times" => self.times.into(),
            _ => text.into(),
        };
        texts.map(value).chain([self.hash.clone().into()]).collect()
    }
}

/// Rows as they are stored. One that cannot be read, because somebody put in what is no text, has
/// no cells.
async fn walk(ctx: Ctx, Walk { after }: Walk) -> Result<Walked> {
    let sql = select(&format!("WHERE n > $1 ORDER BY n LIMIT {WALK_MAX}"));
    if let Ok(links) = read(&ctx, &sql, after).await {
        return Ok(Walked { links });
    }
    let numbers = format!("SELECT n FROM audit_row WHERE n > $1 ORDER BY n LIMIT {WALK_MAX}");
    let one = select("WHERE n = $1");
    let mut links = Vec::new();
    for row in ctx.query(&numbers, [after.into()]).await? {
        let n = row.get::<u64>(0)?;
        let alone = read(&ctx, &one, n).await.ok().and_then(|mut links| links.pop());
        links.push(alone.unwrap_or(Link { n, cells: Vec::new() }));
    }
    Ok(Walked { links })
}

async fn read(ctx: &Ctx, sql: &str, n: u64) -> Result<Vec<Link>> {
    ctx.query(sql, [n.into()]).await?.iter().map(link).collect()
}

/// Writes down what was done to the server as a whole.
async fn note(ctx: Ctx, args: Note) -> Result<Noted> {
    for (field, text, max) in
        [("op", &args.op, OP_LEN_MAX), ("object", &args.object, OBJECT_LEN_MAX)]
    {
        if text.len() > max || text.contains('\0') {
            return Err(Error::bad_arg(field, format!("`{field}` has at most {max} bytes")));
        }
    }
    let mut tx = ctx.tx();
    tx.audit(Audited::named(args.op, args.object));
    ctx.commit(tx).await?;
    Ok(Noted {})
}

/// The place of the last column, which tests change too.
const _: () = assert!(HASH + 1 == COLUMNS.len());
