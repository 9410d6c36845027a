//! The delivery log, and how long it is kept.

use carillon_plugin::{
    Ctx, Error, Result, Row, Tx, Value,
    protocol::{
        UserId,
        limits::ATTEMPTS_PER_PAGE_MAX,
        notify::{Alert, Done, ListLog, ListMine, Log, Logged, Outcome, Subject, Sweep},
        role::ORGANISATION,
    },
};

use super::{
    attempt::{self, Attempt, BEGUN, COLUMNS, End, WAITING},
    code::DAY_MS,
    contact, permit, person,
};

/// How long attempts are kept: a quarter, in which people ask why they were not called.
const KEPT_MS: i64 = 92 * DAY_MS;
/// So many attempts are removed at a time.
const SWEPT_MAX: usize = 5_000;
/// So many attempts that nothing became of are given up at a time.
const STUCK_MAX: usize = 200;
/// How many are in a page when nobody says.
const PAGE: u32 = 50;

pub(super) async fn list(ctx: Ctx, args: ListLog) -> Result<Log> {
    permit(&ctx, ORGANISATION).await?;
    let ListLog { user, before, limit } = args;
    if let Some(user) = user {
        contact::member(&ctx, user).await?;
    }
    let mut log = page(&ctx, user, before.as_deref(), limit).await?;
    // What people are told is not the administrators' to read.
    log.attempts.iter_mut().for_each(|attempt| attempt.title = None);
    Ok(log)
}

pub(super) async fn mine(ctx: Ctx, args: ListMine) -> Result<Log> {
    let user = person(&ctx)?.user;
    page(&ctx, Some(user), args.before.as_deref(), args.limit).await
}

/// A page of the log, of everybody or of one person.
async fn page(
    ctx: &Ctx,
    user: Option<UserId>,
    before: Option<&str>,
    limit: Option<u32>,
) -> Result<Log> {
    let limit = limit.unwrap_or(PAGE);
    if !(1..=ATTEMPTS_PER_PAGE_MAX).contains(&limit) {
        return Err(Error::bad_arg("limit", format!("1 to {ATTEMPTS_PER_PAGE_MAX}")));
    }
    let mut sql = "SELECT key, plugin, subject, channel, user_id, state, why, reference,
                       notify_attempt.made_at, done_at, alert
                   FROM notify_attempt LEFT JOIN notify_message ON notify_message.id = message
                   WHERE notify_attempt.org = $1"
        .to_owned();
    let mut values: Vec<Value> = vec![ctx.caller().org.into()];
    if let Some(user) = user {
        values.push(user.into());
        sql += &format!(" AND user_id = ${}", values.len());
    }
    if let Some(before) = before {
        let (at, key) = cursor(before)?;
        values.extend([at.into(), key.into()]);
        let (at, key) = (values.len() - 1, values.len());
        sql += &format!(" AND (notify_attempt.made_at, key) < (${at}, ${key})");
    }
    sql += &format!(" ORDER BY notify_attempt.made_at DESC, key DESC LIMIT {}", limit + 1);
    let rows = ctx.query(&sql, values).await?;
    let mut attempts = rows.iter().map(logged).collect::<Result<Vec<_>>>()?;
    let more = attempts.len() > limit as usize;
    attempts.truncate(limit as usize);
    let next = attempts.last().filter(|_| more).map(|it| format!("{}:{}", it.at, it.key));
    Ok(Log { attempts, next })
}

fn cursor(text: &str) -> Result<(i64, &str)> {
    let read = text.split_once(':').and_then(|(at, key)| Some((at.parse().ok()?, key)));
    read.ok_or_else(|| Error::bad_arg("before", "give the `next` of the page before"))
}

fn logged(row: &Row) -> Result<Logged> {
    let alert: Option<String> = row.get(10)?;
    let alert = alert.map(|text| serde_json::from_str::<Alert>(&text)).transpose();
    Ok(Logged {
        key: row.get(0)?,
        subject: Subject { plugin: row.get(1)?, id: row.get(2)? },
        channel: attempt::channel(&row.get::<String>(3)?)?,
        user: row.get(4)?,
        outcome: attempt::outcome(&row.get::<String>(5)?),
        why: row.get(6)?,
        reference: row.get(7)?,
        at: row.get(8)?,
        done_at: row.get(9)?,
        title: alert.map_err(Error::internal)?.map(|alert| alert.title),
    })
}

/// Lets the log be swept at the end of the day, once for all that was sent in it. Each day's has a
/// timer of its own, so whoever sends puts off none that is due or between its pages.
pub(super) fn sweep_daily(ctx: &Ctx, tx: &mut Tx) {
    let day = ctx.now().div_euclid(DAY_MS) + 1;
    tx.at(day * DAY_MS, &timer(ctx, day), &Sweep {});
}

fn timer(ctx: &Ctx, day: i64) -> String {
    format!("sweep:{}:{day}", ctx.caller().org)
}

pub(super) async fn sweep(ctx: Ctx, args: Sweep) -> Result<Done> {
    let (org, now) = (ctx.caller().org, ctx.now());
    let mut tx = ctx.tx();
    // What a process died of again and again, so that nobody could write down its end.
    let sql = format!(
        "SELECT {COLUMNS} FROM notify_attempt
         WHERE org = $1 AND made_at < $2 AND state IN ('{WAITING}', '{BEGUN}')
         ORDER BY made_at LIMIT {STUCK_MAX}"
    );
    let stuck = ctx.query(&sql, [org.into(), (now - DAY_MS).into()]).await?;
    for row in &stuck {
        let end = End::of(Outcome::Unknown, "nothing was heard of it within a day");
        Attempt::read(row)?.settle(&mut tx, now, &end)?;
    }
    let old = (now - KEPT_MS).into();
    let sql = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM notify_attempt WHERE org = $1 AND made_at < $2
             LIMIT {SWEPT_MAX}) AS old"
    );
    let counted = ctx.query_one(&sql, [org.into(), Value::clone(&old)]).await?;
    let swept: u64 = counted.ok_or_else(|| Error::not_found("count"))?.get(0)?;
    for (table, name) in [("notify_attempt", "key"), ("notify_message", "id")] {
        let sql = format!(
            "DELETE FROM {table} WHERE org = $1 AND {name} IN (
                 SELECT {name} FROM {table} WHERE org = $1 AND made_at < $2
                 ORDER BY made_at LIMIT {SWEPT_MAX})"
        );
        tx.run(sql, [org.into(), Value::clone(&old)]);
    }
    tx.run(
        "DELETE FROM notify_code WHERE org = $1 AND sent_at < $2",
        [org.into(), (now - DAY_MS).into()],
    );
    let more = swept as usize == SWEPT_MAX || stuck.len() == STUCK_MAX;
    match more {
        true => tx.after(0, &timer(&ctx, now.div_euclid(DAY_MS)), &args),
        false => sweep_daily(&ctx, &mut tx),
    }
    ctx.commit(tx).await?;
    Ok(Done {})
}
