//! How participants connect: passed on to who carries the room's media.

use std::collections::BTreeSet;

use carillon_plugin::{Ctx, Error, MediaAnswer, MediaCall, Result};
use carillon_protocol::{
    ParticipantId,
    limits::{CANDIDATE_LEN_MAX, SDP_LEN_MAX, VIEWS_MAX},
    room::{Answer, Candidate, Done, Offer, Offered, Sent, Source, Subscribe, Subscribed},
};

use super::{media, rows::seated};

/// The longest name of a media section.
const MID_LEN_MAX: usize = 16;

/// `room.offer`.
pub(super) async fn offer(ctx: Ctx, args: Offer) -> Result<Offered> {
    fits("sdp", &args.sdp, SDP_LEN_MAX)?;
    named(&args.sends)?;
    let Offer { participant, sdp, sends } = args;
    match pass(&ctx, participant, MediaCall::Offer { participant, sdp, sends }).await? {
        MediaAnswer::Description { sdp } => {
            // Who connects anew sends what they sent before.
            media::tell(&ctx, &[participant]).await;
            Ok(Offered { sdp })
        }
        other => Err(media::unexpected(&other)),
    }
}

/// `room.subscribe`.
pub(super) async fn subscribe(ctx: Ctx, args: Subscribe) -> Result<Subscribed> {
    let Subscribe { participant, mut views, restart } = args;
    if views.len() > VIEWS_MAX {
        return Err(Error::too_large("views", format!("at most {VIEWS_MAX} are seen at once")));
    }
    if let Some(place) = views.iter().position(|view| view.source.is_audio()) {
        let field = format!("views[{place}].source");
        return Err(Error::bad_arg(&field, "a view is of a `camera` or a `screen`"));
    }
    let there = here(&ctx, participant).await?;
    views.retain(|view| there.contains(&view.participant));
    let call = MediaCall::Subscribe { participant, views, restart };
    match pass(&ctx, participant, call).await? {
        MediaAnswer::Subscribed { slots, offer } => Ok(Subscribed { slots, offer }),
        other => Err(media::unexpected(&other)),
    }
}

/// Who is in the caller's room: others are looked at by nobody.
async fn here(ctx: &Ctx, participant: ParticipantId) -> Result<BTreeSet<ParticipantId>> {
    let room = seated(ctx, participant).await?.room;
    let sql = "SELECT id FROM room_participant
               WHERE room = $1 AND left_at IS NULL AND waiting = 0 ORDER BY id";
    ctx.query(sql, [room.into()]).await?.iter().map(|row| row.get(0)).collect()
}

/// `room.answer`.
pub(super) async fn answer(ctx: Ctx, args: Answer) -> Result<Done> {
    fits("sdp", &args.sdp, SDP_LEN_MAX)?;
    let Answer { participant, sdp } = args;
    done(pass(&ctx, participant, MediaCall::Answer { participant, sdp }).await?)
}

/// `room.candidate`.
pub(super) async fn candidate(ctx: Ctx, args: Candidate) -> Result<Done> {
    fits("candidate", &args.candidate, CANDIDATE_LEN_MAX)?;
    let Candidate { participant, connection, candidate } = args;
    done(
        pass(&ctx, participant, MediaCall::Candidate { participant, connection, candidate })
            .await?,
    )
}

fn done(answer: MediaAnswer) -> Result<Done> {
    match answer {
        MediaAnswer::Done => Ok(Done {}),
        other => Err(media::unexpected(&other)),
    }
}

/// Asks who carries the media of the caller's room. Where nobody does any more the caller joins
/// again, and another node carries them.
async fn pass(ctx: &Ctx, participant: ParticipantId, call: MediaCall) -> Result<MediaAnswer> {
    let known = seated(ctx, participant).await?;
    let carriers = media::media(ctx);
    let owner = known.owner.filter(|&owner| carriers.reaches(owner));
    let owner = owner.ok_or_else(|| Error::not_found("connection any more; join again"))?;
    media::ask(ctx, owner, (known.room, call)).await
}

fn fits(field: &str, text: &str, max: usize) -> Result<()> {
    match text.len() {
        0 => Err(Error::bad_arg(field, "it is empty")),
        len if len > max => Err(Error::too_large(field, format!("at most {max} bytes"))),
        _ => Ok(()),
    }
}

/// Refuses sections without a name, and two of the same source.
fn named(sends: &[Sent]) -> Result<()> {
    let mut seen: Vec<Source> = Vec::new();
    for (place, sent) in sends.iter().enumerate() {
        if !(1..=MID_LEN_MAX).contains(&sent.mid.len()) {
            let msg = format!("a `mid` has 1 to {MID_LEN_MAX} bytes");
            return Err(Error::bad_arg(&format!("sends[{place}].mid"), msg));
        }
        if seen.contains(&sent.source) {
            return Err(Error::bad_arg(&format!("sends[{place}].source"), "this is sent twice"));
        }
        seen.push(sent.source);
    }
    Ok(())
}
