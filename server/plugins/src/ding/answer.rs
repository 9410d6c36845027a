//! What recipients do with an alert: it came to them, they saw it, confirm it, or decline.

use std::collections::BTreeSet;

use carillon_plugin::{Ctx, Error, Result, Tx, Value};
use carillon_protocol::{
    DingId, Topic, UserId,
    ding::{ChangedData, Confirm, Decline, Done, EndedData, Received, Seen, State, Take, kind},
    limits::DING_REASON_LEN_MAX,
};

use super::{
    list,
    rows::{self, Alert, RECIPIENT, Recipient, place, recipient, topic, unknown},
    stop::Stop,
};

/// For how many people somebody confirms in one transaction, if none of them answers meanwhile.
const PAGE: usize = 100;
/// Alerts that a device says at a time that it has.
const RECEIVED_MAX: usize = 100;

/// `ding.received`.
pub(super) async fn received(ctx: Ctx, args: Received) -> Result<Done> {
    if !(1..=RECEIVED_MAX).contains(&args.dings.len()) {
        return Err(Error::bad_arg("dings", format!("name 1 to {RECEIVED_MAX}")));
    }
    let mut tx = ctx.tx();
    let mut changed = false;
    for ding in args.dings.into_iter().collect::<BTreeSet<_>>() {
        changed |= further(&ctx, &mut tx, ding, State::Delivered).await?;
    }
    if changed {
        ctx.commit(tx).await?;
    }
    Ok(Done {})
}

/// `ding.seen`.
pub(super) async fn seen(ctx: Ctx, args: Seen) -> Result<Done> {
    let mut tx = ctx.tx();
    if further(&ctx, &mut tx, args.ding, State::Seen).await? {
        ctx.commit(tx).await?;
    }
    Ok(Done {})
}

/// Says that an alert came further with the caller, if it was not as far.
async fn further(ctx: &Ctx, tx: &mut Tx, ding: DingId, state: State) -> Result<bool> {
    let alert = list::known(ctx, ding).await?;
    let recipient = recipient(ctx, ding, ctx.caller().user).await?;
    let Some(recipient) = recipient.filter(|it| it.state < state) else { return Ok(false) };
    come(ctx, tx, &alert, (&recipient, state));
    Ok(true)
}

/// Writes down how far an alert has come with a recipient whose answer is not known.
pub(super) fn come(ctx: &Ctx, tx: &mut Tx, alert: &Alert, (recipient, state): (&Recipient, State)) {
    let (ding, user, now) = (alert.ding, recipient.user, ctx.now());
    tx.run_one(
        "UPDATE ding_recipient SET state = $1, at = $2
         WHERE ding = $3 AND user_id = $4 AND state = $5",
        [place(state), now.into(), ding.into(), user.into(), place(recipient.state)],
    );
    let after_ms = now - alert.begins_at;
    let changed = ChangedData { ding, user, state, handled_by: None, after_ms };
    tx.emit(topic(ding), kind::CHANGED, &changed);
}

/// `ding.confirm`.
pub(super) async fn confirm(ctx: Ctx, args: Confirm) -> Result<Done> {
    let caller = ctx.caller().user;
    let alert = list::known(&ctx, args.ding).await?;
    let reply = args.reply.as_deref().map(|reply| words("reply", reply)).transpose()?;
    if args.others {
        return others(&ctx, &alert, (caller, None), reply).await;
    }
    let user = args.instead_of.unwrap_or(caller);
    let recipient = recipient(&ctx, args.ding, user).await?.ok_or_else(unknown)?;
    let stand_ins = rows::stand_ins(&ctx, args.ding, user).await?;
    if user != caller && !stand_ins.contains(&caller) {
        return Err(unknown());
    }
    if alert.reply_required && reply.is_none() && recipient.state != State::Confirmed {
        return Err(Error::bad_arg("reply", "this alert needs a reply: write one"));
    }
    let by = Some(caller).filter(|caller| *caller != user);
    let answer = Answer { state: State::Confirmed, by, reply };
    let mut tx = ctx.tx();
    if answer.put(&ctx, &mut tx, &alert, (&recipient, &stand_ins)).await? {
        ctx.commit(tx).await?;
    }
    Ok(Done {})
}

/// `ding.take`.
pub(super) async fn take(ctx: Ctx, args: Take) -> Result<Done> {
    let alert = rows::alert(&ctx, args.ding).await?;
    others(&ctx, &alert, (args.user, Some(&args.sent)), args.reply).await
}

/// Confirms for everybody for whom somebody was called, or was by what they answer; some in each
/// transaction. Where one of these answers meanwhile it is fewer, so that those who answer hold up
/// nobody but themselves.
async fn others(
    ctx: &Ctx,
    alert: &Alert,
    (by, sent): (UserId, Option<&str>),
    reply: Option<String>,
) -> Result<Done> {
    if alert.reply_required && reply.is_none() {
        return Err(Error::bad_arg("reply", "this alert needs a reply: write one"));
    }
    if !list::was_called(ctx, alert.ding, by).await? {
        return Err(unknown());
    }
    if alert.recalled_at.is_some() {
        return Err(Error::conflict("this alert was taken back"));
    }
    let mut page = PAGE;
    loop {
        let rows = waiting(ctx, alert.ding, (by, sent), page).await?;
        if rows.is_empty() {
            return Ok(Done {});
        }
        let mut tx = ctx.tx();
        for recipient in &rows {
            let stand_ins = rows::stand_ins(ctx, alert.ding, recipient.user).await?;
            let answer = Answer { state: State::Confirmed, by: Some(by), reply: reply.clone() };
            answer.put(ctx, &mut tx, alert, (recipient, &stand_ins)).await?;
        }
        match ctx.commit(tx).await {
            Err(error) if error.is_raced() && page > 1 => page /= 2,
            Err(error) => return Err(error),
            Ok(_) if rows.len() < page => return Ok(Done {}),
            Ok(_) => page = PAGE.min(page * 2),
        }
    }
}

/// The next of those for whom somebody was called and who have not answered.
async fn waiting(
    ctx: &Ctx,
    ding: DingId,
    (by, sent): (UserId, Option<&str>),
    page: usize,
) -> Result<Vec<Recipient>> {
    let mut args: Vec<Value> =
        vec![ding.into(), by.into(), place(State::Confirmed), place(State::Expired)];
    let told = if let Some(sent) = sent {
        args.push(sent.into());
        "AND EXISTS (SELECT 1 FROM ding_attempt a WHERE a.ding = r.ding
             AND a.user_id = r.user_id AND a.reached = $2 AND a.sent = $5)"
    } else {
        ""
    };
    let sql = format!(
        "SELECT {RECIPIENT} FROM ding_stand_in s
         JOIN ding_recipient r ON r.ding = s.ding AND r.user_id = s.instead_of
         WHERE s.ding = $1 AND s.user_id = $2 AND (r.state < $3 OR r.state = $4) {told}
         ORDER BY r.user_id LIMIT {page}"
    );
    ctx.query(&sql, args).await?.iter().map(|row| Recipient::of(row, 0)).collect()
}

/// `ding.decline`.
pub(super) async fn decline(ctx: Ctx, args: Decline) -> Result<Done> {
    let caller = ctx.caller().user;
    let alert = list::known(&ctx, args.ding).await?;
    let reply = Some(words("reason", &args.reason)?);
    let recipient = recipient(&ctx, args.ding, caller).await?.ok_or_else(unknown)?;
    let stand_ins = rows::stand_ins(&ctx, args.ding, caller).await?;
    let answer = Answer { state: State::Declined, by: None, reply };
    let mut tx = ctx.tx();
    if answer.put(&ctx, &mut tx, &alert, (&recipient, &stand_ins)).await? {
        ctx.commit(tx).await?;
    }
    Ok(Done {})
}

/// What somebody wrote.
fn words(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(Error::bad_arg(field, "write a few words"));
    }
    if text.chars().count() > DING_REASON_LEN_MAX {
        return Err(Error::too_large(field, format!("at most {DING_REASON_LEN_MAX} characters")));
    }
    Ok(text.to_owned())
}

/// An answer to an alert.
pub(super) struct Answer {
    pub state: State,
    /// Who answers, if it is not the recipient.
    pub by: Option<UserId>,
    pub reply: Option<String>,
}

impl Answer {
    /// Puts it into a transaction, unless the recipient has answered: then the first answer counts.
    /// The ladder ends, and the alert goes away on every screen.
    pub(super) async fn put(
        self,
        ctx: &Ctx,
        tx: &mut Tx,
        alert: &Alert,
        (recipient, stand_ins): (&Recipient, &[UserId]),
    ) -> Result<bool> {
        match recipient.state {
            State::Confirmed | State::Declined if recipient.state == self.state => {
                return Ok(false);
            }
            State::Confirmed => return Err(Error::conflict("this alert is confirmed already")),
            State::Declined => return Err(Error::conflict("this alert is declined already")),
            State::Recalled => return Err(Error::conflict("this alert was taken back")),
            State::Expired if alert.recalled_at.is_some() => {
                return Err(Error::conflict("this alert was taken back"));
            }
            State::Queued | State::Delivered | State::Seen | State::Expired | State::Withdrawn => {}
        }
        let (ding, user, state, now) = (alert.ding, recipient.user, self.state, ctx.now());
        let late = alert.confirm_by.is_some_and(|by| by <= now);
        // What was tried meanwhile has to be stopped, too: then this is looked at again.
        tx.run_one(
            "UPDATE ding_recipient SET state = $1, at = $2, late = $3, handled_by = $4, reply = $5,
                 next_at = NULL, waiting = NULL, remind = 0
             WHERE ding = $6 AND user_id = $7 AND state = $8 AND rung = $9
                 AND COALESCE(next_at, 0) = $10",
            [
                place(state),
                now.into(),
                late.into(),
                self.by.into(),
                self.reply.into(),
                ding.into(),
                user.into(),
                place(recipient.state),
                recipient.climb.rung.into(),
                recipient.next_at.unwrap_or(0).into(),
            ],
        );
        let by = self.by;
        let ended = EndedData { ding, state, by, instead_of: None };
        tx.emit(Topic::User(user), kind::ENDED, &ended);
        for &other in stand_ins {
            let by = Some(by.unwrap_or(user));
            let ended = EndedData { ding, state, by, instead_of: Some(user) };
            tx.emit(Topic::User(other), kind::ENDED, &ended);
        }
        let after_ms = now - alert.begins_at;
        let changed = ChangedData { ding, user, state, handled_by: by, after_ms };
        tx.emit(topic(ding), kind::CHANGED, &changed);
        Stop::between(ctx, ding, (user, user)).await?.put(tx, ding, |_| true);
        Ok(true)
    }
}
