//! The table of events and ephemerals, with what the tests do with the data of each.

use std::collections::{BTreeMap, BTreeSet};

use carillon_protocol::{
    Json,
    event::{Visitor, each},
};
use schemars::{JsonSchema, Schema, schema_for};
use serde::{Serialize, de::DeserializeOwned};

use crate::operations::fields;

/// A kind whose type is hidden behind a function.
pub struct Kind {
    /// The tag of the frame: `ev` or `eph`.
    pub frame: &'static str,
    /// Reads the data as its type and writes it again.
    pub again: fn(&Json) -> serde_json::Result<Json>,
    /// The names in the data.
    pub data: BTreeSet<String>,
}

/// Every kind of the crate, by name.
pub fn table() -> BTreeMap<&'static str, Kind> {
    let mut table = Table(BTreeMap::new());
    each(&mut table);
    table.0
}

struct Table(BTreeMap<&'static str, Kind>);

impl Table {
    fn put<D: Serialize + DeserializeOwned + JsonSchema>(
        &mut self,
        frame: &'static str,
        k: &'static str,
    ) {
        let kind = Kind { frame, again: again::<D>, data: names(&schema_for!(D)) };
        assert!(self.0.insert(k, kind).is_none(), "{k} stands twice");
    }
}

impl Visitor for Table {
    fn event<D: Serialize + DeserializeOwned + JsonSchema>(&mut self, k: &'static str, _: &str) {
        self.put::<D>("ev", k);
    }

    fn ephemeral<D: Serialize + DeserializeOwned + JsonSchema>(
        &mut self,
        k: &'static str,
        _: &str,
    ) {
        self.put::<D>("eph", k);
    }
}

fn again<D: Serialize + DeserializeOwned>(data: &Json) -> serde_json::Result<Json> {
    data.to::<D>().map(|data| Json::of(&data))
}

/// The names of the fields, also of those that only some variants have.
fn names(schema: &Schema) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = fields(schema).into_iter().collect();
    for list in ["oneOf", "anyOf"] {
        let variants = schema.get(list).and_then(|list| list.as_array());
        for variant in variants.into_iter().flatten() {
            let variant = match variant["$ref"].as_str() {
                Some(path) => schema.as_value().pointer(&path[1..]).expect("a definition"),
                None => variant,
            };
            let variant = Schema::try_from(variant.clone()).expect("a schema");
            names.extend(self::names(&variant));
        }
    }
    names
}
