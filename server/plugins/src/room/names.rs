//! Names for guests, who can look nobody up.

use std::collections::{BTreeMap, BTreeSet};

use carillon_plugin::{Caller, Ctx, Result};
use carillon_protocol::{UserId, org::GetMembers, room::Room};

/// A room as the caller is told of it: for a guest, with everybody's name. Events say no names of
/// members, so a guest who hears of somebody new asks for the room again.
pub(super) async fn told(ctx: &Ctx, mut room: Room) -> Result<Room> {
    if !ctx.caller().is_guest() {
        return Ok(room);
    }
    let nameless = room.participants.iter().filter(|seat| seat.name.is_none());
    let users: BTreeSet<UserId> = nameless.map(|seat| seat.user).collect();
    if users.is_empty() {
        return Ok(room);
    }
    // More people than are asked for at a time do not fit into a room.
    let args = GetMembers { users: users.into_iter().collect() };
    let host = Caller::on_behalf_of(room.head.by, ctx.caller().org);
    let members = ctx.call_as(host, None, &args).await?.members;
    let names: BTreeMap<_, _> = members.into_iter().map(|it| (it.user, it.name)).collect();
    for seat in room.participants.iter_mut().filter(|seat| seat.name.is_none()) {
        seat.name = names.get(&seat.user).cloned();
    }
    Ok(room)
}
