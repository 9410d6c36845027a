//! The card of a room: when it is or since when, a button to come in, and at the end who was there.

use std::collections::HashMap;

use carillon_plugin::{Ctx, Error, Result};
use carillon_protocol::{
    ErrorCode, RoomId, UserId,
    card::{self, Acted, Button, Card, Post, State, Style},
    org::Names,
    room::{Act, Done, HasActed, Phase, Refresh, Remind},
};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    open::seen,
    rows::{Meeting, load, over, unknown},
};

/// How many names a card has.
const NAMED_MAX: usize = 10;
/// What the button of the card does; the room's id follows.
const JOIN: &str = "join:";
/// What the reminder's card is known by, after the room's id.
const SOON: &str = ":soon";
const MINUTE_MS: i64 = 60_000;

/// Who was there.
#[derive(Debug, Default)]
pub(super) struct Attendance {
    /// How many people.
    people: u64,
    /// The first of them.
    names: Vec<String>,
}

/// `room.refresh`.
pub(super) async fn refresh(ctx: Ctx, args: Refresh) -> Result<Done> {
    let meeting = load(&ctx, args.room).await?;
    let attendance = match meeting.head.phase {
        Phase::Ended => attendance(&ctx, &meeting).await?,
        _ => Attendance::default(),
    };
    let card = card(&meeting, &attendance)?;
    let update = |key: String, card: Card| card::Update {
        owner: "room".into(),
        key,
        card,
        version: Some(meeting.rev),
    };
    ctx.call_as(ctx.caller(), None, &update(args.room.to_string(), card.clone())).await?;
    if meeting.head.phase == Phase::Ended && meeting.head.starts_at.is_some() {
        let soon = update(format!("{}{SOON}", args.room), card);
        match ctx.call_as(ctx.caller(), None, &soon).await {
            // It was called off before anybody was reminded.
            Err(error) if error.code() == ErrorCode::NotFound => {}
            other => drop(other?),
        }
    }
    Ok(Done {})
}

/// `room.remind`.
pub(super) async fn remind(ctx: Ctx, args: Remind) -> Result<Done> {
    let meeting = load(&ctx, args.room).await?;
    let is_due = meeting.head.starts_at == Some(args.starts_at);
    if !is_due || meeting.head.phase != Phase::Planned {
        return Ok(Done {});
    }
    let words = Words::of(&meeting.locale);
    let minutes = (args.starts_at - ctx.now() + MINUTE_MS - 1) / MINUTE_MS;
    let text = words.soon.replace("{n}", &minutes.max(1).to_string());
    let card = Card::titled(title(&meeting)).text(text).button(button(&meeting));
    let key = format!("{}{SOON}", args.room);
    let post = Post { conv: meeting.head.conv, owner: "room".into(), key, card };
    let mut tx = ctx.tx().on_behalf_of(meeting.head.by, meeting.org);
    tx.after(0, &format!("soon:{}", args.room), &post);
    ctx.commit(tx).await?;
    Ok(Done {})
}

/// `room.act`: apps go to the room, and join it there; pressing has no other effect.
pub(super) async fn act(ctx: Ctx, args: Act) -> Result<Acted> {
    let room = args.act.strip_prefix(JOIN).and_then(|room| room.parse::<RoomId>().ok());
    let meeting = seen(&ctx, room.ok_or_else(unknown)?).await?;
    match meeting.head.phase {
        Phase::Ended => Err(over()),
        Phase::Planned | Phase::Open => Ok(Acted { dup: false }),
    }
}

/// `room.acted`.
pub(super) async fn acted(_: Ctx, _: HasActed) -> Result<Acted> {
    Ok(Acted { dup: false })
}

async fn attendance(ctx: &Ctx, meeting: &Meeting) -> Result<Attendance> {
    let sql =
        "SELECT user_id, MIN(id), MAX(name) FROM room_participant WHERE room = $1 AND waiting = 0
               GROUP BY user_id ORDER BY MIN(id) LIMIT $2";
    let rows = ctx.query(sql, [meeting.head.room.into(), NAMED_MAX.into()]).await?;
    let there = rows.iter().map(|row| Ok((row.get(0)?, row.get(2)?)));
    let there = there.collect::<Result<Vec<(UserId, Option<String>)>>>()?;
    let members = there.iter().filter(|(_, guest)| guest.is_none());
    let users = members.map(|(user, _)| *user).collect();
    let sql = "SELECT COUNT(DISTINCT user_id) FROM room_participant
               WHERE room = $1 AND waiting = 0";
    let people = ctx.query_one(sql, [meeting.head.room.into()]).await?;
    let people = people.map(|row| row.get(0)).transpose()?.unwrap_or_default();
    let members = ctx.call(&Names { org: meeting.org, users }).await?.names;
    let members: HashMap<UserId, String> = members.into_iter().collect();
    let words = Words::of(&meeting.locale);
    // A guest may have written the name of somebody of the organisation.
    let named = |(user, guest): (UserId, Option<String>)| match guest {
        Some(name) => Some(words.guest.replace("{name}", &name)),
        None => members.get(&user).cloned(),
    };
    Ok(Attendance { people, names: there.into_iter().filter_map(named).collect() })
}

/// The card, as the room is.
pub(super) fn card(meeting: &Meeting, attendance: &Attendance) -> Result<Card> {
    let (words, head) = (Words::of(&meeting.locale), &meeting.head);
    let card = Card::titled(title(meeting));
    let at = |ms: i64, form: &str| local(meeting, ms, form);
    if head.phase == Phase::Ended {
        return ended(meeting, card, attendance);
    }
    let text = match (head.started_at, head.starts_at) {
        (Some(started), _) => words.since.replace("{at}", &at(started, "%H:%M (UTC%:z)")?),
        (None, Some(starts)) => words.at.replace("{at}", &at(starts, "%Y-%m-%d %H:%M (UTC%:z)")?),
        (None, None) => words.open.into(),
    };
    Ok(card.text(text).button(button(meeting)))
}

fn ended(meeting: &Meeting, card: Card, attendance: &Attendance) -> Result<Card> {
    let (words, head) = (Words::of(&meeting.locale), &meeting.head);
    let Some((began, ended)) = head.started_at.zip(head.ended_at) else {
        let text = match head.starts_at {
            Some(at) => local(meeting, at, "%Y-%m-%d %H:%M (UTC%:z)")?,
            None => words.nobody.into(),
        };
        let note = if head.starts_at.is_some() { words.off } else { words.over };
        return Ok(card.text(text).state(State::Expired, note));
    };
    let minutes = (ended - began + MINUTE_MS / 2) / MINUTE_MS;
    let lasted = words.lasted.replace("{n}", &minutes.max(1).to_string());
    let Attendance { people, names } = attendance;
    let mut there = names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(words.comma);
    let more = people.saturating_sub(names.len() as u64);
    if more > 0 {
        there += &words.more.replace("{n}", &more.to_string());
    }
    let label = words.people.replace("{n}", &people.to_string());
    let card = card.fact(words.duration, lasted, true).fact(label, there, false);
    Ok(card.state(State::Done, words.over))
}

fn title(meeting: &Meeting) -> String {
    let title = meeting.head.title.clone();
    title.unwrap_or_else(|| Words::of(&meeting.locale).meeting.to_owned())
}

fn button(meeting: &Meeting) -> Button {
    let act = format!("{JOIN}{}", meeting.head.room);
    Button::act(Words::of(&meeting.locale).join, act).style(Style::Primary)
}

/// A time on the clock of whoever opened the room.
fn local(meeting: &Meeting, ms: i64, form: &str) -> Result<String> {
    let at = Timestamp::from_millisecond(ms).map_err(Error::internal)?;
    let at = at.to_zoned(TimeZone::get(&meeting.tz).unwrap_or(TimeZone::UTC));
    Ok(at.strftime(form).to_string())
}

/// A name in Markdown, of which nothing becomes markup (CommonMark 2.4).
fn literal(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_punctuation() {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// The words of a card, which is one for everybody: in the language of whoever opened the room.
struct Words {
    meeting: &'static str,
    join: &'static str,
    open: &'static str,
    since: &'static str,
    at: &'static str,
    soon: &'static str,
    over: &'static str,
    off: &'static str,
    nobody: &'static str,
    duration: &'static str,
    lasted: &'static str,
    people: &'static str,
    guest: &'static str,
    comma: &'static str,
    more: &'static str,
}

impl Words {
    fn of(locale: &str) -> &'static Words {
        match locale {
            "zh-HK" => &Words {
                meeting: "會議",
                join: "加入",
                open: "會議開咗，等緊大家",
                since: "{at} 開始，進行緊",
                at: "{at} 開始",
                soon: "{n} 分鐘後開始",
                over: "會議完咗",
                off: "會議取消咗",
                nobody: "冇人嚟",
                duration: "時長",
                lasted: "{n} 分鐘",
                people: "{n} 人參加咗",
                guest: "{name}（訪客）",
                comma: "、",
                more: "，仲有 {n} 人",
            },
            "zh-CN" => &Words {
                meeting: "会议",
                join: "加入",
                open: "会议已开启，等待大家加入",
                since: "{at} 开始，正在进行",
                at: "{at} 开始",
                soon: "{n} 分钟后开始",
                over: "会议已结束",
                off: "会议已取消",
                nobody: "没有人参加",
                duration: "时长",
                lasted: "{n} 分钟",
                people: "{n} 人参加",
                guest: "{name}（访客）",
                comma: "、",
                more: "，还有 {n} 人",
            },
            _ => &Words {
                meeting: "Meeting",
                join: "Join",
                open: "Open; nobody is there yet",
                since: "Going on since {at}",
                at: "Begins {at}",
                soon: "Begins in {n} min",
                over: "The meeting is over",
                off: "The meeting was called off",
                nobody: "Nobody came",
                duration: "Duration",
                lasted: "{n} min",
                people: "People: {n}",
                guest: "{name} (guest)",
                comma: ", ",
                more: " and {n} more",
            },
        }
    }
}
