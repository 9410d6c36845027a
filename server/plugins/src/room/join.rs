//! Coming into a room, and coming back.

use carillon_plugin::{Caller, Ctx, Error, MediaCall, Result};
use carillon_protocol::{
    ErrorCode, ParticipantId, RoomId, RunId,
    room::{Gone, Join, Joined, Participant, Phase, Room},
};

use super::{
    change::{Change, Holds, SWEEP_MS, again},
    check_member, guest, media, names,
    rows::{Meeting, Person, load, over, put_out, stand, was_put_out},
    rules::{self, Entry},
    seat, unseen,
};

/// Rooms that a person is in at the same time, with all devices.
const PLACES_MAX: usize = 8;

/// `room.join`.
pub(super) async fn join(ctx: Ctx, args: Join) -> Result<Joined> {
    again(|| enter(&ctx, &args)).await
}

async fn enter(ctx: &Ctx, args: &Join) -> Result<Joined> {
    let meeting = load(ctx, args.room).await?;
    let guest = guest_or_member(ctx, &meeting).await?;
    if guest.is_some() {
        // A guest has one place, to which they come back also if all they kept is their token.
        let own = meeting.seats().find(|seat| seat.user == ctx.caller().user).cloned();
        if let Some(seat) = own {
            return come_back(ctx, meeting, seat).await;
        }
    }
    if let Some(participant) = args.participant {
        let unknown = || Error::not_found("participant");
        let user = ctx.caller().user;
        let known = stand(ctx, participant).await?.ok_or_else(unknown)?;
        if (known.room, known.user) != (args.room, user) {
            return Err(unknown());
        }
        if known.gone == Some(Gone::Kicked) && !known.waiting {
            return Err(put_out());
        }
        if let Some(person) = meeting.person(participant).cloned() {
            return come_back(ctx, meeting, person.seat).await;
        }
    }
    if was_put_out(ctx, args.room).await? {
        return Err(put_out());
    }
    come(ctx, meeting, guest).await
}

/// The name of a guest of this room; of others nothing, who are in its conversation.
async fn guest_or_member(ctx: &Ctx, meeting: &Meeting) -> Result<Option<String>> {
    if ctx.caller().is_guest() {
        return guest::named(ctx, meeting).await.map(Some);
    }
    check_member(ctx, meeting.head.conv).await.map_err(unseen)?;
    Ok(None)
}

/// Somebody comes who is not in the room with this device.
async fn come(ctx: &Ctx, meeting: Meeting, guest: Option<String>) -> Result<Joined> {
    let Caller { user, session, .. } = ctx.caller();
    let Entry { role, waiting } = match guest {
        Some(_) => {
            let was_let_in = guest::was_let_in(ctx, meeting.head.room).await?;
            rules::entry_of_guest(&meeting, was_let_in)?
        }
        None => rules::entry(&meeting, user)?,
    };
    has_few_places(ctx).await?;
    let participant = ParticipantId(ctx.new_id());
    let seat = Participant {
        participant,
        user,
        name: guest,
        role,
        waiting,
        joined_at: ctx.now(),
        publications: Default::default(),
        hand_at: None,
    };
    let (room, mut offer, mut meeting) = (meeting.head.room, None, meeting);
    if !waiting {
        let owner = owner(ctx, &mut meeting).await?;
        offer = Some(connect(ctx, owner, (&meeting, &seat)).await?);
    }
    let begins = !waiting && meeting.head.started_at.is_none();
    // A device that comes while another one of the same person goes must not be forgotten by it.
    let is_second = meeting.seats().any(|seat| seat.user == user);
    let holds = if begins || is_second { Holds::All } else { Holds::Rights };
    let owner = meeting.owner;
    let mut change = Change::of(ctx, meeting, holds);
    if begins {
        change.start();
    } else if change.meeting.people.is_empty() {
        // A planned room that nobody was in any more, or is knocked at before it begins.
        change.look_after(ctx.now() + SWEEP_MS);
    }
    change.come(Person { seat, session, seen_at: ctx.now(), rev: 0 });
    if let Err(error) = change.commit(ctx).await {
        if let (Some(owner), Some(_)) = (owner, offer) {
            disconnect(ctx, owner, (room, participant)).await;
        }
        return Err(error);
    }
    // Who was put out of the conversation while this was decided, or whose link was revoked, was
    // not yet here to be put out of the room with it.
    let meeting = load(ctx, room).await?;
    if let Err(error) = guest_or_member(ctx, &meeting).await {
        seat::go(ctx, participant, Gone::Left).await?;
        return Err(error);
    }
    joined(ctx, meeting, participant, offer).await
}

/// Somebody is in the room already: rights are as they are now, connections are new.
async fn come_back(ctx: &Ctx, mut meeting: Meeting, seat: Participant) -> Result<Joined> {
    let (room, participant) = (meeting.head.room, seat.participant);
    if seat.waiting {
        return joined(ctx, meeting, participant, None).await;
    }
    let owner = owner(ctx, &mut meeting).await?;
    let offer = connect(ctx, owner, (&meeting, &seat)).await?;
    let mut tx = ctx.tx();
    let session = ctx.caller().session.map(|session| session.to_string()).unwrap_or_default();
    tx.run_one(
        "UPDATE room_participant SET seen_at = $1, session = $2 WHERE id = $3 AND left_at IS NULL",
        [ctx.now().into(), session.into(), participant.into()],
    );
    ctx.commit(tx).await?;
    // Tells media what is forwarded, or that who was put out meanwhile is not here.
    media::tell_of(ctx, participant).await?;
    let meeting = load(ctx, room).await?;
    match meeting.person(participant) {
        Some(_) => joined(ctx, meeting, participant, Some(offer)).await,
        None => Err(Error::raced()),
    }
}

async fn joined(
    ctx: &Ctx,
    meeting: Meeting,
    participant: ParticipantId,
    offer: Option<String>,
) -> Result<Joined> {
    let mut room: Room = meeting.shown();
    if room.head.phase == Phase::Ended {
        return Err(over());
    }
    if offer.is_none() {
        room.participants.retain(|seat| seat.participant == participant);
    }
    let ice_servers = match offer {
        Some(_) => media::media(ctx).relays(ctx.caller().user, ctx.now()),
        None => Vec::new(),
    };
    let room = names::told(ctx, room).await?;
    Ok(Joined { participant, room, ice_servers, offer })
}

/// Makes the connections of a participant.
async fn connect(
    ctx: &Ctx,
    owner: RunId,
    (meeting, seat): (&Meeting, &Participant),
) -> Result<String> {
    let may = rules::sources(seat.role, &meeting.head.rules);
    let call = MediaCall::Join { participant: seat.participant, user: seat.user, may };
    media::connect(ctx, owner, (meeting.head.room, call)).await
}

/// Takes back connections of somebody who did not come in after all. If that cannot be said now,
/// media find out by themselves that nobody answers.
async fn disconnect(ctx: &Ctx, owner: RunId, (room, participant): (RoomId, ParticipantId)) {
    let left = media::ask(ctx, owner, (room, MediaCall::Leave { participant })).await;
    if let Err(error) = left {
        tracing::warn!(%error, %participant, "media keep who did not come in, for a while");
    }
}

/// Who carries the media: whoever carries those who are there. Without them, or where the owner is
/// gone, a node that has room for it; of two that decide so one is faster, and the other looks
/// again.
async fn owner(ctx: &Ctx, meeting: &mut Meeting) -> Result<RunId> {
    let carriers = media::media(ctx);
    let stays = |owner: &RunId| meeting.present().next().is_some() && carriers.reaches(*owner);
    if let Some(owner) = meeting.owner.filter(stays) {
        return Ok(owner);
    }
    let owner = carriers.place(meeting.head.room, meeting.owner);
    if meeting.owner != Some(owner) {
        let mut change = Change::of(ctx, meeting.clone(), Holds::All);
        change.move_to(owner);
        (*meeting, _) = change.commit(ctx).await?;
    }
    Ok(owner)
}

async fn has_few_places(ctx: &Ctx) -> Result<()> {
    let sql = "SELECT COUNT(*) FROM room_participant WHERE user_id = $1 AND left_at IS NULL";
    let row = ctx.query_one(sql, [ctx.caller().user.into()]).await?;
    let places: u64 = row.map(|row| row.get(0)).transpose()?.unwrap_or_default();
    match places < PLACES_MAX as u64 {
        true => Ok(()),
        false => {
            let msg = format!("you are in meetings {PLACES_MAX} times; leave one of them first");
            Err(Error::new(ErrorCode::Quota, msg))
        }
    }
}
