//! Organisations and their people.

mod recipients;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::recipients::*;
use crate::{
    DepartmentId, OrgId, RoleId, UserId,
    event::events,
    field,
    limits::{NAME_LEN_MAX, PEOPLE_PER_PAGE_MAX, USERS_PER_CALL_MAX},
    operation::{ADMIN, Access, READ, WRITE, operations},
};

operations! {
    /// Makes an organisation.
    "org.create": Create => Created, Once, Access::System;
    /// The caller's organisation.
    "org.get": Get => Org, Read, READ;
    /// Changes the organisation's name or what its people start with; needs `organisation`.
    "org.update": Update => Updated, State, ADMIN;
    /// Adds a person to the organisation; needs `people`.
    "org.member.add": AddMember => MemberAdded, Once, ADMIN;
    /// The people of the organisation, by id; those who left only if asked for.
    "org.member.list": ListMembers => MembersListed, Read, READ;
    /// Some people of the organisation, also those who left.
    "org.member.get": GetMembers => MembersGot, Read, READ;
    /// Changes a person; needs `people`, for roles `roles`, and for the sign-in name every
    /// permission of the person. One's own language and time zone anybody may change.
    "org.member.update": UpdateMember => MemberUpdated, State, WRITE;
    /// Lets a person go: signs out everywhere and cannot sign in any more; what they wrote stays.
    /// `org.member.restore` takes it back. Needs `people`.
    "org.member.remove": RemoveMember => MemberUpdated, State, ADMIN;
    /// Takes a person back who had left; needs `people`.
    "org.member.restore": RestoreMember => MemberUpdated, State, ADMIN;
    /// The names of some people of the organisation, and who of them left; asked by other plugins.
    "org.names": Names => Named, Read, Access::System;
    /// The people who are named, have roles or are in departments, with what it takes to reach
    /// them: many at once. Asked by other plugins.
    "org.recipients": Recipients => RecipientsFound, Read, Access::System;
}

/// `org.create`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Create {
    /// Its name, 1 to 100 characters.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: String,
}

/// The answer of `org.create`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Created {
    /// The organisation.
    pub org: OrgId,
}

/// `org.get`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Get {}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Org {
    /// Which.
    pub org: OrgId,
    /// Its name.
    pub name: String,
    /// How many people there are.
    pub members: u64,
    /// The language that people start with.
    pub locale: String,
    /// The time zone that people start with.
    pub tz: String,
}

/// `org.update`; what is absent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Update {
    /// Its name, 1 to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: Option<String>,
    /// The language that people start with: `zh-HK`, `zh-CN` or `en`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(zh-HK|zh-CN|en)$"))]
    pub locale: Option<String>,
    /// The time zone that people start with, as `Asia/Hong_Kong`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9/_+-]+$"))]
    pub tz: Option<String>,
}

/// The answer of `org.update`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Updated {}

/// `org.member.add`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct AddMember {
    /// The organisation; needed only by the command line where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// The sign-in name: 2 to 64 lower-case letters, digits, `.`, `-`, `_` or `@`; unique here.
    #[schemars(length(min = 2, max = 64), regex(pattern = "^[A-Za-z0-9._@-]+$"))]
    pub login: String,
    /// The name that people see, 1 to 100 characters.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: String,
    /// At least 8 characters; absent: the person cannot sign in by password yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 1024))]
    pub password: Option<String>,
    /// The job title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_LEN_MAX))]
    pub title: Option<String>,
    /// Whether the person administers the organisation.
    #[serde(default, deserialize_with = "field::or_default")]
    #[schemars(with = "Option<bool>")]
    pub admin: bool,
    /// The language; the organisation's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(zh-HK|zh-CN|en)$"))]
    pub locale: Option<String>,
    /// The time zone; the organisation's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9/_+-]+$"))]
    pub tz: Option<String>,
    /// The departments, at most 10, the main one first.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(
        with = "Option<Vec<DepartmentId>>",
        length(max = 10),
        extend("uniqueItems" = true)
    )]
    pub departments: Vec<DepartmentId>,
}

/// The answer of `org.member.add`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberAdded {
    /// The person.
    pub user: UserId,
}

/// `org.member.list`; the conditions are joined by *and*.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ListMembers {
    /// Only those whose name, title or sign-in name contains this, whatever the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_LEN_MAX))]
    pub query: Option<String>,
    /// Only the people of this department, without those below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department: Option<DepartmentId>,
    /// Only the people with this role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleId>,
    /// Those who left instead of those who are there.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    #[schemars(with = "Option<bool>")]
    pub left: bool,
    /// The last person of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<UserId>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = PEOPLE_PER_PAGE_MAX))]
    pub limit: Option<u32>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// The sign-in name.
    pub login: String,
    /// The name that people see.
    pub name: String,
    /// The job title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether it is a program.
    pub app: bool,
    /// Whether it administers the organisation: it has the role with every permission.
    pub admin: bool,
    /// Whether it may sign in; `false` of those who left.
    pub active: bool,
    /// The departments, the main one first.
    pub departments: Vec<DepartmentId>,
    /// Who was named as the manager. Absent, it is the head of the main department, or of the one
    /// above for the head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<UserId>,
    /// The roles.
    pub roles: Vec<RoleId>,
    /// The language, as `zh-HK`.
    pub locale: String,
    /// The time zone, as `Asia/Hong_Kong`.
    pub tz: String,
    /// Whether a password is set: without one the person needs an invitation to sign in.
    pub password: bool,
}

/// `org.member.get`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct GetMembers {
    /// Who, at most 200.
    #[schemars(length(max = PEOPLE_PER_PAGE_MAX))]
    pub users: Vec<UserId>,
}

/// The answer of `org.member.get`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct MembersGot {
    /// Those who exist in the organisation, in the order asked.
    pub members: Vec<Member>,
}

/// `org.member.update`; what is absent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct UpdateMember {
    /// Who; absent, the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The name that people see, 1 to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: Option<String>,
    /// The sign-in name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 64), regex(pattern = "^[A-Za-z0-9._@-]+$"))]
    pub login: Option<String>,
    /// The job title; empty for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = NAME_LEN_MAX))]
    pub title: Option<String>,
    /// All departments, at most 10, the main one first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), extend("uniqueItems" = true))]
    pub departments: Option<Vec<DepartmentId>>,
    /// The manager; `null` for whoever heads the department. Nobody manages themselves, not even
    /// over others.
    #[serde(
        default,
        deserialize_with = "field::nullable",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(extend("nullable" = true))]
    pub manager: Option<Option<UserId>>,
    /// All roles, at most 20. Nobody gives permissions that they do not have, and the last
    /// administrator stays one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), extend("uniqueItems" = true))]
    pub roles: Option<Vec<RoleId>>,
    /// The language: `zh-HK`, `zh-CN` or `en`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(zh-HK|zh-CN|en)$"))]
    pub locale: Option<String>,
    /// The time zone, as `Asia/Hong_Kong`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9/_+-]+$"))]
    pub tz: Option<String>,
}

/// The answer of `org.member.update`, `.remove` and `.restore`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct MemberUpdated {
    /// The person, now.
    pub member: Member,
}

/// `org.member.remove`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RemoveMember {
    /// Who; not oneself, and not the last administrator.
    pub user: UserId,
}

/// `org.member.restore`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RestoreMember {
    /// Who.
    pub user: UserId,
}

/// The answer of `org.member.list`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct MembersListed {
    /// The people, by id.
    pub members: Vec<Member>,
    /// Whether there are more after the last one.
    pub more: bool,
}

/// `org.names`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Names {
    /// The organisation; people of another one are left out.
    pub org: OrgId,
    /// Who, at most 500.
    #[schemars(length(max = USERS_PER_CALL_MAX))]
    pub users: Vec<UserId>,
}

/// The answer of `org.names`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Named {
    /// Those who exist in the organisation, in the order asked.
    pub names: Vec<(UserId, String)>,
    /// Those of them who left.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub left: Vec<UserId>,
}

/// `data` of `org.created`, the first event of an organisation's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreatedData {
    /// Its name.
    pub name: String,
}

/// `data` of `org.member_added`, in the organisation's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberAddedData {
    /// The person.
    pub user: UserId,
    /// The name that people see.
    pub name: String,
}

/// `data` of `org.member_updated`, `org.member_left` and `org.member_returned`: ask again what is
/// shown of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberChangedData {
    /// The person.
    pub user: UserId,
    /// The name that people see, now.
    pub name: String,
}

/// `data` of `org.updated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdatedData {
    /// The name, now.
    pub name: String,
}

events! {
    /// An organisation begins.
    CREATED = "org.created": CreatedData;
    /// A person came.
    MEMBER_ADDED = "org.member_added": MemberAddedData;
    /// The organisation changed.
    UPDATED = "org.updated": UpdatedData;
    /// A person changed: name, title, departments, manager, roles, language or time zone.
    MEMBER_UPDATED = "org.member_updated": MemberChangedData;
    /// A person left.
    MEMBER_LEFT = "org.member_left": MemberChangedData;
    /// A person came back.
    MEMBER_RETURNED = "org.member_returned": MemberChangedData;
    /// People were written by an import: ask again what is shown of them.
    IMPORTED = "org.imported": crate::import::ImportedData;
    /// A department was made, changed, moved or removed: ask for the tree again.
    DEPARTMENT_CHANGED = "org.department_changed": crate::department::ChangedData;
    /// A role was made, changed or removed.
    ROLE_CHANGED = "org.role_changed": crate::role::ChangedData;
}
