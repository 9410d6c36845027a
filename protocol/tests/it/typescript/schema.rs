//! A JSON schema, as schemars derives it, in TypeScript.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Map, Value};

/// The width of a line.
pub const WIDTH: usize = 100;

/// Writes types that may refer to each other.
pub struct Writer<'a> {
    /// Every schema by its name.
    pub definitions: &'a Map<String, Value>,
    /// The names in TypeScript by the names in the schemas.
    pub names: &'a BTreeMap<String, String>,
}

impl Writer<'_> {
    /// `export interface` or `export type` with its documentation. What may be left out of
    /// arguments may also be `undefined`.
    pub fn declaration(&self, name: &str, schema: &Value, args: bool) -> String {
        let about = description(schema).map_or(String::new(), |text| doc(text, 0));
        let properties = schema["properties"].as_object();
        let variants = variants(schema);
        let body = match (properties, variants) {
            (Some(_), None) => format!("interface {name} {}", self.object(schema, 0, args)),
            (Some(_), Some(variants)) => {
                let either = self.same(variants).unwrap_or_else(|| self.either(variants));
                format!("type {name} = {either} & {}", self.object(schema, 0, args))
            }
            (None, Some(variants)) => format!("type {name} ={}", self.listed(variants)),
            (None, None) => format!("type {name} = {}", self.of(schema)),
        };
        format!("{about}export {body}\n")
    }

    /// The type of a value.
    pub fn of(&self, schema: &Value) -> String {
        if let Some(reference) = schema["$ref"].as_str() {
            let key = reference.rsplit('/').next().unwrap_or_default();
            let name = self.names.get(key).filter(|name| *name != "Json");
            return name.map_or("unknown".to_owned(), String::clone);
        }
        if let Some(value) = schema.get("const") {
            return literal(value);
        }
        if let Some(values) = schema["enum"].as_array() {
            return values.iter().map(literal).collect::<Vec<_>>().join(" | ");
        }
        if let Some(variants) = variants(schema) {
            return self.either(variants);
        }
        match kind(schema) {
            Some("string") if schema["format"] == "topic" => {
                "`c:${ConvId}` | `u:${UserId}` | `o:${OrgId}` | `x:${string}:${string}`".to_owned()
            }
            Some("string") => "string".to_owned(),
            Some("integer" | "number") => "number".to_owned(),
            Some("boolean") => "boolean".to_owned(),
            Some("array") => self.array(schema),
            Some("object") if schema["properties"].is_object() => self.inline(schema),
            Some("object") if schema["additionalProperties"].is_object() => {
                format!("Record<string, {}>", self.of(&schema["additionalProperties"]))
            }
            Some("object") => "Record<string, never>".to_owned(),
            Some(other) => panic!("no type of TypeScript for {other}: {schema}"),
            None => "unknown".to_owned(),
        }
    }

    fn array(&self, schema: &Value) -> String {
        if let Some(parts) = schema["prefixItems"].as_array() {
            let parts: Vec<String> = parts.iter().map(|part| self.of(part)).collect();
            return format!("[{}]", parts.join(", "));
        }
        let item = self.of(&schema["items"]);
        if item.contains(" | ") { format!("({item})[]") } else { format!("{item}[]") }
    }

    fn either(&self, variants: &[Value]) -> String {
        let types: Vec<String> = variants
            .iter()
            .filter(|variant| kind(variant) != Some("null"))
            .map(|variant| self.of(variant))
            .collect();
        types.join(" | ")
    }

    /// The type whose variants these are: flattening writes them out again.
    fn same(&self, variants: &[Value]) -> Option<String> {
        let is_same = |schema: &Value| {
            schema["properties"].is_null() && self::variants(schema) == Some(variants)
        };
        let (key, _) = self.definitions.iter().find(|(_, schema)| is_same(schema))?;
        self.names.get(key).cloned()
    }

    /// Variants one below the other, each with its documentation.
    fn listed(&self, variants: &[Value]) -> String {
        let mut text = String::new();
        for variant in variants {
            let about = description(variant).map_or(String::new(), |text| doc(text, 2));
            let written = match variant["properties"].is_object() {
                true => self.object(variant, 4, false),
                false => self.of(variant),
            };
            write!(text, "\n{about}  | {written}").expect("a string");
        }
        text
    }

    /// The fields of an object, one below the other.
    fn object(&self, schema: &Value, indent: usize, args: bool) -> String {
        let margin = " ".repeat(indent);
        let mut text = "{\n".to_owned();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let about = description(field).map_or(String::new(), |text| doc(text, indent + 2));
            let entry = self.entry(schema, name, field, args);
            writeln!(text, "{about}{margin}  {entry}").expect("a string");
        }
        text + &margin + "}"
    }

    fn inline(&self, schema: &Value) -> String {
        let fields = schema["properties"].as_object().into_iter().flatten();
        let entries: Vec<String> =
            fields.map(|(name, field)| self.entry(schema, name, field, false)).collect();
        format!("{{ {} }}", entries.join("; "))
    }

    fn entry(&self, schema: &Value, name: &str, field: &Value, args: bool) -> String {
        let required = schema["required"].as_array();
        let required = required.is_some_and(|names| names.iter().any(|it| it == name));
        let mut value = self.of(field);
        if field["nullable"] == true {
            value += " | null";
        }
        if args && !required {
            value += " | undefined";
        }
        format!("{name}{} {value}", if required { ":" } else { "?:" })
    }
}

fn variants(schema: &Value) -> Option<&[Value]> {
    let list = schema.get("oneOf").or_else(|| schema.get("anyOf"))?;
    list.as_array().map(Vec::as_slice)
}

/// The `type` of a schema; of an optional value without the `null`.
fn kind(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        kind => kind.as_str(),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    }
}

fn description(schema: &Value) -> Option<&str> {
    schema["description"].as_str()
}

/// A documentation comment, in lines that are short enough.
pub fn doc(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let text = text.replace("[`", "`").replace("`]", "`");
    let words: Vec<&str> = text.split_whitespace().collect();
    let one = format!("{margin}/** {} */\n", words.join(" "));
    if one.chars().count() <= WIDTH + 1 {
        return one;
    }
    let mut lines = vec![String::new()];
    for word in words {
        let line = lines.last_mut().expect("there is always one");
        let length = indent + " * ".len() + line.chars().count() + word.chars().count();
        if length > WIDTH {
            lines.push(word.to_owned());
        } else {
            line.push_str(word);
        }
        lines.last_mut().expect("there is always one").push(' ');
    }
    let lines: Vec<String> =
        lines.iter().map(|line| format!("{margin} * {}\n", line.trim_end())).collect();
    format!("{margin}/**\n{}{margin} */\n", lines.concat())
}
