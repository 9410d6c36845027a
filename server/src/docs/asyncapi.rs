//! AsyncAPI 3 (<https://www.asyncapi.com/docs/reference/specification/v3.0.0>): what travels on a
//! socket. `receive` and `send` are the server's view, as the specification has it.

use carillon_protocol::{CloseCode, Codec, Effect, limits::INT_MAX};
use serde_json::{Map, Value, json};

use super::{Documented, Kind, Tables, promise, summary};

/// Where the types stand.
const SCHEMAS: &str = "#/components/schemas/";

const ABOUT: &str = "\
One WebSocket carries everything: `hello` first, then calls and their answers in any order, and \
events as they happen. A message holds one frame, a map with `t`: JSON in text messages, or \
MessagePack with the same keys in binary ones. A `t`, a kind or a field that is not known comes \
from a newer server and is passed over.";

/// The frames of a client besides its calls and answers: their tags, what they are for, their
/// fields, and the tag of the answer.
fn from_clients() -> [(&'static str, &'static str, Value, &'static str); 2] {
    [
        ("hello", "The first frame: who it is and what it has.", named("Hello"), "welcome"),
        ("ping", "A sign of life, every `hb_ms`.", json!({ "type": "object" }), "pong"),
    ]
}

/// The frames of the server besides answers and events: their tags, what they are for, and their
/// fields.
fn from_server() -> [(&'static str, &'static str, Value); 7] {
    let text = || json!({ "type": "string" });
    let pair = json!([named("Topic"), int()]);
    let head = json!({ "type": "array", "items": pair, "minItems": 2, "maxItems": 2 });
    let dirty = json!({ "type": "array", "items": head });
    let page = json!({ "type": "array", "items": named("TopicPage") });
    let code = json!({ "type": "integer", "enum": codes() });
    let bye = json!({
        "type": "object",
        "properties": { "code": code, "retry_ms": int(), "reason": text() },
        "required": ["code", "reason"],
    });
    [
        ("welcome", "The answer to `hello`.", named("Welcome")),
        ("err", "A call, or a frame, that is refused; without `re` it had no id.", refusal()),
        ("pong", "The answer to `ping`: the server's clock.", fields(&[("now", int())])),
        ("page", "A part of the catch-up.", fields(&[("topics", page)])),
        ("synced", "The catch-up is complete: keep it for `hello`.", fields(&[("sync", text())])),
        ("dirty", "Events were left out: read them up to the head.", fields(&[("topics", dirty)])),
        ("bye", "The server will close.", bye),
    ]
}

/// The document.
pub fn document(tables: &Tables) -> Value {
    let mut socket = Socket::default();
    for (t, doc, payload, answer) in from_clients() {
        socket.message(t, t, doc, &payload);
        socket.receives(t, doc, t, &[answer, "err"]);
    }
    for (t, doc, payload) in from_server() {
        socket.message(t, t, doc, &payload);
        if ["page", "synced", "dirty", "bye"].contains(&t) {
            socket.sends(t, doc, t);
        }
    }
    socket.asks();
    socket.hears();
    tables.operations.iter().for_each(|operation| socket.call(operation));
    tables.events.iter().for_each(|kind| socket.kind("ev", "Event", kind));
    tables.ephemerals.iter().for_each(|kind| socket.kind("eph", "Ephemeral", kind));
    let mut schemas = tables.schemas.written(SCHEMAS);
    schemas.values_mut().for_each(older);
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Carillon",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": { "socket": channel(&socket.messages) },
        "operations": socket.operations,
        "components": { "messages": socket.messages, "schemas": schemas },
    })
}

fn channel(messages: &Map<String, Value>) -> Value {
    let codes = CloseCode::ALL.iter().map(|code| {
        let back = if code.reconnect() { "come back" } else { "do not come back" };
        format!("- {} ({back}): {}", code.number(), code.doc().trim())
    });
    let codes = codes.collect::<Vec<_>>().join("\n");
    let messages = messages
        .keys()
        .map(|name| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") })));
    let protocols = [Codec::Json, Codec::MsgPack].map(Codec::subprotocol);
    json!({
        "address": "/v1/ws",
        "title": "The socket",
        "description": format!("The server closes it with one of these codes:\n\n{codes}"),
        "messages": messages.collect::<Map<_, _>>(),
        "bindings": { "ws": {
            "method": "GET",
            "headers": {
                "type": "object",
                "properties": { "Sec-WebSocket-Protocol": { "enum": protocols } },
            },
            "bindingVersion": "0.1.0",
        } },
    })
}

/// What the one channel carries.
#[derive(Default)]
struct Socket {
    messages: Map<String, Value>,
    operations: Map<String, Value>,
}

impl Socket {
    /// A frame with this tag; its fields stand beside the tag.
    fn message(&mut self, name: &str, t: &str, doc: &str, payload: &Value) {
        let tag = json!({
            "type": "object", "properties": { "t": { "const": t } }, "required": ["t"],
        });
        let message = json!({
            "name": name,
            "title": name,
            "summary": doc,
            "payload": { "allOf": [tag, payload] },
        });
        self.messages.insert(name.into(), message);
    }

    fn receives(&mut self, name: &str, doc: &str, message: &str, answers: &[&str]) {
        let answers: Vec<_> = answers.iter().map(|name| on_socket(name)).collect();
        let operation = json!({
            "action": "receive",
            "channel": { "$ref": "#/channels/socket" },
            "summary": summary(doc),
            "description": doc,
            "messages": [on_socket(message)],
            "reply": { "channel": { "$ref": "#/channels/socket" }, "messages": answers },
        });
        self.operations.insert(name.into(), operation);
    }

    fn sends(&mut self, name: &str, doc: &str, message: &str) {
        let operation = json!({
            "action": "send",
            "channel": { "$ref": "#/channels/socket" },
            "summary": summary(doc),
            "description": doc,
            "messages": [on_socket(message)],
        });
        self.operations.insert(name.into(), operation);
    }

    /// An operation: the frame that asks and the frame that answers.
    fn call(&mut self, operation: &Documented) {
        let (op, doc) = (operation.op, &operation.doc);
        let (call, ok) = (format!("call.{op}"), format!("ok.{op}"));
        let mut asks = fields(&[
            ("id", int()),
            ("op", json!({ "const": op })),
            ("args", named(&operation.args)),
        ]);
        if operation.effect == Effect::Once {
            asks["properties"]["cid"] = named("Cid");
            asks["properties"]["prev"] = named("Cid");
            asks["required"] = json!(["id", "op", "cid", "args"]);
        }
        self.message(&call, "call", doc, &asks);
        let answers = fields(&[("re", int()), ("data", named(&operation.reply))]);
        self.message(&ok, "ok", &format!("The answer of `{op}`."), &answers);
        let doc = format!("{doc} It {}.", promise(operation.effect));
        self.receives(op, &doc, &call, &[&ok, "err"]);
        let scope = operation.scope().map_or("none", |scope| scope);
        self.operations[op]["x-scope"] = json!(scope);
    }

    /// What the server asks of a program, and how that answers.
    fn asks(&mut self) {
        let doc = "A call of an operation that the client said in `hello` it answers.";
        self.message("asked", "call", doc, &named("Asked"));
        let data = fields(&[("re", int()), ("data", json!({}))]);
        self.message("answer.ok", "ok", "What a program answers.", &data);
        let refusal = json!({ "allOf": [fields(&[("re", int())]), named("ErrorBody")] });
        self.message("answer.err", "err", "Why a program refuses.", &refusal);
        self.sends("asked", doc, "asked");
        let answers = [on_socket("answer.ok"), on_socket("answer.err")];
        let channel = json!({ "$ref": "#/channels/socket" });
        self.operations["asked"]["reply"] = json!({ "channel": channel, "messages": answers });
    }

    /// What a listener is told, until it has dealt with it.
    fn hears(&mut self) {
        let doc = "An event of a kind that the client said in `hello` it listens to; it is told \
                   again on the next connection, until there is an `ack`.";
        self.message("heard", "heard", doc, &named("Event"));
        let dealt = fields(&[("topic", named("Topic")), ("seq", int())]);
        self.message("ack", "ack", "What was heard has been dealt with.", &dealt);
        self.sends("heard", doc, "heard");
        let channel = json!({ "$ref": "#/channels/socket" });
        self.operations["heard"]["reply"] =
            json!({ "channel": channel, "messages": [on_socket("ack")] });
    }

    /// A kind of events or ephemerals.
    fn kind(&mut self, t: &str, of: &str, kind: &Kind) {
        let name = format!("{t}.{}", kind.k);
        let narrowed = fields(&[("k", json!({ "const": kind.k })), ("data", named(&kind.data))]);
        self.message(&name, t, &kind.doc, &json!({ "allOf": [named(of), narrowed] }));
        self.sends(&name, &kind.doc, &name);
    }
}

fn on_socket(message: &str) -> Value {
    json!({ "$ref": format!("#/channels/socket/messages/{message}") })
}

fn named(name: &str) -> Value {
    json!({ "$ref": format!("{SCHEMAS}{name}") })
}

fn int() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": INT_MAX })
}

/// An object that has these fields.
fn fields(fields: &[(&str, Value)]) -> Value {
    let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    let properties = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    json!({
        "type": "object", "properties": properties.collect::<Map<_, _>>(), "required": names,
    })
}

fn refusal() -> Value {
    let re = json!({ "type": "object", "properties": { "re": int() } });
    json!({ "allOf": [re, named("ErrorBody")] })
}

fn codes() -> Vec<u16> {
    CloseCode::ALL.iter().map(|code| code.number()).collect()
}

/// A schema in the words of draft 7, which those of AsyncAPI are an extension of: there a tuple is
/// a list of `items`, and what stands beside a reference does not count.
fn older(schema: &mut Value) {
    match schema {
        Value::Object(words) => {
            if let Some(parts) = words.remove("prefixItems") {
                words.insert("items".into(), parts);
            }
            if words.len() > 1
                && let Some(reference) = words.remove("$ref")
            {
                words.insert("allOf".into(), json!([{ "$ref": reference }]));
            }
            words.values_mut().for_each(older);
        }
        Value::Array(list) => list.iter_mut().for_each(older),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_are_those_of_the_protocol() {
        let tags =
            from_clients().map(|(t, ..)| t).into_iter().chain(from_server().map(|(t, ..)| t));
        let mut tags: Vec<_> = tags.chain(["ack", "call", "ok", "ev", "eph", "heard"]).collect();
        tags.sort_unstable();
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../protocol/vectors/v1");
        let mut found = std::collections::BTreeSet::new();
        for file in std::fs::read_dir(golden).expect("the golden frames").flatten() {
            if file.file_name() == "bad.json" {
                continue;
            }
            let text = std::fs::read(file.path()).expect("it can be read");
            let vectors: Vec<Value> = serde_json::from_slice(&text).expect("a list of frames");
            for vector in vectors {
                let frame = vector["json"].as_str().expect("a text");
                let frame: Value = serde_json::from_str(frame).expect("JSON");
                found.insert(frame["t"].as_str().expect("a tag").to_owned());
            }
        }
        assert_eq!(tags, found.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_schema_says_the_same_in_older_words() {
        let mut schema = json!({
            "prefixItems": [{ "$ref": "#/x" }], "description": "y", "items": false,
        });
        older(&mut schema);
        assert_eq!(schema, json!({ "items": [{ "$ref": "#/x" }], "description": "y" }));
        let mut schema = json!({ "$ref": "#/x", "description": "y" });
        older(&mut schema);
        assert_eq!(schema, json!({ "allOf": [{ "$ref": "#/x" }], "description": "y" }));
    }
}
