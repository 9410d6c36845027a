//! What is asked of those who carry the media: after each change of what somebody may or does
//! send, and when somebody goes.

use std::sync::Arc;

use carillon_plugin::{Ctx, Error, Media, MediaAnswer, MediaAsked, MediaCall, Result};
use carillon_protocol::{
    ErrorCode, ParticipantId, RoomId, RunId,
    room::{Phase, Source, Sweep},
};
use futures_util::future::join_all;

use super::{
    change::sweeping,
    present::Present,
    rows::{Stand, stand},
    rules,
};

/// How often media are told again because something changed while they were told.
const TOLD_MAX: usize = 8;
/// So many are told of at a time: a hundred people are hushed at once, and their node may be slow.
const TOLD_AT_ONCE: usize = 10;
/// When media are told again that could not be.
const LATER_MS: i64 = 1_000;

/// What the handlers share.
pub(super) struct Rooms {
    pub(super) media: Arc<dyn Media>,
    pub(super) present: Arc<Present>,
}

/// Who carries media.
pub(super) fn media(ctx: &Ctx) -> Arc<dyn Media> {
    ctx.state::<Rooms>().media.clone()
}

/// Asks the owner of a room.
pub(super) async fn ask(
    ctx: &Ctx,
    owner: RunId,
    (room, what): (RoomId, MediaCall),
) -> Result<MediaAnswer> {
    media(ctx).ask(owner, MediaAsked { room, what }).await
}

/// An answer to something else.
pub(super) fn unexpected(answer: &MediaAnswer) -> Error {
    Error::internal(std::io::Error::other(format!("media answered {answer:?}")))
}

/// Makes the connections of a participant, who sends nothing yet; answers the server's offer.
pub(super) async fn connect(ctx: &Ctx, owner: RunId, stand: (RoomId, MediaCall)) -> Result<String> {
    match ask(ctx, owner, stand).await? {
        MediaAnswer::Joined { offer } => Ok(offer),
        other => Err(unexpected(&other)),
    }
}

/// Brings media to what is written of these participants. It never fails a call: what was decided
/// is committed, and the room is looked after again if media cannot be told now.
pub(super) async fn tell(ctx: &Ctx, participants: &[ParticipantId]) {
    let mut untold = None;
    for some in participants.chunks(TOLD_AT_ONCE) {
        let words: Vec<_> = some.iter().map(|&participant| tell_of(ctx, participant)).collect();
        for (&participant, told) in some.iter().zip(join_all(words).await) {
            if let Err(error) = told {
                tracing::warn!(%error, %participant, "media are told later");
                untold = Some(participant);
            }
        }
    }
    // The room is looked after again, for one of them as for all.
    if let Some(participant) = untold {
        later(ctx, participant).await;
    }
}

/// Says what of a participant is forwarded, until nothing changed while it was said: so the last
/// word that media hear is the newest, in whatever order changes are told.
pub(super) async fn tell_of(ctx: &Ctx, participant: ParticipantId) -> Result<()> {
    let mut newest = stand(ctx, participant).await?;
    for _ in 0..TOLD_MAX {
        let Some(known) = newest else { return Ok(()) };
        let Some(owner) = known.owner.filter(|&owner| media(ctx).reaches(owner)) else {
            // Nobody forwards anything; who joins again is told about then.
            return Ok(());
        };
        match ask(ctx, owner, (known.room, word_on(participant, &known))).await {
            Err(error) if error.code() != ErrorCode::NotFound => return Err(error),
            _ => {}
        }
        newest = stand(ctx, participant).await?;
        let same =
            |it: &Stand| (it.rev, it.owner, it.phase) == (known.rev, known.owner, known.phase);
        if newest.as_ref().is_some_and(same) {
            return Ok(());
        }
    }
    Err(Error::raced())
}

fn word_on(participant: ParticipantId, stand: &Stand) -> MediaCall {
    match stand.gone.is_some() || stand.waiting || stand.phase == Phase::Ended {
        true => MediaCall::Leave { participant },
        false => MediaCall::Permit { participant, sends: forwarded(stand) },
    }
}

fn forwarded(stand: &Stand) -> Vec<Source> {
    rules::forwarded(&stand.seat, &stand.rules)
}

/// Ends all connections of a room that is over.
pub(super) async fn end(ctx: &Ctx, room: RoomId, owner: Option<RunId>) -> Result<()> {
    let Some(owner) = owner.filter(|&owner| media(ctx).reaches(owner)) else { return Ok(()) };
    match ask(ctx, owner, (room, MediaCall::End)).await {
        Err(error) if error.code() != ErrorCode::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The same, and again later if it cannot be said now.
pub(super) async fn over(ctx: &Ctx, room: RoomId, owner: Option<RunId>) {
    if let Err(error) = end(ctx, room, owner).await {
        tracing::warn!(%error, %room, "media are told later");
        sweep_soon(ctx, room).await;
    }
}

async fn later(ctx: &Ctx, participant: ParticipantId) {
    match stand(ctx, participant).await {
        Ok(Some(stand)) => sweep_soon(ctx, stand.room).await,
        Ok(None) => {}
        Err(error) => tracing::error!(%error, %participant, "media are not told"),
    }
}

async fn sweep_soon(ctx: &Ctx, room: RoomId) {
    let mut tx = ctx.tx();
    tx.after(LATER_MS, &sweeping(room), &Sweep { room });
    if let Err(error) = ctx.commit(tx).await {
        tracing::error!(%error, %room, "media are not told");
    }
}
