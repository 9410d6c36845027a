//! The log of any topic that the caller may listen to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Event, Topic, field,
    limits::EVENTS_PER_PAGE_MAX,
    operation::{GUESTS_READ, operations},
};

operations! {
    /// Events of a topic, to fill a gap or to look back.
    "log.read": Read => Page, Read, GUESTS_READ;
}

/// `log.read`; `after` or `before`, not both; neither: from the oldest.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Read {
    /// Where.
    pub topic: Topic,
    /// Events after this position, oldest first.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// The newest events before this position, oldest first.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// At most so many, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = EVENTS_PER_PAGE_MAX))]
    pub limit: Option<u32>,
}

/// The answer of `log.read`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Page {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// The topic's newest position that the caller may see.
    pub head: u64,
    /// Whether there are more in the direction that was asked for.
    pub more: bool,
    /// The oldest position that the caller may see.
    pub floor: u64,
}
