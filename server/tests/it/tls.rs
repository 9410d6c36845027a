//! HTTPS in the process: who speaks it, and who does not.

use std::{io::ErrorKind, sync::Arc};

use carillon::config::Tls;
use carillon_client::{Client, Error, Options, login};
use carillon_protocol::{CloseCode, Codec, ConvId, msg};
use rustls::{
    RootCertStore,
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use crate::{
    client::TestClient,
    kit::{Person, TestServer, exchange, http},
    sessions::PASSWORD,
    shop::goodbye,
    stream::{self, authority},
    wire::Wire,
};

/// A server with a local authority, two people and their conversation.
async fn office() -> (TestServer, Person, Person, ConvId) {
    let server = TestServer::with(|config| config.tls = Some(Tls::Own)).await;
    let org = server.org("Harbour").await;
    let (amy, bob) = (server.person(org, "amy").await, server.person(org, "bob").await);
    let conv = server.group(&[&amy, &bob]).await;
    (server, amy, bob, conv)
}

/// The authority's certificate, as somebody downloads it from the page.
async fn authority_of(server: &TestServer) -> Vec<u8> {
    let plain = server.url().replacen("https", "http", 1);
    let (status, der) = http(&plain, "GET", "/ca.crt", &[], Vec::new()).await;
    assert_eq!(status, 200);
    der
}

fn pem(der: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_talk_one_by_the_sdk_and_one_by_a_plain_library() {
    let (server, amy, bob, conv) = office().await;
    let options = Options::new(server.url(), &amy.token).ca(pem(&authority_of(&server).await));
    let sdk = Client::connect(options).await.unwrap();
    let mut events = sdk.events();
    let mut plain = TestClient::resume(&server, &bob, Codec::MsgPack, None).await;
    let asked = sdk.send(conv, "nei hou").await.unwrap();
    assert_eq!(plain.event_of(msg::kind::SENT).await.seq, asked.seq);
    let answered = plain.say(conv, "x".repeat(16_000).as_str()).await;
    loop {
        let update = events.next().await.expect("the client lives");
        if matches!(update, carillon_client::Update::Event(event) if event.seq == answered.seq) {
            break;
        }
    }
    let (status, _) = http(server.url(), "GET", "/readyz", &[], Vec::new()).await;
    assert_eq!(status, 200);
    sdk.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_signs_in_where_it_knows_the_authority_and_nowhere_else() {
    let (server, ..) = office().await;
    let known = carillon_client::Server::new(server.url()).ca(pem(&authority_of(&server).await));
    let refused = login(known, "amy", PASSWORD).await.unwrap_err();
    assert!(matches!(refused, Error::Refused(_)), "it asked, and amy has no password: {refused}");
    let refused = login(server.url(), "amy", PASSWORD).await.unwrap_err().to_string();
    assert!(refused.contains("`ca`"), "this machine does not know it: {refused}");
    let plain = server.url().replacen("https", "ws", 1);
    let refused = Client::connect(Options::new(plain, "t")).await.unwrap_err().to_string();
    assert!(refused.contains("use https://"), "{refused}");
    let another = TestServer::with(|config| config.tls = Some(Tls::Own)).await;
    let wrong = carillon_client::Server::new(server.url()).ca(pem(&authority_of(&another).await));
    let refused = login(wrong, "amy", PASSWORD).await.unwrap_err().to_string();
    assert!(refused.contains("local authority"), "{refused}");
    another.stop().await;
    let open = TestServer::start().await;
    let sealed = open.url().replacen("http", "https", 1);
    let known = carillon_client::Server::new(sealed).ca(pem(&authority_of(&server).await));
    let refused = login(known, "amy", PASSWORD).await.unwrap_err().to_string();
    assert!(refused.contains("http://"), "{refused}");
    open.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_plain_http_is_shown_the_way_and_a_program_is_refused() {
    let (server, ..) = office().await;
    let plain = server.url().replacen("https", "http", 1);
    let answer = exchange(&plain, "GET", "/inbox?a=b", &[], Vec::new()).await;
    assert_eq!(answer.status(), 307);
    assert_eq!(answer.headers()["location"], format!("{}/inbox?a=b", server.url()));
    for path in ["/v1/rpc/session.login", "/ca/elsewhere"] {
        let (status, body) = http(&plain, "POST", path, &[], b"{}".to_vec()).await;
        let text = String::from_utf8(body).unwrap();
        assert!(status == 403 && text.contains("https://"), "{path}: {status} {text}");
    }
    let head = Wire::connect(&plain).await.ask_upgrade("").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_in_the_persons_language_how_to_trust_the_server() {
    let (server, ..) = office().await;
    let plain = server.url().replacen("https", "http", 1);
    let der = authority_of(&server).await;
    for url in [plain.as_str(), server.url()] {
        let get = async |path: &str, headers: &[(&str, &str)]| {
            let answer = exchange(url, "GET", path, headers, Vec::new()).await;
            assert_eq!(answer.status(), 200, "{path}");
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            let policy = header("content-security-policy");
            assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
            (header("content-type"), answer.into_body())
        };
        let text = |body: Vec<u8>| String::from_utf8(body).unwrap();
        let iphone = ("user-agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)");
        let (kind, page) = get("/ca", &[("accept-language", "zh-HK"), iphone]).await;
        let page = text(page);
        assert_eq!(kind, "text/html; charset=utf-8");
        assert!(page.contains("lang=\"zh-HK\"") && page.contains("裝好之後"), "{page}");
        assert!(page.contains("<details open>\n<summary>iPhone"), "{page}");
        assert!(page.contains(&format!("href=\"{}/\"", server.url())), "{page}");
        assert!(!page.contains("<script") && !page.contains("style="), "{page}");
        let numbers = server.server().tls.as_ref().unwrap().page().unwrap().fingerprint();
        assert!(page.contains(&numbers.join("<br>")), "{page}");
        let chosen = text(get("/ca?lang=zh-CN", &[("accept-language", "en")]).await.1);
        assert!(chosen.contains("安装公司证书"), "{chosen}");
        let wechat = text(get("/ca", &[("user-agent", "MicroMessenger/8.0")]).await.1);
        assert!(wechat.contains("WeChat"), "{wechat}");

        let (kind, certificate) = get("/ca.crt", &[]).await;
        assert_eq!((kind.as_str(), &certificate), ("application/x-x509-ca-cert", &der));
        let (kind, profile) = get("/ca.mobileconfig", &[]).await;
        assert_eq!(kind, "application/x-apple-aspen-config");
        let inside = pem(&der).lines().nth(1).unwrap().to_owned();
        assert!(text(profile).contains(&format!("<data>{inside}</data>")));
        let (kind, picture) = get("/ca.svg", &[]).await;
        assert_eq!(kind, "image/svg+xml");
        assert!(text(picture).contains("<svg"));
        assert!(get("/ca.css", &[]).await.0.starts_with("text/css"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authority_stays_the_same_when_the_server_comes_back() {
    let (server, amy, ..) = office().await;
    let before = authority_of(&server).await;
    let server = server.restart().await;
    assert_eq!(authority_of(&server).await, before);
    drop(TestClient::connect(&server, &amy).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_no_host_does_not_get_into_the_page() {
    let (server, ..) = office().await;
    let plain = server.url().replacen("https", "http", 1);
    for host in ["\"><script>alert(1)</script>", "a b", "x@y\"onclick=\"z"] {
        let (_, page) = http(&plain, "GET", "/ca", &[("host", host)], Vec::new()).await;
        let page = String::from_utf8(page).unwrap();
        assert!(!page.contains("<script") && !page.contains("onclick=\""), "{page}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_of_tls_are_refused_and_1_2_is_spoken() {
    let (server, ..) = office().await;
    for version in [&TLS12, &TLS13] {
        let stream = stream::shake_hands(server.url(), stream::config(&[version])).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
    }
    // A ClientHello of TLS 1.1: version, random, no session, one suite of its time, no extensions.
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    let mut record = vec![0x16, 0x03, 0x01, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8];
    record.extend(hello);
    let mut old = stream::connect(&server.url().replacen("https", "http", 1)).await;
    old.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    old.read_to_end(&mut answer).await.unwrap();
    assert!(matches!(answer[..], [0x15, _, _, 0, 2, 2, _]), "a fatal alert, not {answer:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_trusts_a_server_whose_authority_was_not_installed() {
    let (server, ..) = office().await;
    let mut roots = RootCertStore::empty();
    let stranger = rcgen::generate_simple_self_signed(["127.0.0.1".into()]).unwrap();
    roots.add(stranger.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let refused = stream::shake_hands(server.url(), Arc::new(config)).await.unwrap_err();
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
    server.stop().await;
}

/// A WebSocket over TLS, by its bytes.
async fn upgraded(url: &str) -> TlsStream<TcpStream> {
    let mut raw = stream::shake_hands(url, stream::config(&[&TLS13])).await.unwrap();
    let upgrade = format!(
        "GET /v1/ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        authority(url)
    );
    raw.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(raw.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    raw
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_down_says_goodbye_in_tls_too() {
    let (server, amy, ..) = office().await;
    let mut raw = upgraded(server.url()).await;
    let client = TestClient::connect(&server, &amy).await;
    let end = tokio::spawn(async move {
        // Without the end of TLS it would be an error: anybody can cut a connection.
        raw.read_to_end(&mut Vec::new()).await
    });
    server.stop().await;
    assert!(end.await.unwrap().unwrap() > 0, "a bye and a close frame");
    let (frames, closed) = client.until_closed().await;
    let drain = CloseCode::Drain.number();
    assert_eq!(goodbye(&frames, closed.code), (drain, drain));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_tls_end_their_connection_and_no_other() {
    let (server, amy, bob, conv) = office().await;
    let mut writer = TestClient::connect(&server, &amy).await;
    let mut reader = TestClient::connect(&server, &bob).await;
    let shaken = stream::shake_hands(server.url(), stream::config(&[&TLS13])).await.unwrap();
    for raw in [shaken, upgraded(server.url()).await] {
        let (mut raw, _) = raw.into_inner();
        raw.write_all(&[0x17, 3, 3, 0, 20]).await.unwrap();
        raw.write_all(&[9; 20]).await.unwrap();
        let ended = raw.read_to_end(&mut Vec::new()).await;
        assert!(ended.is_ok() || ended.is_err_and(|e| e.kind() == ErrorKind::ConnectionReset));
    }
    let sent = writer.say(conv, "still here").await;
    assert_eq!(reader.event_of(msg::kind::SENT).await.seq, sent.seq);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_shakes_hands_too_often_is_hung_up_on_before_it_costs_anything() {
    // One a second, three at once.
    let server = TestServer::with(|config| {
        config.tls = Some(Tls::Own);
        config.limits.connections_per_address_max = 50.try_into().unwrap();
    })
    .await;
    let shake = async || stream::shake_hands(server.url(), stream::config(&[&TLS13])).await;
    let mut shaken = Vec::new();
    while let Ok(stream) = shake().await {
        shaken.push(stream);
        assert!(shaken.len() < 10);
    }
    assert!(shaken.len() >= 3, "{} shook hands", shaken.len());
    assert!(server.server().node.metrics.refused_connections.get() >= 1);
    // Who is in stays in, plain words cost nothing, and after a while hands are shaken again.
    let plain = server.url().replacen("https", "http", 1);
    assert_eq!(http(&plain, "GET", "/ca", &[], Vec::new()).await.0, 200);
    shaken[0].write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(shaken[0].read_u8().await.unwrap(), b'H');
    while shake().await.is_err() {
        tokio::task::yield_now().await;
    }
    server.stop().await;
}
