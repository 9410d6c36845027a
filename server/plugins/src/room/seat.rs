//! What somebody does with their own place in a room.

use std::iter;

use carillon_plugin::{Ctx, Error, Result};
use carillon_protocol::{
    ParticipantId, UserId,
    room::{
        Done, Gone, Leave, Participant, Phase, Publish, RaiseHand, React, ReactionData, Role,
        Source, ephemeral,
    },
};

use super::{
    change::{Change, Holds, again, topic},
    media,
    rows::{Meeting, load, own, seated, stand},
    rules,
};

/// `room.leave`: one's own place; the system, anybody's.
pub(super) async fn leave(ctx: Ctx, args: Leave) -> Result<Done> {
    let caller = ctx.caller();
    let known = stand(&ctx, args.participant).await?;
    let is_own = known.is_some_and(|stand| (stand.org, stand.user) == (caller.org, caller.user));
    if !is_own && !caller.is_system() {
        return Err(Error::not_found("participant"));
    }
    go(&ctx, args.participant, Gone::Left).await?;
    Ok(Done {})
}

/// Somebody is not in their room any more, if they are yet.
pub(super) async fn go(ctx: &Ctx, participant: ParticipantId, gone: Gone) -> Result<()> {
    let left = again(|| async {
        let Some(known) = stand(ctx, participant).await? else { return Ok(None) };
        let meeting = load(ctx, known.room).await?;
        let Some(person) = meeting.person(participant) else { return Ok(None) };
        let alone = concerns_others(&meeting, (person.seat.user, participant));
        let holds = if alone { Holds::All } else { Holds::Rights };
        let mut change = Change::of(ctx, meeting, holds);
        change.leave(participant, gone);
        let before: Vec<_> = change.meeting.seats().map(|seat| seat.participant).collect();
        if holds == Holds::All {
            change.gone();
        }
        let (meeting, _) = change.commit(ctx).await?;
        // Guests may have gone with the last member.
        let with = before.into_iter().filter(|other| meeting.person(*other).is_none());
        let gone: Vec<_> = iter::once(participant).chain(with).collect();
        Ok(Some((meeting, gone)))
    })
    .await?;
    match left {
        Some((meeting, _)) if meeting.head.phase == Phase::Ended => {
            media::over(ctx, meeting.head.room, meeting.owner).await;
        }
        Some((_, gone)) => media::tell(ctx, &gone).await,
        None => {}
    }
    Ok(())
}

/// Whether something follows for others when somebody goes: the end, another host, or that the
/// person is still there.
fn concerns_others(meeting: &Meeting, (user, participant): (UserId, ParticipantId)) -> bool {
    let others = || meeting.seats().filter(|seat| seat.participant != participant);
    // Guests are not left alone.
    let stays = |seat: &Participant| !seat.waiting && seat.role > Role::Guest;
    let moderates = meeting.seats().any(|seat| {
        seat.participant == participant && !seat.waiting && seat.role >= Role::Moderator
    });
    moderates || others().any(|seat| seat.user == user) || !others().any(stays)
}

/// `room.publish`.
pub(super) async fn publish(ctx: Ctx, args: Publish) -> Result<Done> {
    again(|| async {
        let known = seated(&ctx, args.participant).await?;
        let meeting = load(&ctx, known.room).await?;
        let person = meeting.person(args.participant).ok_or_else(Error::raced)?;
        let (role, rules) = (person.seat.role, meeting.head.rules);
        let sends = args.publication.is_some_and(|publication| !publication.muted);
        let is_of_a_screen = matches!(args.source, Source::Screen | Source::ScreenAudio);
        if (sends || args.publication.is_some() && is_of_a_screen)
            && !rules::may_send(role, &rules, args.source)
        {
            return Err(Error::denied("the moderators do not allow that now; raise your hand"));
        }
        let mut change = Change::of(&ctx, meeting, Holds::Rights);
        change.set(args.participant, |seat| {
            match args.publication {
                Some(publication) => seat.publications.insert(args.source, publication),
                None => seat.publications.remove(&args.source),
            };
        });
        change.commit_if_any(&ctx).await
    })
    .await?;
    media::tell(&ctx, &[args.participant]).await;
    Ok(Done {})
}

/// `room.raise_hand`: one's own; who moderates lowers also others'.
pub(super) async fn raise_hand(ctx: Ctx, args: RaiseHand) -> Result<Done> {
    again(|| async {
        let user = ctx.caller().user;
        let known = stand(&ctx, args.participant).await?;
        let is_own = known.as_ref().is_some_and(|stand| stand.user == user);
        let meeting = match known {
            Some(_) if is_own => load(&ctx, own(&ctx, args.participant).await?.room).await?,
            Some(known) => super::open::seen(&ctx, known.room).await.map_err(no_participant)?,
            None => return Err(Error::not_found("participant")),
        };
        if !is_own {
            rules::moderator(&meeting, user)?;
            meeting.person(args.participant).ok_or_else(|| Error::not_found("participant"))?;
            if args.raised {
                return Err(Error::denied("nobody raises the hand of somebody else"));
            }
        }
        let now = ctx.now();
        let mut change = Change::of(&ctx, meeting, Holds::Rights);
        change.set(args.participant, |seat| {
            seat.hand_at = args.raised.then(|| seat.hand_at.unwrap_or(now));
        });
        change.commit_if_any(&ctx).await
    })
    .await?;
    Ok(Done {})
}

/// Who does not know of the room does not know who is in it.
pub(super) fn no_participant(error: Error) -> Error {
    match error.code() {
        carillon_protocol::ErrorCode::NotFound => Error::not_found("participant"),
        _ => error,
    }
}

/// `room.react`.
pub(super) async fn react(ctx: Ctx, args: React) -> Result<Done> {
    let known = own(&ctx, args.participant).await?;
    if !rules::is_emoji(&args.emoji) {
        return Err(Error::bad_arg("emoji", "send one emoji"));
    }
    let data = ReactionData { participant: args.participant, emoji: args.emoji };
    ctx.push(&topic(known.room), ephemeral::REACTION, &data);
    Ok(Done {})
}
