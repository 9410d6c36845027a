//! What a participant sends: a track of each source, in one or several sizes.

use std::time::Duration;

use carillon_protocol::room::Source;

use crate::{
    adapter::{Mid, Packet, Rid},
    frame::Size,
    select::LayerRate,
};

/// The layers of simulcast, the smallest first, as our clients name them.
const NAMES: [&str; 3] = ["q", "h", "f"];
/// What they cost until it was measured, in bits a second: what our clients are told to send.
const NOMINAL_BPS: [u64; 3] = [100_000, 350_000, 1_300_000];
/// The same for what is sent in one size only.
const NOMINAL_SINGLE_BPS: u64 = 700_000;
/// The rate of a layer is looked at this often.
const MEASURED_EVERY: Duration = Duration::from_millis(500);
/// How much of a layer's last rate is believed when it sends less: what moves little now may move
/// much in the next moment.
const MEMORY: f64 = 0.9;
/// A layer that has sent nothing for so long is switched off. A screen that does not move is sent
/// once a second.
const SILENT_AFTER: Duration = Duration::from_millis(2_500);
/// Only when less was wanted for so long is the publisher told: people look away and back.
const LOWER_AFTER: Duration = Duration::from_secs(3);
/// What is wanted is said again this often while it does not arrive.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What a track may send, in bits and packets a second: all are forwarded to everybody. The best
/// stereo sound has 510 kbit/s, in packets of 5 ms at the shortest.
const SOUND_MAX: (u64, u64) = (600_000, 250);
/// All layers of a picture: a sharp screen of 8 Mbit/s, and a key frame on top.
const PICTURES_MAX: (u64, u64) = (16_000_000, 3_000);

/// One who gets the packets of a track: the number of the participant, and of the slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watcher {
    pub(crate) who: usize,
    pub(crate) slot: usize,
}

#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) source: Source,
    pub(crate) mid: Mid,
    /// The smallest first, never empty.
    pub(crate) layers: Vec<Layer>,
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) wanted: Wanted,
    purse: Purse,
}

impl Track {
    pub(crate) fn new(source: Source, mid: Mid, mut rids: Vec<Rid>) -> Track {
        let place = |rid: &Rid| NAMES.iter().position(|name| **name == **rid);
        if rids.iter().all(|rid| place(rid).is_some()) {
            rids.sort_by_key(place);
        }
        let layers = match rids.len() {
            0 => vec![Layer::new(None, NOMINAL_SINGLE_BPS)],
            count => rids
                .into_iter()
                .enumerate()
                .map(|(i, rid)| {
                    let nominal = NOMINAL_BPS[(i + NAMES.len()).saturating_sub(count).min(2)];
                    Layer::new(Some(rid), nominal)
                })
                .collect(),
        };
        Track {
            source,
            mid,
            layers,
            watchers: Vec::new(),
            wanted: Wanted::default(),
            purse: Purse::default(),
        }
    }

    pub(crate) fn layer(&self, rid: Option<Rid>) -> Option<usize> {
        self.layers.iter().position(|layer| layer.rid == rid)
    }

    /// The layer that comes closest to this one among those that are sent now; a larger one only if
    /// it costs no more than this.
    pub(crate) fn flowing(&self, wanted: usize, most_bps: u64, now: Duration) -> Option<usize> {
        let flows = |i: &usize| self.layers.get(*i).is_some_and(|layer| layer.flows(now));
        let fits = |i: &usize| self.layers[*i].rate().bps <= most_bps;
        let larger = || (wanted..self.layers.len()).find(|i| flows(i) && fits(i));
        (0..=wanted).rev().find(flows).or_else(larger)
    }

    /// Whether a packet is within what a track may take of everybody's time.
    pub(crate) fn afford(&mut self, packet: &Packet, now: Duration) -> bool {
        let (bps, packets) = if self.source.is_audio() { SOUND_MAX } else { PICTURES_MAX };
        self.purse.take((bps, packets), packet.payload.len() as u64 * 8, now)
    }

    /// What all of it costs now, in bits a second.
    pub(crate) fn bps(&self) -> u64 {
        self.layers.iter().map(|layer| layer.bps.unwrap_or_default()).sum()
    }
}

/// What may still be sent now; what is not used in a second is lost.
#[derive(Debug, Default)]
struct Purse {
    bits: u64,
    packets: f64,
    filled: Option<Duration>,
}

impl Purse {
    fn take(&mut self, (bps, packets): (u64, u64), bits: u64, now: Duration) -> bool {
        let since = self.filled.replace(now).map_or(1.0, |at| now.saturating_sub(at).as_secs_f64());
        self.bits = bps.min(self.bits + (bps as f64 * since) as u64);
        self.packets = (packets as f64).min(self.packets + packets as f64 * since);
        if self.bits < bits || self.packets < 1.0 {
            return false;
        }
        (self.bits, self.packets) = (self.bits - bits, self.packets - 1.0);
        true
    }
}

#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) rid: Option<Rid>,
    nominal_bps: u64,
    bps: Option<u64>,
    size: Size,
    ssrc: Option<u32>,
    last: Option<Duration>,
    /// Bits since when.
    bits: u64,
    since: Duration,
}

impl Layer {
    fn new(rid: Option<Rid>, nominal_bps: u64) -> Layer {
        Layer {
            rid,
            nominal_bps,
            bps: None,
            size: Size::default(),
            ssrc: None,
            last: None,
            bits: 0,
            since: Duration::ZERO,
        }
    }

    /// A packet came; answers whether it is the first of its stream.
    pub(crate) fn came(&mut self, packet: &Packet, key: Option<Size>, now: Duration) -> bool {
        if let Some(size) = key.filter(|size| size.width > 0) {
            self.size = size;
        }
        if !self.flows(now) {
            (self.bits, self.since) = (0, now);
        }
        self.last = Some(now);
        self.bits += packet.payload.len() as u64 * 8;
        let over = now.saturating_sub(self.since);
        if over >= MEASURED_EVERY {
            let measured = self.bits as f64 / over.as_secs_f64();
            let believed = self.bps.map_or(0.0, |bps| bps as f64 * MEMORY);
            self.bps = Some(measured.max(believed) as u64);
            (self.bits, self.since) = (0, now);
        }
        self.ssrc.replace(packet.ssrc) != Some(packet.ssrc)
    }

    pub(crate) fn flows(&self, now: Duration) -> bool {
        self.last.is_some_and(|last| now.saturating_sub(last) < SILENT_AFTER)
    }

    pub(crate) fn rate(&self) -> LayerRate {
        LayerRate {
            bps: self.bps.unwrap_or(self.nominal_bps),
            width: self.size.width,
            height: self.size.height,
        }
    }
}

/// What the publisher was told that is looked at.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    said: Option<(u8, Duration)>,
    lower_since: Option<Duration>,
}

impl Wanted {
    /// So many layers, from the smallest on, are looked at, and all of them arrive or not: whether
    /// the publisher is to be told now.
    pub(crate) fn say(&mut self, layers: u8, arrive: bool, now: Duration) -> bool {
        let more = self.said.map_or(layers > 0, |(said, _)| layers > said);
        let same = self.said.is_some_and(|(said, _)| layers == said);
        let tell = if same {
            self.lower_since = None;
            let at = self.said.map_or(now, |(_, at)| at);
            !arrive && now.saturating_sub(at) >= SAID_AGAIN_AFTER
        } else if more {
            true
        } else {
            let since = *self.lower_since.get_or_insert(now);
            now.saturating_sub(since) >= LOWER_AFTER
        };
        if tell {
            (self.said, self.lower_since) = (Some((layers, now)), None);
        }
        tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn layers_are_the_smallest_first_whatever_their_order_in_the_offer() {
        let names = |rids: &[&str]| -> Vec<String> {
            let rids = rids.iter().map(|rid| Rid::from(*rid)).collect();
            let track = Track::new(Source::Camera, Mid::from("1"), rids);
            track.layers.iter().map(|l| l.rid.map_or(String::new(), |r| r.to_string())).collect()
        };
        assert_eq!(names(&["f", "q", "h"]), ["q", "h", "f"]);
        assert_eq!(names(&["f", "h"]), ["h", "f"]);
        assert_eq!(names(&["low", "mid", "high"]), ["low", "mid", "high"]);
        assert_eq!(names(&[]), [""]);
    }

    #[test]
    fn nobody_sends_more_than_a_track_may() {
        let mut purse = Purse::default();
        let count = |purse: &mut Purse, bits, from, to| {
            (from..to).filter(|ms| purse.take((600_000, 250), bits, at(*ms))).count()
        };
        // 1,000 packets a second: what was saved up, and 250 a second.
        let small = count(&mut purse, 8, 0, 4_000);
        assert!((1_240..=1_260).contains(&small), "{small}");
        let large = count(&mut purse, 12_000, 10_000, 14_000);
        assert!((245..=255).contains(&large), "{large}");
    }

    #[test]
    fn more_is_wanted_at_once_and_less_after_a_while() {
        let mut wanted = Wanted::default();
        assert!(wanted.say(2, true, at(0)));
        assert!(wanted.say(3, true, at(100)));
        assert!(!wanted.say(1, true, at(200)));
        assert!(!wanted.say(3, true, at(1_000)), "they looked back");
        assert!(!wanted.say(0, true, at(2_000)));
        assert!(!wanted.say(0, true, at(4_900)));
        assert!(wanted.say(0, true, at(5_000)));
        assert!(!wanted.say(0, true, at(60_000)));
    }

    #[test]
    fn what_does_not_arrive_is_wanted_again_and_again() {
        let mut wanted = Wanted::default();
        assert!(wanted.say(3, false, at(0)));
        assert!(!wanted.say(3, false, at(1_900)));
        assert!(wanted.say(3, false, at(2_000)));
        assert!(wanted.say(3, false, at(4_000)));
        assert!(!wanted.say(3, true, at(9_000)));
    }
}
