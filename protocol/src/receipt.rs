//! Receipts: who has read a message. *Read* means it was on the screen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ConvId, UserId,
    event::ephemerals,
    field,
    limits::{PEOPLE_PER_PAGE_MAX, RECEIPT_SEQS_MAX},
    operation::{READ, operations},
};

operations! {
    /// How many have read each of some messages, and of how many who may see it.
    "receipt.counts": Counts => Counted, Read, READ;
    /// Counts some messages, and for 90 seconds tells the caller's devices by the ephemeral
    /// `receipts` when their counts change. Calls add up, whichever device they come from: each
    /// message is watched until 90 seconds after the last call that named it.
    "receipt.watch": Watch => Counted, Read, READ;
    /// Who has read a message, or who has not.
    "receipt.list": List => Listed, Read, READ;
}

/// `receipt.counts`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// The conversation.
    pub conv: ConvId,
    /// The messages, at most 100.
    #[serde(deserialize_with = "field::int")]
    #[schemars(length(max = RECEIPT_SEQS_MAX))]
    pub seqs: Vec<u64>,
}

/// `receipt.watch`: of conversations with more than 500 members only one's own messages.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Watch {
    /// The conversation.
    pub conv: ConvId,
    /// The messages on the screen, at most 100; none to stop watching any there, on all devices.
    /// Who only looks elsewhere says nothing: it runs out.
    #[serde(deserialize_with = "field::int")]
    #[schemars(length(max = RECEIPT_SEQS_MAX))]
    pub seqs: Vec<u64>,
}

/// The answer of `receipt.counts` and `receipt.watch`, and `data` of the ephemeral `receipts` to
/// those who watch: then only the counts that changed, at most once a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counted {
    /// `[seq, read, total]` for each message that the caller may see; the author counts in neither.
    pub counts: Vec<(u64, u64, u64)>,
}

/// Which half of the people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Who has read it.
    Read,
    /// Who may see it and has not.
    Unread,
}

/// `receipt.list`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// The conversation.
    pub conv: ConvId,
    /// The message.
    #[serde(deserialize_with = "field::int")]
    pub seq: u64,
    /// Which half.
    pub state: State,
    /// The last person of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<UserId>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = PEOPLE_PER_PAGE_MAX))]
    pub limit: Option<u32>,
}

/// A person in a list of receipts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// Who.
    pub user: UserId,
    /// The person's name.
    pub name: String,
    /// When it was read first, in milliseconds since the epoch; readers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
}

/// The answer of `receipt.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// The people, by id.
    pub people: Vec<Person>,
    /// Whether there are more after the last one.
    pub more: bool,
    /// How many there are in this half.
    pub total: u64,
}

/// `data` of the ephemeral `receipts` in conversations of up to 50 members: cursors that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CursorsData {
    /// `[user, read_seq]`.
    pub cursors: Vec<(UserId, u64)>,
}

/// `data` of the ephemeral `receipts`: which one tells the name of its field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ReceiptsData {
    /// To everybody in a conversation of up to 50 members.
    Cursors(CursorsData),
    /// To those who watch.
    Counts(Counted),
}

ephemerals! {
    /// Somebody read.
    RECEIPTS = "receipts": ReceiptsData;
}
