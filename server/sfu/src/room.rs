//! A room on its media thread: who is in it, what they send, and the way of a packet through it.

use std::{
    collections::{HashMap, HashSet},
    mem::take,
    time::Duration,
};

use carillon_plugin::{Error, Result};
use carillon_protocol::{ParticipantId, RoomId, UserId, room::Source};
use slab::Slab;

use crate::{
    adapter::{Happened, Mid, Packet},
    frame,
    keyframe::KeyFrames,
    mux::Id,
    net::Net,
    publish::{Track, Watcher},
    speaker::Speakers,
    stats::add,
    subscribe::{Key, Viewer},
};

/// What is heard of somebody whose client does not say how loud they are, in decibels below the
/// loudest: quiet, but a voice.
const UNSAID_LEVEL: u8 = 35;

/// A layer of a track: the publisher's number, what it sends, and the layer's number.
pub(crate) type LayerKey = (usize, Source, usize);

/// Somebody in a room.
pub(crate) struct Person {
    pub(crate) id: ParticipantId,
    pub(crate) user: UserId,
    /// When something was heard of them: a call, media, or a check of the way.
    pub(crate) heard: Duration,
    /// What of them is forwarded.
    pub(crate) permitted: Vec<Source>,
    /// What they send on, and the fingerprint of the other end.
    pub(crate) publish: Option<(Id, String)>,
    /// The streams that were named in offers for that connection.
    pub(crate) named: HashSet<u32>,
    pub(crate) tracks: Vec<Track>,
    pub(crate) viewer: Option<Viewer>,
}

impl Person {
    pub(crate) fn permits(&self, source: Source) -> bool {
        self.permitted.contains(&source)
    }

    pub(crate) fn track(&self, source: Source) -> Option<&Track> {
        self.tracks.iter().find(|track| track.source == source)
    }
}

pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) people: Slab<Person>,
    numbers: HashMap<ParticipantId, usize>,
    pub(crate) speakers: Speakers<ParticipantId>,
    /// Who was said to speak, and when.
    pub(crate) speaking: (Vec<ParticipantId>, Duration),
    pub(crate) keyframes: KeyFrames<LayerKey>,
    /// Whether somebody came, went, or may send something else, since the last look.
    pub(crate) changed: bool,
}

impl Room {
    pub(crate) fn new(id: RoomId) -> Room {
        Room {
            id,
            people: Slab::new(),
            numbers: HashMap::new(),
            speakers: Speakers::new(),
            speaking: (Vec::new(), Duration::ZERO),
            keyframes: KeyFrames::new(),
            changed: true,
        }
    }

    pub(crate) fn number(&self, id: ParticipantId) -> Option<usize> {
        self.numbers.get(&id).copied()
    }

    /// Somebody, by a call of theirs.
    pub(crate) fn caller(&mut self, id: ParticipantId, now: Duration) -> Result<&mut Person> {
        let person = self.numbers.get(&id).and_then(|number| self.people.get_mut(*number));
        let person = person.ok_or_else(|| Error::not_found("participant"))?;
        person.heard = now;
        Ok(person)
    }

    /// Takes somebody in.
    pub(crate) fn enter(&mut self, person: Person) {
        let id = person.id;
        self.numbers.insert(id, self.people.insert(person));
        self.changed = true;
    }

    /// Removes somebody, and answers their connections.
    pub(crate) fn remove(&mut self, id: ParticipantId) -> Vec<Id> {
        let Some(number) = self.numbers.remove(&id) else { return Vec::new() };
        let person = self.people.remove(number);
        self.speakers.gone(id);
        self.forget_tracks(number, &person.tracks);
        self.changed = true;
        let publish = person.publish.map(|(link, _)| link);
        publish.into_iter().chain(person.viewer.map(|viewer| viewer.link)).collect()
    }

    fn forget_tracks(&mut self, number: usize, tracks: &[Track]) {
        for track in tracks {
            for layer in 0..track.layers.len() {
                self.keyframes.unwanted((number, track.source, layer));
            }
        }
    }

    /// Somebody's tracks are these from now on; those that stay keep what is known of them.
    pub(crate) fn publish(&mut self, number: usize, tracks: Vec<Track>) {
        let before = take(&mut self.people[number].tracks);
        self.forget_tracks(number, &before);
        let same = |new: &Track, old: &Track| {
            let rids = |track: &Track| track.layers.iter().map(|l| l.rid).collect::<Vec<_>>();
            (new.source, new.mid) == (old.source, old.mid) && rids(new) == rids(old)
        };
        let mut before = before.into_iter().map(Some).collect::<Vec<_>>();
        let kept = tracks.into_iter().map(|new| {
            let old = before.iter_mut().find(|old| old.as_ref().is_some_and(|o| same(&new, o)));
            old.and_then(Option::take).unwrap_or(new)
        });
        self.people[number].tracks = kept.collect();
        self.changed = true;
    }

    /// What of somebody is forwarded from now on.
    pub(crate) fn permit(&mut self, number: usize, sends: Vec<Source>) {
        let person = &mut self.people[number];
        if person.permitted != sends {
            if !sends.contains(&Source::Microphone) {
                self.speakers.gone(person.id);
            }
            person.permitted = sends;
            self.changed = true;
        }
    }

    /// Works out who gets the packets of each track.
    pub(crate) fn route(&mut self) {
        let mut watchers: HashMap<Key, Vec<Watcher>> = HashMap::new();
        for (who, person) in &self.people {
            let Some(viewer) = person.viewer.as_ref().filter(|viewer| viewer.watches()) else {
                continue;
            };
            for slots in [&viewer.audio, &viewer.video] {
                for (slot, shows) in slots.iter().enumerate().map(|(i, slot)| (i, slot.shows)) {
                    // Nobody hears or sees themselves, whatever they ask for.
                    if let Some(key) = shows.filter(|key| key.0 != person.id) {
                        watchers.entry(key).or_default().push(Watcher { who, slot });
                    }
                }
            }
        }
        for (_, person) in &mut self.people {
            for track in &mut person.tracks {
                track.watchers = watchers.remove(&(person.id, track.source)).unwrap_or_default();
            }
        }
    }

    /// Something happened on a connection of somebody.
    pub(crate) fn happened(
        &mut self,
        (net, number): (&mut Net, usize),
        link: Id,
        happened: Happened,
        now: Duration,
    ) {
        let person = &mut self.people[number];
        let sends = person.publish.as_ref().is_some_and(|(known, _)| *known == link);
        let viewer = person.viewer.as_mut().filter(|viewer| viewer.link == link);
        match happened {
            Happened::Media(packet) if sends => self.media(net, number, &packet, now),
            Happened::Connected => {
                if let Some(viewer) = viewer {
                    (viewer.connected, viewer.choose_at) = (true, Duration::ZERO);
                }
                self.changed = true;
            }
            Happened::Closed if sends => {
                person.publish = None;
                self.publish(number, Vec::new());
            }
            // Its number says nothing any more: whoever asks for it is told to join again.
            Happened::Closed if viewer.is_some() => {
                person.viewer = None;
                self.changed = true;
            }
            Happened::Closed => {}
            Happened::Estimate(_)
            | Happened::Limit(_)
            | Happened::Reported(_)
            | Happened::Lost(_) => {
                if let Some(viewer) = viewer {
                    viewer.choose_at = Duration::ZERO;
                    viewer.learn(&happened, now);
                }
            }
            Happened::KeyframeWanted(mid) => self.keyframe_wanted(number, mid, now),
            Happened::Media(_) => {}
        }
    }

    /// A receiver lost what it needs to go on.
    fn keyframe_wanted(&mut self, number: usize, mid: Mid, now: Duration) {
        let viewer = self.people[number].viewer.as_ref();
        let Some(slot) = viewer.and_then(|viewer| viewer.slot(mid)) else { return };
        if let (Some((whose, source)), Some(layer)) = (slot.shows, slot.layer.or(slot.target))
            && let Some(publisher) = self.number(whose)
        {
            self.keyframes.wanted((publisher, source, layer), now);
        }
    }

    /// The way of a packet: from who sent it to all who hear or see it now.
    fn media(&mut self, net: &mut Net, number: usize, packet: &Packet, now: Duration) {
        let person = &mut self.people[number];
        let id = person.id;
        let Some(at) = person.tracks.iter().position(|track| track.mid == packet.mid) else {
            return;
        };
        let source = person.tracks[at].source;
        if !person.permits(source) {
            add(&net.counters.muted, 1);
            return;
        }
        let track = &mut person.tracks[at];
        if !track.afford(packet, now) {
            add(&net.counters.excess, 1);
            return;
        }
        let Some(layer) = track.layer(packet.rid) else { return };
        // Whoever waits for it is shown it at once.
        self.changed |= !track.layers[layer].flows(now);
        let key = frame::key(packet);
        let other = track.layers[layer].came(packet, key, now);
        let watchers = take(&mut track.watchers);
        if source == Source::Microphone {
            self.speakers.level(id, packet.level.unwrap_or(UNSAID_LEVEL), now);
        }
        if key.is_some() {
            self.keyframes.seen((number, source, layer));
        }
        for Watcher { who, slot } in &watchers {
            let Some(viewer) = self.people.get_mut(*who).and_then(|p| p.viewer.as_mut()) else {
                continue;
            };
            let slots = if source.is_audio() { &mut viewer.audio } else { &mut viewer.video };
            // Whoever shows something else by now is routed anew before long.
            let Some(slot) = slots.get_mut(*slot).filter(|s| s.shows == Some((id, source))) else {
                continue;
            };
            let numbers = if source.is_audio() {
                slot.hear(packet, other, now)
            } else {
                slot.see(layer, packet, (key.is_some(), other), now)
            };
            if let Some(numbers) = numbers
                && !net.write(viewer.link, slot.mid, packet, numbers)
            {
                add(&net.counters.dropped, 1);
            }
        }
        if let Some(track) = self.people[number].tracks.get_mut(at) {
            track.watchers = watchers;
        }
    }
}
