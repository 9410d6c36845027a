//! Many people with sound, and many with cameras.

use std::{collections::BTreeMap, path::Path, time::Duration};

use carillon_sfu::kit::Weather;

use super::{Outcome, RoomArgs, args, measured};
use crate::{
    bars::Bar,
    fleet::Failed,
    meeting::{
        Measured, WARM_UP,
        gathering::Gathering,
        ledger::{Sum, no_delays},
        measured::{measure, ms},
        place,
        room::{self, Room},
        seat::Part,
        start,
    },
};

const PEOPLE: usize = 100;
const TALKING: usize = 10;
/// Those who came last have bad links …
const BAD: usize = 5;
/// … that lose so much in each direction.
const LOSS: f64 = 0.02;
/// So many voices are heard at once, of 50 packets a second each.
const HEARD: f64 = 5.0 * 50.0;
const TIME: Duration = Duration::from_secs(30);
/// What everybody has in the meeting in which not everything fits.
const NARROW_KBPS: u64 = 4_000;

/// A hundred people with sound in one room, ten of whom talk; five have bad connections.
pub fn hundred(program: &Path) -> Result<Outcome, Failed> {
    let place = place(program)?;
    let server = start(&place)?;
    let mut gathering = Gathering::new()?;
    let mut rooms = [Room::open(&place, &server, PEOPLE)?];
    for number in 0..PEOPLE {
        let voice = (number < TALKING).then_some(number);
        rooms[0].join(&mut gathering, &Part { voice, camera: Vec::new() })?;
    }
    for seat in gathering.seats().iter_mut().rev().take(BAD) {
        seat.client.set_weather(Weather { loss: LOSS, ..Weather::default() });
    }
    room::run(&mut rooms, &mut gathering, WARM_UP)?;
    let run = |gathering: &mut Gathering| room::run(&mut rooms, gathering, TIME);
    Ok(heard(&measure(&mut gathering, server.process(), run)?))
}

fn heard(measured: &Measured) -> Outcome {
    let mut delays = no_delays();
    let mut sums = [Sum::default(); 2];
    let mut least = f64::INFINITY;
    for (number, ledger) in measured.received.iter().enumerate() {
        delays.add(&ledger.voices).expect("all have the same bounds");
        let sum = ledger.sum(|_| true);
        let of = &mut sums[usize::from(number >= PEOPLE - BAD)];
        *of = *of + sum;
        least = least.min(sum.seen as f64 * 100.0 / (HEARD * measured.took().as_secs_f64()));
    }
    let [good, bad] = sums;
    let from = |sum: Sum| format!("{} of {} packets", sum.lost, sum.seen + sum.lost);
    let mut outcome = Outcome::default();
    let core = measured.core();
    let p95 = ms(&delays, 95.0);
    let times = format!("p50 {:.2}, p99 {:.2}", ms(&delays, 50.0), ms(&delays, 99.0));
    outcome.bar("100 people, mouth to ear: p95 ms", p95, Bar::AtMost(40.0), times);
    outcome.bar("… concealed on bad links, %", bad.lost_percent(), Bar::AtMost(4.0), from(bad));
    let percent = good.lost_percent();
    outcome.bar("… concealed on the others, %", percent, Bar::AtMost(0.0), from(good));
    let what = "the one who heard least, of five voices".to_owned();
    outcome.bar("… heard by everybody, %", least, Bar::AtLeast(95.0), what);
    outcome.bar("… of a core, %", measured.load() * 100.0, Bar::AtMost(60.0), core);
    outcome
}

/// Many cameras: 49 seen by one, 15 who see each other, and the same when not everything fits.
pub fn tiles(program: &Path) -> Result<Outcome, Failed> {
    let mut outcome = Outcome::default();
    for (publishers, subscribers, kbps) in
        [(49, 1, None), (15, 15, None), (15, 15, Some(NARROW_KBPS))]
    {
        let args = RoomArgs { simulcast: true, kbps, ..args(publishers, subscribers) };
        outcome.append(seen(&measured(program, &args)?, &args));
    }
    Ok(outcome)
}

fn seen(measured: &Measured, args: &RoomArgs) -> Outcome {
    let RoomArgs { publishers, subscribers, kbps, .. } = *args;
    let both = publishers == subscribers;
    let due = subscribers * if both { publishers - 1 } else { publishers };
    let sizes: Vec<_> = measured.received.iter().flat_map(|it| it.sizes()).collect();
    let mut layers = BTreeMap::<String, usize>::new();
    for size in &sizes {
        let name = size
            .map_or("without a key frame".into(), |(width, height)| format!("{width}x{height}"));
        *layers.entry(name).or_default() += 1;
    }
    let layers: Vec<_> = layers.iter().map(|(name, count)| format!("{count} of {name}")).collect();
    let pictures = measured.sum(|is_picture| is_picture);
    let link = kbps.map_or(String::new(), |kbps| format!(" on {kbps} kbit/s"));
    let name = format!("{publishers} cameras seen by {subscribers}{link}");
    let mut outcome = Outcome::default();
    let shown = sizes.iter().flatten().count() as f64;
    let bar = Bar::AtLeast(due as f64);
    outcome.bar(format!("{name}: pictures seen"), shown, bar, layers.join(", "));
    let from = format!("{} of {} packets missing", pictures.lost, pictures.seen + pictures.lost);
    let freezes = if pictures.seen == 0 { f64::NAN } else { pictures.freezes as f64 };
    outcome.bar("… stood still after the first seconds", freezes, Bar::AtMost(0.0), from);
    if kbps.is_some() {
        let queue = ms(&measured.delays(), 99.0);
        let bytes = measured.received.iter().map(|ledger| ledger.bytes).max().unwrap_or_default();
        let most = bytes as f64 * 8e6 / measured.took_ns as f64;
        let from = format!("the layers fit: {most:.0} kbit/s of payload to who had most");
        outcome.bar("… queue, p99 ms", queue, Bar::AtMost(300.0), from);
    }
    outcome.fact(name, measured.core());
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meeting::ledger::Ledger;

    /// Nobody received anything, as when a server forwards nothing at all.
    fn nothing(people: usize) -> Measured {
        Measured {
            cpu_us: 0,
            own_us: 0,
            took_ns: 1_000_000_000,
            received: (0..people).map(|_| Ledger::new(0)).collect(),
            sent: vec![1_500; people],
            key_frames: 0,
            joins_ms: vec![f64::INFINITY; people],
        }
    }

    #[test]
    fn a_room_in_which_nobody_hears_anything_reaches_no_bar_but_that_of_the_core() {
        let outcome = heard(&nothing(PEOPLE));
        let reached: Vec<_> = outcome.verdicts.iter().filter(|it| it.is_reached()).collect();
        assert_eq!(reached.len(), 1, "{reached:?}");
        assert!(reached[0].matter.contains("of a core"));
    }

    #[test]
    fn a_room_in_which_nobody_sees_anything_reaches_no_bar() {
        for (publishers, subscribers, kbps) in [(49, 1, None), (15, 15, Some(NARROW_KBPS))] {
            let args = RoomArgs { simulcast: true, kbps, ..args(publishers, subscribers) };
            let outcome = seen(&nothing(args.people()), &args);
            assert!(!outcome.verdicts.iter().any(|it| it.is_reached()), "{:?}", outcome.verdicts);
        }
    }
}
