//! Links that lose and links that become narrow.

use std::{path::Path, time::Duration};

use carillon_sfu::kit::Weather;

use super::{Outcome, RoomArgs, args};
use crate::{
    bars::Bar,
    clock::now_ns,
    fleet::Failed,
    meeting::{
        TILE, WARM_UP, fill,
        gathering::Gathering,
        measured::{measure, ms},
        place,
        room::{self, Room},
        seat::Part,
        start,
        stream::SIMULCAST,
    },
    report::{Band, Line, Plot},
};

/// One in twenty datagrams is lost, in each direction of every link.
pub fn lossy(program: &Path) -> Result<Outcome, Failed> {
    const RECEIVERS: usize = 5;
    let args = RoomArgs { loss: 5.0, simulcast: true, ..args(1, RECEIVERS) };
    let place = place(program)?;
    let server = start(&place)?;
    let mut gathering = Gathering::new()?;
    let mut rooms = [Room::open(&place, &server, args.people())?];
    fill(&mut rooms[0], &mut gathering, &args)?;
    gathering.seats()[0].client.set_weather(args.weather());
    room::run(&mut rooms, &mut gathering, WARM_UP)?;
    let time = Duration::from_secs(30);
    let run = |gathering: &mut Gathering| room::run(&mut rooms, gathering, time);
    let measured = measure(&mut gathering, server.process(), run)?;
    let pictures = measured.sum(|is_picture| is_picture);
    let from =
        format!("{} of {} missing after repair", pictures.lost, { pictures.seen + pictures.lost });
    let mut outcome = Outcome::default();
    let there = 100.0 - pictures.lost_percent();
    outcome.bar("5 % loss: of the pictures' packets there, %", there, Bar::AtLeast(99.5), from);
    let keys = measured.key_frames as f64 / measured.took().as_secs_f64();
    let from = format!("{} in {:.0} s", measured.key_frames, measured.took().as_secs_f64());
    outcome.bar("… key frames of a layer a second", keys, Bar::AtMost(1.0), from);
    let heights: Vec<_> = measured.received.iter().flat_map(|it| it.sizes().flatten()).collect();
    let delays = measured.delays();
    outcome.fact("5 % loss", {
        let (p50, p99) = (ms(&delays, 50.0), ms(&delays, 99.0));
        format!("{} freezes; p50 {p50:.1}, p99 {p99:.1} ms; {heights:?}", pictures.freezes)
    });
    Ok(outcome)
}

const WIDE: u64 = 2_000_000;
const NARROW: u64 = 300_000;
/// The top layer is there in this time, or never.
const TOP_MAX: Duration = Duration::from_secs(40);
/// How long the link stays narrow.
const NARROW_TIME: Duration = Duration::from_secs(12);
/// So long the top layer is there, before and after.
const AROUND: Duration = Duration::from_secs(3);
/// How often somebody looks.
const LOOK: Duration = Duration::from_millis(100);
/// A queue has this time to become short.
const SHORT_AFTER_S: f64 = 2.0;

/// A moment of the one who sees.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Seconds since the begin.
    at: f64,
    /// The height of the picture that is seen; 0 if there is none.
    height: u16,
    /// What arrives.
    kbps: f64,
    /// The longest that a packet waited since the last sample; not what was sent again.
    queue_ms: Option<f64>,
}

/// What happened on a link that was wide, narrow and wide.
#[derive(Debug)]
struct Course {
    samples: Vec<Sample>,
    narrowed: f64,
    widened: f64,
    /// The longest time without a voice since it was narrow.
    silence_ms: f64,
}

/// Somebody who sees, and how the link becomes.
struct Viewer {
    gathering: Gathering,
    rooms: [Room; 1],
    begun: u64,
    samples: Vec<Sample>,
}

/// A link that becomes narrow and wide again.
pub fn narrow(program: &Path) -> Result<Outcome, Failed> {
    let place = place(program)?;
    let server = start(&place)?;
    let mut gathering = Gathering::new()?;
    let mut rooms = [Room::open(&place, &server, 2)?];
    rooms[0].join(&mut gathering, &Part { voice: Some(0), camera: SIMULCAST.to_vec() })?;
    rooms[0].join(&mut gathering, &Part::default())?;
    let mut viewer = Viewer { gathering, rooms, begun: now_ns(), samples: Vec::new() };
    viewer.link(WIDE);
    viewer.rooms[0].look(&mut viewer.gathering, 1, (0..1, TILE))?;
    viewer.until_top()?;
    viewer.gathering.seats()[1].turn_over();
    let narrowed = viewer.link(NARROW);
    viewer.watch(NARROW_TIME)?;
    let widened = viewer.link(WIDE);
    viewer.until_top()?;
    let silence_ms = viewer.gathering.seats()[1].turn_over().silence_ns as f64 / 1e6;
    Ok(Course { samples: viewer.samples, narrowed, widened, silence_ms }.judged())
}

impl Viewer {
    /// The link carries so much from now on; answers when that is.
    fn link(&mut self, bits_per_s: u64) -> f64 {
        let weather = Weather { bits_per_s: Some(bits_per_s), ..Weather::default() };
        self.gathering.seats()[1].client.set_weather(weather);
        self.now()
    }

    fn now(&self) -> f64 {
        (now_ns() - self.begun) as f64 / 1e9
    }

    /// Until the top layer has been there for a while.
    fn until_top(&mut self) -> Result<(), Failed> {
        let begun = self.now();
        let mut stays = begun;
        while self.now() < (begun + TOP_MAX.as_secs_f64()).min(stays + AROUND.as_secs_f64()) {
            self.watch(LOOK)?;
            if self.samples.last().is_none_or(|sample| sample.height != TOP) {
                stays = self.now();
            }
        }
        Ok(())
    }

    fn watch(&mut self, time: Duration) -> Result<(), Failed> {
        let end = self.now() + time.as_secs_f64();
        while self.now() < end {
            let before = self.now();
            room::run(&mut self.rooms, &mut self.gathering, LOOK)?;
            let at = self.now();
            let ledger = &mut self.gathering.seats()[1].ledger;
            let height = ledger.sizes().flatten().next().map_or(0, |size| size.1);
            let lately = ledger.lately();
            let kbps = lately.bytes as f64 * 8e-3 / (at - before);
            let queue_ms = (lately.bytes > 0).then_some(lately.queue_ns as f64 / 1e6);
            self.samples.push(Sample { at, height, kbps, queue_ms });
        }
        Ok(())
    }
}

/// The height of the top layer.
const TOP: u16 = SIMULCAST[SIMULCAST.len() - 1].size.1;

impl Course {
    /// Samples of a part of the time.
    fn between(&self, from: f64, to: f64) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| (from..to).contains(&sample.at))
    }

    /// From a time until a picture like this is seen; for ever, if it never is.
    fn until(&self, (from, to): (f64, f64), is_seen: impl Fn(u16) -> bool) -> f64 {
        let seen = self.between(from, to).find(|sample| is_seen(sample.height));
        seen.map_or(f64::INFINITY, |sample| sample.at - from)
    }

    fn judged(self) -> Outcome {
        let Course { narrowed, widened, .. } = self;
        let is_top = |sample: Option<&Sample>| sample.is_some_and(|sample| sample.height == TOP);
        // What was not up cannot come down, and what is not down cannot come up.
        let was_up = is_top(self.between(0.0, narrowed).last());
        let was_down = !is_top(self.between(narrowed, widened).last());
        let down = self.until((narrowed, widened), |height| height < TOP);
        let lowest = SIMULCAST[0].size.1;
        let lowest = self.until((narrowed, widened), |height| height <= lowest);
        let up = self.until((widened, f64::INFINITY), |height| height == TOP);
        let queue = |from| {
            let slowest = self.between(from, widened).filter_map(|sample| sample.queue_ms);
            slowest.reduce(f64::max).unwrap_or(f64::NAN)
        };
        let mut outcome = Outcome::default();
        let from = format!("the smallest one after {lowest:.1} s");
        let down = if was_up { down } else { f64::NAN };
        let matter = "2 Mbit/s to 300 kbit/s: a smaller layer after, s";
        outcome.bar(matter, down, Bar::AtMost(2.0), from);
        let (all, late) = (queue(narrowed), queue(narrowed + SHORT_AFTER_S));
        let from = format!("all packets after the first 2 s; before that {all:.0} ms");
        outcome.bar("… longest queue then, ms", late, Bar::AtMost(300.0), from);
        let from = "all of the time since it was narrow".to_owned();
        outcome.bar(
            "… longest time without a voice, ms",
            self.silence_ms,
            Bar::AtMost(300.0),
            from,
        );
        let up = if was_up && was_down { up } else { f64::NAN };
        let from =
            format!("top layer first after {:.1} s", self.until((0.0, narrowed), |it| it == TOP));
        outcome.bar("… wide again: top layer after, s", up, Bar::AtMost(15.0), from);
        outcome.charts = self.charts();
        outcome
    }

    fn charts(&self) -> Vec<Plot> {
        let link = |at: f64| {
            let narrow = (self.narrowed..self.widened).contains(&at);
            (if narrow { NARROW } else { WIDE }) as f64 / 1e3
        };
        let line = |name, of: &dyn Fn(&Sample) -> Option<f64>| {
            let points = self.samples.iter().filter_map(|it| Some((it.at, of(it)?)));
            Line { name, points: points.collect() }
        };
        let band = Band { from: self.narrowed, to: self.widened, name: "300 kbit/s".into() };
        let chart = |title, unit, lines| Plot {
            title,
            unit,
            log: false,
            lines,
            bands: vec![band.clone()],
            marks: Vec::new(),
        };
        vec![
            chart(
                "a link that becomes narrow: the layer that is seen",
                "lines high",
                vec![line("layer", &|it| Some(f64::from(it.height)))],
            ),
            chart(
                "what it carries",
                "kbit/s",
                vec![
                    line("arrived", &|it| Some(it.kbps)),
                    line("the link's width", &|it| Some(link(it.at))),
                ],
            ),
            chart(
                "its queue: the longest wait of what was not sent again",
                "ms",
                vec![line("queue", &|it| it.queue_ms)],
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Heights from second to second, with the link narrow from 10 to 20 and a queue of 50 ms.
    fn course(height: impl Fn(f64) -> u16, queue_ms: impl Fn(f64) -> Option<f64>) -> Vec<bool> {
        let sample =
            |at: f64| Sample { at, height: height(at), kbps: 100.0, queue_ms: queue_ms(at) };
        let samples = (0..600).map(|tenth| sample(f64::from(tenth) / 10.0)).collect();
        let course = Course { samples, narrowed: 10.0, widened: 20.0, silence_ms: 90.0 };
        course.judged().verdicts.iter().map(|verdict| verdict.is_reached()).collect()
    }

    #[test]
    fn a_good_course_reaches_everything_and_each_fault_misses_its_own_bar() {
        let good = |at: f64| if (11.0..30.0).contains(&at) { 180 } else { 720 };
        let calm = |_: f64| Some(50.0);
        assert_eq!(course(good, calm), [true; 4]);
        let late = |at: f64| if (12.5..30.0).contains(&at) { 180 } else { 720 };
        assert_eq!(course(late, calm), [false, true, true, true]);
        let slow = |at: f64| if (11.0..36.0).contains(&at) { 180 } else { 720 };
        assert_eq!(course(slow, calm), [true, true, true, false]);
        let queue = |at: f64| Some(if (15.0..15.1).contains(&at) { 301.0 } else { 50.0 });
        assert_eq!(course(good, queue), [true, false, true, true]);
        let at_first = |at: f64| Some(if (10.0..11.9).contains(&at) { 500.0 } else { 50.0 });
        assert_eq!(course(good, at_first), [true; 4]);
    }

    #[test]
    fn what_never_was_up_neither_came_down_nor_up_again() {
        let calm = |_: f64| Some(50.0);
        assert_eq!(course(|_| 360, calm), [false, true, true, false]);
        assert_eq!(course(|_| 720, calm), [false, true, true, false], "never down");
        let gone = |at: f64| if at < 11.0 { 720 } else { 180 };
        assert_eq!(course(gone, calm), [true, true, true, false], "never up again");
        assert_eq!(course(gone, |at| (at < 12.0).then_some(50.0)), [true, false, true, false]);
    }
}
