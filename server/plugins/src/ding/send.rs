//! `ding.send`: an alert with a row for each recipient, in one transaction.

use carillon_plugin::{Audited, Caller, Committed, Ctx, Decision, Error, Result, Tx, Value};
use carillon_protocol::{
    ConvId, DingId, SeriesId, Topic, UserId,
    ding::{Advance, MsgRef, Policy, Send, Sent, SentData, kind},
    limits::DING_TEXT_LEN_MAX,
};

use super::{
    attachment, audience, policy,
    revision::json,
    rights::{self, Need},
    rows::topic,
    series, settings,
};

/// The farthest that an alert is planned ahead, and the latest deadline: 366 days.
const AHEAD_MS: i64 = 366 * 24 * 60 * 60 * 1000;
/// The shortest time that people are given, and how long ago a minute may have begun that is
/// chosen on a clock without seconds.
const MINUTE_MS: i64 = 60_000;
/// The longest rule of a recurring alert, in characters.
const REPEAT_LEN_MAX: usize = 500;
/// Rows of a statement: SQLite takes 32,766 values, and a row has five.
const ROWS_MAX: usize = 2_000;

/// An alert that may be sent.
pub(super) struct Draft {
    /// Who sends it.
    pub by: Caller,
    pub send: Send,
    pub at: i64,
    pub confirm_by: Option<i64>,
    /// In the order of their ids.
    pub to: Vec<UserId>,
    pub policy: Policy,
    /// Whether quiet hours are passed over.
    pub urgent: bool,
}

/// `ding.send`.
pub(super) async fn send(ctx: Ctx, args: Send) -> Result<Decision<Sent>> {
    let Caller { user, org, .. } = ctx.caller();
    let by = Caller::on_behalf_of(user, org);
    let at = first_at(&ctx, by, &args).await?;
    let draft = prepare(&ctx, by, &args, at, Need::All).await?;
    let settings = settings::load(&ctx, org).await?;
    let mut tx = ctx.tx();
    rights::count(&ctx, by, &settings, &mut tx).await?;
    let series = series::begin(&ctx, &mut tx, &args, at).await?;
    let ding = write(&ctx, &mut tx, &draft, series)?;
    tx.audit(Audited::of("ding", ding));
    Ok(tx.into())
}

/// What became of it.
pub(super) fn sent(done: &Committed) -> Result<Sent> {
    let event = done.events.iter().find(|event| &*event.k == kind::SENT);
    let event = event.ok_or_else(|| Error::not_found("alert"))?;
    let SentData { ding, series, recipients } = event.data.to().map_err(Error::internal)?;
    Ok(Sent { ding, series, recipients, dup: done.dup })
}

/// When an alert begins, or the first of a series does.
pub(super) async fn first_at(ctx: &Ctx, by: Caller, send: &Send) -> Result<i64> {
    let now = ctx.now();
    let at = send.at.unwrap_or(now);
    if !(now - MINUTE_MS..=now + AHEAD_MS).contains(&at) {
        return Err(Error::bad_arg("at", "choose a time within the next 366 days"));
    }
    let at = at.max(now);
    let Some(repeat) = &send.repeat else { return Ok(at) };
    if repeat.chars().count() > REPEAT_LEN_MAX {
        return Err(Error::too_large("repeat", format!("at most {REPEAT_LEN_MAX} characters")));
    }
    let first = series::times(ctx, by.org, repeat, at, 1).await?.first().copied();
    first.ok_or_else(|| Error::bad_arg("repeat", "this rule has no time to come"))
}

/// Checks an alert that somebody wants to send, and finds out whom it is for.
pub(super) async fn prepare(
    ctx: &Ctx,
    by: Caller,
    send: &Send,
    at: i64,
    need: Need,
) -> Result<Draft> {
    let send = Send { text: text(&send.text)?, ..send.clone() };
    if send.within_ms.is_some_and(|ms| !(MINUTE_MS..=AHEAD_MS).contains(&ms)) {
        return Err(Error::bad_arg("within_ms", "give people a minute to 366 days"));
    }
    if let Some(about) = send.about {
        check_readable(ctx, by, about).await?;
    }
    if let Some(attachment) = send.attachment {
        attachment::own(ctx, by, attachment).await?;
    }
    let policy = policy::load(ctx, by.org, send.policy).await?;
    let to = audience::resolve(ctx, by, &send.to).await?;
    let settings = settings::load(ctx, by.org).await?;
    let to = rights::check(ctx, by, &settings, &policy, send.urgent, (&to, need)).await?;
    let urgent = send.urgent || policy.rules.overrides_quiet;
    let confirm_by = send.within_ms.map(|ms| at + ms);
    Ok(Draft { by, send, at, confirm_by, to, policy, urgent })
}

/// What an alert says: lines of text, whatever stands in them.
fn text(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::bad_arg("text", "write what the alert says"));
    }
    if text.chars().count() > DING_TEXT_LEN_MAX {
        let msg =
            format!("at most {DING_TEXT_LEN_MAX} characters; write a message and alert of it");
        return Err(Error::too_large("text", msg));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(Error::bad_arg("text", "write letters and lines, no other controls"));
    }
    Ok(text.to_owned())
}

async fn check_readable(ctx: &Ctx, by: Caller, about: MsgRef) -> Result<()> {
    let conv = Topic::Conv(about.conv);
    let window = ctx.host().window(by, &conv).await?;
    let head = ctx.head(&conv).await?.head;
    match about.seq <= head && window.sees(about.seq) {
        true => Ok(()),
        false => Err(Error::not_found("message").field("about")),
    }
}

/// Puts an alert into a transaction.
pub(super) fn write(
    ctx: &Ctx,
    tx: &mut Tx,
    draft: &Draft,
    series: Option<SeriesId>,
) -> Result<DingId> {
    let ding = DingId(ctx.new_id());
    let Draft { by, send, at, .. } = draft;
    let groups = send.to.convs.iter().copied().chain(send.to.unread_of.map(|it| it.conv));
    let groups: Vec<ConvId> = groups.collect();
    tx.run(
        "INSERT INTO ding_alert (id, org, user_id, body, about_conv, about_seq, attachment, policy,
             rules, urgent, begins_at, confirm_by, reply_required, series, recipients, recalled_at,
             reminders, reminded_at, reminded_by, turn, cost, pos, convs)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, NULL,
             0, NULL, '[]', 0, 0, $16, $17)",
        [
            ding.into(),
            by.org.into(),
            by.user.into(),
            send.text.as_str().into(),
            send.about.map(|about| about.conv).into(),
            send.about.map(|about| about.seq).into(),
            send.attachment.into(),
            draft.policy.policy.into(),
            json(&draft.policy.rules)?.into(),
            draft.urgent.into(),
            (*at).into(),
            draft.confirm_by.into(),
            send.reply_required.into(),
            series.into(),
            draft.to.len().into(),
            Value::Pos,
            json(&groups)?.into(),
        ],
    );
    if let Some(attachment) = send.attachment {
        attachment::keep(tx, attachment);
    }
    for users in draft.to.chunks(ROWS_MAX) {
        let row = |&user: &UserId| vec![ding.into(), user.into(), (*at).into(), (*at).into()];
        tx.run_rows(
            "INSERT INTO ding_recipient (ding, user_id, at, next_at) VALUES {rows}",
            users.iter().map(row).collect(),
        );
    }
    let recipients = draft.to.len() as u32;
    tx.emit(topic(ding), kind::SENT, &SentData { ding, series, recipients });
    tx.at(*at, &ding.to_string(), &Advance { ding });
    Ok(ding)
}
