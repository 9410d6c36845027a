//! What rooms know about a period, for digests.

use carillon_plugin::{Ctx, Period, Result, Value};
use carillon_protocol::fact::Fact;

/// `room.meetings` of a conversation, `room.all_meetings` of the organisation.
pub(super) async fn meetings(ctx: Ctx, period: Period) -> Result<Fact> {
    let sql = "SELECT COUNT(*) FROM room_meeting
               WHERE org = $1 AND ($2 = '' OR conv = $2) AND started_at >= $3 AND started_at < $4";
    Ok(Fact::Number { value: ask(&ctx, sql, &period).await?, unit: "meetings".into() })
}

/// `room.minutes` of a conversation, `room.all_minutes` of the organisation: how long rooms were
/// open, as far as it lies in the period.
pub(super) async fn minutes(ctx: Ctx, period: Period) -> Result<Fact> {
    // What is open lasts until now. The sign keeps SQLite from reading all that ever began, which
    // the index by the end need not.
    let now = ctx.now().clamp(period.from, period.to);
    let sql = format!(
        "SELECT CAST(COALESCE(SUM(
             CASE WHEN COALESCE(ended_at, {now}) < $4 THEN COALESCE(ended_at, {now}) ELSE $4 END
             - CASE WHEN started_at > $3 THEN started_at ELSE $3 END), 0) AS BIGINT)
         FROM room_meeting WHERE org = $1 AND ($2 = '' OR conv = $2)
             AND +started_at < $4 AND COALESCE(ended_at, 9223372036854775807) > $3"
    );
    let ms = ask(&ctx, &sql, &period).await?;
    Ok(Fact::Number { value: (ms / 60_000.0).round(), unit: "minutes".into() })
}

async fn ask(ctx: &Ctx, sql: &str, period: &Period) -> Result<f64> {
    let conv = period.conv.map(|conv| conv.to_string()).unwrap_or_default();
    let row: [Value; 4] = [period.org.into(), conv.into(), period.from.into(), period.to.into()];
    let row = ctx.query_one(sql, row).await?;
    Ok(row.map_or(Ok(0), |row| row.get::<i64>(0))? as f64)
}
