//! Somebody leaves the organisation: what waits for them waits for nobody.

use carillon_plugin::{Ctx, Error, Result, Tx};
use carillon_protocol::{
    DingId, Event,
    ding::{Advance, State},
    org::MemberChangedData,
};

use super::rows::place;

/// Alerts that end at once for who leaves, the newest ones. Others end with their next step.
const ALERTS_MAX: usize = 200;

/// `org.member_left`: their ladders go on now, and find them gone.
pub(super) async fn left(ctx: Ctx, event: Event) -> Result<Tx> {
    let MemberChangedData { user, .. } = event.data.to().map_err(Error::internal)?;
    let (org, now) = (ctx.caller().org, ctx.now());
    let sql = format!(
        "SELECT r.ding FROM ding_recipient r JOIN ding_alert a ON a.id = r.ding
         WHERE r.user_id = $1 AND r.state < $2 AND a.org = $3 AND a.begins_at <= $4
         ORDER BY r.ding DESC LIMIT {ALERTS_MAX}"
    );
    let which = [user.into(), place(State::Confirmed), org.into(), now.into()];
    let rows = ctx.query(&sql, which).await?;
    let mut tx = ctx.tx();
    for row in &rows {
        let ding: DingId = row.get(0)?;
        tx.run(
            "UPDATE ding_recipient SET next_at = $1
             WHERE ding = $2 AND user_id = $3 AND state < $4",
            [now.into(), ding.into(), user.into(), place(State::Confirmed)],
        );
        tx.after(0, &ding.to_string(), &Advance { ding });
    }
    tx.run("DELETE FROM ding_deputy WHERE user_id = $1 OR deputy = $1", [user.into()]);
    Ok(tx)
}
