//! Programs of others, as they are installed: each posts by itself, and what it says is seen in the
//! conversation. `make interop` installs and runs them.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use carillon::config::Tls;
use carillon_protocol::{bot::Rules, card::Tone, msg::Body};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader as AsyncReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{Shop, often};
use crate::{
    kit::{TestServer, http},
    stream,
};

/// The hosts that some programs call, wherever one would like them to.
const HOSTS: [&str; 2] = ["hooks.slack.com", "oapi.dingtalk.com"];

/// Where `make interop` installs what is installed.
fn installed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/interop")
}

/// One of the programs beside this file.
fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/robots/programs").join(name)
}

fn python(name: &str) -> Command {
    let mut python = Command::new(installed().join("bin/python"));
    python.arg(program(name));
    python
}

fn apprise(url: &str) -> Command {
    let mut apprise = Command::new(installed().join("bin/apprise"));
    apprise.args(["-vv", "--title", "Backup", "--body", "all of it", url]);
    apprise
}

/// Runs a program to its end, which must be a good one.
fn run(mut command: Command) {
    let output = tokio::task::block_in_place(|| command.output()).expect("run `make interop`");
    let (said, err) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {} {err}", String::from_utf8_lossy(said));
}

fn card(body: Body) -> carillon_protocol::card::Card {
    match body {
        Body::Card { card, owner: None } => *card,
        other => panic!("not a card: {other:?}"),
    }
}

fn markdown(body: Body) -> String {
    match body {
        Body::Markdown { text, .. } => text,
        other => panic!("not Markdown: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make interop` installs what it runs"]
async fn dingtalk_chatbot_posts_every_kind() {
    let mut shop = Shop::open(Rules { signed: true, ..often() }).await;
    let mut chatbot = python("dingtalk_chatbot.py");
    let url = format!("{}/robot/send?access_token={}", shop.server.url(), shop.robot.token);
    run({
        chatbot.arg(url).arg(shop.robot.secret.as_deref().unwrap());
        chatbot
    });
    let Body::Text { text, .. } = shop.said().await else { panic!("not a text") };
    assert!(text.starts_with("磁盘 95%"), "{text}");
    assert_eq!(markdown(shop.said().await), "![](http://a.example/p.png)");
    let link = card(shop.said().await);
    assert_eq!(
        (link.title.as_deref(), link.url.as_deref()),
        (Some("T"), Some("http://a.example/"))
    );
    assert_eq!(markdown(shop.said().await), "#### h\n[l](http://a.example/)");
    let button = &card(shop.said().await).buttons[0];
    assert_eq!(button.url.as_deref(), Some("http://a.example/?q=1&r=2"));
    assert_eq!(card(shop.said().await).items[0].url.as_deref(), Some("http://a.example/1"));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make interop` installs what it runs"]
async fn apprise_posts_as_to_mattermost_and_as_json() {
    let mut shop = Shop::open(often()).await;
    let authority = stream::authority(shop.server.url()).to_owned();
    let token = shop.robot.token.clone();
    run(apprise(&format!("mmost://{authority}/{token}")));
    assert_eq!(markdown(shop.said().await), "Backup\r\nall of it");
    run(apprise(&format!("json://{authority}/hook/{token}")));
    let json = card(shop.said().await);
    assert_eq!((json.title.as_deref(), json.text.as_deref()), (Some("Backup"), Some("all of it")));
    assert_eq!(json.tone, Some(Tone::Info));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make interop` installs what it runs"]
async fn slacks_own_programs_post() {
    let mut shop = Shop::open(often()).await;
    let url = format!("{}/services/T0/B0/{}", shop.server.url(), shop.robot.token);
    run({
        let mut sdk = python("slack_sdk_webhook.py");
        sdk.arg(&url);
        sdk
    });
    assert_eq!(markdown(shop.said().await), "plain & simple");
    let down = card(shop.said().await);
    assert_eq!((down.title.as_deref(), down.tone), (Some("Down"), Some(Tone::Danger)));
    assert_eq!((down.text.as_deref(), &*down.fields[0].value), (Some("**now**"), "web-1"));
    assert_eq!(markdown(shop.said().await), "**hi** [there](http://a.example)");
    run({
        let mut node = Command::new("node");
        node.current_dir(installed().join("node")).arg(program("slack_webhook.mjs")).arg(&url);
        node
    });
    assert_eq!(markdown(shop.said().await), "from node");
    assert_eq!(card(shop.said().await).title.as_deref(), Some("Deployed"));
    shop.close().await;
}

/// A proxy that brings every host to one address, and the authority that they show.
struct Detour {
    proxy: String,
    authority: PathBuf,
    server: TestServer,
    _folder: tempfile::TempDir,
    accepting: JoinHandle<()>,
}

impl Detour {
    /// A server that is [`HOSTS`] to whoever goes through the proxy and trusts the authority.
    async fn new() -> Detour {
        let folder = tempfile::tempdir().unwrap();
        let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "detour");
        let authority = ca.self_signed(&ca_key).unwrap();
        let names = HOSTS.iter().map(|&host| host.to_owned()).chain(["127.0.0.1".to_owned()]);
        let mut leaf = CertificateParams::new(names.collect::<Vec<_>>()).unwrap();
        leaf.use_authority_key_identifier_extension = true;
        let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("ca.pem"), authority.pem()).unwrap();
        fs::write(path("cert.pem"), leaf.pem()).unwrap();
        fs::write(path("key.pem"), key.serialize_pem()).unwrap();
        stream::trust(authority.der());
        let setting = format!("files:{},{}", path("cert.pem").display(), path("key.pem").display());
        let tls = Tls::try_from(setting).unwrap();
        let server = TestServer::with(|config| config.tls = Some(tls)).await;
        let to = stream::authority(server.url()).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(tunnel(socket, to.clone()));
            }
        });
        Detour { proxy, authority: path("ca.pem"), server, _folder: folder, accepting }
    }
}

/// Answers `CONNECT`, and carries bytes.
async fn tunnel(socket: TcpStream, to: String) {
    let mut socket = AsyncReader::new(socket);
    let mut line = String::new();
    while socket.read_line(&mut line).await.is_ok_and(|len| len > 2) {}
    assert!(HOSTS.iter().any(|host| line.starts_with(&format!("CONNECT {host}:443"))), "{line}");
    socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let mut server = TcpStream::connect(to).await.unwrap();
    // Either end may just hang up.
    let _ended = copy_bidirectional(&mut socket, &mut server).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make interop` installs what it runs"]
async fn apprise_posts_where_it_believes_slack_and_dingtalk_to_be() {
    let Detour { proxy, authority, server, accepting, _folder } = Detour::new().await;
    let mut shop = Shop::on(server, Rules { signed: true, ..often() }).await;
    let through = |mut command: Command| {
        command.env("HTTPS_PROXY", &proxy).env("REQUESTS_CA_BUNDLE", &authority);
        run(command);
    };
    let (token, secret) = (shop.robot.token.clone(), shop.robot.secret.clone().unwrap());
    through(apprise(&format!("dingtalk://{secret}@{token}/")));
    let Body::Text { text, .. } = shop.said().await else { panic!("not a text") };
    assert_eq!(text, "Backup\r\nall of it");
    let unsigned = carillon_protocol::bot::Update {
        robot: shop.id(),
        name: None,
        rules: Some(often()),
        enabled: None,
    };
    shop.call(&shop.amy, &unsigned).await.unwrap();
    through(apprise(&format!("slack://T1JJ3T3L2/A1BRTD4JD/{token}/")));
    let slack = card(shop.said().await);
    assert_eq!(slack.title.as_deref(), Some("Backup"));
    assert!(slack.text.unwrap().starts_with("all of it"));
    accepting.abort();
    shop.close().await;
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Alertmanager with this configuration, and where it listens.
fn alertmanager(folder: &Path, config: &serde_json::Value) -> (Running, String) {
    // JSON is YAML.
    fs::write(folder.join("alertmanager.yml"), config.to_string()).unwrap();
    let child = Command::new("prometheus-alertmanager")
        .arg(format!("--config.file={}", folder.join("alertmanager.yml").display()))
        .arg(format!("--storage.path={}", folder.join("data").display()))
        .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
        .stderr(Stdio::piped())
        .spawn()
        .expect("run `make interop`");
    let mut running = Running(child);
    let mut log = BufReader::new(running.0.stderr.take().unwrap());
    let url = tokio::task::block_in_place(|| {
        loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended before it listened");
            if let Some((_, rest)) = line.split_once("msg=\"Listening on\" address=") {
                break format!("http://{}", rest.trim());
            }
        }
    });
    // Read to its end, so that it can go on writing.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    (running, url)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`make interop` installs what it runs"]
async fn alertmanager_posts_as_to_slack_and_to_a_webhook() {
    let mut shop = Shop::open(often()).await;
    let folder = tempfile::tempdir().unwrap();
    let (url, token) = (shop.server.url().to_owned(), shop.robot.token.clone());
    let receiver = json!({"name": "all",
        "slack_configs": [{"api_url": format!("{url}/services/T0/B0/{token}"), "channel": "#ops"}],
        "webhook_configs": [{"url": format!("{url}/hook/{token}")}]});
    let route = json!({"receiver": "all", "group_wait": "0s", "group_by": ["alertname"]});
    let config = json!({"route": route, "receivers": [receiver]});
    let (running, at) = alertmanager(folder.path(), &config);
    let labels = json!({"alertname": "DiskFull", "severity": "critical", "host": "web-1"});
    let alerts = json!([{"labels": labels, "annotations": {"summary": "disk 95%"}}]);
    let headers = [("content-type", "application/json")];
    let alerts = alerts.to_string().into_bytes();
    assert_eq!(http(&at, "POST", "/api/v2/alerts", &headers, alerts).await.0, 200);
    // In whichever order they arrive.
    let (one, other) = (card(shop.said().await), card(shop.said().await));
    let (webhook, slack) = if one.items.is_empty() { (other, one) } else { (one, other) };
    assert_eq!(webhook.title.as_deref(), Some("[FIRING:1] DiskFull"));
    assert_eq!(webhook.items[0].text.as_deref(), Some("disk 95%\n\nhost: web-1"));
    assert!(slack.title.unwrap().starts_with("[FIRING:1] DiskFull"));
    assert_eq!((webhook.tone, slack.tone), (Some(Tone::Danger), Some(Tone::Danger)));
    drop(running);
    shop.close().await;
}
