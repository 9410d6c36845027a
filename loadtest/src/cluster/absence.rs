//! What people notice while Redis is away, and after it is back.

use hdrhistogram::Histogram;

use super::figures::Episode;
use crate::{
    bars::{Bar, Verdict},
    device::Samples,
    timeline::no_delays,
};

/// While Redis is away the slowest of a hundred arrivals takes so long …
const MEANWHILE_S_MAX: f64 = 1.5;
/// … and so long after its return the last of what was written meanwhile has arrived.
const CAUGHT_UP_S_MAX: f64 = 2.0;
const NS: f64 = 1e9;
const NS_PER_US: u64 = 1_000;

/// One absence.
pub struct Absence {
    away_s: f64,
    /// From when it was due to when it arrived, of what was due meanwhile and of what was due when
    /// everything should be as before.
    meanwhile: Histogram<u64>,
    afterwards: Histogram<u64>,
    /// From the return of Redis to the last arrival of what was due before.
    caught_up_s: f64,
}

impl Absence {
    /// Measures one; nothing if nobody wrote.
    pub fn of(episode: &Episode, samples: &[Samples]) -> Option<Absence> {
        let Episode { began, ended, .. } = *episode;
        let (mut meanwhile, mut afterwards, mut last) = (no_delays(), no_delays(), None);
        let well = ended + (CAUGHT_UP_S_MAX * NS) as u64;
        let as_long = well + (ended - began);
        for &(due, at) in samples.iter().flat_map(|samples| &samples.deliveries) {
            let delay = at.saturating_sub(due) / NS_PER_US;
            if (began..ended).contains(&due) {
                meanwhile.saturating_record(delay);
                last = last.max(Some(at));
            } else if (well..as_long).contains(&due) {
                afterwards.saturating_record(delay);
            }
        }
        let caught_up_s = last?.saturating_sub(ended) as f64 / NS;
        Some(Absence { away_s: (ended - began) as f64 / NS, meanwhile, afterwards, caught_up_s })
    }

    fn verdicts(&self) -> [Verdict; 2] {
        let s = |of: &Histogram<u64>, quantile| of.value_at_quantile(quantile) as f64 / 1e6;
        let ms = |of: &Histogram<u64>| 1e3 * s(of, 0.5);
        [
            Verdict {
                matter: format!("Redis away {:.0} s: p99 of arrivals meanwhile, s", self.away_s),
                figure: s(&self.meanwhile, 0.99),
                bar: Bar::AtMost(MEANWHILE_S_MAX),
                from: format!(
                    "{} arrivals; p50 {:.2} s, slowest {:.2} s, with what newcomers read of before",
                    self.meanwhile.len(),
                    s(&self.meanwhile, 0.5),
                    s(&self.meanwhile, 1.0)
                ),
            },
            Verdict {
                matter: format!("Redis away {:.0} s: caught up after its return, s", self.away_s),
                figure: self.caught_up_s,
                bar: Bar::AtMost(CAUGHT_UP_S_MAX),
                from: format!(
                    "p50 {:.0} ms meanwhile, {:.0} ms from {CAUGHT_UP_S_MAX:.0} s after its return",
                    ms(&self.meanwhile),
                    ms(&self.afterwards)
                ),
            },
        ]
    }
}

/// What should be reached, and what was, each time.
pub fn verdicts(absences: &[Absence]) -> Vec<Verdict> {
    absences.iter().flat_map(Absence::verdicts).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::faults::Fault, *};

    const S: u64 = 1_000_000_000;

    #[test]
    fn what_was_due_meanwhile_counts_and_when_the_last_of_it_came() {
        let episode = Episode { fault: Fault::RedisAway, began: 10 * S, ended: 20 * S };
        // Before, meanwhile, at its end, and afterwards.
        let deliveries =
            vec![(9 * S, 40 * S), (12 * S, 13 * S), (19 * S, 21 * S), (23 * S, 23 * S + 1_000_000)];
        let samples = Samples { deliveries, ..Samples::default() };
        let absence = Absence::of(&episode, &[samples]).unwrap();
        let [meanwhile, caught_up] = absence.verdicts();
        assert!((meanwhile.figure - 2.0).abs() < 0.05 && !meanwhile.is_reached(), "{meanwhile}");
        assert!((caught_up.figure - 1.0).abs() < 0.05 && caught_up.is_reached(), "{caught_up}");
        assert!(caught_up.from.contains(" 1 ms from 2 s"), "{caught_up}");
        assert!(Absence::of(&episode, &[]).is_none(), "nobody wrote");
    }
}
