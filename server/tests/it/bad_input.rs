//! Whatever a client sends: it gets the protocol's error or close code, and nobody else notices.

use carillon_protocol::{Codec, ErrorCode, Json, Retry, ServerFrame, frame::client, msg, session};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::{
    kit::{cid, text_message},
    shop::{Shop, goodbye, kind, refusal},
    wire::TEXT,
};

/// A frame, the `re` of its refusal if it can be told, and the field that the refusal names.
type Unreadable = (Codec, Vec<u8>, Option<u64>, Option<&'static str>);

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_cannot_be_read_is_answered_and_the_socket_stays() {
    let shop = Shop::open().await;
    let deep = format!("{{\"t\":\"call\",\"args\":{}1{}}}", "[".repeat(33), "]".repeat(33));
    let packed = |value: &Value| Codec::MsgPack.encode(value);
    let deep_packed = (0..33).fold(json!(1), |inner, _| json!([inner]));
    let cases: Vec<Unreadable> = vec![
        (Codec::Json, b"".to_vec(), None, None),
        (Codec::Json, b"{\"t\":\"call\",\"id\":1,\"op\":".to_vec(), None, None),
        (Codec::Json, b"[\"call\",1,\"session.whoami\"]".to_vec(), None, None),
        (Codec::Json, b"\"call\"".to_vec(), None, None),
        (Codec::Json, b"{} {}".to_vec(), None, None),
        (Codec::Json, b"{\"id\":3}".to_vec(), Some(3), Some("t")),
        (Codec::Json, b"{\"t\":7,\"id\":3}".to_vec(), Some(3), Some("t")),
        (Codec::Json, b"{\"t\":\"call\",\"op\":\"session.whoami\"}".to_vec(), None, Some("id")),
        (Codec::Json, b"{\"t\":\"call\",\"id\":-1,\"op\":\"x.y\"}".to_vec(), None, Some("id")),
        (
            Codec::Json,
            b"{\"t\":\"call\",\"id\":9007199254740992,\"op\":\"x.y\"}".to_vec(),
            None,
            Some("id"),
        ),
        (Codec::Json, b"{\"t\":\"call\",\"id\":4}".to_vec(), Some(4), Some("op")),
        (Codec::Json, b"{\"t\":\"call\",\"id\":4,\"op\":[]}".to_vec(), Some(4), Some("op")),
        (
            Codec::Json,
            b"{\"t\":\"call\",\"id\":5,\"op\":\"msg.send\",\"cid\":\"1\"}".to_vec(),
            Some(5),
            Some("cid"),
        ),
        (Codec::Json, b"{\"t\":\"call\",\"id\":5,\"id\":6,\"op\":\"x.y\"}".to_vec(), None, None),
        (Codec::Json, deep.into_bytes(), None, None),
        (Codec::MsgPack, vec![0xc1], None, None),
        (Codec::MsgPack, vec![], None, None),
        (Codec::MsgPack, vec![0x81, 0xa1, b't'], None, None),
        (Codec::MsgPack, vec![0xdf, 0xff, 0xff, 0xff, 0xff], None, None),
        (Codec::MsgPack, packed(&json!(["call", 1, "session.whoami"])), None, None),
        (Codec::MsgPack, [packed(&json!({"t": "call"})), vec![0]].concat(), None, None),
        (Codec::MsgPack, vec![0x81, 0x01, 0xa4, b'c', b'a', b'l', b'l'], None, None),
        (
            Codec::MsgPack,
            packed(&json!({"t": "call", "id": 4, "op": "x.y", "prev": 3})),
            Some(4),
            Some("prev"),
        ),
        (Codec::MsgPack, packed(&json!({"t": "call", "id": 4, "args": deep_packed})), None, None),
    ];
    let mut json = shop.client(Codec::Json).await;
    let mut msgpack = shop.client(Codec::MsgPack).await;
    for (codec, body, re, field) in cases {
        let client = if codec == Codec::Json { &mut json } else { &mut msgpack };
        let shown = String::from_utf8_lossy(&body).into_owned();
        client.send_body(body).await;
        let (answered, error) = refusal(client).await;
        assert_eq!(
            (answered, error.code, error.field.as_deref(), error.retry),
            (re, ErrorCode::BadFrame, field, Retry::No),
            "{codec:?} {shown}: {error}"
        );
        client.call(&session::Whoami {}).await.unwrap();
    }
    drop((json, msgpack));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_the_other_codec_ends_the_connection_with_4503() {
    let shop = Shop::open().await;
    for (codec, message) in [
        (Codec::Json, Message::binary(client::ping(Codec::MsgPack))),
        (Codec::MsgPack, Message::text(String::from_utf8(client::ping(Codec::Json)).unwrap())),
    ] {
        let mut client = shop.client(codec).await;
        client.send_message(message).await;
        let (frames, closed) = client.until_closed().await;
        assert_eq!(goodbye(&frames, closed.code), (4503, 4503));
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_and_keys_that_are_not_known_are_ignored() {
    let shop = Shop::open().await;
    for codec in Codec::ALL {
        let mut client = shop.client(codec).await;
        client.send_body(codec.encode(&json!({"t": "wave", "id": {"of": "tomorrow"}}))).await;
        client.send_body(codec.encode(&json!({"t": "ping", "since": [1, 2]}))).await;
        assert!(matches!(client.frame().await, ServerFrame::Pong { .. }), "nothing before it");
        let call = json!({
            "t": "call", "id": 7, "op": "conv.get", "lane": null, "trace": {"id": "x"},
            "args": {"conv": shop.conv, "colour": "red", "deep": [[{}]]},
        });
        client.send_body(codec.encode(&call)).await;
        client.answer(7).await.unwrap();
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_operation_is_answered_and_the_socket_stays() {
    let shop = Shop::open().await;
    let long = format!("x.{}", "y".repeat(60_000));
    let names = ["msg.explode", "", "MSG.SEND", "msg.send ", "session.resolve", "../secret", &long];
    for codec in Codec::ALL {
        let mut client = shop.client(codec).await;
        for op in names {
            let id = client.begin(op, None, None, &json!({"token": "x"})).await;
            let error = client.answer(id).await.unwrap_err();
            assert_eq!((error.code, error.retry), (ErrorCode::UnknownOp, Retry::No), "{op}");
            assert!(error.msg.len() < 200, "an answer repeats no long name");
        }
        client.call(&session::Whoami {}).await.unwrap();
    }
    let token = Some(shop.amy.token.as_str());
    for op in ["msg.explode", "session.resolve"] {
        let (status, body) = shop.server.rpc(token, op, None, &json!({"token": "x"})).await;
        assert_eq!((status, &body["code"]), (404, &json!("E_UNKNOWN_OP")), "{op}");
    }
    shop.close().await;
}

/// Arguments that are wrong, and the field that the refusal names.
fn wrong_arguments(shop: &Shop) -> Vec<(&'static str, Value, Option<&'static str>)> {
    let (conv, user) = (json!(shop.conv), json!(shop.amy.user));
    let body = json!({"kind": "text", "text": "hi"});
    vec![
        ("msg.send", json!({"conv": conv}), Some("body")),
        ("msg.send", json!({"body": body}), Some("conv")),
        ("msg.send", json!({"conv": 7, "body": body}), Some("conv")),
        ("msg.send", json!({"conv": "c1", "body": body}), Some("conv")),
        ("msg.send", json!({"conv": conv, "body": ["text", "hi"]}), Some("body")),
        ("msg.send", json!({"conv": conv, "body": {"text": "hi"}}), Some("body.kind")),
        ("msg.send", json!({"conv": conv, "body": {"kind": "text"}}), Some("body.text")),
        (
            "msg.send",
            json!({"conv": conv, "body": {"kind": "text", "text": ""}}),
            Some("body.text"),
        ),
        (
            "msg.send",
            json!({"conv": conv, "body": {"kind": "text", "text": "x".repeat(16 * 1024 + 1)}}),
            Some("body.text"),
        ),
        ("msg.send", json!({"conv": conv, "body": body, "reply_to": -1}), Some("reply_to")),
        ("msg.send", json!({"conv": conv, "body": body, "reply_to": 1.5}), Some("reply_to")),
        (
            "msg.send",
            json!({"conv": conv, "body": body, "reply_to": 9_007_199_254_740_992_u64}),
            Some("reply_to"),
        ),
        ("msg.send", json!([conv, body]), None),
        ("msg.send", json!("hi"), None),
        ("conv.open", json!({"user": null}), Some("user")),
        ("conv.create", json!({"title": ""}), Some("title")),
        ("conv.create", json!({"title": "a", "members": [user, "x"]}), Some("members[1]")),
        ("conv.create", json!({"title": "a", "history": "some"}), Some("history")),
        ("conv.read", json!({"conv": conv, "seq": "1"}), Some("seq")),
        ("conv.list", json!({"limit": 0}), Some("limit")),
        ("conv.list", json!({"limit": 201}), Some("limit")),
        ("conv.list", json!({"limit": -1}), Some("limit")),
        ("log.read", json!({"topic": "c"}), Some("topic")),
        ("log.read", json!({"topic": format!("c:{}", shop.conv), "limit": 0}), Some("limit")),
        ("receipt.counts", json!({"conv": conv, "seqs": [1, "2"]}), Some("seqs[1]")),
        ("receipt.list", json!({"conv": conv, "seq": 1, "state": "maybe"}), Some("state")),
        ("session.login", json!({"login": "amy"}), Some("password")),
        ("session.revoke", json!({"session": false}), Some("session")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_argument_is_refused_by_the_name_of_its_field() {
    let shop = Shop::open().await;
    for codec in Codec::ALL {
        let mut client = shop.client(codec).await;
        for (op, args, field) in wrong_arguments(&shop) {
            let id = client.begin(op, Some(cid()), None, &args).await;
            let error = client.answer(id).await.unwrap_err();
            let wrong = if field == Some("body.text")
                && args["body"]["text"].as_str().is_some_and(|t| t.len() > 1)
            {
                ErrorCode::TooLarge
            } else {
                ErrorCode::BadArg
            };
            // The reader of a tagged body cannot tell an index within it, but it tells the field.
            assert_eq!(
                (error.code, error.field.as_deref()),
                (wrong, field),
                "{codec:?} {op} {args}: {error}"
            );
        }
        let without_cid =
            client.begin("msg.send", None, None, &text_message(shop.conv, "hi")).await;
        let error = client.answer(without_cid).await.unwrap_err();
        assert_eq!((error.code, error.field.as_deref()), (ErrorCode::BadArg, Some("cid")));
        client.call(&session::Whoami {}).await.unwrap();
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_frame_is_taken_and_a_larger_one_ends_the_connection() {
    let shop = Shop::open().await;
    for codec in Codec::ALL {
        let mut wire = shop.wire(codec).await;
        let ping = |pad| codec.encode(&json!({"t": "ping", "pad": "x".repeat(pad)}));
        let frame = |len: usize| ping(len + 60_000 - ping(60_000).len());
        wire.frame(kind(codec), &frame(64 * 1024)).await;
        wire.frame(kind(codec), &frame(64 * 1024 + 1)).await;
        let (frames, closed) = wire.until_closed().await;
        let pongs = frames.iter().filter(|frame| matches!(frame, ServerFrame::Pong { .. }));
        assert_eq!(pongs.count(), 1, "{frames:?}");
        let refused = |frame: &ServerFrame| match frame {
            ServerFrame::Err { error, .. } => error.code == ErrorCode::TooLarge,
            _ => false,
        };
        assert!(frames.iter().any(refused), "{frames:?}");
        assert_eq!(goodbye(&frames, closed), (4503, 1009), "a program does not come back with it");

        let mut wire = shop.wire(codec).await;
        wire.frame(kind(codec) & 0x0f, &[b' '; 40_000]).await;
        wire.frame(0x80, &[b' '; 40_000]).await;
        let (frames, closed) = wire.until_closed().await;
        assert_eq!(goodbye(&frames, closed), (4503, 1009), "nor in fragments");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_websocket_end_with_the_code_of_rfc_6455() {
    let shop = Shop::open().await;
    let ping = client::ping(Codec::Json);
    let unmasked = [&[TEXT, ping.len() as u8], ping.as_slice()].concat();
    let mut wire = shop.wire(Codec::Json).await;
    wire.write(&unmasked).await;
    let (frames, closed) = wire.until_closed().await;
    assert_eq!(goodbye(&frames, closed), (4503, 1002));

    for (first, payload, code) in [
        (TEXT, b"{\"t\":\"ping\",\"x\":\"\xff\"}".as_slice(), 1007),
        (TEXT | 0x40, b"{}", 1002),
        (0x83, b"{}", 1002),
        (0x80, b"{}", 1002),
        (0x09, b"", 1002),
        (0x88, b"\x03", 1002),
        (0x88, b"\x03\xed", 1002),
        (0x88, b"\x03\xe8\xff", 1007),
    ] {
        let mut wire = shop.wire(Codec::Json).await;
        wire.frame(first, payload).await;
        let (frames, closed) = wire.until_closed().await;
        assert_eq!(goodbye(&frames, closed), (4503, code), "{first:x} {payload:?}");
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_text_is_only_a_text() {
    let mut shop = Shop::open().await;
    let long = "\u{1F600}".repeat(4096);
    for text in ["\0", "\u{202e}", "<script>alert(1)</script>", "{\"t\":\"bye\"}", "'; --", &long] {
        shop.writer.say(shop.conv, text).await;
        let event = shop.reader.event_of(msg::kind::SENT).await;
        let data: msg::SentData = event.data.to().unwrap();
        assert_eq!(data.body, msg::Body::Text { text: text.into(), mentions: vec![] });
    }
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_may_come_byte_by_byte_and_many_at_once() {
    let shop = Shop::open().await;
    let mut client = shop.client(Codec::Json).await;
    let text = client::ping(Codec::Json);
    for byte in &text[..text.len() - 1] {
        let first = std::ptr::eq(byte, &text[0]);
        let opcode = if first { Data::Text } else { Data::Continue };
        let frame = Frame::message(vec![*byte], OpCode::Data(opcode), false);
        client.send_message(Message::Frame(frame)).await;
        client.send_message(Message::Ping(vec![*byte].into())).await;
    }
    let last = vec![text[text.len() - 1]];
    client
        .send_message(Message::Frame(Frame::message(last, OpCode::Data(Data::Continue), true)))
        .await;
    assert!(matches!(client.frame().await, ServerFrame::Pong { .. }));
    let ids: Vec<u64> = {
        let mut ids = Vec::new();
        for _ in 0..200 {
            ids.push(client.begin("session.whoami", None, None, &Json::default()).await);
        }
        ids
    };
    for id in ids {
        client.answer(id).await.unwrap();
    }
    drop(client);
    shop.close().await;
}
