//! Facts: named numbers and series about an organisation, which plugins offer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    OrgId, field,
    operation::{ADMIN, operations},
};

operations! {
    /// The facts that can be asked for.
    "fact.list": List => Listed, Read, ADMIN;
    /// A fact about the organisation, for a period; needs an administrator.
    "fact.get": Get => Got, Read, ADMIN;
}

/// `fact.list`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct List {}

/// The answer of `fact.list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// By name.
    pub facts: Vec<Named>,
}

/// A fact that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Named {
    /// Its name, as `org.people`.
    pub name: String,
    /// What it is, in a sentence.
    pub doc: String,
}

/// `fact.get`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Get {
    /// Its name.
    pub fact: String,
    /// The organisation; needed only by the command line, where nobody is signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// The beginning, in milliseconds since the epoch.
    #[serde(deserialize_with = "field::int")]
    pub since: i64,
    /// The end, which is not in it; at most 366 days later.
    #[serde(deserialize_with = "field::int")]
    pub until: i64,
}

/// The answer of `fact.get`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Got {
    /// What was asked for.
    pub fact: Fact,
}

/// What a plugin says about a period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Fact {
    /// One number for the whole period.
    Number {
        /// How much.
        value: f64,
        /// Of what, as `people`.
        unit: String,
    },
    /// Numbers over the period.
    Series {
        /// By time.
        points: Vec<Point>,
        /// Of what, as `messages`.
        unit: String,
    },
}

/// A number at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// When, in milliseconds since the epoch: the beginning of what it counts.
    pub at: i64,
    /// How much.
    pub value: f64,
}
