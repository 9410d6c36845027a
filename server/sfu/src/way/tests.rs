//! What says that a way is full, and how much it is thought to carry.

use proptest::prelude::*;

use super::*;

const EVERY: Duration = Duration::from_millis(250);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn report(bps: u64, loss: f32, round: u64) -> Report {
    Report { estimate_bps: Some(bps), loss: Some(loss), round: Some(ms(round)) }
}

proptest! {
    #[test]
    fn an_estimate_alone_never_says_that_a_way_is_full(
        estimates in
            prop::collection::vec((1_000_u64..5_000_000, 20_u64..150, 0_f32..0.1), 1..200),
    ) {
        let mut way = Way::new(2_000_000);
        for (nth, (bps, round, loss)) in estimates.into_iter().enumerate() {
            let now = EVERY * nth as u32;
            way.estimated(bps);
            way.reported(report(bps, loss, round), now);
            prop_assert!(!way.is_full(now));
            prop_assert_eq!(way.keeps(true, now), Keeps::Shown);
        }
    }

    #[test]
    fn a_way_that_nobody_measures_always_has_something_left(
        losses in prop::collection::vec(0_f32..=1.0, 1..500),
    ) {
        let mut way = Way::new(2_000_000);
        for (nth, loss) in losses.into_iter().enumerate() {
            let now = EVERY * nth as u32;
            way.lost(loss, now);
            prop_assert!((LEAST_BPS..=2_000_000).contains(&way.bps(now)));
            prop_assert!(matches!(way.keeps(true, now), Keeps::All | Keeps::First));
        }
    }
}

#[test]
fn loss_a_queue_a_jam_and_silence_say_that_a_way_is_full() {
    let known = || {
        let mut way = Way::new(2_000_000);
        way.reported(report(2_000_000, 0.0, 40), ms(0));
        assert!(!way.is_full(ms(0)));
        way
    };
    let signs: [fn(&mut Way); 4] = [
        |way| way.reported(report(2_000_000, 0.2, 40), ms(250)),
        |way| way.reported(report(2_000_000, 0.0, 191), ms(250)),
        |way| way.jams(ms(250)),
        |way| way.reported(Report::default(), ms(250)),
    ];
    for (nth, sign) in signs.iter().enumerate() {
        let mut way = known();
        sign(&mut way);
        assert!(way.is_full(ms(250)), "sign {nth}");
        assert_eq!(way.keeps(true, ms(250)), Keeps::Nothing);
        way.reported(report(2_000_000, 0.0, 40), ms(1_250));
        assert!(!way.is_full(ms(1_250)), "sign {nth}");
    }
}

#[test]
fn an_estimate_that_nothing_feeds_is_no_judge() {
    let mut way = Way::new(2_000_000);
    way.reported(report(90_000, 0.0, 40), ms(0));
    let mut keeps = |at| {
        way.reported(Report::default(), ms(at));
        way.keeps(true, ms(at))
    };
    assert_eq!(keeps(250), Keeps::Nothing);
    assert_eq!(keeps(5_000), Keeps::Nothing);
    assert_eq!(keeps(6_000), Keeps::First, "one picture finds out");
    way.reported(report(90_000, 0.0, 40), ms(6_250));
    assert_eq!(way.keeps(true, ms(6_250)), Keeps::Shown);
}

#[test]
fn who_is_shown_nothing_is_shown_something_unless_that_fills_the_way() {
    let mut way = Way::new(2_000_000);
    assert_eq!(way.keeps(false, ms(0)), Keeps::First, "nobody knows better");
    let mut keeps = |at: u64, loss| {
        way.reported(report(250_000, loss, 20), ms(at));
        way.keeps(false, ms(at))
    };
    assert_eq!(keeps(250, 0.0), Keeps::First, "nothing says that it is full");
    for (full, pause) in [(1_000, 8), (10_000, 16), (27_000, 32), (60_000, 64), (125_000, 64)] {
        assert_eq!(keeps(full, 0.5), Keeps::Nothing);
        let again = full + pause * 1_000;
        assert_eq!(keeps(again - 1, 0.0), Keeps::Shown, "not so soon after {full}");
        assert_eq!(keeps(again, 0.0), Keeps::First);
    }
    assert_eq!(keeps(300_000, 0.5), Keeps::Nothing);
    assert_eq!(keeps(303_999, 0.0), Keeps::Shown);
    assert_eq!(keeps(304_000, 0.0), Keeps::First, "something else filled it, after a while");
}

#[test]
fn a_way_that_became_longer_is_not_full_for_ever() {
    let mut way = Way::new(2_000_000);
    way.reported(report(2_000_000, 0.0, 20), ms(0));
    let full_at = |way: &mut Way, at| {
        way.reported(report(2_000_000, 0.0, 300), ms(at));
        way.is_full(ms(at))
    };
    assert!(full_at(&mut way, 250));
    assert!((1..=100).any(|nth| !full_at(&mut way, 250 * nth)));
}

#[test]
fn a_full_way_is_taken_for_what_was_estimated_last() {
    let mut way = Way::new(2_000_000);
    way.estimated(1_500_000);
    way.reported(report(250_000, 0.0, 20), ms(0));
    assert_eq!(way.bps(ms(0)), 1_500_000);
    assert!(!way.is_paced(1_400_000, ms(0)), "nothing says that it is full");
    way.reported(report(250_000, 0.0, 400), ms(250));
    assert_eq!(way.bps(ms(250)), 250_000);
    assert!(way.is_paced(1_400_000, ms(250)));
    // Once it has emptied, what is evened out is not waited for.
    way.reported(report(1_800_000, 0.0, 20), ms(1_250));
    assert_eq!(way.bps(ms(1_250)), 1_800_000);
}

#[test]
fn pictures_wait_once_until_a_queue_has_gone() {
    let mut way = Way::new(2_000_000);
    let mut begins = |at, sent, (loss, round)| {
        way.reported(report(250_000, loss, round), ms(at));
        let begins = way.exceeded(sent, ms(at));
        (begins, way.drains(ms(at)))
    };
    let (calm, queue) = ((0.0, 20), (0.0, 300));
    assert_eq!(begins(0, 900_000, calm), (false, false), "nothing waits");
    assert_eq!(begins(250, 900_000, (0.5, 20)), (false, false), "what is lost does not wait");
    assert_eq!(begins(500, 330_000, queue), (false, false), "it goes by itself");
    assert_eq!(begins(750, 900_000, queue), (true, true));
    assert_eq!(begins(1_000, 0, (0.0, 200)), (false, true));
    assert_eq!(begins(1_250, 0, (0.0, 70)), (false, false), "it has gone");
    assert_eq!(begins(1_500, 900_000, queue), (false, false), "something else fills the way");
    assert_eq!(begins(5_750, 900_000, queue), (true, true));
    assert_eq!(begins(6_749, 0, queue), (false, true));
    assert_eq!(begins(6_750, 0, queue), (false, false), "it does not go");
}

#[test]
fn an_estimate_that_does_not_move_is_begun_anew_if_more_would_be_sent() {
    let mut way = Way::new(2_000_000);
    let mut stuck = |at, bps, desired| {
        way.reported(report(bps, 0.0, 20), ms(at));
        way.stuck(desired, ms(at))
    };
    assert_eq!(stuck(0, 250_000, 900_000), None);
    assert_eq!(stuck(3_999, 250_000, 900_000), None);
    assert_eq!(stuck(4_000, 250_000, 200_000), None, "that is enough");
    assert_eq!(stuck(4_250, 250_001, 900_000), None, "it moves");
    assert_eq!(stuck(8_250, 250_001, 900_000), Some(250_001));
    assert_eq!(stuck(8_500, 250_001, 900_000), None, "it has time");
    assert_eq!(stuck(12_250, 250_001, 900_000), Some(250_001));
    way.reported(report(250_001, 0.0, 300), ms(20_000));
    assert_eq!(way.stuck(900_000, ms(20_000)), None, "it is full");
}

#[test]
fn losses_lower_what_nobody_measures_and_their_end_raises_it() {
    let mut way = Way::new(2_000_000);
    way.lost(0.0, ms(0));
    assert_eq!((way.bps(ms(0)), way.keeps(true, ms(0))), (2_000_000, Keeps::All));
    (1..=5).for_each(|second| way.lost(0.5, ms(second * 1_000)));
    let low = way.bps(ms(5_000));
    assert!(low < 500_000, "{low}");
    assert_eq!(way.keeps(true, ms(5_000)), Keeps::First);
    (6..=60).for_each(|second| way.lost(0.0, ms(second * 1_000)));
    assert_eq!(way.bps(ms(60_000)), 2_000_000);
    way.limited(700_000);
    assert_eq!(way.bps(ms(60_000)), 700_000);
}
