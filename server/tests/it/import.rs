//! Many people at once, and links: over HTTP, over a socket and on the command line.

use std::{fs, path::Path, process::Output};

use carillon_protocol::{Codec, Command as _, OrgId, import, org, session};
use serde_json::{Value, json};

use crate::{
    client::TestClient,
    kit::{Person, TestServer, http},
    process::{Process, add_org, add_person, carillon, run},
    shop::{goodbye, refusal},
};

/// Several times what a frame holds: 2,000 people, each with a long title.
fn large_table() -> String {
    let title = "x".repeat(99);
    let line = |i| format!("person{i},Person {i},\"{title}\",Floor {}/Team {}\r\n", i % 9, i % 30);
    let lines: String = (0..2_000).map(line).collect();
    format!("login,name,title,department\r\n{lines}")
}

async fn harbour() -> (TestServer, Person) {
    let server = TestServer::start().await;
    let admin = server.admin(server.org("Harbour").await, "frank").await;
    (server, admin)
}

fn actions(report: &Value) -> Vec<&str> {
    let lines = report["lines"].as_array().unwrap().iter();
    lines.map(|line| line["action"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_larger_than_a_frame_is_imported_over_http() {
    let (server, admin) = harbour().await;
    let csv = large_table();
    assert!(csv.len() > 3 * 64 * 1024, "{}", csv.len());
    let call = async |op, csv: &str| {
        server.rpc(Some(&admin.token), op, None, &json!({ "csv": csv })).await
    };
    let (status, said) = call("org.import.check", &csv).await;
    assert_eq!((status, &said["applied"]), (200, &json!(false)), "{}", said["msg"]);
    let (status, done) = call("org.import.apply", &csv).await;
    assert_eq!((status, &done["applied"]), (200, &json!(true)));
    assert_eq!((&done["lines"], &done["departments"]), (&said["lines"], &said["departments"]));
    let get = server.rpc(Some(&admin.token), "org.get", None, &json!({})).await.1;
    assert_eq!(get["members"], json!(2_001));
    let again = call("org.import.apply", &csv).await.1;
    assert!(actions(&again).iter().all(|action| *action == "same"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_has_its_bound_and_everything_else_keeps_that_of_a_frame() {
    let (server, admin) = harbour().await;
    let eve = server.person(admin.org, "eve").await;
    for (op, token, len, code, named) in [
        ("org.import.check", &admin.token, 1024 * 1024 + 1, "E_TOO_LARGE", json!("csv")),
        ("org.import.apply", &admin.token, 3 * 1024 * 1024, "E_TOO_LARGE", Value::Null),
        ("org.import.apply", &eve.token, 64 * 1024, "E_TOO_LARGE", Value::Null),
        ("org.member.list", &admin.token, 64 * 1024, "E_TOO_LARGE", Value::Null),
        ("org.import.check", &admin.token, 64 * 1024, "E_BAD_ARG", json!("csv")),
    ] {
        let args = json!({ "csv": "x".repeat(len) });
        let (_, body) = server.rpc(Some(token), op, None, &args).await;
        assert_eq!((&body["code"], &body["field"]), (&json!(code), &named), "{op} with {len}");
    }
    let headers = [("content-type", "application/json")];
    let body = json!({ "csv": "x".repeat(64 * 1024) }).to_string().into_bytes();
    let (status, _) = http(server.url(), "POST", "/v1/rpc/org.import.apply", &headers, body).await;
    assert_eq!(status, 413, "strangers send no tables");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_fits_into_a_frame_goes_over_a_socket() {
    let (server, admin) = harbour().await;
    let mut client = TestClient::connect(&server, &admin).await;
    let csv = "login,name\r\nbob,Bob 陳\r\n".to_owned();
    let report = client.call(&import::Apply { org: None, csv }).await.unwrap();
    assert!(report.applied);
    assert_eq!(client.event_of(org::kind::IMPORTED).await.by, admin.user);
    // An answer is not bounded as a frame of a client is.
    let lines: String = (0..2_000).map(|i| format!("p{i},\n")).collect();
    let csv = format!("login,name\n{lines}");
    let report = client.call(&import::Check { org: None, csv }).await.unwrap();
    assert_eq!(report.lines.len(), 2_000);
    let csv = large_table();
    client.begin(import::Check::OP, None, None, &import::Check { org: None, csv }).await;
    assert_eq!(refusal(&mut client).await.1.code.as_str(), "E_TOO_LARGE");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sets_a_password_by_a_link_signs_every_other_device_out() {
    let (server, admin) = harbour().await;
    let bob = server.person(admin.org, "bob").await;
    let client = TestClient::connect(&server, &bob).await;
    let ask = json!({ "user": bob.user });
    let (_, link) = server.rpc(Some(&admin.token), "org.invite.create", None, &ask).await;
    let accept = json!({ "token": link["token"], "password": "a new battery" });
    let (status, grant) = server.rpc(None, "org.invite.accept", None, &accept).await;
    assert_eq!(status, 200, "{grant}");
    let (frames, closed) = client.until_closed().await;
    assert_eq!(goodbye(&frames, closed.code), (4502, 4502));
    let token = grant["token"].as_str().unwrap();
    let (_, me) = server.rpc(Some(token), "session.whoami", None, &json!({})).await;
    assert_eq!(me["user"], json!(bob.user));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_try_out_links_are_told_to_wait() {
    let (server, admin) = harbour().await;
    let (_, link) = server.rpc(Some(&admin.token), "org.invite.create", None, &json!({})).await;
    for (op, args) in [
        ("org.invite.look", json!({ "token": "cin_AAAAAAAAAAAAAAAAAAAAAA" })),
        ("org.invite.accept", json!({ "token": link["token"], "password": "x" })),
    ] {
        let mut waits = 0;
        for _ in 0..60 {
            let (status, body) = server.rpc(None, op, None, &args).await;
            assert!(matches!(status, 400 | 404 | 429), "{body}");
            waits += usize::from(status == 429);
        }
        assert!(waits > 0, "{op}");
    }
    server.stop().await;
}

/// Runs a command that may fail.
fn try_run(data: &Path, args: &[&str]) -> Output {
    let run = || carillon().arg("--data").arg(data).args(args).output();
    tokio::task::block_in_place(run).unwrap()
}

fn printed(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What the command line does with a table, beside a server or without one.
fn imports(data: &Path) {
    let file = data.with_file_name("people.csv");
    let path = file.to_str().unwrap();
    let table = "\u{feff}login,name,department,manager\r\n\
                 gina,Gina Ho,Shops/Central,hugo\r\nhugo,Hugo 何,Shops,\r\n";
    fs::write(&file, table).unwrap();
    let added = "    2 add    gina (name, department, manager)\n    \
                     3 add    hugo (name, department)\n\
                 department Shops\ndepartment Shops/Central\n";
    let dry = run(data, &["user", "import", path, "--dry-run"]);
    assert_eq!(dry, format!("{added}nothing was done yet: 2 added, 0 changed, 0 as they were"));
    let done = run(data, &["user", "import", path]);
    assert_eq!(done, format!("{added}done: 2 added, 0 changed, 0 as they were"));
    let again = run(data, &["user", "import", path]);
    assert!(again.ends_with("done: 0 added, 0 changed, 2 as they were"), "{again}");

    fs::write(&file, "login,name\nivy,Ivy\ni v,\u{1b}[31mIvo\njack,\n").unwrap();
    let failed = try_run(data, &["user", "import", path]);
    assert!(!failed.status.success());
    let (out, error) = (printed(&failed.stdout), printed(&failed.stderr));
    assert!(out.contains("\n    3 error  i v (login: `login` has 2 to 64"), "{out}");
    assert!(out.contains("\n    4 error  jack (name: a new person has a name"), "{out}");
    assert_eq!(error, "carillon: 2 lines are wrong, so nothing is imported\n");

    fs::write(&file, b"login,name\nivy,Ivy \xff\n").unwrap();
    let failed = try_run(data, &["user", "import", path]);
    assert!(!failed.status.success());
    assert!(printed(&failed.stderr).contains("save it as CSV in UTF-8"));
}

/// The token of a link that the command line printed.
fn token_of(link: &str) -> &str {
    link.split_once("/join#").unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_imports_a_table_beside_a_server_and_without_one() {
    for beside in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let server = if beside { Some(Process::serve(&data).await) } else { None };
        add_org(&data, "Harbour");
        imports(&data);
        drop(server);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_imports_a_table_larger_than_a_frame_beside_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("people.csv"));
    let server = Process::serve(&data).await;
    let [one, _] = ["Harbour", "Peak"].map(|name| add_org(&data, name));
    fs::write(&file, large_table()).unwrap();
    let path = file.to_str().unwrap();
    let failed = try_run(&data, &["user", "import", path]);
    assert!(printed(&failed.stderr).contains("there are several organisations"));
    let done = run(&data, &["user", "import", path, "--org", &one.to_string()]);
    assert!(done.ends_with("done: 2000 added, 0 changed, 0 as they were"), "{}", done.len());
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_prints_a_link_that_works() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::serve(folder.path()).await;
    let org: OrgId = add_org(folder.path(), "Harbour");
    let amy = add_person(folder.path(), org, "amy");
    let accept = async |args: Value| {
        let headers = [("content-type", "application/json")];
        let body = args.to_string().into_bytes();
        http(&server.url, "POST", "/v1/rpc/org.invite.accept", &headers, body).await
    };
    for person in ["AMY", &amy.user.to_string()] {
        let link = run(folder.path(), &["user", "invite", "--user", person]);
        let args = json!({ "token": token_of(&link), "password": "a new battery" });
        let (status, body) = accept(args).await;
        let grant: session::Grant = Codec::Json.decode(&body).unwrap();
        assert_eq!((status, grant.user), (200, amy.user));
    }
    let args = ["user", "invite", "--uses", "2", "--ttl", "12h"];
    let mut invite = carillon();
    invite.arg("--data").arg(folder.path()).args(args);
    invite.env("CARILLON_PUBLIC_URL", "https://chat.example.org");
    let made = tokio::task::block_in_place(|| invite.output()).unwrap();
    let link = printed(&made.stdout);
    assert!(link.starts_with("https://chat.example.org/join#cin_"), "{link}");
    for login in ["gina", "hugo"] {
        let token = token_of(link.trim());
        let (name, password) = ("Somebody", "a new battery");
        let args = json!({ "token": token, "login": login, "name": name, "password": password });
        assert_eq!(accept(args).await.0, 200);
    }
    let failed = try_run(folder.path(), &["user", "invite", "--user", "nobody"]);
    assert_eq!(printed(&failed.stderr), "carillon: nobody has the sign-in name `nobody`\n");
}
