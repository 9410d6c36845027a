//! Who is online, turn by turn, on a clock that stands still.

use std::time::Duration;

use carillon_protocol::{RunId, SessionId, UserId, id::Ulid, presence::Person};

use super::{PARTS, Presence, Said, Turn, part};

const T0: Duration = Duration::ZERO;
/// Longer than the grace, and than the doubt.
const LATER: Duration = Duration::from_secs(10);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn user(number: u128) -> UserId {
    UserId(Ulid(number))
}

fn session(number: u128) -> SessionId {
    SessionId(Ulid(number))
}

fn run(number: u128) -> RunId {
    RunId(Ulid(number))
}

/// Who is said to be what, in the order of their ids.
fn news(turn: Turn) -> Vec<(UserId, Option<bool>)> {
    let mut news: Vec<_> = turn.news.into_iter().map(|it| (it.user, it.online)).collect();
    news.sort_unstable();
    news
}

/// Two nodes that hear each other, and have heard everything.
struct Two {
    east: Presence,
    west: Presence,
    now: Duration,
}

impl Two {
    fn new() -> Two {
        let mut two = Two { east: Presence::default(), west: Presence::default(), now: T0 };
        two.turns();
        two.now += LATER;
        two.turns();
        two
    }

    /// Turns until all is said that one asks of the other: what each tells its people.
    fn turns(&mut self) -> [Vec<(UserId, Option<bool>)>; 2] {
        let mut told = [Vec::new(), Vec::new()];
        for _ in 0..3 {
            self.east.hears(true, &[run(2)], self.now);
            self.west.hears(true, &[run(1)], self.now);
            let turns = [self.east.turn(self.now, true), self.west.turn(self.now, true)];
            let ends = [(run(1), &self.west), (run(2), &self.east)];
            for ((turn, (from, to)), told) in turns.into_iter().zip(ends).zip(&mut told) {
                turn.said.iter().for_each(|(_, said)| to.heard(from, said.clone()));
                if turn.ask {
                    to.asked();
                }
                told.extend(news(turn));
            }
        }
        told
    }
}

#[test]
fn who_has_a_window_is_online_and_who_closes_the_last_is_not_a_little_later() {
    let presence = Presence::default();
    let amy = user(1);
    assert_eq!(presence.online(amy), Some(false));
    presence.came(amy, session(1));
    presence.came(amy, session(1));
    assert_eq!(news(presence.turn(T0, true)), [(amy, Some(true))]);
    presence.went(amy, session(1));
    assert_eq!(news(presence.turn(T0 + ms(1), true)), [], "there is another window");
    presence.went(amy, session(1));
    assert_eq!(presence.sessions(amy), (vec![], true), "that is known at once");
    assert_eq!(news(presence.turn(T0 + ms(1_000), true)), []);
    assert_eq!(news(presence.turn(T0 + ms(5_999), true)), [], "perhaps a page is loaded again");
    assert_eq!(news(presence.turn(T0 + ms(6_000), true)), [(amy, Some(false))]);
    assert_eq!(presence.online(amy), Some(false));
}

#[test]
fn who_reconnects_in_time_was_never_away_and_has_the_whole_grace_again() {
    let presence = Presence::default();
    let amy = user(1);
    presence.came(amy, session(1));
    presence.turn(T0, true);
    presence.went(amy, session(1));
    presence.turn(T0, true);
    presence.came(amy, session(2));
    assert_eq!(news(presence.turn(T0 + ms(4_000), true)), []);
    presence.went(amy, session(2));
    assert_eq!(news(presence.turn(T0 + ms(4_000), true)), []);
    assert_eq!(news(presence.turn(T0 + ms(5_000), true)), [], "the first grace is not the second");
    assert_eq!(news(presence.turn(T0 + ms(9_000), true)), [(amy, Some(false))]);
}

#[test]
fn what_happens_on_one_node_is_told_on_both() {
    let mut two = Two::new();
    let amy = user(1);
    two.east.came(amy, session(1));
    assert_eq!(two.turns(), [[(amy, Some(true))], [(amy, Some(true))]]);
    assert_eq!(two.west.sessions(amy), (vec![session(1)], true));
    two.west.came(amy, session(2));
    two.east.went(amy, session(1));
    assert_eq!(two.turns(), [[], []]);
    assert_eq!(two.east.sessions(amy), (vec![session(2)], true), "each knows of the other's");
    two.now += LATER;
    assert_eq!(two.turns(), [[], []], "she is still at the other");
    two.west.went(amy, session(2));
    two.turns();
    two.now += LATER;
    assert_eq!(two.turns(), [[(amy, Some(false))], [(amy, Some(false))]]);
}

#[test]
fn a_node_that_starts_knows_nothing_of_the_others_until_they_had_time_to_say_it() {
    let (amy, bob) = (user(1), user(2));
    let east = Presence::default();
    east.came(bob, session(2));
    east.hears(true, &[], T0);
    assert_eq!(news(east.turn(T0, true)), [(bob, Some(true))], "one's own are known at once");
    assert_eq!((east.online(amy), east.sessions(amy)), (None, (vec![], false)));
    let said = Said { all_of: Some(part(amy)), people: vec![(amy, Some(vec![session(1)]))] };
    east.heard(run(2), said);
    assert_eq!(news(east.turn(T0 + ms(1_000), true)), []);
    east.hears(true, &[run(2)], T0 + LATER);
    assert_eq!(news(east.turn(T0 + LATER, true)), [(amy, Some(true))]);
    assert_eq!(east.online(user(3)), Some(false));
}

#[test]
fn the_people_of_a_node_that_is_gone_are_gone() {
    let mut two = Two::new();
    let (amy, bob) = (user(1), user(2));
    two.west.came(amy, session(1));
    two.west.came(bob, session(2));
    two.east.came(bob, session(3));
    two.turns();
    two.east.hears(true, &[], two.now);
    assert_eq!(news(two.east.turn(two.now, true)), [(amy, Some(false))], "bob is also here");
    // It only stood still, and says everything again.
    assert_eq!(two.turns()[0], [(amy, Some(true))]);
}

#[test]
fn while_the_nodes_do_not_hear_each_other_nobody_is_said_to_be_away() {
    let mut two = Two::new();
    let (amy, bob) = (user(1), user(2));
    two.west.came(amy, session(1));
    two.east.came(bob, session(2));
    two.turns();
    two.east.hears(false, &[], two.now);
    two.now += ms(5_000);
    two.east.hears(false, &[], two.now);
    assert_eq!(news(two.east.turn(two.now, true)), [(amy, None)]);
    assert_eq!([amy, bob, user(3)].map(|it| two.east.online(it)), [None, Some(true), None]);
    // Who leaves here may be there.
    two.east.went(bob, session(2));
    two.east.turn(two.now, true);
    two.now += LATER;
    two.east.hears(false, &[], two.now);
    assert_eq!(news(two.east.turn(two.now, true)), [(bob, None)]);
    // They hear each other again, and each still has to say who is there.
    assert_eq!(two.turns()[0], []);
    two.now += LATER;
    let known = [(amy, Some(true)), (bob, Some(false)), (user(3), Some(false))];
    assert_eq!(two.turns()[0], known, "and whoever was told that it is not known");
    assert_eq!(two.east.online(bob), Some(false));
}

#[test]
fn a_moment_in_which_the_others_are_not_heard_is_told_to_nobody() {
    let mut two = Two::new();
    let (amy, bob) = (user(1), user(2));
    two.west.came(amy, session(1));
    two.east.came(bob, session(2));
    two.turns();
    two.east.went(bob, session(2));
    two.east.turn(two.now, true);
    two.now += ms(4_000);
    two.east.hears(false, &[], two.now);
    two.now += ms(1_000);
    two.east.hears(true, &[], two.now);
    assert_eq!(news(two.east.turn(two.now, true)), [(bob, None)], "he may have moved to the west");
    assert_eq!([amy, bob].map(|it| two.east.online(it)), [Some(true), None]);
    assert_eq!(two.east.sessions(amy), (vec![session(1)], false), "there may be more");
    assert_eq!(two.turns()[0], []);
    two.now += LATER;
    assert_eq!(two.turns()[0], [(bob, Some(false))], "he did not");
    assert_eq!([amy, bob].map(|it| two.east.online(it)), [Some(true), Some(false)]);
}

#[test]
fn who_is_nowhere_is_not_away_while_a_node_runs_that_is_not_heard() {
    let (amy, bob) = (user(1), user(2));
    let alone = Presence::default();
    alone.came(amy, session(1));
    alone.turn(T0, true);
    alone.beating(vec![run(2)]);
    assert_eq!([amy, bob].map(|it| alone.online(it)), [Some(true), None], "there is no Redis");
    alone.went(amy, session(1));
    alone.turn(T0, true);
    assert_eq!(news(alone.turn(T0 + LATER, true)), [(amy, None)]);
    assert_eq!(alone.sessions(amy), (vec![], false));
    alone.beating(Vec::new());
    let both = [(amy, Some(false)), (bob, Some(false))];
    assert_eq!(news(alone.turn(T0 + LATER, true)), both, "the other node is gone");

    let mut two = Two::new();
    two.west.came(amy, session(1));
    two.east.beating(vec![run(2)]);
    assert_eq!(two.turns()[0], [(amy, Some(true))]);
    assert_eq!(two.east.online(bob), Some(false), "all is heard");
    two.east.hears(true, &[], two.now);
    assert_eq!(news(two.east.turn(two.now, true)), [(amy, None)]);
    assert!(two.east.hears_not_all(&[]));
    assert_eq!(two.turns()[0], [(amy, Some(true))], "only its way to Redis was away");
}

#[test]
fn a_node_that_does_not_answer_is_asked_more_and_more_seldom() {
    let east = Presence::default();
    let asks = |seconds: std::ops::Range<u64>, alive: &[RunId]| -> usize {
        let asked = seconds.filter(|second| {
            let now = T0 + ms(second * 1_000);
            east.hears(true, alive, now);
            east.turn(now, true).ask
        });
        asked.count()
    };
    assert_eq!(asks(0..60, &[run(2)]), 6, "after 1, 2, 4, 8, 16 and 32 seconds");
    assert!((8..=12).contains(&asks(60..660, &[run(2)])), "and then each minute");
    assert_eq!(asks(660..661, &[run(2), run(3)]), 1, "another one at once");
}

#[test]
fn what_was_missed_is_asked_for_and_replaces_what_was_known() {
    let mut two = Two::new();
    let people: Vec<_> = (0..200).map(user).collect();
    for (number, &user) in people.iter().enumerate() {
        two.west.came(user, session(number as u128));
    }
    // The first turn is lost on the way.
    two.west.turn(two.now, true);
    assert_eq!(two.turns()[0], [], "nobody said so");
    two.east.missed();
    assert_eq!(two.turns()[0].len(), 200);
    for (number, &user) in people.iter().enumerate().skip(1) {
        two.west.went(user, session(number as u128));
    }
    two.west.turn(two.now, true);
    two.now += LATER;
    two.west.turn(two.now, true);
    two.east.missed();
    assert_eq!(two.turns()[0].len(), 199, "who is not named any more is gone");
    assert_eq!(two.east.online(people[0]), Some(true));
}

#[test]
fn ten_thousand_who_come_back_at_once_cost_a_message_a_part() {
    let two = Two::new();
    for number in 0..10_000 {
        two.east.came(user(number), session(number));
    }
    assert_eq!(two.east.turn(two.now, false).said.len(), PARTS);
    let Turn { said, ask, .. } = two.east.turn(two.now, false);
    assert_eq!((said.len(), ask), (0, false), "and nothing after that");
}

#[test]
fn a_turn_tells_of_so_many_people_at_most_and_the_next_ones_of_all_others() {
    let two = Two::new();
    for number in 0..1_000 {
        two.west.came(user(number), session(number));
    }
    let counts = |two: &Two| -> Vec<usize> {
        (0..5).map(|_| two.east.turn(two.now, false).news.len()).collect()
    };
    for (_, said) in two.west.turn(two.now, false).said {
        two.east.heard(run(2), said);
    }
    assert_eq!(counts(&two), [256, 256, 256, 232, 0]);
    two.east.hears(true, &[], two.now);
    let gone = two.east.turn(two.now, false).news;
    assert!(gone.iter().all(|person| person.online == Some(false)) && gone.len() == 256);
    two.west.asked();
    for (_, said) in two.west.turn(two.now, true).said {
        two.east.heard(run(2), said);
    }
    assert_eq!(counts(&two), [256, 0, 0, 0, 0], "of the others nobody was told that they went");
}

#[test]
fn however_many_ask_all_is_said_once() {
    let two = Two::new();
    two.east.came(user(1), session(1));
    (0..9).for_each(|_| two.east.asked());
    assert_eq!(two.east.turn(two.now, false).said.len(), 1, "only what changed, in between");
    assert_eq!(two.east.turn(two.now, true).said.len(), PARTS);
    assert_eq!(two.east.turn(two.now, true).said.len(), 0);
}

#[test]
fn what_another_node_says_of_a_part_that_there_is_not_does_no_harm() {
    let two = Two::new();
    let amy = Person { user: user(1), online: Some(true) };
    let said = Said { all_of: Some(200), people: vec![(amy.user, Some(Vec::new()))] };
    two.east.heard(run(2), said);
    assert_eq!(two.east.turn(two.now, true).news, [amy]);
}
