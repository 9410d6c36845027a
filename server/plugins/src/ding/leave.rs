//! Somebody leaves the organisation: what waits for them waits for nobody.

use carillon_plugin::{Ctx, Error, Result, Row, Tx};
use carillon_protocol::{
    DingId, Event, UserId,
    ding::{Advance, State},
    org::MemberChangedData,
};

use super::rows::place;

/// Alerts of one transaction.
const PAGE: usize = 200;

/// `org.member_left`: their ladders go on now, and find them gone.
pub(super) async fn left(ctx: Ctx, event: Event) -> Result<Tx> {
    let MemberChangedData { user, .. } = event.data.to().map_err(Error::internal)?;
    let (org, now) = (ctx.caller().org, ctx.now());
    // What is due goes on already: each page that is written down leaves less, and what was
    // interrupted goes on where it was.
    let sql = format!(
        "SELECT r.ding FROM ding_recipient r JOIN ding_alert a ON a.id = r.ding
         WHERE r.user_id = $1 AND r.state < $2 AND a.org = $3 AND a.begins_at <= $4
             AND (r.next_at IS NULL OR r.next_at > $4)
         ORDER BY r.ding DESC LIMIT {PAGE}"
    );
    loop {
        let which = [user.into(), place(State::Confirmed), org.into(), now.into()];
        let rows = ctx.query(&sql, which).await?;
        let mut tx = ctx.tx();
        go_on(&mut tx, user, now, &rows)?;
        if rows.len() < PAGE {
            tx.run("DELETE FROM ding_deputy WHERE user_id = $1 OR deputy = $1", [user.into()]);
            return Ok(tx);
        }
        ctx.commit(tx).await?;
    }
}

/// Lets the ladders of somebody go on in these alerts.
fn go_on(tx: &mut Tx, user: UserId, now: i64, dings: &[Row]) -> Result<()> {
    for row in dings {
        let ding: DingId = row.get(0)?;
        tx.run(
            "UPDATE ding_recipient SET next_at = $1
             WHERE ding = $2 AND user_id = $3 AND state < $4",
            [now.into(), ding.into(), user.into(), place(State::Confirmed)],
        );
        tx.after(0, &ding.to_string(), &Advance { ding });
    }
    Ok(())
}
