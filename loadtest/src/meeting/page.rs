//! Pages about meetings.

use hdrhistogram::Histogram;

use super::{
    RoomArgs,
    measured::{Measured, ms},
};
use crate::{
    bars::Verdict,
    clock::now_ns,
    report::{Line, Plot, Report},
    timeline::Timeline,
};

/// The parts of a hundred that are shown.
const PERCENTILES: [f64; 6] = [50.0, 75.0, 90.0, 99.0, 99.9, 100.0];
/// The classes of a histogram, in milliseconds: each up to its bound.
const CLASSES_MS: [f64; 12] =
    [0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, f64::INFINITY];

/// Delays in nanoseconds, each with whose they are.
type Delays = [(&'static str, Histogram<u64>)];

/// How long so many of a hundred packets took.
pub fn percentiles(title: &'static str, delays: &Delays) -> Plot {
    let places = || (0..).map(f64::from).zip(PERCENTILES);
    let line = |(name, delays): &(&'static str, Histogram<u64>)| Line {
        name,
        points: places().map(|(x, percent)| (x, ms(delays, percent))).collect(),
    };
    Plot {
        title,
        unit: "ms",
        log: true,
        lines: delays.iter().filter(|(_, delays)| !delays.is_empty()).map(line).collect(),
        bands: Vec::new(),
        marks: places().map(|(x, percent)| (x, format!("{percent} %"))).collect(),
    }
}

/// How many of a hundred packets took how long.
pub fn histogram(title: &'static str, delays: &Delays) -> Plot {
    let shares = |delays: &Histogram<u64>| {
        let mut counts = [0_u64; CLASSES_MS.len()];
        for value in delays.iter_recorded() {
            let took = value.value_iterated_to() as f64 / 1e6;
            let class = CLASSES_MS.iter().position(|bound| took <= *bound);
            counts[class.unwrap_or_default()] += value.count_since_last_iteration();
        }
        counts.map(|count| count as f64 * 100.0 / delays.len() as f64)
    };
    let line = |(name, delays): &(&'static str, Histogram<u64>)| Line {
        name,
        points: (0..).map(f64::from).zip(shares(delays)).collect(),
    };
    let mark = |bound: f64| match bound {
        bound if bound.is_finite() => format!("{bound}"),
        _ => "more".into(),
    };
    Plot {
        title,
        unit: "% of packets, by milliseconds at most",
        log: false,
        lines: delays.iter().filter(|(_, delays)| !delays.is_empty()).map(line).collect(),
        bands: Vec::new(),
        marks: (0..).map(f64::from).zip(CLASSES_MS.map(mark)).collect(),
    }
}

/// Everything that a room promises.
pub fn of_all(verdicts: &[Verdict], facts: &[(String, String)], charts: &[Plot]) -> Report {
    let reached = verdicts.iter().filter(|verdict| verdict.is_reached()).count();
    Report {
        title: "Rooms".into(),
        what: format!(
            "{reached} of {} bars were reached. The server has one core and whoever measures has \
             another; every matter has a fresh server. Packets carry the time at which they were \
             sent, and the kernel says when they arrived.",
            verdicts.len()
        ),
        stopped: None,
        facts: facts.to_vec(),
        verdicts: verdicts.to_vec(),
        bands: Vec::new(),
        charts: charts.to_vec(),
        timeline: Timeline::new(now_ns()),
        arrivals: "packets",
    }
}

/// One meeting.
pub fn of_one(args: &RoomArgs, measured: &Measured) -> Report {
    let (voices, pictures) = (measured.sum(|is_picture| !is_picture), measured.sum(|it| it));
    let delays = measured.delays();
    let number = |what: &str, much: String| (what.to_owned(), much);
    let receivers = &measured.joins_ms[args.receivers()];
    let joins = crate::bars::median(receivers.iter().copied());
    let facts = vec![
        number("packets forwarded a second", format!("{:.0}", measured.packets_per_s())),
        number("of one core", format!("{:.1} %", measured.load() * 100.0)),
        number("processor time a packet", format!("{:.1} us", measured.us_per_packet())),
        number("packets a whole core would forward", {
            format!("{:.0}/s", measured.packets_per_core())
        }),
        number("of the generator's own core", format!("{:.1} %", measured.own_load() * 100.0)),
        number("stamp to stamp, p50", format!("{:.2} ms", ms(&delays, 50.0))),
        number("stamp to stamp, p99", format!("{:.2} ms", ms(&delays, 99.0))),
        number("voices: arrived, missing", format!("{}, {}", voices.seen, voices.lost)),
        number("pictures: arrived, missing", format!("{}, {}", pictures.seen, pictures.lost)),
        number("pictures stood still", pictures.freezes.to_string()),
        number("join to first packet, p50", format!("{joins:.0} ms")),
    ];
    let kinds = measured.kinds();
    Report {
        title: "A meeting".into(),
        what: format!(
            "{} people send and {} receive in one room, for {} s.",
            args.publishers, args.subscribers, args.seconds
        ),
        stopped: None,
        facts,
        verdicts: Vec::new(),
        bands: Vec::new(),
        charts: vec![
            percentiles("from stamp to stamp", &kinds),
            histogram("packets by their time", &kinds),
        ],
        timeline: Timeline::new(now_ns()),
        arrivals: "packets",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meeting::ledger::no_delays;

    #[test]
    fn each_packet_is_in_one_class() {
        let mut delays = no_delays();
        for us in [10, 30, 400, 400, 30_000_000] {
            delays.saturating_record(us * 1_000);
        }
        let plot = histogram("", &[("a", delays), ("nothing", no_delays())]);
        assert_eq!(plot.lines.len(), 1, "what was not measured is not drawn");
        let shares: Vec<f64> = plot.lines[0].points.iter().map(|point| point.1).collect();
        assert!((shares.iter().sum::<f64>() - 100.0).abs() < 1e-9, "{shares:?}");
        assert_eq!((shares[0], shares[1], shares[4], shares[11]), (20.0, 20.0, 40.0, 20.0));
    }
}
