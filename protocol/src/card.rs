//! Cards: messages with fields, buttons or a small form, which their owner changes in place.

mod build;
mod form;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ConvId,
    event::events,
    field,
    limits::{
        CARD_BUTTONS_MAX, CARD_FIELDS_MAX, CARD_ITEMS_MAX, CARD_KEY_LEN_MAX, CARD_LABEL_LEN_MAX,
        CARD_TITLE_LEN_MAX, TEXT_LEN_MAX, URL_LEN_MAX,
    },
    msg::Sent,
    operation::{Access, WRITE, operations},
};

pub use form::{Choice, Form, Input, InputKind, Value};

operations! {
    /// Writes a plugin's card as a message of the person on whose behalf the plugin works.
    "card.post": Post => Sent, Once, Access::System;
    /// Puts another card in place of a plugin's own, for everybody; the last one wins, or the one
    /// with the highest `version`.
    "card.update": Update => Updated, State, Access::System;
    /// Puts another card in place of one that the caller, a program, has sent; the last one wins.
    "card.set": Set => Updated, State, WRITE;
    /// Presses a button of a card or sends its form. Whoever may see the message may ask; who may
    /// do it is the owner's rule.
    "card.act": Act => Acted, Once, WRITE;
}

/// A card. As JSON it has at most 16 KiB; it says something, at least a title, a text or an item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Card {
    /// What it is about, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = CARD_TITLE_LEN_MAX))]
    pub title: Option<String>,
    /// More, as Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_LEN_MAX))]
    pub text: Option<String>,
    /// A picture: an address of http or https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = URL_LEN_MAX))]
    pub image: Option<String>,
    /// Where the title leads: an address of http, https or mailto.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = URL_LEN_MAX))]
    pub url: Option<String>,
    /// How serious it is; plain if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tone: Option<Tone>,
    /// Facts, at most 20.
    #[serde(
        default,
        deserialize_with = "field::named_list",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "Option<Vec<Fact>>", length(max = CARD_FIELDS_MAX))]
    pub fields: Vec<Fact>,
    /// Several things, each with a picture and a link of its own; at most 20.
    #[serde(
        default,
        deserialize_with = "field::named_list",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "Option<Vec<Item>>", length(max = CARD_ITEMS_MAX))]
    pub items: Vec<Item>,
    /// What can be done, at most 10.
    #[serde(
        default,
        deserialize_with = "field::named_list",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "Option<Vec<Button>>", length(max = CARD_BUTTONS_MAX))]
    pub buttons: Vec<Button>,
    /// What can be filled in.
    #[serde(
        default,
        deserialize_with = "field::named_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub form: Option<Form>,
    /// How far it is.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "State::is_open"
    )]
    #[schemars(with = "Option<State>")]
    pub state: State,
    /// What there is to say about the state, as `Amy approved it`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = CARD_LABEL_LEN_MAX))]
    pub note: Option<String>,
}

/// How serious something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// Worth knowing.
    Info,
    /// It went well.
    Good,
    /// Somebody should look.
    Warning,
    /// Somebody must look.
    Danger,
}

/// How far a card is. Only an open one can be acted on; on the others, links still lead somewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It can be acted on; absent means this.
    #[default]
    Open,
    /// Its owner works on it.
    Waiting,
    /// It is done.
    Done,
    /// It was refused.
    Refused,
    /// It is too late.
    Expired,
}

impl State {
    /// Whether the card can be acted on.
    pub fn is_open(&self) -> bool {
        *self == State::Open
    }
}

/// A fact, with what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// What it is called; may be empty.
    #[schemars(length(max = CARD_LABEL_LEN_MAX))]
    pub label: String,
    /// What it is, as Markdown.
    #[schemars(length(max = TEXT_LEN_MAX))]
    pub value: String,
    /// Whether it may stand beside another one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub short: bool,
}

/// One of several things in a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// What it is, in one line.
    #[schemars(length(min = 1, max = CARD_TITLE_LEN_MAX))]
    pub title: String,
    /// More, as Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_LEN_MAX))]
    pub text: Option<String>,
    /// A picture: an address of http or https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = URL_LEN_MAX))]
    pub image: Option<String>,
    /// Where it leads: an address of http, https or mailto.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = URL_LEN_MAX))]
    pub url: Option<String>,
}

/// A button: it leads somewhere (`url`) or does something (`act`), one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Button {
    /// What stands on it.
    #[schemars(length(min = 1, max = CARD_LABEL_LEN_MAX))]
    pub label: String,
    /// Where it leads: an address of http, https or mailto.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = URL_LEN_MAX))]
    pub url: Option<String>,
    /// What its owner is told when it is pressed; each one once in a card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = CARD_KEY_LEN_MAX))]
    pub act: Option<String>,
    /// How it looks; plain if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// What is asked before it does something, as `Refuse it?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = CARD_LABEL_LEN_MAX))]
    pub confirm: Option<String>,
}

/// How a button looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// What most people will press.
    Primary,
    /// What cannot be undone.
    Danger,
}

/// `card.post`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Post {
    /// Where.
    pub conv: ConvId,
    /// The plugin that the card belongs to: what people do with it goes to the operation
    /// `{owner}.act`.
    pub owner: String,
    /// What the plugin knows it by: each one once.
    #[schemars(length(min = 1, max = CARD_KEY_LEN_MAX))]
    pub key: String,
    /// What it says.
    #[serde(deserialize_with = "field::named")]
    pub card: Card,
}

/// `card.update`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Update {
    /// The plugin that it belongs to.
    pub owner: String,
    /// What the plugin knows it by.
    pub key: String,
    /// What it says now.
    #[serde(deserialize_with = "field::named")]
    pub card: Card,
    /// Which state of the plugin's it shows, where several may be shown at the same time: an update
    /// changes nothing unless its version is higher than any before. A card begins with 0. Absent,
    /// the last update wins.
    #[serde(default, deserialize_with = "field::int", skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// `card.set`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Set {
    /// Where.
    pub conv: ConvId,
    /// The message.
    #[serde(deserialize_with = "field::int")]
    pub seq: u64,
    /// What it says now.
    #[serde(deserialize_with = "field::named")]
    pub card: Card,
}

/// The answer of `card.update` and `card.set`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Updated {
    /// The position of the message's last change: an earlier one if the card said this already.
    pub rev: u64,
}

/// `card.act`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Act {
    /// Where.
    pub conv: ConvId,
    /// The message.
    #[serde(deserialize_with = "field::int")]
    pub seq: u64,
    /// The `act` of the button.
    #[schemars(length(min = 1, max = CARD_KEY_LEN_MAX))]
    pub act: String,
    /// What was filled in, by the ids of the inputs; of a form only.
    #[serde(
        default,
        deserialize_with = "field::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    pub values: BTreeMap<String, Value>,
}

/// What a plugin's operation `{owner}.act` is given: the caller is who acted, and `act` and
/// `values` fit the card as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acting {
    /// Where.
    pub conv: ConvId,
    /// The message.
    pub seq: u64,
    /// What the plugin knows the card by.
    pub key: String,
    /// The `act` of the button.
    pub act: String,
    /// What was filled in, by the ids of the inputs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Value>,
}

/// The answer of `card.act`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acted {
    /// Whether an earlier try had done it already.
    pub dup: bool,
}

/// `data` of `card.updated`. The event's own `seq` is the new `rev` of the message: a client
/// applies it only to a message whose `rev` is smaller. Without a card the message has to be read
/// again: not everybody who hears of the change may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdatedData {
    /// The message.
    pub of: u64,
    /// What it says now; absent where newcomers see nothing of the time before them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
}

events! {
    /// A card in the conversation says something else now.
    UPDATED = "card.updated": UpdatedData;
}

fn is_false(yes: &bool) -> bool {
    !yes
}
