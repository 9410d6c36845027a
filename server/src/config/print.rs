//! The settings in words, generated from their doc comments.

use std::fmt::Write as _;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::{
    Config, Origins,
    load::{pointer, tree},
    plugins,
};

/// Lines of the commented file are at most so long.
const COLUMNS: usize = 80;

impl Config {
    /// The default configuration as a file with the documentation of every setting.
    pub fn commented_default() -> String {
        let mut text = String::from(
            "# The configuration of a Carillon node. Every setting has a default: a file needs\n\
             # only what differs. The environment goes before the file, as\n\
             # CARILLON_LIMITS__WRITES_PER_S=50, and flags go before the environment.\n",
        );
        let default = tree(&Config::default());
        let mut section = String::new();
        for key in Config::keys() {
            let (before, name) = key.rsplit_once('.').unwrap_or(("", &key));
            if before != section {
                section = before.to_owned();
                text.push('\n');
                comment(&mut text, &describe(before));
                let _ = writeln!(text, "[{section}]");
            }
            text.push('\n');
            comment(&mut text, &describe(&key));
            let value = default.pointer(&pointer(&key)).unwrap_or(&Value::Null);
            if value.is_null() || *value == Value::Array(Vec::new()) {
                let example = toml_value(&example(&schema_of(&key)).unwrap_or(Value::Null));
                let _ = writeln!(text, "# {name} = {example}");
            } else {
                let _ = writeln!(text, "{name} = {}", toml_value(value));
            }
        }
        let (section, name) = (plugins::like(""), "run");
        let section = section.trim_end_matches(".run");
        text.push('\n');
        comment(&mut text, &describe(section));
        let _ = writeln!(text, "# [{section}]\n");
        comment(&mut text, &describe(&format!("{section}.{name}")));
        let _ = writeln!(text, "# {name} = \"remote\"");
        text
    }

    /// Every setting with its value and where the value comes from, a line each.
    pub fn explain(&self, origins: &Origins) -> String {
        let values = tree(self);
        let plugins = self.plugins.keys().map(|name| plugins::key_of(name));
        let lines = Config::keys().into_iter().chain(plugins).map(|key| {
            let value = values.pointer(&pointer(&key)).unwrap_or(&Value::Null);
            let shown = if value.is_null() { "(not set)".into() } else { toml_value(value) };
            (format!("{key} = {shown}"), origins.of(&key).to_string())
        });
        let lines: Vec<_> = lines.collect();
        let width = lines.iter().map(|(setting, _)| setting.chars().count()).max().unwrap_or(0);
        lines.iter().map(|(setting, source)| format!("{setting:width$}  # {source}\n")).collect()
    }
}

/// What fits a setting, for the message about a value that does not.
pub(super) fn expected(key: &str) -> String {
    let schema = schema_of(key);
    let choices = choices(&schema);
    if let Some((last, others)) = choices.split_last() {
        return format!("{} or {last}", others.join(", "));
    }
    let kind = schema.get("type").map(|kind| match kind {
        Value::Array(kinds) => kinds.first().cloned().unwrap_or_default(),
        kind => kind.clone(),
    });
    let kind = kind.unwrap_or_default();
    let kind = match kind.as_str() {
        Some("integer") => {
            let least = schema.get("minimum").and_then(Value::as_u64).unwrap_or(0);
            let most = schema.get("maximum").and_then(Value::as_u64);
            let most = most.map_or_else(String::new, |most| format!(" to {most}"));
            return format!("a whole number from {least}{most}");
        }
        Some("boolean") => return "true or false".to_owned(),
        Some("array") => "a list",
        _ => "text",
    };
    example(&schema)
        .map_or_else(|| kind.into(), |like| format!("{kind} like {}", toml_value(&like)))
}

/// The schema of a setting or section, with everything it refers to written out in place.
fn schema_of(key: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<Config>();
    schema.as_value().pointer(&plugins::schema_pointer(key)).cloned().unwrap_or_default()
}

/// The doc comment of a setting or section, with the values it can have if they are few.
pub(super) fn describe(key: &str) -> String {
    let schema = schema_of(key);
    let doc = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let doc = doc.split_whitespace().collect::<Vec<_>>().join(" ");
    match choices(&schema).split_last() {
        Some((last, others)) => {
            format!("{}: {} or {last}.", doc.trim_end_matches('.'), others.join(", "))
        }
        None => doc,
    }
}

fn choices(schema: &Value) -> Vec<String> {
    let variants = schema.get("oneOf").and_then(Value::as_array);
    let names = variants.into_iter().flatten().filter_map(|variant| variant.get("const"));
    names.map(toml_value).collect()
}

fn example(schema: &Value) -> Option<Value> {
    schema.get("examples")?.get(0).cloned()
}

/// Text, whole numbers, booleans and lists of them look the same in TOML as in JSON.
fn toml_value(value: &Value) -> String {
    value.to_string()
}

fn comment(text: &mut String, doc: &str) {
    let mut line = String::from("#");
    for word in doc.split(' ') {
        if line.len() + 1 + word.len() > COLUMNS {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
