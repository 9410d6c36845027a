//! What moderators do with others.

use carillon_plugin::{Ctx, Error, Result};
use carillon_protocol::{
    ParticipantId,
    room::{Admit, Done, Gone, Kick, Mute, Participant, Phase, Role, SetRole},
};

use super::{
    change::{Change, Holds, again},
    media, open,
    rows::{Meeting, stand},
    rules, seat,
};

/// `room.mute`.
pub(super) async fn mute(ctx: Ctx, args: Mute) -> Result<Done> {
    let muted = again(|| async {
        let meeting = open::seen(&ctx, args.room).await?;
        rules::moderator(&meeting, ctx.caller().user)?;
        let present = meeting.present();
        let whom: Vec<ParticipantId> = match args.participant {
            Some(one) => present.map(|seat| seat.participant).filter(|it| *it == one).collect(),
            None => present
                .filter(|seat| seat.role < Role::Moderator)
                .map(|seat| seat.participant)
                .collect(),
        };
        if whom.is_empty() && args.participant.is_some() {
            return Err(Error::not_found("participant"));
        }
        let mut change = Change::of(&ctx, meeting, Holds::Rights);
        for &participant in &whom {
            change.set(participant, |seat| rules::mute(&mut seat.publications, args.source));
        }
        change.tell_media_soon();
        change.commit_if_any(&ctx).await?;
        Ok(whom)
    })
    .await?;
    media::tell(&ctx, &muted).await;
    Ok(Done {})
}

/// The room that somebody is in, and where they sit, for the caller who moderates it.
async fn moderated(ctx: &Ctx, participant: ParticipantId) -> Result<(Meeting, Participant, Role)> {
    let unknown = || Error::not_found("participant");
    let known = stand(ctx, participant).await?.ok_or_else(unknown)?;
    let meeting = open::seen(ctx, known.room).await.map_err(seat::no_participant)?;
    let role = rules::moderator(&meeting, ctx.caller().user)?;
    let seat = meeting.person(participant).ok_or_else(unknown)?.seat.clone();
    Ok((meeting, seat, role))
}

/// `room.admit`: again, it is done already.
pub(super) async fn admit(ctx: Ctx, args: Admit) -> Result<Done> {
    again(|| async {
        let (meeting, seat, _) = moderated(&ctx, args.participant).await?;
        if !seat.waiting && args.admit {
            return Ok(());
        }
        if !seat.waiting {
            return Err(Error::conflict("they are in the meeting; put them out"));
        }
        if args.admit {
            rules::room_for_one(&meeting)?;
        }
        let before = seat.user;
        let mut change = Change::of(&ctx, meeting, Holds::All);
        match args.admit {
            true => {
                let now = ctx.now();
                change.set(args.participant, |seat| {
                    (seat.waiting, seat.joined_at) = (false, now);
                });
                change.answer_knock(&seat, true);
                change.audit(|audited| audited.after(&before));
            }
            false => {
                change.leave(args.participant, Gone::Kicked);
                change.audit(|audited| audited.before(&before));
            }
        }
        change.commit(&ctx).await.map(drop)
    })
    .await?;
    Ok(Done {})
}

/// `room.kick`: with all devices.
pub(super) async fn kick(ctx: Ctx, args: Kick) -> Result<Done> {
    let (meeting, gone) = again(|| async {
        let (meeting, seat, role) = moderated(&ctx, args.participant).await?;
        if seat.waiting {
            return Err(Error::conflict("they are not in the meeting; turn them away"));
        }
        if seat.role >= role {
            return Err(Error::denied("only a host puts out who moderates, and nobody the host"));
        }
        let all = meeting.seats().filter(|it| it.user == seat.user);
        let all: Vec<_> = all.map(|seat| seat.participant).collect();
        let mut change = Change::of(&ctx, meeting, Holds::All);
        all.iter().for_each(|&participant| change.leave(participant, Gone::Kicked));
        change.tell_media_soon();
        change.gone();
        change.audit(|audited| audited.before(&seat.user));
        Ok((change.commit(&ctx).await?.0, all))
    })
    .await?;
    media::tell(&ctx, &gone).await;
    if meeting.head.phase == Phase::Ended {
        media::over(&ctx, meeting.head.room, meeting.owner).await;
    }
    Ok(Done {})
}

/// `room.role`.
pub(super) async fn role(ctx: Ctx, args: SetRole) -> Result<Done> {
    if !matches!(args.role, Role::Moderator | Role::Member) {
        return Err(Error::bad_arg("role", "choose `moderator` or `member`"));
    }
    let seats = again(|| async {
        let (meeting, seat, role) = moderated(&ctx, args.participant).await?;
        if role < Role::Host {
            return Err(Error::denied("only the host makes others moderators; ask the host"));
        }
        if seat.waiting || matches!(seat.role, Role::Guest | Role::Host) {
            return Err(Error::denied("only members who are in the meeting become moderators"));
        }
        if seat.role == args.role {
            return Ok(Vec::new());
        }
        let mut change = Change::of(&ctx, meeting, Holds::All);
        change.give_role(seat.user, args.role);
        change.tell_media_soon();
        let of = |role| (seat.user, role);
        change.audit(|audited| audited.before(&of(seat.role)).after(&of(args.role)));
        let (meeting, _) = change.commit(&ctx).await?;
        let devices = meeting.seats().filter(|it| it.user == seat.user);
        Ok(devices.map(|seat| seat.participant).collect())
    })
    .await?;
    media::tell(&ctx, &seats).await;
    Ok(Done {})
}
