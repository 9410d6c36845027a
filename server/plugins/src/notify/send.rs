//! What other plugins ask for, and what they take back.

use std::collections::{BTreeMap, HashSet};

use carillon_plugin::{
    Ctx, Error, Result, Tx, Value,
    protocol::{
        Channel, OrgId, UserId,
        limits::{
            ALERT_BODY_LEN_MAX, ALERT_LINK_LEN_MAX, ALERT_TAG_LEN_MAX, ALERT_TITLE_LEN_MAX,
            ATTEMPT_KEY_LEN_MAX, ATTEMPTS_PER_CALL_MAX,
        },
        notify::{Alert, Cancel, Done, Outcome, Send, Subject, To},
    },
};

use super::{
    attempt::{Attempt, COLUMNS, WAITING, name, tell, text},
    carry::Carry,
    list, places,
    push::{self, Push},
    withdraw,
};

/// The longest name of a plugin, and of its things: those of a topic.
const PLUGIN_LEN_MAX: usize = 32;
const SUBJECT_LEN_MAX: usize = 64;
/// So many attempts are taken back in one transaction; then the next.
const CANCELLED_MAX: usize = 2_000;

pub(super) async fn send(ctx: Ctx, args: Send) -> Result<Done> {
    check(&args)?;
    let org = ctx.caller().org;
    let known = known(&ctx, org, &args.to).await?;
    let new: Vec<To> = args.to.into_iter().filter(|to| !known.contains(&to.key)).collect();
    if new.is_empty() {
        return Ok(Done {});
    }
    let mut tx = ctx.tx();
    put(&ctx, &mut tx, &args.subject, args.channel, &args.alert, &new, None);
    ctx.commit(tx).await?;
    Ok(Done {})
}

/// Writes attempts down, and lets them happen; at this address, if it is not each person's own.
pub(super) fn put(
    ctx: &Ctx,
    tx: &mut Tx,
    subject: &Subject,
    channel: Channel,
    alert: &Alert,
    to: &[To],
    address: Option<&str>,
) {
    let (org, message) = (ctx.caller().org, ctx.new_id().to_string());
    list::sweep_daily(ctx, tx);
    let alert_text = serde_json::to_string(alert).expect("texts and numbers become JSON");
    tx.run(
        "INSERT INTO notify_message (id, org, alert, made_at) VALUES ($1, $2, $3, $4)",
        [message.as_str().into(), org.into(), alert_text.into(), ctx.now().into()],
    );
    let row = |to: &To| -> Vec<Value> {
        vec![
            org.into(),
            to.key.as_str().into(),
            message.as_str().into(),
            subject.plugin.as_str().into(),
            subject.id.as_str().into(),
            text(channel).into(),
            to.user.into(),
            WAITING.into(),
            0.into(),
            address.into(),
            alert.confirm.into(),
            0.into(),
            ctx.now().into(),
        ]
    };
    tx.run_rows(
        "INSERT INTO notify_attempt (org, key, message, plugin, subject, channel, user_id, state,
             turn, address, asks, withdrawn, made_at)
         VALUES {rows} ON CONFLICT DO NOTHING",
        to.iter().map(row).collect(),
    );
    if channel == Channel::Push {
        tx.outbox(push::EFFECT, &message, &Push { message: message.clone(), rest: None });
        return;
    }
    for to in to {
        let carry = Carry { key: to.key.clone() };
        tx.outbox(text(channel), &format!("{org}:{}", to.key), &carry);
    }
}

fn check(args: &Send) -> Result<()> {
    let Send { subject, channel, alert, to } = args;
    if *channel == Channel::App {
        return Err(Error::bad_arg("channel", "what is shown in the app is an event, not this"));
    }
    check_subject(subject)?;
    let too_long = |field: &str, most: usize| {
        Err(Error::bad_arg(field, format!("write at most {most} characters")))
    };
    if alert.title.is_empty() || alert.title.chars().count() > ALERT_TITLE_LEN_MAX {
        return too_long("alert.title", ALERT_TITLE_LEN_MAX);
    }
    if alert.body.chars().count() > ALERT_BODY_LEN_MAX {
        return too_long("alert.body", ALERT_BODY_LEN_MAX);
    }
    if alert.ask.as_ref().is_some_and(|ask| ask.chars().count() > ALERT_TITLE_LEN_MAX) {
        return too_long("alert.ask", ALERT_TITLE_LEN_MAX);
    }
    let path = |link: &String| {
        let fits = link.len() <= ALERT_LINK_LEN_MAX && !link.contains(char::is_control);
        // `//host` and `/\host` would leave the app.
        fits && link.starts_with('/') && !link.starts_with("//") && !link.starts_with("/\\")
    };
    if alert.link.as_ref().is_some_and(|link| !path(link)) {
        return Err(Error::bad_arg("alert.link", "write a path in the app that begins with /"));
    }
    if !(1..=ALERT_TAG_LEN_MAX).contains(&alert.tag.len()) {
        return Err(Error::bad_arg("alert.tag", format!("1 to {ALERT_TAG_LEN_MAX} bytes")));
    }
    if !(1..=ATTEMPTS_PER_CALL_MAX).contains(&to.len()) {
        return Err(Error::bad_arg("to", format!("name 1 to {ATTEMPTS_PER_CALL_MAX} attempts")));
    }
    let fits = |key: &str| {
        (1..=ATTEMPT_KEY_LEN_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
    };
    if to.iter().any(|to| !fits(&to.key)) {
        let hint = format!("a key has 1 to {ATTEMPT_KEY_LEN_MAX} visible characters of ASCII");
        return Err(Error::bad_arg("to", hint));
    }
    let keys: HashSet<_> = to.iter().map(|to| &to.key).collect();
    match keys.len() == to.len() {
        true => Ok(()),
        false => Err(Error::bad_arg("to", "two attempts have the same key")),
    }
}

fn check_subject(subject: &Subject) -> Result<()> {
    let fits = (1..=PLUGIN_LEN_MAX).contains(&subject.plugin.len())
        && (1..=SUBJECT_LEN_MAX).contains(&subject.id.len());
    if fits { Ok(()) } else { Err(Error::bad_arg("subject", "name a plugin and its thing")) }
}

/// The keys among these that were sent before.
async fn known(ctx: &Ctx, org: OrgId, to: &[To]) -> Result<HashSet<String>> {
    let list = places(2, to.len());
    let sql = format!("SELECT key FROM notify_attempt WHERE org = $1 AND key IN ({list})");
    let keys = to.iter().map(|to| Value::from(to.key.as_str()));
    let args: Vec<Value> = [org.into()].into_iter().chain(keys).collect();
    ctx.query(&sql, args).await?.iter().map(|row| row.get(0)).collect()
}

pub(super) async fn cancel(ctx: Ctx, args: Cancel) -> Result<Done> {
    check_subject(&args.subject)?;
    if args.users.len() > ATTEMPTS_PER_CALL_MAX {
        let hint = format!("name at most {ATTEMPTS_PER_CALL_MAX} people, or nobody for all");
        return Err(Error::bad_arg("users", hint));
    }
    let found = cancellable(&ctx, &args).await?;
    if found.is_empty() {
        return Ok(Done {});
    }
    let org = ctx.caller().org;
    let mut tx = ctx.tx();
    let (waiting, shown): (Vec<_>, Vec<_>) =
        found.iter().partition(|attempt| attempt.state == WAITING);
    let keys = |attempts: &[&Attempt]| -> Vec<Vec<Value>> {
        let row = |it: &&Attempt| vec![it.org.into(), it.key.as_str().into()];
        attempts.iter().map(row).collect()
    };
    // Who carries them out looks at this first.
    tx.run_rows(
        format!(
            "UPDATE notify_attempt SET state = '{}', done_at = {} WHERE state = '{WAITING}'
             AND (org, key) IN (VALUES {{rows}})",
            name(Outcome::Cancelled),
            ctx.now()
        ),
        keys(&waiting),
    );
    for (channel, attempts) in by_channel(&waiting) {
        for some in attempts.chunks(ATTEMPTS_PER_CALL_MAX) {
            let results = some.iter().map(|it| it.told(Outcome::Cancelled, None)).collect();
            tell(&mut tx, org, &args.subject, channel, results)?;
        }
    }
    tx.run_rows(
        "UPDATE notify_attempt SET withdrawn = 1 WHERE (org, key) IN (VALUES {rows})",
        keys(&shown),
    );
    withdraw::put(&ctx, &mut tx, &shown);
    if found.len() == CANCELLED_MAX {
        let Subject { plugin, id } = &args.subject;
        tx.after(0, &format!("cancel:{plugin}:{id}"), &args);
    }
    ctx.commit(tx).await?;
    Ok(Done {})
}

/// Attempts that wait, and those that devices show.
async fn cancellable(ctx: &Ctx, args: &Cancel) -> Result<Vec<Attempt>> {
    let Cancel { subject, users } = args;
    let whom = match users.len() {
        0 => String::new(),
        count => format!("AND user_id IN ({})", places(4, count)),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM notify_attempt
         WHERE org = $1 AND plugin = $2 AND subject = $3 {whom} AND (state = '{WAITING}'
             OR channel = 'push' AND state IN ('accepted', 'delivered') AND withdrawn = 0)
         ORDER BY key LIMIT {CANCELLED_MAX}"
    );
    let org = ctx.caller().org;
    let about = [org.into(), subject.plugin.as_str().into(), subject.id.as_str().into()];
    let users = users.iter().map(|&user: &UserId| Value::from(user));
    let args: Vec<Value> = about.into_iter().chain(users).collect();
    ctx.query(&sql, args).await?.iter().map(Attempt::read).collect()
}

fn by_channel<'a>(attempts: &[&'a Attempt]) -> BTreeMap<Channel, Vec<&'a Attempt>> {
    let mut by_channel = BTreeMap::<_, Vec<_>>::new();
    for &attempt in attempts {
        by_channel.entry(attempt.channel).or_default().push(attempt);
    }
    by_channel
}
