//! Everything that a room promises, one matter after the other, each on a fresh server.

use std::{path::Path, time::Duration};

use carillon_sfu::kit::Weather;
use clap::ValueEnum;

use super::{
    Measured, RoomArgs, TILE, WARM_UP, baseline, gathering::Gathering, ledger::no_delays, meet,
    place, room::Room, seat::Part, start, stream::SIMULCAST,
};
use crate::{
    bars::{self, Bar, Verdict, median},
    clock::now_ns,
    fleet::Failed,
};

/// Pairs of the room and the bare loop, in turn.
const PAIRS: usize = 3;
/// How long each is measured.
const SECONDS: u64 = 15;
/// Receivers of one sender, in what is compared with the bare loop.
const RECEIVERS: usize = 50;
/// How much their sender's camera carries: with it, 23,000 packets a second are forwarded …
const HALF_KBPS: usize = 3_600;
/// … and with this 46,000.
const FULL_KBPS: usize = 7_600;
/// Rounds of joining and leaving, of so many people each.
const CHURN: (usize, usize) = (60, 20);

/// What a room promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Matter {
    /// How much one core forwards, how fast, and what a subscriber takes.
    Capacity,
    /// Processor time a packet, beside the bare forwarder.
    Forwarding,
    /// A hundred people with sound.
    Hundred,
    /// Many cameras.
    Tiles,
    /// One in twenty datagrams is lost.
    Lossy,
    /// A link becomes narrow, and wide again.
    Narrow,
    /// People come and go.
    Churn,
}

impl Matter {
    fn measure(self, program: &Path) -> Result<Vec<Verdict>, Failed> {
        match self {
            Matter::Capacity => capacity(program),
            Matter::Forwarding => forwarding(program),
            Matter::Hundred => hundred(program),
            Matter::Tiles => tiles(program),
            Matter::Lossy => lossy(program),
            Matter::Narrow => narrow(program),
            Matter::Churn => churn(program),
        }
    }
}

/// Measures these, or all if none is named; prints them, and fails if a bar was not reached.
pub fn run(program: &Path, only: &[Matter]) -> Result<(), Failed> {
    let mut verdicts = Vec::new();
    let all = Matter::value_variants();
    for &matter in if only.is_empty() { all } else { only } {
        for verdict in matter.measure(program)? {
            println!("{verdict}");
            verdicts.push(verdict);
        }
    }
    bars::print(&verdicts);
    match verdicts.iter().filter(|verdict| !verdict.is_reached()).count() {
        0 => Ok(()),
        missed => Err(Failed::Missed(missed)),
    }
}

fn args(publishers: usize, subscribers: usize) -> RoomArgs {
    RoomArgs {
        server: None,
        table: false,
        only: Vec::new(),
        bare: false,
        publishers,
        subscribers,
        simulcast: false,
        audio_only: false,
        video_kbps: 1_500,
        loss: 0.0,
        delay: 0,
        kbps: None,
        bad_links: None,
        seconds: SECONDS,
        out: Default::default(),
    }
}

fn measured(program: &Path, args: &RoomArgs) -> Result<Measured, Failed> {
    let place = place(program)?;
    meet(&place, &start(&place)?, args)
}

fn verdict(matter: &str, figure: f64, bar: Bar, from: String) -> Verdict {
    Verdict { matter: matter.into(), figure, bar, from }
}

/// How much one core forwards, and how fast packets go through at half of that.
fn capacity(program: &Path) -> Result<Vec<Verdict>, Failed> {
    let full = measured(program, &RoomArgs { video_kbps: FULL_KBPS, ..args(1, RECEIVERS) })?;
    let half = measured(program, &RoomArgs { video_kbps: HALF_KBPS, ..args(1, RECEIVERS) })?;
    let bare = baseline::delays()?;
    let above = |quantile| half.delay_ms(quantile) - bare.value_at_quantile(quantile) as f64 / 1e6;
    let from = format!(
        "{:.0}/s at {:.0} % of a core, {} of {} missing",
        full.packets_per_s(),
        full.load() * 100.0,
        full.lost(),
        full.packets()
    );
    let at = format!("at {:.0}/s", half.packets_per_s());
    let joins = half.joins.iter().map(|ns| *ns as f64 / 1e6);
    Ok(vec![
        verdict("packets/s a core", full.packets_per_core(), Bar::AtLeast(40_000.0), from),
        verdict("forwarded, p50 ms", above(0.5), Bar::AtMost(0.5), at.clone()),
        verdict("forwarded, p99 ms", above(0.99), Bar::AtMost(2.0), at),
        verdict("join to first packet, p50 ms", median(joins), Bar::AtMost(50.0), String::new()),
        verdict(
            "memory a subscriber, KiB",
            (half.resident[0] - half.resident[1]) as f64 / RECEIVERS as f64,
            Bar::AtMost(700.0),
            format!("{} KiB with {RECEIVERS}, {} with none", half.resident[0], half.resident[1]),
        ),
    ])
}

/// Processor time a packet, of the room and of the bare loop in turn.
fn forwarding(program: &Path) -> Result<Vec<Verdict>, Failed> {
    let mut ratios = Vec::new();
    let mut from = String::new();
    for _ in 0..PAIRS {
        let args = args(1, RECEIVERS);
        let (room, bare) = (measured(program, &args)?, super::meet_bare(&args)?);
        let (room, bare) = (room.us_per_packet(), bare.us_per_packet());
        from += &format!("{room:.1}/{bare:.1} us ");
        ratios.push(room / bare);
    }
    let matter = "processor time a packet, of the bare loop's";
    Ok(vec![verdict(matter, median(ratios), Bar::AtMost(1.2), from)])
}

/// A hundred people with sound in one room, ten of whom talk; five have bad connections.
fn hundred(program: &Path) -> Result<Vec<Verdict>, Failed> {
    const PEOPLE: usize = 100;
    const TALKING: usize = 10;
    const BAD: usize = 5;
    let place = place(program)?;
    let server = start(&place)?;
    let mut gathering = Gathering::new()?;
    let mut room = Room::open(&place, &server, PEOPLE)?;
    for number in 0..PEOPLE {
        let voice = (number < TALKING).then_some(number);
        room.join(&mut gathering, &Part { voice, camera: Vec::new() })?;
    }
    for seat in gathering.seats().iter_mut().rev().take(BAD) {
        seat.client.set_weather(Weather { loss: 0.02, ..Weather::default() });
    }
    room.run(&mut gathering, WARM_UP)?;
    gathering.seats().iter_mut().for_each(super::seat::Seat::reset);
    let (cpu, begun) = (server.process().cpu_us()?, now_ns());
    room.run(&mut gathering, Duration::from_secs(30))?;
    let load = (server.process().cpu_us()? - cpu) as f64 * 1e3 / (now_ns() - begun) as f64;
    let mut delays = no_delays();
    let mut shares = [(0, 0); 2];
    for (number, seat) in gathering.seats().iter().enumerate() {
        delays.add(&seat.ledger.voices).expect("all have the same bounds");
        let sum = seat.ledger.sum(|_| true);
        let share = &mut shares[usize::from(number >= PEOPLE - BAD)];
        *share = (share.0 + sum.lost, share.1 + sum.seen + sum.lost);
    }
    let percent = |(lost, all): (u64, u64)| lost as f64 * 100.0 / all.max(1) as f64;
    let from = |(lost, all): (u64, u64)| format!("{lost} of {all} packets");
    let p95 = delays.value_at_quantile(0.95) as f64 / 1e6;
    Ok(vec![
        verdict("100 people, mouth to ear p95 ms", p95, Bar::AtMost(40.0), String::new()),
        verdict("concealed on bad links, %", percent(shares[1]), Bar::AtMost(4.0), from(shares[1])),
        verdict(
            "concealed on the others, %",
            percent(shares[0]),
            Bar::AtMost(0.0),
            from(shares[0]),
        ),
        verdict("of a core, %", load * 100.0, Bar::AtMost(60.0), String::new()),
    ])
}

/// Many cameras: 49 seen by one, and 15 who see each other.
fn tiles(program: &Path) -> Result<Vec<Verdict>, Failed> {
    let mut verdicts = Vec::new();
    for (publishers, subscribers) in [(49, 1), (15, 15)] {
        let args = RoomArgs { simulcast: true, ..args(publishers, subscribers) };
        let measured = measured(program, &args)?;
        let ledgers = || measured.received.iter();
        let freezes: u64 = ledgers().map(|ledger| ledger.sum(|it| it).freezes).sum();
        let seen: usize = ledgers().map(|ledger| ledger.sizes().count()).sum();
        let from = format!("{seen} pictures seen, {:.0} packets/s", measured.packets_per_s());
        let matter = format!("{publishers} cameras seen by {subscribers}: stood still");
        verdicts.push(verdict(&matter, freezes as f64, Bar::AtMost(0.0), from));
        let expected = (publishers.min(49) * subscribers).saturating_sub(subscribers) as f64;
        let expected = if publishers == subscribers { expected } else { publishers as f64 };
        let matter = format!("{publishers} cameras seen by {subscribers}: seen");
        verdicts.push(verdict(&matter, seen as f64, Bar::AtLeast(expected), String::new()));
    }
    Ok(verdicts)
}

/// One in twenty datagrams is lost.
fn lossy(program: &Path) -> Result<Vec<Verdict>, Failed> {
    let args = RoomArgs { loss: 5.0, seconds: 30, ..args(1, 5) };
    let measured = measured(program, &args)?;
    let sums = measured.received.iter().map(|ledger| ledger.sum(|is_picture| is_picture));
    let (seen, lost) = sums.fold((0, 0), |all, sum| (all.0 + sum.seen, all.1 + sum.lost));
    let share = seen as f64 * 100.0 / (seen + lost).max(1) as f64;
    let from = format!("{lost} of {} missing after repair", seen + lost);
    Ok(vec![verdict("5 % loss: of the pictures' packets, %", share, Bar::AtLeast(99.5), from)])
}

/// A link that becomes narrow and wide again.
fn narrow(program: &Path) -> Result<Vec<Verdict>, Failed> {
    const WIDE: u64 = 2_000_000;
    const NARROW: u64 = 300_000;
    let place = place(program)?;
    let server = start(&place)?;
    let mut gathering = Gathering::new()?;
    let mut room = Room::open(&place, &server, 2)?;
    room.join(&mut gathering, &Part { voice: Some(0), camera: SIMULCAST.to_vec() })?;
    room.join(&mut gathering, &Part::default())?;
    room.look(&mut gathering, 1, (0..1, TILE))?;
    let wire = |bits_per_s| Weather { bits_per_s: Some(bits_per_s), ..Weather::default() };
    gathering.seats()[1].client.set_weather(wire(WIDE));
    room.run(&mut gathering, Duration::from_secs(25))?;
    let widest = rate(&mut room, &mut gathering)?;
    gathering.seats()[1].client.set_weather(wire(NARROW));
    gathering.seats()[1].reset();
    room.run(&mut gathering, Duration::from_secs(2))?;
    gathering.seats()[1].reset();
    room.run(&mut gathering, Duration::from_secs(10))?;
    let ledger = std::mem::take(&mut gathering.seats()[1].ledger);
    let queue_ms = ledger.voices.value_at_quantile(0.99) as f64 / 1e6;
    gathering.seats()[1].client.set_weather(wire(WIDE));
    let back = now_ns();
    let mut took = f64::INFINITY;
    while took.is_infinite() && now_ns() < back + 30_000_000_000 {
        if rate(&mut room, &mut gathering)? > widest * 0.9 {
            took = (now_ns() - back) as f64 / 1e9;
        }
    }
    let silence = ledger.silence_ns as f64 / 1e6;
    let from = format!("{:.0} kbit/s before", widest / 1e3);
    Ok(vec![
        verdict("2 Mbit/s to 300 kbit/s: queue after 2 s, p99 ms", queue_ms, Bar::AtMost(300.0), {
            String::new()
        }),
        verdict("longest time without a voice, ms", silence, Bar::AtMost(300.0), String::new()),
        verdict("top layer again after, s", took, Bar::AtMost(15.0), from),
    ])
}

/// How much the second one receives now, in bits a second.
fn rate(room: &mut Room, gathering: &mut Gathering) -> Result<f64, Failed> {
    gathering.seats()[1].reset();
    let begun = now_ns();
    room.run(gathering, Duration::from_secs(1))?;
    Ok(gathering.seats()[1].ledger.bytes as f64 * 8e9 / (now_ns() - begun) as f64)
}

/// People who come and go leave nothing behind.
fn churn(program: &Path) -> Result<Vec<Verdict>, Failed> {
    let place = place(program)?;
    let server = start(&place)?;
    let used = || -> Result<(f64, f64), Failed> {
        Ok((server.process().resident()?.anonymous as f64, server.process().files()? as f64))
    };
    let mut base = used()?;
    let (rounds, people) = CHURN;
    for round in 0..rounds {
        let mut gathering = Gathering::new()?;
        let mut room = Room::open(&place, &server, people)?;
        for number in 0..people {
            let voice = (number < 3).then_some(number);
            room.join(&mut gathering, &Part { voice, camera: Vec::new() })?;
        }
        room.leave()?;
        // What is kept for the next ones is there after the first rounds.
        if round == rounds / 4 {
            base = used()?;
        }
    }
    let now = used()?;
    let from = format!("{rounds} rounds of {people}: {:.0} to {:.0} KiB", base.0, now.0);
    let files = format!("{:.0} to {:.0}", base.1, now.1);
    Ok(vec![
        verdict("more descriptors after they left", now.1 - base.1, Bar::AtMost(5.0), files),
        verdict("memory after they left, times", now.0 / base.0, Bar::AtMost(1.2), from),
    ])
}
