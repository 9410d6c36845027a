//! Who leaves the conversation, the organisation or a device leaves the rooms with it.

use carillon_plugin::{Ctx, Error, Result, Row, Tx, Value};
use carillon_protocol::{
    Event, ParticipantId, Topic, conv::MembersChangedData, org::MemberChangedData, room::Leave,
    session::EndedData,
};

/// The most places of one person that are found at once: many more than they may have.
const FOUND_MAX: usize = 1_000;

/// `conv.members_changed`.
pub(super) async fn members_changed(ctx: Ctx, event: Event) -> Result<Tx> {
    let data: MembersChangedData = event.data.to().map_err(Error::internal)?;
    let Topic::Conv(conv) = event.topic else { return Ok(ctx.tx()) };
    if data.removed.is_empty() {
        return Ok(ctx.tx());
    }
    let sql = "SELECT p.id FROM room_participant p JOIN room_meeting m ON m.id = p.room
               WHERE p.user_id = $1 AND p.left_at IS NULL AND m.conv = $2 ORDER BY p.id LIMIT $3";
    let mut gone = Vec::new();
    for user in data.removed {
        let rows = ctx.query(sql, [user.into(), conv.into(), FOUND_MAX.into()]).await?;
        gone.extend(ids(&rows)?);
    }
    Ok(put_out(&ctx, gone.into_iter()))
}

/// `org.member_left`.
pub(super) async fn member_left(ctx: Ctx, event: Event) -> Result<Tx> {
    let data: MemberChangedData = event.data.to().map_err(Error::internal)?;
    let sql = "SELECT id FROM room_participant WHERE user_id = $1 AND left_at IS NULL LIMIT $2";
    let mut tx = places(&ctx, sql, [data.user.into(), FOUND_MAX.into()]).await?;
    // Nobody invites any more who is not of the organisation.
    tx.run(
        "UPDATE room_link SET revoked_at = $1 WHERE made_by = $2 AND revoked_at IS NULL",
        [ctx.now().into(), data.user.into()],
    );
    Ok(tx)
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
    Ok(put_out(ctx, ids(&rows)?.into_iter()))
}

fn ids(rows: &[Row]) -> Result<Vec<ParticipantId>> {
    rows.iter().map(|row| row.get(0)).collect()
}

/// They leave by calls of their own, which media are told of.
fn put_out(ctx: &Ctx, participants: impl Iterator<Item = ParticipantId>) -> Tx {
    let mut tx = ctx.tx();
    for participant in participants {
        tx.after(0, &format!("out:{participant}"), &Leave { participant });
    }
    tx
}
