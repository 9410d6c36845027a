//! What arrived in the slots of one participant, and what is missing.

use std::collections::{BTreeMap, BTreeSet};

use carillon_sfu::kit::{Picture, Received};
use hdrhistogram::Histogram;

use super::stream::{self, Stamp};

/// Delays up to ten seconds, in nanoseconds, to three digits.
const DELAY_NS_MAX: u64 = 10_000_000_000;
/// A hole this far behind the newest packet will not be filled any more.
const REPAIR_MAX: u64 = 1_024;
/// A picture stands still when the next one takes longer than this, as browsers count freezes
/// (W3C, "Identifiers for WebRTC's Statistics", `freezeCount`): 150 ms more than usual.
const FREEZE_NS: u64 = 150_000_000;

/// Room for delays, in nanoseconds.
pub fn no_delays() -> Histogram<u64> {
    Histogram::new_with_max(DELAY_NS_MAX, 3).expect("the bounds are constants")
}

/// One slot.
#[derive(Debug, Default)]
struct Slot {
    first: Option<u64>,
    newest: u64,
    missing: BTreeSet<u64>,
    /// Holes that were given up.
    lost: u64,
    seen: u64,
    twice: u64,
    picture: Option<Newest>,
    freezes: u64,
    /// The size of the newest key frame.
    size: (u16, u16),
}

/// The newest picture that is there.
#[derive(Debug, Clone, Copy)]
struct Newest {
    at: u64,
    /// How long it was after the one before, smoothed.
    usual_ns: u64,
}

/// What somebody received since the ledger was begun.
#[derive(Debug)]
pub struct Ledger {
    slots: BTreeMap<u32, Slot>,
    /// From the stamp in a voice's packet to its arrival.
    pub voices: Histogram<u64>,
    /// The same of pictures.
    pub pictures: Histogram<u64>,
    /// When the first packet of all arrived.
    pub first_at: Option<u64>,
    /// When a packet of a voice arrived last, and the longest time that none did.
    voice_at: Option<u64>,
    /// The longest time without any voice, in nanoseconds.
    pub silence_ns: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Packets that carry no stamp of ours.
    pub strange: u64,
}

/// Sums over slots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Packets that arrived, each once.
    pub seen: u64,
    /// Packets that were sent and did not come.
    pub lost: u64,
    /// Packets that came twice.
    pub twice: u64,
    /// How often a picture stood still.
    pub freezes: u64,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger {
            slots: BTreeMap::new(),
            voices: no_delays(),
            pictures: no_delays(),
            first_at: None,
            voice_at: None,
            silence_ns: 0,
            bytes: 0,
            strange: 0,
        }
    }
}

impl Ledger {
    /// A packet arrived at this time, in nanoseconds since the epoch.
    pub fn note(&mut self, packet: &Received, at: u64) {
        let pictured = Picture::read(&packet.payload);
        let body = pictured.map_or(&packet.payload[..], |pictured| pictured.rest);
        let Some(Stamp { sent_at, .. }) = stream::stamp(body) else {
            self.strange += 1;
            return;
        };
        self.first_at.get_or_insert(at);
        self.bytes += packet.payload.len() as u64;
        let slot = self.slots.entry(packet.ssrc).or_default();
        if !slot.note(packet.seq) {
            return;
        }
        let delay = at.saturating_sub(sent_at);
        let Some(pictured) = pictured else {
            self.voices.saturating_record(delay);
            if let Some(before) = self.voice_at.replace(at) {
                self.silence_ns = self.silence_ns.max(at.saturating_sub(before));
            }
            return;
        };
        self.pictures.saturating_record(delay);
        if pictured.picture.key {
            slot.size = pictured.picture.size;
        }
        if packet.marker {
            slot.shown(at);
        }
    }

    /// What came and what did not, of voices or of pictures, or of both.
    pub fn sum(&self, of: impl Fn(bool) -> bool) -> Sum {
        let slots = self.slots.values().filter(|slot| of(slot.picture.is_some()));
        slots.fold(Sum::default(), |sum, slot| Sum {
            seen: sum.seen + slot.seen,
            lost: sum.lost + slot.lost + slot.missing.len() as u64,
            twice: sum.twice + slot.twice,
            freezes: sum.freezes + slot.freezes,
        })
    }

    /// The sizes of the pictures that are seen now.
    pub fn sizes(&self) -> impl Iterator<Item = (u16, u16)> {
        self.slots.values().filter(|slot| slot.picture.is_some()).map(|slot| slot.size)
    }
}

impl Slot {
    /// Answers whether the packet is new.
    fn note(&mut self, seq: u64) -> bool {
        let Some(first) = self.first else {
            (self.first, self.newest, self.seen) = (Some(seq), seq, 1);
            return true;
        };
        if seq > self.newest {
            self.missing.extend(self.newest + 1..seq);
            self.newest = seq;
        } else if seq < first || !self.missing.remove(&seq) {
            // What is older than the first was sent before anybody listened.
            self.twice += u64::from(seq >= first);
            return false;
        }
        self.seen += 1;
        while self.missing.first().is_some_and(|&hole| hole + REPAIR_MAX < self.newest) {
            self.missing.pop_first();
            self.lost += 1;
        }
        true
    }

    /// The last packet of a picture is there.
    fn shown(&mut self, at: u64) {
        let Some(Newest { at: before, usual_ns }) = self.picture else {
            self.picture = Some(Newest { at, usual_ns: 0 });
            return;
        };
        let took = at.saturating_sub(before);
        if usual_ns > 0 && took > (3 * usual_ns).max(usual_ns + FREEZE_NS) {
            self.freezes += 1;
        }
        let usual_ns = if usual_ns == 0 { took } else { (7 * usual_ns + took) / 8 };
        self.picture = Some(Newest { at, usual_ns });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a packet says when it came")]
    fn packet(ssrc: u32, seq: u64, payload: Vec<u8>) -> Received {
        Received {
            mid: "0".into(),
            ssrc,
            seq,
            time: 0,
            marker: true,
            payload: payload.into(),
            level: None,
            at: Instant::now(),
        }
    }

    fn voice(seq: u64, sent_at: u64) -> Received {
        packet(1, seq, stream::body(Stamp { sent_at, number: seq }, 60))
    }

    fn picture(seq: u64, sent_at: u64) -> Received {
        let picture = Picture { key: true, first: true, id: 1, tl0: 1, size: (320, 180) };
        packet(2, seq, picture.payload(&stream::body(Stamp { sent_at, number: seq }, 60)))
    }

    #[test]
    fn what_is_missing_and_what_comes_twice_is_counted_and_what_comes_late_is_there() {
        let mut ledger = Ledger::default();
        for seq in [10, 11, 14, 13, 13, 9] {
            ledger.note(&voice(seq, 1_000), 3_000);
        }
        let sum = ledger.sum(|_| true);
        assert_eq!((sum.seen, sum.lost, sum.twice), (4, 1, 1));
        assert_eq!(ledger.voices.max(), 2_000);
        ledger.note(&voice(14 + REPAIR_MAX, 0), 0);
        assert_eq!(ledger.sum(|_| true).lost, REPAIR_MAX, "given up or missing, each once");
        ledger.note(&voice(12, 0), 0);
        assert_eq!(ledger.sum(|_| true).lost, REPAIR_MAX, "too late");
    }

    #[test]
    fn a_picture_that_stands_still_is_a_freeze_and_a_slow_one_is_none() {
        const MS: u64 = 1_000_000;
        let mut ledger = Ledger::default();
        let mut at = 0;
        for (seq, took) in [33, 33, 33, 170, 33, 400, 33].into_iter().enumerate() {
            at += took * MS;
            ledger.note(&picture(seq as u64 + 1, at), at);
        }
        assert_eq!(ledger.sum(|is_picture| is_picture).freezes, 1);
        assert_eq!(ledger.sizes().collect::<Vec<_>>(), [(320, 180)]);
    }

    #[test]
    fn what_is_not_ours_is_not_measured() {
        let mut ledger = Ledger::default();
        ledger.note(&packet(3, 1, vec![0; 200]), 1);
        assert_eq!((ledger.strange, ledger.sum(|_| true)), (1, Sum::default()));
    }
}
