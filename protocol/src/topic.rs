//! Addresses: one topic, one log, one gapless `seq`.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{ConvId, OrgId, UserId};

/// Where events are appended and listened to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// `c:{conversation}`.
    Conv(ConvId),
    /// `u:{user}`: what concerns one person.
    User(UserId),
    /// `o:{org}`: changes of the directory.
    Org(OrgId),
    /// `x:{plugin}:{id}`: a plugin's own.
    Plugin(Box<PluginTopic>),
}

/// The address of a plugin's own log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginTopic {
    /// The plugin's name: lower-case letters, digits and `_`.
    pub plugin: String,
    /// Whatever the plugin names its things by; at most 64 bytes, no control characters.
    pub id: String,
}

/// The text is not a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a topic: c:ID, u:ID, o:ID or x:PLUGIN:ID")]
pub struct BadTopic;

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topic::Conv(id) => write!(f, "c:{id}"),
            Topic::User(id) => write!(f, "u:{id}"),
            Topic::Org(id) => write!(f, "o:{id}"),
            Topic::Plugin(topic) => write!(f, "x:{}:{}", topic.plugin, topic.id),
        }
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Topic {
    type Err = BadTopic;

    fn from_str(text: &str) -> Result<Self, BadTopic> {
        let (kind, id) = text.split_once(':').ok_or(BadTopic)?;
        match kind {
            "c" => id.parse().map(Topic::Conv).map_err(|_| BadTopic),
            "u" => id.parse().map(Topic::User).map_err(|_| BadTopic),
            "o" => id.parse().map(Topic::Org).map_err(|_| BadTopic),
            "x" => plugin_topic(id).ok_or(BadTopic),
            _ => Err(BadTopic),
        }
    }
}

fn plugin_topic(text: &str) -> Option<Topic> {
    let (plugin, id) = text.split_once(':')?;
    let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let plugin_ok = (1..=32).contains(&plugin.len()) && plugin.chars().all(named);
    let id_ok = (1..=64).contains(&id.len()) && !id.chars().any(char::is_control);
    (plugin_ok && id_ok)
        .then(|| Topic::Plugin(Box::new(PluginTopic { plugin: plugin.into(), id: id.into() })))
}

impl Serialize for Topic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Topic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TopicVisitor;
        impl de::Visitor<'_> for TopicVisitor {
            type Value = Topic;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a topic")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Topic, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(TopicVisitor)
    }
}

impl JsonSchema for Topic {
    fn schema_name() -> Cow<'static, str> {
        "Topic".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where events are appended and listened to: a conversation, a person, \
                            an organisation, or a plugin's own.",
            "type": "string",
            "format": "topic",
            "pattern": concat!(
                "^([cuo]:[0-7][0-9A-HJKMNP-TV-Z]{25}|",
                r"x:[a-z0-9_]{1,32}:[^\u0000-\u001F\u007F-\u009F]{1,64})$",
            ),
        })
    }
}
