//! What is fuzzed: functions that take any bytes and panic if a promise is broken. A stable test
//! (`tests/it/fuzz.rs`) and the targets of `cargo fuzz` (`fuzz_targets/`) call the same ones.

use carillon_protocol::{
    Codec, Command, Json, Raw,
    frame::{ClientFrame, ServerFrame, server},
    operation::{Visitor, each},
};

/// A server reads any bytes without harm, and finds `args` inside them.
pub fn client_frame(bytes: &[u8]) {
    for codec in Codec::ALL {
        let frame = ClientFrame::decode(codec, bytes);
        match frame {
            Ok(ClientFrame::Call(call)) => {
                let inside = bytes.as_ptr_range();
                let args = call.args.bytes.as_ptr_range();
                assert!(
                    call.args.bytes.is_empty()
                        || (inside.start <= args.start && args.end <= inside.end)
                );
                assert_eq!(ClientFrame::id_of_refused(codec, bytes), Some(call.id));
                // Either is fine; what was taken must be readable for good.
                if let Ok(json) = call.args.decode::<Json>() {
                    rewritten(&json);
                }
            }
            Ok(_) => {}
            Err(error) => assert!(error.msg.len() <= 400, "{} bytes", error.msg.len()),
        }
    }
}

/// A client reads any bytes without harm; what it took means the same after it is written again.
pub fn server_frame(bytes: &[u8]) {
    for codec in Codec::ALL {
        let Ok(frame) = ServerFrame::decode(codec, bytes) else { continue };
        for other in Codec::ALL {
            let written = match &frame {
                ServerFrame::Welcome(welcome) => server::welcome(other, welcome),
                ServerFrame::Ok { re, data } => server::ok(other, *re, &other.encode(data)),
                ServerFrame::Err { re, error } => server::err(other, *re, error),
                ServerFrame::Call(asked) => server::call(other, asked),
                ServerFrame::Pong { now } => server::pong(other, *now),
                ServerFrame::Ev(event) => server::ev(other, event),
                ServerFrame::Heard(event) => server::heard(other, event),
                ServerFrame::Eph(eph) => server::eph(other, eph),
                ServerFrame::Dirty(topics) => server::dirty(other, topics),
                ServerFrame::Page(topics) => server::page(other, topics),
                ServerFrame::Synced { sync } => server::synced(other, sync),
                ServerFrame::Bye { .. } | ServerFrame::Unknown => continue,
            };
            // JSON may be read from deeper than anybody may write, MessagePack may not.
            if other.depth_ok(&written) {
                assert_eq!(ServerFrame::decode(other, &written).as_ref(), Ok(&frame));
            }
        }
    }
}

/// The arguments of every operation are read from any bytes without harm; what was taken means
/// the same in both codecs.
pub fn args(bytes: &[u8]) {
    struct Args<'a>(&'a [u8]);
    impl Visitor for Args<'_> {
        fn operation<C: Command>(&mut self) {
            for codec in Codec::ALL {
                let Ok(args) = (Raw { codec, bytes: self.0 }).decode::<C>() else { continue };
                let json = Json::of(&args);
                for other in Codec::ALL {
                    let again: C = other.decode(&other.encode(&args)).expect("what was written");
                    assert_eq!(Json::of(&again), json, "{}", C::OP);
                }
            }
        }
    }
    each(&mut Args(bytes));
}

/// A value of unknown type means the same in both codecs.
fn rewritten(json: &Json) {
    for codec in Codec::ALL {
        let written = codec.encode(json);
        if codec.depth_ok(&written) {
            assert_eq!(codec.decode::<Json>(&written).as_ref(), Ok(json));
        }
    }
}
