//! Looking at rooms, and who hears them.

use std::collections::BTreeSet;

use carillon_plugin::{Caller, Ctx, Error, Listening, Result, Row, Window};
use carillon_protocol::{
    ConvId, RoomId, Topic,
    limits::PEOPLE_PER_PAGE_MAX,
    room::{Attendance, Attended, Get, List, Listed, Phase, Presence, Room},
};

use super::{change::topic, check_member, media::Rooms, names, open::seen, rows};

/// The most rooms in a list.
const LISTED_MAX: usize = 200;
/// The most rooms of an organisation that are looked through for those of the caller: more than
/// are open or planned at a time, and some megabytes.
const LOOKED_AT_MAX: usize = 10_000;
/// How many people a page has if the caller does not say.
const PAGE_LEN: u32 = 50;
/// The most rooms that somebody hears at a time; more than they may be in.
const HEARD_MAX: usize = 64;

/// `room.get`.
pub(super) async fn get(ctx: Ctx, args: Get) -> Result<Room> {
    let room = seen(&ctx, args.room).await?.shown();
    names::told(&ctx, room).await
}

/// `room.list`.
pub(super) async fn list(ctx: Ctx, args: List) -> Result<Listed> {
    if let Some(conv) = args.conv {
        check_member(&ctx, conv).await?;
        return Ok(Listed { rooms: rows::heads(&ctx, "m.conv = $1", conv, LISTED_MAX).await? });
    }
    let Caller { user, org, .. } = ctx.caller();
    let mut rooms = rows::heads(&ctx, "m.org = $1", org, LOOKED_AT_MAX).await?;
    if !rooms.is_empty() {
        let heard = ctx.host().listening(Caller::on_behalf_of(user, org)).await?;
        let heard = heard.into_iter().filter(|it| it.live).map(|it| it.topic);
        let convs: BTreeSet<ConvId> = heard.filter_map(conversation).collect();
        rooms.retain(|head| convs.contains(&head.conv));
        rooms.truncate(LISTED_MAX);
    }
    Ok(Listed { rooms })
}

fn conversation(topic: Topic) -> Option<ConvId> {
    match topic {
        Topic::Conv(conv) => Some(conv),
        _ => None,
    }
}

/// `room.attendance`.
pub(super) async fn attendance(ctx: Ctx, args: Attendance) -> Result<Attended> {
    let limit = args.limit.unwrap_or(PAGE_LEN);
    if !(1..=PEOPLE_PER_PAGE_MAX).contains(&limit) {
        return Err(Error::bad_arg("limit", format!("a page has 1 to {PEOPLE_PER_PAGE_MAX}")));
    }
    seen(&ctx, args.room).await?;
    let after = args.after.map(|participant| participant.to_string()).unwrap_or_default();
    let sql = "SELECT id, user_id, name, joined_at, left_at FROM room_participant
               WHERE room = $1 AND id > $2 AND waiting = 0 ORDER BY id LIMIT $3";
    let rows = ctx.query(sql, [args.room.into(), after.into(), limit.into()]).await?;
    let presence = |row: &Row| {
        Ok(Presence {
            participant: row.get(0)?,
            user: row.get(1)?,
            name: row.get(2)?,
            joined_at: row.get(3)?,
            left_at: row.get(4)?,
        })
    };
    Ok(Attended { presences: rows.iter().map(presence).collect::<Result<_>>()? })
}

/// The rooms that the caller is in.
pub(super) async fn mine(ctx: Ctx) -> Result<Vec<Listening>> {
    if !ctx.state::<Rooms>().present.has(&ctx).await? {
        return Ok(Vec::new());
    }
    let sql = "SELECT room, MAX(pos) FROM room_participant
               WHERE user_id = $1 AND left_at IS NULL AND waiting = 0 GROUP BY room LIMIT $2";
    let rows = ctx.query(sql, [ctx.caller().user.into(), HEARD_MAX.into()]).await?;
    let listening = |row: &Row| {
        let (room, changed_pos): (RoomId, u64) = (row.get(0)?, row.get(1)?);
        let window = Window::all();
        Ok(Listening { topic: topic(room), window, live: true, read: None, changed_pos })
    };
    rows.iter().map(listening).collect()
}

/// The whole log of a room that the caller is in: who comes hears who is there.
pub(super) async fn sees(ctx: Ctx, topic: Topic) -> Result<Window> {
    let unknown = || Error::not_found("topic");
    let Topic::Plugin(topic) = topic else { return Err(unknown()) };
    let room: RoomId = topic.id.parse().map_err(|_| unknown())?;
    let sql = "SELECT 1 FROM room_participant p JOIN room_meeting m ON m.id = p.room
               WHERE p.room = $1 AND p.user_id = $2 AND p.left_at IS NULL AND p.waiting = 0
                   AND m.org = $3 AND m.phase <> $4 LIMIT 1";
    let Caller { user, org, .. } = ctx.caller();
    let row = [room.into(), user.into(), org.into(), rows::word(Phase::Ended).into()];
    ctx.query_one(sql, row).await?.map(|_| Window::all()).ok_or_else(unknown)
}
