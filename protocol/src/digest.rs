//! Digests: what plugins know about a period, as a message.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    PictureId, RobotId,
    fact::About,
    field,
    limits::{CARD_TITLE_LEN_MAX, DIGEST_INTRO_LEN_MAX, DIGEST_SECTIONS_MAX},
    msg::Body,
    operation::{READ, WRITE, operations},
    schedule::{Ready, Says},
};

operations! {
    /// What a robot's digests can be made of: those that come with the server, and the facts that
    /// the caller may see. The owner of the robot's group may look.
    "bot.digest.list": List => Listed, Read, READ;
    /// The message that a robot would post now, with its pictures; nothing is posted. The owner of
    /// the robot's group may look, at what they may see.
    "bot.digest.preview": Preview => Previewed, State, WRITE;
    /// A picture of a digest, for the members of its conversation; one of a preview for whoever
    /// asked for it, for an hour. Browsers read it at `/v1/bot/pictures/ID`.
    "bot.digest.picture": GetPicture => Picture, Read, READ;
}

/// What a digest consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Template {
    /// What stands above the parts: Markdown, 1 byte to 4 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = DIGEST_INTRO_LEN_MAX))]
    pub intro: Option<String>,
    /// Its parts, 1 to 12, at most 4 of them charts.
    #[serde(deserialize_with = "field::named_list")]
    #[schemars(length(min = 1, max = DIGEST_SECTIONS_MAX))]
    pub sections: Vec<Section>,
}

/// A part of a digest: a fact for a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Section {
    /// What it is called, in one line of 1 to 200 characters; absent, as the fact is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = CARD_TITLE_LEN_MAX))]
    pub title: Option<String>,
    /// The name of the fact, as `chat.messages`.
    #[schemars(length(min = 1, max = 64))]
    pub fact: String,
    /// Of which time.
    pub period: Span,
    /// How it is shown.
    pub show: Show,
}

/// A period, by the calendar of the organisation's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// The day before this one.
    Yesterday,
    /// The seven days before this one.
    #[serde(rename = "last_7_days")]
    Last7Days,
    /// The week before this one, Monday to Sunday.
    LastWeek,
    /// The month before this one.
    Month,
}

/// How a fact is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Show {
    /// A number, with the change against the period before.
    Number,
    /// A picture of the number hour by hour, or day by day if the period is longer than a day.
    Chart,
    /// Its lines, the largest first.
    List,
}

/// `bot.digest.list`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct List {
    /// Which robot.
    pub robot: RobotId,
}

/// The answer of `bot.digest.list`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// Those that come with the server.
    pub ready: Vec<Shipped>,
    /// The facts that the caller may ask for, by name.
    pub facts: Vec<Offered>,
}

/// A digest that comes with the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shipped {
    /// Which.
    pub digest: Ready,
    /// What it consists of.
    #[serde(deserialize_with = "field::named")]
    pub template: Template,
    /// Whether the caller may see all that it asks for.
    pub allowed: bool,
}

/// A fact that a digest may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Offered {
    /// Its name, as `chat.messages`.
    pub fact: String,
    /// What it is, in a sentence.
    pub doc: String,
    /// Of what it is.
    pub about: About,
}

/// `bot.digest.preview`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Preview {
    /// Who would post it.
    pub robot: RobotId,
    /// What it is about, in one line of 1 to 200 characters.
    #[schemars(length(min = 1, max = CARD_TITLE_LEN_MAX))]
    pub title: String,
    /// What would be posted.
    #[serde(deserialize_with = "field::named")]
    pub says: Says,
}

/// The answer of `bot.digest.preview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Previewed {
    /// The message.
    #[serde(deserialize_with = "field::named")]
    pub body: Body,
    /// The language of it, as `zh-HK`: the organisation's, whatever the caller reads.
    pub locale: String,
}

/// `bot.digest.picture`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct GetPicture {
    /// Which.
    pub picture: PictureId,
}

/// A picture.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Picture {
    /// A PNG file in Base64, at most 60 KiB before that.
    pub png: String,
}
