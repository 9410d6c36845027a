//! How long what a program posts to a robot's address takes to another socket, beside what the disk
//! alone takes.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use carillon_protocol::bot::{Create, Granted, Rules};
use serde_json::json;

use crate::{
    bars::{Bar, Verdict, median},
    clock::{now_ns, paced},
    fleet::{Awaited, Failed, Fleet, Target},
    latency::{Delays, Disk},
    link::Link,
    place::Place,
    room::heartbeat,
    seed::caller,
    teams::{AUTHORS, Teams},
    wire,
};

/// Messages a second, and records of the bare loop.
const PER_S: u64 = 200;
/// How long one repetition takes: more than ten messages beyond the 99th percentile.
const TIME: Duration = Duration::from_secs(6);
/// Robots of each conversation: together they may post more than they do.
const ROBOTS_EACH: usize = 2;
/// The most messages a minute that a robot may be allowed.
const PER_MINUTE: u32 = 600;
/// How long a robot's answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What each answer that is good holds.
const GOOD: &[u8] = br#"{"errcode":0,"errmsg":"ok"}"#;
/// The bar: so many times the disk alone, and so much more.
const DISK_TIMES: f64 = 4.0;
const MORE_MS: f64 = 10.0;

/// The bare loop and Carillon in turn.
pub fn hook(place: &Place, text_len: usize, repetitions: u16) -> Result<Verdict, Failed> {
    let server = place.start()?;
    let teams = Teams::seed(&server.target()?, place.token())?;
    let robots = make(&server.target()?, place.token(), &teams)?;
    drop(server);
    let server = place.start()?;
    let mut fleet = teams.everybody(server.target()?)?;
    let mut disk = Disk::create(&place.path("disk"))?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for repetition in 0..repetitions {
        if repetition > 0 {
            // What was posted counts for a minute.
            thread::sleep(Duration::from_secs(60).saturating_sub(TIME));
        }
        bare.push(disk.measure(PER_S, TIME)?);
        ours.push(measure(&mut fleet, (&server.target()?, &robots), text_len)?);
    }
    let of = |all: &[Delays], of: fn(&Delays) -> f64| median(all.iter().map(of));
    println!("hook: {PER_S} posts/s to {} robots, {text_len} B of text", robots.len());
    for (name, all) in [("append and fdatasync", &bare), ("posted to seen", &ours)] {
        let [p50, p99, p999] = [of(all, |d| d.p50), of(all, |d| d.p99), of(all, |d| d.p999)];
        println!("{name:<26}{p50:>10.2}{p99:>10.2}{p999:>10.2} (p50, p99, p99.9 ms)");
    }
    let (bare, ours) = (of(&bare, |d| d.p99), of(&ours, |d| d.p99));
    Ok(Verdict {
        matter: format!("posted to a robot → seen by another, {PER_S}/s: p99, ms"),
        figure: ours,
        bar: Bar::AtMost(DISK_TIMES * bare + MORE_MS),
        from: format!("{DISK_TIMES} × p99 of append and fdatasync {bare:.2} ms + {MORE_MS} ms"),
    })
}

/// Robots of each conversation, one conversation after the other.
fn make(target: &Target, token: &str, teams: &Teams) -> Result<Vec<Granted>, Failed> {
    let mut link = Link::open(target, &caller(token))?;
    let rules = Rules { per_minute: Some(PER_MINUTE), ..Rules::default() };
    let create = |number: usize| Create {
        conv: teams.convs[number % AUTHORS],
        name: format!("robot {number}"),
        rules: Some(rules.clone()),
    };
    link.calls((0..AUTHORS * ROBOTS_EACH).map(create).collect())
}

/// One repetition. The stamps are the times that were meant for the messages.
fn measure(
    fleet: &mut Fleet,
    (target, robots): (&Target, &[Granted]),
    text_len: usize,
) -> Result<Delays, Failed> {
    heartbeat(fleet)?;
    fleet.delays.reset();
    let each = PER_S * TIME.as_millis() as u64 / 1_000 / robots.len() as u64;
    let dial = |_: &Granted| TcpStream::connect(target.address);
    let mut sockets = robots.iter().map(dial).collect::<io::Result<Vec<_>>>()?;
    let since = now_ns();
    thread::scope(|scope| {
        let posting = scope.spawn(|| {
            let mut number = 0;
            paced(PER_S, each * robots.len() as u64, |due| {
                let robot = number % robots.len();
                number += 1;
                let text = json!({"content": wire::stamped(due, text_len)});
                let body = json!({"msgtype": "text", "text": text}).to_string();
                let head = format!(
                    "POST /robot/send?access_token={} HTTP/1.1\r\nHost: {}\r\n\
                     Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                    robots[robot].token,
                    target.address,
                    body.len()
                );
                sockets[robot].write_all(format!("{head}{body}").as_bytes())
            })?;
            sockets.iter_mut().try_for_each(|socket| all_good(socket, each as u32))
        });
        let seen = each * ROBOTS_EACH as u64;
        fleet.wait(AUTHORS..fleet.len(), Awaited::StampsSince(since), seen as u32)?;
        posting.join().expect("who posts does not panic")?;
        Ok(Delays::of(&fleet.delays))
    })
}

/// Reads the answers, all of which must be good.
fn all_good(socket: &mut TcpStream, count: u32) -> io::Result<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    let (mut answers, mut buffer) = (Vec::new(), [0; 4_096]);
    while wire::occurrences(&answers, GOOD) < count {
        let len = socket.read(&mut buffer)?;
        if len == 0 || wire::occurrences(&answers, b"errcode\":") > count {
            return Err(io::Error::other("a robot's message was refused"));
        }
        answers.extend_from_slice(&buffer[..len]);
    }
    Ok(())
}
