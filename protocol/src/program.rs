//! What other plugins need of the directory: programs that speak for them, and whom a sign-in name
//! belongs to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    OrgId, UserId,
    limits::{NAME_LEN_MAX, USERS_PER_CALL_MAX},
    operation::{Access, operations},
};

operations! {
    /// Makes a program that cannot sign in, under an id that other plugins know it by; nothing if
    /// it is there already.
    "org.program.add": AddProgram => ProgramAdded, State, Access::System;
    /// The people behind some sign-in names of the organisation; asked by other plugins.
    "org.find": Find => Found, Read, Access::System;
}

/// `org.program.add`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AddProgram {
    /// The organisation.
    pub org: OrgId,
    /// Its id.
    pub user: UserId,
    /// The name that people see, 1 to 100 characters.
    #[schemars(length(min = 1, max = NAME_LEN_MAX))]
    pub name: String,
}

/// The answer of `org.program.add`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProgramAdded {}

/// `org.find`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Find {
    /// The organisation.
    pub org: OrgId,
    /// The sign-in names, at most 500.
    #[schemars(length(max = USERS_PER_CALL_MAX))]
    pub logins: Vec<String>,
}

/// The answer of `org.find`: who is there and has not left, by the sign-in name as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// The people, with their names.
    pub people: Vec<FoundPerson>,
}

/// Somebody who was found by a sign-in name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FoundPerson {
    /// The sign-in name.
    pub login: String,
    /// Who.
    pub user: UserId,
    /// The name that people see.
    pub name: String,
}
