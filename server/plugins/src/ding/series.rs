//! Recurring alerts: each time is an alert of its own.
//!
//! A row says which time is owed (`next_at`), and a timer comes then. The alert is sent in the
//! transaction that moves the row on, so each time is sent once, whatever happens to the node. Of
//! times that were missed only the newest is sent, late. Whom it is for is found out each time.

use carillon_plugin::{Audited, Caller, Ctx, Error, Result, Tx};
use carillon_protocol::{
    ErrorCode, OrgId, SeriesId, UserId,
    ding::{Again, Done, EndSeries, ListSeries, Send, Series, SeriesListed},
    id::Ulid,
};

use super::{
    audience, recall,
    recurrence::Recurrence,
    revision::{json, read},
    rights::{self, Need},
    send::{self, Draft},
    settings,
};

/// The most recurring alerts of one person that go on: as many as are listed.
const SERIES_MAX: usize = 100;

/// The times of a rule, from a moment on; refused, if there are none.
pub(super) async fn times(
    ctx: &Ctx,
    org: OrgId,
    repeat: &str,
    from: i64,
    many: usize,
) -> Result<Vec<i64>> {
    let zone = audience::zone(ctx, org).await?;
    Ok(Recurrence::read(repeat, zone, from)?.after(from - 1, many))
}

/// Sets up what recurs, after the first alert at this time; nothing, if it does not recur.
pub(super) async fn begin(
    ctx: &Ctx,
    tx: &mut Tx,
    send: &Send,
    first_at: i64,
) -> Result<Option<SeriesId>> {
    let Some(repeat) = &send.repeat else { return Ok(None) };
    let Caller { user, org, .. } = ctx.caller();
    let zone = audience::zone(ctx, org).await?;
    let next = Recurrence::read(repeat, zone, first_at)?.after(first_at, 1).first().copied();
    let sql = "SELECT COUNT(*) FROM ding_series WHERE sender = $1 AND next_at IS NOT NULL";
    let row = ctx.query_one(sql, [user.into()]).await?;
    let running: usize = row.map_or(Ok(0), |row| row.get::<u64>(0))? as usize;
    if running >= SERIES_MAX {
        let msg = format!("you have {running} recurring alerts; end one first");
        return Err(Error::conflict(msg).field("repeat"));
    }
    let series = SeriesId(ctx.new_id());
    tx.run(
        "INSERT INTO ding_series (id, org, sender, send, begins_at, next_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        [series.into(), org.into(), user.into(), json(send)?.into(), first_at.into(), next.into()],
    );
    owe(tx, series, next);
    Ok(Some(series))
}

/// The timer of the next time.
fn owe(tx: &mut Tx, series: SeriesId, next: Option<i64>) {
    match next {
        Some(at) => tx.at(at, &key(series), &Again { series, at }),
        None => tx.cancel(&key(series)),
    }
}

fn key(series: SeriesId) -> String {
    format!("again:{series}")
}

/// A series that goes on.
struct Running {
    series: SeriesId,
    by: Caller,
    send: Send,
    begins_at: i64,
    owed: i64,
}

impl Running {
    /// The series, if this time of it is still owed.
    async fn of(ctx: &Ctx, Again { series, at }: Again) -> Result<Option<Running>> {
        let sql = "SELECT org, sender, send, begins_at FROM ding_series
                   WHERE id = $1 AND next_at = $2";
        let Some(row) = ctx.query_one(sql, [series.into(), at.into()]).await? else {
            return Ok(None);
        };
        let by = Caller::on_behalf_of(row.get::<UserId>(1)?, row.get::<OrgId>(0)?);
        let (send, begins_at) = (read(&row.get::<String>(2)?)?, row.get(3)?);
        Ok(Some(Running { series, by, send, begins_at, owed: at }))
    }

    /// A transaction that moves it on; undone, if somebody else did.
    fn moved(&self, ctx: &Ctx, next: Option<i64>, stopped: Option<&str>) -> Tx {
        let mut tx = ctx.tx().on_behalf_of(self.by.user, self.by.org);
        tx.run_one(
            "UPDATE ding_series SET next_at = $2, stopped = $3 WHERE id = $1 AND next_at = $4",
            [self.series.into(), next.into(), stopped.into(), self.owed.into()],
        );
        owe(&mut tx, self.series, next);
        tx
    }

    /// It ends, and says why, also in the audit log: nothing goes out in the name of somebody who
    /// may not send it.
    fn stopped(&self, ctx: &Ctx, why: &Error) -> Tx {
        let tx = self.moved(ctx, None, Some(&why.body().msg));
        let mut tx = tx.on_behalf_of(UserId(Ulid::nil()), self.by.org);
        tx.audit(Audited::named(recall::REFUSED, format!("ding_series:{}", self.series)));
        tx
    }

    /// The alert that is due.
    async fn draft(&self, ctx: &Ctx, at: i64, tx: &mut Tx) -> Result<Draft> {
        let settings = settings::load(ctx, self.by.org).await?;
        rights::count(ctx, self.by, &settings, tx).await?;
        send::prepare(ctx, self.by, &self.send, at, Need::Any).await
    }
}

/// `ding.again`.
pub(super) async fn again(ctx: Ctx, args: Again) -> Result<Done> {
    let Some(running) = Running::of(&ctx, args).await? else { return Ok(Done {}) };
    let zone = audience::zone(&ctx, running.by.org).await?;
    let repeat = running.send.repeat.as_deref().unwrap_or_default();
    let next = match Recurrence::read(repeat, zone, running.begins_at) {
        // What comes next is later than now, also by a clock that was set forward.
        Ok(rule) => rule.after(ctx.now().max(running.owed), 1).first().copied(),
        Err(_) => None,
    };
    let mut tx = running.moved(&ctx, next, None);
    let now = ctx.now().max(running.owed);
    let draft = match running.draft(&ctx, now, &mut tx).await {
        Ok(draft) => draft,
        Err(error) => {
            let tx = match refusal(&error) {
                Refusal::Later => return Err(error),
                Refusal::Skip => running.moved(&ctx, next, None),
                Refusal::Stop => running.stopped(&ctx, &error),
            };
            ctx.commit(tx).await?;
            return Ok(Done {});
        }
    };
    send::write(&ctx, &mut tx, &draft, Some(running.series))?;
    ctx.commit(tx).await?;
    Ok(Done {})
}

/// What becomes of a series of which an alert cannot be sent.
enum Refusal {
    /// It is tried again: the server was in trouble.
    Later,
    /// This time is left out: nobody is to be reached today, or the sender has sent enough.
    Skip,
    /// It ends: its sender left, or may not any more; or what it names is gone.
    Stop,
}

fn refusal(error: &Error) -> Refusal {
    match error.code() {
        ErrorCode::Quota | ErrorCode::BadArg => Refusal::Skip,
        ErrorCode::Forbidden
        | ErrorCode::NotFound
        | ErrorCode::NotMember
        | ErrorCode::TooLarge
        | ErrorCode::Conflict => Refusal::Stop,
        _ => Refusal::Later,
    }
}

/// `ding.series.list`.
pub(super) async fn list(ctx: Ctx, _: ListSeries) -> Result<SeriesListed> {
    let sql = "SELECT id, send, next_at, stopped FROM ding_series
               WHERE sender = $1 AND org = $2 ORDER BY id DESC LIMIT 100";
    let Caller { user, org, .. } = ctx.caller();
    let mut series = Vec::new();
    for row in ctx.query(sql, [user.into(), org.into()]).await? {
        let send: Send = read(&row.get::<String>(1)?)?;
        series.push(Series {
            series: row.get(0)?,
            text: send.text,
            repeat: send.repeat.unwrap_or_default(),
            next_at: row.get(2)?,
            stopped: row.get(3)?,
        });
    }
    Ok(SeriesListed { series })
}

/// `ding.series.end`.
pub(super) async fn end(ctx: Ctx, args: EndSeries) -> Result<Done> {
    let sql = "SELECT next_at FROM ding_series WHERE id = $1 AND sender = $2 AND org = $3";
    let Caller { user, org, .. } = ctx.caller();
    let row = ctx.query_one(sql, [args.series.into(), user.into(), org.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("recurring alert"))?;
    let Some(next) = row.get::<Option<i64>>(0)? else { return Ok(Done {}) };
    let mut tx = ctx.tx();
    tx.run_one(
        "UPDATE ding_series SET next_at = NULL WHERE id = $1 AND next_at = $2",
        [args.series.into(), next.into()],
    );
    owe(&mut tx, args.series, None);
    tx.audit(Audited::of("ding_series", args.series));
    ctx.commit(tx).await?;
    Ok(Done {})
}
