//! Departments: a tree with a head for each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DepartmentId, UserId, field,
    limits::NAME_LEN_MAX,
    operation::{ADMIN, READ, operations},
};

operations! {
    /// All departments of the organisation, parents before their children.
    "org.department.tree": Tree => Grown, Read, READ;
    /// Makes a department; needs `departments`.
    "org.department.create": Create => Created, Once, ADMIN;
    /// Renames a department or changes its head; needs `departments`.
    "org.department.update": Update => Changed, State, ADMIN;
    /// Puts a department, with all below it, somewhere else; needs `departments`.
    "org.department.move": Move => Changed, State, ADMIN;
    /// Removes a department that has none below it; its people go up to the one above. Needs
    /// `departments`.
    "org.department.remove": Remove => Changed, State, ADMIN;
}

/// `org.department.tree`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Tree {}

/// The answer of `org.department.tree`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Grown {
    /// At most 1,000, siblings in their order, each after its parent.
    pub departments: Vec<Department>,
}

/// A department.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Department {
    /// Which.
    pub department: DepartmentId,
    /// The one above; absent at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<DepartmentId>,
    /// Its name.
    pub name: String,
    /// Who heads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<UserId>,
    /// How many people are in it, without those below.
    pub members: u64,
}

/// `org.department.create`: as the last of its siblings.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Create {
    /// Its name, 1 to 100 characters; unique among its siblings.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: String,
    /// The one above; absent, at the top. At most 10 levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<DepartmentId>,
    /// Who heads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<UserId>,
}

/// The answer of `org.department.create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Created {
    /// The department.
    pub department: DepartmentId,
}

/// `org.department.update`; what is absent stays.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Update {
    /// Which.
    pub department: DepartmentId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: Option<String>,
    /// Who heads it; `null` for nobody.
    #[serde(
        default,
        deserialize_with = "field::nullable",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(extend("nullable" = true))]
    pub head: Option<Option<UserId>>,
}

/// `org.department.move`; not below itself.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Move {
    /// Which.
    pub department: DepartmentId,
    /// The one above; absent, to the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<DepartmentId>,
    /// The sibling before which it comes; absent, as the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<DepartmentId>,
}

/// `org.department.remove`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Remove {
    /// Which.
    pub department: DepartmentId,
}

/// The answer of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changed {}

/// `data` of `org.department_changed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedData {
    /// Which.
    pub department: DepartmentId,
    /// Its name; absent if it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
