//! What is left out while a thread has too much to do: the better layers, the least important
//! pictures' first. The smallest layer of everything, and the sound, always stay.
//!
//! Times are durations since any fixed moment.

use std::time::Duration;

use crate::select::Class;

/// So long it takes to see what leaving something out has helped: publishers stop a layer that
/// nobody gets after three seconds.
const MORE_AFTER: Duration = Duration::from_secs(4);
/// What was left out comes back one step after the other, when all was well for so long.
const LESS_AFTER: Duration = Duration::from_secs(10);
/// For each class, two better layers.
const STEPS_MAX: usize = 6;

/// How much is left out.
#[derive(Debug, Default)]
pub struct Relief {
    steps: usize,
    /// When it was decided last; nothing if all is well.
    since: Option<Duration>,
}

impl Relief {
    /// The thread has too much to do now, or has not; answers whether something is decided anew.
    pub fn strained(&mut self, strained: bool, now: Duration) -> bool {
        let passed = self.since.map(|since| now.saturating_sub(since));
        let before = self.steps;
        match (strained, passed) {
            // The first answer is that nothing gets better.
            (true, None) => self.since = Some(now),
            (true, Some(passed)) if passed >= MORE_AFTER => {
                self.steps = (self.steps + 1).min(STEPS_MAX);
                self.since = Some(now);
            }
            (false, Some(passed)) if passed >= LESS_AFTER => {
                self.since = (self.steps > 0).then_some(now);
                self.steps = self.steps.saturating_sub(1);
            }
            _ => {}
        }
        self.steps != before
    }

    /// How many layers, from the smallest on, are left of those of a picture.
    pub fn leaves(&self, class: Class, layers: usize) -> usize {
        let before = match class {
            Class::Other => 0,
            Class::Speaker => 2,
            Class::Screen => 4,
        };
        layers.saturating_sub(self.steps.saturating_sub(before).min(2)).max(layers.min(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLASSES: [Class; 3] = [Class::Screen, Class::Speaker, Class::Other];

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    proptest! {
        #[test]
        fn the_less_important_goes_first_and_the_smallest_layer_never(
            strains in prop::collection::vec((any::<bool>(), 1_u64..20), 0..60),
            layers in 1_usize..=3,
        ) {
            let (mut relief, mut now) = (Relief::default(), Duration::ZERO);
            for (strained, passed) in strains {
                now += seconds(passed);
                let before = CLASSES.map(|class| relief.leaves(class, layers));
                relief.strained(strained, now);
                let left = CLASSES.map(|class| relief.leaves(class, layers));
                for (class, (before, left)) in before.into_iter().zip(left).enumerate() {
                    prop_assert!((1..=layers).contains(&left));
                    prop_assert!(left == before || (left < before) == strained);
                    prop_assert!(left.abs_diff(before) <= 1);
                    // Whoever has lost something is preceded by all that matters less.
                    let smallest = |less: &Class| relief.leaves(*less, layers) == 1;
                    prop_assert!(left == layers || CLASSES[class + 1..].iter().all(smallest));
                }
            }
        }
    }

    #[test]
    fn a_thread_that_is_strained_for_long_is_left_the_smallest_layers_and_gets_all_back() {
        let mut relief = Relief::default();
        let left = |relief: &Relief| CLASSES.map(|class| relief.leaves(class, 3));
        assert!(!relief.strained(true, seconds(0)));
        assert!(!relief.strained(true, seconds(3)), "nothing better is given first");
        assert!(relief.strained(true, seconds(4)));
        assert_eq!(left(&relief), [3, 3, 2]);
        (5..60).for_each(|at| {
            relief.strained(true, seconds(at));
        });
        assert_eq!(left(&relief), [1, 1, 1]);
        assert!(!relief.strained(false, seconds(60)));
        assert!(relief.strained(false, seconds(70)));
        assert_eq!(left(&relief), [2, 1, 1], "what matters most comes back first");
        (71..140).for_each(|at| {
            relief.strained(false, seconds(at));
        });
        assert_eq!(left(&relief), [3, 3, 3]);
        assert_eq!(relief.leaves(Class::Other, 0), 0);
    }
}
