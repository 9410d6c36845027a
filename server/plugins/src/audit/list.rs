//! The log for people: what was administered in their organisation.

use carillon_plugin::{Ctx, Error, Result, Row as Read, Value};
use carillon_protocol::{
    OrgId,
    audit::{List, Listed, Outcome, RecordedData, Row},
    role::ORGANISATION,
    session::Whoami,
};

/// Rows on a page, if the caller does not say.
const PAGE_LEN: u32 = 50;
/// The most rows on a page.
const PAGE_LEN_MAX: u32 = 200;

pub(super) async fn list(ctx: Ctx, args: List) -> Result<Listed> {
    let org = permit(&ctx, args.org).await?;
    let limit = args.limit.unwrap_or(PAGE_LEN);
    if !(1..=PAGE_LEN_MAX).contains(&limit) {
        return Err(Error::bad_arg("limit", format!("a page has 1 to {PAGE_LEN_MAX}")));
    }
    let (sql, values) = statement(&args, org, limit)?;
    let mut rows = ctx.query(&sql, values).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    Ok(Listed { rows: rows.iter().map(read).collect::<Result<_>>()?, more })
}

/// The organisation that the caller may ask about; the command line may ask about all.
async fn permit(ctx: &Ctx, org: Option<OrgId>) -> Result<Option<OrgId>> {
    let caller = ctx.caller();
    if caller.is_system() {
        return Ok(org);
    }
    if org.is_some_and(|org| org != caller.org) {
        return Err(Error::not_found("organisation"));
    }
    let identity = ctx.call_as(caller, None, &Whoami {}).await?;
    match identity.permissions.iter().any(|permission| permission == ORGANISATION) {
        true => Ok(Some(caller.org)),
        false => Err(Error::denied("this needs the permission `organisation`")),
    }
}

/// Conditions that are asked for and no others, so that each has its index.
fn statement(args: &List, org: Option<OrgId>, limit: u32) -> Result<(String, Vec<Value>)> {
    let mut conditions = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let mut add = |condition: &str, value: Value| {
        values.push(value);
        conditions.push(condition.replace('?', &format!("${}", values.len())));
    };
    if let Some(org) = org {
        add("org = ?", org.into());
    }
    if let Some(actor) = args.actor {
        add("actor = ?", actor.into());
    }
    if let Some(op) = &args.op {
        match readable("op", op)?.strip_suffix('.') {
            // What comes after the dot, in the order of bytes.
            Some(noun) => {
                add("op >= ?", op.as_str().into());
                add("op < ?", format!("{noun}/").into());
            }
            None => add("op = ?", op.as_str().into()),
        }
    }
    if let Some(object) = &args.object {
        add("object = ?", readable("object", object)?.into());
    }
    if let Some(since) = args.since {
        add("at >= ?", since.into());
    }
    if let Some(until) = args.until {
        add("at < ?", until.into());
    }
    if let Some(below) = args.below {
        add("n < ?", below.into());
    }
    // One more than is answered tells whether there is more.
    values.push((limit + 1).into());
    let all = if conditions.is_empty() { "1 = 1".to_owned() } else { conditions.join(" AND ") };
    let sql = format!(
        "SELECT n, at, org, op, actor, address, object, before, after, outcome, times
         FROM audit_row WHERE {all} ORDER BY n DESC LIMIT ${}",
        values.len()
    );
    Ok((sql, values))
}

/// Refuses what PostgreSQL keeps in no text.
fn readable<'a>(field: &str, text: &'a str) -> Result<&'a str> {
    match text.contains('\0') {
        true => Err(Error::bad_arg(field, format!("`{field}` has a character that is no text"))),
        false => Ok(text),
    }
}

fn read(row: &Read) -> Result<Row> {
    let outcome = match &*row.get::<String>(9)? {
        "done" => Outcome::Done,
        _ => Outcome::Refused,
    };
    let what = RecordedData {
        op: row.get(3)?,
        actor: row.get(4)?,
        address: row.get(5)?,
        object: row.get(6)?,
        before: row.get(7)?,
        after: row.get(8)?,
        outcome,
        times: row.get::<u64>(10)? as u32,
    };
    let org: String = row.get(2)?;
    Ok(Row { n: row.get(0)?, at: row.get(1)?, org: org.parse().ok(), what })
}
