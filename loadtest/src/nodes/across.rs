//! How much later a message is seen at another node than at its author's, beside what Redis alone
//! takes: one message after the other, and bare publishes between any two, so that what else the
//! machine does meets all.
//!
//! It is judged by the bare publish of a program of tasks, as a node is one; that of a thread that
//! waits for nothing else stands beside it.

use hdrhistogram::Histogram;

use super::{Site, bare};
use crate::{
    bars::{Bar, Verdict, median},
    clock::now_ns,
    fleet::{Awaited, Failed, Fleet, no_delays},
    link::Link,
    room::{heartbeat, hello, send},
    seed, wire,
};

/// The median counts.
const ROUNDS: u32 = 7;
/// What is written, and published.
const TEXT_LEN: usize = 200;
/// What it may take more, in bare ones.
const TIMES_MAX: f64 = 2.0;

/// One round: medians, in microseconds.
struct Round {
    here: f64,
    there: f64,
    /// Of tasks.
    bare: f64,
    /// Of a thread that blocks.
    blocking: f64,
}

impl Round {
    fn added(&self) -> f64 {
        self.there - self.here
    }
}

/// An author and a listener at one node, a listener at another; so many messages.
pub fn across(site: &Site, messages: u32) -> Result<Verdict, Failed> {
    let mut link = Link::open(&site.target(0)?, &seed::caller(site.token()))?;
    let people = seed::people(&mut link, 3)?;
    let users: Vec<_> = people.iter().map(|person| person.user).collect();
    let conv = seed::room(&mut link, &users)?;
    let connected = |node: usize, who: &[seed::Person]| -> Result<Fleet, Failed> {
        let mut fleet = Fleet::new(site.target(node)?)?;
        fleet.grow(who.len(), |number| Some(hello(&who[number].token, None)))?;
        Ok(fleet)
    };
    let (mut here, mut there) = (connected(0, &people[..2])?, connected(1, &people[2..])?);
    let port = site.redis().port();
    let mut bare = bare::Tasks::connect(port, TEXT_LEN)?;
    let mut blocking = bare::Blocking::connect(port, TEXT_LEN)?;
    let mut id = 0;
    let mut rounds = Vec::new();
    // The first one is for everybody to get warm.
    for round in 0..=ROUNDS {
        [&mut here, &mut there].into_iter().try_for_each(heartbeat)?;
        let (mut bares, mut blocked) = (no_delays(), no_delays());
        here.delays.reset();
        there.delays.reset();
        for _ in 0..messages / ROUNDS {
            id += 1;
            let due = now_ns();
            let mut frame = Vec::new();
            wire::append_masked(&mut frame, &send(id, conv, wire::stamped(due, TEXT_LEN)));
            here.write(0, &frame);
            here.wait(1..2, Awaited::StampsSince(due), 1)?;
            there.wait(0..1, Awaited::StampsSince(due), 1)?;
            bares.saturating_record(bare.one()?);
            blocked.saturating_record(blocking.one()?);
        }
        let us = |of: &Histogram<u64>| of.value_at_quantile(0.5) as f64 / 1e3;
        if round > 0 {
            let (here, there) = (us(&here.delays), us(&there.delays));
            rounds.push(Round { here, there, bare: us(&bares), blocking: us(&blocked) });
        }
    }
    Ok(judge(&rounds))
}

fn judge(rounds: &[Round]) -> Verdict {
    println!(
        "across: one message after the other, {TEXT_LEN} B of text; medians of each round, us\n\
         {:>12}{:>12}{:>12}{:>12}{:>8}{:>12}{:>8}",
        "here", "there", "added", "bare", "ratio", "blocking", "ratio"
    );
    for round in rounds {
        let Round { here, there, bare, blocking } = round;
        let added = round.added();
        println!(
            "{here:>12.0}{there:>12.0}{added:>12.0}{bare:>12.0}{:>8.2}{blocking:>12.0}{:>8.2}",
            added / bare,
            added / blocking
        );
    }
    let added = median(rounds.iter().map(Round::added));
    let bare = median(rounds.iter().map(|round| round.bare));
    let blocking = median(rounds.iter().map(|round| round.blocking));
    Verdict {
        matter: "seen at another node: p50 added / bare publish → receive".into(),
        figure: added / bare,
        bar: Bar::AtMost(TIMES_MAX),
        from: format!(
            "{added:.0} us added; bare {bare:.0} us, of blocking sockets {blocking:.0} us \
             ({:.2}); median of {ROUNDS} rounds",
            added / blocking
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_counts_in_bare_round_trips() {
        let round = |there| Round { here: 1_000.0, there, bare: 50.0, blocking: 20.0 };
        let verdict = judge(&[round(1_090.0), round(9_000.0), round(1_010.0)]);
        assert!((verdict.figure - 1.8).abs() < 1e-9 && verdict.is_reached(), "{verdict}");
        assert!(!judge(&[round(1_110.0)]).is_reached());
    }
}
