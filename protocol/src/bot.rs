//! Robots: programs of others that post into one conversation, over an address that holds a token.
//!
//! A robot writes under its own name, and is nobody of the conversation's members: it reads nothing
//! and so counts in no receipt. Only the owner of a group makes robots there, changes them, and
//! sees what was refused.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ConvId, RobotId, UserId, field,
    limits::{
        NAME_LEN_MAX, ROBOT_KEYWORD_LEN_MAX, ROBOT_KEYWORDS_MAX, ROBOT_NETWORKS_MAX,
        ROBOT_PER_MINUTE_MAX,
    },
    operation::{Access, READ, WRITE, operations},
};

operations! {
    /// Makes a robot that posts into a group; its owner may. The address is shown once: who asks
    /// again with the same `cid`, because the answer was lost, is given another one of the same
    /// robot.
    "bot.create": Create => Granted, Once, WRITE;
    /// Changes what a robot is called and what it accepts; the group's owner may.
    "bot.update": Update => Updated, State, WRITE;
    /// Gives a robot a new token, and a new secret if it has one: the old ones end at once.
    "bot.rotate": Rotate => Granted, State, WRITE;
    /// Takes a robot away; what it wrote stays. The group's owner may.
    "bot.remove": Remove => Removed, State, WRITE;
    /// The robots of a group, the oldest first; any member may look.
    "bot.list": List => Listed, Read, READ;
    /// The last calls of a robot's address, the newest first, with the reason of each refusal; the
    /// group's owner may look.
    "bot.deliveries": ListDeliveries => Deliveries, Read, READ;
    /// Whether an address is a robot's; asked by the node's own doors before they read long bodies.
    "bot.known": Known => IsKnown, Read, Access::System;
    /// Takes what somebody sent to a robot's address; asked by the node's own doors.
    "bot.receive": Receive => Received, State, Access::System;
}

/// What a robot accepts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rules {
    /// A message must hold one of these words, at most 10; none: it may say anything.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(
        with = "Option<Vec<String>>",
        length(max = ROBOT_KEYWORDS_MAX),
        inner(length(min = 1, max = ROBOT_KEYWORD_LEN_MAX))
    )]
    pub keywords: Vec<String>,
    /// Whether a call must be signed with the robot's secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
    /// Where calls may come from, as `192.0.2.7` or `192.0.2.0/24`, at most 20; none: from
    /// anywhere.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(
        with = "Option<Vec<String>>",
        length(max = ROBOT_NETWORKS_MAX),
        inner(length(min = 2, max = 49))
    )]
    pub networks: Vec<String>,
    /// The most messages in any minute, 1 to 600; 20 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = ROBOT_PER_MINUTE_MAX))]
    pub per_minute: Option<u32>,
}

/// `bot.create`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Create {
    /// The group.
    pub conv: ConvId,
    /// What the robot is called, 1 to 100 characters.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: String,
    /// What it accepts.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub rules: Option<Rules>,
}

/// What a robot's address is made of, which is never shown again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Granted {
    /// Which robot.
    pub robot: RobotId,
    /// `access_token` of `/robot/send`, and the last part of `/hook/…`.
    pub token: String,
    /// What calls are signed with, if they must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// `bot.update`; what is absent stays.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Update {
    /// Which robot.
    pub robot: RobotId,
    /// What it is called, 1 to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: Option<String>,
    /// What it accepts, all of it.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub rules: Option<Rules>,
    /// Whether it posts at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// The answer of `bot.update`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Updated {
    /// The secret, if calls must be signed from now on; never shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// `bot.rotate`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Rotate {
    /// Which robot.
    pub robot: RobotId,
}

/// `bot.remove`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Remove {
    /// Which robot.
    pub robot: RobotId,
}

/// The answer of `bot.remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Removed {}

/// `bot.list`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// The group.
    pub conv: ConvId,
}

/// The answer of `bot.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// At most 20, the oldest first.
    pub robots: Vec<Robot>,
}

/// A robot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Robot {
    /// Which.
    pub robot: RobotId,
    /// Whom its messages are by.
    pub user: UserId,
    /// What it is called.
    pub name: String,
    /// What it accepts; only the group's owner is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// Whether it posts at all.
    pub enabled: bool,
    /// Who made it.
    pub made_by: UserId,
    /// When, in milliseconds since the epoch.
    pub made_at: i64,
}

/// `bot.deliveries`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ListDeliveries {
    /// Which robot.
    pub robot: RobotId,
}

/// The answer of `bot.deliveries`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deliveries {
    /// The last 50, the newest first.
    pub deliveries: Vec<Delivery>,
}

/// A call of a robot's address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivery {
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Why it was refused; absent: it was posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}

/// Why a call was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no robot with this token.
    Token,
    /// The robot is switched off, or was taken out of the organisation.
    Disabled,
    /// It comes from an address that is not among the robot's.
    Address,
    /// It is not signed with the robot's secret.
    Signature,
    /// What was signed is older than an hour, or from the future.
    Timestamp,
    /// The robot has posted too much in the last minute.
    Rate,
    /// It is larger than the limits allow.
    Large,
    /// It is not JSON, or nothing that is understood.
    Body,
    /// DingTalk's `msgtype` is none that is understood.
    Kind,
    /// It says nothing.
    Empty,
    /// It holds none of the robot's keywords.
    Keywords,
    /// The conversation takes nothing from the robot.
    Conversation,
    /// The server could not do it; nothing was posted.
    Failed,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What exactly, if there is more to say: never anything secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// How long to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
}

/// How a call is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// DingTalk's custom robots.
    Dingtalk,
    /// Slack's incoming webhooks and what resembles them, and Alertmanager's.
    Hook,
}

/// A signature as it was sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signature {
    /// Milliseconds since the epoch, as text.
    pub timestamp: String,
    /// Base64 of HMAC-SHA256, perhaps with what happened to it on its way.
    pub sign: String,
}

/// `bot.known`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Known {
    /// The token of the address.
    pub token: String,
}

/// The answer of `bot.known`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IsKnown {
    /// Whether there is such a robot.
    pub known: bool,
}

/// `bot.receive`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Receive {
    /// The token of the address.
    pub token: String,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How it is written.
    pub shape: Shape,
    /// The signatures, in the order in which they were sent.
    #[serde(deserialize_with = "field::named_list")]
    pub signatures: Vec<Signature>,
    /// The body.
    pub body: String,
}

/// The answer of `bot.receive`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Received {
    /// Why it was refused; absent: it is on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
}
