//! One slot of a participant: what arrived in it, what is missing, and when its picture moved.

use std::collections::BTreeSet;

/// A hole this far behind the newest packet will not be filled any more.
pub const REPAIR_MAX: u64 = 1_024;
/// A picture stands still when the next one takes longer than this, as browsers count freezes
/// (W3C, "Identifiers for WebRTC's Statistics", `freezeCount`): 150 ms more than usual.
const FREEZE_NS: u64 = 150_000_000;

/// A packet, as far as a slot cares.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The extended sequence number.
    pub seq: u64,
    /// When it arrived, in nanoseconds since the epoch.
    pub at: u64,
    /// Whether it belongs to a picture, and begins a whole one.
    pub picture: Option<Part>,
}

/// A part of a picture.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// The first packet of a key frame: what came before is not needed any more.
    pub begins_anew: bool,
    /// The last packet of a picture.
    pub ends: bool,
}

/// What came in one slot since it was begun.
#[derive(Debug, Default)]
pub struct Slot {
    first: Option<u64>,
    newest: u64,
    missing: BTreeSet<u64>,
    /// Holes that were given up.
    given_up: u64,
    /// Packets, each once.
    pub seen: u64,
    /// Packets that came again.
    pub twice: u64,
    /// Whether pictures came in it.
    pub is_picture: bool,
    /// How often the picture stood still.
    pub freezes: u64,
    /// The last packets of pictures that are not whole yet.
    waiting: BTreeSet<u64>,
    /// Where the newest key frame begins.
    key_at: u64,
    shown: Option<Shown>,
}

/// The newest picture that is there as a whole.
#[derive(Debug, Clone, Copy)]
struct Shown {
    at: u64,
    /// How long it was after the one before, smoothed; 0 while there was none.
    usual_ns: u64,
}

/// What a packet is to those that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// Newer than all of them.
    InOrder,
    /// It fills a hole: it was overtaken, or sent again.
    Late,
    /// It was there, or is not needed any more.
    Again,
}

impl Slot {
    /// Takes note of a packet.
    pub fn note(&mut self, arrival: Arrival) -> Came {
        let came = self.count(arrival.seq);
        if came == Came::Again {
            return came;
        }
        let Some(part) = arrival.picture else { return came };
        self.is_picture = true;
        if part.begins_anew {
            self.key_at = self.key_at.max(arrival.seq);
        }
        if part.ends {
            self.waiting.insert(arrival.seq);
        }
        let hole = self.missing.range(self.key_at..).next().copied().unwrap_or(u64::MAX);
        while self.waiting.first().is_some_and(|&end| end < hole) {
            self.waiting.pop_first();
            self.shown(arrival.at);
        }
        came
    }

    /// Nothing more comes: a picture that did not move until now stood still, too.
    pub fn finish(&mut self, at: u64) {
        if let Some(Shown { at: before, usual_ns }) = self.shown
            && stood_still(at.saturating_sub(before), usual_ns)
        {
            self.freezes += 1;
        }
        // Neither the first nor any other became whole.
        self.freezes += u64::from(self.is_picture && self.shown.is_none());
    }

    /// Packets that were sent and did not come.
    pub fn lost(&self) -> u64 {
        self.given_up + self.missing.len() as u64
    }

    fn count(&mut self, seq: u64) -> Came {
        let Some(first) = self.first else {
            (self.first, self.newest, self.seen) = (Some(seq), seq, 1);
            return Came::InOrder;
        };
        let in_order = seq > self.newest;
        if in_order {
            // Most of a large hole is given up at once.
            let from = (self.newest + 1).max(seq.saturating_sub(REPAIR_MAX));
            self.given_up += from - (self.newest + 1);
            self.missing.extend(from..seq);
            self.newest = seq;
        } else if seq < first || !self.missing.remove(&seq) {
            // What is older than the first was sent before anybody listened.
            self.twice += u64::from(seq >= first);
            return Came::Again;
        }
        self.seen += 1;
        while self.missing.first().is_some_and(|&hole| hole + REPAIR_MAX < self.newest) {
            self.missing.pop_first();
            self.given_up += 1;
        }
        if in_order { Came::InOrder } else { Came::Late }
    }

    fn shown(&mut self, at: u64) {
        let Some(Shown { at: before, usual_ns }) = self.shown else {
            self.shown = Some(Shown { at, usual_ns: 0 });
            return;
        };
        let took = at.saturating_sub(before);
        self.freezes += u64::from(stood_still(took, usual_ns));
        let usual_ns = if usual_ns == 0 { took } else { (7 * usual_ns + took) / 8 };
        self.shown = Some(Shown { at, usual_ns });
    }
}

fn stood_still(took_ns: u64, usual_ns: u64) -> bool {
    took_ns > (3 * usual_ns).max(usual_ns + FREEZE_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const END: Part = Part { begins_anew: false, ends: true };
    const KEY: Part = Part { begins_anew: true, ends: true };
    const MIDDLE: Part = Part { begins_anew: false, ends: false };

    fn voices(seqs: impl IntoIterator<Item = u64>) -> Slot {
        let mut slot = Slot::default();
        for seq in seqs {
            slot.note(Arrival { seq, at: 0, picture: None });
        }
        slot
    }

    /// Pictures at these times, each of one packet and in order.
    fn pictures(parts: impl IntoIterator<Item = (u64, u64, Part)>) -> Slot {
        let mut slot = Slot::default();
        for (seq, ms, part) in parts {
            slot.note(Arrival { seq, at: ms * MS, picture: Some(part) });
        }
        slot
    }

    #[test]
    fn what_is_missing_and_what_comes_twice_is_counted_and_what_comes_late_is_there() {
        let slot = voices([10, 11, 14, 13, 13, 9]);
        assert_eq!((slot.seen, slot.lost(), slot.twice), (4, 1, 1));
        let slot = voices([10, 11, 14, 13, 14 + REPAIR_MAX]);
        assert_eq!(slot.lost(), REPAIR_MAX, "given up or missing, each once");
        let slot = voices([10, 11, 14, 13, 14 + REPAIR_MAX, 12]);
        assert_eq!(slot.lost(), REPAIR_MAX, "too late");
    }

    #[test]
    fn a_hole_over_the_turn_of_the_sixteen_bits_is_as_large_as_it_is() {
        let slot = voices([65_533, 65_534, 65_537, 65_538]);
        assert_eq!((slot.seen, slot.lost(), slot.twice), (4, 2, 0));
        let slot = voices([65_533, 65_537, 65_534, 65_536, 65_535]);
        assert_eq!((slot.seen, slot.lost()), (5, 0));
    }

    #[test]
    fn a_leap_takes_no_more_memory_than_a_hole() {
        let slot = voices([1, 1 << 40]);
        assert_eq!((slot.lost(), slot.missing.len() as u64), ((1 << 40) - 2, REPAIR_MAX));
    }

    #[test]
    fn a_picture_that_stands_still_is_a_freeze_and_a_slow_one_is_none() {
        let times = [33, 66, 99, 269, 302, 702, 735];
        let slot = pictures((1..).zip(times).map(|(seq, ms)| (seq, ms, END)));
        assert_eq!(slot.freezes, 1);
    }

    #[test]
    fn a_picture_that_stands_still_until_the_end_is_a_freeze() {
        let parts = || (1..).zip([33, 66, 99]).map(|(seq, ms)| (seq, ms, END));
        let frozen = |end_ms: u64| {
            let mut slot = pictures(parts());
            slot.finish(end_ms * MS);
            slot.freezes
        };
        assert_eq!((frozen(132), frozen(2_000)), (0, 1));
        let mut never_whole = pictures([(1, 0, MIDDLE), (2, 1, MIDDLE)]);
        never_whole.finish(2);
        assert_eq!(never_whole.freezes, 1);
    }

    #[test]
    fn a_picture_with_a_hole_is_not_shown_until_it_is_filled_or_a_key_frame_comes() {
        let run = |seqs: &[u64]| {
            let times = (1..).map(|number| number * 33);
            let key = |seq| if seq == 20 { KEY } else { END };
            let parts = seqs.iter().zip(times).map(|(seq, ms)| (*seq, ms, key(*seq)));
            pictures(parts).freezes
        };
        assert_eq!(run(&[1, 2, 3, 5, 4, 6, 7]), 0, "filled at once");
        assert_eq!(run(&[1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 4, 13]), 1, "filled late");
        assert_eq!(run(&[1, 2, 3, 5, 20, 21]), 0, "a key frame soon");
        assert_eq!(run(&[1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 20, 21]), 1, "a key frame late");
    }
}
