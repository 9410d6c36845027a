//! The types that are declared.

use carillon_protocol::schemas::Schemas;
use schemars::JsonSchema;

use super::schema::Writer;

/// Every type in the order in which it was met.
pub struct Declarations {
    schemas: Schemas,
    /// The names of those that are arguments.
    args: Vec<String>,
}

impl Declarations {
    /// What every area shares.
    pub fn new(schemas: Schemas) -> Self {
        Declarations { schemas, args: Vec::new() }
    }

    /// The name of a type that is the arguments of an operation.
    pub fn args<T: JsonSchema>(&mut self) -> String {
        let name = self.of::<T>();
        self.args.push(name.clone());
        name
    }

    /// The name of a type; it and what it needs are declared.
    pub fn of<T: JsonSchema>(&mut self) -> String {
        self.schemas.of::<T>()
    }

    /// Every declaration; what may be any value needs none.
    pub fn written(&self) -> String {
        let (definitions, names) = (self.schemas.definitions(), self.schemas.names());
        let writer = Writer { definitions, names };
        let one = |key: &String| {
            let name = &names[key];
            writer.declaration(name, &definitions[key], self.args.contains(name))
        };
        let named = self.schemas.order().iter().filter(|key| *key != "Json");
        let all: Vec<String> = named.map(one).collect();
        all.join("\n")
    }
}
