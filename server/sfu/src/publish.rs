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
/// What they cost until it was measured, and how large they are until a key frame said so: what our
/// clients are told to send. H264 never says so.
const NOMINAL: [LayerRate; 3] = [
    LayerRate { bps: 100_000, width: 320, height: 180 },
    LayerRate { bps: 350_000, width: 640, height: 360 },
    LayerRate { bps: 1_300_000, width: 1_280, height: 720 },
];
/// The same for what is sent in one size only.
const NOMINAL_SINGLE: LayerRate = LayerRate { bps: 700_000, width: 0, height: 0 };
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
            0 => vec![Layer::new(None, NOMINAL_SINGLE)],
            count => rids
                .into_iter()
                .enumerate()
                .map(|(i, rid)| {
                    let nominal = NOMINAL[(i + NAMES.len()).saturating_sub(count).min(2)];
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
        self.layers.iter().map(|layer| layer.cost.bps.unwrap_or_default()).sum()
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
    nominal: LayerRate,
    cost: Cost,
    size: Size,
    ssrc: Option<u32>,
    last: Option<Duration>,
    /// The time in the picture's own clock of the newest key frame.
    key: Option<u32>,
}

impl Layer {
    fn new(rid: Option<Rid>, nominal: LayerRate) -> Layer {
        Layer {
            rid,
            nominal,
            cost: Cost::default(),
            size: Size::default(),
            ssrc: None,
            last: None,
            key: None,
        }
    }

    /// A packet came; answers whether it is the first of its stream.
    pub(crate) fn came(&mut self, packet: &Packet, key: Option<Size>, now: Duration) -> bool {
        if let Some(size) = key.filter(|size| size.width > 0) {
            self.size = size;
        }
        if !self.flows(now) {
            self.cost.begin(now);
        }
        self.last = Some(now);
        if key.is_some() {
            self.key = Some(packet.time);
        }
        let of_key = self.key == Some(packet.time);
        self.cost.add(packet.payload.len() as u64 * 8, of_key, now);
        self.ssrc.replace(packet.ssrc) != Some(packet.ssrc)
    }

    pub(crate) fn flows(&self, now: Duration) -> bool {
        self.last.is_some_and(|last| now.saturating_sub(last) < SILENT_AFTER)
    }

    pub(crate) fn rate(&self) -> LayerRate {
        let bps = self.cost.bps.unwrap_or(self.nominal.bps);
        match self.size {
            Size { width: 0, .. } => LayerRate { bps, ..self.nominal },
            Size { width, height } => LayerRate { bps, width, height },
        }
    }
}

/// What a layer costs.
#[derive(Debug, Default)]
struct Cost {
    bps: Option<u64>,
    /// Bits since when, those of key frames apart.
    bits: u64,
    key_bits: u64,
    since: Duration,
}

impl Cost {
    fn begin(&mut self, now: Duration) {
        (self.bits, self.key_bits, self.since) = (0, 0, now);
    }

    /// Key frames do not count: several come when several people do, and what they cost for a
    /// moment would leave out whoever chooses then. Where nothing else is sent, they do.
    fn add(&mut self, bits: u64, of_key: bool, now: Duration) {
        let counter = if of_key { &mut self.key_bits } else { &mut self.bits };
        *counter += bits;
        let over = now.saturating_sub(self.since);
        if over >= MEASURED_EVERY {
            let bits = if self.bits > 0 { self.bits } else { self.key_bits };
            let measured = bits as f64 / over.as_secs_f64();
            let believed = self.bps.map_or(0.0, |bps| bps as f64 * MEMORY);
            self.bps = Some(measured.max(believed) as u64);
            self.begin(now);
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
    fn a_size_that_was_not_said_is_what_our_clients_send() {
        let rids = NAMES.iter().map(|name| Rid::from(*name)).collect();
        let mut track = Track::new(Source::Camera, Mid::from("1"), rids);
        track.layers[0].size = Size { width: 180, height: 320 };
        let sizes = track.layers.iter().map(|layer| (layer.rate().width, layer.rate().height));
        assert_eq!(sizes.collect::<Vec<_>>(), [(180, 320), (640, 360), (1_280, 720)]);
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

    /// What a camera of 30 pictures a second costs, of which these are key frames.
    fn cost(is_key: impl Fn(u64) -> bool) -> u64 {
        let mut cost = Cost::default();
        cost.begin(at(0));
        for nth in 0..60 {
            let key = is_key(nth);
            cost.add(if key { 200_000 } else { 50_000 }, key, at(nth * 1_000 / 30));
        }
        cost.bps.unwrap()
    }

    #[test]
    fn what_a_picture_costs_is_not_what_its_key_frames_cost() {
        let usual = cost(|_| false);
        assert!((1_400_000..=1_600_000).contains(&usual), "{usual}");
        let joined = cost(|nth| nth % 15 == 0);
        assert!((1_300_000..=usual).contains(&joined), "{joined}");
        let still = cost(|_| true);
        assert!((5_600_000..=6_400_000).contains(&still), "{still}");
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
