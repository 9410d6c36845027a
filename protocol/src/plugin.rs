//! The plugins of a server, as its operator sees them: what they do besides answering, and what
//! failed for good.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DeadLetterId, OrgId, UserId, field,
    operation::{Access, operations},
};

operations! {
    /// The plugins, and how far each is with what it does besides answering.
    "plugin.list": List => Listed, Read, Access::System;
    /// Makes the token by which the processes of a plugin that runs apart link to the nodes. The
    /// one before it counts no more, and who is linked by it is sent away.
    "plugin.token": MakeToken => MadeToken, State, Access::System;
    /// What failed for good and was put aside, the oldest first.
    "plugin.dead.list": ListDead => DeadLetters, Read, Access::System;
    /// Tries again what was put aside: an event at once, anything else when its turn comes.
    "plugin.dead.retry": RetryDead => Changed, State, Access::System;
    /// Gives up what was put aside.
    "plugin.dead.drop": DropDead => Changed, State, Access::System;
}

/// `plugin.list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct List {}

/// The answer of `plugin.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// In the order in which their tables are made.
    pub plugins: Vec<Plugin>,
    /// The programs of others that listen, connected or not, the one that is furthest behind first;
    /// at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<Program>,
}

/// A program of others that listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Program {
    /// Which.
    pub user: UserId,
    /// Whose.
    pub org: OrgId,
    /// What it is called.
    pub name: String,
    /// The kinds of events that it listens to.
    pub listens: Vec<String>,
    /// The position in commit order up to which it has dealt with everything.
    #[serde(deserialize_with = "field::int")]
    pub pos: u64,
    /// How many positions the log has from the first event on that it has yet to deal with.
    #[serde(deserialize_with = "field::int")]
    pub behind: u64,
    /// How long ago that event happened, in milliseconds.
    #[serde(deserialize_with = "field::int")]
    pub behind_ms: i64,
}

/// A plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// Where it runs.
    #[serde(default)]
    pub run: Run,
    /// If it runs apart, how many processes of it are linked to the node that answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<u32>,
    /// Its operations.
    pub operations: Vec<String>,
    /// The kinds of effects that it has on the outside.
    pub effects: Vec<String>,
    /// How far it has read the log, if it reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// Calls that are owed to it, due or not.
    #[serde(deserialize_with = "field::int")]
    pub timers: u64,
    /// Those that are due, and not made yet.
    #[serde(deserialize_with = "field::int")]
    pub timers_due: u64,
    /// Effects that have not happened yet.
    #[serde(deserialize_with = "field::int")]
    pub outbox: u64,
    /// What failed for good and was put aside.
    #[serde(deserialize_with = "field::int")]
    pub dead: u64,
    /// Why something that waits was not done at the last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The node that does all this, by its name; absent if there is only one, or none has taken it
    /// over yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

/// Where the handlers of a plugin run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Run {
    /// In the node.
    #[default]
    Local,
    /// In processes of their own.
    Remote,
    /// Nowhere: it is switched off, and what it is owed waits.
    Off,
}

/// How far a plugin has read the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// The kinds of events.
    pub kinds: Vec<String>,
    /// The position in commit order up to which it has handled everything.
    #[serde(deserialize_with = "field::int")]
    pub pos: u64,
    /// How many positions the log has from the first event on that it has yet to handle.
    #[serde(deserialize_with = "field::int")]
    pub behind: u64,
    /// How long ago that event happened, in milliseconds.
    #[serde(deserialize_with = "field::int")]
    pub behind_ms: i64,
    /// How often that event has failed.
    pub failures: u32,
}

/// `plugin.token`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct MakeToken {
    /// The plugin's name.
    pub plugin: String,
}

/// The answer of `plugin.token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MadeToken {
    /// Shown once.
    pub token: String,
}

/// `plugin.dead.list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ListDead {
    /// Only of this plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Those after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DeadLetterId>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
}

/// The answer of `plugin.dead.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetters {
    /// The oldest first.
    pub dead: Vec<DeadLetter>,
    /// Whether there are more.
    pub more: bool,
}

/// Something that failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetter {
    /// Which.
    pub id: DeadLetterId,
    /// Whose.
    pub plugin: String,
    /// `event`, `timer` or `outbox`.
    pub source: String,
    /// What it was, as a JSON text: an event by its place, a timer or an effect whole.
    pub what: String,
    /// Why it failed the last time.
    pub error: String,
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// How often it was tried.
    pub tries: u32,
}

/// `plugin.dead.retry`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RetryDead {
    /// Which.
    pub id: DeadLetterId,
}

/// `plugin.dead.drop`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DropDead {
    /// Which.
    pub id: DeadLetterId,
}

/// The answer of `plugin.dead.retry` and `plugin.dead.drop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changed {}
