//! Small forms in cards.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Button, is_false};
use crate::{
    field,
    limits::{
        CARD_INPUTS_MAX, CARD_KEY_LEN_MAX, CARD_LABEL_LEN_MAX, CARD_OPTIONS_MAX, TEXT_LEN_MAX,
    },
};

/// A small form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Form {
    /// What is asked, 1 to 20.
    #[serde(deserialize_with = "field::named_list")]
    #[schemars(length(min = 1, max = CARD_INPUTS_MAX))]
    pub inputs: Vec<Input>,
    /// The button that sends it; it has an `act`.
    #[serde(deserialize_with = "field::named")]
    pub submit: Button,
}

/// A question of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// What the answer is called in `values`; each one once in a form.
    #[schemars(length(min = 1, max = CARD_KEY_LEN_MAX))]
    pub id: String,
    /// What is asked.
    #[schemars(length(min = 1, max = CARD_LABEL_LEN_MAX))]
    pub label: String,
    /// What kind of answer.
    pub kind: InputKind,
    /// Whether it must be answered.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// What can be chosen, of `choice` and `choices`: 1 to 50.
    #[serde(
        default,
        deserialize_with = "field::named_list",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "Option<Vec<Choice>>", length(max = CARD_OPTIONS_MAX))]
    pub options: Vec<Choice>,
    /// The most characters, of `text` and `long`; 1,000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = TEXT_LEN_MAX))]
    pub max_len: Option<u32>,
    /// What stands there at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// What kind of answer an input takes. A client that does not know one says so and lets the rest
/// be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// One line.
    Text,
    /// Several lines.
    Long,
    /// A decimal number, as text: `12.50` stays what it is.
    Number,
    /// A day, as `2026-11-22`.
    Date,
    /// One of the options.
    Choice,
    /// Some of the options.
    Choices,
    /// Yes or no.
    Toggle,
}

/// Something to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    /// What its owner is told; each one once in an input.
    #[schemars(length(min = 1, max = CARD_KEY_LEN_MAX))]
    pub value: String,
    /// What people read.
    #[schemars(length(min = 1, max = CARD_LABEL_LEN_MAX))]
    pub label: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// Of `toggle`.
    Yes(bool),
    /// Of `text`, `long`, `number`, `date` and `choice`.
    Text(String),
    /// Of `choices`.
    Choices(Vec<String>),
}
