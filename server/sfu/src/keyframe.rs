//! Who asks a sender for key frames: one asker a layer, seldom, and until one is seen. Many
//! subscribers may wait for the same one, and requests are lost like any packet.
//!
//! Times are durations since any fixed moment.

use std::{collections::BTreeMap, time::Duration};

/// The shortest time between two requests for one layer. Encoders ignore more frequent ones, and a
/// key frame is large.
const INTERVAL: Duration = Duration::from_millis(500);

/// The key frames that are waited for.
#[derive(Debug)]
pub struct KeyFrames<L> {
    layers: BTreeMap<L, Layer>,
}

#[derive(Debug)]
struct Layer {
    /// Whether somebody waits.
    awaited: bool,
    /// When the next request may be made.
    due: Duration,
}

impl<L: Copy + Ord> KeyFrames<L> {
    /// Nobody waits.
    pub fn new() -> KeyFrames<L> {
        KeyFrames { layers: BTreeMap::new() }
    }

    /// Somebody waits for a key frame of a layer.
    pub fn wanted(&mut self, layer: L, now: Duration) {
        let layer = self.layers.entry(layer).or_insert(Layer { awaited: false, due: now });
        if !layer.awaited {
            layer.awaited = true;
            layer.due = layer.due.max(now);
        }
    }

    /// A key frame of a layer came.
    pub fn seen(&mut self, layer: L) {
        self.unwanted(layer);
    }

    /// Nobody waits for a key frame of a layer any longer.
    pub fn unwanted(&mut self, layer: L) {
        // It stays known, so that whoever wants the next one does not ask too soon.
        if let Some(layer) = self.layers.get_mut(&layer) {
            layer.awaited = false;
        }
    }

    /// The layers to request a key frame of now; they are due again later, until one is seen.
    pub fn due(&mut self, now: Duration) -> Vec<L> {
        self.layers.retain(|_, layer| layer.awaited || layer.due > now);
        let due = self.layers.iter_mut().filter(|(_, layer)| layer.awaited && layer.due <= now);
        due.map(|(layer, state)| {
            state.due = now + INTERVAL;
            *layer
        })
        .collect()
    }

    /// When [`KeyFrames::due`] has something to say.
    pub fn next(&self) -> Option<Duration> {
        self.layers.values().filter(|layer| layer.awaited).map(|layer| layer.due).min()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use proptest::prelude::*;

    use super::*;

    const ROUND: Duration = Duration::from_millis(10);

    /// What happens to one of three layers.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Wanted(u8),
        Seen(u8),
        Pass(u32),
    }

    fn a_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_u8..3).prop_map(Step::Wanted),
            (0_u8..3).prop_map(Step::Seen),
            (1_u32..30).prop_map(Step::Pass),
        ]
    }

    /// Whoever asks `due` again and again keeps the promises.
    fn check(
        steps: &[Step],
        mut due: impl FnMut(&mut KeyFrames<u8>, Duration) -> Vec<u8>,
    ) -> Result<(), String> {
        let mut frames = KeyFrames::new();
        let mut waits: BTreeSet<u8> = BTreeSet::new();
        let mut asked: HashMap<u8, Duration> = HashMap::new();
        let mut now = Duration::ZERO;
        for step in steps {
            let until = match step {
                Step::Wanted(layer) => {
                    frames.wanted(*layer, now);
                    waits.insert(*layer);
                    now
                }
                Step::Seen(layer) => {
                    frames.seen(*layer);
                    waits.remove(layer);
                    now
                }
                Step::Pass(rounds) => now + ROUND * *rounds,
            };
            loop {
                let is_due = frames.next().is_some_and(|at| at <= now);
                let asks = due(&mut frames, now);
                if asks.is_empty() == is_due {
                    return Err(format!("{asks:?} are due, next said {is_due}"));
                }
                for layer in asks {
                    if !waits.contains(&layer) {
                        return Err(format!("{layer} is asked for, and nobody waits"));
                    }
                    let before = asked.insert(layer, now);
                    if before.is_some_and(|before| now - before < INTERVAL) {
                        return Err(format!("{layer} is asked for too often"));
                    }
                }
                if now >= until {
                    break;
                }
                now += ROUND;
            }
            let late = |layer: &&u8| asked.get(layer).is_none_or(|at| now - *at >= INTERVAL);
            if let Some(layer) = waits.iter().find(late) {
                return Err(format!("{layer} is not asked for"));
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn each_layer_is_asked_for_at_most_twice_a_second_until_it_is_seen(
            steps in prop::collection::vec(a_step(), 1..80),
        ) {
            prop_assert_eq!(check(&steps, KeyFrames::due), Ok(()));
        }
    }

    #[test]
    fn the_check_finds_what_is_planted() {
        use Step::{Pass, Seen, Wanted};
        let steps = [Wanted(1), Pass(10), Seen(1), Wanted(1), Pass(45), Pass(60), Seen(1)];
        assert_eq!(check(&steps, KeyFrames::due), Ok(()));
        // One that forgets what it asked, one that asks once, one that asks for everything.
        let forgets = |frames: &mut KeyFrames<u8>, now| {
            let due = frames.due(now);
            for layer in &due {
                frames.layers.get_mut(layer).unwrap().due = now + INTERVAL / 5;
            }
            due
        };
        assert!(check(&steps, forgets).unwrap_err().contains("too often"));
        let once = |frames: &mut KeyFrames<u8>, now| {
            let due = frames.due(now);
            due.iter().for_each(|layer| frames.seen(*layer));
            due
        };
        assert!(check(&steps, once).unwrap_err().contains("not asked for"));
        let all = |frames: &mut KeyFrames<u8>, now| {
            frames.due(now);
            vec![1, 2]
        };
        assert!(check(&steps, all).unwrap_err().contains("nobody waits"));
    }

    #[test]
    fn nothing_is_due_and_nothing_is_kept_when_nobody_waits() {
        let mut frames = KeyFrames::new();
        frames.wanted(7, Duration::ZERO);
        assert_eq!(frames.due(Duration::ZERO), [7]);
        frames.seen(7);
        assert_eq!(frames.next(), None);
        assert!(frames.due(INTERVAL).is_empty() && frames.layers.is_empty());
    }
}
