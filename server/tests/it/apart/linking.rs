//! Who is linked as a plugin's process, and who is not.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use carillon::{
    apart::{FromNode, FromProcess, PROTOCOL},
    config::Tls,
};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};
use tungstenite::client::IntoClientRequest;

use super::{Apart, linked, remote, server, token};
use crate::kit::{PATIENCE, TestServer, http};

/// More wrong tokens than anybody may show in a moment.
const GUESSES: usize = 64;

/// What a node answers to somebody who shows this token.
async fn refused(server: &TestServer, plugin: &str, token: &str) -> (u16, String) {
    let bearer = format!("Bearer {token}");
    let path = format!("/v1/plugin/{plugin}");
    let (status, body) =
        http(server.url(), "GET", &path, &[("authorization", &bearer)], Vec::new()).await;
    let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
    (status, error["msg"].as_str().unwrap().to_owned())
}

/// A socket on which nothing was said yet.
async fn socket(server: &TestServer, token: &str) -> WebSocketStream<TcpStream> {
    let address = server.url().strip_prefix("http://").unwrap();
    let url = format!("ws://{address}/v1/plugin/poll");
    let mut request = url.into_client_request().unwrap();
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    let stream = TcpStream::connect(address).await.unwrap();
    client_async(request, stream).await.unwrap().0
}

async fn says(socket: &mut WebSocketStream<TcpStream>, frame: &FromProcess) {
    let text = serde_json::to_string(frame).unwrap();
    socket.send(Message::text(text)).await.unwrap();
}

async fn hears(socket: &mut WebSocketStream<TcpStream>) -> Option<FromNode> {
    let message = timeout(PATIENCE, socket.next()).await.expect("something comes in time");
    match message? {
        Ok(Message::Text(text)) => Some(serde_json::from_str(&text).unwrap()),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_newest_token_of_a_plugin_that_runs_apart_links_a_process() {
    let server = server().await;
    let polls = token(&server, "poll").await;
    let bots = token(&server, "bot").await;
    for (plugin, shown) in [("poll", bots.as_str()), ("poll", "cpt_"), ("nobody", &polls)] {
        let (status, msg) = refused(&server, plugin, shown).await;
        assert!(status == 401 && msg.contains("carillon plugins token"), "{status} {msg}");
    }
    let (status, msg) = refused(&server, "bot", &bots).await;
    assert!(status == 409 && msg.contains("run = \"remote\""), "{status} {msg}");
    let (status, msg) = refused(&server, "poll", &polls).await;
    assert!(status == 400 && msg.contains("WebSocket"), "{status} {msg}");
    let bearer = format!("Bearer {polls}");
    let page = [("authorization", bearer.as_str()), ("origin", server.url())];
    let (status, _) = http(server.url(), "GET", "/v1/plugin/poll", &page, Vec::new()).await;
    assert_eq!(status, 403);

    let process = Apart::start(server.url(), &polls);
    linked(&server, 1).await;
    let newer = token(&server, "poll").await;
    linked(&server, 0).await;
    let _second = Apart::start(server.url(), &newer);
    linked(&server, 1).await;
    assert!(process.terminate().await.success(), "it ends in order although nobody links it");
    linked(&server, 1).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_links_itself_over_tls_to_a_node_that_its_machine_trusts() {
    let server = TestServer::with(|config| {
        remote(config);
        config.tls = Some(Tls::Own);
    })
    .await;
    let token = token(&server, "poll").await;
    let folder = tempfile::tempdir().unwrap();
    let authorities = folder.path().join("authorities.pem");
    let page = server.server().tls.as_ref().and_then(|tls| tls.page()).unwrap();
    let pem = STANDARD.encode(page.der());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n");
    std::fs::write(&authorities, pem).unwrap();
    let _process = Apart::trusting(server.url(), &token, Some(&authorities));
    linked(&server, 1).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_guesses_tokens_is_told_to_wait() {
    let server = server().await;
    let mut statuses = Vec::new();
    for guess in 0..GUESSES {
        statuses.push(refused(&server, "poll", &format!("cpt_{guess}")).await.0);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_another_version_is_told_what_to_do() {
    let server = server().await;
    let token = token(&server, "poll").await;
    let own = env!("CARGO_PKG_VERSION");
    for (protocol, program) in [(PROTOCOL + 1, own), (PROTOCOL, "0.0.0")] {
        let mut socket = socket(&server, &token).await;
        let program = program.to_owned();
        says(&mut socket, &FromProcess::Hello { protocol, program }).await;
        let heard = hears(&mut socket).await;
        let Some(FromNode::Refused { error }) = heard else { panic!("refused, not {heard:?}") };
        assert_eq!(error.code.as_str(), "E_VERSION");
        assert!(error.msg.contains("run the same program"), "{}", error.msg);
    }
    let mut socket = socket(&server, &token).await;
    let program = own.to_owned();
    says(&mut socket, &FromProcess::Hello { protocol: PROTOCOL, program: program.clone() }).await;
    assert!(matches!(hears(&mut socket).await, Some(FromNode::Welcome {})));
    linked(&server, 1).await;
    says(&mut socket, &FromProcess::Hello { protocol: PROTOCOL, program }).await;
    assert!(hears(&mut socket).await.is_none(), "whoever says it twice is sent away");
    linked(&server, 0).await;
    server.stop().await;
}
