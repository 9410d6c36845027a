//! How much each robot has done in the last minute.
//!
//! Every node counts what comes through itself: to agree would cost a write for every call.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use carillon_protocol::RobotId;

/// The window.
const MINUTE_MS: i64 = 60_000;
/// So few robots are not worth looking through; beyond, those who said nothing for a minute are
/// forgotten, once a minute.
const ROBOTS_FEW: usize = 1_000;

/// When robots posted lately.
#[derive(Debug, Default)]
pub(super) struct Windows(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    posts: HashMap<RobotId, VecDeque<i64>>,
    swept_at: i64,
}

impl Windows {
    /// Takes a place in the minute that ends now, of so many; or says in how many milliseconds
    /// there will be one.
    pub(super) fn take(&self, robot: RobotId, per_minute: u32, now: i64) -> Result<(), u64> {
        // Nothing in here panics half way.
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lately.forget(now);
        let posts = lately.posts.entry(robot).or_default();
        posts.retain(|&at| is_lately(at, now));
        if let Some(&oldest) = posts.front()
            && posts.len() >= per_minute as usize
        {
            return Err((oldest + MINUTE_MS - now).unsigned_abs().max(1));
        }
        posts.push_back(now);
        Ok(())
    }

    /// Gives the last place back: nothing was posted.
    pub(super) fn give_back(&self, robot: RobotId) {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(posts) = lately.posts.get_mut(&robot) {
            posts.pop_back();
        }
    }
}

/// Also not from a time that a clock which was set back has yet to reach.
fn is_lately(at: i64, now: i64) -> bool {
    (0..MINUTE_MS).contains(&(now - at))
}

impl Lately {
    fn forget(&mut self, now: i64) {
        if self.posts.len() >= ROBOTS_FEW && !is_lately(self.swept_at, now) {
            self.swept_at = now;
            self.posts.retain(|_, posts| posts.back().is_some_and(|&at| is_lately(at, now)));
        }
    }
}

#[cfg(test)]
mod tests {
    use carillon_protocol::id::Ulid;
    use proptest::prelude::*;

    use super::*;

    const ROBOT: RobotId = RobotId(Ulid(1));

    #[test]
    fn whoever_is_told_to_wait_may_post_when_the_time_is_over() {
        let windows = Windows::default();
        for at in [0, 10, 20] {
            assert_eq!(windows.take(ROBOT, 3, at), Ok(()));
        }
        assert_eq!(windows.take(ROBOT, 3, 30), Err(59_970));
        assert_eq!(windows.take(RobotId(Ulid(2)), 3, 30), Ok(()), "another robot is not held up");
        assert_eq!(windows.take(ROBOT, 3, 59_999), Err(1));
        assert_eq!(windows.take(ROBOT, 3, 60_000), Ok(()));
        assert_eq!(windows.take(ROBOT, 3, 60_001), Err(9));
    }

    #[test]
    fn what_was_not_posted_does_not_count_and_a_clock_set_back_locks_nobody_out() {
        let windows = Windows::default();
        assert_eq!(windows.take(ROBOT, 1, 100_000), Ok(()));
        windows.give_back(ROBOT);
        assert_eq!(windows.take(ROBOT, 1, 100_001), Ok(()));
        assert_eq!(windows.take(ROBOT, 1, 10), Ok(()));
    }

    #[test]
    fn robots_that_are_silent_are_forgotten() {
        let windows = Windows::default();
        let robots = ROBOTS_FEW as u128;
        (0..robots).for_each(|robot| windows.take(RobotId(Ulid(robot)), 1, 1).unwrap());
        windows.take(RobotId(Ulid(robots)), 1, 2 * MINUTE_MS).unwrap();
        assert_eq!(windows.0.lock().unwrap().posts.len(), 1);
    }

    proptest! {
        #[test]
        fn no_minute_has_more_than_it_may(
            steps in prop::collection::vec(0_i64..20_000, 1..200), per_minute in 1_u32..30,
        ) {
            let (windows, mut now, mut taken) = (Windows::default(), 0, Vec::new());
            for step in steps {
                now += step;
                match windows.take(ROBOT, per_minute, now) {
                    Ok(()) => taken.push(now),
                    Err(wait) => prop_assert!(wait <= MINUTE_MS.unsigned_abs()),
                }
                let lately = taken.iter().filter(|&&at| now - at < MINUTE_MS).count();
                prop_assert!(lately <= per_minute as usize);
            }
        }
    }
}
