//! Looking after rooms: who is gone without a word, and rooms that nobody is in.

use std::collections::BTreeSet;

use carillon_plugin::{Caller, Ctx, MediaAnswer, MediaCall, Result};
use carillon_protocol::{
    ErrorCode, ParticipantId, RoomId, RunId, UserId,
    presence::{Connected, Sessions, Watch},
    room::{Done, Gone, Lost, Phase, Role, Sweep, TakeOver},
};

use super::{
    change::{Change, Holds, PLANNED_LASTS_MS, SWEEP_MS, again, sweeping},
    media,
    rows::{Meeting, load, stand},
    seat,
};

/// Who was not seen for so long is gone. Media say so by themselves after as long; this is for
/// those of whom no node knows anything.
const LOST_MS: i64 = 120_000;
/// How long a room that was opened now waits for its first one, who may be looking for a camera.
pub(super) const UNATTENDED_MS: i64 = 10 * 60_000;
/// When a room is looked after again whose media could not be asked: nobody is gone for that.
const AGAIN_MS: i64 = 10_000;
/// Rooms of a node that is gone which are taken over in one call; the next one takes the others.
const TAKEN_MAX: usize = 1_000;

/// `room.sweep`.
pub(super) async fn sweep(ctx: Ctx, args: Sweep) -> Result<Done> {
    let meeting = load(&ctx, args.room).await?;
    if meeting.head.phase == Phase::Ended {
        media::end(&ctx, args.room, meeting.owner).await?;
        return Ok(Done {});
    }
    let connected = match connected(&ctx, &meeting).await {
        Ok(connected) => connected,
        Err(error) => {
            tracing::warn!(%error, room = %args.room, "nobody knows who is connected");
            let mut tx = ctx.tx();
            tx.after(AGAIN_MS, &sweeping(args.room), &Sweep { room: args.room });
            ctx.commit(tx).await?;
            return Ok(Done {});
        }
    };
    let seen = seen(&ctx, &meeting, &connected).await?;
    let (meeting, gone) = again(|| async {
        let meeting = load(&ctx, args.room).await?;
        tidy(&ctx, meeting, &seen).await
    })
    .await?;
    if meeting.head.phase == Phase::Ended {
        media::over(&ctx, args.room, meeting.owner).await;
        return Ok(Done {});
    }
    // What media could not be told when it happened they are told now.
    let here = meeting.present().map(|seat| seat.participant);
    let here: Vec<_> = here.filter(|participant| connected.contains(participant)).collect();
    media::tell(&ctx, &here).await;
    let strangers = connected.iter().copied().filter(|it| !here.contains(it));
    media::tell(&ctx, &strangers.collect::<Vec<_>>()).await;
    media::tell(&ctx, &gone).await;
    Ok(Done {})
}

/// Whom the room's owner has; nobody, if it is gone. That it cannot be asked says nothing of them.
async fn connected(ctx: &Ctx, meeting: &Meeting) -> Result<BTreeSet<ParticipantId>> {
    let reached = meeting.owner.filter(|&owner| media::media(ctx).reaches(owner));
    let Some(owner) = reached else { return Ok(BTreeSet::new()) };
    match media::ask(ctx, owner, (meeting.head.room, MediaCall::Connected)).await {
        Ok(MediaAnswer::Connected { participants }) => Ok(participants.into_iter().collect()),
        Ok(other) => Err(media::unexpected(&other)),
        // It carries no such room, as after a restart.
        Err(error) if error.code() == ErrorCode::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// Who is there: who has media, and who waits with a window open, or perhaps.
async fn seen(
    ctx: &Ctx,
    meeting: &Meeting,
    connected: &BTreeSet<ParticipantId>,
) -> Result<BTreeSet<ParticipantId>> {
    let waiting = meeting.seats().filter(|seat| seat.waiting);
    let (guests, waiting): (Vec<_>, Vec<_>) = waiting.partition(|seat| seat.role == Role::Guest);
    let mut seen = connected.clone();
    for guest in guests {
        // Nobody of the organisation watches a guest.
        let Connected { sessions, complete } = ctx.call(&Sessions { user: guest.user }).await?;
        if !sessions.is_empty() || !complete {
            seen.insert(guest.participant);
        }
    }
    if waiting.is_empty() {
        return Ok(seen);
    }
    let users = waiting.iter().map(|seat| seat.user).collect::<BTreeSet<UserId>>();
    let asks = Caller::on_behalf_of(meeting.head.by, meeting.org);
    let watch = Watch { users: users.into_iter().collect() };
    let people = ctx.call_as(asks, None, &watch).await?.people;
    let away: BTreeSet<UserId> = people
        .into_iter()
        .filter(|person| person.online == Some(false))
        .map(|person| person.user)
        .collect();
    let there = waiting.into_iter().filter(|seat| !away.contains(&seat.user));
    seen.extend(there.map(|seat| seat.participant));
    Ok(seen)
}

/// Removes who is gone, ends what nobody needs any more, and looks again later.
async fn tidy(
    ctx: &Ctx,
    meeting: Meeting,
    seen: &BTreeSet<ParticipantId>,
) -> Result<(Meeting, Vec<ParticipantId>)> {
    let now = ctx.now();
    if meeting.head.phase == Phase::Ended {
        return Ok((meeting, Vec::new()));
    }
    let is_gone = |last: i64| now - last >= LOST_MS;
    let people = meeting.people.iter();
    let gone: Vec<(ParticipantId, i64)> = people
        .filter(|it| !seen.contains(&it.seat.participant) && is_gone(it.seen_at))
        .map(|it| (it.seat.participant, it.seen_at))
        .collect();
    let is_empty = meeting.present().next().is_none();
    let forgotten = match meeting.head.starts_at {
        None => meeting.created_at + UNATTENDED_MS,
        Some(at) => at + PLANNED_LASTS_MS,
    };
    let mut change = Change::of(ctx, meeting, Holds::All);
    for person in &change.meeting.people {
        if seen.contains(&person.seat.participant) {
            change.tx.run(
                "UPDATE room_participant SET seen_at = $1 WHERE id = $2",
                [now.into(), person.seat.participant.into()],
            );
        }
    }
    for &(participant, seen_at) in &gone {
        // Who came back since this was read is not gone.
        change.tx.run_one(
            "UPDATE room_participant SET seen_at = $1 WHERE id = $2 AND seen_at = $1",
            [seen_at.into(), participant.into()],
        );
        change.leave(participant, Gone::Lost);
    }
    // Who is left may be few enough to end it, or need another host.
    match is_empty && now >= forgotten {
        true => change.end(),
        false if !gone.is_empty() => change.gone(),
        false => {}
    }
    if change.meeting.head.phase != Phase::Ended {
        let is_empty = change.meeting.people.is_empty();
        match is_empty {
            true => change.look_after(forgotten.max(now + SWEEP_MS)),
            false => change.look_after(now + SWEEP_MS),
        }
    }
    let gone = gone.into_iter().map(|(participant, _)| participant).collect();
    Ok((change.commit(ctx).await?.0, gone))
}

/// `room.lost`: unless they are back by now.
pub(super) async fn lost(ctx: Ctx, args: Lost) -> Result<Done> {
    let Some(known) = stand(&ctx, args.participant).await? else { return Ok(Done {}) };
    if known.gone.is_some() {
        return Ok(Done {});
    }
    let meeting = load(&ctx, known.room).await?;
    if !connected(&ctx, &meeting).await?.contains(&args.participant) {
        seat::go(&ctx, args.participant, Gone::Lost).await?;
    }
    Ok(Done {})
}

/// `room.take_over`: this node carries the rooms of one that is gone, as far as people are in them.
/// One that cannot be taken keeps no other from it.
pub(super) async fn take_over(ctx: Ctx, args: TakeOver) -> Result<Done> {
    let sql = "SELECT id FROM room_meeting
               WHERE owner = $1 AND phase <> 'ended' AND present > 0 ORDER BY id LIMIT $2";
    let rows = ctx.query(sql, [args.owner.into(), TAKEN_MAX.into()]).await?;
    let mut failed = None;
    for row in rows {
        let taken = take(&ctx, row.get(0)?, args.owner).await;
        failed = taken.err().or(failed);
    }
    failed.map_or(Ok(Done {}), Err)
}

async fn take(ctx: &Ctx, room: RoomId, from: RunId) -> Result<()> {
    again(|| async {
        let meeting = load(ctx, room).await?;
        if meeting.owner != Some(from) || meeting.head.phase == Phase::Ended {
            return Ok(());
        }
        let to = media::media(ctx).place(room, Some(from));
        if to == from {
            return Ok(());
        }
        let mut change = Change::of(ctx, meeting, Holds::All);
        change.move_to(to);
        change.commit(ctx).await.map(drop)
    })
    .await
}
