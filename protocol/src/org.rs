//! Organisations and their people.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    OrgId, UserId, field,
    operation::{ADMIN, Access, READ, operations},
};

operations! {
    /// Makes an organisation.
    "org.create": Create => Created, Once, Access::System;
    /// The caller's organisation.
    "org.get": Get => Org, Read, READ;
    /// Adds a person to the organisation.
    "org.member.add": AddMember => MemberAdded, Once, ADMIN;
    /// The people of the organisation, by id.
    "org.member.list": ListMembers => MembersListed, Read, READ;
    /// The names of some people of the organisation; asked by other plugins.
    "org.names": Names => Named, Read, Access::System;
}

/// `org.create`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Create {
    /// Its name, 1 to 100 characters.
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
}

/// `org.member.add`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub struct AddMember {
    /// The organisation; needed only by the command line where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// The sign-in name: 2 to 64 lower-case letters, digits, `.`, `-`, `_` or `@`; unique here.
    pub login: String,
    /// The name that people see, 1 to 100 characters.
    pub name: String,
    /// At least 8 characters; absent: the person cannot sign in by password yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// The job title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether the person administers the organisation.
    #[serde(default, deserialize_with = "field::or_default")]
    pub admin: bool,
    /// The language; `zh-HK` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The time zone; `Asia/Hong_Kong` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
}

/// The answer of `org.member.add`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberAdded {
    /// The person.
    pub user: UserId,
}

/// `org.member.list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct ListMembers {
    /// The last person of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<UserId>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// Whether it administers the organisation.
    pub admin: bool,
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
    pub users: Vec<UserId>,
}

/// The answer of `org.names`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Named {
    /// Those who exist in the organisation, in the order asked.
    pub names: Vec<(UserId, String)>,
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

/// The names of the events.
pub mod kind {
    /// An organisation begins.
    pub const CREATED: &str = "org.created";
    /// A person came.
    pub const MEMBER_ADDED: &str = "org.member_added";
}
