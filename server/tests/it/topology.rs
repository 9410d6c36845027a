//! What `docker/` describes: two nodes behind a proxy, here as plain processes.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use carillon_protocol::msg;
use carillon_rig::{Child, free_port};
use futures_util::future::select_all;

use crate::{
    client::Closed,
    kit::{PATIENCE, http},
    process::{Process, add_org, add_person, carillon, connect, run},
    shop::goodbye,
};

fn docker(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker").join(file)
}

#[test]
fn the_containers_fit_together() {
    let checked = Command::new("docker-compose")
        .arg("--file")
        .arg(docker("compose.yaml"))
        .args(["config", "--quiet"])
        .output()
        .expect("`make services` installs docker-compose");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

/// One of the nodes of a database, with a data folder in this one.
async fn node(folder: &Path, name: &str, database: &str) -> Process {
    let mut serve = carillon();
    serve
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.join(name))
        .env("CARILLON_DATABASE", database)
        .env("CARILLON_REDIS", carillon_rig::shared_redis())
        .env("CARILLON_NODE", name)
        .env("CARILLON_TRUSTED_PROXIES", "127.0.0.1")
        .env("CARILLON_LOG__LEVEL", "warn");
    Process::start(serve).await
}

/// The proxy of `docker/` before two nodes; answers its address.
fn proxy(folder: &Path, [east, west]: [&Process; 2]) -> (Child, String) {
    let port = free_port();
    let place = |node: &Process| node.url.trim_start_matches("http://").to_owned();
    let mut haproxy = Command::new("haproxy");
    haproxy
        .arg("-f")
        .arg(docker("haproxy.cfg"))
        // In the foreground, as a child of the test.
        .arg("-db")
        .env("LISTEN", format!("127.0.0.1:{port}"))
        .env("EAST", place(east))
        .env("WEST", place(west));
    let child = Child::start(haproxy, &folder.join("haproxy.log"), port);
    (child, format!("http://127.0.0.1:{port}"))
}

/// Waits until the proxy sends requests to a node.
async fn until_ready(url: &str) {
    let ready = async {
        while http(url, "GET", "/readyz", &[], Vec::new()).await.0 != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, ready).await.expect("a node answers through the proxy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_goes_down_behind_the_proxy_and_everybody_talks_on_through_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let database = carillon_rig::database();
    let east = node(folder.path(), "east", &database.url()).await;
    let west = node(folder.path(), "west", &database.url()).await;
    let (_proxy, url) = proxy(folder.path(), [&east, &west]);
    until_ready(&url).await;

    let data = folder.path().join("east");
    let org = add_org(&data, "Harbour");
    let (amy, bob) = (add_person(&data, org, "amy"), add_person(&data, org, "bob"));
    let mut amys = connect(&url, &amy).await;
    let create = carillon_protocol::conv::Create {
        title: "Shop".into(),
        members: vec![bob.user],
        history: carillon_protocol::conv::History::All,
    };
    let conv = amys.call(&create).await.unwrap().conv;
    // One of the two is at one node and one at the other: the proxy asks the less busy one.
    let mut bobs = connect(&url, &bob).await;
    amys.say(conv, "before").await;
    bobs.event_of(msg::kind::SENT).await;

    let nodes = run(&folder.path().join("west"), &["nodes"]);
    assert!(nodes.contains("east") && nodes.contains("west"), "{nodes}");
    let (status, _) = http(&url, "GET", "/metrics", &[], Vec::new()).await;
    assert_eq!(status, 403, "figures are not for everybody");

    east.terminate();
    let ended = east.status();
    let both = [amys, bobs].map(|client| Box::pin(client.until_closed()));
    let told = tokio::time::timeout(PATIENCE, select_all(both)).await;
    let ((frames, Closed { code }), ..) = told.expect("somebody was at the node that goes down");
    assert_eq!(goodbye(&frames, code), (4001, 4001));
    assert!(ended.await.success());
    let (mut amys, mut bobs) = (connect(&url, &amy).await, connect(&url, &bob).await);
    let sent = amys.say(conv, "after").await;
    assert_eq!(bobs.event_of(msg::kind::SENT).await.id, sent.id);
}
