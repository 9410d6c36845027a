//! Sees when there is enough.

use crate::timeline::Timeline;

/// So many seconds on end have to be bad.
const BAD_S: u32 = 3;
/// The load client itself may be this late.
const LATE_NS_MAX: u64 = 1_000_000_000;

/// Looks at every second once, when it is over.
#[derive(Debug)]
pub struct Watch {
    p99_ms_max: f64,
    failed_percent_max: u64,
    looked: usize,
    bad: u32,
}

impl Watch {
    /// Stops at these.
    pub fn new(p99_ms_max: f64, failed_percent_max: u64) -> Watch {
        Watch { p99_ms_max, failed_percent_max, looked: 0, bad: 0 }
    }

    /// Why to stop, if there is a reason. The last second is not over.
    pub fn look(&mut self, timeline: &Timeline) -> Option<String> {
        let over = timeline.seconds().len().saturating_sub(1);
        while self.looked < over {
            let second = &timeline.seconds()[self.looked];
            self.looked += 1;
            let p99 = second.quantile_ms(0.99);
            let done = second.acknowledged + second.delivered + second.joined;
            let failed = 100 * second.failed;
            let why = if !second.delays.is_empty() && p99 > self.p99_ms_max {
                format!("p99 was {p99:.0} ms, above {} ms", self.p99_ms_max)
            } else if failed > self.failed_percent_max * (done + second.failed) {
                format!("{} of {} failed in a second", second.failed, done + second.failed)
            } else {
                self.bad = 0;
                continue;
            };
            self.bad += 1;
            if self.bad == BAD_S {
                return Some(format!("{why}, for {BAD_S} seconds on end"));
            }
        }
        None
    }

    /// Why to stop, if the load client itself is so late.
    pub fn late(late_ns: u64) -> Option<String> {
        let why = || "the load client itself does not keep up: this machine is saturated".into();
        (late_ns > LATE_NS_MAX).then(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn three_bad_seconds_on_end_are_enough_and_two_are_not() {
        let mut timeline = Timeline::new(0);
        let mut watch = Watch::new(100.0, 10);
        for (second, ms) in [200, 200, 5, 200, 200, 200, 5].into_iter().enumerate() {
            let due = second as u64 * S;
            timeline.delivered(due, due + ms * 1_000_000);
        }
        let why = watch.look(&timeline).unwrap();
        assert!(why.contains("above 100 ms"), "{why}");
        assert_eq!(watch.looked, 6, "not before the third");
    }

    #[test]
    fn what_fails_counts_against_what_succeeds() {
        let mut timeline = Timeline::new(0);
        for second in 0..4 {
            (0..8).for_each(|_| timeline.acknowledged(second * S, second * S));
            timeline.at(second * S).failed += 2;
        }
        assert!(Watch::new(100.0, 20).look(&timeline).is_none());
        assert!(Watch::new(100.0, 19).look(&timeline).unwrap().contains("2 of 10 failed"));
    }

    #[test]
    fn who_is_late_blames_itself() {
        assert!(Watch::late(LATE_NS_MAX).is_none());
        assert!(Watch::late(LATE_NS_MAX + 1).unwrap().contains("saturated"));
    }
}
