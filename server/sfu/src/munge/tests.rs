//! What a decoder relies on, over any order of what arrives.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::*;

const CLOCK: u32 = 90_000;

/// Something that happens to a slot.
#[derive(Debug, Clone, Copy)]
enum Step {
    Packet(In),
    Switch,
}

/// What came of it.
type Trace = Vec<(Step, Option<Out>)>;

fn play(munger: &mut Munger, steps: &[Step]) -> Trace {
    let outcome = |step: &Step| match step {
        Step::Packet(packet) => munger.forward(packet),
        Step::Switch => {
            munger.switch();
            None
        }
    };
    let outs: Vec<_> = steps.iter().map(outcome).collect();
    steps.iter().copied().zip(outs).collect()
}

/// A stretch of packets of one stream.
#[derive(Default)]
struct Stretch {
    sent: BTreeMap<u64, (In, Out)>,
}

fn stretches(trace: &Trace) -> Vec<Stretch> {
    let mut all = vec![Stretch::default()];
    for (step, out) in trace {
        let last = all.len() - 1;
        let now = &mut all[last];
        match (step, out) {
            (Step::Switch, _) => all.push(Stretch::default()),
            (Step::Packet(packet), Some(out)) => {
                now.sent.insert(packet.seq, (*packet, *out));
            }
            _ => {}
        }
    }
    all.retain(|stretch| !stretch.sent.is_empty());
    all
}

fn check(trace: &Trace) -> Result<(), String> {
    let outs: Vec<Out> = trace.iter().filter_map(|(_, out)| *out).collect();
    let mut seqs: Vec<u64> = outs.iter().map(|out| out.seq).collect();
    seqs.sort_unstable();
    if seqs.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("a sequence number was used twice".into());
    }
    let stretches = stretches(trace);
    for stretch in &stretches {
        let sent: Vec<&(In, Out)> = stretch.sent.values().collect();
        for pair in sent.windows(2) {
            let ((one, one_out), (two, two_out)) = (pair[0], pair[1]);
            if two_out.seq.checked_sub(one_out.seq) != Some(two.seq - one.seq) {
                return Err(format!("{} and {} are not as far apart", one.seq, two.seq));
            }
            if two_out.ts.wrapping_sub(one_out.ts) != two.ts.wrapping_sub(one.ts) {
                return Err(format!("time between {} and {} changed", one.seq, two.seq));
            }
            let (from, to) = (one_out.vp8.unwrap().picture, two_out.vp8.unwrap().picture);
            let came = two.vp8.unwrap().picture.wrapping_sub(one.vp8.unwrap().picture);
            let apart = to.wrapping_sub(from) & PICTURE_MASK;
            if apart != came & PICTURE_MASK || to > PICTURE_MASK {
                return Err(format!("pictures of {} and {} are not in order", one.seq, two.seq));
            }
        }
    }
    stretches.windows(2).try_for_each(|pair| check_switch(&pair[0], &pair[1]))
}

/// The first packet after a switch follows the newest one before it.
fn check_switch(before: &Stretch, after: &Stretch) -> Result<(), String> {
    let (_, (_, last)) = before.sent.last_key_value().unwrap();
    // The first that was sent, as nothing older is let through.
    let (_, (first, out)) = after.sent.first_key_value().unwrap();
    if out.seq != last.seq + 1 {
        return Err(format!("{} follows {}", out.seq, last.seq));
    }
    let of_picture = before.sent.values().filter(|(_, out)| out.ts == last.ts);
    let at = of_picture.map(|(packet, _)| packet.at).min().unwrap();
    let passed = (first.at - at).as_micros() as i64 * i64::from(CLOCK) / 1_000_000;
    let shown = i64::from(out.ts.wrapping_sub(last.ts));
    // What came late may have been the first of its picture.
    if shown < 1 || shown > passed.max(1) + 1 || passed - shown > i64::from(CLOCK) / 10 {
        return Err(format!("{passed} ticks passed, {shown} are shown"));
    }
    let (ids, last) = (out.vp8.unwrap(), last.vp8.unwrap());
    let next = last.picture.wrapping_add(1) & PICTURE_MASK;
    if (ids.picture, ids.tl0) != (next, last.tl0.wrapping_add(1)) {
        return Err(format!("{ids:?} follows {last:?}"));
    }
    Ok(())
}

/// A stream of pictures of some packets each, as one sends it.
fn stream(seq: u64, ts: u32, picture: u16, sizes: &[u8], began: Duration) -> Vec<In> {
    let mut packets: Vec<In> = Vec::new();
    for (nth, size) in sizes.iter().enumerate() {
        for _ in 0..*size {
            let ids =
                Vp8Ids { picture: picture.wrapping_add(nth as u16) & PICTURE_MASK, tl0: nth as u8 };
            packets.push(In {
                seq: seq + packets.len() as u64,
                ts: ts.wrapping_add(nth as u32 * 3_000),
                clock_rate: CLOCK,
                at: began + Duration::from_micros(nth as u64 * 33_333),
                vp8: Some(ids),
            });
        }
    }
    packets
}

/// What a network does to a stream: some packets are lost, some come late, some twice. `fate` has a
/// number for each packet.
fn arrive(packets: &[In], fate: &[u16]) -> Vec<Step> {
    let mut steps: Vec<(usize, In)> = Vec::new();
    for (place, packet) in packets.iter().enumerate() {
        let fate = fate[place % fate.len()] as usize;
        match fate % 16 {
            0 => continue,
            1 => steps.push((place + fate / 16 % 40, *packet)),
            2 => steps.extend([(place, *packet), (place + fate / 16 % 9, *packet)]),
            _ => steps.push((place, *packet)),
        }
    }
    steps.sort_by_key(|(place, _)| *place);
    // What comes late arrives when the others do.
    let mut now = Duration::ZERO;
    let on_time = |(_, packet): (usize, In)| {
        now = now.max(packet.at);
        Step::Packet(In { at: now, ..packet })
    };
    steps.into_iter().map(on_time).collect()
}

/// A stream: its first numbers, how many packets each picture has, what becomes of each, and the
/// pause before it.
type Numbers = (u64, u32, u16, Vec<u8>, Vec<u16>, u64);

prop_compose! {
    fn a_stream()(
        seq in prop_oneof![0_u64..70_000, Just(65_530), Just((1 << 32) - 5)],
        ts in any::<u32>(),
        picture in prop_oneof![0_u16..=PICTURE_MASK, Just(PICTURE_MASK - 3)],
        sizes in prop::collection::vec(1_u8..6, 1..60),
        fate in prop::collection::vec(any::<u16>(), 1..200),
        pause in 0_u64..3_000,
    ) -> Numbers {
        (seq, ts, picture, sizes, fate, pause)
    }
}

fn steps(streams: Vec<Numbers>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut began = Duration::ZERO;
    for (seq, ts, picture, sizes, fate, pause) in streams {
        began += Duration::from_millis(pause);
        steps.push(Step::Switch);
        steps.extend(arrive(&stream(seq, ts, picture, &sizes, began), &fate));
        began += Duration::from_micros(sizes.len() as u64 * 33_333);
    }
    steps
}

proptest! {
    #[test]
    fn a_decoder_sees_one_stream_whatever_is_lost_late_twice_or_switched(
        streams in prop::collection::vec(a_stream(), 1..6),
        seq in 0_u64..=65_535,
        ts in any::<u32>(),
        picture in 0_u16..=PICTURE_MASK,
        tl0 in any::<u8>(),
    ) {
        let mut munger = Munger::new(seq, ts, Vp8Ids { picture, tl0 });
        let trace = play(&mut munger, &steps(streams));
        prop_assert_eq!(check(&trace), Ok(()));
    }

    #[test]
    fn no_number_is_used_twice_whatever_a_sender_claims(
        packets in prop::collection::vec((any::<u8>(), 0_u64..200_000, any::<u32>()), 1..400),
    ) {
        let mut munger = Munger::new(7, 7, Vp8Ids::default());
        let mut used = std::collections::HashSet::new();
        let mut last = 6;
        for (what, seq, ts) in packets {
            let at = Duration::from_millis(u64::from(ts % 10_000));
            // Many near one another, some far away.
            let seq = if what % 8 == 0 { seq } else { seq % 40 };
            let packet = In { seq, ts, clock_rate: CLOCK, at, vp8: None };
            match what % 16 {
                1 => munger.switch(),
                _ => {
                    let Some(out) = munger.forward(&packet) else { continue };
                    prop_assert!(used.insert(out.seq), "{} is used twice", out.seq);
                    prop_assert!(out.seq <= last + REACH, "{} after {last}", out.seq);
                    last = last.max(out.seq);
                }
            }
        }
    }
}

/// Two streams of ten pictures, unharmed.
fn good() -> Trace {
    let fate = || vec![9_u16];
    let streams = vec![
        (65_530, 1, PICTURE_MASK - 3, vec![3; 10], fate(), 0),
        (40, u32::MAX - 8_000, 12, vec![2; 10], fate(), 500),
    ];
    play(&mut Munger::new(65_530, 9, Vp8Ids::default()), &steps(streams))
}

#[test]
fn packets_that_all_arrive_are_numbered_without_a_gap() {
    let trace = good();
    let seqs: Vec<u64> = trace.iter().filter_map(|(_, out)| Some(out.as_ref()?.seq)).collect();
    assert_eq!(seqs, (65_530..65_530 + seqs.len() as u64).collect::<Vec<_>>());
    assert!(seqs.len() > 30);
    assert_eq!(check(&trace), Ok(()));
}

#[test]
fn the_check_finds_what_is_planted() {
    type Plant = fn(&mut Out);
    let planted: [(Plant, &str); 6] = [
        (|out| out.seq += 1, "follows"),
        (|out| out.seq -= 1, "used twice"),
        (|out| out.ts = out.ts.wrapping_sub(60_000), "ticks passed"),
        (|out| out.ts = out.ts.wrapping_add(CLOCK), "ticks passed"),
        (|out| out.vp8.as_mut().unwrap().picture += 1, "follows"),
        (|out| out.vp8.as_mut().unwrap().tl0 += 1, "follows"),
    ];
    for (plant, finding) in planted {
        let mut trace = good();
        let switch = trace.iter().rposition(|(step, _)| matches!(step, Step::Switch)).unwrap();
        // All after the switch is displaced, so that within the stretch nothing is wrong.
        trace[switch..].iter_mut().filter_map(|(_, out)| out.as_mut()).for_each(plant);
        let found = check(&trace).unwrap_err();
        assert!(found.contains(finding), "{found}");
    }
    let mut trace = good();
    trace[5].1.as_mut().unwrap().seq += 1_000;
    assert!(check(&trace).unwrap_err().contains("not as far apart"));
}

#[test]
fn what_is_older_than_the_switch_is_not_sent() {
    let mut munger = Munger::new(100, 0, Vp8Ids::default());
    let packets = stream(500, 0, 0, &[1; 9], Duration::ZERO);
    assert_eq!(munger.forward(&packets[4]).unwrap().seq, 100);
    assert_eq!(munger.forward(&packets[3]), None);
    assert_eq!(munger.forward(&packets[5]).unwrap().seq, 101);
}

#[test]
fn a_jump_too_far_to_be_loss_counts_as_a_new_stream() {
    let mut munger = Munger::new(100, 0, Vp8Ids::default());
    let mut packet = stream(500, 0, 0, &[1], Duration::ZERO)[0];
    munger.forward(&packet).unwrap();
    packet.seq += 30_000;
    packet.at += Duration::from_secs(2);
    let out = munger.forward(&packet).unwrap();
    assert_eq!((out.seq, out.ts), (101, 2 * CLOCK));
}

#[test]
fn timestamps_go_on_from_the_first_packet_of_the_last_picture_and_never_stand_still() {
    let mut munger = Munger::new(100, 0, Vp8Ids::default());
    let mut packets = stream(500, 70, 0, &[2], Duration::ZERO);
    packets[1].at = Duration::from_millis(30);
    packets.iter().for_each(|packet| _ = munger.forward(packet).unwrap());
    munger.switch();
    let next = In { at: Duration::from_millis(40), ..packets[0] };
    assert_eq!(munger.forward(&next).unwrap().ts, CLOCK * 40 / 1_000);
    munger.switch();
    assert_eq!(munger.forward(&next).unwrap().ts, CLOCK * 40 / 1_000 + 1);
}
