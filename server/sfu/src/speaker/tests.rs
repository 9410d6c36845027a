//! What those who listen rely on, whatever the levels are.

use proptest::prelude::*;

use super::*;

const PACKET: Duration = Duration::from_millis(20);
/// Every how many packets turns are decided.
const ROUND: u32 = 4;
const N: usize = 3;

/// A room in which each voice has a level as it is told, packet after packet.
struct Talk {
    speakers: Speakers<u8>,
    now: Duration,
    packets: u32,
}

impl Talk {
    fn new() -> Talk {
        Talk { speakers: Speakers::new(), now: Duration::from_secs(5), packets: 0 }
    }

    /// Goes on for some milliseconds; who is heard after each round, with the time.
    fn go(&mut self, millis: u64, levels: &[(u8, u8)]) -> Vec<(Duration, Vec<u8>)> {
        let mut rounds = Vec::new();
        let end = self.now + Duration::from_millis(millis);
        while self.now < end {
            self.now += PACKET;
            self.packets += 1;
            levels.iter().for_each(|(who, level)| self.speakers.level(*who, *level, self.now));
            if self.packets.is_multiple_of(ROUND) {
                rounds.push((self.now, self.speakers.loudest(self.now, N).to_vec()));
            }
        }
        rounds
    }
}

fn sorted(heard: &[u8]) -> Vec<u8> {
    let mut heard = heard.to_vec();
    heard.sort_unstable();
    heard
}

/// Turns are at least as long apart as they must be; all are loud enough, all the time.
fn check_steady(
    levels: &[Vec<u8>],
    mut decide: impl FnMut(&mut Speakers<u8>, Duration) -> Vec<u8>,
) -> Result<(), String> {
    let mut speakers = Speakers::new();
    let mut now = Duration::ZERO;
    let mut last: (Vec<u8>, Duration) = (Vec::new(), Duration::ZERO);
    for (nth, levels) in levels.iter().enumerate() {
        now += PACKET;
        for (who, level) in levels.iter().enumerate() {
            speakers.level(who as u8, *level, now);
        }
        if nth % ROUND as usize != 0 {
            continue;
        }
        let heard = sorted(&decide(&mut speakers, now));
        if heard.len() > N {
            return Err(format!("{} are heard", heard.len()));
        }
        // At first, everybody is let in who begins to talk.
        let full = heard.len() == N && last.0.len() == N;
        if full && heard != last.0 && now - last.1 < HYSTERESIS {
            return Err(format!("{:?} became {heard:?} too soon", last.0));
        }
        if heard != last.0 {
            last = (heard, now);
        }
    }
    Ok(())
}

fn ever_changing_levels() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let voices = prop::collection::vec(5_u8..34, 6);
    let stretch = (voices, 1_usize..80);
    prop::collection::vec(stretch, 1..30).prop_map(|stretches| {
        let stretches = stretches.into_iter();
        stretches.flat_map(|(levels, packets)| vec![levels; packets]).collect()
    })
}

proptest! {
    #[test]
    fn whoever_talks_is_heard_within_half_a_second(
        level in 0_u8..=35,
        noise in prop::collection::vec(42_u8..=127, 0..9),
        others in prop::collection::vec(0_u8..40, 0..N),
        before in 0_u64..4_000,
    ) {
        let mut talk = Talk::new();
        let mut levels: Vec<(u8, u8)> = noise.iter().copied().zip(1..).map(swap).collect();
        levels.extend(others.iter().copied().zip(100..).map(swap));
        talk.go(before, &levels);
        levels.push((0, level));
        let rounds = talk.go(580, &levels);
        let began = talk.now - Duration::from_millis(580);
        let heard = rounds.iter().find(|(_, heard)| heard.contains(&0));
        // And the next round: turns are not decided at every packet.
        let late = heard.map(|(at, _)| *at - began);
        prop_assert!(late.is_some_and(|late| late <= Duration::from_millis(500) + PACKET * ROUND));
    }

    #[test]
    fn nobody_is_heard_who_only_has_a_fan(levels in prop::collection::vec(41_u8..=127, 1..9)) {
        let levels: Vec<(u8, u8)> = levels.into_iter().zip(0..).map(swap).collect();
        let rounds = Talk::new().go(5_000, &levels);
        prop_assert!(rounds.iter().all(|(_, heard)| heard.is_empty()));
    }

    #[test]
    fn a_cough_takes_nobodys_turn(cough in 0_u8..20, millis in 40_u64..400, level in 15_u8..32) {
        let mut talk = Talk::new();
        let levels = [(1, level), (2, level + 2), (3, level + 3)];
        let before = talk.go(2_000, &levels).pop().unwrap().1;
        let mut with = levels.to_vec();
        with.push((0, cough));
        let mut rounds = talk.go(millis, &with);
        with[3].1 = 127;
        rounds.extend(talk.go(1_000, &with));
        for (_, heard) in rounds {
            prop_assert_eq!(&heard, &before);
        }
    }

    #[test]
    fn turns_are_steady_among_those_who_talk_at_the_same_time(levels in ever_changing_levels()) {
        let decide = |speakers: &mut Speakers<u8>, now| speakers.loudest(now, N).to_vec();
        prop_assert_eq!(check_steady(&levels, decide), Ok(()));
    }

    #[test]
    fn a_pause_for_breath_costs_nobody_their_turn(level in 5_u8..35, pause in 0_u64..600) {
        let mut talk = Talk::new();
        talk.go(1_500, &[(1, level), (2, 20)]);
        // Packets of silence come seldom, or not at all.
        let rounds = talk.go(pause, &[(2, 20)]);
        prop_assert!(rounds.iter().all(|(_, heard)| heard.contains(&1)));
    }
}

fn swap<A, B>((one, other): (A, B)) -> (B, A) {
    (other, one)
}

#[test]
fn the_check_finds_turns_that_go_by_the_moment() {
    let level = |nth: usize, who: usize| if (nth / 30 + who).is_multiple_of(2) { 10 } else { 30 };
    let levels: Vec<Vec<u8>> =
        (0..600).map(|nth| (0..6).map(|who| level(nth, who)).collect()).collect();
    let moment = |speakers: &mut Speakers<u8>, now| {
        let mut all: Vec<u8> = speakers.voices.keys().copied().collect();
        let level = |who: &u8| speakers.level_of(*who, now);
        all.sort_by(|one, other| level(one).total_cmp(&level(other)));
        all.truncate(N);
        all
    };
    assert!(check_steady(&levels, moment).unwrap_err().contains("too soon"));
    let all = |speakers: &mut Speakers<u8>, _| speakers.voices.keys().copied().collect();
    assert!(check_steady(&levels, all).unwrap_err().contains("are heard"));
}

#[test]
fn who_stops_makes_room_and_who_is_louder_for_long_comes_first() {
    let mut talk = Talk::new();
    assert_eq!(talk.go(1_000, &[(1, 25), (2, 30)]).pop().unwrap().1, [1, 2]);
    let rounds = talk.go(3_000, &[(1, 30), (2, 20)]);
    let turned = rounds.iter().position(|(_, heard)| heard[0] == 2).unwrap();
    assert!((8..16).contains(&turned), "{turned}");
    let rounds = talk.go(1_500, &[(2, 20)]);
    let left = rounds.iter().position(|(_, heard)| heard == &[2]).unwrap();
    assert!((8..16).contains(&left), "{left}");
    talk.speakers.gone(2);
    assert!(talk.speakers.loudest(talk.now, N).is_empty());
}

#[test]
fn a_turn_of_somebody_silent_is_given_at_once() {
    let mut talk = Talk::new();
    talk.go(2_000, &[(1, 20), (2, 20), (3, 20)]);
    // Just silent, and not yet forgotten.
    talk.go(320, &[(1, 20), (2, 20), (3, 127), (4, 20)]);
    assert_eq!(sorted(talk.speakers.loudest(talk.now, N)), [1, 2, 4]);
}
