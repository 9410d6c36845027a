//! What a room's log says, and what its participants are told only now.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Head, Participant, Source};
use crate::{
    ConvId, ParticipantId, RoomId, UserId,
    event::{ephemerals, events},
};

events! {
    /// A room was opened or planned.
    CREATED = "room.created": UpdatedData;
    /// The first one came in.
    STARTED = "room.started": RoomData;
    /// Somebody came in, or waits to be let in.
    JOINED = "room.joined": ParticipantData;
    /// Somebody sends something else, raised a hand, was let in or has another role: how they are
    /// now.
    CHANGED = "room.changed": ParticipantData;
    /// Somebody is not in the room any more.
    LEFT = "room.left": LeftData;
    /// The room has another title, time or other rules.
    UPDATED = "room.updated": UpdatedData;
    /// Another node carries the media: join again as the same participant.
    MOVED = "room.moved": RoomData;
    /// It is over.
    ENDED = "room.ended": RoomData;
    /// In a person's own topic: a room lets them in, or turns them away.
    ADMITTED = "room.admitted": AdmittedData;
}

ephemerals! {
    /// Who is heard now, at most four times a second.
    SPEAKING = "room.speaking": LoudData;
    /// Somebody shows an emoji.
    REACTION = "room.reaction": ReactionData;
    /// In a publisher's own topic: which layers somebody looks at. The others need not be sent.
    WANTED = "room.wanted": WantedData;
}

/// `data` of `room.started`, `room.moved` and `room.ended`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoomData {
    /// Which room.
    pub room: RoomId,
    /// Where.
    pub conv: ConvId,
}

/// `data` of `room.joined` and `room.changed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ParticipantData {
    /// How they are now.
    pub participant: Participant,
}

/// Why somebody is not in a room any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gone {
    /// They left.
    Left,
    /// A moderator put them out or turned them away.
    Kicked,
    /// Nothing was heard of them for too long.
    Lost,
    /// The room ended.
    Ended,
}

/// `data` of `room.left`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftData {
    /// Which participant.
    pub participant: ParticipantId,
    /// Who they were.
    pub user: UserId,
    /// Why.
    pub gone: Gone,
    /// Whether the person is in the room with another device.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub still_there: bool,
}

/// `data` of `room.created` and `room.updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdatedData {
    /// How it is now.
    pub head: Head,
}

/// `data` of `room.admitted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdmittedData {
    /// Which room.
    pub room: RoomId,
    /// As whom.
    pub participant: ParticipantId,
    /// Whether they may come in.
    pub admitted: bool,
}

/// `data` of `room.speaking`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoudData {
    /// The loudest first; nobody, when it is silent.
    pub speaking: Vec<ParticipantId>,
}

/// `data` of `room.reaction`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReactionData {
    /// Whose.
    pub participant: ParticipantId,
    /// What.
    pub emoji: String,
}

/// `data` of `room.wanted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WantedData {
    /// In which room.
    pub room: RoomId,
    /// As whom.
    pub participant: ParticipantId,
    /// Of what they send.
    pub source: Source,
    /// How many of its layers are looked at, from the smallest on: 0 if nobody looks.
    pub layers: u8,
}
