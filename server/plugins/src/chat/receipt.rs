//! Who has read a message. Counted in memory: no row, no query and no list per message.

use std::{collections::BTreeMap, sync::Arc};

use carillon_plugin::{Ctx, Error, Result, Window};
use carillon_protocol::{
    ConvId, UserId,
    limits::{PEOPLE_PER_PAGE_MAX, RECEIPT_SEQS_MAX, WATCH_MEMBERS_MAX},
    receipt::{self, Counted, List, Listed, Person as Reader, State, ephemeral::RECEIPTS},
};

use super::{
    Chat,
    msg::messages,
    people::People,
    roster::{Conversation, Message, Person, Roster},
    rules,
    spans::Tally,
    watch, who,
};

/// By the positions of messages: who wrote each.
pub(crate) type Authors = BTreeMap<u64, UserId>;

/// By the positions of messages: how many have read each, and of how many.
pub(crate) type Counts = BTreeMap<u64, (u64, u64)>;

/// `receipt.counts`.
pub(super) async fn counts(ctx: Ctx, args: receipt::Counts) -> Result<Counted> {
    let conv = ctx.state::<Chat>().conversation(&ctx, args.conv).await?;
    let authors = authors(&ctx, &conv, &args.seqs).await?;
    let counts = count(&conv, &conv.read(), &authors);
    Ok(in_order(&args.seqs, &counts))
}

/// `receipt.watch`.
pub(super) async fn watch(ctx: Ctx, args: receipt::Watch) -> Result<Counted> {
    let (chat, me) = (ctx.state::<Chat>(), ctx.caller().user);
    let conv = chat.conversation(&ctx, args.conv).await?;
    let mut authors = authors(&ctx, &conv, &args.seqs).await?;
    if conv.read().active > WATCH_MEMBERS_MAX {
        authors.retain(|_, author| *author == me);
    }
    if args.seqs.is_empty() {
        chat.watches.stop((conv.id, me));
    }
    if chat.watches.add((conv.id, me), &authors, ctx.now())? {
        tokio::spawn(tell_watchers(chat.clone(), ctx.clone()));
    }
    // After it is watched, so that no change falls between the two.
    let counts = count(&conv, &conv.read(), &authors);
    let counts = chat.watches.answered((conv.id, me), counts);
    Ok(in_order(&args.seqs, &counts))
}

/// Tells people who watch what changes, as long as somebody does.
async fn tell_watchers(chat: Arc<Chat>, ctx: Ctx) {
    let tell = |id| {
        // A task of its own: if it panics, the others are still told.
        let told = tokio::spawn(tell_of(chat.clone(), ctx.clone(), id));
        async move {
            if let Err(error) = told.await.map_err(Error::internal).flatten() {
                tracing::error!(%error, conv = %id, "those who watch receipts were not told");
            }
        }
    };
    watch::run(&chat.watches, tell).await;
}

/// Tells those who watch a conversation what changed.
async fn tell_of(chat: Arc<Chat>, ctx: Ctx, id: ConvId) -> Result<()> {
    let authors = chat.watches.authors(id);
    let conv = chat.conversation(&ctx, id).await?;
    let news = {
        let roster = conv.read();
        let counts = count(&conv, &roster, &authors);
        let is_member = |user| roster.person(user).is_some_and(Person::is_active);
        chat.watches.news(id, &counts, is_member)
    };
    for (user, counted) in news {
        ctx.push_to(user, &conv.topic(), RECEIPTS, &counted);
    }
    Ok(())
}

/// The authors of the messages at some positions, of those that the caller may see.
async fn authors(ctx: &Ctx, conv: &Conversation, seqs: &[u64]) -> Result<Authors> {
    if seqs.len() > RECEIPT_SEQS_MAX {
        let msg = format!("at most {RECEIPT_SEQS_MAX} messages a call");
        return Err(Error::too_large("seqs", msg));
    }
    let window = {
        let roster = conv.read();
        rules::member((conv, &roster), who(ctx))?.window(conv.history)
    };
    let messages = messages(ctx, conv, seqs).await?;
    let seen = messages.into_iter().filter(|&(seq, _)| window.sees(seq));
    Ok(seen.map(|(seq, message)| (seq, message.by)).collect())
}

fn in_order(seqs: &[u64], counts: &Counts) -> Counted {
    let count = |&seq: &u64| counts.get(&seq).map(|&(read, total)| (seq, read, total));
    Counted { counts: seqs.iter().filter_map(count).collect() }
}

/// Counts the readers of messages in one pass over the members: a member costs as much as there
/// are spans over the messages, not as much as there are messages.
fn count(conv: &Conversation, roster: &Roster, authors: &Authors) -> Counts {
    let seqs: Vec<_> = authors.keys().copied().collect();
    let (Some(&first), Some(&last)) = (seqs.first(), seqs.last()) else { return BTreeMap::new() };
    let (mut read, mut total) = (Tally::new(&seqs), Tally::new(&seqs));
    for person in roster.present() {
        let window = person.window(conv.history);
        for &(from, to) in &window.0 {
            total.span(from, to);
        }
        for (from, to) in person.seen.within(first, last) {
            read.span(from, to);
        }
    }
    let counts = seqs.iter().zip(read.counts().into_iter().zip(total.counts()));
    counts
        .map(|(&seq, (mut read, mut total))| {
            // The author is in neither.
            let author = roster.person(authors[&seq]);
            if let Some(author) = author.filter(|author| may_see(conv, author, seq)) {
                total -= 1;
                read -= u64::from(author.seen.seen_at(seq).is_some());
            }
            (seq, (read, total))
        })
        .collect()
}

/// Whether a person is there, in the conversation and in the organisation, and may see this
/// position.
fn may_see(conv: &Conversation, person: &Person, seq: u64) -> bool {
    person.is_active() && !person.away && person.window(conv.history).sees(seq)
}

/// `receipt.list`.
pub(super) async fn list(ctx: Ctx, args: List) -> Result<Listed> {
    let limit = rules::limit(args.limit, PEOPLE_PER_PAGE_MAX)? as usize;
    let conv = ctx.state::<Chat>().conversation(&ctx, args.conv).await?;
    let window = {
        let roster = conv.read();
        rules::member((&conv, &roster), who(&ctx))?.window(conv.history)
    };
    let message = visible(&ctx, &conv, &window, args.seq).await?;
    let (mut page, mut total) = (Vec::new(), 0);
    for person in half(&conv, &conv.read(), message, args.state) {
        total += 1;
        if Some(person.0) > args.after && page.len() <= limit {
            page.push(person);
        }
    }
    let more = page.len() > limit;
    page.truncate(limit);
    let users: Vec<UserId> = page.iter().map(|&(user, _)| user).collect();
    let known = People::ours(&ctx, &users).await?;
    let reader = |(user, at)| Reader { user, name: known.name(user), at };
    Ok(Listed { people: page.into_iter().map(reader).collect(), more, total })
}

/// A message, if this window shows it.
pub(super) async fn visible(
    ctx: &Ctx,
    conv: &Conversation,
    window: &Window,
    seq: u64,
) -> Result<Message> {
    let messages = messages(ctx, conv, &[seq]).await?;
    let message = messages.get(&seq).filter(|_| window.sees(seq));
    message.copied().ok_or_else(|| Error::not_found("message"))
}

/// Who has read a message, or who has not, by id; the author is neither.
pub(super) fn half(
    conv: &Conversation,
    roster: &Roster,
    message: Message,
    state: State,
) -> Vec<(UserId, Option<i64>)> {
    let others = roster
        .members()
        .filter(|person| person.user != message.by && may_see(conv, person, message.seq));
    let seen = others.map(|person| {
        // Spans that touch share their first time, which may be before the message was written.
        (person.user, person.seen.seen_at(message.seq).map(|at| at.max(message.at)))
    });
    seen.filter(|(_, at)| at.is_some() == (state == State::Read)).collect()
}
