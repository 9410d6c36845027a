//! How much one caller may take of the server, and in what order it gets it.

use std::collections::{BTreeMap, HashSet};

use carillon_protocol::{
    Codec, ErrorCode, Retry, ServerFrame, frame::client, limits::CALLS_IN_FLIGHT_MAX, msg, session,
};
use serde_json::json;

use crate::{
    client::TestClient,
    kit::{TestServer, cid, http, text_message},
    shop::{Shop, goodbye, kind},
    wire::Wire,
};

/// A shop with the limits that a server has by default.
async fn limited() -> Shop {
    Shop::with(|config| config.limits = carillon::config::Limits::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_passes_and_the_rest_is_told_when_to_come_back() {
    let shop = limited().await;
    let mut client = shop.client(Codec::MsgPack).await;
    let announced = client.welcome.as_ref().unwrap().limits.clone();
    assert_eq!((announced.writes_per_s, announced.reads_per_s), (20, 100));
    let mut ids = Vec::new();
    for _ in 0..150 {
        let message = text_message(shop.conv, "hi");
        ids.push(client.begin("msg.send", Some(cid()), None, &message).await);
    }
    let mut passed = 0;
    for id in ids {
        match client.answer(id).await {
            Ok(_) => passed += 1,
            Err(error) => {
                assert_eq!((error.code, error.retry), (ErrorCode::Rate, Retry::After));
                assert!(matches!(error.retry_ms, Some(1..=50)), "{error:?}");
            }
        }
    }
    assert!((60..150).contains(&passed), "{passed} of a burst of 60 passed");
    client.call(&session::Whoami {}).await.expect("reads have a bucket of their own");
    drop(client);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_on_is_cut_off_whatever_it_keeps_on_with() {
    let shop = limited().await;
    for codec in Codec::ALL {
        let send = client::call(codec, 1, "conv.read", None, None, &json!({}));
        let unknown_op = client::call(codec, 1, "x.y", None, None, &json!({}));
        let unknown_frame = codec.encode(&json!({"t": "wave"}));
        for (first, body) in [
            (kind(codec), send),
            (kind(codec), unknown_op),
            (kind(codec), unknown_frame),
            (kind(codec), client::ping(codec)),
            (kind(codec), codec.encode(&json!({"t": 1}))),
            (0x89, b"are you there".to_vec()),
        ] {
            let mut wire = shop.wire(codec).await;
            for _ in 0..1_000 {
                wire.frame(first, &body).await;
            }
            let (frames, closed) = wire.until_closed().await;
            assert_eq!(goodbye(&frames, closed), (4509, 4509), "{first:x} {body:?}");
        }
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_stops_reading_while_sixteen_calls_are_under_way() {
    let shop = Shop::open().await;
    let mut client = shop.client(Codec::Json).await;
    // Passwords take long to check, even those of nobody.
    let mut logins = Vec::new();
    for number in 0..CALLS_IN_FLIGHT_MAX {
        let args = json!({"login": format!("nobody{number}"), "password": "wrong-password"});
        logins.push(client.begin("session.login", None, None, &args).await);
    }
    client.send_body(client::ping(Codec::Json)).await;
    let mut answered = 0;
    while !matches!(client.frame().await, ServerFrame::Pong { .. }) {
        answered += 1;
    }
    assert!(answered >= 1, "the ping was read before a call was answered");
    drop(client);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_at_once_are_all_answered_and_none_twice() {
    let shop = Shop::open().await;
    for codec in Codec::ALL {
        let mut client = shop.client(codec).await;
        let mut ids = Vec::new();
        for number in 0..1_000 {
            let id = match number % 4 {
                0 => {
                    let message = text_message(shop.conv, "hi");
                    client.begin("msg.send", Some(cid()), None, &message).await
                }
                1 => {
                    client
                        .begin("conv.read", None, None, &json!({"conv": shop.conv, "seq": 1}))
                        .await
                }
                2 => client.begin("session.whoami", None, None, &json!({})).await,
                _ => client.begin("conv.get", None, None, &json!({"conv": shop.conv})).await,
            };
            ids.push(id);
        }
        let mut left: HashSet<u64> = ids.into_iter().collect();
        while !left.is_empty() {
            match client.frame().await {
                ServerFrame::Ok { re, .. } => assert!(left.remove(&re), "{re} came twice"),
                ServerFrame::Err { re, error } => panic!("{re:?}: {error}"),
                _ => {}
            }
        }
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_sent_without_waiting_stand_in_the_order_in_which_they_were_sent() {
    let shop = Shop::open().await;
    for codec in Codec::ALL {
        let mut client = shop.client(codec).await;
        let mut ids = Vec::new();
        for number in 0..200 {
            let message = text_message(shop.conv, &number.to_string());
            ids.push(client.begin("msg.send", Some(cid()), None, &message).await);
        }
        let mut seqs = Vec::new();
        for id in ids {
            let sent: msg::Sent = client.answer(id).await.unwrap().to().unwrap();
            seqs.push(sent.seq);
        }
        assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{seqs:?}");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_come_with_the_hello_wait_for_it_and_keep_their_order() {
    let shop = Shop::open().await;
    for codec in Codec::ALL {
        let mut wire = Wire::upgrade(shop.server.url(), codec).await;
        let token = Some(shop.amy.token.clone());
        wire.frame(kind(codec), &client::hello(codec, &shop.hello(token))).await;
        for id in 0..10 {
            let message = text_message(shop.conv, "early");
            let call = client::call(codec, id, "msg.send", Some(cid()), None, &message);
            wire.frame(kind(codec), &call).await;
        }
        wire.frame(kind(codec), &client::call(codec, 10, "session.whoami", None, None, &json!({})))
            .await;
        let mut seqs = Vec::new();
        let mut answered = 0;
        while answered < 11 {
            match wire.protocol_frame().await.expect("it stays open") {
                ServerFrame::Ok { re: 10, .. } => answered += 1,
                ServerFrame::Ok { re, data } => {
                    answered += 1;
                    let sent: msg::Sent = data.to().unwrap();
                    seqs.push((re, sent.seq));
                }
                ServerFrame::Err { error, .. } => panic!("{error}"),
                _ => {}
            }
        }
        seqs.sort_unstable();
        assert!(seqs.windows(2).all(|pair| pair[0].1 + 1 == pair[1].1), "{seqs:?}");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_socket_too_many_is_told_to_come_back_until_another_one_goes() {
    for (total, here) in [(100, 3), (3, 100)] {
        let server = TestServer::with(|config| {
            config.limits.connections_max = total.try_into().unwrap();
            config.limits.connections_per_address_max = here.try_into().unwrap();
        })
        .await;
        let mut open = Vec::new();
        for codec in [Codec::Json, Codec::MsgPack, Codec::Json] {
            open.push(TestClient::open(server.url(), codec).await);
        }
        for _ in 0..20 {
            let mut wire = Wire::connect(server.url()).await;
            let head = wire.ask_upgrade("").await;
            assert!(head.starts_with("HTTP/1.1 503"), "{head}");
            assert!(head.contains("Retry-After: "), "{head}");
            assert_eq!(wire.rest().await, "");
        }
        let refused = server.server().node.metrics.refused_connections.get();
        assert_eq!(refused, 20);
        open.pop();
        while !Wire::connect(server.url()).await.ask_upgrade("").await.starts_with("HTTP/1.1 101") {
            tokio::task::yield_now().await;
        }
        drop(open);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_strangers_share_a_small_rate_and_people_have_their_own() {
    let shop = limited().await;
    let mut answers = BTreeMap::new();
    for _ in 0..60 {
        let (status, body) = shop.server.rpc(None, "session.whoami", None, &json!({})).await;
        if status == 429 {
            assert_eq!((&body["code"], &body["retry"]), (&json!("E_RATE"), &json!("after")));
            assert!(matches!(body["retry_ms"].as_u64(), Some(1..=200)), "{body}");
        }
        *answers.entry(status).or_insert(0) += 1;
    }
    assert!(answers[&401] >= 15 && answers[&429] >= 1, "{answers:?}");

    let token = shop.amy.token.as_str();
    let mut passed = 0;
    for _ in 0..100 {
        let args = json!({"conv": shop.conv, "seq": 1});
        let (status, body) = shop.server.rpc(Some(token), "conv.read", None, &args).await;
        assert!(status == 200 || status == 429, "{body}");
        passed += usize::from(status == 200);
    }
    assert!((60..100).contains(&passed), "{passed}");
    let (status, _) = shop.server.rpc(Some(token), "session.whoami", None, &json!({})).await;
    assert_eq!(status, 200, "reads have a bucket of their own");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_a_false_token_is_a_strangers_call_and_an_old_one_is_told_so() {
    let shop = limited().await;
    let kate = shop.server.person(shop.amy.org, "kate").await;
    let (old, args) = (kate.token.as_str(), json!({}));
    let (status, body) = shop.server.rpc(Some(old), "session.logout", None, &args).await;
    assert_eq!(status, 200, "{body}");
    let false_token = format!("{}x", shop.amy.token);
    let mut waits = 0;
    for _ in 0..60 {
        let (status, body) =
            shop.server.rpc(Some(&false_token), "session.whoami", None, &args).await;
        assert!(matches!(status, 401 | 429), "{body}");
        waits += usize::from(status == 429);
        let (status, body) = shop.server.rpc(Some(old), "session.whoami", None, &args).await;
        assert_eq!((status, &body["code"]), (401, &json!("E_TOKEN_EXPIRED")));
        assert_eq!(body["retry"], "reauth", "told to wait, a client would show it again");
    }
    assert!(waits >= 1);
    let amy = Some(shop.amy.token.as_str());
    let (status, body) = shop.server.rpc(amy, "session.whoami", None, &args).await;
    assert_eq!(status, 200, "who is known does not pay for strangers: {body}");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_every_stranger_has_a_rate() {
    let trust = |config: &mut carillon::config::Config| {
        config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    };
    for (server, apart) in
        [(TestServer::with(trust).await, true), (TestServer::start().await, false)]
    {
        let mut waits = 0;
        for n in 1..=60 {
            let client = format!("198.51.100.{n}");
            let headers = [("content-type", "application/json"), ("x-forwarded-for", &*client)];
            let path = "/v1/rpc/session.whoami";
            let (status, _) = http(server.url(), "POST", path, &headers, b"{}".to_vec()).await;
            assert!(matches!(status, 401 | 429), "{status}");
            waits += usize::from(status == 429);
        }
        assert_eq!(waits == 0, apart, "{waits} of 60 had to wait");
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_socket_of_the_same_session_is_no_other_allowance() {
    let shop = limited().await;
    let mut passed = 0;
    for _ in 0..4 {
        let mut client = shop.client(Codec::Json).await;
        let mut ids = Vec::new();
        for _ in 0..50 {
            let message = text_message(shop.conv, "hi");
            ids.push(client.begin("msg.send", Some(cid()), None, &message).await);
        }
        for id in ids {
            passed += usize::from(client.answer(id).await.is_ok());
        }
    }
    assert!((60..150).contains(&passed), "{passed} of 200 passed over four sockets");
    shop.close().await;
}
