//! What was measured while things went wrong, beside what should be reached.

use std::ops::Range;

use crate::{
    bars::{self, Bar, Verdict},
    check,
    device::Samples,
    report::{Band, Report},
    timeline::{Timeline, no_delays},
};

use super::{
    absence::{self, Absence},
    faults::Fault,
};

/// Acknowledged sends a second, throughout.
const PER_S_MIN: f64 = 100.0;
/// Of all acknowledgements, those while something was wrong, on several nodes.
const FAULTS_PERCENT_MIN: f64 = 30.0;
/// After a fault the slowest of a hundred arrivals is this fast again …
const P99_MS_MAX: f64 = 1_000.0;
/// … after so long.
const RECOVERED_S_MAX: f64 = 30.0;
/// The worst part of a run is looked for among parts of so many seconds.
const WORST_S: usize = 5;
/// Where the next fault comes sooner than this, nothing is said of the time after the last.
const JUDGED_S_MIN: usize = 10;
/// It is, when it is for so many seconds on end.
const STEADY_S: usize = 2;
const NS: f64 = 1e9;

/// A fault that was.
#[derive(Debug, Clone)]
pub struct Episode {
    /// What.
    pub fault: Fault,
    /// When it began, in nanoseconds since the epoch.
    pub began: u64,
    /// When it was over.
    pub ended: u64,
}

/// Everything that was measured.
pub struct Figures {
    /// How many devices there were.
    pub devices: usize,
    /// Second by second.
    pub timeline: Timeline,
    /// What went wrong when.
    pub episodes: Vec<Episode>,
    absences: Vec<Absence>,
    talk: (u64, u64),
    nodes: usize,
    settled_s: f64,
    acknowledged: u64,
    during_faults: u64,
    unsaid: u64,
    connects: u64,
    busy: u64,
}

impl Figures {
    /// Puts together what the devices measured.
    pub fn new(
        talk: (u64, u64),
        episodes: Vec<Episode>,
        samples: &[Samples],
        (nodes, settled_s): (usize, f64),
    ) -> Figures {
        let mut timeline = Timeline::new(talk.0);
        let (mut acknowledged, mut during_faults) = (0, 0);
        for (due, at) in samples.iter().flat_map(|samples| &samples.acks) {
            timeline.acknowledged(*due, *at);
            acknowledged += u64::from(*at < talk.1);
            let during = episodes.iter().any(|it| (it.began..it.ended).contains(at));
            during_faults += u64::from(during);
        }
        for (due, at) in samples.iter().flat_map(|samples| &samples.deliveries) {
            timeline.delivered(*due, *at);
        }
        let absent = episodes.iter().filter(|it| it.fault == Fault::RedisAway);
        let absences = absent.filter_map(|it| Absence::of(it, samples)).collect();
        let sum = |of: fn(&Samples) -> u64| samples.iter().map(of).sum();
        Figures {
            devices: samples.len(),
            timeline,
            episodes,
            absences,
            talk,
            nodes,
            settled_s,
            acknowledged,
            during_faults,
            unsaid: sum(|samples| samples.unsaid),
            connects: sum(|samples| samples.connects),
            busy: sum(|samples| samples.busy),
        }
    }

    /// A time, in seconds after people began to write.
    fn second(&self, time: u64) -> f64 {
        time.saturating_sub(self.talk.0) as f64 / NS
    }

    fn seconds(&self) -> f64 {
        (self.talk.1 - self.talk.0) as f64 / NS
    }

    fn worst_per_s(&self) -> f64 {
        let all: Vec<u64> = self.timeline.seconds().iter().map(|it| it.acknowledged).collect();
        let talk = &all[..all.len().min(self.seconds() as usize)];
        let worst = talk.windows(WORST_S).map(|part| part.iter().sum::<u64>()).min();
        worst.unwrap_or_default() as f64 / WORST_S as f64
    }

    fn faults_s(&self) -> f64 {
        self.episodes.iter().map(|it| (it.ended - it.began) as f64 / NS).sum()
    }

    /// The seconds from the end of a fault to the beginning of the next.
    fn quiet(&self, number: usize) -> Range<usize> {
        let ended = self.second(self.episodes[number].ended).ceil();
        let next = self.episodes.get(number + 1).map_or(self.talk.1, |next| next.began);
        // What was due just before the next one is hit by it.
        ended as usize..(self.second(next) as usize).saturating_sub(1)
    }

    /// How long after a fault arrivals were fast again; nothing if they were not until the next.
    fn recovered_s(&self, number: usize) -> Option<f64> {
        let quiet = self.quiet(number);
        let seconds = self.timeline.seconds();
        let fast =
            |second: usize| seconds.get(second).is_some_and(|it| it.quantile_ms(0.99) < P99_MS_MAX);
        let steady = |from: &usize| (*from..(from + STEADY_S).min(quiet.end)).all(fast);
        let first = quiet.clone().find(steady)?;
        Some((first - quiet.start) as f64)
    }

    /// So long the slowest of a hundred took of what was due in these seconds.
    fn p99_ms(&self, seconds: Range<usize>) -> f64 {
        let mut all = no_delays();
        for second in self.timeline.seconds().iter().take(seconds.end).skip(seconds.start) {
            all.add(&second.delays).expect("the bounds are the same");
        }
        all.value_at_quantile(0.99) as f64 / 1e3
    }

    /// How fast arrivals are again after a fault, of those after which there was time for it.
    fn recovery(&self) -> Option<Verdict> {
        let all: Vec<Option<f64>> =
            (0..self.episodes.len()).map(|number| self.recovered_s(number)).collect();
        let was_time = |number: &usize| self.quiet(*number).len() >= JUDGED_S_MIN;
        let late = (0..all.len()).filter(|number| all[*number].is_none());
        let (judged, hurried): (Vec<usize>, Vec<usize>) = late.partition(was_time);
        let slowest = all.iter().flatten().copied().reduce(f64::max);
        Some(Verdict {
            matter: "after a fault, p99 of arrivals below 1 s, s".into(),
            figure: if judged.is_empty() { slowest? } else { f64::INFINITY },
            bar: Bar::AtMost(RECOVERED_S_MAX),
            from: format!(
                "the slowest of {}; {} never were, after {} the next fault came at once",
                all.len(),
                judged.len(),
                hurried.len()
            ),
        })
    }

    /// What should be reached, and what was.
    pub fn verdicts(&self, checked: &check::Verdict) -> Vec<Verdict> {
        let per_s = self.acknowledged as f64 / self.seconds();
        let mut all = vec![Verdict {
            matter: "acknowledged sends a second, throughout".into(),
            figure: per_s,
            bar: Bar::AtLeast(PER_S_MIN),
            from: format!(
                "{} in {:.0} s; in the worst {WORST_S} s {:.0}/s; {} were not begun",
                self.acknowledged,
                self.seconds(),
                self.worst_per_s(),
                self.unsaid
            ),
        }];
        if self.nodes > 1 && !self.episodes.is_empty() {
            all.push(Verdict {
                matter: "of them while something was wrong, %".into(),
                figure: 100.0 * self.during_faults as f64 / (self.acknowledged.max(1)) as f64,
                bar: Bar::AtLeast(FAULTS_PERCENT_MIN),
                from: format!("faults lasted {:.0} s", self.faults_s()),
            });
        }
        all.extend(self.recovery());
        if self.nodes > 1 {
            all.extend(absence::verdicts(&self.absences));
        }
        for matter in check::Matter::ALL {
            all.push(Verdict {
                matter: matter.name().into(),
                figure: checked.count(matter) as f64,
                bar: Bar::AtMost(0.0),
                from: String::new(),
            });
        }
        all
    }

    /// How many bars were not reached.
    pub fn missed(&self, checked: &check::Verdict) -> usize {
        self.verdicts(checked).iter().filter(|verdict| !verdict.is_reached()).count()
    }

    /// Everything as a page.
    pub fn report(self, what: String, checked: &check::Verdict, wrong: &[String]) -> Report {
        let verdicts = self.verdicts(checked);
        let bands = self.episodes.iter().map(|it| Band {
            from: self.second(it.began),
            to: self.second(it.ended),
            name: it.fault.to_string(),
        });
        let of_checker = checked.to_string();
        let checked = of_checker.lines().map(str::to_owned).chain(wrong.iter().cloned());
        Report {
            title: "Many nodes under faults".into(),
            what,
            stopped: None,
            facts: checked.map(|line| (line, String::new())).collect(),
            verdicts,
            bands: bands.collect(),
            charts: Vec::new(),
            timeline: self.timeline,
            arrivals: "arrivals",
        }
    }

    /// Prints everything.
    pub fn print(&self, checked: &check::Verdict) {
        println!(
            "\n{:<34}{:>8}{:>8}{:>15}{:>14}{:>14}",
            "fault", "from s", "to s", "p99 during ms", "p99 after ms", "below 1 s, s"
        );
        for (number, it) in self.episodes.iter().enumerate() {
            let (began, ended) = (self.second(it.began), self.second(it.ended));
            let recovered = self.recovered_s(number).map_or("not".into(), |s| format!("{s:.0}"));
            println!(
                "{:<34}{began:>8.1}{ended:>8.1}{:>15.0}{:>14.0}{recovered:>14}",
                it.fault.to_string(),
                self.p99_ms(began as usize..ended.ceil() as usize),
                self.p99_ms(self.quiet(number)),
            );
        }
        let ms = |of: &hdrhistogram::Histogram<u64>, quantile| {
            of.value_at_quantile(quantile) as f64 / 1e3
        };
        let (acks, deliveries) = (&self.timeline.acks, &self.timeline.deliveries);
        println!(
            "\nacknowledged after {:.1} ms (p50), {:.0} ms (p99); arrived after {:.1}, {:.0} ms; \
             from when due",
            ms(acks, 0.5),
            ms(acks, 0.99),
            ms(deliveries, 0.5),
            ms(deliveries, 0.99)
        );
        println!(
            "{} connects of {} devices, {} told to come back later; settled {:.1} s after the end",
            self.connects, self.devices, self.busy, self.settled_s
        );
        bars::print(&self.verdicts(checked));
    }
}
