//! Every golden frame means the same in both codecs, is written to the byte, and nothing that
//! can travel lacks one.

use std::{collections::BTreeSet, fs, path::Path};

use carillon_protocol::{
    CloseCode, Codec, ErrorBody, ErrorCode, Json, VERSION,
    frame::{self, ClientFrame, ServerFrame},
};

use crate::{
    kinds, operations,
    vectors::{self, Direction, Vector},
};

fn of(direction: Direction) -> impl Iterator<Item = Vector> {
    vectors::all().into_iter().filter(move |vector| vector.direction == direction)
}

/// The operation that a vector's name begins with.
fn operation(vector: &Vector) -> &str {
    vector.name.split(',').next().unwrap_or_default()
}

/// The data of an event or ephemeral of this kind, read as its type and written again.
fn typed(k: &str, data: &Json) -> Json {
    match kinds::table().get(k) {
        Some(kind) => (kind.again)(data).unwrap_or_else(|error| panic!("{k}, {data:?}: {error}")),
        // A newer server's.
        None => data.clone(),
    }
}

#[test]
fn what_clients_send_is_read_and_written_to_the_byte() {
    let operations = operations::table();
    for vector in of(Direction::Client) {
        for codec in Codec::ALL {
            let bytes = vector.bytes(codec);
            let frame = ClientFrame::decode(codec, &bytes)
                .unwrap_or_else(|error| panic!("{} in {codec:?}: {error}", vector.name));
            let written = match frame {
                ClientFrame::Hello(hello) => frame::client::hello(codec, &hello),
                ClientFrame::Ack { topic, seq } => frame::client::ack(codec, &topic, seq),
                ClientFrame::Ping => frame::client::ping(codec),
                ClientFrame::Call(call) => (operations[call.op].recode_call)(&call)
                    .unwrap_or_else(|error| panic!("{} in {codec:?}: {error}", vector.name)),
                // An answer is written alike in both directions.
                ClientFrame::Ok { re, data } => frame::server::ok(codec, re, data.bytes),
                ClientFrame::Err { re, error } => frame::server::err(codec, Some(re), &error),
                ClientFrame::Unknown => panic!("{}: not a frame of version 1", vector.name),
            };
            assert_eq!(show(codec, &written), show(codec, &bytes), "{} in {codec:?}", vector.name);
        }
    }
}

#[test]
fn what_the_server_sends_is_read_and_written_to_the_byte() {
    for vector in of(Direction::Server) {
        for codec in Codec::ALL {
            let bytes = vector.bytes(codec);
            let frame = ServerFrame::decode(codec, &bytes)
                .unwrap_or_else(|error| panic!("{} in {codec:?}: {error}", vector.name));
            let written = write(codec, &vector, &frame);
            assert_eq!(show(codec, &written), show(codec, &bytes), "{} in {codec:?}", vector.name);
        }
    }
}

/// Writes a frame of the server, with results and data by way of their types.
fn write(codec: Codec, vector: &Vector, frame: &ServerFrame) -> Vec<u8> {
    use frame::server;
    match frame {
        ServerFrame::Welcome(welcome) => server::welcome(codec, welcome),
        ServerFrame::Ok { re, data } => match operations::table().get(operation(vector)) {
            Some(operation) => (operation.recode_reply)(codec, *re, data).expect("the result"),
            None => server::ok(codec, *re, &codec.encode(data)),
        },
        ServerFrame::Err { re, error } => server::err(codec, *re, error),
        ServerFrame::Call(asked) => server::call(codec, asked),
        ServerFrame::Pong { now } => server::pong(codec, *now),
        ServerFrame::Ev(event) => {
            let mut event = event.clone();
            event.data = typed(&event.k, &event.data);
            server::ev(codec, &event)
        }
        ServerFrame::Heard(event) => server::heard(codec, event),
        ServerFrame::Eph(eph) => {
            let mut eph = eph.clone();
            eph.data = typed(&eph.k, &eph.data);
            server::eph(codec, &eph)
        }
        ServerFrame::Dirty(topics) => server::dirty(codec, topics),
        ServerFrame::Page(topics) => server::page(codec, topics),
        ServerFrame::Synced { sync } => server::synced(codec, sync),
        ServerFrame::Bye { code, retry_ms, reason } => {
            let code = CloseCode::from_number(*code).expect("a close code of the table");
            assert_eq!(code.reason(), reason);
            server::bye(codec, code, *retry_ms)
        }
        ServerFrame::Unknown => panic!("{}: not a frame of version 1", vector.name),
    }
}

fn show(codec: Codec, bytes: &[u8]) -> String {
    match codec {
        Codec::Json => String::from_utf8_lossy(bytes).into_owned(),
        Codec::MsgPack => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

#[test]
fn both_codecs_mean_the_same() {
    for vector in of(Direction::Server) {
        let read = |codec| ServerFrame::decode(codec, &vector.bytes(codec)).expect("readable");
        assert_eq!(read(Codec::Json), read(Codec::MsgPack), "{}", vector.name);
    }
    for vector in of(Direction::Client) {
        let (json, msgpack) = (vector.bytes(Codec::Json), vector.bytes(Codec::MsgPack));
        let json = ClientFrame::decode(Codec::Json, &json).expect("readable");
        let msgpack = ClientFrame::decode(Codec::MsgPack, &msgpack).expect("readable");
        match (json, msgpack) {
            (ClientFrame::Call(one), ClientFrame::Call(two)) => {
                assert_eq!(
                    (one.id, one.op, one.cid, one.prev),
                    (two.id, two.op, two.cid, two.prev)
                );
                let args = |raw: carillon_protocol::Raw<'_>| raw.decode::<Json>().expect("args");
                assert_eq!(args(one.args), args(two.args), "{}", vector.name);
            }
            (ClientFrame::Ok { re: one, data }, ClientFrame::Ok { re: two, data: again }) => {
                let read = |raw: carillon_protocol::Raw<'_>| raw.decode::<Json>().expect("data");
                assert_eq!((one, read(data)), (two, read(again)), "{}", vector.name);
            }
            (one, two) => assert_eq!(one, two, "{}", vector.name),
        }
    }
}

#[test]
fn every_frame_has_a_vector() {
    let client: BTreeSet<_> = of(Direction::Client).map(|vector| tag(&vector)).collect();
    assert_eq!(client, ["ack", "call", "err", "hello", "ok", "ping"].map(String::from).into());
    let server: BTreeSet<_> = of(Direction::Server).map(|vector| tag(&vector)).collect();
    // `write` matches every variant of `ServerFrame`: whoever adds one meets this test's files.
    let known = "bye call dirty eph err ev heard ok page pong synced welcome";
    assert_eq!(server, known.split(' ').map(String::from).collect());
}

fn value(vector: &Vector) -> serde_json::Value {
    serde_json::from_str(&vector.json).expect("vectors are JSON")
}

fn tag(vector: &Vector) -> String {
    value(vector)["t"].as_str().expect("t").to_owned()
}

#[test]
fn every_operation_has_vectors_with_every_field() {
    for (op, operation) in operations::table() {
        let calls = of(Direction::Client).filter(|vector| value(vector)["op"] == op);
        let args = fields(calls, "args").unwrap_or_else(|| panic!("no call of {op}"));
        assert_eq!(args, operation.args.into_iter().collect(), "arguments of {op}");
        let replies = of(Direction::Server)
            .filter(|vector| self::operation(vector) == op && tag(vector) == "ok");
        let reply = fields(replies, "data").unwrap_or_else(|| panic!("no reply of {op}"));
        assert_eq!(reply, operation.reply.into_iter().collect(), "result of {op}");
    }
}

/// The names of the fields that occur below `part`; `None` without any vector.
fn fields(vectors: impl Iterator<Item = Vector>, part: &str) -> Option<BTreeSet<String>> {
    let names = |vector: Vector| {
        let fields = value(&vector)[part].as_object().expect("an object").clone();
        fields.into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>()
    };
    vectors.map(names).reduce(|mut all, more| {
        all.extend(more);
        all
    })
}

#[test]
fn every_error_has_a_vector_with_its_retry() {
    let mut seen = BTreeSet::new();
    for vector in of(Direction::Server).filter(|vector| tag(vector) == "err") {
        let error: ErrorBody = serde_json::from_str(&vector.json).expect("an error");
        assert_eq!(error.retry, error.code.retry(), "{}", vector.name);
        seen.insert(error.code.as_str());
    }
    assert_eq!(seen, ErrorCode::ALL.iter().map(|code| code.as_str()).collect());
}

/// The declarations of the crate, to find what a table leaves out.
fn sources() -> Vec<String> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                sources.push(fs::read_to_string(path).expect("a source"));
            }
        }
    }
    sources
}

#[test]
fn every_kind_of_event_has_a_vector_with_every_field() {
    for (k, kind) in kinds::table() {
        let vectors = of(Direction::Server).filter(|vector| value(vector)["k"] == k);
        let mut tags: BTreeSet<String> =
            of(Direction::Server).filter(|it| value(it)["k"] == k).map(|it| tag(&it)).collect();
        // Listeners are told any durable event.
        tags.remove("heard");
        assert_eq!(tags, [kind.frame.to_owned()].into(), "frames of {k}");
        let data = fields(vectors, "data").unwrap_or_else(|| panic!("no {k}"));
        assert_eq!(data, kind.data, "data of {k}");
    }
}

#[test]
fn the_tables_leave_nothing_out() {
    assert_eq!(operations::table().len(), declared("operations", " => "));
    let kinds = kinds::table();
    let of = |frame| kinds.values().filter(|kind| kind.frame == frame).count();
    assert_eq!(of("ev"), declared("events", " = \""));
    assert_eq!(of("eph"), declared("ephemerals", " = \""));
}

/// How many are declared in the sources by a macro, one on each line with this mark.
fn declared(name: &str, mark: &str) -> usize {
    let begin = format!("\n{name}! {{");
    let sources = sources();
    let bodies = sources.iter().filter_map(|source| source.split_once(&begin));
    let lines = bodies.flat_map(|(_, rest)| rest.split("\n}").next().unwrap_or_default().lines());
    lines.filter(|line| line.contains(mark)).count()
}

#[test]
fn an_error_code_of_a_newer_server_is_read_with_its_retry() {
    let json = br#"{"t":"err","re":1,"code":"E_NEWER","msg":"?","retry":"after","retry_ms":5}"#;
    let ServerFrame::Err { error, .. } = ServerFrame::decode(Codec::Json, json).expect("readable")
    else {
        panic!("an error")
    };
    assert_eq!((error.code, error.retry_ms), (ErrorCode::Unknown, Some(5)));
}

#[test]
fn what_a_later_version_adds_is_passed_over() {
    let later: [(&[u8], _); 3] = [
        (br#"{"t":"later","id":"text","op":[1],"cid":7}"#, ClientFrame::Unknown),
        (br#"{"later":{"deep":[1]},"t":"ping","id":{}}"#, ClientFrame::Ping),
        (br#" { "\u0074" : "ping" , "x\ny" : 1 } "#, ClientFrame::Ping),
    ];
    for (json, frame) in later {
        assert_eq!(ClientFrame::decode(Codec::Json, json), Ok(frame));
    }
    for (t, frame) in [("later", ClientFrame::Unknown), ("ping", ClientFrame::Ping)] {
        let value = serde_json::json!({"id": {"a": 1}, "later": [1], "t": t, "op": 1, "cid": 7});
        let bytes = Codec::MsgPack.encode(&value);
        assert_eq!(ClientFrame::decode(Codec::MsgPack, &bytes), Ok(frame));
    }
    assert_eq!(VERSION, 1, "a new version needs a folder of vectors of its own");
}
