//! What chat can count without looking through the log.

use carillon_plugin::{Ctx, Period, Result};
use carillon_protocol::fact::{Fact, Point};

/// The length of a day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// How many conversations were begun on each day, in UTC; days without any are left out.
pub(super) async fn conversations(ctx: Ctx, period: Period) -> Result<Fact> {
    let sql = "SELECT created_at / $1, COUNT(*) FROM chat_conversation
               WHERE org = $2 AND created_at >= $3 AND created_at < $4 GROUP BY 1 ORDER BY 1";
    let args = [DAY_MS.into(), period.org.into(), period.from.into(), period.to.into()];
    let points = ctx.query(sql, args).await?.into_iter().map(|row| {
        let (day, begun): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(Point { at: day * DAY_MS, value: begun as f64 })
    });
    Ok(Fact::Series { points: points.collect::<Result<_>>()?, unit: "conversations".into() })
}
