//! Messages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ConvId, Event, EventId, Topic, UserId,
    card::Card,
    event::events,
    field,
    limits::{CARD_TITLE_LEN_MAX, EVENTS_PER_PAGE_MAX, MENTIONS_MAX, TEXT_LEN_MAX},
    operation::{Access, READ, WRITE, operations},
};

operations! {
    /// Writes a message; answered when it is on disk, with its final position.
    "msg.send": Send => Sent, Once, WRITE;
    /// Writes a message of a robot, which is no member of the conversation; of those whom it
    /// mentions, the others are left out.
    "msg.post": Post => Sent, Once, Access::System;
    /// Messages and nothing else, for a screen.
    "msg.list": List => Listed, Read, READ;
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// Plain text.
    Text {
        /// The text, 1 byte to 16 KiB.
        #[schemars(length(min = 1, max = TEXT_LEN_MAX))]
        text: String,
        /// Who is mentioned, at most 200; everyone who is mentioned gets `msg.mentioned`.
        #[serde(
            default,
            deserialize_with = "field::or_default",
            skip_serializing_if = "Vec::is_empty"
        )]
        #[schemars(with = "Option<Vec<UserId>>", length(max = MENTIONS_MAX))]
        mentions: Vec<UserId>,
    },
    /// Text with headings, lists, links and pictures. Raw HTML in it is text.
    Markdown {
        /// What it is about, in one line: what a list of conversations and a notification show.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1, max = CARD_TITLE_LEN_MAX))]
        title: Option<String>,
        /// The Markdown, 1 byte to 16 KiB.
        #[schemars(length(min = 1, max = TEXT_LEN_MAX))]
        text: String,
        /// Who is mentioned, as in a text.
        #[serde(
            default,
            deserialize_with = "field::or_default",
            skip_serializing_if = "Vec::is_empty"
        )]
        #[schemars(with = "Option<Vec<UserId>>", length(max = MENTIONS_MAX))]
        mentions: Vec<UserId>,
    },
    /// A card: only programs send one.
    Card {
        /// The plugin that it belongs to, written by the server; absent, it belongs to whoever
        /// wrote the message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
        /// What it says.
        #[serde(deserialize_with = "field::named")]
        card: Box<Card>,
    },
}

impl Body {
    /// Who is mentioned.
    pub fn mentions(&self) -> &[UserId] {
        match self {
            Body::Text { mentions, .. } | Body::Markdown { mentions, .. } => mentions,
            Body::Card { .. } => &[],
        }
    }
}

/// `msg.send`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Send {
    /// Where.
    pub conv: ConvId,
    /// What.
    #[serde(deserialize_with = "field::named")]
    pub body: Body,
    /// The message that this one answers.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<u64>,
    /// Whether everybody in the conversation is mentioned, where the caller may
    /// (`conv.rules.set`); `E_FORBIDDEN` where not.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    #[schemars(with = "Option<bool>")]
    pub everybody: bool,
}

/// The answer of `msg.send`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sent {
    /// The final position.
    pub seq: u64,
    /// The event's id.
    pub id: EventId,
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// Whether an earlier try had written it already.
    pub dup: bool,
}

/// `msg.post`; the caller is the robot.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Post {
    /// Where.
    pub conv: ConvId,
    /// What.
    #[serde(deserialize_with = "field::named")]
    pub body: Body,
    /// Whether all members are mentioned, if a message may mention so many.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub everybody: bool,
}

/// `msg.list`; at most one of `before`, `after` and `around`; none of them: the newest.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// Where.
    pub conv: ConvId,
    /// Messages before this position.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// Messages after this position.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Messages on both sides of this position, and the one at it.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub around: Option<u64>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = EVENTS_PER_PAGE_MAX))]
    pub limit: Option<u32>,
}

/// The answer of `msg.list`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// The messages, oldest first.
    pub events: Vec<Event>,
    /// Whether there are more in the direction that was asked for.
    pub more: bool,
}

/// `data` of `msg.sent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SentData {
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
    /// The message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<u64>,
    /// Whether everybody is mentioned who was there. In a conversation with more people than one
    /// message may mention nobody's own log says so.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub everybody: bool,
    /// The `seq` of the last change; written by the log. To whoever may see the message but not
    /// that change the log says `withheld` as the kind, and the message's own `seq` here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rev: Option<u64>,
}

/// `data` of `msg.mentioned`, in the log of the person who is mentioned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MentionedData {
    /// Where.
    pub topic: Topic,
    /// The `cid` of the message: it stands on the message's own event.
    pub cid: crate::Cid,
}

events! {
    /// A message was written.
    SENT = "msg.sent": SentData;
    /// A message mentions the person whose log this is.
    MENTIONED = "msg.mentioned": MentionedData;
}
