//! `ding.recall`: an alert goes away everywhere.

use carillon_plugin::{Audited, Ctx, Result};
use carillon_protocol::{
    DingId, Topic, UserId,
    ding::{Done, EndedData, Recall, RecalledData, Spread, State, kind},
};

use super::{
    advance::PAGE,
    rows::{self, place, sent_by_caller, topic},
    stop::Stop,
};

/// `ding.recall`: nobody is alerted any more from this commit on; screens are told by the page.
pub(super) async fn recall(ctx: Ctx, args: Recall) -> Result<Done> {
    let alert = sent_by_caller(&ctx, args.ding).await?;
    if alert.recalled_at.is_some() {
        return Ok(Done {});
    }
    let (ding, now) = (alert.ding, ctx.now());
    let mut tx = ctx.tx();
    tx.run_one(
        "UPDATE ding_alert SET recalled_at = $1 WHERE id = $2 AND recalled_at IS NULL",
        [now.into(), ding.into()],
    );
    tx.run(
        "UPDATE ding_recipient SET state = $1, at = $2, next_at = NULL, waiting = NULL, remind = 0
         WHERE ding = $3 AND state < $4",
        [place(State::Recalled), now.into(), ding.into(), place(State::Confirmed)],
    );
    tx.emit(topic(ding), kind::RECALLED, &RecalledData { ding });
    tx.cancel(&ding.to_string());
    tx.after(0, &spreading(ding), &Spread { ding, after: None });
    tx.audit(Audited::of("ding", ding));
    ctx.commit(tx).await?;
    Ok(Done {})
}

/// `ding.spread`.
pub(super) async fn spread(ctx: Ctx, args: Spread) -> Result<Done> {
    let (ding, state) = (args.ding, State::Recalled);
    let after = args.after.map(|user| user.to_string()).unwrap_or_default();
    let sql = format!(
        "SELECT user_id FROM ding_recipient
         WHERE ding = $1 AND state = $2 AND rung > 0 AND user_id > $3
         ORDER BY user_id LIMIT {PAGE}"
    );
    let rows = ctx.query(&sql, [ding.into(), place(state), after.into()]).await?;
    let users: Vec<UserId> = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
    let (Some(&first), Some(&last)) = (users.first(), users.last()) else { return Ok(Done {}) };
    let stop = Stop::between(&ctx, ding, (first, last)).await?;
    let mut tx = ctx.tx();
    for &user in &users {
        let ended = EndedData { ding, state, by: None, instead_of: None };
        tx.emit(Topic::User(user), kind::ENDED, &ended);
    }
    for &of in &stop.replaced {
        for other in rows::stand_ins(&ctx, ding, of).await? {
            let ended = EndedData { ding, state, by: None, instead_of: Some(of) };
            tx.emit(Topic::User(other), kind::ENDED, &ended);
        }
    }
    stop.put(&mut tx, ding, |user| users.binary_search(user).is_ok());
    if users.len() == PAGE {
        tx.after(0, &spreading(ding), &Spread { ding, after: Some(last) });
    }
    ctx.commit(tx).await?;
    Ok(Done {})
}

/// The timer that tells people.
fn spreading(ding: DingId) -> String {
    format!("spread:{ding}")
}
