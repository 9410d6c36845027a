//! What reaches people outside of the app: web push, e-mail, text messages and phone calls.
//!
//! Other plugins ask for it with [`Send`] and learn from the log `x:notify:{org}` what became of
//! it. Each attempt has a key, which its asker chooses: the same key twice is one attempt, also
//! with those who carry messages for money.

mod contact;
mod push;
mod settings;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{contact::*, push::*, settings::*};
use crate::{
    Channel, UserId,
    event::events,
    field,
    limits::{
        ALERT_BODY_LEN_MAX, ALERT_LINK_LEN_MAX, ALERT_TAG_LEN_MAX, ALERT_TITLE_LEN_MAX,
        ATTEMPT_KEY_LEN_MAX, ATTEMPTS_PER_CALL_MAX, ATTEMPTS_PER_PAGE_MAX, REACH_PEOPLE_MAX,
    },
    operation::{ADMIN, Access, READ, WRITE, operations},
};

operations! {
    /// Tries to reach people through a channel outside of the app.
    "notify.send": Send => Done, State, Access::System;
    /// What has not begun does not happen any more, and devices take away what they show.
    "notify.cancel": Cancel => Done, State, Access::System;
    /// Through which channels people can be reached, and what that costs.
    "notify.reach": Reach => Reached, Read, Access::System;
    /// What somebody sent to the address at which a provider reports; asked by the node's own door.
    "notify.report": Report => Heard, State, Access::System;
    /// Removes what the delivery log keeps no longer.
    "notify.sweep": Sweep => Done, State, Access::System;
    /// The delivery log, the newest first; needs `organisation`.
    "notify.log": ListLog => Log, Read, ADMIN;
    /// The part of it that is about the caller: what was sent to them, through what, and what
    /// became of it, the newest first.
    "notify.log.mine": ListMine => Log, Read, READ;
    /// One's own phone number and e-mail address for alerts; with `people`, anybody's.
    "notify.contact.get": GetContact => Contacts, Read, READ;
    /// Gives the phone number or e-mail address at which one is alerted; a code is sent there. With
    /// `people`, anybody's, without a code.
    "notify.contact.set": SetContact => Contacts, State, WRITE;
    /// Proves with the code that the address is one's own: from now on it is used.
    "notify.contact.verify": VerifyContact => Contacts, State, WRITE;
    /// The server's public key, which a browser needs to subscribe to web push.
    "notify.push.key": GetPushKey => PushKey, Read, READ;
    /// Lets a browser be reached while it is closed. The same endpoint again is the same device.
    "notify.push.subscribe": Subscribe => Subscribed, State, WRITE;
    /// Ends that for one of the caller's devices.
    "notify.push.unsubscribe": Unsubscribe => Done, State, WRITE;
    /// The caller's devices that web push reaches, the newest first.
    "notify.push.list": ListDevices => Devices, Read, READ;
    /// The mail server and the providers, without their secrets; needs `organisation`.
    "notify.settings.get": GetSettings => Settings, Read, ADMIN;
    /// Changes all of that; needs `organisation`.
    "notify.settings.set": SetSettings => Settings, State, ADMIN;
    /// Sends something to the caller through a channel, and says what happened; needs
    /// `organisation`.
    "notify.settings.test": Test => Tested, State, ADMIN;
}

events! {
    /// What became of attempts, some together.
    ATTEMPTED = "notify.attempted": AttemptedData;
    /// Somebody answered an attempt: with a text message, or a key of the phone.
    ANSWERED = "notify.answered": AnsweredData;
}

/// What people are told about, by the plugin that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// The plugin.
    #[schemars(length(min = 1, max = 32))]
    pub plugin: String,
    /// What, as the plugin names it.
    #[schemars(length(min = 1, max = 64))]
    pub id: String,
}

/// What people are told, in their language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// The title, 1 to 100 characters.
    #[schemars(length(min = 1, max = ALERT_TITLE_LEN_MAX))]
    pub title: String,
    /// The text, up to 2,000 characters. For a text message it says how to answer.
    #[schemars(length(max = ALERT_BODY_LEN_MAX))]
    pub body: String,
    /// Where the app opens: a path, as `/ding/…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = ALERT_LINK_LEN_MAX))]
    pub link: Option<String>,
    /// What the same tag says later takes the place of this on a device; 1 to 64 bytes.
    #[schemars(length(min = 1, max = ALERT_TAG_LEN_MAX))]
    pub tag: String,
    /// For how long it is worth delivering, in seconds.
    pub ttl_s: u32,
    /// Whether people can confirm by an answer.
    pub confirm: bool,
    /// The language of the texts, as `zh-HK`; `en` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 35))]
    pub lang: Option<String>,
    /// A sentence in that language that asks to press 1, for a call; absent, nothing is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = ALERT_TITLE_LEN_MAX))]
    pub ask: Option<String>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct To {
    /// What identifies it, 1 to 100 bytes: at most one attempt has this key.
    #[schemars(length(min = 1, max = ATTEMPT_KEY_LEN_MAX))]
    pub key: String,
    /// Whom.
    pub user: UserId,
}

/// `notify.send`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Send {
    /// About what.
    #[serde(deserialize_with = "field::named")]
    pub subject: Subject,
    /// Through what; not `app`.
    pub channel: Channel,
    /// What they are told.
    #[serde(deserialize_with = "field::named")]
    pub alert: Alert,
    /// Whom, 1 to 250. Keys that were sent before are passed over.
    #[serde(deserialize_with = "field::named_list")]
    #[schemars(length(min = 1, max = ATTEMPTS_PER_CALL_MAX))]
    pub to: Vec<To>,
}

/// `notify.cancel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cancel {
    /// About what.
    #[serde(deserialize_with = "field::named")]
    pub subject: Subject,
    /// Whom, at most 250; empty: everybody.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "Option<Vec<UserId>>", length(max = ATTEMPTS_PER_CALL_MAX))]
    pub users: Vec<UserId>,
}

/// The answer of what only changes something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {}

/// `notify.reach`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reach {
    /// Whom, at most 5,000.
    #[schemars(length(max = REACH_PEOPLE_MAX))]
    pub users: Vec<UserId>,
}

/// The answer of `notify.reach`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reached {
    /// Those who can be reached through any channel, in the order of their ids.
    pub people: Vec<Reachable>,
    /// The channels outside of the app that this organisation can use, with their prices.
    pub ways: Vec<Way>,
}

/// Through what a person can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reachable {
    /// Whom.
    pub user: UserId,
    /// How many devices web push reaches.
    pub push: u32,
    /// Whether there is an e-mail address.
    pub email: bool,
    /// Whether there is a phone number.
    pub phone: bool,
}

/// A channel that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Way {
    /// Which.
    pub channel: Channel,
    /// What one attempt costs, in cents of the organisation's currency.
    pub cents: u32,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Whoever carries it took it.
    Accepted,
    /// It arrived: the phone has it, or somebody took the call.
    Delivered,
    /// It did not arrive.
    Failed,
    /// The person has no device or address for this channel, or it is no good.
    Unreachable,
    /// It was taken back before it began.
    Cancelled,
    /// It may have been sent: whoever carries it does not say.
    Unknown,
}

/// `data` of `notify.attempted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptedData {
    /// About what.
    pub subject: Subject,
    /// Through what.
    pub channel: Channel,
    /// Of each attempt, at most 250.
    pub results: Vec<Attempted>,
}

/// What became of one attempt. Of one key there may be several, each later one says more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attempted {
    /// Which.
    pub key: String,
    /// Whom.
    pub user: UserId,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in the words of whoever carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What somebody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// "I have seen it."
    Confirm,
    /// "I cannot."
    Decline,
}

/// `data` of `notify.answered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnsweredData {
    /// About what.
    pub subject: Subject,
    /// Which attempt was answered.
    pub key: String,
    /// Who.
    pub user: UserId,
    /// What they mean; absent, it is for a person to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// What they wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// `notify.report`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The provider's name in the address.
    pub provider: String,
    /// The last part of the address.
    pub secret: String,
    /// The method of HTTP.
    pub method: String,
    /// The path with its query, as it was sent.
    pub uri: String,
    /// The headers that are text.
    pub headers: Vec<(String, String)>,
    /// The body, in base64.
    pub body: String,
}

/// The answer of `notify.report`, which is to be sent to the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Heard {
    /// The status of HTTP.
    pub status: u16,
    /// What kind of body it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The body.
    pub body: String,
    /// Why it was not believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forged: Option<String>,
}

/// `notify.sweep`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Sweep {}

/// `notify.log`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ListLog {
    /// Only attempts at this person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Only those older than this one: the `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = ATTEMPTS_PER_PAGE_MAX))]
    pub limit: Option<u32>,
}

/// `notify.log.mine`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ListMine {
    /// Only those older than this one: the `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = ATTEMPTS_PER_PAGE_MAX))]
    pub limit: Option<u32>,
}

/// The answer of `notify.log` and `notify.log.mine`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Log {
    /// The newest first.
    pub attempts: Vec<Logged>,
    /// `before` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// An attempt in the delivery log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Logged {
    /// Which.
    pub key: String,
    /// About what.
    pub subject: Subject,
    /// Through what.
    pub channel: Channel,
    /// Whom.
    pub user: UserId,
    /// What became of it; absent, it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why, in the words of whoever carries it, without anybody's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How whoever carries it names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// When it was asked for, in milliseconds since the epoch.
    pub at: i64,
    /// When the outcome was known, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<i64>,
    /// The title of what was sent; in `notify.log.mine` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}
