//! Cards: writing them, changing them in place, and telling their owner what people do with them.
//!
//! A card is a message, so its row in the log is the card. Where a plugin's card stands is kept in
//! a table, by the name that the plugin gave it.

use std::sync::Arc;

use carillon_plugin::{Asked, Caller, Ctx, Decision, Error, Result, Value};
use carillon_protocol::{
    ConvId, ErrorCode, Event, Json,
    card::{Act, Acted, Acting, Card, Post, Set, Update, Updated, UpdatedData, kind},
    conv::History,
    id::Ulid,
    msg::{self, Body, Sent, SentData},
    org::GetMembers,
};

use super::{Chat, answers, bodies, msg::written, roster::Conversation, rules, who};

/// `card.post`.
pub(super) async fn post(ctx: Ctx, args: Post) -> Result<Decision<Sent>> {
    bodies::key("owner", &args.owner)?;
    bodies::key("key", &args.key)?;
    bodies::card("card", &args.card)?;
    let body = Body::Card { owner: Some(args.owner.clone()), card: Box::new(args.card) };
    let mut tx =
        written(&ctx, msg::Send { conv: args.conv, body, reply_to: None, everybody: false })
            .await?;
    tx.run(
        "INSERT INTO chat_card (owner, key, conv, seq) VALUES ($1, $2, $3, $4)",
        [args.owner.into(), args.key.into(), args.conv.into(), Value::Seq(0)],
    );
    Ok(tx.into())
}

/// `card.update`.
pub(super) async fn update(ctx: Ctx, args: Update) -> Result<Updated> {
    bodies::card("card", &args.card)?;
    let sql = "SELECT conv, seq, version FROM chat_card WHERE owner = $1 AND key = $2";
    let row = ctx.query_one(sql, [args.owner.into(), args.key.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("card"))?;
    let (id, seq, shown): (ConvId, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let conv = ctx.state::<Chat>().conversation(&ctx, id).await?;
    let found = message(&ctx, &conv, seq).await?;
    if ctx.caller().org != conv.org {
        return Err(Error::not_found("card"));
    }
    if args.version.is_some_and(|version| version <= shown) {
        return Ok(found.said());
    }
    found.say(&ctx, &conv, (args.card, args.version)).await
}

/// `card.set`.
pub(super) async fn set(ctx: Ctx, args: Set) -> Result<Updated> {
    let (conv, found) = seen(&ctx, args.conv, args.seq).await?;
    if found.owner.is_some() || found.event.by != ctx.caller().user {
        return Err(Error::denied("only the program that sent a card changes it"));
    }
    bodies::card("card", &args.card)?;
    found.say(&ctx, &conv, (args.card, None)).await
}

/// `card.act`: takes effect by what the card's owner commits for it.
pub(super) async fn act(ctx: Ctx, args: Act) -> Result<Acted> {
    let Act { conv: id, seq, act, values } = args;
    bodies::key("act", &act)?;
    let (_, found) = seen(&ctx, id, seq).await?;
    // Who asks again after an answer that was lost is told what it came to, whatever the card says
    // by now.
    if let Err(refused) = answers::acts(&found.card, &act, &values)
        && !ctx.is_repeated().await?
    {
        let done = has_acted(&ctx, found.owner.as_deref(), (id, seq)).await?;
        return if done { Ok(Acted { dup: true }) } else { Err(refused) };
    }
    let (op, key) = match &found.owner {
        Some(owner) => (format!("{owner}.act"), key_of(&ctx, (id, seq)).await?),
        None => of_program(&ctx, &found.event).await?,
    };
    let (org, user) = who(&ctx);
    let acting = Acting { conv: id, seq, key, act, values };
    let caller = Caller::let_in(user, org).from_network(ctx.caller().network);
    let answer = ctx.call_by_name(caller, ctx.cid(), &op, &Json::of(&acting)).await;
    if found.owner.is_some() {
        return answer?.to().map_err(Error::internal);
    }
    // What a program answers is its own. Who pressed is told when it is not there: a client would
    // else try again for as long as that lasts, and the button would seem to do something.
    match answer {
        Ok(_) => Ok(Acted { dup: false }),
        Err(error) if error.code() == ErrorCode::Unavailable => Err(takes_no_answers()),
        Err(error) => Err(error),
    }
}

/// What a plugin knows its card by.
async fn key_of(ctx: &Ctx, (conv, seq): (ConvId, u64)) -> Result<String> {
    let sql = "SELECT key FROM chat_card WHERE conv = $1 AND seq = $2";
    let row = ctx.query_one(sql, [conv.into(), seq.into()]).await?;
    row.ok_or_else(|| Error::not_found("card"))?.get(0)
}

/// Whether the plugin that a card belongs to says that this intent had its effect. One whose
/// effects leave no event under the intent has an operation `acted`, and is asked by that.
async fn has_acted(ctx: &Ctx, owner: Option<&str>, card: (ConvId, u64)) -> Result<bool> {
    let (Some(owner), Some(cid)) = (owner, ctx.cid()) else { return Ok(false) };
    let op = format!("{owner}.acted");
    if ctx.host().lookup(&op).is_none() {
        return Ok(false);
    }
    let (org, user) = who(ctx);
    let args = serde_json::json!({ "key": key_of(ctx, card).await?, "cid": cid });
    let caller = Caller::let_in(user, org);
    let answer = ctx.call_by_name(caller, None, &op, &Json::of(&args)).await?;
    let Acted { dup } = answer.to().map_err(Error::internal)?;
    Ok(dup)
}

fn takes_no_answers() -> Error {
    let msg = "the program that this card belongs to takes no answers now; ask whoever runs it";
    Error::new(ErrorCode::Blocked, msg)
}

/// The operation of the program that sent a card, and what the program knows the card by: the
/// intent under which it was sent.
async fn of_program(ctx: &Ctx, event: &Event) -> Result<(String, String)> {
    let (org, user) = who(ctx);
    let caller = Caller::on_behalf_of(user, org);
    let got = ctx.call_as(caller, None, &GetMembers { users: vec![event.by] }).await?;
    let program = got.members.into_iter().find(|member| member.app && member.active);
    let op = program.and_then(|program| Asked::op_of(&program.login, "act"));
    let op = op.ok_or_else(takes_no_answers)?;
    Ok((op, event.cid.map(|cid| cid.to_string()).unwrap_or_default()))
}

/// Refuses cards of people: what can be pressed in a conversation comes from programs.
pub(super) async fn may_send(ctx: &Ctx, owner: Option<&str>) -> Result<()> {
    if owner.is_some() {
        return Err(Error::bad_arg("body.owner", "only the server says whose a card is"));
    }
    let (org, user) = who(ctx);
    let caller = Caller::on_behalf_of(user, org);
    let got = ctx.call_as(caller, None, &GetMembers { users: vec![user] }).await?;
    match got.members.iter().any(|member| member.app) {
        true => Ok(()),
        false => Err(Error::denied("only programs send cards; send Markdown")),
    }
}

/// A message that is a card.
struct Found {
    event: Event,
    data: SentData,
    owner: Option<String>,
    card: Card,
}

/// The card at a position, for a member who may see it.
async fn seen(ctx: &Ctx, id: ConvId, seq: u64) -> Result<(Arc<Conversation>, Found)> {
    let conv = ctx.state::<Chat>().conversation(ctx, id).await?;
    let window = {
        let roster = conv.read();
        rules::member((&conv, &roster), who(ctx))?.window(conv.history)
    };
    if !window.sees(seq) {
        return Err(Error::not_found("card"));
    }
    let found = message(ctx, &conv, seq).await?;
    // What it says now it said first while the member was away.
    if !window.sees(found.said().rev) {
        return Err(Error::not_found("card"));
    }
    Ok((conv, found))
}

async fn message(ctx: &Ctx, conv: &Conversation, seq: u64) -> Result<Found> {
    let events = ctx.events_at(&conv.topic(), vec![seq]).await?;
    let sent = events.into_iter().find(|event| &*event.k == msg::kind::SENT);
    let event = sent.ok_or_else(|| Error::not_found("card"))?;
    let data: SentData = event.data.to().map_err(Error::internal)?;
    let Body::Card { owner, card } = data.body.clone() else {
        return Err(Error::not_found("card"));
    };
    Ok(Found { event, data, owner, card: *card })
}

impl Found {
    /// What it says was said here.
    fn said(&self) -> Updated {
        Updated { rev: self.data.rev.unwrap_or(self.event.seq) }
    }

    /// Says something else from now on, in a newer version if it has versions.
    async fn say(
        self,
        ctx: &Ctx,
        conv: &Conversation,
        (card, version): (Card, Option<u64>),
    ) -> Result<Updated> {
        let (org, user) = who(ctx);
        // What nobody in particular caused is said by whoever said it first.
        let by = if user.0 == Ulid::nil() { self.event.by } else { user };
        let (mut tx, of) = (ctx.tx().on_behalf_of(by, org), self.event.seq);
        if let Some(version) = version {
            // Whoever is overtaken looks again, and finds the newer one.
            tx.run_one(
                "UPDATE chat_card SET version = $1 WHERE conv = $2 AND seq = $3 AND version < $1",
                [version.into(), conv.id.into(), of.into()],
            );
        }
        if self.card == card {
            if version.is_some() {
                ctx.commit(tx).await?;
            }
            return Ok(self.said());
        }
        // Who hears of the change may have come after the message, and must not learn what it says.
        let is_for_all = conv.history == History::All;
        let change = UpdatedData { of, card: is_for_all.then(|| card.clone()) };
        let emit = tx.emit(conv.topic(), kind::UPDATED, &change);
        let body = Body::Card { owner: self.owner, card: Box::new(card) };
        tx.rewrite(emit, of, &SentData { body, rev: None, ..self.data });
        let done = ctx.commit(tx).await?;
        let event = done.events.first().ok_or_else(|| Error::not_found("card"))?;
        Ok(Updated { rev: event.seq })
    }
}
