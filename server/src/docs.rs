//! What the server says about its own interface: OpenAPI, AsyncAPI, JSON Schemas, and a page.
//!
//! All of it is made from the tables that the server runs on, of operations, events, errors and
//! limits, so that it cannot say anything else; and from nothing else, so that every server of a
//! version shows the same.

mod asyncapi;
mod example;
mod openapi;
mod page;

use std::collections::BTreeSet;

use carillon_plugin::{Host, Operation};
use carillon_protocol::{
    Access, Effect,
    event::{self, Visitor},
    schemas::{Schemas, sentence},
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// How the page is drawn.
pub const STYLE: &str = include_str!("docs/page/page.css");

/// Every document.
pub struct Documents {
    /// OpenAPI 3.1: the operations over HTTP.
    pub openapi: Value,
    /// AsyncAPI 3: what travels on a socket.
    pub asyncapi: Value,
    /// All of it for people, as HTML.
    pub page: String,
    /// Every type by its name, with references to each other.
    schemas: Map<String, Value>,
}

/// An operation that somebody outside may call.
struct Documented {
    op: &'static str,
    doc: String,
    effect: Effect,
    access: Access,
    /// The names of the types of its arguments and of its answer.
    args: String,
    reply: String,
}

/// A kind of events or ephemerals.
struct Kind {
    k: &'static str,
    doc: String,
    /// The name of the type of its data.
    data: String,
}

/// What the documents are made from.
struct Tables {
    operations: Vec<Documented>,
    events: Vec<Kind>,
    ephemerals: Vec<Kind>,
    schemas: Schemas,
}

/// The references between types where every one of them stands below `$defs`.
const DEFS: &str = "#/$defs/";

impl Documents {
    /// The documents of this host's operations.
    pub fn of(host: &Host) -> Documents {
        let tables = Tables::of(host);
        Documents {
            openapi: openapi::document(&tables),
            asyncapi: asyncapi::document(&tables),
            page: page::html(&tables),
            schemas: tables.schemas.written(DEFS),
        }
    }

    /// The schema of a type, with all that it refers to.
    pub fn schema(&self, name: &str) -> Option<Value> {
        let mut schema = self.schemas.get(name)?.clone();
        let mut needed = BTreeSet::new();
        self.gather(&schema, &mut needed);
        let needed = needed.into_iter().map(|name| (name.to_owned(), self.schemas[name].clone()));
        let defs: Map<String, Value> = needed.collect();
        schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        schema["title"] = json!(name);
        if !defs.is_empty() {
            schema["$defs"] = Value::Object(defs);
        }
        Some(schema)
    }

    fn gather<'a>(&'a self, schema: &Value, needed: &mut BTreeSet<&'a str>) {
        for name in references(schema) {
            let Some((name, schema)) = self.schemas.get_key_value(name) else { continue };
            if needed.insert(name) {
                self.gather(schema, needed);
            }
        }
    }
}

impl Tables {
    fn of(host: &Host) -> Tables {
        let operations = || host.operations().filter(|it| it.access != Access::System);
        let names = operations().map(|it| {
            let [args, _] = (it.types)();
            (it.op, args.into_owned())
        });
        let mut tables = Tables {
            schemas: Schemas::new(names),
            operations: Vec::new(),
            events: Vec::new(),
            ephemerals: Vec::new(),
        };
        operations().for_each(|operation| tables.document(operation));
        event::each(&mut tables);
        tables
    }

    fn document(&mut self, operation: Operation) {
        let Operation { op, doc, effect, access, types, args, reply } = operation;
        let [args_id, reply_id] = types();
        let args = self.schemas.add(&args_id, args);
        let reply = self.schemas.add(&reply_id, reply);
        self.operations.push(Documented { op, doc: sentence(doc), effect, access, args, reply });
    }
}

impl Visitor for Tables {
    fn event<D: Serialize + DeserializeOwned + JsonSchema>(
        &mut self,
        k: &'static str,
        doc: &'static str,
    ) {
        let data = self.schemas.of::<D>();
        self.events.push(Kind { k, doc: sentence(doc), data });
    }

    fn ephemeral<D: Serialize + DeserializeOwned + JsonSchema>(
        &mut self,
        k: &'static str,
        doc: &'static str,
    ) {
        let data = self.schemas.of::<D>();
        self.ephemerals.push(Kind { k, doc: sentence(doc), data });
    }
}

impl Documented {
    /// What it is about, as `conv.member`.
    fn area(&self) -> &'static str {
        self.op.rsplit_once('.').map_or(self.op, |(nouns, _)| nouns)
    }

    /// The scope that it needs, if it needs one.
    fn scope(&self) -> Option<&'static str> {
        match self.access {
            Access::Scope(scope) | Access::Room(scope) => Some(scope),
            Access::Public | Access::System => None,
        }
    }
}

/// What an effect means to a caller.
fn promise(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "changes nothing",
        Effect::State => "sets a state: may be repeated",
        Effect::Once => "takes effect once for each `cid`",
    }
}

/// The first sentence of a documentation.
fn summary(doc: &str) -> &str {
    doc.find(". ").map_or(doc, |end| &doc[..=end]).trim_end_matches('.')
}

/// The names of the types that a schema refers to.
fn references(schema: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = vec![schema];
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(fields) => {
                let reference = fields.get("$ref").and_then(Value::as_str);
                found.extend(reference.and_then(|reference| reference.rsplit('/').next()));
                rest.extend(fields.values());
            }
            Value::Array(list) => rest.extend(list),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_the_first_sentence() {
        assert_eq!(summary("Makes a group."), "Makes a group");
        assert_eq!(summary("One. Two."), "One");
        assert_eq!(summary("`org.x.y` is one. And two"), "`org.x.y` is one");
    }

    #[test]
    fn references_are_found_wherever_they_stand() {
        let schema = json!({ "$ref": "#/$defs/A", "items": [{ "x": { "$ref": "#/$defs/B" } }] });
        let mut found = references(&schema);
        found.sort_unstable();
        assert_eq!(found, ["A", "B"]);
    }
}
