//! The fuzz targets on stable Rust: what clients send, changed at random but in the same way on
//! every run. `cargo fuzz` explores further with the same functions; see `fuzz/`.

use carillon_sfu::kit::targets;

use crate::forged::Random;

/// How many changed inputs a run tries: a second or two of a debug build.
const DESCRIPTIONS: usize = 400;
const DATAGRAMS: usize = 20_000;
/// The most changes to one input: more would leave nothing of it.
const CHANGES_MAX: usize = 6;
/// Bytes on which readers decide something.
const TELLING: &[u8] = b"\r\n=: /;-0159av\x00\x01\x16\x7f\x80\x90\xa0\xb0\xbe\xc8\xce\xde\xff";

/// One change: a byte replaced, put in or taken out, a piece of another input put in, the rest cut
/// off.
fn change(random: &mut Random, input: &mut Vec<u8>, other: &[u8]) {
    let at = random.below(input.len() + 1);
    let telling = TELLING[random.below(TELLING.len())];
    match random.below(7) {
        0 if at < input.len() => input[at] = telling,
        1 if at < input.len() => input[at] = input[at].wrapping_add(1),
        2 if at < input.len() => input[at] ^= 1 << random.below(8),
        3 => input.insert(at, telling),
        4 if at < input.len() => drop(input.remove(at)),
        5 => {
            let (one, two) = (random.below(other.len() + 1), random.below(other.len() + 1));
            input.splice(at..at, other[one.min(two)..one.max(two)].iter().copied());
        }
        _ => input.truncate(at.max(input.len() / 2)),
    }
}

/// Runs a target on the seeds and on what becomes of them. `SEED` in the environment repeats a run,
/// or tries another.
fn run(target: fn(&[u8]), seeds: &[Vec<u8>], rounds: usize) {
    seeds.iter().for_each(|seed| target(seed));
    let seed = std::env::var("SEED").map_or(20_261_122, |seed| seed.parse().expect("a number"));
    println!("SEED={seed}");
    let mut random = Random(seed);
    for round in 0..rounds {
        let mut input = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(CHANGES_MAX) {
            let other = random.below(seeds.len());
            change(&mut random, &mut input, &seeds[other]);
        }
        let run = std::panic::catch_unwind(|| target(&input));
        assert!(run.is_ok(), "round {round}: {}", input.escape_ascii());
    }
}

fn descriptions() -> Vec<Vec<u8>> {
    targets::descriptions().map(String::into_bytes).to_vec()
}

#[test]
fn no_offer_harms_the_server() {
    run(targets::offer, &descriptions(), DESCRIPTIONS);
}

#[test]
fn no_answer_harms_the_server() {
    run(targets::answer, &descriptions(), DESCRIPTIONS);
}

#[test]
fn no_candidate_harms_the_server() {
    let seeds = [
        "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0",
        "candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
        "a=candidate:1 1 UDP 1 4e8f-a1.local 50000 typ host",
    ];
    run(targets::candidate, &seeds.map(Vec::from), DATAGRAMS);
}

#[test]
fn no_datagram_harms_a_connection_that_lives() {
    let mut seeds = targets::datagrams();
    assert!([0, 22].iter().all(|kind| seeds.iter().any(|seed| seed[0] == *kind)), "{seeds:?}");
    // Media with extensions of one byte and of two, with sources and padding.
    let header = |first: u8, second: u8| [first, second, 0, 9, 0, 0, 0, 1, 0, 0, 0, 7];
    let short = [0xbe, 0xde, 0, 2, 0x10, 0x85, 0x21, 1, 2, 0, 0, 0];
    let long = [0x10, 0, 0, 2, 1, 1, 0x85, 4, 2, b'h', b'i', 0];
    seeds.push([&header(0x90, 111)[..], &short, &[7; 60]].concat());
    seeds.push([&header(0xb2, 96)[..], &[1; 8], &long, &[7; 900], &[4]].concat());
    // Reports of a sender and a receiver, and what is asked of an encoder.
    seeds.push([&[0x81, 200, 0, 12][..], &[3; 48]].concat());
    seeds.push([&[0x81, 201, 0, 7][..], &[3; 28], &[0x81, 206, 0, 2], &[0; 8]].concat());
    run(targets::datagram, &seeds, DATAGRAMS);
}
