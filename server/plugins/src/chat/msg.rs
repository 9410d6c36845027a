//! Writing and reading messages.

use std::collections::BTreeMap;

use carillon_plugin::{Committed, Ctx, Decision, Error, Look, Result, Tx, Window};
use carillon_protocol::{
    ErrorCode, Topic, UserId,
    conv::Rules,
    limits::{EVENTS_PER_PAGE_MAX, INT_MAX},
    msg::{Body, List, Listed, MentionedData, Send, Sent, SentData, kind},
};

use super::{
    Chat, card, limits,
    roster::{Conversation, Message},
    rules,
    unsettled::Pressure,
    who,
};

/// How long a client waits when own cursors are written too slowly.
const BUSY_RETRY_MS: u64 = 1_000;

/// `msg.send`: no query if the conversation is in memory, one event, no other row.
pub(super) async fn send(ctx: Ctx, args: Send) -> Result<Decision<Sent>> {
    if let Body::Card { owner, .. } = &args.body {
        card::may_send(&ctx, owner.as_deref()).await?;
    }
    Ok(written(&ctx, args).await?.into())
}

/// A message that the caller may write: its event is the first.
pub(super) async fn written(ctx: &Ctx, args: Send) -> Result<Tx> {
    let chat = ctx.state::<Chat>();
    let conv = chat.conversation(ctx, args.conv).await?;
    let limit = if args.everybody { limits::of(ctx, conv.org).await? } else { Rules::default() };
    let (mentioned, window) = {
        let roster = conv.read();
        let person = rules::member((&conv, &roster), who(ctx))?;
        rules::may_write((&conv, &roster))?;
        let mut mentioned = rules::mentioned(&roster, &args.body)?;
        if args.everybody {
            let callers = roster.rules.and(limit).mention_all;
            if !rules::may_call((&conv, &roster), person, callers) {
                let msg = "only the owner mentions everybody in this group; mention people by name";
                return Err(Error::denied(msg).field("everybody"));
            }
            mentioned = rules::everybody(&roster, person.user);
        }
        (mentioned, person.window(conv.history))
    };
    if let Some(seq) = args.reply_to {
        let is_message = messages(ctx, &conv, &[seq]).await?.contains_key(&seq);
        if !is_message || !window.sees(seq) {
            return Err(Error::bad_arg("reply_to", "there is no such message to answer"));
        }
    }
    let Send { body, reply_to, everybody, .. } = args;
    let data = SentData { body, reply_to, everybody, rev: None };
    append(ctx, &conv, &data, mentioned)
}

/// A message that may be written, as a transaction: its event is the first.
pub(super) fn append(
    ctx: &Ctx,
    conv: &Conversation,
    data: &SentData,
    mentioned: Vec<UserId>,
) -> Result<Tx> {
    let chat = ctx.state::<Chat>();
    let pressure = chat.unsettled.pressure(ctx.now());
    if pressure != Pressure::Idle {
        // Also if this message is refused: nobody else may come by to make room.
        chat.lane.settle(ctx);
    }
    if pressure == Pressure::Full {
        let error = Error::new(ErrorCode::Busy, "the server has too much to write; wait a moment");
        return Err(error.retry_ms(BUSY_RETRY_MS));
    }
    let mut tx = ctx.tx();
    tx.emit_counted(conv.topic(), kind::SENT, data);
    if let Some(cid) = ctx.cid() {
        for user in mentioned {
            let data = MentionedData { topic: conv.topic(), cid };
            tx.emit(Topic::User(user), kind::MENTIONED, &data);
        }
    }
    Ok(tx)
}

/// The answer of `msg.send`.
pub(super) fn sent(done: &Committed) -> Result<Sent> {
    let event = done.events.first().ok_or_else(|| Error::not_found("message"))?;
    Ok(Sent { seq: event.seq, id: event.id, at: event.at, dup: done.dup })
}

/// The messages at some positions: from memory, or those that are too old for it from the log.
pub(super) async fn messages(
    ctx: &Ctx,
    conv: &Conversation,
    seqs: &[u64],
) -> Result<BTreeMap<u64, Message>> {
    let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
    {
        let roster = conv.read();
        for &seq in seqs {
            match roster.message(seq) {
                Some(message) => drop(found.insert(seq, message)),
                None if roster.knows(seq) => {}
                None => missing.push(seq),
            }
        }
    }
    if !missing.is_empty() {
        let events = ctx.events_at(&conv.topic(), missing).await?;
        let mut roster = conv.write();
        for message in events.iter().filter_map(Message::of) {
            roster.remember(message);
            found.insert(message.seq, message);
        }
    }
    Ok(found)
}

/// `msg.list`.
pub(super) async fn list(ctx: Ctx, args: List) -> Result<Listed> {
    let limit = rules::limit(args.limit, EVENTS_PER_PAGE_MAX)?;
    let topic = Topic::Conv(args.conv);
    let window = ctx.window(&topic).await?;
    let page = Page { ctx: &ctx, topic: &topic, window: &window };
    match (args.before, args.after, args.around) {
        (before, None, None) => page.before(before.unwrap_or(INT_MAX), limit).await,
        (None, Some(after), None) => page.after(after, limit).await,
        (None, None, Some(around)) => {
            let mut page_before = page.before(around, limit / 2).await?;
            let rest = limit - page_before.events.len() as u32;
            let page_after = page.after(around.saturating_sub(1), rest).await?;
            page_before.events.extend(page_after.events);
            page_before.more |= page_after.more;
            Ok(page_before)
        }
        _ => Err(Error::bad_arg("before", "only one of `before`, `after` and `around`")),
    }
}

/// Messages in a window. Each asks for one more than it answers, to know whether there is more.
struct Page<'a> {
    ctx: &'a Ctx,
    topic: &'a Topic,
    window: &'a Window,
}

impl Page<'_> {
    async fn look(&self, look: Look, limit: u32) -> Result<Listed> {
        let events = self.ctx.events(self.topic, self.window, look, true, limit + 1).await?;
        let (events, more) = look.page(events, limit);
        Ok(Listed { events, more })
    }

    async fn before(&self, seq: u64, limit: u32) -> Result<Listed> {
        self.look(Look::Before(seq.min(INT_MAX)), limit).await
    }

    async fn after(&self, seq: u64, limit: u32) -> Result<Listed> {
        self.look(Look::After(seq.min(INT_MAX)), limit).await
    }
}
