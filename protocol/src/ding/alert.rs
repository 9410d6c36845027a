//! An alert: what is sent, to whom, and what its recipients do with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Channel, PersonPlan, StepPlan};
use crate::{
    AttachmentId, ConvId, DepartmentId, DingId, PolicyId, RoleId, SeriesId, UserId, field,
    limits::{
        DING_PEOPLE_MAX, DING_REASON_LEN_MAX, DING_SOURCES_MAX, DING_TEXT_LEN_MAX,
        PEOPLE_PER_PAGE_MAX,
    },
};

/// How far an alert has come with one recipient. It never goes back; from `confirmed` on nobody is
/// alerted any more.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is on its way.
    Queued,
    /// A device has it, or a provider says that it arrived.
    Delivered,
    /// It stood on a screen that somebody looked at.
    Seen,
    /// The recipient confirmed it, or somebody who was called instead.
    Confirmed,
    /// The recipient declined it.
    Declined,
    /// Its deadline passed without an answer. A late one is taken and shown as late.
    Expired,
    /// The sender took it back.
    Recalled,
    /// The recipient left the organisation before answering, or was out of the sender's reach when
    /// a planned alert began.
    Withdrawn,
}

/// A message of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MsgRef {
    /// Where.
    pub conv: ConvId,
    /// Its position there.
    #[serde(deserialize_with = "field::int")]
    pub seq: u64,
}

/// Whom an alert is for: everybody who is in any of these, once; never the sender.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Audience {
    /// People.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = DING_PEOPLE_MAX))]
    pub users: Vec<UserId>,
    /// Who has one of these roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = DING_SOURCES_MAX))]
    pub roles: Vec<RoleId>,
    /// Who is in one of these departments, or in one below.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = DING_SOURCES_MAX))]
    pub departments: Vec<DepartmentId>,
    /// The members of conversations that the sender is in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = DING_SOURCES_MAX))]
    pub convs: Vec<ConvId>,
    /// Who has not read a message; whoever may see its readers may.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub unread_of: Option<MsgRef>,
    /// Who has not answered an alert; its sender may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed_of: Option<DingId>,
}

/// `ding.send`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Send {
    /// What it says, 1 to 2,000 characters. Plain text.
    #[schemars(length(min = 1, max = DING_TEXT_LEN_MAX))]
    pub text: String,
    /// Whom it is for, 1 to 5,000 people in the end.
    #[serde(deserialize_with = "field::named")]
    pub to: Audience,
    /// The message that it was made from. Shown to recipients who may read it.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub about: Option<MsgRef>,
    /// A file or a voice note, which the sender uploaded before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<AttachmentId>,
    /// How people are reached; absent, the organisation's first choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyId>,
    /// When it begins, in milliseconds since the epoch, at most 366 days ahead; absent, now.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// Again and again: an `RRULE` of RFC 5545 without its name, as `FREQ=WEEKLY;BYDAY=MO`, in the
    /// organisation's time zone, beginning with `at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub repeat: Option<String>,
    /// The deadline: so many milliseconds after it began, a minute to 366 days.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<i64>,
    /// Whether confirming needs a reply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reply_required: bool,
    /// Whether quiet hours are passed over, where the sender may.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
}

/// The answer of `ding.send`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sent {
    /// The alert; of a recurring one, the first.
    pub ding: DingId,
    /// The series, if it recurs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesId>,
    /// How many people it is for.
    pub recipients: u32,
    /// Whether an earlier try had sent it already.
    pub dup: bool,
}

/// `ding.simulate`: what `ding.send` takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Simulate {
    /// What would be sent. Its text may be empty.
    #[serde(deserialize_with = "field::named")]
    pub ding: Send,
}

/// The answer of `ding.simulate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Simulated {
    /// How many people it would be for.
    pub recipients: u32,
    /// When it would begin, in milliseconds since the epoch.
    pub begins_at: i64,
    /// By time: what would be tried.
    pub steps: Vec<StepPlan>,
    /// What would happen to single people, the first 20.
    pub people: Vec<PersonPlan>,
    /// How many could be reached in the app only.
    pub app_only: u32,
    /// What all would cost at most, in hundredths of the organisation's currency.
    pub cost: u64,
    /// That currency, by ISO 4217.
    pub currency: String,
    /// Of a recurring one, when the next five would begin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<i64>,
}

/// `ding.received`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Received {
    /// Which, 1 to 100.
    #[schemars(length(min = 1, max = 100))]
    pub dings: Vec<DingId>,
}

/// `ding.seen`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Which.
    pub ding: DingId,
}

/// `ding.confirm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Confirm {
    /// Which.
    pub ding: DingId,
    /// A reply, 1 to 500 characters; some alerts need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = DING_REASON_LEN_MAX))]
    pub reply: Option<String>,
    /// Who did not answer, if the caller was called instead: the caller takes care of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<UserId>,
    /// For everybody who did not answer and for whom the caller was called, and not for the
    /// caller; then without `instead_of`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub others: bool,
}

/// `ding.decline`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decline {
    /// Which.
    pub ding: DingId,
    /// Why, 1 to 500 characters.
    #[schemars(length(min = 1, max = DING_REASON_LEN_MAX))]
    pub reason: String,
}

/// `ding.remind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Remind {
    /// Which.
    pub ding: DingId,
    /// Whom; if empty, everybody who has not answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = PEOPLE_PER_PAGE_MAX))]
    pub users: Vec<UserId>,
    /// Through what, besides the app.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub channels: Vec<Channel>,
}

/// The answer of `ding.remind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reminded {
    /// How many people are alerted once more.
    pub people: u32,
}

/// `ding.recall`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recall {
    /// Which.
    pub ding: DingId,
}

/// The answer of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {}

/// `ding.series.list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListSeries {}

/// The answer of `ding.series.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesListed {
    /// At most 100, the newest first.
    pub series: Vec<Series>,
}

/// A recurring alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// Which.
    pub series: SeriesId,
    /// What it says.
    pub text: String,
    /// The rule, as it was given.
    pub repeat: String,
    /// When it comes next, in milliseconds since the epoch; absent, it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<i64>,
    /// Why it stopped before its end, if it did: its sender may not alert these people any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// `ding.series.end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndSeries {
    /// Which.
    pub series: SeriesId,
}

/// `ding.spread`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// Which.
    pub ding: DingId,
    /// The last recipient who was told; absent, nobody was yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<UserId>,
}

/// `ding.advance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Advance {
    /// Which.
    pub ding: DingId,
}

/// `ding.deliver`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deliver {
    /// Of which.
    pub ding: DingId,
    /// Which turn of its ladder.
    #[serde(deserialize_with = "field::int")]
    pub turn: u64,
}

/// `ding.instead`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Instead {
    /// Of which.
    pub ding: DingId,
    /// Who is called instead of recipients.
    pub user: UserId,
}

/// `ding.take`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Take {
    /// Of which.
    pub ding: DingId,
    /// Who answers.
    pub user: UserId,
    /// The key of what they answer.
    pub sent: String,
    /// What they wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
}

/// `ding.again`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Again {
    /// Which series.
    pub series: SeriesId,
    /// Which of its times, in milliseconds since the epoch.
    #[serde(deserialize_with = "field::int")]
    pub at: i64,
}
