//! The JSON Schemas of every type, under names that are unique in one document: the same in the
//! documents that a server shows and in the TypeScript SDK.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

use crate::{
    Cid, ConvId, DepartmentId, DeviceId, Ephemeral, ErrorBody, Event, EventId, InviteId, OrgId,
    PollId, RobotId, RoleId, SessionId, Topic, UserId,
    card::Card,
    frame::{Asked, Hello, TopicPage, Welcome},
    limits::INT_MAX,
    msg::Body,
};

/// What the names of the types of one module begin with.
struct Area {
    /// The nouns that the names of all its operations begin with, as `OrgDepartment`.
    prefix: String,
    /// The last of those nouns, as `Department`.
    last: String,
}

/// Every type that was asked for, with those that it is made of.
pub struct Schemas {
    generator: SchemaGenerator,
    /// By the module that the types are declared in, as `carillon_protocol::conv`.
    areas: BTreeMap<String, Area>,
    /// The unique names by the names that schemars gives, which has numbers for what is named
    /// alike.
    names: BTreeMap<String, String>,
    /// The names that schemars gives, in the order in which the types were met.
    order: Vec<String>,
}

impl Schemas {
    /// What all areas share. An area is what the operations whose arguments stand in one module
    /// have in common: they are given as the operation's name and the `schema_id` of its arguments.
    pub fn new<'a>(operations: impl IntoIterator<Item = (&'a str, String)>) -> Schemas {
        let mut schemas = Schemas {
            generator: SchemaSettings::draft2020_12().into_generator(),
            areas: areas(operations),
            names: BTreeMap::new(),
            order: Vec::new(),
        };
        schemas.of::<UserId>();
        schemas.of::<OrgId>();
        schemas.of::<ConvId>();
        schemas.of::<EventId>();
        schemas.of::<DeviceId>();
        schemas.of::<DepartmentId>();
        schemas.of::<RoleId>();
        schemas.of::<InviteId>();
        schemas.of::<RobotId>();
        schemas.of::<PollId>();
        schemas.of::<SessionId>();
        schemas.of::<Cid>();
        schemas.of::<Topic>();
        schemas.of::<Event>();
        schemas.of::<Ephemeral>();
        schemas.of::<ErrorBody>();
        schemas.of::<Hello>();
        schemas.of::<Welcome>();
        schemas.of::<TopicPage>();
        schemas.of::<Asked>();
        schemas.of::<Card>();
        schemas.of::<Body>();
        schemas
    }

    /// The unique name of a type.
    pub fn of<T: JsonSchema>(&mut self) -> String {
        self.add(&T::schema_id(), SchemaGenerator::subschema_for::<T>)
    }

    /// The unique name of the type with this `schema_id`. What is met first below a type of an area
    /// belongs to that area. Its name begins with the area's, unless it begins with the last noun
    /// of that anyway, as `Department`.
    ///
    /// # Panics
    /// If the type has no name of its own, as a list has none: `derive(JsonSchema)` gives one.
    pub fn add(&mut self, id: &str, schema: fn(&mut SchemaGenerator) -> Schema) -> String {
        let schema = schema(&mut self.generator);
        let root = referred(schema.as_value()).expect("a type with a name of its own").to_owned();
        let met: Vec<String> = self.generator.definitions().keys().cloned().collect();
        let below = met.into_iter().filter(|key| *key != root);
        for key in std::iter::once(root.clone()).chain(below) {
            if !self.names.contains_key(&key) {
                self.names.insert(key.clone(), self.unique(&key, module(id)));
                self.order.push(key);
            }
        }
        self.names[&root].clone()
    }

    fn unique(&self, key: &str, module: &str) -> String {
        // A second type of the same name has a number after it in the schemas.
        let own = key.trim_end_matches(|c: char| c.is_ascii_digit());
        let name = match self.areas.get(module) {
            Some(area) if !own.starts_with(&area.last) => format!("{}{own}", area.prefix),
            _ => own.to_owned(),
        };
        let taken = |name: &String| self.names.values().any(|other| other == name);
        if !taken(&name) {
            return name;
        }
        let mut numbered = (2..).map(|number| format!("{name}{number}"));
        numbered.find(|name| !taken(name)).expect("numbers do not end")
    }

    /// The schemas as schemars writes them, by its own names.
    pub fn definitions(&self) -> &Map<String, Value> {
        self.generator.definitions()
    }

    /// The unique names by those of schemars.
    pub fn names(&self) -> &BTreeMap<String, String> {
        &self.names
    }

    /// The names of schemars, in the order in which the types were met.
    pub fn order(&self) -> &[String] {
        &self.order
    }

    /// Every schema under its unique name, for JSON: with references that begin like this, with
    /// the bounds that integers have, and with documentation in one line.
    pub fn written(&self, references: &str) -> Map<String, Value> {
        let mut all = Map::new();
        for key in &self.order {
            let mut schema = self.definitions()[key].clone();
            self.write(&mut schema, references);
            all.insert(self.names[key].clone(), schema);
        }
        all
    }

    fn write(&self, schema: &mut Value, references: &str) {
        if let Some(name) = referred(schema).and_then(|key| self.names.get(key)) {
            schema["$ref"] = format!("{references}{name}").into();
        }
        match schema {
            Value::Object(fields) => {
                // A list with `null` says the same, in the words of JSON Schema.
                fields.remove("nullable");
                bound(fields);
                even(fields);
                if let Some(Value::String(about)) = fields.get_mut("description") {
                    *about = sentence(about);
                }
                fields.values_mut().for_each(|value| self.write(value, references));
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.write(value, references)),
            _ => {}
        }
    }
}

/// Documentation in one line, without the brackets of links that lead nowhere here.
pub fn sentence(doc: &str) -> String {
    let doc = doc.replace("[`", "`").replace("`]", "`");
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The bounds of an integer that has none: those of its type, and none beyond [`INT_MAX`].
fn bound(schema: &mut Map<String, Value>) {
    let max = INT_MAX as i64;
    let (least, most) = match schema.get("format").and_then(Value::as_str) {
        Some("uint64") => (0, max),
        Some("int64") => (-max, max),
        Some("uint32") => (0, u32::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        _ => return,
    };
    schema.entry("minimum").or_insert(least.into());
    schema.entry("maximum").or_insert(most.into());
}

/// A tuple of things that are alike is a list of that length, which more programs understand.
fn even(schema: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = schema.get("prefixItems") else { return };
    if let Some(first) = parts.first().filter(|first| parts.iter().all(|part| part == *first)) {
        let first = first.clone();
        schema.remove("prefixItems");
        schema.insert("items".into(), first);
    }
}

/// The name that a reference ends with.
fn referred(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

/// The module in which a type is declared.
fn module(id: &str) -> &str {
    id.rsplit_once("::").map_or("", |(module, _)| module)
}

fn areas<'a>(operations: impl IntoIterator<Item = (&'a str, String)>) -> BTreeMap<String, Area> {
    let mut areas = BTreeMap::<String, Vec<&str>>::new();
    for (op, id) in operations {
        let nouns = op.rsplit_once('.').map_or(op, |(nouns, _)| nouns);
        let nouns: Vec<_> = nouns.split('.').collect();
        let common = areas.entry(module(&id).to_owned()).or_insert_with(|| nouns.clone());
        let same = common.iter().zip(&nouns).take_while(|(one, two)| one == two).count();
        common.truncate(same);
    }
    let area = |nouns: Vec<&str>| {
        let words: Vec<String> = nouns.into_iter().map(pascal).collect();
        Area { prefix: words.concat(), last: words.last().cloned().unwrap_or_default() }
    };
    // What has nothing in common has no name to begin with.
    let named = areas.into_iter().filter(|(_, nouns)| !nouns.is_empty());
    named.map(|(module, nouns)| (module, area(nouns))).collect()
}

/// A noun as the beginning of a type's name.
fn pascal(noun: &str) -> String {
    let mut letters = noun.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
