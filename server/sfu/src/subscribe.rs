//! What a participant sees and hears: a fixed number of slots, each of which shows one thing after
//! another as a single stream.

use std::time::Duration;

use carillon_protocol::{
    ParticipantId,
    room::{self, Source, View},
};

use crate::{
    adapter::{ESTIMATE_FIRST_BPS, Mid, Packet},
    munge::{In, Munger, Out, Vp8Ids},
    mux::Id,
    select::Selector,
    slots::assign,
    way::Way,
};

/// So many voices are heard at once: more at a time nobody understands.
pub(crate) const VOICES: usize = 5;
/// Sections for sound: the voices, and the sound of a shared screen.
pub(crate) const AUDIO_SLOTS: usize = VOICES + 1;
/// The slots for pictures grow in these steps, so that few people who come make a negotiation
/// necessary.
const VIDEO_SLOTS: [usize; 6] = [4, 9, 16, 25, 36, 49];
/// A numbering starts within the first half of 16 bits: a receiver counts the rounds that numbers
/// make only from the first packet that it got.
const FIRST_SEQ_MAX: u32 = 0x7fff;

/// Something that can be shown: whose, and what.
pub(crate) type Key = (ParticipantId, Source);

/// How many slots for pictures there are for so many views.
pub(crate) fn slots_for(views: usize) -> usize {
    VIDEO_SLOTS.into_iter().find(|step| *step >= views).unwrap_or(VIDEO_SLOTS[5])
}

/// One stream to a client, with one numbering for ever.
pub(crate) struct Slot {
    pub(crate) mid: Mid,
    munger: Munger,
    pub(crate) shows: Option<Key>,
    /// The layer that was chosen for it.
    pub(crate) chosen: Option<usize>,
    /// The layer that it shall show: the one that was chosen, or while that is not sent, another.
    pub(crate) target: Option<usize>,
    /// The layer that it does show; it stays until a key frame of the target arrives.
    pub(crate) layer: Option<usize>,
}

impl Slot {
    pub(crate) fn new(mid: Mid) -> Slot {
        let random = random();
        let picture = Vp8Ids { picture: (random[2] & 0x7fff) as u16, tl0: random[2] as u8 };
        let munger = Munger::new(u64::from(random[0] & FIRST_SEQ_MAX), random[1], picture);
        Slot { mid, munger, shows: None, chosen: None, target: None, layer: None }
    }

    /// It shows something else from now on, or nothing.
    pub(crate) fn show(&mut self, shows: Option<Key>) {
        if self.shows != shows {
            self.shows = shows;
            self.munger.switch();
            (self.chosen, self.target, self.layer) = (None, None, None);
        }
    }

    /// A key frame is waited for.
    pub(crate) fn waits(&self) -> bool {
        self.target.is_some() && self.target != self.layer
    }

    /// What shall be shown from the next key frame on; `None` stops at once. So does a larger layer
    /// than that where the way is full: what it still sent would wait for longer than it takes a
    /// key frame to come. Answers whether something stopped.
    pub(crate) fn aim(&mut self, target: Option<usize>, full: bool) -> bool {
        self.target = target;
        let stops = self.layer.is_some() && (target.is_none() || full && self.layer > target);
        if stops {
            self.layer = None;
        }
        stops
    }

    /// A packet of a voice, of a stream that may be another than before.
    pub(crate) fn hear(&mut self, packet: &Packet, other: bool, now: Duration) -> Option<Out> {
        if other {
            self.munger.switch();
        }
        self.munger.forward(&numbers(packet, now))
    }

    /// A packet of a layer; `key` if it begins a key frame.
    pub(crate) fn see(
        &mut self,
        layer: usize,
        packet: &Packet,
        (key, other): (bool, bool),
        now: Duration,
    ) -> Option<Out> {
        let awaited = self.target == Some(layer) && self.layer != Some(layer);
        if key && (awaited || other && self.layer == Some(layer)) {
            self.munger.switch();
            self.layer = Some(layer);
        } else if other && self.layer == Some(layer) {
            self.layer = None;
        }
        if self.layer != Some(layer) {
            return None;
        }
        self.munger.forward(&numbers(packet, now))
    }
}

fn numbers(packet: &Packet, now: Duration) -> In {
    In {
        seq: packet.seq,
        ts: packet.time,
        clock_rate: packet.codec.clock_rate(),
        at: now,
        vp8: packet.vp8(),
    }
}

/// Numbers that nobody guesses. Where the system has none to give, fixed ones do: they only make
/// it harder to guess what is encrypted.
fn random() -> [u32; 3] {
    let mut bytes = [0; 12];
    let filled = getrandom::fill(&mut bytes);
    debug_assert!(filled.is_ok());
    let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| bytes[at + i]));
    [word(0), word(4), word(8)]
}

/// An offer that the client has not answered, with the sections that it adds.
pub(crate) struct Offered {
    pub(crate) sdp: String,
    pub(crate) audio: Vec<Mid>,
    pub(crate) video: Vec<Mid>,
}

/// The subscribing side of a participant.
pub(crate) struct Viewer {
    pub(crate) link: Id,
    pub(crate) connected: bool,
    /// Whether nothing was heard of the client for a while.
    pub(crate) away: bool,
    /// The other end, since it answered for the first time.
    pub(crate) fingerprint: Option<String>,
    pub(crate) audio: Vec<Slot>,
    pub(crate) video: Vec<Slot>,
    pub(crate) offered: Option<Offered>,
    /// What is on the screen, the most important first.
    pub(crate) views: Vec<View>,
    pub(crate) selector: Selector<Key>,
    pub(crate) way: Way,
    /// When layers are chosen next at the latest.
    pub(crate) choose_at: Duration,
    /// Its queue was too long: no pictures until it is empty.
    pub(crate) jammed: bool,
}

impl Viewer {
    pub(crate) fn new(link: Id, offered: Offered) -> Viewer {
        Viewer {
            link,
            connected: false,
            away: false,
            audio: Vec::new(),
            video: Vec::new(),
            offered: Some(offered),
            views: Vec::new(),
            selector: Selector::new(),
            way: Way::new(ESTIMATE_FIRST_BPS),
            fingerprint: None,
            choose_at: Duration::ZERO,
            jammed: false,
        }
    }

    /// Whether anything is sent to the client.
    pub(crate) fn watches(&self) -> bool {
        self.connected && !self.away
    }

    /// The client has answered: the sections of the offer are there.
    pub(crate) fn grow(&mut self, offered: Offered) {
        self.audio.extend(offered.audio.into_iter().map(Slot::new));
        self.video.extend(offered.video.into_iter().map(Slot::new));
        self.arrange();
    }

    /// Something else is on the screen.
    pub(crate) fn look(&mut self, views: Vec<View>) {
        self.views = views;
        self.choose_at = Duration::ZERO;
        self.arrange();
    }

    fn arrange(&mut self) {
        let mut shown: Vec<Option<Key>> = self.video.iter().map(|slot| slot.shows).collect();
        if assign(&mut shown, &self.wanted()) {
            self.video.iter_mut().zip(shown).for_each(|(slot, key)| slot.show(key));
        }
    }

    /// What shall be shown. There will be slots for all of it once the connection has grown; until
    /// then, what is shown stays.
    fn wanted(&self) -> Vec<Key> {
        let wanted = self.views.iter().map(|view| (view.participant, view.source));
        let shown = |key: &Key| self.video.iter().any(|slot| slot.shows == Some(*key));
        let (mut first, rest): (Vec<Key>, Vec<Key>) = wanted.partition(shown);
        first.extend(rest);
        first
    }

    /// What each slot shows, also those that are there when the offer is answered.
    pub(crate) fn slots(&self) -> Vec<room::Slot> {
        let mut mids: Vec<Mid> = self.video.iter().map(|slot| slot.mid).collect();
        mids.extend(self.offered.iter().flat_map(|offered| &offered.video));
        let mut shown: Vec<Option<Key>> = self.video.iter().map(|slot| slot.shows).collect();
        shown.resize(mids.len(), None);
        assign(&mut shown, &self.wanted());
        let shown = mids.into_iter().zip(shown);
        let slot = |(mid, key): (Mid, Option<Key>)| {
            let (participant, source) = key?;
            Some(room::Slot { mid: mid.to_string(), participant, source })
        };
        shown.filter_map(slot).collect()
    }

    /// Chooses who is heard: `voices` in the order of their weight, and the sound of a screen.
    /// Answers whether anything changed.
    pub(crate) fn listen(&mut self, voices: &[Key], screen: Option<Key>) -> bool {
        let Some((last, slots)) = self.audio.split_last_mut() else { return false };
        let mut heard: Vec<Option<Key>> = slots.iter().map(|slot| slot.shows).collect();
        let changed = assign(&mut heard, voices);
        slots.iter_mut().zip(heard).for_each(|(slot, key)| slot.show(key));
        let other = last.shows != screen;
        last.show(screen);
        changed || other
    }

    /// The slot of a section that shows pictures.
    pub(crate) fn slot(&self, mid: Mid) -> Option<&Slot> {
        self.video.iter().find(|slot| slot.mid == mid)
    }
}
