//! `ding.recall`: an alert goes away everywhere.

use carillon_plugin::{Audited, Ctx, Error, Result, Tx};
use carillon_protocol::{
    DingId, Topic, UserId,
    ding::{Done, EndedData, Recall, RecalledData, Spread, State, kind},
    id::Ulid,
};

use super::{
    advance::PAGE,
    rows::{Alert, place, sent_by_caller, topic},
    stop::Stop,
};

/// How the audit log names what was cancelled because its sender may not send it any more.
pub(super) const REFUSED: &str = "ding.refused";

/// `ding.recall`: nobody is alerted any more from this commit on; screens are told by the page.
pub(super) async fn recall(ctx: Ctx, args: Recall) -> Result<Done> {
    let alert = sent_by_caller(&ctx, args.ding).await?;
    if alert.recalled_at.is_none() {
        let mut tx = ctx.tx();
        take_back(&ctx, &mut tx, alert.ding, None);
        tx.audit(Audited::of("ding", alert.ding));
        ctx.commit(tx).await?;
    }
    Ok(Done {})
}

/// Refuses to begin what its sender may not send any more: in nobody's name, and it says why.
pub(super) async fn refuse(ctx: &Ctx, alert: &Alert, why: &Error) -> Result<()> {
    let mut tx = ctx.tx().on_behalf_of(UserId(Ulid::nil()), alert.org);
    take_back(ctx, &mut tx, alert.ding, Some(why.body().msg.clone()));
    tx.audit(Audited::named(REFUSED, format!("ding:{}", alert.ding)));
    ctx.commit(tx).await.map(drop)
}

fn take_back(ctx: &Ctx, tx: &mut Tx, ding: DingId, why: Option<String>) {
    let now = ctx.now();
    tx.run_one(
        "UPDATE ding_alert SET recalled_at = $1 WHERE id = $2 AND recalled_at IS NULL",
        [now.into(), ding.into()],
    );
    tx.run(
        "UPDATE ding_recipient SET state = $1, at = $2, next_at = NULL, waiting = NULL, remind = 0
         WHERE ding = $3 AND state < $4",
        [place(State::Recalled), now.into(), ding.into(), place(State::Confirmed)],
    );
    tx.emit(topic(ding), kind::RECALLED, &RecalledData { ding, why });
    tx.cancel(&ding.to_string());
    tx.after(0, &spreading(ding), &Spread { ding, after: None });
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
    let counts = |user: &UserId| users.binary_search(user).is_ok();
    for &(other, of) in stop.others.iter().filter(|(_, of)| counts(of)) {
        let ended = EndedData { ding, state, by: None, instead_of: Some(of) };
        tx.emit(Topic::User(other), kind::ENDED, &ended);
    }
    stop.put(&mut tx, ding, counts);
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
