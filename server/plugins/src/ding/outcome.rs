//! What the plugin `notify` says: what became of attempts, and what people answered to them.

use std::collections::{BTreeMap, BTreeSet};

use carillon_plugin::{Ctx, Error, Result, Tx, Value};
use carillon_protocol::{
    Channel, DingId, ErrorCode, Event, UserId,
    ding::{Outcome, ReachedData, State, Take, kind},
    notify::{self, AnsweredData, AttemptedData, Subject},
};

use super::{
    answer::{self, Answer},
    rows::{self, recipient, topic, word},
};

/// Keys of one statement.
const KEYS_MAX: usize = 500;

/// What became of an attempt.
#[derive(Debug, Clone)]
struct Became {
    ding: DingId,
    channel: Channel,
    outcome: Outcome,
    why: Option<String>,
}

/// `notify.attempted`: as many reports as there are, in one transaction.
pub(super) async fn attempted(ctx: Ctx, events: Vec<Event>) -> Result<Tx> {
    let mut became: BTreeMap<String, Became> = BTreeMap::new();
    let mut arrived = BTreeSet::new();
    for event in &events {
        let data: AttemptedData = event.data.to().map_err(Error::internal)?;
        let Some(ding) = ours(&data.subject) else { continue };
        for result in data.results {
            let (outcome, channel) = (outcome(result.outcome), data.channel);
            let is_own = recipient_of(&result.key) == Some(result.user);
            if outcome == Outcome::Delivered && is_own {
                arrived.insert((ding, result.user));
            }
            let new = Became { ding, channel, outcome, why: result.why };
            // What arrived has arrived, whatever is said later.
            let before = became.entry(result.key).or_insert_with(|| new.clone());
            if before.outcome != Outcome::Delivered {
                *before = new;
            }
        }
    }
    let mut tx = ctx.tx();
    let mut alike: BTreeMap<(String, Option<String>), Vec<String>> = BTreeMap::new();
    let mut people: BTreeMap<(DingId, Channel, String), (Outcome, u32)> = BTreeMap::new();
    for (key, Became { ding, channel, outcome, why }) in became {
        people.entry((ding, channel, word(outcome))).or_insert((outcome, 0)).1 += 1;
        alike.entry((word(outcome), why)).or_default().push(key);
    }
    for ((outcome, why), keys) in alike {
        for keys in keys.chunks(KEYS_MAX) {
            write(&mut tx, &outcome, why.as_deref(), keys);
        }
    }
    for (ding, user) in arrived {
        come(&ctx, &mut tx, ding, user).await?;
    }
    for ((ding, channel, _), (outcome, people)) in people {
        let reached = ReachedData { ding, channel, outcome, people };
        tx.emit(topic(ding), kind::REACHED, &reached);
    }
    Ok(tx)
}

/// Writes down what became of attempts, of all recipients for whom each was made.
fn write(tx: &mut Tx, outcome: &str, why: Option<&str>, keys: &[String]) {
    let places: Vec<String> = (0..keys.len()).map(|place| format!("${}", place + 3)).collect();
    let first = [outcome.into(), why.into()].into_iter();
    let row: Vec<Value> = first.chain(keys.iter().map(|key| key.as_str().into())).collect();
    tx.run(
        format!(
            "UPDATE ding_attempt SET outcome = $1, why = $2
             WHERE outcome <> 'delivered' AND sent IN ({})",
            places.join(", ")
        ),
        row,
    );
}

async fn come(ctx: &Ctx, tx: &mut Tx, ding: DingId, user: UserId) -> Result<()> {
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
    if let Some(by) = by {
        if alert.recalled_at.is_some() {
            return Ok(tx);
        }
        // Whoever is called for many takes care of all of whom they were told.
        let take = Take { ding, user: by, sent: data.key, reply };
        tx.after(0, &format!("take:{ding}:{by}"), &take);
        return Ok(tx);
    }
    let answer = Answer { state, by: None, reply };
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
