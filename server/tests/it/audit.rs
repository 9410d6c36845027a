//! The audit log as its operator meets it: shown, signed and proved from the command line, with
//! what came in by which door.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use carillon::config::Config;
use carillon_protocol::{
    Codec, ServerFrame,
    audit::{List, Row},
    frame::client,
};
use serde_json::json;

use crate::{
    kit::{PATIENCE, Person, TestServer, exchange, new_id},
    process::{Process, add_org, add_person, carillon, run},
    wire::{TEXT, Wire},
};

/// What a command says that fails.
fn refusal(data: &Path, args: &[&str]) -> String {
    let output = carillon().arg("--data").arg(data).args(args).output();
    let output = tokio::task::block_in_place(|| output).unwrap();
    assert!(!output.status.success(), "{args:?} should fail");
    let (said, why) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{said}{why}")
}

/// A server that administered something, and went down in order.
async fn administered(data: &Path, people: &[&str]) {
    let server = Process::serve(data).await;
    let org = match people.first() {
        Some(&"amy") => add_org(data, "Harbour"),
        _ => run(data, &["audit", "list", "--op", "org.create"])
            .split_whitespace()
            .find_map(|word| word.strip_prefix("org:"))
            .unwrap()
            .parse()
            .unwrap(),
    };
    people.iter().for_each(|login| drop(add_person(data, org, login)));
    server.terminate();
    assert!(server.status().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_line_administers_is_listed_signed_and_proved() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    administered(data, &["amy", "bob"]).await;
    let listed = run(data, &["audit", "list"]);
    // An organisation, and two people with a token each.
    assert_eq!(listed.lines().count(), 5, "{listed}");
    assert!(listed.lines().next().unwrap().contains("session.issue"), "the newest first: {listed}");
    let proved = run(data, &["audit", "verify"]);
    assert!(proved.contains("all 5 rows are as they were written; row 5 was signed"), "{proved}");
    let mode = fs::metadata(data.join("audit.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // Elsewhere, with what the auditor kept.
    let (key, roots) = (run(data, &["audit", "key"]), folder.path().join("kept.jsonl"));
    fs::copy(data.join("audit-roots.jsonl"), &roots).unwrap();
    let args = ["audit", "verify", "--key", key.trim(), "--roots", roots.to_str().unwrap()];
    assert!(run(data, &args).contains("all 5 rows"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_roots_that_was_changed_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    administered(data, &["amy"]).await;
    let path = data.join("audit-roots.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"n\":", "\"n\":1", 1)).unwrap();
    let told = refusal(data, &["audit", "verify"]);
    assert!(told.contains("line 1 of") && told.contains("it was changed"), "{told}");
    fs::remove_file(&path).unwrap();
    assert!(refusal(data, &["audit", "verify"]).contains("audit-roots.jsonl"), "it is missed");
    fs::write(data.join("audit.key"), "no key").unwrap();
    assert!(refusal(data, &["serve"]).contains("is not the key that this server made"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_restored_over_what_was_signed_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("b.carillon"));
    administered(&data, &["amy"]).await;
    run(&data, &["backup", file.to_str().unwrap()]);
    administered(&data, &["bob", "carol"]).await;
    assert!(run(&data, &["audit", "verify"]).contains("all 7 rows"));
    run(&data, &["restore", "--force", file.to_str().unwrap()]);
    let told = refusal(&data, &["audit", "verify"]);
    assert!(told.contains("rows 4 to 7 are missing at the end"), "{told}");
    administered(&data, &["dora"]).await;
    let told = refusal(&data, &["audit", "verify"]);
    let wanted = "row 4 says that the database was restored from a backup";
    assert!(told.contains(wanted) && told.contains("up to row 7"), "{told}");
    assert_eq!(told.matches("broken:").count(), 1, "{told}");
}

/// Where somebody calls from, as a proxy says it, and the network that this is.
const FROM: &str = "2001:db8:7:8:9:a:b:c";
const NETWORK: &str = "2001:db8:7:8::";

/// Names the organisation over HTTP.
async fn renames_over_http(server: &TestServer, person: &Person, name: &str) {
    let bearer = format!("Bearer {}", person.token);
    let headers = [
        ("content-type", "application/json"),
        ("x-forwarded-for", FROM),
        ("authorization", &*bearer),
    ];
    let body = json!({ "name": name }).to_string().into_bytes();
    let answer = exchange(server.url(), "POST", "/v1/rpc/org.update", &headers, body).await;
    assert_eq!(answer.status().as_u16(), 200, "{:?}", answer.body());
}

/// The same over a socket.
async fn renames_over_a_socket(server: &TestServer, person: &Person, name: &str) {
    let mut wire = Wire::connect(server.url()).await;
    let head = wire.ask_upgrade(&format!("X-Forwarded-For: {FROM}\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let hello = json!({"t": "hello", "v": 1, "token": person.token, "device": new_id()});
    wire.frame(TEXT, hello.to_string().as_bytes()).await;
    let args = json!({ "name": name });
    wire.frame(TEXT, &client::call(Codec::Json, 1, "org.update", None, None, &args)).await;
    loop {
        match wire.protocol_frame().await.unwrap() {
            ServerFrame::Ok { re: 1, .. } => return,
            ServerFrame::Err { error, .. } => panic!("{error}"),
            _ => {}
        }
    }
}

/// The newest rows of an operation, once there are so many.
async fn rows_of(server: &TestServer, op: &str, count: usize) -> Vec<Row> {
    let list = List { op: Some(op.into()), ..List::default() };
    let there = async {
        loop {
            let rows = server.system(&list).await.rows;
            if rows.len() >= count {
                return rows;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, there).await.expect("rows follow what was committed")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_says_from_where_by_whatever_door_it_was_done() {
    let trust = |config: &mut Config| config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let server = TestServer::with(trust).await;
    let org = server.org("Harbour").await;
    let amy = server.admin(org, "amy").await;
    renames_over_http(&server, &amy, "Harbour Ltd").await;
    renames_over_a_socket(&server, &amy, "Harbour Group").await;
    for row in rows_of(&server, "org.update", 2).await {
        assert_eq!(row.what.actor, amy.user);
        assert_eq!(row.what.address.as_deref(), Some(NETWORK), "{row:?}");
    }
    server.stop().await;
}
