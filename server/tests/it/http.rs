//! HTTP: the same operations as on the socket, what operators look at, and the end of a process.

use std::{collections::HashMap, fs, os::unix::fs::PermissionsExt as _};

use carillon_protocol::{Codec, ServerFrame, frame::client, msg, session};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::TestClient,
    kit::{Person, TestServer, cid, http, text_message},
    process::{Process, add_org, add_person, carillon, connect},
    shop::{Shop, goodbye},
    wire::Wire,
};

/// A request by its bytes: the head of the answer, and its body.
async fn ask(url: &str, request: &str, body: &[u8]) -> (String, String) {
    let mut wire = Wire::connect(url).await;
    let host = if request.contains("Host:") { "" } else { "Host: carillon\r\n" };
    let len = body.len();
    let head = format!("{request}\r\n{host}Connection: close\r\nContent-Length: {len}\r\n\r\n");
    wire.write(&[head.as_bytes(), body].concat()).await;
    let head = wire.head().await;
    (head, wire.rest().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_whether_it_lives_is_ready_and_what_it_is() {
    let server = TestServer::start().await;
    let get = async |path| http(server.url(), "GET", path, &[], Vec::new()).await;
    assert_eq!(get("/healthz").await, (200, b"ok\n".to_vec()));
    assert_eq!(get("/readyz").await, (200, b"ready\n".to_vec()));
    let (status, version) = get("/version").await;
    let version: Value = serde_json::from_slice(&version).unwrap();
    let expected = json!({
        "name": "carillon", "version": env!("CARGO_PKG_VERSION"), "protocol": 1,
    });
    assert_eq!((status, version), (200, expected));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_forbids_what_a_browser_should_not_do() {
    let server = TestServer::start().await;
    for path in ["/healthz", "/metrics", "/nowhere", "/v1/ws", "/v1/rpc/x.y"] {
        let (head, _) = ask(server.url(), &format!("GET {path} HTTP/1.1"), b"").await;
        let head = head.to_lowercase();
        for line in [
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "content-security-policy: default-src 'none'; frame-ancestors 'none'",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(head.contains(line), "{path} lacks {line}: {head}");
        }
        assert!(!head.contains("access-control-allow-origin"), "{path}: {head}");
        assert!(!head.contains("set-cookie"), "{path}: {head}");
        assert!(!head.contains("strict-transport-security"), "there is no TLS: {head}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_are_what_prometheus_reads() {
    let shop = Shop::open().await;
    let mut client = shop.client(Codec::Json).await;
    client.send_message(Message::binary(client::ping(Codec::MsgPack))).await;
    client.until_closed().await;
    while shop.server.server().node.hub.connections() > 2 {
        tokio::task::yield_now().await;
    }
    shop.server.rpc(None, "session.whoami", None, &json!({})).await;
    let (status, text) = http(shop.server.url(), "GET", "/metrics", &[], Vec::new()).await;
    assert_eq!(status, 200);
    let text = String::from_utf8(text).unwrap();
    assert!(text.ends_with("# EOF\n"));
    let (mut kinds, mut helped, mut samples) = (HashMap::new(), Vec::new(), HashMap::new());
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(words.len() > 8 && words.ends_with('.'), "{line}");
            helped.push(name);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(kinds.insert(name, kind), None, "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let _number: f64 = value.parse().unwrap();
            assert_eq!(samples.insert(sample, value), None, "{line}");
            let name = sample.split('{').next().unwrap();
            let family = ["_total", "_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .unwrap_or(name);
            let kind = kinds.get(family).unwrap_or_else(|| panic!("no TYPE before {line}"));
            assert!(helped.contains(&family), "no HELP before {line}");
            assert!(*kind != "counter" || name.ends_with("_total"), "{line}");
            assert!(name.starts_with("carillon_"), "{line}");
        }
    }
    assert_eq!(samples["carillon_connections"], "2");
    assert_eq!(samples["carillon_closes_total{code=\"4503\"}"], "1");
    let whoami = "carillon_calls_total{op=\"session.whoami\",code=\"E_UNAUTH\"}";
    assert_eq!(samples[whoami], "1");
    for kind in ["read", "write"] {
        let queries = samples[&*format!("carillon_db_queries_total{{kind=\"{kind}\"}}")];
        assert_ne!(queries, "0", "somebody connected, and somebody was added");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_in_the_protocols_words() {
    let server = TestServer::start().await;
    for path in ["/nowhere", "/v1", "/v1/rpc", "/v1/rpc/", "/v1/rpc/a/b", "/..%2fetc/passwd"] {
        let (status, body) = http(server.url(), "GET", path, &[], Vec::new()).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &body["code"]), (404, &json!("E_NOT_FOUND")), "{path}");
    }
    for (method, path) in [("GET", "/v1/rpc/msg.send"), ("POST", "/healthz")] {
        let (status, _) = http(server.url(), method, path, &[], Vec::new()).await;
        assert_eq!(status, 405, "{method} {path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_says_what_it_is_and_fits() {
    let shop = Shop::open().await;
    let bearer = format!("Authorization: Bearer {}", shop.amy.token);
    let whoami = format!("POST /v1/rpc/session.whoami HTTP/1.1\r\n{bearer}");
    for (kind, status) in [
        ("Content-Type: application/json", 200),
        ("Content-Type: application/json; charset=utf-8", 200),
        ("Content-Type: text/plain", 400),
        ("Content-Type: application/x-www-form-urlencoded", 400),
        ("Content-Type: multipart/form-data; boundary=x", 400),
        ("X-Nothing: 1", 400),
    ] {
        let (head, body) = ask(shop.server.url(), &format!("{whoami}\r\n{kind}"), b"{}").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{kind}: {head}");
        assert!(status == 200 || body.contains("\"field\":\"Content-Type\""), "{body}");
    }
    let headers = [
        ("content-type", "application/msgpack"),
        ("authorization", &format!("Bearer {}", shop.amy.token)),
    ];
    let call =
        |body: Vec<u8>| http(shop.server.url(), "POST", "/v1/rpc/session.whoami", &headers, body);
    let (status, body) = call(vec![0x80]).await;
    let identity: session::Identity = Codec::MsgPack.decode(&body).unwrap();
    assert_eq!((status, identity.user), (200, shop.amy.user), "answered in its own codec");
    for (body, status, code) in [
        (vec![0xc1], 400, "E_BAD_ARG"),
        (vec![0x90], 400, "E_BAD_ARG"),
        ([0x91; 40].to_vec(), 400, "E_BAD_FRAME"),
        (vec![0; 64 * 1024 + 1], 413, "E_TOO_LARGE"),
    ] {
        let (answered, body) = call(body).await;
        let error: carillon_protocol::ErrorBody = Codec::MsgPack.decode(&body).unwrap();
        assert_eq!((answered, error.code.as_str()), (status, code));
    }
    let json = format!("{whoami}\r\nContent-Type: application/json");
    for (body, code) in [("{", "E_BAD_ARG"), ("[]", "E_BAD_ARG"), ("{} x", "E_BAD_ARG")] {
        let (head, answer) = ask(shop.server.url(), &json, body.as_bytes()).await;
        assert!(head.starts_with("HTTP/1.1 400") && answer.contains(code), "{body}: {answer}");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_people_may_be_longer_than_a_frame_if_an_administrator_sends_it() {
    let server = TestServer::start().await;
    let org = server.org("Harbour").await;
    let (frank, amy) = (server.admin(org, "frank").await, server.person(org, "amy").await);
    let people = |len: usize| {
        let name = "Wong \"Siu\" Ming".repeat(4);
        let line = |n| format!("p{n:06},\"{}\"\r\n", name.replace('"', "\"\""));
        let lines = (0..).map(line).scan(0, |sum, line| {
            *sum += line.len();
            (*sum <= len).then_some(line)
        });
        json!({"csv": format!("login,name\r\n{}", lines.collect::<String>())})
    };
    let check = async |person: &Person, table: &Value| {
        let (status, body) = server.rpc(Some(&person.token), "org.import.check", None, table).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let (frame, most, too_long) = (people(40_000), people(150_000), people(3_000_000));
    assert_eq!(check(&frank, &frame).await.0, 200);
    assert_eq!(check(&frank, &most).await.0, 200);
    assert_eq!(check(&frank, &too_long).await, (413, "E_TOO_LARGE".into()));
    assert_eq!(check(&amy, &frame).await, (403, "E_FORBIDDEN".into()));
    assert_eq!(check(&amy, &most).await, (413, "E_TOO_LARGE".into()), "nobody else's is read");
    let (status, _) = server.rpc(Some(&frank.token), "session.whoami", None, &most).await;
    assert_eq!(status, 413, "nor any other operation's");

    let head = format!(
        "POST /v1/rpc/org.import.check HTTP/1.1\r\nHost: carillon\r\nContent-Length: 100000\r\n\
         Content-Type: application/json\r\nAuthorization: Bearer {}\r\nExpect: 100-continue\r\n",
        frank.token
    );
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut wire = Wire::connect(server.url()).await;
        wire.write(format!("{head}\r\n").as_bytes()).await;
        assert!(wire.head().await.starts_with("HTTP/1.1 100"));
        slow.push(wire);
    }
    assert_eq!(check(&frank, &most).await, (429, "E_BUSY".into()), "memory is bounded");
    assert_eq!(check(&frank, &frame).await.0, 200);
    drop(slow);
    while check(&frank, &most).await.0 == 429 {
        tokio::task::yield_now().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_cid_is_one_intent_whichever_door_and_codec() {
    let shop = Shop::open().await;
    let intent = cid();
    let message = text_message(shop.conv, "once");
    let args = serde_json::to_value(&message).unwrap();
    let token = Some(shop.amy.token.as_str());
    let (status, first) = shop.server.rpc(token, "msg.send", Some(intent), &args).await;
    assert_eq!((status, &first["dup"]), (200, &json!(false)));
    let (status, second) = shop.server.rpc(token, "msg.send", Some(intent), &args).await;
    assert_eq!((status, &second["dup"], &second["seq"]), (200, &json!(true), &first["seq"]));
    for codec in Codec::ALL {
        let mut client = shop.client(codec).await;
        let sent: msg::Sent = client.call_as(Some(intent), None, &message).await.unwrap();
        assert!(sent.dup);
        assert_eq!(
            json!([sent.seq, sent.id, sent.at]),
            json!([first["seq"], first["id"], first["at"]])
        );
    }
    let other = serde_json::to_value(text_message(shop.conv, "something else")).unwrap();
    let (status, body) = shop.server.rpc(token, "msg.send", Some(intent), &other).await;
    assert_eq!((status, &body["code"]), (409, &json!("E_IDEMPOTENCY_CONFLICT")));

    let post = format!(
        "POST /v1/rpc/msg.send HTTP/1.1\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json",
        shop.amy.token
    );
    let body = args.to_string();
    for key in ["", "x", "01ARZ3NDEKTSV4RRFFQ69G5FA", "01arz3ndektsv4rrffq69g5fav", "\u{1f600}"] {
        let request = format!("{post}\r\nIdempotency-Key: {key}");
        let (head, answer) = ask(shop.server.url(), &request, body.as_bytes()).await;
        assert!(head.starts_with("HTTP/1.1 400"), "{key}: {head}");
        assert!(answer.contains("\"field\":\"Idempotency-Key\""), "{key}: {answer}");
    }
    let (head, answer) = ask(shop.server.url(), &post, body.as_bytes()).await;
    assert!(head.starts_with("HTTP/1.1 400") && answer.contains("\"cid\""), "{answer}");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_without_end_is_refused() {
    let server = TestServer::start().await;
    let many: String = (0..500).map(|n| format!("X-{n}: y\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "y".repeat(1 << 20));
    for bomb in [many, long] {
        let mut wire = Wire::connect(server.url()).await;
        wire.write(format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{bomb}\r\n").as_bytes()).await;
        let answer = wire.rest().await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    let (status, _) = http(server.url(), "GET", "/healthz", &[], Vec::new()).await;
    assert_eq!(status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_answers_only_by_the_name_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = carillon();
    serve.args(["serve", "--demo", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path());
    let demo = Process::start(serve).await;
    let port = demo.url.rsplit_once(':').unwrap().1;
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        ("localhost".into(), 200),
        ("evil.example".into(), 403),
        (format!("evil.example:{port}"), 403),
        ("localhost.evil.example".into(), 403),
        ("127.0.0.1.evil.example".into(), 403),
        ("192.168.1.10".into(), 403),
        (String::new(), 403),
    ] {
        let (head, _) =
            ask(&demo.url, &format!("GET /version HTTP/1.1\r\nHost: {host}"), b"").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{host}: {head}");
        let head = Wire::connect(&demo.url).await.ask_upgrade(&format!("Host: {host}\r\n")).await;
        assert_eq!(head.starts_with("HTTP/1.1 101"), status == 200, "{host}: {head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_asked_to_end_says_so_to_everybody_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::serve(folder.path()).await;
    let org = add_org(folder.path(), "Harbour");
    let amy = add_person(folder.path(), org, "amy");
    let client = connect(&process.url, &amy).await;
    let stranger = TestClient::open(&process.url, Codec::MsgPack).await;
    process.terminate();
    for client in [client, stranger] {
        let (frames, closed) = client.until_closed().await;
        assert_eq!(goodbye(&frames, closed.code), (4001, 4001));
        let Some(ServerFrame::Bye { retry_ms: Some(retry_ms), .. }) = frames.last() else {
            panic!("when to come back is not said: {frames:?}");
        };
        assert!((1..=10_000).contains(retry_ms));
    }
    assert_eq!(process.status().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_goes_down_answers_who_asked_and_hangs_up_on_the_others() {
    let shop = Shop::open().await;
    let url = shop.server.url().to_owned();
    let mut idle = Wire::connect(&url).await;
    idle.write(b"GET /readyz HTTP/1.1\r\nHost: carillon\r\n\r\n").await;
    assert!(idle.head().await.starts_with("HTTP/1.1 200"));
    let args = serde_json::to_string(&text_message(shop.conv, "my last words")).unwrap();
    let mut caller = Wire::connect(&url).await;
    let call = format!(
        "POST /v1/rpc/msg.send HTTP/1.1\r\nHost: carillon\r\nAuthorization: Bearer {}\r\n\
         Idempotency-Key: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        shop.amy.token,
        cid(),
        args.len(),
    );
    caller.write(call.as_bytes()).await;
    assert!(caller.head().await.starts_with("HTTP/1.1 100"));

    let stopping = tokio::spawn(shop.close());
    let rest = idle.rest().await;
    assert_eq!(rest, "ready\n", "nothing more is said");
    caller.write(args.as_bytes()).await;
    let answer = caller.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"dup\":false"), "{answer}");
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_data_folder_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    // A folder that the operator made, as open as folders usually are.
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let process = Process::serve(&data).await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).collect();
    for name in ["carillon.db", "carillon.db-wal", "carillon.lock", "carillon.sock"] {
        assert!(files.contains(&data.join(name)), "{name} is not in {files:?}");
    }
    for file in &files {
        assert_eq!(mode(file) & 0o077, 0, "{}", file.display());
    }
    process.terminate();
    assert_eq!(process.status().await.code(), Some(0));
}
