//! How a connection begins: who may, how it says so, and what it is told if not.

use carillon_protocol::{
    Codec, ErrorCode, Retry,
    frame::{Hello, client},
    session,
};
use serde_json::json;

use crate::{
    client::TestClient,
    kit::{TestServer, new_id},
    shop::{Shop, goodbye, refusal},
    wire::Wire,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_begins_with_one_hello() {
    let shop = Shop::open().await;
    let call = |codec| client::call(codec, 1, "session.whoami", None, None, &json!({}));
    for codec in Codec::ALL {
        for first in [client::ping(codec), call(codec)] {
            let mut client = TestClient::open(shop.server.url(), codec).await;
            client.send_body(first).await;
            let (frames, closed) = client.until_closed().await;
            assert_eq!(goodbye(&frames, closed.code), (4503, 4503));
            assert_eq!(frames.len(), 1, "nothing is answered to a stranger: {frames:?}");
        }
        let mut client = shop.client(codec).await;
        client.hello(&shop.hello(Some(shop.amy.token.clone()))).await;
        let (frames, closed) = client.until_closed().await;
        assert_eq!(goodbye(&frames, closed.code), (4503, 4503), "a second hello");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_that_is_wrong_is_told_why() {
    let shop = Shop::open().await;
    let token = &shop.amy.token;
    let device = new_id().to_string();
    let cases = [
        (json!({"v": 2, "token": token, "device": device}), ErrorCode::Version, None),
        (json!({"v": 2}), ErrorCode::Version, None),
        (json!({"token": token, "device": device}), ErrorCode::BadFrame, Some("v")),
        (json!({"v": 1, "token": token}), ErrorCode::BadFrame, Some("device")),
        (json!({"v": 1, "token": 7, "device": device}), ErrorCode::BadFrame, Some("token")),
        (json!({"v": 1, "token": token, "device": "pc"}), ErrorCode::BadFrame, Some("device")),
        (
            json!({"v": 1, "token": token, "device": device, "caps": [1]}),
            ErrorCode::BadFrame,
            Some("caps[0]"),
        ),
        (
            json!({"v": 1, "token": token, "device": device, "tab": "x".repeat(1000)}),
            ErrorCode::BadArg,
            Some("tab"),
        ),
    ];
    for codec in Codec::ALL {
        for (hello, code, field) in &cases {
            let mut hello = hello.clone();
            hello["t"] = json!("hello");
            let mut client = TestClient::open(shop.server.url(), codec).await;
            client.send_body(codec.encode(&hello)).await;
            let (_, error) = refusal(&mut client).await;
            assert_eq!((error.code, error.field.as_deref()), (*code, *field), "{hello}: {error}");
            let (frames, closed) = client.until_closed().await;
            assert_eq!(goodbye(&frames, closed.code), (4503, 4503), "{hello}");
        }
    }
    shop.close().await;
}

/// How a connection with this token, and this position, is refused.
async fn refused(shop: &Shop, hello: &Hello) -> (ErrorCode, Retry, u16) {
    let mut client = TestClient::open(shop.server.url(), Codec::MsgPack).await;
    client.hello(hello).await;
    let (_, error) = refusal(&mut client).await;
    let (frames, closed) = client.until_closed().await;
    let (bye, closed) = goodbye(&frames, closed.code);
    assert_eq!(bye, closed);
    (error.code, error.retry, closed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_good_is_refused_on_both_doors() {
    let shop = Shop::open().await;
    let good = shop.amy.token.clone();
    let bob = shop.server.person(shop.amy.org, "carol").await.token;
    let other_secret = format!("{}{}", &good[..26], &bob[26..]);
    let flipped = if good.as_bytes()[40] == b'A' { "B" } else { "A" };
    let forged = format!("{}{flipped}{}", &good[..40], &good[41..]);
    let issue = session::Issue {
        org: Some(shop.amy.org),
        user: Some("amy".into()),
        app: None,
        scopes: None,
        ttl_ms: Some(1),
    };
    let expired = shop.server.system(&issue).await;
    while shop.server.host().now() <= expired.expires_at {
        tokio::task::yield_now().await;
    }
    let unauth = (ErrorCode::Unauth, Retry::Reauth, 4501);
    for token in ["", "x", "cdt_", "Bearer x", &forged, &other_secret, &good[..60]] {
        assert_eq!(refused(&shop, &shop.hello(Some(token.into()))).await, unauth, "{token}");
        let (status, body) = shop.server.rpc(Some(token), "session.whoami", None, &json!({})).await;
        assert_eq!((status, &body["code"]), (401, &json!("E_UNAUTH")), "{token}");
    }
    assert_eq!(refused(&shop, &shop.hello(None)).await, unauth);
    let late = (ErrorCode::TokenExpired, Retry::Reauth, 4501);
    assert_eq!(refused(&shop, &shop.hello(Some(expired.token.clone()))).await, late);
    let (status, body) =
        shop.server.rpc(Some(&expired.token), "session.whoami", None, &json!({})).await;
    assert_eq!((status, &body["code"]), (401, &json!("E_TOKEN_EXPIRED")));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_is_not_of_this_log_means_to_start_again() {
    let shop = Shop::open().await;
    let sync = shop.reader.sync.clone().unwrap();
    let [epoch, xid, pos] = sync.split('.').collect::<Vec<_>>()[..] else { panic!("{sync}") };
    let number: u64 = pos.parse().unwrap();
    let of_other_epoch = format!("{}1.{xid}.{pos}", epoch);
    let of_the_future = format!("{epoch}.{xid}.{}", number + 1_000_000);
    let long = format!("{sync}.0");
    for sync in ["", "x", "1", "..", "-1.0.0", &of_other_epoch, &of_the_future, &long] {
        let token = Some(shop.amy.token.clone());
        let hello = Hello { sync: Some(sync.into()), ..shop.hello(token) };
        let expected = (ErrorCode::TooFar, Retry::Resync, 4002);
        assert_eq!(refused(&shop, &hello).await, expected, "{sync}");
    }
    let device = shop.device();
    drop(TestClient::resume(&shop.server, &device, Codec::Json, Some(sync)).await);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_subprotocol_of_the_clients_list_that_is_known_is_spoken() {
    let server = TestServer::start().await;
    for (offer, spoken) in [
        ("", None),
        ("Sec-WebSocket-Protocol: carillon.v1.msgpack\r\n", Some("carillon.v1.msgpack")),
        (
            "Sec-WebSocket-Protocol: graphql-ws, carillon.v1.json, carillon.v1.msgpack\r\n",
            Some("carillon.v1.json"),
        ),
        (
            "Sec-WebSocket-Protocol: soap\r\nSec-WebSocket-Protocol: carillon.v1.msgpack\r\n",
            Some("carillon.v1.msgpack"),
        ),
    ] {
        let mut wire = Wire::connect(server.url()).await;
        let head = wire.ask_upgrade(offer).await.to_lowercase();
        assert!(head.starts_with("http/1.1 101"), "{head}");
        let line = spoken.map(|name| format!("sec-websocket-protocol: {name}\r\n"));
        assert_eq!(head.contains("sec-websocket-protocol"), spoken.is_some(), "{head}");
        assert!(line.is_none_or(|line| head.contains(&line)), "{head}");
        assert!(!head.contains("sec-websocket-extensions"), "nothing is compressed: {head}");
    }
    let mut wire = Wire::connect(server.url()).await;
    let head = wire.ask_upgrade("Connection: close\r\nSec-WebSocket-Protocol: soap\r\n").await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    let body = wire.rest().await;
    assert!(body.contains("carillon.v1.json") && body.contains("carillon.v1.msgpack"), "{body}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_is_none_is_refused() {
    let server = TestServer::start().await;
    for (method, headers, status) in [
        ("GET", "", 400),
        ("POST", "Connection: Upgrade\r\nUpgrade: websocket\r\n", 400),
        ("GET", "Connection: Upgrade\r\nUpgrade: h2c\r\n", 400),
        ("GET", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", 400),
        (
            "GET",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            400,
        ),
    ] {
        let mut wire = Wire::connect(server.url()).await;
        let request = format!("{method} /v1/ws HTTP/1.1\r\nHost: carillon\r\n{headers}\r\n");
        wire.write(request.as_bytes()).await;
        let head = wire.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{request}{head}");
    }
    server.stop().await;
}
