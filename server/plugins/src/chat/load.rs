//! What the tables say of a conversation, and of the conversations of a person.

use carillon_plugin::{Ctx, Error, Head, Result, Row, Window};
use carillon_protocol::{
    ConvId, OrgId, Topic, UserId,
    conv::{Callers, History, Kind, Role, Rules},
    id::Ulid,
};
use smallvec::SmallVec;

use super::{
    Chat,
    lists::Listed,
    people::People,
    roster::{Conversation, OPEN, Person, Roster},
    spans::{ReadSpan, ReadSpans, unpack},
    who,
};

const CONVERSATION: &str = "SELECT org, kind, history, changed_seq, settled_seq, settled_n,
         mention_all, ding_all
     FROM chat_conversation WHERE id = $1";

/// A row a person and span.
const PEOPLE: &str = "SELECT m.user_id, m.role, k.read_seq, k.read_n, s.from_seq, s.to_seq
     FROM chat_member m
     JOIN chat_cursor k ON k.conv = m.conv AND k.user_id = m.user_id
     JOIN chat_span s ON s.conv = m.conv AND s.user_id = m.user_id
     WHERE m.conv = $1 ORDER BY m.user_id, s.from_seq";

const DAYS: &str = "SELECT user_id, day, spans FROM chat_seen WHERE conv = $1 ORDER BY user_id";

/// A row a conversation and span, of the seats that this selects.
fn seat_rows(which: &str) -> String {
    format!(
        "SELECT m.conv, c.kind, c.title, c.history, c.pair, c.members, c.settled_seq,
             c.settled_n, k.read_seq, k.read_n, k.changed_pos, s.from_seq, s.to_seq,
             c.mention_all, c.ding_all, COALESCE(o.mention_all, 'members'),
             COALESCE(o.ding_all, 'members')
         FROM ({which}) m
         JOIN chat_conversation c ON c.id = m.conv AND c.org = $2
         JOIN chat_cursor k ON k.conv = m.conv AND k.user_id = m.user_id
         JOIN chat_span s ON s.conv = m.conv AND s.user_id = m.user_id
         LEFT JOIN chat_limit o ON o.org = c.org
         ORDER BY m.conv, s.from_seq"
    )
}

const SEATS: &str = "SELECT conv, user_id FROM chat_member
     WHERE user_id = $1 AND active = 1 AND conv >= $3 AND conv <= $4 ORDER BY conv LIMIT $5";

/// In one query: everybody who comes back asks it, and after a restart all do at once.
const SEATS_AND_LEFT: &str = "SELECT conv, user_id FROM chat_member
     WHERE user_id = $1 AND active = 1
     UNION ALL SELECT conv, user_id FROM (
         SELECT l.conv, l.user_id FROM chat_member l
         JOIN chat_cursor at ON at.conv = l.conv AND at.user_id = l.user_id
         WHERE l.user_id = $1 AND l.active = 0 ORDER BY at.changed_pos DESC LIMIT $3) AS gone";

/// Of so many conversations that a person left is told that the person did: whoever left more of
/// them while one device was away finds that out by looking at them.
const LEFT_MAX: u64 = 100;

/// The tables hold something that this code did not write.
fn corrupt(what: &str, text: &str) -> Error {
    Error::internal(std::io::Error::other(format!("`{text}` is not {what}")))
}

fn kind(text: &str) -> Result<Kind> {
    match text {
        "direct" => Ok(Kind::Direct),
        "group" => Ok(Kind::Group),
        _ => Err(corrupt("a kind", text)),
    }
}

fn history(text: &str) -> Result<History> {
    match text {
        "all" => Ok(History::All),
        "joined" => Ok(History::Joined),
        _ => Err(corrupt("a history", text)),
    }
}

fn role(text: &str) -> Result<Role> {
    match text {
        "owner" => Ok(Role::Owner),
        "member" => Ok(Role::Member),
        _ => Err(corrupt("a role", text)),
    }
}

fn callers(text: &str) -> Result<Callers> {
    match text {
        "members" => Ok(Callers::Members),
        "owners" => Ok(Callers::Owners),
        _ => Err(corrupt("who may call everybody", text)),
    }
}

/// Who may call everybody, from this column and the next one.
pub(crate) fn rules(row: &Row, column: usize) -> Result<Rules> {
    let at = |column| callers(&row.get::<String>(column)?);
    Ok(Rules { mention_all: at(column)?, ding_all: at(column + 1)? })
}

fn span(row: &Row, column: usize) -> Result<(u64, u64)> {
    Ok((row.get(column)?, row.get::<Option<u64>>(column + 1)?.unwrap_or(OPEN)))
}

/// A conversation as the tables say it, or `E_NOT_FOUND`. Four queries, however large it is, and
/// what the directory asks; one more if the node crashed while people were writing.
pub(crate) async fn conversation(ctx: &Ctx, chat: &Chat, id: ConvId) -> Result<Conversation> {
    let row = ctx.query_one(CONVERSATION, vec![id.into()]).await?;
    let row = row.ok_or_else(|| Error::not_found("conversation"))?;
    let org: OrgId = row.get(0)?;
    let (kind, history) = (kind(&row.get::<String>(1)?)?, history(&row.get::<String>(2)?)?);
    let (changed_seq, settled) = (row.get(3)?, (row.get(4)?, row.get(5)?));

    let mut people = people(&ctx.query(PEOPLE, vec![id.into()]).await?)?;
    add_days(&mut people, &ctx.query(DAYS, vec![id.into()]).await?)?;
    let users: Vec<UserId> = people.iter().map(|person| person.user).collect();
    let known = People::ask(ctx, org, &users).await?;
    people.iter_mut().for_each(|person| person.away = known.has_left(person.user));
    let Head { head, n, .. } = ctx.head(&Topic::Conv(id)).await?;
    let own = chat.unsettled.known(ctx, vec![(id, settled, n)], None).await?;
    let mut roster = Roster::new(people, changed_seq, head, n);
    roster.rules = rules(&row, 6)?;
    own.into_values().flatten().for_each(|(user, cursor)| roster.read_to(user, cursor));
    Ok(Conversation::new((id, org), (kind, history), roster))
}

fn people(rows: &[Row]) -> Result<Vec<Person>> {
    let mut people: Vec<Person> = Vec::new();
    for row in rows {
        let (user, span) = (row.get(0)?, span(row, 4)?);
        match people.last_mut() {
            Some(person) if person.user == user => person.spans.push(span),
            _ => people.push(Person {
                user,
                role: role(&row.get::<String>(1)?)?,
                away: false,
                spans: SmallVec::from_buf([span]),
                cursor: (row.get(2)?, row.get(3)?),
                seen: ReadSpans::default(),
                oldest_day: None,
            }),
        }
    }
    Ok(people)
}

/// Both are sorted by person.
fn add_days(people: &mut [Person], rows: &[Row]) -> Result<()> {
    let of = |row: &Row| row.get::<UserId>(0);
    let mut people = people.iter_mut();
    let mut rest = rows;
    while let Some(first) = rest.first() {
        let user = of(first)?;
        let mut days: Vec<ReadSpan> = Vec::new();
        let mut oldest_day = None;
        while let Some((row, others)) = rest.split_first()
            && of(row)? == user
        {
            let (day, text): (i64, String) = (row.get(1)?, row.get(2)?);
            days.append(&mut unpack(&text).ok_or_else(|| corrupt("a row of spans", &text))?);
            let is_older = oldest_day.is_none_or(|oldest| day < oldest);
            if day != 0 && is_older {
                oldest_day = Some(day);
            }
            rest = others;
        }
        if let Some(person) = people.find(|person| person.user == user) {
            (person.seen, person.oldest_day) = (ReadSpans::merged(days), oldest_day);
        }
    }
    Ok(())
}

/// A conversation as one of its members has it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) conv: ConvId,
    pub(crate) kind: Kind,
    pub(crate) title: String,
    /// The other person of a direct conversation; oneself, if it is with oneself.
    pub(crate) peer: Option<UserId>,
    pub(crate) members: u64,
    /// As the group and its organisation allow it.
    pub(crate) rules: Rules,
    history: History,
    spans: SmallVec<[(u64, u64); 1]>,
    pub(crate) cursor: (u64, u64),
    pub(crate) changed_pos: u64,
    pub(crate) head: Head,
}

impl Seat {
    /// Whether the person is in it now.
    pub(crate) fn is_active(&self) -> bool {
        self.spans.last().is_some_and(|&(_, to)| to == OPEN)
    }

    /// What of it the person may see.
    pub(crate) fn window(&self) -> Window {
        match self.history {
            History::All if self.is_active() => Window::all(),
            _ => Window(self.spans.clone()),
        }
    }
}

/// The conversations with ids in a range that a person is in, by id: two queries, however many,
/// and few more if the node crashed while people were writing.
pub(crate) async fn seats(
    ctx: &Ctx,
    chat: &Chat,
    (low, high): (ConvId, ConvId),
    limit: u64,
) -> Result<Vec<Seat>> {
    let (org, user) = who(ctx);
    let args = vec![user.into(), org.into(), low.into(), high.into(), limit.into()];
    seated(ctx, chat, ctx.query(&seat_rows(SEATS), args).await?).await
}

/// All conversations of a person, and those that the person left last.
pub(crate) async fn list(ctx: &Ctx, chat: &Chat) -> Result<Vec<Listed>> {
    let (org, user) = who(ctx);
    let args = vec![user.into(), org.into(), LEFT_MAX.into()];
    let mut seats = seated(ctx, chat, ctx.query(&seat_rows(SEATS_AND_LEFT), args).await?).await?;
    let left = seats.iter_mut().filter(|seat| !seat.is_active());
    for seat in left.filter(|seat| seat.history == History::All) {
        // They see nothing of it any more, but the event that says so is theirs, as who is
        // connected hears it last.
        let end = seat.spans.last().map(|&(_, to)| (to, to));
        seat.spans = end.into_iter().collect();
    }
    let listed = |seat: Seat| Listed {
        conv: seat.conv,
        window: seat.window(),
        live: seat.is_active(),
        cursor: seat.cursor,
        changed_pos: seat.changed_pos,
    };
    Ok(seats.into_iter().map(listed).collect())
}

async fn seated(ctx: &Ctx, chat: &Chat, rows: Vec<Row>) -> Result<Vec<Seat>> {
    let (_, user) = who(ctx);
    let mut seats: Vec<Seat> = Vec::new();
    let mut settled = Vec::new();
    for row in rows {
        let (conv, span) = (row.get(0)?, span(&row, 11)?);
        if let Some(seat) = seats.last_mut().filter(|seat: &&mut Seat| seat.conv == conv) {
            seat.spans.push(span);
            continue;
        }
        settled.push((row.get(6)?, row.get(7)?));
        seats.push(Seat {
            conv,
            kind: kind(&row.get::<String>(1)?)?,
            title: row.get(2)?,
            history: history(&row.get::<String>(3)?)?,
            peer: row.get::<Option<String>>(4)?.and_then(|pair| peer(&pair, user)),
            members: row.get(5)?,
            rules: rules(&row, 13)?.and(rules(&row, 15)?),
            spans: SmallVec::from_buf([span]),
            cursor: (row.get(8)?, row.get(9)?),
            changed_pos: row.get(10)?,
            head: Head::default(),
        });
    }
    let heads = ctx.heads(seats.iter().map(|seat| Topic::Conv(seat.conv)).collect()).await?;
    let standing = seats.iter().zip(&heads).zip(settled);
    let standing = standing.map(|((seat, head), settled)| (seat.conv, settled, head.n)).collect();
    let own = chat.unsettled.known(ctx, standing, Some(user)).await?;
    for (seat, head) in seats.iter_mut().zip(heads) {
        seat.head = head;
        for (_, cursor) in own.get(&seat.conv).into_iter().flatten() {
            seat.cursor = seat.cursor.max(*cursor);
        }
    }
    Ok(seats)
}

/// The range of all ids, from this one on.
pub(crate) fn from(low: Ulid) -> (ConvId, ConvId) {
    (ConvId(low), ConvId(Ulid(u128::MAX)))
}

/// The two people of a direct conversation, as `chat_conversation.pair` has them.
pub(crate) fn pair(a: UserId, b: UserId) -> String {
    format!("{} {}", a.min(b), a.max(b))
}

fn peer(pair: &str, user: UserId) -> Option<UserId> {
    let (a, b) = pair.split_once(' ')?;
    let (a, b): (UserId, UserId) = (a.parse().ok()?, b.parse().ok()?);
    Some(if a == user { b } else { a })
}
