//! OpenAPI 3.1 (<https://spec.openapis.org/oas/v3.1.1>): the operations over HTTP.

use std::collections::{BTreeMap, BTreeSet};

use carillon_protocol::{Effect, ErrorCode};
use serde_json::{Map, Value, json};

use super::{Documented, Tables, promise, summary};

/// Where the types stand.
const SCHEMAS: &str = "#/components/schemas/";
/// What bodies are written in.
const CODECS: [&str; 2] = ["application/json", "application/msgpack"];

const ABOUT: &str = "\
Every operation is `POST /v1/rpc/{op}` with its arguments as the body, and means the same as a \
`call` on the socket, which `/v1/asyncapi.json` describes. A body is JSON or MessagePack with the \
same keys; the answer comes in the same. `null` means the same as no field, unless a field says \
otherwise, and fields that are not known are passed over. Integers have no fraction; times are \
milliseconds since the epoch, UTC. Programs need only `retry` of an error.";

/// The document.
pub fn document(tables: &Tables) -> Value {
    let paths = tables.operations.iter().map(|it| (format!("/v1/rpc/{}", it.op), path(it)));
    let areas: BTreeSet<_> = tables.operations.iter().map(Documented::area).collect();
    let tags: Vec<_> = areas.into_iter().map(|area| json!({ "name": area })).collect();
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Carillon",
            "summary": "The operations of a Carillon server",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The server that shows this document" }],
        "tags": tags,
        "paths": paths.collect::<Map<_, _>>(),
        "components": {
            "schemas": tables.schemas.written(SCHEMAS),
            "parameters": { "IdempotencyKey": idempotency_key() },
            "responses": errors().iter().map(|(status, codes)| {
                (format!("Error{status}"), error(*status, codes))
            }).collect::<Map<_, _>>(),
            "securitySchemes": ways_in(),
        },
    })
}

fn path(operation: &Documented) -> Value {
    let mut responses = Map::new();
    let reply = json!({
        "description": "The operation is done.",
        "content": body(&operation.reply),
    });
    responses.insert("200".into(), reply);
    for status in errors().into_keys() {
        let reference = format!("#/components/responses/Error{status}");
        responses.insert(status.to_string(), json!({ "$ref": reference }));
    }
    let mut post = json!({
        "operationId": operation.op,
        "summary": summary(&operation.doc),
        "description": format!("{} It {}.", operation.doc, promise(operation.effect)),
        "tags": [operation.area()],
        "security": security(operation),
        "requestBody": { "required": true, "content": body(&operation.args) },
        "responses": responses,
    });
    if operation.effect == Effect::Once {
        post["parameters"] = json!([{ "$ref": "#/components/parameters/IdempotencyKey" }]);
    }
    json!({ "post": post })
}

fn body(name: &str) -> Value {
    let schema = json!({ "schema": { "$ref": format!("{SCHEMAS}{name}") } });
    CODECS.iter().map(|codec| ((*codec).to_owned(), schema.clone())).collect::<Map<_, _>>().into()
}

fn security(operation: &Documented) -> Value {
    match operation.scope() {
        Some(scope) => json!([{ "bearer": [scope] }, { "cookie": [scope] }]),
        None => json!([]),
    }
}

fn ways_in() -> Value {
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "The token that `session.login` or `session.issue` gave.",
        },
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": "__Host-carillon",
            "description": "What signing in sets for a page in a browser; over plain HTTP it is \
                            called `carillon`. It counts only together with an `Origin`.",
        },
    })
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": true,
        "description": "The `cid`: made once for each intent, and sent again with every retry.",
        "schema": { "$ref": format!("{SCHEMAS}Cid") },
    })
}

/// The codes by the status that carries them.
fn errors() -> BTreeMap<u16, Vec<ErrorCode>> {
    let mut errors = BTreeMap::<u16, Vec<ErrorCode>>::new();
    for code in ErrorCode::ALL {
        errors.entry(code.http_status()).or_default().push(*code);
    }
    errors
}

fn error(status: u16, codes: &[ErrorCode]) -> Value {
    let lines = codes.iter().map(|code| format!("- `{code}`: {}", code.doc().trim()));
    let mut error = json!({
        "description": lines.collect::<Vec<_>>().join("\n"),
        "content": body("ErrorBody"),
    });
    if matches!(status, 409 | 429 | 503) {
        error["headers"] = json!({
            "Retry-After": {
                "description": "How long to wait, in seconds; `retry_ms` is more exact.",
                "schema": { "type": "integer", "minimum": 0 },
            },
        });
    }
    error
}
