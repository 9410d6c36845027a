//! The table of operations, with what the tests do with each.

use std::collections::BTreeMap;

use carillon_protocol::{
    Codec, Command, Json,
    codec::BadValue,
    frame::{self, Call},
    operation::{Visitor, each},
};
use schemars::schema_for;

/// An operation whose types are hidden behind functions.
pub struct Operation {
    /// Reads the arguments as their type and writes the frame again.
    pub recode_call: fn(&Call<'_>) -> Result<Vec<u8>, BadValue>,
    /// Reads the result as its type and writes the frame again.
    pub recode_reply: fn(Codec, u64, &Json) -> serde_json::Result<Vec<u8>>,
    /// The names of the arguments.
    pub args: Vec<String>,
    /// The names in the result.
    pub reply: Vec<String>,
}

/// Every operation of the crate, by name.
pub fn table() -> BTreeMap<&'static str, Operation> {
    struct Table(BTreeMap<&'static str, Operation>);
    impl Visitor for Table {
        fn operation<C: Command>(&mut self) {
            let operation = Operation {
                recode_call: recode_call::<C>,
                recode_reply: recode_reply::<C>,
                args: fields(&schema_for!(C)),
                reply: fields(&schema_for!(C::Reply)),
            };
            assert!(self.0.insert(C::OP, operation).is_none(), "{} stands twice", C::OP);
        }
    }
    let mut table = Table(BTreeMap::new());
    each(&mut table);
    table.0
}

fn recode_call<C: Command>(call: &Call<'_>) -> Result<Vec<u8>, BadValue> {
    let args: C = call.args.decode()?;
    Ok(frame::client::call(call.args.codec, call.id, call.op, call.cid, call.prev, &args))
}

fn recode_reply<C: Command>(codec: Codec, re: u64, data: &Json) -> serde_json::Result<Vec<u8>> {
    let reply: C::Reply = data.to()?;
    Ok(frame::server::ok(codec, re, &codec.encode(&reply)))
}

/// The names of an object's fields.
pub fn fields(schema: &schemars::Schema) -> Vec<String> {
    let properties = schema.get("properties").and_then(|p| p.as_object());
    properties.into_iter().flat_map(|p| p.keys().cloned()).collect()
}
