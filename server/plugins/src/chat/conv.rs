//! Making conversations and looking at them.

use carillon_plugin::{Audited, Committed, Ctx, Decision, Error, Result, Tail, Tx, Value};
use carillon_protocol::{
    ConvId, ErrorCode, Topic, UserId,
    conv::{
        Changed, Create, CreatedData, Get, History, Kind, List, Listed, Open, Opened, Role,
        Summary, Update, UpdatedData, kind,
    },
    id::Ulid,
    limits::CONVS_PER_PAGE_MAX,
};

use super::{
    Chat, load,
    load::Seat,
    member,
    people::{People, all_are_here},
    rules, who,
};

/// `conv.open`: with oneself too, for notes.
pub(super) async fn open(ctx: Ctx, args: Open) -> Result<Decision<Opened>> {
    let me = ctx.caller().user;
    let pair = load::pair(me, args.user);
    let known = "SELECT id FROM chat_conversation WHERE pair = $1";
    if let Some(row) = ctx.query_one(known, vec![pair.clone().into()]).await? {
        return Ok(Decision::Answer(Opened { conv: row.get(0)? }));
    }
    all_are_here(&ctx, "user", &[], &[args.user]).await?;
    let mut members = vec![me, args.user];
    members.dedup();
    let data = CreatedData { kind: Kind::Direct, title: None, history: History::All, members };
    Ok(begin(&ctx, &data, Some(pair)).into())
}

/// `conv.create`.
pub(super) async fn create(ctx: Ctx, args: Create) -> Result<Decision<Opened>> {
    let title = rules::title(&args.title)?;
    let mut members = rules::named("members", &args.members)?;
    members.remove(&ctx.caller().user);
    let mut members = Vec::from_iter(members);
    all_are_here(&ctx, "members", &args.members, &members).await?;
    members.insert(0, ctx.caller().user);
    let history = args.history;
    let data = CreatedData { kind: Kind::Group, title: Some(title), history, members };
    Ok(begin(&ctx, &data, None).into())
}

/// The first event of a conversation, with its rows.
fn begin(ctx: &Ctx, data: &CreatedData, pair: Option<String>) -> Tx {
    let (conv, me) = (ConvId(ctx.new_id()), ctx.caller().user);
    let mut tx = ctx.tx();
    let created = tx.emit(Topic::Conv(conv), kind::CREATED, data);
    let row = vec![
        conv.into(),
        ctx.caller().org.into(),
        rules::kind_text(data.kind).into(),
        data.title.clone().unwrap_or_default().into(),
        rules::history_text(data.history).into(),
        pair.clone().into(),
        data.members.len().into(),
        Value::Seq(created),
        ctx.now().into(),
    ];
    let insert = "INSERT INTO chat_conversation (id, org, kind, title, history, pair, members,
             changed_seq, settled_seq, settled_n, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 0, $9) ON CONFLICT (pair) DO NOTHING";
    match pair {
        // Whoever opens it at the same moment changes no row, and finds it on the second look.
        Some(_) => tx.run_one(insert, row),
        None => tx.run(insert, row),
    }
    let role = |user: UserId| match data.kind {
        Kind::Group if user == me => Role::Owner,
        _ => Role::Member,
    };
    let people = data.members.iter().map(|&user| (user, role(user)));
    member::bring(&mut tx, conv, people, created);
    tx
}

/// The answer of `conv.open` and `conv.create`.
pub(super) fn opened(done: &Committed) -> Result<Opened> {
    match done.events.first().map(|event| &event.topic) {
        Some(&Topic::Conv(conv)) => Ok(Opened { conv }),
        _ => Err(Error::not_found("conversation")),
    }
}

/// `conv.update`.
pub(super) async fn update(ctx: Ctx, args: Update) -> Result<Decision<Changed>> {
    let title = rules::title(&args.title)?;
    let conv = ctx.state::<Chat>().conversation(&ctx, args.conv).await?;
    let (head, changed_seq) = {
        let roster = conv.read();
        let caller = rules::member((&conv, &roster), who(&ctx))?;
        rules::may_rename((&conv, &roster), caller)?;
        (roster.head, roster.changed_seq)
    };
    let known = "SELECT title FROM chat_conversation WHERE id = $1";
    let known = ctx.query_one(known, vec![conv.id.into()]).await?;
    let known = known.map(|row| row.get::<String>(0)).transpose()?;
    if known.as_ref() == Some(&title) {
        return Ok(Decision::Answer(Changed { seq: head }));
    }
    let mut tx = ctx.tx();
    tx.emit(conv.topic(), kind::UPDATED, &UpdatedData { title: title.clone() });
    tx.audit(Audited::of("conv", conv.id).before(&known).after(&title));
    // Whoever owned it a moment ago may not own it any more: then the members have changed.
    tx.run_one(
        "UPDATE chat_conversation SET title = $1 WHERE id = $2 AND changed_seq = $3",
        vec![title.into(), conv.id.into(), changed_seq.into()],
    );
    Ok(tx.into())
}

/// `conv.get`.
pub(super) async fn get(ctx: Ctx, args: Get) -> Result<Summary> {
    let chat = ctx.state::<Chat>();
    let conv = chat.conversation(&ctx, args.conv).await?;
    rules::member((&conv, &conv.read()), who(&ctx))?;
    let seats = load::seats(&ctx, &chat, (args.conv, args.conv), 1).await?;
    let left = || Error::new(ErrorCode::NotMember, "you are no longer in this conversation");
    summaries(&ctx, seats).await?.pop().ok_or_else(left)
}

/// `conv.list`: two queries for what it is, one for the heads, one for the last messages and one
/// for names, however long the page.
pub(super) async fn list(ctx: Ctx, args: List) -> Result<Listed> {
    let chat = ctx.state::<Chat>();
    let limit = rules::limit(args.limit, CONVS_PER_PAGE_MAX)?;
    let low = args.after.map_or(Ulid::nil(), |after| Ulid(after.0.0.saturating_add(1)));
    let mut seats = load::seats(&ctx, &chat, load::from(low), u64::from(limit) + 1).await?;
    let more = seats.len() > limit as usize;
    seats.truncate(limit as usize);
    Ok(Listed { convs: summaries(&ctx, seats).await?, more })
}

async fn summaries(ctx: &Ctx, seats: Vec<Seat>) -> Result<Vec<Summary>> {
    let peers: Vec<UserId> = seats.iter().filter_map(|seat| seat.peer).collect();
    let people = People::ours(ctx, &peers).await?;
    let tail =
        |seat: &Seat| Tail { topic: Topic::Conv(seat.conv), window: seat.window(), limit: 1 };
    let tails = ctx.tails(seats.iter().map(tail).collect(), true).await?;
    let summary = |(seat, mut last): (Seat, Vec<_>)| Summary {
        conv: seat.conv,
        kind: seat.kind,
        title: seat.peer.map_or(seat.title, |peer| people.name(peer)),
        peer: seat.peer,
        head: seat.head.head,
        n: seat.head.n,
        read_seq: seat.cursor.0,
        unread: seat.head.n.saturating_sub(seat.cursor.1),
        members: seat.members,
        rules: seat.rules,
        last: last.pop(),
    };
    Ok(seats.into_iter().zip(tails).map(summary).collect())
}
