//! What alerts say about an organisation or a conversation: of those that began in a period.

use carillon_plugin::{Ctx, Period, Plugin, Result, Value};
use carillon_protocol::fact::Fact;

/// Offers them.
pub(super) fn offer(plugin: Plugin) -> Plugin {
    plugin
        .fact("ding.sent", "How many alerts began.", sent)
        .fact("ding.confirmed", "How many recipients of these have confirmed.", confirmed)
        .fact(
            "ding.median_confirm_ms",
            "After how many milliseconds half of those who confirmed had done so.",
            median,
        )
        .fact_of_conversation(
            "ding.sent_about",
            "How many alerts began that were made from messages here.",
            sent,
        )
        .fact_of_conversation(
            "ding.confirmed_about",
            "How many recipients of these have confirmed.",
            confirmed,
        )
}

/// Which alerts are meant, of a table that is called `a`.
fn which(period: &Period) -> (&'static str, Vec<Value>) {
    let mut row: Vec<Value> = vec![period.org.into(), period.from.into(), period.to.into()];
    let Some(conv) = period.conv else {
        return ("a.org = $1 AND a.begins_at >= $2 AND a.begins_at < $3", row);
    };
    row.push(conv.into());
    ("a.about_conv = $4 AND a.org = $1 AND a.begins_at >= $2 AND a.begins_at < $3", row)
}

/// Recipients who have confirmed.
const CONFIRMED: &str = "FROM ding_alert a JOIN ding_recipient r ON r.ding = a.id AND r.state = 3";

async fn number(ctx: &Ctx, sql: String, row: Vec<Value>) -> Result<u64> {
    ctx.query_one(&sql, row).await?.map_or(Ok(0), |row| row.get(0))
}

async fn sent(ctx: Ctx, period: Period) -> Result<Fact> {
    let (which, row) = which(&period);
    let value =
        number(&ctx, format!("SELECT COUNT(*) FROM ding_alert a WHERE {which}"), row).await?;
    Ok(Fact::Number { value: value as f64, unit: "dings".into() })
}

async fn confirmed(ctx: Ctx, period: Period) -> Result<Fact> {
    let (which, row) = which(&period);
    let value = number(&ctx, format!("SELECT COUNT(*) {CONFIRMED} WHERE {which}"), row).await?;
    Ok(Fact::Number { value: value as f64, unit: "people".into() })
}

/// A series without points says that nobody has confirmed.
async fn median(ctx: Ctx, period: Period) -> Result<Fact> {
    let (which, mut row) = which(&period);
    let sql = format!("SELECT COUNT(*) {CONFIRMED} WHERE {which}");
    let people = number(&ctx, sql, row.clone()).await?;
    if people == 0 {
        return Ok(Fact::Series { points: Vec::new(), unit: "ms".into() });
    }
    let middle = format!("LIMIT 1 OFFSET ${}", row.len() + 1);
    row.push(((people - 1) / 2).into());
    let sql = format!(
        "SELECT r.at - a.begins_at AS took {CONFIRMED} WHERE {which} ORDER BY took {middle}"
    );
    let value = number(&ctx, sql, row).await?;
    Ok(Fact::Number { value: value as f64, unit: "ms".into() })
}
