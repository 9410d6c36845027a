//! How a participant connects: descriptions of sessions (RFC 8866) that WebRTC exchanges.
//!
//! A participant has two connections. What they send is offered by the client. What they see and
//! hear is offered by the server, in answers to what the client asks, so the two never cross. The
//! second one has a fixed number of *slots*, a media section each: the loudest voices take turns
//! in those for sound, and a slot for pictures shows what the client asks for. So nothing is
//! negotiated when people come, go or begin to speak.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Room, Source};
use crate::{
    ParticipantId, RoomId, field,
    limits::{CANDIDATE_LEN_MAX, SDP_LEN_MAX, VIEWS_MAX},
};

/// `room.join`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Join {
    /// Which room.
    pub room: RoomId,
    /// As whom, for those who come back: the same place in the room, with new connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<ParticipantId>,
}

/// The answer of `room.join`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Joined {
    /// Who the caller is in this room.
    pub participant: ParticipantId,
    /// The room, with the caller in it. Who waits (`waiting`) sees only themselves, is told
    /// `room.admitted` in their own topic, and joins again then.
    pub room: Room,
    /// Servers that relay what cannot travel directly, if the operator has any.
    pub ice_servers: Vec<IceServer>,
    /// The server's offer of what is seen and heard, for `room.answer`; absent for who waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
}

/// A server that relays, as browsers name it (`RTCIceServer`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IceServer {
    /// Where it is, as `turn:relay.example.org`.
    pub urls: Vec<String>,
    /// As whom, for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// With what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// `room.offer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offer {
    /// As whom.
    pub participant: ParticipantId,
    /// The client's description.
    #[schemars(length(max = SDP_LEN_MAX))]
    pub sdp: String,
    /// What its media sections carry; those that are not named carry nothing.
    #[serde(deserialize_with = "field::named_list")]
    pub sends: Vec<Sent>,
}

/// What a media section of the client's offer carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sent {
    /// Which section: the `mid` in the description.
    #[schemars(length(min = 1, max = 16))]
    pub mid: String,
    /// What.
    pub source: Source,
}

/// The answer of `room.offer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offered {
    /// The server's description.
    pub sdp: String,
}

/// `room.subscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subscribe {
    /// As whom.
    pub participant: ParticipantId,
    /// What is on the screen, the most important first, at most 49; everything else stops.
    #[serde(deserialize_with = "field::named_list")]
    #[schemars(length(max = VIEWS_MAX))]
    pub views: Vec<View>,
    /// Whether the connection was lost and is to be made again (ICE restart).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restart: bool,
}

/// Something that is on somebody's screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct View {
    /// Whose.
    pub participant: ParticipantId,
    /// `camera` or `screen`.
    pub source: Source,
    /// How wide it is shown, in pixels of the device.
    pub width: u16,
    /// How high.
    pub height: u16,
}

/// The answer of `room.subscribe`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subscribed {
    /// What each slot shows; a view that is not named waits for the offer to be answered, or for
    /// its publication.
    pub slots: Vec<Slot>,
    /// The server's offer, if the connection must change for what is asked; for `room.answer`,
    /// after which this answer's slots hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<String>,
}

/// What a media section of the server's offer shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Slot {
    /// Which section: the `mid` in the description.
    pub mid: String,
    /// Whose.
    pub participant: ParticipantId,
    /// What.
    pub source: Source,
}

/// `room.answer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// As whom.
    pub participant: ParticipantId,
    /// The client's description.
    #[schemars(length(max = SDP_LEN_MAX))]
    pub sdp: String,
}

/// One of a participant's two connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// What they send.
    Publish,
    /// What they see and hear.
    Subscribe,
}

/// `room.candidate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// As whom.
    pub participant: ParticipantId,
    /// For which connection.
    pub connection: Connection,
    /// The candidate, as `candidate:…` of RFC 8839.
    #[schemars(length(min = 1, max = CANDIDATE_LEN_MAX))]
    pub candidate: String,
}
