//! Importing people from a table (RFC 4180).
//!
//! The first line names the columns: `login` and `name` must be there; `title`, `department` (its
//! path, as `Shops/Central`; several are parted by `;`), `manager` (a sign-in name, also one of
//! this table), `locale` and `tz` may be. Whoever has the sign-in name already is changed, others
//! are added; an empty cell changes nothing. Departments that are missing are made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    OrgId,
    limits::TABLE_LEN_MAX,
    operation::{ADMIN, operations},
};

operations! {
    /// Says line by line what `org.import.apply` would do, and does nothing; needs `people`.
    "org.import.check": Check => Report, Read, ADMIN;
    /// Imports a table if no line has an error: all of it or nothing; needs `people`, and
    /// `departments` if one is missing. The same table again changes nothing.
    "org.import.apply": Apply => Report, State, ADMIN;
}

/// `org.import.check`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// The organisation; needed only by the command line where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// The table: UTF-8, at most 2,000 people and 1 MiB; over a socket what a frame holds.
    #[schemars(length(min = 1, max = TABLE_LEN_MAX))]
    pub csv: String,
}

/// `org.import.apply`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Apply {
    /// The organisation; needed only by the command line where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// The table, as `org.import.check` takes it.
    #[schemars(length(min = 1, max = TABLE_LEN_MAX))]
    pub csv: String,
}

/// The answer of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The lines in their order, without the first one.
    pub lines: Vec<Line>,
    /// The paths of the departments that are made.
    pub departments: Vec<String>,
    /// Whether it was done: never by `org.import.check`, nor if a line has an error.
    pub applied: bool,
}

/// What becomes of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// Its number in the table, from 1 for the line with the columns' names.
    pub line: u64,
    /// What is done.
    pub action: Action,
    /// The sign-in name, as far as it could be read.
    pub login: String,
    /// The name, as far as it could be read.
    pub name: String,
    /// The columns that are written: of somebody who is there already, those that change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// The column that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
}

/// `data` of `org.imported`: who was written is asked for again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportedData {}

/// What is done with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A person is added.
    Add,
    /// A person is changed.
    Change,
    /// Everything is so already.
    Same,
    /// The line cannot be imported, and so nothing is.
    Error,
}
