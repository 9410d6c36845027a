//! What chat knows about a conversation and a period, for digests.
//!
//! Positions of a log rise with the time, so where a period begins and ends is found by halving:
//! a few questions, however long the log is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use carillon_plugin::{Ctx, Error, Look, Period, Plugin, Result, Tail, Window};
use carillon_protocol::{
    ConvId, Event, Topic, UserId,
    fact::{Fact, Line},
    limits::{EVENTS_PER_PAGE_MAX, FACT_LINES_MAX},
    msg::SentData,
};

use super::{
    Chat,
    people::People,
    roster::{Conversation, Message, Roster},
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Of so many messages, the newest of a period, authors and mentions are looked at: more than a
/// group of the full size writes in a busy day, and a fact is answered within a call.
const MESSAGES_MAX: usize = 5_000;
/// So many pairs of a message and somebody who might read it are looked at: a fraction of a second.
const PAIRS_MAX: usize = 1_000_000;
/// So many groups of an organisation are looked at, those in which something was said last.
const GROUPS_MAX: usize = 100;
/// So many groups are asked for their last message at once.
const GROUPS_AT_ONCE: usize = 200;
/// So many rounds of them, the groups that were made last first: more is no matter of seconds.
const ROUNDS_MAX: usize = 20;

/// Offers what digests ask for.
pub(super) fn offered(plugin: Plugin) -> Plugin {
    plugin
        .fact_of_conversation("chat.messages", "Messages.", messages)
        .fact_of_conversation("chat.active", "People who wrote.", active)
        .fact_of_conversation(
            "chat.read_1h",
            "The share of readers who had read a message after an hour.",
            read_1h,
        )
        .fact_of_conversation(
            "chat.read_24h",
            "The share of readers who had read a message after a day.",
            read_24h,
        )
        .fact_of_conversation(
            "chat.waiting",
            "Who mentioned somebody who has written nothing since, and for how long.",
            waiting,
        )
        .fact(
            "chat.unread",
            "Groups with messages that are unread after a day, without names of people.",
            unread,
        )
        .settles("chat.read_1h", HOUR_MS)
        .settles("chat.read_24h", DAY_MS)
        .settles("chat.unread", DAY_MS)
}

/// The conversation that a fact is about.
async fn about(ctx: &Ctx, period: &Period) -> Result<Arc<Conversation>> {
    let unknown = || Error::not_found("conversation");
    let conv = period.conv.ok_or_else(unknown)?;
    let conv = ctx.state::<Chat>().conversation(ctx, conv).await?;
    if conv.org == period.org { Ok(conv) } else { Err(unknown()) }
}

/// The newest message before a moment, if there is one.
async fn newest_before(ctx: &Ctx, topic: &Topic, moment: i64) -> Result<Option<Event>> {
    let newest = async |before: u64| -> Result<Option<Event>> {
        let look = Look::Before(before);
        Ok(ctx.events(topic, &Window::all(), look, true, 1).await?.pop())
    };
    let head = ctx.head(topic).await?.head;
    // What is at `low` was before the moment, what is at `high` was not.
    let (mut low, mut high, mut found) = (0, head + 1, None);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        match newest(middle + 1).await? {
            Some(event) if event.at >= moment => high = event.seq,
            Some(event) => {
                low = middle;
                found = Some(event);
            }
            None => low = middle,
        }
    }
    Ok(found)
}

/// How many messages of a conversation are older than a moment.
async fn count_before(ctx: &Ctx, topic: &Topic, moment: i64) -> Result<u64> {
    Ok(newest_before(ctx, topic, moment).await?.map_or(0, |event| event.n))
}

/// `chat.messages`.
pub(super) async fn messages(ctx: Ctx, period: Period) -> Result<Fact> {
    let topic = about(&ctx, &period).await?.topic();
    let to = count_before(&ctx, &topic, period.to).await?;
    let from = count_before(&ctx, &topic, period.from).await?;
    Ok(Fact::Number { value: to.saturating_sub(from) as f64, unit: "messages".into() })
}

/// The messages of a period, the newest ones if they are too many; the oldest first.
async fn said(ctx: &Ctx, topic: &Topic, period: &Period) -> Result<Vec<Event>> {
    let mut said: Vec<Event> = Vec::new();
    let Some(last) = newest_before(ctx, topic, period.to).await? else { return Ok(said) };
    let mut before = last.seq + 1;
    while said.len() < MESSAGES_MAX {
        let look = Look::Before(before);
        let page = ctx.events(topic, &Window::all(), look, true, EVENTS_PER_PAGE_MAX).await?;
        let Some(first) = page.first() else { break };
        before = first.seq;
        let is_over = first.at < period.from;
        let within = |event: &Event| (period.from..period.to).contains(&event.at);
        said.extend(page.into_iter().filter(within).rev());
        if is_over {
            break;
        }
    }
    said.truncate(MESSAGES_MAX);
    said.reverse();
    Ok(said)
}

/// `chat.active`.
pub(super) async fn active(ctx: Ctx, period: Period) -> Result<Fact> {
    let conv = about(&ctx, &period).await?;
    let said = said(&ctx, &conv.topic(), &period).await?;
    let roster = conv.read();
    let authors: BTreeSet<UserId> = said.iter().map(|event| event.by).collect();
    // Robots are nobody's members.
    let people = authors.into_iter().filter(|&user| roster.person(user).is_some()).count();
    Ok(Fact::Number { value: people as f64, unit: "people".into() })
}

/// `chat.read_1h`.
pub(super) async fn read_1h(ctx: Ctx, period: Period) -> Result<Fact> {
    read_within(&ctx, &period, HOUR_MS).await
}

/// `chat.read_24h`.
pub(super) async fn read_24h(ctx: Ctx, period: Period) -> Result<Fact> {
    read_within(&ctx, &period, DAY_MS).await
}

/// Of those who could have read the messages of a period that are old enough, how many did so in
/// time. A series without points says that there is no such message.
async fn read_within(ctx: &Ctx, period: &Period, ms: i64) -> Result<Fact> {
    let conv = about(ctx, period).await?;
    let to = period.to.min(ctx.now() - ms);
    let said = said(ctx, &conv.topic(), &Period { to, ..*period }).await?;
    let (read, total) = shares(&conv, &conv.read(), &said, ms);
    if total == 0 {
        return Ok(Fact::Series { points: Vec::new(), unit: "share".into() });
    }
    Ok(Fact::Number { value: read as f64 / total as f64, unit: "share".into() })
}

fn shares(conv: &Conversation, roster: &Roster, said: &[Event], ms: i64) -> (u64, u64) {
    let newest = PAIRS_MAX / roster.active.max(1);
    let said = &said[said.len().saturating_sub(newest)..];
    let (mut read, mut total) = (0, 0);
    for person in roster.present() {
        let window = person.window(conv.history);
        for event in said.iter().filter(|it| it.by != person.user && window.sees(it.seq)) {
            total += 1;
            let seen = person.seen.seen_at(event.seq);
            read += u64::from(seen.is_some_and(|at| at <= event.at + ms));
        }
    }
    (read, total)
}

/// `chat.waiting`: who mentioned somebody who has written nothing since, and how long ago.
pub(super) async fn waiting(ctx: Ctx, period: Period) -> Result<Fact> {
    let conv = about(&ctx, &period).await?;
    let now = ctx.now();
    let since = Period { to: now.max(period.to) + 1, ..period };
    let said = said(&ctx, &conv.topic(), &since).await?;
    // Who asked whom, when: the oldest question that is open.
    let mut open: BTreeMap<(UserId, UserId), i64> = BTreeMap::new();
    for event in &said {
        open.retain(|&(_, asked), _| asked != event.by);
        let data: SentData = event.data.to().map_err(Error::internal)?;
        if event.at < period.to {
            for &asked in data.body.mentions().iter().filter(|&&user| user != event.by) {
                open.entry((event.by, asked)).or_insert(event.at);
            }
        }
    }
    {
        let roster = conv.read();
        let is_here = |user| roster.person(user).is_some_and(|it| it.is_active() && !it.away);
        open.retain(|&(asks, asked), _| is_here(asks) && is_here(asked));
    }
    let mut open: Vec<_> = open.into_iter().collect();
    open.sort_by_key(|&(pair, at)| (at, pair));
    open.truncate(FACT_LINES_MAX);
    let users: Vec<UserId> = open.iter().flat_map(|&((asks, asked), _)| [asks, asked]).collect();
    let people = People::ask(&ctx, period.org, &users).await?;
    let line = |((asks, asked), at): ((UserId, UserId), i64)| Line {
        label: format!("{} → {}", people.name(asks), people.name(asked)),
        user: Some(asks),
        value: (now - at) as f64,
    };
    Ok(Fact::List { lines: open.into_iter().map(line).collect(), unit: "ms".into() })
}

/// `chat.unread`: the groups with the most messages of a period that somebody has not read a day
/// later, added up over their people.
pub(super) async fn unread(ctx: Ctx, period: Period) -> Result<Fact> {
    let to = period.to.min(ctx.now() - DAY_MS);
    let mut found = Vec::new();
    for (conv, title) in lately(&ctx, &period).await? {
        let topic = Topic::Conv(conv);
        let until = count_before(&ctx, &topic, to);
        let (until, from) = tokio::try_join!(until, count_before(&ctx, &topic, period.from))?;
        let conv = ctx.state::<Chat>().conversation(&ctx, conv).await?;
        let roster = conv.read();
        let missed = |read: u64| until.saturating_sub(read.max(from));
        let missed: u64 = roster.present().map(|person| missed(person.cursor.1)).sum();
        if missed > 0 {
            found.push(Line { label: title, user: None, value: missed as f64 });
        }
    }
    found.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.label.cmp(&b.label)));
    found.truncate(FACT_LINES_MAX);
    Ok(Fact::List { lines: found, unit: "messages".into() })
}

/// The groups of an organisation in which something was said since a period began, the latest
/// first; of the 4,000 that were made last.
async fn lately(ctx: &Ctx, period: &Period) -> Result<Vec<(ConvId, String)>> {
    let sql = "SELECT id, title FROM chat_conversation
               WHERE org = $1 AND kind = 'group' AND id < $2 ORDER BY id DESC LIMIT $3";
    // After every id.
    let (mut before, mut found) = ("Z".to_owned(), Vec::new());
    for _ in 0..ROUNDS_MAX {
        let row = [period.org.into(), before.as_str().into(), GROUPS_AT_ONCE.into()];
        let rows = ctx.query(sql, row).await?;
        let mut groups = Vec::with_capacity(rows.len());
        for row in &rows {
            groups.push((row.get::<ConvId>(0)?, row.get::<String>(1)?));
        }
        let Some((last, _)) = groups.last() else { break };
        before = last.to_string();
        let tail = |&(conv, _): &(ConvId, String)| Tail {
            topic: Topic::Conv(conv),
            window: Window::all(),
            limit: 1,
        };
        let tails = ctx.tails(groups.iter().map(tail).collect(), true).await?;
        for (group, tail) in groups.into_iter().zip(tails) {
            let at = tail.last().and_then(Message::of).map(|message| message.at);
            if let Some(at) = at.filter(|&at| at >= period.from) {
                found.push((at, group));
            }
        }
        found.sort_by(|(a, _), (b, _)| b.cmp(a));
        found.truncate(GROUPS_MAX);
    }
    Ok(found.into_iter().map(|(_, group)| group).collect())
}
