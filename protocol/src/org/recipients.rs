//! Who is to be reached, and how: what plugins that alert people ask.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DepartmentId, OrgId, RoleId, UserId};

/// `org.recipients`: everybody who is in any of these. Who left is in none, nor is a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recipients {
    /// The organisation.
    pub org: OrgId,
    /// People. Somebody who never was in the organisation is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserId>,
    /// Who has one of these roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleId>,
    /// Who is in one of these departments, or in one below.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub departments: Vec<DepartmentId>,
    /// At most so many people; more are refused.
    pub max: u32,
}

/// The answer of `org.recipients`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecipientsFound {
    /// By their ids, each once.
    pub people: Vec<Recipient>,
}

/// Somebody who is to be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Recipient {
    /// Who.
    pub user: UserId,
    /// The name.
    pub name: String,
    /// The language, as `zh-HK`.
    pub locale: String,
    /// The time zone, as `Asia/Hong_Kong`.
    pub tz: String,
    /// Who manages them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<UserId>,
    /// Who manages their manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager_above: Option<UserId>,
}
