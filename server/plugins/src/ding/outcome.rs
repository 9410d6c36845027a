//! What the plugin `notify` says: what became of attempts, and what people answered to them.

use std::collections::BTreeMap;

use carillon_plugin::{Ctx, Error, Result, Tx};
use carillon_protocol::{
    DingId, ErrorCode, Event, UserId,
    ding::{Outcome, ReachedData, State, kind},
    notify::{self, AnsweredData, AttemptedData, Subject},
};

use super::{
    answer::{self, Answer},
    rows::{self, recipient, topic, word},
};

/// `notify.attempted`.
pub(super) async fn attempted(ctx: Ctx, event: Event) -> Result<Tx> {
    let data: AttemptedData = event.data.to().map_err(Error::internal)?;
    let mut tx = ctx.tx();
    let Some(ding) = ours(&data.subject) else { return Ok(tx) };
    let mut counts: BTreeMap<String, (Outcome, u32)> = BTreeMap::new();
    for result in &data.results {
        let (outcome, why) = (outcome(result.outcome), result.why.clone());
        tx.run(
            "UPDATE ding_attempt SET outcome = $1, why = $2
             WHERE key = $3 AND ding = $4 AND outcome <> 'delivered'",
            [word(outcome).into(), why.into(), result.key.as_str().into(), ding.into()],
        );
        counts.entry(word(outcome)).or_insert((outcome, 0)).1 += 1;
        if outcome == Outcome::Delivered && recipient_of(&result.key) == Some(result.user) {
            arrived(&ctx, &mut tx, ding, result.user).await?;
        }
    }
    for (outcome, people) in counts.into_values() {
        let reached = ReachedData { ding, channel: data.channel, outcome, people };
        tx.emit(topic(ding), kind::REACHED, &reached);
    }
    Ok(tx)
}

async fn arrived(ctx: &Ctx, tx: &mut Tx, ding: DingId, user: UserId) -> Result<()> {
    let Some(recipient) = recipient(ctx, ding, user).await? else { return Ok(()) };
    if recipient.state == State::Queued {
        let alert = rows::alert(ctx, ding).await?;
        answer::come(ctx, tx, &alert, (&recipient, State::Delivered));
    }
    Ok(())
}

/// `notify.answered`: a text message, or a key of the phone.
pub(super) async fn answered(ctx: Ctx, event: Event) -> Result<Tx> {
    let data: AnsweredData = event.data.to().map_err(Error::internal)?;
    let mut tx = ctx.tx();
    let Some(ding) = ours(&data.subject) else { return Ok(tx) };
    let Some(user) = recipient_of(&data.key) else { return Ok(tx) };
    let alert = rows::alert(&ctx, ding).await?;
    let Some(recipient) = recipient(&ctx, ding, user).await? else { return Ok(tx) };
    let stand_ins = rows::stand_ins(&ctx, ding, user).await?;
    let by = Some(data.user).filter(|by| *by != user);
    if by.is_some_and(|by| !stand_ins.contains(&by)) {
        return Ok(tx);
    }
    let wrote = data.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let reply = wrote.map(cut);
    let state = match data.answer {
        // What nobody understands is a reply where one is needed.
        None if !alert.reply_required => return Ok(tx),
        None | Some(notify::Answer::Confirm) => State::Confirmed,
        // Whoever is called instead cannot decline for somebody else.
        Some(notify::Answer::Decline) if by.is_some() => return Ok(tx),
        Some(notify::Answer::Decline) => State::Declined,
    };
    if alert.reply_required && reply.is_none() {
        return Ok(tx);
    }
    let answer = Answer { state, by, reply };
    match answer.put(&ctx, &mut tx, &alert, (&recipient, &stand_ins)).await {
        // Something else was answered before.
        Err(error) if error.code() == ErrorCode::Conflict => Ok(ctx.tx()),
        Err(error) => Err(error),
        Ok(_) => Ok(tx),
    }
}

/// What somebody wrote, as long as a reply may be.
fn cut(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    plain.take(carillon_protocol::limits::DING_REASON_LEN_MAX).collect()
}

/// The alert that something is about, if it is one: see `stop.rs`.
fn ours(subject: &Subject) -> Option<DingId> {
    let id = subject.id.split(':').next()?;
    (subject.plugin == "ding").then(|| id.parse().ok()).flatten()
}

/// Whose ladder an attempt belongs to: see `rows::key`.
fn recipient_of(key: &str) -> Option<UserId> {
    key.split(':').nth(1)?.parse().ok()
}

fn outcome(outcome: notify::Outcome) -> Outcome {
    match outcome {
        notify::Outcome::Accepted => Outcome::Accepted,
        notify::Outcome::Delivered => Outcome::Delivered,
        notify::Outcome::Failed | notify::Outcome::Unreachable => Outcome::Failed,
        notify::Outcome::Cancelled => Outcome::Cancelled,
        notify::Outcome::Unknown => Outcome::Unknown,
    }
}
