//! What forwarding costs, and how long it takes.

use std::{path::Path, time::Duration};

use crate::{
    bars::{Bar, median},
    fleet::Failed,
    meeting::{
        self, Measured, WARM_UP, baseline, fill,
        gathering::Gathering,
        measured::{measure, ms},
        meet_bare, page, place,
        room::{self, Room},
        start,
        told::Forwarded,
    },
};

use super::{Outcome, RoomArgs, SECONDS, args, measured};

/// Pairs of the room and the bare loop, in turn.
const PAIRS: usize = 5;
/// Receivers of one sender. Its camera carries less than what a way is reckoned to carry at first,
/// so that the estimator runs and nothing is left out.
const RECEIVERS: usize = 50;
/// So many such rooms are 46,000 packets a second …
const FULL: usize = 4;
/// … and so many 23,000.
const HALF: usize = 2;
/// So many people who all see each other are more than 20,000.
const PEOPLE: usize = 17;
/// Half of what is promised of a core.
const HALF_RATE: f64 = 20_000.0;
/// Before and after those whose memory is measured have come.
const FEW: usize = 10;

/// What a server has to do.
struct Load {
    measured: Measured,
    /// How many of a hundred packets the server itself had for at most 0.5 and 2 ms.
    own_percent: [f64; 2],
}

/// So many such rooms on one server.
fn loaded(program: &Path, rooms: usize, args: &RoomArgs) -> Result<Load, Failed> {
    let place = place(program)?;
    let server = start(&place)?;
    let mut gathering = Gathering::new()?;
    let mut open = Vec::new();
    for _ in 0..rooms {
        let mut room = Room::open(&place, &server, args.people())?;
        fill(&mut room, &mut gathering, args)?;
        open.push(room);
        open.iter_mut().try_for_each(Room::beat_all)?;
    }
    room::run(&mut open, &mut gathering, WARM_UP)?;
    let time = Duration::from_secs(args.seconds);
    let run = |gathering: &mut Gathering| room::run(&mut open, gathering, time);
    let before = Forwarded::read(&server.target()?)?;
    let measured = measure(&mut gathering, server.process(), run)?;
    let after = Forwarded::read(&server.target()?)?;
    let own_percent = [0.000_5, 0.002].map(|seconds| after.percent_within(&before, seconds));
    Ok(Load { measured, own_percent })
}

/// How many of a hundred packets that were sent came to everybody in those rooms.
fn forwarded_percent(measured: &Measured) -> f64 {
    let due = measured.sent.iter().sum::<u64>() * RECEIVERS as u64;
    measured.sum(|_| true).seen as f64 * 100.0 / due as f64
}

/// How much one core forwards.
pub fn capacity(program: &Path) -> Result<Outcome, Failed> {
    let full = loaded(program, FULL, &args(1, RECEIVERS))?.measured;
    let sum = full.sum(|_| true);
    let mut outcome = Outcome::default();
    let per_core = full.packets_per_core();
    outcome.bar("packets a second and core", per_core, Bar::AtLeast(40_000.0), full.core());
    let from = format!("{} of {} at that rate", sum.lost, sum.seen + sum.lost);
    outcome.bar("… packets missing", sum.lost as f64, Bar::AtMost(0.0), from);
    let share = forwarded_percent(&full);
    let from = "what is not missing but was left out".to_owned();
    outcome.bar("… forwarded of what was sent, %", share, Bar::AtLeast(99.0), from);
    Ok(outcome)
}

/// How long packets are in the server at half of what is promised of a core, above what a datagram
/// takes without a server.
pub fn latency(program: &Path) -> Result<Outcome, Failed> {
    let direct = baseline::delays()?;
    let shapes = [
        ("people who all meet", 1, RoomArgs { simulcast: true, ..args(PEOPLE, PEOPLE) }),
        ("one to fifty", HALF, args(1, RECEIVERS)),
    ];
    let mut outcome = Outcome::default();
    let mut lines = Vec::new();
    for (name, rooms, args) in shapes {
        let Load { measured, own_percent: [half, two] } = loaded(program, rooms, &args)?;
        let delays = measured.delays();
        for (percent, bar) in [(50.0, 0.5), (99.0, 2.0)] {
            let (all, base) = (ms(&delays, percent), ms(&direct, percent));
            let matter = format!("in the server at half load, {name}: p{percent:.0} ms");
            let from = format!("{all:.3} − {base:.3} without a server");
            outcome.bar(matter, all - base, Bar::AtMost(bar), from);
        }
        // Who is spared most of the load is fast.
        let rate = measured.packets_per_s();
        outcome.bar("… packets a second then", rate, Bar::AtLeast(HALF_RATE), measured.core());
        let kinds = measured.kinds().map(|(kind, delays)| {
            let [p50, p99] = [50.0, 99.0].map(|percent| ms(&delays, percent));
            format!("{kind} p50 {p50:.2}, p99 {p99:.2} ms")
        });
        outcome.fact("… from stamp to stamp", kinds.join("; "));
        let by_itself = format!("{half:.1} % within 0.5 ms, {two:.1} % within 2 ms");
        outcome.fact("… as the server counts by itself", by_itself);
        lines.push((name, delays));
    }
    lines.push(("without a server", direct));
    outcome.charts.push(page::percentiles("from stamp to stamp at half load", &lines));
    outcome.charts.push(page::histogram("packets by their time, at half load", &lines));
    Ok(outcome)
}

/// Processor time a packet, of the room and of the bare loop in turn.
pub fn forwarding(program: &Path) -> Result<Outcome, Failed> {
    let args = args(1, RECEIVERS);
    let (mut ratios, mut shares, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
    let mut outcome = Outcome::default();
    for pair in 0..PAIRS {
        // Who is first takes turns, too.
        let (room, bare) = if pair % 2 == 0 {
            let room = measured(program, &args)?;
            (room, meet_bare(&args)?)
        } else {
            let bare = meet_bare(&args)?;
            (measured(program, &args)?, bare)
        };
        pairs.push(format!("{:.1}/{:.1}", room.us_per_packet(), bare.us_per_packet()));
        ratios.push(room.us_per_packet() / bare.us_per_packet());
        shares.push(forwarded_percent(&room).min(forwarded_percent(&bare)));
        if pair == 0 {
            outcome.fact("one to fifty: the room", room.core());
            outcome.fact("one to fifty: the bare loop", bare.core());
        }
    }
    let from = format!("median of {PAIRS} pairs, us: {}", pairs.join(" "));
    let matter = "processor time a packet, times the bare loop's";
    outcome.bar(matter, median(ratios), Bar::AtMost(1.2), from);
    let least = shares.into_iter().reduce(f64::min).unwrap_or(f64::NAN);
    let from = "the least of any run: both must do the same work".to_owned();
    outcome.bar("… forwarded of what was sent, %", least, Bar::AtLeast(99.0), from);
    Ok(outcome)
}

/// From asking to come in to the first packet.
pub fn join(program: &Path) -> Result<Outcome, Failed> {
    const PEOPLE: usize = 20;
    let measured = measured(program, &RoomArgs { seconds: 1, ..args(1, PEOPLE) })?;
    let came = measured.joins_ms[1..].iter().filter(|ms| ms.is_finite()).count();
    let slowest = measured.joins_ms[1..].iter().copied().fold(0.0, f64::max);
    let from = format!("{came} of {PEOPLE} who came in turn; the slowest {slowest:.0} ms");
    let mut outcome = Outcome::default();
    let p50 = measured.join_p50_ms(1..PEOPLE + 1);
    outcome.bar("join to first packet, p50 ms", p50, Bar::AtMost(50.0), from);
    Ok(outcome)
}

/// Memory of each who receives sound and a camera.
pub fn memory(program: &Path) -> Result<Outcome, Failed> {
    let place = place(program)?;
    let server = start(&place)?;
    let mut gathering = Gathering::new()?;
    let mut rooms = [Room::open(&place, &server, RECEIVERS + 1)?];
    let args = args(1, RECEIVERS);
    let mut resident = Vec::new();
    for number in 0..=RECEIVERS {
        rooms[0].join(&mut gathering, &args.part(number))?;
        if number > 0 {
            rooms[0].look(&mut gathering, number, (0..1, meeting::tile(1)))?;
        }
        if number == FEW || number == RECEIVERS {
            room::run(&mut rooms, &mut gathering, Duration::from_secs(SECONDS))?;
            resident.push(server.process().resident()?.anonymous as f64 * 1.024);
        }
    }
    let more = (RECEIVERS - FEW) as f64;
    let each = (resident[1] - resident[0]) / more;
    let from = format!(
        "{:.0} kB with {FEW}, {:.0} kB with {RECEIVERS} who receive 1.5 Mbit/s",
        resident[0], resident[1]
    );
    let mut outcome = Outcome::default();
    outcome.bar("memory of one more subscriber, kB", each, Bar::AtMost(700.0), from);
    Ok(outcome)
}
