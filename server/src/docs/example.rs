//! An example of a type: the least that an operation takes.

use serde_json::{Map, Value, json};

/// Any id.
const ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// An example of a schema, whose references lead into these definitions. A field that may be left
/// out is.
pub fn of(schema: &Value, definitions: &Map<String, Value>) -> Value {
    value(schema, definitions, "…")
}

/// `name` is that of the field: what a text says, for want of anything better.
fn value(schema: &Value, definitions: &Map<String, Value>, name: &str) -> Value {
    let of = |schema: &Value| value(schema, definitions, name);
    let reference = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next());
    if let Some(target) = reference.and_then(|key| definitions.get(key)) {
        return of(target);
    }
    if let Some(only) = schema.get("const") {
        return only.clone();
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if let Some(first) = ["oneOf", "anyOf", "allOf"].iter().find_map(|any| schema[*any].get(0)) {
        return of(first);
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("object") => object(schema, definitions),
        Some("array") => match schema["prefixItems"].as_array() {
            Some(parts) => parts.iter().map(of).collect(),
            None => json!([of(&schema["items"])]),
        },
        Some("string") => text(schema, name),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => json!(false),
        _ => json!({}),
    }
}

fn object(schema: &Value, definitions: &Map<String, Value>) -> Value {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let fields = required
        .map(|name| (name.to_owned(), value(&schema["properties"][name], definitions, name)));
    fields.collect::<Map<_, _>>().into()
}

fn text(schema: &Value, name: &str) -> Value {
    match schema["format"].as_str() {
        Some("topic") => json!(format!("c:{ID}")),
        Some(id) if id == "cid" || id.ends_with("-id") => json!(ID),
        _ => json!(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_has_what_is_required_and_nothing_else() {
        let definitions = json!({
            "Id": { "type": "string", "format": "conv-id" },
            "Body": { "oneOf": [{
                "type": "object",
                "properties": { "kind": { "const": "text" }, "text": { "type": "string" } },
                "required": ["kind", "text"],
            }] },
        });
        let schema = json!({
            "type": "object",
            "properties": {
                "conv": { "$ref": "#/$defs/Id" },
                "body": { "$ref": "#/$defs/Body" },
                "users": { "type": "array", "items": { "$ref": "#/$defs/Id" } },
                "limit": { "type": ["integer", "null"] },
            },
            "required": ["conv", "body", "users"],
        });
        let expected = json!({
            "conv": ID, "body": { "kind": "text", "text": "text" }, "users": [ID],
        });
        assert_eq!(of(&schema, definitions.as_object().expect("a map")), expected);
    }
}
