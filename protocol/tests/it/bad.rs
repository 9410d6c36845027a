//! Every bad frame is refused with the error that a client can act on.

use carillon_protocol::{
    Codec, ErrorBody, ErrorCode, Json,
    frame::{ClientFrame, client},
};

use crate::{
    operations,
    vectors::{self, Direction},
};

/// What a server answers to a frame as far as the types decide it; `None`: nothing is wrong.
fn refusal(codec: Codec, bytes: &[u8]) -> Option<ErrorBody> {
    let call = match ClientFrame::decode(codec, bytes) {
        Ok(ClientFrame::Call(call)) => call,
        Ok(_) => return None,
        Err(error) => return Some(error),
    };
    match operations::table().get(call.op) {
        Some(operation) => (operation.recode_call)(&call).err().map(ErrorBody::from),
        None => Some(ErrorBody::new(ErrorCode::UnknownOp, "no such operation")),
    }
}

#[test]
fn every_bad_frame_is_refused_with_its_error() {
    for bad in vectors::bad() {
        let frames = bad.frames();
        assert!(!frames.is_empty(), "{}: in which codec?", bad.name);
        for (codec, bytes) in frames {
            let error = refusal(codec, &bytes)
                .unwrap_or_else(|| panic!("{} in {codec:?} was taken", bad.name));
            let found = (error.code.as_str(), error.field.as_deref());
            let expected = (bad.code.as_str(), bad.field.as_deref());
            assert_eq!(found, expected, "{} in {codec:?}: {error}", bad.name);
            if error.code == ErrorCode::BadFrame {
                let re = ClientFrame::id_of_refused(codec, &bytes);
                assert_eq!(re, bad.re, "{} in {codec:?}", bad.name);
            }
        }
    }
}

/// The good calls, each with its frame as a value that a test can spoil.
fn calls() -> Vec<serde_json::Value> {
    let clients = vectors::all().into_iter().filter(|vector| vector.direction == Direction::Client);
    let values = clients.map(|vector| serde_json::from_str(&vector.json).expect("JSON"));
    values.filter(|frame: &serde_json::Value| frame["t"] == "call").collect()
}

/// Puts something else in the place of every value in turn for which `other` has an answer, and
/// returns the spoilt copies with the path of what was changed.
fn spoilt(
    args: &serde_json::Value,
    other: &impl Fn(&serde_json::Value) -> Option<serde_json::Value>,
) -> Vec<(String, serde_json::Value)> {
    let serde_json::Value::Object(fields) = args else { return Vec::new() };
    let mut copies = Vec::new();
    for (name, value) in fields {
        let changed = other(value).map(|value| (name.clone(), value));
        let below =
            spoilt(value, other).into_iter().map(|(path, value)| (format!("{name}.{path}"), value));
        for (path, value) in changed.into_iter().chain(below) {
            let mut copy = args.clone();
            copy[name] = value;
            copies.push((path, copy));
        }
    }
    copies
}

/// Every spoilt copy must be refused in both codecs.
fn all_are_refused(other: impl Fn(&serde_json::Value) -> Option<serde_json::Value>) -> usize {
    let mut count = 0;
    for call in calls() {
        for (path, args) in spoilt(&call["args"], &other) {
            let mut frame = call.clone();
            frame["args"] = args;
            for codec in Codec::ALL {
                let error = refusal(codec, &codec.encode(&frame));
                let code = error.map(|error| error.code);
                assert_eq!(code, Some(ErrorCode::BadArg), "{path} of {call} in {codec:?}");
                count += 1;
            }
        }
    }
    count
}

#[test]
fn no_object_can_be_given_by_position() {
    let count = all_are_refused(|value| {
        Some(value.as_object()?.values().cloned().collect::<Vec<_>>().into())
    });
    assert!(count > 0, "some argument is an object");
}

#[test]
fn no_integer_can_be_beyond_what_every_client_holds() {
    let count = all_are_refused(|value| value.is_u64().then(|| (1_u64 << 53).into()));
    assert!(count > 0, "some argument is an integer");
}

#[test]
fn null_means_the_same_as_no_field_where_a_field_may_be_left_out() {
    let optional = ["tab", "sync", "token", "caps", "cid", "prev"];
    let nulls: serde_json::Value =
        serde_json::from_str(include_str!("../../vectors/v1/frames.json")).expect("JSON");
    let hello = nulls[0]["json"].as_str().expect("the least hello");
    let mut frame: serde_json::Value = serde_json::from_str(hello).expect("JSON");
    for name in optional {
        frame[name] = serde_json::Value::Null;
    }
    for codec in Codec::ALL {
        let bytes = codec.encode(&frame);
        let ClientFrame::Hello(read) = ClientFrame::decode(codec, &bytes).expect("readable") else {
            panic!("a hello")
        };
        assert_eq!(client::hello(Codec::Json, &read), hello.as_bytes());
        let json = r#"{"t":"call","id":1,"op":"conv.create","cid":null,"args":
            {"title":"Notes","members":null,"history":null}}"#;
        let value: Json = serde_json::from_str(json).expect("JSON");
        assert_eq!(refusal(codec, &codec.encode(&value)), None);
        let bare = serde_json::json!({"t":"call","id":1,"op":"session.whoami","args":null});
        assert_eq!(refusal(codec, &codec.encode(&bare)), None);
    }
}

#[test]
fn the_deepest_frame_that_is_allowed_is_read() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for (levels, taken) in [(31, true), (32, false), (100_000, false)] {
        let json = format!(r#"{{"t":"ping","brackets":"[[[{{","x":{}}}"#, nested(levels));
        assert_eq!(ClientFrame::decode(Codec::Json, json.as_bytes()).is_ok(), taken, "{levels}");
        let mut bytes = b"\x82\xa1t\xa4ping\xa1x".to_vec();
        bytes.extend(std::iter::repeat_n(0x91, levels - 1));
        bytes.push(0x90);
        assert_eq!(ClientFrame::decode(Codec::MsgPack, &bytes).is_ok(), taken, "{levels}");
    }
}

#[test]
fn an_error_quotes_little_of_what_was_sent() {
    let kind = "開".repeat(10_000);
    let frame = serde_json::json!({"t":"call","id":1,"op":"msg.send","args":
        {"conv":"01K5ZK0C0NVF100RSTAFFGR0P7","body":{"kind":kind,"text":"ok"}}});
    for codec in Codec::ALL {
        let error = refusal(codec, &codec.encode(&frame)).expect("no such kind");
        assert!(error.msg.len() <= 200, "{} bytes", error.msg.len());
    }
}
