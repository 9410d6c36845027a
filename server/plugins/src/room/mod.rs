//! Rooms: people of a conversation meet.
//!
//! Who is in a room, what they send and what they may is durable: rows, and events in the room's
//! log (`x:room:{room}`), of which `room.get` is the sum. So any node answers, and nothing is lost
//! when a node dies that carries media. Media themselves are on one node, the room's owner; the
//! plugin decides who may what, and says so there ([`Media`]).
//!
//! A change is committed first and told to media then, again and again until nothing changed while
//! they were told (`media.rs`): their last word is what is written. Only who comes for the first
//! time is made a connection before, so that nobody is in a room whom media refused.

mod card;
mod change;
mod connect;
mod fact;
mod follow;
mod guest;
mod join;
mod link;
mod look;
mod media;
mod moderate;
mod names;
mod open;
mod present;
mod rows;
mod rules;
mod seat;
mod secret;
mod sweep;

use std::sync::Arc;

use carillon_plugin::{Caller, Ctx, Error, LiveChange, Media, Plugin, Result, TopicKind};
use carillon_protocol::{
    ConvId, ErrorCode, Event,
    conv::{self, Get},
    org,
    room::{LeftData, ParticipantData, kind},
    session,
};

use self::{media::Rooms, present::Present};

/// The plugin, over those who carry media.
pub fn plugin(media: Arc<dyn Media>) -> Plugin {
    let present = Arc::new(Present::default());
    let observed = Arc::clone(&present);
    Plugin::new("room")
        .state(Arc::new(Rooms { media, present }))
        .migration(1, include_str!("1_tables.sql"))
        .migration(2, include_str!("2_guests.sql"))
        .migration(3, include_str!("3_times.sql"))
        .fact_of_conversation("room.meetings", "Meetings that began.", fact::meetings)
        .fact_of_conversation("room.minutes", "Minutes in which rooms were open.", fact::minutes)
        .fact("room.all_meetings", "Meetings that began, in all conversations.", fact::meetings)
        .fact(
            "room.all_minutes",
            "Minutes in which rooms were open, in all conversations.",
            fact::minutes,
        )
        .once(open::create, open::created)
        .command(look::get)
        .command(look::list)
        .command(look::attendance)
        .command(join::join)
        .command(seat::leave)
        .command(seat::publish)
        .command(seat::raise_hand)
        .command(seat::react)
        .command(connect::offer)
        .command(connect::subscribe)
        .command(connect::answer)
        .command(connect::candidate)
        .command(moderate::mute)
        .command(moderate::admit)
        .command(moderate::kick)
        .command(moderate::role)
        .command(open::update)
        .command(open::end)
        .command(link::link)
        .command(link::links)
        .command(link::unlink)
        .command(guest::look)
        .command(guest::enter)
        .command(guest::dismiss)
        .command(sweep::sweep)
        .command(sweep::lost)
        .command(sweep::take_over)
        .command(card::refresh)
        .command(card::remind)
        .forward(card::act)
        .command(card::acted)
        .on(conv::kind::MEMBERS_CHANGED, follow::members_changed)
        .on(org::kind::MEMBER_LEFT, follow::member_left)
        .on(session::kind::ENDED, follow::signed_out)
        .topics(TopicKind::Plugin("room"), look::mine, look::sees)
        .open_to_guests()
        .live(means)
        .observe(move |event| observed.observe(event))
}

/// Refuses whoever is not in the conversation.
async fn check_member(ctx: &Ctx, conv: ConvId) -> Result<()> {
    let Caller { user, org, .. } = ctx.caller();
    // A guest is in no conversation, and nobody speaks for them there.
    if ctx.caller().is_guest() {
        return Err(Error::not_found("conversation"));
    }
    ctx.call_as(Caller::on_behalf_of(user, org), None, &Get { conv }).await.map(drop)
}

/// Who does not know the conversation does not know of the room.
fn unseen(error: Error) -> Error {
    match error.code() {
        ErrorCode::NotFound => rows::unknown(),
        _ => error,
    }
}

/// Who is in a room hears it: from when they come in or are let in, until the last of their
/// devices goes.
fn means(event: &Event) -> Option<LiveChange> {
    let seat = || event.data.to::<ParticipantData>().map(|data| data.participant);
    let read = match &*event.k {
        kind::JOINED | kind::CHANGED => {
            seat().map(|seat| (!seat.waiting).then(|| LiveChange::Join(vec![seat.user])))
        }
        kind::LEFT => event
            .data
            .to::<LeftData>()
            .map(|data| (!data.still_there).then(|| LiveChange::Leave(vec![data.user]))),
        _ => return None,
    };
    let log = |error: &_| {
        tracing::error!(%error, topic = %event.topic, seq = event.seq, "an event cannot be read");
    };
    read.inspect_err(log).ok().flatten()
}
