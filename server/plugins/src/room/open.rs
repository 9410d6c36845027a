//! Opening rooms, now or for later, changing them, and ending them.

use carillon_plugin::{Caller, Committed, Ctx, Decision, Error, Result, Tx, Value};
use carillon_protocol::{
    ConvId, ErrorCode, RoomId,
    card::Post,
    limits::{ROOM_AHEAD_MS, ROOM_TITLE_LEN_MAX},
    org::GetMembers,
    room::{Create, Created, Done, End, Head, Phase, Remind, Sweep, Update, UpdatedData, kind},
};

use super::{
    card,
    change::{Change, Holds, PLANNED_LASTS_MS, again, reminding, sweeping, topic},
    check_member, media,
    rows::{self, Meeting, json, load, over, word},
    rules,
    sweep::UNATTENDED_MS,
    unseen,
};
use crate::plain::plain;

/// Rooms that are planned in one conversation at the same time: a daily one for two months.
const PLANNED_MAX: usize = 60;
/// How long before a planned room people are reminded of it.
const REMINDED_MS: i64 = 10 * 60_000;

/// `room.create`.
pub(super) async fn create(ctx: Ctx, args: Create) -> Result<Decision<Created>> {
    let title = args.title.as_deref().map(title).transpose()?;
    check_member(&ctx, args.conv).await?;
    match args.starts_at {
        Some(at) => plan(&ctx, args.conv, at).await?,
        None => {
            if let Some(room) = open_now(&ctx, args.conv).await? {
                return Ok(Decision::Answer(Created { room }));
            }
        }
    }
    let (locale, tz) = region(&ctx).await?;
    let (room, caller) = (RoomId(ctx.new_id()), ctx.caller());
    let phase = if args.starts_at.is_some() { Phase::Planned } else { Phase::Open };
    let head = Head {
        room,
        conv: args.conv,
        by: caller.user,
        title,
        phase,
        starts_at: args.starts_at,
        started_at: None,
        ended_at: None,
        rules: args.rules.unwrap_or_default(),
    };
    let mut tx = ctx.tx();
    tx.emit(topic(room), kind::CREATED, &UpdatedData { head: head.clone() });
    let insert = "INSERT INTO room_meeting (id, org, conv, user_id, title, phase, starts_at,
             started_at, ended_at, rules, ad_hoc, owner, locale, tz, created_at, present, rev, seq)
         VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, NULL, $8, $9, '', $10, $11, $12, 0, 0, $13)
         ON CONFLICT (ad_hoc) DO NOTHING";
    let ad_hoc = (phase == Phase::Open).then(|| args.conv.to_string());
    let row = [
        room.into(),
        caller.org.into(),
        head.conv.into(),
        head.by.into(),
        head.title.clone().into(),
        word(phase).into(),
        head.starts_at.into(),
        json(&head.rules).into(),
        ad_hoc.into(),
        locale.as_str().into(),
        tz.as_str().into(),
        ctx.now().into(),
        Value::Seq(0),
    ];
    // Of two who open one at once the second changes no row, looks again, and finds the first's.
    tx.run_one(insert, row);
    let meeting = Meeting {
        org: caller.org,
        head,
        owner: None,
        locale,
        tz,
        created_at: ctx.now(),
        rev: 0,
        seq: 0,
        people: Vec::new(),
    };
    owe(&mut tx, &ctx, &meeting)?;
    Ok(tx.into())
}

/// What a new room is owed: its card, a reminder if it was planned, and that it does not stay open
/// for ever if nobody comes.
fn owe(tx: &mut Tx, ctx: &Ctx, meeting: &Meeting) -> Result<()> {
    let card = card::card(meeting, &card::Attendance::default())?;
    let Head { room, conv, starts_at, .. } = meeting.head;
    let (owner, key) = ("room".to_owned(), room.to_string());
    tx.after(0, &format!("post:{room}"), &Post { conv, owner, key, card });
    match starts_at {
        Some(at) => {
            remind(tx, ctx, room, at);
            tx.at(at + PLANNED_LASTS_MS, &sweeping(room), &Sweep { room });
        }
        None => tx.after(UNATTENDED_MS, &sweeping(room), &Sweep { room }),
    }
    Ok(())
}

/// The answer of `room.create`.
pub(super) fn created(done: &Committed) -> Result<Created> {
    let event = done.events.first().ok_or_else(rows::unknown)?;
    let data: UpdatedData = event.data.to().map_err(Error::internal)?;
    Ok(Created { room: data.head.room })
}

/// What is open in a conversation without having been planned.
async fn open_now(ctx: &Ctx, conv: ConvId) -> Result<Option<RoomId>> {
    let sql = "SELECT id FROM room_meeting WHERE ad_hoc = $1";
    ctx.query_one(sql, [conv.into()]).await?.map(|row| row.get(0)).transpose()
}

/// Refuses a time that cannot be planned for.
async fn plan(ctx: &Ctx, conv: ConvId, at: i64) -> Result<()> {
    in_time(ctx, at)?;
    let planned = rows::heads(ctx, "m.conv = $1", conv, PLANNED_MAX + 1).await?;
    if planned.iter().filter(|head| head.starts_at.is_some()).count() >= PLANNED_MAX {
        let msg = format!("{PLANNED_MAX} meetings are planned here; call one off first");
        return Err(Error::new(ErrorCode::Quota, msg));
    }
    Ok(())
}

fn in_time(ctx: &Ctx, at: i64) -> Result<()> {
    match (ctx.now()..=ctx.now() + ROOM_AHEAD_MS).contains(&at) {
        true => Ok(()),
        false => Err(Error::bad_arg("starts_at", "choose a time within the next year")),
    }
}

fn remind(tx: &mut Tx, ctx: &Ctx, room: RoomId, starts_at: i64) {
    match starts_at - REMINDED_MS {
        at if at > ctx.now() => tx.at(at, &reminding(room), &Remind { room, starts_at }),
        _ => tx.cancel(&reminding(room)),
    }
}

fn title(text: &str) -> Result<String> {
    let text = plain(text);
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Error::bad_arg("title", "write one line"));
    }
    if text.chars().count() > ROOM_TITLE_LEN_MAX {
        return Err(Error::too_large("title", format!("at most {ROOM_TITLE_LEN_MAX} characters")));
    }
    Ok(text)
}

/// The caller's language and time zone.
async fn region(ctx: &Ctx) -> Result<(String, String)> {
    let Caller { user, org, .. } = ctx.caller();
    let args = GetMembers { users: vec![user] };
    let got = ctx.call_as(Caller::on_behalf_of(user, org), None, &args).await?;
    let member = got.members.into_iter().next().ok_or_else(|| Error::not_found("person"))?;
    Ok((member.locale, member.tz))
}

/// A room that the caller may know of, because they are in it or in its conversation.
pub(super) async fn seen(ctx: &Ctx, room: RoomId) -> Result<Meeting> {
    let meeting = load(ctx, room).await?;
    let user = ctx.caller().user;
    if ctx.caller().is_system() || meeting.present().any(|seat| seat.user == user) {
        return Ok(meeting);
    }
    check_member(ctx, meeting.head.conv).await.map_err(unseen)?;
    Ok(meeting)
}

/// Refuses who may not say how the room is and when it is over: who opened it and was put out of
/// it does not any more.
pub(super) async fn keeps(ctx: &Ctx, meeting: &Meeting) -> Result<()> {
    rules::keeper(meeting, ctx.caller().user)?;
    match rows::was_put_out(ctx, meeting.head.room).await? {
        true => Err(rows::put_out()),
        false => Ok(()),
    }
}

/// `room.update`.
pub(super) async fn update(ctx: Ctx, args: Update) -> Result<Done> {
    let title = args.title.as_deref().map(title).transpose()?;
    args.starts_at.map_or(Ok(()), |at| in_time(&ctx, at))?;
    let (seats, before) = again(|| async {
        let meeting = seen(&ctx, args.room).await?;
        keeps(&ctx, &meeting).await?;
        if meeting.head.phase == Phase::Ended {
            return Err(over());
        }
        if args.starts_at.is_some() && meeting.head.phase != Phase::Planned {
            return Err(Error::conflict("it has begun; plan another one"));
        }
        let before = meeting.head.clone();
        let mut head = before.clone();
        head.title = title.clone().or(head.title);
        head.starts_at = args.starts_at.or(head.starts_at);
        head.rules = args.rules.unwrap_or(head.rules);
        if head == before {
            return Ok((Vec::new(), before));
        }
        let (rules, starts_at) = (head.rules, args.starts_at);
        let mut change = Change::of(&ctx, Meeting { head, ..meeting }, Holds::All);
        change.update();
        change.set_all(|seat| rules::hush(seat, &rules));
        if change.meeting.head.phase == Phase::Open {
            change.tell_media_soon();
        }
        if let Some(at) = starts_at {
            remind(&mut change.tx, &ctx, args.room, at);
            change.look_after(at + PLANNED_LASTS_MS);
        }
        let after = change.meeting.head.clone();
        change.audit(|audited| audited.before(&before).after(&after));
        let (meeting, _) = change.commit(&ctx).await?;
        Ok((meeting.seats().map(|seat| seat.participant).collect::<Vec<_>>(), before))
    })
    .await?;
    if args.rules.is_some_and(|rules| rules != before.rules) {
        media::tell(&ctx, &seats).await;
    }
    Ok(Done {})
}

/// `room.end`.
pub(super) async fn end(ctx: Ctx, args: End) -> Result<Done> {
    let owner = again(|| async {
        let meeting = seen(&ctx, args.room).await?;
        keeps(&ctx, &meeting).await?;
        if meeting.head.phase == Phase::Ended {
            return Ok(None);
        }
        let mut change = Change::of(&ctx, meeting, Holds::All);
        change.end();
        change.audit(|audited| audited);
        Ok(change.commit(&ctx).await?.0.owner)
    })
    .await?;
    media::over(&ctx, args.room, owner).await;
    Ok(Done {})
}
