//! What is done in a room besides connecting.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Publication, Role, Rules, Source};
use crate::{
    Cid, ParticipantId, RoomId, RunId, UserId,
    card::Value,
    field,
    limits::{PEOPLE_PER_PAGE_MAX, ROOM_TITLE_LEN_MAX},
};

/// `room.leave`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leave {
    /// As whom.
    pub participant: ParticipantId,
}

/// The answer of what only changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {}

/// `room.publish`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Publish {
    /// As whom.
    pub participant: ParticipantId,
    /// What.
    pub source: Source,
    /// How it is from now on; absent, it is not sent any more.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub publication: Option<Publication>,
}

/// `room.mute`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mute {
    /// In which room.
    pub room: RoomId,
    /// Whom; absent, all but those who moderate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<ParticipantId>,
    /// What of them: a screen that is muted is not shared any more.
    pub source: Source,
}

/// `room.admit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Admit {
    /// Whom.
    pub participant: ParticipantId,
    /// Whether they come in; if not, they are turned away.
    pub admit: bool,
}

/// `room.kick`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Kick {
    /// Whom.
    pub participant: ParticipantId,
}

/// `room.raise_hand`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RaiseHand {
    /// Whose.
    pub participant: ParticipantId,
    /// Whether it is up.
    pub raised: bool,
}

/// `room.react`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct React {
    /// As whom.
    pub participant: ParticipantId,
    /// One emoji.
    #[schemars(length(min = 1, max = 16))]
    pub emoji: String,
}

/// `room.role`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetRole {
    /// Whose.
    pub participant: ParticipantId,
    /// `moderator` or `member`.
    pub role: Role,
}

/// `room.update`: what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Update {
    /// Which room.
    pub room: RoomId,
    /// What it is about, in one line of 1 to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = ROOM_TITLE_LEN_MAX))]
    pub title: Option<String>,
    /// When a planned one is to begin.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<i64>,
    /// Who may come in, and what members may send.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub rules: Option<Rules>,
}

/// `room.end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// Which room.
    pub room: RoomId,
}

/// `room.attendance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attendance {
    /// Of which room.
    pub room: RoomId,
    /// The last one of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ParticipantId>,
    /// At most so many, 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = PEOPLE_PER_PAGE_MAX))]
    pub limit: Option<u32>,
}

/// The answer of `room.attendance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attended {
    /// In the order in which they came; a page that is shorter than the limit is the last one.
    pub presences: Vec<Presence>,
}

/// That somebody was in a room: one row a time they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Presence {
    /// As which participant.
    pub participant: ParticipantId,
    /// Who.
    pub user: UserId,
    /// A guest's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// From when, in milliseconds since the epoch.
    pub joined_at: i64,
    /// To when; absent if they are still there.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub left_at: Option<i64>,
}

/// `room.refresh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refresh {
    /// Which room.
    pub room: RoomId,
}

/// `room.take_over`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TakeOver {
    /// The run of the node that is gone.
    pub owner: RunId,
}

/// `room.sweep`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sweep {
    /// Which room.
    pub room: RoomId,
}

/// `room.lost`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lost {
    /// Who is gone.
    pub participant: ParticipantId,
}

/// `room.remind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Remind {
    /// Which room.
    pub room: RoomId,
    /// When it was to begin as this was set: a room that was moved is not reminded of twice.
    #[serde(deserialize_with = "field::int")]
    pub starts_at: i64,
}

/// `room.act`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Act {
    /// What the card is known by: the room, and `:soon` after it for the reminder's.
    pub key: String,
    /// What is to be done.
    pub act: String,
    /// What was filled in, by the ids of the inputs.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub values: BTreeMap<String, Value>,
}

/// `room.acted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HasActed {
    /// What the card is known by: the room, and `:soon` after it for the reminder's.
    pub key: String,
    /// The intent.
    pub cid: Cid,
}
