//! How long a server takes to read a call of 200 bytes: the flat part of the frame, with `args`
//! left where they lie. The bar is one microsecond in either codec.
//!
//! `cargo bench -p carillon-protocol --bench decode`

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use carillon_protocol::{
    Cid, Codec, ConvId,
    frame::{ClientFrame, client},
    id::Ulid,
    msg::{Body, Send},
};

/// The most that reading a frame may take.
const BAR: Duration = Duration::from_micros(1);
/// Reads that are timed together: the clock costs nothing beside so many.
const READS: u32 = 10_000;
/// Timings of which the median counts: others on the machine disturb fewer than half of them.
const TIMINGS: usize = 201;

fn main() -> ExitCode {
    let mut within = true;
    for codec in Codec::ALL {
        let frame = call_of(200, codec);
        let header = median(|| {
            black_box(ClientFrame::decode(codec, black_box(&frame)).expect("a call"));
        });
        let typed = median(|| {
            let frame = ClientFrame::decode(codec, black_box(&frame)).expect("a call");
            let ClientFrame::Call(call) = frame else { unreachable!("it was written as a call") };
            black_box(call.args.decode::<Send>().expect("the arguments of msg.send"));
        });
        println!(
            "{codec:?}: {} B, frame {header:?} (bar {BAR:?}), with the arguments {typed:?}",
            frame.len(),
        );
        within &= header <= BAR;
    }
    if within { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A `msg.send` of exactly so many bytes.
fn call_of(len: usize, codec: Codec) -> Vec<u8> {
    let written = |text: String| {
        let body = Body::Text { text, mentions: Vec::new() };
        let send = Send { conv: ConvId(Ulid(1 << 100)), body, reply_to: None, everybody: false };
        let cid = Some(Cid(Ulid(3 << 99)));
        client::call(codec, 7, "msg.send", cid, None, &send)
    };
    let rest = len - written(String::new()).len();
    // MessagePack counts a text in its first byte up to 31 bytes, and in one more from there on.
    let lens = (0..=rest).rev();
    let mut frames = lens.map(|text| written("a".repeat(text)));
    frames.find(|frame| frame.len() == len).expect("some text fills the frame")
}

/// The median time of one run.
#[expect(clippy::disallowed_methods, reason = "a bench measures durations")]
fn median(mut run: impl FnMut()) -> Duration {
    let mut timings: Vec<Duration> = (0..TIMINGS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..READS {
                run();
            }
            start.elapsed() / READS
        })
        .collect();
    timings.sort();
    timings[TIMINGS / 2]
}
