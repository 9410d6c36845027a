//! Who has read a message. Counted in memory: no row, no query and no list per message.

use std::collections::BTreeMap;

use carillon_plugin::{Ctx, Error, Result};
use carillon_protocol::{
    UserId,
    limits::{PEOPLE_PER_PAGE_MAX, RECEIPT_SEQS_MAX},
    receipt::{Counted, Counts, List, Listed, Person as Reader, State},
};

use super::{
    Chat,
    msg::messages,
    name_of, names,
    roster::{Conversation, Message, Person, Roster},
    rules,
    spans::Tally,
    who,
};

/// `receipt.counts`.
pub(super) async fn counts(ctx: Ctx, args: Counts) -> Result<Counted> {
    if args.seqs.len() > RECEIPT_SEQS_MAX {
        let msg = format!("at most {RECEIPT_SEQS_MAX} messages a call");
        return Err(Error::too_large("seqs", msg));
    }
    let conv = ctx.state::<Chat>().conversation(&ctx, args.conv).await?;
    let window = {
        let roster = conv.read();
        rules::member((&conv, &roster), who(&ctx))?.window(conv.history)
    };
    let mut messages = messages(&ctx, &conv, &args.seqs).await?;
    messages.retain(|&seq, _| window.sees(seq));
    let counts = count(&conv, &conv.read(), &messages);
    Ok(Counted { counts: args.seqs.iter().filter_map(|seq| counts.get(seq).copied()).collect() })
}

/// `(seq, read, total)` of each message, in one pass over the members: a member costs as much as
/// there are spans over the messages, not as much as there are messages.
fn count(
    conv: &Conversation,
    roster: &Roster,
    messages: &BTreeMap<u64, Message>,
) -> BTreeMap<u64, (u64, u64, u64)> {
    let seqs: Vec<_> = messages.keys().copied().collect();
    let (Some(&first), Some(&last)) = (seqs.first(), seqs.last()) else { return BTreeMap::new() };
    let (mut read, mut total) = (Tally::new(&seqs), Tally::new(&seqs));
    for person in roster.members() {
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
            let author = roster.person(messages[&seq].by);
            if let Some(author) = author.filter(|author| may_see(conv, author, seq)) {
                total -= 1;
                read -= u64::from(author.seen.seen_at(seq).is_some());
            }
            (seq, (seq, read, total))
        })
        .collect()
}

/// Whether a person is in the conversation and may see this position.
fn may_see(conv: &Conversation, person: &Person, seq: u64) -> bool {
    person.is_active() && person.window(conv.history).sees(seq)
}

/// `receipt.list`.
pub(super) async fn list(ctx: Ctx, args: List) -> Result<Listed> {
    let limit = rules::limit(args.limit, PEOPLE_PER_PAGE_MAX)? as usize;
    let conv = ctx.state::<Chat>().conversation(&ctx, args.conv).await?;
    let window = {
        let roster = conv.read();
        rules::member((&conv, &roster), who(&ctx))?.window(conv.history)
    };
    let messages = messages(&ctx, &conv, &[args.seq]).await?;
    let message = messages.get(&args.seq).filter(|_| window.sees(args.seq));
    let message = *message.ok_or_else(|| Error::not_found("message"))?;

    let (mut page, mut total) = (Vec::new(), 0);
    for person in half(&conv, &conv.read(), message, args.state) {
        total += 1;
        if Some(person.0) > args.after && page.len() <= limit {
            page.push(person);
        }
    }
    let more = page.len() > limit;
    page.truncate(limit);
    let names = names(&ctx, page.iter().map(|&(user, _)| user).collect()).await?;
    let reader = |(user, at)| Reader { user, name: name_of(&names, user), at };
    Ok(Listed { people: page.into_iter().map(reader).collect(), more, total })
}

/// Who has read a message, or who has not, by id; the author is neither.
fn half(
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
