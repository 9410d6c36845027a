//! What happened in each second of a run.

use hdrhistogram::Histogram;

/// Delays up to two minutes, in microseconds, to two digits: a second has a histogram of its own.
const DELAY_US_MAX: u64 = 120_000_000;
const NS_PER_S: u64 = 1_000_000_000;
/// How many seconds are kept: an hour.
const SECONDS_MAX: usize = 3_600;

/// Room for delays, in microseconds.
pub fn no_delays() -> Histogram<u64> {
    Histogram::new_with_max(DELAY_US_MAX, 2).expect("the bounds are constants")
}

/// One second.
#[derive(Debug)]
pub struct Second {
    /// What was acknowledged in it.
    pub acknowledged: u64,
    /// What arrived in it.
    pub delivered: u64,
    /// What failed in it.
    pub failed: u64,
    /// Who was connected in it.
    pub joined: u64,
    /// How many connections were up at its end, if that was counted.
    pub connected: Option<u64>,
    /// How long what was due in it took to arrive, in microseconds.
    pub delays: Histogram<u64>,
}

impl Second {
    fn new() -> Second {
        Second {
            acknowledged: 0,
            delivered: 0,
            failed: 0,
            joined: 0,
            connected: None,
            delays: no_delays(),
        }
    }

    /// So many of a hundred arrivals took less, in milliseconds.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        self.delays.value_at_quantile(quantile) as f64 / 1e3
    }
}

/// The seconds of a run.
#[derive(Debug)]
pub struct Timeline {
    start: u64,
    seconds: Vec<Second>,
    /// How long acknowledgements took, in microseconds.
    pub acks: Histogram<u64>,
    /// How long arrivals took, in microseconds.
    pub deliveries: Histogram<u64>,
    /// How long it took to be connected, in microseconds.
    pub joins: Histogram<u64>,
}

impl Timeline {
    /// Begins at this time, in nanoseconds since the epoch.
    pub fn new(start: u64) -> Timeline {
        let [acks, deliveries, joins] = [(); 3].map(|()| no_delays());
        Timeline { start, seconds: Vec::new(), acks, deliveries, joins }
    }

    /// The second of a time; what was before the start is in the first.
    pub fn at(&mut self, time: u64) -> &mut Second {
        let number = (time.saturating_sub(self.start) / NS_PER_S) as usize;
        let number = number.min(SECONDS_MAX - 1);
        while self.seconds.len() <= number {
            self.seconds.push(Second::new());
        }
        &mut self.seconds[number]
    }

    /// Something that was due was acknowledged.
    pub fn acknowledged(&mut self, due: u64, now: u64) {
        self.at(now).acknowledged += 1;
        self.acks.saturating_record(now.saturating_sub(due) / 1_000);
    }

    /// Something that was due arrived. The delay counts in the second in which it was due.
    pub fn delivered(&mut self, due: u64, now: u64) {
        let delay = now.saturating_sub(due) / 1_000;
        self.at(now).delivered += 1;
        self.at(due).delays.saturating_record(delay);
        self.deliveries.saturating_record(delay);
    }

    /// Somebody who was to be connected is.
    pub fn joined(&mut self, due: u64, now: u64) {
        let delay = now.saturating_sub(due) / 1_000;
        self.at(now).joined += 1;
        self.at(due).delays.saturating_record(delay);
        self.joins.saturating_record(delay);
    }

    /// The seconds, from the first.
    pub fn seconds(&self) -> &[Second] {
        &self.seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_counts_when_it_was_due_and_an_arrival_when_it_came() {
        let mut timeline = Timeline::new(10 * NS_PER_S);
        timeline.delivered(10 * NS_PER_S, 13 * NS_PER_S);
        timeline.acknowledged(11 * NS_PER_S, 11 * NS_PER_S + 5_000_000);
        let seconds = timeline.seconds();
        assert_eq!(seconds.len(), 4);
        assert_eq!((seconds[0].delays.len(), seconds[0].delivered), (1, 0));
        assert_eq!((seconds[3].delays.len(), seconds[3].delivered), (0, 1));
        assert_eq!(seconds[1].acknowledged, 1);
        assert!((seconds[0].quantile_ms(0.99) - 3_000.0).abs() < 30.0);
    }
}
