//! Policies: the ladder that an alert climbs with each recipient until somebody confirms.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::channel::Channel;
use crate::{
    DutyId, PolicyId, RoleId, UserId, field,
    limits::{DING_QUIET_MAX, DING_SOURCES_MAX, DING_STEPS_MAX, NAME_LEN_MAX},
};

/// Who is reached by a step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Whom {
    /// The recipient.
    #[default]
    Recipient,
    /// The recipient's manager; if there is none, nobody.
    Manager,
    /// The manager of the recipient's manager; if there is none, nobody.
    ManagerAbove,
    /// Whoever stands in for the recipient then; if nobody does, their manager.
    Deputy,
    /// Whoever is on duty then.
    OnDuty {
        /// By which rota.
        duty: DutyId,
    },
    /// A certain person.
    User {
        /// Who.
        user: UserId,
    },
}

/// A step of a policy. Whoever is called instead of the recipient is not replaced by others in
/// turn, so an escalation ends; and who is called for several recipients within 45 s is called
/// once for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// How long after the alert began, in seconds: 0 to 604,800 (a week).
    #[schemars(range(max = 604_800))]
    pub after_s: u32,
    /// Through what.
    pub channel: Channel,
    /// Whom.
    #[serde(default, deserialize_with = "field::named")]
    pub whom: Whom,
    /// How often, 1 to 5.
    #[serde(default = "once")]
    #[schemars(range(min = 1, max = 5))]
    pub times: u8,
    /// With so many seconds between, 60 to 86,400.
    #[serde(default = "minutes")]
    #[schemars(range(min = 60, max = 86_400))]
    pub every_s: u32,
}

fn once() -> u8 {
    1
}

fn minutes() -> u32 {
    300
}

/// When people are left in peace: what makes a noise waits until it is over. By the clock on the
/// wall: of a time that the clock shows twice the first counts, and what would be at one that it
/// leaves out is when it is put forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quiet {
    /// From this minute of the day, in the person's time zone: 0 to 1,439.
    #[schemars(range(max = 1439))]
    pub from_min: u16,
    /// Until this one; if it is not later, of the next day.
    #[schemars(range(max = 1439))]
    pub until_min: u16,
    /// On which days they begin, 1 (Monday) to 7 (Sunday); none named, every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    pub days: Vec<u8>,
}

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rules {
    /// Its name, 1 to 100 characters; unique here.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: String,
    /// 1 to 10.
    #[serde(deserialize_with = "field::named_list")]
    #[schemars(length(min = 1, max = DING_STEPS_MAX))]
    pub steps: Vec<Step>,
    /// Whether quiet hours are passed over; then only who may do that may use it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overrides_quiet: bool,
    /// Quiet hours of its own, at most 7, instead of the organisation's; none, those. Together they
    /// leave some time in each week.
    #[serde(
        default,
        deserialize_with = "field::named_list",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = DING_QUIET_MAX))]
    pub quiet: Vec<Quiet>,
    /// Who may pass over quiet hours under this policy, by their roles, besides those who may
    /// under all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = DING_SOURCES_MAX))]
    pub overriders: Vec<RoleId>,
    /// What one alert may cost, in hundredths of the organisation's currency; 0: nothing that
    /// costs.
    #[serde(deserialize_with = "field::int")]
    pub cost_max: u64,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Policy {
    /// Which.
    pub policy: PolicyId,
    /// Which of those that ship with Carillon, if it is one: `usual`, `calm` or `urgent`; clients
    /// name it in their language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin: Option<String>,
    /// What it says.
    pub rules: Rules,
}

/// `ding.policy.list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListPolicies {}

/// The answer of `ding.policy.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PoliciesListed {
    /// At most 53: the three that ship with Carillon first.
    pub policies: Vec<Policy>,
    /// The organisation's first choice.
    pub first: PolicyId,
}

/// `ding.policy.create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreatePolicy {
    /// What it says.
    #[serde(deserialize_with = "field::named")]
    pub rules: Rules,
}

/// The answer of `ding.policy.create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyCreated {
    /// The policy.
    pub policy: PolicyId,
}

/// `ding.policy.update`; not one that ships with Carillon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdatePolicy {
    /// Which.
    pub policy: PolicyId,
    /// What it says from now on.
    #[serde(deserialize_with = "field::named")]
    pub rules: Rules,
}

/// `ding.policy.remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemovePolicy {
    /// Which.
    pub policy: PolicyId,
}

/// Why something that a policy asks for is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// The person has no such address, or the organisation no such provider.
    NoAddress,
    /// There is no such person: no manager, nobody on duty; or it is the sender or the recipient.
    Nobody,
    /// The person has had as many texts and calls today as are allowed.
    Quota,
    /// The alert has cost as much as it may.
    Cost,
    /// The organisation's alerts have cost as much as they may today or this month.
    Budget,
}

/// A step of a plan, over all recipients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepPlan {
    /// Which of the policy's, from 0.
    pub step: u32,
    /// Which try of it, from 0.
    pub nth: u32,
    /// Through what.
    pub channel: Channel,
    /// When the first are tried, in milliseconds since the epoch.
    pub first_at: i64,
    /// When the last are: later, where people have quiet hours.
    pub last_at: i64,
    /// How many people are tried.
    pub people: u32,
    /// How many are not, and why.
    pub skipped: Vec<(Skip, u32)>,
    /// What it costs, in hundredths.
    pub cost: u64,
}

/// What happens to one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PersonPlan {
    /// The recipient.
    pub user: UserId,
    /// By time.
    pub tries: Vec<Planned>,
}

/// A try that is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Planned {
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// Which step, from 0.
    pub step: u32,
    /// Which try of it, from 0.
    pub nth: u32,
    /// Through what.
    pub channel: Channel,
    /// Who is reached; absent, nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Why it is not done, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<Skip>,
    /// What it costs, in hundredths.
    pub cost: u64,
}
