//! Who is heard: the loudest of those whose voices carry their level with them (RFC 6464).
//!
//! Levels are smoothed, so that a cough is nobody's turn to speak, and turns are steady: who
//! paused for breath keeps theirs, and of those who talk at the same time the first ones do.
//!
//! Times are durations since any fixed moment; levels are -dBov, 0 the loudest, 127 silence.

use std::{collections::HashMap, hash::Hash, time::Duration};

/// How quickly the smoothed level follows: two thirds of the way in this time.
const SMOOTHING_SECONDS: f32 = 0.3;
/// Whoever is louder, smoothed, talks.
const TALKS: f32 = 40.0;
/// What is more silent counts as this: the way up is short then.
const SILENCE: f32 = 60.0;
/// How long somebody is heard who is silent, and how long they must be louder than another to
/// take their place.
const HYSTERESIS: Duration = Duration::from_millis(700);
/// How much sound one packet stands for at most. Those who are silent send less often or nothing.
const PACKET_MAX: Duration = Duration::from_millis(60);

/// The voices of a room.
#[derive(Debug)]
pub struct Speakers<K> {
    voices: HashMap<K, Voice>,
    /// Who has a turn; the first is the one to look at, the others are in no order.
    heard: Vec<K>,
}

#[derive(Debug)]
struct Voice {
    /// Smoothed, when the last packet came.
    level: f32,
    /// When that was.
    at: Duration,
    /// When they talked last.
    talked: Option<Duration>,
    /// Since when they are louder than whose place they could take.
    louder_since: Option<Duration>,
}

impl Voice {
    /// The smoothed level now, when nothing came since the last packet.
    fn level(&self, now: Duration) -> f32 {
        let gap = now.saturating_sub(self.at).saturating_sub(PACKET_MAX);
        follow(self.level, SILENCE, gap)
    }

    fn talks(&self, now: Duration) -> bool {
        self.level(now) < TALKS
    }

    /// Whether they talk, or did so a moment ago.
    fn keeps_turn(&self, now: Duration) -> bool {
        self.talked.is_some_and(|at| now.saturating_sub(at) < HYSTERESIS)
    }

    /// Whether they are, and were for long enough, louder than somebody else.
    fn outdoes(&mut self, louder: bool, now: Duration) -> bool {
        if !louder {
            self.louder_since = None;
            return false;
        }
        let since = *self.louder_since.get_or_insert(now);
        now.saturating_sub(since) >= HYSTERESIS
    }
}

fn follow(from: f32, to: f32, time: Duration) -> f32 {
    to + (from - to) * (-time.as_secs_f32() / SMOOTHING_SECONDS).exp()
}

impl<K: Copy + Ord + Hash> Speakers<K> {
    /// Nobody talks.
    pub fn new() -> Speakers<K> {
        Speakers { voices: HashMap::new(), heard: Vec::new() }
    }

    /// A packet of a voice had this level.
    pub fn level(&mut self, who: K, level: u8, now: Duration) {
        let new = Voice {
            level: SILENCE,
            at: now.saturating_sub(PACKET_MAX / 3),
            talked: None,
            louder_since: None,
        };
        let voice = self.voices.entry(who).or_insert(new);
        // A packet speaks for the time since the one before, up to a limit: what was before that
        // was silence.
        let passed = now.saturating_sub(voice.at).min(PACKET_MAX);
        let level = f32::from(level).min(SILENCE);
        voice.level = follow(voice.level(now), level, passed);
        voice.at = now;
    }

    /// A voice is gone, or muted.
    pub fn gone(&mut self, who: K) {
        self.voices.remove(&who);
        self.heard.retain(|heard| *heard != who);
    }

    /// Those who are heard now, at most `n`; the first is who talks. To be asked every 50 to 100
    /// ms: only here turns change.
    pub fn loudest(&mut self, now: Duration, n: usize) -> &[K] {
        for voice in self.voices.values_mut() {
            match voice.talks(now) {
                true => voice.talked = Some(now),
                false => voice.louder_since = None,
            }
        }
        let voices = &self.voices;
        self.heard.retain(|who| voices.get(who).is_some_and(|voice| voice.keeps_turn(now)));
        self.heard.truncate(n);
        self.let_in(now, n);
        self.put_first(now);
        &self.heard
    }

    /// Those who talk and have no turn get one: a free one, that of somebody silent, or that of
    /// the most silent if they were louder for long enough.
    fn let_in(&mut self, now: Duration, n: usize) {
        let mut waiting: Vec<K> = self.voices.keys().copied().collect();
        waiting.retain(|who| !self.heard.contains(who) && self.voices[who].talks(now));
        let level_of = |who: &K| self.level_of(*who, now);
        waiting.sort_by(|one, other| {
            level_of(one).total_cmp(&level_of(other)).then_with(|| one.cmp(other))
        });
        for who in waiting {
            if self.heard.len() == n && !self.makes_room(who, now) {
                continue;
            }
            if let Some(voice) = self.voices.get_mut(&who) {
                voice.louder_since = None;
                self.heard.push(who);
            }
        }
    }

    /// Takes the turn of the most silent, if they are silent or somebody else was louder for long
    /// enough; then nobody takes another for as long.
    fn makes_room(&mut self, who: K, now: Duration) -> bool {
        let levels = self.heard.iter().map(|heard| self.level_of(*heard, now)).enumerate();
        let most_silent = levels.max_by(|(_, one), (_, other)| one.total_cmp(other));
        let Some((place, level)) = most_silent else { return false };
        let louder = self.level_of(who, now) < level;
        let outdoes = self.voices.get_mut(&who).is_some_and(|voice| voice.outdoes(louder, now));
        let silent = level >= TALKS;
        if silent || outdoes {
            self.heard.remove(place);
        }
        if outdoes {
            let heard = &self.heard;
            let others = self.voices.iter_mut().filter(|(other, _)| !heard.contains(other));
            others.for_each(|(_, voice)| voice.louder_since = None);
        }
        silent || outdoes
    }

    /// The first stays until another was louder for long enough.
    fn put_first(&mut self, now: Duration) {
        let Some(first) = self.heard.first().copied() else { return };
        let to_beat = self.level_of(first, now);
        let mut next: Option<(usize, f32)> = None;
        for (place, who) in self.heard.iter().enumerate().skip(1) {
            let Some(voice) = self.voices.get_mut(who) else { continue };
            let level = voice.level(now);
            let outdoes = voice.outdoes(level < to_beat, now);
            if outdoes && next.is_none_or(|(_, loudest)| level < loudest) {
                next = Some((place, level));
            }
        }
        if let Some((place, _)) = next {
            self.heard.swap(0, place);
            self.voices.values_mut().for_each(|voice| voice.louder_since = None);
        }
    }

    fn level_of(&self, who: K, now: Duration) -> f32 {
        self.voices.get(&who).map_or(SILENCE, |voice| voice.level(now))
    }
}

#[cfg(test)]
mod tests;
