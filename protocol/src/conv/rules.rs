//! Who may call everybody of a group at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ConvId, field};

/// Who may call everybody of a group.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Callers {
    /// Every member.
    #[default]
    Members,
    /// Only an owner.
    Owners,
}

/// Who may call everybody of a group at once. Robots are not asked: the owner lets them in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rules {
    /// Who writes messages that mention everybody.
    #[serde(default)]
    pub mention_all: Callers,
    /// Who sends alerts to everybody, or to everybody who has not read a message.
    #[serde(default)]
    pub ding_all: Callers,
}

impl Rules {
    /// What holds where both must allow it.
    #[must_use]
    pub fn and(self, limit: Rules) -> Rules {
        Rules {
            mention_all: self.mention_all.max(limit.mention_all),
            ding_all: self.ding_all.max(limit.ding_all),
        }
    }

    /// Whether every member may do everything.
    pub fn is_open(&self) -> bool {
        *self == Rules::default()
    }
}

/// What is settled anew of the rules of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RulesChange {
    /// Who writes messages that mention everybody; absent, it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mention_all: Option<Callers>,
    /// Who sends alerts to everybody, or to everybody who has not read a message; absent, it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ding_all: Option<Callers>,
}

impl From<Rules> for RulesChange {
    fn from(rules: Rules) -> RulesChange {
        RulesChange { mention_all: Some(rules.mention_all), ding_all: Some(rules.ding_all) }
    }
}

/// `conv.rules.set`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SetRules {
    /// The group.
    pub conv: ConvId,
    /// What holds from now on, as far as the organisation allows it.
    #[serde(deserialize_with = "field::named")]
    pub rules: RulesChange,
}

/// `conv.limits.get`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct GetLimits {}

/// `conv.limits.set`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SetLimits {
    /// The most that groups may allow from now on.
    #[serde(deserialize_with = "field::named")]
    pub rules: Rules,
}

/// The answer of `conv.limits.set`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LimitsSet {}

/// `data` of `conv.rules_changed`, in a group's log, and of `conv.limits_changed`, in the
/// organisation's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RulesChangedData {
    /// What was settled.
    pub rules: Rules,
}
