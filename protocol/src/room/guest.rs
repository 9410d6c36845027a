//! Guests: people without an account who come through a link.
//!
//! Who has a link knocks with a name ([`Enter`]) and gets a session that is good for this room and
//! nothing else; then they join as everybody does, and wait until somebody who moderates lets them
//! in. A guest has an id like a person's, under which nobody is found in the organisation: their
//! name is what they wrote, in [`Participant::name`](super::Participant::name).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Phase;
use crate::{
    LinkId, OrgId, RoomId, SessionId, UserId, field,
    limits::{GUEST_LINK_TTL_MAX_MS, NAME_LEN_MAX},
};

/// `room.link`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// Into which room.
    pub room: RoomId,
    /// For how long, in milliseconds from now or from when a planned room is to begin, at most 30
    /// days; a day if absent. It works no longer than the room.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = GUEST_LINK_TTL_MAX_MS))]
    pub ttl_ms: Option<i64>,
}

/// The answer of `room.link`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Linked {
    /// What it is known by, for `room.unlink`.
    pub link: LinkId,
    /// What opens it, for `room.enter`: 26 characters of which 128 bits are random. It is in this
    /// answer and nowhere else.
    pub secret: String,
    /// Until when, in milliseconds since the epoch.
    pub expires_at: i64,
}

/// `room.links`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Links {
    /// Of which room.
    pub room: RoomId,
}

/// The answer of `room.links`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LinksListed {
    /// Those that still work, the newest first, at most 20.
    pub links: Vec<GuestLink>,
}

/// A link into a room that still works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuestLink {
    /// Which.
    pub link: LinkId,
    /// Who made it.
    pub by: UserId,
    /// When, in milliseconds since the epoch.
    pub created_at: i64,
    /// Until when, in milliseconds since the epoch.
    pub expires_at: i64,
    /// How many guests have come by it and may come back.
    pub guests: u32,
}

/// `room.unlink`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unlink {
    /// Which.
    pub link: LinkId,
}

/// `room.look`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// The link's.
    #[schemars(length(min = 1, max = 64))]
    pub secret: String,
}

/// The answer of `room.look`: what a guest is told before they say who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invitation {
    /// The organisation's name.
    pub org: String,
    /// What the meeting is about, if somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How far it is: `planned` or `open`.
    pub phase: Phase,
    /// When it is to begin, if it was planned; milliseconds since the epoch.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<i64>,
    /// Until when the link works, in milliseconds since the epoch.
    pub expires_at: i64,
}

/// `room.enter`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Enter {
    /// The link's.
    #[schemars(length(min = 1, max = 64))]
    pub secret: String,
    /// The name that others see, in one line of 1 to 100 characters.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: String,
}

/// The answer of `room.enter`: a session for one room, with which to call `room.join`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entered {
    /// The bearer token, for `hello.token`; never shown again.
    pub token: String,
    /// The session that it belongs to.
    pub session: SessionId,
    /// Who the guest is from now on.
    pub user: UserId,
    /// The organisation.
    pub org: OrgId,
    /// The room.
    pub room: RoomId,
    /// The name, as others see it.
    pub name: String,
    /// When the session ends at the latest, in milliseconds since the epoch. It ends sooner with
    /// the room, with the link, and when the guest is put out.
    pub expires_at: i64,
}

/// `room.dismiss`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dismiss {
    /// Which room.
    pub room: RoomId,
}
