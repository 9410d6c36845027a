//! The types that are declared, under names that are unique in one file.

use std::collections::BTreeMap;

use carillon_protocol::{
    Cid, ConvId, DepartmentId, DeviceId, Ephemeral, ErrorBody, Event, EventId, InviteId, OrgId,
    RoleId, SessionId, Topic, UserId,
    frame::{Hello, TopicPage, Welcome},
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};

use super::schema::Writer;

/// Every type in the order in which it was met.
pub struct Declarations {
    generator: SchemaGenerator,
    /// For each module the name of its area and the last word of it.
    areas: BTreeMap<String, (String, String)>,
    /// The names in TypeScript by the names in the schemas.
    names: BTreeMap<String, String>,
    /// The names in the schemas, in the order of their declarations.
    order: Vec<String>,
    /// Those of them that are arguments.
    args: Vec<String>,
}

impl Declarations {
    /// What every area shares.
    pub fn new(areas: BTreeMap<String, (String, String)>) -> Self {
        let mut all = Declarations {
            generator: SchemaSettings::draft2020_12().into_generator(),
            areas,
            names: BTreeMap::new(),
            order: Vec::new(),
            args: Vec::new(),
        };
        all.of::<UserId>();
        all.of::<OrgId>();
        all.of::<ConvId>();
        all.of::<EventId>();
        all.of::<DeviceId>();
        all.of::<DepartmentId>();
        all.of::<RoleId>();
        all.of::<InviteId>();
        all.of::<SessionId>();
        all.of::<Cid>();
        all.of::<Topic>();
        all.of::<Event>();
        all.of::<Ephemeral>();
        all.of::<ErrorBody>();
        all.of::<Hello>();
        all.of::<Welcome>();
        all.of::<TopicPage>();
        all
    }

    /// The name of a type that is the arguments of an operation.
    pub fn args<T: JsonSchema>(&mut self) -> String {
        let name = self.of::<T>();
        self.args.push(name.clone());
        name
    }

    /// The name of a type; it and what it needs are declared. What is met first below a type of an
    /// area belongs to that area. Its name begins with the area's, unless it begins with the last
    /// word of that anyway, as `Department`.
    pub fn of<T: JsonSchema>(&mut self) -> String {
        let schema = self.generator.subschema_for::<T>();
        let reference = schema.get("$ref").and_then(|it| it.as_str()).expect("a named type");
        let root = reference.rsplit('/').next().expect("a name").to_owned();
        let area = self.areas.get(&module::<T>()).cloned();
        let met: Vec<String> = self.generator.definitions().keys().cloned().collect();
        let below = met.into_iter().filter(|key| *key != root);
        for key in std::iter::once(root.clone()).chain(below) {
            if self.names.contains_key(&key) || key == "Json" {
                continue;
            }
            // A second type of the same name has a number after it in the schemas.
            let own = key.trim_end_matches(|c: char| c.is_ascii_digit());
            let name = match &area {
                Some((prefix, last)) if !own.starts_with(last.as_str()) => format!("{prefix}{own}"),
                _ => own.to_owned(),
            };
            assert!(self.names.values().all(|it| *it != name), "two types are called {name}");
            self.names.insert(key.clone(), name);
            self.order.push(key);
        }
        self.names[&root].clone()
    }

    /// Every declaration.
    pub fn written(&self) -> String {
        let definitions = self.generator.definitions();
        let writer = Writer { definitions, names: &self.names };
        let one = |key: &String| {
            let name = &self.names[key];
            writer.declaration(name, &definitions[key], self.args.contains(name))
        };
        let all: Vec<String> = self.order.iter().map(one).collect();
        all.join("\n")
    }
}

/// The module in which a type is declared, as `carillon_protocol::conv`.
pub fn module<T: JsonSchema>() -> String {
    let id = T::schema_id();
    id.rsplit_once("::").map_or(String::new(), |(module, _)| module.to_owned())
}

/// A noun as the beginning of a type's name.
pub fn pascal(noun: &str) -> String {
    let (first, rest) = noun.split_at(1);
    first.to_uppercase() + rest
}
