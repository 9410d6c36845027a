//! Roles: named sets of permissions.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{
    RoleId,
    limits::NAME_LEN_MAX,
    operation::{ADMIN, READ, operations},
};

operations! {
    /// The roles of the organisation, the administrator's first.
    "org.role.list": List => Listed, Read, READ;
    /// Makes a role; needs `roles`, and every permission that it gives.
    "org.role.create": Create => Created, Once, ADMIN;
    /// Changes a role; needs `roles`, and every permission that it gives or takes away; for another
    /// name all that the role gives.
    "org.role.update": Update => Changed, State, ADMIN;
    /// Removes a role, also from those who have it; needs `roles`.
    "org.role.remove": Remove => Changed, State, ADMIN;
}

/// Adds, changes and lets go people, invites them and imports them.
pub const PEOPLE: &str = "people";
/// Changes the tree of departments and who heads them.
pub const DEPARTMENTS: &str = "departments";
/// Changes roles and who has them.
pub const ROLES: &str = "roles";
/// Changes the organisation's name and settings.
pub const ORGANISATION: &str = "organisation";
/// Signs others out, and issues tokens for programs and devices.
pub const SESSIONS: &str = "sessions";

/// Every permission, in the order in which they are shown. The administrator's role has all of
/// them, also those that a later version adds.
pub const PERMISSIONS: [&str; 5] = [PEOPLE, DEPARTMENTS, ROLES, ORGANISATION, SESSIONS];

/// Names of [`PERMISSIONS`].
fn permissions(_: &mut SchemaGenerator) -> Schema {
    let one = format!("^({})$", PERMISSIONS.join("|"));
    json_schema!({ "type": "array", "items": { "type": "string", "pattern": one } })
}

fn permissions_if_any(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = permissions(generator);
    schema.insert("type".into(), ["array", "null"].as_slice().into());
    schema
}

/// `org.role.list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct List {}

/// The answer of `org.role.list`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// At most 100.
    pub roles: Vec<Role>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Role {
    /// Which.
    pub role: RoleId,
    /// Its name.
    pub name: String,
    /// What it permits, of [`PERMISSIONS`].
    pub permissions: Vec<String>,
    /// Whether it is the administrator's: it has every permission and cannot be changed.
    pub administrator: bool,
    /// How many people have it.
    pub members: u64,
}

/// `org.role.create`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Create {
    /// Its name, 1 to 100 characters; unique here.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: String,
    /// What it permits, of [`PERMISSIONS`]; may be empty, for a role that only names people.
    #[schemars(schema_with = "permissions")]
    pub permissions: Vec<String>,
}

/// The answer of `org.role.create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Created {
    /// The role.
    pub role: RoleId,
}

/// `org.role.update`; what is absent stays.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Update {
    /// Which.
    pub role: RoleId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: Option<String>,
    /// All that it permits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "permissions_if_any")]
    pub permissions: Option<Vec<String>>,
}

/// `org.role.remove`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Remove {
    /// Which.
    pub role: RoleId,
}

/// The answer of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changed {}

/// `data` of `org.role_changed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedData {
    /// Which.
    pub role: RoleId,
    /// Its name; absent if it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
