//! The fuzz targets on stable Rust: golden frames, mutated at random but in the same way on every
//! run. `cargo fuzz` explores further with the same functions; see `fuzz/`.

use carillon_protocol::Codec;

use crate::vectors;

#[path = "../../fuzz/targets.rs"]
mod targets;

/// How many mutated frames a run tries: some seconds of a debug build.
const ROUNDS: usize = 20_000;
/// The most changes to one frame: more would leave nothing of it.
const CHANGES_MAX: u64 = 6;
/// Bytes on which readers decide something.
const TELLING: &[u8] =
    b"{}[]\",:\\\x00\x7f\x80\x8f\x90\xa0\xc0\xc1\xc4\xcb\xcf\xd9\xdd\xdf\xff09eE.-";

/// xorshift64*: as random as this needs to be, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound) as usize
    }

    fn place(&mut self, bytes: &[u8]) -> usize {
        self.below(bytes.len() as u64 + 1)
    }

    /// One change to a frame: a byte replaced, put in or taken out, a piece of another frame put
    /// in, the rest cut off.
    fn change(&mut self, frame: &mut Vec<u8>, other: &[u8]) {
        let at = self.place(frame);
        let telling = TELLING[self.below(TELLING.len() as u64)];
        match self.below(6) {
            0 if at < frame.len() => frame[at] = telling,
            1 if at < frame.len() => frame[at] = frame[at].wrapping_add(1),
            2 => frame.insert(at, telling),
            3 if at < frame.len() => drop(frame.remove(at)),
            4 => {
                let (one, two) = (self.place(other), self.place(other));
                let piece = other[one.min(two)..one.max(two)].iter().copied();
                frame.splice(at..at, piece);
            }
            _ => frame.truncate(at.max(frame.len() / 2)),
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let good = vectors::all().into_iter().flat_map(|v| Codec::ALL.map(|codec| v.bytes(codec)));
    let bad = vectors::bad();
    let bad = bad.iter().flat_map(|bad| bad.frames()).map(|(_, bytes)| bytes);
    good.chain(bad).collect()
}

/// Runs a target on the seeds and on what becomes of them. `SEED` in the environment repeats a
/// run.
fn run(target: fn(&[u8])) {
    let seed: u64 =
        std::env::var("SEED").map_or(20_261_121, |seed| seed.parse().expect("a number"));
    println!("SEED={seed}");
    let seeds = seeds();
    seeds.iter().for_each(|seed| target(seed));
    let mut random = Random(seed.max(1));
    for round in 0..ROUNDS {
        let mut frame = seeds[random.below(seeds.len() as u64)].clone();
        for _ in 0..=random.below(CHANGES_MAX) {
            let other = random.below(seeds.len() as u64);
            random.change(&mut frame, &seeds[other]);
        }
        let run = std::panic::catch_unwind(|| target(&frame));
        assert!(run.is_ok(), "round {round}: {:?}", String::from_utf8_lossy(&frame));
    }
}

#[test]
fn no_bytes_harm_a_server() {
    run(targets::client_frame);
}

#[test]
fn no_bytes_harm_a_client() {
    run(targets::server_frame);
}

#[test]
fn no_bytes_harm_an_operation() {
    run(|frame| {
        targets::args(frame);
        // Also what lies at `args` of a frame that still is one.
        for codec in Codec::ALL {
            use carillon_protocol::frame::ClientFrame;
            if let Ok(ClientFrame::Call(call)) = ClientFrame::decode(codec, frame) {
                targets::args(call.args.bytes);
            }
        }
    });
}
