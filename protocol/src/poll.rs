//! Polls: a question in a conversation, whose card shows how the votes stand.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Cid, ConvId, PollId, UserId,
    card::{Acted, Value},
    event::events,
    field,
    limits::{
        CARD_TITLE_LEN_MAX, PEOPLE_PER_PAGE_MAX, POLL_OPTION_LEN_MAX, POLL_OPTIONS_MAX,
        POLL_OPTIONS_MIN,
    },
    operation::{Access, READ, WRITE, operations},
};

operations! {
    /// Asks the members of a conversation: a card appears there.
    "poll.open": Open => Opened, Once, WRITE;
    /// Votes, or votes otherwise than before; in a secret poll a vote is final. Members may, until
    /// the poll is closed.
    "poll.vote": Vote => Voted, Once, WRITE;
    /// Closes a poll; whoever opened it may.
    "poll.close": Close => Closed, Once, WRITE;
    /// How a poll stands; members of its conversation may look.
    "poll.get": Get => Poll, Read, READ;
    /// Who voted for what, by their ids; of a secret poll nobody is told.
    "poll.votes": Votes => VotesListed, Read, READ;
    /// Votes by way of a poll's card, or closes the poll.
    "poll.act": Act => Acted, Once, Access::System;
    /// Whether somebody has voted by way of a poll's card under an intent, whatever the card offers
    /// by now.
    "poll.acted": HasActed => Acted, Read, Access::System;
    /// Lets a poll's card show how the poll stands by now.
    "poll.refresh": Refresh => Refreshed, State, Access::System;
}

/// `poll.open`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Open {
    /// Where.
    pub conv: ConvId,
    /// What is asked, in one line of 1 to 200 characters.
    #[schemars(length(min = 1, max = CARD_TITLE_LEN_MAX))]
    pub question: String,
    /// What can be voted for, 2 to 20, each one once and in one line of 1 to 80 characters.
    #[schemars(
        length(min = POLL_OPTIONS_MIN, max = POLL_OPTIONS_MAX),
        inner(length(min = 1, max = POLL_OPTION_LEN_MAX))
    )]
    pub options: Vec<String>,
    /// Whether a vote may be for several of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multiple: bool,
    /// Whether the poll is secret: what somebody voted for is not kept, so a vote is final; and
    /// how the votes stand is shown only when it is closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
    /// When it closes by itself, in milliseconds since the epoch, at most 90 days ahead; absent,
    /// then.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<i64>,
}

/// The answer of `poll.open`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Opened {
    /// The poll; its card is in the conversation in a moment.
    pub poll: PollId,
}

/// `poll.vote`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Vote {
    /// Which poll.
    pub poll: PollId,
    /// What for: places in `options`, counted from 0; one, or several if the poll allows it.
    #[schemars(length(min = 1, max = POLL_OPTIONS_MAX))]
    pub choices: Vec<u32>,
}

/// The answer of `poll.vote`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Voted {
    /// Whether an earlier try had done it already.
    pub dup: bool,
}

/// `poll.close`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Close {
    /// Which poll.
    pub poll: PollId,
}

/// The answer of `poll.close`, also if it was closed before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Closed {}

/// `poll.get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Get {
    /// Which poll.
    pub poll: PollId,
}

/// A poll as one of the members of its conversation sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Poll {
    /// Which.
    pub poll: PollId,
    /// Where.
    pub conv: ConvId,
    /// Who opened it.
    pub by: UserId,
    /// What is asked.
    pub question: String,
    /// What can be voted for.
    pub options: Vec<String>,
    /// Whether a vote may be for several of them.
    pub multiple: bool,
    /// Whether it is secret.
    pub anonymous: bool,
    /// When it closes by itself, in milliseconds since the epoch.
    pub closes_at: i64,
    /// When it was closed; absent, it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<i64>,
    /// How many people have voted.
    pub voters: u64,
    /// How many votes each option has, in their order; absent while a secret poll is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Vec<u64>>,
    /// Whether the caller has voted.
    pub voted: bool,
    /// What the caller voted for; absent if for nothing yet, and of a secret poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mine: Option<Vec<u32>>,
}

/// `poll.votes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Votes {
    /// Which poll.
    pub poll: PollId,
    /// The last person of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<UserId>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = PEOPLE_PER_PAGE_MAX))]
    pub limit: Option<u32>,
}

/// The answer of `poll.votes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VotesListed {
    /// By the voters' ids.
    pub votes: Vec<Ballot>,
    /// Whether there are more.
    pub more: bool,
}

/// What somebody voted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ballot {
    /// Who.
    pub user: UserId,
    /// What for: places in `options`, counted from 0.
    pub choices: Vec<u32>,
}

/// `poll.act`: what `card.act` tells a card's owner, as far as a poll needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Act {
    /// Which poll: what its card is known by.
    pub key: PollId,
    /// What is to be done: `vote` or `close`.
    pub act: String,
    /// What was filled in, by the ids of the inputs.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub values: BTreeMap<String, Value>,
}

/// `poll.acted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HasActed {
    /// Which poll: what its card is known by.
    pub key: PollId,
    /// The intent.
    pub cid: Cid,
}

/// `poll.refresh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refresh {
    /// Which poll.
    pub poll: PollId,
}

/// The answer of `poll.refresh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refreshed {}

/// `data` of `poll.opened` and `poll.closed`, in the poll's own topic, which other plugins read
/// and no client listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PollData {
    /// Which poll.
    pub poll: PollId,
    /// Where.
    pub conv: ConvId,
}

events! {
    /// Somebody asks the members of a conversation.
    OPENED = "poll.opened": PollData;
    /// A poll was closed, by whoever opened it or because its time was over.
    CLOSED = "poll.closed": PollData;
}
