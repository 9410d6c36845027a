//! How each plugin runs: a section for each that anybody says something about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stands before the names of plugins.
const SECTION: &str = "plugins";
/// What documents and errors show.
const EXAMPLE: &str = "poll";

/// How one plugin runs, under its name as `carillon plugins` shows it. Nothing needs to be said of
/// those that run in this node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PluginSettings {
    /// In this node; in processes of its own, which `carillon plugin NAME --node URL` starts and
    /// `carillon plugins token NAME` gives a token; or switched off: what it has stays, and it
    /// goes on from there when it is switched on again.
    pub run: Run,
}

/// Where a plugin runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Run {
    /// In this node.
    #[default]
    Local,
    /// In processes of its own.
    Remote,
    /// Nowhere.
    Off,
}

/// The key of what is said about a plugin.
pub(super) fn key_of(name: &str) -> String {
    format!("{SECTION}.{name}.run")
}

/// The plugin that a key says something about.
pub(super) fn named(key: &str) -> Option<&str> {
    let name = key.strip_prefix(SECTION)?.strip_prefix('.')?.strip_suffix(".run")?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!name.is_empty() && name.chars().all(allowed)).then_some(name)
}

/// The key that somebody who wrote this one may have meant.
pub(super) fn like(key: &str) -> String {
    let rest = key.strip_prefix(SECTION).and_then(|rest| rest.strip_prefix('.'));
    let name = rest.and_then(|rest| rest.split('.').next()).unwrap_or(EXAMPLE);
    key_of(&name.to_ascii_lowercase())
}

/// Where the schema of the settings describes a setting or section.
pub(super) fn schema_pointer(key: &str) -> String {
    let of_plugin = key.starts_with(SECTION);
    let parts = key.split('.').enumerate().map(|(depth, part)| match (of_plugin, depth) {
        (true, 1) => "/additionalProperties".to_owned(),
        _ => format!("/properties/{part}"),
    });
    parts.collect()
}
