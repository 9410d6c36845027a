//! What the media threads count, for whoever watches them.

use std::{
    array,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Upper bounds of the classes of forwarding times, in seconds; one more class has no bound. They
/// are dense around what is promised, 0.5 ms and 2 ms.
pub const FORWARD_SECONDS: [f64; 12] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1];

/// What was counted until now, on all threads.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Rooms with somebody in them.
    pub rooms: u64,
    /// People in rooms.
    pub participants: u64,
    /// Connections, of which a participant has two.
    pub connections: u64,
    /// Datagrams received.
    pub packets_in: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Datagrams sent.
    pub packets_out: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Datagrams received of nobody, or that nobody could read.
    pub refused: u64,
    /// Media that were received but not permitted.
    pub muted: u64,
    /// Media beyond what a track may send.
    pub excess: u64,
    /// Datagrams that could not be sent, or were too late to be.
    pub dropped: u64,
    /// Key frames asked of publishers.
    pub keyframes_asked: u64,
    /// Rooms that were not opened because there was too much to do.
    pub turned_away: u64,
    /// Whether there is a thread that opens no rooms now, since it has too much to do.
    pub full: bool,
    /// The 99th percentile of the time that a thread's lap took lately, of the slowest thread.
    pub lap_p99: Duration,
    /// From the kernel's receiving to the end of the lap that forwarded it, by class of
    /// [`FORWARD_SECONDS`]; without what a narrow way to a client makes pictures wait.
    pub forward: [u64; FORWARD_SECONDS.len() + 1],
    /// The sum of those times.
    pub forward_sum: Duration,
}

/// One thread's counters: it writes them, others read them.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) rooms: AtomicI64,
    pub(crate) participants: AtomicI64,
    pub(crate) connections: AtomicI64,
    pub(crate) packets_in: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) packets_out: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) muted: AtomicU64,
    pub(crate) excess: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) keyframes_asked: AtomicU64,
    pub(crate) turned_away: AtomicU64,
    pub(crate) full: AtomicBool,
    pub(crate) lap_p99_us: AtomicU64,
    forward: [AtomicU64; FORWARD_SECONDS.len() + 1],
    forward_ns: AtomicU64,
}

impl Counters {
    /// Media were forwarded in this time.
    pub(crate) fn forwarded(&self, took: Duration) {
        let class = class(took, &FORWARD_SECONDS);
        add(&self.forward[class], 1);
        add(&self.forward_ns, took.as_nanos() as usize);
    }
}

/// Adds to what only the calling thread writes.
pub(crate) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Relaxed);
}

fn class(took: Duration, bounds: &[f64]) -> usize {
    let seconds = took.as_secs_f64();
    bounds.iter().position(|bound| seconds <= *bound).unwrap_or(bounds.len())
}

/// The sum over all threads.
pub(crate) fn sum(threads: impl Iterator<Item = Arc<Counters>>) -> Stats {
    let mut sum = Stats::default();
    for counters in threads {
        let now = |counter: &AtomicI64| counter.load(Relaxed).max(0) as u64;
        sum.rooms += now(&counters.rooms);
        sum.participants += now(&counters.participants);
        sum.connections += now(&counters.connections);
        sum.packets_in += counters.packets_in.load(Relaxed);
        sum.bytes_in += counters.bytes_in.load(Relaxed);
        sum.packets_out += counters.packets_out.load(Relaxed);
        sum.bytes_out += counters.bytes_out.load(Relaxed);
        sum.refused += counters.refused.load(Relaxed);
        sum.excess += counters.excess.load(Relaxed);
        sum.muted += counters.muted.load(Relaxed);
        sum.dropped += counters.dropped.load(Relaxed);
        sum.keyframes_asked += counters.keyframes_asked.load(Relaxed);
        sum.turned_away += counters.turned_away.load(Relaxed);
        sum.full |= counters.full.load(Relaxed);
        let lap = Duration::from_micros(counters.lap_p99_us.load(Relaxed));
        sum.lap_p99 = sum.lap_p99.max(lap);
        let forward: [u64; FORWARD_SECONDS.len() + 1] =
            array::from_fn(|i| counters.forward[i].load(Relaxed));
        sum.forward.iter_mut().zip(forward).for_each(|(total, one)| *total += one);
        sum.forward_sum += Duration::from_nanos(counters.forward_ns.load(Relaxed));
    }
    sum
}

/// Upper bounds of the classes of lap times, in seconds.
const LAP_SECONDS: [f64; 9] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1];
/// Above this, laps are slow: pictures get no better, and no room is opened.
const LAP_MAX: Duration = Duration::from_millis(20);
/// Laps are looked at together for so long.
const WINDOW: Duration = Duration::from_secs(1);
/// A thread that works for less of its time than this has none too much to do, however long a lap
/// took: it had to wait for the machine.
const BUSY_PERCENT: u32 = 60;

/// How long a thread's laps took lately.
#[derive(Debug, Default)]
pub(crate) struct Laps {
    classes: [u32; LAP_SECONDS.len() + 1],
    count: u32,
    busy: Duration,
    began: Duration,
    /// What came of the last window, and when it ended.
    slow: Option<Duration>,
}

impl Laps {
    /// A lap took this long; answers the 99th percentile of a window, rounded up to a class, when
    /// it is over.
    pub(crate) fn add(&mut self, took: Duration, now: Duration) -> Option<Duration> {
        self.classes[class(took, &LAP_SECONDS)] += 1;
        self.count += 1;
        self.busy += took;
        let window = now.saturating_sub(self.began);
        if window < WINDOW {
            return None;
        }
        let mut rest = self.count / 100;
        let slowest = self.classes.iter().rposition(|count| {
            let enough = *count > rest;
            rest = rest.saturating_sub(*count);
            enough
        });
        let bound = slowest.and_then(|class| LAP_SECONDS.get(class)).copied().unwrap_or(1.0);
        let p99 = Duration::from_secs_f64(bound);
        let busy = self.busy * 100 > window * BUSY_PERCENT;
        let slow = (busy && p99 > LAP_MAX).then_some(now);
        *self = Laps { began: now, slow, ..Laps::default() };
        Some(p99)
    }

    /// Whether the thread has too much to do. What was so is forgotten when nothing comes after it.
    pub(crate) fn strained(&self, now: Duration) -> bool {
        self.slow.is_some_and(|at| now.saturating_sub(at) < WINDOW * 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Laps one after the other, from a time on; answers the last percentile and the time.
    fn run(
        laps: &mut Laps,
        from: Duration,
        count: u32,
        took: impl Fn(u32) -> u64,
    ) -> (u128, Duration) {
        let (mut now, mut last) = (from, None);
        for i in 0..count {
            let took = Duration::from_micros(took(i));
            now += took;
            last = laps.add(took, now).or(last);
        }
        (last.unwrap_or_default().as_micros(), now)
    }

    #[test]
    fn a_percentile_of_laps_is_that_of_the_slow_ones_if_there_are_enough() {
        let mut laps = Laps::default();
        let (p99, now) =
            run(&mut laps, Duration::ZERO, 5_000, |i| if i % 50 == 0 { 30_000 } else { 100 });
        assert_eq!(p99, 50_000);
        assert!(laps.strained(now));
        let (p99, now) = run(&mut laps, now, 50_000, |i| if i % 500 == 0 { 30_000 } else { 100 });
        assert_eq!(p99, 500);
        assert!(!laps.strained(now));
    }

    #[test]
    fn who_was_busy_and_has_nothing_to_do_now_is_not_strained() {
        let mut laps = Laps::default();
        let (_, now) = run(&mut laps, Duration::ZERO, 100, |_| 25_000);
        assert!(laps.strained(now));
        assert!(!laps.strained(now + Duration::from_secs(3)));
    }
}
