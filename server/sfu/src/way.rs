//! What is known of the way to one client: how much it carries, and whether anything says that it
//! is full.
//!
//! An estimate alone is no such sign. It is made of when packets arrived, so a client that was slow
//! to read for a moment lowers it like a link that fills up. What says that a way is full is that
//! packets are lost, that they travel for longer than they need to, that they wait to be sent, or
//! that nothing is heard of them any more.
//!
//! Times are durations since any fixed moment; rates are bits per second.

use std::time::Duration;

use crate::select::Keeps;

/// More lost than this is no accident of a radio link: what is repaired fills the way further.
const LOSS_FULL: f32 = 0.1;
/// With less lost than this, a way that nobody measures is tried with more.
const LOSS_CLEAR: f32 = 0.02;
/// Packets that travel for so much longer than lately wait in a queue, half as long as one may be.
const QUEUE_SIGN: Duration = Duration::from_millis(150);
/// A sign is believed for so long.
const SIGN_LASTS: Duration = Duration::from_secs(1);
/// An estimate that was fed nothing for so long says nothing: where what fills a way up is not
/// reported, it would be the same for ever.
const UNFED_AFTER: Duration = Duration::from_secs(5);
/// The shortest time that packets travelled is looked for among those of one to two of these.
const SHORTEST_OF: Duration = Duration::from_secs(10);
/// A way that nobody measures is judged anew this often.
const JUDGED_EVERY: Duration = Duration::from_secs(1);
/// By how much more it is tried with then, in percent.
const TRIED_PERCENT: u64 = 108;
/// And the least that is left to it: one small picture.
const LEAST_BPS: u64 = 100_000;

/// What a client reported lately of what it was sent, as far as it does report.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Report {
    /// The newest estimate, which [`Way::estimated`] gets evened out.
    pub estimate_bps: Option<u64>,
    /// Which part was lost within the last second; nothing if nothing was reported.
    pub loss: Option<f32>,
    /// How long a packet and the word of it travelled.
    pub round: Option<Duration>,
}

/// Who says how much the way carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judge {
    /// Nobody has said anything.
    Nobody,
    /// An estimate that the client's reports feed, packet by packet.
    Estimate,
    /// Only how much was lost now and then: the client does not report packets.
    Loss,
}

/// The way to one client.
#[derive(Debug)]
pub struct Way {
    judge: Judge,
    first_bps: u64,
    estimate_bps: u64,
    newest_bps: Option<u64>,
    /// What losses leave, for one that nobody measures, and when that was judged.
    left_bps: u64,
    judged: Duration,
    /// The most that the client says it can take.
    most_bps: Option<u64>,
    /// The shortest rounds of this span and the one before, and when this span began.
    shortest: [Option<Duration>; 2],
    span: Duration,
    sign: Option<Duration>,
    /// Since when nothing was reported.
    silent: Option<Duration>,
}

impl Way {
    /// One of which nothing is known: it is thought to carry this.
    pub fn new(first_bps: u64) -> Way {
        Way {
            judge: Judge::Nobody,
            first_bps,
            estimate_bps: first_bps,
            newest_bps: None,
            left_bps: first_bps,
            judged: Duration::ZERO,
            most_bps: None,
            shortest: [None; 2],
            span: Duration::ZERO,
            sign: None,
            silent: None,
        }
    }

    /// The estimate, evened out.
    pub fn estimated(&mut self, bps: u64) {
        self.estimate_bps = bps;
    }

    /// The client says itself what it can take at most.
    pub fn limited(&mut self, bps: u64) {
        self.most_bps = Some(bps);
    }

    /// What was reported, packet by packet.
    pub fn reported(&mut self, report: Report, now: Duration) {
        self.newest_bps = report.estimate_bps.or(self.newest_bps);
        match report.loss {
            Some(loss) => {
                (self.judge, self.silent) = (Judge::Estimate, None);
                self.sign_if(loss > LOSS_FULL, now);
            }
            None => {
                self.silent.get_or_insert(now);
                self.sign_if(self.judge == Judge::Estimate && !self.is_unfed(now), now);
            }
        }
        if let (Some(round), true) = (report.round, report.loss.is_some()) {
            let shortest = self.shortest_round(round, now);
            self.sign_if(round > shortest + QUEUE_SIGN, now);
        }
    }

    /// What was lost of one stream, as clients say that do not report packets.
    pub fn lost(&mut self, loss: f32, now: Duration) {
        if self.judge == Judge::Estimate {
            return;
        }
        self.judge = Judge::Loss;
        self.sign_if(loss > LOSS_FULL, now);
        if now.saturating_sub(self.judged) < JUDGED_EVERY {
            return;
        }
        self.judged = now;
        if loss > LOSS_FULL {
            let part = 1.0 - f64::from(loss.min(1.0)) / 2.0;
            self.left_bps = ((self.left_bps as f64 * part) as u64).max(LEAST_BPS);
        } else if loss < LOSS_CLEAR {
            self.left_bps = (self.left_bps / 100 * TRIED_PERCENT).min(self.first_bps);
        }
    }

    /// Packets wait to be sent for too long.
    pub fn jams(&mut self, now: Duration) {
        self.sign_if(true, now);
    }

    /// Whether anything said lately that it is full.
    pub fn is_full(&self, now: Duration) -> bool {
        self.sign.is_some_and(|at| now.saturating_sub(at) < SIGN_LASTS)
    }

    /// How much it is thought to carry.
    pub fn bps(&self, now: Duration) -> u64 {
        match self.judge {
            Judge::Loss => self.most_bps.unwrap_or(u64::MAX).min(self.left_bps),
            _ if self.is_full(now) => self.estimate_bps.min(self.newest()),
            // What is evened out follows seconds later; who raises a layer waits by itself.
            _ => self.estimate_bps.max(self.newest()),
        }
    }

    /// What is sent whatever the estimate says.
    pub fn keeps(&self, now: Duration) -> Keeps {
        match (self.judge, self.is_full(now)) {
            (Judge::Nobody, _) | (Judge::Estimate, true) => Keeps::Nothing,
            (Judge::Estimate, false) if self.is_unfed(now) => Keeps::First,
            (Judge::Estimate, false) => Keeps::Shown,
            (Judge::Loss, true) => Keeps::First,
            (Judge::Loss, false) => Keeps::All,
        }
    }

    /// Whether so much is to leave evenly, at the pace of the estimate. Where more is sent than
    /// that, because nothing says that the way is full, it would only wait here.
    pub fn is_paced(&self, bps: u64, now: Duration) -> bool {
        match self.judge {
            Judge::Nobody => true,
            Judge::Estimate => self.is_full(now) || bps <= self.estimate_bps.min(self.newest()),
            Judge::Loss => false,
        }
    }

    fn is_unfed(&self, now: Duration) -> bool {
        self.silent.is_some_and(|since| now.saturating_sub(since) >= UNFED_AFTER)
    }

    fn newest(&self) -> u64 {
        self.newest_bps.unwrap_or(self.estimate_bps)
    }

    fn sign_if(&mut self, so: bool, now: Duration) {
        if so {
            self.sign = Some(now);
        }
    }

    fn shortest_round(&mut self, round: Duration, now: Duration) -> Duration {
        if now.saturating_sub(self.span) >= SHORTEST_OF {
            (self.shortest, self.span) = ([None, self.shortest[0]], now);
        }
        let shortest = self.shortest.into_iter().flatten().fold(round, Duration::min);
        self.shortest[0] = Some(self.shortest[0].map_or(round, |known| known.min(round)));
        shortest
    }
}

#[cfg(test)]
mod tests {
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
                prop_assert_eq!(way.keeps(now), Keeps::Shown);
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
                prop_assert!(matches!(way.keeps(now), Keeps::All | Keeps::First));
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
            assert_eq!(way.keeps(ms(250)), Keeps::Nothing);
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
            way.keeps(ms(at))
        };
        assert_eq!(keeps(250), Keeps::Nothing);
        assert_eq!(keeps(5_000), Keeps::Nothing);
        assert_eq!(keeps(6_000), Keeps::First, "one picture finds out");
        way.reported(report(90_000, 0.0, 40), ms(6_250));
        assert_eq!(way.keeps(ms(6_250)), Keeps::Shown);
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
    fn losses_lower_what_nobody_measures_and_their_end_raises_it() {
        let mut way = Way::new(2_000_000);
        way.lost(0.0, ms(0));
        assert_eq!((way.bps(ms(0)), way.keeps(ms(0))), (2_000_000, Keeps::All));
        (1..=5).for_each(|second| way.lost(0.5, ms(second * 1_000)));
        let low = way.bps(ms(5_000));
        assert!(low < 500_000, "{low}");
        assert_eq!(way.keeps(ms(5_000)), Keeps::First);
        (6..=60).for_each(|second| way.lost(0.0, ms(second * 1_000)));
        assert_eq!(way.bps(ms(60_000)), 2_000_000);
        way.limited(700_000);
        assert_eq!(way.bps(ms(60_000)), 700_000);
    }
}
