//! What is known of an alert: lists, the board of its sender, and what is told live.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Channel, MsgRef, Planned, State};
use crate::{AttachmentId, DingId, PolicyId, SeriesId, UserId, limits::PEOPLE_PER_PAGE_MAX};

/// `ding.get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Get {
    /// Which.
    pub ding: DingId,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ding {
    /// Which.
    pub ding: DingId,
    /// Who sent it.
    pub by: UserId,
    /// What it says.
    pub text: String,
    /// The message that it was made from, if the caller may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<MsgRef>,
    /// What is attached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<Attachment>,
    /// When it begins or began, in milliseconds since the epoch.
    pub at: i64,
    /// The deadline, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_by: Option<i64>,
    /// Whether confirming needs a reply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reply_required: bool,
    /// When it was taken back, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled_at: Option<i64>,
    /// Of what series it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesId>,
    /// For one who received it: how far it has come with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mine: Option<Mine>,
    /// For its sender: how it stands with all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Tally>,
}

/// What an alert carries: `GET /v1/ding/attachments/{id}` has its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attachment {
    /// Which.
    pub attachment: AttachmentId,
    /// Its name.
    pub name: String,
    /// Its media type, as `audio/webm`.
    pub media_type: String,
    /// How many bytes.
    pub size: u64,
    /// Of a voice note, how long it is, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_ms: Option<u64>,
}

/// How far an alert has come with the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mine {
    /// The state.
    pub state: State,
    /// When that was reached, in milliseconds since the epoch.
    pub at: i64,
    /// The reply or the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// For whom the caller was called; absent, for themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<UserId>,
    /// For how many more people, who have not answered either.
    #[serde(default, skip_serializing_if = "nobody")]
    pub others: u32,
}

fn nobody(people: &u32) -> bool {
    *people == 0
}

/// How an alert stands with all its recipients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// On its way.
    pub queued: u32,
    /// A device has it.
    pub delivered: u32,
    /// It was looked at.
    pub seen: u32,
    /// Confirmed.
    pub confirmed: u32,
    /// Declined.
    pub declined: u32,
    /// The deadline passed.
    pub expired: u32,
    /// Taken back.
    pub recalled: u32,
    /// Left the organisation, or was out of the sender's reach when a planned alert began.
    pub withdrawn: u32,
}

/// Which alerts `ding.list` lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// Those that wait for the caller's answer.
    Open,
    /// All that the caller received.
    Received,
    /// Those that the caller sent, or will.
    Sent,
}

/// `ding.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// Which.
    pub which: Which,
    /// The last one of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DingId>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = PEOPLE_PER_PAGE_MAX))]
    pub limit: Option<u32>,
}

/// The answer of `ding.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// The newest first.
    pub dings: Vec<Ding>,
    /// Whether there are more.
    pub more: bool,
}

/// `ding.status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// Which alert.
    pub ding: DingId,
    /// Only recipients in these states; if empty, in any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub states: Vec<State>,
    /// The last recipient of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<UserId>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = PEOPLE_PER_PAGE_MAX))]
    pub limit: Option<u32>,
}

/// The answer of `ding.status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Board {
    /// The alert.
    pub ding: Ding,
    /// Under which policy it was sent.
    pub policy: PolicyId,
    /// By their ids.
    pub recipients: Vec<Recipient>,
    /// Whether there are more.
    pub more: bool,
    /// From when on the sender may remind the rest, in milliseconds since the epoch.
    pub remind_from: i64,
    /// What it has cost, in hundredths of the organisation's currency.
    pub cost: u64,
    /// That currency, by ISO 4217.
    pub currency: String,
}

/// A recipient, as the sender sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recipient {
    /// Who.
    pub user: UserId,
    /// The name.
    pub name: String,
    /// How far it has come.
    pub state: State,
    /// When that was reached, in milliseconds since the epoch.
    pub at: i64,
    /// Whether the answer came after the deadline.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// Who answered instead, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_by: Option<UserId>,
    /// The reply or the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
    /// What was tried, the newest first; at most 20.
    pub tries: Vec<Tried>,
    /// What comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Planned>,
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is on its way.
    Trying,
    /// The provider took it; whether it arrived is not known yet.
    Accepted,
    /// It arrived.
    Delivered,
    /// It did not.
    Failed,
    /// The recipient had answered before it left.
    Cancelled,
    /// It was not made: see `skip`.
    Skipped,
    /// The provider did not say what became of it; it is not tried again, so that nobody is called
    /// twice.
    Unknown,
}

/// Something that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tried {
    /// What was due, and when it was done.
    pub what: Planned,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, in the provider's words, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// `data` of `ding.called`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CalledData {
    /// The alert, with `mine`.
    pub ding: Ding,
    /// Whether it makes a noise. Not within quiet hours, unless they are passed over.
    pub sound: bool,
}

/// `data` of `ding.ended`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndedData {
    /// Which.
    pub ding: DingId,
    /// What ended it.
    pub state: State,
    /// Who answered, if that was not the recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// For whom one had been called; absent, for oneself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<UserId>,
}

/// `data` of `ding.sent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SentData {
    /// Which.
    pub ding: DingId,
    /// Of what series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesId>,
    /// How many people it is for.
    pub recipients: u32,
}

/// `data` of `ding.changed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedData {
    /// Which alert.
    pub ding: DingId,
    /// Whose state.
    pub user: UserId,
    /// What it is now.
    pub state: State,
    /// Who answered instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_by: Option<UserId>,
    /// How long after it began, in milliseconds.
    pub after_ms: i64,
}

/// `data` of `ding.reached`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReachedData {
    /// Which.
    pub ding: DingId,
    /// Through what.
    pub channel: Channel,
    /// What came of it.
    pub outcome: Outcome,
    /// How many people.
    pub people: u32,
}

/// `data` of `ding.reminded`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemindedData {
    /// Which.
    pub ding: DingId,
    /// How many people.
    pub people: u32,
}

/// `data` of `ding.recalled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecalledData {
    /// Which.
    pub ding: DingId,
    /// Why, if it was not its sender: when it was to begin they had left, or might not send it any
    /// more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
