//! Conversations: direct ones between two people, groups, and who is in them.

mod rules;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::rules::*;
use crate::{
    ConvId, Event, UserId,
    event::{ephemerals, events},
    field,
    limits::{CONVS_PER_PAGE_MAX, NAME_LEN_MAX, PEOPLE_PER_PAGE_MAX, USERS_PER_CALL_MAX},
    operation::{ADMIN, Access, READ, WRITE, operations},
};

operations! {
    /// Opens the direct conversation with a person, made if there is none yet.
    "conv.open": Open => Opened, Once, WRITE;
    /// Makes a group.
    "conv.create": Create => Opened, Once, WRITE;
    /// One conversation, as `conv.list` shows it.
    "conv.get": Get => Summary, Read, READ;
    /// The caller's conversations, by id, with what is unread and the last message.
    "conv.list": List => Listed, Read, READ;
    /// Renames a group; its owner may.
    "conv.update": Update => Changed, Once, WRITE;
    /// Settles who calls everybody of a group at once; its owner may.
    "conv.rules.set": SetRules => Changed, Once, WRITE;
    /// What the organisation allows in its groups.
    "conv.limits.get": GetLimits => Rules, Read, READ;
    /// Limits what groups may allow; needs `organisation`. Groups keep their own rules, and they
    /// hold again when the limit is lifted.
    "conv.limits.set": SetLimits => LimitsSet, State, ADMIN;
    /// Adds people to a group.
    "conv.member.add": AddMembers => Changed, Once, WRITE;
    /// Removes people from a group; oneself to leave it.
    "conv.member.remove": RemoveMembers => Changed, Once, WRITE;
    /// The members of a conversation, by id.
    "conv.member.list": ListMembers => MembersListed, Read, READ;
    /// Says that messages were shown on the screen.
    "conv.read": Read => ReadDone, State, WRITE;
    /// Everybody in a conversation, or who has not read a message there: asked by other plugins in
    /// the name of a member, who has to be allowed to call all of them.
    "conv.audience": Audience => AudienceFound, Read, Access::System;
}

/// What a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Two people; cannot change.
    Direct,
    /// A group with a title and roles.
    Group,
}

/// What newcomers see of the time before them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum History {
    /// Everything.
    #[default]
    All,
    /// What came since they joined.
    Joined,
}

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything: adds and removes people.
    Owner,
    /// Reads and writes.
    Member,
}

/// `conv.open`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Open {
    /// The other person.
    pub user: UserId,
}

/// `conv.create`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Create {
    /// The group's title, 1 to 100 characters.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub title: String,
    /// The other members, at most 500; more are added by `conv.member.add`.
    #[serde(default, deserialize_with = "field::or_default")]
    #[schemars(with = "Option<Vec<UserId>>", length(max = USERS_PER_CALL_MAX))]
    pub members: Vec<UserId>,
    /// What newcomers see of the time before them.
    #[serde(default, deserialize_with = "field::or_default")]
    #[schemars(with = "Option<History>")]
    pub history: History,
}

/// The answer of `conv.open` and `conv.create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Opened {
    /// The conversation.
    pub conv: ConvId,
}

/// `conv.get`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Get {
    /// The conversation.
    pub conv: ConvId,
}

/// `conv.list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// The last conversation of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ConvId>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = CONVS_PER_PAGE_MAX))]
    pub limit: Option<u32>,
}

/// A conversation as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Which.
    pub conv: ConvId,
    /// What.
    pub kind: Kind,
    /// The group's title; of a direct conversation the other person's name.
    pub title: String,
    /// The other person of a direct conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<UserId>,
    /// The newest position.
    pub head: u64,
    /// The count of messages.
    pub n: u64,
    /// How far the caller has read.
    pub read_seq: u64,
    /// How many messages the caller has not read.
    pub unread: u64,
    /// How many members there are now.
    pub members: u64,
    /// Who may call everybody, as the group and its organisation allow it; absent, every member.
    #[serde(default, skip_serializing_if = "Rules::is_open")]
    pub rules: Rules,
    /// The newest message that the caller may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Event>,
}

/// The answer of `conv.list`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// The conversations, by id.
    pub convs: Vec<Summary>,
    /// Whether there are more after the last one.
    pub more: bool,
}

/// `conv.update`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Update {
    /// The group.
    pub conv: ConvId,
    /// Its title, 1 to 100 characters.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub title: String,
}

/// `conv.member.add`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AddMembers {
    /// The group.
    pub conv: ConvId,
    /// Who, 1 to 500, and nobody who left the organisation; those who are in it already are passed
    /// over.
    #[schemars(length(min = 1, max = USERS_PER_CALL_MAX))]
    pub users: Vec<UserId>,
}

/// `conv.member.remove`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RemoveMembers {
    /// The group.
    pub conv: ConvId,
    /// Who, 1 to 500; those who are not in it are passed over.
    #[schemars(length(min = 1, max = USERS_PER_CALL_MAX))]
    pub users: Vec<UserId>,
}

/// The answer of `conv.update`, `conv.rules.set`, `conv.member.add` and `conv.member.remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changed {
    /// The position of the one event.
    pub seq: u64,
}

/// `conv.member.list`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ListMembers {
    /// The conversation.
    pub conv: ConvId,
    /// The last person of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<UserId>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = PEOPLE_PER_PAGE_MAX))]
    pub limit: Option<u32>,
}

/// A member of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// The person's name.
    pub name: String,
    /// What the member may do. Where every owner has left the organisation, whoever is in the
    /// group longest is one until an owner comes back.
    pub role: Role,
    /// The position at which the member's present time began.
    pub joined_seq: u64,
    /// Whether the member has left the organisation: reads nothing, and counts in no receipt.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub left: bool,
}

/// The answer of `conv.member.list`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct MembersListed {
    /// The members, by id.
    pub members: Vec<Member>,
    /// Whether there are more after the last one.
    pub more: bool,
}

/// `conv.read`: the messages `from..=seq` were on the screen.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Read {
    /// The conversation.
    pub conv: ConvId,
    /// The first one shown; absent, the cursor is continued.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The last one shown; clamped to the head.
    #[serde(deserialize_with = "field::int")]
    pub seq: u64,
}

/// `conv.audience`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Audience {
    /// The conversation.
    pub conv: ConvId,
    /// Only who has not read this message; absent, everybody who is there.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub unread: Option<u64>,
}

/// The answer of `conv.audience`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AudienceFound {
    /// By their ids; nobody who left the organisation.
    pub users: Vec<UserId>,
}

/// The answer of `conv.read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadDone {
    /// How far the caller has read, now.
    pub read_seq: u64,
    /// The count of messages up to there.
    pub read_n: u64,
    /// How many messages are left.
    pub unread: u64,
}

/// `data` of `conv.created`, the first event of every conversation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CreatedData {
    /// What it is.
    pub kind: Kind,
    /// Its title, of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What newcomers see of the time before them.
    pub history: History,
    /// Who is in it from the start.
    pub members: Vec<UserId>,
}

/// `data` of `conv.members_changed`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct MembersChangedData {
    /// Who came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<UserId>,
    /// Who went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<UserId>,
}

/// `data` of `conv.updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdatedData {
    /// The title, now.
    pub title: String,
}

/// `data` of the ephemeral `read`: one's own cursor, for all of one's devices and windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadData {
    /// Who has read.
    pub user: UserId,
    /// How far.
    pub read_seq: u64,
    /// The count of messages up to there.
    pub read_n: u64,
    /// How many are left.
    pub unread: u64,
}

events! {
    /// A conversation begins.
    CREATED = "conv.created": CreatedData;
    /// The title changed.
    UPDATED = "conv.updated": UpdatedData;
    /// The owner settled who calls everybody.
    RULES_CHANGED = "conv.rules_changed": RulesChangedData;
    /// The organisation limits what groups allow: ask again for their rules.
    LIMITS_CHANGED = "conv.limits_changed": RulesChangedData;
    /// People came or went.
    MEMBERS_CHANGED = "conv.members_changed": MembersChangedData;
}

ephemerals! {
    /// One's own cursor moved.
    READ = "read": ReadData;
}
