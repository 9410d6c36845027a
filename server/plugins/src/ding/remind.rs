//! `ding.remind`: those who have not answered are alerted once more. Their ladders go on as
//! planned.

use std::collections::BTreeSet;

use carillon_plugin::{Audited, Committed, Ctx, Decision, Error, Result, Value};
use carillon_protocol::{
    DingId, ErrorCode, UserId,
    ding::{Advance, Channel, Remind, Reminded, RemindedData, State, kind},
    limits::PEOPLE_PER_PAGE_MAX,
};

use super::{
    revision::json,
    rows::{self, place, topic, unknown},
};

/// How often people are reminded at most.
pub(super) const PAUSE_MS: i64 = 5 * 60_000;
/// Reminders of an alert: whoever has not answered by then does not read them.
const REMINDERS_MAX: u32 = 100;

/// `ding.remind`.
pub(super) async fn remind(ctx: Ctx, args: Remind) -> Result<Decision<Reminded>> {
    let alert = rows::sent_by_caller(&ctx, args.ding).await?;
    let (ding, now) = (alert.ding, ctx.now());
    if alert.recalled_at.is_some() || alert.begins_at > now {
        return Err(Error::conflict("this alert was taken back, or has not begun"));
    }
    let left_ms = alert.reminded_at.map_or(0, |at| at + PAUSE_MS - now);
    if left_ms > 0 {
        let error = Error::new(ErrorCode::Rate, "people are reminded every five minutes at most");
        return Err(error.retry_ms(left_ms.unsigned_abs()));
    }
    if alert.reminders >= REMINDERS_MAX {
        let msg = format!("people are reminded {REMINDERS_MAX} times at most; call them");
        return Err(Error::new(ErrorCode::Quota, msg));
    }
    let users: BTreeSet<UserId> = args.users.into_iter().collect();
    let (which, open) = open(&alert.ding, &users)?;
    let sql = format!("SELECT COUNT(*) FROM ding_recipient WHERE {which}");
    let row = ctx.query_one(&sql, open.clone()).await?.ok_or_else(unknown)?;
    let people: u64 = row.get(0)?;
    if people == 0 {
        check_recipients(&ctx, &alert.ding, &users).await?;
        return Err(Error::conflict("everybody has answered"));
    }
    let mut channels: Vec<Channel> = args.channels;
    channels.sort_unstable();
    channels.dedup();
    channels.retain(|channel| *channel != Channel::App);
    let number = alert.reminders + 1;
    let mut tx = ctx.tx();
    tx.run_one(
        "UPDATE ding_alert SET reminders = $1, reminded_at = $2, reminded_by = $3
         WHERE id = $4 AND reminders = $1 - 1 AND recalled_at IS NULL",
        [number.into(), now.into(), json(&channels)?.into(), ding.into()],
    );
    let mut row = open;
    let (first, second) = (row.len() + 1, row.len() + 2);
    row.extend([number.into(), now.into()]);
    tx.run(
        format!("UPDATE ding_recipient SET remind = ${first}, next_at = ${second} WHERE {which}"),
        row,
    );
    tx.emit(topic(ding), kind::REMINDED, &RemindedData { ding, people: people as u32 });
    tx.at(now, &ding.to_string(), &Advance { ding });
    tx.audit(Audited::of("ding", ding));
    Ok(tx.into())
}

/// What became of it.
pub(super) fn reminded(done: &Committed) -> Result<Reminded> {
    let event = done.events.iter().find(|event| &*event.k == kind::REMINDED);
    let event = event.ok_or_else(unknown)?;
    let data: RemindedData = event.data.to().map_err(Error::internal)?;
    Ok(Reminded { people: data.people })
}

/// Which recipients are meant: a condition with its values.
fn open(ding: &DingId, users: &BTreeSet<UserId>) -> Result<(String, Vec<Value>)> {
    if users.len() > PEOPLE_PER_PAGE_MAX as usize {
        let msg = format!("name at most {PEOPLE_PER_PAGE_MAX}, or nobody: all of them");
        return Err(Error::bad_arg("users", msg));
    }
    let mut row: Vec<Value> = vec![(*ding).into(), place(State::Confirmed)];
    row.extend(users.iter().map(|&user| Value::from(user)));
    let mut which = "ding = $1 AND state < $2".to_owned();
    if !users.is_empty() {
        let places: Vec<String> = (3..=row.len()).map(|place| format!("${place}")).collect();
        which = format!("{which} AND user_id IN ({})", places.join(", "));
    }
    Ok((which, row))
}

/// Refuses people who are no recipients.
async fn check_recipients(ctx: &Ctx, ding: &DingId, users: &BTreeSet<UserId>) -> Result<()> {
    for &user in users {
        if rows::recipient(ctx, *ding, user).await?.is_none() {
            return Err(Error::not_found("recipient").field("users"));
        }
    }
    Ok(())
}
