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
/// And when they travel for so much longer at most, the queue has gone.
const QUEUE_GONE: Duration = Duration::from_millis(50);
/// A way that carries less than this share of what is sent gets a queue that does not go by itself,
/// in percent. An estimate that wobbles does not fall so deep.
const EXCEEDED_PERCENT: u64 = 75;
/// Pictures wait for a queue to go for so long at most, twice the longest that one should be …
const DRAIN_MAX: Duration = Duration::from_secs(1);
/// … and so long after that not again, whatever else fills the way.
const DRAIN_AGAIN: Duration = Duration::from_secs(5);
/// A sign is believed for so long.
const SIGN_LASTS: Duration = Duration::from_secs(1);
/// An estimate that was fed nothing for so long says nothing: where what fills a way up is not
/// reported, it would be the same for ever.
const UNFED_AFTER: Duration = Duration::from_secs(5);
/// An estimate that did not move at all for so long, though more would be sent, is begun anew: the
/// library has been seen to hold one for a minute that was found while the way was narrow.
const STUCK_AFTER: Duration = Duration::from_secs(4);
/// The shortest time that packets travelled is looked for among those of one to two of these.
const SHORTEST_OF: Duration = Duration::from_secs(10);
/// Who is shown nothing, because the estimate has no room, is shown something for all that so long
/// after the way was full …
const TRY_AFTER: Duration = Duration::from_secs(4);
/// … or after twice as long as before, up to this, if that filled it …
const TRY_AFTER_MAX: Duration = Duration::from_secs(64);
/// … within this time.
const TRY_LASTS: Duration = Duration::from_secs(5);
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
    /// Since when that is the same.
    same: Duration,
    /// What losses leave, for one that nobody measures, and when that was judged.
    left_bps: u64,
    judged: Duration,
    /// The most that the client says it can take.
    most_bps: Option<u64>,
    /// The shortest rounds of this span and the one before, and when this span began.
    shortest: [Option<Duration>; 2],
    span: Duration,
    sign: Option<Duration>,
    /// Whether packets waited in a queue when they were reported last.
    queues: bool,
    /// When pictures began to wait for a queue to go, and whether they still do.
    drain: Option<(Duration, bool)>,
    /// When something was shown that the estimate had no room for, how long that has to wait after
    /// the way was full, and until when.
    tried: Option<Duration>,
    pause: Duration,
    try_at: Duration,
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
            same: Duration::ZERO,
            left_bps: first_bps,
            judged: Duration::ZERO,
            most_bps: None,
            shortest: [None; 2],
            span: Duration::ZERO,
            sign: None,
            queues: false,
            drain: None,
            tried: None,
            pause: TRY_AFTER,
            try_at: Duration::ZERO,
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
        if report.estimate_bps.is_some_and(|bps| self.newest_bps != Some(bps)) {
            (self.newest_bps, self.same) = (report.estimate_bps, now);
        }
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
            self.queues = round > shortest + QUEUE_SIGN;
            self.sign_if(self.queues, now);
            if round <= shortest + QUEUE_GONE {
                self.drain = self.drain.map(|(at, _)| (at, false));
            }
        }
    }

    /// So much is sent: if that is much more than the way carries and waits in a queue, pictures
    /// stop until that has gone. Answers whether that begins now.
    pub fn exceeded(&mut self, sent_bps: u64, now: Duration) -> bool {
        let again = self.drain.is_none_or(|(at, _)| now.saturating_sub(at) >= DRAIN_AGAIN);
        let much = self.estimate_bps.min(self.newest()) < sent_bps / 100 * EXCEEDED_PERCENT;
        let begins = self.queues && self.is_full(now) && again && much;
        if begins {
            self.drain = Some((now, true));
        }
        begins
    }

    /// Whether pictures wait until a queue has gone.
    pub fn drains(&self, now: Duration) -> bool {
        self.drain.is_some_and(|(at, goes_on)| goes_on && now.saturating_sub(at) < DRAIN_MAX)
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

    /// What is sent whatever the estimate says, to somebody who is shown something now or nothing.
    pub fn keeps(&mut self, shows: bool, now: Duration) -> Keeps {
        match (self.judge, self.is_full(now)) {
            (Judge::Nobody | Judge::Estimate, true) => Keeps::Nothing,
            (Judge::Nobody, false) => Keeps::First,
            (Judge::Estimate, false) if self.is_unfed(now) => Keeps::First,
            (Judge::Estimate, false) if !shows && now >= self.try_at => {
                self.tried = Some(now);
                Keeps::First
            }
            (Judge::Estimate, false) => Keeps::Shown,
            (Judge::Loss, true) => Keeps::First,
            (Judge::Loss, false) => Keeps::All,
        }
    }

    /// What an estimate is to begin anew with: it got stuck below what would be sent.
    pub fn stuck(&mut self, desired_bps: u64, now: Duration) -> Option<u64> {
        let judged = self.judge == Judge::Estimate && self.silent.is_none() && !self.is_full(now);
        let stuck = self.newest() < desired_bps && now.saturating_sub(self.same) >= STUCK_AFTER;
        (judged && stuck).then(|| {
            self.same = now;
            self.newest()
        })
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
            if let Some(tried) = self.tried.take() {
                let filled = now.saturating_sub(tried) < TRY_LASTS;
                self.pause = if filled { TRY_AFTER_MAX.min(self.pause * 2) } else { TRY_AFTER };
            }
            self.try_at = now + self.pause;
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
mod tests;
