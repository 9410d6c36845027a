//! Invitations: links by which people join, or set a password of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DepartmentId, InviteId, OrgId, UserId, field,
    limits::NAME_LEN_MAX,
    operation::{ADMIN, Access, operations},
    session::Grant,
};

operations! {
    /// Makes a link by which people join, or by which one person sets a new password; needs
    /// `people`, and for a password every permission of that person. It works as long as whoever
    /// made it has them.
    "org.invite.create": Create => Created, State, ADMIN;
    /// The links that still work, newest first; needs `people`.
    "org.invite.list": List => Listed, Read, ADMIN;
    /// Makes a link useless; needs `people`.
    "org.invite.revoke": Revoke => Revoked, State, ADMIN;
    /// What a link is for, before it is used.
    "org.invite.look": Look => Seen, State, Access::Public;
    /// Joins by a link, or sets the password that it is for, and signs in.
    "org.invite.accept": Accept => Grant, State, Access::Public;
}

/// `org.invite.create`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Create {
    /// The organisation; needed only by the command line where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// The person who sets a password by it, once; absent, the link makes new people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Where new people come in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<DepartmentId>,
    /// How many may join by it, 1 to 1,000; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub uses: Option<u32>,
    /// For how long, in milliseconds; 7 days if absent, at most 30 days.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2_592_000_000_i64))]
    pub ttl_ms: Option<i64>,
}

/// The answer of `org.invite.create`. The link is `/join#` and the token; it is not shown again.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Created {
    /// The invitation.
    pub invite: InviteId,
    /// The token.
    pub token: String,
    /// Until when, in milliseconds since the epoch.
    pub expires_at: i64,
}

/// `org.invite.list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct List {}

/// The answer of `org.invite.list`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// At most 200.
    pub invites: Vec<Invite>,
}

/// An invitation that still works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invite {
    /// Which.
    pub invite: InviteId,
    /// Who made it; all zeros if the command line did.
    pub by: UserId,
    /// The person whose password it sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Where new people come in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<DepartmentId>,
    /// How many may still join by it.
    pub left: u32,
    /// When it was made, in milliseconds since the epoch.
    pub created_at: i64,
    /// Until when, in milliseconds since the epoch.
    pub expires_at: i64,
}

/// `org.invite.revoke`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Revoke {
    /// Which.
    pub invite: InviteId,
}

/// The answer of `org.invite.revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revoked {}

/// `org.invite.look`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// The link's token.
    pub token: String,
}

/// The answer of `org.invite.look`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// The organisation's name.
    pub org: String,
    /// The name of who invites; the organisation's if the command line did.
    pub by: String,
    /// The sign-in name of the person whose password it sets; absent, it makes a new person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The department's name where new people come in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// Until when, in milliseconds since the epoch.
    pub expires_at: i64,
}

/// `org.invite.accept`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct Accept {
    /// The link's token.
    pub token: String,
    /// The sign-in name of a new person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 64), regex(pattern = "^[A-Za-z0-9._@-]+$"))]
    pub login: Option<String>,
    /// The name of a new person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: Option<String>,
    /// At least 8 characters.
    #[schemars(length(min = 8, max = 1024))]
    pub password: String,
    /// The language of a new person: `zh-HK`, `zh-CN` or `en`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(zh-HK|zh-CN|en)$"))]
    pub locale: Option<String>,
    /// What to call the session in the list of devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_LEN_MAX))]
    pub label: Option<String>,
}
