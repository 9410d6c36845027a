//! E-mail, text messages and calls, one attempt an effect.
//!
//! An e-mail may be handed over twice: it has the same name both times. A text message or a call is
//! noted as begun first. Whoever finds it begun does not know whether the provider has it, asks
//! them, and sends it only if they say that they do not: nobody is called twice under one key.

use std::collections::HashSet;

use carillon_notify::{
    mail::Letter,
    provider::{self, Accepted, Begun, Message, Number, Refused},
};
use carillon_plugin::{
    Ctx, Delivery, Error, Result, Retries, Tx,
    protocol::{
        Channel, ErrorCode,
        notify::{Alert, ContactKind, Outcome, Tested, Vendor},
    },
};
use serde::{Deserialize, Serialize};

use super::{
    Notify,
    attempt::{self, Attempt, BEGUN, End, WAITING, name, reason, text},
    contact,
    settings::{self, Stored},
};

/// An effect for each channel, so that a mail server that does not answer delays no call.
pub(super) const EFFECTS: [&str; 3] = ["email", "sms", "call"];
/// Ten tries within some minutes: longer than a restart, shorter than anybody waits for a call.
pub(super) const RETRIES: Retries = Retries { tries: 10, first_ms: 1_000, longest_ms: 60_000 };
/// Vendors show what they have after a moment: then they are asked.
const UNCLEAR_MS: u64 = 10_000;
/// So many other attempts at a number are told apart from one that may have been made: more than
/// a vendor lists.
const OTHERS_MAX: usize = 200;

/// So much earlier than an attempt another one may have begun that what the vendor made about then
/// may be either: its look-up allows for clocks that differ by half of it.
const RIVAL_MS: i64 = 120_000;

/// One attempt.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Carry {
    pub(super) key: String,
}

pub(super) async fn carry(ctx: Ctx, it: Delivery<Carry>) -> Result<Tx> {
    let org = ctx.caller().org;
    let mut tx = ctx.tx();
    let Some(attempt) = Attempt::find(&ctx, org, &it.payload.key).await? else { return Ok(tx) };
    let Some(alert) = attempt::alert(&ctx, &attempt.message).await? else { return Ok(tx) };
    let last = it.tries + 1 >= RETRIES.tries;
    let late = ctx.now() - attempt.made_at > i64::from(alert.ttl_s) * 1_000;
    let (attempt, end) = match attempt.state.as_str() {
        WAITING if late => (attempt, Ok(End::of(Outcome::Failed, "it was too late"))),
        WAITING => start(&ctx, attempt, &alert).await?,
        BEGUN => {
            let end = resume(&ctx, &attempt, &alert).await?;
            (attempt, end)
        }
        // Taken back, or a report said already what became of it.
        _ => return Ok(tx),
    };
    let end = match end {
        Ok(end) => end,
        Err(again) if last => again.given_up(),
        Err(again) => return Err(again.put_off(&ctx, &attempt).await?),
    };
    attempt.settle(&mut tx, ctx.now(), &end)?;
    match ctx.commit(tx).await {
        Err(raced) if raced.is_raced() && !is_settled(&ctx, &attempt).await? => Err(raced),
        // Or a report came before the answer, and said what became of it.
        Err(raced) if raced.is_raced() => Ok(ctx.tx()),
        done => done.map(|_| ctx.tx()),
    }
}

/// Whether it is known by now what became of an attempt.
async fn is_settled(ctx: &Ctx, attempt: &Attempt) -> Result<bool> {
    let now = Attempt::find(ctx, attempt.org, &attempt.key).await?;
    Ok(now.is_none_or(|now| attempt::outcome(&now.state).is_some()))
}

/// It is to be tried again.
enum Again {
    /// It was certainly not taken; not before this time, in milliseconds since the epoch.
    Later(Option<i64>),
    /// It may have been taken.
    Unclear(String),
}

impl Again {
    fn given_up(self) -> End {
        match self {
            Again::Later(_) => End::of(Outcome::Failed, "whoever carries it took no more"),
            Again::Unclear(why) => End::of(Outcome::Unknown, why),
        }
    }

    /// Writes down what is known, and makes the error that says when it is tried again.
    async fn put_off(self, ctx: &Ctx, attempt: &Attempt) -> Result<Error> {
        let away = |why: &str| Error::new(ErrorCode::Unavailable, reason(why));
        let at = match self {
            Again::Unclear(why) => return Ok(away(&why).retry_ms(UNCLEAR_MS)),
            Again::Later(at) => at,
        };
        let mut tx = ctx.tx();
        tx.run(
            "UPDATE notify_attempt SET state = $1, turn = turn + 1, begun_at = NULL
             WHERE org = $2 AND key = $3 AND state = $4",
            [
                WAITING.into(),
                attempt.org.into(),
                attempt.key.as_str().into(),
                attempt.state.as_str().into(),
            ],
        );
        ctx.commit(tx).await?;
        let wait = at.map_or(0, |at| (at - ctx.now()).max(0).unsigned_abs());
        Ok(away("whoever carries it takes no more now").retry_ms(wait))
    }
}

/// What an answer means for the attempt.
fn meaning(answer: Result<Accepted, Refused>) -> Result<End, Again> {
    let accepted = |reference| Ok(End { outcome: Outcome::Accepted, why: None, reference });
    match answer {
        Ok(Accepted { reference }) => accepted(Some(reference)),
        // The report that follows names it.
        Err(Refused::Repeated) => accepted(None),
        Err(Refused::Unreachable(why)) => Ok(End::of(Outcome::Unreachable, why)),
        Err(Refused::Unfit(why) | Refused::Settings(why)) => Ok(End::of(Outcome::Failed, why)),
        Err(Refused::Later(at)) => Err(Again::Later(at)),
        Err(Refused::Unclear(why)) => Err(Again::Unclear(why)),
    }
}

type Try = (Attempt, Result<End, Again>);

/// Where an attempt goes, and who carries it; or why it cannot go anywhere.
async fn way_of(ctx: &Ctx, stored: &Stored, attempt: &Attempt) -> Result<Result<Way, End>> {
    let kind = match attempt.channel {
        Channel::Email => ContactKind::Email,
        _ => ContactKind::Phone,
    };
    let address = match &attempt.address {
        Some(address) => Some(address.clone()),
        None => contact::address(ctx, attempt.org, attempt.user, kind).await?,
    };
    let Some(address) = address else {
        let why = "the person has no address for this";
        return Ok(Err(End::of(Outcome::Unreachable, why)));
    };
    let vendor = match attempt.channel {
        Channel::Email => return Ok(Ok(Way { address, vendor: None })),
        Channel::Call => stored.settings.call,
        _ => stored.settings.sms,
    };
    let none = || End::of(Outcome::Failed, "the organisation has no provider for this");
    Ok(vendor.map(|vendor| Way { address, vendor: Some(vendor) }).ok_or_else(none))
}

/// Where an attempt goes.
struct Way {
    address: String,
    /// Who carries it; an e-mail, the organisation's mail server.
    vendor: Option<Vendor>,
}

/// Hands over what was not handed over yet.
async fn start(ctx: &Ctx, attempt: Attempt, alert: &Alert) -> Result<Try> {
    let stored = Stored::of(ctx, attempt.org).await?;
    let Way { address, vendor } = match way_of(ctx, &stored, &attempt).await? {
        Ok(way) => way,
        Err(end) => return Ok((attempt, Ok(end))),
    };
    let Some(vendor) = vendor else {
        let end = write(ctx, &stored, &attempt, alert, &address).await?;
        return Ok((attempt, end));
    };
    let now = ctx.now();
    let mut tx = ctx.tx();
    tx.run_one(
        "UPDATE notify_attempt SET state = $1, begun_at = $2, vendor = $3, address = $4
         WHERE org = $5 AND key = $6 AND state = $7",
        [
            BEGUN.into(),
            now.into(),
            settings::name(vendor).into(),
            address.as_str().into(),
            attempt.org.into(),
            attempt.key.as_str().into(),
            WAITING.into(),
        ],
    );
    // Taken back at this moment: the next try finds that.
    ctx.commit(tx).await?;
    let (begun_at, state) = (Some(now), BEGUN.to_owned());
    let attempt = Attempt { state, begun_at, address: Some(address), ..attempt };
    let end = hand_over(ctx, &stored, vendor, &attempt, alert, None).await?;
    Ok((attempt, end))
}

/// Hands over what is in no table, for somebody who waits for the answer.
pub(super) async fn now(ctx: &Ctx, attempt: &Attempt, alert: &Alert) -> Result<Tested> {
    let stored = Stored::of(ctx, attempt.org).await?;
    let end = match way_of(ctx, &stored, attempt).await? {
        Err(end) => Ok(end),
        Ok(Way { address, vendor: None }) => write(ctx, &stored, attempt, alert, &address).await?,
        Ok(Way { address, vendor: Some(vendor) }) => {
            let attempt = Attempt { address: Some(address), ..attempt.clone() };
            hand_over(ctx, &stored, vendor, &attempt, alert, None).await?
        }
    };
    let End { outcome, why, .. } = end.unwrap_or_else(Again::given_up);
    Ok(Tested { outcome, why })
}

/// Asks what became of what was handed over.
async fn resume(ctx: &Ctx, attempt: &Attempt, alert: &Alert) -> Result<Result<End, Again>> {
    let stored = Stored::of(ctx, attempt.org).await?;
    let Some(vendor) = attempt.vendor.as_deref().and_then(settings::vendor) else {
        return Ok(Ok(End::of(Outcome::Unknown, "the provider is not known any more")));
    };
    hand_over(ctx, &stored, vendor, attempt, alert, attempt.begun_at).await
}

/// Hands a text message or a call to a provider; or, if it was begun at a time, only what they do
/// not have.
async fn hand_over(
    ctx: &Ctx,
    stored: &Stored,
    vendor: Vendor,
    attempt: &Attempt,
    alert: &Alert,
    since: Option<i64>,
) -> Result<Result<End, Again>> {
    let Some(provider) = stored.provider(ctx, vendor)? else {
        let outcome = if since.is_some() { Outcome::Unknown } else { Outcome::Failed };
        return Ok(Ok(End::of(outcome, "the provider is not set any more")));
    };
    let number = attempt.address.as_deref().unwrap_or_default();
    let Ok(number) = Number::read(number) else {
        return Ok(Ok(End::of(Outcome::Unreachable, "this is no phone number")));
    };
    let text = said(alert);
    let message = Message {
        key: &attempt.key,
        turn: attempt.turn,
        channel: way(attempt.channel),
        to: &number,
        text: &text,
        language: alert.lang.as_deref().unwrap_or("en"),
        ask: alert.ask.as_deref().filter(|_| alert.confirm),
    };
    let (state, now) = (ctx.state::<Notify>(), ctx.now());
    let egress = &state.ways.egress;
    let Some(at) = since else {
        return Ok(meaning(provider::send(egress, provider.as_ref(), &message, now).await));
    };
    let (others, rivals) = others(ctx, attempt, at).await?;
    let begun = Begun { at, others: &others, rivals };
    Ok(meaning(provider::recover(egress, provider.as_ref(), &message, begun, now).await))
}

/// What the vendor calls the newest other attempts at the same number; and those of which nobody
/// knows either whether it has them, begun about then: how many come before this one, and after it.
async fn others(
    ctx: &Ctx,
    attempt: &Attempt,
    since: i64,
) -> Result<(HashSet<String>, (usize, usize))> {
    let sql = format!(
        "SELECT reference, key FROM notify_attempt
         WHERE address = $1 AND org = $2 AND key <> $3 AND (reference IS NOT NULL
             OR channel = $4 AND begun_at > $5 AND state IN ('{BEGUN}', '{}'))
         ORDER BY made_at DESC LIMIT {OTHERS_MAX}",
        name(Outcome::Unknown)
    );
    let args = [
        attempt.address.as_deref().into(),
        attempt.org.into(),
        attempt.key.as_str().into(),
        text(attempt.channel).into(),
        (since - RIVAL_MS).into(),
    ];
    let (mut known, mut rivals) = (HashSet::new(), (0, 0));
    for row in ctx.query(&sql, args).await? {
        match row.get::<Option<String>>(0)? {
            Some(reference) => drop(known.insert(reference)),
            None if row.get::<String>(1)? < attempt.key => rivals.0 += 1,
            None => rivals.1 += 1,
        }
    }
    Ok((known, rivals))
}

/// Hands in a letter.
async fn write(
    ctx: &Ctx,
    stored: &Stored,
    attempt: &Attempt,
    alert: &Alert,
    to: &str,
) -> Result<Result<End, Again>> {
    let Some(mailer) = stored.mailer(ctx, attempt.org)? else {
        return Ok(Ok(End::of(Outcome::Failed, "the organisation has no mail server")));
    };
    let state = ctx.state::<Notify>();
    let link = alert.link.as_ref().zip(state.ways.public_url.as_ref());
    let link = link.map(|(link, public)| format!("{public}{link}"));
    let letter = Letter {
        key: &attempt.key,
        to,
        subject: &alert.title,
        text: if alert.body.is_empty() { &alert.title } else { &alert.body },
        link: link.as_deref(),
        language: alert.lang.as_deref().unwrap_or("en"),
    };
    Ok(meaning(mailer.send(&state.ways.egress, &letter, ctx.now()).await))
}

/// What is written or read aloud.
fn said(alert: &Alert) -> String {
    match alert.body.is_empty() {
        true => alert.title.clone(),
        false => format!("{}\n{}", alert.title, alert.body),
    }
}

fn way(channel: Channel) -> provider::Channel {
    match channel {
        Channel::Call => provider::Channel::Call,
        _ => provider::Channel::Sms,
    }
}
