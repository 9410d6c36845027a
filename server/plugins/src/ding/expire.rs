//! The deadline of an alert passes, or somebody leaves: whoever has not answered is alerted no
//! more.

use carillon_plugin::{Ctx, Result, Tx};
use carillon_protocol::{
    Topic, UserId,
    ding::{Advance, ChangedData, EndedData, State, kind},
};

use super::{
    advance::PAGE,
    rows::{Alert, place, topic},
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
    let Some(&last) = users.last() else { return Ok(false) };
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
    ended(ctx, &mut tx, alert, &users, State::Expired).await?;
    let is_full = users.len() == PAGE;
    if is_full {
        tx.after(0, &ding.to_string(), &Advance { ding });
    }
    ctx.commit(tx).await?;
    Ok(is_full)
}

/// Says that an alert is over for these recipients, by their ids: they are alerted no more, and
/// nobody instead of them.
pub(super) async fn ended(
    ctx: &Ctx,
    tx: &mut Tx,
    alert: &Alert,
    users: &[UserId],
    state: State,
) -> Result<()> {
    let (Some(&first), Some(&last)) = (users.first(), users.last()) else { return Ok(()) };
    let (ding, after_ms) = (alert.ding, ctx.now() - alert.begins_at);
    let counts = |user: &UserId| users.binary_search(user).is_ok();
    let stop = Stop::between(ctx, ding, (first, last)).await?;
    for &user in users {
        let ended = EndedData { ding, state, by: None, instead_of: None };
        tx.emit(Topic::User(user), kind::ENDED, &ended);
        let changed = ChangedData { ding, user, state, handled_by: None, after_ms };
        tx.emit(topic(ding), kind::CHANGED, &changed);
    }
    for &(other, of) in stop.others.iter().filter(|(_, of)| counts(of)) {
        let ended = EndedData { ding, state, by: None, instead_of: Some(of) };
        tx.emit(Topic::User(other), kind::ENDED, &ended);
    }
    stop.put(tx, ding, counts);
    Ok(())
}

/// Takes out recipients who are not in the organisation any more, and says so.
pub(super) async fn withdraw(
    ctx: &Ctx,
    tx: &mut Tx,
    alert: &Alert,
    users: &[UserId],
) -> Result<()> {
    take_out(ctx, tx, alert, users);
    ended(ctx, tx, alert, users, State::Withdrawn).await
}

/// Takes out recipients.
pub(super) fn take_out(ctx: &Ctx, tx: &mut Tx, alert: &Alert, users: &[UserId]) {
    tx.run_rows(
        format!(
            "UPDATE ding_recipient SET state = {}, at = {}, next_at = NULL, waiting = NULL,
                 remind = 0
             WHERE state < {} AND (ding, user_id) IN (VALUES {{rows}})",
            State::Withdrawn as i64,
            ctx.now(),
            State::Confirmed as i64
        ),
        users.iter().map(|&user| vec![alert.ding.into(), user.into()]).collect(),
    );
}
