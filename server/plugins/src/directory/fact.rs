//! What the directory can count.

use carillon_plugin::{Ctx, Error, Period, Result};
use carillon_protocol::fact::Fact;

/// How many people, not programs, were there when the period ended.
pub(super) async fn people(ctx: Ctx, period: Period) -> Result<Fact> {
    let sql = "SELECT COUNT(*) FROM directory_user
               WHERE org = $1 AND app = 0 AND created_at < $2
                   AND (left_at IS NULL OR left_at >= $2)";
    let row = ctx.query_one(sql, [period.org.into(), period.to.into()]).await?;
    let people: i64 = row.ok_or_else(|| Error::not_found("organisation"))?.get(0)?;
    Ok(Fact::Number { value: people as f64, unit: "people".into() })
}
