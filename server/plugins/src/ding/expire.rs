//! The deadline of an alert passes: whoever has not answered is alerted no more.

use carillon_plugin::{Ctx, Result};
use carillon_protocol::{
    Topic, UserId,
    ding::{Advance, ChangedData, EndedData, State, kind},
};

use super::{
    advance::PAGE,
    rows::{self, Alert, place, topic},
    stop::Stop,
};

/// A page of recipients, by their ids. Says whether there may be more.
pub(super) async fn page(ctx: &Ctx, alert: &Alert) -> Result<bool> {
    let (ding, now) = (alert.ding, ctx.now());
    let open = [ding.into(), place(State::Confirmed)];
    let sql = format!(
        "SELECT user_id FROM ding_recipient WHERE ding = $1 AND state < $2
         ORDER BY user_id LIMIT {PAGE}"
    );
    let rows = ctx.query(&sql, open).await?;
    let users: Vec<UserId> = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
    let (Some(&first), Some(&last)) = (users.first(), users.last()) else { return Ok(false) };
    let sql = "SELECT user_id, instead_of FROM ding_stand_in
               WHERE ding = $1 AND instead_of >= $2 AND instead_of <= $3";
    let rows = ctx.query(sql, [ding.into(), first.into(), last.into()]).await?;
    let others = rows::by::<UserId, UserId>(&rows, 1, |row| row.get(0))?;
    let mut tx = ctx.tx();
    tx.run_one(
        "UPDATE ding_alert SET turn = turn + 1
         WHERE id = $1 AND turn = $2 AND recalled_at IS NULL
             AND (SELECT COUNT(*) FROM ding_recipient
                 WHERE ding = $1 AND state < $3 AND user_id <= $4) = $5",
        [ding.into(), alert.turn.into(), place(State::Confirmed), last.into(), users.len().into()],
    );
    tx.run(
        "UPDATE ding_recipient SET state = $1, at = $2, next_at = NULL, waiting = NULL, remind = 0
         WHERE ding = $3 AND state < $4 AND user_id <= $5",
        [place(State::Expired), now.into(), ding.into(), place(State::Confirmed), last.into()],
    );
    let state = State::Expired;
    for &user in &users {
        let ended = EndedData { ding, state, by: None, instead_of: None };
        tx.emit(Topic::User(user), kind::ENDED, &ended);
        for &other in others.get(&user).into_iter().flatten() {
            let ended = EndedData { instead_of: Some(user), ..ended };
            tx.emit(Topic::User(other), kind::ENDED, &ended);
        }
        let after_ms = now - alert.begins_at;
        let changed = ChangedData { ding, user, state, handled_by: None, after_ms };
        tx.emit(topic(ding), kind::CHANGED, &changed);
    }
    let stop = Stop::between(ctx, ding, (first, last)).await?;
    stop.put(&mut tx, ding, |user| users.binary_search(user).is_ok());
    let is_full = users.len() == PAGE;
    if is_full {
        tx.after(0, &ding.to_string(), &Advance { ding });
    }
    ctx.commit(tx).await?;
    Ok(is_full)
}
