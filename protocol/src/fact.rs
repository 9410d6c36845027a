//! Facts: named numbers, series and lists about an organisation or a conversation, which plugins
//! offer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ConvId, OrgId, UserId, field,
    operation::{ADMIN, operations},
};

operations! {
    /// The facts that can be asked for.
    "fact.list": List => Listed, Read, ADMIN;
    /// A fact for a period: about a conversation for its members, about the organisation for its
    /// administrators.
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
    /// Of what it is; the organisation if absent.
    #[serde(default, skip_serializing_if = "About::is_organisation")]
    pub about: About,
}

/// Of what a fact is, and so who may ask for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The organisation: its administrators.
    #[default]
    Organisation,
    /// A conversation: its members.
    Conversation,
}

impl About {
    fn is_organisation(&self) -> bool {
        *self == About::Organisation
    }
}

/// `fact.get`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Get {
    /// Its name.
    pub fact: String,
    /// The organisation; needed only by the command line, where nobody is signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<OrgId>,
    /// The conversation, for a fact about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conv: Option<ConvId>,
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
    /// Lines, the most important first.
    List {
        /// At most 20.
        lines: Vec<Line>,
        /// Of what their numbers are, as `messages`.
        unit: String,
    },
}

/// A line of a fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// Who or what it is about, as somebody named it: a text, never Markdown.
    pub label: String,
    /// The person, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// How much.
    pub value: f64,
}

/// A number at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// When, in milliseconds since the epoch: the beginning of what it counts.
    pub at: i64,
    /// How much.
    pub value: f64,
}
