//! Arguments out of the schema of an operation, with the ids of whom one wants.

use carillon_protocol::SessionId;
use serde_json::{Map, Value, json};

use super::Tenant;

/// Fields that say where a page begins: any id may stand there, and nothing is shown of it.
const PAGE_STARTS: [&str; 1] = ["after"];

/// An argument that can carry an id of somebody else: its path, and whether it must be there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdField(Vec<String>);

/// Where `before` names a department and not a position.
fn is_department(property: &Value) -> bool {
    property.to_string().contains("#/$defs/DepartmentId")
}

/// Builds arguments out of a schema.
pub struct Generator<'a> {
    pub definitions: &'a Map<String, Value>,
    /// Whose ids are used, but for the field that is under attack.
    pub own: &'a Tenant,
    pub session: SessionId,
    pub foreign: Option<(&'a IdField, &'a Tenant, SessionId)>,
    pub found: Vec<IdField>,
}

impl Generator<'_> {
    pub fn value(&mut self, schema: &Value, path: &mut Vec<String>) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.trim_start_matches("#/$defs/");
            let definition = self.definitions[name].clone();
            return self.value(&definition, path);
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            if let Some(choice) = schema[key].as_array().and_then(|choices| choices.first()) {
                let mut value = self.value(choice, path);
                // A tagged variant shares the properties that stand beside the choices.
                if let (Some(object), true) =
                    (value.as_object_mut(), schema["properties"].is_object())
                {
                    let shared = self.object(schema, path);
                    object.extend(shared.as_object().cloned().unwrap_or_default());
                }
                return value;
            }
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
            return first.clone();
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds[0].as_str().unwrap_or_default().to_owned(),
            kind => kind.as_str().unwrap_or_default().to_owned(),
        };
        match kind.as_str() {
            "object" => self.object(schema, path),
            "array" => {
                let item = schema["items"].clone();
                json!([self.value(&item, path)])
            }
            "string" => self.string(schema, path),
            "integer" => json!(self.number(path)),
            "boolean" => json!(true),
            other => panic!("no value for a schema of type `{other}` at {path:?}: {schema}"),
        }
    }

    fn object(&mut self, schema: &Value, path: &mut Vec<String>) -> Value {
        let empty = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        let mut object = Map::new();
        for (name, property) in properties {
            path.push(name.clone());
            if self.wanted(path) || is_department(property) {
                object.insert(name.clone(), self.value(property, path));
            }
            path.pop();
        }
        Value::Object(object)
    }

    /// What an owner would really say; the rest of the optional arguments contradicts it.
    fn wanted(&self, path: &[String]) -> bool {
        !matches!(
            path.last().map(String::as_str),
            Some("before" | "around" | "after" | "from" | "limit" | "reply_to" | "user" | "app")
        ) || path == ["user"] && !self.definitions.contains_key("__issue")
    }

    fn string(&mut self, schema: &Value, path: &[String]) -> Value {
        let field = IdField(path.to_vec());
        let format = schema["format"].as_str().unwrap_or_default();
        let page_start = path.last().is_some_and(|name| PAGE_STARTS.contains(&name.as_str()));
        let name = path.last().map(String::as_str).unwrap_or_default();
        let Some(own) = self.own.id((name, format), self.session) else {
            return match name {
                "fact" => json!("ding.sent_about"),
                "cron" => json!("0 9 * * *"),
                "schedule" => json!("morning"),
                "locale" => json!("zh-HK"),
                "address" => json!("amy@example.com"),
                "before" => json!("1:a"),
                "permissions" => json!("people"),
                "networks" => json!("192.0.2.0/24"),
                "csv" => json!(format!("login,name\np{},Somebody\n", crate::kit::new_id())),
                "login" => json!(format!("p{}", crate::kit::new_id()).to_lowercase()),
                _ => json!("Carillon"),
            };
        };
        if !page_start && !self.found.contains(&field) {
            self.found.push(field.clone());
        }
        match self.foreign {
            Some((attacked, tenant, session)) if *attacked == field => {
                tenant.id((name, format), session).expect("both tenants have every kind of id")
            }
            _ => own,
        }
    }

    fn number(&self, path: &[String]) -> u64 {
        match path.last().map(String::as_str) {
            Some("ttl_ms") => 60_000,
            Some("uses") => 1,
            Some("choices") => 0,
            _ => self.own.seq,
        }
    }
}
