//! A type as a list of its fields.

use serde_json::{Map, Value};

use super::prose;
use crate::html::escape;

/// Every type of the page.
pub struct Fields<'a> {
    /// By name; references are links.
    pub definitions: &'a Map<String, Value>,
}

impl Fields<'_> {
    /// What stands in a type: its fields, its variants, or what else it is.
    pub fn of(&self, name: &str) -> String {
        let schema = &self.definitions[name];
        let rows = self.rows(schema);
        if !rows.is_empty() {
            return format!("<dl>\n{rows}</dl>\n");
        }
        match (kind(schema), variants(schema)) {
            (_, Some(variants)) => self.variants(variants),
            (Some("object"), None) => "<p class=\"none\">no fields</p>\n".to_owned(),
            (_, None) => format!("<p>{}</p>\n", self.kind_and_bounds(schema)),
        }
    }

    fn variants(&self, variants: &[Value]) -> String {
        let one = |variant: &Value| {
            let about = about(variant);
            let rows = self.rows(variant);
            if rows.is_empty() {
                format!("<dt>{}</dt>\n<dd>{about}</dd>\n", self.kind_and_bounds(variant))
            } else {
                format!("<dt>one of</dt>\n<dd>{about}\n<dl>\n{rows}</dl></dd>\n")
            }
        };
        let all: String = variants.iter().map(one).collect();
        format!("<dl>\n{all}</dl>\n")
    }

    /// The fields of an object, those first that must be there.
    fn rows(&self, schema: &Value) -> String {
        let required: Vec<_> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let is_required = |name: &str| required.contains(&name);
        let one = |(name, field): (&String, &Value)| {
            let optional = if is_required(name) { "" } else { " <i>optional</i>" };
            format!(
                "<dt><code>{}</code> <span>{}</span>{optional}</dt>\n<dd>{}</dd>\n",
                escape(name),
                self.kind_and_bounds(field),
                about(field),
            )
        };
        let fields = || schema["properties"].as_object().into_iter().flatten();
        let first = fields().filter(|(name, _)| is_required(name));
        first.chain(fields().filter(|(name, _)| !is_required(name))).map(one).collect()
    }

    fn kind_and_bounds(&self, schema: &Value) -> String {
        self.kind(schema) + &bounds(schema)
    }

    fn kind(&self, schema: &Value) -> String {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or_default();
            return format!("<a href=\"{}\">{}</a>", escape(reference), escape(name));
        }
        if let Some(only) = schema.get("const") {
            return format!("<code>{}</code>", escape(&only.to_string()));
        }
        if let Some(values) = schema["enum"].as_array() {
            let values =
                values.iter().map(|value| format!("<code>{}</code>", escape(&value.to_string())));
            return values.collect::<Vec<_>>().join(" or ");
        }
        if let Some(variants) = variants(schema) {
            let some = variants.iter().filter(|variant| kind(variant) != Some("null"));
            return some.map(|variant| self.kind(variant)).collect::<Vec<_>>().join(" or ");
        }
        match kind(schema) {
            Some("array") => match schema["prefixItems"].as_array() {
                Some(parts) => {
                    let parts: Vec<_> = parts.iter().map(|part| self.kind(part)).collect();
                    format!("[{}]", parts.join(", "))
                }
                None => format!("list of {}", self.kind(&schema["items"])),
            },
            Some(kind) => kind.to_owned(),
            None => "anything".to_owned(),
        }
    }
}

/// How long, or how much.
fn bounds(schema: &Value) -> String {
    let number = |word: &str| schema[word].as_i64();
    let pairs = [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " entries"),
    ];
    let one = |(least, most, unit): (&str, &str, &str)| match (number(least), number(most)) {
        // What every integer of the protocol has is said once, on the page.
        (None, None) | (_, Some(9_007_199_254_740_991 | 4_294_967_295 | 65_535)) => None,
        (Some(least), Some(most)) => Some(format!(", {least} to {most}{unit}")),
        (Some(least), None) => Some(format!(", at least {least}{unit}")),
        (None, Some(most)) => Some(format!(", at most {most}{unit}")),
    };
    pairs.into_iter().filter_map(one).collect()
}

fn variants(schema: &Value) -> Option<&[Value]> {
    let list = schema.get("oneOf").or_else(|| schema.get("anyOf"))?;
    list.as_array().map(Vec::as_slice)
}

/// The `type` of a schema; of one that may be left out without the `null`.
fn kind(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        kind => kind.as_str(),
    }
}

fn about(schema: &Value) -> String {
    schema["description"].as_str().map_or(String::new(), prose)
}
