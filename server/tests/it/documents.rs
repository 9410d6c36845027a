//! What the server says about its own interface, and whether it keeps to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use carillon::demo;
use carillon_plugin::Operation;
use carillon_protocol::{
    Access, DeviceId, Effect, ErrorCode,
    event::{self, Visitor},
};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::kit::{Person, TestServer, exchange, http, new_id};

/// Where the tests' own programs stand.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/documents");

async fn get(server: &TestServer, path: &str) -> Value {
    let (status, body) = http(server.url(), "GET", path, &[], Vec::new()).await;
    assert_eq!(status, 200, "{path}");
    serde_json::from_slice(&body).unwrap()
}

/// The operations that somebody outside may call.
fn operations(server: &TestServer) -> Vec<Operation> {
    let all = server.host().operations();
    all.filter(|operation| operation.access != Access::System).collect()
}

/// What a reference leads to.
fn target<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    document.pointer(reference.strip_prefix('#')?)
}

/// Every reference of a document.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(fields.values().flat_map(references)).collect()
        }
        Value::Array(list) => list.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_described_with_all_that_may_come_of_it() {
    let server = TestServer::start().await;
    let document = get(&server, "/v1/openapi.json").await;
    let operations = operations(&server);
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<_> = paths.keys().map(String::as_str).collect();
    let callable: Vec<_> = operations.iter().map(|it| format!("/v1/rpc/{}", it.op)).collect();
    assert_eq!(described, callable.iter().map(String::as_str).collect());
    let statuses = ErrorCode::ALL.iter().map(|code| code.http_status().to_string());
    let statuses: BTreeSet<_> = statuses.chain(["200".into()]).collect();
    for operation in operations {
        let (op, post) = (operation.op, &paths[&format!("/v1/rpc/{}", operation.op)]["post"]);
        assert_eq!(post["operationId"], op);
        assert!(!post["summary"].as_str().unwrap().is_empty(), "{op}");
        assert!(!post["tags"][0].as_str().unwrap().is_empty(), "{op}");
        for body in [&post["requestBody"], &post["responses"]["200"]] {
            let schema = &body["content"]["application/json"]["schema"]["$ref"];
            let schema = target(&document, schema.as_str().unwrap()).expect("it is there");
            assert!(!schema["description"].as_str().unwrap_or_default().is_empty(), "{op}");
        }
        let answers: BTreeSet<_> = post["responses"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(answers, statuses, "{op}");
        let is_once = operation.effect == Effect::Once;
        assert_eq!(!post["parameters"].is_null(), is_once, "{op} has a key if it needs one");
        let security = match operation.access {
            Access::Scope(scope) | Access::Room(scope) => {
                json!([{ "bearer": [scope] }, { "cookie": [scope] }])
            }
            _ => json!([]),
        };
        assert_eq!(post["security"], security, "{op}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_no_token_may_call_what_the_document_says_and_nothing_else() {
    let here = "127.0.0.1".parse().unwrap();
    let server = TestServer::with(|config| config.trusted_proxies = vec![here]).await;
    let document = get(&server, "/v1/openapi.json").await;
    for (index, (path, item)) in document["paths"].as_object().unwrap().iter().enumerate() {
        // Each from elsewhere: strangers call seldom.
        let address = format!("2001:db8:{index:x}::1");
        let headers = [("content-type", "application/json"), ("x-forwarded-for", &*address)];
        let (status, _) = http(server.url(), "POST", path, &headers, b"{}".to_vec()).await;
        let needs_none = item["post"]["security"] == json!([]);
        assert_eq!(status != 401, needs_none, "{path} answers {status}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_event_and_ephemeral_is_described_on_the_socket() {
    struct Kinds(Vec<String>);
    impl Visitor for Kinds {
        fn event<D: Serialize + DeserializeOwned + JsonSchema>(&mut self, k: &str, _: &str) {
            self.0.push(format!("ev.{k}"));
        }
        fn ephemeral<D: Serialize + DeserializeOwned + JsonSchema>(&mut self, k: &str, _: &str) {
            self.0.push(format!("eph.{k}"));
        }
    }
    let mut kinds = Kinds(Vec::new());
    event::each(&mut kinds);
    let server = TestServer::start().await;
    let document = get(&server, "/v1/asyncapi.json").await;
    let messages = document["components"]["messages"].as_object().unwrap();
    let calls = operations(&server).into_iter().flat_map(|Operation { op, .. }| {
        assert_eq!(document["operations"][op]["action"], "receive", "{op}");
        [format!("call.{op}"), format!("ok.{op}")]
    });
    for name in kinds.0.into_iter().chain(calls) {
        let message = messages.get(&name).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(!message["summary"].as_str().unwrap().is_empty(), "{name}");
        let reference = format!("#/components/messages/{name}");
        assert_eq!(document["channels"]["socket"]["messages"][&name]["$ref"], reference);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_reference_leads_nowhere_and_every_type_stands_for_itself() {
    let server = TestServer::start().await;
    let openapi = get(&server, "/v1/openapi.json").await;
    for document in [&openapi, &get(&server, "/v1/asyncapi.json").await] {
        let references = references(document);
        assert!(references.len() > 100);
        for reference in references {
            assert!(target(document, reference).is_some(), "{reference}");
        }
    }
    for name in openapi["components"]["schemas"].as_object().unwrap().keys() {
        let schema = get(&server, &format!("/v1/schema/{name}.json")).await;
        assert_eq!(schema["title"], *name);
        for reference in references(&schema) {
            assert!(target(&schema, reference).is_some(), "{name}: {reference}");
        }
    }
    for path in ["/v1/schema/Nothing.json", "/v1/schema/Event", "/v1/schema/..%2fEvent.json"] {
        assert_eq!(http(server.url(), "GET", path, &[], Vec::new()).await.0, 404, "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_are_the_same_on_every_server() {
    let (one, other) = (TestServer::start().await, TestServer::start().await);
    demo::seed(other.host()).await.unwrap();
    for path in ["/v1/openapi.json", "/v1/asyncapi.json", "/docs", "/docs.css"] {
        let document = exchange(one.url(), "GET", path, &[], Vec::new()).await;
        assert_eq!(document.status(), 200, "{path}");
        let same = exchange(other.url(), "GET", path, &[], Vec::new()).await;
        assert!(document.body() == same.body(), "{path} differs");
    }
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_everything_runs_nothing_and_leads_nowhere_else() {
    let server = TestServer::start().await;
    let answer = exchange(server.url(), "GET", "/docs", &[], Vec::new()).await;
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'; img-src 'self';"));
    let page = String::from_utf8(answer.into_body()).unwrap();
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        let runs = tag.starts_with("script") || tag.contains(" on") || tag.contains("javascript:");
        assert!(!runs && !tag.contains("style="), "<{tag}>");
    }
    let values = |attribute: &str| -> BTreeSet<String> {
        let begin = format!(" {attribute}=\"");
        page.split(&begin).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let ids = values("id");
    for operation in operations(&server) {
        assert!(ids.contains(operation.op), "{}", operation.op);
    }
    for code in ErrorCode::ALL {
        assert!(page.contains(&format!("<code>{code}</code>")), "{code}");
    }
    for href in values("href") {
        match href.strip_prefix('#') {
            Some(id) => assert!(ids.contains(id), "{href} leads nowhere"),
            None if href.starts_with('/') => {
                let (status, _) = http(server.url(), "GET", &href, &[], Vec::new()).await;
                assert_eq!(status, 200, "{href}");
            }
            None => assert_eq!(href, "https://github.com/ulid/spec"),
        }
    }
    server.stop().await;
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A program of the Python environment that `CONFORMANCE_PYTHON_ENV` names.
fn python(name: &str) -> Command {
    let python_env = env::var_os("CONFORMANCE_PYTHON_ENV")
        .map_or_else(|| workspace().join("target/python-env"), PathBuf::from);
    let program = python_env.join("bin").join(name);
    assert!(program.exists(), "{program:?} is missing: run `make target/python-env/.ready`");
    Command::new(program)
}

/// Runs a program, and says what it printed if it fails.
fn succeeds(command: &mut Command) -> String {
    let output = tokio::task::block_in_place(|| command.output()).unwrap();
    let [printed, wrong] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{printed}\n{wrong}");
    printed
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_are_what_the_specifications_ask_for() {
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["openapi.json", "asyncapi.json"] {
        let document = get(&server, &format!("/v1/{name}")).await;
        fs::write(folder.path().join(name), document.to_string()).unwrap();
    }
    let asked = workspace().join("client-sdk/node_modules/@asyncapi/specs/schemas/3.0.0.json");
    assert!(asked.exists(), "{asked:?} is missing: run `npm ci` in client-sdk");
    let mut checker = python("python");
    checker.arg(format!("{PROGRAMS}/valid.py")).env("ASYNCAPI_SCHEMA", asked);
    let printed = succeeds(checker.current_dir(folder.path()));
    assert_eq!(printed, "valid\n");
    server.stop().await;
}

/// What the demo company has, by the format that the documents give it, so that calls meet
/// something. The caller and the caller's session are not among it: they have to last.
async fn what_is_there(server: &TestServer, caller: &Person) -> BTreeMap<&'static str, Vec<Value>> {
    let of = async |op: &str, list: &str, id: &str| -> Vec<Value> {
        let (_, answer) = server.rpc(Some(&caller.token), op, None, &json!({})).await;
        let things = answer[list].as_array().unwrap().iter();
        let others = things.filter(|thing| thing[id] != json!(caller.user));
        others.filter(|thing| thing["current"] != true).map(|thing| thing[id].clone()).collect()
    };
    let convs = of("conv.list", "convs", "conv").await;
    let topics = convs.iter().map(|conv| format!("c:{}", conv.as_str().unwrap()));
    let topics = topics.chain([format!("u:{}", caller.user), format!("o:{}", caller.org)]);
    BTreeMap::from([
        ("topic", topics.map(Value::from).collect()),
        ("conv-id", convs),
        ("department-id", of("org.department.tree", "departments", "department").await),
        ("org-id", vec![json!(caller.org)]),
        ("role-id", of("org.role.list", "roles", "role").await),
        ("session-id", of("session.devices", "devices", "session").await),
        ("user-id", of("org.member.list", "members", "user").await),
    ])
}

/// What is asked of every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,\
                      negative_data_rejection,missing_required_header,unsupported_method";
/// As many calls as one operation gets of its own; the edges of its arguments come on top.
const EXAMPLES: &str = "25";

#[tokio::test(flavor = "multi_thread")]
async fn the_server_does_what_its_document_says_whatever_it_is_sent() {
    let server = TestServer::start().await;
    let company = demo::seed(server.host()).await.unwrap();
    // The story's only administrator, and so one who stays.
    let (login, user, org) = ("frank", company.people["frank"], company.org);
    let token = server.token(org, login, true).await;
    let caller = Person { user, org, token, device: DeviceId(new_id()) };
    // One session may be lost, and another ends with the test.
    server.token(org, login, true).await;
    let last = server.token(org, login, true).await;
    let there = json!(what_is_there(&server, &caller).await).to_string();
    let folder = tempfile::tempdir().unwrap();
    let run = |token: &str, which: [&str; 2]| {
        let mut command = python("schemathesis");
        command
            .args(["--config-file", &format!("{PROGRAMS}/schemathesis.toml")])
            .args(["run", "--checks", CHECKS, "--phases", "coverage,fuzzing"])
            .args(["--max-examples", EXAMPLES, "--generation-deterministic"])
            .args(["--workers", "1", "--no-color", "--warnings", "off"])
            .args(which)
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .arg(format!("{}/v1/openapi.json", server.url()))
            .env("SCHEMATHESIS_HOOKS", "meet")
            .env("PYTHONPATH", PROGRAMS)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("CARILLON_THERE", &there)
            .current_dir(folder.path());
        succeeds(&mut command)
    };
    // Whoever signs out can ask nothing more.
    let ending = "session.logout";
    println!("{}", run(&caller.token, ["--exclude-operation-id", ending]));
    let (status, who) = server.rpc(Some(&caller.token), "session.whoami", None, &json!({})).await;
    assert_eq!((status, &who["user"]), (200, &json!(user)), "it was signed in to the end");
    println!("{}", run(&last, ["--include-operation-id", ending]));
    server.stop().await;
}
