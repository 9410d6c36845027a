//! Identifiers: ULIDs (<https://github.com/ulid/spec>), 26 characters in both codecs.
//!
//! Every id has its own type, so that a person cannot be passed where a conversation is meant.
//! New ids are made by the host (`Host::new_id`), never here.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
pub use ulid::Ulid;

/// The text is not a ULID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an id of 26 characters, like 01ARZ3NDEKTSV4RRFFQ69G5FAV")]
pub struct BadId;

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident = $format:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Ulid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0; ulid::ULID_LEN];
                f.pad(self.0.array_to_str(&mut text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                parse(text).map($name)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut text = [0; ulid::ULID_LEN];
                serializer.serialize_str(self.0.array_to_str(&mut text))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(IdVisitor).map($name)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "description": concat!($($doc),+).trim(),
                    "type": "string",
                    "format": $format,
                    "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$",
                })
            }
        }
    )+};
}

ids! {
    /// A person, or a program that acts under its own name.
    UserId = "user-id";
    /// An organisation: the tenant.
    OrgId = "org-id";
    /// A conversation.
    ConvId = "conv-id";
    /// An event: what `ev.id` carries.
    EventId = "event-id";
    /// An installation of a client; chosen by that client and kept.
    DeviceId = "device-id";
    /// A department of an organisation.
    DepartmentId = "department-id";
    /// A role: a named set of permissions.
    RoleId = "role-id";
    /// An invitation to join an organisation.
    InviteId = "invite-id";
    /// A robot that posts into a conversation; as a person's id, the author of what it posts.
    RobotId = "robot-id";
    /// A picture of a digest.
    PictureId = "picture-id";
    /// A poll.
    PollId = "poll-id";
    /// A room: a meeting.
    RoomId = "room-id";
    /// Somebody in a room: one device of one person, from joining to leaving.
    ParticipantId = "participant-id";
    /// A link by which guests enter a room.
    LinkId = "link-id";
    /// A signed-in session of a person, or a token of a program.
    SessionId = "session-id";
    /// Something that a plugin put aside after it failed for good.
    DeadLetterId = "dead-letter-id";
    /// A run of a node: from a start of the process to its end.
    RunId = "run-id";
    /// An alert that somebody has to confirm.
    DingId = "ding-id";
    /// A recurring alert.
    SeriesId = "series-id";
    /// A policy: how an alert reaches people until they confirm it.
    PolicyId = "policy-id";
    /// A rota: who is on duty when.
    DutyId = "duty-id";
    /// What an alert carries: a file or a voice note.
    AttachmentId = "attachment-id";
    /// A client's id for one intent: made once, sent again with every retry.
    Cid = "cid";
}

/// One id has one text: lower case, and a first character beyond `7`, which would not fit into
/// 128 bits, are refused.
fn parse(text: &str) -> Result<Ulid, BadId> {
    let first_fits = text.as_bytes().first().is_some_and(|&first| first <= b'7');
    if !first_fits || text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(BadId);
    }
    Ulid::from_string(text).map_err(|_| BadId)
}

struct IdVisitor;

impl de::Visitor<'_> for IdVisitor {
    type Value = Ulid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id of 26 characters")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Ulid, E> {
        parse(text).map_err(E::custom)
    }
}
