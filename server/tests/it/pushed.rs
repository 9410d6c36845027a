//! A push message on its whole way: encrypted by the server, handed to a push service, decrypted by
//! Firefox as it is installed, and shown by the app's own service worker. `make interop` runs it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use carillon_protocol::notify::{GetPushKey, Subscribe};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use crate::kit::{PATIENCE, Person, TestServer, cid};

/// Firefox, and the push service that it is told of.
struct Firefox {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Where the push service listens.
    port: u16,
}

impl Firefox {
    async fn start(certificate: &Path, key: &Path) -> Firefox {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut node = Command::new("node");
        node.current_dir(root.join("../target/interop/node"))
            .arg(root.join("tests/it/pushed/firefox.mjs"))
            .args([Path::new("/usr/bin/firefox-esr"), certificate, key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Whoever ends the tests by the group of their processes leaves it to the program to
            // end the browser.
            .process_group(0);
        let mut child = node.spawn().expect("run `make interop`");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut firefox = Firefox { child, lines, port: 0 };
        firefox.port = serde_json::from_value(firefox.says("port").await).unwrap();
        firefox
    }

    /// The next thing that it says, which must be this.
    async fn says(&mut self, what: &str) -> Value {
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("it says something");
        let line = line.unwrap().expect("run `make interop`: it has ended");
        let mut said: Value = serde_json::from_str(&line).unwrap();
        said.get_mut(what).unwrap_or_else(|| panic!("{line}")).take()
    }

    /// Lets the browser be subscribed at a server, under its key.
    async fn subscribes(&mut self, url: &str, key: &str) -> Value {
        let line = format!("{}\n", json!({ "url": url, "key": key }));
        self.child.stdin.as_mut().unwrap().write_all(line.as_bytes()).await.unwrap();
        self.says("subscription").await
    }

    async fn end(mut self) {
        drop(self.child.stdin.take());
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
    }
}

/// A certificate of this machine, and its key.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    fs::write(&certificate, cert.pem()).unwrap();
    fs::write(&key, signing_key.serialize_pem()).unwrap();
    (certificate, key)
}

async fn call(server: &TestServer, who: &Person, op: &str, args: Value) -> Value {
    let (status, body) = server.rpc(Some(&who.token), op, Some(cid()), &args).await;
    assert_eq!(status, 200, "{op}: {body}");
    body
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make interop` installs what it runs"]
async fn firefox_decrypts_and_shows_an_alert_and_takes_it_away() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path());
    let mut firefox = Firefox::start(&certificate, &key).await;
    let server = TestServer::with(|config| {
        config.egress.allow = vec!["127.0.0.1/32".to_owned()];
        config.egress.ports = vec![firefox.port];
        config.egress.authorities = Some(certificate.clone());
    });
    let server = server.await;
    let org = server.org("Harbour").await;
    let (amy, bob) = (server.admin(org, "amy").await, server.person(org, "bob").await);
    let host = server.host();
    let key = host.call_typed(bob.caller(), None, &GetPushKey {}).await.unwrap().key;
    let made = firefox.subscribes(server.url(), &key).await;
    let text = |field: &Value| field.as_str().unwrap().to_owned();
    let subscribe = Subscribe {
        endpoint: text(&made["endpoint"]),
        p256dh: text(&made["keys"]["p256dh"]),
        auth: text(&made["keys"]["auth"]),
        name: "Firefox".to_owned(),
    };
    host.call_typed(bob.caller(), Some(cid()), &subscribe).await.unwrap();

    let args = json!({ "text": "大廈停電，請走後樓梯。", "to": { "users": [bob.user] } });
    let ding = text(&call(&server, &amy, "ding.send", args).await["ding"]);
    let shown = firefox.says("shown").await;
    assert_eq!(shown.as_array().unwrap().len(), 1, "{shown}");
    assert!(text(&shown[0]["body"]).contains("大廈停電，請走後樓梯。"), "{shown}");
    let data = &shown[0]["data"];
    assert_eq!((&data["kind"], &data["confirm"]), (&json!("alert"), &json!(true)));
    assert!(text(&data["link"]).starts_with(&format!("/ding/{ding}")), "{shown}");

    // It is confirmed elsewhere: what it shows goes away, by another message.
    call(&server, &bob, "ding.confirm", json!({ "ding": ding })).await;
    while firefox.says("shown").await != json!([]) {}
    firefox.end().await;
    server.stop().await;
}
