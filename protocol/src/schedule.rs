//! Schedules: what a robot posts by itself, at the times that a cron expression names.
//!
//! The times are the organisation's: the expression is read by the clock on its wall. An hour that
//! a change of the clock leaves out is made up for at the first moment after it; an hour that
//! comes twice counts once. Of what fell due while no server ran, the newest is posted, late, and
//! what was before it is not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ConvId, RobotId, UserId,
    digest::Template,
    field,
    limits::{
        CARD_KEY_LEN_MAX, CARD_TITLE_LEN_MAX, CRON_LEN_MAX, SCHEDULE_PLACES_MAX, TEXT_LEN_MAX,
    },
    operation::{Access, READ, WRITE, operations},
};

operations! {
    /// Plans what a robot posts; under the same name again, instead of what was planned. The owner
    /// of the robot's group may. What a digest asks for must be what the caller may see, now and
    /// whenever it is posted.
    "bot.schedule.put": Put => Schedule, State, WRITE;
    /// One of a robot's schedules; the owner of its group may look.
    "bot.schedule.get": Get => Schedule, Read, READ;
    /// The schedules of a robot, by name; the owner of its group may look.
    "bot.schedule.list": List => Listed, Read, READ;
    /// Pauses a schedule, or has it go on as it was put, in the name of whoever put it. The owner
    /// of the robot's group may, whoever owns the others that it posts to.
    "bot.schedule.pause": Pause => Schedule, State, WRITE;
    /// Takes a schedule away; what it posted stays. The owner of the robot's group may.
    "bot.schedule.remove": Remove => Removed, State, WRITE;
    /// The next five times of a cron expression, by the same arithmetic that posts.
    "bot.schedule.preview": Preview => Previewed, Read, READ;
    /// Plans the next time of a schedule, and has posted what is due.
    "bot.schedule.fire": Fire => Fired, State, Access::System;
    /// Posts what a schedule says at a time to one conversation; once, however often it is called.
    "bot.schedule.post": Post => Posted, State, Access::System;
    /// Plans every schedule of an organisation anew, after its time zone changed.
    "bot.schedule.shift": Shift => Shifted, State, Access::System;
    /// What a robot's program may do with the robot's schedules over the robot's own address; asked
    /// by the node's own doors.
    "bot.schedule.receive": Receive => Received, State, Access::System;
}

/// `bot.schedule.put`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Put {
    /// Who posts it.
    pub robot: RobotId,
    /// What it is called among the robot's schedules, 1 to 64 of `a-z`, `0-9`, `.`, `-` and `_`:
    /// the same again replaces it.
    #[schemars(length(min = 1, max = CARD_KEY_LEN_MAX), regex(pattern = "^[a-z0-9._-]+$"))]
    pub schedule: String,
    /// What it is about, in one line of 1 to 200 characters: the title of what is posted.
    #[schemars(length(min = 1, max = CARD_TITLE_LEN_MAX))]
    pub title: String,
    /// When: minute, hour, day of the month, month and day of the week, as `0 9 * * 1-5`, in the
    /// organisation's time zone. Due at least once in five years, and at most every five minutes.
    #[schemars(length(min = 1, max = CRON_LEN_MAX))]
    pub cron: String,
    /// What is posted.
    #[serde(deserialize_with = "field::named")]
    pub says: Says,
    /// Whether it is paused: nothing is posted until it goes on (`bot.schedule.pause`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// Where, at most 10 groups: the robot's own, and others that the caller owns, now and whenever
    /// it is posted. The robot's own if there are none. Each is told what its digest says of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = SCHEDULE_PLACES_MAX))]
    pub convs: Vec<ConvId>,
}

/// What a schedule posts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Says {
    /// A text.
    Text {
        /// Markdown, 1 byte to 16 KiB.
        #[schemars(length(min = 1, max = TEXT_LEN_MAX))]
        text: String,
    },
    /// A digest that comes with the server.
    Digest {
        /// Which.
        digest: Ready,
    },
    /// A digest of one's own.
    Template {
        /// What it consists of.
        #[serde(deserialize_with = "field::named")]
        template: Template,
    },
}

/// A digest that comes with the server; `bot.digest.list` shows what each consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// Yesterday in this group.
    GroupYesterday,
    /// What was to be confirmed in the last seven days.
    Dings,
    /// The meetings of the last seven days.
    Rooms,
    /// Where messages stay unread.
    Bottlenecks,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Schedule {
    /// Who posts it.
    pub robot: RobotId,
    /// What it is called among the robot's schedules.
    pub schedule: String,
    /// What it is about.
    pub title: String,
    /// When.
    pub cron: String,
    /// The time zone of that: the organisation's.
    pub tz: String,
    /// What is posted.
    #[serde(deserialize_with = "field::named")]
    pub says: Says,
    /// Whether it is paused.
    pub paused: bool,
    /// In whose name a digest asks: who put it last.
    pub by: UserId,
    /// When that was, in milliseconds since the epoch.
    pub put_at: i64,
    /// The next five times, in milliseconds since the epoch; none if it is paused or stopped.
    pub next: Vec<i64>,
    /// The time that was last posted for, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
    /// Where, 1 to 10.
    pub places: Vec<Place>,
}

/// A conversation that a schedule posts to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Which.
    pub conv: ConvId,
    /// The time that was last posted for there, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
    /// Why nothing is posted there any more, until the schedule is put again. The others go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// What the digest lacked that was posted last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// A part that a digest lacked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missing {
    /// The name of the fact, as `chat.messages`.
    pub fact: String,
    /// Why.
    pub why: Why,
}

/// Why a digest lacked a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Nobody offers the fact on this server.
    Unknown,
    /// It took longer than a digest waits, three seconds.
    Slow,
    /// The plugin that offers it failed; the server's log says how.
    Failed,
}

/// Why a schedule stopped somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// Whoever put it may no longer see what it asks for, is no longer in the group, or does not
    /// own it any more if it is not the robot's own.
    Denied,
    /// The conversation takes nothing from the robot.
    Conversation,
    /// What it says cannot be posted.
    Refused,
}

/// `bot.schedule.get`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Get {
    /// Whose.
    pub robot: RobotId,
    /// Which.
    #[schemars(length(min = 1, max = CARD_KEY_LEN_MAX))]
    pub schedule: String,
}

/// `bot.schedule.list`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// Whose.
    pub robot: RobotId,
}

/// The answer of `bot.schedule.list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// At most 20, by name.
    pub schedules: Vec<Schedule>,
}

/// `bot.schedule.pause`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// Whose.
    pub robot: RobotId,
    /// Which.
    #[schemars(length(min = 1, max = CARD_KEY_LEN_MAX))]
    pub schedule: String,
    /// Whether nothing is posted from now on; `false` has it go on with the next time after now.
    pub paused: bool,
}

/// `bot.schedule.remove`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Remove {
    /// Whose.
    pub robot: RobotId,
    /// Which; one that is not there is gone already.
    #[schemars(length(min = 1, max = CARD_KEY_LEN_MAX))]
    pub schedule: String,
}

/// The answer of `bot.schedule.remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Removed {}

/// `bot.schedule.preview`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Preview {
    /// The expression, as in `bot.schedule.put`.
    #[schemars(length(min = 1, max = CRON_LEN_MAX))]
    pub cron: String,
}

/// The answer of `bot.schedule.preview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Previewed {
    /// The organisation's time zone, as `Asia/Hong_Kong`.
    pub tz: String,
    /// The next five times, in milliseconds since the epoch.
    pub next: Vec<i64>,
}

/// `bot.schedule.fire`; one that the schedule no longer waits for changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Fire {
    /// Whose.
    pub robot: RobotId,
    /// Which.
    pub schedule: String,
    /// The time that is due, in milliseconds since the epoch.
    #[serde(deserialize_with = "field::int")]
    pub due: i64,
}

/// The answer of `bot.schedule.fire`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fired {}

/// `bot.schedule.post`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Post {
    /// Whose.
    pub robot: RobotId,
    /// Which.
    pub schedule: String,
    /// Where: one of its places.
    pub conv: ConvId,
    /// For which of its times, in milliseconds since the epoch.
    #[serde(deserialize_with = "field::int")]
    pub due: i64,
}

/// The answer of `bot.schedule.post`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Posted {
    /// Whether the message stands in the conversation.
    pub posted: bool,
}

/// `bot.schedule.shift`; by pages of robots.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Shift {
    /// The last robot of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<RobotId>,
}

/// The answer of `bot.schedule.shift`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shifted {}

/// `bot.schedule.receive`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Receive {
    /// The token of the robot's address.
    pub token: String,
    /// Where the call came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The signatures, in the order in which they were sent.
    #[serde(deserialize_with = "field::named_list")]
    pub signatures: Vec<crate::bot::Signature>,
    /// `put`, `list` or `remove`.
    pub verb: Verb,
    /// The arguments of that operation as JSON, without `robot`.
    pub body: String,
}

/// What a robot may do with its own schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// `bot.schedule.put`.
    Put,
    /// `bot.schedule.list`.
    List,
    /// `bot.schedule.remove`.
    Remove,
}

/// The answer of `bot.schedule.receive`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Received {
    /// What the operation answered, as JSON.
    pub body: String,
}
