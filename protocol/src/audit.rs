//! The audit log: who administered what, and who was refused. It says that something happened,
//! never what was written or shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    OrgId, UserId,
    event::events,
    field,
    operation::{ADMIN, Access, operations},
};

operations! {
    /// What was administered in the organisation, the newest first; needs the permission
    /// `organisation`. The command line sees all organisations.
    "audit.list": List => Listed, Read, ADMIN;
    /// The rows of the log as they are stored, in their order: for whoever verifies them.
    "audit.walk": Walk => Walked, Read, Access::System;
    /// Writes down what the command line did to the server as a whole.
    "audit.note": Note => Noted, State, Access::System;
}

events! {
    /// Somebody administered something, or was refused.
    RECORDED = "audit.recorded": RecordedData;
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

impl Outcome {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
        }
    }
}

/// The data of `audit.recorded`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedData {
    /// The operation.
    pub op: String,
    /// Who; nil for the server itself, its command line and strangers.
    pub actor: UserId,
    /// The network that the call came from, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What it was done to, as `member:ID`; empty if that is not known.
    pub object: String,
    /// SHA-256 of what was there before, in hexadecimal, over JSON with sorted names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The same of what is there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// How often: what is refused again and again is written down together.
    pub times: u32,
}

/// `audit.list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// The organisation; only the command line may name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// Only what this person or program did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<UserId>,
    /// Only this operation, or with a dot at its end those that begin like this: `org.member.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<String>,
    /// Only what was done to this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Not earlier, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::int")]
    pub since: Option<i64>,
    /// Earlier than this, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::int")]
    pub until: Option<i64>,
    /// Rows before this one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "field::int")]
    pub below: Option<u64>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
}

/// The answer of `audit.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// The newest first.
    pub rows: Vec<Row>,
    /// Whether there are older ones.
    pub more: bool,
}

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Its number: 1, 2, 3 … of the whole server, without gaps.
    #[serde(deserialize_with = "field::int")]
    pub n: u64,
    /// When, in milliseconds since the epoch, UTC.
    #[serde(deserialize_with = "field::int")]
    pub at: i64,
    /// The organisation; absent if it concerns the server as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// What happened.
    pub what: RecordedData,
}

/// `audit.walk`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Walk {
    /// Rows after this one; 0 for the beginning.
    #[serde(deserialize_with = "field::int")]
    pub after: u64,
}

/// The answer of `audit.walk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Walked {
    /// In order; none if there are no more.
    pub links: Vec<Link>,
}

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// Its number.
    #[serde(deserialize_with = "field::int")]
    pub n: u64,
    /// Its columns in the order of the table, as text; none if they cannot be read.
    pub cells: Vec<Option<String>>,
}

/// `audit.note`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// What was done, as `server.restore`.
    #[schemars(length(min = 1, max = 100))]
    pub op: String,
    /// To what.
    #[schemars(length(max = 200))]
    pub object: String,
}

/// The answer of `audit.note`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Noted {}
