//! `ding.deliver`: what a page has written down is handed over to the plugin `notify`.
//!
//! It is done again until it was taken, and each time it is asked who has answered: only what is
//! with those who carry it can be late, and they are told to stop twice.

use std::collections::{BTreeMap, BTreeSet};

use carillon_plugin::{Caller, Ctx, Error, Result, Value};
use carillon_protocol::{
    Channel, ErrorCode, UserId,
    ding::{Deliver, Done, State},
    limits::{ALERT_BODY_LEN_MAX, ALERT_TITLE_LEN_MAX, ATTEMPTS_PER_CALL_MAX},
    notify::{self, Subject, To},
};

use super::{
    audience,
    rows::{self, Alert, choice, place, unknown},
    stop::subject,
    words::Words,
};

/// For how long it is worth delivering an alert without a deadline, in seconds.
const WORTH_S: i64 = 24 * 60 * 60;
/// The shortest time that is worth it, in seconds.
const WORTH_MIN_S: i64 = 60;
/// For how long something is handed over after it was first not taken; then the board says so.
const PATIENCE_MS: i64 = 10 * 60 * 1000;

/// `ding.deliver`.
pub(super) async fn deliver(ctx: Ctx, args: Deliver) -> Result<Done> {
    let alert = rows::alert(&ctx, args.ding).await?;
    if alert.recalled_at.is_some() {
        return Ok(Done {});
    }
    let sql = "SELECT a.key, a.user_id, a.channel FROM ding_attempt a
               JOIN ding_recipient r ON r.ding = a.ding AND r.user_id = a.user_id
               WHERE a.ding = $1 AND a.turn = $2 AND a.outcome = 'trying' AND r.state < $3
                   AND a.reached = a.user_id
               ORDER BY a.key";
    let asked = [args.ding.into(), args.turn.into(), place(State::Confirmed)];
    let mut tries = Vec::new();
    for row in ctx.query(sql, asked).await? {
        tries.push((choice(row.get(2)?)?, To { key: row.get(0)?, user: row.get(1)? }));
    }
    let users: BTreeSet<UserId> =
        tries.iter().map(|(_, to): &(Channel, To)| to.user).chain([alert.by]).collect();
    let people = audience::people(&ctx, alert.org, &users).await?;
    // Who left has no name here; their alerts stay.
    let by = people.get(&alert.by).map_or("?", |person| &person.name);
    let mut groups: BTreeMap<(Channel, &str), Vec<To>> = BTreeMap::new();
    for (channel, to) in tries {
        let Some(person) = people.get(&to.user) else { continue };
        groups.entry((channel, Words::of(&person.locale).lang)).or_default().push(to);
    }
    // What one channel does not take keeps no other one waiting.
    let mut taken = Ok(());
    for ((channel, lang), all) in groups {
        for to in all.chunks(ATTEMPTS_PER_CALL_MAX) {
            let (tag, link) = (alert.ding.to_string(), format!("/ding/{}", alert.ding));
            let told = Told { channel, by, first: None, words: Words::of(lang), tag, link };
            let to = (subject(alert.ding), to.to_vec());
            taken = taken.and(hand_over(&ctx, &alert, told, to).await);
        }
    }
    stop_answered(&ctx, &alert, args.turn).await?;
    taken.map(|()| Done {})
}

/// Takes back what was handed over while somebody answered.
async fn stop_answered(ctx: &Ctx, alert: &Alert, turn: u64) -> Result<()> {
    let sql = "SELECT DISTINCT user_id FROM ding_attempt
               WHERE ding = $1 AND turn = $2 AND reached = user_id AND outcome = 'cancelled'";
    let rows = ctx.query(sql, [alert.ding.into(), turn.into()]).await?;
    let users: Vec<UserId> = rows.iter().map(|row| row.get(0)).collect::<Result<_>>()?;
    if !users.is_empty() {
        let cancel = notify::Cancel { subject: subject(alert.ding), users };
        ctx.call_as(Caller::for_plugin(alert.by, alert.org), None, &cancel).await?;
    }
    Ok(())
}

/// What people are told.
pub(super) struct Told<'a> {
    /// Through what.
    pub channel: Channel,
    /// The name of who sends it.
    pub by: &'a str,
    /// What comes first.
    pub first: Option<&'a str>,
    /// In which words.
    pub words: &'a Words,
    /// What takes its place on a screen.
    pub tag: String,
    /// Where it leads.
    pub link: String,
}

/// Hands over tries. What is not taken is handed over again, and after a while the board says that
/// it failed. The while begins with the first refusal: however late the first time was, it is not
/// the only one.
pub(super) async fn hand_over(
    ctx: &Ctx,
    alert: &Alert,
    told: Told<'_>,
    (subject, to): (Subject, Vec<To>),
) -> Result<()> {
    let keys: Vec<String> = to.iter().map(|to| to.key.clone()).collect();
    let (channel, told) = (told.channel, written(ctx, alert, told)?);
    let send = notify::Send { subject, channel, alert: told, to };
    let error = match ctx.call_as(Caller::for_plugin(alert.by, alert.org), None, &send).await {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let first = refused_at(ctx, &keys).await?;
    let rows = keys.into_iter().map(|key| vec![key.into()]).collect();
    let mut tx = ctx.tx();
    if first.is_some_and(|first| ctx.now() - first >= PATIENCE_MS) {
        tracing::error!(ding = %alert.ding, %error, "what an alert tells was not taken");
        tx.run_rows(
            "UPDATE ding_attempt SET outcome = 'failed', why = 'it was not taken'
             WHERE outcome = 'trying' AND sent IN (VALUES {rows})",
            rows,
        );
        return ctx.commit(tx).await.map(drop);
    }
    if first.is_none() {
        let now = ctx.now();
        tx.run_rows(
            format!("UPDATE ding_attempt SET refused_at = {now} WHERE key IN (VALUES {{rows}})"),
            rows,
        );
        ctx.commit(tx).await?;
    }
    // That it was not taken is no fault of the call: it is not put aside.
    Err(Error::new(ErrorCode::Busy, error.body().msg.clone()))
}

/// When the first of these was first not taken.
async fn refused_at(ctx: &Ctx, keys: &[String]) -> Result<Option<i64>> {
    let places: Vec<String> = (1..=keys.len()).map(|place| format!("${place}")).collect();
    let places = places.join(", ");
    let sql = format!("SELECT MIN(refused_at) FROM ding_attempt WHERE key IN ({places})");
    let keys: Vec<Value> = keys.iter().map(|key| key.as_str().into()).collect();
    let row = ctx.query_one(&sql, keys).await?;
    row.map_or(Ok(None), |row| row.get(0))
}

fn written(ctx: &Ctx, alert: &Alert, told: Told<'_>) -> Result<notify::Alert> {
    let Told { channel, by, first, words, tag, link } = told;
    let answers = channel == Channel::Sms;
    let body = words.body(&alert.text, first, (answers, alert.reply_required), ALERT_BODY_LEN_MAX);
    let left_s = alert.confirm_by.map_or(WORTH_S, |by| (by - ctx.now()) / 1000);
    let can_press = channel == Channel::Call && !alert.reply_required;
    Ok(notify::Alert {
        title: words.title(by, ALERT_TITLE_LEN_MAX),
        body,
        link: Some(link),
        tag,
        ttl_s: u32::try_from(left_s.clamp(WORTH_MIN_S, WORTH_S)).map_err(|_| unknown())?,
        confirm: !alert.reply_required || answers,
        lang: Some(words.lang.to_owned()),
        ask: can_press.then(|| words.ask.to_owned()),
    })
}
