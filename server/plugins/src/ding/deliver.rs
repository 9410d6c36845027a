//! `ding.deliver`: what a page has written down is handed over to the plugin `notify`.
//!
//! It is done again until it was taken, and each time it is asked who has answered: only what is
//! with those who carry it can be late, and they are told to stop twice.

use std::collections::{BTreeMap, BTreeSet};

use carillon_plugin::{Caller, Ctx, Result};
use carillon_protocol::{
    UserId,
    ding::{Channel, Deliver, Done, State},
    limits::{ALERT_BODY_LEN_MAX, ALERT_TITLE_LEN_MAX, ATTEMPTS_PER_CALL_MAX},
    notify::{self, To},
};

use super::{
    audience::{self, Person},
    rows::{self, Alert, choice, place, unknown},
    stop::{subject, subject_instead},
    words::Words,
};

/// For how long it is worth delivering an alert without a deadline, in seconds.
const WORTH_S: i64 = 24 * 60 * 60;
/// The shortest time that is worth it, in seconds.
const WORTH_MIN_S: i64 = 60;

/// What is told in one call: through what, in which words, and instead of whom.
type Group = (Channel, &'static str, Option<UserId>);

/// `ding.deliver`.
pub(super) async fn deliver(ctx: Ctx, args: Deliver) -> Result<Done> {
    let alert = rows::alert(&ctx, args.ding).await?;
    if alert.recalled_at.is_some() {
        return Ok(Done {});
    }
    let sql = "SELECT a.key, a.user_id, a.reached, a.channel FROM ding_attempt a
               JOIN ding_recipient r ON r.ding = a.ding AND r.user_id = a.user_id
               WHERE a.ding = $1 AND a.turn = $2 AND a.outcome = 'trying' AND r.state < $3
               ORDER BY a.key";
    let asked = [args.ding.into(), args.turn.into(), place(State::Confirmed)];
    let mut tries: Vec<(Channel, UserId, To)> = Vec::new();
    for row in ctx.query(sql, asked).await? {
        let to = To { key: row.get(0)?, user: row.get(2)? };
        tries.push((choice(row.get(3)?)?, row.get(1)?, to));
    }
    let users = tries.iter().flat_map(|(_, recipient, to)| [*recipient, to.user]);
    let users: BTreeSet<UserId> = users.chain([alert.by]).collect();
    let people = audience::people(&ctx, alert.org, &users).await?;
    let mut groups: BTreeMap<Group, Vec<To>> = BTreeMap::new();
    for (channel, recipient, to) in tries {
        let Some(person) = people.get(&to.user) else { continue };
        let instead_of = Some(recipient).filter(|recipient| *recipient != to.user);
        let group = (channel, Words::of(&person.locale).lang, instead_of);
        groups.entry(group).or_default().push(to);
    }
    for (group, all) in groups {
        for to in all.chunks(ATTEMPTS_PER_CALL_MAX) {
            let send = told(&ctx, &alert, &people, group, to.to_vec())?;
            ctx.call_as(Caller::for_plugin(alert.by, alert.org), None, &send).await?;
        }
    }
    Ok(Done {})
}

fn told(
    ctx: &Ctx,
    alert: &Alert,
    people: &BTreeMap<UserId, Person>,
    (channel, lang, instead_of): Group,
    to: Vec<To>,
) -> Result<notify::Send> {
    let ding = alert.ding;
    let words = Words::of(lang);
    // Who left has no name here; their alerts stay.
    let name = |user: UserId| people.get(&user).map_or("?", |person| &person.name);
    let answers = channel == Channel::Sms;
    let body = words.body(
        &alert.text,
        instead_of.map(name),
        (answers, alert.reply_required),
        ALERT_BODY_LEN_MAX,
    );
    let left_s = alert.confirm_by.map_or(WORTH_S, |by| (by - ctx.now()) / 1000);
    let can_press = channel == Channel::Call && !alert.reply_required;
    let (subject, tag, link) = match instead_of {
        None => (subject(ding), ding.to_string(), format!("/ding/{ding}")),
        Some(of) => (
            subject_instead(ding, of),
            format!("{ding}:{of}"),
            // Who confirms without opening the app confirms for this recipient.
            format!("/ding/{ding}?instead_of={of}"),
        ),
    };
    let told = notify::Alert {
        title: words.title(name(alert.by), ALERT_TITLE_LEN_MAX),
        body,
        link: Some(link),
        tag,
        ttl_s: u32::try_from(left_s.clamp(WORTH_MIN_S, WORTH_S)).map_err(|_| unknown())?,
        confirm: !alert.reply_required || answers,
        lang: Some(words.lang.to_owned()),
        ask: can_press.then(|| words.ask.to_owned()),
    };
    Ok(notify::Send { subject, channel, alert: told, to })
}
