//! Who may alert whom and how often, when people are left in peace, and who is on duty.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Quiet;
use crate::{
    DutyId, PolicyId, RoleId, UserId, field,
    limits::{DING_BUDGET_MAX, DING_DUTY_MAX, DING_SOURCES_MAX, NAME_LEN_MAX},
};

/// Whom people without one of `senders`' roles may alert.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Everybody of the organisation.
    #[default]
    Everybody,
    /// Who is in a department of theirs, whom they manage, and who manages them.
    Department,
    /// Whom they manage.
    Managed,
    /// Nobody.
    Nobody,
}

/// `ding.settings.get`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetSettings {}

/// The rules of an organisation: the answer of `ding.settings.get`, and `ding.settings.set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// Whom people may alert.
    pub reach: Reach,
    /// Who may alert everybody, by their roles; administrators may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = DING_SOURCES_MAX))]
    pub senders: Vec<RoleId>,
    /// Who may pass over quiet hours, by their roles; administrators may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = DING_SOURCES_MAX))]
    pub overriders: Vec<RoleId>,
    /// The quiet hours of everybody; absent, none.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub quiet: Option<Quiet>,
    /// How many alerts somebody may send in a day, 1 to 1,000.
    #[schemars(range(min = 1, max = 1000))]
    pub sent_a_day: u32,
    /// How many texts and calls one person gets in a day at most, 0 to 100.
    #[schemars(range(max = 100))]
    pub paid_a_day: u32,
    /// What all alerts together may cost on a day of the organisation's, in hundredths of its
    /// currency, at most 100,000,000,000; absent, no limit. Texts and calls that would cost more
    /// are left out.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = DING_BUDGET_MAX))]
    pub cost_a_day: Option<u64>,
    /// The same for a month.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = DING_BUDGET_MAX))]
    pub cost_a_month: Option<u64>,
    /// What prices and costs are in: a code of ISO 4217, as `HKD`. All amounts are in hundredths
    /// of it, also where it has no smaller coins.
    #[serde(default = "hong_kong_dollar")]
    #[schemars(length(equal = 3))]
    pub currency: String,
    /// What is chosen where the sender chooses none.
    pub first: PolicyId,
}

fn hong_kong_dollar() -> String {
    "HKD".into()
}

/// A turn of a rota: who is on duty, each week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Turn {
    /// Who.
    pub user: UserId,
    /// From this minute of the week, Monday 0:00 in the organisation's time zone is 0.
    #[schemars(range(max = 10_079))]
    pub from_min: u16,
    /// Until this one; if it is not later, over the end of the week.
    #[schemars(range(max = 10_079))]
    pub until_min: u16,
}

/// What a rota says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rota {
    /// Its name, 1 to 100 characters; unique here.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: String,
    /// Who is on duty when, at most 100. Where turns overlap, the first counts.
    #[serde(deserialize_with = "field::named_list")]
    #[schemars(length(max = DING_DUTY_MAX))]
    pub turns: Vec<Turn>,
}

/// `ding.duty.list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListDuties {}

/// The answer of `ding.duty.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DutiesListed {
    /// At most 20, by name.
    pub duties: Vec<Duty>,
}

/// A rota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Duty {
    /// Which.
    pub duty: DutyId,
    /// What it says.
    pub rota: Rota,
    /// Who is on duty now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<UserId>,
}

/// `ding.duty.create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreateDuty {
    /// What it says.
    #[serde(deserialize_with = "field::named")]
    pub rota: Rota,
}

/// The answer of `ding.duty.create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DutyCreated {
    /// The rota.
    pub duty: DutyId,
}

/// `ding.duty.update`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateDuty {
    /// Which.
    pub duty: DutyId,
    /// What it says from now on.
    #[serde(deserialize_with = "field::named")]
    pub rota: Rota,
}

/// `ding.duty.remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RemoveDuty {
    /// Which.
    pub duty: DutyId,
}

/// Who stands in for somebody, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deputy {
    /// Who stands in.
    pub deputy: UserId,
    /// From when on, in milliseconds since the epoch; absent, at once.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Until when, in milliseconds since the epoch, within the next 366 days; absent, until
    /// somebody says otherwise.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// `ding.deputy.get`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetDeputy {
    /// Of whom; absent, of the caller. Of others it is asked by who administers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}

/// The answer of `ding.deputy.get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeputyFound {
    /// Who stands in for this person; absent, nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deputy: Option<Deputy>,
    /// For whom this person stands in now or will, at most 100.
    pub stands_in_for: Vec<Absence>,
}

/// Somebody for whom another stands in, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Absence {
    /// For whom.
    pub user: UserId,
    /// From when on, in milliseconds since the epoch; absent, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Until when, in milliseconds since the epoch; absent, until somebody says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// `ding.deputy.set`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetDeputy {
    /// For whom; absent, for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Who stands in from now on; absent, nobody.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub deputy: Option<Deputy>,
}

/// `data` of `ding.rules_changed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RulesChangedData {
    /// The policy that was made, changed or removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyId>,
    /// The rota that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duty: Option<DutyId>,
}
