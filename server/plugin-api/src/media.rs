//! What a plugin that hosts meetings sees of those who carry their media.
//!
//! A room's media are on one node, its owner. Whoever has a call of a participant hands it to that
//! node by [`Media::ask`]; who may do what was decided before. What media come to without being
//! asked is a [`MediaFact`].

use carillon_protocol::{
    ParticipantId, RoomId, RunId, UserId,
    room::{Connection, IceServer, Sent, Slot, Source, View},
};
use serde::{Deserialize, Serialize};

use crate::{BoxFuture, Result};

/// Who carries the media of rooms, on this node and on the others.
pub trait Media: Send + Sync + 'static {
    /// This node.
    fn here(&self) -> RunId;

    /// Whether a node can be asked: it runs and is heard.
    fn reaches(&self, owner: RunId) -> bool;

    /// Which node is to carry a room in which nobody is, or whose owner cannot be asked: the owner
    /// again if it can, this node, or another one if this one has too much to do. It stays with an
    /// owner that is not heard here but may well carry it.
    fn place(&self, _room: RoomId, owner: Option<RunId>) -> RunId {
        owner.filter(|owner| self.reaches(*owner)).unwrap_or_else(|| self.here())
    }

    /// Asks the owner of a room.
    ///
    /// # Errors
    /// `E_UNAVAILABLE` if the owner cannot be asked or does not answer; `E_BUSY` if it has too much
    /// to do; `E_BAD_ARG` for a description that cannot be used, which changes nothing;
    /// `E_NOT_FOUND` for a participant that the owner does not have: join again.
    fn ask(&self, owner: RunId, asked: MediaAsked) -> BoxFuture<'_, Result<MediaAnswer>>;

    /// The servers that relay for people whose network lets nothing else out, with a name and a
    /// password for this person that are good from now on for some hours; none, if the operator has
    /// none.
    fn relays(&self, _user: UserId, _now: i64) -> Vec<IceServer> {
        Vec::new()
    }
}

/// Something asked of a room's owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaAsked {
    /// The room.
    pub room: RoomId,
    /// What.
    pub what: MediaCall,
}

/// What can be asked of a room's owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaCall {
    /// Makes the connections of a participant, in place of those they had: answers
    /// [`MediaAnswer::Joined`].
    Join {
        /// Who.
        participant: ParticipantId,
        /// Whose.
        user: UserId,
        /// What they may send.
        may: Vec<Source>,
    },
    /// The client's offer of what it sends: answers [`MediaAnswer::Description`].
    Offer {
        /// Whose.
        participant: ParticipantId,
        /// The description.
        sdp: String,
        /// What its sections carry.
        sends: Vec<Sent>,
    },
    /// What a participant looks at: answers [`MediaAnswer::Subscribed`].
    Subscribe {
        /// Whose.
        participant: ParticipantId,
        /// The most important first.
        views: Vec<View>,
        /// Whether to restart ICE.
        restart: bool,
    },
    /// The client's answer to the server's offer: answers [`MediaAnswer::Done`], as all that
    /// follow.
    Answer {
        /// Whose.
        participant: ParticipantId,
        /// The description.
        sdp: String,
    },
    /// An address of a client.
    Candidate {
        /// Whose.
        participant: ParticipantId,
        /// For which connection.
        connection: Connection,
        /// The candidate.
        candidate: String,
    },
    /// What a participant may send and does send, muted or not, from now on: nothing else is
    /// forwarded.
    Permit {
        /// Whose.
        participant: ParticipantId,
        /// What is forwarded.
        sends: Vec<Source>,
    },
    /// Ends the connections of a participant.
    Leave {
        /// Whose.
        participant: ParticipantId,
    },
    /// Ends all connections of the room.
    End,
    /// Who is connected: answers [`MediaAnswer::Connected`].
    Connected,
}

/// What a room's owner answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaAnswer {
    /// The server's offer of what is seen and heard.
    Joined {
        /// The description.
        offer: String,
    },
    /// A description.
    Description {
        /// In the form of RFC 8866.
        sdp: String,
    },
    /// What the slots show, and the server's offer, if the connection must change first.
    Subscribed {
        /// By slot.
        slots: Vec<Slot>,
        /// The description.
        offer: Option<String>,
    },
    /// It is done.
    Done,
    /// Who is connected.
    Connected {
        /// Those of whom something was heard lately.
        participants: Vec<ParticipantId>,
    },
}

/// What media come to by themselves, on the node that owns the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaFact {
    /// Who is heard now; the loudest first.
    Speaking {
        /// The room.
        room: RoomId,
        /// Nobody when it is silent.
        participants: Vec<ParticipantId>,
    },
    /// How many layers of something are looked at, from the smallest on.
    Wanted {
        /// The room.
        room: RoomId,
        /// Whose.
        participant: ParticipantId,
        /// The person to tell.
        user: UserId,
        /// What.
        source: Source,
        /// 0 if nobody looks.
        layers: u8,
    },
    /// Nothing was heard of a participant for too long: their connections were ended.
    Lost {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
    },
}
