//! How much later a message is seen at another node than at its author's, beside what Redis alone
//! takes: one message after the other, and a bare publish between any two, so that what else the
//! machine does meets both.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use hdrhistogram::Histogram;

use super::Site;
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
const CHANNEL: &str = "bare";
const PATIENCE: Duration = Duration::from_secs(5);

/// One round: medians, in microseconds.
struct Round {
    here: f64,
    there: f64,
    bare: f64,
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
    let mut bare = Bare::connect(site.redis().port())?;
    let mut id = 0;
    let mut rounds = Vec::new();
    // The first one is for everybody to get warm.
    for round in 0..=ROUNDS {
        [&mut here, &mut there].into_iter().try_for_each(heartbeat)?;
        let mut bares = no_delays();
        here.delays.reset();
        there.delays.reset();
        for _ in 0..messages / ROUNDS {
            id += 1;
            let due = now_ns();
            let mut frame = Vec::new();
            wire::append_masked(&mut frame, &send(id, conv, wire::stamped(due, TEXT_LEN)));
            here.write(0, &frame)?;
            here.wait(1..2, Awaited::StampsSince(due), 1)?;
            there.wait(0..1, Awaited::StampsSince(due), 1)?;
            bares.saturating_record(bare.one()?);
        }
        let us = |of: &Histogram<u64>| of.value_at_quantile(0.5) as f64 / 1e3;
        if round > 0 {
            let (here, there) = (us(&here.delays), us(&there.delays));
            rounds.push(Round { here, there, bare: us(&bares) });
        }
    }
    Ok(judge(&rounds))
}

fn judge(rounds: &[Round]) -> Verdict {
    println!(
        "across: one message after the other, {TEXT_LEN} B of text; medians of each round, us\n\
         {:>12}{:>12}{:>12}{:>12}{:>8}",
        "here", "there", "added", "bare", "ratio"
    );
    for round in rounds {
        let Round { here, there, bare } = round;
        let (added, ratio) = (round.added(), round.added() / bare);
        println!("{here:>12.0}{there:>12.0}{added:>12.0}{bare:>12.0}{ratio:>8.2}");
    }
    let added = median(rounds.iter().map(Round::added));
    let bare = median(rounds.iter().map(|round| round.bare));
    Verdict {
        matter: "seen at another node: p50 added / bare publish → receive".into(),
        figure: added / bare,
        bar: Bar::AtMost(TIMES_MAX),
        from: format!("{added:.0} us added; bare {bare:.0} us; median of {ROUNDS} rounds"),
    }
}

/// Two plain connections to Redis: one publishes, one listens.
struct Bare {
    publisher: TcpStream,
    listener: TcpStream,
    request: Vec<u8>,
    message: Vec<u8>,
}

impl Bare {
    fn connect(port: u16) -> io::Result<Bare> {
        let open = || {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            io::Result::Ok(stream)
        };
        let payload = "x".repeat(TEXT_LEN);
        let mut bare = Bare {
            publisher: open()?,
            listener: open()?,
            request: command(&["PUBLISH", CHANNEL, &payload]),
            message: command(&["message", CHANNEL, &payload]),
        };
        bare.listener.write_all(&command(&["SUBSCRIBE", CHANNEL]))?;
        let subscribed =
            format!("*3\r\n$9\r\nsubscribe\r\n${}\r\n{CHANNEL}\r\n:1\r\n", CHANNEL.len());
        expect(&mut bare.listener, subscribed.as_bytes())?;
        Ok(bare)
    }

    /// From the publish until the message has arrived, in nanoseconds.
    fn one(&mut self) -> io::Result<u64> {
        let start = now_ns();
        self.publisher.write_all(&self.request)?;
        expect(&mut self.listener, &self.message)?;
        let took = now_ns().saturating_sub(start);
        // One listens.
        expect(&mut self.publisher, b":1\r\n")?;
        Ok(took)
    }
}

/// Words as Redis reads and writes them.
fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len());
    for word in words {
        bytes += &format!("${}\r\n{word}\r\n", word.len());
    }
    bytes.into_bytes()
}

fn expect(stream: &mut TcpStream, wanted: &[u8]) -> io::Result<()> {
    let mut heard = vec![0; wanted.len()];
    stream.read_exact(&mut heard)?;
    if heard == wanted {
        return Ok(());
    }
    Err(io::Error::other(format!("Redis said {}", String::from_utf8_lossy(&heard))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_as_redis_reads_them() {
        let ping = b"*2\r\n$4\r\nPING\r\n$2\r\nab\r\n";
        assert_eq!(command(&["PING", "ab"]), ping);
    }

    #[test]
    fn what_is_added_counts_in_bare_round_trips() {
        let round = |there| Round { here: 1_000.0, there, bare: 50.0 };
        let verdict = judge(&[round(1_090.0), round(9_000.0), round(1_010.0)]);
        assert!((verdict.figure - 1.8).abs() < 1e-9 && verdict.is_reached(), "{verdict}");
        assert!(!judge(&[round(1_110.0)]).is_reached());
    }
}
