//! An alert that was planned begins: what its sender may is asked once more.
//!
//! Whom it is for was settled when it was sent, but between that and now people move, roles are
//! taken away, and groups are kept to their owners. Who is out of the sender's reach since is taken
//! out; an alert that its sender may not send any more, or that is left with nobody, is taken back.

use carillon_plugin::{Caller, Ctx, Error, Result};
use carillon_protocol::{
    ErrorCode, UserId, conv,
    ding::{ChangedData, Policy, Rules, State, kind},
};

use super::{
    advance::PAGE,
    audience, expire, policy, recall,
    rights::{self, Need},
    rows::{Alert, place, topic},
    settings,
};

/// How far ahead an alert is planned whose sender is looked at again.
const PLANNED_MS: i64 = 60_000;
/// An alert's id says in its first bits when it was sent.
const ULID_RANDOM_BITS: u32 = 80;

/// Whether an alert that is due goes on; it has been taken back, if it was planned and may not.
pub(super) async fn may_begin(ctx: &Ctx, alert: &Alert) -> Result<bool> {
    let sent_at = (alert.ding.0.0 >> ULID_RANDOM_BITS) as i64;
    if alert.turn > 0 || alert.begins_at - sent_at < PLANNED_MS {
        return Ok(true);
    }
    let to = waiting(ctx, alert).await?;
    match within_reach(ctx, alert, &to).await {
        Ok(within) => {
            let out = to.into_iter().filter(|user| within.binary_search(user).is_err());
            take_out(ctx, alert, &out.collect::<Vec<_>>()).await.map(|()| true)
        }
        Err(why) if why.code() == ErrorCode::Forbidden => {
            recall::refuse(ctx, alert, &why).await.map(|()| false)
        }
        Err(error) => Err(error),
    }
}

/// The recipients who wait for it, by their ids. Who left the organisation is out of everybody's
/// reach; the ladder itself finds them gone.
async fn waiting(ctx: &Ctx, alert: &Alert) -> Result<Vec<UserId>> {
    let sql = "SELECT user_id FROM ding_recipient WHERE ding = $1 AND state < $2";
    let rows = ctx.query(sql, [alert.ding.into(), place(State::Confirmed)]).await?;
    let to = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
    Ok(audience::people(ctx, alert.org, &to).await?.into_keys().collect())
}

/// Those whom the sender still may alert, by their ids.
async fn within_reach(ctx: &Ctx, alert: &Alert, to: &[UserId]) -> Result<Vec<UserId>> {
    let by = Caller::on_behalf_of(alert.by, alert.org);
    for &conv in &alert.groups {
        let asked = conv::Audience { conv, unread: None };
        let found = ctx.call_as(Caller::let_in(by.user, by.org), None, &asked).await;
        found.map_err(|error| match error.code() {
            ErrorCode::NotFound | ErrorCode::NotMember => {
                Error::denied("you are not in the group any more that this alert was for")
            }
            _ => error,
        })?;
    }
    let settings = settings::load(ctx, alert.org).await?;
    let overriders = match policy::load(ctx, alert.org, Some(alert.policy)).await {
        Ok(policy) => policy.rules.overriders,
        Err(error) if error.code() == ErrorCode::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let rules = Rules { overriders, ..alert.rules.clone() };
    let policy = Policy { policy: alert.policy, builtin: None, rules };
    rights::check(ctx, by, &settings, &policy, alert.urgent, (to, Need::Any)).await
}

/// Takes recipients out before they have heard of it.
async fn take_out(ctx: &Ctx, alert: &Alert, users: &[UserId]) -> Result<()> {
    for users in users.chunks(PAGE) {
        let mut tx = ctx.tx();
        tx.run_one(
            "UPDATE ding_alert SET turn = turn WHERE id = $1 AND turn = 0 AND recalled_at IS NULL",
            [alert.ding.into()],
        );
        expire::take_out(ctx, &mut tx, alert, users);
        for &user in users {
            let (ding, state, after_ms) =
                (alert.ding, State::Withdrawn, ctx.now() - alert.begins_at);
            let changed = ChangedData { ding, user, state, handled_by: None, after_ms };
            tx.emit(topic(ding), kind::CHANGED, &changed);
        }
        ctx.commit(tx).await?;
    }
    Ok(())
}
