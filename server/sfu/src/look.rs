//! What a room decides a few times a second: who speaks and is heard, which layer everybody gets,
//! what is asked of publishers, and who is gone.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use carillon_plugin::MediaFact;
use carillon_protocol::{
    ParticipantId,
    room::{Source, View},
};

use crate::{
    adapter::Happened,
    mux::Id,
    net::Net,
    publish::{Layer, Track},
    relief::Relief,
    room::{Person, Room},
    select::{Class, LayerRate, Wish, budget, estimate_for},
    subscribe::{Key, VOICES, Viewer},
};

/// A room looks at itself this often: a new voice is heard after half of it on average.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Who speaks is said at most so often: four times a second.
const SAID_EVERY: Duration = Duration::from_millis(250);
/// Layers are chosen at least this often, besides when the estimate changes.
const CHOOSE_EVERY: Duration = Duration::from_secs(1);
/// Who is not heard for so long is away: nothing is sent to them until they are back. Browsers
/// check the way every five seconds at least.
const AWAY_AFTER: Duration = Duration::from_secs(15);
/// Pictures that wait longer than this are late: what comes after is dropped until they are gone.
const QUEUE_MAX: Duration = Duration::from_millis(300);

/// The way to a client is kept filled up to the next better layer and this share of it, in percent:
/// what is not tried is not known to be carried.
const SUSTAINED_PERCENT: u64 = 130;

/// What a look needs besides the room.
pub(crate) struct Look<'a> {
    pub(crate) net: &'a mut Net,
    pub(crate) now: Instant,
    /// The same, since the thread began.
    pub(crate) at: Duration,
    /// Somebody who was not heard for so long is gone.
    pub(crate) lost_after: Duration,
    /// Whether the thread has too much to do: nobody gets more than they have.
    pub(crate) strained: bool,
    /// What is left out because it has had for a while.
    pub(crate) relief: &'a Relief,
    pub(crate) told: &'a dyn Fn(MediaFact),
}

impl Room {
    /// Whether it must not wait until the next look is due: something changed, or a decoder stands
    /// still.
    pub(crate) fn is_urgent(&self, at: Duration) -> bool {
        self.changed || self.keyframes.next().is_some_and(|next| next <= at)
    }

    /// Looks, and answers who is gone.
    pub(crate) fn look(&mut self, look: &mut Look<'_>) -> Vec<ParticipantId> {
        self.listen_for_signs(look);
        let loud = self.speakers.loudest(look.at, VOICES + 1).to_vec();
        self.say_who_speaks(&loud, look);
        if self.hear(&loud) || self.changed {
            self.changed = false;
            self.route();
        }
        for number in self.numbers() {
            self.choose(number, look);
        }
        self.aim(look);
        self.ask_keyframes(look);
        self.say_what_is_wanted(look);
        let lost = |person: &Person| look.at.saturating_sub(person.heard) > look.lost_after;
        self.people.iter().filter(|(_, p)| lost(p)).map(|(_, p)| p.id).collect()
    }

    /// Finds out when everybody was heard last, and who is away.
    fn listen_for_signs(&mut self, look: &Look<'_>) {
        let sign = |link: Id| {
            let heard = look.net.heard(link);
            heard.map(|heard| look.at.saturating_sub(look.now.saturating_duration_since(heard)))
        };
        for (_, person) in &mut self.people {
            let publish = person.publish.as_ref().and_then(|(link, _)| sign(*link));
            person.heard = publish.map_or(person.heard, |at| at.max(person.heard));
            let Some(viewer) = &mut person.viewer else { continue };
            let Some(at) = sign(viewer.link) else { continue };
            person.heard = at.max(person.heard);
            let away = look.at.saturating_sub(at) > AWAY_AFTER;
            self.changed |= away != viewer.away;
            viewer.away = away;
        }
    }

    fn numbers(&self) -> Vec<usize> {
        self.people.iter().map(|(number, _)| number).collect()
    }

    fn say_who_speaks(&mut self, loud: &[ParticipantId], look: &Look<'_>) {
        let speaking = &loud[..loud.len().min(VOICES)];
        let due = look.at.saturating_sub(self.speaking.1) >= SAID_EVERY;
        if due && self.speaking.0 != speaking {
            self.speaking = (speaking.to_vec(), look.at);
            let participants = speaking.to_vec();
            (look.told)(MediaFact::Speaking { room: self.id, participants });
        }
    }

    /// Gives the voices their slots. While there are fewer loud ones than slots, quiet ones have
    /// the rest: so nobody's first word is cut off in a small room.
    fn hear(&mut self, loud: &[ParticipantId]) -> bool {
        let heard =
            |person: &Person, source| person.permits(source) && person.track(source).is_some();
        let sends = |source| {
            let people = self.people.iter().filter(move |(_, person)| heard(person, source));
            people.map(|(_, person)| person.id).collect::<Vec<_>>()
        };
        let quiet = sends(Source::Microphone);
        let screens = sends(Source::ScreenAudio);
        let mut changed = false;
        for (_, person) in &mut self.people {
            let Some(viewer) = &mut person.viewer else { continue };
            let now = viewer.audio.iter().filter_map(|slot| slot.shows);
            let now = now.map(|(id, _)| id).collect::<Vec<_>>();
            let mut voices: Vec<Key> = Vec::with_capacity(VOICES);
            for id in loud.iter().chain(&now).filter(|id| quiet.contains(id)).chain(&quiet) {
                let voice = (*id, Source::Microphone);
                if voices.len() < VOICES && *id != person.id && !voices.contains(&voice) {
                    voices.push(voice);
                }
            }
            let before = viewer.audio.last().and_then(|slot| slot.shows).map(|(id, _)| id);
            let stays = before.filter(|id| screens.contains(id));
            let screen = stays.or_else(|| screens.iter().copied().find(|id| *id != person.id));
            changed |= viewer.listen(&voices, screen.map(|id| (id, Source::ScreenAudio)));
        }
        changed
    }

    /// Chooses somebody's layers, if it is time.
    fn choose(&mut self, number: usize, look: &mut Look<'_>) {
        let person = &self.people[number];
        let Some(viewer) = person.viewer.as_ref().filter(|viewer| viewer.watches()) else {
            return;
        };
        if look.at < viewer.choose_at {
            return;
        }
        let audio = self.audio_bps(viewer);
        let shown = |view: &&View| viewer.video.iter().any(|slot| slot.shows == Some(key(view)));
        let seen: Vec<Seen> = viewer
            .views
            .iter()
            .filter(shown)
            .filter_map(|view| {
                let (layers, class) = (&self.sent(key(view))?.layers, self.class(key(view)));
                let left = look.relief.leaves(class, layers.len());
                let layers = layers.iter().take(left).map(Layer::rate).collect();
                Some(Seen { view: *view, layers, class })
            })
            .collect();
        let wishes: Vec<(Key, Wish<'_>)> = seen.iter().map(Seen::wish).collect();
        let Some(viewer) = self.people[number].viewer.as_mut() else { return };
        viewer.choose_at = look.at + CHOOSE_EVERY;
        let affordable = budget(viewer.way.bps(look.at), audio);
        let sent = viewer.selector.spent_bps();
        if viewer.way.exceeded(sent, look.at) {
            viewer.selector.lower();
        }
        let keeps = viewer.way.keeps(sent > 0, look.at);
        let chosen = viewer.selector.select(look.at, (affordable, keeps), &wishes);
        let strained = look.strained;
        for slot in &mut viewer.video {
            let wish = wishes.iter().position(|(key, _)| Some(*key) == slot.shows);
            let chosen = wish.and_then(|wish| chosen[wish]);
            let most = if strained { slot.chosen.or(Some(0)) } else { None };
            slot.chosen = chosen.map(|layer| most.map_or(layer, |most| layer.min(most)));
        }
        viewer.fill(next_bps(&wishes, &chosen), audio, look);
    }

    /// A track that is forwarded.
    fn sent(&self, (whose, source): Key) -> Option<&Track> {
        let person = &self.people[self.number(whose)?];
        person.track(source).filter(|_| person.permits(source))
    }

    fn class(&self, (whose, source): Key) -> Class {
        match source {
            Source::Screen => Class::Screen,
            _ if self.speaking.0.first() == Some(&whose) => Class::Speaker,
            _ => Class::Other,
        }
    }

    fn audio_bps(&self, viewer: &Viewer) -> u64 {
        let tracks = viewer.audio.iter().filter_map(|slot| self.sent(slot.shows?));
        tracks.map(Track::bps).sum()
    }

    /// Sets what each slot shall show now: what was chosen for it, or what is sent of it. A slot
    /// that waits asks for a key frame.
    fn aim(&mut self, look: &mut Look<'_>) {
        for number in self.numbers() {
            let Some(viewer) = self.people[number].viewer.as_ref() else { continue };
            let watches = viewer.watches();
            let targets: Vec<Option<usize>> = viewer
                .video
                .iter()
                .map(|slot| {
                    let most = budget(viewer.way.bps(look.at), 0);
                    self.sent(slot.shows?)?.flowing(slot.chosen?, most, look.at)
                })
                .collect();
            let Some(viewer) = self.people[number].viewer.as_mut() else { continue };
            let waits_for_queue = viewer.jam(look) || viewer.way.drains(look.at);
            let full = viewer.way.is_full(look.at);
            let mut waits = Vec::new();
            for (slot, target) in viewer.video.iter_mut().zip(targets) {
                let stops = slot.aim(target.filter(|_| watches && !waits_for_queue), full);
                if let (true, Some(link)) = (stops, look.net.get(viewer.link)) {
                    link.forget(slot.mid);
                }
                if let (true, Some(key), Some(layer)) = (slot.waits(), slot.shows, slot.target) {
                    waits.push((key, layer));
                }
            }
            for ((whose, source), layer) in waits {
                if let Some(publisher) = self.number(whose) {
                    self.keyframes.wanted((publisher, source, layer), look.at);
                }
            }
        }
    }

    /// Asks publishers for the key frames that somebody waits for, of what they send.
    fn ask_keyframes(&mut self, look: &mut Look<'_>) {
        for (number, source, layer) in self.keyframes.due(look.at) {
            let asked = self.people.get(number).and_then(|person| {
                let track = person.track(source).filter(|track| !track.watchers.is_empty())?;
                let layer = track.layers.get(layer).filter(|layer| layer.flows(look.at))?;
                let (link, _) = person.publish.as_ref()?;
                Some((*link, track.mid, layer.rid))
            });
            match asked {
                Some((link, mid, rid)) => look.net.ask_keyframe(link, mid, rid),
                None => self.keyframes.unwanted((number, source, layer)),
            }
        }
    }

    /// Tells publishers how many of their layers anybody looks at.
    fn say_what_is_wanted(&mut self, look: &Look<'_>) {
        let mut wanted: HashMap<Key, u8> = HashMap::new();
        for (_, person) in &self.people {
            let viewer = person.viewer.iter().filter(|viewer| viewer.watches());
            let slots = viewer.flat_map(|viewer| &viewer.video);
            for (key, layer) in slots.filter_map(|slot| Some((slot.shows?, slot.chosen?))) {
                let most = wanted.entry(key).or_default();
                *most = (*most).max(layer as u8 + 1);
            }
        }
        for (_, person) in &mut self.people {
            let (id, user, permitted) = (person.id, person.user, &person.permitted);
            for track in person.tracks.iter_mut().filter(|t| permitted.contains(&t.source)) {
                if track.source.is_audio() {
                    continue;
                }
                let layers = wanted.get(&(id, track.source)).copied().unwrap_or_default();
                let arrive = layers == 0
                    || track.layers.get(usize::from(layers) - 1).is_some_and(|l| l.flows(look.at));
                if track.wanted.say(layers, arrive, look.at) {
                    let (room, source) = (self.id, track.source);
                    let fact = MediaFact::Wanted { room, participant: id, user, source, layers };
                    (look.told)(fact);
                }
            }
        }
    }
}

/// What all pictures cost with the cheapest better layer among them, if one is better.
fn next_bps(wishes: &[(Key, Wish<'_>)], chosen: &[Option<usize>]) -> Option<u64> {
    let bps = |wish: &Wish<'_>, layer: Option<usize>| layer.map_or(0, |i| wish.layers[i].bps);
    let all = wishes.iter().zip(chosen);
    let now: u64 = all.clone().map(|((_, wish), layer)| bps(wish, *layer)).sum();
    let steps = all.filter_map(|((_, wish), layer)| {
        let better = layer.map_or(0, |layer| layer + 1);
        let useful = better < wish.useful();
        useful.then(|| bps(wish, Some(better)).saturating_sub(bps(wish, *layer)))
    });
    steps.min().map(|step| now + step)
}

/// A view of what is sent now.
struct Seen {
    view: View,
    layers: Vec<LayerRate>,
    class: Class,
}

impl Seen {
    fn wish(&self) -> (Key, Wish<'_>) {
        let View { width, height, .. } = self.view;
        (key(&self.view), Wish { layers: &self.layers, width, height, class: self.class })
    }
}

fn key(view: &View) -> Key {
    (view.participant, view.source)
}

impl Viewer {
    /// Something was said of the way to the client.
    pub(crate) fn learn(&mut self, said: &Happened, now: Duration) {
        match said {
            Happened::Estimate(bps) => self.way.estimated(*bps),
            Happened::Limit(bps) => self.way.limited(*bps),
            Happened::Reported(report) => self.way.reported(*report, now),
            Happened::Lost(loss) => self.way.lost(*loss, now),
            _ => {}
        }
    }

    /// Says how the way is to be used, and tried: at what pace what was chosen leaves, which costs
    /// `next_bps` with one better layer, and what it is filled up with.
    fn fill(&mut self, next_bps: Option<u64>, audio: u64, look: &mut Look<'_>) {
        let Some(link) = look.net.get(self.link) else { return };
        let full = self.way.is_full(look.at);
        let spent = self.selector.spent_bps() + audio;
        // Nothing is filled up or tried while the queue that there is has to go.
        let desired = if full { 0 } else { estimate_for(self.selector.desired_bps(), audio) };
        let sustained =
            next_bps.map_or(0, |bps| estimate_for(bps, audio) / 100 * SUSTAINED_PERCENT);
        link.desire(sustained.min(desired), desired);
        if let Some(bps) = self.way.stuck(desired, look.at) {
            link.estimate_anew(bps);
        }
        tracing::trace!(viewer = self.link, way = ?self.way, full, spent, desired, sustained);
        // While an estimate falls, a larger layer is written faster than it may leave: what would
        // wait here, the smaller one would have to wait for.
        let falls = full && self.video.iter().any(|slot| slot.chosen > Some(0));
        let evenly = !falls && self.way.is_paced(spent, look.at);
        for slot in self.video.iter().filter(|slot| slot.shows.is_some()) {
            link.prepare(slot.mid);
            link.pace(slot.mid, evenly);
        }
    }

    /// Whether pictures wait for too long to be sent: then none is added, until none is left.
    fn jam(&mut self, look: &mut Look<'_>) -> bool {
        let Some(link) = look.net.get(self.link) else { return false };
        let waits = self.video.iter().map(|slot| link.waits(slot.mid, look.now));
        let longest = waits.max().unwrap_or_default();
        if longest > QUEUE_MAX {
            self.jammed = true;
            self.way.jams(look.at);
        } else if longest.is_zero() {
            self.jammed = false;
        }
        self.jammed
    }
}
