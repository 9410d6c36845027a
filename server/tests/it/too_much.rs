//! Who sends more than anybody wants hears so, also over TLS.

use carillon::config::Tls;
use tokio::io::AsyncWriteExt as _;

use crate::{kit::TestServer, stream, wire::Wire};

/// Far more than a body may have, and than the sockets on both sides take.
const LEN: usize = 8 * 1024 * 1024;

async fn servers() -> [TestServer; 2] {
    [TestServer::start().await, TestServer::with(|config| config.tls = Some(Tls::Own)).await]
}

fn head(path: &str, more: &str) -> Vec<u8> {
    let kind = "Content-Type: application/json";
    format!("POST {path} HTTP/1.1\r\nHost: carillon\r\n{kind}\r\n{more}\r\n\r\n").into_bytes()
}

/// Reads an answer, its body included.
async fn answer(wire: &mut Wire) -> (String, String) {
    let head = wire.head().await;
    let len = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let body = wire.bytes(len.parse().unwrap()).await;
    (head, String::from_utf8(body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_all_of_it_before_reading_is_told_what_was_wrong() {
    for server in servers().await {
        let sized = format!("Content-Length: {LEN}");
        let chunked = "Transfer-Encoding: chunked".to_owned();
        for (path, more, status, code) in [
            ("/v1/rpc/session.methods", sized.clone(), "413", "E_TOO_LARGE"),
            ("/v1/rpc/session.methods", chunked, "413", "E_TOO_LARGE"),
            ("/v1/rpc/session.whoami", format!("Authorization: Bearer x\r\n{sized}"), "401", ""),
            ("/nowhere", sized, "404", "E_NOT_FOUND"),
        ] {
            let mut wire = Wire::connect(server.url()).await;
            wire.write(&head(path, &more)).await;
            if more.contains("chunked") {
                wire.write(format!("{LEN:x}\r\n").as_bytes()).await;
            }
            wire.write(&vec![b' '; LEN]).await;
            if more.contains("chunked") {
                wire.write(b"\r\n0\r\n\r\n").await;
            }
            let (said, body) = answer(&mut wire).await;
            assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{path} {more}: {said}");
            assert!(body.contains(code), "{path} {more}: {body}");
            wire.write(&[&*head("/v1/rpc/session.methods", "Content-Length: 2"), b"{}"].concat())
                .await;
            let (said, _) = answer(&mut wire).await;
            assert!(
                said.starts_with("HTTP/1.1 200"),
                "the connection is as good as before: {said}"
            );
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_first_is_told_before_sending_anything() {
    for server in servers().await {
        let mut wire = Wire::connect(server.url()).await;
        let more = format!("Content-Length: {LEN}\r\nExpect: 100-continue");
        wire.write(&head("/v1/rpc/session.methods", &more)).await;
        let (said, body) = answer(&mut wire).await;
        assert!(said.starts_with("HTTP/1.1 413") && body.contains("E_TOO_LARGE"), "{said}{body}");
        let more = "Content-Length: 2\r\nExpect: 100-continue";
        let mut wire = Wire::connect(server.url()).await;
        wire.write(&head("/v1/rpc/session.methods", more)).await;
        assert!(wire.head().await.starts_with("HTTP/1.1 100"), "what fits is asked for");
        wire.write(b"{}").await;
        assert!(answer(&mut wire).await.0.starts_with("HTTP/1.1 200"));
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_stops_sending_is_cut_off() {
    for server in servers().await {
        let mut stream = stream::connect(server.url()).await;
        let more = format!("Content-Length: {}", u64::MAX / 2);
        stream.write_all(&head("/v1/rpc/session.methods", &more)).await.unwrap();
        let (chunk, mut sent) = (vec![b' '; 64 * 1024], 0);
        while stream.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
            assert!(sent < 16 * LEN, "{sent} bytes were taken");
        }
        assert!(sent >= LEN, "it had its time: {sent}");
        server.stop().await;
    }
}
