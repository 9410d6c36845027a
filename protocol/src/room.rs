//! Rooms: people of a conversation meet, with sound, pictures and screens.
//!
//! The log of a room (`x:room:{room}`) is its roster: [`Room`] is what its events sum up to, and
//! `seq` says how far, so whoever missed some reads them or asks `room.get`. Media go past the log,
//! over two connections a participant: one for what they send
//! ([`Offer`]), one for what they see and hear ([`Joined::offer`], [`Subscribe`]).

mod act;
mod guest;
mod media;
mod told;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ConvId, ParticipantId, RoomId, UserId,
    card::Acted,
    field,
    limits::ROOM_TITLE_LEN_MAX,
    operation::{Access, GUESTS_READ, GUESTS_WRITE, READ, WRITE, operations},
};

pub use act::{
    Act, Admit, Attendance, Attended, Done, End, HasActed, Kick, Leave, Lost, Mute, Presence,
    Publish, RaiseHand, React, Refresh, Remind, SetRole, Sweep, TakeOver, Update,
};
pub use guest::{
    Dismiss, Enter, Entered, GuestLink, Invitation, Link, Linked, Links, LinksListed, Look, Unlink,
};
pub use media::{
    Answer, Candidate, Connection, IceServer, Join, Joined, Offer, Offered, Sent, Slot, Subscribe,
    Subscribed, View,
};
pub use told::{
    AdmittedData, Gone, LeftData, LoudData, ParticipantData, ReactionData, RoomData, UpdatedData,
    WantedData, ephemeral, kind,
};
pub(crate) use told::{ephemerals, events};

operations! {
    /// Opens a room in a conversation, now or at a time: a card appears there. If one is open
    /// there now and no time is given, that one is answered.
    "room.create": Create => Created, Once, WRITE;
    /// A room with everybody who is in it; members of its conversation and participants may look.
    "room.get": Get => Room, Read, GUESTS_READ;
    /// The rooms that are open or planned, in one conversation or in all of the caller's.
    "room.list": List => Listed, Read, READ;
    /// Enters a room, or comes back to it: answers what a client needs to connect.
    "room.join": Join => Joined, State, GUESTS_WRITE;
    /// Leaves a room; the last one who leaves a room that was not planned ends it.
    "room.leave": Leave => Done, State, GUESTS_WRITE;
    /// Connects what the caller sends: the client's offer, again whenever it changes.
    "room.offer": Offer => Offered, State, GUESTS_WRITE;
    /// Says what the caller wants to see, the most important first; answers an offer if the
    /// connection must grow for it.
    "room.subscribe": Subscribe => Subscribed, State, GUESTS_WRITE;
    /// Answers the server's offer.
    "room.answer": Answer => Done, State, GUESTS_WRITE;
    /// Another address that the client may be reached at.
    "room.candidate": Candidate => Done, State, GUESTS_WRITE;
    /// Says that the caller sends something from now on, mutes it, or sends it no more.
    "room.publish": Publish => Done, State, GUESTS_WRITE;
    /// Mutes somebody, or all but those who moderate; moderators may. Nobody is unmuted by others.
    "room.mute": Mute => Done, State, WRITE;
    /// Lets somebody in who waits, or turns them away; moderators may.
    "room.admit": Admit => Done, State, WRITE;
    /// Puts somebody out, who does not come back into this room; moderators may.
    "room.kick": Kick => Done, State, WRITE;
    /// Raises or lowers a hand: one's own, or as a moderator somebody's.
    "room.raise_hand": RaiseHand => Done, State, GUESTS_WRITE;
    /// Shows everybody in the room an emoji for a moment.
    "room.react": React => Done, State, GUESTS_WRITE;
    /// Makes somebody a moderator, or a member again; hosts may.
    "room.role": SetRole => Done, State, WRITE;
    /// Changes the title, who may come in and what members may send; moderators may.
    "room.update": Update => Done, State, WRITE;
    /// Ends a room for everybody, or calls a planned one off; moderators may.
    "room.end": End => Done, State, WRITE;
    /// Who was in a room from when to when; members of its conversation may look.
    "room.attendance": Attendance => Attended, Read, READ;
    /// Makes a link by which people without an account knock; who moderates the room may, and who
    /// opened or planned it.
    "room.link": Link => Linked, State, WRITE;
    /// The links of a room that still work; those may look who may make one.
    "room.links": Links => LinksListed, Read, READ;
    /// Makes a link useless, and puts out who came by it; those may who may make one.
    "room.unlink": Unlink => Done, State, WRITE;
    /// What a guest's link is for, before it is used.
    "room.look": Look => Invitation, Read, Access::Public;
    /// Begins a guest's session by a link. It is good for this room, and there for `room.get`,
    /// `room.join`, `room.leave`, `room.offer`, `room.subscribe`, `room.answer`,
    /// `room.candidate`, `room.publish`, `room.raise_hand`, `room.react` and, of the room's log
    /// and the guest's own, `log.read`: nothing else.
    "room.enter": Enter => Entered, State, Access::Public;
    /// Ends the sessions of guests who may not be in a room any more.
    "room.dismiss": Dismiss => Done, State, Access::System;
    /// What the room's card shows is brought up to date.
    "room.refresh": Refresh => Done, State, Access::System;
    /// Looks after a room: removes who is gone, ends it when nobody is left.
    "room.sweep": Sweep => Done, State, Access::System;
    /// A participant's media have been silent for too long.
    "room.lost": Lost => Done, State, Access::System;
    /// The node that carried the media of rooms is gone: this one carries them from now on.
    "room.take_over": TakeOver => Done, State, Access::System;
    /// The time of a planned room is near.
    "room.remind": Remind => Done, State, Access::System;
    /// A button of a room's card was pressed.
    "room.act": Act => Acted, Once, Access::System;
    /// Whether a button of a room's card was pressed under an intent.
    "room.acted": HasActed => Acted, Read, Access::System;
}

/// What a participant can send. Each is one track, and each participant has at most one of each.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A voice.
    Microphone,
    /// A face.
    Camera,
    /// A screen or a window.
    Screen,
    /// The sound of a shared screen.
    ScreenAudio,
}

impl Source {
    /// Whether it is heard, not seen.
    pub const fn is_audio(self) -> bool {
        matches!(self, Source::Microphone | Source::ScreenAudio)
    }
}

/// Something that a participant sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Publication {
    /// Whether it is muted: there, but silent or black.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
}

/// What somebody may do in a room.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Came through a guest link.
    Guest,
    /// Talks, and sends what the room's rules allow.
    Member,
    /// May mute, admit, kick, lock and end.
    Moderator,
    /// Opened the room: a moderator who also makes others moderators.
    Host,
}

/// Somebody in a room: one device of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Participant {
    /// Which.
    pub participant: ParticipantId,
    /// Who.
    pub user: UserId,
    /// A guest's name; in the answers that a guest gets, everybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What they may do.
    pub role: Role,
    /// Whether they wait to be let in: they neither send nor hear.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
    /// Since when, in milliseconds since the epoch.
    pub joined_at: i64,
    /// What they send.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub publications: BTreeMap<Source, Publication>,
    /// Since when their hand is raised; the earliest is asked first.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub hand_at: Option<i64>,
}

/// What members may send and who may come in. Moderators always may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rules {
    /// Whether nobody else comes in, beyond those who come back.
    pub locked: bool,
    /// Whether all who come wait until they are let in; guests always do.
    pub waiting: bool,
    /// Whether members may talk.
    pub microphones: bool,
    /// Whether members may show themselves.
    pub cameras: bool,
    /// Whether members may share their screens.
    pub screens: bool,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { locked: false, waiting: false, microphones: true, cameras: true, screens: true }
    }
}

/// How far a room is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its time has not come; who comes earlier opens it.
    Planned,
    /// People can come in.
    Open,
    /// It is over.
    Ended,
}

/// A room without the people in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Head {
    /// Which.
    pub room: RoomId,
    /// Where.
    pub conv: ConvId,
    /// Who opened or planned it.
    pub by: UserId,
    /// What it is about; the conversation's own title if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How far it is.
    pub phase: Phase,
    /// When it is to begin, if it was planned; milliseconds since the epoch, as all times here.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<i64>,
    /// When the first one came.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    /// When it was over.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
    /// Who may come in, and what members may send.
    pub rules: Rules,
}

/// A room, and the answer of `room.get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Room {
    /// What it is.
    #[serde(flatten)]
    pub head: Head,
    /// Who is in it or waits, in the order in which they came.
    pub participants: Vec<Participant>,
    /// The newest event of the room's log that this holds.
    pub seq: u64,
}

/// `room.create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Create {
    /// Where.
    pub conv: ConvId,
    /// What it is about, in one line of 1 to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = ROOM_TITLE_LEN_MAX))]
    pub title: Option<String>,
    /// When it is to begin, in milliseconds since the epoch, at most a year ahead; absent, now.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<i64>,
    /// Who may come in, and what members may send; if absent, everybody and everything.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub rules: Option<Rules>,
}

/// The answer of `room.create`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Created {
    /// The room.
    pub room: RoomId,
}

/// `room.get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Get {
    /// Which room.
    pub room: RoomId,
}

/// `room.list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// Only those of this conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conv: Option<ConvId>,
}

/// The answer of `room.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// The open ones, then the planned ones, the next first; at most 200.
    pub rooms: Vec<Head>,
}
