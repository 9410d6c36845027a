//! The tool's own clock and ids: it measures from outside, so it has no host to ask.

use std::{
    io, thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use carillon_protocol::{Cid, id::Ulid};

/// Nanoseconds since the epoch: 19 digits until the year 2286.
#[expect(clippy::disallowed_methods, reason = "this is the clock of the load test")]
pub fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

/// When something must be over.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(u64);

impl Deadline {
    /// So long from now.
    pub fn after(time: Duration) -> Deadline {
        Deadline(now_ns() + time.as_nanos() as u64)
    }

    /// Whether it is past.
    pub fn is_over(self) -> bool {
        now_ns() >= self.0
    }
}

/// Calls `on` so often, `per_s` times a second, with the time that was meant for it. Times are
/// fixed beforehand: who is late is not waited for, and being late counts.
pub fn paced(per_s: u64, times: u64, mut on: impl FnMut(u64) -> io::Result<()>) -> io::Result<()> {
    let start = now_ns();
    for due in (0..times).map(|number| start + number * 1_000_000_000 / per_s) {
        thread::sleep(Duration::from_nanos(due.saturating_sub(now_ns())));
        on(due)?;
    }
    Ok(())
}

/// A new intent.
pub fn new_cid() -> Cid {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the system has random bytes");
    Cid(Ulid::from_parts(now_ns() / 1_000_000, u128::from_ne_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_late_is_not_waited_for() {
        let mut due = Vec::new();
        paced(1_000, 4, |time| {
            // Longer than the time between two.
            let until = Deadline::after(Duration::from_millis(3));
            while !until.is_over() {}
            due.push(time);
            Ok(())
        })
        .unwrap();
        let between: Vec<u64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(between, [1_000_000; 3]);
    }
}
