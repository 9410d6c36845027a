//! What arrived in the slots of one participant, and what is missing.

use std::collections::BTreeMap;

use carillon_sfu::kit::{Picture, Pictured, Received};
use hdrhistogram::Histogram;

use super::{
    slot::{Arrival, Came, Part, Slot},
    stream::{self, Stamp},
};

/// Delays up to ten seconds, in nanoseconds, to three digits.
const DELAY_NS_MAX: u64 = 10_000_000_000;

/// Room for delays, in nanoseconds.
pub fn no_delays() -> Histogram<u64> {
    Histogram::new_with_max(DELAY_NS_MAX, 3).expect("the bounds are constants")
}

/// What somebody received since the ledger was begun.
#[derive(Debug)]
pub struct Ledger {
    slots: BTreeMap<u32, Slot>,
    /// The sizes of the newest key frames, also of those that came before.
    sizes: BTreeMap<u32, Size>,
    /// From the stamp in a voice's packet to its arrival.
    pub voices: Histogram<u64>,
    /// The same of pictures.
    pub pictures: Histogram<u64>,
    /// When the first packet of all arrived.
    pub first_at: Option<u64>,
    /// When a packet of a voice arrived last, or the ledger was begun.
    voice_at: u64,
    /// The longest time without any voice, in nanoseconds.
    pub silence_ns: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Packets that carry no stamp of ours.
    pub strange: u64,
    lately: Lately,
}

/// What came since it was asked last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lately {
    /// Bytes of payload.
    pub bytes: u64,
    /// The longest that a packet waited which none overtook, in nanoseconds; what was sent again
    /// is not meant.
    pub queue_ns: u64,
}

/// The size of a key frame, and where it begins.
#[derive(Debug, Clone, Copy)]
struct Size {
    seq: u64,
    size: (u16, u16),
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

impl std::ops::Add for Sum {
    type Output = Sum;

    fn add(self, other: Sum) -> Sum {
        Sum {
            seen: self.seen + other.seen,
            lost: self.lost + other.lost,
            twice: self.twice + other.twice,
            freezes: self.freezes + other.freezes,
        }
    }
}

impl Sum {
    /// How many of a hundred packets are missing; no number if none was sent.
    pub fn lost_percent(&self) -> f64 {
        self.lost as f64 * 100.0 / (self.seen + self.lost) as f64
    }
}

impl Ledger {
    /// Nothing came until this time, in nanoseconds since the epoch.
    pub fn new(begun: u64) -> Ledger {
        Ledger {
            slots: BTreeMap::new(),
            sizes: BTreeMap::new(),
            voices: no_delays(),
            pictures: no_delays(),
            first_at: None,
            voice_at: begun,
            silence_ns: 0,
            bytes: 0,
            strange: 0,
            lately: Lately::default(),
        }
    }

    /// Begins anew and hands over what was until now. What is seen is seen on: sizes stay known.
    pub fn turn_over(&mut self, at: u64) -> Ledger {
        let sizes = self.sizes.clone();
        let mut before = std::mem::replace(self, Ledger { sizes, ..Ledger::new(at) });
        before.slots.values_mut().for_each(|slot| slot.finish(at));
        before.silence_ns = before.silence_ns.max(at.saturating_sub(before.voice_at));
        before
    }

    /// A packet arrived at this time, in nanoseconds since the epoch.
    pub fn note(&mut self, packet: &Received, at: u64) {
        let pictured = Picture::read(&packet.payload);
        let body = pictured.map_or(&packet.payload[..], |pictured| pictured.rest);
        let Some(Stamp { sent_at, .. }) = stream::stamp(body) else {
            self.strange += 1;
            return;
        };
        self.first_at.get_or_insert(at);
        let len = packet.payload.len() as u64;
        let picture = pictured.map(|Pictured { picture, .. }| Part {
            begins_anew: picture.key && picture.first,
            ends: packet.marker,
        });
        let slot = self.slots.entry(packet.ssrc).or_default();
        let came = slot.note(Arrival { seq: packet.seq, at, picture });
        if came == Came::Again {
            return;
        }
        let delay = at.saturating_sub(sent_at);
        self.bytes += len;
        self.lately.bytes += len;
        if came == Came::InOrder {
            self.lately.queue_ns = self.lately.queue_ns.max(delay);
        }
        match pictured {
            None => {
                self.voices.saturating_record(delay);
                self.silence_ns = self.silence_ns.max(at.saturating_sub(self.voice_at));
                self.voice_at = at;
            }
            Some(Pictured { picture, .. }) => {
                self.pictures.saturating_record(delay);
                if picture.key && picture.first {
                    let size = Size { seq: packet.seq, size: picture.size };
                    let newest = self.sizes.entry(packet.ssrc).or_insert(size);
                    // One that was sent again may be older than what is seen.
                    *newest = if newest.seq < size.seq { size } else { *newest };
                }
            }
        }
    }

    /// What came since this was asked last.
    pub fn lately(&mut self) -> Lately {
        std::mem::take(&mut self.lately)
    }

    /// What came and what did not, of voices or of pictures, or of both.
    pub fn sum(&self, of: impl Fn(bool) -> bool) -> Sum {
        let slots = self.slots.values().filter(|slot| of(slot.is_picture));
        let sums = slots.map(|slot| Sum {
            seen: slot.seen,
            lost: slot.lost(),
            twice: slot.twice,
            freezes: slot.freezes,
        });
        sums.fold(Sum::default(), |all, sum| all + sum)
    }

    /// The sizes of the pictures that are seen now; nothing of one whose key frame never came.
    pub fn sizes(&self) -> impl Iterator<Item = Option<(u16, u16)>> {
        let pictures = self.slots.iter().filter(|(_, slot)| slot.is_picture);
        pictures.map(|(ssrc, _)| self.sizes.get(ssrc).map(|newest| newest.size))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const MS: u64 = 1_000_000;

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
            captured: None,
            at: Instant::now(),
        }
    }

    fn voice(seq: u64, sent_at: u64) -> Received {
        packet(1, seq, stream::body(Stamp { sent_at, number: seq }, 60))
    }

    fn picture(seq: u64, sent_at: u64, size: Option<(u16, u16)>) -> Received {
        let (key, size) = (size.is_some(), size.unwrap_or_default());
        let picture = Picture { key, first: true, id: 1, tl0: 1, size };
        packet(2, seq, picture.payload(&stream::body(Stamp { sent_at, number: seq }, 60)))
    }

    #[test]
    fn what_is_late_is_late_and_what_comes_twice_counts_once() {
        let mut ledger = Ledger::new(0);
        for (seq, sent_at) in [(1, 0), (2, 20), (2, 20), (4, 60)] {
            ledger.note(&voice(seq, sent_at * MS), (sent_at + 3 + seq) * MS);
        }
        let sum = ledger.sum(|_| true);
        assert_eq!((sum.seen, sum.lost, sum.twice), (3, 1, 1));
        assert!((sum.lost_percent() - 25.0).abs() < f64::EPSILON);
        assert_eq!(ledger.voices.len(), 3);
        let lately = ledger.lately();
        assert_eq!((lately.queue_ns, lately.bytes), (7 * MS, 180));
        assert_eq!(ledger.lately(), Lately::default());
    }

    #[test]
    fn silence_counts_from_the_begin_and_until_the_end() {
        let silence = |voices: &[u64], end: u64| {
            let mut ledger = Ledger::new(100 * MS);
            for (seq, at) in (1..).zip(voices) {
                ledger.note(&voice(seq, at * MS), at * MS);
            }
            ledger.turn_over(end * MS).silence_ns / MS
        };
        assert_eq!(silence(&[120, 140, 190, 200], 210), 50);
        assert_eq!(silence(&[400, 420], 430), 300, "none at first");
        assert_eq!(silence(&[120, 140], 900), 760, "none at last");
        assert_eq!(silence(&[], 900), 800, "none at all");
    }

    #[test]
    fn nothing_that_was_sent_is_no_share() {
        assert!(Ledger::new(0).sum(|_| true).lost_percent().is_nan());
    }

    #[test]
    fn a_new_ledger_knows_what_is_seen_but_counts_nothing_of_it() {
        let mut ledger = Ledger::new(0);
        ledger.note(&picture(1, 0, Some((320, 180))), 1);
        assert_eq!(ledger.sizes().count(), 1);
        let before = ledger.turn_over(2);
        assert_eq!(before.sizes().collect::<Vec<_>>(), [Some((320, 180))]);
        assert_eq!(ledger.sizes().count(), 0, "nothing is seen any more");
        ledger.note(&picture(2, 3, None), 4);
        assert_eq!(ledger.sizes().collect::<Vec<_>>(), [Some((320, 180))]);
        assert_eq!(ledger.sum(|it| it).lost, 0);
    }

    #[test]
    fn what_is_sent_again_is_no_queue_and_an_old_key_frame_no_size() {
        let mut ledger = Ledger::new(0);
        ledger.note(&picture(1, 0, Some((1280, 720))), 5 * MS);
        ledger.note(&picture(3, 10 * MS, Some((320, 180))), 15 * MS);
        ledger.note(&picture(2, 5 * MS, Some((640, 360))), 900 * MS);
        assert_eq!(ledger.lately().queue_ns, 5 * MS);
        assert!(ledger.pictures.max() > 800 * MS, "though it was long under way");
        assert_eq!(ledger.sizes().collect::<Vec<_>>(), [Some((320, 180))]);
    }

    #[test]
    fn what_is_not_ours_is_not_measured() {
        let mut ledger = Ledger::new(0);
        ledger.note(&packet(3, 1, vec![0; 200]), 1);
        assert_eq!((ledger.strange, ledger.sum(|_| true)), (1, Sum::default()));
    }
}
