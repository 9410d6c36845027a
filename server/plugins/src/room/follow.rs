//! Who leaves the conversation, the organisation or a device leaves the rooms with it.

use carillon_plugin::{Ctx, Error, Result, Row, Tx, Value};
use carillon_protocol::{
    Event, ParticipantId, Topic, UserId, conv::MembersChangedData, org::MemberChangedData,
    room::Leave, session::EndedData,
};

/// The most places that are found at once: everybody's in the rooms of one conversation.
const FOUND_MAX: usize = 1_000;

/// `conv.members_changed`.
pub(super) async fn members_changed(ctx: Ctx, event: Event) -> Result<Tx> {
    let data: MembersChangedData = event.data.to().map_err(Error::internal)?;
    let Topic::Conv(conv) = event.topic else { return Ok(ctx.tx()) };
    if data.removed.is_empty() {
        return Ok(ctx.tx());
    }
    let sql = "SELECT p.id, p.user_id FROM room_participant p
               JOIN room_meeting m ON m.id = p.room
               WHERE m.conv = $1 AND m.phase <> 'ended' AND p.left_at IS NULL
               ORDER BY p.id LIMIT $2";
    let rows = ctx.query(sql, [conv.into(), FOUND_MAX.into()]).await?;
    let place = |row: &Row| Ok((row.get(0)?, row.get(1)?));
    let places = rows.iter().map(place).collect::<Result<Vec<(ParticipantId, UserId)>>>()?;
    let gone = places.into_iter().filter(|(_, user)| data.removed.contains(user));
    Ok(put_out(&ctx, gone.map(|(participant, _)| participant)))
}

/// `org.member_left`.
pub(super) async fn member_left(ctx: Ctx, event: Event) -> Result<Tx> {
    let data: MemberChangedData = event.data.to().map_err(Error::internal)?;
    let sql = "SELECT id FROM room_participant WHERE user_id = $1 AND left_at IS NULL LIMIT $2";
    places(&ctx, sql, [data.user.into(), FOUND_MAX.into()]).await
}

/// `session.ended`.
pub(super) async fn signed_out(ctx: Ctx, event: Event) -> Result<Tx> {
    let data: EndedData = event.data.to().map_err(Error::internal)?;
    let Topic::User(user) = event.topic else { return Ok(ctx.tx()) };
    let sql = "SELECT id FROM room_participant
               WHERE user_id = $1 AND left_at IS NULL AND session = $2 LIMIT $3";
    places(&ctx, sql, [user.into(), data.session.into(), FOUND_MAX.into()]).await
}

async fn places(ctx: &Ctx, sql: &str, args: impl Into<Vec<Value>>) -> Result<Tx> {
    let rows = ctx.query(sql, args).await?;
    let ids = rows.iter().map(|row| row.get(0)).collect::<Result<Vec<ParticipantId>>>()?;
    Ok(put_out(ctx, ids.into_iter()))
}

/// They leave by calls of their own, which media are told of.
fn put_out(ctx: &Ctx, participants: impl Iterator<Item = ParticipantId>) -> Tx {
    let mut tx = ctx.tx();
    for participant in participants {
        tx.after(0, &format!("out:{participant}"), &Leave { participant });
    }
    tx
}
